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
# # 04 · Superposition
#
# **How can a network keep five things in two numbers, and what does it pay?**
#
# At the end of the last chapter no neuron stood for "credit card". Two of them did together, and each meant many other things besides. Perhaps that is an accident of training. Or perhaps it is the best a network can do when the world has more features than the network has neurons. To find out we build the smallest networks that face the problem: five features, two numbers. We know everything that goes in, so we can see everything that happens.
#
# **Predict first.** Each of the five features is active with a probability that we call `density`, independently of the others. Draw what you expect as arrows in a plane, one for each feature: once for a network whose features are always active, once for 25 % of the time, once for 5 %.

# %% tags=["setup"]
from math import pi

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from mi_course import plots, widgets
from mi_course.grading import check
from mi_course.methods import superposition
from mi_course.models.toy import ToyModel

# %%
my_guess = {"arrows when always active": None, "at 25 %": None, "at 5 %": None}  # how many

# %% tags=["nbval-ignore-output"]
density = torch.tensor([1.0, 0.25, 0.05])
importance = 0.9 ** torch.arange(5)
five = superposition.train_toy_models(5, 2, density, importance).model
plots.show(plots.plot_directions(superposition.geometry(five.W, density)))


# %% hidden="numbers-five"
def about(value, quoted, within):
    """Whether a number is the one that the prose quotes."""
    return abs(float(value) - quoted) <= within


found = superposition.geometry(five.W, density)
kept = (found.lengths() > 0.5).sum(1).tolist()
assert kept == [2, 4, 5], kept
assert found.told(2) == "1 pentagon" and found.counts(1)["digon"] == 2

# %% [markdown]
# Always active: two features get a direction each, the other three get nothing. That is what principal component analysis would do. At 25 % four features share the plane, as two opposite pairs. At 5 % all five are in, and they form a regular pentagon. Nobody told the network about pentagons.
#
# To keep more features than there are dimensions is called **superposition**. This chapter finds out when a network does it, in which shapes, and what it costs.
#
# **You will be able to**
#
# 1. build and train the model of [Elhage22] and say what sparsity and importance do to it;
# 2. measure how much of a dimension a feature has, and recognise a shape by that number;
# 3. derive when superposition pays, and hold the derivation against trained models;
# 4. store any number of features in a plane, exactly, and say what breaks it;
# 5. read a layer that computes in superposition, and show why reading its neurons one by one fails.
#
# **Time:** about four hours with eight exercises; the notebook itself runs in about a minute. **The answer** will look like this: a phase diagram that arithmetic predicts, and a pentagon. There is no model to choose and no name to change in this chapter: all of its models are trained here, in seconds.

# %% [markdown]
# ## 1. A model small enough to see all of it
#
# The input is $n$ features $x_i$. Each is 0, or with probability $p$ (its density) uniform between 0 and 1. The model squeezes them into $m < n$ hidden dimensions and reads them back with the same matrix, a bias, and one ReLU:
#
# $$h = x W \qquad\qquad x' = \mathrm{ReLU}(h\, W^{\top} + b)$$
#
# Row $W_i$ is the **direction** of feature $i$ in the hidden space: what the arrows above show. Some features matter more than others. Feature $i$ has an **importance** $I_i$, and the model is trained on
#
# $$L = \mathrm{mean}_i \; I_i\, (x_i - x'_i)^2$$
#
# Many models stand side by side along a first axis, `instance`: they share nothing but their sizes, and a whole sweep over densities is one tensor.

# %% [markdown]
# ## Exercise 4.1 · Draw sparse features  ●○○ · 10 min · 2 points
#
# **Goal:** features that are mostly zero. **Why:** how rare features are decides everything in this chapter.
#
# <details><summary>Hint 1</summary>
#
# Each feature needs two things: whether it is active, which happens with probability density, and a value between 0 and 1.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `torch.rand(..., generator=generator) < p` is true with probability p; multiplied by a second `torch.rand` it is a value or zero.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Both draws have axes `instance batch n_features`; `density[:, None, None]` lines up.
#
# </details>


# %% exercise="04.1" points=2
def sample_features(
    batch: int, density: Float[Tensor, " instance"], n_features: int, generator: torch.Generator
) -> Float[Tensor, "instance batch n_features"]:
    """Return features that are zero, or with probability `density` uniform between 0 and 1.

    Each feature of each example is drawn by itself, with the generator, in any way you like.
    """
    ### BEGIN SOLUTION
    shape = (len(density), batch, n_features)
    active = torch.rand(shape, generator=generator) < density[:, None, None]
    return active * torch.rand(shape, generator=generator)
    ### END SOLUTION


# %% check="04.1"
check(sample_features)

# %% [markdown]
# ## Exercise 4.2 · Squeeze and read back  ●○○ · 10 min · 2 points
#
# **Goal:** what the model makes of its features. **Why:** it is the whole model, and all that follows asks which W it chooses.
#
# <details><summary>Hint 1</summary>
#
# Multiply by W into the hidden dimensions, by its transpose back to the features, add the bias, and set what is negative to 0.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `@` multiplies each instance's matrices; `W.mT` swaps the last two axes; `.relu()` at the end.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `x @ W` has axes `instance batch d_hidden`; `b[:, None]` has `instance 1 n_features` and lines up with the output.
#
# </details>


