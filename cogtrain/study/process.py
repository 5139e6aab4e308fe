"""RunProcess: one run as a process of its own, on any machine that sees the study's folder."""

import ctypes
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import IO

import yaml

from cogtrain.study.grid import PlannedRun
from cogtrain.study.record import Record, StudyFolder, write_whole

Command = Callable[[PlannedRun], list[str]]
"""What Python is given to do a run; it starts in the study's folder."""

PATIENCE_S = 60.0
"""How long to wait for a process that still writes its last checkpoint."""

LOOK_EVERY_S = 0.1
_PR_SET_PDEATHSIG = 1

# A process whose starter is killed is asked to stop at its next step, where it can be continued.
_DIES_WITH_ITS_STARTER = (
    "import ctypes, os, signal, sys\n"
    f"ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, signal.SIGTERM)\n"
    "if os.getppid() != int(sys.argv[1]): sys.exit(143)\n"
    "os.execvp(sys.argv[2], sys.argv[2:])\n"
)


class BusyError(ValueError):
    """Another process is at work on the run."""


def fit_or_test(run: PlannedRun) -> list[str]:
    """Begins or continues a training; judges the base from the start."""
    # What comes later wins: a complete config has no name and no checkpoint.
    words = ["-m", "cogtrain", run.verb]
    words += ["--config", f"configs/{run.name}.yaml", "--name", run.name]
    return [*words, "--ckpt_path", "auto"] if run.verb == "fit" else words


@dataclass(frozen=True)
class Job:
    """What is needed to start a run; it is sent to other machines as it is.

    Attributes:
        run: Which one.
        folder: Of the study.
        words: What Python is given.
        environ: Variables besides those of the one who starts it.
        patience_s: How long to wait for another process that is at work on the run.
    """

    run: PlannedRun
    folder: StudyFolder
    words: list[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = PATIENCE_S


class RunProcess:
    """The process of a job. Its config, log and record are written here and nowhere else.

    Raises:
        BusyError: If another process is at work on the run, longer than the patience of the job.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        with ExitStack() as opened:
            lock = opened.enter_context(_locked(job))
            self._prepare()
            log = opened.enter_context(job.folder.log(job.run.name).open("ab"))
            self._log_began = log.tell()
            self._process = subprocess.Popen(
                _ending_with_this([sys.executable, *job.words]),
                cwd=job.folder.path,
                env=os.environ | job.environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the study's, which asks each process once
                pass_fds=[lock.fileno()],  # held as long as anybody writes
            )
            self._opened = opened.pop_all()

    def _prepare(self) -> None:
        run, folder = self.job.run, self.job.folder
        if run.verb == "test" and folder.run(run.name).exists():
            rmtree(folder.run(run.name))  # half a test: it has no checkpoint and takes minutes
        for path in (folder.config(run.name), folder.log(run.name)):
            path.parent.mkdir(exist_ok=True)
        write_whole(folder.config(run.name), yaml.safe_dump(run.config, sort_keys=False))
        self._remember(Record(id=run.id, sets=run.sets))

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def poll(self) -> Record | None:
        """What became of the run; nothing as long as it is at work."""
        code = self._process.poll()
        if code is None:
            return None
        with self._opened:
            record = self._outcome(code)
            self._remember(record)
        return record

    def wait(self) -> Record:
        """What became of the run, when it has ended."""
        while (record := self.poll()) is None:
            time.sleep(LOOK_EVERY_S)
        return record

    def stop(self) -> None:
        """Asks the process to stop where it can be continued."""
        self._process.terminate()

    def _outcome(self, code: int) -> Record:
        run, folder = self.job.run, self.job.folder
        is_judged = (folder.run(run.name) / "judgments.parquet").is_file()
        if code == 0 and is_judged:
            return Record(id=run.id, sets=run.sets, status="finished", code=0)
        line = "it ended without judgments.parquet; leave `eval.after_fit` as it is"
        if code:
            line = _last_line(folder.log(run.name), self._log_began)
        return Record(id=run.id, sets=run.sets, status="failed", code=code, line=line)

    def _remember(self, record: Record) -> None:
        record.write(self.job.folder.record(self.job.run.name))


def hold(path: Path, *, shared: bool = False) -> IO[bytes] | None:
    """The lock of a file, until that is closed; nothing if somebody else has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+b")
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _locked(job: Job) -> IO[bytes]:
    path = job.folder.lock(job.run.name)
    until_s = time.monotonic() + job.patience_s
    while (lock := hold(path)) is None:
        if time.monotonic() >= until_s:
            raise BusyError(
                f"expected nobody at work on run `{job.run.name}` in `{job.folder.path}`, got "
                "another process; wait for it or end it"
            )
        time.sleep(LOOK_EVERY_S)
    return lock


def _ending_with_this(words: list[str]) -> list[str]:
    if not hasattr(ctypes.CDLL(None), "prctl"):
        return words  # not Linux: the process outlives its starter and keeps the lock
    return [sys.executable, "-c", _DIES_WITH_ITS_STARTER, str(os.getpid()), *words]


def _last_line(log: Path, began: int) -> str:
    """Last words of an attempt, past what a progress bar has overwritten."""
    with log.open("rb") as file:
        file.seek(began)
        text = file.read().decode("utf-8", errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it wrote nothing"
