"""What an audit finds: a failure, a warning, or a plain statement."""

from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["fail", "warn", "pass"]


@dataclass(frozen=True)
class Finding:
    """One result of one part.

    Attributes:
        level: `fail` ends the command with an error; `warn` is to be read; `pass` is all right.
        text: One line that names the value.
    """

    level: Level
    text: str


@dataclass(frozen=True)
class Table:
    """Rows for the report.

    Attributes:
        columns: Their heads.
        rows: Cells as they are shown.
    """

    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Attributes:
        title: Its heading.
        findings: What it found, worst first.
        tables: Figures behind it.
        words: What was done, in Markdown.
        data: The same as plain data, for `audit.json`.
    """

    title: str
    findings: list[Finding]
    tables: list[Table] = field(default_factory=list)
    words: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def level(self) -> Level:
        """The worst of its findings."""
        levels = {finding.level for finding in self.findings}
        return "fail" if "fail" in levels else "warn" if "warn" in levels else "pass"


def ranked(findings: list[Finding]) -> list[Finding]:
    """Worst first, otherwise as found."""
    return sorted(findings, key=lambda finding: ("fail", "warn", "pass").index(finding.level))
