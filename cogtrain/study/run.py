"""Running a study: what is left of its grid, then the report and the tables over all of it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cogtrain.evaluation.report import report
from cogtrain.study.config import BASE
from cogtrain.study.engine import Command, LocalEngine, fit_or_test, slots
from cogtrain.study.grid import PlannedRun
from cogtrain.study.record import Record, StudyFolder
from cogtrain.study.summary import write_tables


def run_study(
    runs: Sequence[PlannedRun],
    folder: StudyFolder,
    *,
    processes: int = 1,
    environ: Mapping[str, str] | None = None,
    command: Command = fit_or_test,
    tell: Callable[[str], object] = print,
) -> int:
    """Runs what is not finished, writes report and tables, and returns the exit code.

    Args:
        runs: The grid.
        folder: Where everything goes; a second call goes on where the first ended.
        processes: Runs at a time.
        environ: Further variables of the runs' processes.
        command: What a run's process is.
        tell: Takes lines about what happens.

    Returns:
        0, or 1 if a run is missing.

    Raises:
        ValueError: If a set or config has changed since a run was begun, before anything starts.
    """
    left = folder.unfinished(runs)
    dealt = slots(processes, _devices(runs), gpus=_gpus())
    tell(f"{len(runs)} runs in `{folder.path}`, {len(runs) - len(left)} finished before")
    if left:
        each = [dict(environ or {}) | slot for slot in dealt]
        LocalEngine(folder, each, command=command, tell=tell).run(left)
    missing = folder.unfinished(runs)
    tell(_written(runs, missing, folder))
    for run in missing:
        record = Record.read(folder.record(run.name))
        why = "was not begun" if record is None else f"exit code {record.code}: {record.line}"
        tell(f"missing: {run.name} ({why}); log: {folder.log(run.name)}")
    return 1 if missing else 0


def _written(runs: Sequence[PlannedRun], missing: Sequence[PlannedRun], folder: StudyFolder) -> str:
    """Report and tables over the finished runs, as words."""
    gone = {run.name for run in missing}
    done = [run for run in runs if run.name not in gone]
    if len(done) < 2:
        return f"no report: {len(done)} of {len(runs)} runs finished, two are the fewest to compare"
    base = BASE if any(run.name == BASE for run in done) else None
    paths = [folder.run(run.name) for run in done]
    page = report(paths, folder.report, base=base).page
    told = write_tables(folder.report / "transfer.csv", done, folder.report)
    return (
        f"\n{told}\n\nIntervals over seeds (t, n = seeds) hold the tested stimuli fixed.\n"
        f"report: {page}\ntables: {folder.report / 'study.csv'}, "
        f"{folder.report / 'study_comparisons.csv'}, {folder.report / 'transfer.csv'}"
    )


def _devices(runs: Sequence[PlannedRun]) -> int:
    """GPUs of one run; none on the CPU."""
    trainer = runs[0].config["trainer"]
    if trainer["accelerator"] == "cpu":
        return 0
    return trainer["devices"] if isinstance(trainer["devices"], int) else 1


def _gpus() -> int:
    return len(list(Path("/dev").glob("nvidia[0-9]*")))