# %% exercise="04.2" points=2
def toy_forward(
    x: Float[Tensor, "instance batch n_features"],
    W: Float[Tensor, "instance n_features d_hidden"],
    b: Float[Tensor, "instance n_features"],
) -> Float[Tensor, "instance batch n_features"]:
    """Return ReLU(x W W^T + b), each instance with its own W and b."""
    ### BEGIN SOLUTION
    hidden = x @ W
    return (hidden @ W.mT + b[:, None]).relu()
    ### END SOLUTION


# %% check="04.2"
check(toy_forward)

# %% [markdown]
# ## Exercise 4.3 · Weigh the errors  ●○○ · 10 min · 2 points
#
# **Goal:** one loss for each instance. **Why:** importance is the only thing that tells the model which feature to give up first.
#
# <details><summary>Hint 1</summary>
#
# For each example and feature, the squared distance between x and out, times the feature's importance; then the mean over examples and features.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `(x - out).square()`, times `importance[:, None]`, then `.mean(dim=(1, 2))`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The error has axes `instance batch n_features`; the mean over the last two leaves `instance`.
#
# </details>


# %% exercise="04.3" points=2
def toy_loss(
    x: Float[Tensor, "instance batch n_features"],
    out: Float[Tensor, "instance batch n_features"],
    importance: Float[Tensor, "instance n_features"],
) -> Float[Tensor, " instance"]:
    """Return importance times squared error, its mean over batch and features."""
    ### BEGIN SOLUTION
    error = (x - out).square() * importance[:, None]
    return error.mean(dim=(1, 2))
    ### END SOLUTION


# %% check="04.3"
check(toy_loss)

# %% [markdown]
# How much is lost? A model that ignores a feature and always says its mean has a squared error equal to the feature's variance, $p/3 - p^2/4$. Relative to that:

# %% rtol=0.1
variance = density / 3 - density**2 / 4
lost = superposition.toy_loss(five) / (variance * importance.mean())
print("fraction of variance lost:", *(f"{share:.2f}" for share in lost))

# %% hidden="numbers-lost"
assert about(lost[0], 0.53, 0.03) and about(lost[1], 0.29, 0.04) and about(lost[2], 0.10, 0.03)

# %% [markdown]
# With dense features 0.53 of the (weighted) variance is gone. At a density of 0.05 only 0.10, in the same two dimensions. Sparsity makes room.

# %% [markdown]
# ## 2. Importance decides who, sparsity how many
#
# Now twenty features in five dimensions, each with 0.7 times the importance of the one before. Look at all pairs at once: entry $(i, j)$ of $W W^{\top}$ says how much of feature $i$ arrives in output $j$. A perfect model has the identity here. Off the diagonal stands **interference**.
#
# **Predict first.** How many of the twenty are kept at densities of 1, 0.1 and 0.01? And how many by a model that has no ReLU?

# %%
my_guess = {"ReLU": (None, None, None), "no ReLU": (None, None, None)}  # features kept

# %% rtol=0.2
three = torch.tensor([1.0, 0.1, 0.01])
falling = 0.7 ** torch.arange(20)
twenty = {}
for kind in ("relu", "linear"):
    model = superposition.train_toy_models(20, 5, three, falling, steps=2000, kind=kind).model
    twenty[kind] = superposition.geometry(model.W, three)
    kept = (twenty[kind].lengths() > 0.5).sum(dim=1).tolist()
    print(f"{kind:>6}: {kept[0]}, {kept[1]} and {kept[2]} features kept")

# %% tags=["nbval-ignore-output"]
plots.show(plots.plot_feature_lengths(twenty["relu"]))

# %% tags=["nbval-ignore-output"]
plots.show(plots.plot_gram(twenty["relu"], 1))

# %% hidden="numbers-importance"
assert kept == [5, 5, 5], "the linear model's, which came last"
lengths = twenty["relu"].lengths()
kept = (lengths > 0.5).sum(dim=1)
assert kept[0] == 5 and about(kept[1], 10, 1) and about(kept[2], 12, 2)
assert (lengths[0, :5] > 0.9).all() and (lengths[0, 5:] < 0.5).all()

# %% [markdown]
# Dense: the five most important features, a dimension each. At a density of 0.1 about ten, in opposite pairs: the blue diagonal has red partners. At 0.01 about twelve. The linear model keeps five whatever the density. So it is not sparsity alone. **It is the ReLU that makes superposition possible**, because it can throw away what is negative.

# %% [markdown]
# ## 3. When does it pay?
#
# Take the smallest case: two features, one dimension, importances 1 and $r \le 1$. There are only two sensible ways.
#
# - *Dedicate* the dimension to the first feature. The second is ignored and costs its variance: $r\,(p/3 - p^2/4)$.
# - *Share* it, as an **antipodal pair**: $W = (1, -1)$. If one feature is active, the other's output is negative and the ReLU removes it: no error at all. If both are, the larger comes out too small by the smaller, and the smaller is lost: each has an error of $\min(x, y)^2$, on average $1/6$. Together $(1 + r)\,p^2/6$.
#
# One cost falls with $p$, the other with $p^2$. So rare features should share. Set them equal:
#
# $$p^\ast = \frac{4 r}{2 + 5 r}$$
#
# At equal importance that is 4/7. Now train 480 models, six for each of 80 points, and keep the best of each six.

