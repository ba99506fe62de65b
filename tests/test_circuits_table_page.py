"""The page of ways to find circuits is made of its data, and says what both hold."""

import json

import pytest

from docs.circuits_table import COMPILED, DATA, METHODS, PAGE, PUBLISHED, TRAINED, page


@pytest.fixture(scope="module")
def found():
    return json.loads(DATA.read_text())


def test_the_page_is_what_its_data_say(found):
    assert PAGE.read_text() == page(found)


def test_all_six_tasks_are_there(found):
    assert list(found["tasks"]) == [*COMPILED, *TRAINED]


def test_acdc_finds_the_compiled_circuits_whole_under_both_ablations(found):
    for name in COMPILED:
        for areas in found["tasks"][name]["areas"].values():
            assert areas["ACDC"]["area"] == 1.0
            assert all(0 <= areas[m]["area"] <= 1 for m in METHODS if m in areas)


def test_more_edges_at_smaller_thresholds_and_every_method_at_each_size(found):
    for name in TRAINED:
        methods = found["tasks"][name]["methods"]
        sizes = list(methods["ACDC"]["taus"].values())
        assert sizes == sorted(sizes)
        assert list(methods) == ["ACDC", *(m for m in METHODS if m in methods and m != "ACDC")]
        assert all(set(methods[m]["at"]) == set(map(str, sizes)) for m in METHODS)


def test_published_figures_stand_beside_ours(found):
    lines = page(found).splitlines()
    (ioi,) = [line for line in lines if line.startswith("| ioi | town")]
    assert ioi.endswith("| *0.869* | *0.789* | *0.823* |")
    assert PUBLISHED["ioi", "kl"] == (0.869, 0.789, 0.823)
