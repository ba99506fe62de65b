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
# # 06 · Induction heads
#
# **How can a model continue a text that nobody has ever written before, after reading it once?**
#
# A model learns most of what it knows from its training text: which word follows which, how brackets close. But it also uses things that stand nowhere in its weights. Give it a surname invented a second ago and it can spell the name again. In this chapter you find the circuit that does this, read it from the weights, switch it off, and watch it appear during training.
#
# Start with the purest case: a row of random tokens, then the same row again.

# %% tags=["setup"]
import torch
from einops import einsum, reduce
from jaxtyping import Float, Int
from torch import Tensor
from transformer_lens import FactoredMatrix

from mi_course import plots, widgets
from mi_course.activations import head_replacements
from mi_course.grading import check
from mi_course.methods import induction
from mi_course.models import checkpoints, load, zoo
from mi_course.worlds.town.corpus import stream

# %%
MODEL = "attn-2l"  # or "openai-community/gpt2", or a directory with a checkpoint
model = load(MODEL)
d_vocab, bos = model.cfg.d_vocab, model.tokenizer.bos_token_id

# %% [markdown]
# **Predict first.** The text is 50 random tokens and then the same 50 again. A model that guesses blindly among 3,072 tokens loses ln 3072 = 8.0 nats on each. Write down what you expect at token 25 and at token 75 before you run the next cell.

# %%
my_guess = {"loss at token 25": None, "loss at token 75": None}  # nats

# %%
LENGTH = 50
tokens = induction.repeated_tokens(24, LENGTH, d_vocab, seed=6, bos=bos)
loss = induction.loss_by_position(model, tokens)
curve = induction.compare_losses({"whole model": loss}, repeat_at=LENGTH + 1)
plots.show(plots.plot_loss_by_position(curve))


# %% hidden="numbers-loss"
def about(value, quoted, within):
    """Whether a number is the one that the prose quotes; other models have other numbers."""
    return MODEL != "attn-2l" or abs(float(value) - quoted) <= within


first, second = loss[:, :LENGTH].mean(), loss[:, LENGTH + 1 :].mean()
assert about(first, 8.4, 0.1) and about(second, 0.07, 0.02)
assert about(torch.tensor(float(d_vocab)).log(), 8.03, 0.01)

# %% [markdown]
# The loss falls off a cliff. On the first copy it is 8.4 nats, a little worse than a blind guess, because there is nothing to know. On the second copy it is 0.07: the model is nearly certain of every token, although it has never seen these rows and no weight changed while it read. Something inside the network looked the answer up. This model has two layers of attention heads and nothing else: no MLPs, eight heads a layer. So the search is short.
#
# **You will be able to**
#
# 1. write the input on which only copying helps, and measure how much a model learns from its context;
# 2. tell from attention patterns which heads look one token back and which match prefixes;
# 3. read from the weights alone what a head copies, and which earlier head it listens to;
# 4. remove a head, and say what the loss and the other heads lose;
# 5. recognise the moment in training when the circuit appears, and say why one layer is not enough;
# 6. name a head that looks right and does nothing.
#
# **Time:** about three hours with eight exercises; the notebook itself runs in a minute. **The answer** will look like this: a handful of heads with their scores, one number for how strongly one feeds another, and an experiment that could have proved you wrong.

# %% [markdown]
# ## 1. A text in which only looking back helps
#
# Ordinary text can be predicted in many ways: by frequent words, by grammar, by facts. To study copying alone we want a text in which everything else is worth nothing. Random tokens do it. Each row is
#
# $$\text{BOS}\; r_1\; r_2 \ldots r_L\; r_1\; r_2 \ldots r_L$$
#
# with the $r$ drawn anew for each row. BOS is the token that stood before every text in training. All $r$ of a row differ, so "the token that came after this one last time" is always one token and never two. ([Olsson22], "Definition of induction heads")

# %% [markdown]
# ## Exercise 6.1 · Write random tokens twice  ●○○ · 10 min · 2 points
#
# **Goal:** draw `n` rows of random tokens, each written twice behind a BOS. **Why:** every score in this chapter is measured on such rows; a token that slips in twice would blur all of them.
#
# <details><summary>Hint 1</summary>
#
# Draw one copy for every row, without `bos` and without repeats inside a row; then write it twice behind a column of `bos`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The order of random numbers is a random order: `torch.rand(..., generator=generator)` and `argsort` draw without replacement, for all rows at once.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Number the allowed ids first: `ids = torch.tensor([i for i in range(d_vocab) if i != bos])`; at the end `torch.cat([start, once, once], dim=1)` has axes `batch pos`.
#
# </details>


# %% exercise="06.1" points=2
def repeated_tokens(
    n: int, length: int, d_vocab: int, bos: int, generator: torch.Generator
) -> Int[Tensor, "batch pos"]:
    """Return rows `bos r1 .. rL r1 .. rL` of token ids below d_vocab.

    The r of a row all differ, none is `bos` (which may be any id), and every order is as likely.
    """
    ### BEGIN SOLUTION
    ids = torch.tensor([token for token in range(d_vocab) if token != bos])
    order = torch.rand(n, len(ids), generator=generator).argsort(dim=1)[:, :length]
    once = ids[order]
    return torch.cat([torch.full((n, 1), bos), once, once], dim=1)
    ### END SOLUTION


# %% check="06.1"
check(repeated_tokens)

# %% [markdown]
# When it passes, a row of `repeated_tokens(1, 4, 10, 0, torch.Generator())` reads like `0 7 3 9 1 7 3 9 1`. From here on `tokens` above is used: 24 rows of 50 and 50, from the course's own version.

