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
# # 07 · IOI patching
#
# **Which parts of a network does an answer pass through, and how would you prove it?**
#
# *When Mary and John went to the kitchen, John gave the flower to*: our model says ` Mary`. Chapter 02 divided that logit among its writers. Four heads of layer 2 raised *both* names, and one wrote against the name that comes twice. But attribution sees the last step only, and it is arithmetic, not an experiment. This chapter experiments: it takes activations out, puts others in, and watches the answer.

# %% tags=["setup"]
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course import plots, widgets
from mi_course.activations import edit, record
from mi_course.grading import check
from mi_course.methods import patching
from mi_course.metrics import logit_diff as course_logit_diff
from mi_course.models import load
from mi_course.worlds import tasks

# %%
MODEL = "town"  # or "openai-community/gpt2", or a directory with a checkpoint
model = load(MODEL)
stories = tasks.ioi(model.tokenizer, 60, seed=0, corruption="abc")
# What chapter 02 found, and [Wang22] in GPT-2; in another model these are just some heads.
KNOWN = {"town": ("L2H4", "L2H5", "L2H6", "L2H7")}
KNOWN |= {"openai-community/gpt2": ("L9H6", "L9H9", "L10H0")}
MOVERS = KNOWN.get(MODEL, ("L1H0", "L1H1"))

# %% [markdown]
# **Predict first.** We silence the four heads that raise the names, all at once. What happens to the logit of the right name minus the logit of the wrong one, which is 14.1 on average? And to the probability of the right name, which is 1.00?

# %%
my_guess = {"logit difference": None, "probability": None}

# %%
for metric in ("logit_diff", "probability"):
    without = patching.ablate(model, stories, [(), MOVERS], metric=metric)
    print(f"{metric:12} whole {without.values[0]:6.2f}, without the four {without.values[1]:6.2f}")


# %% hidden="numbers-opening"
def about(value, quoted, within):
    """Whether a number is the one that the prose quotes; other models have other numbers."""
    return MODEL != "town" or abs(float(value) - quoted) <= within


assert about(without.values[0], 1.0, 0.01) and about(without.values[1], 0.02, 0.015)
by_difference = patching.ablate(model, stories, [(), MOVERS]).values
assert about(by_difference[0], 14.1, 0.3) and about(by_difference[1], 15.6, 0.4)

# %% [markdown]
# The probability falls from 1.00 to 0.02: the model no longer names anybody. And the logit difference *rises*, from 14.1 to 15.6. By one number the four heads are everything, by the other they are slightly in the way.
#
# Both numbers are right. They answer different questions, and most of the skill in this chapter is to know which one you asked.
#
# **You will be able to**
#
# 1. patch any activation of one run into another, and read the effect on a scale from 0 to 1;
# 2. find where in layers and positions an answer travels, and through which heads;
# 3. approximate all patches at once, and say where that goes wrong;
# 4. cut a single path, name heads by stated criteria, and test a circuit for faithfulness, completeness and minimality;
# 5. show when an ablation, a metric or a corruption misleads.
#
# **Time:** about four hours with seven exercises; the notebook itself runs in two minutes. **The answer** will look like this: ten heads of 32 that keep 94 % of the behaviour, each with a part, and a prediction about sentences that the model gets wrong.

# %% [markdown]
# ## 1. Two runs that differ in one fact
#
# An activation holds everything that the model knows at that point: grammar, place, mood. To ask about *one* fact we need a second prompt that differs in nothing else. Exchange the giver, and the answer flips ([Wang22], section 2):
#
# | | prompt | answer |
# |---|---|---|
# | clean | When Mary and John went to the kitchen, **John** gave the flower to | Mary |
# | corrupted | When Mary and John went to the kitchen, **Mary** gave the flower to | John |
#
# Some names for places: **IO** is the receiver's name (*Mary*), **S1** and **S2** are the two mentions of the giver, **END** is the last token. In half of our prompts the receiver is named first, in half the giver.

# %%
pairs = tasks.ioi(model.tokenizer, 60, seed=0)
for pair in pairs.pairs[2:4]:
    print(f"clean      {pair.clean} ->{pair.answer}")
    print(f"corrupted  {pair.corrupted} ->{pair.wrong}")

# %% [markdown]
# To compare runs we need one number. Adding a constant to all logits changes no probability, so a logit alone means nothing; the **logit difference** does:
#
# $$\mathrm{LD} = \text{logit}(\text{answer}) - \text{logit}(\text{wrong})$$
#
# It is 0 where the model cannot decide between the two names, and its exponential says how many times more likely one is than the other.

# %% [markdown]
# ## Exercise 7.1 · One number for one prompt  ●○○ · 10 min · 2 points
#
# **Goal:** the logit difference of each prompt, at its own last token. **Why:** every experiment below is judged by it. (`mi_course.metrics.logit_diff` is the course's own; yours must find the position too.)
#
# <details><summary>Hint 1</summary>
#
# For each prompt take its own answering position, and there two entries: the answer's and the wrong token's.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Index with three lists of equal length: `logits[torch.arange(len(logits)), ends, answers]`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Three index tensors with the axis `batch` pick one entry for each row: what is left has the axis `batch`.
#
# </details>


# %% exercise="07.1" points=2
def logit_diff(
    logits: Float[Tensor, "batch pos d_vocab"],
    ends: Int[Tensor, " batch"],
    answers: Int[Tensor, " batch"],
    wrongs: Int[Tensor, " batch"],
) -> Float[Tensor, " batch"]:
    """Return logit(answer) - logit(wrong) at the answering position of each prompt."""
    ### BEGIN SOLUTION
    rows = torch.arange(len(logits))
    return logits[rows, ends, answers] - logits[rows, ends, wrongs]
    ### END SOLUTION


# %% check="07.1"
check(logit_diff)

# %%
batch = patching.patch_prompts(model, pairs)  # prompts as tensors, with ends, answers, places
rows = torch.arange(len(batch))


def difference(logits):
    """Logit difference of each prompt, by the course's own function."""
    return course_logit_diff(logits[rows, batch.ends], batch.answers[:, 0], batch.wrongs[:, 0])


