import psutil
import pytest

from mi_course.grading.isolation import capacity

GIB = 1 << 30


@pytest.fixture
def machine(monkeypatch):
    """A machine with 8 processors and 64 GiB free."""
    monkeypatch.setattr(capacity.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    class Memory:
        available = 64 * GIB

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    return Memory


def test_each_processor_gets_a_sandbox(machine, tmp_path):
    assert capacity.default_jobs(tmp_path) == 8


def test_memory_bounds_the_sandboxes_but_one_is_always_tried(machine, tmp_path):
    machine.available = 3 * GIB + 5
    assert capacity.default_jobs(tmp_path) == 3
    machine.available = 1000
    assert capacity.default_jobs(tmp_path) == 1


def test_a_containers_limits_count(machine, tmp_path):
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert capacity.default_jobs(tmp_path) == 3
    (tmp_path / "memory.max").write_text(f"{4 * GIB}\n")
    (tmp_path / "memory.current").write_text(f"{2 * GIB}\n")
    assert capacity.default_jobs(tmp_path) == 2


def test_a_container_without_limits_leaves_the_machines(machine, tmp_path):
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text(f"{2 * GIB}\n")
    assert capacity.default_jobs(tmp_path) == 8
