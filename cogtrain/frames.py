"""What happens after release: films of simulated stimuli, with the pose of every block per frame.

``film`` gives the pictures as an array. They leave as numbered PNG images for experiments, as a GIF
for reports, or as an MP4 (with the extra ``video``).
"""

import json
from itertools import pairwise
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cogtrain import _core
from cogtrain.complaint import unknown

if TYPE_CHECKING:
    from cogtrain._core import Scene, Stimulus, Trajectory
    from cogtrain.stimuli import StimulusSet

Kind = Literal["png", "gif", "mp4"]
Frames = NDArray[np.uint8]

KINDS = ("png", "gif", "mp4")
FPS = 30
"""Frames per second; the simulation keeps thirty poses a second."""


def film(
    stimulus: "Stimulus",
    fps: int = FPS,
    *,
    seconds: float | None = None,
    size_px: int | None = None,
) -> Frames:
    """Pictures of what happens to ``stimulus`` from the moment of its release.

    What is shown is the scene whose stability is asked about: for a question about a removal, the
    scene after it.

    Args:
        stimulus: A stimulus with a scene.
        fps: Pictures per second of simulated time: a divisor of 30, so that each is a simulated
            state and none is interpolated.
        seconds: Simulated time to show; all of it (four seconds) by default.
        size_px: Side of the pictures; that of the stimulus by default.

    Returns:
        sRGB, ``(frames, size_px, size_px, 3)``; the first picture is the scene at rest.

    Raises:
        ValueError: For a photograph, a rate that does not divide 30, or a time beyond the
            simulated one.

    Example:
        >>> from cogtrain import StimulusSet
        >>> film(StimulusSet.recipe(size_px=28)[0], 10, seconds=0.5).shape
        (6, 28, 28, 3)
    """
    start, trajectory = _released(stimulus)
    side = stimulus.image.shape[0] if size_px is None else size_px
    frames = [
        _core.render(trajectory.scene(start, frame), stimulus.appearance, side)
        for frame in _shown(trajectory, fps, seconds)
    ]
    return np.stack(frames)


def poses(
    stimulus: "Stimulus", fps: int = FPS, *, seconds: float | None = None
) -> dict[str, NDArray[np.float64]]:
    """Where every block is in every picture of ``film``.

    Returns:
        ``time_s`` (frames,), ``position_m`` (frames, bodies, 3) and ``orientation``
        (frames, bodies, 4), unit quaternions (w, x, y, z).
    """
    start, trajectory = _released(stimulus)
    shown = _shown(trajectory, fps, seconds)
    bodies = [json.loads(trajectory.scene(start, frame).to_json())["bodies"] for frame in shown]
    return {
        "time_s": np.array(shown) * trajectory.dt_s,
        "position_m": np.array([[body["position_m"] for body in frame] for frame in bodies]),
        "orientation": np.array([[body["orientation"] for body in frame] for frame in bodies]),
    }


