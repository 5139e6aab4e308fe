"""A vision-language model as an observer: images and a question in, beliefs in the options out.

One forward pass answers; the output layer runs at the answer's position alone. The embedded default
and a checkpoint of the model hub go through the same code.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, AutoTokenizer
from transformers.utils import logging as transformers_logging

from cogtrain import prompts
from cogtrain.models import adapter, checkpoint, lora, menu, parameters
from cogtrain.models.answers import OptionScores, Reading
from cogtrain.models.families import Family, family
from cogtrain.models.lora import Tuning
from cogtrain.models.menu import Menu
from cogtrain.models.placeholders import Arrays, Shape
from cogtrain.models.sequences import Asked, SequenceBuilder, Sequences

DType = Literal["float32", "bfloat16", "float16", "auto"]


class VLM(nn.Module):
    """A checkpoint, its tokenizer, and what of it is trained.

    Make it with `VLM.load`.

    Attributes:
        model: The `transformers` model, adapters attached.
        family: Its record.
        tuning: What of it is trained.
        name: What it was loaded as.
        path: Folder of the base checkpoint.
    """

    def __init__(
        self, model: Any, tokenizer: Any, *, tuning: Tuning, name: str, path: Path
    ) -> None:
        super().__init__()
        self.model = model
        self.family: Family = family(model.config.model_type)
        self.tuning = tuning
        self.name = name
        self.path = path
        if self.family.speed_up is not None:
            self.family.speed_up(model.get_submodule(self.family.visual))
        lora.attach(model, self.family, tuning)
        images, sight = self.family.images, self.family.sight
        _check_placeholder(tokenizer, images.repeated, model.config.image_token_id)
        self._builder = SequenceBuilder(
            tokenizer,
            image_token=images.token,
            image_text=partial(images.text, model.config),
            position_ids=partial(self.family.position_ids, model.model),
            sight=None if sight is None else partial(sight, model.config),
        )
        self._menus: dict[tuple[str, str], Menu] = {}

    @classmethod
    def load(
        cls,
        pretrained: str = checkpoint.EMBEDDED,
        *,
        tuning: Tuning | None = None,
        dtype: DType = "float32",
        attn_implementation: str = "sdpa",
    ) -> "VLM":
        """Loads a checkpoint and attaches what is to be trained.

        Args:
            pretrained: ``"tiny"``, a folder, or a name on the model hub.
            tuning: By default all weights of the embedded default, which knows nothing yet, and an
                adapter on the language model of any other checkpoint.
            dtype: Type of the base weights; the default is exact: training all weights needs it.
                ``"bfloat16"`` halves the memory of a large base under an adapter.
            attn_implementation: As in `transformers`.

        Raises:
            FileNotFoundError: If there is no such checkpoint, or a part of it is missing.
            ValueError: If its family is not supported, or its weights do not fit its config.

        >>> VLM.load("tiny").family.model_type
        'qwen2_vl'
        """
        path = checkpoint.folder(pretrained)
        family(_model_type(path))
        model = _model(path, dtype, attn_implementation)
        if tuning is None:
            tuning = Tuning.full() if pretrained == checkpoint.EMBEDDED else Tuning()
        return cls(model, _tokenizer(path), tuning=tuning, name=pretrained, path=path)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    def options(self, question: str) -> tuple[str, ...]:
        """Answer options of ``question``, checked against this model's tokenizer.

        Raises:
            ValueError: For an unknown question, one that is answered by a sequence, or options that
                this tokenizer cannot tell apart.
        """
        return self._menu(question, prompts.PEOPLE).options

    def scores(
        self,
        question: Sequence[str],
        arrays: Arrays,
        *,
        wording: Sequence[str] | None = None,
    ) -> OptionScores:
        """Mass of every answer option, one row per image; the same whatever else is in the batch.

        Args:
            question: ``N`` names of questions.
            arrays: What the checkpoint's own preprocessing makes of ``N`` images, by name:
                ``pixel_values`` and, by family, ``image_grid_thw``, ``num_patches``, ``rows``, ….
            wording: ``N`` ids of wordings; left out, those that people are asked in about towers.

        Returns:
            Scores with ``log_mass`` of shape ``(N, options)``, padded if options differ.

        Raises:
            ValueError: If an array is missing, counts disagree, or an image does not fit the model.
        """
        shapes = self._shapes(question, arrays)
        wording = [prompts.PEOPLE] * len(question) if wording is None else wording
        menus = [self._menu(*pair) for pair in zip(question, wording, strict=True)]
        asked = [
            Asked(name, words, options.branches)
            for name, words, options in zip(question, wording, menus, strict=True)
        ]
        sequences = self._builder.batch(asked, shapes, self.device)
        states = self._states(sequences, arrays)
        reading = Reading.of(menus, self.device)
        hidden = states[reading.item, sequences.last[reading.item] + reading.offset]
        return reading.score(self.model.get_output_embeddings()(hidden))

    forward = scores

    def train(self, mode: bool = True) -> "VLM":
        """As of any module, except that frozen components answer as they always do."""
        super().train(mode)
        for component in self.tuning.tune.components("frozen"):
            for path in self.family.modules[component]:
                if not isinstance(part := attrgetter(path)(self.model), nn.Parameter):
                    part.eval()
        return self

    def _states(self, sequences: Sequences, arrays: Arrays) -> Tensor:
        """``(N, L, hidden)`` states of all tokens."""
        positions = sequences.position_ids
        return self.model.model(
            input_ids=sequences.input_ids,
            attention_mask=self._masks(sequences),
            position_ids=positions if len(positions) > 1 else positions[0],
            use_cache=False,
            **self.family.images.read(arrays),
        ).last_hidden_state

    def _masks(self, sequences: Sequences) -> Tensor | dict[str, Tensor] | None:
        """Who sees whom, as the language model takes it."""
        mask = sequences.attention_mask
        if mask is None or mask.ndim == 2:
            return mask
        if self.family.masks is None:
            return self._mask(mask)
        masks = self.family.masks(self.model.config, mask, sequences.position_ids)
        return {name: self._mask(each) for name, each in masks.items()}

    def _mask(self, mask: Tensor) -> Tensor:
        """``mask`` as the attention of the language model takes it."""
        attention = self.model.config.get_text_config()._attn_implementation
        if attention == "sdpa":
            return mask
        if attention == "eager":
            dtype = self.model.dtype
            lowest = torch.finfo(dtype).min
            return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(
                ~mask, lowest
            )
        raise ValueError(
            "expected attention `sdpa` or `eager` where tokens see others than those before them, "
            f"got `{attention}`; load the model with `attn_implementation='sdpa'`"
        )

    def _shapes(self, question: Sequence[str], arrays: Arrays) -> list[Shape]:
        shapes = self.family.images.of(self.model.config, arrays)
        if len(question) != len(shapes) or not shapes:
            raise ValueError(
                f"expected one question per image, got {len(question)} questions and {len(shapes)} "
                "images; pair them"
            )
        return shapes

    def _menu(self, question: str, wording: str) -> Menu:
        key = (question, wording)
        if key not in self._menus:
            self._menus[key] = menu.spell(self._builder, question, wording)
        return self._menus[key]

    @cached_property
    def _base_fingerprint(self) -> str:
        return checkpoint.fingerprint(self.path)

    def fingerprint(self) -> str:
        """Hash of the base checkpoint (config and weights on disk), before any training."""
        return self._base_fingerprint

    def table(self) -> str:
        """Every trained module with its counts of parameters, and what is frozen."""
        return parameters.table(self.model, self.family, self.tuning.tune)

    def parameter_groups(
        self,
        *,
        lr: float,
        weight_decay: float = 0.0,
        lr_multipliers: dict[str, float] | None = None,
    ) -> list[dict[str, Any]]:
        """Named optimizer groups of what is trained; see `cogtrain.models.parameters.groups`."""
        return parameters.groups(
            self.model,
            self.family,
            lr=lr,
            weight_decay=weight_decay,
            lr_multipliers=lr_multipliers,
        )

    def save_adapter(self, folder: Path) -> None:
        """Writes what is trained as a PEFT folder; see `cogtrain.models.adapter.save`.

        Raises:
            ValueError: If no component is trained by ``lora``; use `save_pretrained` then.
        """
        adapter.save(
            self.model,
            self.family,
            self.tuning,
            folder,
            base=self.name,
            fingerprint=self.fingerprint(),
        )

    def load_adapter(self, folder: Path) -> None:
        """Puts a saved adapter in; see `cogtrain.models.adapter.load`.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it is of another base or another tuning.
        """
        adapter.load(self.model, folder, fingerprint=self.fingerprint())

    def save_pretrained(self, folder: Path) -> None:
        """Writes a complete checkpoint that `VLM.load` and `transformers` load unaided.

        Raises:
            ValueError: If an adapter is attached; use `save_adapter` then.
        """
        if self.tuning.tune.components("lora"):
            raise ValueError(
                "expected a model without adapter, got one trained by `lora` in "
                f"{', '.join(self.tuning.tune.components('lora'))}; use `save_adapter`"
            )
        with _quiet():
            self.model.save_pretrained(folder)
        checkpoint.copy_processor(self.path, folder)


def _model_type(path: Path) -> str:
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    return str(config.get("model_type"))


def _tokenizer(path: Path) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"expected a tokenizer in `{path}`, got {type(error).__name__}: {error}; "
            "fetch the checkpoint again"
        ) from error
    if not tokenizer.chat_template:
        raise ValueError(
            f"expected a chat template in `{path}`, got none; use an instruction-tuned checkpoint"
        )
    return tokenizer


def _check_placeholder(tokenizer: Any, token: str, wanted: int) -> None:
    if (found := tokenizer.convert_tokens_to_ids(token)) != wanted:
        raise ValueError(
            f"expected `{token}` to be token {wanted} as the model's config says, got {found} from "
            "the tokenizer; take both from one checkpoint"
        )


def _model(path: Path, dtype: DType, attn_implementation: str) -> Any:
    """The model, every weight from the checkpoint: `transformers` would invent missing ones."""
    try:
        with _quiet():
            load: Any = AutoModelForImageTextToText.from_pretrained
            model, report = load(
                path, dtype=dtype, attn_implementation=attn_implementation, output_loading_info=True
            )
    except (SafetensorError, RuntimeError, OSError) as error:
        first = str(error).strip().splitlines()[0]
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
    return model.eval()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the progress bars of `transformers`, which would tear ours."""
    was_shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_shown:
            transformers_logging.enable_progress_bar()
