"""What one step computes. Everything is forced choice over logits; nothing is generated.

A checkpoint holds what was trained and the fingerprint of what was not, so it stays small and says
so when it meets another model.
"""

from pathlib import Path
from typing import Any, TypedDict

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from cogtrain.models import attention, layers
from cogtrain.models.adapter import reject_other_tensors
from cogtrain.models.answers import OptionScores
from cogtrain.models.lora import Tuning
from cogtrain.models.origin import DType, Init, Quantization
from cogtrain.models.vlm import VLM
from cogtrain.training.finite import LossRecord, require_finite_weights, whole
from cogtrain.training.objective import Objective
from cogtrain.training.schedule import AdamW, WarmupDecay
from cogtrain.training.sharding import shard
from cogtrain.training.targets import index_of, targets
from cogtrain.training.window import Window, divide_gradients
from cogtrain.webdataset import cache_folder

_IDENTITY = "cogtrain_model"


class Answers(TypedDict):
    """A model's answers to the items of a batch.

    `probability` and `log_odds` are of the first of two options, and `nan` where a question has
    more; `response_probability` is of the most probable option, which is the response, and
    `correct` is 1.0 where that is true. All tensors are float32 ``(N,)``.
    """

    ids: list[str]
    set: list[str]
    question: list[str]
    wording: list[str]
    truth: list[str]
    response: list[str]
    probability: Tensor
    log_odds: Tensor
    response_probability: Tensor
    off_menu_mass: Tensor
    correct: Tensor
    weights: Tensor


