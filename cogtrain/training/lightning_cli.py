"""The verbs that train and judge: `python -m cogtrain fit | validate | test | predict`.

LightningCLI with fixed classes and typed sections (`seed_everything, trainer, model, data,
optimizer, lr_scheduler, eval`), a run folder, and nothing on the screen that is not for the user.
"""

import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import dict_to_namespace
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.plugins.io import CheckpointIO
from lightning.pytorch.utilities.rank_zero import rank_zero_only

from cogtrain.data.datamodule import StimuliDataModule
from cogtrain.evaluation.table import format_table
from cogtrain.models.lora import Tuning
from cogtrain.training import logs
from cogtrain.training.arguments import AUTO, expand
from cogtrain.training.best_checkpoint import Best, BestCheckpoint
from cogtrain.training.callbacks.alignment import ALIGNMENT, AlignmentCallback
from cogtrain.training.callbacks.curves import Curves
from cogtrain.training.callbacks.finite_answers import FiniteAnswers
from cogtrain.training.callbacks.generalization import (
    AXES,
    TRANSFER,
    GeneralizationCallback,
    declared,
    transfer_name,
)
from cogtrain.training.callbacks.judgments import JudgmentsCallback
from cogtrain.training.callbacks.known import Known
from cogtrain.training.callbacks.memory_probe import MemoryProbe
from cogtrain.training.callbacks.patches import PatchLayout
from cogtrain.training.callbacks.progress import progress_bar
from cogtrain.training.callbacks.step_log import StepLog
from cogtrain.training.callbacks.stimuli import StimuliTable
from cogtrain.training.callbacks.throughput import Throughput
from cogtrain.training.callbacks.token_map import TokenMap
from cogtrain.training.callbacks.under_way import UnderWay
from cogtrain.training.callbacks.watching import Watching
from cogtrain.training.checkpoint_file import CheckpointFile
from cogtrain.training.compute import require_accelerator, require_precision
from cogtrain.training.early_stopping import EarlyStopping
from cogtrain.training.finite import NotFiniteError
from cogtrain.training.handing_in import hand_in
from cogtrain.training.last_checkpoint import LastCheckpoint
from cogtrain.training.manifest import write_manifest
from cogtrain.training.module import VLMModule
from cogtrain.training.noise import quieten
from cogtrain.training.out_of_memory import before_any_batch, is_out_of_memory
from cogtrain.training.parser import TRAINER_DEFAULTS, Evaluation, Parser, add_sections
from cogtrain.training.randomness import RandomStreams
from cogtrain.training.resuming import Resume, began_with, how_to_continue, require_same
from cogtrain.training.run import find_checkpoint, open_run
from cogtrain.training.state import Boundaries
from cogtrain.training.stopping import Stopped, Stopping, on_interrupt
from cogtrain.training.targets import require_people


