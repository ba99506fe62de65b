# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 08 · Automatic circuit discovery
#
# **Can a machine find the circuit?**
#
# For the circuit behind one sentence people have needed months: patch here, ablate there, guess, test. In 2023 somebody wrote the months down as a loop of ten lines. In this chapter you write that loop, run it on models whose circuit is known exactly, and learn when to believe it. At the end you get a model that nobody has explained, and it is yours alone.

# %% tags=["setup"]
from contextlib import suppress

import torch
from einops import einsum
from jaxtyping import Bool, Float
from torch import Tensor

from mi_course import plots, widgets
from mi_course.grading import check
from mi_course.methods import circuits
from mi_course.models import compiled, load
from mi_course.worlds import tasks

# %%
MODEL = "town"  # or "openai-community/gpt2", or a directory with a checkpoint
model = load(MODEL)

# %% [markdown]
# **Predict first.** The town's model has 32 heads and 4 MLPs, and everything that one of them writes can be read by all that come later: 1,519 connections. To finish *When Mary and Frank went to the kitchen, Frank gave the flower to* with the right name, how many of them does it need? And how long would a program search for them?

# %%
my_guess = {"connections needed": None, "seconds of search": None}

# %%
stories = tasks.ioi(model.tokenizer, 24, seed=0)
task = circuits.circuit_task(stories, "kl").select(range(8))
circuit = circuits.acdc(model, task, tau=0.1)
plots.show(plots.plot_circuit(circuit))


# %% hidden="numbers-opening"
def about(value, quoted, within):
    """Whether a number is the one that the prose quotes; other models have other numbers."""
    return MODEL != "town" or abs(float(value) - quoted) <= within


if MODEL == "town":
    assert len(circuit.kept) == 18 and len(circuit.graph.edges) == 1519
    assert {"L0H0", "L0H1", "L0H2", "L0H3", "MLP0", "L2H1", "L3H1"} < circuit.nodes
    into_l2h1 = [edge for edge in circuit.kept if edge[1].startswith("L2H1")]
    assert len(into_l2h1) == 6 and all(reader == "L2H1.v" for _, reader in into_l2h1)

# %% [markdown]
# Eighteen, and the search took no longer than the drawing. Read the picture from the bottom up: boxes are heads and MLPs, lines are the connections that are left, wide where much is lost without them. The heads of layer 0 and MLP 0 feed the *values* of L2H1, the head that strikes out the giver (you met it in chapter 02), and L2H1 writes to the logits. The other 1,501 connections can carry nonsense, and the model still says what it said.
#
# That is the promise. It is a strong one, so the chapter asks three things of it: how the search works, how we could know that it is right, and what it misses.
#
# **You will be able to**
#
# 1. draw a model as a graph, and say which node reads which;
# 2. remove a connection, and measure what it was worth;
# 3. write ACDC, and its fast rival EAP, which needs one backward pass;
# 4. score a found circuit against a known one, and against its size where none is known;
# 5. name three ways in which such a search goes wrong, and show each.
#
# **Time:** about four hours with eight exercises; the notebook itself runs in a minute. **The answer** will look like this: a list of edges, a number for how much of the model's work they do, a curve against size, and an interval over prompts.

# %% [markdown]
# ## 1. The graph
#
# A transformer's stream is a sum. So "the input of L2H1" is not one thing but 19 things added up: what the embedding wrote, what each of the 16 heads of layers 0 and 1 wrote, and what MLP 0 and MLP 1 wrote. Every addend is an **edge** from a writer to a reader. A head reads three times, as query, key and value, and each is a reader of its own: `L0H1->L1H2.k` is what L0H1 tells the keys of L1H2.

# %% [markdown]
# ## Exercise 8.1 · Who is read?  ●○○ · 10 min · 2 points
#
# **Goal:** the nodes that a given reader reads. **Why:** the edges of a graph are nothing but this, for all readers.
#
# <details><summary>Hint 1</summary>
#
# Walk through the model in the order in which it computes, note who writes, and stop when the reader's turn comes.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Start with `["embed"]`; for each layer append its heads, then its MLP. `reader.startswith(f"L{layer}H")` says that a head of this layer is asked for.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Heads "L0H0", "L0H1", ..., then "MLP0", then layer 1. A head stops before its own layer, an MLP after the heads of its own layer, and "logits" never.
#
# </details>


# %% exercise="08.1" points=2
def parents(reader: str, n_layers: int, n_heads: int) -> list[str]:
    """Return the nodes that a reader reads, in the order in which they are computed.

    Nodes are "embed", heads such as "L0H1", and MLPs such as "MLP0"; every layer has both. Readers
    are "L1H2.q", "L1H2.k", "L1H2.v", "MLP1", or "logits". An MLP runs after the heads of its layer.
    """
    ### BEGIN SOLUTION
    found = ["embed"]
    for layer in range(n_layers):
        if reader.startswith(f"L{layer}H"):
            return found
        found += [f"L{layer}H{head}" for head in range(n_heads)]
        if reader == f"MLP{layer}":
            return found
        found.append(f"MLP{layer}")
    return found
    ### END SOLUTION


# %% check="08.1"
check(parents)

# %%
graph = circuits.graph_of(model)
small, plain = circuits.CircuitGraph(12, 12), circuits.CircuitGraph(12, 12, split=False)
print(f"this model: {len(graph.edges):,} edges, {len(graph.parents('logits'))} into the logits")
print(f"GPT-2 small: {len(small.edges):,}, or {len(plain.edges):,} with one input for each head")