class VLMModule(LightningModule):
    """A vision-language model that learns to answer questions about stimuli.

    Args:
        pretrained: `tiny` for the embedded default, a checkpoint folder, or a hub name.
        tuning: What of the model is trained, and how; left out, a LoRA adapter on the language
            model, and on every component of the embedded default.
        dtype: Type of the base weights.
        init: `random` builds what the checkpoint's `config.json` says with random weights and reads
            none, for benchmarks and checks.
        quantization: `nf4` keeps the language model in 4 bits under an adapter (QLoRA; CUDA only).
        tokens_per_pass: Most tokens of a micro-batch, padding included, that the language model
            reads at once, so that images or questions of many lengths fit the memory: beyond it, a
            micro-batch is read in several passes, each computed twice. Left out, there is no bound,
            and passes are parted only where that saves more padding than it costs.
        feature_cache_gib: Most that features of images may take on disk, in `features` of
            `$COGTRAIN_CACHE` (`~/.cache/cogtrain`); left out, none are kept. Needs frozen vision
            and merger, and pays from the second epoch on, where a large tower sees a finite set.
        gradient_checkpointing: Keep of each trained layer only its input and compute it once more
            for gradients, which are the same: a fraction of the memory for a third more time.
        compile: Let `torch.compile` make kernels of the layers; it takes a minute or more to begin,
            the last bits of results may differ, and so may those of a run that was continued.
        objective: What training minimises.
        optimizer: How weights move; the config section `optimizer`.
        lr_scheduler: How fast; the config section `lr_scheduler`.
    """

    def __init__(
        self,
        pretrained: str = "tiny",
        tuning: Tuning | None = None,
        *,
        dtype: DType = "float32",
        init: Init = "pretrained",
        quantization: Quantization | None = None,
        tokens_per_pass: int | None = None,
        feature_cache_gib: float | None = None,
        gradient_checkpointing: bool = False,
        compile: bool = False,
        objective: Objective = Objective(),  # noqa: B008 - frozen, and the default that --help shows
        optimizer: AdamW = AdamW(),  # noqa: B008 - as above
        lr_scheduler: WarmupDecay = WarmupDecay(),  # noqa: B008 - as above
    ) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.objective = objective
        self.optimizer_options = optimizer
        self.schedule_options = lr_scheduler
        if tokens_per_pass is not None and tokens_per_pass < 1:
            raise ValueError(
                f"expected `model.tokens_per_pass` to be at least 1, got {tokens_per_pass}; "
                "leave it out for no bound"
            )
        self.window = Window()
        self._losses = LossRecord()
        self._is_sharded = False
        self.strict_loading = False  # checked more strictly by `on_load_checkpoint`
        self.vlm = VLM.load(
            pretrained,
            tuning=tuning or Tuning.of(pretrained),
            dtype=dtype,
            init=init,
            quantization=quantization,
        )
        self.vlm.tokens_per_pass = tokens_per_pass
        if gradient_checkpointing:
            layers.recompute(self.vlm.model)
        self.is_compiled = compile
        if compile:
            layers.compile_layers(self.vlm.model)
        if feature_cache_gib is not None:
            self.vlm.keep_features(cache_folder() / "features", feature_cache_gib)

    def describe(self) -> dict[str, Any]:
        """What identifies the model in a manifest."""
        counts = {True: 0, False: 0}
        for parameter in self.parameters():
            counts[parameter.requires_grad] += parameter.numel()
        return {
            "pretrained": self.pretrained,
            "fingerprint": self.vlm.fingerprint(),
            "parameters": sum(counts.values()),
            "trained_parameters": counts[True],
            "attention": attention.implementations(self.vlm.model, self.vlm.family),
        }

    def restore(self, path: Path) -> None:
        """Takes the trained weights of the checkpoint at ``path``.

        Raises:
            ValueError: If it is of another model or another tuning.
        """
        saved = torch.load(path, map_location="cpu", weights_only=True)
        self.on_load_checkpoint(saved)
        self.load_state_dict(saved["state_dict"], strict=False)

    def configure_model(self) -> None:
        """Shards the model if the strategy is FSDP2.

        Raises:
            ValueError: If its checkpoints would be folders, which cannot be replaced as a whole,
                if ranks could make different numbers of passes, or if layers are compiled.
        """
        strategy = self.trainer.strategy
        if not isinstance(strategy, ModelParallelStrategy):
            return
        if strategy._save_distributed_checkpoint:
            raise ValueError(
                "expected `save_distributed_checkpoint` of ModelParallelStrategy to be false, got "
                "true; set it in `trainer.strategy.init_args`"
            )
        if self.vlm.tokens_per_pass is not None or self.vlm.feature_cache is not None:
            raise ValueError(
                "expected no `model.tokens_per_pass` and no `model.feature_cache_gib` with "
                "ModelParallelStrategy, whose ranks must make the same passes, got "
                f"{self.vlm.tokens_per_pass or 'a cache'}; leave them out"
            )
        if self.is_compiled:
            raise ValueError(
                "expected no `model.compile` with ModelParallelStrategy, got one, which nobody has "
                "tried; leave it out"
            )
        if not self._is_sharded:
            shard(self.vlm, self.device_mesh["data_parallel"])  # type: ignore[index]
            self._is_sharded = True

    def on_fit_start(self) -> None:
        """Puts what is trained into training mode; what is frozen answers as it always does."""
        self.train()

    def answer(self, batch: dict[str, Any]) -> tuple[Answers, OptionScores]:
        """Answers to the items of ``batch``, and the scores that they follow from.

        Raises:
            ValueError: For a truth that is not among the options of its question.
        """
        names = ("wording", "image", "stimuli")
        scores = self.vlm(
            batch["question"], batch["arrays"], **{name: batch[name] for name in names}
        )
        options, device = scores.options, scores.log_mass.device
        items = zip(options, batch["question"], batch["answer"], strict=True)
        truth = torch.tensor([index_of(*item) for item in items], device=device)
        is_binary = torch.tensor([len(each) == 2 for each in options], device=device)
        probability = scores.probability.detach()
        sure, chosen = probability.max(dim=-1)
        answers: Answers = {
            "ids": batch["ids"],
            "set": batch["set"],
            "question": batch["question"],
            "wording": batch["wording"],
            "truth": batch["answer"],
            "response": [of[index] for of, index in zip(options, chosen.tolist(), strict=True)],
            "probability": probability[:, 0].where(is_binary, torch.nan),
            "log_odds": scores.log_odds.detach().where(is_binary, torch.nan),
            "response_probability": sure,
            "off_menu_mass": scores.off_menu_mass.detach(),
            "correct": (chosen == truth).float(),
            "weights": batch["weights"],
        }
        return answers, scores

    def losses(self, batch: dict[str, Any], scores: OptionScores) -> tuple[Tensor, Tensor]:
        """Losses and weights of the items of ``batch``, float32 ``(N,)`` each.

        Raises:
            ValueError: If people's answers to an item are wanted and missing, or are no options.
        """
        target, counts = targets(self.objective, scores.options, batch)
        device = scores.log_mass.device
        return (
            self.objective(scores.log_mass, target.to(device)),
            batch["weights"] * counts.to(device),
        )

    def training_step(self, batch: dict[str, Any], batch_idx: int) -> Tensor:
        """Sum of the losses of the batch; `on_before_optimizer_step` makes a mean of the window."""
        answers, scores = self.answer(batch)
        losses, weights = self.losses(batch, scores)
        self._losses.add(batch, losses)
        total = self.window.add(losses, answers["correct"], weights)
        # Lightning divides by the number of micro-batches, and its strategies by that of ranks.
        return total * (self.trainer.accumulate_grad_batches * self.trainer.world_size)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Makes the gradient that of the mean over the whole window, before it is clipped."""
        means = self.window.close(self._add_up)
        divide_gradients(self.parameters(), means.weight)

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clips, unless the step must not be taken; the norm that clipping needs tells.

        Raises:
            NotFiniteError: If the loss or the gradient is infinite or no number.
        """
        means = self.window.means
        assert means is not None, "the window is closed before its gradient is clipped"
        moved = [each for group in optimizer.param_groups for each in group["params"]]
        norm = get_total_norm([each.grad for each in moved if each.grad is not None])
        self._losses.close(
            self.trainer.global_step + 1,
            means.total,
            whole(norm),
            getattr(self.trainer.precision_plugin, "scaler", None),
        )
        if gradient_clip_val and (gradient_clip_algorithm or "norm") == "norm":
            clip_grads_with_norm_(moved, gradient_clip_val, norm)
        else:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def _add_up(self, sums: Tensor) -> Tensor:
        return self.trainer.strategy.reduce(sums, reduce_op="sum")

    def validation_step(
        self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0
    ) -> Answers:
        """Answers of the batch; callbacks judge them."""
        return self.answer(batch)[0]

    def test_step(self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0) -> Answers:
        """Answers of the batch; callbacks judge them."""
        return self.answer(batch)[0]

    def predict_step(
        self, batch: dict[str, Any], batch_idx: int, dataloader_idx: int = 0
    ) -> Answers:
        """Answers of the batch; callbacks keep them."""
        return self.answer(batch)[0]

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW over what is trained, with a learning rate per optimizer step."""
        optimizer = self.optimizer_options.build(self.vlm)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = self.schedule_options.build(optimizer, total)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step", "name": "lr"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Drops the frozen weights and adds the identity of the model they belong to.

        Raises:
            NotFiniteError: If a trained weight is infinite or no number.
        """
        require_finite_weights(self.parameters())
        kept = self._kept()
        state = checkpoint["state_dict"]
        checkpoint["state_dict"] = {name: state[name] for name in state if name in kept}
        checkpoint[_IDENTITY] = {
            "pretrained": self.pretrained,
            "fingerprint": self.vlm.fingerprint(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Refuses weights of another model or another tuning before any is loaded.

        Raises:
            ValueError: Naming what differs.
        """
        saved = checkpoint.get(_IDENTITY)
        if saved is None:
            raise ValueError(
                "expected a checkpoint of cogtrain, got one without a model identity; "
                "give a file from a run's `checkpoints` folder"
            )
        if saved["fingerprint"] != (own := self.vlm.fingerprint()):
            raise ValueError(
                f"expected a checkpoint trained from `{self.pretrained}` ({own[:12]}), "
                f"got one trained from `{saved['pretrained']}` ({saved['fingerprint'][:12]}); "
                f"set `--model.pretrained {saved['pretrained']}`"
            )
        if "state_dict" in checkpoint:  # FSDP2 has taken it by now
            reject_other_tensors(self._kept(), checkpoint["state_dict"], where="the checkpoint")

    def _kept(self) -> dict[str, Tensor]:
        """What a checkpoint holds: trained parameters and every persistent buffer, by name."""
        named = self.named_parameters(remove_duplicate=False)  # tied weights go by two names
        frozen = {name for name, parameter in named if not parameter.requires_grad}
        return {name: value for name, value in self.state_dict().items() if name not in frozen}
