import copy
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from torchmetrics import MetricCollection

from cogtrain import metrics as m
from cogtrain.judgments import Judgments
from cogtrain.metrics.item_metric import keys_of

IDS = [f"stimulus {number}" for number in range(40)]
SOURCE = np.random.default_rng(0)
TRUTH = SOURCE.integers(0, 2, 40).astype(float)
PROBABILITY = SOURCE.random(40)
PEOPLE = SOURCE.integers(0, 2, (5, 40)).astype(float)
MARGINS = dict(zip(IDS, SOURCE.normal(size=40), strict=True))
SLOPES = [m.PsychometricSlope, m.PsychometricSlopeRatio]
CLASSES = [
    *(m.Accuracy, m.Auroc, m.DPrime, m.Criterion, m.Brier, m.LogLoss, m.CalibrationError),
    *(m.Spearman, m.Pearson, m.Kendall, m.NormalisedCorrelation, m.SpearmanToIndividuals),
    *(m.ErrorConsistency, m.HumanLikelihood, m.McFaddenR2, m.SplitHalf, m.NoiseCeiling),
    *(m.LeaveOneOut, *SLOPES),
]


def made(cls):
    return cls(MARGINS, people()) if cls in SLOPES else cls(people())


def people(**columns):
    rows = [
        Judgments.from_model(f"p{i}", IDS, row, observer_kind="human", **columns)
        for i, row in enumerate(PEOPLE)
    ]
    return Judgments.concat(rows)


def ordered():
    keys = keys_of(IDS).view("V16").reshape(-1)
    return np.argsort(keys, kind="stable")


def function_of(cls):
    """The function of the class' name in snake case."""
    names = {m.McFaddenR2: "mcfadden_r2"}
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
    return getattr(m, names.get(cls, snake))


def expected(cls):
    order = ordered()
    x, humans, truth = PROBABILITY[order], PEOPLE[:, order], TRUTH[order]
    margin = np.array([MARGINS[IDS[i]] for i in order])
    function = function_of(cls)
    if cls is m.ErrorConsistency:
        return function(x, humans, truth)
    if cls is m.SpearmanToIndividuals:
        return function(x >= 0.5, humans)
    if cls in (m.Spearman, m.Pearson, m.Kendall):
        return function(x, humans.mean(axis=0))
    if cls in (m.SplitHalf, m.NoiseCeiling, m.LeaveOneOut):
        return function(humans)
    if cls in SLOPES:
        return function(x, humans, margin) if cls is SLOPES[1] else function(x, margin)
    performance = CLASSES[: CLASSES.index(m.Spearman)]
    return function(x, truth if cls in performance else humans)


@pytest.mark.parametrize("cls", CLASSES)
def test_a_class_is_its_function_over_batches_in_any_order(cls):
    metric = made(cls)
    for batch in np.array_split(np.random.default_rng(1).permutation(40), 7):
        metric.update([IDS[i] for i in batch], PROBABILITY[batch], TRUTH[batch])
    assert metric.compute() == expected(cls)
    metric.reset()
    assert np.isnan(_computed_empty(metric).value)


def _computed_empty(metric):
    metric.update([], [], [])
    return metric.compute()


@pytest.mark.parametrize("cls", CLASSES)
def test_repeats_and_padding_count_once(cls):
    metric = made(cls)
    metric.update(IDS, PROBABILITY, TRUTH)
    metric.update(IDS[:9], PROBABILITY[:9], TRUTH[:9])
    metric.update(["padding"] * 3, [0.1] * 3, [1] * 3, torch.zeros(3))
    assert metric.compute() == expected(cls)


def test_set_metrics_gives_everything_of_one_set():
    metric = m.SetMetrics(people(question="will_fall"), question="will_fall")
    truth = ["yes" if value else "no" for value in TRUTH]
    metric.update(IDS, torch.tensor(PROBABILITY), truth, torch.ones(40))
    estimates = metric.compute()
    assert list(estimates) == [
        "accuracy", "spearman", "pearson", "error_consistency",
        "error_consistency_ceiling", "human_accuracy", "human_majority_accuracy",
    ]  # fmt: skip
    assert estimates["error_consistency"] == expected(m.ErrorConsistency)
    order = ordered()
    ceiling = m.error_consistency_ceiling(PEOPLE[:, order], TRUTH[order])
    assert estimates["error_consistency_ceiling"] == ceiling