# %% tags=["nbval-ignore-output"]
phases = superposition.phase_diagram(2, 1, steps=1000)
plots.show(plots.plot_phase_diagram(phases))

# %% hidden="numbers-phases"
assert phases.agreement() > 0.95
factors = phases.boundary_factors()
assert about(factors[~factors.isnan()].median(), 1.1, 0.1)
assert phases.measured.numel() == 80

# %% [markdown]
# The left panel is measured, the right one is arithmetic. They agree at 99 % of the points, and superposition begins at a density that differs from the formula by a factor of 1.1 in the median, which is less than the step from one column to the next. Note how sharp the border is. The feature does not fade in; it is ignored, and then it shares. [Elhage22] call it a **phase change**.
#
# But why keep the best of six? Train forty more of the same and look at how each one began.

# %% rtol=0.2
pairs = superposition.train_toy_models(2, 1, torch.full((40,), 0.05), steps=1500)
opposite = pairs.W_over_time[0].prod(dim=1).flatten() < 0
shared = (pairs.model.W.abs() > 0.5).all(dim=1).flatten()
print("began with opposite signs:", int(opposite.sum()), "of 40")
print("ended as a pair:", int(shared.sum()), "of which began so:", int((shared & opposite).sum()))

# %% hidden="numbers-stuck"
assert opposite.sum() == 20 and about(shared.sum(), 20, 3)
assert about((shared & opposite).sum(), 19, 2)

# %% [markdown]
# Half of them get stuck, and nearly always the half in which both weights began with the same sign. In one dimension an arrow can only turn round by shrinking to nothing first, and on that way the loss rises. The best solution and the solution that training finds are two different things. Keep it in mind whenever somebody concludes from one trained model what "the network wants".

# %% [markdown]
# ## 4. A share of a dimension
#
# Arrows can only be drawn in a plane. A number works everywhere. Let $\hat{W}_i$ be the direction of feature $i$ made one long:
#
# $$D_i = \frac{\lVert W_i \rVert^2}{\sum_j \big(\hat{W}_i \cdot W_j\big)^2}$$
#
# Above the line is how strongly the feature is represented, below it how many use its direction, itself included. This is the **feature dimensionality**. A feature on its own has 1, one of an antipodal pair 1/2. Features that share a space evenly have (dimensions of the space) / (features in it): a triangle 2/3, a tetrahedron 3/4, a pentagon 2/5, and eight features in three dimensions, a square antiprism, 3/8.

# %% [markdown]
# ## Exercise 4.4 · Measure a feature's share of a dimension  ●●○ · 15 min · 3 points
#
# **Goal:** how much of a dimension each feature has for itself. **Why:** it turns a picture of arrows into a number that works in any dimension.
#
# <details><summary>Hint 1</summary>
#
# Above the line is the squared length of a feature's direction; below it, the squared overlaps of its unit vector with all directions, its own included.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `unit @ W.mT` holds all overlaps of an instance. Where W_i is zero so are both sides: `torch.nn.functional.normalize` and `.clamp(min=1e-12)` keep 0 / 0 away.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `unit @ W.mT` has axes `instance i j`; summed over the last it has `instance n_features`.
#
# </details>


# %% exercise="04.4" points=3
def feature_dimensionality(
    W: Float[Tensor, "instance n_features d_hidden"],
) -> Float[Tensor, "instance n_features"]:
    """Return |W_i|^2 divided by the sum over j of (W^_i . W_j)^2; 0 for a zero direction."""
    ### BEGIN SOLUTION
    squared = W.square().sum(dim=-1)
    shared = (W @ W.mT).square().sum(dim=-1)
    return squared.square() / shared.clamp(min=1e-12)
    ### END SOLUTION


# %% check="04.4"
check(feature_dimensionality)

# %% [markdown]
# ## Exercise 4.5 · Find who disturbs whom  ●●○ · 10 min · 3 points
#
# **Goal:** how much the other features push along each feature's direction. **Why:** it is the price of superposition, and every defence against it starts here.
#
# <details><summary>Hint 1</summary>
#
# Take the unit vector of a feature, its overlaps with the directions of all other features, and sum their squares.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `normalize(W, dim=-1) @ W.mT` from `torch.nn.functional` holds all overlaps; take away the diagonal, for example with `1 - torch.eye(n_features)`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The overlaps have axes `instance i j`; the sum over the last leaves `instance n_features`.
#
# </details>


# %% exercise="04.5" points=3
def interference(
    W: Float[Tensor, "instance n_features d_hidden"],
) -> Float[Tensor, "instance n_features"]:
    """Return the sum over j other than i of (W^_i . W_j)^2; 0 for a zero direction."""
    ### BEGIN SOLUTION
    overlap = (normalize(W, dim=-1) @ W.mT).square()
    others = 1 - torch.eye(W.shape[1])
    return (overlap * others).sum(dim=-1)
    ### END SOLUTION


# %% check="04.5"
check(interference)

# %% [markdown]
# Does training find the pentagon every time? And what do eight features do in three dimensions? Twenty models of each, all features equally important.


