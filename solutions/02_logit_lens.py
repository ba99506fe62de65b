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
# # 02 · The logit lens
#
# **When does a network know its answer, and how would you read it before it is spoken?**
#
# Every layer adds to the same vector, the residual stream, and only the last one is turned into words. In 2020 somebody asked what happens if you turn the vectors in between into words as well. It costs one line, it needs no training, and it draws a picture of a model making up its mind. In this chapter you build that picture, take it apart, and find out where it lies.

# %% tags=["setup"]
import torch
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from mi_course import plots, widgets
from mi_course.activations import edit, record
from mi_course.grading import check
from mi_course.methods import lens
from mi_course.metrics import entropy, logit_diff
from mi_course.models import load

# %%
MODEL = "town"  # or "openai-community/gpt2", or a directory with a checkpoint
model = load(MODEL)

# %% [markdown]
# **Predict first.** The town's model has four layers and has read about landmarks and their cities. At `The Eiffel Tower is in the city of` it answers ` Paris`. After which layer could an observer tell? Gradually, or at once? Write down a guess.

# %%
my_guess = {"Paris appears after layer": None, "gradually or at once": ""}

# %%
FACT = "The Eiffel Tower is in the city of Paris."
tokens = model.to_tokens(FACT)
grid = lens.logit_lens(model, tokens)
plots.show(plots.plot_lens_grid(grid))


# %% hidden="numbers-grid"
def about(value, quoted, within):
    """Whether a number is the one that the prose quotes; other models have other numbers."""
    return MODEL != "town" or abs(float(value) - quoted) <= within


if MODEL == "town":
    assert grid.correct.sum(dim=1).tolist() == [0, 3, 5, 8, 9] and len(grid.tokens) == 11
    assert [row[8][0] for row in grid.words] == [" of", " 19", " the", " Paris", " Paris"]
    assert [row[6][0] for row in grid.words][2:] == [" country", " country", " city"]

# %% [markdown]
# Read a column from the bottom up. Each cell is the best token if the model stopped there; a dashed frame marks those that are right. In the column of the last ` of` the readings are ` of`, ` 19`, ` the`, and then, after layer 2, ` Paris`. At the embedding none of the ten tokens is right, then 3, 5, 8, and 9 at the end. Two columns to the left you can watch a change of mind: after layers 1 and 2 the model is about to say ` country`, and the last layer makes it ` city`.
#
# It looks as if we were reading thoughts. The rest of the chapter asks what it is that we read.
#
# **You will be able to**
#
# 1. read any point of the residual stream with the model's own last two steps;
# 2. say how good a reading is by rank, entropy and divergence, over hundreds of prompts;
# 3. divide a logit among the heads and MLPs that wrote it, and say what such a division misses;
# 4. show where the lens fails, and train a translator that repairs it;
# 5. put an activation into another prompt and let the model itself explain it.
#
# **Time:** about three hours with seven exercises; the notebook itself runs in about a minute. **The answer** will look like this: a curve through the layers with a level to compare it with, a list of the parts that wrote the answer, and an experiment in which one method sees nothing and another sees nearly everything.

# %% [markdown]
# ## 1. One line
#
# A transformer ends with two steps: the final LayerNorm, and the unembedding $W_U$, which turns a vector into a logit for each token. The **logit lens** takes these two steps early, from the stream $x^{(\ell)}$ after layer $\ell$ ([nostalgebraist20]):
#
# $$\text{lens}(x^{(\ell)}) = \mathrm{LayerNorm}(x^{(\ell)})\; W_U + b_U$$
#
# Why should this give anything but noise? Because layers *add*: $x^{(\ell+1)} = x^{(\ell)} + \ldots$ Whatever is to be read at the end may be put down early, and it then stays. Nothing forces a layer to write early in the language of the end. It is a habit, and habits can be measured.

# %% [markdown]
# ## Exercise 2.1 · Read every layer as if it were the last  ●○○ · 15 min · 2 points
#
# **Goal:** the logits at the embedding and after every layer. **Why:** these are the readings on which the chapter stands.
#
# <details><summary>Hint 1</summary>
#
# Record the stream at the embedding and after each layer. Give each point to the model's own last two steps: LayerNorm, then unembedding.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model.run_with_cache(tokens)` returns `(logits, cache)`; the two steps are `model.ln_final` and `model.unembed`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Points: `blocks.0.hook_resid_pre`, then `blocks.{layer}.hook_resid_post`; `torch.stack` of the readings has axes `point batch pos d_vocab`.
#
# </details>


# %% exercise="02.1" points=2
def logit_lens(model, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "point batch pos d_vocab"]:
    """Return the logits that the model's last two steps read at every point of the stream.

    The first point is the embedding, the others follow each layer.
    """
    ### BEGIN SOLUTION
    after = [f"blocks.{layer}.hook_resid_post" for layer in range(model.cfg.n_layers)]
    _, cache = model.run_with_cache(tokens)
    resid = [cache[name] for name in ["blocks.0.hook_resid_pre", *after]]
    return torch.stack([model.unembed(model.ln_final(x)) for x in resid])
    ### END SOLUTION


# %% check="02.1"
check(logit_lens)

# %% [markdown]
# One reading is right by definition: after the last layer, lens and model are the same computation. From here on the chapter uses the course's own versions.

# %%
points, resid, _ = lens.stream(model, tokens)
readings = lens.unembed(model, resid)  # [point batch pos d_vocab]
difference = (readings[-1] - model(tokens)).abs().max().item()
print(f"last reading against the model's own logits: {difference:.3f} logits apart")

# %% hidden="numbers-last"
assert difference < 1e-3 or model.cfg.dtype != torch.float32

# %% [markdown]
# ## 2. From a picture to numbers
#
# One sentence is an anecdote. The world gives us as many as we like: 200 sentences about landmarks, cut off before the city, and 200 of the kind *when Mary and Frank went to the kitchen, Frank gave the flower to*, where the right answer is the other name. To follow the answer through the layers we ask for its **rank**: how many of the 3,072 tokens have a higher logit. Rank 0 is the best token.

