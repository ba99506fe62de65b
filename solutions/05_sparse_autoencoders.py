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
# # 05 · Sparse autoencoders
#
# **If a network stores more things than it has dimensions, can we take them apart again?**
#
# Chapter 04 ended with bad news. A model that squeezes many rare features into few dimensions leaves no axis that stands for one of them. But it also left a hint: the features were *directions*, and few of them were active at a time. This chapter turns the hint into a method. It looks at activations alone, never at a label, and returns directions. Then it asks, in a dozen ways, whether they are worth having.
#
# We begin with the result. Below, a dictionary of 768 directions has learned from the 192 numbers that flow through the middle of our model. Nobody told it what brackets are.

# %% tags=["setup"]
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course import plots, widgets
from mi_course.grading import check
from mi_course.methods import sae
from mi_course.models import load
from mi_course.worlds import tasks

# %%
MODEL = "town"  # or "openai-community/gpt2", or a directory with a checkpoint
model = load(MODEL)
middle = model.cfg.n_layers // 2
HOOK = f"blocks.{middle}.hook_resid_post"
data = sae.labelled_activations(model, HOOK)


# %%
def dictionary(width=768, seed=0):
    """Return a dictionary that comes with the course, or a small one trained here and now."""
    if MODEL == "town":
        return sae.load_town_sae("resid", width=width, seed=seed).to(data.x.device)
    config = sae.SAEConfig("topk", d_sae=width, k=16, steps=200, lr=2e-3, seed=seed)
    return sae.train_sae(sae.ShuffledActivations(data.x, 512, seed), config, hook=HOOK).sae


# %% [markdown]
# **Predict first.** It was trained to write each activation as a sum of few of its directions, and nothing else. Of the six labels in the next cell, how many does one of its directions tell well (F1 of 0.8 or more)? And how many does one of the 192 axes tell?

# %%
my_guess = {"labels told by a direction": None, "labels told by an axis": None}

# %%
learned = dictionary()
features, axes = (sae.label_f1(each, data) for each in (learned, sae.neurons(data.x)))
six = "part_of_speech: CCONJ", "text_feature: bracket_close", "subset: reviews"
six += "dependency: xcomp", "code_language: go", "text_feature: dna"
for name in six:
    at = features.of(name)
    print(f"{name:28} axis {axes.f1[at]:.2f}, direction {features.f1[at]:.2f}")


# %% hidden="numbers-opening"
def about(value, quoted, within):
    """Whether a number is the one that the prose quotes; other models have other numbers."""
    return MODEL != "town" or abs(float(value) - quoted) <= within


first = [float(axes.f1[features.of(name)]) for name in six]
then = [float(features.f1[features.of(name)]) for name in six]
assert about(then[0], 0.88, 0.02) and about(first[0], 0.14, 0.02)
assert about(then[1], 0.84, 0.02) and about(first[1], 0.17, 0.02)
assert about(then[2], 0.78, 0.02) and about(first[2], 0.12, 0.02)
assert about(then[5], 0.98, 0.02) and about(first[5], 0.93, 0.02)
assert about(sum(f1 >= 0.8 for f1 in then), 3, 0) and about(sum(f1 >= 0.8 for f1 in first), 1, 0)

# %% [markdown]
# *And* and *or* (the label CCONJ) have a direction of their own, with a held-out F1 of 0.88, where the best axis has 0.14. Closing brackets go from 0.17 to 0.84, and the words of reviews from 0.12 to 0.78. Only DNA has an axis nearly to itself. No label was used in training; labels chose which direction to show, on one half of the documents, and judged it on the other.
#
# **You will be able to**
#
# 1. write a sparse autoencoder in ten lines, and know what six families of them do differently;
# 2. say whether it found the truth, where there is a truth to find;
# 3. read its two numbers, L0 and FVU, and catch the mistakes that flatter them;
# 4. measure what the model itself thinks of it: loss, perplexity, KL;
# 5. read a feature from examples, tokens, labels and logits, and test the reading by ablation and steering;
# 6. recognise features that split, are absorbed, or belong to one seed only.
#
# **Time:** about five hours with ten exercises; the notebook itself runs in four minutes. **The answer** will look like this: a table in which a learned dictionary is compared with axes, random directions, PCA and ICA on everything that we can measure.

# %% [markdown]
# ## 1. A sentence with few words
#
# Think of the activation $x$ as a sentence, and of the features as words. The dictionary holds hundreds or thousands, and any one sentence uses a few. An **autoencoder** has to find both: which words there are, and which of them this sentence uses.
#
# $$f = \text{ReLU}\big((x - b_\text{dec})\, W_\text{enc} + b_\text{enc}\big) \qquad\qquad \hat{x} = f\, W_\text{dec} + b_\text{dec}$$
#
# $f$ holds the **codes**, one number for each of $d_\text{sae}$ features and most of them 0. Row $i$ of $W_\text{dec}$ is what feature $i$ writes when it is active. There are more features than dimensions, so without a demand for few active ones this would be trivial: copy everything.

# %% [markdown]
# ## Exercise 5.1 · Take apart and put together  ●○○ · 10 min · 2 points
#
# **Goal:** the codes of activations, and the reconstruction that they stand for. **Why:** everything in this chapter is read from one of the two.
#
# <details><summary>Hint 1</summary>
#
# Take b_dec away, read with the encoder, add b_enc, cut off below 0: these are the codes. Write with the decoder and add b_dec: this is the reconstruction.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `@` for both products, `.relu()` between them; return the pair `feature_acts, recon`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `(x - b_dec) @ W_enc` has axes `batch d_sae`; `feature_acts @ W_dec` has `batch d_in`.
#
# </details>


# %% exercise="05.1" points=2
def sae_forward(
    x: Float[Tensor, "batch d_in"],
    W_enc: Float[Tensor, "d_in d_sae"],
    b_enc: Float[Tensor, " d_sae"],
    W_dec: Float[Tensor, "d_sae d_in"],
    b_dec: Float[Tensor, " d_in"],
) -> tuple[Float[Tensor, "batch d_sae"], Float[Tensor, "batch d_in"]]:
    """Return the codes, ReLU((x - b_dec) W_enc + b_enc), and the reconstruction they stand for."""
    ### BEGIN SOLUTION
    feature_acts = ((x - b_dec) @ W_enc + b_enc).relu()
    recon = feature_acts @ W_dec + b_dec
    return feature_acts, recon
    ### END SOLUTION


# %% check="05.1"
check(sae_forward)

# %% [markdown]
# Many published implementations were once wrong here without anyone noticing: biases start at zero, so a forgotten one changes nothing until training has moved it. Our check gives you biases that are not zero.
#
# The demand for few words is a price on them. [Cunningham23] (section 2) and [Bricken23] pay for the *sum* of the codes:
#
# $$\mathcal{L}(x) = \frac{1}{d_\text{in}}\lVert x - \hat{x} \rVert^2 + \lambda \sum_i f_i$$
#
# A count would be the honest price, but a count has no slope. A sum of absolute values is the nearest thing that has one, and it drives small codes to exactly 0.