with torch.no_grad():
    clean, corrupted = difference(model(batch.clean)), difference(model(batch.corrupted))
print(f"clean {clean.mean():.1f}, corrupted {corrupted.mean():.1f}")

# %% hidden="numbers-runs"
assert about(clean.mean(), 13.8, 0.3) and about(corrupted.mean(), -15.2, 0.3)

# %% [markdown]
# The clean run is at 13.8, the corrupted one at -15.2. A third run starts from one of them and takes *one* activation from the other. Where it lands between the two says how much of the difference passed through that activation:
#
# $$\text{effect} = \frac{\mathrm{LD}(\text{patched}) - \mathrm{LD}(\text{corrupted})}{\mathrm{LD}(\text{clean}) - \mathrm{LD}(\text{corrupted})}$$
#
# with means over prompts. To put a clean activation into the corrupted run is **denoising**: does this place *suffice* to bring the answer back? To put a corrupted one into the clean run is **noising**: is this place *needed*? On this scale denoising climbs from 0 and noising falls from 1.

# %% [markdown]
# ## Exercise 7.2 · From 0 to 1  ●○○ · 10 min · 2 points
#
# **Goal:** normalised effects of many patches over many prompts. **Why:** 3.1 logits say nothing by themselves; 0.11 of the way does.
#
# <details><summary>Hint 1</summary>
#
# Average over prompts first. Then ask how far the patched mean has come from the corrupted mean, as a fraction of the whole way to the clean mean.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Subtract `corrupted.mean()` above and below, and divide.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `patched.mean(dim=1)` turns `cell batch` into `cell`; the other two means are single numbers.
#
# </details>


# %% exercise="07.2" points=2
def patching_effect(
    patched: Float[Tensor, "cell batch"],
    clean: Float[Tensor, " batch"],
    corrupted: Float[Tensor, " batch"],
) -> Float[Tensor, " cell"]:
    """Return how far each patch moves the mean from the corrupted (0) to the clean run (1)."""
    ### BEGIN SOLUTION
    gap = clean.mean() - corrupted.mean()
    return (patched.mean(dim=1) - corrupted.mean()) / gap
    ### END SOLUTION


# %% check="07.2"
check(patching_effect)

# %% [markdown]
# ## 2. Where does the fact travel?
#
# The most careful patch is a single vector: the residual stream before one layer, at one position. All that this position knows at that depth comes from the clean run, all else from the corrupted one.

# %% [markdown]
# ## Exercise 7.3 · One patch  ●●○ · 20 min · 3 points
#
# **Goal:** the corrupted run's answer with one vector of the clean stream in it. **Why:** everything else in this chapter is a variation of these few lines.
#
# <details><summary>Hint 1</summary>
#
# Run the clean prompts once and keep the stream before the layer. Run the corrupted prompts with a hook that overwrites one position with what you kept.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model.run_with_cache(clean, names_filter=name)`, then `model.run_with_hooks(corrupted, fwd_hooks=[(name, put)])`; `put(resid, hook)` returns resid.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The stream has axes `batch pos d_model`; `[:, pos]` of it has `batch d_model`; the last logits are `[:, -1]` of `batch pos d_vocab`.
#
# </details>


# %% exercise="07.3" points=3
def patch_residual(
    model,
    clean: Int[Tensor, "batch pos"],
    corrupted: Int[Tensor, "batch pos"],
    layer: int,
    pos: int,
) -> Float[Tensor, "batch d_vocab"]:
    """Return the corrupted run's last logits with one clean stream vector put in before a layer."""
    ### BEGIN SOLUTION
    name = f"blocks.{layer}.hook_resid_pre"
    _, cache = model.run_with_cache(clean, names_filter=name)

    def put(resid, hook):
        resid[:, pos] = cache[name][:, pos]
        return resid

    return model.run_with_hooks(corrupted, fwd_hooks=[(name, put)])[:, -1]
    ### END SOLUTION


# %% check="07.3"
check(patch_residual)

# %% [markdown]
# **Predict first.** The two prompts differ in one token, the giver S2, and the answer is given at END. Before which layer does the fact leave S2? Does it go anywhere else on its way?

# %%
my_guess = {"leaves S2 in layer": None, "and passes": ""}

# %%
PLACES = ("io", "s1", "s1+1", "s2", "end")
stream = patching.patch_by_position(model, pairs, "resid_pre", places=PLACES)
plots.show(plots.plot_patch_grid(stream))

# %% hidden="numbers-stream"
if MODEL == "town":
    assert all(about(stream.values[layer, 3], 1.0, 0.02) for layer in range(3))
    assert about(stream.of("L3 @s2"), 0.22, 0.02) and about(stream.of("L3 @end"), 0.79, 0.02)
    assert stream.values[:, :3].abs().max() < 0.01

# %% [markdown]
# Before layers 0, 1 and 2 everything is at S2, with an effect of 1.00. Before layer 3, 0.79 is at END and 0.22 still at S2. So layer 2 carries most of it over, layer 3 the rest, and nothing ever passes IO, S1 or the token behind S1.
#
# Careful with the empty columns. IO and S1 are not unimportant: without them there would be no name to say. They hold *the same* in both runs, and a patch that exchanges like for like finds nothing. **Patching finds what differs.** Keep this for section 8.
#
# Which parts do the carrying? Patch what attention and MLPs *write*:

# %%
for site in ("attn_out", "mlp_out"):
    wrote = patching.patch_by_position(model, pairs, site, places=("s2", "end"))
    told = [f"{place.strip()} {effect:.2f}" for place, effect in wrote.top(4)]
    print(f"{site:8}", ", ".join(told))

# %% hidden="numbers-parts"
if MODEL == "town":
    places = {"places": ("s2", "end")}
    attention = patching.patch_by_position(model, pairs, "attn_out", **places)
    mlps = patching.patch_by_position(model, pairs, "mlp_out", **places)
    assert about(attention.of("L0 @s2"), 0.84, 0.02) and about(attention.of("L2 @end"), 0.79, 0.02)
    assert about(attention.of("L3 @end"), 0.21, 0.02) and about(mlps.of("L3 @end"), 0.22, 0.02)
    assert about(mlps.of("L0 @s2"), 0.15, 0.02)

