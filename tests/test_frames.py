"""Films show what the simulation says, frame by frame, and leave in every promised format."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogtrain import Scene, StimulusSet, cli, render, simulate
from cogtrain.frames import film, poses, write_films, write_gif, write_mp4, write_png_sequence

RECIPE = {"count": 8, "size_px": 56, "factors": {"margin": [0.2, 0.3]}}


@pytest.fixture(scope="module")
def towers() -> StimulusSet:
    return StimulusSet.recipe(**RECIPE)


@pytest.fixture(scope="module")
def falls(towers: StimulusSet) -> int:
    return next(i for i, each in enumerate(towers) if each.answers["will_fall"] == "yes")


@pytest.fixture(scope="module")
def frames(towers: StimulusSet, falls: int) -> np.ndarray:
    return film(towers[falls], fps=10)


def test_the_first_frame_is_the_stimulus_at_rest(towers: StimulusSet, falls: int, frames):
    assert frames.shape == (41, 56, 56, 3)
    assert frames.dtype == np.uint8
    differs = (frames[0] != towers[falls].image).any(axis=2).mean()
    assert differs < 0.02  # poses are in single precision


def test_what_stands_rests_and_what_falls_moves(towers: StimulusSet, frames):
    stands = film(next(s for s in towers if s.answers["will_fall"] == "no"), fps=5)
    assert (stands[0] != stands[-1]).any(axis=2).mean() < 0.02
    assert (frames[0] != frames[-1]).any(axis=2).mean() > 0.1


def test_poses_are_the_simulated_ones(towers: StimulusSet, falls: int):
    scene = towers[falls].scene
    trajectory = simulate(scene)
    told = poses(towers[falls], fps=15)
    np.testing.assert_allclose(told["time_s"], np.arange(61) / 15)
    np.testing.assert_array_equal(told["position_m"], trajectory.positions[::2])
    np.testing.assert_allclose(np.linalg.norm(told["orientation"], axis=2), 1, atol=1e-12)
    turned = np.abs(told["orientation"][-1, :, 0]).min()
    assert turned < 0.99, "some block must have turned on its way down"


def test_a_frame_is_its_scene_drawn(towers: StimulusSet, falls: int, frames):
    stimulus = towers[falls]
    scene = json.loads(stimulus.scene.to_json())
    told = poses(stimulus, fps=10)
    for body, place, turn in zip(
        scene["bodies"], told["position_m"][12], told["orientation"][12], strict=True
    ):
        body["position_m"], body["orientation"] = place.tolist(), turn.tolist()
    drawn = render(Scene.from_json(json.dumps(scene)), stimulus.appearance, 56)
    np.testing.assert_array_equal(frames[12], drawn)


def test_no_block_sinks_or_flies(towers: StimulusSet, falls: int):
    heights = poses(towers[falls])["position_m"][:, :, 2]
    assert heights.min() > 0.3  # metres; a block's half side is 0.5
    assert heights.max() <= heights[0].max() + 0.05


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fps": 25}, "one of 1, 2, 3, 5, 6, 10, 15, 30, got 25"),
        ({"fps": 0}, "got 0"),
        ({"seconds": 4.5}, "between 0 and 4, got 4.5"),
        ({"seconds": -1.0}, "got -1.0"),
        ({"size_px": 0}, "got 0"),
    ],
)
def test_what_is_not_simulated_is_not_shown(towers: StimulusSet, options, words: str):
    with pytest.raises(ValueError, match=words):
        film(towers[0], **options)


def test_a_photograph_has_no_film(tmp_path: Path):
    Image.new("RGB", (28, 28), "red").save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("stimulus_id,image,will_fall\n7,a.png,1\n")
    photographs = StimulusSet.photographs(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="got `7`, which has none"):
        film(photographs[0])
    with pytest.raises(ValueError, match="got `7`, which has none"):
        write_films(photographs, tmp_path / "films", 1)
    assert not (tmp_path / "films").exists()


def test_png_sequences_are_exact(frames, tmp_path: Path):
    folder = write_png_sequence(frames[:4], tmp_path / "film")
    assert sorted(path.name for path in folder.iterdir()) == [f"00{i}.png" for i in range(4)]
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "003.png")), frames[3])


def test_a_gif_has_all_frames_and_the_right_time(frames, tmp_path: Path):
    path = write_gif(frames, tmp_path / "film.gif", fps=10)
    with Image.open(path) as gif:
        total = 0
        for number in range(gif.n_frames):
            gif.seek(number)
            total += gif.info["duration"]
        assert abs(total - 4100) <= 20
        gif.seek(0)
        shown = np.asarray(gif.convert("RGB")).astype(int)
    assert np.abs(shown - frames[0]).mean() < 4


def test_an_mp4_reads_back(frames, tmp_path: Path):
    av = pytest.importorskip("av")
    path = write_mp4(frames, tmp_path / "film.mp4", fps=10)
    with av.open(str(path)) as container:
        assert float(container.streams.video[0].average_rate) == 10
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(shown) == len(frames)
    assert np.abs(np.stack(shown).astype(int) - frames).mean() < 6
    with pytest.raises(ValueError, match="even size for MP4, got 55 × 56"):
        write_mp4(frames[:, :55], tmp_path / "odd.mp4")


def test_mp4_without_its_package_is_one_line(frames, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ValueError, match=r"pip install 'cogtrain\[video\]'"):
        write_mp4(frames, tmp_path / "film.mp4")
    words = ["render", "--out", str(tmp_path / "t"), "--count", "2", "--size_px", "28"]
    assert cli.main([*words, "--frames", "1", "--film", "mp4"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_verb_films_the_first_stimuli(tmp_path: Path, capsys):
    words = ["render", "--out", str(tmp_path / "t"), "--count", "3", "--size_px", "28"]
    assert cli.main([*words, "--frames", "2"]) == 0
    capsys.readouterr()
    stimuli = StimulusSet.open(tmp_path / "t")
    out = tmp_path / "t" / "frames"
    names = {name for i in stimuli.ids[:2] for name in (i, f"{i}.json")}
    assert {path.name for path in out.iterdir()} == names
    assert len(list((out / stimuli.ids[0]).iterdir())) == 121
    told = json.loads((out / f"{stimuli.ids[0]}.json").read_text())
    assert np.shape(told["position_m"])[0] == len(told["time_s"]) == 121
    assert cli.main([*words[:2], str(tmp_path / "u"), *words[3:], "--frames", "-1"]) == 2
    assert "at least 0, got -1" in capsys.readouterr().err
