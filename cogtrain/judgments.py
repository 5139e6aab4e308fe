"""Judgments: who answered what to which stimulus. A model is just another observer.

One row is one answer of one observer to one question about one stimulus. Ids are text, always:
`001` is not `1`. What was not asked has no row; what was asked and not answered has an empty
response. Columns that we do not know travel along.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from cogtrain._core import Question
from cogtrain.judgment_table import (
    COLUMNS,
    normalise,
    read_table,
    require_columns,
    require_known,
    write_table,
)
from cogtrain.responses import parse_responses

if TYPE_CHECKING:
    import pandas as pd


class Judgments:
    """Table of answers, one row per observer, set, stimulus and question.

    Columns:
        `observer_id`, `stimulus_id`: text, required.
        `observer_kind`: `human`, `model` or `simulated`.
        `set`, `question`: what the stimulus belongs to, what was asked.
        `response`: the chosen option as text (`yes`), or a number as text on other scales.
        `probability`: P(first option of the question), float64; a person's rating likewise.
        `scale`: `binary`, `count`, `rating`, `choice` or `sequence`.
        `truth`: the true answer, text.
        `off_menu_mass`: probability that a model gives to none of the options.
        `response_time_s`: seconds.
        `session`: text.
        `wording`: in which wording the question was put; an id of `cogtrain.prompts`.

    Example:
        >>> judgments = Judgments.from_model("tiny", ["a", "b"], [0.9, 0.2], truth=["yes", "yes"])
        >>> judgments.table["response"].tolist()
        ['yes', 'no']

    Args:
        table: At least `observer_id`, `stimulus_id` and `response`; absent columns are added empty.
        source: Where it comes from, for errors.

    Raises:
        ValueError: On a missing column, an unknown kind or scale, a probability outside [0, 1], or
            two rows for the same observer, set, stimulus and question.
    """

    def __init__(self, table: "pd.DataFrame", *, source: str = "the table") -> None:
        self._table = normalise(table, source)

    @property
    def table(self) -> "pd.DataFrame":
        """The rows as a pandas frame; changing it does not change the judgments."""
        return self._table.copy()

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Judgments":
        """Reads a judgments table: `.parquet`, `.csv` or `.tsv`.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it cannot be read or is not a judgments table; names file and fault.
        """
        path = Path(path)
        return cls(read_table(path), source=f"`{path}`")

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the table, the format taken from the suffix; readers never see half a file.

        Raises:
            ValueError: On another suffix.
            OSError: If the folder cannot be written.
        """
        write_table(self._table, Path(path))

    @classmethod
    def tidy(
        cls,
        path: str | os.PathLike[str],
        *,
        observer_kind: str,
        stimuli: Iterable[str] | None = None,
        question: str | None = None,
        set: str | None = None,
        options: Sequence[str] | None = None,
    ) -> "Judgments":
        """Imports a tidy table with `observer_id, stimulus_id, response` from an experiment.

        Exports under other names, matrices and exclusions: `cogtrain.people.importing`.

        Responses may be 1/0, yes/no, true/false or the options; empty or NA is no answer; if any
        lies between 0 and 1, those to its question are read as ratings of the first option. Rows
        that state another `scale` than binary stay as they are.

        Args:
            path: `.csv`, `.tsv` or `.parquet`.
            observer_kind: `human`, `model` or `simulated`.
            stimuli: Known ids; others are an error. `None` checks nothing.
            question: Used where the table has no such column.
            set: Used where the table has no such column.
            options: The answers to choose from; by default each question's own, and yes or no to a
                question that we do not know.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: On a missing column, unknown stimuli, an unreadable response or two rows
                for the same observer, set, stimulus and question.
        """
        path = Path(path)
        source = f"`{path}`"
        table = read_table(path)
        require_columns(table, source)
        constants = {"observer_kind": observer_kind, "question": question, "set": set}
        for name, constant in constants.items():
            if name not in table and constant is not None:
                table[name] = constant
        table = normalise(table, source)
        require_known(table["stimulus_id"], stimuli, source)
        asked: Any = table["question"].fillna("")
        # What states another scale was read before: ratings of 0 to 100 are there as 0 to 1.
        unread = (table["scale"].isna() | (table["scale"] == "binary")).to_numpy(dtype=bool)
        for name in dict.fromkeys(asked[unread]):
            rows = np.flatnonzero(unread & (asked == name).to_numpy(dtype=bool))
            _read_responses(table, rows, options=options, question=name, source=source)
        return cls(table, source=source)

    @classmethod
    def humans(
        cls, path: str | os.PathLike[str], stimuli: Iterable[str] | None = None, **options: Any
    ) -> "Judgments":
        """Imports a tidy table of people's answers; see `tidy` for the options."""
        return cls.tidy(path, observer_kind="human", stimuli=stimuli, **options)

    @classmethod
    def from_model(
        cls,
        observer_id: str,
        stimulus_ids: Sequence[str],
        probability: ArrayLike,
        *,
        options: Sequence[str] = ("yes", "no"),
        **columns: Any,
    ) -> "Judgments":
        """Judgments of a model that answers by forced choice between two options.

        Args:
            observer_id: Name of the model or checkpoint.
            stimulus_ids: One per row.
            probability: P(first option), ``(rows,)``; one half is answered with the first option,
                `nan` not at all.
            options: The two answers.
            columns: Further columns, a list or one value for all rows: `set`, `question`, `truth`,
                `off_menu_mass`, ...
        """
        import pandas as pd

        values = np.asarray(probability, dtype=float)
        response = [None if np.isnan(p) else options[0 if p >= 0.5 else 1] for p in values]
        fixed = {"observer_id": observer_id, "observer_kind": "model", "scale": "binary"}
        rows = {"stimulus_id": list(stimulus_ids), "response": response, "probability": values}
        table = pd.DataFrame(rows).assign(**(fixed | columns))
        return cls(table, source=f"the answers of `{observer_id}`")

    @classmethod
    def from_choices(
        cls,
        observer_id: str,
        stimulus_ids: Sequence[str],
        response: Sequence[str | None],
        *,
        scale: str,
        **columns: Any,
    ) -> "Judgments":
        """Judgments of a model that answers with one of more than two options.

        `probability` stays empty: no one option's would stand for the answer.

        Args:
            observer_id: Name of the model or checkpoint.
            stimulus_ids: One per row.
            response: The chosen options.
            scale: `choice` or `count`.
            columns: Further columns, as for `from_model`.

        Example:
            >>> Judgments.from_choices("tiny", ["a"], ["3"], scale="count", question="block_count")
            Judgments(1 rows, 1 observers, 1 stimuli)
        """
        import pandas as pd

        fixed = {"observer_id": observer_id, "observer_kind": "model", "scale": scale}
        rows = {"stimulus_id": list(stimulus_ids), "response": list(response)}
        table = pd.DataFrame(rows).assign(**(fixed | columns))
        return cls(table, source=f"the answers of `{observer_id}`")

    @classmethod
    def concat(cls, parts: Iterable["Judgments"]) -> "Judgments":
        """All rows of `parts`, in order; columns are the union.

        Raises:
            ValueError: If the same judgment occurs in two parts.
        """
        import pandas as pd

        # Empty parts would only blur the column types.
        tables = [part._table for part in parts if len(part)]
        if not tables:
            return cls(pd.DataFrame({name: [] for name in COLUMNS}))
        return cls(pd.concat(tables, ignore_index=True), source="the concatenation")

    def select(self, **wanted: str) -> "Judgments":
        """Rows whose columns equal `wanted`, e.g. `observer_kind="human", question="will_fall"`.

        A row that leaves `set` or `question` empty answers any: tidy tables often do not say.

        Raises:
            KeyError: On an unknown column.
        """
        rows = np.ones(len(self), dtype=bool)
        for name, value in wanted.items():
            if name not in self._table:
                raise KeyError(f"expected a column of {list(self._table)}, got `{name}`")
            column = self._table[name]
            is_open = column.isna() if name in ("set", "question") else False
            rows &= np.asarray((column == value) | is_open, dtype=bool)
        return self._at(rows)

    def with_truth(self, truth: Mapping[str, str]) -> "Judgments":
        """The same judgments, with `truth` filled in by stimulus id where it is empty."""
        table = self.table
        known = zip(table["truth"], table["stimulus_id"], strict=True)
        table["truth"] = [own if own == own else truth.get(name) for own, name in known]
        return Judgments(table)

    def answering(self, question: str) -> "Judgments":
        """The same judgments, of `question` where none is named: tidy tables often do not say."""
        return Judgments(self.table.fillna({"question": question}))

    def split_people(self) -> tuple["Judgments", "Judgments"]:
        """People's judgments, and everybody else's."""
        human = np.asarray(self._table["observer_kind"] == "human", dtype=bool)
        return self._at(human), self._at(~human)

    def _at(self, rows: np.ndarray) -> "Judgments":
        """The same judgments at `rows` only: checked before, so not again."""
        part = object.__new__(Judgments)
        part._table = self._table.iloc[np.flatnonzero(rows)].reset_index(drop=True)
        return part

    def answers(self, *, options: Sequence[str] = ("yes", "no"), graded: bool = True) -> np.ndarray:
        """P(first option) per row: `probability` if `graded` and there is one, else 1 or 0.

        Returns:
            ``(rows,)`` float64; `nan` where there is no answer.

        Raises:
            ValueError: On a response that is neither of two options, or on other than two options;
                names it.
        """
        if len(options) != 2:
            raise ValueError(
                f"expected two options, got {len(options)} ({', '.join(options)}); "
                "compare the responses themselves"
            )
        probability = self._table["probability"].to_numpy(dtype=float)
        response: Any = self._table["response"]
        first, second = (np.asarray(response == option, dtype=bool) for option in options)
        choice = np.where(first, 1.0, np.where(second, 0.0, np.nan))
        other = ~(first | second | response.isna().to_numpy(dtype=bool))
        unreadable = other & np.isnan(probability)
        if unreadable.any():
            value = response[unreadable].iloc[0]
            raise ValueError(
                f"expected responses to be {' or '.join(options)}, got {value!r}; select one "
                "question, or import the table with its options"
            )
        rated = ~np.isnan(probability) & (other | graded)
        return np.where(rated, probability, choice)

    def names(self, column: str) -> list[str]:
        """Different values of a text `column`, in order of first appearance."""
        return self._table[column].dropna().unique().tolist()

    def __len__(self) -> int:
        return len(self._table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Judgments) and self._table.equals(other._table)

    __hash__ = None  # type: ignore[assignment]  # holds a frame, which cannot be hashed

    def __repr__(self) -> str:
        observers, stimuli = (self._table[c].nunique() for c in ("observer_id", "stimulus_id"))
        return f"Judgments({len(self)} rows, {observers} observers, {stimuli} stimuli)"


def _read_responses(
    table: Any, rows: np.ndarray, *, options: Sequence[str] | None, question: str, source: str
) -> None:
    """Reads the responses at `rows`, all to one question, in place."""
    scale = None
    if options is None and question in Question.names():
        options, scale = Question(question).options, Question(question).scale
    responses = table["response"].iloc[rows]
    parsed = parse_responses(
        responses.tolist(),
        options=options or ("yes", "no"),
        scale=scale,
        rows=rows.tolist(),
        where=source,
    )
    rated = ~np.isnan(parsed.probability)
    at = table.index[rows]
    table.loc[at, "response"], table.loc[at, "scale"] = parsed.text, parsed.scale
    table.loc[at[rated], "probability"] = parsed.probability[rated]
