"""Reading what an answer must not know: references, secrets, other students, the grader itself."""

import json

import pytest

from tests.attacks.stage import DECOY, attack
from tests.grading import class_of_students as students

CODEWORD = "earlier_student_wrote_this"

OPTIONS = {"timeout": 10.0}  # they read every file that they see, also on a busy machine
WALK = """
import os, sys
def processes():
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return ["self", *map(str, range(1, 400))]
def files(top, skip=("/proc", "/sys", "/usr", "/dev")):
    for root, folders, names in os.walk(top, onerror=lambda error: None):
        if root.startswith(skip) or "site-packages" in root:
            folders.clear()
            continue
        yield from (os.path.join(root, name) for name in names)
def refuse(found):
    raise RuntimeError(f"found {sorted(map(str, found))[:20]}")
"""


@attack("""
import importlib
def position_means(values):
    found = []
    for name in ("mi_course.exercises", "mi_course.exercises.core", "mi_course.exercises.ch06",
                 "mi_course.methods.induction", "mi_course.grading.paper", "tests.exercises.demo",
                 "mi_course.exercises.registry", "mi_course.grading.grade", "solutions"):
        try:
            found += [key for key in vars(importlib.import_module(name)) if not key.startswith("_")]
        except ImportError:
            pass
    raise RuntimeError(f"found {found}")
""")
def test_references_cannot_be_imported(mark):
    assert mark.points == 0
    assert "found []" in mark.message


@attack("""
from mi_course.exercises import registry
from mi_course.methods.induction import induction_score
def position_means(values):
    return registry.get("99.1").reference(values)
""")
def test_an_answer_that_calls_the_reference_is_told_that_it_is_not_there(mark):
    assert mark.points == 0
    assert "registry.get is not available under grading" in mark.message


@attack(
    WALK
    + """
NAMES = ("demo", "secret-seed", "gradebook", "id_ed25519", "ch0", "ch9", "solutions", "class_of")
def position_means(values):
    refuse([f for f in files("/") if any(n in os.path.basename(f) for n in NAMES)
            or f.endswith((".ipynb", ".csv"))])
"""
)
def test_no_solution_test_notebook_or_gradebook_lies_anywhere(mark):
    assert mark.points == 0
    assert "found []" in mark.message


@attack(
    WALK
    + f"""
MARK = "{DECOY[:5]}" + "{DECOY[5:]}"
def position_means(values):
    found = [f for f in files("/") if MARK in text(f)]
    found += [key for key, value in os.environ.items() if MARK in value]
    for pid in processes():
        for name in ("environ", "cmdline", "maps", "mountinfo"):
            found += [f"{{pid}} {{name}}"] if MARK in text(f"/proc/{{pid}}/{{name}}") else []
    refuse(found)
def text(path):
    try:
        return open(path, errors="replace").read() if os.path.getsize(path) < 10**5 else ""
    except OSError:
        return ""
"""
)
def test_neither_environment_nor_home_nor_keys_can_be_read(mark):
    assert mark.points == 0
    assert "found []" in mark.message


@attack(
    WALK
    + """
def keeper():  # `sleep`, which was given nothing: whoever reads it has read nothing
    try:
        return "1" if open("/proc/1/comm").read() == "sleep\\n" else ""
    except OSError:
        return ""
def position_means(values):
    found, mine = [], os.getpid()
    for pid in processes():
        for name in ("mem", "environ", "fd/0", "fd/1", "fd/2", "fd/3", "fd/4", "fd/5", "root/etc"):
            for flags in (os.O_RDONLY | os.O_NONBLOCK, os.O_WRONLY | os.O_NONBLOCK):
                if pid in ("self", str(mine), keeper()):
                    continue
                try:
                    os.close(os.open(f"/proc/{pid}/{name}", flags))
                    found.append(f"{pid} {name} {flags & 3}")
                except OSError:
                    pass
    raise RuntimeError(f"found {found}")
"""
)
def test_no_other_process_can_be_looked_into(mark):
    assert mark.points == 0
    assert "found []" in mark.message


@attack("""
import gc, sys
def position_means(values):
    held = [o for o in gc.get_objects() if isinstance(o, torch.Tensor) and o.numel() > 1]
    frame, found = sys._getframe(), []
    while frame:
        found += [n for n, v in frame.f_locals.items() if "expect" in n or "reference" in n]
        frame = frame.f_back
    same = [o for o in held if o.shape == values[:, 0].shape and torch.equal(o, values.mean(1))]
    raise RuntimeError(f"found {found} {same}")
""")
def test_neither_frames_nor_the_collector_hold_an_expected_value(mark):
    assert mark.points == 0
    assert "found [] []" in mark.message


