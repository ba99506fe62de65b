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
# # 01 · Feature visualization
#
# **A channel of an image network answers to something. How do you find out to what, and how would you know that you are wrong?**
#
# An image network turns a picture into maps: at each layer some dozens of channels, each a number for every place. A channel is large where it finds what it looks for, and nobody told the network what that should be. You can ask it in two ways. Look through images for those that excite the channel; or start from noise and change the picture, step by step, until the channel is as excited as it can be. The second makes a picture that no camera took.

# %% tags=["setup"]
from contextlib import suppress

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import conv2d, normalize, pad

from mi_course import plots, widgets
from mi_course.grading import check
from mi_course.methods import feature_viz
from mi_course.models.vision import load_vision, shapes_model
from mi_course.worlds import shapes

# %%
MODEL = "shapes-a"  # or "shapes-b", another start of the same network
model = load_vision(MODEL)
held_out = shapes.scenes(1500, seed=9)
images = feature_viz.as_images(held_out).to(model.device)
waves = feature_viz.Fourier(feature_viz.fitted_colours(images[:500]))
recipe = feature_viz.Recipe(steps=64, parametrisation=waves)

# %% [markdown]
# **Predict first.** The network tells twelve kinds of little scenes apart: cars, buses, cats, houses, flowers and so on. It has never been told of wheels, windows or eyes, and it has no way to draw. The next cell starts from noise, eight times, and changes each picture until one channel of the last layer answers as strongly as it can. Which will show whole things, which parts, and which nothing that you could name?

# %%
my_guess = {"whole things": None, "parts": None, "no name": None}  # of eight

# %% tags=["nbval-ignore-output"]
chosen = [1, 3, 5, 10, 12, 14, 55, 62]
first = feature_viz.render_channels(model, "conv5", chosen, recipe, goal=feature_viz.neuron)
plots.show(plots.plot_pictures(first, columns=4))


# %% hidden="numbers-opening"
def about(value, quoted, within):
    """Whether a number is the one that the prose quotes; another start has other channels."""
    return MODEL != "shapes-a" or abs(float(value) - quoted) <= within


assert (first.values > first.start_values).all()
seen_as = [model.classes[c] for c in model.logits(first.images).argmax(dim=1)]
wanted = ["house", "tree", "bus", "cat", "car", "bicycle"]
assert MODEL != "shapes-a" or [seen_as[i] for i in (0, 1, 2, 4, 6, 7)] == wanted, seen_as

# %% [markdown]
# A house, a tree, a bus, a cat, a car and a bicycle, drawn by gradients alone; and two that are harder to name. Nobody drew them, and none is in the training data: each is what one channel would most like to see.
#
# Write your names for them down now. In this world every pixel of every scene carries the part that it shows, so by the end of section 3 each name can be held against what really lies under the channel's peak.
#
# **You will be able to**
#
# 1. write the loop that makes such a picture, and say what each of its ingredients is for;
# 2. measure what a channel answers to, by examples with known parts and by tuning curves;
# 3. read from kernels how a channel is built of earlier ones, and check it by an intervention;
# 4. show that a channel has several meanings, and say what that does and does not prove;
# 5. tell when a picture misleads.
#
# **Time:** about three and a half hours with eight exercises; the notebook itself runs in two minutes. **The answer** will look like this: a wheel below a window, read from numbers; and a picture that everybody names wrongly.

# %% [markdown]
# ## 1. A goal and a gradient
#
# What should a picture raise? [Olah17] lists the choices. One **neuron** is one channel at one place. A **channel** is its mean over all places, and asks for a texture. A **layer** squared asks for more of whatever is there already (DeepDream). A **direction** asks for a combination of channels:
#
# $$\text{neuron: } a_{c,y,x} \qquad \text{channel: } \tfrac{1}{HW}\sum_{y,x} a_{c,y,x} \qquad \text{layer: } \sum a^2 \qquad \text{direction: } v \cdot a$$
#
# We make all pictures of a layer at once. Images of a batch do not touch each other in a network without batch norm, so image i can climb its own channel.

# %% [markdown]
# ## Exercise 1.1 · A goal for each picture  ●○○ · 10 min · 2 points
#
# **Goal:** the mean of each image's own channel. **Why:** with it one batch makes a whole layer's pictures, at the price of one.
#
# <details><summary>Hint 1</summary>
#
# From image i take the map of channel `channels[i]`, and the mean of that map.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Two lists of indices go together, entry by entry: `acts[torch.arange(len(acts)), channels]` is one map for each image.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `batch channel height width` -> `batch height width` -> `batch`.
#
# </details>


# %% exercise="01.1" points=2
def channel_objective(
    acts: Float[Tensor, "batch channel height width"], channels: Int[Tensor, " batch"]
) -> Float[Tensor, " batch"]:
    """Return the mean activation over space of each image's own channel."""
    ### BEGIN SOLUTION
    own = acts[torch.arange(len(acts)), channels]
    return own.mean(dim=(1, 2))
    ### END SOLUTION


# %% check="01.1"
check(channel_objective)
# %% [markdown]
# Training moves weights down a gradient while pictures stay. Here weights stay, and the picture moves up. How far? Gradients of different channels differ in length by orders of magnitude, so the step gets a length of its own:
#
# $$x_i \leftarrow x_i + \eta \, \frac{g_i}{\lVert g_i \rVert} \qquad g_i = \frac{\partial\, \text{goal}_i}{\partial x_i}$$

