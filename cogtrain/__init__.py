"""Stimuli, training and evaluation of vision-language models for studies of visual cognition.

The names below are the public face. Each is fetched from its home when first used, so that
``import cogtrain`` costs milliseconds; none of them needs torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cogtrain._core import (
        Batch,
        Generator,
        Preprocess,
        Scene,
        Stimulus,
        Style,
        Task,
        render,
        simulate,
    )
    from cogtrain.data.loader import Loader
    from cogtrain.judgments import Judgments
    from cogtrain.stimuli import StimulusSet

__all__ = [
    "Batch",
    "Generator",
    "Judgments",
    "Loader",
    "Preprocess",
    "Scene",
    "Stimulus",
    "StimulusSet",
    "Style",
    "Task",
    "render",
    "simulate",
]

_ELSEWHERE = {
    "Judgments": "cogtrain.judgments",
    "Loader": "cogtrain.data.loader",
    "StimulusSet": "cogtrain.stimuli",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("importlib.metadata").version("cogtrain")
    if name not in __all__:
        raise AttributeError(f"module 'cogtrain' has no attribute {name!r}")
    value = getattr(import_module(_ELSEWHERE.get(name, "cogtrain._core")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
