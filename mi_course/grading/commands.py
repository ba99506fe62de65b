"""`mi-course grade`: grade a class, put shards together, take marks in, hand marks on.

`mi-course grade SUBMISSIONS --out OUT` is the grading itself; its first word is a folder and no
name of a subcommand. Everything heavy is imported by the command that needs it.
"""

import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

DEFAULT = "run"


class Grading(TyperGroup):
    """A group whose subcommand `run` need not be named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before a first word that is neither a subcommand nor a call for help."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a subcommand without Python 3.12's word on each backslash in a student's string."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return super().invoke(ctx)


app = typer.Typer(
    cls=Grading,
    no_args_is_help=True,
    help="Grade a folder of finished notebooks in a sandbox: mi-course grade SUBMISSIONS --out OUT",
    epilog="Options of the grading itself: mi-course grade run --help",
)
Out = Annotated[Path, typer.Option(help="Folder of the results.", file_okay=False)]


@app.command(DEFAULT)
def run(
    submissions: Annotated[Path, typer.Argument(help="Notebooks, or a folder for each student.")],
    out: Out,
    chapter: Annotated[
        str | None, typer.Option(help="Two digits, where notebooks do not say their chapter.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Draw the same inputs as another run; keep it to yourself.")
    ] = None,
    secret_file: Annotated[
        Path | None,
        typer.Option(help="The secret that shards share; made if missing.", dir_okay=False),
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Sandboxes at a time.", min=1)] = None,
    timeout: Annotated[float, typer.Option(help="Seconds for one call.", min=0.1)] = 10.0,
    isolation: Annotated[
        str, typer.Option(help="auto, or the tier to use: bubblewrap or landlock.")
    ] = "auto",
    allow_unsafe: Annotated[
        bool, typer.Option("--allow-unsafe", help="Grade without isolation where there is none.")
    ] = False,
    regrade: Annotated[
        list[str] | None,
        typer.Option(help="An exercise (06.3) or chapter (06) to grade again; may be repeated."),
    ] = None,
    shard: Annotated[str, typer.Option(help="I/N: grade the I-th of N parts.")] = "1/1",
    cluster: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler, such as tcp://host:8786.")
    ] = None,
    similarity: Annotated[
        bool, typer.Option("--similarity", help="Report on answers that resemble each other.")
    ] = False,
    chapters: Annotated[
        Path | None, typer.Option(help="The notebooks as they were handed out.", file_okay=False)
    ] = None,
) -> None:
    """Grade a folder of finished notebooks (the default)."""
    from mi_course.grading.grade import grade

    summary = grade(
        submissions, out, chapter=chapter, seed=seed, secret_file=secret_file, jobs=jobs,
        timeout=timeout, isolation=isolation, allow_unsafe=allow_unsafe, regrade=regrade or (),
        shard=shard, cluster=cluster, similarity=similarity, chapters=chapters,
    )  # fmt: skip
    typer.echo(str(summary))


@app.command()
def merge(
    shards: Annotated[list[Path], typer.Argument(help="Folders of results, one for each shard.")],
    out: Out,
) -> None:
    """Put the shards of a class together."""
    from mi_course.grading.finish import merge as merge_all

    typer.echo(str(merge_all(shards, out)))


@app.command()
def marks(
    sheet: Annotated[Path, typer.Argument(help="The marking sheet, filled in.", dir_okay=False)],
    out: Out,
) -> None:
    """Take in points and comments for open questions."""
    from mi_course.grading.finish import take_marks

    typer.echo(take_marks(sheet, out))


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="Folder of the results.", file_okay=False)],
    canvas: Annotated[
        Path | None, typer.Option(help="A gradebook downloaded from Canvas.", dir_okay=False)
    ] = None,
    moodle: Annotated[
        Path | None, typer.Option(help="A grading sheet downloaded from Moodle.", dir_okay=False)
    ] = None,
    gradescope: Annotated[
        Path | None, typer.Option(help="Folder for Gradescope's results.json.", file_okay=False)
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Write here instead of to the screen.")] = None,
    chapter: Annotated[str | None, typer.Option(help="Two digits, if there are several.")] = None,
    assignment: Annotated[str | None, typer.Option(help="Canvas's column to fill in.")] = None,
) -> None:
    """Fill in a gradebook of Canvas or Moodle, or write Gradescope's results."""
    from mi_course.grading import manifest
    from mi_course.grading.marking import marking
    from mi_course.grading.reports import exports

    chosen = [path for path in (canvas, moodle, gradescope) if path is not None]
    if len(chosen) != 1:
        raise ValueError(
            f"expected one of --canvas, --moodle and --gradescope, got {len(chosen)}, try one"
        )
    records = marking.attach(manifest.current(out), out)
    if gradescope is not None:
        typer.echo(f"wrote {_gradescope(records, gradescope)} files in {gradescope}")
        return
    if canvas is not None:
        filled = exports.canvas(records, canvas, assignment=assignment, chapter=chapter)
    else:
        filled = exports.moodle(records, moodle, chapter=chapter)
    for note in filled.notes:
        typer.echo(note, err=True)
    # Bytes as they are: a spreadsheet's line ends and byte order mark must come back the same.
    if to is None:
        typer.get_binary_stream("stdout").write(filled.content)
    else:
        to.write_bytes(filled.content)
        typer.echo(f"wrote {filled.marks} marks into {to}")


def _gradescope(records: tuple[Any, ...], folder: Path) -> int:
    """Write one results.json for each submission that counts; how many."""
    from mi_course.grading.reports.gradescope import write_folder

    return len(write_folder(records, folder))
