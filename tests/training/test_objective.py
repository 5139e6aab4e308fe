import pytest
import torch
from torch.nn.functional import binary_cross_entropy, cross_entropy, kl_div

from cogtrain.training.objective import Objective

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]])
TRUTH = torch.tensor([0, 2])
YES_NO = ("yes", "no")


def hot(*indices, width=2):
    return torch.nn.functional.one_hot(torch.tensor(indices), width).float()


def test_over_vocabulary_is_cross_entropy_of_the_full_softmax():
    log_mass = LOGITS.log_softmax(dim=-1)[:, [0, 2]]  # two options of a vocabulary of three
    losses = Objective(over="vocabulary")(log_mass, hot(0, 1))
    torch.testing.assert_close(losses, cross_entropy(LOGITS, TRUTH, reduction="none"))


def test_over_options_ignores_the_rest_of_the_vocabulary():
    menu = LOGITS[:, [0, 2]]
    log_mass = LOGITS.log_softmax(dim=-1)[:, [0, 2]]
    losses = Objective(over="options")(log_mass, hot(0, 1))
    expected = cross_entropy(menu, torch.tensor([0, 1]), reduction="none")
    torch.testing.assert_close(losses, expected)


@pytest.mark.parametrize("over", ["vocabulary", "options"])
def test_gradient_raises_the_true_option(over):
    log_mass = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    Objective(over=over)(log_mass, hot(1)).sum().backward()
    assert log_mass.grad is not None
    assert log_mass.grad[0, 1] < 0 <= log_mass.grad[0, 0]


@pytest.mark.parametrize("over", ["vocabulary", "options"])
def test_an_option_that_an_item_lacks_costs_nothing(over):
    log_mass = torch.tensor([[-1.0, -2.0, -torch.inf]], requires_grad=True)
    loss = Objective(over=over)(log_mass, torch.tensor([[0.3, 0.7, 0.0]]))
    loss.sum().backward()
    two = Objective(over=over)(log_mass[:, :2].detach(), torch.tensor([[0.3, 0.7]]))
    torch.testing.assert_close(loss.detach(), two)
    assert torch.isfinite(log_mass.grad).all()


def test_towards_proportions_it_is_the_divergence_but_for_a_constant():
    torch.manual_seed(0)
    logits = torch.randn(5, 2, requires_grad=True)
    people = torch.rand(5, 1)
    people = torch.cat([people, 1 - people], dim=1)
    Objective(over="options")(logits.log_softmax(-1), people).sum().backward()
    ours, logits.grad = logits.grad, None
    kl_div(logits.log_softmax(-1), people, reduction="sum").backward()
    torch.testing.assert_close(ours, logits.grad)


def test_single_trials_are_bernoulli_and_average_to_the_proportion():
    log_odds = torch.tensor([0.7])
    log_p = torch.stack([log_odds, -log_odds], dim=1).div(2).log_softmax(-1)
    objective = Objective(over="options", humans=1.0)
    trials = [{"yes": 1.0}] * 3 + [{"no": 1.0}]
    losses = [objective(log_p, torch.tensor([objective.target(YES_NO, 1, t)])) for t in trials]
    expected = [
        binary_cross_entropy(torch.sigmoid(log_odds), torch.tensor([float("yes" in trial)]))
        for trial in trials
    ]
    torch.testing.assert_close(torch.cat(losses), torch.stack(expected))
    soft = torch.tensor([objective.target(YES_NO, 1, {"yes": 0.75, "no": 0.25})])
    torch.testing.assert_close(torch.cat(losses).mean(), objective(log_p, soft)[0])


@pytest.mark.parametrize(
    ("options", "truth", "people", "expected"),
    [
        ({}, 1, {"yes": 1.0}, [0.0, 1.0]),  # people are not asked
        ({"label_smoothing": 0.2}, 1, None, [0.1, 0.9]),
        ({"humans": 1.0}, 1, {"yes": 0.75, "no": 0.25}, [0.75, 0.25]),
        ({"humans": 0.5}, 1, {"yes": 0.75, "no": 0.25}, [0.375, 0.625]),
        ({"humans": 0.5, "label_smoothing": 0.2}, 0, {"no": 1.0}, [0.45, 0.55]),
        ({"humans": 0.5, "unanswered": "truth"}, 0, None, [1.0, 0.0]),
        ({"humans": 0.5, "unanswered": "skip"}, 0, None, None),
    ],
)
def test_what_is_wanted(options, truth, people, expected):
    target = Objective(**options).target(YES_NO, truth, people)
    assert target == (None if expected is None else pytest.approx(expected))


def test_missing_people_are_an_error_unless_said_otherwise():
    with pytest.raises(LookupError, match="nobody answered"):
        Objective(humans=0.1).target(YES_NO, 0, None)


def test_refuses_an_answer_that_is_no_option():
    with pytest.raises(ValueError, match="to be among yes, no, got `maybe`"):
        Objective(humans=0.1).target(YES_NO, 0, {"maybe": 1.0})


@pytest.mark.parametrize("name", ["humans", "label_smoothing"])
def test_refuses_what_is_no_share(name):
    with pytest.raises(ValueError, match=rf"`model.objective.{name}` to be a share .* got 1.5"):
        Objective(**{name: 1.5})