# %% hidden="numbers-graph"
assert (len(small.edges), len(plain.edges)) == (32_491, 11_611)
assert about(len(graph.parents("logits")), 37, 0)
assert MODEL != "town" or len(graph.parents("L2H1.v")) == 19

# %% [markdown]
# GPT-2 small has 32,491. A subset of so many edges is one of $2^{32491}$, so nobody searches them all. The loop that we want looks at each edge once, and then the order matters. To judge an edge one should know already which of its *readers* count: what flows into a node that nobody listens to is worth nothing. So readers first, writers later.

# %% [markdown]
# ## Exercise 8.2 · Readers first  ●●○ · 20 min · 3 points
#
# **Goal:** an order in which every node is visited after all that read it. **Why:** ACDC needs it, and so does every backward pass.
#
# <details><summary>Hint 1</summary>
#
# A node may be visited when all that read it have been. Equally good: order the nodes so that each follows what it reads, and turn the list round.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A function that visits a node: first visit all its parents, then append the node; skip what is in the list already. At the end return the list backwards.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Every node of the dictionary appears exactly once; where nobody reads anybody, any order is right.
#
# </details>


# %% exercise="08.2" points=3
def reverse_topological_order(parents: dict[str, list[str]]) -> list[str]:
    """Return all nodes so that each comes before every node that it reads.

    Args:
        parents: for every node the nodes that it reads; listed in no particular order.
    """
    ### BEGIN SOLUTION
    order = []

    def visit(node):
        if node not in order:
            for parent in parents[node]:
                visit(parent)
            order.append(node)

    for node in parents:
        visit(node)
    return order[::-1]
    ### END SOLUTION


# %% check="08.2"
check(reverse_topological_order)

# %%
print("first:", *map(circuits.edge_name, graph.reverse_order[:4]))
print("last: ", *map(circuits.edge_name, graph.reverse_order[-4:]))

# %% [markdown]
# There is more than one such order, and the result may depend on it. So an order must be fixed and stated. Here it is: the last reader first, and for each reader the last writer first. (A published program takes it from a set in Python, and returns 36 or 37 edges as the hash will have it.)

# %% [markdown]
# ## 2. Removing an edge
#
# What does it mean to remove an addend? Zero would be one answer. But a reader that always got a vector of length 20 and now gets nothing is out of its depth, and fails for reasons that have nothing to do with the task. A better answer comes from chapter 07: put in what the same writer writes on a **corrupted** prompt, which differs in one fact only. Then the edge still carries something ordinary; only the fact is gone.
#
# And how bad is it? With $p$ the whole model's prediction and $q$ that of the circuit, all at the end of the clean prompt:
#
# $$\text{loss}(\text{kept}) = \mathrm{KL}(p \,\|\, q) \qquad\qquad \text{effect}(e) = \text{loss}(\text{kept} \setminus e) - \text{loss}(\text{kept})$$
#
# KL needs no answer key, and it is 0 for the whole model. Start small: a model without LayerNorm, and only edges into the logits.

# %% [markdown]
# ## Exercise 8.3 · What is one more edge worth?  ●●○ · 20 min · 3 points
#
# **Goal:** the effect of one more removed edge, when some are gone already. **Why:** it is the only measurement that ACDC makes.
#
# <details><summary>Hint 1</summary>
#
# Three predictions: of the whole model, of the circuit now, and of the circuit without one edge more. Two divergences from the first; their difference is the effect.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Clone `written`, put rows of `corrupted` in the place of the removed ones, sum over the writers, multiply with `W_U`, and take `log_softmax`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `carried.sum(dim=0) @ W_U` has axes `batch d_vocab`; KL sums over `d_vocab` and takes the mean over `batch`; `[*removed, edge]` is the longer list.
#
# </details>


# %% exercise="08.3" points=3
def edge_effect(
    written: Float[Tensor, "writer batch d_model"],
    corrupted: Float[Tensor, "writer batch d_model"],
    W_U: Float[Tensor, "d_model d_vocab"],
    removed: list[int],
    edge: int,
) -> float:
    """Return by how much KL(whole model || circuit) rises without one more edge (nats).

    Logits: the sum over writers of `written` (`corrupted` where removed), times W_U. Batch means.
    """
    ### BEGIN SOLUTION
    whole = (written.sum(dim=0) @ W_U).log_softmax(dim=-1)

    def kl(out):
        carried = written.index_copy(0, torch.tensor(out, dtype=torch.long), corrupted[out])
        log_probs = (carried.sum(dim=0) @ W_U).log_softmax(dim=-1)
        return (whole.exp() * (whole - log_probs)).sum(dim=-1).mean()

    return (kl([*removed, edge]) - kl(removed)).item()
    ### END SOLUTION


# %% check="08.3"
check(edge_effect)

# %% [markdown]
# Now in the real model, with its LayerNorm, each edge into the logits removed alone. **Predict first:** chapter 02 gave L2H1 9.2 logits, MLP 3 and L3H1 some more. How many of the 37 will matter?

# %%
my_guess = {"edges into the logits that matter alone": None}

# %%
runs = circuits.edge_runs(model, task)  # both runs of all prompts, made once
into_logits = [edge for edge in graph.edges if edge[1] == "logits"]
alone = {
    writer: circuits.circuit_loss(runs, None, set(graph.edges) - {(writer, reader)})
    for writer, reader in into_logits
}
for writer in sorted(alone, key=alone.get, reverse=True)[:5]:
    print(f"without {writer}->logits: {alone[writer]:.3f} nats")

