"""Every answer becomes a judgment, and every set of judgments becomes numbers with intervals."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from typing_extensions import override

from cogtrain._core import Question
from cogtrain.evaluation.answers import answers_of
from cogtrain.evaluation.run import Run
from cogtrain.judgments import Judgments
from cogtrain.metrics import ChoiceAccuracy, MeanAbsoluteError, SetMetrics
from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.log import append_estimates
from cogtrain.stimuli import StimulusSet
from cogtrain.training.best_checkpoint import MACRO
from cogtrain.training.callbacks.known import Known
from cogtrain.training.callbacks.numbers import flat, offer
from cogtrain.training.logs import MetricsFile
from cogtrain.training.state import PLACE

_Key = tuple[str, str]  # set, question


class JudgmentsCallback(Callback):
    """Keeps the answers of a stage, scores them per set, logs and writes both.

    Attributes:
        results: After a stage, the numbers per set, by its name; with the question behind it where
            a set has several.
        places: Set and question of each.
        answers: After a stage, on the first rank: what the model and people answered to each
            stimulus; see `answers_of`.

    Args:
        observer: Name of the model in the judgments table.
        path: Where the judgments of the last tested or predicted weights go. Those made while
            training go beside it, to ``<stem>_val<suffix>``, one observer per step.
        sets: Stimulus sets by part, for their human judgments. Those of `watch` are judged in
            validations too, but do not count in `val/macro/accuracy`.
        known: Knows the margins; left out, there are none.
    """

    answers: Any

    def __init__(
        self,
        observer: str,
        path: Path,
        sets: Mapping[str, list[StimulusSet]],
        known: Known | None = None,
    ) -> None:
        self.observer = observer
        self.path = path
        self.known = known
        self.results: dict[str, dict[str, Estimate]] = {}
        self.places: dict[str, _Key] = {}
        self._watched = {member.name for member in sets.get("watch", ())}
        self._humans = {
            (part, member.name): _humans(member)
            for part in sets
            for member in sets[part]
            if part not in ("train", "watch")
        }
        # Of those that people have judged, some are watched, and the same people judged them.
        self._humans |= {("val", name): self._humans["test", name] for name in self._watched}
        self._metrics: dict[tuple[str, str, str], SetMetrics | ChoiceAccuracy] = {}
        self._columns: dict[_Key, dict[str, list[Any]]] = {}
        self._during_fit: dict[str, list[Judgments]] = {}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Takes up the answers before the checkpoint; the run will give those after it again."""
        is_mine = trainer.state.fn == "fit" and trainer.is_global_zero
        if not is_mine or not self._path_during_fit.exists():
            return
        last = checkpoint.get(PLACE, {}).get("validated", -1)
        saved = Judgments.read(self._path_during_fit)
        for name in saved.names("observer_id"):
            part = saved.select(observer_id=name)
            if _step_of(part) <= last:
                self._during_fit[name] = [part]

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forgets the answers of the stage before."""
        self._columns = {}

    on_test_epoch_start = on_validation_epoch_start
    on_predict_epoch_start = on_validation_epoch_start

    @override
    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keeps the real answers of a batch."""
        for row in _rows(outputs):
            key = (row.pop("set"), row.pop("question"))
            columns = self._columns.setdefault(key, defaultdict(list))
            for name, value in row.items():
                columns[name].append(value)

    on_test_batch_end = on_validation_batch_end
    on_predict_batch_end = on_validation_batch_end

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Scores, logs and writes."""
        self._close(trainer, "val")
        accuracies = [
            scores["accuracy"].value
            for name, scores in self.results.items()
            if self.places[name][0] not in self._watched
        ]
        if accuracies:
            mean = torch.tensor(accuracies).mean()
            pl_module.log(MACRO, mean, prog_bar=True, logger=False, sync_dist=True)
        for set_name, scores in self.results.items():
            offer(pl_module, f"val/{set_name}", scores)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Scores, logs and writes."""
        self._close(trainer, "test")

    def on_predict_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Writes; a prediction is not scored."""
        self._gather(trainer)
        self._write(trainer)

    def _close(self, trainer: Trainer, stage: str) -> None:
        self._gather(trainer)
        self.places = {_name(key, self._columns): key for key in self._columns}
        self.results = {name: self._score(stage, key) for name, key in self.places.items()}
        for set_name, scores in self.results.items():
            if trainer.is_global_zero:
                _log(trainer, stage, set_name, scores)
        self._write(trainer)
        if trainer.is_global_zero:
            self.answers = self._answers(trainer, stage)

    def _answers(self, trainer: Trainer, stage: str) -> Any:
        import pandas as pd

        judged = [*self._judgments(trainer, self.observer), *self._people(stage)]
        rows = [] if self.known is None else self.known.rows(stage)
        known = {name: [row[name] for row in rows] for name in ("set", "stimulus_id", "margin_m")}
        told = Run(
            self.path.parent, judgments=Judgments.concat(judged), stimuli=pd.DataFrame(known)
        )
        return answers_of({self.observer: told})

    def _score(self, part: str, key: _Key) -> dict[str, Estimate]:
        if (part, *key) not in self._metrics:  # kept: what people did does not change
            self._metrics[part, *key] = self._metric(part, *key)
        metric, columns = self._metrics[part, *key], self._columns[key]
        metric.reset()
        if isinstance(metric, ChoiceAccuracy):
            metric.update(columns["ids"], columns["response"], columns["truth"])
            return {"accuracy": metric.compute()} | _distance(columns, key[1])
        metric.update(columns["ids"], columns["probability"], columns["truth"])
        return metric.compute()

    def _metric(self, part: str, set_name: str, question: str) -> SetMetrics | ChoiceAccuracy:
        options = Question(question).options
        if len(options) != 2:
            return ChoiceAccuracy(options=options)
        humans = self._humans.get((part, set_name))
        return SetMetrics(humans=humans, question=question, options=options)

    def _gather(self, trainer: Trainer) -> None:
        """Brings the answers of all ranks together, each stimulus once by construction."""
        if trainer.world_size == 1:
            return
        parts: list[Any] = [None] * trainer.world_size
        torch.distributed.all_gather_object(parts, self._columns)
        joined: dict[_Key, dict[str, list[Any]]] = {}
        for part in parts:
            for key, columns in part.items():
                into = joined.setdefault(key, defaultdict(list))
                for name, values in columns.items():
                    into[name].extend(values)
        self._columns = joined

    def _write(self, trainer: Trainer) -> None:
        if not trainer.is_global_zero:
            return
        if trainer.state.fn != "fit":
            own = self._judgments(trainer, self.observer)
            stage = "val" if trainer.state.fn == "validate" else "test"
            Judgments.concat([*own, *self._people(stage)]).write(self.path)
            return
        observer = f"{self.observer}@{trainer.global_step}"
        self._during_fit[observer] = list(self._judgments(trainer, observer))
        parts = (part for parts in self._during_fit.values() for part in parts)
        Judgments.concat(parts).write(self._path_during_fit)

    def _people(self, stage: str) -> list[Judgments]:
        """People's judgments of the sets that were answered, so that the table scores alone."""
        asked: dict[str, list[str]] = defaultdict(list)
        for set_name, question in self._columns:
            asked[set_name].append(question)
        people = {name: self._humans.get((stage, name)) for name in asked}
        return [
            each if len(asked[name]) > 1 else each.answering(asked[name][0])
            for name, each in people.items()
            if each is not None
        ]

    @property
    def _path_during_fit(self) -> Path:
        return self.path.with_stem(f"{self.path.stem}_val")

    def _judgments(self, trainer: Trainer, observer: str) -> Iterator[Judgments]:
        for (set_name, question), columns in self._columns.items():
            kept = ("truth", "off_menu_mass", "wording")
            place: dict[str, Any] = {name: columns[name] for name in kept} | {
                "set": set_name,
                "question": question,
                "session": f"step {trainer.global_step}",
            }
            asked = Question(question)
            if len(asked.options) == 2:
                yield Judgments.from_model(
                    observer,
                    columns["ids"],
                    columns["probability"],
                    options=asked.options,
                    log_odds=columns["log_odds"],
                    **place,
                )
            else:
                yield Judgments.from_choices(
                    observer,
                    columns["ids"],
                    columns["response"],
                    scale=asked.scale,
                    response_probability=columns["response_probability"],
                    **place,
                )