# %% [markdown]
# ## Exercise 1.2 · One step up  ●●○ · 15 min · 3 points
#
# **Goal:** one step up, of length `lr`, for each image. **Why:** it is the whole loop; all that follows changes what is stepped on. Here the network is one convolution and a ReLU, so that you can check by hand.
#
# <details><summary>Hint 1</summary>
#
# Run the convolution and the ReLU on images that require a gradient, take your objective, ask for its gradient, divide each image's gradient by its norm, add lr times that.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The objectives of the batch may be summed, since no image touches another: `(grad,) = torch.autograd.grad(values.sum(), images)`. `normalize` leaves zeros alone.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `grad.flatten(1)` is `batch (rgb height width)`; its norm over dim 1 is `batch`.
#
# </details>


# %% exercise="01.2" points=3
def gradient_ascent_step(
    images: Float[Tensor, "batch rgb height width"],
    kernels: Float[Tensor, "channel rgb kernel_height kernel_width"],
    channels: Int[Tensor, " batch"],
    lr: float,
) -> Float[Tensor, "batch rgb height width"]:
    """Return images moved by a step of length lr up the mean of conv2d(images, kernels).relu().

    Each image climbs its own channel; where that is silent, the image stays as it is.
    """
    ### BEGIN SOLUTION
    images = images.detach().requires_grad_()
    values = channel_objective(conv2d(images, kernels).relu(), channels)
    (grad,) = torch.autograd.grad(values.sum(), images)
    return images.detach() + lr * normalize(grad.flatten(1), dim=1).view_as(grad)
    ### END SOLUTION


# %% check="01.2"
check(gradient_ascent_step)
# %% [markdown]
# **Where a channel is silent there is no gradient**, and a picture that starts there stays there. The course's recipe begins with a *redirected* ReLU: for the first 16 steps an image whose gradient would be lost altogether gets it as if the ReLU were open.
#
# Your objective asks for the channel *everywhere*, the opening asked for it *once*, in the middle. The difference is large:

# %% tags=["nbval-ignore-output"]
textures = feature_viz.render_channels(model, "conv5", chosen, recipe)
plots.show(
    plots.plot_pictures(textures, columns=4, title="The same channels, asked for everywhere")
)

# %% [markdown]
# A channel that is asked for everywhere turns into a **texture**: the parts it likes, torn out of their places. Both pictures tell the truth about their own objective. Now the loop in the plainest way: single pixels, held still.

# %% tags=["nbval-ignore-output"]
plain = feature_viz.Recipe(
    steps=64, parametrisation=feature_viz.Pixels(), robustness=feature_viz.STILL
)
naive = feature_viz.render_channels(model, "conv5", chosen, plain, goal=feature_viz.neuron)
plots.show(plots.plot_pictures(naive, columns=4, title="Single pixels, held still"))

# %%
for name, pictures in (("pixels, still", naive), ("as at first", first)):
    print(f"{name:14} mean activation {pictures.values.mean():6.2f}")

# %% hidden="numbers-naive"
assert about(naive.values.mean(), 170, 8) and about(first.values.mean(), 63, 4)

# %% [markdown]
# The naive pictures excite their channels nearly three times as much, 170 against 63, and look worse: dark, jagged, with a frame. **A higher activation is not a better picture.** The next section says where the extra comes from.

# %% [markdown]
# ## 2. What keeps a picture honest
#
# Noise of single pixels excites channels that no photograph does: strided convolutions leave checkerboards in gradients, and nothing pulls them out. Three ingredients help, and each is a claim about natural images.
#
# **Frequencies.** In photographs a wave of frequency $f$ has an amplitude of about $1/f$. Write the picture as waves and scale each by $1/f$; steps of one size then move slow waves far and fast ones little. Nothing is forbidden: every picture is still within reach, by another path.

# %% [markdown]
# ## Exercise 1.3 · A picture made of waves  ●●○ · 15 min · 3 points
#
# **Goal:** turn a spectrum, scaled by one over the frequency, into pixels from 0 to 1. **Why:** it changes which way is uphill, and with it every picture in this chapter.
#
# <details><summary>Hint 1</summary>
#
# Find how fast each wave is, in waves per pixel; divide its two parts by that, the constant's by 1 / size; turn waves into pixels; squeeze them between 0 and 1.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `torch.fft.fftfreq(size)` for the height, `torch.fft.rfftfreq(size)` for the width, `torch.hypot` for both; then `view_as_complex` and `irfft2(..., s=(size, size), norm="ortho")`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The frequencies are `height frequency`; `[:, :, None]` lines up with `batch rgb height frequency 2`.
#
# </details>


# %% exercise="01.3" points=3
def fourier_image(
    spectrum: Float[Tensor, "batch rgb height frequency 2"], size: int
) -> Float[Tensor, "batch rgb size size"]:
    """Return the pictures from 0 to 1 whose spectrum is the given one over the frequency.

    Frequencies are in waves per pixel, the constant's counts as 1 / size; the transform is
    `irfft2` with norm="ortho", and a sigmoid makes colours of its values.
    """
    ### BEGIN SOLUTION
    f = torch.hypot(torch.fft.fftfreq(size)[:, None], torch.fft.rfftfreq(size))
    scale = 1 / f.clamp(min=1 / size)
    waves = torch.view_as_complex(spectrum * scale[:, :, None])
    return torch.fft.irfft2(waves, s=(size, size), norm="ortho").sigmoid()
    ### END SOLUTION


# %% check="01.3"
check(fourier_image)
# %% [markdown]
# **Colours.** Red, green and blue rise and fall together. In coordinates that do not correlate, brightness gets large steps and odd colours small ones. `feature_viz.fitted_colours(images)` measures them in this world.
#
# **Robustness.** Move, turn and scale the picture a little before each step: what hangs on single pixels then earns nothing. Each image needs a draw of its own.