# %% [markdown]
# ## Exercise 2.2 · Rank the answer  ●○○ · 10 min · 2 points
#
# **Goal:** the rank of each prompt's answer at every point. **Why:** the best token alone cannot tell "nearly there" from "nowhere".
#
# <details><summary>Hint 1</summary>
#
# Take the answer's logit at each point and prompt, and count the tokens whose logit is strictly higher.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `logits[:, torch.arange(len(answers)), answers]` picks one token for each prompt; compare with `>` and sum over the vocabulary.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The picked logits have axes `point batch`; `rearrange(own, "point batch -> point batch 1")` lets them be compared with `point batch d_vocab`.
#
# </details>


# %% exercise="02.2" points=2
def answer_rank(
    logits: Float[Tensor, "point batch d_vocab"], answers: Int[Tensor, " batch"]
) -> Int[Tensor, "point batch"]:
    """Return how many tokens have a higher logit than each prompt's answer; 0 is the best token.

    A token with exactly the answer's logit does not count.
    """
    ### BEGIN SOLUTION
    own = logits[:, torch.arange(len(answers)), answers]
    return (logits > own[:, :, None]).sum(dim=-1)
    ### END SOLUTION


# %% check="02.2"
check(answer_rank)

# %%
from mi_course.worlds import tasks


def prompts(task):
    """Rows filled up on the right to one length, where each ends, its answer and its rival."""
    longest = max(len(pair.clean_tokens) for pair in task.pairs)
    rows = [[*pair.clean_tokens, *[0] * (longest - len(pair.clean_tokens))] for pair in task.pairs]
    known = [(p.positions["end"], p.answers[0], p.wrongs[0]) for p in task.pairs]
    return torch.tensor(rows), *torch.tensor(known).unbind(dim=1)


# %%
facts, ends, cities, rival_cities = prompts(tasks.facts(model.tokenizer, 200, seed=0))
stories, story_ends, names, rival_names = prompts(tasks.ioi(model.tokenizer, 200, seed=0))
for rows, last, answers in ((facts, ends, cities), (stories, story_ends, names)):
    print(model.to_string(rows[2, 1 : last[2] + 1]), "->", model.to_string(answers[2]))

# %% [markdown]
# **Predict first.** The median rank of the right city at the embedding, where nothing but the word before it is known, and then after each layer. Will it fall at every step?

# %%
my_guess = {"median rank at the embedding and after each layer": []}

# %%
path = lens.answer_trajectories(model, facts, cities, positions=ends, name="facts")
story_path = lens.answer_trajectories(model, stories, names, positions=story_ends, name="stories")
plots.show(plots.plot_trajectories(path, story_path))

# %% hidden="numbers-ranks"
if MODEL == "town":
    quoted = [(path, [261, 228, 367, 0, 0]), (story_path, [1046, 212, 186, 0, 0])]
    for each, ranks in quoted:
        assert all(
            abs(a - b) <= 0.1 * b + 1
            for a, b in zip(each.median_rank().tolist(), ranks, strict=True)
        )

# %% [markdown]
# For both tasks the answer is nowhere until it is everywhere: the median rank of the city is 261, 228, 367 and then 0 after layer 2, that of the name 1046, 212, 186 and 0. So it is not a gradual narrowing down. Layer 2 brings the answer.
#
# But look at the third point for facts. After layer 1 the right city ranks *worse* than before it, 367 in place of 228. Did the model forget? Keep this in mind for section 4.
#
# Rank knows one token only. Two more numbers judge the whole prediction. **Entropy** is how undecided it is: 0 nats when certain, ln 3072 = 8.03 when all tokens are alike. And the **divergence** from the model's final prediction $p$ is what it costs, in nats, to believe the reading $q$ instead:
#
# $$\mathrm{KL}(p \,\|\, q) = \sum_t p_t\,(\ln p_t - \ln q_t)$$
#
# It is 0 if they agree, and large where $q$ rules out what $p$ says.

# %% [markdown]
# ## Exercise 2.3 · How far from the end?  ●●○ · 15 min · 3 points
#
# **Goal:** the divergence of every point's reading from the last point's, in nats. **Why:** it needs no answer key, so it works on any text; and it is what a tuned lens will minimise. (`mi_course.metrics.kl_divergence` is the course's own answer; yours must do without it.)
#
# <details><summary>Hint 1</summary>
#
# For each token: the final probability times (final log-probability minus the reading's log-probability). Sum over the vocabulary.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `logits.log_softmax(dim=-1)` once, and `.exp()` of its last point; `softmax(...).log()` turns small probabilities into minus infinity.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The final point has axes `pos d_vocab` and broadcasts against `point pos d_vocab`; the sum has `point pos`.
#
# </details>


# %% exercise="02.3" points=3
def kl_to_final(logits: Float[Tensor, "point pos d_vocab"]) -> Float[Tensor, "point pos"]:
    """Return KL(last point || each point) at every position, in nats."""
    ### BEGIN SOLUTION
    log_probs = logits.log_softmax(dim=-1)
    final = log_probs[-1]
    return (final.exp() * (final - log_probs)).sum(dim=-1)
    ### END SOLUTION


# %% check="02.3"
check(kl_to_final)

# %%
plots.show(plots.plot_trajectories(path, story_path, what="kl_to_final"))

# %%
print("where it is read  entropy      KL  probability of the city")
columns = [each.mean(dim=1) for each in (path.entropy, path.kl_to_final, path.log_prob.exp())]
for point, *row in zip(path.points, *columns, strict=True):
    print(f"{point:16} {row[0]:8.2f} {row[1]:7.2f} {row[2]:8.4f}")

# %% hidden="numbers-kl"
assert about(torch.tensor(3072.0).log(), 8.03, 0.01)
assert about(path.entropy[2].mean(), 0.48, 0.05) and about(path.kl_to_final[2].mean(), 11.9, 0.3)
assert about(path.log_prob[-2].exp().mean(), 0.67, 0.03)
assert about(path.log_prob[-1].exp().mean(), 1.0, 0.01)

# %% [markdown]
# After layer 2 the city has a probability of 0.67 on average, after layer 3 of 1.00: the last layer does not find the answer, it makes it certain. That is a common division of labour. Before that the numbers are strange. After layer 1 the entropy is 0.48 nats, so the reading is *sure* of something, and its divergence is 11.9 nats, so what it is sure of is wrong. A blind guess is never more than 8.03 nats away. Something is speaking there, but hardly an early guess at the city.