def test_without_people_there_is_accuracy_only():
    metric = m.SetMetrics()
    metric.update(IDS, PROBABILITY, TRUTH)
    assert metric.compute() == {"accuracy": expected(m.Accuracy)}


def test_human_figures_follow_the_stimuli_that_were_seen():
    metric = m.SetMetrics(people())
    metric.update(IDS[:10], PROBABILITY[:10], TRUTH[:10])
    first = metric.compute()
    assert first["human_accuracy"].n == 10
    metric.update(["unjudged"], [0.3], [1])
    second = metric.compute()
    assert second["accuracy"].n == 11
    assert second["human_accuracy"] == first["human_accuracy"]
    metric.update(IDS[10:], PROBABILITY[10:], TRUTH[10:])
    assert metric.compute()["human_accuracy"].n == 40


def test_unknown_truth_is_undefined_with_a_reason():
    metric = m.SetMetrics(people())
    metric.update(IDS, PROBABILITY, [None] * 40)
    estimates = metric.compute()
    for name in ("accuracy", "error_consistency", "error_consistency_ceiling", "human_accuracy"):
        assert np.isnan(estimates[name].value)
        assert estimates[name].reason
    assert estimates["spearman"].n == 40


@pytest.mark.parametrize(
    "change",
    [
        lambda x: x.half(),
        lambda x: x.bfloat16(),
        lambda x: x.set_dtype(torch.float16),
        lambda x: x.to(torch.device("meta")),
        copy.deepcopy,
        lambda x: pickle.loads(pickle.dumps(x)),
        lambda x: x.clone(),
    ],
)
def test_no_cast_or_move_touches_the_state(change):
    metric = m.Pearson(people())
    metric.update(IDS, PROBABILITY, TRUTH)
    assert change(metric).compute() == expected(m.Pearson)


def test_low_precision_input_is_taken_as_it_is():
    metric = m.Accuracy()
    metric.update(["a", "b"], torch.tensor([0.5, 0.498], dtype=torch.bfloat16), torch.ones(2))
    assert metric.compute().value == 0.5


def test_works_in_a_collection():
    collection = MetricCollection([made(cls) for cls in CLASSES])
    for half in (slice(0, 20), slice(20, 40)):
        collection.update(IDS[half], PROBABILITY[half], TRUTH[half])
    assert collection.compute() == {cls.__name__: expected(cls) for cls in CLASSES}


def test_moves_no_random_state():
    before = torch.get_rng_state()
    metric = m.SetMetrics(people())
    metric.update(IDS, PROBABILITY, TRUTH)
    metric.compute()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((["a"], [0.1, 0.2], [1.0]), "got 1, 2, 1, 1"),
        ((["a"], [1.7], [1.0]), r"in \[0, 1\], got 1\.7"),
        ((["a"], [0.7], ["maybe"]), "one of yes, no, got 'maybe'"),
        ((["a"], [0.7], [1.0], [1.0, 0.0]), "got 1, 1, 1, 2"),
    ],
)
def test_mistakes_are_named(batch, message):
    with pytest.raises(ValueError, match=message):
        m.Accuracy().update(*batch)


