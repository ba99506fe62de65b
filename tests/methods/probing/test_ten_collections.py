"""Ten collections: what each feature is told from, and what of it is held out."""

from dataclasses import replace

import pytest
import torch

from mi_course.methods.probing.splits import split
from mi_course.methods.probing.ten_collections import (
    AGGREGATION,
    collection_data,
    collection_table,
    judged_features,
    told_apart,
)
from mi_course.results import ProbeData


def probe_data(n: int, features: int = 2) -> ProbeData:
    generator = torch.Generator().manual_seed(0)
    activations = torch.randn(2, n, 5, generator=generator)
    labels = torch.rand(n, features, generator=generator) < 0.4
    return ProbeData.from_tensors(activations, labels, groups=torch.arange(n) // 3)


def phrases(per_phrase: int = 20) -> ProbeData:
    """Two compounds, each with its two rivals, in five frames."""
    names = [
        f"{kind}{name}"
        for name in ("ice_cream", "bus_stop")
        for kind in ("", "distractor_XZ:", "distractor_WY:")
    ]
    which = torch.arange(6).repeat(per_phrase)
    data = ProbeData.from_tensors(
        torch.randn(1, len(which), 4, generator=torch.Generator().manual_seed(0)),
        which[:, None] == torch.arange(6),
        features=tuple(names),
        groups=torch.arange(len(which)) // 6 % 5,
    )
    return replace(data, collection="compound")


def test_rare_labels_are_left_out():
    data = probe_data(n=90)
    labels = data.labels.clone()
    labels[:, 1] = torch.arange(90) < 5
    rare = ProbeData.from_tensors(data.activations, labels, groups=data.groups)
    assert judged_features(rare).features == ("feature 0",)
    with pytest.raises(ValueError, match="expected a feature"):
        judged_features(ProbeData.from_tensors(data.activations, labels[:, 1:]))


def test_the_table_reads_a_model(town):
    table = collection_table(
        town,
        collections=("natural_language",),
        layers=[1],
        n_documents=60,
        per_label=30,
        ks=(1, 2),
        methods=("random", "F-statistic"),
    )
    assert table.collections == ("natural_language",)
    assert (table.f1[0, 1] >= table.f1[0, 0]).all()


def test_a_compound_is_told_from_its_own_rivals_alone():
    data = phrases()
    cream, stop = told_apart(data)
    assert (cream.features, stop.features) == (("ice_cream",), ("bus_stop",))
    rivals = data.labels[:, 4] | data.labels[:, 5]
    torch.testing.assert_close(stop.activations[0, ~stop.labels[:, 0]], data.activations[0, rivals])
    assert int(stop.labels.sum()) == 20
    assert len(stop.labels) == 60


def test_other_collections_are_one_part_with_all_their_examples():
    data = probe_data(n=90)
    (part,) = told_apart(data)
    assert len(part.labels) == 90
    assert part.features == data.features


def test_the_compounds_of_the_town_are_judged_in_frames_and_documents_not_fitted_on(town):
    parts = collection_data(town, "compound", layers=[1], n_documents=120, per_label=60)
    assert len(parts) > 20
    for part in parts:
        assert not any(name.startswith("distractor") for name in part.features)
        train, test = split(part)
        for rows in (part.groups, part.documents):
            assert not set(rows[train].tolist()) & set(rows[test].tolist())
        assert len(part.groups[test].unique()) >= 2
        assert part.labels[test].any()
        assert not part.labels[test].all()


def test_there_are_ten_collections_of_which_the_facts_are_five():
    assert len([name for name in AGGREGATION if not name.startswith("person_")]) + 1 == 10


def test_an_unknown_collection_is_refused(town):
    with pytest.raises(ValueError, match="got 'weather'"):
        collection_table(town, collections=("weather",), layers=[0])
