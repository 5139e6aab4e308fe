"""Display: a live table of a study's runs on a terminal, and lines anywhere else."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from cogtrain.study.process import Job
from cogtrain.study.progress import Standing, StudyWatch

_LINES_EVERY_S = 60.0
_TABLE_EVERY_S = 1.0
_ROWS = 30  # of a table: what is not at work gives way
_QUIET = ("waiting", "finished")


class Display(Protocol):
    """What an engine tells, and what it lets look."""

    def tell(self, line: str) -> None:
        """Shows a line about what happened."""
        ...

    def look(self, jobs: Sequence[Job]) -> None:
        """Shows how far the jobs are, if it is time."""
        ...


class Lines:
    """Lines now and then: one about all runs, and one about each that is at work.

    Args:
        watch: The runs.
        tell: Takes the lines.
        every_s: Seconds between them; a log of a day then has a few thousand.
    """

    def __init__(
        self,
        watch: StudyWatch,
        tell: Callable[[str], object] = print,
        *,
        every_s: float = _LINES_EVERY_S,
    ) -> None:
        self.watch = watch
        self._tell = tell
        self.every_s = every_s
        self._shown_s = watch.clock()

    def tell(self, line: str) -> None:
        """Shows a line."""
        self._tell(line)

    def look(self, jobs: Sequence[Job]) -> None:
        """Lines about the jobs, if it is time."""
        if self.watch.clock() - self._shown_s < self.every_s:
            return
        self._shown_s = self.watch.clock()
        standings = self.watch.look(jobs)
        self._tell(self.watch.summary(standings))
        names = {job.run.name for job in jobs}
        for each in standings:
            if each.run.name in names and each.stage != "waiting":
                self._tell(f"  {each}")


class LiveTable:
    """A table that stays below whatever is told.

    Args:
        watch: The runs.
        live: Rich's live display, started.
    """

    def __init__(self, watch: StudyWatch, live: Any) -> None:
        self.watch = watch
        self.live = live
        self._shown_s = -_TABLE_EVERY_S

    def tell(self, line: str) -> None:
        """Shows a line above the table."""
        self.live.console.print(line, markup=False, highlight=False)

    def look(self, jobs: Sequence[Job]) -> None:
        """Brings the table up to date, once a second."""
        if time.monotonic() - self._shown_s < _TABLE_EVERY_S:
            return
        self._shown_s = time.monotonic()
        standings = self.watch.look(jobs)
        self.live.update(table_of(standings, self.watch.summary(standings)), refresh=True)


def table_of(standings: Sequence[Standing], summary: str) -> Any:
    """Rich's table of all runs, or of those at work if there are many."""
    from rich.table import Table

    table = Table(title=summary, title_justify="left", title_style="")
    for header in ("run", "stage", "step", "time left", "best validation accuracy"):
        table.add_column(header, justify="left" if header in ("run", "stage") else "right")
    busy = [each for each in standings if each.stage not in _QUIET]
    for each in (standings if len(standings) <= _ROWS else busy)[:_ROWS]:
        table.add_row(each.run.name, *each.cells())
    return table


@contextmanager
def shown(watch: StudyWatch, tell: Callable[[str], object] = print) -> Iterator[Display]:
    """The display that suits standard output, for as long as the context lasts."""
    if not sys.stdout.isatty():
        yield Lines(watch, tell)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(), transient=True, auto_refresh=False) as live:
        yield LiveTable(watch, live)
