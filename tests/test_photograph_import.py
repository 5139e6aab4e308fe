import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cogtrain import StimulusSet, cli
from cogtrain._core import CorruptImageError

STABLE = {"will_fall": {"1": "no", "0": "yes"}}


def picture(path: Path, value: int = 200, size: int = 28) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), (value, value // 2, 0)).save(path)
    return path


def table(folder: Path, rows: list[str], name: str = "towers.csv") -> Path:
    for letter in "ab":
        picture(folder / f"{letter}.png")
    path = folder / name
    path.write_text("\n".join(rows) + "\n")
    return path


def test_foreign_columns_and_inverted_answers(tmp_path):
    path = table(tmp_path, ["file,path,stable,height", "t1,a.png,1,2", "t2,b.png,0,3"])
    names = {"stimulus_id": "file", "image": "path", "will_fall": "stable"}
    stimuli = StimulusSet.photographs(path, columns=names, answers=STABLE)
    assert stimuli.ids == ["t1", "t2"]
    assert [s.answers for s in stimuli] == [{"will_fall": "no"}, {"will_fall": "yes"}]
    assert [s.factors for s in stimuli] == [{"height": 2}, {"height": 3}]


def test_one_column_may_be_id_and_image(tmp_path):
    path = table(tmp_path, ["file,will_fall", "a.png,1", "b.png,0"])
    stimuli = StimulusSet.photographs(path, columns={"stimulus_id": "file", "image": "file"})
    assert stimuli.ids == ["a.png", "b.png"]


def test_columns_become_factors_of_one_type(tmp_path):
    rows = [
        "stimulus_id,image,will_fall,n,margin,code,room,ok,gap,will_fall_simulated,disagreement",
        "1,a.png,1,2,-0.1,007,A,true,1,yes,false",
        "2,b.png,0,-3,4,010,7,False,,no,false",
    ]
    first, second = StimulusSet.photographs(table(tmp_path, rows))
    assert first.factors == {
        "n": 2,
        "margin": -0.1,
        "code": "007",
        "room": "A",
        "ok": True,
        "gap": 1,
    }
    assert second.factors == {"n": -3, "margin": 4.0, "code": "010", "room": "7", "ok": False}
    assert isinstance(second.factors["margin"], float)
    assert (first.margin, second.margin) == (-0.1, 4.0)


def test_a_rendered_folder_keeps_factors_and_margins(tmp_path):
    folder = tmp_path / "towers"
    assert cli.main(["render", "--out", str(folder), "--count", "4", "--size_px", "28"]) == 0
    made, read = StimulusSet.recipe(count=4, size_px=28), StimulusSet.open(folder)
    for one, other in zip(made, read, strict=True):
        assert (one.id, one.answers, one.margin) == (other.id, other.answers, other.margin)
        assert one.factors == other.factors
        assert np.array_equal(one.image, other.image)


def test_factors_count_in_the_fingerprint(tmp_path):
    def fingerprint(height: int) -> str:
        rows = ["stimulus_id,image,will_fall,height", f"1,a.png,1,{height}"]
        return StimulusSet.photographs(table(tmp_path, rows)).fingerprint

    assert fingerprint(2) == fingerprint(2) != fingerprint(3)


@pytest.mark.parametrize("suffix", [".tsv", ".parquet"])
def test_other_tables_say_the_same(tmp_path, suffix):
    rows = {
        "stimulus_id": ["01", "02"],
        "image": ["a.png", "b.png"],
        "will_fall": [1, 0],
        "gap": [0.5, None],
    }
    table(tmp_path, [])
    frame, path = pd.DataFrame(rows), tmp_path / f"towers{suffix}"
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_csv(path, sep="\t", index=False)
    stimuli = StimulusSet.photographs(path)
    assert [s.answers["will_fall"] for s in stimuli] == ["yes", "no"]
    assert [s.factors for s in stimuli] == [{"gap": 0.5}, {}]
    assert stimuli.ids == ["01", "02"]


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (
            ["stimulus_id,image,stable", "1,a.png,1"],
            {"columns": {"will_fall": "stabel"}},
            r"column `stabel` \(for `will_fall`\).*got stimulus_id, image, stable",
        ),
        (
            ["stimulus_id,image,will_fall", "1,a.png,2"],
            {"answers": STABLE},
            "expected 1, 0 in column `will_fall` on line 2 .*got '2'",
        ),
        (
            ["stimulus_id,image,will_fall", "1,a.png,1"],
            {"answers": {"will_fall": {"1": "maybe"}}},
            "`will_fall` to mean yes, no, got `maybe` for `1`",
        ),
        (
            ["stimulus_id,image,will_fall", "1,a.png,1"],
            {"answers": {"wil_fall": {"1": "yes"}}},
            "got `wil_fall`; the nearest is `will_fall`",
        ),
        (["stimulus_id,image,will_fall", "1,a.png"], {}, "expected 3 cells on line 2 .*got 2"),
        (["stimulus_id,image,image,will_fall", "1,a,b,1"], {}, "got `image` twice"),
        (["stimulus_id,image,will_fall", ",a.png,1"], {}, "unique `stimulus_id` on line 2.*got ''"),
        ([""], {}, "column `stimulus_id` .*got none"),
    ],
)
def test_a_wrong_table_is_one_clear_line(tmp_path, rows, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        StimulusSet.photographs(table(tmp_path, rows), **options)
    assert "\n" not in str(caught.value)


def test_unreadable_tables_are_named(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(ValueError, match=r"readable \.parquet table in .*x\.parquet"):
        StimulusSet.photographs(tmp_path / "x.parquet")
    (tmp_path / "x.csv").write_bytes(b"stimulus_id,image,will_fall\n\xff\xfe,a,1\n")
    with pytest.raises(ValueError, match=r"UTF-8 in .*x\.csv.*0xff"):
        StimulusSet.photographs(tmp_path / "x.csv")
    (tmp_path / "x.xlsx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"\.csv, \.tsv or \.parquet table, got .*x\.xlsx"):
        StimulusSet.photographs(tmp_path / "x.xlsx")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"GIF89a-and-more", "got a GIF file"),
        (b"hello world", "starts with b'hello wo'"),
        (b"", "got an empty file"),
    ],
)
def test_other_images_are_refused_when_the_set_is_made(tmp_path, content, words):
    path = table(tmp_path, ["stimulus_id,image,will_fall", "1,a.png,1"])
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ValueError, match=rf"a\.png`, {words}|a\.png`.*{words}"):
        StimulusSet.photographs(path)


