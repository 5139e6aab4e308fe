"""The mixed models of all observers in a table of judgments, and the human bars beside them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cogtrain._core import Question
from cogtrain.evaluation.mixed.bayes import fit_bayes
from cogtrain.evaluation.mixed.fit import FORMULA, MixedFit
from cogtrain.evaluation.mixed.laplace import fit_laplace
from cogtrain.evaluation.mixed.pseudo_r import REPLICATES, pseudo_r, resampled
from cogtrain.evaluation.mixed.r_script import COLUMNS, R_SCRIPT
from cogtrain.evaluation.mixed.trials import Trials
from cogtrain.evaluation.score import open_judgments
from cogtrain.evaluation.table import lay_out, show, show_interval
from cogtrain.judgment_table import write_table
from cogtrain.judgments import Judgments
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.panel import Panel

if TYPE_CHECKING:
    import pandas as pd

ENGINES = ("gpboost", "pymc")
NAIVE, LEAVE_ONE_OUT = "people, each in the sum", "people, leave one out"
"""The human bars: the published one, and the one that does not predict a person by himself."""

_PLACE = ("set", "question", "observer_id")
_HEADER = ("observer", "set", "people", "n", "slope", "model's 95 %", "resampled 95 %")


class Analysis(NamedTuple):
    """What `mixed` finds.

    Attributes:
        scores: Columns `set, question, observer_id, metric, value, low, high, n, chance, reason,
            people`; metrics `slope` (the model's own interval), `slope_resampled` (stimuli and
            people resampled), `pseudo_r`, `sd_intercept`, `sd_slope`, `correlation`.
        trials: Every row that was fitted, for R; see `r_script`.
    """

    scores: "pd.DataFrame"
    trials: "pd.DataFrame"


def mixed(
    judgments: Judgments,
    humans: Judgments | None = None,
    *,
    engine: str = "gpboost",
    question: str = "will_fall",
    graded: bool = False,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Analysis:
    """Fits `model ~ 1 + human + (1 + human | observer)` for every observer and for people.

    Yes or no answers are Bernoulli, people's summed ones binomial, graded ones Gaussian z-scores.

    Args:
        judgments: Of models, and of people if they are in the same table.
        humans: People's judgments of the same stimuli; they replace those of `judgments`.
        engine: `gpboost` (maximum likelihood; pseudo-r with an interval over stimuli and people) or
            `pymc` (the Bayesian model as published, with its posterior interval).
        question: Which question's answers.
        graded: Take P(first option) where an observer has one, not only the chosen option.
        replicates: Resamples per observer, for `gpboost`.
        seed: Fixes resamples and draws.

    Raises:
        ValueError: On an unknown engine, one whose extra is not installed, or without people.
    """
    import pandas as pd

    if engine not in ENGINES:
        raise ValueError(f"expected the engine {' or '.join(ENGINES)}, got `{engine}`; choose one")
    everyone = judgments.select(question=question)
    if humans is not None:
        people = humans.select(question=question)
        everyone = Judgments.concat([everyone.split_people()[1], people])
    rows, tables = [], []
    for place, trials in _analyses(everyone, question, graded):
        found = _estimates(trials, engine, replicates, seed)
        rows += [
            dict(zip(_PLACE, place, strict=True))
            | {"metric": metric}
            | estimate._asdict()
            | {"people": trials.n_people}
            for metric, estimate in found.items()
        ]
        if not trials.fault:
            name = " ".join(filter(None, (place[2], place[0])))
            tables.append(trials.table().assign(analysis=name, family=trials.family))
    columns = list(COLUMNS)
    fitted: Any = pd.concat(tables)[columns] if tables else pd.DataFrame(columns=columns)
    scores = pd.DataFrame(rows, columns=[*_PLACE, "metric", *Estimate._fields, "people"])
    return Analysis(scores, fitted)


def mixed_files(
    judgments: Path, humans: Path | None = None, out: Path | None = None, **options: Any
) -> str:
    """Analyses tables on disk and returns what the verb `mixed` prints.

    Args:
        judgments: A judgments table, or a tidy one of models: `observer_id, stimulus_id, response`.
        humans: People's answers, the same columns.
        out: Folder to write: `mixed.csv`, `trials.csv` and `mixed.R`.
        options: Those of `mixed`.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: As `mixed`, or if a table cannot be read; names the file.
    """
    question = options.get("question", "will_fall")
    people = open_judgments(humans, "human", question) if humans else None
    found = mixed(open_judgments(judgments, "model", question), people, **options)
    text = format_mixed(found.scores)
    if out is None:
        return text
    write_table(found.scores, out / "mixed.csv")
    write_table(found.trials, out / "trials.csv")
    (out / "mixed.R").write_text(R_SCRIPT, encoding="utf-8")
    return f"{text}\nwritten: {out}"


def format_mixed(scores: "pd.DataFrame") -> str:
    """The estimates of `mixed`, a line per observer; what is undefined says why below."""
    rows, remarks = [], []
    groups: Any = scores.groupby(list(_PLACE), sort=False)
    for place, group in groups:
        estimates = {row["metric"]: _estimate(row) for row in group.to_dict("records")}
        slope, signed = estimates["slope"], estimates["pseudo_r"]
        around = estimates.get("slope_resampled")
        rows.append(
            [
                place[2],
                place[0] or "-",
                str(group["people"].iloc[0]),
                str(slope.n),
                show("slope", slope.value),
                show_interval("slope", slope),
                show_interval("slope", around) if around else "-",
                show("pseudo_r", signed.value),
                show_interval("pseudo_r", signed),
            ]
        )
        reasons = dict.fromkeys(each.reason for each in estimates.values() if each.reason)
        remarks += [f"{place[2]}: {reason}" for reason in reasons]
    table = lay_out((*_HEADER, "pseudo-r", "95 %"), rows)
    return "\n".join([FORMULA, "", table, "chance: slope 0, pseudo-r 0", *remarks])


def _analyses(
    everyone: Judgments, question: str, graded: bool
) -> Iterator[tuple[tuple[str, str, str], Trials]]:
    """Place and trials of each observer in each set, then of the people there."""
    people, others = everyone.split_people()
    if not len(people):
        raise ValueError(
            f"expected people's answers to `{question}`, got none; give a table of them by --humans"
        )
    menu = Question(question).options if question in Question.names() else ("yes", "no")
    for name in (others if len(others) else people).names("set") or [""]:
        at = {"set": name} if name else {}
        panel = Panel.from_judgments(people.select(**at), options=menu, graded=graded)
        here = others.select(**at)
        for observer in here.names("observer_id"):
            own = Panel.from_judgments(
                here.select(observer_id=observer), options=menu, graded=graded
            )
            yield (name, question, observer), _against(own, panel)
        yield (name, question, NAIVE), Trials.of_people(panel)
        yield (name, question, LEAVE_ONE_OUT), Trials.of_people(panel, leave_one_out=True)


def _against(own: Panel, people: Panel) -> Trials:
    trials = Trials.of_observer(own.at(people.stimuli)[0], people)
    unseen = len(set(own.stimuli) - set(people.stimuli))
    return trials.noting(f"{unseen} stimuli that no person was shown") if unseen else trials


def _estimates(trials: Trials, engine: str, replicates: int, seed: int) -> dict[str, Estimate]:
    if engine == "pymc":
        fit = fit_bayes(trials, seed=seed)
        figures = {"slope": fit.slope, "pseudo_r": pseudo_r(fit.slope.value, fit.r2)}
    else:
        fit = fit_laplace(trials)
        slope, signed = resampled(trials, fit, replicates=replicates, seed=seed)
        figures = {"slope": fit.slope, "slope_resampled": slope, "pseudo_r": signed}
    notes = "; ".join(dict.fromkeys(filter(None, (fit.slope.reason, *fit.notes, trials.note))))
    figures["slope"] = fit.slope._replace(reason=notes)
    return figures | _effects(fit, trials.n_stimuli)


def _effects(fit: MixedFit, n: int) -> dict[str, Estimate]:
    """How people vary; without a value where nothing was fitted."""
    if not fit.slope.is_defined:
        return {}
    names = ("sd_intercept", "sd_slope", "correlation")
    figures = {name: Estimate(getattr(fit, name), n=n) for name in names}
    if np.isnan(fit.correlation):
        # Two effects correlate only if both vary.
        reason = "no correlation of intercepts and slopes: people hardly differ"
        figures["correlation"] = figures["correlation"]._replace(reason=reason)
    return figures


def _estimate(row: dict[str, Any]) -> Estimate:
    return Estimate(**{name: row[name] for name in Estimate._fields})
