"""The options of `fit`, `validate`, `test` and `predict`: typed sections, one line per mistake."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, NoReturn, get_type_hints

from lightning.pytorch.cli import LightningArgumentParser

from cogtrain.complaint import OneLineErrors, UsageError, keys, parser_message
from cogtrain.data.datamodule import DEFAULT_TEST, DEFAULT_TRAIN, DEFAULT_VAL
from cogtrain.data.recipe import Photographs, Recipe
from cogtrain.models import checkpoint
from cogtrain.models.lora import Tuning
from cogtrain.training.best_checkpoint import Best
from cogtrain.training.callbacks.watching import Watch
from cogtrain.training.resuming import Resume
from cogtrain.training.schedule import AdamW, WarmupDecay

TRAINER_DEFAULTS: dict[str, Any] = {
    "max_epochs": 1,
    "val_check_interval": 0.2,
    "log_every_n_steps": 10,
    "gradient_clip_val": 1.0,
    "num_sanity_val_steps": 0,  # sets are checked before; two batches of noise in the log are not
    "enable_model_summary": False,  # the table of trained modules says more
    "use_distributed_sampler": False,  # the loader knows its rank
}


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is judged, shown and sent beyond the training itself.

    Args:
        after_fit: Test the best weights when training ends.
        stimuli: Stimuli per set that are shown in tables and kept for the report.
        watch: How much of the tested sets is judged in validations, too.
        best: What the weights are chosen by that are tested and kept as `best.ckpt`.
        checkpoint_every_s: Longest time between two checkpoints while training.
        wandb: Log to Weights & Biases; without a key, offline into the run folder.
        wandb_project: Project there.
    """

    after_fit: bool = True
    stimuli: int = 100
    watch: Watch = Watch()  # noqa: RUF009 - frozen
    best: Best = Best()  # noqa: RUF009 - frozen
    checkpoint_every_s: float = 600.0
    wandb: bool = True
    wandb_project: str = "cogtrain"


class Parser(OneLineErrors, LightningArgumentParser):
    """Lightning's parser: complains in one line, and takes no abbreviations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, allow_abbrev=False, **kwargs)

    def error(self, message: str, *_: object, **__: object) -> NoReturn:
        """Raises the message, knowing the keys of optional sections and of list items too."""
        raise UsageError(parser_message(str(message), [*keys(self), *_INNER_KEYS]))


def _inner_keys(section: type, prefix: str) -> Iterator[str]:
    for name, kind in get_type_hints(section).items():
        yield f"{prefix}.{name}"
        if isinstance(kind, type) and is_dataclass(kind):
            yield from _inner_keys(kind, f"{prefix}.{name}")


# The parser holds these back: it looks into an optional section or a list only when one is given.
_INNER_KEYS = [
    *_inner_keys(Tuning, "model.tuning"),
    *_inner_keys(Photographs, "data.photographs"),
    *(key for part in ("train", "val", "test") for key in _inner_keys(Recipe, f"data.{part}")),
]


def _folder(pretrained: str, init: str) -> str:
    return str(checkpoint.folder(pretrained, weights=init == "pretrained"))


def add_sections(
    parser: LightningArgumentParser, folder: Callable[[str, str], str] = _folder
) -> None:
    """Adds what Lightning does not know, and the values that sections share.

    Args:
        parser: Of one verb, with the sections `trainer`, `model` and `data`.
        folder: Where a checkpoint's preprocessing is, by `model.pretrained` and `model.init`.
    """
    parser.add_argument(
        "--name", type=str | None, default=None, help="Folder of the run under `runs`."
    )
    parser.add_class_arguments(AdamW, "optimizer")
    parser.add_class_arguments(WarmupDecay, "lr_scheduler")
    parser.add_class_arguments(Evaluation, "eval")
    parser.add_class_arguments(Resume, "resume")
    parser.link_arguments("optimizer", "model.optimizer", apply_on="instantiate")
    parser.link_arguments("lr_scheduler", "model.lr_scheduler", apply_on="instantiate")
    parser.link_arguments("seed_everything", "data.seed", compute_fn=int)
    base = ("model.pretrained", "model.init")
    parser.link_arguments(base, "data.preprocess", compute_fn=folder)
    parser.set_defaults(
        {
            "data.train": [asdict(recipe) for recipe in DEFAULT_TRAIN],
            "data.val": [asdict(recipe) for recipe in DEFAULT_VAL],
            "data.test": [asdict(recipe) for recipe in DEFAULT_TEST],
        }
    )
    for action in parser._actions:
        if action.dest in ("data.train", "data.val", "data.test"):
            _take_whole(action)


def _take_whole(action: Any) -> None:
    """Makes a list that is given the list: its items owe nothing to those that it replaces.

    jsonargparse fills an item from the one at its place in the default, or in an earlier config, if
    both lists are as long: a set that names no factors would silently have those of another one.
    """
    check = action._check_type

    def whole(value: Any, append: bool = False, cfg: Any = None, mode: Any = None) -> Any:
        return check(value, append=append, cfg=cfg if append else None, mode=mode)

    action._check_type = whole