# %% [markdown]
# ## 2. Two questions to every head
#
# A head does two things that can be told apart. It decides **where to look**: every token (the query) spreads one unit of attention over itself and the tokens before it (the keys). And it decides **what to move**: from wherever it looked it copies something into the token that looked.
#
# $$A = \mathrm{softmax}\!\left(\frac{x\,W_Q W_K^\top x^\top}{\sqrt{d_\text{head}}}\right) \qquad\qquad \text{out} = A\; x\; W_V W_O$$
#
# Here $x$ is the residual stream, one row for each token. The first matrix product, $W_Q W_K^\top$, is the **QK circuit**: where. The second, $W_V W_O$, is the **OV circuit**: what. They share no weights, so they can be studied one at a time ([Elhage21], "Attention heads are independent and additive"). Between $W_Q$ and $W_K^\top$ this model also rotates half of the components by the distance of the two tokens; that is how it knows about places.
#
# We begin with *where*, because attention can be seen.

# %%
short = induction.repeated_tokens(1, 8, d_vocab, seed=1, bos=bos)[0]
first_layer = [(0, head) for head in range(model.cfg.n_heads)]
plots.attention_view(induction.attention(model, short, first_layer))

# %% [markdown]
# Hover over the heads of the first layer. Rows are the tokens that look, columns the tokens looked at; a line just below the diagonal means "I look at the token before me". It sounds useless. It is half of the answer.

# %% [markdown]
# ## Exercise 6.2 · Find heads that look one back  ●○○ · 10 min · 2 points
#
# **Goal:** one number for each head: how much attention goes to the token just before, averaged over texts and positions. **Why:** a head that always looks one back can leave a note at every token about who stood before it.
#
# <details><summary>Hint 1</summary>
#
# For each head, average the attention from position q to position q - 1 over all texts and all q from 1 on.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# These entries are the diagonal just below the main one: `pattern.diagonal(offset=-1, dim1=-2, dim2=-1)`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# The diagonal has axes `batch head_index pos`: `reduce(before, "batch head_index pos -> head_index", "mean")`.
#
# </details>


# %% exercise="06.2" points=2
def previous_token_score(
    pattern: Float[Tensor, "batch head_index query_pos key_pos"],
) -> Float[Tensor, " head_index"]:
    """Return each head's mean attention to the token just before (probability).

    The first position has no token before it and does not count.
    """
    ### BEGIN SOLUTION
    before = pattern.diagonal(offset=-1, dim1=-2, dim2=-1)
    return reduce(before, "batch head_index pos -> head_index", "mean")
    ### END SOLUTION


# %% check="06.2"
check(previous_token_score)

# %%
previous = induction.previous_token_scores(model, tokens)
plots.show(plots.plot_head_scores(previous))

# %% hidden="numbers-previous"
assert MODEL != "attn-2l" or [place[:2] for place in previous.top(2)] == [(0, 0), (0, 1)]
assert about(previous.top(2)[1][2], 0.86, 0.02) and about(previous.top(3)[2][2], 0.24, 0.03)

# %% [markdown]
# What to notice: two heads stand out, L0H0 and L0H1, with 0.89 and 0.86; the third has 0.24. Both are in the first layer. And there are two of them, which will matter later. (The recipe of this model starts four heads a layer with a mild liking for near tokens, so that the circuit forms in minutes and not in days; which of them become previous-token heads, training decides.)

# %% [markdown]
# ## 3. Prefix matching
#
# Now suppose you stand at the second `A` of `… A B … A` and must say what comes next. A person would look for the earlier `A` and read what stood after it. A head that does so attends from `A` to the token *after* the earlier `A`. The attention to such tokens is the **prefix-matching score**:
#
# $$\text{score}(h) = \frac{1}{|Q|}\sum_{q \in Q}\;\; \sum_{k:\; t_{k-1} = t_q,\; k \le q} A^h_{qk}$$
#
# where $t$ are the tokens and $Q$ the queries that have an earlier copy. Nothing in it needs the text to be random: the mask follows from the tokens.

# %% [markdown]
# ## Exercise 6.3 · Score prefix matching  ●●○ · 15 min · 3 points
#
# **Goal:** the mean attention of each head to tokens that followed an earlier copy of the query's token. **Why:** this is the definition of an induction head by what it looks at, and it must work on any text, not only where the copy is a fixed distance away.
#
# <details><summary>Hint 1</summary>
#
# Make a mask of targets: key k is a target of query q where the token at k - 1 equals the token at q and k - 1 comes before q. Then average the attention on targets over the queries that have one.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Compare all pairs with `tokens[:, :, None] == tokens[:, None, :]`, keep strictly earlier keys with `.tril(diagonal=-1)`, and move the mask one key on with `.roll(1, dims=2)`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `einsum(pattern, targets.float(), "batch head q k, batch q k -> head")`, divided by `targets.any(dim=2).sum()`.
#
# </details>


# %% exercise="06.3" points=3
def induction_score(
    pattern: Float[Tensor, "batch head_index query_pos key_pos"],
    tokens: Int[Tensor, "batch pos"],
) -> Float[Tensor, " head_index"]:
    """Return each head's mean attention to the tokens after earlier copies (probability).

    For each query with an earlier copy, sum the attention over all tokens that followed one;
    average over these queries in all texts.
    """
    ### BEGIN SOLUTION
    earlier = (tokens[:, :, None] == tokens[:, None, :]).tril(diagonal=-1)
    targets = earlier.roll(1, dims=2)
    on_targets = einsum(pattern, targets.float(), "batch head q k, batch q k -> head")
    return on_targets / targets.any(dim=2).sum()
    ### END SOLUTION


# %% check="06.3"
check(induction_score)

# %% [markdown]
# **Predict first.** Which layer will the best head be in, and why could it not be the first?

# %%
my_guess = {"layer of the best prefix matcher": None, "because": ""}

# %%
prefix = induction.prefix_matching_scores(model, tokens)
plots.show(plots.plot_head_scores(prefix))

# %% hidden="numbers-prefix"
best_four = {place[:2] for place in prefix.top(4)}
assert MODEL != "attn-2l" or best_four == {(1, 4), (1, 5), (1, 6), (1, 7)}
assert about(prefix.top(4)[3][2], 0.79, 0.02) and about(prefix.top()[0][2], 0.85, 0.02)
assert about(prefix.top(5)[4][2], 0.015, 0.01)

