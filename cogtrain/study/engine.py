"""Engine: what is left of a study, run by run, wherever processes are placed."""

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple, NoReturn, Protocol

from cogtrain.cluster import LostClusterError
from cogtrain.study.grid import PlannedRun
from cogtrain.study.process import PATIENCE_S, BusyError, Command, Job, fit_or_test, hold
from cogtrain.study.record import Record, StudyFolder

RETRIES = 2
"""A machine that fails is met now and then, a run that fails its machine each time."""

_STOPPED = (138, 143)  # SIGUSR1 and SIGTERM: a scheduler wanted the machine for somebody else


class Ended(NamedTuple):
    """What a placement knows of a job that has ended.

    Attributes:
        job: Which one.
        record: What became of it; none if it is not known.
        lost: Why it is not.
    """

    job: Job
    record: Record | None
    lost: str = ""

    @property
    def was_killed(self) -> bool:
        """Whether it could go on where its last checkpoint is."""
        if self.record is None or self.record.code is None:
            return True
        return self.record.code < 0 or self.record.code in _STOPPED


class Placement(Protocol):
    """Where processes run."""

    def has_room(self) -> bool:
        """Whether another job can be taken."""
        ...

    def begin(self, job: Job) -> str:
        """Takes a job; returns in words where it is.

        Raises:
            BusyError: If another process is at work on its run.
        """
        ...

    def ended(self) -> list[Ended]:
        """Jobs that have ended since; waits a moment for one."""
        ...

    def stop(self) -> None:
        """Asks all to stop where they can be continued, and waits for them."""
        ...


class Engine:
    """Runs of a study, as many at a time as there is room for, whatever becomes of each.

    Args:
        folder: Of the study.
        placement: Where processes run.
        command: What a run's process is given.
        retries: How often a run that was killed is continued before it counts as failed.
        tell: Takes lines about what happens.
        look: Called several times a second with the jobs at work.
    """

    def __init__(
        self,
        folder: StudyFolder,
        placement: Placement,
        *,
        command: Command = fit_or_test,
        environ: dict[str, str] | None = None,
        retries: int = RETRIES,
        tell: Callable[[str], object] = print,
        look: Callable[[Sequence[Job]], object] = lambda jobs: None,
    ) -> None:
        self.folder = folder
        self.placement = placement
        self.command = command
        self.environ = environ or {}
        self.retries = retries
        self.tell = tell
        self.look = look
        self.patience_s = PATIENCE_S
        self._at_work: dict[str, float] = {}  # by name, since when
        self._attempts: dict[str, int] = {}

    def run(self, runs: Sequence[PlannedRun], *, is_part: bool = False) -> None:
        """Ends when every run has ended, well or not; what became of it is in its record.

        Args:
            runs: What to do.
            is_part: Whether others may be at work on other runs of the study.

        Raises:
            ValueError: If a process of this study is at work already.
            KeyboardInterrupt: On Ctrl-C, after the runs at work were asked to write a checkpoint.
        """
        waiting = deque(map(self._job, runs))
        with self._alone(is_part), _stoppable():
            try:
                self._work(waiting)
            except LostClusterError:
                raise
            except BaseException:
                self.placement.stop()
                for name in self._at_work:
                    self.tell(f"{name}: stopped; the same command continues it")
                raise

    def _job(self, run: PlannedRun) -> Job:
        return Job(run, self.folder, self.command(run), self.environ, self.patience_s)

    @contextmanager
    def _alone(self, is_part: bool) -> Iterator[None]:
        lock = hold(self.folder.path / ".lock", shared=is_part)
        if lock is None:
            raise ValueError(
                f"expected nobody at work in `{self.folder.path}`, got another process of this "
                "study; wait for it or end it"
            )
        with lock:
            yield

    def _work(self, waiting: deque[Job]) -> None:
        jobs: dict[str, Job] = {}
        while waiting or jobs:
            while waiting and self.placement.has_room():
                job = waiting.popleft()
                if self._begin(job):
                    jobs[job.run.name] = job
            for each in self.placement.ended():
                jobs.pop(each.job.run.name)
                if self._end(each):
                    waiting.appendleft(each.job)
            self.look(list(jobs.values()))

    def _begin(self, job: Job) -> bool:
        run = job.run
        self._at_work[run.name] = time.monotonic()
        try:
            where = self.placement.begin(job)
        except BusyError as error:
            self._leave(run, str(error))
            return False
        self.tell(f"{run.name}: begun or continued ({run.id}), {where}")
        return True

    def _end(self, ended: Ended) -> bool:
        """Says what became of a job; whether it is to be done again."""
        run, record = ended.job.run, ended.record
        minutes = f"after {(time.monotonic() - self._at_work.pop(run.name)) / 60:.1f} min"
        if record is not None and record.status == "finished":
            self.tell(f"{run.name}: finished {minutes}")
            return False
        why = ended.lost if record is None else f"exit code {record.code}: {record.line}"
        tried = self._attempts[run.name] = self._attempts.get(run.name, 0) + 1
        if ended.was_killed and tried <= self.retries:
            self.tell(f"{run.name}: killed {minutes} ({why}); continued, {tried} of {self.retries}")
            return True
        self.tell(f"{run.name}: failed {minutes} ({why})")
        return False

    def _leave(self, run: PlannedRun, why: str) -> None:
        del self._at_work[run.name]
        self.tell(f"{run.name}: left alone: {why}")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Lets SIGTERM end the study as Ctrl-C does, with exit code 143."""

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + signum)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
