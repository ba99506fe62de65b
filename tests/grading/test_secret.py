import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from mi_course.grading import secret


def test_a_secret_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    path = tmp_path / "deep" / "secret.json"
    made = secret.of_file(path)
    assert len(made) == 32
    assert secret.of_file(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*path.parent.iterdir()] == [path]
    assert secret.of_file(tmp_path / "other.json") != made


def test_of_many_that_start_at_once_all_get_one_secret(tmp_path):
    path = tmp_path / "secret.json"

    def of_process(number):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "getpid", lambda: number)
            return secret.of_file(path)

    with ThreadPoolExecutor(1) as workers:
        assert len(set(workers.map(of_process, range(8)))) == 1


def test_another_run_that_was_quicker_keeps_its_secret(tmp_path, monkeypatch):
    path, real = tmp_path / "secret.json", os.link

    def slow(source, target):
        path.write_text(json.dumps({"secret": "ab" * 32}))
        real(source, target)

    monkeypatch.setattr(os, "link", slow)
    assert secret.of_file(path) == bytes.fromhex("ab" * 32)
    assert [*tmp_path.iterdir()] == [path]


def test_a_kill_before_the_secret_is_whole_leaves_none(tmp_path, monkeypatch):
    path = tmp_path / "secret.json"

    def killed(_descriptor):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            secret.of_file(path)
    assert not path.exists()
    assert len(secret.of_file(path)) == 32
    assert [*tmp_path.iterdir()] == [path]


def test_it_is_written_where_files_cannot_be_linked(tmp_path, monkeypatch):
    def refused(_source, _target):
        raise PermissionError

    monkeypatch.setattr(os, "link", refused)
    path = tmp_path / "secret.json"
    assert secret.of_file(path) == secret.of_file(path)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"secret": 7}', '{"secret": "xy"}', '{"secret": ""}']
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path, text):
    (tmp_path / "secret.json").write_text(text)
    with pytest.raises(ValueError, match="expected a secret"):
        secret.of_file(tmp_path / "secret.json")


def test_a_fingerprint_names_a_secret_without_telling_it():
    one, other = secret.of_seed(1), secret.of_seed(2)
    assert secret.fingerprint_of(one) == secret.fingerprint_of(secret.of_seed(1))
    assert secret.fingerprint_of(one) != secret.fingerprint_of(other)
    assert one.hex() not in secret.fingerprint_of(one)
