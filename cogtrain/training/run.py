"""The run folder: one place for everything that a run leaves behind.

``runs/<name>/`` holds ``config.yaml`` (complete, runnable), ``manifest.json``, ``checkpoints/``,
``adapter/``, ``judgments.parquet``, ``metrics.jsonl`` and ``report/``.
"""

import os
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("runs")
_INHERITED = (
    "COGTRAIN_RUN"  # so that the ranks that Lightning starts write where the first one does
)


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the run, which is also its observer's in the judgments table."""
        return self.path.name

    @property
    def config(self) -> Path:
        """Complete, runnable config."""
        return self.path / "config.yaml"

    @property
    def manifest(self) -> Path:
        """Versions, fingerprints, hardware."""
        return self.path / "manifest.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of `last.ckpt` and `best.ckpt`."""
        return self.path / "checkpoints"

    @property
    def last(self) -> Path:
        """What `--ckpt_path last` continues."""
        return self.checkpoints / "last.ckpt"

    @property
    def best(self) -> Path:
        """Weights that did best in validation, by `eval.best`."""
        return self.checkpoints / "best.ckpt"

    @property
    def weights(self) -> Path | None:
        """The best ones, or the last ones if none were chosen; none before the first checkpoint."""
        return next((path for path in (self.best, self.last) if path.is_file()), None)

    @property
    def adapter(self) -> Path:
        """PEFT folder, if anything was trained by LoRA."""
        return self.path / "adapter"

    @property
    def judgments(self) -> Path:
        """Every answer, one row each."""
        return self.path / "judgments.parquet"

    @property
    def metrics(self) -> Path:
        """Every number, one JSON object per line."""
        return self.path / "metrics.jsonl"

    @property
    def report(self) -> Path:
        """Figures, and the stimuli that they show."""
        return self.path / "report"

    def write_config(self, text: str) -> None:
        """Writes the config aside and renames it: a run that is killed can still be continued."""
        aside = self.config.with_suffix(".part")
        aside.write_text(text, encoding="utf-8")
        aside.replace(self.config)

    def discard_if_empty(self) -> None:
        """Removes the folder if nothing was written into it."""
        with suppress(OSError):
            self.path.rmdir()


def find_checkpoint(given: str, name: str | None = None, root: Path = ROOT) -> Path:
    """Path of a checkpoint: `last` and `best` mean those of run `name`, or of the newest run.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If the file is cut short or no checkpoint at all.
    """
    if given not in ("last", "best"):
        return _sound(Path(given))
    pattern = f"{name or '*'}/checkpoints/{given}.ckpt"
    found = sorted(root.glob(pattern), key=lambda path: path.stat().st_mtime_ns)
    if not found:
        raise FileNotFoundError(
            f"expected a checkpoint at `{root / pattern}`, got none; run `fit` first or give a path"
        )
    return _sound(found[-1])


def _sound(path: Path) -> Path:
    """``path``, if a whole checkpoint is there; torch writes zip files, whose index comes last."""
    if not path.is_file():
        raise FileNotFoundError(
            f"expected a checkpoint file, got `{path}`, which does not exist; "
            "give `last`, `best` or the path of a .ckpt file"
        )
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"expected a whole checkpoint, got `{path}`, which is cut short or something else; "
            "give another file of the run's `checkpoints`"
        )
    return path


def folder_of(checkpoint: Path) -> RunFolder | None:
    """The run that ``checkpoint`` belongs to, or nothing if it lies elsewhere."""
    return RunFolder(checkpoint.parent.parent) if checkpoint.parent.name == "checkpoints" else None


def open_run(
    verb: str,
    name: str | None,
    checkpoint: Path | None,
    *,
    is_again: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> RunFolder:
    """Makes, or for a continued training finds, the folder of this run.

    Args:
        verb: `fit` continues the run that `checkpoint` belongs to; other verbs begin a new one.
        name: Folder under `runs`; left out, the first free of `<verb>-1`, `<verb>-2`, ….
        checkpoint: Where to continue.
        is_again: Whether a run that was stopped before its first checkpoint may be begun anew.
        environ: Tells the first rank from the others, which join the folder that it made.

    Raises:
        ValueError: If the folder holds another run, or cannot be written to.
    """
    if _rank(environ) > 0:
        return _join(name, environ)
    owner = folder_of(checkpoint) if checkpoint is not None and verb == "fit" else None
    try:
        again = RunFolder(ROOT / name) if is_again and name is not None else None
        run = again or (owner if owner and name is None else _begin(verb, name, owner))
        run.path.mkdir(parents=True, exist_ok=True)
        probe = run.path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        where = error.filename or ROOT / (name or verb)
        raise ValueError(
            f"expected a run folder that can be written to, got `{where}` ({error.strerror}); "
            "choose another --name or start in another folder"
        ) from error
    os.environ[_INHERITED] = str(run.path)
    return run


def _begin(verb: str, name: str | None, owner: RunFolder | None) -> RunFolder:
    if name is None:
        return _first_free(verb)
    run = RunFolder(ROOT / name)
    continued = owner is not None and owner.path.resolve() == run.path.resolve()
    if not continued and run.path.exists() and any(run.path.iterdir()):
        raise ValueError(
            f"expected a new run folder, got `{run.path}`, which is not empty; choose another "
            "--name, or continue a training with --ckpt_path last"
        )
    return run


def _first_free(verb: str) -> RunFolder:
    ROOT.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        try:
            (ROOT / f"{verb}-{number}").mkdir()
        except FileExistsError:
            number += 1
        else:
            return RunFolder(ROOT / f"{verb}-{number}")


def _rank(environ: Mapping[str, str]) -> int:
    return max(int(environ.get(key, 0)) for key in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))


def _join(name: str | None, environ: Mapping[str, str]) -> RunFolder:
    if _INHERITED in environ:
        return RunFolder(Path(environ[_INHERITED]))
    if name is None:
        raise ValueError(
            f"expected a name for a run of several processes, got none on rank {_rank(environ)}; "
            "add --name"
        )
    return RunFolder(ROOT / name)
