"""The report as Markdown for people and as JSON for programs."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cogtrain.audit.finding import Level, Section, Table

_SIGNS: dict[Level, str] = {"fail": "FAIL", "warn": "warning", "pass": "pass"}


@dataclass(frozen=True)
class SetReport:
    """All sections about one set.

    Attributes:
        name: Of the set.
        where: What was opened.
        fingerprint: Of the set.
        count: Its stimuli.
        sections: In the order in which they are read.
    """

    name: str
    where: str
    fingerprint: str
    count: int
    sections: list[Section]


@dataclass(frozen=True)
class Report:
    """An audit of one or several sets.

    Attributes:
        sets: One report each.
        between: What they share; absent for a single set.
    """

    sets: list[SetReport]
    between: Section | None = None

    @property
    def sections(self) -> list[Section]:
        """All of them."""
        own = [section for each in self.sets for section in each.sections]
        return [*own, *([self.between] if self.between else [])]

    @property
    def failures(self) -> list[str]:
        """What failed, one line each; empty if the audit is passed."""
        return [
            f"{section.title}: {finding.text}"
            for section in self.sections
            for finding in section.findings
            if finding.level == "fail"
        ]

    def markdown(self) -> str:
        """The report as a page."""
        verdict = f"{len(self.failures)} failed" if self.failures else "passed"
        parts = [f"# Audit: {verdict}"]
        for each in self.sets:
            parts.append(f"## `{each.name}`, {each.count} stimuli")
            parts.append(f"{each.where}, fingerprint `{each.fingerprint}`")
            parts += [_section(section) for section in each.sections]
        if self.between:
            parts.append(_section(self.between))
        return "\n\n".join(parts) + "\n"

    def write(self, out: Path) -> None:
        """Writes `audit.md` and `audit.json` into the folder `out`."""
        (out / "audit.md").write_text(self.markdown(), encoding="utf-8")
        content = {
            "passed": not self.failures,
            "failures": self.failures,
            "sets": [
                asdict(each) | {"sections": list(map(_plain, each.sections))} for each in self.sets
            ],
            "between": None if self.between is None else _plain(self.between),
        }
        text = json.dumps(_finite(content), indent=2, ensure_ascii=False)
        (out / "audit.json").write_text(text + "\n", encoding="utf-8")


def _section(section: Section) -> str:
    lines = [f"- {_SIGNS[finding.level]}: {finding.text}" for finding in section.findings]
    parts = [f"### {section.title}: {_SIGNS[section.level]}", "\n".join(lines), section.words]
    parts += [_table(table) for table in section.tables]
    return "\n\n".join(part for part in parts if part)


def _table(table: Table) -> str:
    rows: list[Sequence[str]] = [table.columns, *table.rows]
    widths = [max(len(row[k]) for row in rows) for k in range(len(table.columns))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"| {' | '.join(padded)} |"

    rule = line(["-" * width for width in widths])
    return "\n".join([line(table.columns), rule, *map(line, table.rows)])


def _plain(section: Section) -> dict[str, Any]:
    return {
        "title": section.title,
        "level": section.level,
        "findings": [asdict(finding) for finding in section.findings],
        "data": section.data,
    }


def _finite(value: Any) -> Any:
    """The same without `nan` and infinities, which JSON cannot hold."""
    if isinstance(value, dict):
        return {str(name): _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
