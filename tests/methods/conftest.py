"""Small models for the tests of methods: random ones of each kind, and one written by hand."""

import pytest
import torch
import transformer_lens.model_bridge.sources.native  # noqa: F401 - registers boot_native
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from mi_course.models import load
from mi_course.models.tokenizer import load_tokenizer

D_VOCAB, N_CTX = 50, 40


def boot(**changes):
    """Return an attention-only bridge whose biases are not zero and whose scales are not 1."""
    shape = {"d_model": 16, "d_head": 4, "n_heads": 4, "n_layers": 2, "n_ctx": N_CTX}
    kind = {"normalization_type": "LN", "positional_embedding_type": "rotary", "act_fn": "gelu"}
    settings = {**shape, **kind, "d_vocab": D_VOCAB, "attn_only": True, "seed": 3, **changes}
    model = TransformerBridge.boot_native(TransformerBridgeConfig(**settings))
    disturb(model)
    return model.eval()


def disturb(model):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator)


@pytest.fixture(scope="session")
def rotary():
    return boot()


@pytest.fixture
def fresh_rotary():
    """Like `rotary`, for a test that changes it."""
    return boot()


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory):
    """A bridge of GPT-2's architecture with random weights, booted without a network."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = ["<|endoftext|>", *(f"w{i}" for i in range(1, D_VOCAB))]
    vocabulary = {word: i for i, word in enumerate(words)}
    word_level = Tokenizer(models.WordLevel(vocabulary, unk_token=words[0]))
    word_level.pre_tokenizer = pre_tokenizers.Whitespace()
    folder = str(tmp_path_factory.mktemp("tokenizer"))
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), words[0])
    PreTrainedTokenizerFast(tokenizer_object=word_level, **special).save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    config = GPT2Config(vocab_size=D_VOCAB, n_positions=N_CTX, n_embd=16, n_layer=3, n_head=4)
    torch.manual_seed(0)
    network = GPT2LMHeadModel(config)
    disturb(network)
    bridge = TransformerBridge.boot_transformers("gpt2", hf_model=network, tokenizer=tokenizer)
    return bridge.eval()


@pytest.fixture(scope="session")
def neox(gpt2):
    """A bridge of GPT-NeoX's architecture with random weights: attention and MLP in parallel."""
    shape = {"hidden_size": 16, "intermediate_size": 32, "max_position_embeddings": N_CTX}
    heads = {"num_hidden_layers": 3, "num_attention_heads": 4}
    torch.manual_seed(1)
    network = GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=D_VOCAB, **shape, **heads))
    disturb(network)
    name = "EleutherAI/pythia-70m"
    bridge = TransformerBridge.boot_transformers(
        name, hf_model=network, tokenizer=gpt2.tokenizer, device="cpu"
    )
    return bridge.eval()


@pytest.fixture(params=["rotary", "gpt2"])
def model(request):
    return request.getfixturevalue(request.param)


def one_hot_parts():
    """For each part of the residual stream a matrix that puts entry i at the part's i-th place."""
    sizes = {"token": D_VOCAB, "position": N_CTX, "note": D_VOCAB, "answer": D_VOCAB}
    everything = torch.eye(sum(sizes.values()))
    return dict(zip(sizes, everything.split(list(sizes.values())), strict=True))


def planted_weights(n_heads=3, sharpness=40 * D_VOCAB**0.5):
    """Return the state of the planted model; what is not named here is zero."""
    token, position, note, answer = one_hot_parts().values()
    empty = torch.zeros(2, n_heads, D_VOCAB, token.shape[1])
    W_Q, W_K, W_V, W_O = (empty.clone() for _ in range(4))
    # The query of position p is the key of position p - 1.
    W_Q[0, 1, :N_CTX], W_K[0, 1, :N_CTX] = sharpness * position.roll(-1, dims=0), position
    W_V[0, 1], W_O[0, 1] = token, note
    for index in (0, 2):
        W_Q[1, index], W_K[1, index], W_V[1, index] = sharpness * token, note, token
    W_O[1, 0] = 20 * answer
    state = {"embed.weight": token, "pos_embed.weight": position, "unembed.weight": answer}
    for layer in range(2):
        for name, weight in {"q": W_Q, "k": W_K, "v": W_V, "o": W_O}.items():
            stacked = weight[layer].flatten(end_dim=1)
            state[f"blocks.{layer}.attn.{name}.weight"] = stacked.T if name == "o" else stacked
    return state


@pytest.fixture(scope="session")
def planted():
    """Induction written by hand, without LayerNorm and with one-hot positions.

    The residual stream has four parts: token, position, note (which token stood before) and
    answer. L0H1 looks at the position before and writes its token into the note. L1H0 compares its
    token with the notes and writes what it finds into the answer, which W_U reads. L1H2 is a decoy:
    it looks where L1H0 looks and writes nothing.
    """
    width = sum(len(part) for part in one_hot_parts().values())
    kind = {"normalization_type": None, "positional_embedding_type": "standard"}
    model = boot(d_model=width, d_head=D_VOCAB, n_heads=3, **kind)
    state = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    model.load_state_dict({**state, **planted_weights()})
    return model


@pytest.fixture(scope="session")
def town():
    return load("town", device="cpu")


@pytest.fixture(scope="session")
def random_models():
    """Returns random models of three architectures, which read the town's documents, by the size of
    their weights. Two heads of the last one share keys and values.
    """

    def made(initializer_range):
        tokenizer = load_tokenizer()
        shape = {"vocab_size": len(tokenizer), "initializer_range": initializer_range}
        torch.manual_seed(0)
        gpt2 = GPT2LMHeadModel(GPT2Config(**shape, n_positions=64, n_embd=16, n_layer=2, n_head=4))
        shape |= {"hidden_size": 16, "intermediate_size": 48, "max_position_embeddings": 64}
        shape |= {"num_hidden_layers": 2, "num_attention_heads": 4}
        neox = GPTNeoXForCausalLM(GPTNeoXConfig(**shape))
        llama = LlamaForCausalLM(LlamaConfig(**shape, num_key_value_heads=2))
        start = TransformerBridge.boot_transformers
        likely = "meta-llama/Llama-2-7b-hf"
        return {
            "gpt2": start("gpt2", hf_model=gpt2, tokenizer=tokenizer).eval(),
            "neox": start("EleutherAI/pythia-70m", hf_model=neox, tokenizer=tokenizer).eval(),
            "llama": start(likely, hf_model=llama, tokenizer=tokenizer).eval(),
        }

    return made


@pytest.fixture(scope="session")
def other_models(random_models):
    return random_models(0.02)  # as `transformers` draws them
