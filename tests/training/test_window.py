import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cogtrain.training.window import Window, divide_gradients

ITEMS = st.lists(
    st.tuples(st.floats(0, 10), st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.5, 1.0, 3.0])),
    min_size=1,
    max_size=24,
)


@given(items=ITEMS, cuts=st.sets(st.integers(1, 23)))
def test_means_do_not_depend_on_how_a_window_is_cut(items, cuts):
    values = torch.tensor(items, dtype=torch.float64)
    window = Window()
    for part in torch.tensor_split(values, sorted(cuts)):
        window.add(*part.unbind(dim=1))
    means = window.close()
    losses, correct, weights = values.unbind(dim=1)
    assert means.weight == pytest.approx(weights.sum().item())
    if weights.sum() == 0:
        assert torch.isnan(means.loss)
        assert torch.isnan(means.accuracy)
        return
    assert means.loss == pytest.approx(((losses * weights).sum() / weights.sum()).item())
    assert means.accuracy == pytest.approx(((correct * weights).sum() / weights.sum()).item())


def test_a_window_begins_anew_after_its_end():
    window = Window()
    for loss in (1.0, 5.0):
        window.add(torch.tensor([loss]), torch.tensor([0.0]), torch.tensor([1.0]))
        assert window.close().loss == loss


def test_all_ranks_add_up():
    window = Window()
    window.add(torch.tensor([1.0]), torch.tensor([1.0]), torch.tensor([1.0]))
    others = torch.tensor([9.0, 1.0, 3.0])
    means = window.close(lambda sums: sums + others)
    assert means.loss == 2.5
    assert means.accuracy == 0.5
    assert means.weight == 4.0


def test_the_divided_gradient_is_that_of_the_mean():
    torch.manual_seed(0)
    layer, frozen = torch.nn.Linear(3, 1), torch.nn.Parameter(torch.zeros(1))
    inputs, weights = torch.randn(8, 3), torch.tensor([1.0, 0, 2, 1, 0.5, 1, 0, 1])

    def losses(part):
        return layer(inputs[part]).squeeze(1).square()

    everything = slice(None)
    ((losses(everything) * weights).sum() / weights.sum()).backward()
    expected = [p.grad.clone() for p in layer.parameters()]
    layer.zero_grad()
    window = Window()
    for part in (slice(0, 3), slice(3, 8)):
        correct = torch.zeros_like(weights[part])
        window.add(losses(part), correct, weights[part]).backward()
    divide_gradients([*layer.parameters(), frozen], window.close().weight)
    for parameter, gradient in zip(layer.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
    assert frozen.grad is None


def test_what_weighs_nothing_teaches_nothing():
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.zeros(2)
    divide_gradients([parameter], torch.tensor(0.0))
    assert parameter.grad.tolist() == [0.0, 0.0]