# %% [markdown]
# Four heads of the second layer, L1H4 to L1H7, spend 0.79 to 0.85 of their attention on the token that followed the earlier copy. No other head reaches 0.02. There is nothing in between: a head of this model either does this or it does not.
#
# Look at the best one on a short row. On the first copy it rests on the first token, where attention goes that has nothing to do. The stripe below the diagonal starts where the second copy starts.

# %%
best_layer, best_head, _ = prefix.top()[0]
best = (best_layer, best_head)
short = induction.repeated_tokens(1, 16, d_vocab, seed=2, bos=bos)[0]
plots.show(plots.plot_attention(induction.attention(model, short, [best])))

# %% [markdown]
# ## 4. A name made up this morning
#
# Random tokens are a laboratory. The same circuit works in prose whenever a rare word comes back. The classic example is a surname that the tokenizer has to cut into pieces ([Elhage21], "Induction heads"). Ours is a combination of syllables that the corpus generator keeps out of training, so no weight can hold it.

# %%
TEXT = "Mr. and Mrs. Weskaurmere lived near the river. The Weskaurmere"
pieces = model.to_str_tokens(TEXT)
print(len(pieces), "tokens:", " | ".join(pieces[1:]))

# %%
name = model.tokenizer.encode(" Weskaurmere", add_special_tokens=False)
text = model.to_tokens(TEXT)
surprise = induction.loss_by_position(model, text)[0, -len(name) :]
for token, nats in zip(name, surprise.tolist(), strict=True):
    print(f"{model.tokenizer.decode([token])!r:>8}  p = {2.718281828**-nats:.2f}")

# %% hidden="numbers-name"
chances = (-surprise).exp()
assert about(chances[0], 0.34, 0.03) and about(chances[1:].min(), 0.99, 0.01)

# %% [markdown]
# The first piece gets 0.34: after "The" other words are possible, so this is a guess. From the second piece on the model is certain, 0.99 or more for each. Once it has recognised the beginning of something that it has read, it goes on as that did.
#
# Where did it look? Hover over the tokens of the name's second mention in the next view: the induction head goes back to the *next* piece in the first mention, the previous-token head to the piece just before.

# %%
feeder = previous.top()[0][:2]
both = induction.attention(model, TEXT, [feeder, best])
plots.attention_view(both)

# %%
plots.show(plots.plot_attention_from(both, query=-2))

# %% hidden="numbers-attention"
assert about(both.patterns[1, -2, 9], 0.86, 0.04) and about(both.patterns[0, -2, 17], 0.97, 0.03)

# %% [markdown]
# At `ur`, the last piece but one, the induction head puts 0.86 of its attention on `mere`, nine tokens back: the very piece that must come next. The previous-token head looks at `ka`, as it always looks one back. This is the whole algorithm in one picture.

# %% [markdown]
# ## 5. How much does context help?
#
# A model that uses its context should be better late in a text than early in it. The **in-context-learning score** is the loss at a late token minus the loss at an early one, in nats; more negative means that more was learned on the way ([Olsson22], "Argument 1", takes the 500th and the 50th token; our texts are shorter).
#
# It is deliberately blunt. It knows nothing about heads or copies. That makes it a good referee: if the circuit matters for reading, this number must feel it.

# %% [markdown]
# ## Exercise 6.4 · Score learning in context  ●●○ · 15 min · 3 points
#
# **Goal:** from logits and tokens, the mean loss at token `late` minus the mean loss at token `early`. **Why:** it asks whether reading helps, without saying how.
#
# <details><summary>Hint 1</summary>
#
# The loss at token p is minus the log-probability that the model gave to `tokens[:, p]`. Average it over the batch at `late` and at `early`, and subtract.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `logits.log_softmax(dim=-1)`; what is said about token p stands at position p - 1.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `log_probs[rows, p - 1, tokens[:, p]]` with `rows = torch.arange(len(tokens))` has the axis `batch`.
#
# </details>


# %% exercise="06.4" points=3
def in_context_learning_score(
    logits: Float[Tensor, "batch pos d_vocab"],
    tokens: Int[Tensor, "batch pos"],
    early: int,
    late: int,
) -> Float[Tensor, ""]:
    """Return the mean loss at token `late` minus that at token `early`, in nats.

    The loss at token p is -ln of the probability that the model gave to `tokens[:, p]`.
    """
    ### BEGIN SOLUTION
    log_probs = logits.log_softmax(dim=-1)
    rows = torch.arange(len(tokens))
    at_late = -log_probs[rows, late - 1, tokens[:, late]].mean()
    at_early = -log_probs[rows, early - 1, tokens[:, early]].mean()
    return at_late - at_early
    ### END SOLUTION


# %% check="06.4"
check(in_context_learning_score)

# %% [markdown]
# On one token the score is noisy, so we average windows of 24 tokens, on new texts about families whose names come back.


# %%
def family_texts(model, n=32, length=96):
    documents = stream("chapter 06", kinds=["surnames"])
    rows = (model.to_tokens(document.text)[0] for document in documents)
    long = (row[:length] for row in rows if len(row) >= length)
    return torch.stack([next(long) for _ in range(n)])


# %%
families = family_texts(model)
family_loss = induction.loss_by_position(model, families)
score = induction.in_context_learning_score(family_loss, early=16, late=64, width=24)
print(f"in-context-learning score: {score:.2f} nats")
plots.show(plots.plot_loss_by_position(induction.compare_losses({"families": family_loss})))

# %% hidden="numbers-icl"
assert about(score, -0.39, 0.03) and about(family_loss[:, 16:40].mean(), 1.07, 0.03)
assert about(family_loss[:, 64:88].mean(), 0.68, 0.03)

# %% [markdown]
# The loss goes from 1.07 nats in the early window to 0.68 in the late one: a score of -0.39. Part of this is induction, as names come back; part is simply that late in the text fewer new things are introduced. The score does not tell the two apart. Section 9 comes back to this.

