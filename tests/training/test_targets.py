from types import SimpleNamespace

import pytest
import torch

from cogtrain.training.objective import Objective
from cogtrain.training.targets import require_people, targets

OPTIONS = [("yes", "no"), ("red", "green", "blue")]
BATCH = {
    "ids": ["a", "b"],
    "set": ["towers", "towers"],
    "question": ["will_fall", "red_block"],
    "answer": ["no", "blue"],
    "people": [{"yes": 0.25, "no": 0.75}, None],
}


def test_items_of_several_questions_stand_in_one_matrix():
    target, counts = targets(Objective(label_smoothing=0.3), OPTIONS, BATCH)
    torch.testing.assert_close(target, torch.tensor([[0.15, 0.85, 0.0], [0.1, 0.1, 0.8]]))
    assert counts.tolist() == [1.0, 1.0]


def test_what_nobody_answered_is_skipped_or_true():
    target, counts = targets(Objective(humans=1.0, unanswered="skip"), OPTIONS, BATCH)
    assert target.tolist() == [[0.25, 0.75, 0.0], [0.0, 0.0, 0.0]]
    assert counts.tolist() == [1.0, 0.0]
    target, counts = targets(Objective(humans=1.0, unanswered="truth"), OPTIONS, BATCH)
    assert target[1].tolist() == [0.0, 0.0, 1.0]
    assert counts.tolist() == [1.0, 1.0]


def test_says_whose_answers_are_missing_or_strange():
    with pytest.raises(ValueError, match=r"to `red_block` about stimulus `b` of set `towers`, got"):
        targets(Objective(humans=0.5), OPTIONS, BATCH)
    strange = BATCH | {"people": [{"perhaps": 1.0}, None]}
    with pytest.raises(ValueError, match=r"stimulus `a` of set `towers`: .* got `perhaps`"):
        targets(Objective(humans=0.5), OPTIONS, strange)


def test_missing_people_are_told_before_training():
    data = SimpleNamespace(unanswered=lambda: {"one": [], "two": ["x", "y"]})
    with pytest.raises(ValueError, match="every stimulus of set `two`, got none to 2, first `x`"):
        require_people(Objective(humans=0.5), data)
    for fine in (Objective(), Objective(humans=0.5, unanswered="skip")):
        require_people(fine, data)
