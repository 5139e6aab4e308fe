"""Simulated observers: judges whose mechanism we know, beside people and models.

They answer what people answer and are scored by the same analyses. Their judgments are labelled
``simulated`` and their ids begin with it, so that no table can pass them off as people's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cogtrain._core import Scene, Stimulus, noisy_falls
from cogtrain.environment import usable_threads
from cogtrain.judgments import Judgments

if TYPE_CHECKING:
    from cogtrain.stimuli import StimulusSet

FALL_QUESTIONS = ("will_fall", "will_fall_if_removed")
"""What an observer of stability can answer; of a stimulus, at most one of them applies."""

_OPTIONS = ("yes", "no")


@dataclass(frozen=True)
class NoisyPhysics:
    """The noisy-physics observer of Battaglia, Hamrick & Tenenbaum (2013).

    It imagines a scene several times, each time a little wrong: every body is shifted sideways at
    random, none is raised or lowered, and an unseen push pulls everything sideways. P(fall) is the
    share of these copies that fall. With ``statics``, a copy falls if no contact forces balance
    it: if a body has lost what it rested on, or tips, or slides; bodies that come to share space
    are taken as they are. With ``simulation``, a copy falls if a body drops within four seconds.

    Attributes:
        sigma: Standard deviation of a body's seen position along x and along y, as a fraction of
            its shortest side. 0.2 is the order of magnitude that fitted people's judgments.
        force: Standard deviation of the push along x and along y, in units of gravity. The default
            shifts the centre of mass of a cube by a fortieth of its side: a minor part of sigma.
        samples: Copies per scene; more begin with the fewer.
        seed: Two seeds are two observers. Draws depend on the seed and on a scene's bodies alone:
            neither on colours and cameras nor on the order of scenes or the number of threads.
        mechanics: ``statics`` (microseconds a copy) or ``simulation`` (tens of milliseconds).

    Example:
        >>> from cogtrain import StimulusSet
        >>> towers = StimulusSet.recipe(count=4, size_px=56)
        >>> judgments = NoisyPhysics().judge(towers)
        >>> judgments.table[["observer_kind", "question", "truth"]].iloc[0].tolist()
        ['simulated', 'will_fall', 'no']
    """

    sigma: float = 0.2
    force: float = 0.05
    samples: int = 100
    seed: int = 0
    mechanics: str = "statics"

    @property
    def observer_id(self) -> str:
        """Names the observer as simulated, with its parameters."""
        head = self._name
        return f"{head} samples={self.samples}"

    @property
    def _name(self) -> str:
        noise = f"sigma={self.sigma:g} force={self.force:g}"
        return f"simulated noisy-physics {noise} {self.mechanics} seed={self.seed}"

    def falls(self, scenes: Sequence[Scene], *, threads: int | None = None) -> NDArray[np.bool_]:
        """Which copies of each scene fall, ``(scenes, samples)``.

        Args:
            scenes: What is seen.
            threads: Scenes imagined at once; all that the machine grants by default.

        Raises:
            ValueError: For noise below zero, no samples, unknown mechanics, or (with ``statics``)
                bodies that are not upright.
        """
        return noisy_falls(
            scenes,
            sigma=self.sigma,
            force=self.force,
            samples=self.samples,
            seed=self.seed,
            mechanics=self.mechanics,
            threads=threads or usable_threads(),
        )

    def p_fall(self, scenes: Sequence[Scene], *, threads: int | None = None) -> NDArray[np.float64]:
        """P(fall) of each scene, ``(scenes,)``; raises like :meth:`falls`."""
        return self.falls(scenes, threads=threads).mean(axis=1)

    def judge(
        self, stimuli: "StimulusSet", question: str | None = None, *, threads: int | None = None
    ) -> Judgments:
        """Judges every stimulus that asks whether something falls.

        ``probability`` is P(fall); the response is the likelier answer, as of a model.

        Args:
            stimuli: Stimuli with scenes behind them.
            question: One of ``FALL_QUESTIONS``; by default the one that each stimulus asks.
            threads: Scenes imagined at once; all that the machine grants by default.

        Raises:
            ValueError: If no stimulus asks such a question or one has no scene behind it, and as
                in :meth:`falls`.
        """
        asked = list(_asked(stimuli, question))
        probability = self.p_fall([_seen(stimulus) for stimulus, _ in asked], threads=threads)
        ids = [stimulus.id for stimulus, _ in asked]
        return Judgments.from_model(
            self.observer_id,
            ids,
            probability,
            observer_kind="simulated",
            set=stimuli.name,
            question=[name for _, name in asked],
            truth=[stimulus.answers[name] for stimulus, name in asked],
        )

    def panel(
        self,
        stimuli: "StimulusSet",
        n_observers: int,
        *,
        question: str | None = None,
        samples: int = 1,
        threads: int | None = None,
    ) -> Judgments:
        """Judgments of several such observers, each with few copies of its own: a made-up panel.

        For power analysis: what an experiment with so many people would find, if people were such
        observers. Responses are yes or no, without probabilities, as of people.

        Args:
            stimuli: Stimuli with scenes behind them.
            n_observers: Size of the panel.
            question: As in :meth:`judge`.
            samples: Copies that each observer imagines; it answers by their majority, and yes at
                a tie. Replaces the observer's own ``samples``.
            threads: Scenes imagined at once; all that the machine grants by default.

        Raises:
            ValueError: For no observers, and as in :meth:`judge`.
        """
        import pandas as pd

        if n_observers < 1:
            raise ValueError(
                f"expected `n_observers` to be at least 1, got {n_observers}; ask for one or more"
            )
        asked = list(_asked(stimuli, question))
        everyone = replace(self, samples=n_observers * samples)
        falls = everyone.falls([_seen(stimulus) for stimulus, _ in asked], threads=threads)
        votes = falls.reshape(len(asked), n_observers, samples).mean(axis=2).T
        columns: dict[str, Any] = {
            "stimulus_id": [stimulus.id for stimulus, _ in asked],
            "set": stimuli.name,
            "question": [name for _, name in asked],
            "truth": [stimulus.answers[name] for stimulus, name in asked],
            "observer_kind": "simulated",
            "scale": "binary",
        }
        width = len(str(n_observers - 1))
        observers = [
            pd.DataFrame(columns).assign(
                observer_id=f"{self._name} samples={samples} observer={number:0{width}d}",
                response=np.where(own >= 0.5, *_OPTIONS),
            )
            for number, own in enumerate(votes)
        ]
        return Judgments(pd.concat(observers, ignore_index=True), source="the panel")


def _asked(stimuli: "StimulusSet", question: str | None) -> Iterator[tuple[Stimulus, str]]:
    """Every stimulus that asks a question about falling, with that question."""
    if question is not None and question not in FALL_QUESTIONS:
        raise ValueError(
            f"expected `question` to be one of {', '.join(FALL_QUESTIONS)}, got {question!r}; "
            "this observer judges nothing else"
        )
    wanted = FALL_QUESTIONS if question is None else (question,)
    count = 0
    for stimulus in stimuli:
        name = next((name for name in wanted if name in stimulus.answers), None)
        if name is not None:
            count += 1
            yield stimulus, name
    if count == 0:
        raise ValueError(
            f"expected stimuli that ask {' or '.join(wanted)}, got none in `{stimuli.name}`; "
            "choose another set or question"
        )


def _seen(stimulus: Stimulus) -> Scene:
    """The scene that a question about falling is about."""
    scene = stimulus.judged
    if scene is None:
        raise ValueError(
            f"expected stimuli with scenes behind them, got the photograph `{stimulus.id}`; "
            "a simulated observer judges scenes, not pictures"
        )
    return scene
