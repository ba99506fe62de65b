"""Right answers of unusual kinds: what a fair grader must not hold against a student."""

from tests.attacks.stage import FULL, SHAPE, attack

ANSWER = "def position_means(values):\n    {}\n"
RIGHT = ANSWER.format("return values.mean(1)")


@attack(ANSWER.format("return values.double().mean(1)"))
def test_double_precision_is_right(mark):
    assert mark.points == 3


@attack(ANSWER.format("return values.half().mean(1)"))
def test_half_precision_is_wrong_where_it_loses_digits_and_keeps_its_shape(mark):
    assert SHAPE <= mark.points < 3


@attack("import numpy as np\n" + ANSWER.format("return values.numpy().mean(axis=1)"))
def test_a_numpy_array_is_as_good_as_a_tensor(mark):
    assert mark.points == 3


@attack(ANSWER.format("return values.mean(1).tolist()"))
def test_lists_of_numbers_are_as_good_as_a_tensor(mark):
    assert mark.points == 3


@attack(ANSWER.format("return torch.nn.Parameter(values.mean(1))"))
def test_a_tensor_that_wants_a_gradient_is_right(mark):
    assert mark.points == 3


@attack(ANSWER.format("return values.mean(1).T.contiguous().T"))
def test_a_tensor_that_lies_across_memory_is_right(mark):
    assert mark.points == 3


@attack(ANSWER.format("return values.mean(1).to_sparse()"))
def test_a_sparse_tensor_of_the_right_values_is_right(mark):
    assert mark.points == 3


@attack("class Own(torch.Tensor): pass\n" + ANSWER.format("return values.mean(1).as_subclass(Own)"))
def test_a_subclass_with_the_right_values_is_right(mark):
    assert mark.points == 3


@attack("@torch.inference_mode()\n" + RIGHT)
def test_a_decorated_function_is_a_function(mark):
    assert mark.points == 3


@attack("position_means = lambda values: values.mean(1)")
def test_a_lambda_is_a_function(mark):
    assert mark.points == 3


@attack("""
class Means:
    def __call__(self, values): return values.mean(1)
position_means = Means()
""")
def test_an_object_that_can_be_called_is_a_function(mark):
    assert mark.points == 3


@attack("""
import logging, sys, warnings
def position_means(values):
    print("thinking", values.shape)
    print("still thinking", file=sys.stderr)
    warnings.warn("this is slow")
    logging.warning("careful")
    return values.mean(1)
""")
def test_words_and_warnings_cost_nothing(mark):
    assert mark.points == 3
    assert mark.state == "right"


@attack("def position_means(values):\n    values /= values.shape[1]\n    return values.sum(1)")
def test_writing_into_the_input_spoils_no_other_case(mark):
    assert mark.points == 3


@attack("torch.manual_seed(7)\ntorch.set_default_dtype(torch.float64)\n" + RIGHT)
def test_settings_of_torch_reach_nobody_else(record):
    assert record.points == FULL


@attack("""
import threading
def position_means(values):
    found = []
    thread = threading.Thread(target=lambda: found.append(values.mean(1)))
    thread.start()
    thread.join()
    return found[0]
""")
def test_a_thread_may_help(mark):
    assert mark.points == 3


@attack("""
from pathlib import Path
import tempfile
def position_means(values):
    # Kept, since on the Landlock tier an answer may delete nothing: the grader does.
    with tempfile.NamedTemporaryFile(delete=False) as file:
        torch.save(values, file.name)
        return torch.load(file.name).mean(1)
""")
def test_a_file_of_ones_own_may_be_used(mark):
    assert mark.points == 3


@attack(
    clipped="""
import numpy as np
def clipped(values, limit):
    return tuple(np.clip(values, -limit, limit))
"""
)
def test_a_tuple_of_numpy_numbers_is_as_good_as_a_list(record):
    assert record.points == FULL


@attack(
    clipped="""
def clipped(values: list, limit: "float", /, *, _cache={}) -> "list[float]":
    return list(torch.tensor(values).clamp(-limit, limit))
"""
)
def test_a_list_of_tensors_is_as_good_as_a_list_of_numbers(record):
    assert record.points == FULL


def test_nothing_is_left_behind(played):
    assert played.traces == []
    assert played.summary.problems == ()
