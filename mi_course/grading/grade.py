"""Grade a folder of submissions.

The grader is trusted and never runs a student's code: it draws fresh inputs from a secret seed,
sends them into sandboxes, and compares what comes back. Each submission ends in one record with
its marks or with the reason why there are none; marks that still hold are kept, so a run that was
killed goes on where it stopped and a regrade touches nothing else. Chapters are graded one after
another, so that memory is bounded by the sandboxes of one.
In go a folder of notebooks and a folder for the results, out comes a `Summary`.
"""

import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mi_course.exercises import registry
from mi_course.grading import manifest, secret
from mi_course.grading.audit import Audit, versions
from mi_course.grading.cluster.cluster import Cluster
from mi_course.grading.finish import finish
from mi_course.grading.handed_in import HandedIn, hand_in, regraded, unread
from mi_course.grading.isolation.capacity import default_jobs
from mi_course.grading.isolation.isolation import find_tier
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.manifest import RECORDS, Manifest
from mi_course.grading.notebook import Submission, collect
from mi_course.grading.paper import CHAPTERS, Papers
from mi_course.grading.run import Graded, Plan, grade_all
from mi_course.grading.shards import in_shard, parse_shard
from mi_course.grading.summary import Summary

__all__ = ["Summary", "grade"]

MOST = 50  # notebooks of one student that are read: a flood of copies must not cost the class


def grade(
    submissions: Path,
    out: Path,
    *,
    chapter: str | None = None,
    seed: int | None = None,
    secret_file: Path | None = None,
    jobs: int | None = None,
    timeout: float = 10.0,
    isolation: str = "auto",
    allow_unsafe: bool = False,
    regrade: Iterable[str] = (),
    shard: str = "1/1",
    cluster: str | None = None,
    similarity: bool = False,
    chapters: Path | None = None,
) -> Summary:
    """Grade every notebook below `submissions`.

    Args:
        submissions: a folder for each student, or notebooks named after students.
        out: where records, gradebook and feedback go.
        chapter: two digits, where notebooks do not say which chapter they are.
        seed: a number that stands for the secret: the same inputs on another machine.
        secret_file: the secret, which is made where there is none; None keeps it in `out`.
        jobs: sandboxes at a time; None takes what processors and memory allow.
        timeout: seconds that one call of a student's function may take.
        isolation: "auto", or the name of the tier to use.
        allow_unsafe: run students' code without isolation where there is none.
        regrade: exercises ("06.3") or chapters ("06") to grade again in any case.
        shard: "I/N" grades the I-th of N parts of the class.
        cluster: address of a dask scheduler whose workers hold the sandboxes.
        similarity: also write a report on answers that resemble each other.
        chapters: folder of the notebooks as they were handed out.

    Returns:
        All records, and where the tables are.

    Raises:
        ValueError: no such folder, no isolation, no such chapter or exercise, set-up cells that
            fail, a folder of results that was made with another secret, or a part of a class to
            look for similarity in.
    """
    began, part = time.monotonic(), parse_shard(shard)
    if similarity and part != (1, 1):
        raise ValueError(
            "expected the whole class for --similarity, got a shard, try it on the merged folder: "
            "`mi-course grade SUBMISSIONS --out OUT --similarity` grades nothing again"
        )
    forced = regraded(regrade)
    if chapter is not None:
        registry.chapter(chapter)
    workers = Cluster(cluster, isolation, allow_unsafe) if cluster else None
    tier = workers.tiers() if workers else find_tier(allow_unsafe, isolation)
    found = collect(submissions)
    with Audit(out) as audit:
        key = _secret(out, seed, secret_file)
        audit.log(
            "start", grader=versions(), tier=tier, secret=secret.fingerprint_of(key),
            submissions=str(submissions), found=len(found), chapter=chapter, timeout=timeout,
            jobs=jobs, shard=shard, regrade=sorted(forced), cluster=cluster,
        )  # fmt: skip
        plan = Plan(
            Papers(key, chapters or CHAPTERS), out / RECORDS, tier, Limits(seconds=timeout),
            jobs or default_jobs(), forced, workers,
        )  # fmt: skip
        handed = _read(found, part, chapter)
        done = _grade(found, handed, plan, audit, part)
        more = _similarity(handed, plan.papers.chapters, out) if similarity else ()
        return finish(
            done.in_order(), out, audit, tier=tier, began=began, resumed=done.resumed,
            changed=done.changed, shard=part, more=more,
        )  # fmt: skip


def _secret(out: Path, seed: int | None, secret_file: Path | None) -> bytes:
    """What inputs are drawn from; it must be what this folder's marks were made with."""
    if seed is None:
        key = secret.of_file(secret_file or out / secret.SECRET)
    else:
        key = secret.of_seed(seed)
    manifest.refuse_another_secret(out, secret.fingerprint_of(key))
    return key


def _read(
    found: list[Submission], part: tuple[int, int], chapter: str | None
) -> dict[int, HandedIn]:
    """What this shard has to grade, by place in the order of all submissions."""
    handed: dict[int, HandedIn] = {}
    count: Counter[str] = Counter()
    for place, submission in enumerate(found):
        if in_shard(submission.student, part):
            count[submission.student] += 1
            too_many = count[submission.student] > MOST
            handed[place] = unread(submission, MOST) if too_many else hand_in(submission, chapter)
    return handed


def _grade(
    found: list[Submission],
    handed: dict[int, HandedIn],
    plan: Plan,
    audit: Audit,
    part: tuple[int, int],
) -> Graded:
    """Grade this shard's submissions and write down which records count."""
    audit.log("read", submissions=[[each.submission.name, each.digest] for each in handed.values()])
    done, out = grade_all(handed, plan, audit), plan.folder.parent
    facts = Manifest(
        secret.fingerprint_of(plan.papers.secret),
        manifest.digest_of(each.name for each in found),
        done.papers,
        part,
        dict(sorted(done.files.items())),
        plan.tier,
        manifest.sheet_of(out),
    )
    manifest.write(facts, out)
    return done


def _similarity(
    handed: dict[int, HandedIn], chapters: Path, out: Path
) -> tuple[tuple[str, Path], ...]:
    """Compare answers and say where the report is."""
    from mi_course.grading.similarity.similarity_page import (
        write_similarity,  # only who asks pays for it
    )

    answers: dict[str, dict[str, str]] = {}
    for each in handed.values():
        answers.setdefault(each.submission.student, {}).update(each.answers.code)
    write_similarity(answers, chapters, out)
    return (("answers that resemble each other", out / "similarity.html"),)