SCAN = """
import os, re
def maps():
    try:
        return open("/proc/self/maps").read().splitlines()
    except OSError:
        return []
def memory():
    for row in maps():
        span, rights, *_, = row.split()
        if not rights.startswith("rw"):
            continue
        start, stop = (int(part, 16) for part in span.split("-"))
        try:
            with open("/proc/self/mem", "rb", 0) as file:
                file.seek(start)
                yield file.read(stop - start)
        except (OSError, OverflowError, ValueError):
            continue
"""


@attack(f"# {CODEWORD}\n" + students.RIGHT["99.1"].replace("1)", f"1)  # {CODEWORD}"))
def test_a_first_student_writes_a_right_answer(mark):
    assert mark.points == 3


@attack(
    SCAN
    + f"""
WORD = rb"[{CODEWORD[0]}]{CODEWORD[1:]}"  # which does not match itself
def position_means(values):
    found = [part for block in memory() for part in re.findall(WORD, block)]
    raise RuntimeError(f"found {{found[:3]}}")
"""
)
def test_b_code_of_an_earlier_student_is_not_in_memory(mark):
    assert "found []" in mark.message


@attack(
    SCAN
    + r"""
def position_means(values):
    # The right values for these very inputs, as an earlier student's answer sent them.
    import base64
    right = values.mean(1).contiguous().numpy().tobytes()
    text = base64.b64encode(right)[:10]
    found = [part for block in memory() for part in re.findall(rb'["]data": "' + text, block)]
    raise RuntimeError(f"found {found[:3]}")
"""
)
def test_c_values_of_an_earlier_student_are_not_in_memory(mark):
    assert "found []" in mark.message


@attack("""
import ctypes, os, socket
import numpy as np
libc = ctypes.CDLL(None, use_errno=True)
DATA = b"the right answer"
def kept():
    for place in ("/tmp", "/scratch", "/dev/shm", "/var/tmp", "/dev/mqueue", "/run", os.getcwd()):
        try:
            with open(f"{place}/left", "wb") as file: file.write(DATA)
        except OSError: pass
    shared = libc.shmget(77, 4096, 0o1666)
    if shared >= 0:
        libc.shmat.restype = ctypes.c_void_p
        ctypes.memmove(libc.shmat(shared, None, 0), DATA, len(DATA))
    libc.msgget(77, 0o1666)
    libc.semget(77, 1, 0o1666)
    try: ctypes.CDLL("librt.so.1").mq_open(b"/left", 0o102, 0o666, None)
    except OSError: pass
    if os.fork() == 0:
        try:
            daemon()
        finally:
            os._exit(0)
def daemon():
    os.setsid()
    if os.fork() == 0:
        server = socket.socket(socket.AF_UNIX)
        server.bind("\\0left")
        server.listen()
        while True: server.accept()[0].sendall(DATA)
kept()
def position_means(values):
    return values.mean(1)
""")
def test_d_an_accomplice_stores_the_right_values_where_it_can(mark):
    assert mark.points == 3


@attack("""
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def position_means(values):
    found = []
    for place in ("/tmp", "/scratch", "/dev/shm", "/var/tmp", "/dev/mqueue", "/run", os.getcwd()):
        found += [place] if os.path.exists(f"{place}/left") else []
    found += ["shm"] if libc.shmget(77, 4096, 0) >= 0 else []
    found += ["msg"] if libc.msgget(77, 0) >= 0 else []
    found += ["sem"] if libc.semget(77, 1, 0) >= 0 else []
    try: found += ["mq"] if ctypes.CDLL("librt.so.1").mq_open(b"/left", 0) >= 0 else []
    except OSError: pass
    try:
        with socket.socket(socket.AF_UNIX) as client:
            found += [] if client.connect_ex("\\0left") else ["socket"]
    except OSError: pass
    raise RuntimeError(f"found {found}")
""")
def test_e_the_next_student_finds_nothing_of_it(mark):
    assert "found []" in mark.message


@attack("""
import torch
torch.nn.Module.left = "somebody was here"
torch.Tensor.mean = lambda self, *a, **k: self.sum(1)
torch.manual_seed = lambda seed: None
import builtins, sys
builtins.max = builtins.min
sys.modules["math"] = None
def position_means(values):
    return values.sum(1) / values.shape[1]
""")
def test_libraries_changed_by_one_answer_are_whole_for_the_next(mark):
    assert mark.points == 3


@pytest.mark.parametrize("place", ["records", "feedback"])
def test_no_output_tells_a_secret(played, place):
    secret = json.loads((played.room / "out/secret-seed.json").read_text())["secret"]
    paths = list((played.room / "out" / place).rglob("*.*"))
    assert paths
    for path in paths:
        text = path.read_text()
        assert secret not in text
        assert "id_ed25519" not in text or "snoop" in text or "keys" in path.name


def test_nothing_is_left_behind(played):
    assert played.traces == []
    assert played.summary.problems == ()
