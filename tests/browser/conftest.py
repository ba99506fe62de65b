"""A Jupyter server of its own for each test module, and a real browser that stays offline."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest

from mi_course.lab import command

SCREENSHOTS = Path(__file__).parent / "screenshots"
CLOSED_PROXY = "http://127.0.0.1:9"  # the discard port: a kernel that asks the network fails
# What Notebook 7.6 itself says on every notebook, before any cell runs: its list of shortcuts is
# asked for before it is loaded (jupyter/notebook#7862), and it restores a file browser that a
# notebook's page does not have.
KNOWN = (
    "Cannot read properties of undefined (reading 'schema')",
    "Command 'filebrowser:open-path' not registered.",
)
# Pictures at the top of every notebook that only who is online sees.
BADGES = ("/colab-badge.svg", "/badge_logo.svg")
EMPTY_PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
BROWSER_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
THEMES = "@jupyterlab/apputils-extension/themes"
SETTINGS = {
    # Every cell stays in the document, also outside the window.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


@dataclass
class Lab:
    """A running Jupyter server: its address, the folder that it serves, and that of its settings.

    One server answers for both front ends: JupyterLab under /lab, Notebook 7 under /notebooks.
    """

    url: str
    folder: Path
    settings: Path

    def open(self, notebook: Path, front_end: str = "lab", theme: str = "light") -> str:
        """Copy a notebook into the served folder; returns the address that opens it."""
        shutil.copy(notebook, self.folder / notebook.name)
        write_settings(self.settings, {THEMES: {"theme": f"JupyterLab {theme.title()}"}})
        if front_end == "notebook":
            return f"{self.url}/notebooks/{quote(notebook.name)}"
        # A workspace of its own: JupyterLab would open again what the test before left open.
        return f"{self.url}/lab/workspaces/{notebook.stem}/tree/{quote(notebook.name)}"


@dataclass
class Visit:
    """A browser page with what went wrong on it."""

    page: object
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def screenshot(self, name: str) -> bytes:
        """Save a picture of the window under tests/browser/screenshots; returns its bytes."""
        SCREENSHOTS.mkdir(exist_ok=True)
        return self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def write_settings(folder: Path, settings: dict[str, dict]) -> None:
    for name, chosen in settings.items():
        path = folder / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(chosen))


def environment(home: Path) -> dict[str, str]:
    """Nothing of this machine's Jupyter settings, and no way out to the network."""
    private = {
        name: str(home / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
            "JUPYTERLAB_WORKSPACES_DIR",
            "IPYTHONDIR",
        )
    }
    return (
        os.environ
        | private
        | {
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
            "HTTP_PROXY": CLOSED_PROXY,
            "HTTPS_PROXY": CLOSED_PROXY,
            "http_proxy": CLOSED_PROXY,
            "https_proxy": CLOSED_PROXY,
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }
    )


def wait_until_up(url: str, process: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < end and process.poll() is None:
        try:
            opener.open(f"{url}/api/status", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("lab")
    folder = home / "notebooks"
    folder.mkdir()
    write_settings(home / "settings", SETTINGS)
    port, log = free_port(), home / "log.txt"
    url = f"http://127.0.0.1:{port}"
    options = (
        "--no-browser",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.ip=127.0.0.1",
        "--IdentityProvider.token=",
        "--LabApp.expose_app_in_browser=True",
        "--JupyterNotebookApp.expose_app_in_browser=True",
    )
    with log.open("w") as output:
        process = subprocess.Popen(
            command(folder, *options),
            env=environment(home),
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_up(url, process, log)
        yield Lab(url, folder, home / "settings")
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=BROWSER_ARGUMENTS
        )
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser) -> Iterator[Visit]:
    """A fresh page that reaches this machine only, and remembers what else it asked for."""
    context = browser.new_context(viewport={"width": 1280, "height": 1600})
    page = context.new_page()
    page.set_default_timeout(120_000)
    visit = Visit(page)

    def local_only(route) -> None:
        if route.request.url.startswith(("http://127.0.0.1", "data:", "blob:")):
            route.continue_()
        elif route.request.url.endswith(BADGES):  # only of use to who is online
            route.fulfill(content_type="image/svg+xml", body=EMPTY_PICTURE)
        else:
            visit.outside.append(route.request.url)
            route.abort()

    context.route("**/*", local_only)
    page.on("pageerror", lambda error: str(error) in KNOWN or visit.errors.append(str(error)))
    page.on(
        "console",
        lambda message: visit.errors.append(message.text) if message.type == "error" else None,
    )
    yield visit
    page.evaluate("() => window.jupyterapp?.serviceManager.sessions.shutdownAll()")
    context.close()
