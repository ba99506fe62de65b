"""Objects that lie about themselves: what counts is what crosses the wall, and that is numbers."""

import os
import tempfile
from pathlib import Path

from tests.attacks.stage import SHAPE, attack

LIST = "def clipped(values, limit):\n    return {}"
PICKLED = Path(tempfile.gettempdir()) / f"pickled-{os.getpid()}"


@attack("""
class Yes:
    shape = (1, 2)
    def __eq__(self, other): return True
    def __float__(self): return 2.0
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return True
def position_means(values):
    return Yes()
""")
def test_an_object_that_equals_everything_earns_nothing(mark):
    assert mark.points == 0


@attack("""
class Always(torch.Tensor):
    def __eq__(self, other): return True
    def __sub__(self, other): return torch.zeros(1)
    def __float__(self): return 0.0
    def allclose(self, *a, **k): return True
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.allclose, torch.equal, torch.isclose): return True
        return super().__torch_function__(function, types, args, kwargs or {})
def position_means(values):
    return values.sum(1).as_subclass(Always)
""")
def test_a_tensor_subclass_that_overloads_comparison_earns_the_shape_only(mark):
    assert mark.points == SHAPE
    assert "a sum in place of a mean" in mark.message


@attack("""
import numpy as np
class Any:
    def __array__(self, dtype=None, copy=None): return np.zeros((1, 2), "f4")
    def __array_function__(self, *a): return True
    def __array_ufunc__(self, *a, **k): return True
def position_means(values):
    return Any()
""")
def test_an_object_that_turns_itself_into_an_array_earns_nothing(mark):
    assert mark.points == 0


@attack(
    clipped="""
class Five(float):
    def __eq__(self, other): return True
    def __sub__(self, other): return 0.0
    def __abs__(self): return 0.0
    __hash__ = float.__hash__
def clipped(values, limit):
    return [Five(9) for _ in values]
"""
)
def test_a_float_that_equals_everything_is_sent_as_the_number_that_it_is(record):
    assert record.marks[1].points == 0


@attack(
    clipped="""
class Ever(list):
    def __eq__(self, other): return True
    def __len__(self): return 3
def clipped(values, limit):
    return Ever([0.0] * len(values))
"""
)
def test_a_list_that_equals_everything_is_sent_as_the_items_that_it_has(record):
    assert record.marks[1].points == 0


@attack(
    clipped="""
class Liar:
    @property
    def __class__(self): return list
    def __iter__(self): return iter([-2.0, 0.5, 2.0])
def clipped(values, limit):
    return Liar()
"""
)
def test_an_object_whose_class_lies_earns_nothing(record):
    assert record.marks[1].points == 0


@attack(
    """
import pickle, os
class Bomb(dict):
    def __reduce__(self): return os.system, ("touch PICKLED",)
    def items(self): return [("t", "tensor"), ("dtype", "float32"), ("shape", [1, 2])]
def position_means(values):
    return Bomb()
""".replace("PICKLED", str(PICKLED))
)
def test_nothing_that_comes_back_is_unpickled(mark):
    assert mark.points == 0
    assert not PICKLED.exists()


@attack("""
def position_means(values):
    return {"t": "model", "v": "town"}
""")
def test_a_dictionary_in_the_graders_own_notation_stays_a_dictionary(mark):
    assert mark.points == 0


@attack("def position_means(values):\n    return torch.full(values[:, 0].shape, float('nan'))")
def test_nan_where_a_number_is_expected_earns_the_shape_only(mark):
    assert mark.points == SHAPE
    assert "not finite" in mark.message


@attack("def position_means(values):\n    return torch.zeros(1).expand(10**6, 10**6)")
def test_a_tensor_of_a_million_squared_entries_is_refused(mark):
    assert mark.points == 0


@attack("def position_means(values):\n    return torch.zeros(3, 0, 2**61)")
def test_an_empty_tensor_of_absurd_shape_is_only_wrong(mark):
    assert mark.points == 0


@attack("""
def position_means(values):
    nest = [0.0]
    for _ in range(100_000): nest = [nest]
    return nest
""")
def test_deep_nesting_is_refused_with_a_reason(mark):
    assert mark.points == 0
    assert "levels of nesting" in mark.message


@attack("def position_means(values):\n    loop = []\n    loop.append(loop)\n    return loop")
def test_a_list_that_holds_itself_is_refused(mark):
    assert mark.points == 0


@attack("def position_means(values):\n    return values.mean(1).to('meta')")
def test_a_tensor_without_data_earns_nothing(mark):
    assert mark.points == 0


@attack("""
def position_means(values):
    return torch.quantize_per_tensor(values.sum(1), 0.1, 0, torch.qint8)
""")
def test_a_quantised_tensor_is_refused(mark):
    assert mark.points == 0


@attack("""
class Meta(type):
    __name__ = property(lambda cls: 7)
class Odd(Exception, metaclass=Meta):
    def __str__(self): return self
def position_means(values):
    raise Odd()
""")
def test_an_exception_whose_very_name_is_wrong_earns_nothing(mark):
    assert mark.points == 0


@attack(clipped=LIST.format("'\\ud800\\x00\\u2028\"}}\\n' * 1000"))
def test_text_that_is_hard_to_write_down_is_only_wrong(record):
    assert (record.marks[1].points, record.points) == (0, 5)


@attack(clipped=LIST.format("10 ** 5000"))
def test_a_number_of_five_thousand_digits_is_refused(record):
    assert record.marks[1].points == 0


@attack(
    clipped=LIST.format("{tuple(-1 - (n >> k & 1) for k in range(12)): 0 for n in range(4096)}")
)
def test_keys_with_one_hash_are_not_read(record):
    assert record.marks[1].points == 0
    assert "could not be read" in record.marks[1].message


@attack("""
turns = []
class Turning(torch.Tensor):
    def detach(self):
        turns.append(1)
        return torch.zeros(1, 2) if len(turns) % 2 else torch.ones(1, 2)
def position_means(values):
    return values.sum(1).as_subclass(Turning)
""")
def test_a_value_that_changes_while_it_is_read_is_judged_as_read_once(mark):
    assert mark.points <= SHAPE


def test_nothing_is_left_behind(played):
    assert played.traces == []
    assert played.summary.problems == ()
