"""Views of CircuitsVis, offline and with their script once per notebook: heads, tokens in colour.

CircuitsVis puts 1.3 MB of script into every output when there is no network, and asks a public
host first. Here the script of the installed package travels once, compressed (0.5 MB), with the
first view of a notebook; every view finds it in the page. A view's identity is a hash of what it
shows, so a notebook that runs again is saved the same; and a sentence stands below it, which is
all that remains where scripts do not run. In goes an `Attention`, or examples of a latent; out
comes something to display.
"""

import base64
import gzip
import hashlib
import html
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import circuitsvis
from IPython import get_ipython

from mi_course.results import Attention, LatentExample

__all__ = ["CircuitsVisView", "ViewScript", "attention_view", "token_view"]

# A saved notebook keeps every number of a view: 150,000 of them are about 0.7 MB.
MAX_NUMBERS = 150_000

LOADER = """<script>
window.miCourseCircuitsVis ??= (async () => {
  const packed = Uint8Array.from(atob("%s"), (letter) => letter.charCodeAt(0));
  const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(plain).text();
  document.head.append(script);
  window.dispatchEvent(new Event("mi-course-circuitsvis"));
  return window.CircuitsVis;
})();
</script>
"""

LOADED = re.compile('[^"]*'.join(map(re.escape, LOADER.split("%s"))))

# CircuitsVis writes in grey: on white in dark themes too, where headings would become white.
VIEW = """<style>div[data-mi-view] :is(h2, h3) { color: inherit }</style>
<div data-mi-view="%(identity)s" style="margin: 12px 0; background: white; color: #222222">
<em>Not drawn yet: run the first view of this notebook, which brings the script, and this one.</em>
</div>
<p>%(summary)s</p>
<script>
(() => {
  const draw = () => {
    const places = "[data-mi-view='%(identity)s']:not([data-drawn])";
    for (const place of document.querySelectorAll(places)) {
      place.dataset.drawn = "yes";
      place.textContent = "";
%(draw)s    }
  };
  if (window.miCourseCircuitsVis) window.miCourseCircuitsVis.then(draw);
  else window.addEventListener("mi-course-circuitsvis", draw, { once: true });
})();
</script>
"""

# How each part of CircuitsVis that we use is asked to draw. Its heads know the mouse only: the
# keyboard's focus on a head's name is made to count as hovering, a space as a click, and JupyterLab
# is asked to leave both alone.
DRAW = {
    "AttentionHeads": """\
      place.id = "mi-view-" + Math.random().toString(36).slice(2);
      window.CircuitsVis.render(place.id, window.CircuitsVis.AttentionHeads, %(properties)s);
      const asMouse = (from, to) => place.addEventListener(from, (event) =>
        event.target.dispatchEvent(new MouseEvent(to, { bubbles: true })));
      asMouse("focusin", "mouseover");
      asMouse("focusout", "mouseout");
      place.addEventListener("keydown", (event) => {
        if (event.key !== " " && event.key !== "Enter") return;
        event.preventDefault();
        event.target.click();
      });
      const reach = () => place.querySelectorAll("h4:not([tabindex])").forEach((head) => {
        head.tabIndex = 0;
        head.role = "button";
        head.dataset.lmSuppressShortcuts = "true";
      });
      new MutationObserver(reach).observe(place, { childList: true, subtree: true });
      reach();
""",
    "ColoredTokens": """\
      for (const properties of %(properties)s) {
        const part = place.appendChild(document.createElement("div"));
        part.style.marginBottom = "6px";
        part.id = "mi-view-" + Math.random().toString(36).slice(2);
        window.CircuitsVis.render(part.id, window.CircuitsVis.ColoredTokens, properties);
      }
""",
}


@dataclass(frozen=True)
class CircuitsVisView:
    """Something of CircuitsVis to hover over; displayed by being the last value of a cell.

    Attributes:
        properties: what CircuitsVis is given, as JSON that is safe inside a script; for coloured
            tokens a list, of which one is drawn below the other.
        summary: one sentence for each head or example.
        component: the part of CircuitsVis that draws, a key of `DRAW`.
    """

    properties: str
    summary: str
    component: str = "AttentionHeads"

    @property
    def identity(self) -> str:
        """A hash of what is shown."""
        return hashlib.sha256(self.properties.encode()).hexdigest()[:12]

    def html(self, *, with_script: bool) -> str:
        """Return the view as HTML.

        Args:
            with_script: whether CircuitsVis itself comes along, which one view of a page must do.

        Returns:
            HTML that needs no network.
        """
        view = VIEW % {
            "identity": self.identity,
            "summary": html.escape(self.summary),
            "draw": DRAW[self.component] % {"properties": self.properties},
        }
        return LOADER % _packed_script() + view if with_script else view

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude  # IPython asks with them; every form is offered anyway
        return {
            "text/html": self.html(with_script=_delivery.is_due()),
            "text/plain": self.summary,
        }


