"""A set on disk is the set: same pixels, same truth, and whole or absent."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogtrain import StimulusSet
from cogtrain.rendering import render_folder


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.fixture(scope="module")
def towers() -> StimulusSet:
    return StimulusSet.recipe(count=12, size_px=56, seed=3)


@pytest.fixture
def rendered(towers: StimulusSet, tmp_path: Path) -> Path:
    return render_folder(towers, tmp_path / "towers", recipe={"task": "tower", "seed": 3})


def test_the_table_says_what_the_stimuli_say(towers: StimulusSet, rendered: Path):
    with (rendered / "stimuli.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["stimulus_id"] for row in rows] == [each.id for each in towers]
    for row, stimulus in zip(rows, towers, strict=True):
        assert row["will_fall"] == stimulus.answers["will_fall"]
        assert stimulus.simulated is not None
        assert row["will_fall_simulated"] == stimulus.simulated["will_fall"]
        assert (row["disagreement"] == "true") == (stimulus.simulated != stimulus.answers)
        assert float(row["margin"]) == stimulus.margin
        assert set(stimulus.factors) <= set(row)


def test_the_images_are_the_stimuli(towers: StimulusSet, rendered: Path):
    for stimulus in towers:
        image = np.asarray(Image.open(rendered / "images" / f"{stimulus.id}.png"))
        np.testing.assert_array_equal(image, stimulus.image)


def test_it_reads_back_as_a_set(towers: StimulusSet, rendered: Path):
    again = StimulusSet.open(rendered)
    assert again.name == "towers"
    assert [each.id for each in again] == [each.id for each in towers]
    assert [each.answers for each in again] == [each.answers for each in towers]
    np.testing.assert_array_equal(again[5].image, towers[5].image)


def test_the_manifest_tells_where_it_came_from(towers: StimulusSet, rendered: Path):
    manifest = json.loads((rendered / "manifest.json").read_text())
    assert manifest["fingerprint"] == towers.fingerprint
    assert manifest["count"] == 12
    assert manifest["recipe"] == {"task": "tower", "seed": 3}


def test_bytes_do_not_depend_on_threads(towers: StimulusSet, tmp_path: Path):
    one = render_folder(towers, tmp_path / "one", threads=1)
    many = render_folder(towers, tmp_path / "many", threads=7)
    assert files(one) == files(many)


def test_an_empty_folder_is_taken_and_missing_parents_are_made(towers: StimulusSet, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    render_folder(towers, tmp_path / "empty")
    render_folder(towers, tmp_path / "a" / "b" / "c")
    assert files(tmp_path / "empty") == files(tmp_path / "a" / "b" / "c")


def test_a_folder_that_holds_something_is_refused(towers: StimulusSet, tmp_path: Path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match=r"got .*/full, which holds something; choose"):
        render_folder(towers, tmp_path / "full")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match=r"got .*/file, which holds something"):
        render_folder(towers, tmp_path / "file")


def test_an_interruption_leaves_nothing(towers: StimulusSet, tmp_path: Path, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cogtrain.rendering._write_table", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render_folder(towers, tmp_path / "towers")
    assert list(tmp_path.iterdir()) == []