# %% [markdown]
# ## Exercise 1.4 · Move the picture before looking  ●○○ · 10 min · 2 points
#
# **Goal:** each image moved by its own number of pixels. **Why:** what survives this is a shape; what does not is an accident of pixels.
#
# <details><summary>Hint 1</summary>
#
# A pixel at row y and column x goes to row y + down and column x + right. What comes in from outside is `fill`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `torch.nn.functional.pad(images, [most] * 4, value=fill)` adds a frame as wide as the largest move; then cut a window out of each, one that begins at `most - down`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Each window is `rgb height width`; `torch.stack` makes `batch rgb height width`.
#
# </details>


# %% exercise="01.4" points=2
def jitter(
    images: Float[Tensor, "batch rgb height width"], moves: Int[Tensor, "batch 2"], fill: float
) -> Float[Tensor, "batch rgb height width"]:
    """Return each image moved down and right by its own move, with `fill` where nothing was.

    Row i of `moves` holds how far down and how far right image i goes; both may be negative.
    """
    ### BEGIN SOLUTION
    height, width = images.shape[2:]
    most = int(moves.abs().max())
    wide = pad(images, [most] * 4, value=fill)
    moved = [
        image[:, most - down :, most - right :][:, :height, :width]
        for image, (down, right) in zip(wide, moves.tolist(), strict=True)
    ]
    return torch.stack(moved)
    ### END SOLUTION


# %% check="01.4"
check(jitter)
# %% [markdown]
# **Predict first.** Take one ingredient away at a time. Which loss will you see at once?

# %%
my_guess = {"without 1/f": None, "without colours": None, "without moves": None}

# %%
less = {
    "all": recipe,
    "no 1/f": feature_viz.Recipe(
        steps=64, parametrisation=feature_viz.Fourier(waves.colours, decay=0)
    ),
    "plain colours": feature_viz.Recipe(
        steps=64, parametrisation=feature_viz.Fourier(feature_viz.plain_colours())
    ),
    "still": feature_viz.Recipe(steps=64, parametrisation=waves, robustness=feature_viz.STILL),
}
made = {
    name: feature_viz.render_channels(model, "conv5", chosen, r, goal=feature_viz.neuron)
    for name, r in less.items()
}
made["pixels, still"] = naive

# %% tags=["nbval-ignore-output"]
for name in ("no 1/f", "still"):
    plots.show(plots.plot_pictures(made[name], columns=4, title=f"Without one ingredient: {name}"))

# %% [markdown]
# Eyes can be argued with. A number: move each finished picture by a few pixels that its ascent never saw, and ask how much of the channel's peak is left.

# %%
MOVES = torch.tensor([[-2, 1], [1, 2], [2, -2], [-1, -2]])


def peaks_of(pictures):
    """Return the peak of each picture's own channel."""
    acts = model.activations(pictures, "conv5")
    return acts[torch.arange(len(chosen)), chosen].amax(dim=(1, 2))


left = {}
with suppress(NotImplementedError):  # until 1.4 is written
    for name, pictures in made.items():
        moved = [peaks_of(jitter(pictures.images, m.expand(8, 2), 0.5)).mean() for m in MOVES]
        peak = peaks_of(pictures.images).mean()
        left[name] = (torch.stack(moved).mean() / peak).item()
        print(f"{name:14} peak {peak:6.1f}, moved {left[name]:4.0%} of it")

# %% hidden="numbers-moved"
assert min(left[name] for name in ("all", "no 1/f", "plain colours")) > 1
assert about(left["still"], 0.75, 0.06) and about(left["pixels, still"], 0.72, 0.06)
assert about(peaks_of(made["still"].images).mean(), 173, 8)

# %% [markdown]
# Held still, a picture earns a quarter of its activation from the exact place of its pixels: 173 becomes 130 when it is moved by two pixels, single pixels lose as much. A picture that was moved all the time loses nothing; it even gains, since the ascent never saw it where it stands now. The other two ingredients change how it looks, not how firmly it stands: without $1/f$ a grain covers everything, with plain colours the background takes any colour it likes.

# %% [markdown]
# ## 3. Beside the picture: what really excites it
#
# A picture shows one point, the top of the hill. Images show where the hill is. Look at both, always. Here images come with their truth: for every channel we know which part lies under its peak, so two numbers can be given for each channel and part: the **area under the ROC curve** (does the peak tell images in which the part lies under it from those in which it does not?) and **precision at 100** (of the hundred strongest peaks, how many lie on the part?).

# %%
scores = feature_viz.part_scores(model, "conv5", held_out)
plots.tell(scores)
for part in ("wheel", "eye", "petal", "door"):
    print(f"{part:6} told by conv5:{scores.best(part)}, AUC {scores.auc_of(part):.2f}")

# %% hidden="numbers-parts"
told = [part for part in scores.parts if scores.auc_of(part) >= 0.9]
assert about(len(told), 25, 1), told
assert about(scores.auc_of("wheel"), 0.98, 0.015) and about(scores.auc_of("eye"), 0.95, 0.02)
assert about(scores.auc_of("petal"), 0.99, 0.015)

# %% tags=["nbval-ignore-output"]
examples = feature_viz.top_examples(model, "conv5", images)
wheel = scores.best("wheel")
all_pictures = feature_viz.render_channels(model, "conv5", None, recipe, goal=feature_viz.neuron)
plots.show(plots.plot_channel(all_pictures, examples, wheel, scores))

# %% [markdown]
# Of the 28 parts 25 have a channel of conv5 whose peak tells with an AUC of 0.9 or more that the part lies under it; wheels 0.98, eyes 0.95, petals 0.99. Nobody asked for that: the network was only ever told the class. Now go back to your eight names: `scores.precision[3]` beside `scores.parts` is the truth about channel 3. How many did you get right?