# %% [markdown]
# ## 6. What does the head move?
#
# Looking at the right token is not yet saying it. For that the head must copy: attending to a token must raise that token's own logit. This can be read from the weights without running anything. Follow a token $s$ that is attended to. It is embedded, read by $W_V$, written by $W_O$, and turned into logits by $W_U$:
#
# $$\text{full OV circuit} = W_E\, W_V\, W_O\, W_U$$
#
# This matrix has a row for each token attended to and a column for each token predicted: 3,072 × 3,072, nine million numbers, but only of rank $d_\text{head} = 32$. So we never multiply it out. A `FactoredMatrix` keeps the two thin factors and works with them.

# %% [markdown]
# ## Exercise 6.5 · Multiply out the OV circuit  ●○○ · 10 min · 2 points
#
# **Goal:** the full OV circuit of one head in two factors. **Why:** its diagonal says how much a token raises itself when it is looked at.
#
# <details><summary>Hint 1</summary>
#
# Follow one token: it is embedded, read by the head, written to the residual stream, and unembedded.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Four matrices in the order in which a row vector meets them, as two factors with the small axis d_head between them: `FactoredMatrix(left, right)`.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `left = W_E @ W_V` has axes `d_vocab d_head`, `right = W_O @ W_U` has `d_head d_vocab`.
#
# </details>


# %% exercise="06.5" points=2
def full_ov_circuit(
    W_E: Float[Tensor, "d_vocab d_model"],
    W_V: Float[Tensor, "d_model d_head"],
    W_O: Float[Tensor, "d_head d_model"],
    W_U: Float[Tensor, "d_model d_vocab"],
) -> FactoredMatrix:
    """Return W_E W_V W_O W_U of one head in two factors (logits).

    Rows are the tokens attended to, columns the tokens predicted.
    """
    ### BEGIN SOLUTION
    return FactoredMatrix(W_E @ W_V, W_O @ W_U)
    ### END SOLUTION


# %% check="06.5"
check(full_ov_circuit)

# %% [markdown]
# Between the matrices there are LayerNorms. `circuit_weights` folds their scales into the matrices beside them and leaves biases out, so what follows is exact up to one positive factor per token. Here is the corner of the circuit that belongs to some given names.

# %%
weights = induction.circuit_weights(model)
names = [" Mary", " John", " Alice", " Tom", " Anna", " Peter", " Emma", " David"]
ids = [model.tokenizer.encode(name, add_special_tokens=False)[0] for name in names]
ov = induction.full_ov_circuit(weights, best)
corner = induction.token_matrix(ov, ids, names, name="OV circuit of the best head")
plots.show(plots.plot_token_matrix(corner))

# %%
copiers = [(layer, head) for layer, head, _ in prefix.top(4)]
for name, heads in {"the best head": [best], "the best four together": copiers}.items():
    share = induction.copying_accuracy(induction.full_ov_circuit(weights, heads)).item()
    print(f"{name}: {share:.0%} of all tokens raise themselves most")

# %% hidden="numbers-ov"
alone = induction.copying_accuracy(induction.full_ov_circuit(weights, best))
assert about(alone, 0.51, 0.03) and about(share, 1.0, 0.005)
assert MODEL != "attn-2l" or corner.diagonal_wins().all()

# %% [markdown]
# The diagonal is blue: look at a name, and that name becomes likelier. In the whole vocabulary only 51 % of the tokens raise themselves more than any other. But the four heads add their outputs, and the *sum* of their circuits is right for nearly 100 %. With 32 dimensions one head cannot keep 3,072 tokens apart; four of them can. A head need not be a unit of meaning.
#
# A corner may mislead, so let us compress all nine million entries into one number. If $M v = \lambda v$ with positive $\lambda$, then a mixture $v$ of tokens raises itself; negative $\lambda$, it suppresses itself. Hence
#
# $$\text{copying score} = \frac{\sum_i \lambda_i}{\sum_i |\lambda_i|} \in [-1, 1]$$
#
# ([Elhage21], "Detecting copying behavior"). Only $d_\text{head}$ eigenvalues are not zero, and they are those of a tiny matrix: if $M = AB$, then $AB$ and $BA$ share them.

# %% [markdown]
# ## Exercise 6.6 · Score copying by eigenvalues  ●●○ · 15 min · 3 points
#
# **Goal:** the copying score of a circuit given as two factors. **Why:** it tells copying heads from all others in microseconds, for every head of a model.
#
# <details><summary>Hint 1</summary>
#
# Divide the sum of all eigenvalues by the sum of their magnitudes. Zeros add nothing, so the d_head eigenvalues that are not zero suffice.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `left @ right` and the small `right @ left` have the same non-zero eigenvalues: `torch.linalg.eigvals` of the small one.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# `right @ left` has axes `d_head d_head`; `eigenvalues.sum().real` over `eigenvalues.abs().sum()`.
#
# </details>


# %% exercise="06.6" points=3
def copying_score(
    left: Float[Tensor, "d_vocab d_head"], right: Float[Tensor, "d_head d_vocab"]
) -> Float[Tensor, ""]:
    """Return the sum of the eigenvalues of left @ right over the sum of their magnitudes.

    A real number from -1 to 1, although single eigenvalues may be complex.
    """
    ### BEGIN SOLUTION
    eigenvalues = torch.linalg.eigvals(right @ left)
    return eigenvalues.sum().real / eigenvalues.abs().sum()
    ### END SOLUTION


# %% check="06.6"
check(copying_score)

# %%
copying = induction.copying_scores(weights)
plots.show(plots.plot_head_scores(copying))

# %% hidden="numbers-copying"
highest = {place[:2] for place in copying.top(4)}
assert MODEL != "attn-2l" or highest == set(copiers)
assert about(copying.top(4)[3][2], 0.97, 0.01) and about(copying.values.flatten()[3], 0.87, 0.03)

# %% [markdown]
# The four prefix matchers have 0.97 or more, the highest of all: they look at the right place *and* say what they see. This deserves the name **induction head**. But copying alone is cheap. L0H3 has 0.87 and has never looked like induction. Keep it in mind.

