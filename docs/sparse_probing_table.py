"""The table of ways to choose neurons, over all ten collections of the town, as a page.

`make sparse-table` measures it and writes `sparse_probing_table.json` and, from that alone, the
page `sparse_probing_table.md`; `python -m docs.sparse_probing_table NAME ...` measures these
collections anew and keeps the others, if they were measured in the same way. Beside our figures
stand those of [Gurnee23]. One thread; seconds are of work, so that a busy machine changes little.
"""

import operator
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from docs.tables import Row, keep, line
from mi_course.methods.probing.optimal import optimal_sparse_probe
from mi_course.methods.probing.rankings import f_statistic
from mi_course.methods.probing.splits import split
from mi_course.methods.probing.table import METHODS, sparse_table
from mi_course.methods.probing.ten_collections import AGGREGATION, collection_data
from mi_course.models import load
from mi_course.results import ProbeData
from mi_course.results.sparse_probing import PUBLISHED_F1, PUBLISHED_SECONDS, PUBLISHED_SOURCE

FOLDER = Path(__file__).parent
DATA, PAGE = FOLDER / "sparse_probing_table.json", FOLDER / "sparse_probing_table.md"
MODEL, LAYER, HOOK, PENALTY = "town", 2, "mlp_post", 1.0
N_DOCUMENTS, PER_LABEL, SEED = 200, 80, 0
CANDIDATES, SECONDS = 40, 0.15  # of the search among few neurons, for each k
ALL_KS, ALL_SECONDS = (1, 2, 4, 8), 0.2  # of the search among all of the layer
KS = tuple(range(1, 9))


def measured(data: tuple[ProbeData, ...], name: str) -> Row:
    """Return what the page tells of one collection."""
    table = sparse_table(
        {name: data}, ks=KS, penalty=PENALTY, candidates=CANDIDATES, seconds=SECONDS, seed=SEED
    )
    return {
        "features": sum(part.labels.shape[1] for part in data),
        "examples": sum(len(part.labels) for part in data),
        "f1": {m: _rounded(v) for m, v in zip(METHODS, table.f1[0].tolist(), strict=True)},
        "seconds": dict(zip(METHODS, _rounded(table.seconds.tolist(), 5), strict=True)),
        "proven": _rounded(table.proven[0].tolist()),
        "among_all": among_all(data),
    }


def among_all(data: tuple[ProbeData, ...]) -> list[Row]:
    """Return how often the search among all neurons ended, and chose only candidates, by k."""
    rows = [{"k": k, "searches": 0, "proven": 0, "candidates": 0, "seconds": 0.0} for k in ALL_KS]
    for part in data:
        train, _ = split(part, seed=SEED)
        x = part.activations[0, train]
        for y in part.labels[train].T:
            few = set(f_statistic(x, y).topk(CANDIDATES).indices.tolist())
            for row in rows:
                found = optimal_sparse_probe(
                    x, y, row["k"], penalty=PENALTY, seconds=ALL_SECONDS, class_balance=True
                )
                row["searches"] += 1
                row["proven"] += found.proven
                row["candidates"] += found.proven and set(found.neurons.tolist()) <= few
                row["seconds"] += found.seconds
    return [row | {"seconds": round(row["seconds"], 2)} for row in rows]


def _rounded(values: Sequence[float], digits: int = 4) -> list[float]:
    return [round(value, digits) for value in values]


def page(found: Row) -> str:
    """Return the page that tells what was measured."""
    rows: dict[str, Row] = found["collections"]
    told = found["settings"]
    n = sum(row["features"] for row in rows.values())
    lines = [
        "# Which neurons? Ways to choose them, over ten collections of features",
        "",
        "Written by `make sparse-table` from `sparse_probing_table.json`; do not edit.",
        "",
        f"{n} features of {len(rows)} tables (the facts about a person, one collection of the "
        f"paper, are five), {told['hook']} of layer {told['layer']} of `{told['model']}`, "
        f"{told['n_neurons']} neurons. Up to {told['per_label']} examples of a label from "
        f"{told['n_documents']} documents, four times as many documents for compound words. Held "
        "out are documents; for facts about people also given names, for compound words also "
        "sentence frames (two of eight). Both classes weigh alike: always yes has an F1 of 0.667. "
        f"Ridge {told['penalty']:g}.",
        "",
        *_methods(rows),
        *_collections(rows),
        *_proofs(rows, told),
    ]
    return "\n".join(lines) + "\n"


