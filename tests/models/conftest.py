import numpy as np
import pytest
import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoTokenizer,
    Qwen2VLProcessor,
)
from transformers.processing_utils import ProcessorMixin
from transformers.utils import logging

from cogtrain.models import checkpoint
from cogtrain.models.vlm import VLM

TINY = checkpoint.folder("tiny")
logging.disable_progress_bar()


class ImageProcessor(Qwen2VLProcessor):
    """Hugging Face's own processor without its video part, which alone needs torchvision."""

    def __init__(self, image_processor=None, tokenizer=None, chat_template=None):
        self.image_token, self.video_token = "<|image_pad|>", "<|video_pad|>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.video_token_id = tokenizer.convert_tokens_to_ids(self.video_token)
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


@pytest.fixture(scope="package", autouse=True)
def one_thread():
    """These matrices are small: on a busy machine a second thread costs far more than it brings."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def processor():
    tokenizer = AutoTokenizer.from_pretrained(TINY)
    images = AutoImageProcessor.from_pretrained(TINY, backend="pil")
    return ImageProcessor(images, tokenizer, chat_template=tokenizer.chat_template)


@pytest.fixture(scope="session")
def reference():
    """The checkpoint as `transformers` alone loads and runs it."""
    return AutoModelForImageTextToText.from_pretrained(TINY, dtype=torch.float32).eval()


@pytest.fixture(scope="session")
def vlm():
    """The embedded default; shared, so a test that changes weights loads its own."""
    return VLM.load("tiny").eval()


@pytest.fixture
def draw():
    """Random images of given (height, width), always the same ones."""

    def draw(*sizes, seed=0):
        rng = np.random.default_rng(seed)
        return [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]

    return draw


@pytest.fixture
def pixels(processor):
    """Hugging Face's preprocessing: images to arrays by name."""

    def pixels(images):
        arrays = processor.image_processor(images=images, return_tensors="pt")
        return {name: arrays[name] for name in ("pixel_values", "image_grid_thw")}

    return pixels