# %% [markdown]
# ## 7. How does the head know where to look?
#
# Here is the puzzle. The token we want to look at is `B`, the one after the earlier `A`. But the second `A` searches for `A`, and `B` does not look like `A` at all. In layer 0 there is no solution: the key of a token is made from that token alone. In layer 1 there is. If a previous-token head has left at `B` the note "before me stood `A`", then a key made from this *note* matches the query `A`.
#
# $$\text{key of } B:\quad x_B W_K \;=\; \big(\underbrace{W_E[B]}_{\text{itself}} + \underbrace{W_E[A]\,W_V^{(0)}W_O^{(0)}}_{\text{the note}} + \ldots\big)\,W_K^{(1)}$$
#
# Two heads, one in each layer, work as one. This is **K-composition**: the second head reads the first one's output through its keys.

# %% [markdown]
# Does the second head read what the first one writes? Multiply the two and see how much survives:
#
# $$\text{K-composition} = \frac{\lVert W_{OV}^{(0)}\, W_K^{(1)} W_Q^{(1)\top} \rVert}{\lVert W_{OV}^{(0)} \rVert\;\lVert W_K^{(1)} W_Q^{(1)\top} \rVert}$$
#
# with Frobenius norms ([Elhage21], "Two-layer attention-only transformers"). Two heads that live in unrelated directions get a small number, but not 0: in 128 dimensions even random matrices overlap a little. So compare with random ones.

# %% [markdown]
# ## Exercise 6.7 · Score K-composition  ●●○ · 15 min · 3 points
#
# **Goal:** the K-composition of an earlier head (`W_V`, `W_O`) with a later one (`W_Q`, `W_K`). **Why:** it finds the partner of a head without any text.
#
# <details><summary>Hint 1</summary>
#
# Multiply what the earlier head does, W_OV, with what the later head reads through its keys, W_K W_Q^T; compare the norm of the product with the product of the norms.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `W_V @ W_O` and `W_K @ W_Q.T`; `.norm()` of a matrix is its Frobenius norm.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# Both products have axes `d_model d_model`; the result is one number.
#
# </details>


# %% exercise="06.7" points=3
def composition_score(
    W_V: Float[Tensor, "d_model d_head"],
    W_O: Float[Tensor, "d_head d_model"],
    W_Q: Float[Tensor, "d_model d_head"],
    W_K: Float[Tensor, "d_model d_head"],
) -> Float[Tensor, ""]:
    """Return |W_OV W_K W_Q^T| / (|W_OV| |W_K W_Q^T|), Frobenius norms.

    W_V and W_O are the earlier head's, W_Q and W_K the later head's; W_OV = W_V W_O.
    """
    ### BEGIN SOLUTION
    W_OV, W_KQ = W_V @ W_O, W_K @ W_Q.T
    return (W_OV @ W_KQ).norm() / (W_OV.norm() * W_KQ.norm())
    ### END SOLUTION


# %% check="06.7"
check(composition_score)

# %% [markdown]
# **Predict first.** Which earlier head will compose most with the best induction head? You have seen its previous-token score.

# %%
my_guess = {"the head that feeds it": None}

# %%
pairs = induction.composition_scores(weights, "K")
plots.show(plots.plot_head_pairs(pairs))

# %% hidden="numbers-composition"
into_best = pairs.values[0, :, best[0], best[1]] if best[0] else torch.zeros(8)
assert about(pairs.baseline, 0.088, 0.004) and about(pairs.top()[0][4], 0.19, 0.01)
assert about(into_best[:2].min(), 0.157, 0.005) and about(into_best[3:6].max(), 0.067, 0.005)
assert MODEL != "attn-2l" or pairs.top()[0][:4] == (0, 7, 1, 2)

# %% [markdown]
# Read the columns of L1H4 to L1H7 upwards. L0H0 and L0H1 write where they read: 0.16 for the best head, twice the 0.09 of chance, while L0H3 to L0H5 stay below 0.07. So the partner is found. But if you predicted that the *strongest* pair would be ours, you were wrong: it is L0H7 with L1H2, 0.19, a pair without any role in this story. A large norm says that a channel is open, not that anything of interest goes through it.
#
# So what goes through ours? The **QK circuit** says what. With the embeddings at both ends, $W_E W_Q W_K^\top W_E^\top$, it answers "how much does token $t$ want to look at token $s$?". For the induction head this is the wrong question, since it does not look for tokens but for notes. So put the note in: replace the embedding at the key's end by what the previous-token head writes, $W_E W_{OV}^{(0)}$. If the story is true, every token now wants to look at notes about itself, and the diagonal lights up.


# %%
def written(heads):  # what heads write when they look at each token of the vocabulary
    return sum(weights.W_E @ weights.W_V[head] @ weights.W_O[head] for head in heads)


feeders = [(layer, head) for layer, head, _ in previous.top(2)]
queries, notes = weights.W_E @ weights.W_Q[best], written(feeders) @ weights.W_K[best]

# %%
through_notes = FactoredMatrix(queries, notes.T)
circuits = {"token": induction.full_qk_circuit(weights, best), "note": through_notes}
for name, circuit in circuits.items():
    share = induction.copying_accuracy(circuit).item()
    print(f"{share:.0%} of all tokens look most for their own {name}")

# %%
from dataclasses import replace

corner = induction.token_matrix(through_notes, ids, names, name="QK circuit through the notes")
corner = replace(corner, row_axis="token that looks", column_axis="token noted")
title = "QK circuit through the notes: how much a token looks for each note"
plots.show(plots.plot_token_matrix(corner, title=title))

# %% hidden="numbers-qk"
through = induction.copying_accuracy(through_notes)
assert about(through, 0.48, 0.03)
assert MODEL != "attn-2l" or corner.diagonal_wins().all()
assert about(induction.copying_accuracy(circuits["token"]), 0.0, 0.005)

# %% [markdown]
# Not one token in a hundred looks for itself directly, but 48 % look most for the notes about themselves, out of 3,072 candidates each. From weights alone, without a single text, we have read "I look for the token before which I stood". (48 and not 100: something is still missing in the queries. It turns up in section 9.)