# %%
def twenty_models(n_features, d_hidden, binary=False):
    """Return what shapes twenty models make of rare features, and the mean dimensionality."""
    rare = torch.full((20,), 0.05)
    trained = superposition.train_toy_models(n_features, d_hidden, rare, steps=1500, binary=binary)
    found = superposition.geometry(trained.model.W, rare)
    return [found.told(i) for i in range(20)], found.dimensionality.mean().item()


# %% rtol=0.3
seeds = {sizes: twenty_models(*sizes) for sizes in ((5, 2), (8, 3), (4, 3))}
for (n_features, d_hidden), (told, share) in seeds.items():
    most = max(told, key=told.count)
    print(f"{n_features} in {d_hidden}: {told.count(most)} of 20 are {most}", end=", ")
    print(f"mean dimensionality {share:.2f}")

# %% hidden="numbers-shapes"
assert seeds[5, 2][0].count("1 pentagon") >= 16 and about(seeds[5, 2][1], 0.40, 0.02)
assert seeds[8, 3][0].count("1 square antiprism") >= 16 and about(seeds[8, 3][1], 0.37, 0.02)
assert seeds[4, 3][0].count("1 digon and 2 own dimensions") >= 14
assert about(seeds[4, 3][1], 0.75, 0.01)

# %% [markdown]
# Pentagons with a mean dimensionality of 0.40, and square antiprisms near 3/8, in nearly all of the models. (The name comes from a stated rule: which features touch, how many dimensions they span, and whether they share them equally.) Four features in three dimensions also have 0.75 each on average, but as a pair and two on their own: the average does not tell a shape, the single values do.
#
# **Predict first.** A hundred features in twenty dimensions have endless ways to be arranged. Sweep the density, plot every feature's dimensionality. Will the points fill the range, or gather?

# %%
my_guess = {"fill or gather": None, "where": None}

# %% tags=["nbval-ignore-output"]
ratio = torch.linspace(1.2, 6, 12)
hundred = superposition.train_toy_models(100, 20, 1 / ratio, steps=2500, batch_size=128).model
geometry = superposition.geometry(hundred.W, 1 / ratio)
named = superposition.plateaus(hundred.W, 1 / ratio)
plots.show(plots.plot_dimensionality(geometry, named))

# %% hidden="numbers-plateaus"
most = dict(zip(named.names, named.counts.amax(0).tolist(), strict=True))
assert about(most["digon"], 40, 1) and most["pentagon"] >= 8 and most["square antiprism"] >= 6
assert most["triangle"] <= 4 and most["tetrahedron"] <= 4
flat = (1 / ratio < 0.5) & (1 / ratio > 0.29)
assert (named.counts[flat, 3] >= 37).all() and about(named.n_represented[flat].mean(), 40, 1)

# %% [markdown]
# They gather. Between densities of about 0.5 and 0.3 all forty features that are represented stand at 1/2: twenty pairs in twenty dimensions, and the curve of dimensions per feature runs flat. Then come features at 2/5 and at 3/8: pentagons and antiprisms, orthogonal to each other, inside one large model. [Elhage22] compare it with the fractional quantum Hall effect; the solids are those of the Thomson problem, which asks how electrons on a sphere avoid each other.
#
# Two plateaus of their figure, 2/3 and 3/4, are missing here: hardly any feature stands at a triangle or a tetrahedron. Section 6 says why.

# %% [markdown]
# ## 5. The company they keep
#
# So far every feature came alone. In texts they come in company: legal words with legal words; a token that is Russian is not Spanish. Take four features in two dimensions, as two couples. **Correlated** partners are always active together, **anticorrelated** ones never.
#
# **Predict first.** Whom will a feature choose to share a dimension with: its partner or a stranger?

# %%
my_guess = {"correlated": None, "anticorrelated": None}  # opposite, merged, or at right angles

# %% tags=["nbval-ignore-output"]
together = superposition.paired_features("correlated")
plots.show(plots.plot_paired_features(together))

# %% tags=["nbval-ignore-output"]
never = superposition.paired_features("anticorrelated")
plots.show(plots.plot_paired_features(never))

# %% hidden="numbers-pairs"
assert together.arrangement(0) == "merged" and together.within[0].mean() > 0.95
assert together.arrangement(5) == "at right angles" and together.within[5].abs().max() < 0.1
assert all(never.arrangement(i) == "antipodal" for i in range(6))
assert about(never.within.mean(), -1, 0.03)

# %% [markdown]
# Those that never meet are put opposite each other, with a cosine of -1.00 at every density: they cannot disturb each other at all. Those that always meet are kept at right angles while they are rare, and share with strangers. When they are frequent there is no room for such care, and the two are **merged** into one direction, their sum, as principal components would. A direction that you find may be a merger of things that go together.

# %% [markdown]
# ## 6. Two kinds of interference
#
# Interference has two faces, and they need different cures.
#
# - **Alternating**: another feature is active, this one is not. Its output should be 0 and gets a push.
# - **Simultaneous**: both are active. The push adds to a value that was right.
#
# Take one pentagon, and the same directions without bias and ReLU.

# %% tags=["nbval-ignore-output"]
alone = torch.tensor([0.05])
pentagon = superposition.train_toy_models(5, 2, alone).model
bare = ToyModel(pentagon.W, 0 * pentagon.b, alone, pentagon.importance, kind="linear")
kinds = {"pentagon": superposition.interference_kinds(pentagon)}
kinds["its directions alone"] = superposition.interference_kinds(bare)
plots.show(plots.plot_interference_kinds(kinds))

