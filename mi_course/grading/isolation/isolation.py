"""Ways to keep a student's code apart from the machine, and what this machine offers.

On the bubblewrap tier the code has process, network and mount namespaces of its own, sees the
interpreter, its libraries and the view read-only, and has a small work folder in memory. On the
Landlock tier it stays among the machine's processes, and the kernel refuses it every file but the
same ones, and every call by which it could reach others. It is never root: where the grader is
root, the driver changes to a uid of its own before it reads anything. The plain tier isolates
nothing and must be asked for.
In go a tier and a view, out comes a command to start.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mi_course.grading.inside import landlock, rights
from mi_course.grading.isolation import trial
from mi_course.grading.isolation.limits import Limits
from mi_course.grading.isolation.view import PACKAGE, View

BUBBLEWRAP = "bubblewrap"
LANDLOCK = "landlock"
UNSAFE = "none (unsafe)"
COURSE = Path("/course")  # where the view lies inside
SCRATCH = Path("/scratch")  # the work folder; not /tmp, where the interpreter itself may lie
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from mi_course.grading.inside.driver import main; main()"
)
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "USER": "student",
    "LOGNAME": "student",
    "LANG": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    # Large pages make a fork of all that is loaded twice as quick: there is less to copy.
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "PYTHONMALLOC": "malloc",
}


class SandboxError(ValueError):
    """No sandbox can be had, or its set-up failed: the teacher's to mend."""


def find_tier(allow_unsafe: bool = False, wanted: str = "auto") -> str:
    """The name of the isolation that this machine offers, after trying it.

    Args:
        allow_unsafe: whether a plain subprocess is accepted where nothing better works.
        wanted: `BUBBLEWRAP` or `LANDLOCK` to insist on one, "auto" for the first that works.

    Returns:
        `BUBBLEWRAP`, `LANDLOCK` or `UNSAFE`.

    Raises:
        SandboxError: there is no such isolation, and going without it was not allowed.
        ValueError: nothing of that name is known.
    """
    if wanted not in ("auto", *PROBLEMS):
        raise ValueError(f"expected auto, {' or '.join(PROBLEMS)}, got {wanted!r}, try auto")
    found: dict[str, str] = {}
    for tier in PROBLEMS if wanted == "auto" else (wanted,):
        found[tier] = PROBLEMS[tier]()
        if not found[tier]:
            return tier
    if allow_unsafe and wanted == "auto":
        return UNSAFE
    told = "; ".join(f"{tier}: {problem}" for tier, problem in found.items())
    raise SandboxError(
        f"expected bubblewrap or Landlock, to keep students' code apart, got: {told}; try `apt-get "
        "install bubblewrap`, or a kernel from 5.13 on with Landlock, or --allow-unsafe if you "
        "would trust every submission with your own account"
    )


