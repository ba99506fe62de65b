import pytest

from mi_course.grading.notebooks.address import FILE, Address, read_address

HERE = Address("maria-s/course.2026", "autumn/26")


def test_every_link_names_the_repository_and_the_branch():
    path = "chapters/06_induction_heads.ipynb"
    colab, binder = HERE.badges(path).splitlines()
    assert colab.endswith(
        "(https://colab.research.google.com/github/maria-s/course.2026/blob/autumn/26/"
        "chapters/06_induction_heads.ipynb)"
    )
    assert binder.endswith(
        "(https://mybinder.org/v2/gh/maria-s/course.2026/autumn%2F26"
        "?urlpath=lab%2Ftree%2Fchapters%2F06_induction_heads.ipynb)"
    )
    assert HERE.requirement == ("mi-course @ git+https://github.com/maria-s/course.2026@autumn/26")
    assert HERE.hub_query == (
        "git-pull?repo=https%3A%2F%2Fgithub.com%2Fmaria-s%2Fcourse.2026&branch=autumn%2F26"
        "&urlpath=lab%2Ftree%2Fcourse.2026%2Fchapters%2F00_start_here.ipynb"
    )


def test_a_badge_has_words_for_who_cannot_see_it():
    colab, binder = HERE.badges("a.ipynb").splitlines()
    assert colab.startswith("[![Open In Colab](")
    assert binder.startswith("[![Launch on Binder](")


@pytest.mark.parametrize(
    ("repository", "advice"),
    [
        ("https://github.com/maria/course.git", "try 'maria/course'"),
        ("git@github.com:maria/course.git", "try 'maria/course'"),
        ("github.com/maria/course/tree/main", "try 'maria/course'"),
        ("maria/course.git", "try 'maria/course'"),
        ("course", "try 'maria/mi-course'"),
        ("", "try 'maria/mi-course'"),
        ("maria/", "try 'maria/mi-course'"),
        ("-maria/course", "try 'maria/mi-course'"),
        ("maria--s/course", "try 'maria/mi-course'"),
        ("maria/two words", "try 'maria/mi-course'"),
        ("maria/..", "try 'maria/mi-course'"),
        ('maria/"course', "try 'maria/mi-course'"),
        ("maria/course\n", "try 'maria/course'"),
    ],
)
def test_a_repository_of_another_form_is_refused_with_advice(repository, advice):
    with pytest.raises(ValueError, match="expected a repository OWNER/NAME, got ") as caught:
        Address(repository, "main")
    assert str(caught.value).endswith(advice)


@pytest.mark.parametrize("repository", ["a/b", "maria-s/mi.course_2", "A1/-", "a/.github"])
def test_what_github_allows_is_taken(repository):
    assert Address(repository, "main").repository == repository


@pytest.mark.parametrize(
    "branch",
    [
        "",
        "-b",
        "/b",
        "b/",
        "a..b",
        "a//b",
        "b.lock",
        "b.",
        "a/.b",
        "a b",
        "a@b",
        "a#b",
        'a"',
        "a\n",
    ],
)
def test_a_branch_that_git_or_pip_would_misread_is_refused(branch):
    with pytest.raises(ValueError, match="expected a branch or tag of letters, digits"):
        Address("maria/course", branch)


@pytest.mark.parametrize("branch", ["main", "v0.1.0", "autumn/26", "a-b_c"])
def test_branches_and_tags_are_taken(branch):
    assert Address("maria/course", branch).requirement.endswith(f"@{branch}")


def test_the_file_keeps_its_comments_and_reads_back(tmp_path):
    text = HERE.as_toml(FILE.read_text(encoding="utf-8"))
    assert text.startswith("# Where the course is published")
    (tmp_path / "address.toml").write_text(text, encoding="utf-8")
    assert read_address(tmp_path / "address.toml") == HERE


def test_a_file_without_a_branch_is_refused(tmp_path):
    (tmp_path / "address.toml").write_text('repository = "a/b"\n')
    with pytest.raises(ValueError, match=r"expected repository and branch .* got \['repository'\]"):
        read_address(tmp_path / "address.toml")