# %% [markdown]
# ## 3. Who wrote it?
#
# The stream is a sum: embedding, every head, every MLP, and some biases. If LayerNorm were linear, the logit would be a sum too, with a share for each. It nearly is. LayerNorm subtracts the mean (linear), multiplies by a gain (linear), and divides by a scale $s$, one number for each position. Take $s$ as it was in this run, and the rest is linear ([Elhage21], "logit attribution"):
#
# $$\text{logit}(a) - \text{logit}(b) = \sum_{\text{parts } c} \frac{c - \bar{c}}{s} \odot \gamma \;\cdot\; \big(W_U[:, a] - W_U[:, b]\big) \;+\; \text{const.}$$
#
# Why a *difference* of two tokens? A logit alone means nothing: adding the same number to all of them changes no probability. The difference between the right city $a$ and a wrong one $b$ asks what speaks for this one against that one.

# %% [markdown]
# ## Exercise 2.4 · Divide a logit among its writers  ●●○ · 20 min · 3 points
#
# **Goal:** what each part adds along a direction, with LayerNorm's scale frozen. **Why:** it tells by name which parts of the network put the answer there.
#
# <details><summary>Hint 1</summary>
#
# Add up the parts to get the stream, and from it LayerNorm's scale. With this one scale each part is centred, divided, multiplied by the gain, and read along the direction.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `stream.var(unbiased=False)`, plus eps, then the root; `parts.mean(dim=-1, keepdim=True)` is what each part loses.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `(centred / scale * gain) @ direction`, or einsum `"part d_model, d_model -> part"`.
#
# </details>


# %% exercise="02.4" points=3
def direct_logit_attribution(
    parts: Float[Tensor, "part d_model"],
    gain: Float[Tensor, " d_model"],
    direction: Float[Tensor, " d_model"],
    eps: float,
) -> Float[Tensor, " part"]:
    """Return what each part adds along `direction` after the final LayerNorm (logits).

    The stream is the sum of the parts, and LayerNorm divides by sqrt(its variance + eps): one
    scale for all parts.
    """
    ### BEGIN SOLUTION
    stream = parts.sum(dim=0)
    scale = (stream.var(unbiased=False) + eps).sqrt()
    centred = parts - parts.mean(dim=-1, keepdim=True)
    return (centred / scale * gain) @ direction
    ### END SOLUTION


# %% check="02.4"
check(direct_logit_attribution)

# %% [markdown]
# **Predict first.** The lens says that the city appears in layer 2. Attention or MLP? One part or many?

# %%
my_guess = {"parts that write the city": []}

# %%
written = lens.direct_logit_attribution(model, facts, cities, rival_cities, positions=ends)
plots.show(plots.plot_attribution(written))

# %%
print(f"the parts add up to the logit difference within {written.error():.3f} logits")

# %% hidden="numbers-facts"
assert written.error() < 1e-4 or model.cfg.dtype != torch.float32
assert about(written.total.mean(), 13.78, 0.1)
if MODEL == "town":
    assert {name for name, _ in written.top(4)} == {"L2H4", "L2H6", "L2H5", "MLP 3"}
assert MODEL != "town" or about(written.of("L2H4"), 4.26, 0.1)
assert MODEL != "town" or about(written.of("L2H6"), 3.50, 0.1)
assert MODEL != "town" or about(written.of("L2H5"), 2.25, 0.1)
assert MODEL != "town" or about(written.of("MLP 3"), 3.15, 0.1)

# %% [markdown]
# Three heads of layer 2 write most of it, L2H4 with 4.3 logits, L2H6 with 3.5 and L2H5 with 2.2; MLP 3 adds 3.1, which is the "makes it certain" of section 2. Together they make most of the difference of 13.8. All of layers 0 and 1 adds nearly nothing. And the sum is exact up to rounding: the error is far below 1e-4 logits.
#
# Now the same heads in the other task. **Predict first:** will L2H4, L2H5 and L2H6 speak for the right name or against it?

# %%
in_stories = lens.direct_logit_attribution(model, stories, names, rival_names, positions=story_ends)
plots.show(plots.plot_attribution(in_stories))

# %% hidden="numbers-stories"
if MODEL == "town":
    assert [name for name, _ in in_stories.top(3)] == ["L2H1", "MLP 3", "L3H1"]
    quoted = {"L2H1": 9.2, "L3H1": 1.8, "L2H4": -0.7, "L2H5": -0.4, "L2H6": -0.4}
    assert all(abs(in_stories.of(name) - value) < 0.1 for name, value in quoted.items())

# %% [markdown]
# L2H1 carries this task with 9.2 logits, L3H1 adds 1.8, and the heads that wrote the city are slightly *negative*: -0.7, -0.4, -0.4. It is tempting to write "L2H1 moves the right name, and L2H4 to L2H6 oppose it". Both halves of this sentence are wrong.
#
# We only asked about a *difference*. A head that raises the right name, and one that lowers the wrong name, look the same in it. So ask two more questions with a third name, one that does not occur in the story: what raises the right name above it, and what raises the wrong name above it?


# %%
def bystanders(*taken):
    """For each prompt an answer of a later prompt that is none of `taken`."""
    rows = list(zip(*(each.tolist() for each in taken), strict=True))
    later = [names.roll(-1 - i).tolist() for i in range(len(rows))]
    found = [next(n for n in each if n not in row) for each, row in zip(later, rows, strict=True)]
    return torch.tensor(found)


third = bystanders(names, rival_names)

# %%
against_third = {"right name": names, "wrong name": rival_names}
heads = [name for name, _ in in_stories.top(8)]
print("over a third name", *(f"{head:>6}" for head in heads))
for who, ids in against_third.items():
    added = lens.direct_logit_attribution(model, stories, ids, third, positions=story_ends)
    against_third[who] = added
    print(f"{who:17}", *(f"{added.of(head):6.2f}" for head in heads))

# %% hidden="numbers-third"
right, wrong = against_third.values()
if MODEL == "town":
    assert abs(right.of("L2H1") - 0.7) < 0.4 and abs(wrong.of("L2H1") + 8.5) < 0.5
    for head in ("L2H4", "L2H5", "L2H6", "L2H7"):
        assert 2.9 < right.of(head) < 4.2 and 2.9 < wrong.of(head) < 4.6

# %% [markdown]
# L2H1 hardly touches the right name. It pushes the *wrong* one down, by more than 8 logits: it says "not the giver". And L2H4 to L2H7 do not oppose anybody. Each raises both names of the story, right and wrong, by 3 to 4 logits. They bring in whoever was mentioned; L2H1 strikes out one of the two. Because the induction heads raise both names about equally, the difference hid them: "-0.7" was the small rest of two large numbers.
#
# *An attribution answers exactly the question that its rival asks.* Always try a second rival.

