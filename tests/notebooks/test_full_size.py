"""Chapters on checkpoints of the true sizes of GPT-2 small and Pythia-70M.

`MI_COURSE_DEVICE=cuda` runs them on a GPU.
"""

import os

import pytest
import torch
import transformers

from mi_course.models.tokenizer import load_tokenizer
from tests.notebooks.full_size import (
    CHAPTERS,
    DTYPES,
    EMBEDDED,
    IMAGES,
    LAYERS,
    LOADED,
    NAMED,
    SOLUTIONS,
    run_all,
    switched,
    work,
)
from tests.notebooks.true_sizes import PARAMETERS, VOCABULARY, checkpoint, config, tokenizer

MOST_MIB = 8 * 1024
DEVICE = os.environ.get("MI_COURSE_DEVICE", "cpu")
KINDS = {"gpt2": transformers.GPT2LMHeadModel, "pythia-70m": transformers.GPTNeoXForCausalLM}
LANGUAGE = [chapter for chapter in CHAPTERS if chapter != "01"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PARAMETERS)
@pytest.mark.parametrize("chapter", LANGUAGE)
def test_every_chapter_runs_to_its_end_in_eight_gigabytes(chapter, name, dtype, folder):
    (found,) = run_all([(chapter, checkpoint(name, folder / name), DEVICE, dtype)])
    print(found)
    assert found["error"] is None
    assert found["peak_mib"] <= MOST_MIB
    assert found["peak_gpu_mib"] <= MOST_MIB


@pytest.mark.slow
def test_chapter_01_runs_to_its_end_on_googlenet():
    (found,) = run_all([("01", "googlenet", DEVICE, "float32")])
    print(found)
    assert found["error"] is None
    assert found["peak_mib"] <= MOST_MIB


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_sizes_are_the_published_ones(name):
    with torch.device("meta"):
        module = KINDS[name](config(name))
    assert module.num_parameters() == PARAMETERS[name]
    assert module.get_input_embeddings().weight.shape[0] == VOCABULARY[name]


def test_the_tokenizer_is_filled_up_and_writes_texts_as_before(tmp_path):
    full, town = tokenizer(VOCABULARY["gpt2"], tmp_path), load_tokenizer()
    assert len(full) == VOCABULARY["gpt2"] == 1 + max(full.get_vocab().values())
    text = "Then, Mary and John went to the store. Это дом. def f(x):\n    return x  # ACGT"
    assert full.encode(text) == town.encode(text)
    assert full.decode([len(full) - 1]) == f" neverSeen{len(full) - 1}"


def test_each_chapter_names_and_loads_its_model_once_and_both_are_changed():
    for chapter in LANGUAGE:
        (source,) = SOLUTIONS.glob(f"{chapter}_*.py")
        cells = source.read_text(encoding="utf-8").split("# %%")
        (cell,) = [cell for cell in cells if f"= {LOADED}" in cell]
        assert len(NAMED.findall(cell)) == 1
        changed = switched(cell, "some/folder", "cuda", "bfloat16")
        assert "MODEL = 'some/folder'" in changed
        assert "load(MODEL, device='cuda', dtype='bfloat16')" in changed
        assert switched(cell, EMBEDDED, "cuda", "bfloat16") == cell
    (source,) = SOLUTIONS.glob("01_*.py")
    text = source.read_text(encoding="utf-8")
    assert text.count(IMAGES[0]) == text.count(LAYERS[0]) == 1
    assert IMAGES[1] in switched(text, "googlenet", "cpu", "float32")


def test_work_counts_products_forward_and_backward():
    a = torch.ones(10, 20, requires_grad=True)
    counted, b = work(), torch.ones(20, 5, requires_grad=True)
    with counted:
        (a @ b).sum().backward()
    assert counted.flop == 3 * 2 * 10 * 20 * 5  # the product, and one for each gradient
