"""The committed tokenizer of the embedded models: a byte-level BPE trained on `town`."""

from typing import TYPE_CHECKING

from mi_course.models.weights import ROOT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

DIRECTORY = ROOT / "tokenizer"


def load_tokenizer() -> "PreTrainedTokenizerFast":
    """Return the tokenizer of `town`; `<|endoftext|>` (id 0) is its BOS, EOS and pad token."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(DIRECTORY)
