"""Where numbers go: always a local file, and Weights & Biases if it is wanted.

W&B is never needed and never fatal: without a key or a network it writes an offline run into the
run folder, and nothing here can raise a prompt. The local file has one JSON object per line and per
number, with ``step`` and ``name`` beside the fields of an `Estimate`, so it can be read without
either library.
"""

import json
import netrc
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from cogtrain.training.stepwise_wandb import StepwiseWandb, attempt

_HOST = "api.wandb.ai"
_PLACES = ("WANDB_DATA_DIR", "WANDB_CACHE_DIR")
_ANSWER_S = 30.0  # to wait for the server before a run begins offline
_UPLOAD_S = 600.0  # to wait for what is still to be sent when a run ends; the files stay


class MetricsFile(Logger):
    """Appends every number to `metrics.jsonl`.

    Args:
        path: File to append to.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.path.parent.name

    @property
    def version(self) -> str:
        """Runs are told apart by name alone."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: the config has its own file."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Appends plain numbers, such as the loss."""
        lines = [
            json.dumps({"step": step, "name": name, "value": float(value)})
            for name, value in metrics.items()
            if name != "epoch"
        ]
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in lines)

    def length(self) -> int:
        """Bytes so far."""
        return self.path.stat().st_size if self.path.exists() else 0

    @rank_zero_only
    def sync(self) -> None:
        """Flushes to the disk, so that no checkpoint knows of lines that a crash takes away."""
        if self.path.exists():
            with self.path.open("rb") as file:
                os.fsync(file.fileno())

    @rank_zero_only
    def cut(self, length: int) -> None:
        """Drops what comes after the first ``length`` bytes; a continued run will log it again."""
        if length < self.length():
            os.truncate(self.path, length)


def wandb_logger(folder: Path, *, project: str, config: Mapping[str, Any]) -> StepwiseWandb | None:
    """Weights & Biases run that lives in ``folder``; nothing if it cannot be begun.

    Args:
        folder: Run folder; its name is the run's name and its id, so a continued run stays one run.
        project: W&B project.
        config: Complete nested config of the run.
    """
    # Before the import: its first lines on the screen come before any setting is read.
    os.environ.setdefault("WANDB_SILENT", "true")
    for name in _PLACES:  # images of tables wait there to be sent: with the run, not at home
        os.environ.setdefault(name, str((folder / "wandb" / "store").resolve()))
    import wandb

    def begin(mode: Literal["online", "offline"]) -> StepwiseWandb:
        run = wandb.init(
            project=project,
            name=folder.name,
            id=_id(folder),
            dir=folder,
            config=dict(config),
            mode=mode,
            resume="allow" if mode == "online" else None,
            settings=_settings(),
        )
        run.define_metric("trainer/global_step")
        run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return StepwiseWandb(experiment=run)

    try:
        if not has_key():
            return begin("offline")
        try:
            return begin("online")
        except Exception as error:  # no network, a key that is refused, a server that is down
            print(f"note: Weights & Biases cannot be reached, logging offline ({_told(error)})")
            wandb.teardown()  # which forgets the run that could not begin, and its id with it
            return begin("offline")
    except Exception as error:  # whatever it is, training goes on without it
        _leave(folder / "wandb")
        print(f"note: training goes on without Weights & Biases ({_told(error)})")
        return None


def _settings() -> Any:
    import wandb

    options: dict[str, Any] = {"init_timeout": _ANSWER_S}
    if "finish_timeout" in wandb.Settings.model_fields:  # older ones wait for ever
        options["finish_timeout"] = _UPLOAD_S
    return wandb.Settings(
        silent=True,
        console="off",
        x_disable_stats=True,
        disable_git=True,
        disable_code=True,
        **options,
    )


def finish(loggers: Iterable[Logger]) -> None:
    """Ends W&B runs and waits until they are on disk, which the end of a run alone does not."""
    ours = [logger for logger in loggers if isinstance(logger, WandbLogger)]
    if not ours:
        return
    import wandb

    for logger in ours:
        folder = Path(logger.experiment.dir).parents[1]
        attempt(logger.experiment.finish)
        _leave(folder)
    attempt(wandb.teardown)


def _leave(folder: Path) -> None:
    """Gives back the places of W&B's files, so that another run of this process has its own."""
    for name in _PLACES:
        if os.environ.get(name) == str((folder / "store").resolve()):
            del os.environ[name]


def has_key() -> bool:
    """Whether W&B could log in without asking: a key in the environment or in the netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return os.environ.get("WANDB_MODE", "online") == "online"
    try:
        known = netrc.netrc(os.environ.get("NETRC"))
    except (OSError, netrc.NetrcParseError):
        return False
    return any(known.authenticators(host) is not None for host in _hosts())


def _hosts() -> list[str]:
    """Where a key counts: the server that is asked for, else the public one by either name."""
    if own := os.environ.get("WANDB_BASE_URL"):
        return [urlsplit(own).netloc]
    import wandb

    return [urlsplit(str(wandb.Settings().base_url)).netloc, _HOST]


def _id(folder: Path) -> str:
    """Id of the run, made once and kept beside its files."""
    kept = folder / ".wandb_id"
    if not kept.exists():
        import secrets

        kept.write_text(secrets.token_hex(4), encoding="utf-8")
    return kept.read_text(encoding="utf-8")


def _told(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
