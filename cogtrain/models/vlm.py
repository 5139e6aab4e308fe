"""A vision-language model as an observer: images and a question in, beliefs in the options out.

One forward pass answers; the output layer runs at the answer's position alone. The embedded default
and a checkpoint of the model hub go through the same code.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint as recomputed

from cogtrain import prompts
from cogtrain.models import adapter, checkpoint, lora, menu, parameters, proof
from cogtrain.models.answers import OptionScores, gathered
from cogtrain.models.asked_images import AskedImages
from cogtrain.models.feature_cache import FeatureCache
from cogtrain.models.language import states_of
from cogtrain.models.lora import Tuning
from cogtrain.models.menu import Menu
from cogtrain.models.origin import DType, Init, Origin, Quantization, quiet
from cogtrain.models.passes import partition
from cogtrain.models.placeholders import Arrays, Shape
from cogtrain.models.sequences import Asked, SequenceBuilder


class VLM(nn.Module):
    """A checkpoint, its tokenizer, and what of it is trained.

    Make it with `VLM.load`.

    Attributes:
        model: The `transformers` model, adapters attached.
        origin: The base that it was made of.
        family: Its record.
        tuning: What of it is trained.
        tokens: Tokens that `scores` has read so far, images' placeholders among them.
        lengths: Tokens of each row of the batch that was read last, or is being read.
        tokens_per_pass: Most tokens, padding included, that the language model reads at once; a
            batch with more is read in several passes, and for gradients each is computed once more,
            so that memory is bounded. By default one pass, or several where lengths differ so much
            that they cost less than padding.
        feature_cache: Where features of images are kept, if vision and merger are frozen.
        is_sharded: Whether ranks must make the same passes: then there is always one.
    """

    def __init__(self, origin: Origin, tuning: Tuning) -> None:
        super().__init__()
        self.origin = origin
        self.family = origin.family
        self.tuning = tuning
        self.tokens = 0
        self.lengths: list[int] = []
        self.tokens_per_pass: int | None = None
        self.feature_cache: FeatureCache | None = None
        self.is_sharded = False
        lora.check_trainable(tuning, origin.quantization)
        self.model = model = origin.model()
        tokenizer = origin.tokenizer()
        if self.family.speed_up is not None:
            self.family.speed_up(model.get_submodule(self.family.visual))
        lora.attach(model, self.family, tuning)
        images, sight = self.family.images, self.family.sight
        _check_placeholder(tokenizer, images.repeated, model.config.image_token_id)
        self._builder = SequenceBuilder(
            tokenizer,
            image_token=images.token,
            image_text=partial(images.text, model.config),
            repeated=images.repeated,
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
        init: Init = "pretrained",
        quantization: Quantization | None = None,
    ) -> "VLM":
        """Loads a checkpoint and attaches what is to be trained.

        Args:
            pretrained: ``"tiny"``, a folder, or a name on the model hub.
            tuning: What is trained; left out, nothing is: a model that is only judged.
            dtype: Type of the base weights; the default is exact: training all weights needs it.
                ``"bfloat16"`` halves the memory of a large base under an adapter.
            attn_implementation: As in `transformers`.
            init: ``"random"`` reads no weights; see `Origin`.
            quantization: ``"nf4"`` keeps the language model in 4 bits; see `Origin`.

        Raises:
            FileNotFoundError: If there is no such checkpoint, or a part of it is missing.
            ValueError: If its family is not supported, its weights do not fit its config, or they
                cannot be quantised or trained as asked for.

        >>> VLM.load("tiny").family.model_type
        'qwen2_vl'
        """
        origin = Origin(pretrained, init, dtype, attn_implementation, quantization)
        return cls(origin, tuning or Tuning.frozen())

    @classmethod
    def of_adapter(
        cls,
        folder: Path,
        *,
        pretrained: str | None = None,
        quantization: Quantization | None = None,
    ) -> "VLM":
        """The model that an adapter was saved from, the adapter in it, and proven to be it.

        Args:
            folder: As `save_adapter` wrote it.
            pretrained: Where the base is, if not where it was.
            quantization: Of the base.

        Raises:
            FileNotFoundError: Without an adapter there, or without its base.
            ValueError: If the base is another one, or answers otherwise with the adapter.
        """
        made = proof.Provenance.read(folder)
        vlm = cls.load(
            pretrained or made.pretrained,
            tuning=made.tuning,
            dtype=made.dtype if made.quantization is None else "bfloat16",
            init=made.init,
            quantization=quantization,
        )
        vlm.load_adapter(folder)
        return vlm

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
        image: Sequence[int | None] | None = None,
        stimuli: Sequence[str] | None = None,
    ) -> OptionScores:
        """Mass of every answer option, one row per item; the same whatever else is in the batch.

        An image that several items are about is encoded once, and read once by the language model.

        Args:
            question: ``N`` names of questions.
            arrays: What the checkpoint's own preprocessing makes of the images, by name:
                ``pixel_values`` and, by family, ``image_grid_thw``, ``num_patches``, ``rows``, ….
            wording: ``N`` ids of wordings; left out, those that people are asked in about towers.
            image: ``N`` places of images, which each item is about, ``None`` for one that is asked
                as text alone; left out, one image each.
            stimuli: What identifies each image, for `feature_cache`; left out, it is not asked.

        Returns:
            Scores with ``log_mass`` of shape ``(N, options)``, padded if options differ.

        Raises:
            ValueError: If an array is missing, counts disagree, or an image does not fit the model.
        """
        shapes = self._shapes(question, arrays, image)
        wording = [prompts.PEOPLE] * len(question) if wording is None else wording
        menus = [self._menu(*pair) for pair in zip(question, wording, strict=True)]
        asked = [
            Asked(name, words, options.branches)
            for name, words, options in zip(question, wording, menus, strict=True)
        ]
        places = range(len(shapes)) if image is None else image
        rows = self._builder.rows(asked, shapes, places, self.device)
        images = AskedImages(arrays, shapes, menus, stimuli)
        most, self.lengths = self.tokens_per_pass, [*map(len, rows)]
        passes = [[*range(len(rows))]] if self.is_sharded else partition(self.lengths, most)
        is_bounded = most is not None and len(passes) > 1 and torch.is_grad_enabled()
        items, masses = [], []
        for chosen in passes:
            part = [rows[row] for row in chosen]
            items.append([item for row in part for item in row.items])
            masses.append(
                recomputed(images.masses, self, part, use_reentrant=False)
                if is_bounded
                else images.masses(self, part)
            )
        self.tokens += sum(self.lengths)
        return gathered(tuple(menu.options for menu in menus), items, masses)

    forward = scores

    def logits(self, question: str, arrays: Arrays) -> Tensor:
        """``(N, vocabulary)`` float32, where the answer to ``question`` about each image begins.

        Raises:
            ValueError: As `scores`.
        """
        shapes = self.family.images.of(self.model.config, arrays)
        sequences = self._builder.batch([Asked(question)] * len(shapes), shapes, self.device)
        features = AskedImages(arrays, shapes, ()).features(self, range(len(shapes)))
        states = states_of(self.model, self.family, sequences, features)
        places = torch.arange(len(shapes), device=self.device), sequences.last
        return self.model.get_output_embeddings()(states[places]).float()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """As it answers when it is judged: no dropout, no gradient."""
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                yield
        finally:
            self.train(was_training)

    def train(self, mode: bool = True) -> "VLM":
        """As of any module, except that frozen components answer as they always do."""
        super().train(mode)
        for component in self.tuning.tune.components("frozen"):
            for path in self.family.modules[component]:
                if not isinstance(part := attrgetter(path)(self.model), nn.Parameter):
                    part.eval()
        return self

    def _shapes(
        self, question: Sequence[str], arrays: Arrays, image: Sequence[int | None] | None
    ) -> list[Shape]:
        is_shown = bool(arrays) or image is None or any(place is not None for place in image)
        shapes = self.family.images.of(self.model.config, arrays) if is_shown else []
        places = len(shapes) if image is None else len(image)
        if len(question) != places or not places:
            raise ValueError(
                f"expected one question per image, got {len(question)} questions and {places} "
                "images; pair them"
            )
        strange = set(image or ()) - {None, *range(len(shapes))}
        if strange:
            raise ValueError(
                f"expected places of {len(shapes)} images, got {strange.pop()}; count them from 0"
            )
        return shapes

    def keep_features(self, root: Path, limit_gib: float) -> None:
        """Keeps features of images in a folder under ``root``, of at most ``limit_gib`` in all.

        Raises:
            ValueError: If vision or merger are trained: their features would be of other weights.
        """
        frozen = self.tuning.tune.components("frozen")
        if trained := [part for part in ("vision", "merger") if part not in frozen]:
            raise ValueError(
                f"expected vision and merger to be frozen where their features are kept, got "
                f"`tune` of {' and '.join(trained)}; freeze them or leave `feature_cache_gib` out"
            )
        origin = self.origin
        tower = (
            f"{self.fingerprint()} {origin.dtype} {origin.attn_implementation} {self.device.type}"
        )
        self.feature_cache = FeatureCache(root, tower, int(limit_gib * 2**30))

    def _menu(self, question: str, wording: str) -> Menu:
        key = (question, wording)
        if key not in self._menus:
            self._menus[key] = menu.spell(self._builder, question, wording)
        return self._menus[key]

    def fingerprint(self) -> str:
        """Hash of the base checkpoint (config and weights on disk), before any training."""
        return self.origin.fingerprint

    def table(self) -> str:
        """Every trained module with its counts of parameters, and what is frozen."""
        return parameters.table(self.model, self.family, self.tuning.tune)

    def parameter_groups(
        self,
        *,
        lr: float,
        weight_decay: float = 0.0,
        lr_multipliers: dict[str, float] | None = None,
        loraplus_lr_ratio: float = 1.0,
    ) -> list[dict[str, Any]]:
        """Named optimizer groups of what is trained; see `cogtrain.models.parameters.groups`."""
        return parameters.groups(
            self.model,
            self.family,
            lr=lr,
            weight_decay=weight_decay,
            lr_multipliers=lr_multipliers,
            loraplus_lr_ratio=loraplus_lr_ratio,
        )

    def save_adapter(self, folder: Path) -> None:
        """Writes what is trained as a PEFT folder, and what it answers to four stimuli.

        See `cogtrain.models.adapter.save` and `cogtrain.models.proof`.

        Raises:
            ValueError: If no component is trained by ``lora``; use `save_pretrained` then.
        """
        adapter.save(
            self.model,
            self.family,
            self.tuning,
            folder,
            base=self.origin.pretrained,
            fingerprint=self.fingerprint(),
        )
        proof.Provenance.of(self.origin, self.tuning).write(folder)
        proof.save(self, folder)

    def load_adapter(self, folder: Path, *, verify: bool = True) -> None:
        """Puts a saved adapter in, if the model then answers as it did when that was saved.

        See `cogtrain.models.adapter.load` and `cogtrain.models.proof`.

        Args:
            folder: As `save_adapter` wrote it.
            verify: Whether the answers are compared; that needs the files beside the adapter.

        Raises:
            FileNotFoundError: If there is none, or nothing to compare with.
            ValueError: If it is of another base or another tuning, or the model answers otherwise;
                nothing is loaded then.
        """
        before = adapter.load(self.model, folder, fingerprint=self.fingerprint())
        if not verify:
            return
        try:
            proof.check(self, folder)
        except (ValueError, OSError):
            adapter.put(self.model, before)
            raise

    def fold(self) -> None:
        """Adds the adapter into the base, for good: afterwards nothing is trained any more.

        Raises:
            ValueError: If the base is quantised, or a merged weight is not finite.
        """
        adapter.fold(self.model)
        self.tuning = Tuning.frozen()

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
        with quiet():
            self.model.save_pretrained(folder)
        checkpoint.copy_processor(self.origin.path, folder)


def _check_placeholder(tokenizer: Any, token: str, wanted: int) -> None:
    if (found := tokenizer.convert_tokens_to_ids(token)) != wanted:
        raise ValueError(
            f"expected `{token}` to be token {wanted} as the model's config says, got {found} from "
            "the tokenizer; take both from one checkpoint"
        )
