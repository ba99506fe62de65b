import pytest
import torch

from mi_course.methods.sae.dictionary import SAE
from mi_course.methods.sae.fragments import cut_documents, top_and_random
from mi_course.methods.sae.labelled import LabelledActivations


def identity(n):
    return SAE(torch.eye(n), torch.zeros(n), torch.eye(n), torch.zeros(n), "l1")


def given(x, document):
    labels = torch.zeros(len(x), 1, dtype=torch.bool)
    return LabelledActivations(x, labels, ("kind: a",), document, torch.zeros_like(document))


def test_documents_are_cut_by_hand():
    """Lengths 5, 2, 3 and 4 in pieces of 2; the even documents are 0 and 2."""
    document = torch.tensor([0] * 5 + [1] * 2 + [2] * 3 + [3] * 4)
    data = given(torch.ones(14, 1), document)
    assert cut_documents(data, data.fit, 2).tolist() == [[0, 1], [2, 3], [7, 8]]
    assert cut_documents(data, ~data.fit, 2).tolist() == [[5, 6], [10, 11], [12, 13]]


@pytest.mark.parametrize("chunk", [4096, 9])
def test_top_fragments_are_the_highest_and_random_ones_are_others(chunk):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 5, generator=generator)
    data = given(x, torch.arange(400) // 40)
    pieces = cut_documents(data, torch.ones(400, dtype=torch.bool), 8)
    latents = torch.tensor([4, 1])
    found = top_and_random(identity(5), data, pieces, latents, n_top=3, n_random=4, chunk=chunk)
    peaks = x.relu()[pieces].amax(1)
    for row, latent in enumerate(latents):
        highest = peaks[:, latent].topk(3).indices
        assert torch.equal(found.tokens[row, :3], pieces[highest])
        first = found.tokens[row, :, 0].tolist()
        assert len(set(first)) == 7
        assert torch.equal(found.acts[row], x.relu()[found.tokens[row], latent])
    assert found.n_top == 3


def test_random_fragments_depend_on_the_seed_alone():
    generator = torch.Generator().manual_seed(1)
    data = given(torch.randn(400, 3, generator=generator), torch.arange(400) // 40)
    pieces = cut_documents(data, torch.ones(400, dtype=torch.bool), 8)
    latents = torch.arange(3)
    one, same, other = (
        top_and_random(identity(3), data, pieces, latents, seed=seed).tokens for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(one[:, :5], other[:, :5])


def test_bad_input_is_refused():
    data = given(torch.ones(20, 1), torch.arange(20) // 10)
    with pytest.raises(ValueError, match="at least 11 tokens"):
        cut_documents(data, data.fit, 11)
    pieces = cut_documents(data, data.fit, 5)
    with pytest.raises(ValueError, match="got 2, try more documents"):
        top_and_random(identity(1), data, pieces, torch.tensor([0]))