RANK = """
import sys, torch, torch.distributed as dist
from torchmetrics import MetricCollection
from cogtrain import metrics as m
from cogtrain.metrics import SetMetrics
from cogtrain.judgments import Judgments
rank, store = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
ids = [str(i) for i in range(11)]
people = Judgments.concat([
    Judgments.from_model(f"p{k}", ids, [(i * k) % 3 / 2 for i in range(11)], observer_kind="human")
    for k in (1, 2, 4)
])
mine = [range(0, 11, 2), range(1, 11, 2)][rank]
metric = SetMetrics(people)
def add(rows):
    names, truth = [ids[i] for i in rows], [i % 2 for i in rows]
    metric.update(names, torch.tensor([i / 10 for i in rows], dtype=torch.float64), truth)
def same_everywhere():
    text = [None, None]
    dist.all_gather_object(text, repr(metric.compute()))
    assert text[0] == text[1], text
    return metric.compute()
if rank == 0:
    add(range(3))           # one rank has seen nothing yet
assert same_everywhere()["accuracy"].n == 3
add(mine)
add(range(4))                       # both ranks repeat these
together = same_everywhere()
assert together["accuracy"].n == 11
assert len(metric.rows) == (3 if rank == 0 else 2), "the rank's own state is restored"
alone = SetMetrics(people, sync_on_compute=False)
alone.update(ids, [i / 10 for i in range(11)], [i % 2 for i in range(11)])
assert repr(alone.compute()) == repr(together), (alone.compute(), together)
# Every class, each with a rank of its own, and together with the whole.
p = [0.05 + i / 12 for i in range(11)]
names = [
    *("Accuracy", "Auroc", "DPrime", "Criterion", "Brier", "LogLoss", "CalibrationError"),
    *("Spearman", "Pearson", "Kendall", "NormalisedCorrelation", "SpearmanToIndividuals"),
    *("ErrorConsistency", "HumanLikelihood", "McFaddenR2", "SplitHalf", "NoiseCeiling"),
    "LeaveOneOut",
]
margins = {name: (i - 5) / 10 for i, name in enumerate(ids)}
def every(**options):
    slopes = {name: getattr(m, name)(margins, people, **options) for name in
              ("PsychometricSlope", "PsychometricSlopeRatio")}
    return MetricCollection(
        {name: getattr(m, name)(people, **options) for name in names} | slopes,
        compute_groups=False,
    )
parts = every()
parts.update([ids[i] for i in mine], [p[i] for i in mine], [(i % 3 > 0) * 1.0 for i in mine])
found = parts.compute()
if rank == 0:
    whole = every(sync_on_compute=False)
    whole.update(ids, p, [(i % 3 > 0) * 1.0 for i in range(11)])
    known = whole.compute()
    for name in known:
        assert repr(found[name]) == repr(known[name]), (name, found[name], known[name])
    assert sum(each.is_defined for each in known.values()) >= 16, known
counts = m.MeanAbsoluteError()
counts.update([ids[i] for i in mine], [float(i) for i in mine], [3.0 for _ in mine])
assert counts.compute().n == 11
dist.destroy_process_group()
"""


def test_two_processes_count_a_stimulus_once(tmp_path, repository):
    command = [sys.executable, "-W", "ignore", "-c", RANK]
    ranks = [
        subprocess.Popen(
            [*command, str(rank), str(tmp_path / "store")],
            cwd=repository,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    errors = [rank.communicate(timeout=55)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [0, 0], errors


def test_counts_are_collected_like_probabilities():
    metric = m.MeanAbsoluteError()
    metric.update(["a", "b"], [3, 12], [4, 12])
    metric.update(["b", "c", "d"], [12, np.nan, 1], [12, 2, 9], [1, 1, 0])
    found = metric.compute()
    assert found == m.mean_absolute_error([3, 12, np.nan], [4, 12, 2])
    assert (found.value, found.n, found.reason) == (0.5, 2, "1 not answered, left out")


class TestChoiceAccuracy:
    options = ("red", "green", "blue")

    def test_is_its_function_over_batches_each_stimulus_once(self):
        metric = m.ChoiceAccuracy(options=self.options)
        metric.update(["a", "b"], ["red", None], ["red", "green"])
        metric.update(["b", "c", "d"], ["green", "blue", "red"], ["green", "red", None], [1, 1, 0])
        found = metric.compute()
        assert found == m.choice_accuracy(["red", None, "blue"], ["red", "green", "red"], options=3)
        assert (found.value, found.n) == (1 / 3, 3)

    def test_an_answer_that_is_no_option_is_named(self):
        metric = m.ChoiceAccuracy(options=self.options)
        with pytest.raises(ValueError, match="among red, green, blue, got 'pink'"):
            metric.update(["a"], ["pink"], ["red"])

    @pytest.mark.parametrize("cls", [*CLASSES, m.SetMetrics])
    def test_metrics_of_two_answers_refuse_three(self, cls):
        given = [MARGINS] if cls in SLOPES else []
        with pytest.raises(ValueError, match=r"expected two options, got 3 \(red, green, blue\)"):
            cls(*given, options=self.options)
