"""Ways to keep a student's code apart from the machine, and what this machine offers.

On the bubblewrap tier the code has process, network and mount namespaces of its own, sees the
interpreter, its libraries and the view read-only, and has a small work folder in memory. It is
never root: where the grader is root, bubblewrap keeps just the right to change the uid, and the
driver changes it before it reads anything. The plain tier isolates nothing and must be asked for.
In go a tier and a view, out comes a command to start.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from mi_course.grading.limits import Limits
from mi_course.grading.view import View

BUBBLEWRAP = "bubblewrap"
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
}


class SandboxError(ValueError):
    """No sandbox can be had, or its set-up failed: the teacher's to mend."""


def find_tier(allow_unsafe: bool = False) -> str:
    """The name of the isolation that this machine offers, after trying it.

    Args:
        allow_unsafe: whether a plain subprocess is accepted where nothing better works.

    Returns:
        `BUBBLEWRAP` or `UNSAFE`.

    Raises:
        SandboxError: there is no isolation, and going without it was not allowed.
    """
    problem = "the program bwrap is missing"
    if shutil.which("bwrap"):
        command = [*_bwrap(), "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
        tried = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            return BUBBLEWRAP
        problem = f"bwrap does not work here: {tried.stderr.strip()[:300]}"
    if allow_unsafe:
        return UNSAFE
    raise SandboxError(
        f"expected bubblewrap, to keep students' code apart, got: {problem}; try `apt-get install "
        "bubblewrap`, or --allow-unsafe if you would trust every submission with your own account"
    )


def command(tier: str, view: View, work: Path, limits: Limits, uid: int) -> list[str]:
    """The command that starts a driver.

    Args:
        tier: `BUBBLEWRAP` or `UNSAFE`.
        view: what the code may see of the package.
        work: a folder for the plain tier to work in.
        limits: how large the work folder may grow.
        uid: what the driver becomes where it is started as root.

    Returns:
        Words of the command; it starts from an empty environment.
    """
    python = [sys.executable, "-I", "-B", "-c", START]
    if tier == UNSAFE:
        for real, link in view.links:
            if not link.is_symlink():
                link.rmdir()
                link.symlink_to(real)
        pairs = [f"{name}={value}" for name, value in _environment(work, uid).items()]
        return ["env", "-i", *pairs, *python, str(view.root)]
    inside = _environment(SCRATCH, uid)
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


def _environment(work: Path, uid: int) -> dict[str, str]:
    return ENVIRONMENT | {"HOME": str(work), "TMPDIR": str(work), "GRADER_UID": str(uid)}


def _bwrap() -> list[str]:
    program = shutil.which("bwrap") or "bwrap"
    spaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    spaces += ["--unshare-cgroup-try", "--die-with-parent", "--new-session", "--clearenv"]
    if os.getuid() != 0:
        return [program, *spaces, "--unshare-user", "--disable-userns"]
    # No user namespace for root: inside one it could not change to a uid that is not root's.
    kept = [word for name in ("SETUID", "SETGID") for word in ("--cap-add", f"CAP_{name}")]
    return [program, *spaces, "--cap-drop", "ALL", *kept]


def _mounts(view: View, limits: Limits) -> list[str]:
    pairs = [(path, path) for path in _visible_paths()] + [(view.root, COURSE)]
    folders = {parent for _, target in pairs for parent in target.parents if parent != Path("/")}
    words = [w for folder in sorted(folders) for w in ("--perms", "0755", "--dir", str(folder))]
    pairs += [(real, COURSE / link.relative_to(view.root)) for real, link in view.links]
    words += [w for real, target in pairs for w in ("--ro-bind", str(real), str(target))]
    for link in (Path("/lib"), Path("/lib64"), Path("/bin"), Path("/sbin")):
        if link.is_symlink():
            words += ["--symlink", str(link.readlink()), str(link)]
    words += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    words += ["--size", str(limits.folder_bytes), "--perms", "1777", "--tmpfs", str(SCRATCH)]
    if Path("/tmp") not in folders:
        words += ["--symlink", str(SCRATCH), "/tmp"]
    return [*words, "--remount-ro", "/"]


def _visible_paths() -> list[Path]:
    """The interpreter, its libraries and the few system files that they read."""
    found = [Path("/usr"), Path("/sys/devices/system/cpu")]
    found += [Path(f"/etc/{name}") for name in ("ld.so.cache", "alternatives", "localtime")]
    found += [path for path in map(Path, ("/lib", "/lib64", "/bin")) if not path.is_symlink()]
    for prefix in (Path(sys.prefix), Path(sys.base_prefix)):
        # Not the prefix itself: it may be a folder that holds the course.
        found += [prefix / part for part in ("bin", "lib", "lib64", "pyvenv.cfg")]
    found += [path for path in map(Path, sys.path) if path.name == "site-packages"]
    return _outermost(path for path in found if path.exists())


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """The paths that lie below no other."""
    every = list(dict.fromkeys(paths))
    return [path for path in every if not any(other in path.parents for other in every)]
