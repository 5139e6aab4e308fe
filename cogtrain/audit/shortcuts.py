"""The shortcut audit: how well nuisance alone predicts a question's truth.

Each predictor is a logistic regression (standardised, L2) whose accuracy is pooled over five folds
that it did not see; both members of a pair are always in the same fold. Beside it stand the chance
level (the most frequent answer) and what the margin allows.

**The rule.** The bound is chance + 5 points: 55 % for two balanced answers. A predictor *fails* if
the lower end of its 95 % interval is above the bound: the shortcut is there beyond doubt. It is a
*warning* if only the estimate is. So a small set cannot fail by luck, nor pass for lack of data
without the interval showing it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cogtrain.audit.finding import Finding, Section, Table, ranked
from cogtrain.audit.measure import Measurements
from cogtrain.audit.optimum import optimum_rows
from cogtrain.audit.predictors import nuisances
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.interval import percentile
from cogtrain.metrics.resample import over_stimuli_and_people

SLACK = 0.05
"""How far above chance a predictor may be: 55 % for two balanced answers."""

FOLDS = 5
_WIDE = 100  # features from which the strength of the penalty is chosen within the training folds
_PENALTIES = (1e-4, 1e-3, 1e-2)  # C of the wide predictor; of a narrow one it is 1
_SEED = 0
_MOST = 20_000  # stimuli that are used: an interval of ± 0.7 points
_REPLICATES = 1000
_FEWEST = 20  # stimuli; below it five folds say nothing


@dataclass(frozen=True, eq=False)
class Problem:
    """One question to predict.

    Attributes:
        seen: The measurements of the stimuli that answer it.
        question: Its name.
        truth: Index of the true answer, ``(n,)``.
        options: Answers that occur.
        groups: What must stay in one fold, ``(n,)`` of integers.
        paired: Whether any group has two members.
    """

    seen: Measurements
    question: str
    truth: np.ndarray
    options: list[str]
    groups: np.ndarray
    paired: bool

    @property
    def chance(self) -> float:
        """Share of the most frequent answer."""
        return float(np.bincount(self.truth).max() / len(self.truth))


def shortcut_audit(
    seen: Measurements, question: str, *, margin_noise_m: float, bound: float | None = None
) -> Section:
    """Predicts the truth of `question` from each nuisance.

    Args:
        seen: The measured set; at most 20,000 stimuli at even distances are used.
        question: One of its questions.
        margin_noise_m: Perceptual noise on the margin of the ideal observer, in metres.
        bound: Accuracy above which a predictor is a shortcut; by default chance + 0.05.
    """
    title = f"Shortcuts to `{question}`"
    problem = _problem(seen, question)
    few = np.bincount(problem.truth, minlength=1).min() if len(problem.truth) else 0
    if len(problem.options) < 2 or len(problem.truth) < _FEWEST or few < FOLDS:
        counts = dict(zip(problem.options, np.bincount(problem.truth).tolist(), strict=False))
        text = f"not audited: needs {FOLDS} stimuli of each of two answers, got {counts}"
        return Section(title, [Finding("warn", text)])
    limit = problem.chance + SLACK if bound is None else bound
    found = {name: accuracy(problem, x) for name, x in nuisances(problem.seen).items()}
    findings = [judged(name, estimate, limit) for name, estimate in found.items()]
    rows = [_row(name, "nuisance", estimate) for name, estimate in found.items()]
    optimum = optimum_rows(problem.seen, question, margin_noise_m)
    rows += [_row(name, "margin", estimate) for name, estimate in optimum.items()]
    columns = ("predictor", "from", "accuracy", "95 % interval", "chance", "n")
    data = {name: each.record() for name, each in (found | optimum).items()}
    return Section(
        title,
        ranked(findings),
        [Table(columns, rows)],
        _words(problem, limit, margin_noise_m),
        {"question": question, "bound": limit, "estimates": data},
    )


def judged(name: str, estimate: Estimate, limit: float) -> Finding:
    """Applies the rule to one predictor."""
    figure = f"{100 * estimate.value:.1f} % [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"
    if estimate.low > limit:
        return Finding("fail", f"{name} predicts the truth: {figure}, bound {100 * limit:.1f} %")
    if estimate.value > limit:
        return Finding("warn", f"{name} may predict the truth: {figure}, bound {100 * limit:.1f} %")
    return Finding("pass", f"{name}: {figure}")


def accuracy(problem: Problem, features: np.ndarray) -> Estimate:
    """Pooled accuracy on unseen folds, with its interval.

    Without pairs the interval is Wilson's; with pairs it is a bootstrap of whole pairs.
    """
    from threadpoolctl import threadpool_limits

    guess = np.empty_like(problem.truth)
    with threadpool_limits(1):  # same sums on every machine, and faster on small matrices
        for train, test in _folds(problem.groups):
            guess[test] = _fitted(features, problem, train).predict(features[test])
    right = (guess == problem.truth).astype(float)
    n, value = len(right), float(right.mean())
    low, high = _clustered(right, problem.groups) if problem.paired else _wilson(right)
    return Estimate(value, low, high, n, problem.chance)


def _problem(seen: Measurements, question: str) -> Problem:
    asked = [look for look in seen.looks if question in look.answers]
    step = max(1, -(-len(asked) // _MOST))
    looks = _evenly(asked, step)
    used = Measurements(seen.name, looks, [])
    options, truth = np.unique([look.answers[question] for look in looks], return_inverse=True)
    names = [look.pair or f"#{index}" for index, look in enumerate(looks)]
    _, groups, sizes = np.unique(names, return_inverse=True, return_counts=True)
    paired = bool(len(sizes)) and int(sizes.max()) > 1
    return Problem(used, question, truth, options.tolist(), groups, paired)


def _evenly(looks: list[Any], step: int) -> list[Any]:
    """Every `step`-th pair of neighbours: designs often alternate answers."""
    return [look for index, look in enumerate(looks) if (index // 2) % step == 0]


def _folds(groups: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Training and test rows; a random fifth of the groups is the test each time."""
    stream = np.random.Generator(np.random.Philox(key=[_SEED, FOLDS]))
    fold_of_group = stream.permutation(int(groups.max()) + 1) % FOLDS
    fold = fold_of_group[groups]
    for number in range(FOLDS):
        yield np.flatnonzero(fold != number), np.flatnonzero(fold == number)