# %% [markdown]
# Are the 64 pictures any good, then? Ask a stranger. `shapes-b` was trained on the same world from another start, and has never seen these channels. For each picture we ask which class it takes it for, and compare that with the class whose scenes excite the channel most.

# %%
stranger = load_vision("shapes-b" if MODEL == "shapes-a" else "shapes-a")
labels = torch.from_numpy(held_out.labels)
strongest = feature_viz.peaks(model, "conv5", images, range(64))[0].cpu()
favourite = torch.stack([strongest[labels == c].mean(dim=0) for c in range(12)]).argmax(dim=0)


def named_by(judge, pictures):
    """Return for which pictures a network names their channel's favourite class."""
    return judge.logits(pictures).argmax(dim=1).cpu() == favourite


named = named_by(stranger, all_pictures.images).float().mean()
print(f"a stranger names the favourite class of {named:.0%} of the channels")

# %%
one_step = feature_viz.Recipe(steps=1, parametrisation=waves)
noise = feature_viz.render_channels(model, "conv5", None, one_step, goal=feature_viz.neuron)
from_noise = named_by(stranger, noise.images).float().mean()
print(f"and from the noise that they began with, of {from_noise:.0%}")

# %% hidden="numbers-stranger"
assert about(named, 0.5, 0.05) and from_noise < 0.2

# %% [markdown]
# Half of the pictures, 50 %, are named as their channels would have it, where noise comes to no more than 20 %. So a picture made for one network tells another, and you, something that both learned of the world. The other half is no noise, either: a bicycle's wheel beside an eye is a jumble to the stranger, which was taught to call scattered parts so.

# %% [markdown]
# One layer in one picture: an **activation atlas** ([Carter19]). Take the activations of conv5 at one place of each image, lay similar ones side by side, cut the map into cells, and draw for each cell the *direction* that its activations share.

# %% tags=["nbval-ignore-output"]
words = [shapes.CLASSES[label] for label in held_out.labels]
atlas = feature_viz.activation_atlas(model, "conv5", images, words, recipe)
plots.show(plots.plot_atlas(atlas))

# %% [markdown]
# Read the map by its neighbours: what stands together is alike to the network. Classes make coasts, and where two meet there are pictures of what they share.

# %% [markdown]
# ## 4. Simple stimuli: tuning curves
#
# Early channels see few pixels, and there the old method of neuroscience is best: vary one property, keep all else, plot the answer. An edge at angle $\theta$ is shown at several offsets, since nobody knows where in its window the unit wants it; the answer to the angle is the largest over offsets.

# %% [markdown]
# ## Exercise 1.5 · What a channel answers to each angle  ●○○ · 10 min · 2 points
#
# **Goal:** the largest answer at each angle, for each channel. **Why:** a curve with one peak is a claim that can be tested; "it looks like an edge detector" is not.
#
# <details><summary>Hint 1</summary>
#
# For each angle that occurs take the stimuli that have it, and each channel's largest response among them.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `angles.unique()` is sorted; `responses[angles == angle].amax(dim=0)` is one angle's column of the curve.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `stimulus channel` -> for each angle `channel`, stacked on the right: `channel angle`.
#
# </details>


# %% exercise="01.5" points=2
def tuning_curve(
    responses: Float[Tensor, "stimulus channel"], angles: Float[Tensor, " stimulus"]
) -> tuple[Float[Tensor, "channel angle"], Float[Tensor, " angle"]]:
    """Return each channel's largest response at each angle, and the angles from low to high."""
    ### BEGIN SOLUTION
    found = angles.unique()
    curve = torch.stack([responses[angles == angle].amax(dim=0) for angle in found], dim=1)
    return curve, found
    ### END SOLUTION


# %% check="01.5"
check(tuning_curve)
# %% tags=["nbval-ignore-output"]
edges = feature_viz.orientation_tuning(model, "conv1")
plots.show(plots.plot_tuning(edges))

# %%
curves = feature_viz.curvature_tuning(model, "conv3")
grain = feature_viz.high_low_tuning(model, "conv2")
for found in (edges, curves, grain):
    plots.tell(found)

# %% hidden="numbers-tuning"
assert about(len(edges.tuned()), 15, 1) and about(len(curves.tuned()), 43, 2)
assert about(len(curves.preferring()), 16, 2) and about(len(grain.preferring()), 20, 2)

# %% [markdown]
# Of 24 channels of conv1, 15 are tuned to the angle of an edge. In conv3 43 of 48 are tuned to the angle of a curve, but only 16 clearly prefer a curve to a straight edge: a tuned answer to curves is mostly an answer to the edge that a curve also is. A reference stimulus makes the difference. And 20 of 32 channels of conv2 like the border between fine grain and none better than either alone: **high-low frequency detectors**, which large networks have too ([Schubert21]).

# %% [markdown]
# ## 5. A circuit: windows above, wheels below
#
# Between adjacent layers the kernel *is* the connection: a positive weight at the lower edge of the kernel says "more of this, further down". [Olah20] read the car detector of InceptionV1 so. Between layers that do not touch, multiply the kernels out, as if the ReLUs between them were open:
#
# $$K_{t,s}(y, x) = \sum_m \sum_{(y', x')} K^{(2)}_{t,m}(y', x')\, K^{(1)}_{m,s}(y - y', x - x')$$

