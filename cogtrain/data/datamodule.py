"""The sets of a run as Lightning wants them: one training stream, one loader per tested set.

The training loader knows its rank and remembers its place, so Lightning adds no sampler of its own
(``use_distributed_sampler=False``). The place travels in the checkpoint of the data module, because
Lightning restores a loader's own state too late once a schedule has asked for the number of steps,
and not at all at the end of an epoch.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from lightning.pytorch import LightningDataModule

from cogtrain._core import Preprocess
from cogtrain.control import TEXT_ONLY, Control, controlled, name_under
from cogtrain.data.asked_set import AskedSet
from cogtrain.data.collate import Collated
from cogtrain.data.collating import Collating
from cogtrain.data.loader import BadStimulus, Loader, OnBad
from cogtrain.data.people import People
from cogtrain.data.recipe import Photographs, Recipe, Split
from cogtrain.stimuli import StimulusSet

# The embedded default: what a laptop trains in minutes. 112 px is 4 x 4 merged patches, the fewest
# on which a tower of seven blocks still shows its edges. Wide margins and one fixed view: a million
# parameters and forty thousand towers do not learn more, and it is no set to publish on.
EASY: dict[str, Any] = {
    "margin": [0.02, 0.3],
    "camera_azimuth_deg": 32,
    "camera_elevation_deg": 22,
    "camera_distance_m": 17,
    "shift_m": 0,
    "lift_m": 0,
}
_SMALL = Recipe(name="tower-small", factors={"size": "small"} | EASY, size_px=112)
_LARGE = Recipe(name="tower-large", factors={"size": "large"} | EASY, size_px=112)
DEFAULT_TRAIN = [replace(_SMALL, count=40_000)]
DEFAULT_VAL = [replace(_SMALL, count=500)]
DEFAULT_TEST = [_SMALL, _LARGE]
_PARTS: tuple[Split, ...] = ("train", "val", "test")


class StimuliDataModule(LightningDataModule):
    """Stimulus sets of a run: what it trains on, what it watches, what it is tested on.

    Args:
        train: Sets that are put into one shuffled stream; left out, small towers.
        val: Sets judged during training; left out, unseen small towers.
        test: Sets judged at the end; left out, small and large towers.
        photographs: Image files to test on, besides `test`.
        batch_size: Stimuli per step and rank.
        eval_batch_size: Stimuli per step and rank without gradients.
        preprocess: Folder with the model's `preprocessor_config.json`; follows `model.pretrained`.
        resize: How images of another size than the model's are resized: ``pillow`` or ``torch``, as
            the two backends of `transformers` do; left out, not at all: such images are an error.
        threads: Native threads that render and preprocess; left out, what the machine grants.
        seed: Order of the training stream.
        shares: How often each set of `train` is drawn in relation to the others, such as
            ``[3, 1]``; left out, as often as it has stimuli.
        epoch: Where an epoch of training ends if there are `shares`: ``longest``, when every set
            has been seen whole; ``shortest``, before one would begin anew.
        on_bad: What becomes of a stimulus that cannot be made: ``raise``; ``substitute``, another
            one of its set counts in its place (where sets are tested, none does);
            ``quarantine``, its place is filled up and does not count.
        bad_budget: How many different stimuli of a stream may be bad, over all ranks, before that
            is an error. Ranks tell each other at both ends of an epoch.
        people: What is learned from people's answers where a set of `train` has `humans`:
            ``proportions`` of everybody's, or single ``trials``, one observer per epoch in turn.
        weights: How much a stimulus of each set of `train` counts in the loss; left out, 1.
        controls: Conditions that every tested set is judged under besides: ``blank`` images,
            ``shuffled`` ones (of another stimulus of the set), ``mirrored`` ones, or none at all
            (``text_only``). They are sets of their own, such as ``tower-small~blank``.
        pin_memory: Whether batches are copied into page-locked memory, from which a GPU fetches
            them while it computes; left out, if the run trains on CUDA.
    """

    def __init__(
        self,
        train: list[Recipe] = DEFAULT_TRAIN,
        val: list[Recipe] = DEFAULT_VAL,
        test: list[Recipe] = DEFAULT_TEST,
        photographs: Photographs | None = None,
        *,
        batch_size: int = 64,
        eval_batch_size: int = 128,
        preprocess: str | None = None,
        resize: Literal["pillow", "torch"] | None = None,
        threads: int | None = None,
        seed: int = 0,
        shares: list[float] | None = None,
        epoch: Literal["longest", "shortest"] = "longest",
        on_bad: OnBad = "raise",
        bad_budget: int = 10,
        people: Literal["proportions", "trials"] = "proportions",
        weights: list[float] | None = None,
        controls: list[Control] | None = None,
        pin_memory: bool | None = None,
    ) -> None:
        super().__init__()
        self.recipes = {
            "train": list(train),
            "val": list(val),
            "test": list(test),
        }
        self.photographs = photographs
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.preprocess = preprocess
        self.resize = resize
        self.threads = threads
        self.seed = seed
        self.shares = shares
        self.epoch: Literal["longest", "shortest"] = epoch
        self.on_bad: OnBad = on_bad
        self.bad_budget = bad_budget
        self.people: Literal["proportions", "trials"] = people
        self.weights = weights
        self.controls = controls or []
        self.pin_memory = pin_memory
        self.sets: dict[str, list[StimulusSet]] = {}
        self._asked: dict[str, list[AskedSet]] = {}
        self._watched = 0
        self._is_watch_due: Callable[[], bool] = lambda: True
        self._train: Collating | None = None
        self._place: dict[str, Any] | None = None

    def watch(self, count: int, is_due: Callable[[], bool] = lambda: True) -> None:
        """Judges what is tested in validations too, as the part `watch`; to be called first.

        Sets that `val` has by name are left to it, and controls to the end.

        Args:
            count: Most stimuli per set; none of any for 0. See `Recipe.watched`.
            is_due: Asked in every validation, with the same answer on all ranks.
        """
        self._watched, self._is_watch_due = count, is_due

    def build(self) -> dict[str, list[StimulusSet]]:
        """The sets by part, built once and checked against the patch grid before any step.

        Raises:
            ValueError: For an image size off the grid, a name used twice in one part, or a bad
                table of photographs.
            FileNotFoundError: For a missing file, by its path.
        """
        if self.sets:
            return self.sets
        self._reject_off_grid()
        declared: dict[str, list[Recipe | Photographs]] = {p: [*r] for p, r in self.recipes.items()}
        sets = {part: [r.build(part) for r in self.recipes[part]] for part in _PARTS}
        if self.photographs is not None:
            declared["test"].append(self.photographs)
            sets["test"].append(self.photographs.build())
        declared["watch"] = self._watched_ones(declared["test"])
        sets["watch"] = [each.watched(self._watched) for each in declared["watch"]]
        plain = list(zip(declared["test"], sets["test"], strict=True))
        for control in self.controls:
            for each, members in plain:
                declared["test"].append(each)
                sets["test"].append(controlled(members, control))
        for part, members in sets.items():
            _reject_twins(part, [member.name for member in members])
            pairs = zip(declared[part], members, strict=True)
            self._asked[part] = [
                replace(each.asked(member), source=f"{member.fingerprint} {self._reading}")
                for each, member in pairs
            ]
        blind = {name_under(TEXT_ONLY, members.name) for _, members in plain}
        self._asked["test"] = [
            replace(each, has_image=each.name not in blind) for each in self._asked["test"]
        ]
        self._asked["train"] = self._learned(self._asked["train"], sets["train"])
        self.sets = sets
        return sets

    def _watched_ones(self, tested: list[Recipe | Photographs]) -> list[Recipe | Photographs]:
        known = {recipe.name for recipe in self.recipes["val"]}
        return [each for each in tested if self._watched and each.name not in known]

    def tested_while_watched(self) -> list[str]:
        """Names of the watched sets whose stimuli are tested, too: those that people judge."""
        judged = [each.name for each in self.recipes["test"] if each.humans is not None]
        judged += [] if self.photographs is None else [self.photographs.name]
        return [member.name for member in self.build()["watch"] if member.name in judged]

    def _learned(self, asked: list[AskedSet], sets: list[StimulusSet]) -> list[AskedSet]:
        """Sets of `train` with what people answered and how much each counts."""
        weights = [1.0] * len(asked) if self.weights is None else self.weights
        _check_weights(weights, len(asked))
        return [
            replace(
                each,
                weight=weight,
                people=None if members.humans is None else People.of(members, members.humans),
            )
            for each, members, weight in zip(asked, sets, weights, strict=True)
        ]

    def unanswered(self) -> dict[str, list[str]]:
        """Per set of `train` the ids of the stimuli that no people are known to have answered."""
        members = self.build()["train"]
        return {
            each.name: each.ids if asked.people is None else asked.people.unanswered(each.ids)
            for each, asked in zip(members, self._asked["train"], strict=True)
        }

    def setup(self, stage: str) -> None:
        """Builds the sets."""
        self.build()

    def train_dataloader(self) -> Collating:
        """The one shuffled stream, at the place where a checkpoint left it."""
        if not self.build()["train"]:
            raise ValueError(
                "expected at least one set to train on, got none; add one to `data.train`"
            )
        self._train = self._loader("train", self.batch_size, shuffle=True, **self._mixture)
        if self._place is not None:
            self._train.load_state_dict(self._place)
            self._place = None
        return self._train

    def begin_of(self, index: int) -> Collated:
        """A full batch of set ``index`` of `train` alone; the training stream does not move."""
        self.build()
        return next(iter(self._loader("train", self.batch_size, shuffle=False, only=index)))

    def val_dataloader(self) -> dict[str, Collating]:
        """One loader per validation set and per watched one, by name, in a fixed order."""
        return self._each("val") | self._each("watch")

    def test_dataloader(self) -> dict[str, Collating]:
        """One loader per test set, by name, in a fixed order."""
        return self._each("test")

    def predict_dataloader(self) -> dict[str, Collating]:
        """The test sets: predicting is judging without a score."""
        return self._each("test")

    def state_dict(self) -> dict[str, Any]:
        """Place in the training stream, empty before training.

        After the last batch of an epoch, which `limit_train_batches` may put before the end of the
        stream, the place is the start of the next one.
        """
        if self._train is None:
            return {}
        place = self._train.state_dict()
        if place["consumed"] and self._is_epoch_over():
            place = place | {"epoch": place["epoch"] + 1, "consumed": 0}
        return {"train": place}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keeps the place until the training stream exists."""
        self._place = state_dict.get("train")

    def batches_begun(self) -> int:
        """Batches of this rank that the epoch has behind it, if it was always as many ranks."""
        if self._train is None:
            return 0
        loader = self._train.loader
        stimuli = len(self._loader("train", 1, is_alone=True, **self._mixture).loader)
        together = loader.batch_size * loader.world_size
        left = -(-(stimuli - loader.state_dict()["consumed"]) // together)
        return len(loader) - left

    def _is_epoch_over(self) -> bool:
        trainer = self.trainer
        if trainer is None:
            return False
        begun = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        return begun >= trainer.num_training_batches

    def _each(self, part: str) -> dict[str, Collating]:
        return {
            member.name: self._loader(part, self.eval_batch_size, shuffle=False, only=index)
            for index, member in enumerate(self.build()[part])
        }

    @property
    def _mixture(self) -> dict[str, Any]:
        return {"shares": self.shares, "epoch": self.epoch}

    def _loader(
        self,
        part: str,
        batch_size: int,
        *,
        only: int | None = None,
        is_alone: bool = False,
        **options: Any,
    ) -> Collating:
        chosen = slice(None) if only is None else slice(only, only + 1)
        trainer = self.trainer
        is_training = part == "train"
        loader = Loader(
            self.sets[part][chosen],
            batch_size=batch_size,
            seed=self.seed,
            preprocess=self._preprocess(),
            rank=0 if trainer is None or is_alone else trainer.global_rank,
            world_size=1 if trainer is None or is_alone else trainer.world_size,
            threads=self.threads,
            # A tested set is what it is: nothing stands in for what is missing of it.
            on_bad=self.on_bad if is_training or self.on_bad == "raise" else "quarantine",
            bad_budget=self.bad_budget,
            **options,
        )
        return Collating(
            loader,
            self._asked[part][chosen],
            pin_memory=self._is_pinned(),
            on_bad=partial(self._log_bad, "val" if part == "watch" else part),
            gather=_gathered if self.on_bad != "raise" and _is_distributed() else None,
            draws=part == "train" and self.people == "trials",
            is_due=self._is_watch_due if part == "watch" else None,
        )

    def _log_bad(self, part: str, counts: dict[str, int]) -> None:
        trainer = self.trainer
        if trainer is None:
            return
        metrics = {f"{part}/{name}/bad_stimuli": float(count) for name, count in counts.items()}
        for logger in trainer.loggers:
            logger.log_metrics(metrics, step=trainer.global_step)

    def _is_pinned(self) -> bool:
        if self.pin_memory and not torch.cuda.is_available():
            raise ValueError(
                "expected `data.pin_memory` only where there is CUDA, got true without it; "
                "leave it out"
            )
        if self.pin_memory is not None:
            return self.pin_memory
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def _reject_off_grid(self) -> None:
        preprocess = self._preprocess()
        for recipe in (recipe for part in self.recipes.values() for recipe in part):
            try:
                preprocess(np.zeros((1, recipe.size_px, recipe.size_px, 3), dtype=np.uint8))
            except ValueError as error:
                advice = str(error).replace(
                    'pass `resize="pillow"`', "set `data.resize` to `pillow`"
                )
                raise ValueError(f"set `{recipe.name}`: {advice}") from error

    @property
    def _reading(self) -> str:
        """What the arrays of an image depend on besides the image."""
        if self.preprocess is None:
            return f"qwen2_vl {self.resize}"
        config = (Path(self.preprocess) / "preprocessor_config.json").read_bytes()
        return f"{hashlib.blake2b(config, digest_size=16).hexdigest()} {self.resize}"

    def _preprocess(self) -> Preprocess:
        if self.preprocess is None:
            return Preprocess.qwen2_vl(resize=self.resize)
        return Preprocess.from_pretrained(self.preprocess, resize=self.resize)


def _is_distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _gathered(report: list[BadStimulus]) -> list[list[BadStimulus]]:
    """The report of every rank."""
    reports: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(reports, report)
    return reports


def _check_weights(weights: Sequence[float], sets: int) -> None:
    if len(weights) != sets:
        raise ValueError(
            f"expected one of `data.weights` per set of `data.train`, got {len(weights)} for "
            f"{sets}; give {sets}"
        )
    if not all(0.0 <= weight < math.inf for weight in weights) or (sets and not any(weights)):
        raise ValueError(
            f"expected `data.weights` from 0 up, and one above it, got {list(weights)}; leave them "
            "out to let every stimulus count alike"
        )


def _reject_twins(part: str, names: list[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ValueError(
            f"expected one set per name in `data.{part}`, got `{twins[0]}` twice; rename one"
        )
