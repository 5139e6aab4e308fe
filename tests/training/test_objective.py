import pytest
import torch
from torch.nn.functional import cross_entropy

from cogtrain.training.objective import Objective

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])
TRUTH = torch.tensor([0, 2])


def test_over_vocabulary_is_cross_entropy_of_the_full_softmax():
    log_mass = LOGITS.log_softmax(dim=-1)[:, [0, 2]]  # two options of a vocabulary of three
    losses = Objective(over="vocabulary")(log_mass, torch.tensor([0, 1]))
    torch.testing.assert_close(losses, cross_entropy(LOGITS, TRUTH, reduction="none"))


def test_over_options_ignores_the_rest_of_the_vocabulary():
    menu = LOGITS[:, [0, 2]]
    log_mass = LOGITS.log_softmax(dim=-1)[:, [0, 2]]
    losses = Objective(over="options")(log_mass, torch.tensor([0, 1]))
    expected = cross_entropy(menu, torch.tensor([0, 1]), reduction="none")
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("over", ["vocabulary", "options"])
def test_gradient_raises_the_true_option(over):
    log_mass = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    Objective(over=over)(log_mass, torch.tensor([1])).sum().backward()
    assert log_mass.grad is not None
    assert log_mass.grad[0, 1] < 0 <= log_mass.grad[0, 0]
