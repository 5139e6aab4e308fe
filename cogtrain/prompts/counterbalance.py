"""Which stimulus is asked in which wording."""

from collections.abc import Callable, Sequence
from hashlib import blake2b

from cogtrain.prompts.wordings import Wording

COUNTERBALANCED = "counterbalanced"


def deal(question: str, ids: Sequence[str], wordings: Sequence[Wording]) -> dict[str, Wording]:
    """One of ``wordings`` for each stimulus, so that their counts differ by at most one.

    Stimuli are sorted by a hash of question and id and dealt to in turn: the order of a table, of
    an epoch or of the ranks plays no part, and no factor that runs along with the position of a
    stimulus in its set runs along with the wording.

    >>> from cogtrain.prompts import wordings
    >>> dealt = deal("block_count", ["a", "b", "c"], wordings("block_count"))
    >>> sorted(each.id for each in dealt.values())
    ['count', 'plain', 'viewing']
    """
    shuffled = sorted(set(ids), key=lambda one: blake2b(f"{question}\n{one}".encode()).digest())
    return {one: wordings[place % len(wordings)] for place, one in enumerate(shuffled)}


class Choice:
    """The wording of each question about each stimulus of one set.

    Args:
        among: Question to the wordings to choose from: one, or several that are counterbalanced.
        ids: Gives the ids of the set; only called for the latter.
    """

    def __init__(
        self, among: Callable[[str], Sequence[Wording]], ids: Callable[[], Sequence[str]]
    ) -> None:
        self.among = among
        self._ids = ids
        self._chosen: dict[str, Wording | dict[str, Wording]] = {}

    def __call__(self, question: str, stimulus_id: str) -> str:
        """Id of the wording in which ``question`` is asked about ``stimulus_id``."""
        if question not in self._chosen:
            among = self.among(question)
            several = len(among) > 1
            self._chosen[question] = deal(question, self._ids(), among) if several else among[0]
        chosen = self._chosen[question]
        return chosen.id if isinstance(chosen, Wording) else chosen[stimulus_id].id
