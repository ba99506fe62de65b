import base64
import json
import math
import random

import numpy as np
import pytest
import torch

from mi_course.grading.values import DTYPES, Caps, RefusedError, decode, encode


def there_and_back(value, **options):
    return decode(json.loads(json.dumps(encode(value, **options))))


def test_plain_values_come_back_with_their_types():
    value = {"a": [1, 2.0, True, None, "é\n"], 3: (1, (2,)), (0, 1): {}}
    back = there_and_back(value)
    assert back == value
    assert [type(part) for part in back["a"]] == [int, float, bool, type(None), str]
    assert type(back[3]) is tuple


def test_nan_and_infinities_survive():
    nan, up, down = there_and_back([math.nan, math.inf, -math.inf])
    assert math.isnan(nan) and up == math.inf and down == -math.inf


@pytest.mark.parametrize("name", DTYPES)
def test_tensors_of_every_dtype_come_back_bit_for_bit(name):
    tensor = torch.arange(6).reshape(2, 3).to(getattr(torch, name))
    back = there_and_back(tensor)
    assert back.dtype == tensor.dtype and torch.equal(back, tensor)


def test_odd_tensors_come_back_plain():
    base = torch.randn(3, 4, 5)
    for tensor in (base.permute(2, 0, 1), base[:, ::2], base[0, 0, 0], base[:0], base.conj()):
        back = there_and_back(tensor)
        assert back.shape == tensor.shape and torch.equal(back, tensor)
    parameter = torch.nn.Parameter(base)
    assert not there_and_back(parameter).requires_grad
    assert torch.equal(there_and_back(base.to_sparse()), base)


def test_numpy_arrays_and_scalars_come_back():
    array = np.arange(12, dtype="int16").reshape(3, 4)[:, ::2]
    back = there_and_back(array)
    assert isinstance(back, np.ndarray) and back.dtype == array.dtype
    assert np.array_equal(back, array)
    assert there_and_back(np.float32(0.5)) == 0.5


@pytest.mark.parametrize(
    "value",
    [object(), {1, 2}, b"bytes", 1j, 2**70, np.array(["a"]), np.array([None]), lambda: 0, torch],
)
def test_other_kinds_are_refused_when_encoding(value):
    with pytest.raises(RefusedError):
        encode([value])


def test_values_beyond_a_cap_are_refused_when_encoding():
    endless = []
    endless.append(endless)
    small = Caps(nbytes=100, items=10, depth=3, text=20, ndim=2)
    for value in (endless, [0] * 11, "x" * 21, torch.zeros(26), torch.zeros(1, 1, 1)):
        with pytest.raises(RefusedError, match="expected at most"):
            encode(value, small)


def tensor(dtype="float32", shape=(2,), data="AAAAAAAAAAA=", tag="tensor"):
    return {"t": tag, "dtype": dtype, "shape": list(shape), "data": data}


@pytest.mark.parametrize(
    "data",
    [
        tensor(shape=(-1, -2)),
        tensor(shape=(2**40, 2**40)),
        tensor(shape=(2**60, 2**60, 0), data=""),
        tensor(shape=(3,)),
        tensor(shape=(True, 2)),
        tensor(shape=(1.5,)),
        tensor(shape=(1,) * 13 + (2,)),
        tensor(dtype="object"),
        tensor(dtype="__class__"),
        tensor(data="!!!!!!!!!!!="),
        tensor(data=None),
        tensor(dtype="bfloat16", shape=(4,), tag="array"),
        {"t": "tensor"},
        {"t": "model", "v": "town"},
        {"t": "float", "v": "1e5"},
        {"t": "dict", "v": [[1]]},
        {"t": "dict", "v": [[[1], 2]]},
        {"t": "dict", "v": 3},
        {"t": ["list"]},
        {"no": "tag"},
        10**30,
        "x" * 100_001,
    ],
    ids=str,
)
def test_malformed_data_is_refused_when_decoding(data):
    with pytest.raises(RefusedError):
        decode([data])


def test_nesting_and_number_of_entries_are_capped_when_decoding():
    deep = 0
    for _ in range(20):
        deep = [deep]
    for data in (deep, [0] * 100_001):
        with pytest.raises(RefusedError, match="expected at most"):
            decode(data)


def test_a_size_that_lies_takes_no_memory():
    with pytest.raises(RefusedError, match="bytes"):
        decode(tensor(shape=(2**33,), data="AAAA"))


def test_lone_surrogates_become_writable_text():
    assert decode("\ud800").encode("utf-8") == b"?"