# %% [markdown]
# ## Exercise 1.6 · Multiply kernels out  ●●● · 20 min · 3 points
#
# **Goal:** the one kernel that stands for two. **Why:** a channel two layers up is built of parts in places, and the places are in this kernel.
#
# <details><summary>Hint 1</summary>
#
# A weight of the second kernel at (row, column) adds the whole first kernel, shifted by (row, column), times that weight; sum over the channels between.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Start with zeros of `rows + height - 1` by `columns + width - 1` and loop over the places of the second kernel. One call does all of it: `conv_transpose2d`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# In the loop: `"target middle, middle source h w -> target source h w"`.
#
# </details>


# %% exercise="01.6" points=3
def kernel_between_channels(
    first: Float[Tensor, "middle source height width"],
    second: Float[Tensor, "target middle rows columns"],
) -> Float[Tensor, "target source y x"]:
    """Return the one kernel that does what first and then second do, with open ReLUs.

    Both have a stride of 1. The kernel is `rows + height - 1` by `columns + width - 1`.
    """
    ### BEGIN SOLUTION
    _, source, height, width = first.shape
    target, _, rows, columns = second.shape
    both = torch.zeros(target, source, rows + height - 1, columns + width - 1)
    for row in range(rows):
        for column in range(columns):
            step = torch.einsum("tm,mshw->tshw", second[:, :, row, column], first)
            both[:, :, row : row + height, column : column + width] += step
    return both
    ### END SOLUTION


# %% check="01.6"
check(kernel_between_channels)
# %%
kernels = feature_viz.expanded_kernels(model, "conv4", "conv5")
below = feature_viz.part_scores(model, "conv4", held_out)


def most_about(part, n=6):
    """Return the channels of conv4 of whose highest peaks most lie on a part."""
    return below.precision[:, below.parts.index(part)].topk(n).indices


wheels, windows = most_about("wheel"), most_about("window")

# %%
cars = feature_viz.as_images(shapes.scenes(100, seed=3, classes=["car"])).to(model.device)
here, anywhere = (feature_viz.mean_peaks(model, "conv5", x) for x in (cars, images))
candidates = (here / (anywhere + 0.05)).topk(4).indices.tolist()
for channel in candidates:
    lean = kernels.lower_minus_upper(channel)
    print(f"conv5:{channel} lean of wheels {lean[wheels].mean():+.2f}, ", end="")
    print(f"of windows {lean[windows].mean():+.2f}")

# %% tags=["nbval-ignore-output"]
car = max(candidates, key=lambda c: kernels.lower_minus_upper(c)[wheels].mean())
both = [*wheels.tolist()[:4], *windows.tolist()[:4]]
names = [f"wheel {c}" for c in both[:4]] + [f"window {c}" for c in both[4:]]
plots.show(plots.plot_kernels(kernels, car, both, names=names))

# %% hidden="numbers-circuit"
lean = kernels.lower_minus_upper(car)
assert about(lean[wheels].mean(), 0.23, 0.04) and about(lean[windows].mean(), -0.15, 0.04)
assert about(min(kernels.lower_minus_upper(c)[wheels].mean() for c in candidates), -0.28, 0.06)

# %% [markdown]
# "Lean" is the lower half of a kernel minus its upper half, summed: above 0 means further down. Of the four channels that like cars most, conv5:55 wants wheels below (+0.23) and windows above (-0.15). The others do not: one wants wheels *above*. A class has several detectors, and not each is built like the one in the paper.
#
# A kernel is a hypothesis: it ignores the ReLU, and how often its source is active. So test it on images. If the places matter, a car upside-down should be no car; if the parts matter, so should one without wheels.


# %%
def kept(images_changed):
    """Return how much of its peak for cars the car channel keeps."""
    return (feature_viz.mean_peaks(model, "conv5", images_changed.to(model.device)) / here)[car]


changed = {"upside-down": cars.flip(2)}
for name, change in (
    ("parts scrambled", {"scrambled": True}),
    ("without wheels", {"without": ["wheel"]}),
    ("without windows", {"without": ["window"]}),
):
    drawn = shapes.scenes(100, seed=3, classes=["car"], **change)
    changed[name] = feature_viz.as_images(drawn)
left_of_car = {name: kept(some).item() for name, some in changed.items()}
for name, share in left_of_car.items():
    print(f"{name:16} {share:.0%} of the peak is left")

# %% tags=["nbval-ignore-output"]
covered = feature_viz.occlusion_map(model, cars[0], "conv5", car)
plots.show(plots.plot_occlusion(covered))

# %%
wheel_channels = below.about("wheel", at_least=0.5)
others = [c for c in range(model.channels("conv4")) if c not in wheel_channels]
test = shapes.scenes(600, seed=5)
without, control = (
    feature_viz.recall_without(model, "conv4", some, test)
    for some in (wheel_channels, others[: len(wheel_channels)])
)
for name in ("bicycle", "car", "truck", "bus", "cat"):
    print(f"{name:8} wheel channels silent {without[name]:.2f}, as many others {control[name]:.2f}")

# %% hidden="numbers-silenced"
assert about(covered.values.max() / covered.baseline, 0.29, 0.03)
for name, share in zip(left_of_car, (0.06, 0.08, 0.43, 0.83), strict=True):
    assert about(left_of_car[name], share, 0.04), name
assert about(len(wheel_channels), 26, 1)
assert about(without["car"], 0.96, 0.04) and about(without["bicycle"], 0.94, 0.04)
assert min(control.values()) > 0.9

# %% [markdown]
# Upside-down 6 % of the peak is left, with the parts in other places 8 %: the arrangement is what the channel wants. Without wheels 43 %, without windows 83 %: it needs the first more than the second. Covering one square costs 29 % at the most, so no single spot decides.
#
# But silence all 26 channels of conv4 whose peaks lie on wheels more often than not, and the network still recognises 96 % of the cars and 94 % of the bicycles. **A clean circuit is not the only one.** What these channels say, others say too, each less clearly. Chapter 07 meets the same among heads.