def test_a_truncated_image_is_named_when_it_is_read(tmp_path):
    path = table(tmp_path, ["stimulus_id,image,will_fall", "1,a.png,1"])
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    stimuli = StimulusSet.photographs(path)
    with pytest.raises(CorruptImageError, match=r"a\.png"):
        _ = stimuli[0]


def classes(folder: Path) -> Path:
    for name in ("stable/one.png", "stable/deep/two.png", "unstable/one.png"):
        picture(folder / name)
    (folder / "stable" / ".DS_Store").write_bytes(b"\0")
    return folder


ANSWERS = {"unstable": "yes", "stable": "no"}


def test_a_folder_per_class(tmp_path):
    stimuli = StimulusSet.folder(
        classes(tmp_path / "towers"), question="will_fall", answers=ANSWERS
    )
    assert stimuli.name == "towers"
    assert {s.id: s.answers["will_fall"] for s in stimuli} == {
        "stable/deep/two.png": "no",
        "stable/one.png": "no",
        "unstable/one.png": "yes",
    }


@pytest.mark.parametrize(
    ("answers", "error", "words"),
    [
        ({"stable": "no"}, ValueError, r"`answers` \(stable\), got `unstable`"),
        (ANSWERS | {"odd": "yes"}, FileNotFoundError, "folder `odd` .*got stable, unstable"),
        (ANSWERS | {"stable": "nope"}, ValueError, "to mean yes, no, got `nope` for `stable`"),
    ],
)
def test_a_wrong_class_is_one_clear_line(tmp_path, answers, error, words):
    with pytest.raises(error, match=words):
        StimulusSet.folder(classes(tmp_path), question="will_fall", answers=answers)


def test_empty_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder `unstable` .*got none"):
        StimulusSet.folder(tmp_path, question="will_fall", answers=ANSWERS)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        StimulusSet.folder(tmp_path / "nowhere", question="will_fall", answers=ANSWERS)
    classes(tmp_path)
    (tmp_path / "unstable" / "one.png").unlink()
    with pytest.raises(ValueError, match="unstable`, got an empty folder"):
        StimulusSet.folder(tmp_path, question="will_fall", answers=ANSWERS)


def test_stray_files_among_images_are_refused(tmp_path):
    (classes(tmp_path) / "stable" / "notes.txt").write_text("taken in May")
    with pytest.raises(ValueError, match=r"notes\.txt`, got a file that starts with b'taken in'"):
        StimulusSet.folder(tmp_path, question="will_fall", answers=ANSWERS)


def test_the_written_table_is_plain_csv(tmp_path):
    """What a spreadsheet writes: a byte-order mark, quotes, an empty last line."""
    path = table(tmp_path, [])
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows(
            [["stimulus_id", "image", "will_fall", "place"], ["1", "a.png", "1", "desk, left"], []]
        )
    assert StimulusSet.photographs(path)[0].factors == {"place": "desk, left"}