def problem_of_bubblewrap() -> str:
    """Why there is no bubblewrap here, or nothing where it works."""
    if not shutil.which("bwrap"):
        return "the program bwrap is missing"
    command = [*_bwrap(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    tried = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    return f"bwrap does not work here: {tried.stderr.strip()[:300]}" if tried.returncode else ""


def problem_of_landlock() -> str:
    """Why there is no wall of Landlock rules here, or nothing where it stands."""
    return trial.problem() or _problem_of_reading()


PROBLEMS = {BUBBLEWRAP: problem_of_bubblewrap, LANDLOCK: problem_of_landlock}


def command(tier: str, view: View, work: Path, limits: Limits) -> list[str]:
    """The command that starts a driver.

    Args:
        tier: `BUBBLEWRAP`, `LANDLOCK` or `UNSAFE`.
        view: what the code may see of the package.
        work: a folder for the tiers without mounts to work in.
        limits: how large the work folder may grow.

    Returns:
        Words of the command; it starts from an empty environment.
    """
    python = [sys.executable, "-P", "-s", "-B", "-c", START]
    if tier != BUBBLEWRAP:
        for real, link in view.links:
            if not link.is_symlink():
                link.rmdir()
                link.symlink_to(real)
        pairs = [f"{name}={value}" for name, value in _environment(work).items()]
        return ["env", "-i", *pairs, *python, str(view.root)]
    inside = _environment(SCRATCH)
    names = [word for pair in inside.items() for word in ("--setenv", *pair)]
    return [
        *_bwrap(),
        *_mounts(view, limits),
        *names,
        "--chdir",
        str(SCRATCH),
        *python,
        str(COURSE),
    ]


def wall(tier: str, view: View, uid: int) -> dict[str, Any]:
    """What a driver is told of its wall, to put up its part of it.

    Args:
        tier: name of the isolation.
        view: what the code may see of the package.
        uid: what the driver becomes where it is started as root.

    Returns:
        Words of the driver's hello: the uid; the version of Landlock, 0 on other tiers; what may
        be read, and where only names may be; whether that lies where other users cannot enter;
        whether each answer is to have namespaces of its own; whether every process that the driver
        may kill is its own.
    """
    known = landlock.version() if tier == LANDLOCK else 0
    around = [path for path in visible_paths() if path in PACKAGE.parents]
    beside = [path for each in visible_paths() for path in _beside_package(each)]
    readable = [*beside, view.root, *(real for real, _ in view.links)]
    return {
        "uid": uid,
        "landlock": known,
        "readable": [str(path) for path in readable] if known else [],
        "listed": [str(path) for path in around] if known else [],
        "closed": any(map(_closed, readable)),
        "apart": tier == BUBBLEWRAP,
        "alone": tier == BUBBLEWRAP or uid != 0 or known >= landlock.SCOPES_SINCE,
    }


def _closed(path: Path) -> bool:
    """Whether other users cannot come to this place."""
    return not all(parent.stat().st_mode & 1 for parent in path.resolve().parents)


def _problem_of_reading() -> str:
    """Why a user other than root could not read the interpreter, or nothing."""
    if os.getuid() != 0 or rights.held() & 1 << rights.DAC_READ_SEARCH:
        return ""
    closed = [path for path in visible_paths() if _closed(path)]
    return f"only root can read {closed[0]}, and nothing may be done about it" if closed else ""


def _environment(work: Path) -> dict[str, str]:
    return ENVIRONMENT | {"HOME": str(work), "TMPDIR": str(work)}


def _bwrap() -> list[str]:
    program = shutil.which("bwrap") or "bwrap"
    spaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    spaces += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv"]
    # The driver makes namespaces for each answer, and gives up the right to it in each.
    if os.getuid() != 0:
        return [
            program,
            *spaces,
            "--unshare-user",
            "--disable-userns",
            "--cap-add",
            "CAP_SYS_ADMIN",
        ]
    # No user namespace for root: inside one it could not change to a uid that is not root's.
    names = ("SETUID", "SETGID", "SYS_ADMIN")
    kept = [word for name in names for word in ("--cap-add", f"CAP_{name}")]
    return [program, *spaces, "--cap-drop", "ALL", *kept]


def _mounts(view: View, limits: Limits) -> list[str]:
    pairs = [(path, path) for path in visible_paths()] + [(view.root, COURSE)]
    folders = {parent for _, target in pairs for parent in target.parents if parent != Path("/")}
    words = [w for folder in sorted(folders) for w in ("--perms", "0755", "--dir", str(folder))]
    pairs += [(real, COURSE / link.relative_to(view.root)) for real, link in view.links]
    words += [w for real, target in pairs for w in ("--ro-bind", str(real), str(target))]
    if any(path in PACKAGE.parents for path in visible_paths()):  # installed among the libraries
        words += ["--perms", "0555", "--tmpfs", str(PACKAGE), "--remount-ro", str(PACKAGE)]
    for link in (Path("/lib"), Path("/lib64"), Path("/bin"), Path("/sbin")):
        if link.is_symlink():
            words += ["--symlink", str(link.readlink()), str(link)]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    words += ["--size", str(limits.folder_bytes), "--perms", "1777", "--tmpfs", str(SCRATCH)]
    if Path("/tmp") not in folders:
        words += ["--symlink", str(SCRATCH), "/tmp"]
    return [*words, "--remount-ro", "/"]


def visible_paths() -> list[Path]:
    """The interpreter, its libraries and the few system files that they read."""
    found = [Path("/usr"), Path("/sys/devices/system/cpu")]
    found += [Path("/sys/kernel/mm/transparent_hugepage")]  # malloc asks whether it may use them
    found += [Path(f"/etc/{name}") for name in ("ld.so.cache", "alternatives", "localtime")]
    found += [path for path in map(Path, ("/lib", "/lib64", "/bin")) if not path.is_symlink()]
    for prefix in (Path(sys.prefix), Path(sys.base_prefix)):
        # Not the prefix itself: it may be a folder that holds the course.
        found += [prefix / part for part in ("bin", "lib", "lib64", "pyvenv.cfg")]
    found += [path for path in map(Path, sys.path) if path.name == "site-packages"]
    return _outermost(path for path in found if path.exists())


def _beside_package(path: Path) -> list[Path]:
    """The path, or what lies in it beside the course's own package, which holds the answers."""
    if path not in PACKAGE.parents:
        return [path]
    parts = [part for part in path.iterdir() if part != PACKAGE]
    return [each for part in parts for each in _beside_package(part)]


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """The paths that lie below no other."""
    every = list(dict.fromkeys(paths))
    return [path for path in every if not any(other in path.parents for other in every)]