# %% [markdown]
# ## 6. Several meanings
#
# The layer "narrow" has six channels and must tell twelve classes. Its channels cannot have one meaning each. What does a picture of such a channel show? One of its meanings: whichever the noise was nearer to. A **diversity** term asks for several pictures at once that differ in texture, where a texture is the matrix of products of channels, summed over places (the Gram matrix):
#
# $$G_i = A_i A_i^{\top} \qquad D_i = -\operatorname*{mean}_{j \ne i} \cos(G_i, G_j)$$

# %% [markdown]
# ## Exercise 1.7 · Several pictures that differ  ●●○ · 15 min · 3 points
#
# **Goal:** minus the mean cosine of each image's Gram matrix to those of the others. **Why:** without it five pictures of a channel with two meanings are five pictures of one.
#
# <details><summary>Hint 1</summary>
#
# An image's Gram matrix holds, for each pair of channels, their product summed over places. Compare it with the other images' by cosine, take the mean, change the sign.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# With `flat = acts.flatten(2)`, `flat @ flat.mT` are the Gram matrices; `normalize` their rows of entries, and `grams @ grams.T` are all cosines at once.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `image channel (height width)` -> `image channel channel` -> `image (channel channel)` -> `image image` -> `image`.
#
# </details>


# %% exercise="01.7" points=3
def diversity_term(
    acts: Float[Tensor, "image channel height width"],
) -> Float[Tensor, " image"]:
    """Return minus the mean cosine of each image's Gram matrix with those of the others.

    The Gram matrix holds, for each pair of channels, their product summed over places.
    """
    ### BEGIN SOLUTION
    flat = acts.flatten(2)
    grams = normalize((flat @ flat.mT).flatten(1), dim=1)
    cosines = grams @ grams.T
    return -(cosines.sum(dim=1) - cosines.diagonal()) / (len(acts) - 1)
    ### END SOLUTION


# %% check="01.7"
check(diversity_term)
# %%
narrow = feature_viz.part_scores(model, "narrow", held_out)
pairs = feature_viz.two_parts(narrow)
one = pairs[0]
told = [f"{part} (AUC {auc:.2f})" for part, auc in zip(one.parts, one.aucs, strict=True)]
print(f"narrow:{one.channel} tells", " and ".join(told))

# %% tags=["nbval-ignore-output"]
shared = next((pair for pair in pairs if pair.parts == ("snout", "body")), pairs[0])
several = feature_viz.render_diverse(
    model, "narrow", [shared.channel], recipe, goal=feature_viz.neuron, weight=2.0
)
seen = [stranger.classes[c] for c in stranger.logits(several.images).argmax(dim=1)]
title = "One channel, four pictures, and what a stranger sees in each"
plots.show(plots.plot_pictures(several, columns=4, names=seen, title=title))

# %% hidden="numbers-shared"
assert about(min(shared.aucs), 0.84, 0.05)
assert MODEL != "shapes-a" or ("car" in seen and {"cat", "dog"} & set(seen)), seen

# %% [markdown]
# Snouts with an AUC of 0.88 and the bodies of cars and buses with 0.84: no class has both. The stranger sees a car in one picture and a cat or a dog in others; look yourself. Not every channel is so kind: of the six, some give four versions of one picture, whatever the labels say.
#
# **Polysemanticity is not superposition.** That a channel answers to two unrelated things is an observation. Superposition is one explanation: more features than dimensions, kept as directions that nearly do not touch, paid for by interference. There are others. The features may be as many as the channels, in a rotated basis. The channel may be an honest "either": a class needs one or the other. Or the two things are one for which we have no word. In "narrow" we *made* too few channels, so we know which it is; in a network that you find, you do not. Chapter 04 says what superposition predicts.

# %% [markdown]
# ## 7. Another start, the same channels?
#
# [Olah20] claims universality: other networks have the same features. `shapes-b` is the same network from another random start. Its channels stand in another order, so each looks for its partner by correlation, over places of the same images.

# %% [markdown]
# ## Exercise 1.8 · The same channel in another network  ●●○ · 15 min · 3 points
#
# **Goal:** for each unit the one of the other network that correlates most. **Why:** a story about one network is an anecdote; what two starts share may be about the world.
#
# <details><summary>Hint 1</summary>
#
# Correlate every unit with every unit of the other network over the samples, and keep the largest of each row: which it is, and how large.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Subtract each column's mean, `normalize(..., dim=0)`, and `a.T @ b` are all correlations; `.max(dim=1)` has `indices` and `values`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `sample unit, sample other_unit -> unit other_unit` -> `unit`.
#
# </details>


# %% exercise="01.8" points=3
def match_units(
    one: Float[Tensor, "sample unit"], other: Float[Tensor, "sample other_unit"]
) -> tuple[Int[Tensor, " unit"], Float[Tensor, " unit"]]:
    """Return for each unit the other network's that correlates most, and that correlation.

    A unit that never changes correlates 0 with every other.
    """
    ### BEGIN SOLUTION
    a, b = (normalize(acts - acts.mean(dim=0), dim=0) for acts in (one, other))
    best = (a.T @ b).max(dim=1)
    return best.indices, best.values
    ### END SOLUTION


# %% check="01.8"
check(match_units)
# %%
matches = {
    layer: feature_viz.channel_matches(model, stranger, layer, images[:500])
    for layer in ("conv1", "conv3", "conv5")
}
for layer, found in matches.items():
    print(f"{layer}: median correlation with the match {found.values().median():.2f}")