# %% [markdown]
# ## Exercise 5.2 · What training makes small  ●○○ · 10 min · 2 points
#
# **Goal:** the loss of a batch. **Why:** its two parts pull against each other, and where they balance is the whole design.
#
# <details><summary>Hint 1</summary>
#
# Two parts for each activation: the mean over its dimensions of the squared error, and l1 times the sum of its codes. Then the mean over the batch.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `.square().mean(dim=1)` for the error and `.sum(dim=1)` for the codes, which are never negative.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Both parts have the axis `batch` before the last mean.
#
# </details>


# %% exercise="05.2" points=2
def sae_loss(
    x: Float[Tensor, "batch d_in"],
    feature_acts: Float[Tensor, "batch d_sae"],
    recon: Float[Tensor, "batch d_in"],
    l1: float,
) -> Float[Tensor, ""]:
    """Return the mean over the batch of squared error / d_in plus l1 times the sum of codes.

    Codes are never negative.
    """
    ### BEGIN SOLUTION
    error = (recon - x).square().mean(dim=1)
    return (error + l1 * feature_acts.sum(dim=1)).mean()
    ### END SOLUTION


# %% check="05.2"
check(sae_loss)

# %% [markdown]
# This price can be dodged: halve every code, double every row of $W_\text{dec}$, and the reconstruction is the same at half the price. So rows are kept at length 1. After each step they are scaled back; and before it the part of their gradient that would only change their length is taken out, or the optimiser's momentum would be full of it ([Bricken23], appendix).

# %% [markdown]
# ## Exercise 5.3 · Keep directions at length 1  ●●○ · 10 min · 2 points
#
# **Goal:** rows of length 1, and a gradient that leaves their length alone. **Why:** without it the penalty means nothing.
#
# <details><summary>Hint 1</summary>
#
# Divide each row by its length. How far does the gradient of a row point along that row? Take just that much of it away.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `W_dec.norm(dim=1, keepdim=True)` has a length for each row; `(gradient * unit).sum(dim=1, keepdim=True)` a product for each row.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Lengths and products have axes `d_sae 1`, and line up with `d_sae d_in`.
#
# </details>


# %% exercise="05.3" points=2
def normalise_decoder(
    W_dec: Float[Tensor, "d_sae d_in"], gradient: Float[Tensor, "d_sae d_in"]
) -> tuple[Float[Tensor, "d_sae d_in"], Float[Tensor, "d_sae d_in"]]:
    """Return the rows at length 1, and the gradient without its part along these rows."""
    ### BEGIN SOLUTION
    unit = W_dec / W_dec.norm(dim=1, keepdim=True)
    along = (gradient * unit).sum(dim=1, keepdim=True)
    return unit, gradient - along * unit
    ### END SOLUTION


# %% check="05.3"
check(normalise_decoder)

# %% [markdown]
# ## 2. Where the truth is known
#
# Before we trust a method on a network, we try it where we know the answer. Plant 96 random directions in 32 dimensions. Each activation is a sum of about three of them, with random strengths. The autoencoder sees sums, never directions. How many does it find?
#
# For each planted direction take the learned one with the largest cosine; the mean of these is **MMCS**, mean max cosine similarity. 1 is perfect. What a list of random directions gets is the number to beat.

# %% [markdown]
# ## Exercise 5.4 · How much of the truth was found  ●○○ · 10 min · 2 points
#
# **Goal:** how much of the truth a dictionary has found. **Why:** wherever truth is planted, this is the score that no other can replace.
#
# <details><summary>Hint 1</summary>
#
# Divide every feature by its length. For each true one find the largest cosine with any learned one; then take the mean.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `truth @ learned.T` has all products; `.max(dim=1).values` the largest of each row.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The cosines have axes `n_features d_sae`; the maximum leaves `n_features`.
#
# </details>


# %% exercise="05.4" points=2
def mmcs(
    truth: Float[Tensor, "n_features d_in"], learned: Float[Tensor, "d_sae d_in"]
) -> Float[Tensor, ""]:
    """Return the mean over true features of the largest cosine with a learned one.

    Directions may have any length, and an opposite direction is another one.
    """
    ### BEGIN SOLUTION
    truth = truth / truth.norm(dim=1, keepdim=True)
    learned = learned / learned.norm(dim=1, keepdim=True)
    return (truth @ learned.T).max(dim=1).values.mean()
    ### END SOLUTION


# %% check="05.4"
check(mmcs)

# %% [markdown]
# **Predict first.** Four rivals know nothing of sparsity: the axes, random directions, the principal components (PCA), and independent components (ICA). The fifth is the autoencoder of [Cunningham23], whose encoder is the decoder turned round (*tied*). Which MMCS will each have?

# %%
my_guess = {"axes": None, "random": None, "PCA": None, "ICA": None, "tied L1": None}

# %%
truth = sae.planted_dictionary(96, 32, seed=0)
world = sae.planted_stream(truth, 3, batch_size=512)
held = torch.cat([world.batch(10_000 + i)[0] for i in range(8)])


def learn(architecture, stream=world, **rest):
    config = sae.SAEConfig(architecture, d_sae=96, steps=1000, **{"lr": 3e-3, **rest})
    return sae.train_sae(stream, config).sae


# %% rtol=0.1
tied = learn("tied_l1", l1=0.03, lr=1e-2)
rivals = sae.neurons(held), sae.random_directions(held, 48), sae.pca(held), sae.ica(held), tied
for each in rivals:
    print(f"MMCS {sae.mmcs(truth, each.directions):.2f}  {each.n_features} of {each.name}")

# %% hidden="numbers-planted"
found = [sae.mmcs(truth, each.directions) for each in rivals]
assert abs(found[0] - 0.41) < 0.02 and abs(found[1] - 0.44) < 0.02 and abs(found[2] - 0.45) < 0.02
assert abs(found[3] - 0.68) < 0.03 and abs(found[4] - 0.91) < 0.03

# %% [markdown]
# Random directions have 0.44, for with 96 of them in 32 dimensions one is always near. Axes (0.41) and principal components (0.45) do no better: PCA looks for variance, and a sum of many equal features has as much of it everywhere. ICA does look for sparse things (0.68), but it cannot find more of them than there are dimensions. The autoencoder can: 0.91.

# %% [markdown]
# ## 3. Six ways to be sparse
#
# The price $\lambda$ has a side effect. A feature that is rightly active pays as well, so its code comes out too small: **shrinkage**. The families that followed all ask for sparsity in another way.
#
# | family | which codes stay | trained with |
# |---|---|---|
# | tied L1 [Cunningham23] | above 0; encoder = decoder turned round | price on the sum |
# | L1 [Bricken23] | above 0; an encoder of its own | price on the sum, dead features resampled |
# | TopK [Gao24] | the $k$ largest | nothing: sparsity is built in; auxiliary loss for dead features |
# | JumpReLU [Rajamanoharan24] | above a threshold of its own | price on the *count*, its slope estimated near the threshold |
# | BatchTopK [Bussmann24] | the $k \times$ batch largest of a batch | as TopK; a common threshold when used |
# | Matryoshka [Bussmann25] | as BatchTopK | every nested part of the dictionary must reconstruct alone |