# %% [markdown]
# There is another thing it cannot see. **Direct** attribution counts what a part wrote for the answer itself, and not what it did for others that wrote later. Early layers got almost 0 for facts. Take MLP 0 out, by putting its mean in its place, and see whether it is as idle as that.

# %%
mlp_0 = next(iter(lens.points_of(model, "mlp_out").values()))
mean = record(model, facts, mlp_0)[mlp_0].mean(dim=(0, 1))
without = edit(model, facts, {mlp_0: mean.expand_as})[torch.arange(len(facts)), ends]
left = logit_diff(without, cities, rival_cities).mean().item()
print(f"MLP 0 adds {written.of('MLP 0'):.2f} directly; without it {left:.2f} logits are left")

# %% hidden="numbers-indirect"
assert MODEL != "town" or about(written.of("MLP 0"), 0.07, 0.05)
assert about(left, 0.1, 0.3)

# %% [markdown]
# Directly it adds 0.07 of 13.8 logits; without it nothing is left. The heads of layer 2 need something that MLP 0 prepares. To trace such paths you need patching, the subject of chapter 07.

# %% [markdown]
# ## 4. Where the lens fails
#
# Go back to the strange numbers of section 2: a reading after layer 1 that was sure and wrong. To judge readings we need texts of all kinds, and levels to compare with. Three levels, from cheap to cheaper:
#
# - a **constant guess**: the reading of the *average* final stream, the same for every position;
# - a **blind guess**: all tokens equally likely;
# - a **random basis**: the stream turned by a random rotation, and then read as usual. It keeps lengths and angles and loses only the agreement with $W_U$.
#
# **Predict first.** Where does the reading of the embedding come to lie among the three?

# %%
from mi_course.metrics import kl_divergence
from mi_course.worlds.town.corpus import stream


def texts(seed, n, *, split="train", length=64):
    """The first `length` tokens of n documents."""
    rows = (model.to_tokens(document.text)[0] for document in stream(seed, split=split))
    long = (row[:length] for row in rows if len(row) >= length)
    return torch.stack([next(long) for _ in range(n)])


# %%
my_guess = {"KL of the embedding's reading, in nats": None, "better than": []}

# %%
new = texts("chapter 02, new", 24)
bos = model.tokenizer.bos_token_id
plain = lens.text_trajectories(model, new, name="tokens", skip=bos)
plots.show(plots.plot_kl_by_layer(plain))

# %%
_, resid, final = lens.stream(model, new)
resid, final = resid[:, :, 1:-1].flatten(1, 2), final[:, 1:-1].flatten(0, 1)  # as in the figure
end = lens.unembed(model, final).detach()


def far(x, to=end):
    """Mean KL(final prediction || reading of x), in nats."""
    return kl_divergence(to, lens.unembed(model, x).expand_as(to)).mean().item()


# %%
blind = (torch.tensor(float(model.cfg.d_vocab)).log() - entropy(end).mean()).item()
constant = far(final.mean(dim=0))
print(f"constant guess {constant:.2f}, blind guess {blind:.2f} nats")

# %%
d_model, generator = model.cfg.d_model, torch.Generator().manual_seed(0)
turn = torch.linalg.qr(torch.randn(d_model, d_model, generator=generator)).Q.to(final)
for point, x in zip(points, resid, strict=True):
    own = entropy(lens.unembed(model, x)).mean().item()
    print(f"{point:14} lens {far(x):5.2f} (entropy {own:.2f}), random basis {far(x @ turn):5.2f}")

# %% hidden="numbers-levels"
quoted = [13.5, 6.2, 4.4, 1.1, 0.0]
assert all(map(about, map(far, resid), quoted, [0.2] * 5))
assert about(constant, 6.2, 0.1) and about(blind, 7.0, 0.1)
assert MODEL != "town" or abs(far(resid[0] @ turn) - 12.5) < 1
assert about(entropy(lens.unembed(model, resid[0])).mean(), 0.91, 0.05)

# %% [markdown]
# **A reading that is worse than nothing.** At the embedding the lens is 13.5 nats from the final prediction. A blind guess is 7.0 away, a constant one 6.2. The lens is worse there than in a random basis (12.5), where it has no right to say anything. And it is not modest about it: its entropy is 0.91 nats. After layer 0 it is 6.2, no better than a guess that has not looked at the text at all. Only after layer 2, with 1.1, does it deserve the word "prediction".
#
# So the first rows of our grid did not show early guesses. What did they show? Ask which token the reading of the embedding likes best.

# %%
seen = new[:, 1:-1].flatten().to(end.device)
for point, x in zip(points, resid, strict=True):
    best = lens.unembed(model, x).argmax(dim=-1)
    print(f"{point:14} best token is the one just read: {(best == seen).float().mean():.2f}")

# %% hidden="numbers-seen"
shares = [(lens.unembed(model, x).argmax(dim=-1) == seen).float().mean() for x in resid]
assert about(shares[0], 0.83, 0.03) and about(shares[1], 0.13, 0.03)
assert MODEL != "town" or max(shares[2:]) < 0.05

# %% [markdown]
# At the embedding it is the token just read, in 83 % of all places. Naturally: the stream *is* that token's embedding there. (This model began its training with $W_U$ as a faint copy of $W_E$, and GPT-2 ties the two for good.) The lens answers "which token's unembedding does this vector resemble?" At the end of the network that means "what comes next". At the beginning it means "what was here". In between it may mean neither.

# %% [markdown]
# ### The basis drifts
#
# The first reading speaks of the past, the last of the future: on its way the stream changes its language. How fast? Three simple measurements at each point: how long the stream is, how much of it is one and the same mean vector, and how much its direction, after the mean has been taken off, resembles the same position's final direction.


# %%
def drift(x):
    mean, centred, last = x.mean(dim=0), x - x.mean(dim=0), final - final.mean(dim=0)
    shared = mean.norm() ** 2 / (x.norm(dim=-1) ** 2).mean()
    cosine = torch.cosine_similarity(centred, last, dim=-1).mean()
    return x.norm(dim=-1).mean().item(), shared.item(), cosine.item()


