import plotly.graph_objects as go
import pytest
from IPython.display import DisplayHandle

from mi_course import plots
from mi_course.plots.showing import Shown
from mi_course.plots.style import TEMPLATE


@pytest.fixture(
    params=["heads", "effects", "pairs", "loss", "change", "matrix", "attention", "from"]
)
def figure(request):
    get = request.getfixturevalue
    return {
        "heads": lambda: plots.plot_head_scores(get("scores")),
        "effects": lambda: plots.plot_effect_against_score(get("scores"), get("effects")),
        "pairs": lambda: plots.plot_head_pairs(get("pairs")),
        "loss": lambda: plots.plot_loss_by_position(get("loss")),
        "change": lambda: plots.plot_phase_change(get("change")),
        "matrix": lambda: plots.plot_token_matrix(get("matrix")),
        "attention": lambda: plots.plot_attention(get("attention")),
        "from": lambda: plots.plot_attention_from(get("attention")),
    }[request.param]()


def test_every_figure_has_a_claim_a_summary_and_named_axes(figure):
    assert figure.layout.title.text
    assert plots.summary(figure).endswith(".")
    assert figure.layout.xaxis.title.text
    assert figure.layout.template == TEMPLATE


def test_show_prints_the_summary_and_displays_the_figure(figure, capsys, monkeypatch):
    displayed = []
    monkeypatch.setattr(plots.showing, "display", displayed.append)
    plots.show(figure)
    printed = capsys.readouterr().out
    assert printed.split() == plots.summary(figure).split()
    assert max(map(len, printed.splitlines())) <= 88
    assert displayed[0].figure is figure


def test_a_result_is_told_without_a_figure_and_its_words_stay_whole(capsys):
    class Result:
        def summary(self):
            return "many words that stay as they are " * 9

    plots.tell(Result())
    printed = capsys.readouterr().out
    assert printed.split() == Result().summary().split()
    assert max(map(len, printed.splitlines())) <= 88


def test_what_is_displayed_is_small_data_and_a_sentence(figure):
    bundle = Shown(figure)._repr_mimebundle_()
    assert bundle["text/plain"] == plots.summary(figure)
    assert set(bundle) == {"application/vnd.plotly.v1+json", "text/plain"}
    assert len(str(bundle)) < 50_000


def test_a_figure_made_elsewhere_has_no_summary():
    assert not plots.summary(go.Figure())


def test_a_figure_is_replaced_by_way_of_an_empty_text(figure):
    # JupyterLab keeps the old figure when its kind of output stays the same.
    sent = []
    handle = DisplayHandle("a")
    handle.update = lambda value, raw=False: sent.append(value)
    plots.showing.redraw(handle, figure)
    assert sent[0] == {"text/plain": ""}
    assert sent[1].figure is figure