# %% [markdown]
# At S2, attention of layer 0 has 0.84 and its MLP 0.15. At END, attention of layer 2 has 0.79, that of layer 3 has 0.21, and the last MLP 0.22. That is more than 1 in all, and need not be 1: the MLP reacts to what attention wrote, so both carry the same thing, one after the other.

# %% [markdown]
# ## 3. Through which heads?
#
# Attention of a layer is eight heads. Each has an output $z$, and $z\,W_O$ is what it adds to the stream. We exchange one head's $z$ at all positions, this time in the clean run: noising asks what is *needed*.

# %% [markdown]
# ## Exercise 7.4 · Every head in turn  ●●○ · 20 min · 3 points
#
# **Goal:** the clean run's logit difference, once for each head with its corrupted output. **Why:** it turns "attention of layer 2" into names.
#
# <details><summary>Hint 1</summary>
#
# Run the corrupted prompts once. Then, for each head, run the clean prompts with that head's output replaced, and average the logit difference at the last position.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model.run_with_hooks(clean, fwd_hooks=[(name, put)])` removes its hook by itself. A function in a loop sees the last value of its variables: `def put(z, hook, head=head)`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# z has axes `batch pos head_index d_head`; the result has `layer head_index`.
#
# </details>


# %% exercise="07.4" points=3
def patch_heads(
    model,
    clean: Int[Tensor, "batch pos"],
    corrupted: Int[Tensor, "batch pos"],
    right: Int[Tensor, " batch"],
    wrong: Int[Tensor, " batch"],
) -> Float[Tensor, "layer head_index"]:
    """Return the clean run's mean logit difference with each head's z from the corrupted run."""
    ### BEGIN SOLUTION
    _, cache = model.run_with_cache(corrupted)
    rows, found = torch.arange(len(clean)), torch.zeros(model.cfg.n_layers, model.cfg.n_heads)
    for layer, head in (found == 0).nonzero().tolist():
        name = f"blocks.{layer}.attn.hook_z"

        def put(z, hook, head=head, new=cache[name]):
            z[:, :, head] = new[:, :, head]
            return z

        logits = model.run_with_hooks(clean, fwd_hooks=[(name, put)])[:, -1]
        found[layer, head] = (logits[rows, right] - logits[rows, wrong]).mean()
    return found
    ### END SOLUTION


# %% check="07.4"
check(patch_heads)

# %% [markdown]
# Your loop runs the whole model for every head. The course's version runs many heads in one batch, starts each at the layer that it changes, and gives the same numbers, with intervals over prompts.

# %%
heads = patching.patch_heads(model, pairs, "z", direction="noising")
plots.show(plots.plot_patch_grid(heads))

# %% hidden="numbers-heads"
quoted = {"L2H1": 0.16, "L0H1": 0.75, "L0H2": 0.81, "L0H3": 0.85, "L0H0": 0.87, "L3H1": 0.86}
if MODEL == "town":
    assert all(about(heads.of(name), value, 0.02) for name, value in quoted.items())
    rest = [v for n, v in zip(heads.names, heads.values.flatten(), strict=True) if n not in quoted]
    assert min(rest) > 0.96 and max(rest) < 1.03

# %% [markdown]
# Of 32 heads six matter. With L2H1 corrupted only 0.16 of the way is left: one head carries 0.84 of the difference. L3H1 takes 0.14. Layer 0 has four, L0H0 to L0H3, worth 0.13 to 0.25 each. The other 26, and among them our four movers, stay between 0.96 and 1.03.
#
# Does a head matter for *where it looks* (queries and keys, together the pattern) or for *what it finds* there (values)?

# %%
for site in ("pattern", "v"):
    parts = patching.patch_heads(model, pairs, site)
    name, effect = parts.top(1)[0]
    print(f"{site:8} at most {effect:.2f}, {name}")

# %% hidden="numbers-qkv"
if MODEL == "town":
    assert about(parts.of("L2H1"), 0.84, 0.02)
    assert patching.patch_heads(model, pairs, "pattern").values.abs().max() < 0.02

# %% [markdown]
# All of it is in the values: 0.84 for L2H1, and no pattern reaches 0.02. Whoever gives, the heads look at the same *place* and find another *name* there. In GPT-2 it is the other way round: there the name movers change where they look ([Wang22], section 3.2). We are clearly not looking at the same algorithm. Hold on to that.

# %% [markdown]
# ## 4. All patches at once
#
# A patch costs a run. GPT-2 XL has 1,200 heads, and neurons go into the hundreds of thousands. If the logit difference were a linear function of the activation, we could predict every patch from one gradient ([Nanda23]):
#
# $$\text{effect of a patch} \approx \big(z_\text{clean} - z_\text{corrupted}\big) \cdot \frac{\partial\, \mathrm{LD}}{\partial z}\Big|_\text{corrupted}$$
#
# Two forward passes and one backward pass, for everything.

# %% [markdown]
# ## Exercise 7.5 · All patches at once  ●●● · 25 min · 4 points
#
# **Goal:** for each head, to first order, what denoising its output adds to the logit difference. **Why:** it is what people use on models that are too large to patch.
#
# <details><summary>Hint 1</summary>
#
# On the corrupted run, how fast does the mean logit difference change with each entry of z? Multiply by how far a patch would move that entry, and add up for each head.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Keep z in a hook that returns it as it is, then `torch.autograd.grad(score, list_of_z)`; the clean z come from `model.run_with_cache(clean)`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# z has axes `batch pos head_index d_head`; sum over all but `head_index`.
#
# </details>