def _fitted(features: np.ndarray, problem: Problem, rows: np.ndarray) -> Any:
    """The regression on `rows`; a wide one takes the penalty that does best on a fifth of them."""
    if features.shape[1] < _WIDE:
        return _fit(features, problem.truth, rows, 1.0)
    inner = problem.groups[rows] % FOLDS == 0
    learn, check = rows[~inner], rows[inner]

    def score(penalty: float) -> float:
        model = _fit(features, problem.truth, learn, penalty)
        return float(model.score(features[check], problem.truth[check]))

    return _fit(features, problem.truth, rows, max(_PENALTIES, key=score))


def _fit(features: np.ndarray, truth: np.ndarray, rows: np.ndarray, penalty: float) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # A coefficient's last digits do not matter to an accuracy: few steps, a loose end.
    model = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=300, tol=1e-3))
    return model.fit(features[rows], truth[rows])


def _wilson(right: np.ndarray) -> tuple[float, float]:
    from scipy.stats import binomtest

    ends = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return float(ends.low), float(ends.high)


def _clustered(right: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    sums, sizes = np.bincount(groups, right), np.bincount(groups)
    draws = over_stimuli_and_people(len(sizes), 0, replicates=_REPLICATES, seed=_SEED)
    return percentile(np.concatenate([(drawn @ sums) / (drawn @ sizes) for drawn, _ in draws]))


def _row(name: str, origin: str, estimate: Estimate) -> tuple[str, ...]:
    ends = f"{100 * estimate.low:.1f} – {100 * estimate.high:.1f}"
    return (
        name,
        origin,
        f"{100 * estimate.value:.1f} %",
        ends if np.isfinite(estimate.low) else "–",
        f"{100 * estimate.chance:.1f} %",
        str(estimate.n),
    )


def _words(problem: Problem, limit: float, noise_m: float) -> str:
    sources = sorted({look.extent.source for look in problem.seen.looks})
    split = "pairs kept together, intervals by bootstrap of pairs" if problem.paired else "Wilson"
    return (
        f"Logistic regression, {FOLDS} folds, {split}. Fails if the lower end is above "
        f"{100 * limit:.1f} % (chance + {100 * SLACK:.0f} points unless a bound was given), warns "
        f"if the estimate is. Height, area and centroid come from: {', '.join(sources)}. The ideal "
        f"observer sees the margin through Gaussian noise of {noise_m:g} m."
    )