def attention_view(attention: Attention) -> CircuitsVisView:
    """Return CircuitsVis's view of the patterns of several heads in one text.

    Args:
        attention: patterns with the text's tokens.

    Returns:
        A view to display.

    Raises:
        ValueError: more numbers than a saved notebook should keep.
    """
    if attention.patterns.numel() > MAX_NUMBERS:
        raise ValueError(
            f"expected at most {MAX_NUMBERS} attention probabilities, got "
            f"{attention.patterns.numel()}, try fewer heads or a shorter text"
        )
    properties = {
        "attention": [_rounded(pattern) for pattern in attention.patterns.tolist()],
        "attentionHeadNames": list(attention.heads),
        "tokens": list(attention.tokens),
        "minValue": 0,
        "maxValue": 1,
    }
    return CircuitsVisView(_packed(properties), summary=attention.summary())


def token_view(examples: Sequence[LatentExample]) -> CircuitsVisView:
    """Return CircuitsVis's view of a latent's examples: tokens in the colour of its activation.

    Args:
        examples: such as those of a `FeaturePage`; all share the scale of the strongest token.

    Returns:
        A view to display, one example below the other.

    Raises:
        ValueError: no examples, or more numbers than a saved notebook should keep.
    """
    if not examples or sum(len(each.tokens) for each in examples) > MAX_NUMBERS:
        raise ValueError(f"expected 1 to {MAX_NUMBERS} tokens of examples, got none or more")
    largest = max(each.activations.max().item() for each in examples)
    properties = [
        {
            # This part of CircuitsVis takes a token for markup: "<b>" would not be seen.
            "tokens": [html.escape(token, quote=False) for token in each.tokens],
            "values": [round(value, 2) for value in each.activations.tolist()],
            "minValue": 0,
            "maxValue": round(largest, 2),
        }
        for each in examples
    ]
    told = "; ".join(f"{each.value:.2f} at {each.text()!r}" for each in examples)
    return CircuitsVisView(_packed(properties), f"Activations: {told}.", "ColoredTokens")


def _packed(properties: Any) -> str:
    # A token may hold "</script>", which would end the script early.
    return json.dumps(properties, separators=(",", ":")).replace("<", "\\u003c")


class ViewScript:
    """CircuitsVis itself, for a view that is replaced while the cell's other outputs stay."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        del include, exclude
        loader = LOADER % _packed_script() if _delivery.is_due() else ""
        return {"text/html": loader, "text/plain": ""}


class _Delivery:
    """Remembers which cell of this kernel's notebook brought the script."""

    def __init__(self) -> None:
        self.cell: str | None = None
        self.run: int | None = None

    def is_due(self) -> bool:
        """Return whether the view displayed now must bring the script.

        That is the first view; the first one again when its cell runs again, for its output is
        replaced; and every view in Colab, where each output is a page of its own.
        """
        if "google.colab" in sys.modules:
            return True
        cell, run = _running_cell()
        again = self.run is not None and cell is not None and cell == self.cell and run != self.run
        due = self.run is None or again
        if due:
            self.cell, self.run = cell, run
        return due


_delivery = _Delivery()


def _running_cell() -> tuple[str | None, int]:
    """Return the id of the cell that runs, if the front end tells it, and the run's number."""
    shell = get_ipython()
    kernel = getattr(shell, "kernel", None)
    parent = kernel.get_parent() if hasattr(kernel, "get_parent") else {}
    return parent.get("metadata", {}).get("cellId"), getattr(shell, "execution_count", 0)


def script_path() -> Path:
    """Return where the installed CircuitsVis keeps its script."""
    return Path(circuitsvis.__file__).parent / "dist" / "cdn" / "iife.js"


def without_script(saved: str) -> str:
    """Return the HTML of a view, or of a `ViewScript`, without CircuitsVis itself.

    Args:
        saved: from a notebook, made with whatever version of CircuitsVis.

    Returns:
        HTML for a page that brings the script otherwise.
    """
    return LOADED.sub("", saved)


@cache
def _packed_script() -> str:
    # mtime=0 keeps the bytes, and with them the saved notebook, the same every time.
    return base64.b64encode(gzip.compress(script_path().read_bytes(), mtime=0)).decode()


def _rounded(pattern: list[list[float]]) -> list[list[float]]:
    return [[round(probability, 2) for probability in row] for row in pattern]