# %% [markdown]
# ## Exercise 5.5 · Keep the k largest  ●●○ · 10 min · 2 points
#
# **Goal:** the k largest codes of each activation. **Why:** it is the whole of TopK: sparsity without a price.
#
# <details><summary>Hint 1</summary>
#
# Find the k largest numbers of each row and where they are. Put them, cut off below 0, into a tensor of zeros at their own places.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `values, indices = pre.topk(k, dim=1)`, then `.scatter(1, indices, values)` on zeros.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `values` and `indices` have axes `batch k`; the zeros have `batch d_sae`.
#
# </details>


# %% exercise="05.5" points=2
def top_k(pre: Float[Tensor, "batch d_sae"], k: int) -> Float[Tensor, "batch d_sae"]:
    """Return the k largest of each row where they are positive, and 0 elsewhere.

    Where several are equal, any of them may be kept, but never more than k in a row.
    """
    ### BEGIN SOLUTION
    values, indices = pre.topk(k, dim=1)
    return torch.zeros_like(pre).scatter(1, indices, values.relu())
    ### END SOLUTION


# %% check="05.5"
check(top_k)

# %% [markdown]
# To compare them we need two numbers. **L0** is how many features are active on an activation. **FVU** is the fraction of variance unexplained:
#
# $$\text{FVU} = \frac{\sum \lVert x - \hat{x} \rVert^2}{\sum \lVert x - \bar{x} \rVert^2}$$
#
# The mean $\bar{x}$ below the line is no detail. A dictionary that says $\bar{x}$ to everything knows nothing, and should have an FVU of 1.

# %% [markdown]
# ## Exercise 5.6 · The two numbers of a dictionary  ●●○ · 15 min · 3 points
#
# **Goal:** how many features an activation takes, and how much of it they miss. **Why:** the two are reported together or not at all: either alone is easily made perfect.
#
# <details><summary>Hint 1</summary>
#
# L0: count the codes above 0 of each activation, and take the mean. FVU: the sum of all squared errors, over the sum of all squared distances of x from its mean.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `(feature_acts > 0).sum(dim=1)` counts; `.float()` before the mean; `x.mean(dim=0)` is the mean activation.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Counts have the axis `batch`, the mean activation `d_in`; `torch.stack([l0, fvu])` has shape `[2]`.
#
# </details>


# %% exercise="05.6" points=3
def l0_and_fvu(
    x: Float[Tensor, "batch d_in"],
    feature_acts: Float[Tensor, "batch d_sae"],
    recon: Float[Tensor, "batch d_in"],
) -> Float[Tensor, "2"]:
    """Return the mean number of active features, and the fraction of variance unexplained."""
    ### BEGIN SOLUTION
    l0 = (feature_acts > 0).sum(dim=1).float().mean()
    fvu = (x - recon).square().sum() / (x - x.mean(dim=0)).square().sum()
    return torch.stack([l0, fvu])
    ### END SOLUTION


# %% check="05.6"
check(l0_and_fvu)

# %%
x = data.x
about_zero = 1 - (x - x.mean(0)).square().sum() / x.square().sum()
print(f"saying the mean explains {about_zero:.0%} of what lies about zero, none about the mean")

# %% hidden="numbers-about-zero"
assert about(about_zero, 0.35, 0.01)

# %% [markdown]
# On our model a dictionary that only says the mean would "explain" 35 % of the sum of squares about zero. A widely used library reported that number for years.
#
# **Predict first.** Now all six on the planted world, each asked for about three active features, as there are in truth; L1 at two prices. Which leaves most unexplained?

# %%
my_guess = {"most unexplained": None, "worst MMCS": None}

# %%
families = {
    "L1, low price": learn("l1", l1=0.03),
    "L1, high price": learn("l1", l1=0.2),
    "TopK": learn("topk", k=3),
    "JumpReLU": learn("jumprelu", l0=0.03),
    "BatchTopK": learn("batchtopk", k=3),
    "Matryoshka": learn("matryoshka", k=3),
}

# %% rtol=0.3
scores = [sae.reconstruction_scores(each, held) for each in families.values()]
for name, each, score in zip(families, families.values(), scores, strict=True):
    print(
        f"{name:14} L0 {score.l0:4.1f}, FVU {score.fvu:.2f}, "
        f"MMCS {sae.mmcs(truth, each.directions):.3f}"
    )

# %% hidden="numbers-families"
l0, fvu = [score.l0 for score in scores], [score.fvu for score in scores]
cosine = [sae.mmcs(truth, each.directions) for each in families.values()]
assert abs(l0[0] - 14.5) < 1 and abs(fvu[0] - 0.11) < 0.02
assert abs(l0[1] - 3.4) < 0.3 and abs(fvu[1] - 0.72) < 0.03
assert all(2 < count < 3.5 for count in l0[2:5]) and all(0.11 < part < 0.15 for part in fvu[2:5])
assert min(cosine[:5]) > 0.98 and abs(cosine[5] - 0.87) < 0.03

# %% [markdown]
# All but one find the planted directions, with cosines above 0.98. What differs is the price. To come down to three active features L1 must charge so much that the codes shrink to little, and 72 % of the variance is lost; at a low price it misses only 11 % but lights up 14 features. TopK, JumpReLU and BatchTopK stay at two or three and miss 12 to 14 %. Right directions with wrong sizes: it takes both numbers to see that.
#
# Matryoshka is the worst here (0.87). Its first few features must reconstruct alone, so they take on general tasks, and this world has nothing general. Keep it in mind for section 10, where it does.
#
# ## 4. The frontier of a real model
#
# Now the activations of the model. There is no truth to compare with, so we look at the trade-off. Seven small dictionaries of 384 features are trained here, on half of the documents, and judged on the other half.

# %%
half = sae.ShuffledActivations(x[data.fit], 512)


def small(architecture, **rest):
    config = sae.SAEConfig(architecture, d_sae=384, steps=250, lr=3e-3, **rest)
    return sae.train_sae(half, config, hook=HOOK).sae


# %%
tried = [small("topk", k=4), small("topk", k=16), small("l1", l1=0.01), small("l1", l1=0.03)]
tried += [small("jumprelu", l0=1.0, target_l0=16), small("batchtopk", k=16)]
tried += [small("matryoshka", k=16)]

# %% rtol=0.2
frontier = [sae.reconstruction_scores(each, x[~data.fit]) for each in tried]
title = "L1 needs twice as many features and still misses more"
plots.show(plots.plot_frontier(*frontier, title=title))

# %%
widths = [dictionary(width) for width in (384, 768, 1536)]
linear = [sae.TopCodes(each, 16) for each in (sae.pca(x[data.fit]), sae.neurons(x))]
rows = [sae.reconstruction_scores(each, x[~data.fit]) for each in (*widths, *linear)]
for row in rows:
    print(f"{row.name:22} L0 {row.l0:4.1f}, FVU {row.fvu:.2f}")