# %% hidden="numbers-kinds"
with_relu, without = kinds.values()
assert about(with_relu.alternating[0], 0.001, 0.001) and about(without.alternating[0], 0.208, 0.03)
assert about(with_relu.simultaneous[0], 0.105, 0.02)
assert about(pentagon.b.mean(), -0.25, 0.03) and about(pentagon.W.norm(dim=-1).mean(), 1.14, 0.03)

# %% [markdown]
# A negative bias (-0.25) and the ReLU take alternating interference from 0.208 to 0.001, and slightly longer directions (1.14) make up for the bias. Against simultaneous interference, 0.105, neither can help: the model cannot know which part of the value is a push. So sparsity pays because it makes that case rare. Two rare features are active together $p^2$ of the time.
#
# Is a feature on or off, or a degree? Compare five **binary** features, which are 0 or 1, with five **continuous** ones, as we had so far. How much of their variance is lost?

# %% tags=["nbval-ignore-output"]
binary = superposition.binary_against_continuous()
plots.show(plots.plot_binary_comparison(binary))

# %% tags=["nbval-ignore-output"]
triangles = {}
for name in ("continuous", "binary"):
    told, _ = twenty_models(3, 2, binary=name == "binary")
    triangles[name] = told.count("1 triangle")
    pairs_and_one = told.count("1 digon and 1 own dimension")
    print(f"{name}: {triangles[name]} triangles, {pairs_and_one} times a pair beside a single one")

# %% hidden="numbers-binary"
assert triangles["continuous"] == 0 and 1 <= triangles["binary"] <= 9
assert about(binary.fvu_binary[-1], 0.037, 0.012) and about(binary.fvu_continuous[-1], 0.054, 0.015)
assert about(binary.fvu_binary[0], 0.58, 0.04) and about(binary.fvu_continuous[0], 0.49, 0.04)
on, part = binary.kinds_binary, binary.kinds_continuous
assert about(on.alone[-1], 0.001, 0.004) and about(part.alone[-1], 0.011, 0.005)
assert about(on.simultaneous[-1], 0.58, 0.08) and about(part.simultaneous[-1], 0.107, 0.02)

# %% [markdown]
# A binary feature that is active alone can be read exactly, since only one value must come out right (squared error 0.001, against 0.011 for a continuous one, which the bias bends). But when two meet, binary ones lose more: 0.58 against 0.11. So at a density of 0.02, where meetings are rare, binary features lose 3.7 % of their variance and continuous ones 5.4 %; at 0.5 it is the other way round, 58 % and 49 %.
#
# And the geometry changes: three *continuous* features in two dimensions never make a triangle, three binary ones sometimes do. You can see why with the costs of section 3. Both active, values 1: in a pair both outputs are 0, a squared error of 2 for the pair. In a triangle each reads $1 - \tfrac12$, an error of $2 \cdot \tfrac14$ for each of three pairs, 1.5 in all. For uniform values the pair costs $2 \cdot \tfrac16 = \tfrac13$ and the triangle $6 \cdot \tfrac1{16} = \tfrac38$. So triangles win for binary features and lose for ours. That they are "sometimes" found, although they are better, is section 3's lesson again. **Which shapes you meet depends on how features are distributed**, and of real features we do not know that.

# %% [markdown]
# ## 7. Any number, exactly
#
# How many features fit into a plane? If only one is active at a time and all are binary: any number. [Gurnee23] (appendix C) give the construction. Put $n$ directions evenly on a circle. Two neighbours have the cosine $c = \cos(2\pi/n)$, all others less. Read along each direction, and let a bias remove everything up to $c$.

# %% [markdown]
# ## Exercise 4.6 · Any number of features in a plane  ●●● · 20 min · 3 points
#
# **Goal:** directions for n features in two dimensions, and a reader that is never wrong while one feature is active. **Why:** it shows that two numbers have room for any number of features, so that what limits a network is something else.
#
# <details><summary>Hint 1</summary>
#
# Put the features on a circle, evenly. Read each along its own direction: 1 for itself, at most cos(2 pi / n) for all others. A bias takes that overlap away, a factor brings 1 back.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `torch.stack([angle.cos(), angle.sin()], dim=1)` with `angle = 2 * pi * torch.arange(n) / n`; with c = cos(2 pi / n), reader and bias are both divided by 1 - c.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# directions `[n_features 2]`, reader `[2 n_features]`, bias `[n_features]`; `directions @ reader + bias` has a row for each feature that is active.
#
# </details>


# %% exercise="04.6" points=3
def circle_embedding(
    n_features: int,
) -> tuple[
    Float[Tensor, "n_features 2"], Float[Tensor, "2 n_features"], Float[Tensor, " n_features"]
]:
    """Return directions, a reader and a bias for n features in two dimensions.

    With one feature active, at 1, ReLU(hidden reader + bias) is 1 for it and 0 for all others;
    `hidden` is then its direction. There are at least 2 features.
    """
    ### BEGIN SOLUTION
    angle = 2 * pi * torch.arange(n_features) / n_features
    directions = torch.stack([angle.cos(), angle.sin()], dim=1)
    neighbour = torch.tensor(2 * pi / n_features).cos()
    reader = directions.T / (1 - neighbour)
    bias = -neighbour / (1 - neighbour)
    return directions, reader, bias.expand(n_features)
    ### END SOLUTION


