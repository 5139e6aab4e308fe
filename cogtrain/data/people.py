"""People: what people answered to the stimuli of a set, as something to learn from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from cogtrain._core import Question
from cogtrain.judgments import Judgments
from cogtrain.stimuli import StimulusSet

Shares = dict[str, float]
_ANY = ""  # a tidy table need not say what it answers


class Trial(NamedTuple):
    """One person's answer.

    Attributes:
        observer: Who it was; nobody if it stands for several people.
        shares: Option to 1 or 0; a rating lies between.
    """

    observer: str | None
    shares: Shares


@dataclass(frozen=True)
class People:
    """Trials by stimulus and question, ordered by observer.

    Attributes:
        trials: ``(stimulus id, question)`` to the answers; who did not answer is not among them.
    """

    trials: Mapping[tuple[str, str], tuple[Trial, ...]]

    @classmethod
    def of(cls, members: StimulusSet, humans: Path) -> "People":
        """Reads the table of people's judgments of `members`.

        Raises:
            FileNotFoundError: If there is no such table.
            ValueError: If it cannot be read, or judges stimuli that the set does not have.
        """
        table = Judgments.humans(humans, stimuli=members.ids, set=members.name).table
        rows: Any = table[table["response"].notna() | table["probability"].notna()]
        trials: dict[tuple[str, str], list[Trial]] = {}
        for row in rows.sort_values("observer_id").to_dict("records"):
            question = row["question"] if row["question"] == row["question"] else _ANY
            trial = Trial(row["observer_id"], _shares(question, row))
            trials.setdefault((row["stimulus_id"], question), []).append(trial)
        return cls({key: tuple(each) for key, each in trials.items()})

    def of_stimulus(self, stimulus_id: str, question: str) -> tuple[Trial, ...]:
        """All answers to `question` about a stimulus; none if nobody answered."""
        asked = self.trials.get((stimulus_id, question), ())
        return asked or self.trials.get((stimulus_id, _ANY), ())

    def proportions(self, stimulus_id: str, question: str) -> Shares | None:
        """Share of people for each option that anybody chose; nothing if nobody answered."""
        trials = self.of_stimulus(stimulus_id, question)
        if not trials:
            return None
        options = dict.fromkeys(option for trial in trials for option in trial.shares)
        return {
            option: sum(trial.shares.get(option, 0.0) for trial in trials) / len(trials)
            for option in options
        }

    def trial(self, stimulus_id: str, question: str, *, seed: int, epoch: int) -> Trial | None:
        """The one answer that is learned from in this epoch; nothing if nobody answered.

        Over as many epochs as a stimulus has answers, each is learned from once; whose turn it is
        follows from seed, stimulus and epoch alone.
        """
        trials = self.of_stimulus(stimulus_id, question)
        if not trials:
            return None
        key = f"{seed}\0{stimulus_id}\0{question}".encode()
        first = int.from_bytes(blake2b(key, digest_size=8).digest(), "little")
        return trials[(first + epoch) % len(trials)]

    def unanswered(self, stimuli: Iterable[str]) -> list[str]:
        """Those of `stimuli` that nobody answered anything about."""
        answered = {stimulus_id for stimulus_id, _ in self.trials}
        return [name for name in stimuli if name not in answered]


def _shares(question: str, row: Mapping[Any, Any]) -> Shares:
    """Option to its share of one answer; a rating is of the question's first option."""
    rating = row["probability"]
    if rating != rating:
        return {row["response"]: 1.0}
    first, second = Question(question).options if question in Question.names() else ("yes", "no")
    return {first: rating, second: 1.0 - rating}