# %% hidden="numbers-frontier"
assert about(frontier[1].fvu, 0.23, 0.02) and about(frontier[2].fvu, 0.31, 0.02)
assert about(frontier[2].l0, 32, 3) and about(frontier[3].fvu, 0.59, 0.03)
assert about(frontier[3].l0, 4.9, 0.5) and about(frontier[0].fvu, 0.29, 0.02)
assert all(about(each.fvu, 0.24, 0.04) and about(each.l0, 16, 3) for each in frontier[4:])
assert about(rows[0].fvu, 0.15, 0.015) and about(rows[2].fvu, 0.09, 0.01)
assert about(rows[3].fvu, 0.36, 0.02) and about(rows[4].fvu, 0.86, 0.02)

# %% [markdown]
# L1 with 32 active features leaves 0.31 unexplained, TopK with half as many 0.23. With about five, L1 leaves 0.59; TopK with four, 0.29. JumpReLU, BatchTopK and Matryoshka stand beside TopK. The lines below the figure are the dictionaries that come with the course, which were trained for longer: from 384 to 1,536 features the unexplained part falls from 0.15 to 0.09 at the same L0. More words, shorter sentences. The sixteen largest principal components of each token leave 0.36, the sixteen largest axes 0.86.
#
# Width is not free, though. Much of it may be dead.
#
# ## 5. The dead
#
# A feature that is never active gets no gradient and stays silent for ever. [Bricken23] **resample**: now and then each dead feature is pointed at an activation that is written badly. [Gao24] give the dead a task, the **auxiliary loss**: write what the living have left over. To see either at work we must provoke deaths on the planted world. We hurry L1 (no warm-up, a learning rate far too high); and we move TopK's world away from the origin, and start $b_\text{dec}$ at zero all the same.

# %%
away = 3 * sae.planted_dictionary(1, 32, seed=5)
moved = [world.batch(i)[0] + away for i in range(100)]
hurry = {"l1": 0.1, "lr": 0.05, "warm_up": 0, "sparsity_warm_up": 0, "dead_after": 50}
lost = {"k": 3, "b_dec_start": "zero", "dead_after": 50}

# %%
cured = {
    "L1 in a hurry": (held, learn("l1", resample_every=0, **hurry)),
    "  with resampling": (held, learn("l1", **hurry)),
    "TopK far from the origin": (held + away, learn("topk", moved, aux_k=0, **lost)),
    "  with auxiliary loss": (held + away, learn("topk", moved, **lost)),
    "  with b_dec at the median": (held + away, learn("topk", moved, k=3, aux_k=0)),
}

# %% rtol=0.6
left = {name: sae.reconstruction_scores(each, rows) for name, (rows, each) in cured.items()}
for name, score in left.items():
    print(f"{name:28} dead {score.dead:4.0%}, FVU {score.fvu:.2f}")

# %% hidden="numbers-dead"
dead = [score.dead for score in left.values()]
missed = [score.fvu for score in left.values()]
assert 0.34 < dead[0] < 0.48 and dead[1] < 0.33 and dead[1] < dead[0] - 0.05
assert 0.05 < dead[2] < 0.18 and dead[3] < 0.04 and dead[4] < 0.01
assert abs(missed[2] - 0.41) < 0.03 and abs(missed[4] - 0.13) < 0.02

# %% [markdown]
# In a hurry about two in five features die; resampling brings that below a third. Far from the origin about one in ten dies without the auxiliary loss, and next to none with it. But look at the last column: cured or not, TopK still misses about 0.4 of the variance, because a few features are busy saying the mean all the time. The best cure is the last line, where nothing needs one: start $b_\text{dec}$ in the middle of the data, and 0.13 is missed as before. Count the dead, but ask first what kills them.
#
# ## 6. Let the model be the judge
#
# FVU weighs all directions alike. The model does not: a tenth of the variance may hold all that matters. So put the reconstruction in the activation's place and let the model run on. Its loss stands between two others, its own and that with the mean activation:
#
# $$\text{loss recovered} = \frac{\mathcal{L}(\text{mean}) - \mathcal{L}(\hat{x})}{\mathcal{L}(\text{mean}) - \mathcal{L}(x)}$$

# %% [markdown]
# ## Exercise 5.7 · Let the model read the reconstruction  ●●● · 20 min · 4 points
#
# **Goal:** the part of the loss that the reconstruction saves. **Why:** it is the model's own opinion of a dictionary.
#
# <details><summary>Hint 1</summary>
#
# Three losses: of the model as it is, with the mean activation in place of every one, and with the reconstruction. How much of the way from the second back to the first does the third go?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model(tokens, return_type="loss")` inside `with model.hooks(fwd_hooks=[(hook_name, function)]):`; `model.run_with_cache(tokens, names_filter=hook_name)` records.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The activation has axes `batch pos d_in`: change `x[:, 1:]`; the mean over `dim=(0, 1)` of that leaves `d_in`.
#
# </details>


# %% exercise="05.7" points=4
def loss_recovered(
    model, tokens: Int[Tensor, "b pos"], hook_name: str, recon: Float[Tensor, "b pos d_in"]
) -> Float[Tensor, ""]:
    """Return (mean-ablated - spliced) / (mean-ablated - clean), of mean losses.

    The mean is over texts and positions. The first position (BOS) is never replaced nor averaged.
    """

    ### BEGIN SOLUTION
    def loss_with(value):
        def replace(x, hook):
            x[:, 1:] = value
            return x

        with model.hooks(fwd_hooks=[(hook_name, replace)]):
            return model(tokens, return_type="loss")

    _, cache = model.run_with_cache(tokens, names_filter=hook_name)
    ablated = loss_with(cache[hook_name][:, 1:].mean(dim=(0, 1)))
    clean = model(tokens, return_type="loss")
    return (ablated - loss_with(recon[:, 1:])) / (ablated - clean)
    ### END SOLUTION


# %% check="05.7"
check(loss_recovered)

# %% [markdown]
# **Predict first.** The perplexity of our model is about 3. [Cunningham23] report that with their reconstruction in layer 2 of Pythia-70M it goes from 25 to 40. What will it be here with 16 features, and with the 16 largest principal components?

# %%
my_guess = {"perplexity with 16 features": None, "with 16 components": None}

# %%
spliced = [
    sae.splice_losses(model, data.texts.tokens[:32], data.texts.counted[:32], HOOK, each)
    for each in (*widths, linear[0])
]
names = ["384 features", "768 features", "1,536 features", "PCA, top 16"]
plots.show(plots.plot_splice_losses(*spliced, names=names))

# %%
before = spliced[0].perplexities[0]
for name, each in zip(names, spliced, strict=True):
    after = each.perplexities[1]
    print(f"{name:15} perplexity {before:.2f} to {after:.2f}, KL {each.kl:.2f} nats")

