"""Record: how far a run of a study is, in a small file that is there whole or not at all."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from cogtrain.study.grid import PlannedRun

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Record:
    """What a study remembers of a run.

    Attributes:
        id: Of the run when it was begun.
        sets: Fingerprints when it was begun.
        status: Only what is `finished` is not run again.
        code: Exit code of the last attempt; none before its end.
        line: Last line that a failed attempt wrote.
    """

    id: str
    sets: dict[str, str] = field(default_factory=dict)
    status: Literal["begun", "finished", "failed"] = "begun"
    code: int | None = None
    line: str = ""

    @classmethod
    def read(cls, path: Path) -> "Record | None":
        """What is known of a run; nothing if it was never begun.

        Raises:
            ValueError: For a file that is no record of this format.
        """
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            is_ours = content.pop("format") == FORMAT
            record = cls(**content)
        except (ValueError, KeyError, TypeError, AttributeError):
            is_ours, record = False, None
        if record is None or not is_ours:
            raise ValueError(
                f"expected a record of format {FORMAT} in `{path}`, got something else; remove "
                "the file and the folder of that run to begin it anew"
            )
        return record

    def write(self, path: Path) -> None:
        """Writes aside, syncs and renames."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps({"format": FORMAT} | asdict(self), indent=2) + "\n")


@dataclass(frozen=True)
class StudyFolder:
    """Paths of a study."""

    path: Path

    def record(self, name: str) -> Path:
        """What is remembered of a run."""
        return self.path / "state" / f"{name}.json"

    def config(self, name: str) -> Path:
        """Complete config of a run."""
        return self.path / "configs" / f"{name}.yaml"

    def log(self, name: str) -> Path:
        """What the processes of a run wrote."""
        return self.path / "logs" / f"{name}.log"

    def lock(self, name: str) -> Path:
        """Held by whoever is at work on a run."""
        return self.path / "locks" / name

    def run(self, name: str) -> Path:
        """Folder of a run."""
        return self.path / "runs" / name

    @property
    def report(self) -> Path:
        """Report and tables of the study."""
        return self.path / "report"

    def unfinished(self, runs: Sequence[PlannedRun]) -> list[PlannedRun]:
        """Runs that are not finished, all checked against what was begun.

        Raises:
            ValueError: If a set or a config has changed since a run was begun, or a folder is in
                the way that is none of this study's.
        """
        return [run for run in runs if not self._is_finished(run)]

    def _is_finished(self, run: PlannedRun) -> bool:
        record, folder = Record.read(self.record(run.name)), self.run(run.name)
        if record is None:
            if folder.is_dir() and any(folder.iterdir()):
                raise ValueError(
                    f"expected `{folder}` to be free or begun by this study, got a folder that it "
                    "knows nothing of; move it away or give another --out"
                )
            return False
        _reject_changed(run, record)
        return record.status == "finished" and (folder / "judgments.parquet").is_file()


def write_whole(path: Path, text: str) -> None:
    """Writes a file aside, syncs and renames it.

    Raises:
        OSError: With the file's name, also if the disk is full.
    """
    aside = path.with_name(f"{path.name}.part")
    try:
        with aside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _reject_changed(run: PlannedRun, record: Record) -> None:
    for name, was in record.sets.items():
        now = run.sets.get(name)
        if now is not None and now != was:
            raise ValueError(
                f"expected set `{name}` of run `{run.name}` as when it was begun (fingerprint "
                f"{was}), got {now}; undo the change, or give the study another name or --out"
            )
    if record.id != run.id:
        raise ValueError(
            f"expected run `{run.name}` as it was begun (id {record.id}), got another config or "
            f"other sets (id {run.id}); undo the change, or give the study another name or --out"
        )