# %% exercise="07.5" points=4
def attribution_patch(
    model,
    clean: Int[Tensor, "batch pos"],
    corrupted: Int[Tensor, "batch pos"],
    right: Int[Tensor, " batch"],
    wrong: Int[Tensor, " batch"],
) -> Float[Tensor, "layer head_index"]:
    """Return to first order what patching each head's clean z into the corrupted run adds."""
    ### BEGIN SOLUTION
    names = [f"blocks.{layer}.attn.hook_z" for layer in range(model.cfg.n_layers)]
    _, cache = model.run_with_cache(clean)
    seen, rows = [], torch.arange(len(corrupted))

    def keep(z, hook):
        seen.append(z)
        return z  # the very tensor that the model goes on with, so that there is a slope

    logits = model.run_with_hooks(corrupted, fwd_hooks=[(name, keep) for name in names])[:, -1]
    score = (logits[rows, right] - logits[rows, wrong]).mean()
    parts = zip(names, seen, torch.autograd.grad(score, seen), strict=True)
    return torch.stack([((cache[n] - z) * g).sum(dim=(0, 1, 3)) for n, z, g in parts]).detach()
    ### END SOLUTION


# %% check="07.5"
check(attribution_patch)

# %% [markdown]
# **Predict first.** Here we can afford the truth, so we can hold the approximation to it. Where will it be furthest off: for heads, or for the residual stream? For early layers, or for late ones?

# %%
my_guess = {"furthest off": ""}

# %%
quick = patching.attribution_heads(model, pairs, "z")
of_heads = patching.compare_with_truth(quick, patching.patch_heads(model, pairs, "z"))
plots.tell(of_heads)

# %%
quick = patching.attribution_by_position(model, pairs, "resid_pre", places=PLACES)
of_stream = patching.compare_with_truth(quick, stream)
plots.show(plots.plot_patch_scatter(of_stream))

# %% hidden="numbers-attribution"
if MODEL == "town":
    assert of_heads.correlation() > 0.995 and about(of_heads.slope(), 0.77, 0.02)
    name, guessed, true = of_heads.worst()[0]
    assert name == "L2H1" and about(guessed, 0.65, 0.02) and about(true, 0.84, 0.02)
    name, guessed, true = of_stream.worst()[0]
    assert name.strip() == "L0 @s2" and about(guessed, 0.42, 0.03) and about(true, 1, 0.02)
    assert about(quick.of("L1 @s2"), 0.75, 0.03)

# %% [markdown]
# For heads it ranks perfectly (correlation 1.00) and is too small by a quarter: 0.65 for L2H1 in place of 0.84. For the stream the embedding at S2 is furthest off, 0.42 for a true 1.00; one layer later it is 0.75. A patch of the embedding is the largest step of all, from one name to another, and between it and the answer lie all softmaxes and LayerNorms. A straight line through the first point says little about so distant a second one. Trust the order; check the sizes.

# %% [markdown]
# ## 5. One path
#
# A head can act on the answer in two ways: directly, by what it leaves in the stream for the unembedding, or through later parts that read it. Patching mixes both. **Path patching** takes one path and holds everything else: the *sender* has its corrupted output, but only the *receiver* sees it ([Wang22], section 3.1). The simplest receiver is the end of the stream.

# %% [markdown]
# ## Exercise 7.6 · One path  ●●● · 20 min · 3 points
#
# **Goal:** the clean run's logits if only the final LayerNorm and unembedding saw a head's corrupted output. **Why:** the difference to an ordinary patch is what goes through other parts.
#
# <details><summary>Hint 1</summary>
#
# What a head writes goes into the stream and stays there to the end. Exchange it there, after all layers, and read the logits.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `(z_corrupted - z_clean)[:, -1, head] @ model.blocks[layer].attn.W_O[head]`, added to the last stream of the clean run; then `ln_final` and `unembed`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The change has axes `batch d_model`; the final LayerNorm wants `batch pos d_model`, so give it `resid[:, None]`.
#
# </details>


# %% exercise="07.6" points=3
def path_patch(
    model,
    clean: Int[Tensor, "batch pos"],
    corrupted: Int[Tensor, "batch pos"],
    layer: int,
    head: int,
) -> Float[Tensor, "batch d_vocab"]:
    """Return the clean run's last logits if they alone saw the head's corrupted output."""
    ### BEGIN SOLUTION
    name, end = f"blocks.{layer}.attn.hook_z", f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"
    _, here = model.run_with_cache(clean)
    _, there = model.run_with_cache(corrupted)
    change = (there[name] - here[name])[:, -1, head] @ model.blocks[layer].attn.W_O[head]
    resid = here[end][:, -1] + change
    return model.unembed(model.ln_final(resid[:, None]))[:, 0]
    ### END SOLUTION


# %% check="07.6"
check(path_patch)

# %%
KNOWN = {"town": ("L2H1", "L3H1")}  # in GPT-2 the S-inhibition heads do this work
KNOWN |= {"openai-community/gpt2": ("L7H3", "L7H9", "L8H6", "L8H10")}
ERASERS = KNOWN.get(MODEL, ("L1H2",))
direct = patching.path_patch(model, pairs, ["logits"], mlps="frozen")
by_value = patching.path_patch(model, pairs, [f"{head}.v" for head in ERASERS])
to_movers = patching.path_patch(model, pairs, [f"{head}.q" for head in MOVERS])
for name, grid in {"logits": direct, "their values": by_value, "movers' q": to_movers}.items():
    print(f"{name:13}", ", ".join(f"{head} {left:.2f}" for head, left in grid.top(4)))

# %% hidden="numbers-paths"
if MODEL == "town":
    assert about(direct.of("L2H1"), 0.35, 0.02) and about(direct.of("L3H1"), 0.88, 0.02)
    quoted = {"L0H1": 0.75, "L0H2": 0.82, "L0H3": 0.85, "L0H0": 0.87}
    assert all(about(by_value.of(name), value, 0.02) for name, value in quoted.items())
    assert (to_movers.values - 1).abs().max() < 0.01

# %% [markdown]
# This is noising again, so 1 means "not needed". Straight to the logits L2H1 takes 0.65 (it leaves 0.35), and L3H1 takes 0.12. What is missing to 0.84 goes through the last MLP. The heads of layer 0 act through the *values* of L2H1 and L3H1: 0.75 to 0.87 are left, just as when they were patched whole. So these four prepare the name at S2, and the two others fetch it.
#
# And the queries of the movers? In GPT-2 the inhibiting heads act there. Here every head leaves 1.00: nobody tells the movers whom to avoid.