# %% hidden="numbers-splice"
after = [each.perplexities[1] for each in spliced]
assert about(before, 2.83, 0.02) and about(after[0], 3.49, 0.05) and about(after[1], 3.23, 0.05)
assert about(after[2], 3.10, 0.05) and about(after[3], 6.2, 0.2)
assert about(spliced[0].recovered, 0.97, 0.01) and about(spliced[3].recovered, 0.87, 0.01)
assert about(spliced[2].kl, 0.07, 0.01) and about(spliced[3].kl, 0.77, 0.05)

# %% [markdown]
# From 2.83 the perplexity goes to 3.49, 3.23 and 3.10 with 384, 768 and 1,536 features, and to 6.2 with sixteen principal components. Now look at how this sounds as *loss recovered*: 97 % for the smallest dictionary, and still 87 % for the components that more than double the perplexity. The mean activation is so bad a stand-in that anything looks good beside it. So report the losses themselves, and KL: 0.77 nats for the components, 0.07 for the widest dictionary.

# %% [markdown]
# ## 7. A page for each feature
#
# What is a feature about? Start where everybody starts, with the texts in which it is strongest.

# %% [markdown]
# ## Exercise 5.8 · Where a feature is strongest  ●●○ · 10 min · 2 points
#
# **Goal:** where a feature is strongest, one place in each text. **Why:** without the last condition one long text fills the whole list.
#
# <details><summary>Hint 1</summary>
#
# For each text find the strongest token and where it is. Then take the k texts with the largest ones, and tell both.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `values, positions = acts.max(dim=1)` for one feature's activations, then `values.topk(k).indices`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `feature_acts[:, :, feature]` has axes `batch pos`; `torch.stack([texts, positions[texts]], dim=1)` has shape `[k, 2]`.
#
# </details>


# %% exercise="05.8" points=2
def top_examples(
    feature_acts: Float[Tensor, "batch pos d_sae"], feature: int, k: int
) -> Int[Tensor, "k 2"]:
    """Return the strongest places of a feature as rows (text, position), the strongest first.

    Each text is there at most once, with its strongest token.
    """
    ### BEGIN SOLUTION
    values, positions = feature_acts[:, :, feature].max(dim=1)
    texts = values.topk(k).indices
    return torch.stack([texts, positions[texts]], dim=1)
    ### END SOLUTION


# %% check="05.8"
check(top_examples)

# %%
activity = sae.latent_activity(learned, data)


def best(label):
    """Return the feature that tells a label best."""
    return int(features.best[features.of(label)])


page = sae.feature_page(model, activity, best("text_feature: bracket_close"))
plots.show(plots.plot_feature_page(page))

# %%
for band, examples in page.by_quantile:
    for example in examples[:1]:
        print(f"{band:8} {example.value:5.2f}  {example.text()!r}")

# %% hidden="numbers-page"
bands = dict(page.by_quantile)
assert about(page.labels.f1[0], 0.84, 0.02) and about(bands["0%-50%"][0].value, 1.3, 0.2)
assert about(page.examples[0].value, 12.6, 0.5) and about(page.density, 0.019, 0.002)

# %% [markdown]
# This is the feature for closing brackets. Its strongest examples, up to 12.6, all close an aside in a story, and the panel of logits says what it is for: after the bracket the sentence goes on with *was*, *went*, *came*. Now look further down the page. It is active on 1.9 % of the tokens, and half of these activations are below 1.4, where it sits on the brackets of Python functions. Strong and weak mean different things. As a detector with the right threshold it has an F1 of 0.84; "the feature is active" would be a poor one. This is the illusion of the top examples from chapter 03, and it does not go away because a feature was learned.

# %% [markdown]
# **In words.** Reading pages does not scale to 768 features, so let a machine do it. In **automatic interpretability** an *explainer* sees fragments and says in words what excites the feature. A *simulator* sees only the words, and predicts the activation on other fragments, half of them the strongest and half of them random (*top-and-random*). The score is the correlation ([Cunningham23], section 3). Usually both are language models. Ours is the town itself: the explanation is the label, or the list of tokens, that goes with the feature best on one half of the documents, and the simulator says 1 where it holds. `sae.ChatExplainer` puts any chat model that you name in its place.

# %%
compared = [learned, sae.neurons(x), sae.random_directions(x, 192), sae.pca(x), sae.ica(x)]
table = [
    sae.evaluate_sae(model, each, data, n_latents=300, splice_documents=8) for each in compared
]
plots.show(plots.plot_dictionary_table(sae.dictionary_table(table)))

# %%
explained = table[0].interpretability
order = explained.top_and_random.argsort(descending=True)
for i in [*order[:4].tolist(), *order[-2:].tolist()]:
    what, score = explained.explanations[i], explained.top_and_random[i]
    print(f"feature {explained.latents[i]:4} score {score:5.2f}  {what[:70]}")

# %% hidden="numbers-table"
means = [each.interpretability.top_and_random.mean() for each in table]
chance = [each.interpretability.random.mean() for each in table]
best_f1 = [each.labels.f1.mean() for each in table]
assert about(means[0], 0.49, 0.02) and about(means[1], 0.39, 0.02) and about(means[2], 0.38, 0.02)
assert about(means[3], 0.25, 0.02) and about(means[4], 0.39, 0.02)
assert about(best_f1[0], 0.47, 0.02) and about(best_f1[4], 0.38, 0.02)
assert about(best_f1[1], 0.27, 0.02) and about(chance[0], 0.15, 0.02)
assert about(chance[1], 0.18, 0.02)

# %% [markdown]
# Learned features are explained with a mean score of 0.49; axes and independent components have 0.39, random directions 0.38, principal components 0.25, and the intervals do not overlap. For labels the order is the same: the best feature of a label has an F1 of 0.47 on average, the best independent component 0.38, the best axis 0.27. The honest part: on the random fragments alone our features have 0.15 and axes 0.18. The advantage is all in the strong activations. And the last lines above are features for which no label and no list of tokens was found.
#
# [Cunningham23] (appendix) ask whether a feature is explained well because its activation has heavy tails, and report correlations of 0.19 with skew and 0.24 with kurtosis.

# %%
shape, own = sae.moment_correlations(table), sae.moment_correlations(table[:1])
print(f"all five: skew {shape.with_skew:.2f}, kurtosis {shape.with_kurtosis:.2f}")
print(f"learned:  skew {own.with_skew:.2f}, kurtosis {own.with_kurtosis:.2f}")

# %% hidden="numbers-moments"
assert about(shape.with_skew, 0.26, 0.03) and about(shape.with_kurtosis, 0.18, 0.03)
assert about(own.with_skew, 0.12, 0.04) and about(own.with_kurtosis, 0.05, 0.04)

# %% [markdown]
# Over all five dictionaries we find 0.26 and 0.18, much like theirs. Among the learned features alone 0.12 and 0.05 are left: most of it is the difference between kinds of dictionaries. Kurtosis is a poor judge of a single feature.

# %% [markdown]
# ## 8. Does the model listen?
#
# A feature that we can read may be one that the model ignores. Take it away and see. [Cunningham23] subtract what the feature *says*, its code times its row, and nothing else:
#
# $$x' = x - f_i(x)\, d_i$$
#
# They call it **less than rank one**: to project the direction $d_i$ out of $x$ would change every token, this changes only those on which the feature is active. And the reconstruction is not put in, so what the dictionary misses stays.

