"""The trigram baseline: what two tokens of context tell, estimated as well as counting can.

Interpolated Kneser-Ney smoothing with modified discounts: a trigram's count gives up a discount
that is spread by how many different contexts the token follows,
`p(c | a, b) = max(n(abc) - D, 0) / n(ab) + leftover(ab) * p(c | b)`, and p(c | b) likewise from
contexts. Source: Chen and Goodman 1999, section 3. In goes a stream of token ids; out come
log-probabilities in nats.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Level:
    """One order of the model: discounted counts of the n-grams, looked up by key.

    Attributes:
        grams: sorted keys of the n-grams, `context * d_vocab + token`.
        share: probability mass of each n-gram after discounting.
        contexts: sorted keys of the contexts.
        leftover: mass that each context hands to the lower order.
    """

    grams: np.ndarray
    share: np.ndarray
    contexts: np.ndarray
    leftover: np.ndarray

    def mix(self, context: np.ndarray, grams: np.ndarray, lower: np.ndarray) -> np.ndarray:
        """Return each n-gram's probability, given the lower order's of its token."""
        share = _look_up(self.grams, self.share, grams, 0.0)
        return share + _look_up(self.contexts, self.leftover, context, 1.0) * lower


@dataclass(frozen=True)
class Trigram:
    """A smoothed trigram model; call it on a row of tokens.

    Attributes:
        d_vocab: number of token ids.
        levels: trigrams, then bigrams.
        unigram: probability of each token id [d_vocab].
    """

    d_vocab: int
    levels: tuple[Level, Level]
    unigram: np.ndarray

    def log_probs(self, tokens: np.ndarray) -> np.ndarray:
        """Return ln p(tokens[i] | tokens[i-2], tokens[i-1]) for i >= 2, in nats [pos - 2]."""
        a, b, c = (tokens[k : len(tokens) - 2 + k].astype(np.int64) for k in range(3))
        return np.log(self._probability(a, b, c))

    def distribution(self, a: int, b: int) -> np.ndarray:
        """Return the probability of every token after the tokens `a` and `b` [d_vocab]."""
        c = np.arange(self.d_vocab)
        return self._probability(np.full_like(c, a), np.full_like(c, b), c)

    def _probability(self, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        size = self.d_vocab
        low = self.levels[1].mix(b, b * size + c, self.unigram[c])
        return self.levels[0].mix(a * size + b, (a * size + b) * size + c, low)


def fit_trigram(tokens: np.ndarray, d_vocab: int, *, check: int = 100_000) -> Trigram:
    """Return the trigram model whose discounts predict the last `check` tokens best.

    The candidates are the modified Kneser-Ney discounts and three constant ones; the best is then
    fitted to all tokens.

    Args:
        tokens: a stream of token ids [pos].
        d_vocab: number of token ids.
        check: tokens kept to choose the discounts; at most a fifth of the stream is taken.

    Returns:
        The model.

    Raises:
        ValueError: the stream has fewer than 10 tokens.
    """
    tokens = np.asarray(tokens, dtype=np.int64)
    if len(tokens) < 10:
        raise ValueError(f"expected at least 10 tokens, got {len(tokens)}, try a longer stream")
    check = min(check, len(tokens) // 5)
    head, tail = tokens[:-check], tokens[-check - 2 :]
    counts = np.unique(_keys(head, d_vocab), return_counts=True)
    scores = {
        discount: _build(*counts, d_vocab, discount).log_probs(tail).mean()
        for discount in (None, 0.5, 0.75, 0.9)
    }
    best = max(scores, key=lambda d: scores[d])
    return _build(*np.unique(_keys(tokens, d_vocab), return_counts=True), d_vocab, best)


def _keys(tokens: np.ndarray, d_vocab: int) -> np.ndarray:
    return (tokens[:-2] * d_vocab + tokens[1:-1]) * d_vocab + tokens[2:]


def _build(keys: np.ndarray, counts: np.ndarray, d_vocab: int, discount: float | None) -> Trigram:
    # The lower orders count in how many different contexts a gram stands, not how often.
    pairs, pair_counts = np.unique(keys % d_vocab**2, return_counts=True)
    singles, single_counts = np.unique(pairs % d_vocab, return_counts=True)
    unigram = np.ones(d_vocab)  # one for each token, so that no token is impossible
    unigram[singles] += single_counts
    levels = (
        _level(keys, counts, d_vocab, discount),
        _level(pairs, pair_counts, d_vocab, discount),
    )
    return Trigram(d_vocab, levels, unigram / unigram.sum())


def _level(keys: np.ndarray, counts: np.ndarray, d_vocab: int, discount: float | None) -> Level:
    discounts = _modified_discounts(counts) if discount is None else np.full(3, discount)
    taken = np.minimum(discounts[np.minimum(counts, 3) - 1], counts)
    contexts, index = np.unique(keys // d_vocab, return_inverse=True)
    total = np.bincount(index, weights=counts)
    leftover = np.bincount(index, weights=taken) / total
    return Level(keys, (counts - taken) / total[index], contexts, leftover)


def _modified_discounts(counts: np.ndarray) -> np.ndarray:
    """Return the discounts of counts 1, 2 and 3 or more (Chen and Goodman 1999, equation 17)."""
    n = np.maximum(np.bincount(np.minimum(counts, 5), minlength=5)[1:5], 1)
    y = n[0] / (n[0] + 2 * n[1])
    return np.clip([k - (k + 1) * y * n[k] / n[k - 1] for k in (1, 2, 3)], 0.05, (0.95, 1.9, 2.9))


def _look_up(
    keys: np.ndarray, values: np.ndarray, wanted: np.ndarray, default: float
) -> np.ndarray:
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], default)