# %% [markdown]
# ## 6. Names for heads
#
# [Wang22] found 26 heads in GPT-2 small and sorted them into seven classes. A class is only as good as its criteria, so we write them down. Three sorts of evidence: **where** a head looks, **what** it writes (its **copying score**: how often a name it looks at is among the five tokens that it raises most; or, with a minus sign, lowers most), and **what is lost** without it.
#
# | class | looks | writes | effect |
# |---|---|---|---|
# | previous token, induction | from S1+1 to S1, from S2 to S1+1 | | needed there |
# | duplicate token | from S2 to S1, not to IO | | needed there |
# | S-inhibition | from END to S2 | | through the queries of name movers |
# | name mover | from END to IO | copies | direct, helps |
# | negative mover | from END to IO | the opposite | direct, hurts |
# | backup mover | | | direct, once the name movers are silent |
#
# First the test of the criteria. What is public about GPT-2's heads is in the course as data; do the criteria give the published classes?

# %%
gpt2 = patching.classify_heads(patching.gpt2_evidence())
found = {name: heads for name, heads in gpt2.classes.items() if heads}
print(len(gpt2.circuit), "heads; as published:", found == patching.GPT2_CLASSES)
print(
    "look like detectors of duplicates, and nothing depends on them:", gpt2.idle["duplicate token"]
)

# %% hidden="numbers-gpt2"
assert len(gpt2.circuit) == 26 and found == patching.GPT2_CLASSES
assert gpt2.idle["duplicate token"] == ((0, 5), (1, 11)) and len(found) == 7

# %% [markdown]
# They do, all 26 heads in seven classes. (It is a weak test: most effects are published as colours, so our data say little more than which heads an experiment singled out. But L0H5 and L1H11 look from S2 to S1 as much as the others, and only effects tell that they play no part.) Now our own model, with every number measured.
#
# **Predict first.** Which of the seven classes will it have?

# %%
my_guess = {"classes": []}

# %%
evidence = patching.head_evidence(model, pairs, stories)
classes = patching.classify_heads(evidence)
plots.show(plots.plot_head_classes(classes))

# %%
columns = ("to_io", "to_s2", "copying", "anti_copying", "direct", "on_names")
print("head ", *(f"{name:>12}" for name in columns))
for layer, head in classes.circuit[-6:]:
    told = evidence.of(layer, head)
    print(f"L{layer}H{head} ", *(f"{told[name]:12.2f}" for name in columns))

# %% hidden="numbers-classes"
if MODEL == "town":
    assert classes.classes["current token"] == tuple((0, head) for head in range(4))
    assert classes.classes["unselective mover"] == tuple((2, head) for head in range(4, 8))
    assert classes.classes["name eraser"] == ((2, 1), (3, 1)) and len(classes.circuit) == 10
    assert not any(classes.classes[name] for name in patching.GPT2_CLASSES)
    assert about(evidence.copying[2, 4:].min(), 0.97, 0.01) and about(
        evidence.anti_copying[2, 1], 1, 0.01
    )
    assert about(evidence.anti_copying[3, 1], 0.84, 0.02) and evidence.to_s2[[2, 3], 1].min() > 0.97
    assert all(about(x, 0.40, 0.05) for x in evidence.to_io[2, 4:])
    assert all(about(x, 0.28, 0.05) for x in evidence.on_names[2, 4:])
    assert evidence.direct[2, 4:].abs().max() < 0.03
    assert evidence.current_token[0, :4].min() > 0.65

# %% [markdown]
# None. Ten heads play a part, and not one of them meets the criteria of a published class. What they do needs three names of our own:
#
# - **Current token**, L0H0 to L0H3: at S2 they look at S2 itself and prepare the name there.
# - **Unselective movers**, L2H4 to L2H7: they copy as well as GPT-2's name movers (scores from 0.97 on; there from 0.95 on), but look at both names alike, about 0.4 at IO. Each brings some 0.28 of the height of both names over other names, and nothing for one against the other.
# - **Name erasers**, L2H1 and L3H1: they look at the giver (0.98) and write *against* what they see; the name is among the five lowest tokens in 100 % and 84 % of the cases.
#
# So the algorithm is: *raise every name in the text; lower the one that gives.* Nobody detects a duplicate. That is a strong claim, and it makes a prediction. If a *third* person gives, no name is repeated, and a detector of duplicates would be lost. The erasers would not mind.

# %%
many = patching.patch_prompts(model, tasks.ioi(model.tokenizer, 240, seed=0, corruption="abc"))
third = many.corrupted  # "When Ann and Bob went to the kitchen, Cleo gave the flower to"
print(model.to_string(third[4, 1 : many.ends[4] + 1]))
with torch.no_grad():
    probs = model(third)[torch.arange(240), many.ends].softmax(dim=-1)
for place in ("io", "s1", "s2"):
    name = third[torch.arange(240), many.places[place]]
    print(f"{place}: {probs[torch.arange(240), name].mean():.2f}")

# %% hidden="numbers-three"
said = [
    probs[torch.arange(240), third[torch.arange(240), many.places[place]]].mean()
    for place in ("io", "s1", "s2")
]
assert about(said[0], 0.5, 0.02) and about(said[1], 0.48, 0.02) and about(said[2], 0, 0.01)

# %% [markdown]
# 0.50 and 0.48 for the two who do not give, 0.00 for the giver. Nothing is repeated, and the model behaves as the story says.

# %% [markdown]
# ## 7. Is it the whole story?
#
# A circuit is a claim: these heads suffice. The test silences *all others*. But with what? Zero is nothing that the model has ever seen. [Wang22] put in the mean over prompts with three unrelated names (ABC), by template: grammar and place stay, who gives and who gets is averaged away.

# %% [markdown]
# ## Exercise 7.7 · Is it enough?  ●●● · 20 min · 4 points
#
# **Goal:** which share of the logit difference is left when only the heads in `keep` keep their outputs, and all others get, at each position, their mean over reference prompts. **Why:** it is the first question to ask about any circuit.
#
# <details><summary>Hint 1</summary>
#
# Run the reference prompts once and average each head's output over prompts. Run the prompts with these means in all heads that are not kept. Divide its mean logit difference by that of the model as it is.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `torch.where(keep[layer][:, None], z, mean)` in a hook for each layer; bind the loop's variables as defaults, `lambda z, hook, mean=mean: ...`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# z has axes `batch pos head_index d_head`, its mean over prompts `pos head_index d_head`, and `keep[layer][:, None]` has `head_index 1`.
#
# </details>


