import pytest

from mi_course.methods.patching import patch_by_position
from mi_course.models import tiny
from mi_course.plots import summary
from mi_course.widgets import PatchBrowser
from mi_course.widgets import patching as module
from mi_course.worlds.tasks import PromptPair


class Letters:
    """A tokenizer of letters."""

    def decode(self, ids):
        return "<" if ids[0] == 2 else chr(97 + ids[0] % 26)


@pytest.fixture
def model():
    made = tiny(n_layers=2, attn_only=False)
    made.tokenizer = Letters()
    return made


@pytest.fixture
def pairs():
    places = {"middle": 2, "end": 4}
    clean, corrupted = (1, 2, 3, 4, 5), (1, 2, 9, 4, 5)
    return [PromptPair("", "", " f", " g", places, clean, corrupted, (6,), (7,))]


def test_the_default_state_is_an_ordinary_figure_with_the_strongest_cell(model, pairs, displayed):
    browser = PatchBrowser(model, pairs)
    browser._ipython_display_()
    controls, sentence, shown = displayed[0]
    assert controls is browser.controls
    assert "application/vnd.plotly.v1+json" in shown._repr_mimebundle_()
    assert sentence["text/plain"] == summary(browser.figure)
    grid = patch_by_position(model, pairs)
    strongest = divmod(int(grid.change().abs().argmax()), 5)
    assert (browser.layer.value, browser.position.value) == strongest
    browser.choose(0, 2)
    assert browser.shown.marked() == "b<[j]ef"


def test_a_click_shows_the_prompt_of_that_cell(model, pairs, displayed):
    browser = PatchBrowser(model, pairs)
    browser._ipython_display_()
    browser.cells[1][4].click()
    assert (browser.layer.value, browser.position.value) == (1, 4)
    assert browser.shown.patched == (4,)
    assert browser.shown.what == "resid_pre of layer 1"
    assert "<mark><b>f</b></mark>" in browser.prompt.value
    assert "&lt;" in browser.prompt.value
    assert [b.description for line in browser.cells for b in line].count("●") == 1
    assert browser.cells[1][4].description == "●"
    updates = displayed[1][2].updates
    assert len(updates) == 1
    assert updates[-1].figure is browser.figure
    browser.cells[1][4].click()
    assert browser.position.value == 4


def test_the_arrow_keys_of_the_sliders_do_the_same(model, pairs):
    browser = PatchBrowser(model, pairs)
    before = browser.figure
    browser.position.value = 3
    assert browser.figure is not before
    assert browser.shown.patched == (3,)
    browser.layer.value = 1
    assert browser.cells[1][3].description == "●"


def test_choosing_a_cell_of_the_same_layer_draws_once(model, pairs, monkeypatch):
    drawn = []
    real = module.plot_patched_prompt
    monkeypatch.setattr(module, "plot_patched_prompt", lambda *a: drawn.append(1) or real(*a))
    browser = PatchBrowser(model, pairs)
    browser.choose(browser.layer.value, 4)
    browser.choose(1, 3)
    assert len(drawn) == 3


def test_sites_and_directions_are_swept_once(model, pairs, monkeypatch):
    swept = []
    real = module.patch_by_position
    monkeypatch.setattr(
        module, "patch_by_position", lambda *a, **k: swept.append(a[2]) or real(*a, **k)
    )
    browser = PatchBrowser(model, pairs)
    for site in ("mlp_out", "resid_pre", "mlp_out"):
        browser.site.value = site
    assert browser.shown.what.startswith("mlp_out")
    assert swept == ["resid_pre", "mlp_out"]
    browser.direction.value = "noising"
    assert browser.shown.tokens[2] == "d"
    assert swept[-1] == "mlp_out"


def test_cells_are_coloured_by_their_effect(model, pairs):
    browser = PatchBrowser(model, pairs)
    nothing, strongest = (browser.cells[0][at].style.button_color for at in (0, 2))
    assert nothing == browser.cells[0][1].style.button_color
    assert nothing != strongest
    # The lowest layer is the lowest line of buttons.
    box = browser.controls.children[-2]
    assert box.children[-1] is browser.cells[0][-1]
    assert box.children[0] is browser.cells[1][0]


def test_named_places_are_columns(model, pairs):
    browser = PatchBrowser(model, pairs, ("middle", "end"))
    assert len(browser.cells[0]) == 2
    browser.choose(0, 1)
    assert browser.shown.patched == (4,)


def test_what_cannot_be_explored_is_refused(model, pairs, monkeypatch):
    with pytest.raises(ValueError, match="expected a site among"):
        PatchBrowser(model, pairs, site="z")
    with pytest.raises(ValueError, match="a direction among"):
        PatchBrowser(model, pairs, direction="both")
    monkeypatch.setattr(module, "MAX_CELLS", 5)
    with pytest.raises(ValueError, match=r"up to 5 cells, got 2 x 5"):
        PatchBrowser(model, pairs)
