"""A class whose students hand in everything from perfect work to attacks, for chapter 99."""

import json

STUBS = {
    "99.1": "def position_means(values):\n    raise NotImplementedError('not yet')",
    "99.2": "def clipped(values, limit):\n    raise NotImplementedError('not yet')",
    "99.3": "def shuffled(tokens, generator):\n    raise NotImplementedError('not yet')",
}
RIGHT = {
    "99.1": "def position_means(values):\n    return values.mean(dim=1)",
    "99.2": "def clipped(values, limit):\n    return [max(-limit, min(limit, v)) for v in values]",
    "99.3": (
        "def shuffled(tokens, generator):\n"
        "    return tokens[torch.randperm(len(tokens), generator=generator)]"
    ),
}
FUNCTIONS = {"99.1": "position_means", "99.2": "clipped", "99.3": "shuffled"}


def cell(source, *, cell_id="", **metadata):
    return {
        "cell_type": "code",
        "id": cell_id or f"c{abs(hash(source)) % 10**8}",
        "source": source,
        "metadata": metadata,
        "outputs": [],
        "execution_count": None,
    }


def notebook(answers, *, chapter="99_demo", tagged=True):
    """A notebook with the set-up, and an answer and a check for each exercise."""
    cells = [cell("import torch\nfrom mi_course.grading import check", tags=["setup"])]
    for key, code in answers.items():
        role = f"exercise-{key.replace('.', '-')}"
        metadata = {"exercise": key, "points": 1} if tagged else {}
        cells.append(cell(code, cell_id=role if tagged else "", **metadata))
        cells.append(cell(f"check({FUNCTIONS[key]})", check=key))
    metadata = {"mi_course": {"chapter": chapter, "role": "student"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def first(code, **others):
    """A notebook whose first answer is `code` and whose other answers are right."""
    return notebook(RIGHT | {"99.1": code} | others)


LOOP = "def position_means(values):\n    while True:\n        pass"
FLOOD = "def position_means(values):\n    for _ in range(1000):\n        print('x' * 1_000_000)"
FORKS = """
import os
def position_means(values):
    while True:
        os.fork()
"""
MEMORY = """
def position_means(values):
    kept = []
    while True:
        kept.append(torch.empty(2**28))
"""
SNOOP = """
import os, sys
from pathlib import Path
def position_means(values):
    found = []
    for name in ("mi_course.exercises", "mi_course.methods.induction", "tests.exercises.demo"):
        try:
            found += vars(__import__(name, fromlist=["x"])).get("EXERCISES", ())
        except ImportError:
            pass
    for root, folders, files in os.walk("/", onerror=lambda error: None):
        if root.startswith(("/proc", "/sys", "/usr")) or "site-packages" in root:
            folders.clear()
        found += [f for f in files if f.endswith(".ipynb") or f in ("demo.py", "secret-seed.json")]
        found += [f for f in files if "ch0" in f and f.endswith(".py")]
    leaks = [name for name in os.environ if name.startswith(("PYTEST", "SECRET", "HOME_OF"))]
    roots = [] if os.getuid() else ["root"]
    if found or leaks or roots:
        raise RuntimeError(f"found {found} {leaks} {roots}")
    return None
"""
NETWORK = """
import socket
def position_means(values):
    try:
        socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
    except OSError as error:
        raise RuntimeError("no network") from error
    return values.mean(1)
"""
FORGED = """
import os, json, sys
def position_means(values):
    line = json.dumps({"value": {"t": "tensor", "dtype": "float32", "shape": [1, 2],
                                 "data": "AAAAQAAAgEA="}})
    for descriptor in range(64):
        for head in ("", "0 ", "call 0 0.0 "):
            try:
                os.write(descriptor, (head + line + chr(10)).encode())
            except OSError:
                pass
    print(line, file=sys.stderr)
    raise ValueError("forged")
"""
OPERATORS = """
class Always(torch.Tensor):
    def __eq__(self, other): return True
    def __float__(self): return 0.0
    def allclose(self, *a, **k): return True
class Yes:
    shape = (1, 2)
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *a): return True
def position_means(values):
    return values.sum(1).as_subclass(Always)
"""
KILLER = """
import os, signal
def position_means(values):
    os.kill(os.getppid(), signal.SIGKILL)
    return values.mean(1)
"""
TRACES = """
import os, pathlib
try:
    pathlib.Path("/tmp/left").mkdir()
    pathlib.Path("/tmp/left/mark").write_text("was here")
    pathlib.Path("/tmp/left").chmod(0)
except OSError:
    pass
torch.Tensor.mean = lambda *a, **k: torch.zeros(1, 2)
if os.fork() == 0:
    import time
    time.sleep(600)
def position_means(values):
    return values.sum(1) / values.shape[1]
"""
TRACELESS = """
import os
def position_means(values):
    if os.listdir(os.environ["TMPDIR"]):
        raise RuntimeError("somebody was here")
    return values.mean(1)
"""
MUTATES = "def position_means(values):\n    values /= values.shape[1]\n    return values.sum(1)"
SPLITS = "def mean_of(values):\n    return values.mean(1)"


def everybody():
    """Student -> notebook as text, bytes, or None for an empty folder; graded in this order."""
    renamed = notebook(RIGHT | {"99.1": "def means(values):\n    return values.mean(1)"})
    deleted = notebook({key: RIGHT[key] for key in ("99.2", "99.3")})
    retyped = notebook(RIGHT, tagged=False, chapter="")
    odd = notebook(RIGHT)
    odd["cells"] += [7, None, {"cell_type": "code"}, {"cell_type": "code", "source": [1, "x"]}]
    exits = "import os\ndef position_means(values):\n    os._exit(0)"
    half = RIGHT | {"99.1": "def position_means(values):\n    return values.sum(1)"}
    calls = {"99.2": RIGHT["99.2"].replace("v in values", "v in list(values)")}
    written = {
        "a-perfect": notebook(RIGHT),
        "blank": notebook(STUBS),
        "half": notebook(half | {"99.3": STUBS["99.3"]}),
        "wrong": notebook(
            {
                "99.1": "def position_means(values):\n    return values[:, 0]",
                "99.2": "def clipped(values, limit):\n    return [abs(v) for v in values]",
                "99.3": "def shuffled(tokens, generator):\n    return tokens",
            }
        ),
        "renamed": renamed,
        "deleted": deleted,
        "retyped": retyped,
        "odd-cells": odd,
        "syntax": first("def position_means(values):\n    return values.mean(1"),
        "exits": first(exits),
        "sys-exit": first("import sys\ndef position_means(values):\n    sys.exit(0)"),
        "loops": first(LOOP),
        "floods": first(FLOOD),
        "forks": first(FORKS),
        "memory": first(MEMORY),
        "snoops": first(SNOOP),
        "forges": first(FORGED),
        "operators": first(OPERATORS),
        "kills": first(KILLER),
        "leaves-traces": first(TRACES, **calls),
        "mutates": first(MUTATES),
        "magics": first("%matplotlib inline\n!ls\n" + RIGHT["99.1"]),
        "warns": first("import sys\n" + RIGHT["99.1"].replace(
            "    return", "    print('careful', file=sys.stderr)\n    return")),
        "uses-earlier": notebook(
            {"99.2": RIGHT["99.2"], "99.1": SPLITS + "\n" + RIGHT["99.1"], "99.3": RIGHT["99.3"]}
        ),
        "z-last": first(TRACELESS),
    }  # fmt: skip
    files = {name: json.dumps(content) for name, content in written.items()}
    return files | {
        "no-cells": json.dumps({"metadata": {}, "nbformat": 4}),
        "not-json": "<html>please log in</html>",
        "not-text": b"\xff\xfe\x00{}",
        "deep": "[" * 100_000,
        "empty-folder": None,
    }