def write_png_sequence(frames: Frames, folder: str | Path) -> Path:
    """Writes ``000.png``, ``001.png``, ... into ``folder``; the same pixels give the same bytes."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    digits = max(3, len(str(len(frames) - 1)))
    for number, frame in enumerate(frames):
        (folder / f"{number:0{digits}d}.png").write_bytes(_core.encode_png(frame))
    return folder


def write_gif(frames: Frames, path: str | Path, fps: int = FPS) -> Path:
    """Writes an endless GIF. It has 256 colours and times in hundredths of a second: for reports.

    Rates whose pictures do not last whole hundredths (30) are met on average.
    """
    from PIL import Image

    plain = Image.Dither.NONE
    path = Path(path)
    # One palette for all, from all: with a palette each, resting things flicker.
    strip = Image.fromarray(frames[:: max(1, len(frames) // 8)].reshape(-1, *frames.shape[2:]))
    palette = strip.quantize(256)
    images = [Image.fromarray(frame).quantize(palette=palette, dither=plain) for frame in frames]
    edges = [round(100 * number / fps) for number in range(len(frames) + 1)]
    lasts = [10 * (b - a) for a, b in pairwise(edges)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=lasts, loop=0)
    return path


def write_mp4(frames: Frames, path: str | Path, fps: int = FPS) -> Path:
    """Writes H.264 in MP4, 4:2:0, nearly without loss.

    Raises:
        ValueError: Without the package ``av`` (the extra ``video``), or for pictures of an odd
            size, which 4:2:0 cannot hold.
    """
    av = _video_package()
    height, width = frames.shape[1:3]
    if height % 2 or width % 2:
        raise ValueError(
            f"expected pictures of an even size for MP4, got {height} × {width}; "
            "choose another `size_px`"
        )
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=fps)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.options = {"crf": "12"}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return Path(path)


def check_films(stimuli: "StimulusSet", count: int, kind: Kind = "png") -> None:
    """Whether ``write_films`` can do what is asked, before anything takes time.

    Raises:
        ValueError: For an unknown kind, a negative count, stimuli without a scene, or MP4 without
            the package ``av``.
    """
    if kind not in KINDS:
        raise ValueError(unknown("film", kind, KINDS))
    if count < 0:
        raise ValueError(f"expected `frames` to be at least 0, got {count}; ask for some or none")
    if count:
        _start(stimuli[0])
        if kind == "mp4":
            _video_package()


def write_films(
    stimuli: "StimulusSet", folder: Path, count: int, *, kind: Kind = "png", fps: int = FPS
) -> None:
    """Films the first ``count`` of ``stimuli`` into the new folder ``folder``.

    Per stimulus ``<id>/000.png ...`` or ``<id>.gif`` or ``<id>.mp4``, and the poses as
    ``<id>.json``.

    Raises:
        ValueError: As ``check_films``.
    """
    check_films(stimuli, count, kind)
    rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for index in range(min(count, len(stimuli))):
        _write_film(stimuli[index], folder, kind, fps)


def _write_film(stimulus: "Stimulus", out: Path, kind: Kind, fps: int) -> None:
    frames = film(stimulus, fps)
    if kind == "png":
        write_png_sequence(frames, out / stimulus.id)
    elif kind == "gif":
        write_gif(frames, out / f"{stimulus.id}.gif", fps)
    else:
        write_mp4(frames, out / f"{stimulus.id}.mp4", fps)
    listed = {name: values.tolist() for name, values in poses(stimulus, fps).items()}
    (out / f"{stimulus.id}.json").write_text(json.dumps(listed) + "\n", encoding="utf-8")


def _start(stimulus: "Stimulus") -> "Scene":
    """The scene that is released."""
    if stimulus.judged is None:
        raise ValueError(
            f"expected a stimulus with a scene, got `{stimulus.id}`, which has none; "
            "a photograph cannot be filmed, film stimuli that were made"
        )
    return stimulus.judged


def _released(stimulus: "Stimulus") -> tuple["Scene", "Trajectory"]:
    start = _start(stimulus)
    return start, _core.simulate(start)


def _video_package() -> Any:
    try:
        import av
    except ModuleNotFoundError:
        raise ValueError(
            "expected the package `av` for MP4, got none; run `pip install 'cogtrain[video]'`, "
            "or ask for gif or png"
        ) from None
    return av


def _shown(trajectory: "Trajectory", fps: int, seconds: float | None) -> list[int]:
    """Which simulated frames are pictures."""
    rate, length = round(1 / trajectory.dt_s), len(trajectory.positions) - 1
    if fps < 1 or rate % fps:
        divisors = ", ".join(str(n) for n in range(1, rate + 1) if rate % n == 0)
        raise ValueError(f"expected `fps` to be one of {divisors}, got {fps}; choose one")
    asked = length / rate if seconds is None else seconds
    if not 0 <= asked <= length / rate:
        raise ValueError(
            f"expected `seconds` between 0 and {length / rate:g}, got {seconds}; "
            "that is how long motion is simulated"
        )
    return list(range(0, int(asked * rate + 1e-9) + 1, rate // fps))