for point, x in zip(points, resid, strict=True):
    length, shared, cosine = drift(x)
    print(f"{point:14} length {length:5.1f}, mean's share {shared:.2f}, cosine to end {cosine:.2f}")

# %% hidden="numbers-drift"
drifts = [drift(x) for x in resid]
assert about(drifts[0][0], 2.6, 0.1) and about(drifts[-1][0], 130, 5)
assert about(drifts[2][1], 0.65, 0.04) and about(drifts[2][2], 0.34, 0.03)
assert about(drifts[0][2], 0.12, 0.03) and about(drifts[-2][2], 0.57, 0.04)

# %% [markdown]
# The stream grows fifty times as long, from 2.6 to 130. After layer 1 no less than 0.65 of its squared length is a mean that all positions share: it tells nothing about the text, and the lens reads it all the same. And what differs between positions turns on its way: its cosine with the final direction is 0.12 at the embedding, 0.34 after layer 1 and 0.57 after layer 2.
#
# This is why the rank of the city rose after layer 1 in section 2. The model did not forget the city. The lens held a dictionary of the last layer against a text in another language.

# %% [markdown]
# ## 5. Learn the language of each layer
#
# If each point has its own basis, translate it. The **tuned lens** puts an affine map before the two last steps, one for each point ([Belrose23], section 3):
#
# $$x' = x + x A + b \qquad\qquad \text{loss} = \mathrm{KL}\big(\text{final prediction} \;\|\; \mathrm{LayerNorm}(x')\, W_U\big)$$
#
# $A$ and $b$ start at zero, where it *is* the logit lens, and are trained to say what the model will say in the end. Note what they are not trained for: the right answer. A translator that knew better than the model would be punished for it.

# %% [markdown]
# ## Exercise 2.5 · What a translator loses  ●●○ · 15 min · 3 points
#
# **Goal:** the mean divergence, in nats, of translated readings from the final prediction. **Why:** training needs it, and so does every comparison of two lenses.
#
# <details><summary>Hint 1</summary>
#
# Translate the activations, read them and the final stream with the model's own last two steps, and take the mean of KL(final || reading).
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model.unembed(model.ln_final(x[None]))[0]` reads rows of positions (the bridge wants a batch axis); then `log_softmax`, as in the exercise before.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Both log-probabilities have axes `pos d_vocab`; sum over `d_vocab`, mean over `pos`.
#
# </details>


# %% exercise="02.5" points=3
def tuned_lens_loss(
    model,
    resid: Float[Tensor, "pos d_model"],
    A: Float[Tensor, "d_model d_model"],
    b: Float[Tensor, " d_model"],
    final: Float[Tensor, "pos d_model"],
) -> Float[Tensor, ""]:
    """Return the mean KL(final prediction || reading of resid + resid A + b), in nats."""
    ### BEGIN SOLUTION
    translated = resid + resid @ A + b
    end = model.unembed(model.ln_final(final[None]))[0].log_softmax(dim=-1)
    read = model.unembed(model.ln_final(translated[None]))[0].log_softmax(dim=-1)
    divergence = reduce(end.exp() * (end - read), "pos d_vocab -> pos", "sum")
    return divergence.mean()
    ### END SOLUTION


# %% check="02.5"
check(tuned_lens_loss)

# %% [markdown]
# ## Exercise 2.6 · Train a translator  ●●● · 25 min · 4 points
#
# **Goal:** A and b after some steps of plain gradient descent from zero. **Why:** there is nothing more to a tuned lens than this loop.
#
# <details><summary>Hint 1</summary>
#
# Start A and b at zero. In each step compute the loss, its gradients for A and b, and subtract lr times the gradient from each.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `tuned_lens_loss` is your loss (`cross_entropy(logits, final_probs)` from `torch.nn.functional` has the same gradient); `torch.autograd.grad(loss, [A, b])`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# A has axes `d_model d_model`, b `d_model`; both need `requires_grad_()` again after a `detach()`.
#
# </details>


# %% exercise="02.6" points=4
def train_translator(
    model,
    resid: Float[Tensor, "pos d_model"],
    final: Float[Tensor, "pos d_model"],
    steps: int,
    lr: float,
) -> tuple[Float[Tensor, "d_model d_model"], Float[Tensor, " d_model"]]:
    """Return A and b after `steps` of gradient descent on the tuned lens loss, from zero.

    Each step uses all positions and subtracts lr times the gradient.
    """
    ### BEGIN SOLUTION
    A = torch.zeros(resid.shape[-1], resid.shape[-1], requires_grad=True)
    b = torch.zeros(resid.shape[-1], requires_grad=True)
    for _ in range(steps):
        loss = tuned_lens_loss(model, resid, A, b, final)
        grad_A, grad_b = torch.autograd.grad(loss, [A, b])
        A = (A - lr * grad_A).detach().requires_grad_()
        b = (b - lr * grad_b).detach().requires_grad_()
    return A.detach(), b.detach()
    ### END SOLUTION


# %% check="02.6"
check(train_translator)

# %% [markdown]
# The course's version trains all points at once, and it starts better: with a ridge regression from each point's activations to the last point's, which has a solution in closed form. Then come steps with momentum, each held short, in place of plain descent. Here is the regression alone, sixty steps more on 2,048 tokens, and a lens that took three thousand steps on a hundred thousand tokens and comes with the model.

# %%
old = texts("chapter 02", 32)
lenses = {f"{n} steps": lens.train_translators(model, old, steps=n) for n in (0, 60)}
lenses["shipped"] = lens.load_translators(MODEL) if MODEL == "town" else lenses["60 steps"]


# %%
def through(translators, rows=new):
    """Readings of all tokens through a lens."""
    named = {"name": "tokens", "skip": bos, "translators": translators}
    return lens.text_trajectories(model, rows, **named)


print("KL to the end    ", "   ".join(points[:-1]))
for name, translators in {"logit lens": None, **lenses}.items():
    nats = through(translators).kl_to_final.mean(dim=1).tolist()[:-1]
    print(f"{name:12}", *(f"{each:14.2f}" for each in nats))

# %% [markdown]
# **Predict first.** What will the shipped lens make of the facts? In particular: will the city still get worse after layer 1?

# %%
my_guess = {"median rank of the city, tuned lens": []}

# %%
tuned = lenses["shipped"]
read_at = {"positions": ends, "name": "facts"}
tuned_path = lens.answer_trajectories(model, facts, cities, **read_at, translators=tuned)
plots.show(plots.plot_trajectories(path, tuned_path))

# %%
plots.show(plots.plot_kl_by_layer(plain, through(tuned)))

# %% hidden="numbers-tuned"
if MODEL == "town":
    nats = through(tuned).kl_to_final.mean(dim=1).tolist()
    assert all(map(about, nats, [2.35, 1.75, 0.92, 0.14, 0.0], [0.1, 0.1, 0.05, 0.02, 0.01]))
    ranks = tuned_path.median_rank().tolist()
    assert all(map(about, ranks, [85, 40, 30, 0, 0], [9, 8, 5, 0.5, 0.5]))
    alone = through(lenses["0 steps"]).kl_to_final.mean(dim=1)[0]
    assert abs(alone - 5.3) < 0.2

# %% [markdown]
# Even the regression alone, without a single gradient step, takes the embedding from 13.5 nats to 5.3. The shipped lens leaves 2.4, 1.8, 0.9 and 0.14 nats from the embedding to layer 2, where the logit lens had 13.5, 6.2, 4.4 and 1.1. And the median rank of the city is now 85, 40, 30 and 0: it falls at every step. Nothing was forgotten after layer 1. It was said in another language.
#
# What is left is not a fault of the translator alone. At the embedding no lens can know what was said before this token; 2.4 nats is what is left when only the last word is known.
#
# Two warnings. A translator is trained on the model's output, so it may use whatever *correlates* with that output, whether or not the model uses it: it shares this weakness with the probes of chapter 03. And it is trained on some texts. Try others, with phrasings that stood in no training text:

# %%
unseen = texts("chapter 02, unseen", 24, split="heldout")
for name, translators in {"logit lens": None, "tuned lens": tuned}.items():
    nats = through(translators, unseen).kl_to_final.mean(dim=1)[-2].item()
    print(f"unseen wording, {points[-2]}: {name} {nats:.2f} nats")

# %% hidden="numbers-unseen"
assert about(nats, 0.96, 0.1)
assert about(through(None, unseen).kl_to_final.mean(dim=1)[-2], 1.89, 0.15)

# %% [markdown]
# On unseen wording the tuned lens is 1.0 nats away after layer 2, in place of 0.14 (the logit lens: 1.9). The last layer corrects more there, and a translator that learned what the last layer usually does cannot know it.

# %% [markdown]
# ## 6. Let the model explain itself
#
# A lens asks one question of an activation: which token comes next *here*? But an activation at ` Trevi` in *The Trevi Fountain* has other things to tell than the next word. **Patchscopes** turn the lens into a general frame ([Ghandeharioun24], section 3): take the activation from a *source* prompt, apply a map $f$, put it in place of an activation of a *target* prompt, and let the model run on.
#
# $$\text{target run:}\quad x^{(\ell^*)}_{i^*} \;\leftarrow\; f\big(x^{(\ell)}_{i} \text{ of the source run}\big)$$
#
# The target prompt is the question. With the last layer for $\ell^*$ nothing is left of the target but the model's own two last steps: that is the logit lens if $f$ changes nothing, and the tuned lens if $f$ is a translator. With an earlier $\ell^*$ the model's own later layers do the reading, and nothing has to be trained.

# %% [markdown]
# ## Exercise 2.7 · Ask another prompt  ●●● · 20 min · 4 points
#
# **Goal:** the target's logits when one activation of its stream is taken from the source. **Why:** with this one function you can ask any question that can be put into words.
#
# <details><summary>Hint 1</summary>
#
# Run the source once and keep one activation of each row; run the target with a hook that puts it in place of one activation of its own.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model.run_with_cache(source, names_filter=name)`, then `model.run_with_hooks(target, fwd_hooks=[(name, put)])`; `put` gets `(resid, hook)` and returns resid.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The stream has axes `batch pos d_model`; what is taken, `cache[name][:, read[1]]`, has `batch d_model`.
#
# </details>


