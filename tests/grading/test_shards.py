import json
import shutil
import unicodedata

import pytest

from mi_course.grading.finish import merge
from mi_course.grading.grade import grade
from mi_course.grading.shards import in_shard, parse_shard
from tests.grading import small_class

N = 3


@pytest.fixture(scope="module")
def whole(room, tmp_path_factory, chapter_99):
    out = tmp_path_factory.mktemp("whole")
    return graded(room, out, secret_file=room / "secret.json")


@pytest.fixture(scope="module")
def shards(room, tmp_path_factory, chapter_99, whole):
    """Results of three machines that share the submissions and the file with the secret."""
    folder = tmp_path_factory.mktemp("shards")
    for part in range(1, N + 1):
        graded(room, folder / str(part), shard=f"{part}/{N}", secret_file=room / "secret.json")
    return [folder / str(part) for part in range(1, N + 1)]


def graded(room, out, **options):
    return grade(room / "submissions", out, jobs=1, chapters=room / "chapters", **options)


@pytest.fixture
def copies(shards, tmp_path):
    """Copies that a test may spoil."""
    return [shutil.copytree(shard, tmp_path / shard.name) for shard in shards]


def respelled(shard, **changes):
    path = shard / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(("text", "shard"), [("1/1", (1, 1)), ("2/3", (2, 3)), ("10/12", (10, 12))])
def test_a_shard_is_a_part_of_so_many(text, shard):
    assert parse_shard(text) == shard


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "2/0", "-1/3", "a/b", "1/3/5", ""])
def test_no_other_text_is_a_shard(text):
    with pytest.raises(ValueError, match="expected a shard such as 2/3"):
        parse_shard(text)


def test_each_student_is_in_one_shard_and_shards_are_about_alike():
    names = [f"student {n}" for n in range(3000)]
    sizes = [sum(in_shard(name, (part, N)) for name in names) for part in range(1, N + 1)]
    assert sum(sizes) == len(names)
    assert min(sizes) > 900  # 1000 expected, standard deviation 26
    assert [in_shard("Ada", (part, N)) for part in range(1, N + 1)] == [True, False, False]


def test_a_name_is_in_the_same_shard_however_its_letters_are_stored():
    composed = "Zoë Łukasiewicz é"
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    assert [in_shard(apart, (part, 97)) for part in range(1, 98)] == [
        in_shard(composed, (part, 97)) for part in range(1, 98)
    ]


@pytest.mark.needs_bwrap
def test_merged_shards_make_the_gradebook_of_one_run(whole, shards, tmp_path):
    summary = merge(reversed(shards), tmp_path / "out")
    for name in ("gradebook.csv", "students.csv"):
        assert (tmp_path / "out" / name).read_bytes() == (
            whole.gradebook.parent / name
        ).read_bytes()
    assert [r.student for r in summary.records] == [r.student for r in whole.records]
    assert all(sum(1 for _ in (shard / "records").iterdir()) < 12 for shard in shards)


@pytest.mark.needs_bwrap
def test_a_merged_folder_can_be_graded_into_again(room, shards, tmp_path):
    merge(shards, tmp_path / "out")
    again = graded(room, tmp_path / "out", secret_file=room / "secret.json")
    assert again.resumed == len(small_class.handed_in()) - 1


@pytest.mark.needs_bwrap
def test_a_missing_shard_is_named(copies, tmp_path):
    with pytest.raises(ValueError, match="got no 2/3"):
        merge([copies[0], copies[2]], tmp_path / "out")
    assert not (tmp_path / "out" / "gradebook.csv").exists()


@pytest.mark.needs_bwrap
def test_a_shard_that_comes_twice_is_named(copies, tmp_path):
    twin = shutil.copytree(copies[0], tmp_path / "twin")
    with pytest.raises(ValueError, match=r"got 1/3 in .*1 and .*twin"):
        merge([*copies, twin], tmp_path / "out")


@pytest.mark.needs_bwrap
def test_shards_with_another_secret_paper_or_folder_are_refused(copies, tmp_path):
    respelled(copies[1], secret="0" * 12)
    with pytest.raises(ValueError, match=r"expected one secret.*--secret-file"):
        merge(copies, tmp_path / "out")
    respelled(copies[1], secret=json.loads((copies[0] / "run.json").read_text())["secret"])
    respelled(copies[2], papers={"99": "another"})
    with pytest.raises(ValueError, match=r"expected one paper of chapter 99.*one version"):
        merge(copies, tmp_path / "out")
    respelled(copies[2], papers={}, folder="another")
    with pytest.raises(ValueError, match="same folder of submissions"):
        merge(copies, tmp_path / "out")


@pytest.mark.needs_bwrap
def test_a_shard_with_a_torn_record_is_refused(copies, tmp_path):
    record = min((copies[0] / "records").iterdir())
    record.write_text("{")
    with pytest.raises(ValueError, match=f"expected a whole record.*{record.name}"):
        merge(copies, tmp_path / "out")


@pytest.mark.needs_bwrap
def test_a_shard_cannot_be_the_whole(copies):
    with pytest.raises(ValueError, match="a folder of its own"):
        merge(copies, copies[0])


def test_a_folder_that_is_no_result_is_refused(tmp_path):
    with pytest.raises(ValueError, match="results of `mi-course grade`"):
        merge([tmp_path], tmp_path / "out")