# %% hidden="numbers-alone"
assert about(alone.get("L2H1", 0), 4.79, 0.05) and about(alone.get("MLP3", 0), 0.015, 0.003)
assert about(sum(loss > 0.01 for loss in alone.values()), 2, 0)
assert about(circuits.circuit_loss(runs, None, []), 15.0, 0.1)

# %% [markdown]
# L2H1 costs 4.79 nats, MLP 3 0.015, and 35 others less than a hundredth. Note that *alone* is a word with consequences. When all 1,519 edges are removed, 15.0 nats are lost, far more than these add up to. If two edges can stand in for each other, each is worth nothing alone. Keep this in mind for section 7.

# %% [markdown]
# ## 3. The loop
#
# **ACDC** ([Conmy23], algorithm 1) goes through the edges in reverse topological order. Each is removed *for good* if the loss rises by less than a threshold $\tau$, compared with the loss at that moment:
#
# $$\text{remove } e \quad\text{if}\quad \text{loss}(\text{kept} \setminus e) - \text{loss}(\text{kept}) < \tau$$
#
# That is all. To see the rule alone, suppose that somebody has computed the loss of every subset of a few edges. For three edges this is a table of $2 \times 2 \times 2$ numbers, and `losses[1, 0, 1]` is the loss with the first and the third kept.

# %% [markdown]
# ## Exercise 8.4 · Remove what is not needed  ●●● · 25 min · 4 points
#
# **Goal:** which edges ACDC keeps. **Why:** it is the whole algorithm, in ten lines.
#
# <details><summary>Hint 1</summary>
#
# Start with all edges kept. Look at each edge once, the last one first: how much would the loss rise without it, as things stand now? If by less than tau, it is gone for good.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A list of ones and zeros; `losses[tuple(kept)]` is the loss now. Copy the list, set one entry to 0, and look up again.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `for edge in reversed(range(losses.ndim))`; the effect is `losses[tuple(without)] - losses[tuple(kept)]`; at the end `[bool(each) for each in kept]`.
#
# </details>


# %% exercise="08.4" points=4
def acdc(losses: Float[Tensor, "..."], tau: float) -> list[bool]:
    """Return which edges are kept, when they are visited from the last to the first.

    Args:
        losses: one axis of size 2 for each edge; index 1 means that the edge is kept.
        tau: an edge is removed if the loss rises by less than this.
    """
    ### BEGIN SOLUTION
    kept = [1] * losses.ndim
    for edge in reversed(range(losses.ndim)):
        without = [*kept[:edge], 0, *kept[edge + 1 :]]
        if losses[tuple(without)] - losses[tuple(kept)] < tau:
            kept = without
    return [bool(each) for each in kept]
    ### END SOLUTION


# %% check="08.4"
check(acdc)

# %% [markdown]
# Run as it stands, this costs a forward pass for every edge, which for GPT-2 small takes many hours. The course's `circuits.acdc` makes the same decisions with far less work. An edge into a node that nobody reads any more is removed unseen. Everything upstream of an edge is still untouched, so only what lies downstream is run again. And as most edges go, it guesses the next dozens of decisions, runs them in one batch, and keeps them as far as the guesses were right.

# %%
replay = circuits.verify(runs, None, circuit, n=12)
print(f"{circuit.evaluated} circuits in {circuit.calls} batches for {len(graph.edges)} edges")
print(f"replayed the slow way: {replay.replayed} decisions, {len(replay.wrong)} of them wrong")

# %% hidden="numbers-replay"
assert not replay.wrong and replay.largest_error < 1e-4
assert about(circuit.evaluated, 237, 5) and about(circuit.calls, 36, 2)

# %% [markdown]
# 237 circuits in 36 batches decided about all 1,519 edges. The replay tried twelve decisions again, in double precision, edge by edge: the same.
#
# ## 4. Is it right?
#
# For the town we do not know the true circuit, so "eighteen edges" can be neither right nor wrong. But there are models whose circuit is known, because somebody put every weight in by hand. `reverse` is a program for turning a word round, written into attention and MLPs ([Lindner23], [Conmy23], table 1): it counts the letters, computes for each place the opposite one, and fetches the letter there.
#
# **Predict first.** Which parts of the program's graph will ACDC keep, if a removed edge carries *zero*? And if it carries what it carries on *another word of the same length*?

# %%
my_guess = {"edges when removed ones carry zero": None, "when they carry another word": None}

# %%
program = compiled.reverse()
words = circuits.prompts_task(program.prompts(16), "distance")
split = circuits.graph_of(program.bridge, split_embed=True)  # tokens and positions apart
found = {}
for ablation, truth in program.truth.edges.items():
    found[ablation] = circuits.acdc(program.bridge, words, 0.1, graph=split, ablation=ablation)
    kept = set(found[ablation].kept)
    print(f"{ablation}: {len(kept)} kept, {len(truth)} true, the same: {kept == set(truth)}")

# %%
plots.show(plots.plot_circuit(found["zero"], program.truth.edges["zero"]))

# %% hidden="numbers-reverse"
assert len(split.edges) == 59 and len(found["zero"].kept) == 9
assert set(found["zero"].kept) == set(program.truth.edges["zero"])
assert found["corrupted"].names == ("tokens->L2H0.v", "L2H0->logits")

