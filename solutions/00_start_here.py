# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here
#
# A small network has read about the people of a town that does not exist. Now it reads a sentence
# that stops just before its last word:
#
# > When Mary and Frank went to the kitchen, Frank gave the flower to
#
# **What does it say next, and which part of the network knows?** This chapter answers the first
# half at once and gives you the three tools with which the whole course works on the second:
# look inside, change something, measure what that does.

# %% tags=["setup"]
import torch
from einops import einsum, rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from mi_course.grading import check
from mi_course.methods.residual import part_effects, residual_norms
from mi_course.metrics import cross_entropy_by_position, perplexity
from mi_course.models import load
from mi_course.plots import plot_part_effects, plot_residual_norms, show
from mi_course.worlds.tasks import batch, ioi
from mi_course.worlds.town.corpus import stream

# %%
MODEL = "town"  # the one name to change; section 7 says to what
torch.set_grad_enabled(False)  # nothing is trained here, so no gradients are kept
model = load(MODEL)

# %%
story = "When Mary and Frank went to the kitchen, Frank gave the flower to"
twin = "When Mary and Frank went to the kitchen, Mary gave the flower to"
for text in (story, twin):
    chances = model(model.to_tokens(text))[0, -1].softmax(dim=-1)
    print(f"... {text[-30:]}", end="")
    for chance, token in zip(*map(Tensor.tolist, chances.topk(3)), strict=True):
        print(f"  {chance:.2f}{model.tokenizer.decode([token])}", end="")
    print()

# %% hidden="numbers-opening"
if MODEL == "town":
    for text, name in ((story, " Mary"), (twin, " Frank")):
        chances = model(model.to_tokens(text))[0, -1].softmax(dim=-1)
        assert model.tokenizer.decode([chances.argmax().item()]) == name
        assert chances.max() > 0.9

# %% [markdown]
# One word changed, and the answer changed to the other person: the network names the one who is
# *not* giving, with a probability of more than 0.9 both times. It did not learn this couple by
# heart: in all that it read, these two were never the couple of a story. `town` is built so that
# we know such things.

# %%
from mi_course.worlds.town.lexicon import name_pair_is_heldout

name_pair_is_heldout("Mary", "Frank")

# %% [markdown]
# One sentence is an anecdote. Here are a hundred more about couples that never met, half of them
# naming the giver first. The model is right when the receiver's logit is above the giver's.

# %%
won = []
for pairs in ioi(model.tokenizer, 100, seed=0).groups().values():  # pairs of one length
    answers = model(torch.tensor(batch(pairs), device=model.cfg.device))[:, -1]
    for pair, row in zip(pairs, answers, strict=True):
        won.append(bool(row[pair.answers[0]] > row[pair.wrongs[0]]))
print(f"right in {sum(won)} of {len(won)} sentences")

# %% hidden="numbers-task"
if MODEL == "town":
    assert name_pair_is_heldout("Mary", "Frank")
    assert sum(won) >= 95

# %% [markdown]
# So there is a rule in there, among some three million numbers, that nobody wrote down. Finding
# such rules is what *mechanistic interpretability* is about.
#
# **You will be able to**
# - read and move the axes of any tensor in a transformer, by name;
# - turn a model's output into surprise, in nats, and say whether that is much;
# - record what flows through the network, change it on the way, and measure what the change costs;
# - work with the checks, and run any chapter on another model or device by changing one name.
#
# **Time** about 75 minutes, three exercises, 5 points. **What the answer will look like:** a bar
# for each part of the network that tells how much worse the model gets without it.

# %% [markdown]
# ## 1 · Is everything here?
#
# The next cell prints what `mi-course doctor` prints in a terminal. Lines that start with `ok` need
# nothing, `note` means that something optional is missing, and `wrong` comes with the command that
# mends it. Your output will differ from the one saved here.

# %% tags=["nbval-ignore-output"]
from mi_course.doctor import examine

for finding in examine():
    print(f"{finding.state:6}{finding.text}")

# %% [markdown]
# ## 2 · Tensors, and axes with names
#
# Text goes in as *tokens*: pieces of text with a number each. The first one, `<|endoftext|>`, is no
# part of the story. It marks the beginning (BOS), as it did before every document in training.

