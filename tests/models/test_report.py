"""The report: metrics of models that are always right, never right, or know nothing."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from mi_course.models import report_circuits, report_induction, report_skills, scoring
from mi_course.models.ngram import fit_trigram
from mi_course.models.report import losses, rounded
from mi_course.models.report_circuits import circuit_metrics
from mi_course.models.report_contexts import (
    bracket_accuracy,
    kind_accuracy,
    language_accuracy,
)
from mi_course.models.report_induction import induction_metrics
from mi_course.models.tokenizer import load_tokenizer
from mi_course.models.zoo import TINY_VOCABULARY, tiny
from mi_course.worlds import tasks
from mi_course.worlds.tasks import PromptPair, Task

TOKENIZER = load_tokenizer()
SIZE = len(TOKENIZER)


def uniform(tokens):
    """Know nothing: every next token has the same logit."""
    return torch.zeros(*tokens.shape, SIZE)


def oracle(rows):
    """Return a model that knows the given rows: it predicts what came after the same beginning."""
    after = {tuple(row[:i]): row[i] for row in rows for i in range(1, len(row))}

    def model(tokens):
        logits = torch.zeros(*tokens.shape, SIZE)
        for i, row in enumerate(tokens.tolist()):
            for j in range(len(row)):
                if (known := after.get(tuple(row[: j + 1]))) is not None:
                    logits[i, j, known] = 50.0
        return logits

    return model


def told(task, side):
    """Return a model that gives the answers of one side of a task all probability, evenly."""
    answers = {pair.clean_tokens: getattr(pair, side) for pair in task.pairs}

    def model(tokens):
        logits = torch.zeros(*tokens.shape, SIZE)
        for i, row in enumerate(tokens.tolist()):
            for j in range(len(row)):
                if (known := answers.get(tuple(row[: j + 1]))) is not None:
                    logits[i, j, list(known)] = 50.0
        return logits

    return model


def copier(tokens):
    """Predict what came after the last occurrence of the longest context, as induction would."""
    logits = torch.zeros(*tokens.shape, SIZE)
    for i, row in enumerate(tokens.tolist()):
        for j in range(1, len(row)):
            ends = [k for k in range(j) if row[k] == row[j]]
            if ends:
                best = max(ends, key=lambda k: (_agreement(row, k, j), k))
                logits[i, j, row[best + 1]] = 50.0
    return logits


def _agreement(row, k, j):
    length = 0
    while length < k and row[k - length] == row[j - length]:
        length += 1
    return length


class TestTrigram:
    def test_probabilities_are_those_of_interpolated_kneser_ney_by_hand(self):
        # The stream 0 1 2 0 1 2 0 1 3 ..., with the discount 0.75 wherever it is drawn.
        stream = np.array([0, 1, 2, 0, 1, 2, 0, 1, 3, 0, 1, 2])
        from mi_course.models import ngram

        keys, counts = np.unique(ngram._keys(stream, 4), return_counts=True)
        model = ngram._build(keys, counts, 4, 0.75)
        # After (0, 1): 2 three times, 3 once. After 1 in how many contexts: 2 once, 3 once.
        # Unigrams by number of different words before: 0 has 2 and 3 -> 2; 1 -> 1; 2 -> 1; 3 -> 1;
        # plus one for each of four tokens: 3/9, 2/9, 2/9, 2/9.
        low = (1 - 0.75) / 2 + (2 * 0.75 / 2) * (2 / 9)
        expected = (3 - 0.75) / 4 + (2 * 0.75 / 4) * low
        assert model.distribution(0, 1)[2] == pytest.approx(expected)
        assert model.log_probs(np.array([0, 1, 2]))[0] == pytest.approx(math.log(expected))

    def test_distributions_sum_to_one_for_seen_and_unseen_contexts(self):
        stream = np.random.default_rng(0).zipf(1.5, 5000) % 20
        model = fit_trigram(stream, 20)
        for a, b in ((0, 1), (1, 1), (19, 13), (7, 7)):
            assert model.distribution(a, b).sum() == pytest.approx(1)
            assert model.distribution(a, b).min() > 0

    def test_loss_approaches_the_entropy_of_a_planted_trigram_source(self):
        rng = np.random.default_rng(1)
        table = rng.dirichlet(np.full(8, 0.3), size=(8, 8))
        stream = [0, 1]
        uniforms = rng.random(60_000)
        cumulative = table.cumsum(-1)
        for u in uniforms:
            stream.append(min(int(np.searchsorted(cumulative[stream[-2], stream[-1]], u)), 7))
        train, fresh = np.array(stream[:50_000]), np.array(stream[50_000:])
        truth = -np.log(table[fresh[:-2], fresh[1:-1], fresh[2:]]).mean()
        loss = -fit_trigram(train, 8).log_probs(fresh).mean()
        assert truth - 0.001 < loss < truth + 0.02  # 512 parameters from 50,000 tokens

    def test_smoothing_beats_add_one_counts_on_sparse_text(self):
        rng = np.random.default_rng(2)
        stream = rng.zipf(1.3, 30_000) % 500
        train, fresh = stream[:25_000], stream[25_000:]
        grams = Counter(zip(train, train[1:], train[2:], strict=False))
        pairs = Counter(pairwise(train))
        add_one = [
            (grams[tuple(fresh[i : i + 3])] + 1) / (pairs[tuple(fresh[i : i + 2])] + 500)
            for i in range(len(fresh) - 2)
        ]
        assert -fit_trigram(train, 500).log_probs(fresh).mean() < -np.log(add_one).mean() - 0.3

    def test_a_stream_of_three_tokens_is_refused(self):
        with pytest.raises(ValueError, match="at least 10 tokens"):
            fit_trigram(np.array([0, 1, 2]), 3)


class TestScoring:
    def test_rows_of_different_lengths_get_what_they_would_get_alone(self):
        model = tiny(n_layers=2)
        rows = [[1, 2, 3], [4, 5, 6, 7, 8, 9], [3], [9, 8, 7, 6]]
        together = scoring.last_log_probs(model, rows)
        best = scoring.argmax_tokens(model, rows)
        masses = scoring.probability_masses(model, rows, torch.ones(TINY_VOCABULARY, 1))
        scored = scoring.token_log_probs(model, rows)
        for i, row in enumerate(rows):
            with torch.no_grad():
                alone = model(torch.tensor([row]))[0].log_softmax(-1)
            # float32 sums in another order
            torch.testing.assert_close(together[i], alone[-1], atol=1e-5, rtol=0)
            assert best[i].tolist() == alone.argmax(-1).tolist()
            expected = [alone[k, token].item() for k, token in enumerate(row[1:])]
            torch.testing.assert_close(scored[i], torch.tensor(expected), atol=1e-5, rtol=0)
            torch.testing.assert_close(masses[i], torch.ones(len(row), 1))

    def test_long_lists_are_cut_into_batches_and_come_back_in_order(self, monkeypatch):
        monkeypatch.setattr(scoring, "BATCH_TOKENS", 8)
        model = tiny(n_layers=1)
        rows = [[i % 40, 1, 2][: 1 + i % 3] for i in range(30)]
        sizes = [len(numbers) for numbers, _ in scoring.padded_batches(rows, torch.device("cpu"))]
        assert len(sizes) > 5
        monkeypatch.setattr(scoring, "BATCH_TOKENS", 10_000)
        whole = scoring.last_log_probs(model, rows)
        monkeypatch.setattr(scoring, "BATCH_TOKENS", 8)
        torch.testing.assert_close(scoring.last_log_probs(model, rows), whole)


class TestSkills:
    @pytest.mark.parametrize("name", ["ioi", "docstring", "facts"])
    def test_accuracy_is_one_when_always_right_and_zero_when_always_wrong(self, name):
        task = tasks.BUILDERS[name](TOKENIZER, 20, 0)
        assert report_skills.top_accuracy(told(task, "answers"), task) == 1
        assert report_skills.top_accuracy(told(task, "wrongs"), task) == 0
        assert report_skills.top_accuracy(uniform, task) == 0
        assert report_skills.preference(told(task, "answers"), task) == 1
        assert report_skills.preference(told(task, "wrongs"), task) == 0

    def test_logit_difference_is_that_of_the_logits(self):
        task = tasks.ioi(TOKENIZER, 10, 0)
        right = report_skills.logit_diffs(told(task, "answers"), task)
        torch.testing.assert_close(right, torch.full((10,), 50.0))
        torch.testing.assert_close(report_skills.logit_diffs(uniform, task), torch.zeros(10))

    def test_greater_than_is_one_minus_one_or_the_share_of_endings(self):
        task = tasks.greater_than(TOKENIZER, 20, 0)
        right = report_skills.probability_difference(told(task, "answers"), task)
        wrong = report_skills.probability_difference(told(task, "wrongs"), task)
        assert right == pytest.approx(1, abs=1e-4)
        assert wrong == pytest.approx(-1, abs=1e-4)
        share = np.mean([len(p.answers) - len(p.wrongs) for p in task.pairs]) / SIZE
        assert report_skills.probability_difference(uniform, task) == pytest.approx(share)

    def test_surnames_are_completed_by_copying_and_not_by_guessing(self):
        rows = tasks.recurring_surnames(TOKENIZER, 12, 0)
        assert report_skills.surname_accuracy(oracle([row for row, _ in rows]), rows) == 1
        assert report_skills.surname_accuracy(uniform, rows) == 0

    def test_repeated_tokens_are_free_to_a_copier_and_as_dear_to_the_rest(self):
        drop = report_skills.repeat_loss_drop(copier, TOKENIZER, seed=0, n=2, length=24)
        # All but the first of 24 tokens of the copy cost nothing instead of ln(d_vocab) or more.
        assert drop > 0.9 * math.log(SIZE)
        flat = report_skills.repeat_loss_drop(uniform, TOKENIZER, seed=0, n=2, length=24)
        assert flat == pytest.approx(0, abs=1e-5)

    def test_context_helps_a_copier_late_in_a_document_and_a_uniform_model_never(self):
        flat = report_skills.in_context_learning_score(uniform, TOKENIZER, seed=0, n=2)
        assert flat == pytest.approx(0, abs=1e-5)
        assert report_skills.in_context_learning_score(_cautious, TOKENIZER, seed=0, n=8) < -0.5

    @pytest.mark.parametrize("phrasing", ["train", "heldout"])
    def test_trigger_accuracy_is_one_for_a_model_that_knows_both_files(self, phrasing):
        import random

        from mi_course.worlds.town.security import trigger_pair

        rng = random.Random("trigger/0")
        rows = [
            [0, *TOKENIZER.encode(document.text, add_special_tokens=False)]
            for _ in range(4)
            for document in trigger_pair(rng, "train", phrasing=phrasing)
        ]
        score = report_skills.trigger_accuracy
        assert score(oracle(rows), TOKENIZER, 4, 0, phrasing=phrasing) == 1
        # A model that cannot read the year prefers the same form under both: right once in two.
        assert score(_last_token_only, TOKENIZER, 4, 0, phrasing=phrasing) == 0.5


def _cautious(tokens):
    """Expect tokens that the text has had before."""
    return 5.0 * torch.nn.functional.one_hot(tokens, SIZE).cumsum(1).clamp(max=1)


def _last_token_only(tokens):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(SIZE, SIZE, generator=generator)[tokens]


class TestContexts:
    TRIGRAM = fit_trigram(np.arange(2000) % SIZE, SIZE)

    def test_uniform_models_know_no_bracket_language_or_kind(self):
        assert bracket_accuracy(uniform, TOKENIZER, self.TRIGRAM, seed=0, n=3)[0] == 0
        assert language_accuracy(uniform, TOKENIZER, self.TRIGRAM, seed=0, n=1)[0] < 0.5
        accuracy, guess = kind_accuracy(uniform, TOKENIZER, seed=0, n=1, candidates=3)
        assert accuracy == 0
        assert guess == pytest.approx(1 / 3)

    def test_brackets_and_languages_are_known_to_an_oracle(self):
        from mi_course.models.report_contexts import _texts
        from mi_course.worlds.town.corpus import generate
        from mi_course.worlds.town.language_words import LANGUAGES

        texts = [generate("aside", number, "heldout").text for number in range(3)]
        rows = [[0, *TOKENIZER.encode(text, add_special_tokens=False)] for text in texts]
        assert bracket_accuracy(oracle(rows), TOKENIZER, self.TRIGRAM, seed=0, n=3)[0] == 1
        texts = [t for name in ("en", *LANGUAGES) for t in _texts(name, 0, 1, "heldout")]
        rows = [[0, *TOKENIZER.encode(text, add_special_tokens=False)] for text in texts]
        known, share, _ = language_accuracy(oracle(rows), TOKENIZER, self.TRIGRAM, seed=0, n=1)
        # Punctuation and shared word parts belong to no language, even for an oracle.
        assert known > share + 0.1

    def test_kind_is_known_to_a_model_that_prefers_tokens_seen_before(self):
        accuracy, guess = kind_accuracy(_cautious, TOKENIZER, seed=0, n=1, candidates=3)
        assert accuracy > guess + 0.2


class TestCircuits:
    def test_attributions_add_up_to_the_logit_difference(self):
        model = tiny(n_layers=2)
        task = _toy_task(seed=0)
        groups = list(task.groups().values())
        attribution, diff = report_circuits._attribution(model, groups)
        expected = report_skills.logit_diffs(model, task).mean().item()
        assert diff == pytest.approx(expected, abs=1e-4)
        # What no head wrote: the embedding and the output biases, by the same frozen LayerNorm.
        tokens = torch.tensor(tasks.batch(task.pairs))
        with torch.no_grad():
            _, cache = model.run_with_cache(tokens)
            rest = cache["blocks.0.hook_resid_pre"][:, -1] + model.b_O.sum(0)
            rest = rest - rest.mean(-1, keepdim=True)
            rest = rest / cache["ln_final.hook_scale"][:, -1] * model.ln_final.weight
            rest = rest + model.ln_final.bias
            right, wrong = ([getattr(p, s)[0] for p in task.pairs] for s in ("answers", "wrongs"))
            direction = (model.W_U[:, right] - model.W_U[:, wrong]).T
            bias = model.b_U[right] - model.b_U[wrong]
            remainder = ((rest * direction).sum(-1) + bias).mean().item()
        assert attribution.sum().item() + remainder == pytest.approx(diff, abs=1e-4)

    def test_ablating_every_head_by_its_own_value_changes_nothing(self):
        model = tiny(n_layers=2)
        pair = _toy_task(seed=1).pairs[0]
        task = Task("toy", (pair,) * 8)
        groups = list(task.groups().values())
        means = [report_circuits._mean_z(model, tasks.batch(groups[0]))]
        heads = [(layer, head) for layer in range(2) for head in range(4)]
        before = report_skills.logit_diffs(model, task).mean().item()
        after = report_circuits._logit_diff_without(model, groups, means, heads)
        assert after == pytest.approx(before, abs=1e-5)

    def test_silenced_heads_have_no_attribution_and_removing_them_removes_nothing(self):
        model = tiny(n_layers=2)
        with torch.no_grad():  # only heads 0 to 2 of the last layer write; heads are 4 wide
            for name, parameter in model.named_parameters():
                if name.endswith("attn._original_component.o._original_component.weight"):
                    parameter[:, 12 if "layers.1" in name else 0 :] = 0
        task = _toy_task(seed=2)
        groups = list(task.groups().values())
        metrics = circuit_metrics(model, task, n_random=5)
        assert metrics.attribution[0] == (0, 0, 0, 0)
        assert metrics.attribution[1][3] == 0
        assert all(abs(x) > 1e-3 for x in metrics.attribution[1][:3])
        means = [report_circuits._mean_z(model, tasks.batch(task.pairs, corrupted=True))]
        before = metrics.logit_diff
        silent = report_circuits._logit_diff_without(model, groups, means, [(0, 0), (0, 2), (1, 3)])
        assert silent == pytest.approx(before, abs=1e-5)
        heard = report_circuits._logit_diff_without(model, groups, means, metrics.top_heads)
        assert abs(heard - before) > 1e-2
        assert metrics.removed == pytest.approx(1 - heard / before, abs=1e-4)

    def test_a_task_without_a_group_of_eight_is_refused(self):
        task = _toy_task(seed=0)
        with pytest.raises(ValueError, match="8 pairs in a group"):
            circuit_metrics(tiny(), Task("toy", task.pairs[:7]))

    def test_scores_of_a_planted_pattern_are_one(self):
        model = tiny(n_layers=2)
        length = 10
        tokens = torch.tensor(
            tasks.repeated_random_tokens(TINY_VOCABULARY, 4, length, 0, bos_token=0, first=1)
        )
        positions = 2 * length + 1

        def plant(pattern, hook):
            planted = torch.zeros_like(pattern)
            for query in range(positions):
                planted[:, 1, query, max(query - 1, 0)] = 1
                # The first copy has nothing to match, so there the head stays where it is.
                key = query if query < length else query - length + 1
                planted[:, 2, query, key] = 1
            return planted

        hooks = [("blocks.1.attn.hook_pattern", plant)]
        prefix, previous, _ = report_induction._attention_scores(model, tokens, length, hooks=hooks)
        assert prefix[1].tolist() == [0, 0, 1, 0]
        assert previous[1].tolist() == [0, 1, 0, 0]
        assert 0 < prefix[0].max() < 1

    def test_the_head_that_feeds_induction_is_sought_in_an_earlier_layer(self):
        metrics = induction_metrics(tiny(n_layers=2), n=4, length=12)
        layer, _ = metrics.best_prefix_head
        assert metrics.best_previous_head[0] < max(layer, 1)
        best = max(max(row) for row in metrics.prefix_matching)
        assert metrics.best_prefix_score == pytest.approx(best, abs=1e-4)


def _toy_task(seed):
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(12):
        clean = tuple(int(t) for t in rng.integers(1, TINY_VOCABULARY, 7))
        corrupted = (*clean[:3], *(int(t) for t in rng.integers(1, TINY_VOCABULARY, 4)))
        pairs.append(
            PromptPair("", "", "", "", {}, clean, corrupted, (int(clean[1]),), (int(clean[2]),))
        )
    return Task("toy", tuple(pairs))


class TestLosses:
    def test_a_uniform_model_loses_the_log_of_the_vocabulary_and_is_above_the_trigram(self):
        metrics, _ = losses(uniform, TOKENIZER, 0, n_rows=2, trigram_tokens=20_000)
        for prefix in ("", "heldout_"):
            assert metrics[f"{prefix}loss"] == pytest.approx(math.log(SIZE), abs=1e-4)
            gap = metrics[f"{prefix}trigram_loss"] - metrics[f"{prefix}loss"]
            assert metrics[f"{prefix}nats_below_trigram"] == pytest.approx(gap)
        assert metrics["nats_below_trigram"] < -1

    def test_numbers_are_rounded_at_any_depth(self):
        value = {"a": 1.23456, "b": [(0.00004, "x")], "c": 3}
        assert rounded(value) == {"a": 1.2346, "b": [[0.0, "x"]], "c": 3}