# %% check="04.6"
check(circle_embedding)

# %%
codes = superposition.circle_codes()
plots.show(plots.plot_circle_codes(codes))

# %% hidden="numbers-circle"
assert codes.one_hot_error.max() < 1e-6 and codes.ns[-1] == 1000
assert about(codes.gain[codes.ns.index(10)], 5.2, 0.1)
assert about(codes.gain[-1] / 1000, 50.7, 0.1)
assert codes.ns[:3] == (3, 5, 10) and codes.two_read_right[:3].tolist() == [1, 0.5, 0]
assert codes.two_read_right[3:].max() == 0

# %% [markdown]
# A thousand features in two numbers, without error. The price stands in the left panel: what is left after the bias is tiny, so the reader must multiply by $1/(1-c)$, about $n^2/20$. That is 5 for ten features and 51,000 for a thousand. Large weights with strongly negative biases: the fingerprint that you looked for in the neurons of chapter 03.
#
# The right panel shows the end of it. With *two* active features the sum points between them. Among three features every pair is still read right, among five half of them, among ten or more none. Room is not what limits superposition; simultaneous activity and noise are.

# %% [markdown]
# ## 8. Learning in jumps
#
# Geometry is not only where training ends. Train four models from tiny weights, and watch the one that ends best: its loss above, the dimensionality of its five features below. **Predict first:** will the loss fall smoothly?

# %%
my_guess = {"smooth": None}

# %% tags=["nbval-ignore-output"]
slow = superposition.slow_training()
best = int(slow.losses[-1].argmin())
dynamics = superposition.learning_dynamics(slow, instance=best)
plots.show(plots.plot_learning_dynamics(dynamics))

# %% hidden="numbers-dynamics"
each = [superposition.learning_dynamics(slow, instance=i) for i in range(4)]
assert all(run.fall_in_jumps() > 0.9 and run.time_in_jumps() < 0.25 for run in each)
assert all(2 <= len(run.jumps) <= 5 for run in each)
assert (dynamics.dimensionality[-1] - 0.4).abs().max() < 0.05

# %% [markdown]
# It falls in steps. Between them nothing seems to happen; then within a few hundred steps of training a feature finds a place, the others move over, and the loss drops. In each of the four models more than 90 % of the fall happens in less than a quarter of the time. A smooth loss curve of a large model may be the sum of very many such jumps. In chapter 06 one of them is large enough to be seen by itself.

# %% [markdown]
# ## 9. Computing in superposition
#
# So far features were only stored. Can a network also *compute* with features that have no neuron of their own? Let it compute absolute values. Features now run from -1 to 1, and there is a layer of real neurons, with a ReLU each:
#
# $$\text{neurons} = \mathrm{ReLU}(x\, W_\text{in}) \qquad x' = \mathrm{ReLU}(\text{neurons}\; W_\text{out} + b) \qquad \text{goal: } |x|$$
#
# One neuron can see one sign of one feature, since $|x| = \mathrm{ReLU}(x) + \mathrm{ReLU}(-x)$. So ten neurons have room for five features. We give them twenty.

# %% [markdown]
# ## Exercise 4.7 · A model that computes  ●○○ · 10 min · 2 points
#
# **Goal:** what a layer of neurons makes of its features. **Why:** until here features were only stored; this layer has to compute with them.
#
# <details><summary>Hint 1</summary>
#
# Multiply by W_in, set what is negative to 0, multiply by W_out, add the bias, and set what is negative to 0 again.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `(x @ W_in).relu()` are the neurons; `b[:, None]` lines the bias up with the output.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The neurons have axes `instance batch d_hidden`, the output `instance batch n_features`.
#
# </details>


# %% exercise="04.7" points=2
def absolute_value_model(
    x: Float[Tensor, "instance batch n_features"],
    W_in: Float[Tensor, "instance n_features d_hidden"],
    W_out: Float[Tensor, "instance d_hidden n_features"],
    b: Float[Tensor, "instance n_features"],
) -> Float[Tensor, "instance batch n_features"]:
    """Return ReLU(ReLU(x W_in) W_out + b), each instance with its own weights."""
    ### BEGIN SOLUTION
    neurons = (x @ W_in).relu()
    return (neurons @ W_out + b[:, None]).relu()
    ### END SOLUTION


# %% check="04.7"
check(absolute_value_model)

# %% tags=["nbval-ignore-output"]
sparsities = torch.tensor([1.0, 0.1, 0.03, 0.01])
layers = superposition.train_absolute_value(20, 10, sparsities, torch.ones(20))
stacks = superposition.neuron_stacks(layers)
plots.show(plots.plot_computed_features(stacks))

# %% tags=["nbval-ignore-output"]
plots.show(plots.plot_neuron_stacks(stacks, 0))
plots.show(plots.plot_neuron_stacks(stacks, 2))

# %% hidden="numbers-stacks"
computed = stacks.computed().tolist()
assert computed[0] <= 5 and about(computed[2], 9, 2) and about(computed[3], 12, 3), computed
assert stacks.polysemantic.tolist()[0] <= 1 and stacks.polysemantic.tolist()[2:] == [10, 10]

