"""The page about real models has every chapter, names what is there, and says what was measured."""

import json
from pathlib import Path

import pytest

from docs.real_models import DATA, EMBEDDED, PAGE, T4_FLOP, T4_SHARE, page, t4_seconds, taken_in
from docs.real_models_text import CHAPTERS, GPT2
from mi_course.methods.patching import GPT2_CLASSES

SOLUTIONS = Path(__file__).parents[1] / "solutions"


def source(number):
    (found,) = SOLUTIONS.glob(f"{number}_*.py")
    return found.read_text(encoding="utf-8")


def run(**changes):
    made = {"model": "gpt2", "parameters": 124_439_808, "chapter": "02", "device": "cpu"}
    made |= {"dtype": "float32", "seconds": 300.0, "cpu_seconds": 120.0, "peak_mib": 3072}
    made |= {"peak_gpu_mib": 0, "tflop": 27.0, "machine": "a machine", "slowest": []}
    return made | changes


@pytest.fixture(scope="module")
def runs():
    return json.loads(DATA.read_text(encoding="utf-8"))


def test_the_page_is_what_its_data_and_its_text_say(runs):
    assert PAGE.read_text(encoding="utf-8") == page(runs)


def test_every_chapter_has_its_section_under_its_own_title():
    assert list(CHAPTERS) == sorted(path.name[:2] for path in SOLUTIONS.glob("[0-9][0-9]_*.py"))
    told = page([])
    for number, section in CHAPTERS.items():
        assert f"\n## {number} · {section.title}\n" in told
        assert section.title in source(number)


@pytest.mark.parametrize("number", CHAPTERS)
def test_the_switch_stands_once_in_the_chapter(number):
    section = CHAPTERS[number]
    if section.named is None:
        assert "load(MODEL" not in source(number)
    else:
        assert source(number).count(section.named) == 1
        assert section.named.split(" = ")[0] == section.switch[0].split(" = ")[0]


def test_chapter_07_knows_the_heads_of_gpt2_that_the_page_names():
    for name in ("name mover", "S-inhibition"):
        heads = (f'"L{layer}H{head}"' for layer, head in GPT2_CLASSES[name])
        assert f'"{GPT2}": ({", ".join(heads)})' in source("07")


def test_measured_runs_ended_and_are_told_with_their_numbers(runs):
    told = page(runs)
    for each in runs:
        assert each["machine"] in told
        start = f"| {each['chapter']} | {each['model']} | {each['dtype']} | {each['device']} |"
        assert f"{start} {each['cpu_seconds']:,.0f} |" in told
        assert each["peak_mib"] <= 8192


def test_a_chapter_without_a_run_on_the_cpu_tells_what_is_known():
    gpu = run(device="NVIDIA X", dtype="bfloat16", seconds=90.0, peak_gpu_mib=2048, tflop=None)
    told = page([gpu])
    assert "gpt2 in bfloat16: 2.0 GiB of a GPU's memory, about 2 minutes on NVIDIA X" in told
    chapters_with_a_switch = [section for section in CHAPTERS.values() if section.named]
    assert told.count("Not measured yet") == len(chapters_with_a_switch) - 1
    assert "Not measured yet" not in page([gpu]).split("## 04")[1].split("## 05")[0]


def test_a_run_takes_the_place_of_an_older_one_and_a_failed_one_is_refused(tmp_path):
    file = tmp_path / "runs.jsonl"
    file.write_text(json.dumps(run(cpu_seconds=7.0, error=None, crosses=1)) + "\n")
    (found,) = taken_in([file], [run()])
    assert found == run(cpu_seconds=7.0)
    file.write_text(json.dumps(run(error="ValueError: no")) + "\n")
    with pytest.raises(SystemExit, match=r"(?s)expected runs without errors.*ValueError: no"):
        taken_in([file], [])


def test_the_estimate_adds_the_products_to_what_the_chapter_costs_anyway():
    own = run(model=EMBEDDED, cpu_seconds=40.0)
    assert t4_seconds(run(), [run(), own]) == pytest.approx(40 + 27e12 / (T4_FLOP * T4_SHARE))
    assert t4_seconds(run(), [run()]) is None
    gpu = run(device="NVIDIA X", dtype="bfloat16", seconds=900.0, peak_gpu_mib=2048, tflop=None)
    assert t4_seconds(run(), [run(), own, gpu]) == 900
    assert "3.0 GiB at the peak, about 2 minutes of one CPU core; less than a minute" in page(
        [run(), own]
    )