# %% [markdown]
# ## 8. Switch it off
#
# All of this was reading: attention, weights, norms. It says that the circuit *could* do the job. To know whether it *does*, take a part away and see what breaks. We replace a head's output by its mean over all texts and positions: the head goes on saying something ordinary, but nothing about this text. (Replacing it by zero is cruder: zero may be a value that the rest of the model has never met.)

# %% [markdown]
# ## Exercise 6.8 · Silence a head  ●●● · 20 min · 4 points
#
# **Goal:** the logits of a model in which one head's `z` is replaced by its mean. **Why:** every causal claim of this course is made by some version of this function.
#
# <details><summary>Hint 1</summary>
#
# Run once to record the head's z and average it over texts and positions; run again with a hook that puts this mean in place of the head's z.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `model.run_with_cache(tokens, names_filter=name)` for the first run and `model.run_with_hooks(tokens, fwd_hooks=[(name, function)])` for the second; the function gets `(z, hook)` and returns z.
#
# </details>
#
# <details><summary>Hint 3</summary>
#
# z has axes `batch pos head_index d_head`: `z[:, :, head]`, averaged over `dim=(0, 1)`.
#
# </details>


# %% exercise="06.8" points=4
def ablate_head(
    model, tokens: Int[Tensor, "batch pos"], layer: int, head: int
) -> Float[Tensor, "batch pos d_vocab"]:
    """Return the logits with the head's z replaced by its mean over batch and positions.

    z is at `blocks.{layer}.attn.hook_z`, [batch pos head_index d_head].
    """
    ### BEGIN SOLUTION
    name = f"blocks.{layer}.attn.hook_z"
    _, cache = model.run_with_cache(tokens, names_filter=name)
    mean = cache[name][:, :, head].mean(dim=(0, 1))

    def put_mean(z, hook):
        z[:, :, head] = mean
        return z

    return model.run_with_hooks(tokens, fwd_hooks=[(name, put_mean)])
    ### END SOLUTION


# %% check="06.8"
check(ablate_head)

# %% [markdown]
# **Predict first.** Four curves: the whole model; the model without its best previous-token head; without the best two; and, as a control, without two other heads of the same layer. Where does each run on the second copy?


# %%
def loss_without(heads):
    edits = head_replacements(model, tokens, heads, "mean")
    return induction.loss_by_position(model, tokens, edits=edits)


control = [(feeder[0], model.cfg.n_heads - 1 - i) for i in range(2)]

# %%
losses = {
    "whole model": loss,
    "without one": loss_without(feeders[:1]),
    "without both": loss_without(feeders),
    "control": loss_without(control),
}
curves = induction.compare_losses(losses, repeat_at=LENGTH + 1)
plots.show(plots.plot_loss_by_position(curves))

# %%
edits = head_replacements(model, tokens, feeders, "mean")
after = induction.prefix_matching_scores(model, tokens, edits=edits)
print(f"prefix matching of the best head: {prefix.values[best]:.2f} -> {after.values[best]:.2f}")

# %% hidden="numbers-ablation"
ends = {name: values[:, LENGTH + 1 :].mean() for name, values in losses.items()}
assert about(ends["without one"], 0.76, 0.05) and about(ends["without both"], 9.0, 0.15)
assert about(ends["control"], 0.13, 0.1)
assert about(prefix.values[best], 0.85, 0.02) and about(after.values[best], 0.02, 0.01)

# %% [markdown]
# Without both previous-token heads the second copy costs 9.0 nats, as if nothing had been repeated, and the prefix-matching score of the best head goes from 0.85 to 0.02, although we never touched that head. The control costs next to nothing. So the circuit runs as the weights said: the second layer sees only what the first one noted.
#
# And without *one* of the two? 0.76 nats, and the cliff still stands. Had we tested only L0H0, we might have written "the previous-token head hardly matters".
#
# Do it for all pairs at once: remove each early head in turn and see which later head stops matching prefixes.

# %%
influence = induction.ablation_influence(model, tokens[:8])
plots.show(plots.plot_head_pairs(influence))

# %% hidden="numbers-influence"
assert MODEL != "attn-2l" or influence.top()[0][:2] == (0, 3)

# %% [markdown]
# ## 9. Where the method fails
#
# Look at the strongest entry of the last figure. It is not in the rows of the previous-token heads. And more is wrong.
#
# High score, therefore important? Remove every head, one at a time, and plot what the second copy costs without it against the score. If scores told importance, the points would lie on a rising line. **Predict first:** what does L1H5 cost, with the highest score of all?

# %%
effects = induction.ablation_effects(model, tokens[:8], positions=slice(LENGTH + 1, None))
plots.show(plots.plot_effect_against_score(prefix, effects))

# %%
several = {"best": copiers[:1], "best two": copiers[:2], "best four": copiers}
for name, heads in several.items():
    second_copy = loss_without(heads)[:, LENGTH + 1 :].mean().item()
    print(f"without the {name}: {second_copy:.2f} nats on the second copy")

# %% hidden="numbers-effects"
costs = [loss_without(heads)[:, LENGTH + 1 :].mean() for heads in several.values()]
assert about(costs[0], 0.32, 0.05) and about(costs[1], 1.21, 0.15) and about(costs[2], 8.35, 0.15)

# %% [markdown]
# **A head that scores high and does nothing.** L1H5 has a prefix-matching score of 0.85 and a copying score of 0.97. Remove it, and the second copy costs 0.32 nats in place of 0.07: of a cliff of 8.3 nats 97 % stand. On family texts it is the same (next cell): the in-context-learning score does not even get worse. By ablation alone you would call L1H5 idle. Remove two and it is 1.21; remove all four and it is 8.35: nothing is left. The others back it up, because they all say the same thing at the same time. *An ablation measures what is lost, not what is done.*

# %%
for name, heads in {"none": [], "the best": [best], "all four": copiers}.items():
    edits = head_replacements(model, families, heads, "mean")
    values = induction.loss_by_position(model, families, edits=edits)
    score = induction.in_context_learning_score(values, early=16, late=64, width=24)
    print(f"without {name}: in-context-learning score {score:.2f} nats")

