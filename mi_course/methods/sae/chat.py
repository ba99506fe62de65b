"""Explanations by a language model that you name: any endpoint that answers chat completions.

Nothing is contacted unless you make one of these with a URL and a model. The explainer sends the
top fragments with activations from 0 to 10 and takes the answer as the explanation; the simulator
sends an explanation and a fragment, a token on each line, and reads one number from 0 to 10 for
each token. Source: Bills et al. (2023), "Language models can explain neurons in language models",
whose simulator reads probabilities; this one reads the numbers, which every endpoint can give. In
go a URL and a model's name; out come an explainer and a simulator for `interpretability`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib import request

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mi_course.methods.sae.autointerp import Explanation
from mi_course.methods.sae.labelled import LabelledActivations

__all__ = ["ChatEndpoint", "ChatExplainer", "ChatSimulator"]

HIGHEST = 10  # activations are told on a scale from 0 to this
EXPLAIN = (
    "A feature inside a language model was active on some tokens of the texts below. Each line is "
    f"a token and its activation from 0 to {HIGHEST}, with a tab between them. Say in one short "
    "phrase what the feature responds to. Answer with the phrase only."
)
SIMULATE = (
    "A feature inside a language model responds to: {explanation}\n"
    "Below is a text, one numbered token on each line. Predict the feature's activation on every "
    f"token, an integer from 0 to {HIGHEST}; most are 0. Answer with a JSON list of exactly "
    "{length} integers and nothing else."
)


@dataclass(frozen=True)
class ChatEndpoint:
    """Where a language model answers chat completions.

    Attributes:
        url: up to and without "/chat/completions", such as "http://127.0.0.1:8000/v1".
        model: its name there.
        key: sent as a bearer token; nothing is sent when empty.
        timeout: seconds that an answer may take.
    """

    url: str
    model: str
    key: str = ""
    timeout: float = 60.0

    def __post_init__(self) -> None:
        if not re.match(r"https?://", self.url):
            raise ValueError(
                f"expected a URL that begins with http:// or https://, got {self.url!r}, try "
                "'http://127.0.0.1:8000/v1'"
            )

    def __repr__(self) -> str:
        # A key must not end up in a notebook's saved output.
        return f"ChatEndpoint(url={self.url!r}, model={self.model!r})"

    def answer(self, system: str, user: str) -> str:
        """Return what the model answers.

        Raises:
            ValueError: the endpoint cannot be reached, or does not answer as such endpoints do.
        """
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        body = {"model": self.model, "messages": messages, "temperature": 0}
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        address = f"{self.url.rstrip('/')}/chat/completions"
        asked = request.Request(address, json.dumps(body).encode(), headers)
        try:
            with request.urlopen(asked, timeout=self.timeout) as reply:
                return _content(json.load(reply))
        except (OSError, HTTPException, ValueError) as error:
            raise ValueError(
                f"expected an answer of a chat completion from {address}, got {error}, try its URL "
                "without '/chat/completions', and the model's name as it is known there"
            ) from error


@dataclass(frozen=True, eq=False)
class ChatExplainer:
    """Asks a language model what a feature responds to.

    Attributes:
        endpoint: where it answers.
        data: whose tokens are shown.
        words: the text of a token of the vocabulary, such as `model.tokenizer.decode`.
        n_shown: fragments that are shown, the first ones.
    """

    endpoint: ChatEndpoint
    data: LabelledActivations
    words: Callable[[int], str]
    n_shown: int = 5

    def explain(
        self, latent: int, tokens: Int[Tensor, "fragment pos"], acts: Float[Tensor, "fragment pos"]
    ) -> Explanation:
        """Return the model's phrase.

        Raises:
            ValueError: the endpoint cannot be reached, or does not answer.
        """
        del latent  # the model is shown what the feature does, not its number
        scaled = HIGHEST * acts / acts.amax().clamp(min=1e-12)
        texts = [
            "\n".join(
                f"{_line(self.words(token))}\t{round(value)}"
                for token, value in zip(ids.tolist(), row.tolist(), strict=True)
            )
            for ids, row in zip(self.data.token_ids[tokens], scaled, strict=True)
        ]
        said = self.endpoint.answer(EXPLAIN, "\n\n".join(texts[: self.n_shown]))
        return Explanation(said.strip())


@dataclass(frozen=True, eq=False)
class ChatSimulator:
    """Asks a language model to predict activations from an explanation.

    Attributes:
        endpoint: where it answers.
        data: whose tokens are shown.
        words: the text of a token of the vocabulary, such as `model.tokenizer.decode`.
    """

    endpoint: ChatEndpoint
    data: LabelledActivations
    words: Callable[[int], str]

    def simulate(
        self, explanation: Explanation, tokens: Int[Tensor, "fragment pos"]
    ) -> Float[Tensor, "fragment pos"]:
        """Return numbers from 0 to 10; a fragment whose answer has another length counts as 0.

        Raises:
            ValueError: the endpoint cannot be reached, or does not answer.
        """
        length = tokens.shape[1]
        system = SIMULATE.format(explanation=explanation.text, length=length)
        rows = []
        for ids in self.data.token_ids[tokens].tolist():
            lines = "\n".join(f"{i}\t{_line(self.words(token))}" for i, token in enumerate(ids))
            rows.append(_numbers(self.endpoint.answer(system, lines), length))
        return torch.tensor(rows, dtype=torch.float32)


def _content(reply: Any) -> str:
    """Return the text of a reply, or raise ValueError."""
    try:
        content = reply["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        raise ValueError(f"no choices[0].message.content in {str(reply)[:200]}") from None
    if not isinstance(content, str):
        raise ValueError(f"content that is no text: {str(content)[:200]}")
    return content


def _line(token: str) -> str:
    """Return a token on one line."""
    return json.dumps(token, ensure_ascii=False)[1:-1]


def _numbers(said: str, length: int) -> list[float]:
    """Return the last list of so many numbers in an answer, cut to the scale; zeros if none."""
    for found in reversed(re.findall(r"\[[^\[\]]*\]", said)):
        try:
            numbers = [float(x) for x in json.loads(found)]
        except (TypeError, ValueError):
            continue
        if len(numbers) == length and all(x == x for x in numbers):
            return [min(max(x, 0.0), float(HIGHEST)) for x in numbers]
    return [0.0] * length
