"""What a model is before anything of it is trained: its checkpoint, and how that is read."""

import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForImageTextToText,
    AutoTokenizer,
    BitsAndBytesConfig,
)
from transformers.utils import logging as transformers_logging

from cogtrain.models import checkpoint
from cogtrain.models.families import Family, family

DType = Literal["float32", "bfloat16", "float16", "auto"]
Init = Literal["pretrained", "random"]
Quantization = Literal["nf4"]

# Whoever asks for random weights twice gets the same ones.
_SEED = 0
_LONGEST_REASON = 200


@dataclass(frozen=True)  # no slots: what is looked up once is kept
class Origin:
    """A base model as it is asked for.

    Attributes:
        pretrained: ``"tiny"``, a folder, or a name on the model hub.
        init: ``"random"`` builds what ``config.json`` says with random weights and reads none: for
            benchmarks and checks. Tokenizer and preprocessing are read as ever.
        dtype: Type of the weights; ``"auto"`` is the one that they are stored in.
        attn_implementation: As in `transformers`.
        quantization: ``"nf4"`` keeps the linear layers of the language model in 4 bits (QLoRA) and
            all else, tower and merger above all, in bfloat16.
    """

    pretrained: str = checkpoint.EMBEDDED
    init: Init = "pretrained"
    dtype: DType = "float32"
    attn_implementation: str = "sdpa"
    quantization: Quantization | None = None

    @cached_property
    def path(self) -> Path:
        """Folder of the checkpoint, downloaded if need be.

        Raises:
            FileNotFoundError: If there is no such checkpoint, or a part of it is missing.
        """
        return checkpoint.folder(self.pretrained, weights=self.init == "pretrained")

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what the config computes and of the weights, before any training."""
        return checkpoint.fingerprint(self.path, seed=None if self.init == "pretrained" else _SEED)

    @cached_property
    def family(self) -> Family:
        """Its record.

        Raises:
            ValueError: If the family is not supported.
        """
        config = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
        return family(str(config.get("model_type")))

    def model(self) -> Any:
        """The `transformers` model, in evaluation mode.

        Raises:
            ValueError: If the weights do not fit the config, or cannot be quantised here.
        """
        options = {"dtype": self.dtype, "attn_implementation": self.attn_implementation}
        if self.quantization is not None:
            _check_quantization(self.init)
            return _read(self.path, options | _nf4(self.family)).eval()
        return (_drawn if self.init == "random" else _read)(self.path, options).eval()

    def tokenizer(self) -> Any:
        """The tokenizer, with a chat template.

        Raises:
            ValueError: If it is damaged or has no template.
        """
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.path)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"expected a tokenizer in `{self.path}`, got {type(error).__name__}: {error}; "
                "fetch the checkpoint again"
            ) from error
        if not tokenizer.chat_template:
            raise ValueError(
                f"expected a chat template in `{self.path}`, got none; use an instruction-tuned "
                "checkpoint"
            )
        return tokenizer


def _read(path: Path, options: dict[str, Any]) -> Any:
    """The model, every weight from the checkpoint: `transformers` would invent missing ones."""
    try:
        with quiet():
            load: Any = AutoModelForImageTextToText.from_pretrained
            model, report = load(path, output_loading_info=True, **options)
    except (SafetensorError, RuntimeError, OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0][:_LONGEST_REASON]
        raise ValueError(
            f"expected weights that fit the config in `{path}`, got {type(error).__name__}: "
            f"{first}; fetch the checkpoint again"
        ) from error
    absent = sorted(report["missing_keys"]) + sorted(report["mismatched_keys"])
    if absent:
        raise ValueError(
            f"expected weights for all parameters in `{path}`, got none that fit `{absent[0]}` and "
            f"{len(absent) - 1} more; fetch the checkpoint again"
        )
    return model


def _drawn(path: Path, options: dict[str, Any]) -> Any:
    """The model of a config, its weights drawn as its authors would begin to train it."""
    config = AutoConfig.from_pretrained(path)
    if options["dtype"] == "auto":  # which `from_config` does not know
        options = options | {"dtype": config.dtype or torch.float32}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        return AutoModelForImageTextToText.from_config(config, **options)


def _check_quantization(init: Init) -> None:
    if init == "random":
        raise ValueError(
            "expected `init: pretrained` with a quantised base, got random; there is nothing whose "
            "rounding could be studied: leave `quantization` out"
        )
    if not torch.cuda.is_available():
        raise ValueError(
            "expected a CUDA device for `quantization: nf4`, got none; leave it out and train on "
            "a base in `dtype: bfloat16`"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ValueError(
            "expected the package `bitsandbytes` for `quantization: nf4`, got none; "
            "pip install 'cogtrain[qlora]'"
        )


def _nf4(family: Family) -> dict[str, Any]:
    """Options of `transformers` that quantise the language model alone, each rank on its device."""
    whole = [*family.modules["vision"], *family.modules["merger"], "lm_head"]
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=whole,
    )
    device = int(os.environ.get("LOCAL_RANK", 0)) if torch.cuda.is_available() else "cpu"
    return {"quantization_config": config, "device_map": {"": device}, "dtype": torch.bfloat16}


@contextmanager
def quiet() -> Iterator[None]:
    """Without the progress bars of `transformers`, which would tear ours."""
    was_shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            transformers_logging.enable_progress_bar()
