"""Score: saved judgments of any observers → accuracy, alignment with people, and comparisons."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cogtrain.evaluation.cell import PEOPLE, Scoring, cells_of, menu_of, rows_of
from cogtrain.evaluation.table import Difference, format_comparisons, format_scores
from cogtrain.judgment_table import KEY, read_table, require_columns, write_table
from cogtrain.judgments import Judgments
from cogtrain.metrics import Estimate, benjamini_hochberg, holm
from cogtrain.responses import parse_responses

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("set", "question", "observer_id", "versus", "metric"),
    *Estimate._fields[:-1],
    *("p", "p_holm", "p_bh", "reason"),
)
"""Of the table of scores; `versus` names the other observer of a paired difference."""

_DEFAULT = Scoring()

MARGINS = ("margin_m", "margin")
"""Columns that hold a stimulus' signed margin, the first that is there."""


def score(
    judgments: Judgments,
    humans: Judgments | None = None,
    truth: Mapping[str, str] | None = None,
    scoring: Scoring = _DEFAULT,
) -> "pd.DataFrame":
    """Estimates per observer, set and question, and paired differences between observers.

    Accuracy needs a truth, alignment needs people, psychometric slopes need margins. Questions with
    more than two options get their accuracy, and how far off counts are.

    Args:
        judgments: Of models, and of people if they are in the same table. A column `margin_m` gives
            the margins.
        humans: People's judgments of the same stimuli; they replace those of `judgments`.
        truth: True answer by stimulus id, where the table has none.
        scoring: How.

    Returns:
        One row per estimate, with the columns `COLUMNS`. Figures of people together have the
        observer `people`. `p` tests against chance, or against no difference; `p_holm` and `p_bh`
        are corrected over all tests of one metric in this table.

    Raises:
        ValueError: If the observer to compare with is not there.
    """
    import pandas as pd

    everyone = judgments
    if humans is not None:
        everyone = Judgments.concat([judgments.split_people()[1], humans])
    if truth is not None:
        everyone = everyone.with_truth(truth)
    rows = [row for cell in cells_of(everyone) for row in rows_of(everyone, cell, scoring)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for _, family in table.groupby(["metric", table["versus"].notna()], sort=False):
        p = family["p"].to_numpy(dtype=float)
        table.loc[family.index, "p_holm"] = holm(p)
        table.loc[family.index, "p_bh"] = benjamini_hochberg(p)
    return table.astype(dict.fromkeys(("p", "p_holm", "p_bh"), float))


def score_files(
    judgments: Sequence[Path],
    humans: Path | None = None,
    truth: Path | None = None,
    *,
    question: str = "will_fall",
    out: Path | None = None,
    scoring: Scoring = _DEFAULT,
) -> str:
    """Scores tables on disk and returns the printed table: what the verb `score` shows.

    Args:
        judgments: Judgments tables, or tidy ones of models: `observer_id, stimulus_id, response`.
        humans: People's answers, the same columns.
        truth: Table of stimuli with `stimulus_id` and a column named as the question; a column
            `margin_m` gives the margins.
        question: What tidy tables answer, and which column of `truth` holds the answers.
        out: Where the whole table of scores goes: `.csv`, `.tsv` or `.parquet`.
        scoring: How.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a table lacks a column or holds what cannot be read, or two tables hold the
            same judgment; names the file.
    """
    answers = _together({path: open_judgments(path, "model", question) for path in judgments})
    known = read_truth(truth, question) if truth else {}
    stimuli = {*known, *answers.names("stimulus_id")}
    people = Judgments.humans(humans, stimuli=stimuli, question=question) if humans else None
    margin = _margins(read_table(truth)) if truth else {}
    margin = _margins(answers.table) | margin | dict(scoring.margin)
    table = score(answers, people, known or None, replace(scoring, margin=margin))
    if out is not None:
        write_table(table, out)
    return "\n\n".join(filter(None, _printed(table, answers, people)))


def _printed(table: "pd.DataFrame", answers: Judgments, people: Judgments | None) -> list[str]:
    """Sections, comparisons, and what went in."""
    own, others = answers.split_people()
    counts = [_counted(others, "observers"), _counted(people or own, "people")]
    scores = format_scores(by_observer(table), _p_of(table))
    return [scores, format_comparisons(_differences(table)), "\n".join(filter(None, counts))]


def _counted(judgments: Judgments, who: str) -> str:
    if not len(judgments):
        return ""
    observers, stimuli = (len(judgments.names(c)) for c in ("observer_id", "stimulus_id"))
    silent = sum(answer != answer for answer in judgments.table["response"])
    return f"{who}: {len(judgments)} judgments of {observers} on {stimuli} stimuli, {silent} empty"


def _together(tables: Mapping[Path, Judgments]) -> Judgments:
    """All tables as one; a judgment that is in two of them is an error that names both."""
    seen: dict[tuple[Any, ...], Path] = {}
    for path, table in tables.items():
        keys = table.table[list(KEY)].fillna("").itertuples(index=False, name=None)
        for key in keys:
            first = seen.setdefault(key, path)
            if first != path:
                raise ValueError(
                    f"expected every judgment in one table, got observer `{key[0]}` on stimulus "
                    f"`{key[2]}` in `{first}` and in `{path}`; rename the observer in one of them"
                )
    return Judgments.concat(tables.values())


def _margins(table: "pd.DataFrame") -> dict[str, float]:
    """Signed margin by stimulus id; nothing if the table has none."""
    import pandas as pd

    name = next((name for name in MARGINS if name in table), None)
    if name is None:
        return {}
    values: Any = pd.to_numeric(table[name], errors="coerce")
    known = values.notna()
    return dict(zip(table["stimulus_id"].astype(str)[known], values[known], strict=True))


def read_truth(path: Path, question: str) -> dict[str, str]:
    """True answers by stimulus id from a table with the columns `stimulus_id` and `question`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing or an answer cannot be read.
    """
    table = read_table(path)
    require_columns(table, f"`{path}`", ("stimulus_id", question))
    options, scale = menu_of(question)
    answers = parse_responses(
        table[question].tolist(), options=options, scale=scale, where=f"`{path}`"
    )
    ids = table["stimulus_id"].astype(str)
    return {name: text for name, text in zip(ids, answers.text, strict=True) if text is not None}


def by_observer(scores: "pd.DataFrame") -> dict[tuple[str, str], dict[str, Estimate]]:
    """The rows of `score` as (observer, set) → metric → estimate, people's figures with each."""
    results: dict[tuple[str, str], dict[str, Estimate]] = {}
    people: dict[str, dict[str, Estimate]] = {}
    for (observer, name), metric, row in _plain(scores):
        mine = people.setdefault(name, {})
        if observer != PEOPLE:
            mine = results.setdefault((observer, name), {})
        mine[metric] = _estimate(row)
    if not results:
        return {(PEOPLE, name): estimates for name, estimates in people.items()}
    return {place: own | people.get(place[1], {}) for place, own in results.items()}


def _p_of(scores: "pd.DataFrame") -> dict[tuple[str, str], dict[str, tuple[float, float]]]:
    """P and Holm's p as (observer, set) → metric → both."""
    found: dict[tuple[str, str], dict[str, tuple[float, float]]] = {}
    for place, metric, row in _plain(scores):
        found.setdefault(place, {})[metric] = (row["p"], row["p_holm"])
    return found


def _differences(scores: Any) -> list[Difference]:
    """Every paired difference, as it is printed."""
    named = _set_names(scores)
    return [
        Difference(
            named[row["set"], row["question"]],
            (row["observer_id"], row["versus"]),
            row["metric"],
            _estimate(row),
            (row["p"], row["p_holm"]),
        )
        for row in scores[scores["versus"].notna()].to_dict("records")
    ]


def _plain(scores: Any) -> Iterator[tuple[tuple[str, str], str, dict[str, Any]]]:
    """(observer, set), metric and row of everything but differences."""
    named = _set_names(scores)
    for row in scores[scores["versus"].isna()].to_dict("records"):
        yield (row["observer_id"], named[row["set"], row["question"]]), row["metric"], row


def _set_names(scores: Any) -> dict[tuple[str, str], str]:
    """What a set is called in print: with its question if there are several."""
    places = dict.fromkeys(zip(scores["set"], scores["question"], strict=True))
    several = len({question for _, question in places}) > 1
    return {place: " ".join(place).strip() if several else place[0] for place in places}


def _estimate(row: Mapping[str, Any]) -> Estimate:
    return Estimate(**{name: row[name] for name in Estimate._fields})


def open_judgments(path: Path, observer_kind: str, question: str) -> Judgments:
    """A judgments table as it is; a tidy one, which does not say who judges, by import."""
    if "observer_kind" in read_table(path):
        return Judgments.read(path)
    return Judgments.tidy(path, observer_kind=observer_kind, question=question)