# %% [markdown]
# Unlike the hidden dimensions of the first model, neurons are special directions: the ReLU acts on each of them by itself. Here each bar is a neuron, and its pieces are the features that it reads. While features are always active every neuron reads one, and at most five features are computed. At a density of 0.03 about nine are, nearly twice what there is room for, and every neuron is a stack of several. What one neuron says too much, others take back.

# %% [markdown]
# ## Exercise 4.8 · Count neurons with several meanings  ●●○ · 10 min · 3 points
#
# **Goal:** how many neurons of each instance read two features or more. **Why:** it is what "polysemantic" means, as a number.
#
# <details><summary>Hint 1</summary>
#
# A neuron reads a feature if that weight's size is at least `least` times the neuron's largest. Count its features, then the neurons that have two or more.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `size = W.abs()`, `size.amax(dim=1, keepdim=True)` is each neuron's largest; a neuron without any weight reads nothing, so ask for `size > 0` too.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `reads` has axes `instance n_features neuron`; summed over features `instance neuron`; compared and summed again `instance`.
#
# </details>


# %% exercise="04.8" points=3
def count_polysemantic(
    W: Float[Tensor, "instance n_features neuron"], least: float
) -> Int[Tensor, " instance"]:
    """Return how many neurons of each instance read two or more features.

    A neuron reads a feature whose weight is at least `least` times as large as its largest one, of
    either sign. A neuron whose weights are all 0 reads nothing.
    """
    ### BEGIN SOLUTION
    size = W.abs()
    largest = size.amax(dim=1, keepdim=True)
    reads = (size >= least * largest) & (size > 0)
    return (reads.sum(dim=1) >= 2).sum(dim=1)
    ### END SOLUTION


# %% check="04.8"
check(count_polysemantic)

# %% [markdown]
# ## 10. Where it fails: reading features off neurons
#
# The oldest way to read a network is to look at one neuron after another and ask what it stands for. Try it where the answer is known. For each half of a feature ("$x_i$ is above 0", "$x_i$ is below 0") find the neuron that tells it best, with the threshold that suits it best, and take the F1. Do this once for a layer with two neurons for every feature, and once for the layer in superposition.


# %%
def best_f1(scores, truth):
    """Return F1 of every score for every label at the best threshold, [score label]."""
    order = scores.argsort(dim=0, descending=True)
    hits = truth.float()[order].cumsum(dim=0)  # [example score label]
    said = torch.arange(1, len(scores) + 1)[:, None, None]
    return (2 * hits / (said + truth.sum(dim=0))).amax(dim=0)


# %%
def read_off(layer, p, n_features):
    """Return the mean F1 of the best neurons, and of the layer's own outputs."""
    generator = torch.Generator().manual_seed(0)
    x = superposition.sample_signed(4000, torch.tensor([p]), n_features, generator)
    neurons = (x @ layer.W_in).relu()[0]
    halves = torch.cat([x[0] > 0, x[0] < 0], dim=1)
    own = best_f1(layer(x)[0], x[0] != 0).diagonal()
    return best_f1(neurons, halves).amax(dim=0).mean(), own.mean()


# %% rtol=0.2
read = {}
for n, p in ((5, 0.3), (20, 0.03)):
    layer = superposition.train_absolute_value(n, 10, torch.tensor([p]), torch.ones(n))
    read[n] = read_off(layer, p, n)
    neuron, output = read[n]
    print(f"{n:2} features: best neuron F1 {neuron:.2f}, the layer's output {output:.2f}")

# %% hidden="numbers-neurons"
assert about(read[5][0], 0.99, 0.06) and about(read[5][1], 0.99, 0.03)
assert about(read[20][0], 0.29, 0.06) and about(read[20][1], 0.62, 0.08)

# %% [markdown]
# With room for all, the best neuron tells its feature with an F1 of 0.99, as well as the layer's output does. In superposition the best neurons have 0.29. Yet the features are there: from the *same ten numbers* the layer's own output weights tell them with 0.62. Whoever reads neurons would report a layer of ten confused units that know little. There are twenty features, known, computed, and useful. The neurons are simply not the places where they are.
#
# So the unit of interpretation should be a direction, not a neuron. But in a real network nobody tells us the directions. That is the next chapter.

# %% [markdown]
# ## 11. What an enemy can do with it
#
# Each feature is pushed a little by many others. In normal inputs these pushes are few. An enemy can choose them: a small change along *all* features that interfere with one adds up. [Elhage22] ask how much worse the output gets by the worst change of length 0.1. In units of the change's squared length, a model without superposition gets worse by 1 at most.

# %% tags=["nbval-ignore-output"]
sweep = torch.logspace(0, -1.6, 7)
attacked = superposition.train_toy_models(20, 5, sweep, steps=2000).model
curve = superposition.adversarial_curve(attacked)
plots.show(plots.plot_adversarial_curve(curve))

# %% hidden="numbers-adversarial"
assert about(curve.vulnerability[0], 1.1, 0.15) and about(curve.vulnerability[-1], 11, 2)
assert curve.random_change.max() < 1.2 and curve.correlation() > 0.6

# %% [markdown]
# Dense, no superposition: 1.1. Sparse, about five features in a dimension: about 11. A random change of the same length does at most about 1, so this is no general weakness but an addressed one. Perhaps adversarial examples of real networks have this cause among others; for toy models it is arithmetic, for real ones a hypothesis.