# %% exercise="02.7" points=4
def patchscope(
    model,
    source: Int[Tensor, "batch source_pos"],
    target: Int[Tensor, "batch target_pos"],
    read: tuple[int, int],
    write: tuple[int, int],
) -> Float[Tensor, "batch target_pos d_vocab"]:
    """Return the target's logits with the stream at `write` taken from the source at `read`.

    A place is (layer, position): the stream after that layer, `blocks.{layer}.hook_resid_post`.
    """
    ### BEGIN SOLUTION
    name = f"blocks.{read[0]}.hook_resid_post"
    _, cache = model.run_with_cache(source, names_filter=name)
    taken = cache[name][:, read[1]]

    def put(resid, hook):
        resid[:, write[1]] = taken
        return resid

    return model.run_with_hooks(target, fwd_hooks=[(f"blocks.{write[0]}.hook_resid_post", put)])
    ### END SOLUTION


# %% check="02.7"
check(patchscope)

# %% [markdown]
# First the two old lenses as special cases. Source and target are the sentence about the Eiffel Tower; its activation after layer 1 goes into the last layer, at the same place.

# %%
_, resid, _ = lens.stream(model, tokens)
x, name = resid[2, 0, 4], lens.points_of(model)["after layer 1"]
place = {"source_layer": 1, "target_layer": model.cfg.n_layers - 1}
place |= {"source_pos": 4, "target_pos": 4}
maps = {"logit lens": lambda x: x, "tuned lens": lambda x: tuned.apply(name, x)}
for kind, f in maps.items():
    asked = lens.patchscope(model, tokens, tokens, **place, mapping=f)[0, 4]
    apart = (asked - lens.unembed(model, f(x))).abs().max().item()
    print(f"{kind}: {apart:.3f} logits apart")

# %% hidden="numbers-special"
assert apart < 1e-3 or model.cfg.dtype != torch.float32

# %% [markdown]
# Now a question that no lens can ask. The sources are landmarks of two tokens, such as *The Trevi Fountain*. The target is *The museum is in the city of*, a sentence about no place in particular, and we replace the stream at ` museum`. If the model then names the source's city, the activation held enough for the model to find it.

# %%
from mi_course.worlds.town.geography import FACTS_TRAIN


def pieces(word):
    return model.tokenizer.encode(f" {word}", add_special_tokens=False)


known = [f for f in FACTS_TRAIN if len(pieces(f.landmark)) == 2 and len(pieces(f.city)) == 1]
landmarks = torch.cat([model.to_tokens(f"The {fact.landmark}") for fact in known])
their_cities = torch.tensor([pieces(fact.city)[0] for fact in known])
print(len(known), "landmarks, such as", ", ".join(fact.landmark for fact in known[:3]))

