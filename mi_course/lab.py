"""JupyterLab on the student notebooks, without a request to any other machine.

JupyterLab asks for news, for newer versions and for a list of extensions when it opens; a course
that works offline has no use for the waiting.
In goes a folder or a notebook; out comes the command that serves it.
"""

import os
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent
QUIET = (
    f"--LabApp.app_settings_dir={PACKAGE / 'lab_settings'}",  # it does not ask about news either
    "--LabApp.news_url=None",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.extension_manager=readonly",
)
# Containers run as root, and JupyterLab refuses to start there unless told.
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def chapters_folder() -> Path:
    """Return the folder of the student notebooks: of this checkout, or the current one.

    Raises:
        ValueError: if neither holds a folder `chapters`.
    """
    for root in (PACKAGE.parent, Path.cwd()):
        if (root / "chapters").is_dir():
            return root / "chapters"
    raise ValueError("expected a folder `chapters` here, got none; try it in the course's checkout")


def command(path: Path, *arguments: str) -> list[str]:
    """Return the command that serves a folder, or opens a notebook, in JupyterLab.

    Args:
        path: a folder or a notebook.
        *arguments: anything else for `jupyter lab`, such as `--no-browser`.
    """
    as_root = ("--allow-root",) if IS_ROOT else ()
    return [sys.executable, "-m", "jupyterlab", str(path), *QUIET, *as_root, *arguments]