# %%
torch.manual_seed(2)
untrained = shapes_model(type(model.module)(12), "untrained", model.colour_mean, model.colour_std)
chance = {}
for layer in matches:
    found = feature_viz.channel_matches(model, untrained, layer, images[:500])
    chance[layer] = found.values().median().item()
    print(f"{layer}: with a network of random weights {chance[layer]:.2f}")

# %% tags=["nbval-ignore-output"]
plots.show(plots.plot_channel_matches(*matches.values()))

# %% hidden="numbers-matches"
medians = [found.values().median() for found in matches.values()]
assert about(medians[0], 0.69, 0.03) and about(medians[1], 0.56, 0.03)
assert about(medians[2], 0.31, 0.03) and about(chance["conv1"], 0.50, 0.03)
assert about(chance["conv3"], 0.37, 0.03) and about(chance["conv5"], 0.17, 0.03)

# %% [markdown]
# 0.69 in conv1, 0.56 in conv3, 0.31 in conv5: clear early, partial late? Not so fast. With a network that never learned anything it is 0.50, 0.37 and 0.17: channels see the same picture, and the best of many always correlates a little. What training adds is about 0.2 in conv1 and conv3 and less in conv5. That both networks have *a* wheel channel, as their part scores say, and that these two need not be each other's best match, are both true: what is shared late is what is told apart, not how.

# %% [markdown]
# ## 8. Where it fails
#
# **Predict first.** Here is the picture of one more channel. What is it, and what will be on the fifty images that excite this channel most?

# %%
my_guess = {"the picture shows": None, "its strongest images show": None}

# %% tags=["nbval-ignore-output"]
judged = [judge.logits(all_pictures.images).softmax(dim=1).cpu() for judge in (model, stranger)]
agreed = judged[0] * judged[1]
agreed[torch.arange(64), favourite] = 0  # what the channel's images show
agreed[:, shapes.CLASSES.index("jumble")] = 0
liar = agreed.amax(dim=1).argmax().item()
plots.show(plots.plot_pictures(all_pictures, [liar], title=f"What excites conv5:{liar} most"))

# %%
for judge, sure in zip((model, stranger), judged, strict=True):
    name = model.classes[sure[liar].argmax()]
    print(f"{judge.name} calls the picture a {name}, {sure[liar].max():.2f} sure")
top = labels[strongest[:, liar].topk(50).indices]
common = top.bincount(minlength=12)
print(f"{common.max()} of its 50 strongest images show a {model.classes[common.argmax()]}")

# %% tags=["nbval-ignore-output"]
plots.show(plots.plot_channel(all_pictures, examples, liar, scores))

# %% hidden="numbers-liar"
if MODEL == "shapes-a":
    assert liar == 6 and model.classes[agreed[liar].argmax()] == "truck"
    assert model.classes[common.argmax()] == "dog" and about(common.max(), 38, 3)
    assert common[shapes.CLASSES.index("truck")] >= 5
    assert about(scores.precision[6, scores.parts.index("head")], 0.71, 0.05)

# %% [markdown]
# The channel was chosen because two networks agree about its picture. You see a truck. The network itself, which has the channel, sees a truck. Another network that has not sees a truck. And 38 of the 50 strongest images show a *dog*: under 71 % of the channel's peaks lies its head. Trucks are among the rest: the channel has two meanings, the ascent climbed the hill of the rarer one, and its picture hides the other without a trace. Nothing is broken. A picture is evidence for what a channel *can* be excited by. What excites it, and how often, takes images.
#
# **And there is no picture without its start.** Ascent is local: it climbs the hill that the noise stands on, and where a channel is silent there is none. The recipe's redirected ReLU hides this. Take it away:

# %%
silent_start = feature_viz.Recipe(steps=64, parametrisation=waves, redirect=0)
cold = feature_viz.render_channels(model, "conv5", None, silent_start, goal=feature_viz.neuron)
empty = (cold.values < 0.05).nonzero().ravel().tolist()
clear = [c for c in empty if scores.precision[c].max() >= 0.9]
print(f"{len(empty)} of {len(cold)} pictures stay empty, {len(clear)} of them of channels")
print("that have one part under 90 % of their highest peaks or more")

# %% hidden="numbers-empty"
assert about(len(empty), 56, 3) and about(len(clear), 23, 2)

# %% [markdown]
# 56 of 64 stay empty, among them 23 of the clearest in the layer. An empty picture says nothing about the channel: it speaks of the ascent. And a lie can be planted on purpose: Geirhos et al. (2024) build networks whose pictures show whatever the builder likes while they answer to images as before.

# %% [markdown]
# ## The channel browser
#
# Choose a layer and a channel; beside its picture are its strongest examples and the parts.

# %% tags=["nbval-ignore-output"]
widgets.ChannelBrowser(
    model, held_out, layer="conv5", channel=wheel, recipe=recipe, pictures={"conv5": all_pictures}
)

# %% [markdown]
# ## 9. On GoogLeNet
#
# [Olah20] and Distill's articles speak of InceptionV1 with weights of their own; their channel numbers are not those of the published PyTorch weights. So **search**: the stimuli and labelled scenes of this world find curve, wheel and car channels in any network. Change one name, best on a GPU:
#
# ```python
# torch.hub.download_url_to_file(
#     "https://download.pytorch.org/models/googlenet-1378be20.pth", "googlenet.pth"
# )
# BIG, WEIGHTS, LAYERS = "googlenet", "googlenet.pth", ("conv3", "inception3b", "inception4c")
# ```