# %% exercise="07.7" points=4
def faithfulness(
    model,
    tokens: Int[Tensor, "batch pos"],
    reference: Int[Tensor, "reference_batch pos"],
    keep: Bool[Tensor, "layer head_index"],
    answers: Int[Tensor, " batch"],
    wrongs: Int[Tensor, " batch"],
) -> Float[Tensor, ""]:
    """Return the share of the logit difference left when all other heads are at their means."""
    ### BEGIN SOLUTION
    _, cache = model.run_with_cache(reference)
    edits, rows = [], torch.arange(len(tokens))
    for layer in range(model.cfg.n_layers):
        name = f"blocks.{layer}.attn.hook_z"
        mean, kept = cache[name].mean(dim=0), keep[layer][:, None]
        edits.append((name, lambda z, hook, mean=mean, kept=kept: torch.where(kept, z, mean)))
    runs = model.run_with_hooks(tokens, fwd_hooks=edits), model(tokens)
    circuit, whole = (
        (logits[rows, -1, answers] - logits[rows, -1, wrongs]).mean() for logits in runs
    )
    return circuit / whole
    ### END SOLUTION


# %% check="07.7"
check(faithfulness)

# %% [markdown]
# Two more tests. **Complete:** circuit and model must stay alike when both lose the same heads K; a circuit that lacks a backup is faithful and fails here. **Minimal:** every head must be missed in *some* company.

# %%
circuit = classes.circuit or ((0, 0),)
sets = {name: heads for name, heads in classes.classes.items() if heads}
sets |= patching.random_sets(circuit, 15)
test = patching.completeness(model, stories, circuit, sets)
plots.show(plots.plot_circuit_test(test))

# %%
least = patching.minimality(model, stories, circuit, classes.classes)
plots.show(plots.plot_minimality(least))

# %% hidden="numbers-circuit"
if MODEL == "town":
    assert about(test.circuit[0] / test.model[0], 0.94, 0.015) and test.gap().max() < 1.2
    alone = dict(zip(least.heads, least.values.tolist(), strict=True))
    assert about(alone[2, 1], 0.84, 0.03) and max(alone.values()) == alone[2, 1]
    assert about(min(alone.values()), 0.05, 0.015)
    without = dict(zip(test.names, test.model.tolist(), strict=True))
    assert about(without["name eraser"], 0.2, 0.1)

# %% [markdown]
# Ten heads of 32 keep 94 % of the logit difference ([Wang22] kept 87 % with 26 of 144). Whatever is taken from both, circuit and model stay within 1.2 logits of each other. Every head adds at least 5 % of the logit difference in the company that suits it best, and L2H1 adds 84 %. Without both erasers the model stands at 0.2: it tosses a coin between the two names.

# %% [markdown]
# ## 8. Where it fails
#
# **An ablation can hide.** Silence each mover alone, then all four, and look at the probability of the right name.

# %%
alone = [(head,) for head in MOVERS]
hidden = patching.ablate(model, stories, [(), *alone, MOVERS], metric="probability")
plots.show(plots.plot_ablations(hidden))

# %% hidden="numbers-hidden"
if MODEL == "town":
    quoted = [1.0, 0.92, 0.92, 0.83, 0.91, 0.02]
    assert all(map(about, hidden.values, quoted, [0.015] * 6))
    assert about(-hidden.change()[1:5].sum(), 0.42, 0.04)

# %% [markdown]
# Each alone costs little: 0.92, 0.92, 0.83 and 0.91 are left of 1.00. Added up, the four would cost 0.42. Together they cost 0.98. Whoever tests one head at a time finds no name mover in this model.
#
# In GPT-2 this is worse: *backup* heads start to copy once the name movers are gone ([Wang22], section 3.4). Is that what happens here? Compare what each head writes directly before and after.

# %%
rise = evidence.after_ablation - evidence.direct
highest = rise.flatten().topk(2)
for value, at in zip(highest.values.tolist(), highest.indices.tolist(), strict=True):
    layer, head = divmod(at, model.cfg.n_heads)
    before = evidence.direct[layer, head].item()
    print(
        f"L{layer}H{head}: direct effect {before:.2f}, with the movers silent {before + value:.2f}"
    )

# %% hidden="numbers-backups"
if MODEL == "town":
    assert divmod(highest.indices[0].item(), 8) == (2, 1) and about(rise[2, 1], 0.05, 0.015)
    assert about(evidence.direct[2, 1], 0.65, 0.02) and rise.flatten().topk(2).values[1] < 0.03

# %% [markdown]
# Nobody steps in. The only head that rises is L2H1, from 0.65 to 0.70, and that is not its doing: it sits in the movers' own layer, so it cannot know that they are gone, and writes exactly what it always wrote. Only the final LayerNorm is left to explain the rise. It divides by the spread of the stream. A metric of our own can look:

# %%
spread = patching.PatchMetric("spread", "length", lambda said: said.resid.std(dim=-1))
of_stream_end = patching.ablate(model, stories, [(), MOVERS], metric=spread).values
print(f"whole {of_stream_end[0]:.2f}, with the movers silent {of_stream_end[1]:.2f}")

# %% hidden="numbers-spread"
assert about(of_stream_end[0], 2.56, 0.02) and about(of_stream_end[1], 2.43, 0.02)

# %% [markdown]
# From 2.56 to 2.43: a stream without the names has less spread, and whatever is left in it is magnified. So these heads are *redundant*; they worked side by side all along. From a single ablation, backup and redundancy look the same.
#
# **A corruption can hide.** We exchanged the giver, and the movers were invisible, because they do the same in both runs. The other common corruption adds **Gaussian noise** to an embedding: three standard deviations ([Zhang23], section 3). Put it on IO instead:

