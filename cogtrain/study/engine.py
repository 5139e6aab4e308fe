"""LocalEngine: runs as processes on this machine, so many at a time, whatever becomes of each."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from types import FrameType
from typing import IO, NoReturn

import yaml

from cogtrain.environment import usable_threads
from cogtrain.study.grid import PlannedRun
from cogtrain.study.record import Record, StudyFolder, write_whole

Command = Callable[[PlannedRun], list[str]]
"""Words of the process of a run, which starts in the study's folder."""

_LOOK_EVERY_S = 0.1


def fit_or_test(run: PlannedRun) -> list[str]:
    """Begins or continues a training; judges the base from the start."""
    # What comes later wins: a complete config has no name and no checkpoint.
    words = [sys.executable, "-m", "cogtrain", run.verb]
    words += ["--config", f"configs/{run.name}.yaml", "--name", run.name]
    return [*words, "--ckpt_path", "auto"] if run.verb == "fit" else words


@dataclass
class _Attempt:
    """A process at work."""

    run: PlannedRun
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    log_began: int
    slot: int
    began_s: float = field(default_factory=time.monotonic)


class LocalEngine:
    """Processes of this machine.

    Args:
        folder: Of the study.
        slots: Per process at a time the environment variables that it gets.
        command: What a run's process is.
        tell: Takes lines about what happens.
    """

    def __init__(
        self,
        folder: StudyFolder,
        slots: Sequence[Mapping[str, str]],
        *,
        command: Command = fit_or_test,
        tell: Callable[[str], object] = print,
    ) -> None:
        self.folder = folder
        self.slots = slots
        self.command = command
        self.tell = tell
        self._attempts: list[_Attempt] = []
        self._lock: int | None = None

    def run(self, runs: Sequence[PlannedRun]) -> None:
        """Ends when every run has ended, well or not; what became of it is in its record.

        Raises:
            ValueError: If a process of this study is at work already.
            KeyboardInterrupt: On Ctrl-C, after the runs at work were asked to write a checkpoint.
        """
        waiting = deque(runs)
        with self._locked(), _stoppable():
            try:
                while waiting or self._attempts:
                    while waiting and len(self._attempts) < len(self.slots):
                        self._begin(waiting.popleft())
                    self._collect()
            except BaseException:
                self._stop()
                raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Processes of runs inherit the lock: they may outlive a study that was killed."""
        self.folder.path.mkdir(parents=True, exist_ok=True)
        path = self.folder.path / ".lock"
        with path.open("a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(
                    f"expected nobody at work in `{self.folder.path}`, got another process of this "
                    "study or a run that outlived it; wait for it or end it"
                ) from None
            self._lock = file.fileno()
            yield

    def _begin(self, run: PlannedRun) -> None:
        folder = self.folder
        if run.verb == "test" and folder.run(run.name).exists():
            rmtree(folder.run(run.name))  # half a test: it has no checkpoint and takes minutes
        for path in (folder.config(run.name), folder.log(run.name)):
            path.parent.mkdir(exist_ok=True)
        write_whole(folder.config(run.name), yaml.safe_dump(run.config, sort_keys=False))
        Record(id=run.id, sets=run.sets).write(folder.record(run.name))
        taken = {attempt.slot for attempt in self._attempts}
        slot = next(number for number in range(len(self.slots)) if number not in taken)
        log = folder.log(run.name).open("ab")
        process = subprocess.Popen(
            self.command(run),
            cwd=folder.path,
            env=os.environ | self.slots[slot],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours, and asks each of them once
            pass_fds=[] if self._lock is None else [self._lock],
        )
        self._attempts.append(_Attempt(run, process, log, log.tell(), slot))
        self.tell(f"{run.name}: begun or continued ({run.id}), process {process.pid}")

    def _collect(self) -> None:
        """Waits for the next process to end and remembers what became of its run."""
        while True:
            ended = [each for each in self._attempts if each.process.poll() is not None]
            for attempt in ended:
                self._end(attempt)
            if ended or not self._attempts:
                return
            time.sleep(_LOOK_EVERY_S)

    def _end(self, attempt: _Attempt) -> None:
        self._attempts.remove(attempt)
        attempt.log.close()
        run, code = attempt.run, attempt.process.returncode
        minutes = f"after {(time.monotonic() - attempt.began_s) / 60:.1f} min"
        is_judged = (self.folder.run(run.name) / "judgments.parquet").is_file()
        if code == 0 and is_judged:
            self._remember(Record(id=run.id, sets=run.sets, status="finished", code=0), run)
            self.tell(f"{run.name}: finished {minutes}")
            return
        line = _last_line(self.folder.log(run.name), attempt.log_began)
        if code == 0:
            line = "it ended without judgments.parquet; leave `eval.after_fit` as it is"
        self._remember(Record(id=run.id, sets=run.sets, status="failed", code=code, line=line), run)
        self.tell(f"{run.name}: failed {minutes} (exit code {code}): {line}")

    def _remember(self, record: Record, run: PlannedRun) -> None:
        record.write(self.folder.record(run.name))

    def _stop(self) -> None:
        """Asks all processes to stop where they can be continued, and waits for them."""
        for attempt in self._attempts:
            attempt.process.terminate()
        for attempt in self._attempts:
            attempt.process.wait()
            attempt.log.close()
            self.tell(f"{attempt.run.name}: stopped; the same command continues it")
        self._attempts.clear()


def slots(
    processes: int, devices: int, *, environ: Mapping[str, str] = os.environ, gpus: int = 0
) -> list[dict[str, str]]:
    """Environment of each of several processes: its GPUs, its share of threads.

    Args:
        processes: Runs at a time.
        devices: GPUs of each; 0 for runs on the CPU.
        environ: Variables of this process: what it may see is dealt out.
        gpus: Of the machine, where `CUDA_VISIBLE_DEVICES` does not name them.

    Raises:
        ValueError: For no process, or more than there are GPUs for.
    """
    if processes < 1:
        raise ValueError(f"expected `processes` to be at least 1, got {processes}; give 1")
    if processes == 1:
        return [{}]
    listed = environ.get("CUDA_VISIBLE_DEVICES")
    visible = [str(each) for each in range(gpus)] if listed is None else listed.split(",")
    visible = [each for each in visible if each]
    share = {"OMP_NUM_THREADS": str(max(1, usable_threads() // processes))}
    if "OMP_NUM_THREADS" in environ:
        share = {}
    if not devices or not visible:
        return [dict(share) for _ in range(processes)]
    if processes * devices > len(visible):
        raise ValueError(
            f"expected a GPU for each device of {processes} processes ({processes * devices}), got "
            f"{len(visible)}; give --processes {max(1, len(visible) // devices)}"
        )
    dealt = [visible[slot * devices : (slot + 1) * devices] for slot in range(processes)]
    return [share | {"CUDA_VISIBLE_DEVICES": ",".join(own)} for own in dealt]


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


def _last_line(log: Path, began: int) -> str:
    """Last words of an attempt, past what a progress bar has overwritten."""
    with log.open("rb") as file:
        file.seek(began)
        text = file.read().decode("utf-8", errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"