class CogtrainCLI(LightningCLI):
    """One run of one verb; constructing it runs it, as Lightning's own does.

    Args:
        words: Verb and options.
    """

    model: VLMModule
    datamodule: StimuliDataModule

    def __init__(self, words: list[str]) -> None:
        self.stopping = Stopping()
        with self.stopping.listening():
            self._run(words)

    def _run(self, words: list[str]) -> None:
        super().__init__(
            VLMModule,
            StimuliDataModule,
            save_config_callback=None,  # written into the run folder below
            trainer_defaults=TRAINER_DEFAULTS,
            seed_everything_default=0,
            parser_class=Parser,
            parser_kwargs={"prog": "python -m cogtrain"},
            args=words,
            auto_configure_optimizers=False,
            load_from_checkpoint_support=False,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Adds our sections."""
        add_sections(parser)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parses; the warning that ``sys.argv`` is not looked at is not for our users."""
        self.config = parser.parse_args(args)

    def _parse_ckpt_path(self) -> None:
        """Nothing: a checkpoint does not change what the command line says."""

    @property
    def _verb(self) -> str:
        return str(self.subcommand)

    def before_instantiate_classes(self) -> None:
        """Opens the run folder before anything costs time."""
        section = self.config[self._verb]
        require_accelerator(section.trainer.accelerator)
        is_again = section.ckpt_path == AUTO  # a checkpoint would be named by now
        given = find_checkpoint(section.ckpt_path) if section.ckpt_path and not is_again else None
        section.ckpt_path = None if given is None else str(given)
        section.data.seed = int(section.seed_everything)  # a random one is drawn after parsing
        if section.model.tuning is None:  # spelled out, so that the saved config says it
            section.model.tuning = dict_to_namespace(asdict(Tuning.of(section.model.pretrained)))
        if self._verb == "fit" and given is not None:
            parser = self._parser(self._verb)
            usual = yaml.safe_load(parser.dump(parser.get_defaults(), skip_validation=True))
            allowed = Resume(allow=section.resume.allow)
            note = require_same(began_with(given), self.complete_config(), allowed, usual)
            if note is not None and _is_first_rank():
                print(note, file=sys.stderr)
        self.run_folder = open_run(self._verb, section.name, given, is_again=is_again)

    def instantiate_classes(self) -> None:
        """Makes model, data and trainer; a run that cannot begin leaves no empty folder behind."""
        try:
            super().instantiate_classes()
        except BaseException:
            self.run_folder.discard_if_empty()
            raise

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """The trainer with our callbacks and loggers, everything inside the run folder."""
        run, trainer = self.run_folder, self._get(self.config_init, "trainer")
        options: Evaluation = self._get(self.config_init, "eval")
        if self.subcommand == "fit":
            self.note = require_precision(trainer.precision, self.model)
            self.datamodule.watch(options.watch.items, lambda: self.watching.is_due)
        sets, boundaries = self.datamodule.build(), Boundaries()
        names = [member.name for member in sets["watch"]]
        self.watching = Watching(options.watch, boundaries, names)
        self.last = LastCheckpoint(run.last, boundaries, every_s=options.checkpoint_every_s)
        known = Known(self.datamodule)
        self.judgments = JudgmentsCallback(run.name, run.judgments, sets, known)
        layout = PatchLayout.read(Path(str(self.datamodule.preprocess)))
        data = self.datamodule
        self.under_way = UnderWay(
            self.model.vlm, batch_size=data.batch_size, eval_batch_size=data.eval_batch_size
        )
        ours: list[Callback] = [
            self.under_way,
            self.judgments,
            StimuliTable(layout, run.report, self.judgments, known=known, count=options.stimuli),
            Curves(self.judgments, run.report),
        ]
        if self.subcommand == "fit":
            seed = int(self._get(self.config, "seed_everything"))
            log = StepLog(self.model.window)
            ours.append(MemoryProbe(self.model, data, self.under_way))
            ours += self._summaries()
            ours += [RandomStreams(seed), TokenMap(), log, Throughput(self.model)]
            ours += [FiniteAnswers(), boundaries, self.stopping]
            keeps = trainer.enable_checkpointing is not False
            ours += self._choosing(options.best, keeps=keeps)
            ours += [self.last] if keeps else []
        if trainer.enable_progress_bar is not False:
            ours.append(progress_bar())
        trainer.callbacks = [*(trainer.callbacks or []), *ours]
        return super().instantiate_trainer(
            logger=self._loggers(trainer.logger, options),
            default_root_dir=str(run.path),
            plugins=_with_checkpoint_file(trainer.plugins),
            **kwargs,
        )

    def _summaries(self) -> list[Callback]:
        """What is told of a validation in one number, and what the watched sets cost."""
        alignment = AlignmentCallback(self.judgments, self.watching)
        trained, judged = declared(self.datamodule)
        generalization = GeneralizationCallback(
            self.judgments, self.watching, trained=trained, judged=judged
        )
        return [alignment, generalization, self.watching]

    def _choosing(self, best: Best, *, keeps: bool) -> list[Callback]:
        """Keeps the best weights and ends when none are better; without any validation none are."""
        always = [recipe.name for recipe in self.datamodule.recipes["val"]]
        means = (ALIGNMENT, TRANSFER, *map(transfer_name, AXES))
        taken = [each for each in (*always, *self.watching.names) if each in ("macro", *means)]
        if taken:
            raise ValueError(
                f"expected no set called as a mean over sets is, got `{taken[0]}`; rename it"
            )
        sometimes = {*self.watching.names, *means}.difference(always)
        if not always and best.set not in sometimes:
            if best.patience is not None:
                raise ValueError(
                    "expected sets in `data.val` for `eval.best.patience`, got none; name one"
                )
            return []

        def is_judged(name: str) -> bool:
            return self.watching.is_due or name not in sometimes

        names = [*always, *sorted(sometimes)]
        stops = [] if best.patience is None else [EarlyStopping(best, is_judged)]
        kept = [BestCheckpoint(self.run_folder.best, best, names, is_judged)] if keeps else []
        return [*stops, *kept]

    def _loggers(self, given: Any, options: Evaluation) -> list[Any]:
        metrics = logs.MetricsFile(self.run_folder.metrics)
        if given not in (None, True, False):
            return [metrics, *(given if isinstance(given, list) else [given])]
        if given is False or not options.wandb or not _is_first_rank():
            return [metrics]
        wandb = logs.wandb_logger(
            self.run_folder.path, project=options.wandb_project, config=self.complete_config()
        )
        return [metrics] if wandb is None else [metrics, wandb]

    def after_instantiate_classes(self) -> None:
        """Writes what the run is made of."""
        if not self.trainer.is_global_zero:
            return
        run, config = self.run_folder, self.complete_config()
        run.write_config(yaml.safe_dump(config, sort_keys=False))
        write_manifest(run.manifest, sets=self.datamodule.build(), model=self.model.describe())
        run.report.mkdir(exist_ok=True)

    def complete_config(self) -> dict[str, Any]:
        """Every option of the run, without what ties it to this folder: it can be run again."""
        dumped = self._parser(self.subcommand).dump(self.config[self._verb], skip_unset=False)
        config = yaml.safe_load(dumped) | {"name": None, "ckpt_path": None}
        config.pop("resume")  # what one continuation may change, the next may not
        return config

    def _prepare_subcommand_kwargs(self, subcommand: str) -> dict[str, Any]:
        kwargs = super()._prepare_subcommand_kwargs(subcommand)
        kwargs["weights_only"] = True  # a checkpoint is data; it must not be able to run code
        return kwargs | ({"verbose": False} if "verbose" in kwargs else {})

    def _run_subcommand(self, subcommand: str) -> None:
        keeps = self.last in self.trainer.callbacks  # type: ignore[attr-defined]  # not declared
        handler = self.last.interrupt if keeps else signal.default_int_handler
        with on_interrupt(handler):
            try:
                super()._run_subcommand(subcommand)
            except (RuntimeError, MemoryError) as error:
                if (told := self._told(error)) is None:
                    raise
                raise told from error
            except SystemExit as error:  # Lightning's answer to Ctrl-C, and ours to a polite kill
                self._say_how_to_continue()
                if not isinstance(error, Stopped):
                    raise KeyboardInterrupt from None
                # Lightning takes a rank that fails as a reason to kill the first one.
                raise SystemExit(error.code if self.trainer.is_global_zero else 0) from None
            finally:
                logs.finish(self.trainer.loggers)

    def _told(self, error: BaseException) -> BaseException | None:
        """``error`` in words that say how to go on after it, if that is known."""
        if is_out_of_memory(error):
            error = self.under_way.complaint(self.trainer, error)
            changes = error.changes
        elif isinstance(error, NotFiniteError):
            if not self.trainer.is_global_zero:
                return SystemExit(0)  # the first rank says it for all
            changes = {"optimizer.lr": self.model.optimizer_options.lr / 2}
        else:
            return None
        run = self.run_folder if self.subcommand == "fit" else None
        return type(error)(f"{error}; {how_to_continue(run, changes)}")

    def _say_how_to_continue(self) -> None:
        run = self.run_folder
        if self.subcommand == "fit" and self.trainer.is_global_zero and run.last.exists():
            step = self.last.saved_step
            where = "before training" if step is None else f"after step {step}"
            print(
                f"\nstopped {where}; to continue: "
                f"python -m cogtrain fit --name {run.name} --ckpt_path last",
                file=sys.stderr,
            )

    def before_fit(self) -> None:
        """Says what is trained: every module, unless it is simply everything."""
        require_people(self.model.objective, self.datamodule)
        counts = self.model.describe()
        self._say_what_chooses()
        used = ", ".join(f"{part} {of}" for part, of in counts["attention"].items())
        trained, total = counts["trained_parameters"], counts["parameters"]
        if self.trainer.is_global_zero:
            if trained != total:
                print(self.model.vlm.table(), end="\n\n", file=sys.stderr)
            print(
                f"training {trained:,} of {total:,} parameters of `{counts['pretrained']}`",
                f"attention: {used}",
                *([] if self.note is None else [self.note]),
                sep="\n",
                file=sys.stderr,
            )

    def _say_what_chooses(self) -> None:
        """Says so if weights are chosen by stimuli that they are tested on afterwards."""
        best: Best = self._get(self.config_init, "eval").best
        again = self.datamodule.tested_while_watched()
        is_mean = best.set == ALIGNMENT or best.set.partition("-")[0] == TRANSFER
        if self.trainer.is_global_zero and (best.set in again or (is_mean and again)):
            print(
                f"note: `{best.metric}` chooses weights by stimuli of {', '.join(again)} that are "
                "tested, too: the test of these is no longer independent",
                file=sys.stderr,
            )

    def after_fit(self) -> None:
        """Judges the best weights on the test sets and writes the adapter."""
        run, options = self.run_folder, self._get(self.config_init, "eval")
        if run.weights is not None:
            self.model.restore(run.weights)
        if self.trainer.is_global_zero and self.model.vlm.tuning.tune.components("lora"):
            self.model.to(self.trainer.strategy.root_device)  # which answers sooner than the CPU
            self.model.vlm.save_adapter(run.adapter)
        if options.after_fit and self.datamodule.build()["test"]:
            self.trainer.test(self.model, datamodule=self.datamodule, verbose=False)
        self._say()

    def _say(self) -> None:
        """The table of results and the folder that holds everything."""
        if self.trainer.is_global_zero:
            if self.judgments.results:
                print(format_table(self.judgments.results))
            if self.subcommand != "predict":  # which is not scored
                hand_in(self.run_folder, self.trainer.loggers)
            print(f"\nrun folder: {self.run_folder.path}")

    after_validate = after_test = after_predict = _say


def main(words: list[str]) -> int:
    """Runs one verb and returns 0.

    Args:
        words: Verb and options, such as ``["fit", "--trainer.max_epochs", "2"]``.

    Raises:
        ValueError, OSError: For a user's mistake, with a message of one line.
        RunError: For a run that cannot go on, with a message of one line.
        KeyboardInterrupt: On Ctrl-C, after a checkpoint that can be continued was written.
    """
    quieten()
    try:
        CogtrainCLI(expand(words))
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):  # of what was made before there was a batch
            raise before_any_batch(error) from error
        raise
    return 0


def _is_first_rank() -> bool:
    return getattr(rank_zero_only, "rank", 0) == 0


def _with_checkpoint_file(plugins: Any) -> list[Any]:
    """The user's plugins, and our way of writing checkpoints unless they bring one."""
    given = plugins if isinstance(plugins, list) else [] if plugins is None else [plugins]
    has_own = any(isinstance(plugin, CheckpointIO) for plugin in given)
    return given if has_own else [*given, CheckpointFile()]