# %%
noisy = patching.gaussian_corruption(model, pairs, ["io"], seed=2)
exchanged = patching.patch_heads(model, pairs)
drowned = patching.patch_heads(model, noisy)
plots.show(plots.plot_patch_comparison({"giver exchanged": exchanged, "noise on IO": drowned}))

# %% hidden="numbers-noise"
if MODEL == "town":
    assert about(exchanged.of("L2H1"), 0.84, 0.02) and about(drowned.of("L2H1"), 0.05, 0.03)
    assert all(about(drowned.of(head), 0.25, 0.04) for head in MOVERS)
    assert all(about(exchanged.of(head), 0.0, 0.02) for head in MOVERS)

# %% [markdown]
# Same model, same task, same metric, and the conclusion is turned round. With the giver exchanged L2H1 has 0.84 and each mover 0.00; with noise on IO each mover has about 0.25 and L2H1 0.05. Neither is the truth about "the IOI circuit". Each shows the half that its corruption disturbs.
#
# Noise has a second weakness: it destroys, and exchanges nothing. Put it where the exchange was made:

# %%
on_giver = patching.gaussian_corruption(model, pairs, ["s2"])
drowned = patching.patch_heads(model, on_giver, layers=[0]).corrupted
print(f"giver exchanged {corrupted.mean():.1f}, noise on the giver {drowned.mean():.1f}")

# %% hidden="numbers-giver"
assert about(drowned.mean(), 4.2, 0.1)

# %% [markdown]
# The exchange turns the answer round, to -15.2. Noise leaves 4.2: the model still answers rightly on average, from a stream that it has never seen. Prefer an exchange where you can make one, and make several.
#
# **A metric can hide**: that was the opening.

# %% [markdown]
# ## 9. Does the story predict anything?
#
# An explanation earns its keep on inputs it was not made from. In phrasings that training never showed, our model fails at IOI. Does the circuit say why?

# %%
strange = tasks.ioi(model.tokenizer, 120, seed=0, split="heldout")
new = patching.patch_prompts(model, strange)
every = torch.arange(len(new))
print(f"{strange.pairs[2].clean} ->{strange.pairs[2].answer}")


def judged(logits):
    """Mean logit difference, and how often the right name wins."""
    apart = course_logit_diff(logits[every, new.ends], new.answers[:, 0], new.wrongs[:, 0])
    return f"{apart.mean():.1f}, right in {(apart > 0).float().mean():.0%}"


print("as it is:", judged(edit(model, new.clean, {})))

# %% [markdown]
# **Predict first.** The story has two halves: movers that raise both names, and erasers that look at the giver. Which one breaks?

# %%
my_guess = {"what breaks": ""}

# %%
layer, head = {"town": (2, 1), "openai-community/gpt2": (8, 6)}.get(MODEL, (1, 2))
hook = f"blocks.{layer}.attn.hook_pattern"
pattern = record(model, new.clean, hook)[hook][:, head]
looks = pattern[every, new.ends, new.places["s2"]].mean()
print(f"L{layer}H{head} looks at the giver with {looks:.2f}")


def look_at_giver(pattern):
    """One head's attention at the end, all of it on the giver."""
    pattern = pattern.clone()
    pattern[every, head, new.ends] = 0
    pattern[every, head, new.ends, new.places["s2"]] = 1
    return pattern


print("made to look there:", judged(edit(model, new.clean, {hook: look_at_giver})))


# %% hidden="numbers-phrasings"
def apart(logits):
    """Logit difference of each prompt in the new phrasings."""
    return course_logit_diff(logits[every, new.ends], new.answers[:, 0], new.wrongs[:, 0])


as_it_is, repaired = (apart(edit(model, new.clean, e)) for e in ({}, {hook: look_at_giver}))
assert about(as_it_is.mean(), -4.5, 0.1) and about((as_it_is > 0).float().mean(), 0.22, 0.02)
assert about(repaired.mean(), 6.1, 0.1) and about((repaired > 0).float().mean(), 0.79, 0.02)
assert about(looks, 0.07, 0.02)

# %% [markdown]
# In sentences such as *Once Heather and Rebecca stood together behind the church, Rebecca returned the computer to* L2H1 no longer finds the giver: 0.07 of its attention is there, where it used to be 0.98. With nothing erased the model names the giver, at a logit difference of -4.5, and is right in 22 %.
#
# Now change *one row of one pattern of one head*, so that L2H1 looks where it should. The logit difference goes to 6.1, and 79 % are right. The parts that raise and lower names work in the new sentences as in the old. What the model never learned is to find the giver in general; it learned where the giver stands.

# %% [markdown]
# ## 10. The same tools on facts
#
# *The Eiffel Tower is in the city of*, *The Colosseum is in the city of*: such sentences make pairs as well, if the landmarks have equally many tokens. We take landmarks of two tokens, exchange one for another, and patch the stream at every position.

# %%
sentences = [
    pair
    for pair in tasks.facts(model.tokenizer, 400, seed=0).pairs
    if pair.clean.endswith(" is in the city of") and len(pair.clean_tokens) == 9
]
facts = patching.patch_by_position(model, sentences)
plots.show(plots.plot_patch_grid(facts))

# %%
shaken = patching.gaussian_corruption(model, sentences)
by_noise = patching.patch_by_position(model, shaken)
for name, grid in {"exchanged": facts, "Gaussian noise": by_noise}.items():
    told = ", ".join(f"{place.strip()} {effect:.2f}" for place, effect in grid.top(2))
    print(f"{name:15} down to {grid.corrupted.mean():5.1f}; strongest {told}")

# %% hidden="numbers-facts"
if MODEL == "town":
    assert len(sentences) == 39 and about(facts.clean.mean(), 13.1, 0.3)
    for grid in (facts, by_noise):
        assert all(about(grid.values[at, 2], 0.98, 0.03) for at in range(3))
        assert about(grid.values[3, -1], 1.0, 0.03) and abs(grid.values[3, 2]) < 0.03
    assert about(facts.corrupted.mean(), -13.1, 0.3) and about(by_noise.corrupted.mean(), 3.3, 0.4)