# %%
tokens = model.to_tokens(story)
print(tokens.shape, tokens[0, :5].tolist())
print(model.to_str_tokens(story))

# %% [markdown]
# The axes of `tokens` are `[batch pos]`: which text, which place in it. Out come *logits*, one
# number for each word that could follow, at every position at once: `[batch pos d_vocab]`. All that
# we study has axes like these. This course always calls them by the same names, and moves them with
# three functions that take the names as text:
#
# | function | what it does | example |
# |---|---|---|
# | `rearrange` | moves, splits and merges axes | `"batch pos d_model -> pos batch d_model"` |
# | `reduce` | sums or averages axes away | `"batch pos -> pos"`, `"mean"` |
# | `einsum` | multiplies and sums over what the output does not name | `"pos d, d vocab -> pos vocab"` |
#
# Numbers you can check in your head:

# %%
small = torch.arange(6.0).reshape(2, 3)
print(rearrange(small, "row column -> column row").tolist())
print(reduce(small, "row column -> row", "mean").tolist())
print(einsum(small, small, "a column, b column -> a b").tolist())

# %% [markdown]
# ## 3 · How a check speaks
#
# Each exercise is one function that you write, followed by one line that checks it. The check calls
# your function on a small case worked out by hand, on random inputs, and on inputs whose answer is
# known. It says one of three things. Nothing written yet:


# %%
def split_heads(x, n_heads):
    raise NotImplementedError


check(split_heads)

# %% [markdown]
# A wrong answer gets what came out, what was expected, and the slip that it looks like:


