import torch

from mi_course.methods.feature_viz.redirect import redirected_relu


def gradient(x, towards):
    x = x.clone().requires_grad_()
    out = redirected_relu(x)
    (out * towards).sum().backward()
    return out.detach(), x.grad


def test_the_value_is_that_of_relu():
    x = torch.tensor([[-1.0, 0.0, 2.0]])
    assert torch.equal(gradient(x, torch.ones(1, 3))[0], x.relu())


def test_a_dead_image_is_pushed_up_and_never_further_down():
    x = torch.tensor([[-1.0, -2.0]])
    # A loss of -out_0 + out_1: descent wants out_0 up and out_1 down.
    _, grad = gradient(x, torch.tensor([[-1.0, 1.0]]))
    assert grad.tolist() == [[-1.0, 0.0]]


def test_an_image_with_any_gradient_keeps_its_own_one():
    x = torch.tensor([[-1.0, 2.0], [-1.0, -2.0]])
    _, grad = gradient(x, torch.full((2, 2), -1.0))
    assert grad.tolist() == [[0.0, -1.0], [-1.0, -1.0]]