# %% [markdown]
# ## Exercise 5.9 · Take one feature away  ●○○ · 10 min · 2 points
#
# **Goal:** the activation without what one feature says. **Why:** it is the smallest change that tests whether the model listens.
#
# <details><summary>Hint 1</summary>
#
# What the feature adds to the reconstruction is its code times its decoder row. Subtract that from x, not from the reconstruction.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `W_dec[feature]` is the row; index the codes with `feature` and give them a last axis with `[..., None]`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `feature_acts[:, :, feature, None]` has axes `batch pos 1`, and times `d_in` it has `batch pos d_in`.
#
# </details>


# %% exercise="05.9" points=2
def ablate_feature(
    x: Float[Tensor, "batch pos d_in"],
    feature_acts: Float[Tensor, "batch pos d_sae"],
    W_dec: Float[Tensor, "d_sae d_in"],
    feature: int,
) -> Float[Tensor, "batch pos d_in"]:
    """Return x without what the feature adds to its reconstruction.

    Rows of W_dec may have any length; what the dictionary does not explain stays in x.
    """
    ### BEGIN SOLUTION
    return x - feature_acts[:, :, feature, None] * W_dec[feature]
    ### END SOLUTION


# %% check="05.9"
check(ablate_feature)

# %%
four = [best(name) for name in six if name != "code_language: go"][:4]
tokens, counted = data.texts.tokens[:120], data.texts.counted[:120]
without = sae.ablation_effects(
    model, HOOK, learned, tokens, sorted(set(four)), counted=counted, n_random=1
)
plots.show(plots.plot_ablation_size(without))

# %%
plots.show(plots.plot_latent_ablation(without, best("text_feature: bracket_close")))

# %% hidden="numbers-ablation"
places = [without.place(best(name)) for name in six[:4]]
kl, projected = without.kl[places], without.projected_kl[places]
assert about(kl[1], 0.08, 0.02) and about(kl[0], 0.015, 0.005) and about(kl[3], 0, 0.005)
assert about(projected[0], 0.16, 0.04) and about(
    without.projected_kl_elsewhere[places][0], 0.03, 0.01
)
assert without.kl_elsewhere.max() < 0.02
fallen = [token for token, _ in without.losers(best("text_feature: bracket_close"), 3)]
assert MODEL != "town" or fallen == [" went", " came", " was"]

# %% [markdown]
# Without the feature for closing brackets the predictions after a bracket move by 0.08 nats, far more than along a random direction of the same length, and what falls are *went*, *came* and *was*: the page was right about what it is for. At other tokens nothing happens, by construction. Projecting the whole direction out is another thing: for *and* and *or* it costs 0.16 nats where the feature is active, ten times as much as the ablation (0.015), and 0.03 at tokens that have nothing to do with it.
#
# And one feature that we can read is not listened to. The label xcomp (*wants to leave*) is told with an F1 of 0.69; take it away, and nothing measurable changes. Readable is not the same as used.

# %% [markdown]
# ## 9. Turn it up
#
# Now the other way. Add the direction where it was not, or *clamp* the feature to a high value on every token, and watch what the model says. [Templeton24] clamped a feature for the Golden Gate Bridge to ten times its maximum, and their model took itself for the bridge.

# %% [markdown]
# ## Exercise 5.10 · Push along a feature  ●●○ · 15 min · 3 points
#
# **Goal:** the logits of a model that is pushed along a direction. **Why:** a push that makes the model do what the feature is about is the strongest evidence of all.
#
# <details><summary>Hint 1</summary>
#
# Run the model with a hook that adds amount times the direction to the activation at every position but the first, and return its logits.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model.run_with_hooks(tokens, fwd_hooks=[(hook_name, function)])`; the function gets `(x, hook)` and returns x.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# x has axes `batch pos d_in`: `x[:, 1:]` is all but the first; the direction has `d_in`.
#
# </details>


# %% exercise="05.10" points=3
def steer(
    model,
    tokens: Int[Tensor, "batch pos"],
    hook_name: str,
    direction: Float[Tensor, " d_in"],
    amount: float,
) -> Float[Tensor, "batch pos d_vocab"]:
    """Return the logits when amount times the direction is added to the activation.

    The direction has any length. The activation at `hook_name` [batch pos d_in] is pushed at every
    position but the first (BOS).
    """

    ### BEGIN SOLUTION
    def push(x, hook):
        x[:, 1:] += amount * direction
        return x

    return model.run_with_hooks(tokens, fwd_hooks=[(hook_name, push)])
    ### END SOLUTION


# %% check="05.10"
check(steer)

# %% [markdown]
# Our bridge is DNA. The feature that tells genetic sequences is clamped, in sentences about gardens and rivers. **Predict first:** what will the model write after *The garden was*?

# %%
dna = best("text_feature: dna")
letters = sae.token_ids(model, lambda text: text.strip() and set(text.strip()) <= set("ACGT"))
prompts = model.to_tokens([f"The {thing} was" for thing in ("garden", "river", "mill", "ring")])
strongest = activity.largest()[dna].item()
amounts = [strongest * part for part in (0, 0.5, 1, 2, 3)]

# %%
steering = sae.latent_steering(
    model, HOOK, learned, dna, prompts, letters, amounts, how="clamped", behaviour="DNA letters"
)
plots.show(plots.plot_latent_steering(steering))

# %%
for times in (0, 1, 2):
    changes = {HOOK: sae.clamped(learned, [dna], [times * strongest])}
    said = sae.continuations(model, prompts[:1], changes, n_new=12, temperature=0)
    print(f"clamped to {times} times its maximum: {model.tokenizer.decode(said[0, 1:])!r}")

# %% hidden="numbers-steering"
assert about(steering.share[-1], 0.99, 0.02) and about(steering.untouched, 0, 0.005)
assert MODEL != "town" or steering.random.max() < 0.01

# %% [markdown]
# *The garden was not*, and then DNA without end. At three times its maximum the next token is one of A, C, G, T with 99 %, where untouched it never is, and random directions that move the activation as far stay below 1 %. This is what a label could not show: the direction does not only go with genetic sequences, it *makes* them. It also shows the cost. KL in the figure rises with the push, and at the end nothing is left of the garden.

# %% [markdown]
# ## 10. Where it fails
#
# **A feature that is absorbed.** Plant a world in which some things imply others: eight general features, each with four special ones that never come without it, as *starts with a letter* comes with every word. And eight features that stand alone.

# %%
generator = torch.Generator().manual_seed(0)
planted = sae.planted_dictionary(48, 64, seed=1)  # 8 general, 32 special, 8 alone


