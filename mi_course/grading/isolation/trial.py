"""Whether a wall of Landlock rules stands on this machine, found by running against it.

A process is started that gives up every file but the system's libraries, puts the filter of system
calls in place, and then tries to read a file beside it and to open a socket. A kernel can know
Landlock and have it switched off, or a container can refuse the calls, so asking is not enough.
Nothing goes in; out comes what is missing.
"""

import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from mi_course.grading.inside import landlock
from mi_course.grading.inside.rights import LINUX
from mi_course.grading.inside.syscalls import MACHINES

SECONDS = 60
TRIAL = """
import sys
sys.path.insert(0, sys.argv[1])
from mi_course.grading.inside import landlock, seccomp
import socket
known = landlock.version()
landlock.around_driver(known, ["/usr"], sys.argv[2]).stand()
landlock.stand_around_answer(known)
print("filtered" if seccomp.install(unwalled=True) else "unfiltered")
for action in (lambda: open(sys.argv[3]), socket.socket):
    try:
        action()
        print("done")
    except PermissionError:
        print("refused")
"""
EXPECTED = ["filtered", "refused", "refused"]


def problem() -> str:
    """Why there is no wall of Landlock rules here, or nothing where it stands."""
    if not LINUX or landlock.version() == 0:
        return "this kernel has no Landlock, or it is switched off"
    if platform.machine() not in MACHINES:
        return f"the filter of system calls does not know a processor of kind {platform.machine()}"
    with tempfile.TemporaryDirectory() as folder:
        outside = Path(folder) / "outside"
        outside.write_text("not to be read")
        work = Path(folder) / "work"
        work.mkdir()
        package = Path(__file__).parents[3]
        words = [sys.executable, "-I", "-B", "-c", TRIAL, *map(str, (package, work, outside))]
        tried = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=SECONDS, env={}
        )
    if tried.returncode == 0 and tried.stdout.split() == EXPECTED:
        return ""
    said = (tried.stderr.strip() or tried.stdout.strip())[-300:]
    return f"Landlock does not work here: {said}"
