"""Where the course is published, and the links that follow from it.

One small file names the repository and the branch; every badge, link and installation is made from
it. In goes `address.toml`, or what a person typed; out come links and the line that pip installs.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

FILE = Path(__file__).with_name("address.toml")
FIRST = "chapters/00_start_here.ipynb"

# What GitHub allows: letters, digits and single hyphens, then letters, digits, ".", "_" and "-".
REPOSITORY = re.compile(r"[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
# A part of git's rules, and neither "@" nor "#", which pip would read as something else.
BRANCH = re.compile(r"(?![-./])(?!.*(?:\.\.|//|/\.|\.lock$|[./]$))[A-Za-z0-9._/-]{1,200}")


@dataclass(frozen=True)
class Address:
    """A repository on GitHub and a branch of it.

    Args:
        repository: OWNER/NAME.
        branch: the branch that students get, or a tag.
    """

    repository: str
    branch: str

    def __post_init__(self) -> None:
        if not REPOSITORY.fullmatch(self.repository) or self.repository.endswith(".git"):
            message = f"expected a repository OWNER/NAME, got {self.repository!r}"
            raise ValueError(message + _advice(self.repository))
        if not BRANCH.fullmatch(self.branch):
            message = f"expected a branch or tag of letters, digits and ._/-, got {self.branch!r}"
            raise ValueError(f"{message}, try 'main'")

    @property
    def url(self) -> str:
        """The repository's page."""
        return f"https://github.com/{self.repository}"

    @property
    def requirement(self) -> str:
        """What pip installs."""
        return f"mi-course @ git+{self.url}@{self.branch}"

    def badges(self, path: str) -> str:
        """Two pictures in Markdown that open a notebook on Colab and on Binder.

        Args:
            path: the notebook's place in the repository.
        """
        colab = f"https://colab.research.google.com/github/{self.repository}/blob/{self.branch}"
        binder = f"https://mybinder.org/v2/gh/{self.repository}/{quote(self.branch, safe='')}"
        return (
            "[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
            f"({colab}/{path})\n"
            "[![Launch on Binder](https://mybinder.org/badge_logo.svg)]"
            f"({binder}?urlpath={quote(f'lab/tree/{path}', safe='')})"
        )

    @property
    def hub_query(self) -> str:
        """What a JupyterHub with nbgitpuller is asked in order to fetch and open the course."""
        name = self.repository.partition("/")[2]
        opened = quote(f"lab/tree/{name}/{FIRST}", safe="")
        repository, branch = quote(self.url, safe=""), quote(self.branch, safe="")
        return f"git-pull?repo={repository}&branch={branch}&urlpath={opened}"

    def as_toml(self, text: str) -> str:
        """Return the text of `address.toml` with this address in place of the one there."""
        for key in ("repository", "branch"):
            line = f'{key} = "{getattr(self, key)}"'
            text = re.sub(rf"^{key} = .*$", lambda _, line=line: line, text, flags=re.MULTILINE)
        return text


def read_address(path: Path = FILE) -> Address:
    """The address in a file such as `address.toml`.

    Raises:
        ValueError: the file does not name a repository and a branch.
    """
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    if set(found) != {"repository", "branch"}:
        raise ValueError(f"expected repository and branch in {path}, got {sorted(found)}")
    return Address(**found)


def _advice(given: str) -> str:
    """What the person may have meant, such as the OWNER/NAME inside a link."""
    inside = re.search(r"github\.com[/:]([^/\s]+/[^/\s?#]+)", given)
    meant = inside.group(1).removesuffix(".git") if inside else given.strip().removesuffix(".git")
    return f", try {meant!r}" if REPOSITORY.fullmatch(meant) else ", try 'maria/mi-course'"