def test_references_are_built_only_by_the_side_that_knows_them():
    class Name(str):
        __slots__ = ()

    data = encode(
        ["a", object], refer=lambda v: {"t": "model", "v": "town"} if v is object else None
    )
    assert decode(data, resolvers={"model": str.upper}) == ["a", "TOWN"]
    with pytest.raises(RefusedError, match="model"):
        decode(data)


@pytest.mark.parametrize(
    "data",
    [
        {"t": "float", "v": ["nan"]},
        {"t": "float", "v": {}},
        tensor(dtype=["float32"]),
        tensor(dtype={}),
        tensor(shape=(2.0,)),
        tensor(data="AAAA AAAAAA="),
        tensor(data="AAAAAAAAAAA\n"),
        tensor(data="ÄAAAAAAAAAA="),
        tensor(dtype="bool", data="AgA="),
        tensor() | {"requires_grad": True},
        {"t": "tuple", "v": [], "w": 1},
        {"t": "dict", "v": ["ab"]},
        {"t": "dict", "v": [[1, 2], [True, 3]]},
        {"t": "dict", "v": [[{"t": "float", "v": "nan"}, 1, 2]]},
    ],
    ids=str,
)
def test_data_of_the_wrong_type_is_refused_and_raises_nothing_else(data):
    with pytest.raises(RefusedError):
        decode([data])


def test_keys_made_to_share_one_hash_are_refused_before_they_cost_anything():
    alike = [math.ldexp(1.0, 61 * n) for n in range(16)]
    assert len({hash(number) for number in alike}) == 1
    keys = [{"t": "tuple", "v": [a, b, c]} for a in alike for b in alike for c in alike]
    with pytest.raises(RefusedError, match="1000 keys"):
        decode({"t": "dict", "v": [[key, 1] for key in keys]})
    assert len(decode({"t": "dict", "v": [[n, 1] for n in range(5_000)]})) == 5_000


SMALL = Caps(nbytes=200, items=40, depth=4, text=12, ndim=3)
LEAVES = (
    None, True, 0, -1, 2**62, 2**63, 10**400, 0.5, math.inf, math.nan, "", "nan", "float32",
    "tensor", "AAAA", "AAA=", "\ud800", "x" * 13, [], {}, [[]], {"t": "v"},
)  # fmt: skip


def some_json(draw, depth=0):
    """Data that looks now and then like ours."""
    pick = draw.randrange(8)
    if depth > 5 or pick < 3:
        return draw.choice(LEAVES)
    parts = [some_json(draw, depth + 1) for _ in range(draw.randrange(5))]
    if pick == 3:
        return parts
    if pick == 4:
        return {"t": draw.choice(["tuple", "dict", "float", "model", 3]), "v": parts}
    if pick == 5:
        return {"t": "dict", "v": [[part, part] for part in parts]}
    if pick == 6:
        shape = [draw.choice([0, 1, 2, 3, 2**31, True, -1, 1.0]) for _ in range(draw.randrange(5))]
        text = base64.b64encode(bytes(draw.randrange(40))).decode()
        return tensor(
            draw.choice([*DTYPES, "object"]), shape, text, draw.choice(["tensor", "array"])
        )
    return {draw.choice(["t", "v", "data", "shape"]): part for part in parts}


def held(value):
    """Bytes of tensors and number of entries in a decoded value."""
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple):
        pairs = [held(part) for part in value]
        return sum(pair[0] for pair in pairs), 1 + sum(pair[1] for pair in pairs)
    return getattr(value, "nbytes", 0), 1


@pytest.mark.parametrize("seed", range(20))
def test_whatever_comes_is_decoded_within_the_caps_or_refused(seed):
    draw = random.Random(seed)
    decoded = 0
    for _ in range(500):
        try:
            value = decode(some_json(draw), SMALL)
        except RefusedError:
            continue
        decoded += 1
        nbytes, items = held(value)
        assert nbytes <= SMALL.nbytes and items <= SMALL.items
    assert 100 < decoded < 400  # or the draw would show nothing


@pytest.mark.parametrize("seed", range(10))
def test_what_was_encoded_and_then_damaged_is_decoded_or_refused(seed):
    draw = random.Random(seed)
    good = json.dumps(encode([torch.arange(6.0), {"a": (1, np.zeros(3))}, math.nan, ["é", {}]]))
    outcomes = set()
    for _ in range(300):
        text = list(good)
        for _ in range(draw.randrange(1, 4)):
            text[draw.randrange(len(text))] = draw.choice('0129-.eE[]{}",:AZ=tvn ')
        try:
            decode(json.loads("".join(text)), SMALL)
            outcomes.add("decoded")
        except RefusedError:
            outcomes.add("refused")
        except json.JSONDecodeError:
            continue
    assert outcomes == {"decoded", "refused"}
