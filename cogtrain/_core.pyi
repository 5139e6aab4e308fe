"""Typed face of the compiled core; `stubtest` holds it against the module."""

from collections.abc import Callable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Appearance",
    "Batch",
    "CorruptImageError",
    "CorruptSetError",
    "Equilibrium",
    "Flow",
    "Generator",
    "LoaderCore",
    "Passes",
    "Preprocess",
    "Question",
    "Scene",
    "SetWriter",
    "Source",
    "Stimulus",
    "Style",
    "Task",
    "Trajectory",
    "decode_image",
    "encode_png",
    "equilibrium",
    "flow",
    "friction_decides",
    "image_size",
    "instruction_set",
    "instruction_sets",
    "noisy_falls",
    "passes",
    "read_manifest",
    "render",
    "resize",
    "simulate",
    "stands",
    "verdict",
]

class CorruptImageError(ValueError):
    """An image file does not hold the image that it promises; the message names the file."""

class CorruptSetError(ValueError):
    """A stimulus set on disk is not what was written; the message names the file and the place."""

@final
class Task:
    """A question family whose truth physics decides, by name (`tower`)."""

    def __new__(cls, name: str) -> Task: ...
    @staticmethod
    def names() -> list[str]: ...
    @property
    def name(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def questions(self) -> dict[str, list[str]]: ...
    @property
    def main_questions(self) -> list[str]: ...

@final
class Question:
    """Something that can be asked of an image, by name (`will_fall`)."""

    def __new__(cls, name: str) -> Question: ...
    @staticmethod
    def names() -> list[str]: ...
    @property
    def name(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def scale(self) -> str: ...
    @property
    def options(self) -> list[str]: ...
    def __hash__(self) -> int: ...

@final
class Style:
    """How a scene looks, by name (`cubeworld`)."""

    def __new__(cls, name: str) -> Style: ...
    @staticmethod
    def names() -> list[str]: ...
    @property
    def name(self) -> str: ...

@final
class Appearance:
    """How a scene is shown; physics does not depend on it. A value."""

    def __new__(
        cls,
        style: str = "cubeworld",
        *,
        palette: str = "default",
        background: str = "white",
        texture_seed: int = 0,
    ) -> Appearance: ...
    @property
    def style(self) -> str: ...
    @property
    def palette(self) -> str: ...
    @property
    def colors(self) -> dict[str, tuple[int, int, int]]: ...
    @property
    def background(self) -> str: ...
    @property
    def texture_seed(self) -> int: ...

@final
class Scene:
    """Declared arrangement of bodies; SI units, z up. A value: equal if its parts are."""

    @staticmethod
    def from_json(text: str) -> Scene: ...
    def to_json(self) -> str: ...

@final
class Equilibrium:
    """The verdict of statics on a structure of upright boxes."""

    @property
    def stands(self) -> bool: ...
    @property
    def margin_m(self) -> float: ...
    @property
    def margin_fraction(self) -> float: ...
    @property
    def critical(self) -> int: ...
    @property
    def contacts(self) -> list[tuple[int, int | None]]: ...
    @property
    def mechanism(self) -> NDArray[np.float64] | None: ...

@final
class Passes:
    """Ground truth per pixel: bodies and ground alone, at pixel centres."""

    @property
    def depth_m(self) -> NDArray[np.float32]: ...
    @property
    def instance(self) -> NDArray[np.uint8]: ...
    @property
    def normal(self) -> NDArray[np.float32]: ...
    @property
    def modal(self) -> NDArray[np.bool_]: ...
    @property
    def amodal(self) -> NDArray[np.bool_]: ...
    @property
    def visible_px(self) -> NDArray[np.uint32]: ...
    @property
    def amodal_px(self) -> NDArray[np.uint32]: ...
    @property
    def occlusion(self) -> NDArray[np.float64]: ...

@final
class Flow:
    """Where every point of one picture is in the next."""

    @property
    def shift_px(self) -> NDArray[np.float32]: ...
    @property
    def outside(self) -> NDArray[np.bool_]: ...
    @property
    def occluded(self) -> NDArray[np.bool_]: ...

@final
class Trajectory:
    """What the simulator says happens to a scene."""

    @property
    def fell(self) -> bool: ...
    @property
    def displacement_m(self) -> float: ...
    @property
    def dt_s(self) -> float: ...
    @property
    def fell_s(self) -> list[float | None]: ...
    @property
    def positions(self) -> NDArray[np.float32]: ...
    @property
    def orientations(self) -> NDArray[np.float32]: ...
    def scene(self, start: Scene, frame: int) -> Scene: ...

@final
class Stimulus:
    """One record: image, answers, factors, provenance."""

    @property
    def id(self) -> str: ...
    @property
    def image(self) -> NDArray[np.uint8]: ...
    @property
    def answers(self) -> dict[str, str]: ...
    @property
    def simulated(self) -> dict[str, str] | None: ...
    @property
    def factors(self) -> dict[str, int | float | str]: ...
    @property
    def margin(self) -> float | None: ...
    @property
    def scene(self) -> Scene | None: ...
    @property
    def judged(self) -> Scene | None: ...
    @property
    def appearance(self) -> Appearance | None: ...
    @property
    def pair(self) -> str | None: ...
    @property
    def record(self) -> dict[str, Any]: ...

@final
class Generator:
    """Makes any stimulus of a design by its index, in any order, on any thread."""

    def __new__(cls, **recipe: Any) -> Generator: ...
    def scene(self, index: int) -> Scene: ...
    def stimulus(self, index: int) -> Stimulus: ...

@final
class Source:
    """Anything that gives stimulus `i`: a recipe, photographs, or a set on disk."""

    @staticmethod
    def recipe(recipe: str) -> Source: ...
    @staticmethod
    def photographs(
        ids: Sequence[str],
        paths: Sequence[str | PathLike[str]],
        answers: Sequence[dict[str, str]],
        factors: Sequence[dict[str, bool | int | float | str]] | None = None,
    ) -> Source: ...
    @staticmethod
    def shards(folder: str | PathLike[str], shelf: Any = None) -> Source: ...
    @staticmethod
    def webdataset(
        names: Sequence[str],
        fields: str,
        cache: str | PathLike[str] | None = None,
        shelf: Any = None,
    ) -> Source: ...
    @staticmethod
    def encoded(
        ids: Sequence[str],
        answers: Sequence[dict[str, str]],
        factors: Sequence[dict[str, bool | int | float | str]],
        reader: Any,
        version: str,
    ) -> Source: ...
    def record(self, index: int) -> tuple[str, str | None]: ...
    def verify(self, number: int) -> None: ...
    @property
    def ids(self) -> list[str]: ...
    @property
    def fingerprint(self) -> str: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Stimulus: ...

@final
class SetWriter:
    """Writes a set on disk aside and puts it in its place at the end."""

    def __new__(
        cls, source: Source, out: str | PathLike[str], name: str, recipe: str, version: str
    ) -> SetWriter: ...
    @staticmethod
    def join(
        source: Source, out: str | PathLike[str], name: str, recipe: str, version: str
    ) -> SetWriter: ...
    @property
    def folder(self) -> Path: ...
    def missing(self) -> list[int]: ...
    def assist(
        self, numbers: Sequence[int], threads: int, progress: Callable[[int, int], object]
    ) -> None: ...
    def shards(self, threads: int, progress: Callable[[int, int], object]) -> None: ...
    def recipe(
        self, sample: Source, threads: int, progress: Callable[[int, int], object]
    ) -> None: ...
    def publish(self) -> None: ...
    def discard(self) -> None: ...

@final
class Preprocess:
    """What a checkpoint's own image processor does, bit for bit."""

    @staticmethod
    def from_pretrained(
        path: str | PathLike[str], *, resize: str | None = None, dtype: str = "float32"
    ) -> Preprocess: ...
    @staticmethod
    def qwen2_vl(
        *,
        patch_size: int = 14,
        merge_size: int = 2,
        temporal_patch_size: int = 2,
        min_pixels: int = 3136,
        max_pixels: int = 1003520,
        image_mean: Sequence[float] = ...,
        image_std: Sequence[float] = ...,
        rescale_factor: float = ...,
        resize: str | None = None,
        dtype: str = "float32",
    ) -> Preprocess: ...
    def __call__(self, images: Any) -> dict[str, NDArray[Any]]: ...

@final
class Batch:
    """Stimuli of one step of one rank."""

    @property
    def ids(self) -> list[str]: ...
    @property
    def answers(self) -> list[dict[str, str]]: ...
    @property
    def sets(self) -> NDArray[np.int64]: ...
    @property
    def positions(self) -> NDArray[np.int64]: ...
    @property
    def weights(self) -> NDArray[np.float32]: ...
    @property
    def images(self) -> NDArray[np.uint8]: ...
    @property
    def arrays(self) -> dict[str, NDArray[Any]]: ...
    def __len__(self) -> int: ...

@final
class LoaderCore:
    """The native loader behind `cogtrain.Loader`."""

    def __new__(
        cls,
        sources: Sequence[Source],
        preprocess: Preprocess | None,
        options: dict[str, Any],
    ) -> LoaderCore: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Batch]: ...
    def faults(self) -> list[Any]: ...
    def add_report(self, report: Sequence[Any]) -> None: ...
    @property
    def epoch_size(self) -> int: ...
    @property
    def fault_count(self) -> int: ...
    def statistics(self) -> dict[str, Any]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...

def resize(
    image: Any,
    height: int,
    width: int,
    *,
    filter: str = "bicubic",
    resampler: str = "pillow",
) -> NDArray[np.uint8]: ...
def equilibrium(scene: Scene) -> Equilibrium: ...
def stands(scene: Scene, tilt: tuple[float, float] = ...) -> bool: ...
def friction_decides(scene: Scene) -> bool: ...
def verdict(scene: Scene) -> dict[str, Any]: ...
def noisy_falls(
    scenes: Sequence[Scene],
    *,
    sigma: float,
    force: float,
    samples: int,
    seed: int,
    mechanics: str,
    threads: int,
) -> NDArray[np.bool_]: ...
def simulate(scene: Scene) -> Trajectory: ...
def passes(scene: Scene, size_px: int = 224) -> Passes: ...
def flow(first: Scene, second: Scene, size_px: int = 224) -> Flow: ...
def render(
    scene: Scene, style: str | Appearance | None = None, size_px: int = 224
) -> NDArray[np.uint8]: ...
def decode_image(
    content: bytes,
    *,
    upright: bool = False,
    at_least: tuple[int, int] | None = None,
    out: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]: ...
def encode_png(image: Any) -> bytes: ...
def image_size(
    content: bytes, *, upright: bool = False, at_least: tuple[int, int] | None = None
) -> tuple[int, int]: ...
def read_manifest(folder: str | PathLike[str]) -> str: ...
def instruction_set() -> str: ...
def instruction_sets() -> list[str]: ...