# %% [markdown]
# Up to layer 2 the city hangs on the landmark's *first* token (0.98), and from layer 3 on it is at the last one (1.02): nothing in between. Chapter 02 guessed as much from Patchscopes; here it is an intervention. And this time both corruptions agree, although noise leaves 3.3 where the exchange goes to -13.1. In larger models facts were traced to the *last* token of the subject and to MLPs in the middle layers, by noise; with an exchange the peak at the MLPs is weaker ([Zhang23], section 3). Which of the two is told depends on the corruption.

# %% [markdown]
# ## 11. Browse for yourself

# %%
widgets.PatchBrowser(model, [pair for pair in pairs.pairs if pair.group == "ABBA/0"])

# %% [markdown]
# Choose what is patched and in which direction, then click a cell: below it stands the patched prompt and what the model then says. Find a cell that is needed but does not suffice, or the other way round.

# %% [markdown]
# ## Open question 7.A · No head matters · 6 points
#
# A colleague studies a model of 24 layers that completes *The capital of Sweden is* with ` Stockholm`. He replaces each head in turn by its mean over other countries and measures the logit difference of ` Stockholm` and ` Oslo`. No head changes it by more than 2 %. He writes: "No attention head takes part in this fact; it must be in the MLPs." Which other explanations are there, which experiment would tell each of them from his, and which result would change your mind? Write half a page. There is no check; your teacher has a rubric.

# %% [markdown] open="07.A"
# *Write your answer here, in place of this line.*

# %% [markdown] hidden="rubric"
# **Rubric, 6 points** (the order does not matter)
#
# - 1 point: heads that do the same hide each other: silence pairs and sets, or all but a few, not only one at a time.
# - 1 point: the metric: a logit difference is blind to what raises both tokens alike; look at the probability, or at the logits against other tokens, as well.
# - 1 point: the corruption or the mean: what was exchanged or averaged away, and what stayed the same in both runs and so could not be found.
# - 1 point: self-repair: compare the direct effect of the other heads before and after the ablation, so that backups and a changed LayerNorm scale can be told from redundancy.
# - 1 point: MLPs and single positions are parts too, and were not ablated.
# - 1 point: for at least two of these a result that would change the mind, with a number or a comparison.
#
# "It must be in the MLPs" does not follow either way: a good answer says that what no attention moves cannot get from *Sweden* to the end.

# %% [markdown]
# ## Stretch (no hints)
#
# With names that training never showed (`tasks.ioi(..., names="heldout")`) the model fails in another way: the logit difference stays positive, and yet the right name is rarely the best token. Which part of the story breaks, and which holds? Measure before you explain.

# %% [markdown] hidden="stretch"
# **One way to do it.** Measure the evidence again with new names. Movers and erasers look where they should, and the movers still copy: new names are among their five highest tokens in nine of ten cases. The erasers are weaker, because they write against names that they know: the new name is among the five lowest for L2H1 in about two thirds of the cases, for L3H1 in a sixth. And other names, which are often answers in training, stand above both. So the circuit is the same and has less grip on tokens that were never an answer.

# %% hidden="stretch-code"
unseen = [
    tasks.ioi(model.tokenizer, 48, seed=0, names="heldout", corruption=kind)
    for kind in ("symmetric", "abc")
]
again = patching.head_evidence(model, *unseen)
plots.tell(patching.classify_heads(again))
if MODEL == "town":
    assert again.copying[2, 4:].min() > 0.88 and again.to_s2[[2, 3], 1].min() > 0.9
    assert about(again.anti_copying[2, 1], 0.65, 0.05)
    assert about(again.anti_copying[3, 1], 0.17, 0.05)

# %% [markdown]
# ## What you have found
#
# 1. A patch asks what one activation carries of the difference between two runs; the answer is 0 to 1, and it is about *that* difference.
# 2. In this model every name is raised by four heads and the giver's is lowered by two. It is not GPT-2's algorithm, and the criteria say so.
# 3. Ten heads are faithful, complete and minimal; and the story predicted a failure, its cause, and its repair.
#
# | term | meaning |
# |---|---|
# | clean, corrupted, patched | the three runs: with the fact, with another one, and one with an activation of the other |
# | logit difference | logit of the answer minus logit of the wrong one |
# | denoising, noising | a clean activation into the corrupted run (does it suffice?), and the reverse (is it needed?) |
# | attribution patching | the effect of a patch to first order: change times slope |
# | path patching | a patch that only one receiver sees |
# | copying score | how often a name is among the five tokens that a head writes most when it looks there |
# | name mover, eraser | a head that copies the names it looks at, or writes against them |
# | S-inhibition | keeping name movers from looking at the giver (GPT-2; not here) |
# | backup, redundancy | a head that starts to act when others are gone; heads that always acted side by side |
# | faithful, complete, minimal | the circuit alone does the task; loses what the model loses; needs each of its heads |
#
# **What this does not show.** One model of four layers, trained on sentences from a few hundred templates; its way of doing IOI tells nothing about GPT-2's, and our criteria were tested on GPT-2 only as far as its numbers are published. The circuit is made of heads; MLPs stayed whole, and the last one carries a fifth of the effect. Thresholds decide what gets a name. Mean ablation keeps what the template tells, so where the model reads the template itself, the test is blind. And "looks at the giver" describes L2H1 in sentences that it knows; what its queries and keys compute we have not taken apart.
#
# **Further reading.** [Wang22] Wang et al., *Interpretability in the Wild: a Circuit for Indirect Object Identification in GPT-2 small*, sections 2 to 4. [Zhang23] Zhang & Nanda, *Towards Best Practices of Activation Patching in Language Models*, sections 2 to 4. [Nanda23] Nanda, *Attribution Patching: Activation Patching At Industrial Scale*. Meng et al. (2022), *Locating and Editing Factual Associations in GPT*, section 2, for noise on facts. McDougall et al. (2023), *Copy Suppression*, on what GPT-2's negative heads do, and on self-repair.
#
# **Next.** We found ten heads by looking, thinking, and a dozen experiments, in a model that has 32. GPT-2 small has 144 heads and 32,491 edges between their inputs and outputs. Can a machine find the circuit, and how would you know that it found the right one? Chapter 08 lets it try, on models whose true circuit is known.