# %% [markdown]
# Both times exactly the truth: black dashes are the true edges, and there is no line without dashes and no dash without a line. And yet the two circuits differ: nine edges and two. With zeros the whole program shows up. With another word of the same length, the length and every position are the same in both runs, so the edges that carry them may be "removed" and nothing happens. What is left is where the *letters* go.
#
# **A circuit answers the question that its corrupted prompts ask.** It is not a property of the model alone. For this reason the compiled models carry one truth for each kind of removal.
#
# Where ACDC is not perfect, we need to say how good it is. Two fractions:

# %% [markdown]
# ## Exercise 8.5 · How much is right, how much is found  ●○○ · 10 min · 2 points
#
# **Goal:** how much of what was found is true, and how much of the truth was found. **Why:** a circuit can be too large or too small, and one number hides which.
#
# <details><summary>Hint 1</summary>
#
# Count the edges that are kept and true, those that are kept, and those that are true.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `kept & truth`, `.sum().item()`; mind the division where nothing is kept.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Precision is both / kept (1 where nothing is kept), recall is both / true.
#
# </details>


# %% exercise="08.5" points=2
def precision_recall(
    kept: Bool[Tensor, " edge"], truth: Bool[Tensor, " edge"]
) -> tuple[float, float]:
    """Return the fraction of kept edges that are true, and of true edges that are kept.

    Where nothing is kept, nothing false was claimed: precision 1.
    """
    ### BEGIN SOLUTION
    both = (kept & truth).sum().item()
    n_kept, n_true = kept.sum().item(), truth.sum().item()
    return (both / n_kept if n_kept else 1.0), both / n_true
    ### END SOLUTION


# %% check="08.5"
check(precision_recall)

# %% [markdown]
# Precision and recall belong to one threshold. Here are several, for a model with a circuit of the kind that chapter 07 found, in miniature: a head notes which name came before already, a second one brings the note to the end, and a third copies a name, but not the noted one.

# %%
names = compiled.inhibition()
prompts = names.prompts(16)
by_kl, by_logits = (circuits.prompts_task(prompts, metric) for metric in ("kl", "logit_diff"))
wide, truth = circuits.graph_of(names.bridge, split_embed=True), names.truth.edges["corrupted"]
sweep = circuits.acdc_sweep(names.bridge, by_kl, [3.0, 1.0, 0.3, 0.1, 0.01], graph=wide)
for each in sweep:
    precision, recall = circuits.precision_recall(each.kept, truth)
    print(
        f"tau {each.tau:4}: {len(each.kept)} kept, precision {precision:.2f}, recall {recall:.2f}"
    )

# %% hidden="numbers-sweep"
assert len(wide.edges) == 80 and len(truth) == 9
assert [len(each.kept) for each in sweep] == [5, 8, 9, 9, 9]
assert set(sweep[2].kept) == set(truth)

# %% [markdown]
# Nothing false is ever kept here, and from $\tau$ = 0.3 down to 0.01 all nine true edges are found. A plateau like this is worth looking for: a result that does not move over a factor of thirty in $\tau$ is no accident of the threshold.
#
# ## 5. All edges at once
#
# ACDC asks the model hundreds of times. Can one ask once? A removed edge moves the reader's input by *corrupted minus clean output of the writer*. If the move is small, the loss changes along its slope there ([Syed23], section 2):
#
# $$\text{EAP}(w \to r) = (\text{corrupted}_w - \text{clean}_w) \cdot \frac{\partial\, \text{loss}}{\partial\, \text{input}_r}$$
#
# Two forward passes and one backward pass give all writers and all readers, so every edge is one dot product. This is **edge attribution patching**: chapter 07's attribution, for edges.

# %% [markdown]
# ## Exercise 8.6 · All edges at once  ●●○ · 15 min · 3 points
#
# **Goal:** the estimated effect of every edge. **Why:** it replaces hundreds of forward passes by one product.
#
# <details><summary>Hint 1</summary>
#
# A straight line: how far the reader's input moves, times how steep the loss is there. Both are vectors at each position, so it is a dot product, added up over positions.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `corrupted - written` is how far it moves; one `einsum` does all pairs of writers and readers; divide by the number of prompts.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `"writer batch pos d_model, reader batch pos d_model -> writer reader"`.
#
# </details>


# %% exercise="08.6" points=3
def edge_attribution(
    written: Float[Tensor, "writer batch pos d_model"],
    corrupted: Float[Tensor, "writer batch pos d_model"],
    slopes: Float[Tensor, "reader batch pos d_model"],
) -> Float[Tensor, "writer reader"]:
    """Return the estimated rise of the loss without each edge: positive where it is needed.

    `slopes` are d loss / d input of each reader; scores are means over the batch, and an edge is
    removed at all positions.
    """
    ### BEGIN SOLUTION
    n_prompts = written.shape[1]
    axes = "writer batch pos d_model, reader batch pos d_model -> writer reader"
    return einsum(corrupted - written, slopes, axes) / n_prompts
    ### END SOLUTION


# %% check="08.6"
check(edge_attribution)

# %% [markdown]
# Scores put edges in an order, and a threshold cuts it somewhere. To judge the order without a threshold, take every pair of a true and a false edge: how often does the true one score higher? This is the area under the ROC curve (**AUC**): 1 is perfect, 0.5 a coin.

# %% [markdown]
# ## Exercise 8.7 · Judge an order of edges  ●●○ · 15 min · 3 points
#
# **Goal:** the area under the ROC curve of scores. **Why:** it judges an order of edges, whatever the threshold.
#
# <details><summary>Hint 1</summary>
#
# Take every pair of a true and a false edge. In which share of the pairs does the true one have the higher score?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `scores[truth]` and `scores[~truth]`; a new axis lets every one meet every other; equal scores count half.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `scores[truth][:, None] > scores[~truth]` has axes `true false`; the mean over both.
#
# </details>