# %%
BIG, WEIGHTS = MODEL, None
LAYERS = ("conv3", "conv4", "conv5")  # where curves, wheels and cars are looked for
big = load_vision(BIG, weights_file=WEIGHTS)
turned = feature_viz.curvature_tuning(big, LAYERS[0])
searched = {f"curve {LAYERS[0]}": turned.preference().argmax().item()}
some = shapes.scenes(360, seed=4)
parts = feature_viz.part_scores(big, LAYERS[1], some)
searched[f"wheel {LAYERS[1]}"] = parts.best("wheel")
ours = feature_viz.as_images(some).to(big.device)
cars_first = feature_viz.mean_peaks(big, LAYERS[2], cars.to(big.device)) / (
    feature_viz.mean_peaks(big, LAYERS[2], ours) + 0.05
)
searched[f"car {LAYERS[2]}"] = cars_first.argmax().item()

# %% tags=["nbval-ignore-output"]
larger = feature_viz.Recipe(steps=64, size=96, parametrisation=waves)
for name, channel in searched.items():
    layer = name.split()[1]
    picture = feature_viz.render_channels(big, layer, [channel], larger, goal=feature_viz.neuron)
    title = f"{BIG}, {layer}:{channel}: found as a {name.split()[0]} channel"
    plots.show(plots.plot_pictures(picture, title=title))

# %% hidden="numbers-searched"
assert BIG != "shapes-a" or searched[f"car {LAYERS[2]}"] == car

# %% [markdown]
# Painted cars are not photographs: what the search finds in GoogLeNet is a candidate, to be looked at beside real images.

# %% [markdown]
# ## Open question 1.A · A picture that misleads · 6 points
#
# A colleague shows you one picture: eyes, ears, and something like fur, made by gradient ascent for channel 217 of a layer. "This channel detects cats. And since in another picture the same channel shows wheels, the layer is in superposition." Which of the two sentences does the evidence carry, and how far? Which measurements would you make, with which controls, and what would each of them look like if your colleague were wrong? Write half a page. There is no check; your teacher has a rubric.

# %% [markdown] open="01.A"
# *Write your answer here, in place of this line.*

# %% [markdown] hidden="rubric"
# **Rubric, 6 points** (the order does not matter)
#
# - 1 point: a picture shows one input that excites the channel most, under one start, one parametrisation and one robustness: it neither shows what excites it in real images nor how often.
# - 1 point: dataset examples beside the picture, from the whole range of activations and not the top alone, with labels or a second rater who has not seen the picture.
# - 1 point: several pictures of the channel (other seeds, a diversity term), and what would count as a second meaning, decided before looking.
# - 1 point: a causal test: remove or add the part in images, or silence the channel, and say what else changes, against random channels.
# - 1 point: polysemanticity is what is seen, superposition is one account of it: a channel with two meanings can also come of a basis that is not the one of the features, of a layer with fewer channels than concepts that share by class, or of one concept that we have no word for.
# - 1 point: a measurement that would tell these apart: more features than dimensions, interference between features that are read as directions, or another layer width.

# %% [markdown]
# ## Stretch (no hints)
#
# `feature_viz.phase_only(images)` fixes how much there is of each frequency and moves the phases alone (Fel et al. 2023). Render conv5 with it. Which pictures would a stranger name more often as their channels would have it? Decide on a measure before you look.

# %% [markdown] hidden="stretch"
# **One way to do it.** The measure of section 3 is at hand: how often `shapes-b` names the favourite class. With phases alone it is 48 % and with free amplitudes 50 %: no difference that 64 pictures could show. Amplitudes fixed to those of scenes forbid the large flat areas that the free pictures use; what a class looks like is in the phases either way.

# %% hidden="stretch-code"
phases = feature_viz.Recipe(steps=64, parametrisation=feature_viz.phase_only(images[:200]))
by_phase = feature_viz.render_channels(model, "conv5", None, phases, goal=feature_viz.neuron)
assert about(named_by(stranger, by_phase.images).float().mean(), 0.48, 0.06)

# %% [markdown]
# ## What you have found
#
# 1. A picture is the top of one hill, under one start and one set of coordinates; what keeps it legible is a claim about natural images.
# 2. Examples with known parts, tuning curves with a reference, and kernels with an intervention turn names into measurements.
# 3. Channels can have several meanings; that is an observation, and superposition one of its explanations.
#
# | term | meaning |
# |---|---|
# | channel | one map of a layer: the same detector at every place |
# | objective | the number that a picture is to raise |
# | parametrisation | the coordinates in which the picture moves |
# | transformation robustness | small random moves before each step |
# | dataset example | a real image, or a patch of it, that excites a channel |
# | tuning curve | the answer as one property of a stimulus varies |
# | preference | the answer with the property against that without it |
# | expanded kernel | kernels between layers that do not touch, multiplied out |
# | polysemantic | answers to several unrelated things |
# | universality | the same features in other networks |
#
# **What this does not show.** That large networks are like this: our world has 28 parts, each painted by a few lines of code, and twelve classes that these parts decide. Adversarial training made the pictures readable: the network was trained on images that were moved against it (`mi_course/models/training_shapes.py`), so that noise that no person sees is of no use to it. Networks that were not need all of section 2, and give less. A part under the peak is not all that a channel reads. And that two starts share early channels is no surprise where edges and colours decide.
#
# **Further reading.** [Olah17] *Feature Visualization*. [Olah20] *Zoom In*. Cammarata et al. (2020), *Curve Detectors*. Schubert et al. (2021), *High-Low Frequency Detectors*. Voss et al. (2021), *Visualizing Weights*. Fel et al. (2023), *Unlocking Feature Visualization (MACO)*. Borowski et al. (2021), *Exemplary Natural Images Explain CNN Activations Better than State-of-the-Art Feature Visualization*, for what strangers learn from such pictures.
#
# **Next.** Images have places; text has a stream that every layer writes into. Chapter 02 reads it in the middle: the logit lens.
