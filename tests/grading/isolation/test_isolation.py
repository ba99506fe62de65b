import pytest

from mi_course.grading.isolation import isolation, trial
from mi_course.grading.isolation.isolation import (
    BUBBLEWRAP,
    LANDLOCK,
    UNSAFE,
    SandboxError,
    find_tier,
)


@pytest.fixture
def no_bubblewrap(monkeypatch):
    monkeypatch.setattr(isolation.shutil, "which", lambda name: None)


@pytest.fixture
def no_landlock(monkeypatch):
    monkeypatch.setattr(trial.landlock, "version", lambda: 0)


def test_without_isolation_it_runs_only_when_told_to(no_bubblewrap, no_landlock):
    with pytest.raises(SandboxError, match="--allow-unsafe") as error:
        find_tier()
    assert "bubblewrap: the program bwrap is missing" in str(error.value)
    assert "landlock: this kernel has no Landlock" in str(error.value)
    assert find_tier(allow_unsafe=True) == UNSAFE


@pytest.mark.needs_landlock
def test_landlock_is_taken_where_bubblewrap_is_missing(no_bubblewrap):
    assert find_tier() == LANDLOCK
    assert find_tier(allow_unsafe=True) == LANDLOCK


@pytest.mark.needs_bwrap
def test_bubblewrap_is_taken_first(no_landlock):
    assert find_tier() == BUBBLEWRAP


def test_who_insists_on_a_tier_gets_it_or_nothing(no_bubblewrap, no_landlock):
    for wanted in (BUBBLEWRAP, LANDLOCK):
        with pytest.raises(SandboxError, match=f"got: {wanted}: "):
            find_tier(allow_unsafe=True, wanted=wanted)
    with pytest.raises(ValueError, match="try auto"):
        find_tier(wanted="chroot")


@pytest.mark.needs_landlock
def test_who_insists_on_landlock_gets_it():
    assert find_tier(wanted=LANDLOCK) == LANDLOCK


def test_where_bubblewrap_is_not_allowed_its_own_words_are_told(monkeypatch, tmp_path, no_landlock):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setattr(isolation.shutil, "which", lambda name: str(fake))
    with pytest.raises(SandboxError, match="uid map: Permission denied"):
        find_tier()


@pytest.mark.needs_landlock
def test_a_wall_that_does_not_hold_is_not_taken_for_one(monkeypatch):
    # A kernel that says yes to everything and does nothing: the trial must notice.
    hollow = trial.TRIAL.replace(".stand()", "").replace("landlock.stand_around_answer(known)", "")
    assert hollow != trial.TRIAL
    monkeypatch.setattr(trial, "TRIAL", hollow)
    assert "Landlock does not work here" in isolation.problem_of_landlock()


@pytest.mark.needs_landlock
def test_an_unknown_processor_has_no_filter_and_so_no_landlock_tier(monkeypatch):
    monkeypatch.setattr(trial.platform, "machine", lambda: "riscv64")
    assert "riscv64" in isolation.problem_of_landlock()


def test_an_interpreter_that_only_root_reaches_needs_the_right_to_read(monkeypatch, tmp_path):
    (tmp_path / "inner").mkdir()
    monkeypatch.setattr(isolation, "visible_paths", lambda: [tmp_path / "inner"])
    monkeypatch.setattr(isolation.os, "getuid", lambda: 0)
    monkeypatch.setattr(isolation.rights, "held", lambda: 0)
    tmp_path.chmod(0o700)
    assert "only root can read" in isolation._problem_of_reading()
    monkeypatch.setattr(isolation.rights, "held", lambda: 1 << 2)
    assert isolation._problem_of_reading() == ""