def implying(n):
    """Return codes in which a special feature is active only beside its general one."""
    general, alone = torch.rand(2, n, 8, generator=generator) < 0.1
    which = torch.randint(4, (n, 8), generator=generator)
    some = general & (torch.rand(n, 8, generator=generator) < 0.6)
    special = torch.nn.functional.one_hot(which, 4) * some[..., None]
    on = torch.cat([general, special.flatten(1), alone], dim=1)
    return on * (0.9 + 0.2 * torch.rand(n, 48, generator=generator))


# %% [markdown]
# **Predict first.** A general feature is active on a tenth of the activations, on 60 % of those with a special one. On which part of these will its learned twin be active?

# %%
my_guess = {"general alone": None, "general with a special one": None}

# %%
codes, seen = implying(30_000), implying(8_000)
mixed = sae.ShuffledActivations(codes @ planted, 512)
rules = {
    "L1": {"l1": 0.1},
    "TopK": {"k": 2},
    "Matryoshka": {"k": 2, "prefixes": (8, 16, 48)},
}


# %% rtol=0.3
def twins_active(name):
    """Return how often the twins of general features are active: general alone, with special."""
    config = sae.SAEConfig(name.lower(), d_sae=48, steps=1000, lr=3e-3, **rules[name])
    found = sae.train_sae(mixed, config).sae
    twin = (planted[:8] @ found.directions.T).argmax(dim=1)
    active = found.encode(seen @ planted)[:, twin] > 0
    beside = seen[:, 8:40].reshape(-1, 8, 4).any(-1)
    here = seen[:, :8] > 0
    return active[here & ~beside].float().mean(), active[here & beside].float().mean()


recalls = {name: twins_active(name) for name in rules}
for name, (alone, beside) in recalls.items():
    print(f"{name:10} active on {alone:4.0%} of general alone, {beside:4.0%} beside a special one")

# %% hidden="numbers-absorption"
assert abs(recalls["L1"][0] - 0.97) < 0.03 and 0.42 < recalls["L1"][1] < 0.6
assert abs(recalls["TopK"][0] - 0.70) < 0.05 and abs(recalls["TopK"][1] - 0.40) < 0.05
assert recalls["Matryoshka"][0] > 0.97 and abs(recalls["Matryoshka"][1] - 0.94) < 0.05

# %% [markdown]
# The L1 dictionary's twin is active on nearly all of the general feature's lone appearances (97 %), and on about half of those beside a special one. In TopK it is 70 and 40 %. Nothing was wrong with training: one feature is cheaper than two, so the special one learns to write *both* directions, and the general one falls silent there. It now means "starts with a letter, except in the words that have a feature of their own". No list of top examples would show the holes. Matryoshka, which must write with its first eight features alone, keeps the general ones whole (100 and 94 %). Here is what it is for.
#
# In the model, look for labels whose best feature is silent on many of their tokens, while features that are active only inside the label take its place:

# %%
told_well = features.above(0.5) or features.labels
absorbed = sae.most_absorbed(learned, data, features, told_well)[0]
plots.show(plots.plot_absorption(absorbed))

# %% hidden="numbers-absorbed"
assert about(absorbed.recall, 0.38, 0.03) and about(absorbed.explained, 0.56, 0.03)
assert MODEL != "town" or absorbed.label == "text_feature: punctuation"

# %% [markdown]
# The best feature for punctuation is active on 38 % of it. On 56 % of the rest a more special one speaks, for operators in code and for braces in formulas. If you had clamped or ablated "the punctuation feature", you would have changed less than half of punctuation.
#
# **A feature that splits.** Which features of the dictionary of 384 become several among 1,536?

# %%
split = sae.feature_splitting(widths[0], widths[2], x)
plots.show(plots.plot_splitting(split))

# %%
told = [sae.label_f1(each, data) for each in (widths[0], widths[2])]
spoken = [sae.latent_activity(each, data) for each in (widths[0], widths[2])]


def described(which, latent):
    label = told[which].favourite[latent]
    tokens = sae.token_histogram(model, spoken[which], latent, k=6).tokens
    f1 = told[which].latent_f1[latent]
    return (
        f"{latent:4}  {told[which].labels[label]} (F1 {f1:.2f}), at {' '.join(map(repr, tokens))}"
    )


# %%
parent = int(told[0].best[told[0].of("subset: maths")])
print("parent", described(0, parent))
for child in split.children(parent):
    print(" child", described(1, child))

# %% hidden="numbers-splitting"
several = (split.sizes > 1).float().mean()
assert about(several, 0.26, 0.03) and about((~split.is_child).float().mean(), 0.73, 0.03)
assert MODEL != "town" or len(split.children(parent)) == 4

# %% [markdown]
# A quarter of the features split (26 %). The one for mathematical texts becomes four, one of which sits on subscripts and exponents. Which one is *the* feature? The question has no answer without a width. And 73 % of the wide dictionary are nobody's child: with more words it says new things, not only finer ones.
#
# ## 11. Another seed, another dictionary?

# %%
again = dictionary(seed=1)
three = [learned, again, widths[0]]
shared = sae.stability(three, names=["768, seed 0", "768, seed 1", "384, seed 0"])
plots.show(plots.plot_stability(shared, title="Seeds share a third of their features"))

# %% hidden="numbers-stability"
assert about(shared.fractions[0, 1], 0.32, 0.03) and about(shared.fractions[2, 0], 0.37, 0.03)

# %% [markdown]
# Two dictionaries of the same width, data and training, with another seed, share a third of their features (32 %, at a cosine of 0.7 or more). Of the small one's, 37 % are found in the wide one. So most single features are one way among many to cut the same space. Before you give one a name, ask whether it comes back.
#
# ## 12. A task in features
#
# *When Mary and John went to the store, John gave a drink to ...* What must change inside for the model to say the other name? [Cunningham23] (section 4, figure 3) copy features from a run on a prompt in which the names are exchanged, a few at a time, and see how near the output comes to that run's. A dictionary that cuts the computation at its joints needs few, and a small edit.

# %% rtol=0.3
pairs = tasks.ioi(model.tokenizer, 40, 0).pairs
rivals = learned, sae.SignedDirections(sae.pca(x)), tried[2]
curves = [sae.feature_patching_by_pair(model, HOOK, each, pairs) for each in rivals]
plots.show(plots.plot_patching_curves(curves))


# %% hidden="numbers-ioi"
def at_number(curve, number):
    return curve.kl[curve.numbers.index(number)] if number in curve.numbers else curve.kl[-1]


assert about(curves[0].kl[0], 13.7, 0.5) and about(at_number(curves[0], 8), 0.8, 0.2)
assert about(at_number(curves[1], 8), 6.1, 0.5) and about(at_number(curves[2], 8), 10.8, 0.6)
assert about(curves[0].kl[-1], 0.33, 0.1) and about(curves[1].kl[-1], 0.02, 0.03)

# %% [markdown]
# At the start the two runs are 13.7 nats apart. Eight features bring that down to 0.8, where eight principal components leave 6.1, and eight features of the L1 dictionary, which is less sparse and less exact, 10.8. The price is at the other end: with everything copied PCA reaches 0.02, our dictionary stops at 0.33, since what it cannot write it cannot copy. In the right panel the curves run close together: for an edit of the same length the advantage is small. Sparse features are *few*, not gentle.
#
# ## 13. What causes a feature
#
# Features of one layer are made from those of the layers below. Ablate each of these, one at a time, in the feature's top examples, and see how far it falls ([Cunningham23], figure 5). For the two layers below we train small dictionaries now.