# %% hidden="numbers-families"
assert about(score, 0.08, 0.04)
edits = head_replacements(model, families, [best], "mean")
values = induction.loss_by_position(model, families, edits=edits)
score = induction.in_context_learning_score(values, early=16, late=64, width=24)
assert about(score, -0.41, 0.03)

# %% [markdown]
# Without all four the score on family texts is 0.08, no learning at all. So the answer to section 5 is: here, reading helps *by induction*.
#
# **A head that scores nothing and carries everything.** The highest point of the figure has a score of 0. Its name and what it looks at:

# %%
missed = effects.top()[0][:2]
patterns = induction.attention_patterns(model, tokens[:8])[missed[0], :, missed[1]]
to_itself = patterns.diagonal(dim1=-2, dim2=-1).mean().item()
looks = prefix.values[missed], previous.values[missed]
print(f"L{missed[0]}H{missed[1]} looks at the token itself: {to_itself:.2f}")
print(f"prefix matching {looks[0]:.2f}, previous token {looks[1]:.2f}")

# %%
asked = FactoredMatrix(written([missed]) @ weights.W_Q[best], notes.T)
share = induction.copying_accuracy(asked).item()
print(f"asked through this head, {share:.0%} of all tokens look most for their own note")

# %% hidden="numbers-missed"
assert MODEL != "attn-2l" or missed == (0, 3)
assert about(to_itself, 0.96, 0.02) and about(share, 0.85, 0.03)
assert about(prefix.values[0, 3], 0.0, 0.01) and about(previous.values[0, 3], 0.03, 0.02)
assert about(loss_without([missed])[:, LENGTH + 1 :].mean(), 7.21, 0.2)

# %% [markdown]
# L0H3 attends to the token itself (0.96) and writes it down once more in other directions. Those are the directions from which the induction heads make their *queries*: asked through L0H3, 85 % of the tokens look most for their own note, against 48 % when asked with the bare embedding. Without it the second copy costs 7.2 nats. The circuit of the textbooks has two parts, and this model built three: a head that notes the token before (read through keys, K-composition), a head that restates the token itself (read through queries, Q-composition), and the heads that compare the two.
#
# Nobody told us to look for the third, so no score of ours could find it. A score finds what it defines. Ablating *everything* and sorting found it in a second.

# %% [markdown]
# ## 10. The moment it appears
#
# The checkpoints of a training run show when the circuit came to be. During its first 500 steps the model read nothing but repeated random tokens from 512 ids, a short cut that makes the circuit appear early; then came text as well. So the rows below use these 512 ids. We measure the same three numbers on each checkpoint: how far the loss falls on the second copy, the best prefix-matching score, and the in-context-learning score on family texts. For comparison, a model with the same recipe, the same data and *one* layer.
#
# These runs belong to the two embedded models, whatever `MODEL` is.
#
# **Predict first.** A smooth slope or a step? And what will one layer do?

# %%
if MODEL not in zoo.names():
    print(f"{MODEL} comes without checkpoints: below are attn-2l and attn-1l")
points = checkpoints("attn-2l")
print("steps:", [point.step for point in points])


# %%
def stages(name):
    for point in checkpoints(name):
        yield point.step, point.tokens, load(name, checkpoint=point)


# %%
small = load("attn-2l")
rows = induction.repeated_tokens(8, 40, 512, seed=6, bos=0)
texts = family_texts(small, n=16)
changes = [
    induction.phase_change(name, stages(name), rows, texts, early=16, late=64, width=24)
    for name in ("attn-2l", "attn-1l")
]
plots.show(plots.plot_phase_change(*changes))

# %% hidden="numbers-phase"
two, one = changes
at = {int(step): i for i, step in enumerate(two.steps)}
best_by_step = two.best_heads()
assert abs(two.repeat_drop[at[200]] - 0.8) < 0.2 and abs(two.repeat_drop[at[325]] - 7.2) < 0.3
assert best_by_step[at[250]] < 0.15 and best_by_step[at[325]] > 0.75
assert two.jump()[0] == 300 and one.repeat_drop.max() < 1 and one.best_heads().max() < 0.05
assert two.previous_token[at[200]].max() > 0.2 and two.previous_token[at[325]].max() > 0.5

# %% [markdown]
# A step. With two layers the loss drop is 0.8 nats at step 200 and 7.2 at step 325; in the same hundred steps the best prefix-matching score goes from below 0.15 to above 0.75. Before and after, far less happens. This is the **phase change** of [Olsson22]: two heads are useless without each other, so for long neither is learned, and once one of them is half there, the gradient pulls up the other.
#
# With one layer nothing of the kind happens. The drop never reaches 1 nat, and no head ever matches prefixes (below 0.05 throughout), however long it trains: a single layer has no notes to look for. At best it can raise all tokens that the row has shown already, without knowing their order.
#
# The third panel is a warning. The in-context-learning score moves while the models have never seen text. And at the end both have the *same* score, although one of them has no induction head at all. How can that be?

# %%
levels = {}
for name in ("attn-2l", "attn-1l"):
    values = induction.loss_by_position(load(name), texts)
    levels[name] = values[:, 16:40].mean().item(), values[:, 64:88].mean().item()
    print(f"{name}: {levels[name][0]:.2f} nats early, {levels[name][1]:.2f} nats late")

# %% hidden="numbers-levels"
quoted = {"attn-2l": (1.03, 0.69), "attn-1l": (1.49, 1.12)}
for name, pair in quoted.items():
    assert max(abs(a - b) for a, b in zip(levels[name], pair, strict=True)) < 0.03
assert abs(two.in_context[-1] + 0.35) < 0.03 and abs(one.in_context[-1] + 0.37) < 0.03

# %% [markdown]
# A difference hides the level. With two layers the loss goes from 1.03 to 0.69 nats (score -0.35), with one from 1.49 to 1.12 (-0.37). The names come back so soon that induction already helps in the *early* window, and the difference of the two windows does not see it. [Olsson22] compare places 450 tokens apart in long texts, where this matters less; in short ones, look at the curves as well. Section 9 was safer, because there only the heads changed.

