"""The endpoint is a small server on this machine; no other is ever asked."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch

from mi_course.methods.sae.autointerp import Explanation, interpretability
from mi_course.methods.sae.chat import ChatEndpoint, ChatExplainer, ChatSimulator
from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.labelled import LabelledActivations

WORDS = (" the", "\n", "cat", "sat")


class Answering(HTTPServer):
    """Keeps what it was asked, and answers with `self.say(body)`."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.headers = [], []
        self.say = lambda body: "cats"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body))
        self.server.headers.append(dict(self.headers))
        reply = self.server.say(body)
        if isinstance(reply, str):
            reply = {"choices": [{"message": {"content": reply}}]}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(reply if isinstance(reply, bytes) else json.dumps(reply).encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Answering() as answering:
        thread = threading.Thread(target=answering.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield answering
        answering.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def data():
    """One latent, active on cats only."""
    ids = torch.arange(160) * 7 % 11 % 4
    x = (ids == 2).float()[:, None] * 4
    labels = torch.zeros(160, 1, dtype=torch.bool)
    return LabelledActivations(x, labels, ("kind: a",), torch.arange(160) // 8, ids)


def test_the_explainer_shows_tokens_with_activations_from_0_to_10(server, data):
    server.say = lambda body: " cats\n"
    explainer = ChatExplainer(ChatEndpoint(server.url, "m"), data, WORDS.__getitem__, n_shown=1)
    tokens = torch.arange(16).reshape(2, 8)
    said = explainer.explain(0, tokens, data.x[tokens, 0])
    assert said == Explanation("cats")
    ((path, body),) = server.asked
    assert path == "/v1/chat/completions"
    assert body["model"] == "m"
    shown = body["messages"][1]["content"].split("\n")
    assert len(shown) == 8
    assert set(shown) <= {" the\t0", "\\n\t0", "cat\t10", "sat\t0"}
    assert "cat\t10" in shown
    assert "Authorization" not in server.headers[0]


def test_the_simulator_reads_one_number_for_each_token(server, data):
    server.say = lambda body: "Here you are: [0, 12, -3, 5.5]. I hope this helps."
    simulator = ChatSimulator(ChatEndpoint(server.url, "m", key="secret"), data, WORDS.__getitem__)
    said = simulator.simulate(Explanation("cats"), torch.arange(8).reshape(2, 4))
    assert said.tolist() == [[0, 10, 0, 5.5]] * 2
    assert len(server.asked) == 2
    system = server.asked[0][1]["messages"][0]["content"]
    assert "responds to: cats" in system
    assert "exactly 4 integers" in system
    assert server.headers[0]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("said", ["no idea", "[1, 2]", '["a", "b", "c", "d"]', "[1, 2, 3, NaN]"])
def test_an_answer_without_the_numbers_predicts_nothing(server, data, said):
    server.say = lambda body: said
    simulator = ChatSimulator(ChatEndpoint(server.url, "m"), data, WORDS.__getitem__)
    assert simulator.simulate(Explanation("x"), torch.arange(4)[None]).tolist() == [[0] * 4]


def test_a_language_model_that_understands_scores_one(server, data):
    def say(body):
        lines = body["messages"][1]["content"].split("\n")
        if "most are 0" not in body["messages"][0]["content"]:
            return "the word cat"
        return json.dumps([10 * line.endswith("\tcat") for line in lines])

    server.say = say
    endpoint = ChatEndpoint(server.url, "m")
    sae = SAE(torch.eye(1), torch.zeros(1), torch.eye(1), torch.zeros(1), "l1")
    found = interpretability(
        sae,
        data,
        ChatExplainer(endpoint, data, WORDS.__getitem__),
        ChatSimulator(endpoint, data, WORDS.__getitem__),
        length=8,
        n_top=2,
        n_random=2,
    )
    assert found.explanations == ("the word cat",)
    assert found.top_and_random.tolist() == pytest.approx([1])


@pytest.mark.parametrize(
    "reply", [b"<html>", {"error": "no such model"}, {"choices": [{"message": {"content": None}}]}]
)
def test_an_endpoint_that_answers_otherwise_is_named(server, reply):
    server.say = lambda body: reply
    with pytest.raises(ValueError, match=rf"{server.url}/chat/completions, got .* try its URL"):
        ChatEndpoint(server.url, "m").answer("a", "b")


def test_an_endpoint_that_is_not_there_is_named():
    with Answering() as closed:
        url = closed.url
    with pytest.raises(ValueError, match="chat/completions, got"):
        ChatEndpoint(url, "m", timeout=2.0).answer("a", "b")


def test_a_key_is_not_shown_and_an_address_must_be_one():
    assert "secret" not in repr(ChatEndpoint("https://x.invalid/v1", "m", key="secret"))
    with pytest.raises(ValueError, match="begins with http"):
        ChatEndpoint("file:///etc/passwd", "m")