# %% exercise="08.7" points=3
def roc_auc(scores: Float[Tensor, " edge"], truth: Bool[Tensor, " edge"]) -> float:
    """Return the probability that a true edge scores above a false one.

    Equal scores count half. Scores are taken as they are, larger meaning more likely true.
    """
    ### BEGIN SOLUTION
    true, false = scores[truth], scores[~truth]
    above = (true[:, None] > false).float() + 0.5 * (true[:, None] == false).float()
    return above.mean().item()
    ### END SOLUTION


# %% check="08.7"
check(roc_auc)

# %% [markdown]
# **Predict first.** ACDC against three that score all edges at once, on the miniature: the importance of the less important of an edge's two nodes (**HISP**), EAP, and EAP with its slope averaged over ten points between the corrupted and the clean input (**EAP-IG**, [Hanna24]). Which finds the nine true edges best?

# %%
my_guess = {"order of ACDC, HISP, EAP, EAP-IG": []}

# %%
scores = [
    circuits.head_importance(names.bridge, by_logits, graph=wide),
    circuits.edge_attribution(names.bridge, by_logits, graph=wide),
    circuits.integrated_edge_attribution(names.bridge, by_kl, graph=wide, steps=10),
]
curves = [circuits.roc_of_circuits([each.kept for each in sweep], truth, wide.edges)]
curves += [circuits.roc(each, truth) for each in scores]
plots.show(plots.plot_roc(curves))

# %% hidden="numbers-roc"
areas = [curve.area() for curve in curves]
assert all(abs(a - b) < 0.005 for a, b in zip(areas, [1.0, 0.923, 0.833, 1.0], strict=True))
labels = torch.tensor([edge in truth for edge in wide.edges])
assert abs(roc_auc(scores[1].values.abs(), labels) - areas[2]) < 1e-6

# %%
for edge in sorted(truth):
    told = [f"{each.name} {each.of(edge):8.2g}" for each in scores[1:]]
    print(f"{circuits.edge_name(edge):16}", ", ".join(told))

# %% hidden="numbers-flat"
flat = [circuits.edge_name(edge) for edge in truth if abs(scores[1].of(edge)) < 1e-3]
assert sorted(flat) == ["L0H0->L1H1.k", "tokens->L0H0.k", "tokens->L0H0.q"]
mended = {circuits.edge_name(edge): scores[2].of(edge) for edge in truth}
assert abs(mended["tokens->L0H0.q"] - 7.4) < 0.05 and abs(mended["tokens->L0H0.k"] - 7.4) < 0.05
assert 0 < mended["L0H0->L1H1.k"] < 1e-5

# %% [markdown]
# ACDC and EAP-IG have 1.000, HISP 0.923, and EAP 0.833. The list shows why. Three true edges have an EAP score of zero, all into queries and keys. Their attention is as good as certain, and a softmax that is certain is *flat*: move the query a little and nothing moves. Removing the edge moves it a lot. EAP-IG takes slopes on the way, where the attention has not yet made up its mind: two of the three get 7.4. The third gets a hair more than nothing, which is enough for an order of edges, and would be enough for no threshold.
#
# One more trap: the metric. At the clean run KL is 0, its lowest value, so its slope there is zero for *every* edge. EAP with KL would be zeros; ours refuses. The scores above are for the logit difference. A price has to be paid for asking only once.

# %% [markdown]
# ## 6. Where nobody knows the truth
#
# Back to the town. Without a true circuit one thing can still be measured: what the kept edges do. We keep the $n$ best edges of each method, let all others carry the corrupted prompt, and see how much comes back on the way from everything removed (0) to the whole model (1). This is **faithfulness against size**.

# %%
stories_by_logits = circuits.circuit_task(stories, "logit_diff").select(range(8))
eap = circuits.edge_attribution(model, stories_by_logits)
eap_ig = circuits.integrated_edge_attribution(model, task)
hisp = circuits.head_importance(model, stories_by_logits)
sizes = (1, 3, 5, 7, 9, 12, 14, 16, 18, 22, 30, 40, 60, 80, len(graph.edges))
kept = [circuits.faithfulness_by_size(runs, None, each, sizes) for each in (hisp, eap, eap_ig)]
plots.show(plots.plot_faithfulness_by_size(kept, at=len(circuit.kept) or None))

