"""Precision: the trainer may compute in another type, but weights keep theirs."""

from lightning.pytorch import Trainer

_KEEPING = ("32-true", "bf16-mixed", "16-mixed")


def require_types(trainer: Trainer) -> None:
    """Refuses a precision that casts all weights, those of adapters too, which round updates off.

    Raises:
        ValueError: For one such as `bf16-true`.
    """
    if trainer.precision not in _KEEPING:
        raise ValueError(
            f"expected `trainer.precision` to be one of {', '.join(_KEEPING)}, got "
            f"{trainer.precision}, which would cast what is trained, too; for a base in half the "
            "memory set `model.dtype: bfloat16`"
        )
