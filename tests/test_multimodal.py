"""The predecessor's public layout, made up: same files and counts, no datum of theirs."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from cogtrain import Judgments, StimulusSet
from cogtrain.multimodal import read_towers

IDS = [str(3 * i + 1) for i in range(100)]
FALLS = {name: index < 49 for index, name in enumerate(IDS)}


def said(person: int, row: int) -> int:
    return (person * 7 + row * 3) % 5 % 2


def write(path: Path, rows: list[list[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "multimodal"
    images = root / "eval" / "images" / "lerer100"
    images.mkdir(parents=True)
    for name in IDS:
        Image.new("RGB", (4, 4), (int(name) % 256, 0, 0)).save(images / f"{name}.png")
    results: list[list[object]] = [["Image", "Experiment", "GT", "MODEL-A", "MODEL-B", "", "P3"]]
    results += [[name, 1, "White", "Red", "White", "", ""] for name in IDS]
    results += [[name, 2, "red, blue", "red", "blue", "", "2"] for name in IDS]
    results += [[n, 3, int(FALLS[n]), 1, "" if n == IDS[5] else 0, "", "9"] for n in IDS]
    write(root / "data" / "LERER_RESULTS_NEW.csv", results)
    people = [["", *range(107)]]
    people += [[row, *(f"{said(p, row)}.0" for p in range(107))] for row in range(100)]
    write(root / "data" / "tower_human_data.csv", people)
    lines = [f"{n} 0 1 9 1 9 5 5 0 0 8 7 0 0 1 3 0 0 {int(FALLS[n])}" for n in IDS]
    (root / "eval" / "blocks_metadata.txt").write_text("\n".join([*lines, "", ""]))
    return root


def test_stimuli_people_and_models(repository):
    towers = read_towers(repository)
    assert towers.stimuli.ids == IDS
    assert towers.stimuli.domain == "physics"
    first = towers.stimuli[0]
    assert (first.answers["will_fall"], first.factors["n_blocks"]) == ("yes", 2)
    assert (first.answers | first.factors)["colors_top_to_bottom"] == "red, blue"
    assert sum(s.answers["will_fall"] == "yes" for s in towers.stimuli) == 49
    answers = {(r.observer_id, r.stimulus_id): r.response for r in towers.humans.table.itertuples()}
    assert len(answers) == 10700
    assert all(
        answers[f"h{p:03d}", name] == ("yes" if said(p, row) else "no")
        for p in (0, 50, 106)
        for row, name in enumerate(IDS)
    )
    assert towers.models.names("observer_id") == ["MODEL-A", "MODEL-B"]
    assert towers.models.table["response"].isna().sum() == 1


def test_written_tables_are_read_back(repository, tmp_path):
    towers = read_towers(repository, out=tmp_path / "tidy")
    assert towers.stimuli.humans == tmp_path / "tidy" / "human_judgments.csv"
    again = StimulusSet.photographs(tmp_path / "tidy" / "stimuli.csv", humans=towers.stimuli.humans)
    assert again.fingerprint == towers.stimuli.fingerprint
    assert Judgments.humans(towers.stimuli.humans, again.ids) == towers.humans


def test_the_older_place_of_the_images_is_known(repository):
    images = repository / "eval" / "images"
    (images / "lerer").mkdir()
    for path in (images / "lerer100").iterdir():
        path.rename(images / "lerer" / f"img_frame1_{path.name}")
    assert len(read_towers(repository).stimuli) == 100


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("data/LERER_RESULTS_NEW.csv", "GT", "TRUTH", "column `GT` .*got Image, Experiment, TRUTH"),
        ("data/LERER_RESULTS_NEW.csv", "1,3,1,1", "1,3,0,1", "49 fall .*got 100 of which 48 fall"),
        ("data/LERER_RESULTS_NEW.csv", "1,3,1,1", "1,4,1,1", "got 99 of which 48 fall"),
        ("data/LERER_RESULTS_NEW.csv", "1,3,1,1", "1,3,1,7", "1 or 0 for image 1 .*got '7'"),
        ("data/tower_human_data.csv", ",106", "", "rows of 107 people .*got 100 rows of 106"),
        ("data/tower_human_data.csv", "\n0,0.0", "\n0,0.5", "for image 1 .*got '0.5'"),
        ("eval/blocks_metadata.txt", "0 1\n", "0 0\n", r"image 1 \(fell: True\).*got fell: False"),
        ("eval/blocks_metadata.txt", "1 0 1 9", "2 0 1 9", "image 1 .*got nothing"),
        ("eval/blocks_metadata.txt", "1 0 1 9", "1 0 9", "19 numbers .* line 1 of .*got '1 0 9 1"),
    ],
)
def test_what_is_not_as_published_is_one_clear_line(repository, file, old, new, words):
    replaced(repository / file, old, new)
    with pytest.raises(ValueError, match=words) as caught:
        read_towers(repository)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "file",
    ["data/LERER_RESULTS_NEW.csv", "data/tower_human_data.csv", "eval/images/lerer100/4.png"],
)
def test_an_absent_file_is_named(repository, file):
    (repository / file).unlink()
    with pytest.raises(FileNotFoundError, match=file):
        read_towers(repository)
