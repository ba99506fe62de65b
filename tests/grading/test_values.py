import json
import math

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
