"""UnderWay: which batch is being worked on, for whoever must name it when it fails."""

from typing import Any

from lightning.pytorch import Callback, Trainer

from cogtrain.models.vlm import VLM
from cogtrain.training.out_of_memory import Load, OutOfMemoryError, before_any_batch


class UnderWay(Callback):
    """Remembers the names of a batch, and nothing of its arrays.

    Args:
        vlm: What reads it.
        batch_size: Stimuli per batch in training.
        eval_batch_size: The same where it is judged.
    """

    def __init__(self, vlm: VLM, *, batch_size: int, eval_batch_size: int) -> None:
        self.vlm = vlm
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self._what = ""
        self._is_training = False
        self._stimuli: list[tuple[str, str]] = []

    def begin(self, what: str, batch: Any, *, is_training: bool = False) -> None:
        """Remembers ``batch`` as what is being worked on, called ``what``."""
        self._what, self._is_training = what, is_training
        self.vlm.lengths = []
        self._stimuli = list(zip(batch["set"], batch["ids"], strict=True))

    def end(self) -> None:
        """None is under way."""
        self._stimuli = []

    def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, *_: Any) -> None:
        """A micro-batch of a step."""
        self.begin(f"step {trainer.global_step + 1}", batch, is_training=True)

    def on_validation_batch_start(self, trainer: Trainer, module: Any, batch: Any, *_: Any) -> None:
        """A batch that is judged."""
        self.begin(f"the validation after step {trainer.global_step}", batch)

    def on_test_batch_start(self, trainer: Trainer, module: Any, batch: Any, *_: Any) -> None:
        """A batch that is judged."""
        self.begin("a tested batch", batch)

    def on_predict_batch_start(self, trainer: Trainer, module: Any, batch: Any, *_: Any) -> None:
        """A batch that is judged."""
        self.begin("a predicted batch", batch)

    def on_train_batch_end(self, *_: Any) -> None:
        """None is under way."""
        self.end()

    def on_validation_batch_end(self, *_: Any) -> None:
        """None is under way."""
        self.end()

    def on_test_batch_end(self, *_: Any) -> None:
        """None is under way."""
        self.end()

    def on_predict_batch_end(self, *_: Any) -> None:
        """None is under way."""
        self.end()

    def complaint(self, trainer: Trainer, error: BaseException) -> OutOfMemoryError:
        """What to tell of an ``error`` about memory."""
        if not self._stimuli:
            return before_any_batch(error)
        vlm = self.vlm
        return Load(
            what=self._what,
            stimuli=self._stimuli,
            lengths=vlm.lengths,
            is_training=self._is_training,
            batch_size=self.batch_size if self._is_training else self.eval_batch_size,
            accumulate=trainer.accumulate_grad_batches,
            tokens_per_pass=vlm.tokens_per_pass,
            recomputes=bool(vlm.model.is_gradient_checkpointing),
            is_sharded=vlm.is_sharded,
        ).complaint(error)
