"""What the page about real models says that is not measured: models, switches, published figures.

Numbers that the course holds as data come from there. The others stand beside their source.
"""

from dataclasses import dataclass

from docs.circuits_table import PUBLISHED
from mi_course.methods.patching import GPT2_CLASSES, GPT2_FIGURES
from mi_course.results import CircuitGraph
from mi_course.results.sparse_probing import PUBLISHED_F1

GPT2, PYTHIA = "openai-community/gpt2", "EleutherAI/pythia-70m"
SWITCH = (f'MODEL = "{GPT2}"  # or "{PYTHIA}", or a directory with a checkpoint',)


@dataclass(frozen=True)
class Section:
    """What the page says of a chapter.

    Attributes:
        title: the chapter's.
        model: which real models it has in mind.
        named: the text in the chapter's source that is to be changed; None where nothing is.
        told: where that stands, and what else is worth changing.
        switch: what it is to be changed into.
        seen: published results, each with its source.
    """

    title: str
    model: str
    named: str | None
    told: str
    switch: tuple[str, ...]
    seen: tuple[str, ...]


def _heads(name: str) -> str:
    return ", ".join(f"L{layer}H{head}" for layer, head in GPT2_CLASSES[name])


def _area(task: str) -> str:
    return " / ".join(f"{area:.3f}" for area in PUBLISHED[task, "kl"])


OPENING = f"""# Real models

Written by `python -m docs.real_models`; do not edit.

The figures in the notebooks, and the numbers that tests hold them to, come from the models in the
repository. To see the same on a model that people use, change one name, where there is a network to
load it from. The memory of a T4, 16 GB, is enough for every chapter.

```python
from mi_course.models import load

MODEL = "{GPT2}"        # downloaded once, then from the cache
model = load(MODEL)                    # on the GPU where there is one
model = load(MODEL, device="cpu")      # or where you say
model = load(MODEL, dtype="bfloat16")  # half the memory, three significant digits
```

Stay with float32 on a T4, which has no bfloat16 units. In bfloat16 a logit of 80 is rounded to
halves; lenses, patching and circuits therefore read such a model in single precision.

Cells whose text quotes numbers speak of the embedded model. On another model they still run, and
nothing is asserted about their numbers. Time and memory below were measured on checkpoints of the
true sizes with random weights and the vocabulary filled up to the true size. Random weights keep
fewer edges and heads than trained ones, so chapter 08 takes longer on a trained model. What
should be seen is published by others, and was not measured here.

**How a T4's time is estimated.** The seconds that the chapter takes on its embedded model, mostly
work that stays on the CPU, and its matrix products at a third of the 8.1 TFLOP/s (float32) that
NVIDIA publishes for the card. Nobody has run it there for this page: it is an estimate.
"""

CLOSING = """## To measure it again

```
make real-models
python -m tests.notebooks.full_size --device cuda --jobs 4 --models gpt2 > gpu.jsonl
python -m docs.real_models gpu.jsonl
```

The same runs are part of `make test-all`, where each chapter must end without an error in at most
8 GiB; `MI_COURSE_DEVICE=cuda` runs the same tests on a GPU.

## Sources

- [nostalgebraist20] Interpreting GPT: the logit lens
- [Belrose23] Eliciting Latent Predictions from Transformers with the Tuned Lens
- [Conmy23] Towards Automated Circuit Discovery for Mechanistic Interpretability
- [Cunningham23] Sparse Autoencoders Find Highly Interpretable Features in Language Models
- [Elhage22] Toy Models of Superposition
- [Gurnee23] Finding Neurons in a Haystack
- [Hewitt19] Designing and Interpreting Probes with Control Tasks
- [Olah17] Feature Visualization; [Olah20] Zoom In
- [Olsson22] In-context Learning and Induction Heads
- [Wang22] Interpretability in the Wild
"""