# %%
taus = (3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
found_at = circuits.acdc_sweep(runs, None, taus)
empty = circuits.circuit_loss(runs, None, [])
for each in found_at:
    print(f"tau {each.tau:5}: {len(each.kept):3} edges recover {1 - each.loss / empty:.3f}")

# %% hidden="numbers-faithful"
recovered = {
    curve.name: dict(zip(sizes, curve.recovered().tolist(), strict=True)) for curve in kept
}
assert about(recovered["EAP"][14], 0.978, 0.01) and about(recovered["HISP"][14], 0.423, 0.03)
assert about(recovered["EAP-IG"][14], 0.978, 0.01) and about(recovered["HISP"][40], 0.868, 0.02)
assert MODEL != "town" or [len(each.kept) for each in found_at] == [3, 9, 14, 18, 22, 20, 22]
assert about(1 - found_at[2].loss / empty, 0.934, 0.01)
assert about(1 - found_at[3].loss / empty, 0.975, 0.01)
shuffled = torch.randperm(len(graph.edges), generator=torch.Generator().manual_seed(0))[:18]
at_random = circuits.circuit_loss(runs, None, [graph.edges[i] for i in shuffled])
assert about(1 - at_random / empty, 0, 0.01)

# %% [markdown]
# Fourteen edges of EAP or EAP-IG bring back 0.978, fourteen of ACDC 0.934, and fourteen of HISP 0.423; HISP has 0.868 with forty. (Eighteen edges drawn at random bring back 0.00.) So the quick method beats the careful one here: ACDC judges edges one after the other and cannot take back what it did, EAP sees the whole model at once.
#
# And look at the sizes. At $\tau$ = 0.03 ACDC keeps 22 edges, and at the *milder* 0.01 only 20. A lower threshold lets more edges stay at first, but with them others are no longer needed. The circuits of a sweep do not lie within each other.
#
# Browse them. Move $\tau$, and look at one node's edges alone.

# %%
widgets.CircuitBrowser(found_at, tau=0.1)

# %% [markdown]
# Is it "the circuit for IOI"? Two tests. First, other prompts: resample the eight prompts with replacement, and see which edges stay among the best. Second, another corruption: not the giver's name exchanged, but three strangers in place of all names.

# %%
by_prompt = circuits.attribution_by_prompt(model, task, steps=5)
stable = circuits.bootstrap(by_prompt, graph.edges, 18, name="EAP-IG")
plots.show(plots.plot_edge_stability(stable, 20))

# %% hidden="numbers-stable"
assert about(stable.jaccard.mean(), 0.89, 0.03) and about(len(stable.sure()), 16, 1)
assert about(len(stable.doubtful()), 5, 2)

# %%
strangers = tasks.ioi(model.tokenizer, 24, seed=0, corruption="abc")
other_task = circuits.circuit_task(strangers, "kl").select(range(8))
other = circuits.acdc(model, other_task, tau=0.1)
plots.show(plots.plot_circuit(other))
print(f"shared with the first circuit: {circuits.jaccard(circuit.kept, other.kept):.2f}")

# %% hidden="numbers-strangers"
assert about(len(other.kept), 46, 2) and about(
    circuits.jaccard(circuit.kept, other.kept), 0.28, 0.04
)
assert MODEL != "town" or {"L2H4", "L2H5", "L2H6", "L2H7"} <= other.nodes - circuit.nodes

# %% [markdown]
# Other prompts change little: two draws share 0.89 of the edges that either keeps, and 16 of 18 are nearly always there. Another corruption changes nearly everything: 46 edges in place of 18, of which only 0.28 are shared, and four heads that were not there at all, L2H4 to L2H7. We have met these too. They bring in *whoever was mentioned*. As long as the corrupted prompt mentions the same two people, it carries the same from them, so removing their edges costs nothing. Only strangers make them count.
#
# So intervals over prompts, which published circuits come without, are the smaller worry. The larger one cannot be resampled: it is the question.

# %% [markdown]
# ## 7. Three ways to be wrong
#
# **An OR.** In `either` two heads fetch the same letter, and an MLP answers if at least one has found it. Everything takes part, and five edges are true. To look at the rule alone, here is the table of exercise 8.4 for three of its edges, all others kept. **Predict first:** which will your `acdc` keep?

# %%
my_guess = {"L0H0->MLP0": None, "L0H1->MLP0": None, "MLP0->logits": None}

# %%
gate = compiled.either()
letters, parts = gate.prompts(16), circuits.graph_of(gate.bridge, split_embed=True)
gate_runs = circuits.edge_runs(gate.bridge, circuits.prompts_task(letters, "kl"), graph=parts)
three = [("L0H0", "MLP0"), ("L0H1", "MLP0"), ("MLP0", "logits")]
table = torch.zeros(2, 2, 2)
for bits in torch.cartesian_prod(*[torch.arange(2)] * 3).tolist():
    out = {edge for edge, bit in zip(three, bits, strict=True) if not bit}
    table[tuple(bits)] = circuits.circuit_loss(gate_runs, None, set(parts.edges) - out)
print("loss without one head:", table[0, 1, 1].item(), table[1, 0, 1].item())
print(f"without both: {table[0, 0, 1]:.2f} nats")
with suppress(NotImplementedError):
    print("kept by your acdc:", acdc(table, 0.05))

# %%
by_answer = circuits.prompts_task(letters, "logit_diff")
true_edges = gate.truth.edges["corrupted"]
score = circuits.edge_attribution(gate.bridge, by_answer, graph=parts)
mean_slope = circuits.integrated_edge_attribution(gate.bridge, by_answer, graph=parts, steps=10)
by_acdc = circuits.acdc(gate_runs, None, 0.05)
print(f"ACDC keeps {len(by_acdc.kept)} of {len(true_edges)} true edges:", *by_acdc.names)
print(f"EAP sees {len(score.above(0.01))}, EAP-IG {len(mean_slope.above(0.01))}")

# %% hidden="numbers-either"
assert table[0, 1, 1] < 1e-4 and table[1, 0, 1] < 1e-4 and abs(table[0, 0, 1] - 2.19) < 0.02
assert acdc(table, 0.05) == [True, False, True]
assert len(true_edges) == 5 and len(by_acdc.kept) == 3 and "L0H0->MLP0" in by_acdc.names
assert score.above(0.01) == (("MLP0", "logits"),)
assert set(mean_slope.above(0.01)) == set(true_edges)

# %% [markdown]
# Without one head nothing is lost, without both 2.19 nats. The edge from L0H1 is visited first, is not missed, and goes; now the other one is indispensable, and stays. ACDC returns three of five edges, a circuit that works and is half the truth, and which half depends on the order. EAP, which looks at each edge from the whole model, sees neither head: one edge of five. EAP-IG sees all five, since somewhere on the way from corrupted to clean one head was not enough. Backup heads, which chapter 07 met, are ORs.
#
# **A head that works against the answer.** In `negative` L0H0 adds 10 to the right letter's logit, and L0H1 takes 3 away.

# %%
against = compiled.negative()
cells, places = against.prompts(16), circuits.graph_of(against.bridge, split_embed=True)
for metric in ("kl", "logit_diff"):
    question = circuits.prompts_task(cells, metric)
    lean = circuits.acdc(against.bridge, question, 0.05, graph=places)
    print(f"{metric}: loss {lean.full_loss:.3f} with all, {lean.loss:.3f} kept:", *lean.names)
signed = circuits.edge_attribution(against.bridge, question, graph=places)
print("EAP:", {writer: round(signed.of((writer, "logits")), 2) for writer in ("L0H0", "L0H1")})

# %% hidden="numbers-negative"
assert len(lean.kept) == 2 and len(against.truth.edges["corrupted"]) == 4
assert abs(lean.full_loss + 7) < 1e-3 and abs(lean.loss + 10) < 1e-3
assert abs(signed.of(("L0H0", "logits")) - 10) < 0.01
assert abs(signed.of(("L0H1", "logits")) + 3) < 0.01
by_divergence = circuits.acdc(
    against.bridge, circuits.prompts_task(cells, "kl"), 0.05, graph=places
)
assert 0.01 < by_divergence.loss < 0.02

# %% [markdown]
# With the logit difference the head must go: without it the loss *falls*, from -7 to -10, and the circuit is "better" than the model. With KL the model's own prediction is the aim, and doing better counts as a difference. But that difference is 0.015 nats, less than our $\tau$ of 0.05, so it goes again. Signs survive in EAP: +10 and -3. The heads that oppose the answer in GPT-2 are among those that ACDC tends to miss ([Conmy23], section 1).
#
# **A threshold.** You have seen it: nine edges, or eighteen, or twenty-two. Nothing in the model says which. The published areas of ACDC for IOI are 0.869 with KL and 0.589 with the logit difference ([Conmy23], table 2). If you report a circuit, report $\tau$, the metric, the corruption, the order, and the sweep. How all five methods fare on six tasks stands in `docs/circuits_table.md`.

# %% [markdown]
# ## 8. Your own model
#
# Now an investigation. `mystery_model` makes a model from a name: three layers, four heads each, MLPs, 262 edges. Its circuit was drawn at random; some heads take part, others look busy and do nothing. Your classmates have others. Write the name under which you hand in, and find the edges that are true when a removed edge carries the corrupted prompt.

# %%
STUDENT = "example"  # the name under which you hand in
mystery = compiled.mystery_model(STUDENT)
puzzle = circuits.prompts_task(mystery.prompts(32, seed=1), "kl")
print(f"{len(mystery.graph.edges)} edges, {len(puzzle)} prompts of {puzzle.clean.shape[1]} tokens")

# %% hidden="mystery-search"
mystery_runs = circuits.edge_runs(mystery.bridge, puzzle, graph=mystery.graph)
candidates = circuits.acdc_sweep(mystery_runs, None, [0.1, 0.03, 0.01, 0.003, 0.001, 0.0001])
for each in candidates:
    print(f"tau {each.tau:6}: {len(each.kept)} edges, {each.loss:.4f} nats")
print(*candidates[-1].names)

# %% [markdown]
# The rest of the work is yours: add cells, sweep, score, draw. The answer is data. It is graded by precision and recall against the truth; the check below says only what kind of thing is wrong. Of your 10 points one is for edges that exist, three for the better half of the circuit, three if hardly anything is missing, and three if hardly anything is too much.

# %% [markdown]
# ## Exercise 8.8 · A model that nobody has explained  ●●● · 45 min · 10 points
#
# **Goal:** the edges of your own model's circuit. **Why:** nobody can tell you the answer, so you must find out when to believe one.
#
# <details><summary>Hint 1</summary>
#
# Use any method of this chapter, and more than one: a sweep of thresholds, scores, faithfulness against size. Removed edges carry the corrupted prompt.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# How many edges does a sweep keep at many thresholds? A number that stays the same over a wide range of thresholds is worth a closer look.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Paste what you found as text: `" ".join(circuit.names)`, edges such as "L0H1->L1H2.k".
#
# </details>


# %% exercise="08.8" points=10
def mystery_circuit() -> dict[str, str]:
    """Return {"student": your name, "edges": the edges, with spaces between them}.

    Write the text itself, such as "embed->L0H1.v L0H1->logits", and not code that computes it.
    """
    ### BEGIN SOLUTION
    edges = """
    embed->L0H0.v embed->L0H2.v L0H0->MLP0 L0H2->L1H1.v MLP0->L1H2.q embed->L1H2.k MLP0->L1H2.v
    embed->L2H0.q L1H1->L2H0.k L1H2->L2H0.v MLP0->L2H1.q embed->L2H1.k L0H0->L2H1.v L2H1->MLP2
    L2H0->logits MLP2->logits
    """
    return {"student": "example", "edges": " ".join(edges.split())}
    ### END SOLUTION


# %% check="08.8"
check(mystery_circuit)

# %% hidden="numbers-mystery"
assert len(mystery.graph.edges) == 262
assert set(mystery_circuit()["edges"].split()) == set(candidates[-1].names)

# %% [markdown]
# ## Open question 8.A · The circuit that was found · 6 points
#
# A colleague runs ACDC on a model of 12 layers, with 50 prompts, the logit difference, and $\tau$ = 0.06. 41 edges of 32,491 are kept, and they recover 98 % of the metric. He writes: "We have found the circuit that the model uses for this task. All other heads are irrelevant to it." Which measurements would you ask for before you agree, and what could each of them show? Write half a page. There is no check; your teacher has a rubric.

# %% [markdown] open="08.A"
# *Write your answer here, in place of this line.*

# %% [markdown] hidden="rubric"
# **Rubric, 6 points** (the order does not matter)
#
# - 1 point: other thresholds, with the number of edges and the loss at each: one tau is a choice, not a finding.
# - 1 point: another metric or another corruption, and which edges appear or go: the circuit answers what the corrupted prompts differ in.
# - 1 point: other prompts: an interval, a bootstrap, or the Jaccard index of two runs.
# - 1 point: names at least one way in which ACDC misses edges (an OR, a head that works against the answer, an effect below tau) and a test that would show it here.
# - 1 point: faithfulness against size, with a level to compare with, such as as many random edges or those of another method.
# - 1 point: "the circuit" is a word too many: a small circuit that suffices need not be what the model uses, and 98 % of the loss can hide failures on single prompts.
#
# A good answer may also ask for precision and recall on a compiled model of the same kind, where the truth is known.

# %% [markdown]
# ## Stretch (no hints)
#
# ACDC goes through the edges in one order. Write the plain loop with `circuits.circuit_loss`, and run it on `either` in the order of the chapter and in two others that are also reverse topological. Which edges are kept in each, and which in *some*? Could the union of such runs be a better circuit than any one of them? Find a model for which it is not.

# %% [markdown] hidden="stretch"
# **One way to do it.** Within a reader the order of its writers is free: turning it round keeps L0H1 in place of L0H0. The union of the two runs has all five true edges of `either`. It is no cure. A union also collects edges that were kept by accident of an order, so its precision can only fall: with three heads of which any two suffice, each order keeps two, and the union claims three as if all were needed.


# %% hidden="stretch-code"
def plain_acdc(order, tau=0.05):
    kept = set(parts.edges)
    for edge in order:
        without = circuits.circuit_loss(gate_runs, None, kept - {edge})
        if without - circuits.circuit_loss(gate_runs, None, kept) < tau:
            kept.discard(edge)
    return kept


by_reader = {
    reader: [edge for edge in parts.edges if edge[1] == reader] for reader in parts.readers
}
turned = [edge for reader in reversed(parts.readers) for edge in by_reader[reader]]
one, two = plain_acdc(parts.reverse_order), plain_acdc(turned)
assert one == set(by_acdc.kept) and two != one and one | two == set(true_edges)

# %% [markdown]
# ## What you have found
#
# 1. A circuit is a set of edges that suffices when all others carry the corrupted prompt. ACDC finds one edge by edge, from the logits back; EAP scores all edges from one backward pass.
# 2. Where the truth is known, ACDC found it exactly; EAP is blind where attention is certain, and EAP-IG repairs that. Where it is not known, faithfulness against size, intervals, and plateaus are what there is.
# 3. What is found depends on the corruption, the metric, the threshold and the order. ORs, opposing heads and small effects are lost.
#
# | term | meaning |
# |---|---|
# | edge | what one node writes, as part of what another reads |
# | removed edge | one that carries the writer's output on the corrupted prompt (or zero, or a mean) |
# | effect | rise of the loss when one more edge is removed |
# | tau | effects below it are not worth an edge |
# | ACDC | removes edges one after the other, readers first |
# | EAP | change of the writer times slope of the reader, for all edges at once |
# | EAP-IG | the same with slopes averaged on the way from corrupted to clean |
# | HISP | importance of heads, from their attribution on each prompt |
# | precision, recall | fraction of kept edges that are true; of true edges that are kept |
# | AUC | how often a true edge scores above a false one |
# | faithfulness | what the kept edges recover, between all removed (0) and the whole model (1) |
#
# **What this does not show.** The town's model has 1,519 edges and one head that does most of the work; in larger models ACDC kept hundreds of edges for the same task ([Conmy23], table 2 and appendix). Eight prompts of one length are few. Edges are removed at all positions at once, so a circuit says nothing about *where* in the sentence an edge is used. A set of edges is not an explanation: that `L0H1->L2H1.v` matters does not say what it carries. And compiled models are cleaner than trained ones: nothing that was put in by hand is half-used, or used for two things.
#
# **Further reading.** [Conmy23] Conmy et al., *Towards Automated Circuit Discovery for Mechanistic Interpretability*, sections 3 and 4. [Syed23] Syed, Rager and Conmy, *Attribution Patching Outperforms Automated Circuit Discovery*. [Hanna24] Hanna, Pezzelle and Belinkov, *Have Faith in Faithfulness: Going Beyond Circuit Overlap When Finding Model Mechanisms*. [Lindner23] Lindner et al., *Tracr: Compiled Transformers as a Laboratory for Interpretability*. [Wang22] Wang et al., *Interpretability in the Wild*, for the circuit that the machine was meant to find.
#
# **Next.** This was the last chapter. You have a lens, probes, dictionaries, patching and circuits, and for each an experiment in which it fails. The next question is yours: take a behaviour of a model that nobody has explained, write down what you expect, and then look.
