"""What a run of the grader did, and in words what a teacher does next."""

from dataclasses import dataclass
from pathlib import Path

from mi_course.grading.isolation.isolation import UNSAFE
from mi_course.grading.marking import marking
from mi_course.grading.pool import FAILED
from mi_course.grading.records import Record


@dataclass(frozen=True)
class Summary:
    """What a run of the grader did.

    Args:
        records: one for each submission, in the order of the folder.
        resumed: how many of them needed nothing new.
        tier: the isolation that student code ran under.
        gradebook: the table of all marks.
        feedback: the folder of pages for students.
        seconds: wall clock of the run.
        changed: marks of an earlier run that are other than they were.
        shard: which part of the class this is, of how many.
        pages: what else was written for the teacher, in words -> path.
    """

    records: tuple[Record, ...]
    resumed: int
    tier: str
    gradebook: Path
    feedback: Path
    seconds: float = 0.0
    changed: int = 0
    shard: tuple[int, int] = (1, 1)
    pages: tuple[tuple[str, Path], ...] = ()

    @property
    def problems(self) -> tuple[Record, ...]:
        """Submissions without marks."""
        return tuple(record for record in self.records if record.problem)

    @property
    def unmarked(self) -> int:
        """Answers to open questions that nobody has marked yet."""
        opens = (each for record in self.records for each in record.opens)
        return sum(each.points is None for each in opens)

    def __str__(self) -> str:
        lines = [self._count(), f"isolation: {self.tier}"]
        if UNSAFE in self.tier:
            lines.append("WARNING: students' code ran with the rights of your own account")
        lines += [_printable(f"no marks for {r.student}: {r.problem}") for r in self.problems]
        places = [("gradebook", self.gradebook), ("feedback", self.feedback), *self.pages]
        return "\n".join([*lines, *(f"{name}: {path}" for name, path in places), *self._next()])

    def _count(self) -> str:
        graded = len(self.records) - self.resumed - len(self.problems)
        parts = [f"{graded} graded now", f"{self.resumed} earlier"]
        parts += [f"{len(self.problems)} without marks"] if self.problems else []
        parts += [f"{self.changed} marks changed"] if self.changed else []
        return f"{len(self.records)} submissions in {self.seconds:.0f} s ({', '.join(parts)})"

    def _next(self) -> list[str]:
        """What to do now, in words."""
        out = self.gradebook.parent
        if self.shard != (1, 1):
            part, parts = self.shard
            return [
                f"next: this is shard {part} of {parts}; when all are graded, put them together "
                "with `mi-course grade merge SHARD_OUT... --out OUT`"
            ]
        failed = sum(record.problem.startswith(FAILED) for record in self.problems)
        if failed:
            return [
                f"next: the grader itself failed on {failed} of them; run the same command again, "
                "and if that changes nothing, tell the course's authors what is said above"
            ]
        if self.unmarked:
            sheet = out / marking.SHEET
            return [
                f"next: {self.unmarked} open answers wait in {sheet}; fill in the points, then "
                f"`mi-course grade marks {sheet} --out {out}`"
            ]
        return [
            f"next: give each student the page in {self.feedback}; `mi-course grade export {out} "
            "--canvas FILE.csv` fills in a gradebook that you downloaded"
        ]


def _printable(text: str) -> str:
    """`text` without what acts on a terminal: students choose names of files."""
    return "".join(c if c.isprintable() else "?" for c in text)