# %% [markdown]
# ## 11. Browse for yourself
#
# Choose a layer, move the slider through the heads, type a text. Can you find a head whose job this chapter has not named? Then try the name `Ixthepquet`, whose pieces the model hardly met in text, and see where the induction heads go astray.

# %%
widgets.HeadBrowser(model, TEXT, head=best)

# %% [markdown]
# ## Open question 6.A · The induction head of a larger model · 6 points
#
# You are given a model of twelve layers and a head, L7H3, with a prefix-matching score of 0.6. A colleague writes: "L7H3 is the induction head of this model." Which three measurements would you make before you agree, what would each show if the sentence were true, and which result would change your mind? Write half a page. There is no check; your teacher has a rubric.

# %% [markdown] open="06.A"
# *Write your answer here, in place of this line.*

# %% [markdown] hidden="rubric"
# **Rubric, 6 points** (the order does not matter)
#
# - 1 point: a score on *random* repeated tokens, with a model-free chance level beside it. A score on prose may come from grammar.
# - 1 point: copying, by eigenvalues or rows of the OV circuit. Looking is not saying.
# - 1 point: an ablation with an effect on the *loss on the second copy*, and a control head of the same layer.
# - 1 point: says "an", not "the": other heads must be scored as well, and the group ablated together, before one head is called responsible.
# - 1 point: a mechanism: which earlier head feeds it, by K-composition or by ablating the earlier head. A head may also match prefixes through positions or through Q-composition.
# - 1 point: for each measurement a result that would change the mind, with a number or a comparison, not "if it were low".
#
# A claim about all texts from random tokens alone costs the first point. A good answer notes that 0.6 was the highest of many heads, so that some of it is luck of the draw, and asks for fresh rows.

# %% [markdown]
# ## Stretch (no hints)
#
# Induction by meaning. Our heads match *tokens*: `A … A`. Build a text of word pairs in which the second copy does not repeat the first but stands for it (for example given names first with, then without, a leading space, or capitalised and not), and measure whether any head's attention still lands after the right word. Plan a control that would show you that you are fooling yourself.

# %% [markdown] hidden="stretch"
# **One way to do it.** Take words whose token exists in two spellings, ` the` and ` The`. The first copy has one spelling, the second the other. An induction head by meaning would go from ` The` to what followed ` the`. The control has the same words with the second copy in another order, so that every place, distance and spelling is as before and only the correspondence is gone. What counts is the difference between the two, head by head. If there is none, the attention was due to place or to capitals as such.

# %% hidden="stretch-code"
vocabulary = model.tokenizer.get_vocab()
lower = [word for word in sorted(vocabulary) if word[:1] == "Ġ" and word[1:].islower()]
twins = [(word, "Ġ" + word[1:].capitalize()) for word in lower]
spelled = torch.tensor([[vocabulary[a], vocabulary[b]] for a, b in twins if b in vocabulary])
generator = torch.Generator().manual_seed(0)
drawn = torch.rand(24, len(spelled), generator=generator).argsort(dim=1)[:, :12]
start = torch.full((24, 1), bos)
found = {}
for name, second in {"same order": drawn, "control": drawn.roll(5, dims=1)}.items():
    rows = torch.cat([start, spelled[drawn, 0], spelled[second, 1]], dim=1)
    patterns = induction.attention_patterns(model, rows)
    after = patterns.diagonal(offset=-11, dim1=-2, dim2=-1)[..., 2:]
    found[name] = after.mean(dim=(1, 3))
gain = found["same order"] - found["control"]
layer, head = divmod(int(gain.argmax()), gain.shape[1])
real, chance = (found[name][layer, head].item() for name in found)
print(f"L{layer}H{head}: {real:.2f} in the same order, {chance:.2f} in the control")

# %% [markdown]
# ## What you have found
#
# 1. On a text that repeats, the model predicts the second copy from the first. The input alone teaches it; no weight changes.
# 2. Heads of two layers do it together: one notes "before me stood A" at every token, the next looks for this note and copies the token that carries it.
# 3. Attention says where, the OV circuit what, composition who feeds whom; ablation says what is missed, which is less than what is done when others back it up.
#
# | term | meaning |
# |---|---|
# | QK circuit | $W_Q W_K^\top$: decides where a head looks |
# | OV circuit | $W_V W_O$: decides what it moves from there |
# | full circuit | the same with $W_E$ and $W_U$ at the ends: tokens against tokens |
# | previous-token head | looks at the token before, whatever it is |
# | prefix matching | attention to the tokens that followed earlier copies of the current token |
# | copying score | sum of the OV circuit's eigenvalues over the sum of their magnitudes |
# | K-composition | a later head's keys are made from an earlier head's output |
# | in-context-learning score | loss late in a text minus loss early in it, nats |
# | mean ablation | a head's output replaced by its average: its information is gone, its presence is not |
# | phase change | a short stretch of training in which a circuit appears and the loss bends |
#
# **What this does not show.** The model is tiny and has no MLPs; it read nothing but repeated random tokens for its first 500 steps and met them in a quarter of its rows afterwards, which no natural corpus does; and half of its heads were started with a mild liking for near tokens. All this makes the circuit appear in minutes. It does not show that it appears so in nature. That two things appear at the same step does not prove that one causes the other; [Olsson22] argue it from six sides and call the evidence for large models correlational. Our circuits leave out biases and the rotation by distance, and a LayerNorm scale for each token. And "induction head" names a behaviour on one kind of input: the same head may do other work elsewhere.
#
# **Further reading.** [Elhage21] *A Mathematical Framework for Transformer Circuits*, from "Two-layer attention-only transformers" on. [Olsson22] *In-context Learning and Induction Heads*, arguments 1 to 3 and the appendix with the definitions. Wang et al. (2022), *Interpretability in the Wild*, where induction heads turn up as parts of a larger circuit. Singh et al. (2024), *What needs to go right for an induction head?*, on why it forms in a jump.
#
# **Next.** Here a head was either on or off. But a model that tells who gave what to whom uses dozens of heads, each of which carries something else. How do you find out *which information* flows along *which* path? Chapter 07 swaps single activations between two runs that differ in one word.
