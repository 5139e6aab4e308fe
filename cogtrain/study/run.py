"""Running a study: what is left of its grid, then the report and the tables over all of it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cogtrain.cluster import LostClusterError, connect
from cogtrain.complaint import unknown
from cogtrain.evaluation.page import Section
from cogtrain.evaluation.report import report
from cogtrain.evaluation.run import Run
from cogtrain.study.conditions import bases_among, conditions
from cogtrain.study.display import shown
from cogtrain.study.engine import RETRIES, Engine, Placement
from cogtrain.study.grid import PlannedRun
from cogtrain.study.local import Local, slots
from cogtrain.study.process import Command, fit_or_test
from cogtrain.study.progress import StudyWatch, duration
from cogtrain.study.record import Record, StudyFolder
from cogtrain.study.summary import told, write_tables

Where = Literal["local", "ray", "none"]


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How the runs of a study are done.

    Attributes:
        engine: `local`, `ray`, or `none` to do nothing but the report.
        only: Name or id of a run, or name of a condition, that alone is done.
        processes: Runs at a time; on an existing cluster Ray decides.
        cpus: CPU cores of a run on a cluster.
        address: Of the Ray cluster; see `connect`.
        retries: How often a run that was killed is continued.
        environ: Further variables of the runs' processes.
        command: What a run's process is.
    """

    engine: Where = "local"
    only: str | None = None
    processes: int = 1
    cpus: int = 1
    address: str | None = None
    retries: int = RETRIES
    environ: dict[str, str] = field(default_factory=dict)
    command: Command = fit_or_test


def run_study(
    runs: Sequence[PlannedRun],
    folder: StudyFolder,
    execution: Execution = Execution(),
    *,
    tell: Callable[[str], object] = print,
) -> int:
    """Does what is not finished, writes report and tables, and returns the exit code.

    Args:
        runs: The grid.
        folder: Where everything goes; a second call goes on where the first ended.
        execution: How.
        tell: Takes lines about what happens.

    Returns:
        0, or 1 if a run is missing or the cluster was lost.

    Raises:
        ValueError: If a set or config has changed since a run was begun, or `only` names nothing,
            before anything starts.
    """
    began_s = time.monotonic()
    wanted = chosen(runs, execution.only)
    left = folder.unfinished(wanted)
    tell(f"{len(wanted)} runs in `{folder.path}`, {len(wanted) - len(left)} finished before")
    try:
        _do(wanted, left, folder, execution, tell)
    except LostClusterError as error:
        tell(f"error: {error}")
        return 1
    missing = folder.unfinished(wanted)
    if execution.only is None:
        tell(_written(runs, missing, folder))
    for run in missing:
        tell(f"missing: {run.name} ({_why(run, folder)}); log: {folder.log(run.name)}")
    done = len(wanted) - len(missing)
    tell(f"{done} of {len(wanted)} runs finished, {duration(time.monotonic() - began_s)}")
    return 1 if missing else 0


def chosen(runs: Sequence[PlannedRun], only: str | None) -> list[PlannedRun]:
    """The run that `only` is the name or id of, or all runs of that condition.

    Raises:
        ValueError: If it is nothing of that; names the nearest.
    """
    if only is None:
        return [*runs]
    found = [run for run in runs if only in (run.name, run.id, run.condition)]
    if not found:
        known = [name for run in runs for name in (run.name, run.id, run.condition)]
        raise ValueError(unknown("run or condition", only, known))
    return found


def _do(
    wanted: Sequence[PlannedRun],
    left: Sequence[PlannedRun],
    folder: StudyFolder,
    execution: Execution,
    tell: Callable[[str], object],
) -> None:
    if execution.engine == "none" or not left:
        return
    placed = _placed(execution, gpus_of(wanted))
    with placed as placement, shown(StudyWatch(wanted, folder), tell) as display:
        Engine(
            folder,
            placement,
            command=execution.command,
            environ=execution.environ,
            retries=execution.retries,
            tell=display.tell,
            look=display.look,
        ).run(left, is_part=execution.only is not None)


@contextmanager
def _placed(execution: Execution, gpus: int) -> Iterator[Placement]:
    if execution.engine == "local":
        yield Local(slots(execution.processes, gpus, gpus=_gpus_here()))
        return
    from cogtrain.study.on_ray import OnRay

    cpus = execution.cpus
    with connect(execution.address, cpus=execution.processes * cpus) as cluster:
        yield OnRay(cluster, cpus=cpus, gpus=gpus)


def _written(runs: Sequence[PlannedRun], missing: Sequence[PlannedRun], folder: StudyFolder) -> str:
    """Report and tables over the finished runs, as words."""
    gone = {run.name for run in missing}
    done = [run for run in runs if run.name not in gone]
    if len(done) < 2:
        return f"no report: {len(done)} of {len(runs)} runs finished, two are the fewest to compare"
    lines: list[str] = []

    def compared(opened: Mapping[str, Run], to: Path) -> list[Section]:
        summary = write_tables(to / "transfer.csv", done, to)
        lines.append(told(summary))
        return [conditions(done, summary, opened, to)]

    paths = [folder.run(run.name) for run in done]
    page = report(paths, folder.report, base=bases_among(done), more=compared).page
    tables = ("study.csv", "study_axes.csv", "study_comparisons.csv", "transfer.csv")
    return (
        f"\n{lines[0]}\n\nIntervals over seeds (t, n = seeds) hold the tested stimuli fixed.\n"
        f"report: {page}\ntables: {', '.join(str(folder.report / name) for name in tables)}"
    )


def _why(run: PlannedRun, folder: StudyFolder) -> str:
    record = Record.read(folder.record(run.name))
    if record is None:
        return "was not begun"
    return "has not ended" if record.code is None else f"exit code {record.code}: {record.line}"


def gpus_of(runs: Sequence[PlannedRun]) -> int:
    """GPUs of one run, the most that any takes; none on the CPU."""
    trainers = [run.config["trainer"] for run in runs]
    on_gpu = [each["devices"] for each in trainers if each["accelerator"] != "cpu"]
    return max((each if isinstance(each, int) else 1 for each in on_gpu), default=0)


def _gpus_here() -> int:
    return len(list(Path("/dev").glob("nvidia[0-9]*")))