def _methods(rows: dict[str, Row]) -> list[str]:
    lines = [
        "## F1 by method and number of neurons, beside the published figures",
        "",
        "Held-out F1, each feature counting alike; in italics what [Gurnee23] publish, for Pythia "
        "models and their own texts. Seconds of work to choose neurons for one feature, for "
        '"optimal" at one k.',
        "",
        line("method", *(f"k = {k}" for k in KS), "*1*", "*4*", "*8*", "seconds", "*seconds*"),
        line("---", *["--:"] * (len(KS) + 5)),
    ]
    for method in METHODS:
        f1 = _mean(rows, [row["f1"][method] for row in rows.values()])
        (spent,) = _mean(rows, [[row["seconds"][method]] for row in rows.values()])
        paper = (f"*{PUBLISHED_F1[method][k]:.3f}*" for k in (1, 4, 8))
        ends = f"{spent:.2g}", f"*{PUBLISHED_SECONDS[method]:g}*"
        lines.append(line(method, *(f"{value:.3f}" for value in f1), *paper, *ends))
    return [*lines, "", f"Italics: {PUBLISHED_SOURCE}.", ""]


def _collections(rows: dict[str, Row]) -> list[str]:
    lines = [
        "## F1 by collection",
        "",
        "k = 1 / k = 8.",
        "",
        line("collection", "features", "examples", *METHODS),
        line("---", *["--:"] * (len(METHODS) + 2)),
    ]
    for name, row in rows.items():
        f1 = (f"{row['f1'][m][0]:.2f} / {row['f1'][m][-1]:.2f}" for m in METHODS)
        lines.append(line(name, row["features"], row["examples"], *f1))
    return [*lines, ""]


def _proofs(rows: dict[str, Row], told: Row) -> list[str]:
    lines = [
        "## How often the optimum is proven",
        "",
        f'"Optimal" in the tables above was searched among the {told["candidates"]} neurons of '
        f"highest F-statistic, {told['seconds']:g} s of work for each k; where the search did not "
        "end, its best probe so far counts. The paper's limit is 60 s. The last columns are "
        f"searches among all {told['n_neurons']} neurons of the layer, {told['all_seconds']:g} s "
        "each: the share that ended in a proof and, in brackets, in how many of these the optimum "
        f"consists of the {told['candidates']} candidates alone.",
        "",
        line("collection", *(f"k = {k}" for k in KS), *(f"all, k = {k}" for k in ALL_KS)),
        line("---", *["--:"] * (len(KS) + len(ALL_KS))),
    ]
    for name, row in rows.items():
        shares = [f"{share:.0%}" for share in row["proven"]]
        lines.append(line(name, *shares, *map(_share, row["among_all"])))
    means = _mean(rows, [row["proven"] for row in rows.values()])
    sums = [
        {key: sum(row["among_all"][at][key] for row in rows.values()) for key in rows_of}
        for at, rows_of in enumerate([("searches", "proven", "candidates")] * len(ALL_KS))
    ]
    lines.append(line("**all features**", *(f"{m:.0%}" for m in means), *map(_share, sums)))
    return lines


def _share(row: Row) -> str:
    return f"{row['proven'] / row['searches']:.0%} ({row['candidates']} of {row['proven']})"


def _mean(rows: dict[str, Row], values: list[list[float]]) -> list[float]:
    """Return means over all features of what is given by collection."""
    features = [row["features"] for row in rows.values()]
    sums = [sum(map(operator.mul, column, features)) for column in zip(*values, strict=True)]
    return [total / sum(features) for total in sums]


def main(names: list[str]) -> None:
    """Measure collections, all by default, and write data and page."""
    torch.set_num_threads(1)
    if unknown := set(names) - set(AGGREGATION):
        raise ValueError(f"expected collections of {list(AGGREGATION)}, got {sorted(unknown)}")
    model = load(MODEL)
    settings = {
        "model": MODEL,
        "hook": HOOK,
        "layer": LAYER,
        "n_neurons": model.cfg.d_mlp,
        "n_documents": N_DOCUMENTS,
        "per_label": PER_LABEL,
        "penalty": PENALTY,
        "candidates": CANDIDATES,
        "seconds": SECONDS,
        "all_seconds": ALL_SECONDS,
        "seed": SEED,
    }
    for name in names or AGGREGATION:
        data = collection_data(
            model,
            name,
            hook=HOOK,
            layers=[LAYER],
            n_documents=N_DOCUMENTS,
            per_label=PER_LABEL,
            seed=SEED,
        )
        row = measured(data, name)
        found = keep(DATA, "collections", {name: row}, settings=settings, order=AGGREGATION)
        PAGE.write_text(page(found))
        print(f"{name}: {row['features']} features")


if __name__ == "__main__":
    main(sys.argv[1:])
