"""The page of the sparse-probing table is made of its data, and says what both hold."""

import json

import pytest

from docs.sparse_probing_table import DATA, KS, METHODS, PAGE, page
from mi_course.methods.probing.ten_collections import AGGREGATION
from mi_course.results.sparse_probing import PUBLISHED_F1


@pytest.fixture(scope="module")
def found():
    return json.loads(DATA.read_text())


def test_the_page_is_what_its_data_say(found):
    assert PAGE.read_text() == page(found)


def test_all_ten_collections_all_methods_and_every_k_are_there(found):
    rows = found["collections"]
    assert list(rows) == list(AGGREGATION)
    for row in rows.values():
        assert list(row["f1"]) == list(METHODS)
        for f1 in row["f1"].values():
            assert len(f1) == len(KS) == 8
            assert all(0 <= value <= 1 for value in f1)
        assert all(0 <= share <= 1 for share in row["proven"])
        for all_ in row["among_all"]:
            assert 0 <= all_["candidates"] <= all_["proven"] <= all_["searches"] == row["features"]


def test_the_mean_counts_features_alike_and_stands_beside_the_published_one():
    def row(features: int, f1: float) -> dict:
        methods = dict.fromkeys(METHODS, [f1] * 8)
        searches = {"k": 1, "searches": features, "proven": features, "candidates": 1}
        return {
            "features": features,
            "examples": 10,
            "f1": methods,
            "seconds": dict.fromkeys(METHODS, 0.5),
            "proven": [0.5] * 8,
            "among_all": [searches] * 4,
        }

    settings = json.loads(DATA.read_text())["settings"]
    text = page({"settings": settings, "collections": {"a": row(1, 0.5), "b": row(3, 0.9)}})
    lines = [line for line in text.splitlines() if line.startswith("| optimal |")]
    assert lines == [
        f"| optimal |{' 0.800 |' * 8} *{PUBLISHED_F1['optimal'][1]}* "
        f"| *{PUBLISHED_F1['optimal'][4]}* | *{PUBLISHED_F1['optimal'][8]}* | 0.5 | *53* |"
    ]
    assert "100% (2 of 4)" in text.splitlines()[-1]