CHAPTERS = {
    "00": Section(
        "Start here",
        f"GPT-2 small (`{GPT2}`) or Pythia-70M (`{PYTHIA}`).",
        'MODEL = "town"',
        "The second code cell.",
        SWITCH,
        (
            f"GPT-2 small gives the receiver of a gift the higher logit in "
            f"{100 * GPT2_FIGURES['accuracy']:.1f} % of such sentences [Wang22, section 2].",
        ),
    ),
    "01": Section(
        "Feature visualization",
        "GoogLeNet, the batch-norm network of torchvision: 6,624,904 parameters, 52 MB, right "
        "about 69.8 % of ImageNet's pictures in its first guess and 89.5 % in five "
        "(torchvision's pages).",
        "BIG, WEIGHTS = MODEL, None",
        "The first code cell of section 9, after the download that stands above it.",
        (
            'BIG, WEIGHTS = "googlenet", "googlenet.pth"',
            'LAYERS = ("conv3", "inception3b", "inception4c")',
        ),
        (
            "Curve detectors and high-low frequency detectors in the early layers, and cars "
            "made of windows above and wheels below [Olah20]. That was another network with the "
            "same plan: the articles' channel numbers mean nothing here, and the chapter "
            "searches instead.",
        ),
    ),
    "02": Section(
        "The logit lens",
        "GPT-2 small, or Pythia. The lens was first tried on GPT-2.",
        'MODEL = "town"',
        "The second code cell.",
        SWITCH,
        (
            "In GPT-2 early layers read as nonsense or as shallow guesses, then as better ones; a "
            "good guess stands in the middle and is refined. Only the input itself looks like the "
            "input [nostalgebraist20].",
            "Translators bring every layer nearer to the final prediction than the plain lens, "
            "in models of up to 20 B parameters [Belrose23].",
        ),
    ),
    "03": Section(
        "Probing",
        "Pythia-70M, the smallest of the seven models of [Gurnee23]; GPT-2 small for the probes.",
        'MODEL = "town"',
        "The second code cell. The heat map over training stays that of `town`.",
        (f'MODEL = "{PYTHIA}"  # or "{GPT2}", or a directory with a checkpoint',),
        (
            "Mean F1 of one neuron, over more than 100 features: "
            + ", ".join(f"{way} {f1[1]:.3f}" for way, f1 in PUBLISHED_F1.items())
            + " [Gurnee23, appendix].",
            "Parts of speech: a linear probe is right in 97.2 %, on its control task in 71.2 %, a "
            "selectivity of 26.0; an MLP 97.3 and 92.8, a selectivity of 4.5 [Hewitt19].",
        ),
    ),
    "04": Section(
        "Superposition",
        "None. The chapter trains toy models of a few hundred weights, as [Elhage22] do.",
        None,
        "Nothing to change: about a minute and at most 1 GB on a laptop's CPU.",
        (),
        (
            "Feature dimensionalities gather at 1/2, 2/3, 3/4, 2/5 and 3/8 [Elhage22, "
            "geometry]; the chapter finds the first of them itself.",
        ),
    ),
    "05": Section(
        "Sparse autoencoders",
        "Pythia-70M, the model of [Cunningham23].",
        'MODEL = "town"',
        "The second code cell. `HOOK` in the same cell is the stream in the middle; [Cunningham23] "
        "take the one after layer 2. On other models than `town` the dictionaries are trained in "
        "the notebook, small and for 200 steps; published ones saw 5 to 50 million activations, so "
        "expect more loss than they report.",
        (f'MODEL = "{PYTHIA}"', 'HOOK = "blocks.2.hook_resid_post"'),
        (
            "With the reconstruction in place of the stream after layer 2, perplexity goes from "
            "25 to 40 [Cunningham23].",
            "A feature's interpretability score correlates 0.19 with the skew of its "
            "activations and 0.24 with their kurtosis [Cunningham23].",
        ),
    ),
    "06": Section(
        "Induction heads",
        "GPT-2 small.",
        'MODEL = "attn-2l"',
        "The second code cell. Section 10, about training, stays that of `attn-2l` and `attn-1l`.",
        SWITCH,
        (
            f"Induction heads that [Wang22] name: {_heads('induction')}; previous-token heads: "
            f"{_heads('previous token')}.",
            "Attention from the second copy of random tokens to what came next the first time, "
            "five highest: L5H5 0.93, L6H9 0.91, L7H10 0.91, L5H1 0.91, L7H2 0.83 (repository "
            "designer-coderajay/induction-head-detector). High scores here and a part in the IOI "
            "circuit are two things.",
            "[Olsson22] score in-context learning as loss at the 500th token minus loss at the "
            "50th; texts of this chapter are shorter, so the levels cannot be compared.",
        ),
    ),
    "07": Section(
        "IOI patching",
        "GPT-2 small, the model of [Wang22].",
        'MODEL = "town"',
        "The second code cell. `MOVERS` and, later, `ERASERS` then hold the heads that [Wang22] "
        "call name movers and S-inhibition heads.",
        (f'MODEL = "{GPT2}"',),
        (
            f"Mean logit difference {GPT2_FIGURES['logit_diff']}, right in "
            f"{100 * GPT2_FIGURES['accuracy']:.1f} %; the circuit of 26 heads keeps "
            f"{100 * GPT2_FIGURES['faithfulness']:.0f} % of the difference [Wang22]. "
            "ARENA's eight prompts have 3.55 on average.",
            *(f"{name} heads: {_heads(name)} [Wang22, figure 2]." for name in GPT2_CLASSES),
            "Without the name movers, backup movers take over: the difference falls far less than "
            "direct attribution says [Wang22, section 3.4].",
        ),
    ),
    "08": Section(
        "Automatic circuit discovery",
        "GPT-2 small, with the tasks of [Conmy23].",
        'MODEL = "town"',
        "The second code cell.",
        (f'MODEL = "{GPT2}"',),
        (
            f"{len(CircuitGraph(12, 12).edges):,} edges with queries, keys and values apart, "
            f"{len(CircuitGraph(12, 12, split=False).edges):,} without; [Conmy23] count 32,923 "
            "with, and keep 443 of them on IOI.",
            f"Area under the ROC curve against the circuits that people found, ACDC / HISP / "
            f"SP, by KL: IOI {_area('ioi')}, Greater-Than {_area('greater_than')}, docstring "
            f"(another model) {_area('docstring')} [Conmy23, table 2].",
            "ACDC on IOI without the split: 8 minutes on an A100 [Conmy23].",
        ),
    ),
}