def _distance(columns: Mapping[str, list[Any]], question: str) -> dict[str, Estimate]:
    """How far off counts are; nothing for a question of names."""
    if Question(question).scale != "count":
        return {}
    metric = MeanAbsoluteError()
    counts = ([float(each) for each in columns[name]] for name in ("response", "truth"))
    metric.update(columns["ids"], *counts)
    return {"mean_absolute_error": metric.compute()}


def _step_of(part: Judgments) -> int:
    """Step at which the observer of ``part``, such as ``fit-1@600``, answered."""
    return int(part.names("observer_id")[0].rpartition("@")[2])


def _humans(member: StimulusSet) -> Judgments | None:
    if member.humans is None:
        return None
    return Judgments.humans(member.humans, stimuli=member.ids, set=member.name)


def _rows(outputs: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Real answers of a batch as plain values."""
    plain = {
        name: value.tolist() if isinstance(value, torch.Tensor) else value
        for name, value in outputs.items()
    }
    for values in zip(*plain.values(), strict=True):
        row = dict(zip(plain, values, strict=True))
        if row.pop("weights") > 0:
            yield row


def _name(key: _Key, among: Mapping[_Key, Any]) -> str:
    """Name of a set's results; with the question behind it where a set has several."""
    set_name, question = key
    is_alone = sum(other == set_name for other, _ in among) == 1
    return set_name if is_alone else f"{set_name}:{question}"


def _log(trainer: Trainer, stage: str, set_name: str, estimates: Mapping[str, Estimate]) -> None:
    step = trainer.global_step
    for logger in trainer.loggers:
        if isinstance(logger, MetricsFile):
            append_estimates(logger.path, estimates, stage=stage, set=set_name, step=step)
        else:
            logger.log_metrics(flat(f"{stage}/{set_name}", estimates), step)
