"""The command `mi-course`: each subcommand is a thin call into the package.

Heavy modules are imported by the command that uses them, so that `mi-course --help` is quick.
"""

import json
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from mi_course.grading.commands import app as grading

app = typer.Typer(
    help="A practical course in mechanistic interpretability.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
models = typer.Typer(help="The embedded models.", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(grading, name="grade")

MARKS = {"ok": ("ok", "green"), "note": ("note", "yellow"), "wrong": ("WRONG", "red")}
Root = Annotated[Path, typer.Option(help="The course's checkout.", file_okay=False)]


def main() -> None:
    """Run the command line; an error that we foresaw is one line, not a traceback."""
    try:
        app()
    except ValueError as error:
        typer.secho(f"mi-course: {error}", fg="red", err=True)
        raise SystemExit(1) from None


@app.command(context_settings={"ignore_unknown_options": True})
def lab(
    arguments: Annotated[
        list[str] | None, typer.Argument(help="A folder or notebook; options of `jupyter lab`.")
    ] = None,
) -> None:
    """Open the student notebooks in JupyterLab."""
    from mi_course.lab import chapters_folder, command

    given = arguments or []
    if given and not given[0].startswith("-"):
        path, *given = given
    else:
        path = chapters_folder()
    done = subprocess.run(command(Path(path), *given), check=False)
    raise typer.Exit(done.returncode)


@app.command()
def doctor() -> None:
    """Say what is present, what is missing and what is at the wrong version."""
    from mi_course.doctor import examine

    findings = examine()
    _tell(findings)
    wrong = sum(finding.state == "wrong" for finding in findings)
    if wrong:
        typer.secho(f"{wrong} thing(s) to mend before the course runs", fg="red")
        raise typer.Exit(1)
    typer.secho("ready", fg="green")


@app.command()
def build(
    root: Root = Path(),
    execute: Annotated[bool, typer.Option(help="Also run the solutions.")] = True,
) -> None:
    """Build student chapters and executed solutions from solutions/*.py."""
    from mi_course.grading.notebooks.build import build_all

    for report in build_all(root, execute=execute):
        changed = ", ".join(path.name for path in report.changed) or "nothing"
        typer.echo(f"{report.source.name}: {len(report.exercises)} exercises, changed {changed}")
        for note in report.notes:
            typer.secho(f"  {note}", fg="yellow")


@app.command()
def publish(
    repo: Annotated[
        str | None, typer.Option(help="OWNER/NAME on GitHub; without it, the present one.")
    ] = None,
    branch: Annotated[str | None, typer.Option(help="The branch or tag that students get.")] = None,
    root: Root = Path(),
) -> None:
    """Write where the course is published into its badges, links and installation."""
    from mi_course.grading.notebooks.address import Address
    from mi_course.grading.notebooks.publish import committed, publish

    now = committed(root)
    address = Address(repo or now.repository, branch or now.branch)
    for path in publish(root, address):
        typer.echo(f"changed {path.relative_to(root)}")
    typer.echo(f"published at {address.url}, branch {address.branch}")


@app.command()
def book(
    root: Root = Path(),
    out: Annotated[Path, typer.Option(help="Where to.", file_okay=False)] = Path("build/book"),
) -> None:
    """Write the executed solutions as a site that opens from disk, without a network."""
    from mi_course.book import write_book

    written = write_book(root / "solutions", out)
    for warning in written.warnings:
        typer.secho(warning, fg="yellow", err=True)
    typer.echo(f"{len(written.chapters)} chapters, {written.n_bytes / 1e6:.1f} MB: {written.index}")
    raise typer.Exit(bool(written.warnings))


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="A student's notebook.", dir_okay=False)],
) -> None:
    """Run your notebook from a fresh kernel and show what its checks say."""
    from mi_course.grading.notebooks.rehearse import rehearse

    found = rehearse(notebook)
    for each in found:
        typer.secho(f"{each.exercise}  {each.said}", fg="green" if each.passed else None)
    passed = sum(each.passed for each in found)
    typer.echo(f"{passed} of {len(found)} checks passed")
    raise typer.Exit(passed < len(found))


@app.command()
def train(
    name: Annotated[str, typer.Argument(help="An embedded model, see `mi-course models list`.")],
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    resume: Annotated[
        bool, typer.Option(help="Go on where a killed run of a model stopped.")
    ] = True,
) -> None:
    """Train an embedded model, or the `lenses` or `saes` on them, and write weights and card."""
    if name == "lenses":
        from mi_course.methods.lens.shipped import train_shipped

        typer.echo(f"wrote {train_shipped(device=device)}")
        return
    if name == "saes":
        from mi_course.methods.sae.shipped import train_shipped_saes

        typer.echo(f"wrote {train_shipped_saes(device=device)}")
        return
    from mi_course.models.vision import SHAPES

    if name in SHAPES:
        from mi_course.models.training_shapes import train_shapes

        typer.echo(f"wrote {train_shapes(name, device=device, resume=resume)}")
        return
    from mi_course.models.recipes import RECIPES
    from mi_course.models.training import train as train_model

    if name not in RECIPES:
        known = [*RECIPES, *SHAPES, "lenses", "saes"]
        raise ValueError(f"expected one of {known}, got {name!r}, try 'town'")
    typer.echo(f"wrote {train_model(name, device=device, resume=resume)}")


@models.command("list")
def list_models() -> None:
    """List the embedded models."""
    from mi_course.models.cnn import WIDTHS
    from mi_course.models.recipes import RECIPES
    from mi_course.models.vision import SHAPES
    from mi_course.models.zoo import COMPILED

    told = {}
    for name, recipe in RECIPES.items():
        blocks = "attention only" if recipe.attn_only else "attention and MLP"
        told[name] = f"{recipe.n_layers} layers of width {recipe.d_model}, {blocks}"
    told |= {name: "compiled by hand from a known program" for name in COMPILED}
    told |= {name: f"sees scenes of shapes, {len(WIDTHS)} convolutions" for name in SHAPES}
    width = max(map(len, told)) + 2
    for name, what in told.items():
        typer.echo(f"{name:{width}}{what}")


@models.command()
def report(
    name: Annotated[str, typer.Argument(help="An embedded model.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure an embedded model on held-out data."""
    metrics = _measured(name)
    if as_json:
        typer.echo(json.dumps({"model": name, "metrics": metrics}))
        return
    width = max(map(len, metrics))
    for metric, value in metrics.items():
        typer.echo(
            f"{metric:{width}}  {value:.4g}"
            if isinstance(value, float)
            else f"{metric:{width}}  {value}"
        )


def _measured(name: str) -> dict:
    from mi_course.models.vision import SHAPES, load_vision

    if name in SHAPES:
        from mi_course.models.report_shapes import shapes_report

        return shapes_report(load_vision(name))
    from mi_course.models import load
    from mi_course.models.report import report as measure

    model = load(name)
    if model.tokenizer is None:
        raise ValueError(f"expected a model that reads text, got {name!r}, try 'town'")
    return measure(model, model.tokenizer, name)


@models.command()
def verify() -> None:
    """Compare every weight file with the hash on its card."""
    from mi_course.doctor import WEIGHTS, weights

    findings = list(weights(WEIGHTS))
    _tell(findings)
    raise typer.Exit(any(finding.state == "wrong" for finding in findings))


def _tell(findings) -> None:
    for finding in findings:
        mark, colour = MARKS[finding.state]
        typer.secho(f"{mark:7}", fg=colour, nl=False)
        typer.echo(finding.text)