# %%
def split_heads(x, n_heads):
    batch, pos, width = x.shape
    return x.reshape(batch, n_heads, pos, width // n_heads)


check(split_heads)

# %% [markdown]
# The shape was right and every number was there, and yet each head got other tokens' numbers. This
# is the most common mistake with tensors, no error message will ever tell you about it, and axis
# names prevent it. The third thing that a check says is a tick. Get one now.

# %% [markdown]
# ## Exercise 0.1 · Cut the width into heads  ●○○ · 5 min · 1 point
#
# **Goal** Cut the last axis of `x` into `n_heads` heads and put the heads before the positions.
#
# **Why** An attention layer is several heads side by side; to study one of them, you must get it
# out of the row.
#
# <details><summary>Hint 1: what to compute</summary>
#
# The last axis holds all heads side by side: cut it into two axes, then move one of them.
# </details>
# <details><summary>Hint 2: which operation</summary>
#
# One call of `rearrange`, with `head_index=n_heads` so that it knows where to cut.
# </details>
# <details><summary>Hint 3: the axis string</summary>
#
# `"batch pos (head_index d_head) -> batch head_index pos d_head"`
# </details>


# %% exercise="00.1" points=1
def split_heads(
    x: Float[Tensor, "batch pos d_model"], n_heads: int
) -> Float[Tensor, "batch head_index pos d_head"]:
    """Return x cut along its width into heads, the heads before the positions."""
    ### BEGIN SOLUTION
    axes = "batch pos (head_index d_head) -> batch head_index pos d_head"
    return rearrange(x, axes, head_index=n_heads)
    ### END SOLUTION


# %% check="00.1"
check(split_heads)

# %% [markdown]
# ## 4 · From logits to surprise
#
# A softmax turns logits into probabilities $p$. When token $t$ comes, the model's *surprise* is
# $-\ln p(t)$, in *nats*: 0 for what was certain, 0.69 for the toss of a coin, and $\ln(d_\text{vocab})$
# for a blind guess among all tokens. The mean of this is the *loss* on which the model was trained.
#
# One thing goes wrong so often that it is a point of the next exercise: the logits at position $i$
# speak about the token at position $i + 1$.

# %%
print(f"a blind guess costs {torch.tensor(float(model.cfg.d_vocab)).log():.2f} nats")

# %% [markdown]
# ## Exercise 0.2 · Surprise at the next token  ●●○ · 10 min · 2 points
#
# **Goal** Return $-\ln p$ of each token that came, given the tokens before it: one column less than
# there are positions.
#
# **Why** It is the yardstick of all that follows: an edit matters as far as it moves this number.
#
# <details><summary>Hint 1: what to compute</summary>
#
# The logits at position i speak about the token at position i + 1, so drop the last logits and the first token.
# </details>
# <details><summary>Hint 2: which operation</summary>
#
# `log_softmax(dim=-1)`, then `gather` the entry of the token that came, then a minus.
# </details>
# <details><summary>Hint 3: the axis string</summary>
#
# `gather` wants an index with as many axes: `rearrange(tokens[:, 1:], "batch pos -> batch pos 1")`
# </details>


# %% exercise="00.2" points=2
def next_token_loss(
    logits: Float[Tensor, "batch pos d_vocab"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch predicted_pos"]:
    """Return the surprise at each next token, in nats."""
    ### BEGIN SOLUTION
    log_probs = logits[:, :-1].log_softmax(dim=-1)
    chosen = log_probs.gather(-1, rearrange(tokens[:, 1:], "batch pos -> batch pos 1"))
    return -rearrange(chosen, "batch pos 1 -> batch pos")
    ### END SOLUTION


# %% check="00.2"
check(next_token_loss)

# %% [markdown]
# The course's own version is called `cross_entropy_by_position`; like everything that you write
# here it is in the package, so you can always go on. Where in our story was the model surprised?

# %%
whole = model.to_tokens(f"{story} Mary.")
surprise = cross_entropy_by_position(model(whole), whole)[0].abs().tolist()
for word, nats in zip(model.to_str_tokens(whole[0])[1:], surprise, strict=True):
    print(f"{word:10}{nats:6.2f} {'█' * round(4 * nats)}")

# %% hidden="numbers-surprise"
logits = model(whole).float()
assert torch.allclose(next_token_loss(logits, whole), cross_entropy_by_position(logits, whole))
if MODEL == "town":
    assert surprise[1] > 3 and surprise[3] > 3  # the names when they are new
    assert surprise[-2] < 0.25  # the receiver's name when it comes again

# %% [markdown]
# Look at the names. When they are new they cost more than 3 nats each, and no reader could do much
# better. When the last one comes, it costs less than a quarter of a nat. Everything else is the
# grammar of a small town. Over many fresh stories the mean tells how good the model is, and
# `exp(loss)`, the *perplexity*, among how many equally likely tokens it hesitates.

# %%
documents = stream("chapter 00", kinds=("ioi",))
rows = (model.to_tokens(next(documents).text)[0] for _ in range(60))
stories = torch.stack([row[:48] for row in rows if len(row) >= 48])[:24]
loss = cross_entropy_by_position(model(stories), stories).mean()
print(f"{len(stories)} stories: {loss:.2f} nats a token, perplexity {perplexity(loss):.1f}")

# %% [markdown]
# ## 5 · The residual stream, and the cache
#
# Inside, each token has one vector of `d_model` numbers, its *residual stream*. It starts as the
# token's embedding. Every attention layer and every MLP reads it and *adds* something:
#
# $$\text{resid}_\text{end} = \text{embedding} + \sum_{l} \left( \text{attention}_l + \text{MLP}_l \right)$$
#
# Attention is the only place where tokens see each other, and nothing is ever erased but by adding
# its opposite. `run_with_cache` keeps everything that flowed past on the way, under names that are
# the same for every model of this course:

# %%
logits, cache = model.run_with_cache(tokens)
names = ("resid_pre", "attn.hook_pattern", "attn.hook_z", "attn_out", "resid_post")
for name in names:
    full = f"blocks.0.{name if '.' in name else f'hook_{name}'}"
    print(f"{full:28}{list(cache[full].shape)}")
print(f"and {len(cache) - len(names)} more")

# %% [markdown]
# The sum above is no metaphor. Add up what the cache holds:

# %%
writes = [name for name in cache if name.endswith(("hook_attn_out", "hook_mlp_out"))]
added = cache["blocks.0.hook_resid_pre"] + sum(cache[name] for name in writes)
end = cache[f"blocks.{model.cfg.n_layers - 1}.hook_resid_post"]
apart = (added - end).abs().max() / end.abs().max()
print(f"{len(writes)} parts; largest difference {apart:.6f} of the largest number")

# %% hidden="numbers-sum"
exact = model.cfg.dtype == torch.float32
assert apart < (1e-5 if exact else 0.05)

# %% [markdown]
# And this is all that a head does, once it has decided where to look: it averages the *values* of
# the tokens it looks at. `pattern` holds the weights of that average.

# %%
v, pattern = cache["blocks.0.attn.hook_v"], cache["blocks.0.attn.hook_pattern"]
axes = "batch head_index query_pos key_pos, batch key_pos head_index d_head"
z = einsum(pattern, v, f"{axes} -> batch query_pos head_index d_head")
print(torch.allclose(z, cache["blocks.0.attn.hook_z"], atol=1e-4))

# %% hidden="numbers-heads"
flat = rearrange(v, "batch pos head_index d_head -> batch pos (head_index d_head)")
by_head = split_heads(flat, v.shape[2])
assert torch.allclose(rearrange(pattern @ by_head, "b h q d -> b q h d"), z, atol=1e-4)
assert torch.allclose(z, cache["blocks.0.attn.hook_z"], atol=1e-4)

# %% [markdown]
# **Predict first.** As the stream passes through the layers, does its length (the norm of the
# vector) shrink, stay about the same, or grow, and by what factor? Is the first token, the one
# without meaning, shorter or longer than the others? Write it down before you run the figure.

# %%
my_guess = "it ..., by a factor of ...; the first token is ..."

# %%
norms = residual_norms(model, tokens)
show(plot_residual_norms(norms))

# %% hidden="numbers-norms"
if MODEL == "town":
    first, typical = norms.values[:, 0], norms.typical()
    assert norms.growth() > 20
    assert first[-1] > typical[-1]

# %% [markdown]
# *What to notice.* The scale is logarithmic: the stream ends more than twenty times as long as the
# embedding, because all write to it and nobody clears it. So a number of a given size means less
# and less with depth, which is why each part first divides by the length (LayerNorm). The
# first token carries no meaning and yet its stream ends longer than the average of the others.
# Many language models have such a place, where heads look when there is nothing to look for
# (Xiao et al. 2023, *Efficient Streaming Language Models with Attention Sinks*, section 3).

# %% [markdown]
# ## 6 · Hooks: change it on the way
#
# A cache shows what happened. To learn what it was *for*, one has to interfere. A *hook* is a
# function that is called with an activation in the middle of a run, and what it returns takes the
# activation's place; the rest of the network goes on with that. Let us silence attention in every
# layer:


# %%
def silence(activation, hook):
    return torch.zeros_like(activation)


everywhere = [(f"blocks.{layer}.hook_attn_out", silence) for layer in range(model.cfg.n_layers)]
edited = model.run_with_hooks(tokens, fwd_hooks=everywhere)
print("before:", repr(model.tokenizer.decode([logits[0, -1].argmax().item()])))
print("after: ", repr(model.tokenizer.decode([edited[0, -1].argmax().item()])))

# %% hidden="numbers-hook"
if MODEL == "town":
    assert model.tokenizer.decode([logits[0, -1].argmax().item()]) == " Mary"
    assert model.tokenizer.decode([edited[0, -1].argmax().item()]) != " Mary"

# %% [markdown]
# Mary is gone: without attention, the last token ` to` cannot see that she was ever there. That was
# one story and a blunt knife. Now make a measurement of it, and of one part at a time.
#
# ## Exercise 0.3 · What does a part do for the loss?  ●●○ · 15 min · 2 points
#
# **Goal** Return by how many nats the mean loss on `tokens` rises when the activation called `name`
# is replaced by zeros.
#
# **Why** This is an *ablation*, the simplest causal experiment there is: take a part away and see
# what breaks. `return_type="loss"` makes the model return its mean loss in place of logits.
#
# <details><summary>Hint 1: what to compute</summary>
#
# Two runs on the same tokens, one with a hook at `name` and one without; the answer is the difference of their losses.
# </details>
# <details><summary>Hint 2: which operation</summary>
#
# `model.run_with_hooks(tokens, return_type="loss", fwd_hooks=[(name, silence)])` and `model(tokens, return_type="loss")`.
# </details>
# <details><summary>Hint 3: the axis string</summary>
#
# The hook returns `torch.zeros_like(activation)`, of the same axes: `batch pos d_model` for an output of a layer.
# </details>


# %% exercise="00.3" points=2
def ablation_effect(model: TransformerBridge, tokens: Int[Tensor, "batch pos"], name: str) -> float:
    """Return the rise in mean loss, in nats, when the activation called name becomes zero."""
    ### BEGIN SOLUTION

    def silence(activation, hook):
        return torch.zeros_like(activation)

    clean = model(tokens, return_type="loss")
    edited = model.run_with_hooks(tokens, return_type="loss", fwd_hooks=[(name, silence)])
    return (edited - clean).item()
    ### END SOLUTION


# %% check="00.3"
check(ablation_effect)

# %% [markdown]
# **Predict first.** The network has an attention layer and an MLP in each of its layers. Without
# which of them does the loss on our stories rise most? Which matter least: early or late ones?

# %%
my_guess = "most: ..., least: ..."

# %%
effects = part_effects(model, stories)
show(plot_part_effects(effects))

# %% hidden="numbers-effects"
mine = ablation_effect(model, stories, "blocks.0.hook_attn_out")
assert abs(mine - effects.of("attention 0")) < (1e-3 if exact else 0.1)
if MODEL == "town":
    most, largest = effects.ranked()[0]
    late = max(effects.of("attention 3"), effects.of("MLP 3"))
    assert most == "MLP 0"
    assert late < largest / 4

# %% [markdown]
# *What to notice.* The bars are very unequal. The MLP of layer 0 costs most, no part of the last
# layer a quarter as much. It is tempting to say that layer 0 *knows* what comes next.
# But all later layers were trained to read what it writes; without it they read something that they
# have never seen. Ablation tells what the rest *relies on*. What a part *says* is another question,
# and half of this course is about telling these two apart. Nor do the bars add up to anything: each
# was measured with all other parts at work.

# %% [markdown]
# ## 7 · Another model, another device
#
# Everything above used the model through the same names, so another model is one word:
#
# | `MODEL =` | what it is | needs |
# |---|---|---|
# | `"town"` | 4 layers with MLPs, trained by this project | nothing |
# | `"attn-1l"`, `"attn-2l"` | one or two layers of attention only | nothing |
# | `"openai-community/gpt2"`, `"EleutherAI/pythia-70m"` | real ones | a download |
# | `"/a/folder"` | a checkpoint in Hugging Face's format | the folder |
#
# Change `MODEL` in the second cell, choose *Run All*, and read the figures again: the text speaks
# about `town`, the code does not. Here is a smaller sister, with two layers of attention and nothing
# else, on the story and its twin:

# %%
sister = load("attn-2l")
sizes = [sum(weights.numel() for weights in m.parameters()) for m in (model, sister)]
print(f"{sizes[1]:,} numbers in place of {sizes[0]:,}")
for text in (story, twin):
    answer = sister(sister.to_tokens(text))[0, -1]
    print(f"... {text[-30:]} ->{sister.tokenizer.decode([answer.argmax().item()])}")

# %% [markdown]
# On the story alone the sister would pass for as clever. The twin shows that it is not: it names
# the same person whoever gives, and is right once by luck. A single right answer proves little; a
# *pair* of inputs that differ in one thing, and should differ in the answer, is worth much more.
# Chapters 07 and 08 are built on such pairs.

# %% hidden="numbers-sizes"
says = [sister(sister.to_tokens(text))[0, -1].argmax().item() for text in (story, twin)]
assert says[0] == says[1] == sister.to_tokens(" Mary")[0, -1]
if MODEL == "town":
    assert 2.5e6 < sizes[0] < 3.5e6
    assert model.cfg.n_layers == 4
assert sister.cfg.attn_only

# %% [markdown]
# `load` puts a model on the GPU where there is one; `load(MODEL, device="cpu")` decides it yourself.
# Your code never names a device: tokens from `model.to_tokens` are where the model is, and a new
# tensor goes where an old one is (`torch.zeros_like(x)`, `device=x.device`).

# %% tags=["nbval-ignore-output"]
print(tokens.device, torch.zeros(2, device=tokens.device).device)

# %% [markdown]
# ## 8 · Where it fails: edits that change nothing
#
# Two edits of the same layer. Both look right, neither raises an error, and both measure an effect
# of exactly zero, which is easily taken for a discovery ("the model does not need this layer").

# %%
cache["blocks.0.hook_attn_out"][:] = 0  # edits our record of a run that is over
after_record = model(tokens)


def forgot_to_return(activation, hook):
    activation = activation.clone()
    activation[:] = 0


after_hook = model.run_with_hooks(tokens, fwd_hooks=[("blocks.0.hook_attn_out", forgot_to_return)])
print([(changed - logits).abs().max().item() for changed in (after_record, after_hook)])

# %% hidden="numbers-fails"
assert torch.equal(after_record, logits)
assert torch.equal(after_hook, logits)
assert (edited - logits).abs().max() > 0

# %% [markdown]
# The first edits a photograph. The second works on a copy and returns nothing, which means "leave
# it as it is". Hence the habit to keep from this chapter: **before you believe that an edit has no
# effect, show that the same code can have one.** Silence everything once, and see the loss go up.
#
# A third way to be wrong without an error is to leave out the token that every training document
# began with:

# %%
with_bos = cross_entropy_by_position(model(stories), stories)[:, 1:]
without = cross_entropy_by_position(model(stories[:, 1:]), stories[:, 1:])
print("the same tokens, with and without BOS, by position (nats)")
print([round(nats, 2) for nats in reduce(with_bos[:, :6], "batch pos -> pos", "mean").tolist()])
print([round(nats, 2) for nats in reduce(without[:, :6], "batch pos -> pos", "mean").tolist()])

# %% hidden="numbers-bos"
if MODEL == "town":
    assert (without - with_bos)[:, :2].mean(dim=0).min() > 1

# %% [markdown]
# A single token without any content is worth more than a nat on each of the next two words. Without
# it the model takes a word from the middle of a sentence for the beginning of a text.

# %% [markdown]
# ## Open question 0.A · Where does the rule sit? · 4 points
#
# A friend reads the figure of section 6 and writes: "The rule sits in layer 0, the rest does little."
# In half a page: what does the figure show, what would it have to show, and which experiment, with
# the tools of this chapter, could prove your friend wrong? (4 points: what the bar means, another
# explanation of it, an experiment with its control, and what would change your mind.)

# %% [markdown] open="00.A"
# *Write your answer here, in place of this line.*

# %% [markdown]
# ## Stretch
#
# Zero is a strange thing to hear for a layer that never heard it. Replace each part by its *mean*
# over all stories and positions instead, draw the figure again, and say which bars change most and
# why. There are no hints; `part_effects(model, stories, "mean")` is there to compare with.

# %% [markdown] hidden="rubric"
# **Rubric, 4 points**
#
# - 1 point: says that ablation shows what the rest of the network relies on on these texts, not where a rule sits; a mean over all tokens says little about the few names among them.
# - 1 point: gives another explanation of the same bar, for instance that later layers receive an input unlike any in training.
# - 1 point: names an experiment whose result would differ between the two, with its control: the loss on names alone against the loss on other tokens, the mean in place of zero, or one head at a time.
# - 1 point: says beforehand which result would change their mind.

# %% [markdown]
# ## Close
#
# 1. A model's text goes in as tokens and comes out as logits; surprise in nats says how good they are.
# 2. Every part adds to one residual stream, and the cache holds a record of all of it.
# 3. A hook changes a run on its way, and what that does to the loss is the first causal evidence.
#
# | term | in one line |
# |---|---|
# | token, BOS | a numbered piece of text; the one that marks the beginning |
# | logits | a number for each possible next token, before softmax |
# | nat, loss, perplexity | unit of surprise; mean surprise; its exponential |
# | residual stream | one vector for each token, to which all parts add |
# | cache | a record of what flowed through a run |
# | hook | a function that sees an activation during a run and may replace it |
# | ablation | taking a part away and measuring what breaks |
#
# **What this does not show.** That a part which costs much *does* the thing we saw; that what holds
# on these stories holds on other texts; that a part which costs nothing is idle, for another
# may do its work as soon as it falls silent.
#
# **Further reading.** Elhage et al. (2021), *A Mathematical Framework for Transformer Circuits*, the
# section on the residual stream. The documentation of einops and of TransformerLens.
#
# **Next.** Chapter 06 takes a surname that exists nowhere else, lets the model finish it, and finds
# the two heads that do it. How do two heads agree on something that neither could do alone?