# %%
question = model.to_tokens("The museum is in the city of")
museum = model.to_tokens("The museum").shape[1] - 1


def named(source_layer, source_pos, target_layer):
    """Share of landmarks whose city the target sentence then names."""
    there = {"target_layer": target_layer, "target_pos": museum}
    place = {"source_layer": source_layer, "source_pos": source_pos, **there}
    said = lens.patchscope(model, landmarks, question, **place)[:, -1].argmax(dim=-1)
    return (said.cpu() == their_cities).float().mean().item()


# %% [markdown]
# **Predict first.** We read after each layer and write after the same layer, once at the landmark's first token (` Trevi`) and once at its last (` Fountain`), where the whole name has been read. Which of the two knows the city, and from which layer on?

# %%
my_guess = {"first or last token": "", "from which layer on": None}

# %%
# -1 is the embedding; of a deep model we take some layers.
layers = range(-1, model.cfg.n_layers, max(1, model.cfg.n_layers // 6))
for which, pos in {"first token": -2, "last token": -1}.items():
    told = [f"{points[layer + 1]} {named(layer, pos, layer):.2f}" for layer in layers]
    print(f"{which}:", ", ".join(told))

# %% [markdown]
# And what do the lenses read at the same places?

# %%
for which, back in {"first token": 2, "last token": 1}.items():
    at = torch.full((len(landmarks),), landmarks.shape[1] - back)
    for each in (None, tuned):
        asked = {"positions": at, "name": f"landmarks, {which}", "translators": each}
        plots.tell(lens.answer_trajectories(model, landmarks, their_cities, **asked))

# %% hidden="numbers-patchscope"
if MODEL == "town":
    assert len(known) == 76 and len(landmarks[0]) == 4
    assert all(abs(named(layer, -2, layer) - 0.99) < 0.03 for layer in (-1, 0, 1))
    assert max(named(layer, -2, layer) for layer in (2, 3)) < 0.03
    shares = [named(layer, -1, layer) for layer in (-1, 0, 1)]
    assert all(map(about, shares, [0.24, 0.32, 0.16], [0.04] * 3))

# %% hidden="numbers-landmarks"
if MODEL == "town":
    at = {"positions": torch.full((76,), 2), "name": "landmarks"}
    for each, at_first, after_1 in ((None, 3, 890), (tuned, 496, 1274)):
        read = lens.answer_trajectories(model, landmarks, their_cities, **at, translators=each)
        ranks = read.median_rank()
        assert abs(ranks[0] - at_first) < 2 + 0.1 * at_first and abs(ranks[2] - after_1) < 90
    following = model(model.to_tokens("The Trevi"))[0, -1].argmax().item()
    assert model.tokenizer.decode([following]) == " Fountain"

# %% [markdown]
# After layer 1 both lenses see nothing at the landmark's first token: the city ranks 890 and 1,274, of 3,072. From the very same activation the target sentence names the right city for 99 % of the landmarks. What the model would say *next* after *The Trevi* is ` Fountain`, so that is what a lens reads. (At the embedding the logit lens has the city at rank 3, because words that go together lie close together; the tuned lens, which has learned what *follows*, has it at 496.) What it *knows* there is another question, and it takes another prompt to ask it.
#
# And it is the first token, not the last. If you expected the name to be complete before anything could be known, so did we: at the last token it is 0.24, 0.32 and 0.16.
#
# Now be as hard on this method as we were on the lens. It says 0.99 already at the *embedding*. But the embedding of ` Trevi` is just that word, and to write it over ` museum` is to write *The Trevi is in the city of*. No city is stored there; the layers that come after look it up. **A Patchscope tests an activation together with its reader.** And the 0.00 after layer 2? Has the city left? Keep what is read apart from where it is written:

# %%
print(" " * 16, *(f"{points[layer + 1]:>14}" for layer in layers))
for layer in layers:
    shares = [named(layer, -2, to) for to in layers]
    print(f"{points[layer + 1]:16}", *(f"{share:14.2f}" for share in shares))

# %% hidden="numbers-cross"
if MODEL == "town":
    assert about(named(2, -2, 1), 0.91, 0.04) and about(named(2, -2, -1), 0.99, 0.03)
    assert about(named(3, -2, -1), 0.93, 0.04) and named(3, -2, 1) < 0.05
    assert max(named(layer, -2, 2) for layer in layers) < 0.03

# %% [markdown]
# Rows say where it was read, columns where it was written. The activation after layer 2 gives 0.00 when it is written after layer 2, but 0.91 when it is written after layer 1, and even the one after layer 3 still gives 0.93 at the embedding. The landmark never left. The last two columns are empty because there is no reader any more: whatever fetches the city sits in layer 2. We have met these heads. Where do they look, from the last token of *The Trevi Fountain is in the city of*?

# %%
sentences = [model.to_tokens(f"The {fact.landmark} is in the city of") for fact in known]
first = landmarks.shape[1] - 2
for layer, head in [(2, 4), (2, 5), (2, 6)] if MODEL == "town" else [(1, 0)]:
    hook = f"blocks.{layer}.attn.hook_pattern"
    looks = record(model, torch.cat(sentences), hook)[hook][:, head, -1].mean(dim=0)
    print(f"L{layer}H{head}: first token {looks[first]:.2f}, last token {looks[first + 1]:.2f}")

# %%
different = [len(landmarks[:, first + i].unique()) for i in (0, 1)]
print(f"{len(known)} landmarks: {different[0]} different first tokens, {different[1]} last ones")

# %% hidden="numbers-heads"
if MODEL == "town":
    assert different == [75, 54] and looks[first] > 0.88
    hook = "blocks.2.attn.hook_pattern"
    looks = record(model, torch.cat(sentences), hook)[hook][:, 4:7, -1, first].mean(dim=0)
    assert all(map(about, looks, [0.94, 0.77, 0.93], [0.04] * 3))

# %% [markdown]
# L2H4, L2H5 and L2H6 put 0.94, 0.77 and 0.93 of their attention on the landmark's *first* token. They are the heads to which section 3 gave the largest shares. So the account closes, from three sides: the lens saw the city arrive in layer 2, attribution named the heads, and the Patchscope found where they fetch it. And why the first token? The 76 landmarks have 75 different first tokens and only 54 last ones. The first word tells nearly everything, and a model learns what suffices. (In GPT-2 XL facts were traced to the *last* token of the subject: Meng et al. 2022, section 2. Do not carry our finding over.)

# %% [markdown]
# ## 7. Browse for yourself

# %%
widgets.LensBrowser(model, FACT, translators=tuned)

# %% [markdown]
# Change what is read (the stream, or what attention and MLP wrote), the lens, and what the colour shows. Type a sentence with a name that comes back. At which point does the model know, and where does the logit lens disagree with the tuned one?

# %% [markdown]
# ## Open question 2.A · The layer at which it decides · 6 points
#
# A colleague reads a model of 32 layers with the logit lens. On *The Eiffel Tower is in the city of* the rank of ` Paris` is about 4,000 up to layer 20, and 0 from layer 21 on. He writes: "Up to layer 20 the model does not know the answer. It decides at layer 21." Which measurements would you make before you agree, what would each show if the sentences were true, and which result would change your mind? Write half a page. There is no check; your teacher has a rubric.

# %% [markdown] open="02.A"
# *Write your answer here, in place of this line.*

# %% [markdown] hidden="rubric"
# **Rubric, 6 points** (the order does not matter)
#
# - 1 point: many prompts and a spread, not one example; other phrasings of the same question.
# - 1 point: how good the reading is at layers 10 to 20: KL to the end, or a tuned lens beside it. A rank of 4,000 may be the lens's fault.
# - 1 point: a level to compare with: a constant guess, a wrong city of the same kind, or readings of prompts whose answer the model does not know.
# - 1 point: says that a lens reads a position, and asks what the other positions, such as the subject's, held before layer 21.
# - 1 point: an intervention: put in or take away the stream, or what layer 21 wrote, and see whether the answer moves. A reading alone decides nothing.
# - 1 point: for at least two of these a result that would change the mind, with a number or a comparison.
#
# "Decides" may be given up altogether: a good answer notes that certainty can grow after layer 21, and that several layers may bring the answer twice.

# %% [markdown]
# ## Stretch (no hints)
#
# How foreign are the languages of two layers to each other? A translator that was trained for one point can be applied to the activations of another. Make the table of all pairs, and say from it where the stream changes its language most. Then think of a reason, other than the language, why a translator may fail on another layer's activations, and of a measurement that would tell the two apart.

# %% [markdown] hidden="stretch"
# **One way to do it.** Apply each translator to each point and measure the divergence from the final prediction, a "transfer penalty" in the words of [Belrose23]. The other reason: length and mean. The stream of a later layer is longer and its mean lies elsewhere, so even in the same language a translator's $b$ and its scale would be wrong. Bring each point's mean and typical length to those of the translator's own point first; what is then left of the loss is language.


# %% hidden="stretch-code"
print("translator (rows) applied to a point (columns), KL in nats")
own_mean, own_length = [], []
_, stream_at, _ = lens.stream(model, new)
stream_at = stream_at[:-1, :, 1:-1].flatten(1, 2)[:, ::4]  # a quarter is enough
for x in stream_at:
    own_mean.append(x.mean(dim=0))
    own_length.append((x - x.mean(dim=0)).norm(dim=-1).mean())
for i, name in enumerate(tuned.names):
    moved = [
        (x - own_mean[j]) * own_length[i] / own_length[j] + own_mean[i]
        for j, x in enumerate(stream_at)
    ]
    asis = [far(tuned.apply(name, x), end[::4]) for x in stream_at]
    fair = [far(tuned.apply(name, x), end[::4]) for x in moved]
    print(f"{points[i]:14}", *(f"{a:6.2f} ({b:5.2f})" for a, b in zip(asis, fair, strict=True)))

# %% [markdown]
# ## What you have found
#
# 1. The stream can be read early, with the model's own last two steps. Where the answer comes in, the readings show it: for facts and for names, in layer 2 of 4.
# 2. Attribution divides a logit among its writers exactly, but only for the direct path and only against the rival you chose.
# 3. Early readings can be worse than no guess at all, because the stream changes its language. A translator undoes that; another prompt can ask what no lens asks.
#
# | term | meaning |
# |---|---|
# | residual stream | one vector for each token, to which every layer adds |
# | logit lens | final LayerNorm and unembedding, applied to a point of the stream before the last |
# | rank | how many tokens have a higher logit than the answer; 0 is the best |
# | entropy | how undecided a prediction is, nats |
# | KL to the end | what it costs to believe a reading in place of the final prediction, nats |
# | direct logit attribution | the share of each part in a logit difference, with LayerNorm's scale as it was |
# | rival | the token whose logit is subtracted |
# | basis drift | the same content is written in other directions at another layer |
# | tuned lens | an affine translator before the logit lens, trained by KL to the final prediction |
# | Patchscope | an activation of one prompt put into another, and what the model then says |
#
# **What this does not show.** A reading is not a use: that the city can be read after layer 2 does not prove that the rest of the model reads it there. The town has 3,072 tokens and its facts are regular; two tasks out of a whole language do not make a law about where answers arise. The model has four layers, so "at once" may be "over ten layers" elsewhere: in GPT-2 the readings sharpen gradually ([nostalgebraist20]), and for some models the logit lens fails nearly to the end ([Belrose23], section 2). Attribution froze the LayerNorm scale, which the parts also change. The tuned lens was trained on the town's own texts. And a Patchscope's target prompt is out of the ordinary for the model: what it says there may say more about the prompt than about the activation.
#
# **Further reading.** [nostalgebraist20] *interpreting GPT: the logit lens*, with the first grids. [Belrose23] Belrose et al., *Eliciting Latent Predictions from Transformers with the Tuned Lens*, sections 2 to 4. [Ghandeharioun24] Ghandeharioun et al., *Patchscopes: A Unifying Framework for Inspecting Hidden Representations of Language Models*, sections 3 and 4. [Elhage21] *A Mathematical Framework for Transformer Circuits*, on the stream as a sum. Geva et al. (2023), *Dissecting Recall of Factual Associations in Auto-Regressive Language Models*, on facts in larger models.
#
# **Next.** A lens asks for words. But much of what a network knows is not a word: that this is Russian, that the bracket is still open, that the year in the header is 2024. How do you find something for which there is no token? Chapter 03 trains probes, and asks when to believe them.