# %% [markdown]
# ## 12. Browse for yourself
#
# Move the density. At which density does the plane stop being shared by two pairs and begin to hold five? Is there one at which the arrows make no regular shape at all? Look at it as $W W^{\top}$ as well.

# %% tags=["nbval-ignore-output"]
fine = 20 ** -torch.linspace(0, 1, 16)
sixteen = superposition.train_toy_models(5, 2, fine, importance).model
widgets.GeometryBrowser(superposition.geometry(sixteen.W, fine))

# %% [markdown]
# ## Open question 4.A · A layer without a neuron for it · 6 points
#
# A colleague writes: "I searched all 768 neurons of a layer for one that fires at medical terms. The best has a precision of 0.3. So this layer knows nothing of medicine." Which sentences of this argument hold and which do not? Which measurements would you make, what would superposition predict for each of them, and what would you expect if your colleague were right? Write half a page. There is no check; your teacher has a rubric.

# %% [markdown] open="04.A"
# *Write your answer here, in place of this line.*

# %% [markdown] hidden="rubric"
# **Rubric, 6 points** (the order does not matter)
#
# - 1 point: keeps the two claims apart: that no single neuron tells the concept, and that the layer does not hold it; the first does not imply the second.
# - 1 point: an experiment in which several neurons or a direction are read together (a linear or k-sparse probe, a learned dictionary) on held-out examples, with a control.
# - 1 point: a prediction that superposition makes and that its rivals do not: it should be stronger for rare concepts than for frequent ones, or weaker where concepts occur together.
# - 1 point: a way to tell superposition from a rotated basis: count features against dimensions, or measure interference, since a rotation has neither too many nor any.
# - 1 point: an intervention: what else changes when the neurons, or the direction, are silenced; interference predicts which other concepts suffer.
# - 1 point: says what toy models leave open: features that we planted, independent and of known number, one layer, a loss that is reconstruction.
#
# A good answer notes that the best precision of 0.3 depends on how common medical terms are in the search, and asks for the recall.

# %% [markdown]
# ## Stretch (no hints)
#
# Three features in two dimensions have a phase diagram too: `superposition.phase_diagram(3, 2)`. Before you run it, write down all sensible solutions (who is ignored, who shares with whom, the triangle) with their expected losses for uniform features of density $p$, two of importance 1 and one of $r$. Predict the borders, then compare. Where do trained models and arithmetic part, and which of the two is wrong there?

# %% [markdown] hidden="stretch"
# **One way to do it.** With V = p/3 - p²/4 the five solutions cost, before dividing by 3: ignore the last, rV; ignore one of the first two, V; pair the first two, 2 p²/6; pair the last with one of them, (1 + r) p²/6; triangle, (2 + r)(p²(1 - p)/8 + p³/6). `superposition.solution_loss` has them. The triangle never wins for uniform features, as section 6 found. For r below 1 the last feature is the one to share or be ignored; above 1 it gets a dimension of its own and the other two share.

# %% hidden="stretch-code"
larger = superposition.phase_diagram(3, 2, n_seeds=3, steps=1000)
plots.tell(larger)

# %% [markdown]
# ## What you have found
#
# 1. A network with a nonlinearity keeps more features than it has dimensions when they are rare; arithmetic says when, and the border is sharp.
# 2. The features arrange themselves in regular shapes with a fixed share of a dimension each, and training finds these shapes in jumps, or gets stuck on the way.
# 3. In superposition single neurons mean several things, features are directions, and every feature can be pushed by others, by accident or on purpose.
#
# | term | meaning |
# |---|---|
# | feature | something the world does or does not contain; here: what we planted |
# | density | probability that a feature is active; sparsity is one minus that |
# | superposition | more features represented than there are dimensions |
# | interference | what one feature adds to the output of another |
# | antipodal pair, digon | two features on one axis, with opposite signs |
# | feature dimensionality | share of a dimension that a feature has for itself |
# | phase change | a solution that gives way to another at a sharp border |
# | alternating, simultaneous | interference from another feature while this one is off, or on |
# | privileged basis | a layer in which single neurons are special, because a nonlinearity acts on each |
# | polysemantic | a neuron that reads several features |
#
# **What this does not show.** That large networks are like this. Our features are planted, independent or paired, equally distributed, and their number is known; the models have one layer and were asked to say back what they heard. We measured importance and density because we had set them; for a language model nobody knows either. Regular shapes need features that are all alike. Polysemantic neurons have other causes as well: a rotated basis makes them without any superposition, and so do correlated features. And an explanation that fits toys so well can be believed too easily.
#
# **Further reading.** [Elhage22] *Toy Models of Superposition*, which this chapter follows and whose appendices hold more. [Gurnee23] *Finding Neurons in a Haystack*, section 2 and appendix C. Scherlis et al. (2022), *Polysemanticity and Capacity in Neural Networks*, for the theory of who gets how much. Henighan et al. (2023), *Superposition, Memorization, and Double Descent*. Vaintrob, Mendel and Hänni (2024), *Toward a Mathematical Framework for Computation in Superposition*.
#
# **Next.** If features are directions and there are more of them than neurons, how do you find them in a network whose features nobody planted? Chapter 05 learns them: sparse autoencoders.
