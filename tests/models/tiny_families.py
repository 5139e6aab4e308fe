"""A tiny checkpoint of every family, random weights, and Hugging Face's own processor of it.

Configurations, special tokens and chat templates are cut down from those of real checkpoints.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from transformers import AddedToken, AutoConfig, AutoModelForImageTextToText, AutoTokenizer
from transformers.models.smolvlm import processing_smolvlm

from cogtrain.models import checkpoint
from cogtrain.models.tiny import tokenizer as tiny_tokenizer
from cogtrain.models.tiny.build import PREPROCESSOR

TINY = checkpoint.folder("tiny")
CHATML = (TINY / "chat_template.jinja").read_text(encoding="utf-8")
TEXT: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
}
TOWER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "image_size": 56,
    "patch_size": 14,
}
MROPE = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]}
QWEN_TOWER = {"depth": 2, "num_heads": 2, "patch_size": 14, "out_hidden_size": 64}
QWEN_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")

LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] + ' ' }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n"
    "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)
GEMMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' }}"
    "{% for line in message['content'] %}{% if line['type'] == 'image' %}"
    "{{ '<start_of_image>' }}{% else %}{{ line['text'] | trim }}{% endif %}{% endfor %}"
    "{{ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


@dataclass(frozen=True)
class Recipe:
    """What a tiny checkpoint of one family is made of.

    `tokens` are special tokens by the attribute under which the tokenizer knows them; `ids` names
    entries of the config that are ids of tokens.
    """

    processor: str  # module and class
    images: dict[str, Any]
    text: dict[str, Any]
    vision: dict[str, Any]
    ids: dict[str, str]
    tokens: dict[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    template: str = CHATML
    bos: str | None = None
    config: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def _square(kind: str, **options: Any) -> dict[str, Any]:
    size = {"height": 56, "width": 56}
    return {"image_processor_type": f"{kind}ImageProcessor", "size": size} | options


def _qwen(name: str, vision: dict[str, Any], images: dict[str, Any], text: Any = None) -> Recipe:
    return Recipe(
        processor=name,
        images=PREPROCESSOR | images,
        text=TEXT | {"rope_parameters": MROPE} | (text or {}),
        vision=QWEN_TOWER | vision,
        ids={
            "image_token_id": "<|image_pad|>",
            "video_token_id": "<|video_pad|>",
            "vision_start_token_id": "<|vision_start|>",
            "vision_end_token_id": "<|vision_end|>",
        },
    )


def _idefics(name: str, bos: str | None) -> Recipe:
    kind = name.split(".")[1]
    edges = {"size": {"longest_edge": 112}, "max_image_size": {"longest_edge": 56}}
    tokens = ("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
    tiles = tuple(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7))
    return Recipe(
        processor=name,
        images={"image_processor_type": f"{kind}ImageProcessor", **edges},
        text=TEXT | {"model_type": "llama"},
        vision=TOWER,
        config={"scale_factor": 2},
        ids={"image_token_id": "<image>"},
        others=tokens + tiles,
        template=SMOLVLM_TEMPLATE,
        bos=bos,
        options={"image_seq_len": 4},
    )


RECIPES: dict[str, Recipe] = {
    "qwen2_vl": _qwen("qwen2_vl.Qwen2VL", {"embed_dim": 32, "hidden_size": 64}, {}),
    "qwen2_5_vl": _qwen(
        "qwen2_5_vl.Qwen2_5_VL",
        # Windows of 2 x 2 merged patches, and one block that sees everything.
        {
            "hidden_size": 32,
            "intermediate_size": 48,
            "window_size": 56,
            "fullatt_block_indexes": [1],
        },
        {},
    ),
    "qwen3_vl": _qwen(
        "qwen3_vl.Qwen3VL",
        {
            "hidden_size": 32,
            "intermediate_size": 48,
            "patch_size": 16,
            "num_position_embeddings": 36,
            "deepstack_visual_indexes": [0, 1],
        },
        {"patch_size": 16, "image_mean": [0.5] * 3, "image_std": [0.5] * 3},
        {"rope_parameters": MROPE | {"mrope_interleaved": True}},
    ),
    "idefics3": _idefics("idefics3.Idefics3", None),
    "smolvlm": _idefics("smolvlm.SmolVLM", "<|im_start|>"),
    "llava": Recipe(
        processor="llava.Llava",
        images=_square("CLIP", size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        text=TEXT | {"model_type": "llama"},
        vision=TOWER | {"model_type": "clip_vision_model"},
        ids={"image_token_index": "<image>"},
        others=("<image>",),
        template=LLAVA_TEMPLATE,
        bos="<s>",
        options={
            "patch_size": 14,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
        },
    ),
    "llava_onevision": Recipe(
        processor="llava_onevision.LlavaOnevision",
        images=_square(
            "LlavaOnevision",
            image_grid_pinpoints=[[h, w] for h in (56, 112, 168) for w in (56, 112, 168)],
        ),
        text=TEXT | {"model_type": "qwen2"},
        vision=TOWER | {"model_type": "siglip_vision_model", "vision_use_head": False},
        config={
            "image_grid_pinpoints": [[h, w] for h in (56, 112, 168) for w in (56, 112, 168)],
            "vision_aspect_ratio": "anyres_max_4",
        },
        ids={"image_token_index": "<image>", "video_token_index": "<video>"},
        others=("<image>", "<video>"),
        template=CHATML.replace("<|vision_start|><|image_pad|><|vision_end|>", "<image>\n"),
        options={
            "num_image_tokens": 16,
            "vision_feature_select_strategy": "full",
            "vision_aspect_ratio": "anyres_max_4",
        },
    ),
    "internvl": Recipe(
        processor="internvl.InternVL",
        # As in its checkpoints: the file says not to tile, and the processor does nevertheless.
        images=_square("GotOcr2", crop_to_patches=False, processor_class="InternVLProcessor"),
        text=TEXT | {"model_type": "qwen2"},
        vision=TOWER | {"image_size": [56, 56], "patch_size": [14, 14]},
        config={"downsample_ratio": 0.5, "image_seq_length": 4, "tie_word_embeddings": False},
        ids={"image_token_id": "<IMG_CONTEXT>"},
        tokens={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
        template=CHATML.replace("<|vision_start|><|image_pad|><|vision_end|>", "<IMG_CONTEXT>\n"),
        options={"image_seq_length": 4},
    ),
    "gemma3": Recipe(
        processor="gemma3.Gemma3",
        images=_square("Gemma3", image_mean=[0.5] * 3, image_std=[0.5] * 3),
        # A window that the prompt exceeds, and a layer without one.
        text=TEXT | {"sliding_window": 12, "layer_types": ["sliding_attention", "full_attention"]},
        vision=TOWER | {"model_type": "siglip_vision_model", "vision_use_head": False},
        config={"mm_tokens_per_image": 4},
        ids={
            "image_token_index": "<image_soft_token>",
            "boi_token_index": "<start_of_image>",
            "eoi_token_index": "<end_of_image>",
        },
        tokens={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
        others=("<start_of_turn>", "<end_of_turn>"),
        template=GEMMA_TEMPLATE,
        bos="<bos>",
        options={"image_seq_length": 4},
    ),
}


def build(name: str, folder: Path, *, seed: int = 0, text: Mapping[str, Any] | None = None) -> Path:
    """Writes the complete tiny checkpoint of family ``name`` and returns ``folder``.

    ``text`` replaces entries of the language model's configuration.
    """
    recipe = RECIPES[name]
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(recipe, folder)
    ids = {entry: tokenizer.convert_tokens_to_ids(token) for entry, token in recipe.ids.items()}
    end = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    size = {"vocab_size": -(-len(tokenizer) // 64) * 64, "bos_token_id": None}
    language = recipe.text | end | size | dict(text or {})
    config = AutoConfig.for_model(
        name, text_config=language, vision_config=recipe.vision, **recipe.config, **ids
    )
    torch.manual_seed(seed)
    model = AutoModelForImageTextToText.from_config(config)
    with torch.no_grad():  # so that no weight is the zero or one that it may begin as
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(recipe.images))
    return folder


def _tokenizer(recipe: Recipe, folder: Path) -> Any:
    words = tiny_tokenizer.read_words(TINY / "words.txt")
    plain = tiny_tokenizer.build(words, recipe.template, max_length=4096)
    begin = (recipe.bos,) if recipe.bos else ()
    special = (*recipe.tokens.values(), *recipe.others, *begin)
    plain.add_tokens([AddedToken(token, special=True) for token in special])
    plain.save_pretrained(folder)
    options = {"extra_special_tokens": recipe.tokens} if recipe.tokens else {}
    tokenizer = AutoTokenizer.from_pretrained(folder, **options)
    if recipe.bos:
        tokenizer.bos_token = recipe.bos
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{recipe.bos} $A", special_tokens=[(recipe.bos, tokenizer.bos_token_id)]
        )
    tokenizer.save_pretrained(folder)
    return tokenizer


def processor(name: str, folder: Path) -> Any:
    """Hugging Face's processor, its pictures by Pillow; its video part needs torchvision."""
    recipe = RECIPES[name]
    package, kind = recipe.processor.split(".")
    module = import_module(f"transformers.models.{package}.processing_{package}")
    whole = getattr(module, f"{kind}Processor")

    class Images(whole):
        def __init__(self, image_processor=None, tokenizer=None, chat_template=None):
            parts = {"video_processor": None} if "video_processor" in _names(whole) else {}
            super().__init__(
                image_processor=image_processor,
                tokenizer=tokenizer,
                chat_template=chat_template,
                **parts,
                **recipe.options,
            )

    processing_smolvlm.num2words = str  # a package that names the length of a film in words
    tokenizer = AutoTokenizer.from_pretrained(folder)
    made = Images(_image_processor(recipe), tokenizer, chat_template=tokenizer.chat_template)
    made.video_processor = SimpleNamespace(num_frames=1, fps=1)
    return made


def _names(whole: Any) -> tuple[str, ...]:
    return whole.__init__.__code__.co_varnames[: whole.__init__.__code__.co_argcount]


def _image_processor(recipe: Recipe) -> Any:
    kind = recipe.images["image_processor_type"].removesuffix("ImageProcessor")
    package = {
        "Qwen2VL": "qwen2_vl",
        "SmolVLM": "smolvlm",
        "LlavaOnevision": "llava_onevision",
        "GotOcr2": "got_ocr2",
    }.get(kind, kind.lower())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = import_module(f"transformers.models.{package}.image_processing_pil_{package}")
    options = {key: value for key, value in recipe.images.items() if not key.endswith("_type")}
    options.pop("processor_class", None)
    return getattr(module, f"{kind}ImageProcessorPil")(**options)
