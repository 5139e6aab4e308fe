"""Handing in: what a finished run leaves in Weights & Biases besides its numbers and tables."""

import sys
from collections.abc import Iterable

from lightning.pytorch.loggers.logger import Logger

from cogtrain.evaluation.report import report
from cogtrain.training.run import RunFolder
from cogtrain.training.stepwise_wandb import StepwiseWandb


def hand_in(run: RunFolder, loggers: Iterable[Logger]) -> None:
    """Sends the adapter, if there is one, and the report, which is written here.

    Nothing without a run of Weights & Biases: `python -m cogtrain report` writes the report when it
    is wanted. A report that cannot be written costs a line on the screen.

    Args:
        run: Folder of the run.
        loggers: Those of its trainer.
    """
    for logger in loggers:
        if not isinstance(logger, StepwiseWandb):
            continue
        if run.adapter.is_dir():
            logger.send(run.adapter, "adapter")
        try:
            report([run.path])
        except Exception as error:  # whatever it is, the run itself is whole
            print(f"note: no report was written ({error})", file=sys.stderr)
        logger.send(run.report, "report")
