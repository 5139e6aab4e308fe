"""Progress: how far each run of a study is, read from what it writes."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cogtrain.study.grid import PlannedRun
from cogtrain.study.process import Job
from cogtrain.study.record import Record, StudyFolder

Stage = Literal["waiting", "starting", "training", "testing", "finished", "failed"]

_UNTRAINED: tuple[Stage, ...] = ("waiting", "starting", "training")


@dataclass
class MetricsFollower:
    """What the log of a run has said so far; only what was added is read.

    Attributes:
        path: Its `metrics.jsonl`.
        sets: Names of those that the run is validated on; others are only watched.
        step: Last optimizer step that it tells of.
        part: `train`, `val` or `test`, whatever was logged last; empty at first.
    """

    path: Path
    sets: frozenset[str]
    step: int = 0
    part: str = ""
    _read: int = 0
    _validated: dict[int, dict[str, float]] = field(default_factory=dict)  # by step and set

    def look(self) -> None:
        """Reads what was added; a continued run may have cut its log, which is read anew."""
        length = self.path.stat().st_size if self.path.exists() else 0
        if length < self._read:
            self._forget()
        if length == self._read:
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]  # the last line may be half written
        lines = [_parsed(line) for line in whole.splitlines()]
        if None in lines and self._read:  # cut, and longer again since
            self._forget()
            self.look()
            return
        self._read += len(whole)
        for line in filter(None, lines):
            self._take(line)

    def _forget(self) -> None:
        self.step, self.part, self._read = 0, "", 0
        self._validated.clear()

    @property
    def best(self) -> float | None:
        """Highest validation accuracy, the mean over sets; none at first."""
        whole = [each for each in self._validated.values() if len(each) == len(self.sets)]
        return max((sum(each.values()) / len(each) for each in whole), default=None)

    def _take(self, logged: dict[str, Any]) -> None:
        """A line: an estimate of a set, or a number with a name."""
        self.part = logged.get("stage") or logged.get("name", "").partition("/")[0]
        self.step = logged.get("step") or self.step
        is_accuracy = (logged.get("stage"), logged.get("metric")) == ("val", "accuracy")
        if is_accuracy and logged["set"] in self.sets and logged["value"] is not None:
            self._validated.setdefault(self.step, {})[logged["set"]] = logged["value"]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


class Standing(NamedTuple):
    """How far a run is.

    Attributes:
        run: Which one.
        stage: What it does.
        step: Optimizer steps taken.
        left_s: Seconds that its training takes yet at this speed; none if that is not known.
        best: Highest validation accuracy so far.
    """

    run: PlannedRun
    stage: Stage
    step: int = 0
    left_s: float | None = None
    best: float | None = None

    def cells(self) -> list[str]:
        """Stage, steps, time left and best accuracy, as a table shows them."""
        total = "?" if self.run.steps is None else f"{self.run.steps:,}"
        steps = f"{self.step:,} of {total}" if self.run.verb == "fit" else "-"
        best = "-" if self.best is None else f"{self.best:.1%}"
        return [self.stage, steps, duration(self.left_s), best]

    def __str__(self) -> str:
        stage, steps, left, best = self.cells()
        parts = [f"{self.run.name}: {stage}"]
        parts += [f"step {steps}"] if self.step else []
        parts += [f"best validation accuracy {best}"] if best != "-" else []
        return ", ".join([*parts, *([f"about {left} left"] if left != "-" else [])])


@dataclass
class StudyWatch:
    """All runs of a study, the finished ones too.

    Args:
        runs: The grid.
        folder: Of the study.
        clock: Seconds.
    """

    runs: Sequence[PlannedRun]
    folder: StudyFolder
    clock: Callable[[], float] = time.monotonic
    _followers: dict[str, MetricsFollower] = field(default_factory=dict)
    _since: dict[str, tuple[float, int]] = field(default_factory=dict)  # at what second which step

    def look(self, jobs: Sequence[Job]) -> list[Standing]:
        """How far each run is.

        Args:
            jobs: Those at work, or handed over to be.
        """
        at_work = {job.run.name for job in jobs}
        return [self._standing(run, run.name in at_work) for run in self.runs]

    def summary(self, standings: Sequence[Standing]) -> str:
        """How many runs are at which stage, and how long they will take."""
        counts = Counter(each.stage for each in standings)
        parts = [f"{counts[stage]} {stage}" for stage in counts]
        left = duration(self._left_s(standings))
        return f"{len(standings)} runs: {', '.join(parts)}" + (
            f"; about {left} of training left" if left != "-" else ""
        )

    def _left_s(self, standings: Sequence[Standing]) -> float | None:
        """Seconds until all are trained, at the common speed since the first was seen at work."""
        seen = [each for each in standings if each.run.name in self._since]
        gained = sum(each.step - self._since[each.run.name][1] for each in seen)
        if gained <= 0 or any(run.steps is None for run in self.runs):
            return None
        began_s = min(second for second, _ in self._since.values())
        left = [(each.run.steps or 0) - each.step for each in standings if each.stage in _UNTRAINED]
        return sum(left) * (self.clock() - began_s) / gained

    def _standing(self, run: PlannedRun, is_at_work: bool) -> Standing:
        path = self.folder.run(run.name) / "metrics.jsonl"
        sets = frozenset(each["name"] for each in run.config["data"]["val"])
        follower = self._followers.setdefault(run.name, MetricsFollower(path, sets))
        follower.look()
        record = Record.read(self.folder.record(run.name))
        known = Standing(run, "waiting", follower.step, None, follower.best)
        if record is None:
            return known
        if record.status != "begun":
            return known._replace(stage=record.status)
        if not is_at_work:
            return known
        began_s, began_at = self._since.setdefault(run.name, (self.clock(), follower.step))
        gained, left_s = follower.step - began_at, None
        if gained > 0 and run.steps is not None:
            left_s = (run.steps - follower.step) * (self.clock() - began_s) / gained
        return known._replace(stage=_stage(run, follower), left_s=left_s)


def _stage(run: PlannedRun, follower: MetricsFollower) -> Stage:
    is_trained = run.steps is not None and follower.step >= run.steps
    if run.verb == "test" or follower.part == "test" or is_trained:
        return "testing"
    return "training" if follower.part else "starting"


def duration(seconds: float | None) -> str:
    """A rough time to read.

    >>> duration(None), duration(20), duration(600), duration(8000)
    ('-', '20 s', '10 min', '2.2 h')
    """
    if seconds is None:
        return "-"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