# %%
stack, names = {}, {}
for layer in range(max(0, middle - 2), middle):  # each layer more makes the tree far larger
    hook = f"blocks.{layer}.hook_resid_post"
    seen = sae.activations_at(model, data.texts.tokens, data.texts.counted, hook)
    config = sae.SAEConfig("topk", d_sae=384, k=16, steps=250, lr=3e-3)
    stack[hook] = sae.train_sae(sae.ShuffledActivations(seen, 512), config, hook=hook).sae
    scored = sae.label_f1(stack[hook], replace(data, x=seen, hook=hook))
    kinds = [scored.labels[own].split(": ")[1] for own in scored.favourite.tolist()]
    names |= {(hook, i): kind for i, kind in enumerate(kinds)}

stack[HOOK] = learned

# %% rtol=0.3
target = best("text_feature: bracket_close")
tree = sae.feature_tree(model, stack, target, sae.top_rows(activity, target, k=8))
plots.show(plots.plot_feature_tree(tree, names=names | {(HOOK, target): "bracket_close"}))

# %% hidden="numbers-tree"
root = tree.nodes[0]
shares = [root.share(cause) for cause in root.causes]
assert (
    about(shares[0], 0.22, 0.03) and about(shares[1], 0.21, 0.03) and about(shares[2], 0.19, 0.03)
)
assert MODEL != "town" or names[root.causes[0].key] == "bracket_close"
assert len(tree.layer(tree.hooks[-1])) < 9 or MODEL != "town"

# %% [markdown]
# The strongest cause, one layer down, has the same label, and yet the feature loses only 22 % without it; without the next two it loses 21 and 19 %. Even a closing bracket has no single cause. The causes in layer 1 share theirs in layer 0: what looks like a tree is a net.
#
# ## 14. Browse for yourself
#
# Choose a label and move the rank: the second-best feature for a label often says more about the dictionary than the best. Is there one whose strongest examples agree and whose weaker ones do not?

# %%
widgets.FeatureBrowser(model, learned, data, features, latent=target)

# %% [markdown]
# ## Open question 5.A · A feature called fairness · 6 points
#
# A team writes: "Our autoencoder of a large model has a feature for *fairness*. Its twenty strongest examples are all about fair treatment. When we clamp it to five times its maximum, the model's answers to questions about hiring mention fairness three times as often. We will ship the model with the feature clamped." Which doubts do you have about the name, about the feature and about the plan, and which measurements would settle each? Write half a page. There is no check; your teacher has a rubric.

# %% [markdown] open="05.A"
# *Write your answer here, in place of this line.*

# %% [markdown] hidden="rubric"
# **Rubric, 6 points** (the order does not matter)
#
# - 1 point: doubts the name: the strongest examples are the tail of a distribution; asks for examples over the whole range, and for how often the concept occurs without the feature (recall) and the feature without the concept (precision).
# - 1 point: names a rival: splitting or absorption, so that other features hold the rest of the concept; looks at other widths, or at features that are active where this one is silent although it should not be.
# - 1 point: a baseline beside the feature: a linear probe or a mean difference from labelled examples, and random directions of the same length.
# - 1 point: separates what the reconstruction misses: how much of the behaviour remains when the feature is ablated, and how much lies in the error that no feature holds.
# - 1 point: measures what steering costs elsewhere: loss or KL on ordinary text at the same strength, and other behaviours that move with it.
# - 1 point: for each measurement a result that would change the mind, with a number or a comparison, and says whether another seed has the feature at all.
#
# A good answer notes that a model which *mentions* fairness more often need not decide more fairly.

# %% [markdown]
# ## Stretch (no hints)
#
# Put your `sae_forward`, `sae_loss` and `normalise_decoder` into a loop and train on the planted world of section 2 (`for x in world: ...`), with `torch.optim.Adam`. How many steps does it take to an MMCS of 0.95? Then break one thing at a time: leave out the projection of the gradient, leave out the scaling, start the encoder at random instead of at the decoder turned round. Which of the three matters?

# %% [markdown] hidden="stretch"
# **One way to do it.** Start W_dec at random rows of length 1 and W_enc at its transpose, both biases at 0. In each step: forward, loss, backward; `normalise_decoder(W_dec.data, W_dec.grad)` gives the rows and the gradient for the optimiser's step. The scaling matters most: without it the penalty melts away as rows grow. The start matters for how many features die, the projection hardly here.

# %% [markdown]
# ## What you have found
#
# 1. A sparse autoencoder finds planted directions that axes, PCA and ICA miss, and on a real model features that can be read, ablated and turned up.
# 2. No single number tells whether it is good: L0 and FVU trade against each other, the model's loss has its own opinion, and labels, explanations and interventions have theirs.
# 3. Features are a choice of the dictionary as much as of the model: they split with width, are absorbed by special ones, and differ between seeds.
#
# | term | meaning |
# |---|---|
# | dictionary | directions, and a rule that writes an activation as a sum of few of them |
# | code, feature activation | how much of a feature there is in an activation |
# | L0 | mean number of active features |
# | FVU | fraction of variance (about the mean) unexplained |
# | shrinkage | codes that a price on their sum makes too small |
# | dead feature | one that is never active |
# | MMCS | mean over true features of the largest cosine with a learned one |
# | loss recovered | how far the loss comes back from the mean's to the model's own |
# | top-and-random score | how well an explanation predicts activations on strongest and on random fragments |
# | less-than-rank-one ablation | taking away only what a feature says |
# | clamping | setting a feature to a value on every token |
# | splitting | one feature of a small dictionary is several in a wide one |
# | absorption | a special feature takes a general one's place |
#
# **What this does not show.** Our labels come from the program that wrote the texts, and our simulator knows them; on real text nobody has such a list. What stays unexplained is not noise: the model reads it, and no feature holds it. A feature of one layer is not a mechanism; that takes the circuits of the chapters to come. And our dictionaries are small, of one place in a model with four layers: at scale the share of dead, split and absorbed features is another.
#
# **Further reading.** [Cunningham23] *Sparse Autoencoders Find Highly Interpretable Features in Language Models*. [Bricken23] *Towards Monosemanticity*, for the feature pages. [Templeton24] *Scaling Monosemanticity*. [Gao24] *Scaling and evaluating sparse autoencoders*. [Rajamanoharan24] *Jumping Ahead*. [Bussmann24] *BatchTopK Sparse Autoencoders*; [Bussmann25] *Learning Multi-Level Features with Matryoshka SAEs*. Chanin et al. (2024), *A is for Absorption*. Bills et al. (2023), *Language models can explain neurons in language models*.
#
# **Next.** A dictionary says what a model holds at one place. Chapter 06 asks how something gets from one place to another, and finds two heads that together copy what came before.
