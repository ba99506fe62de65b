"""Sweeps agree with single searches, and go on where they were interrupted."""

from dataclasses import replace

import pytest
import torch

from mi_course.methods.circuits import acdc, acdc_sweep, edge_runs, verify
from mi_course.methods.circuits.acdc import Search
from mi_course.methods.circuits.task import CircuitTask
from mi_course.models import tiny

TAUS = (0.01, 0.1, 0.03)


@pytest.fixture(scope="module")
def runs():
    return edge_runs(tiny(attn_only=False), drawn_task())


def drawn_task(seed=0):
    generator = torch.Generator().manual_seed(seed)
    clean, corrupted = torch.randint(50, (2, 3, 7), generator=generator)
    mask = torch.zeros(3, 7, dtype=torch.bool)
    mask[:, -1] = True
    return CircuitTask(clean, corrupted, mask, name="drawn")


class Interrupted(Exception):  # noqa: N818 - as somebody pressing the stop button
    pass


def interrupt(monkeypatch, after):
    """Let a search stop after some nodes; returns the nodes visited."""
    visited, visit = [], Search.visit

    def counted(self, node):
        if len(visited) == after:
            raise Interrupted
        visited.append((self.tau, node))
        visit(self, node)

    monkeypatch.setattr(Search, "visit", counted)
    return visited


def test_a_sweep_is_one_search_for_each_threshold_in_the_order_given(runs):
    found = acdc_sweep(runs, None, TAUS)
    assert [circuit.tau for circuit in found] == list(TAUS)
    for circuit in found:
        assert circuit.kept == acdc(runs, None, circuit.tau).kept
    assert len(found[0].kept) > len(found[1].kept)


@pytest.mark.parametrize("after", [0, 1, 7, 10, 23])
def test_an_interrupted_sweep_goes_on_after_its_last_node(runs, tmp_path, monkeypatch, after):
    whole = acdc_sweep(runs, None, TAUS)
    with monkeypatch.context() as patch:
        first = interrupt(patch, after)
        with pytest.raises(Interrupted):
            acdc_sweep(runs, None, TAUS, checkpoint=tmp_path)
    with monkeypatch.context() as patch:
        second = interrupt(patch, None)
        found = acdc_sweep(runs, None, TAUS, checkpoint=tmp_path)
    n_nodes = 3 * len(Search(runs, 1.0).pending)
    assert len(first) + len(second) == len({*first, *second}) == n_nodes
    for one, other in zip(found, whole, strict=True):
        assert one.kept == other.kept
        assert one.loss == pytest.approx(other.loss, abs=1e-6)
        torch.testing.assert_close(one.effects, other.effects, atol=1e-6, rtol=0)


def test_a_finished_sweep_is_only_read(runs, tmp_path, monkeypatch):
    found = acdc_sweep(runs, None, TAUS, checkpoint=tmp_path)
    interrupt(monkeypatch, 0)
    again = acdc_sweep(runs, None, TAUS, checkpoint=tmp_path)
    assert [one.to_data() for one in again] == [one.to_data() for one in found]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"sweep.json", "tau-0.01.json", "tau-0.03.json", "tau-0.1.json"}


def test_a_threshold_may_be_added_later(runs, tmp_path):
    acdc_sweep(runs, None, [0.1], checkpoint=tmp_path)
    found = acdc_sweep(runs, None, [0.1, 0.02], checkpoint=tmp_path)
    assert found[1].kept == acdc(runs, None, 0.02).kept


def test_the_checkpoint_of_another_task_is_refused(runs, tmp_path):
    acdc_sweep(runs, None, [0.1], checkpoint=tmp_path)
    other = edge_runs(runs.model, drawn_task(seed=1))
    with pytest.raises(ValueError, match=r"expected the checkpoint of this sweep.*prompts"):
        acdc_sweep(other, None, [0.1], checkpoint=tmp_path)


def test_the_checkpoint_of_another_model_is_refused(runs, tmp_path):
    acdc_sweep(runs, None, [0.1], checkpoint=tmp_path)
    changed = edge_runs(replace(runs.model, W_U=2 * runs.model.W_U), runs.task)
    with pytest.raises(ValueError, match="weights"):
        acdc_sweep(changed, None, [0.1], checkpoint=tmp_path)


def test_a_damaged_checkpoint_is_refused(runs, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        interrupt(patch, 3)
        with pytest.raises(Interrupted):
            acdc_sweep(runs, None, TAUS, checkpoint=tmp_path)
    (tmp_path / "current.safetensors").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="expected a checkpoint"):
        acdc_sweep(runs, None, TAUS, checkpoint=tmp_path)


def test_a_threshold_below_zero_is_refused_before_anything_is_written(runs, tmp_path):
    with pytest.raises(ValueError, match="expected a tau above 0"):
        acdc_sweep(runs, None, [0.1, -0.1], checkpoint=tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()


def test_right_decisions_stand_a_replay(runs):
    found = acdc(runs, None, 0.03)
    replay = verify(runs, None, found)
    assert replay.wrong == ()
    assert replay.replayed == len(found.graph.edges)
    assert replay.largest_error < runs.rounding
    assert replay.margin == pytest.approx(found.margin, abs=runs.rounding)


def test_wrong_decisions_are_found_by_a_replay(runs):
    found = acdc(runs, None, 0.03)
    dropped, added = found.kept[-1], next(e for e in found.graph.edges if e not in found.kept)
    for changed in (found.kept[:-1], found.graph.check([*found.kept, added])):
        replay = verify(runs, None, replace(found, kept=changed))
        assert {dropped, added} & set(replay.wrong)


def test_some_edges_can_be_replayed_the_nearest_to_tau_among_them(runs):
    found = acdc(runs, None, 0.03)
    replay = verify(runs, None, found, n=10)
    assert replay.replayed == 10
    assert replay.wrong == ()
    assert replay.margin == pytest.approx(found.margin, abs=runs.rounding)
