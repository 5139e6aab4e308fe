"""Image columns of Parquet and Arrow files, written by pyarrow as Hugging Face datasets does."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from cogtrain import Loader, StimulusSet, _core
from cogtrain.image_column import ColumnFile, ImageColumn

LABEL = {"will_fall": "label"}
ROWS = 25


def image(value: int) -> np.ndarray:
    return np.random.default_rng(value).integers(0, 256, (5, 7, 3), dtype=np.uint8)


def encoded(value: int, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image(value)).save(buffer, kind, lossless=True)
    return buffer.getvalue()


def table(start: int = 0, **columns: Any) -> pa.Table:
    values = range(start, start + ROWS)
    images = [{"bytes": encoded(n, ("PNG", "WEBP")[n % 2]), "path": f"{n}.png"} for n in values]
    own = {"image": images, "label": [n % 2 for n in values], "uid": [f"u{n}" for n in values]}
    return pa.table(own | {"n_blocks": list(values), "caption": ["x" * 99] * ROWS} | columns)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "towers.parquet"
    parquet.write_table(table(), path, row_group_size=4)
    return path


def test_rows_become_stimuli(file: Path):
    columns = LABEL | {"stimulus_id": "uid", "n_blocks": "n_blocks"}
    stimuli = StimulusSet.parquet(file, columns=columns)
    assert (stimuli.name, len(stimuli), stimuli.ids[3]) == ("towers", ROWS, "u3")
    for n in (0, 3, 4, 24, 7):
        stimulus = stimuli[n]
        np.testing.assert_array_equal(stimulus.image, image(n))
        assert stimulus.answers == {"will_fall": ("no", "yes")[n % 2]}
        assert stimulus.factors == {"n_blocks": n}


def test_files_of_a_folder_follow_one_another(tmp_path: Path, file: Path):
    parquet.write_table(table(start=100), tmp_path / "u.parquet", row_group_size=7)
    stimuli = StimulusSet.parquet(tmp_path, columns=LABEL)
    assert len(stimuli) == 2 * ROWS
    assert stimuli.ids[ROWS - 1 : ROWS + 1] == ["towers-000024", "u-000000"]
    for n in (0, ROWS - 1, ROWS, 2 * ROWS - 1):
        value = n if n < ROWS else n - ROWS + 100
        np.testing.assert_array_equal(stimuli[n].image, image(value))


def test_plain_bytes_and_files_beside_are_read(tmp_path: Path):
    (tmp_path / "beside.png").write_bytes(encoded(5))
    plain = pa.array([encoded(3), encoded(4)], pa.large_binary())
    beside = [{"bytes": None, "path": "beside.png"}] * 2
    both = pa.table({"img": plain, "far": beside, "label": ["yes", "no"]})
    path = tmp_path / "x.parquet"
    parquet.write_table(both.cast(both.schema.set(1, _image_field("far"))), path)
    first = StimulusSet.parquet(path, columns=LABEL | {"image": "img"})
    np.testing.assert_array_equal(first[1].image, image(4))
    second = StimulusSet.parquet(path, columns=LABEL | {"image": "far"})
    np.testing.assert_array_equal(second[1].image, image(5))


def _image_field(name: str) -> pa.Field:
    return pa.field(name, pa.struct({"bytes": pa.binary(), "path": pa.string()}))


def test_a_folder_saved_by_datasets_is_read(tmp_path: Path):
    rows = table()
    path = str(tmp_path / "data-00000-of-00001.arrow")
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=6)
    stimuli = StimulusSet.parquet(tmp_path, columns=LABEL)
    np.testing.assert_array_equal(stimuli[13].image, image(13))


def test_names_of_classes_are_understood(tmp_path: Path):
    features = {"label": {"names": ["stands", "falls"], "_type": "ClassLabel"}}
    notes = {"huggingface": json.dumps({"info": {"features": features}})}
    path = tmp_path / "x.parquet"
    parquet.write_table(table().replace_schema_metadata(notes), path)
    answers = {"will_fall": {"stands": "no", "falls": "yes"}}
    stimuli = StimulusSet.parquet(path, columns=LABEL, answers=answers)
    assert [stimuli[n].answers["will_fall"] for n in range(3)] == ["no", "yes", "no"]


def test_row_groups_in_memory_are_bounded_and_read_alone(file: Path):
    rows = ColumnFile(file)
    size = rows.group(0, "image").nbytes
    images = ImageColumn([rows], "image", limit_bytes=2 * size + size // 2)
    for n in [*range(ROWS), 3, 24, 0]:
        assert images.content(n) == encoded(n, ("PNG", "WEBP")[n % 2])
        assert images.held_bytes <= 2 * size + size // 2
    tight = ImageColumn([rows], "image", limit_bytes=1)
    assert tight.content(0)
    assert tight.content(9)
    assert tight.held_bytes == rows.group(2, "image").nbytes


def test_a_loader_of_many_threads_gives_every_row(file: Path):
    stimuli = StimulusSet.parquet(file, columns=LABEL, limit_bytes=1)
    batches = list(Loader([stimuli], batch_size=5, seed=1, threads=4))
    seen = {i: batch.images[n] for batch in batches for n, i in enumerate(batch.ids)}
    assert sorted(seen) == stimuli.ids
    np.testing.assert_array_equal(seen["towers-000011"], image(11))


def test_the_fingerprint_follows_images_and_answers(tmp_path: Path, file: Path):
    def fingerprint(rows: pa.Table, **options: Any) -> str:
        parquet.write_table(rows, tmp_path / "y.parquet")
        return StimulusSet.parquet(tmp_path / "y.parquet", columns=LABEL, **options).fingerprint

    first = fingerprint(table())
    assert fingerprint(table()) == first
    assert fingerprint(table(start=2)) != first
    flipped = {"will_fall": {"0": "yes", "1": "no"}}
    assert fingerprint(table(), answers=flipped) != first


def test_a_damaged_image_or_empty_cell_is_named(tmp_path: Path):
    cells = [{"bytes": encoded(0)[:-20], "path": None}, {"bytes": None, "path": None}]
    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"image": cells, "label": [1, 0]}), path)
    stimuli = StimulusSet.parquet(path, columns=LABEL)
    with pytest.raises(_core.CorruptImageError, match=r"x\.parquet, row 1`.*end early"):
        _ = stimuli[0]
    with pytest.raises(OSError, match=r"x\.parquet, row 2`: an empty cell in column `image`"):
        _ = stimuli[1]


def test_damaged_files_are_named(tmp_path: Path, file: Path):
    whole = file.read_bytes()
    for cut in (0, 3, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.parquet").write_bytes(whole[:cut])
        with pytest.raises(ValueError, match=r"readable Parquet or Arrow file in .*cut\.parquet"):
            StimulusSet.parquet(tmp_path / "cut.parquet", columns=LABEL)


def test_mistakes_in_the_declaration_are_named(tmp_path: Path, file: Path):
    for columns, words in [
        ({"will_fall": "lable"}, r"column `lable` \(for `will_fall`\).*got image, label"),
        (LABEL | {"image": "uid"}, r"image files in column `uid` .* got string"),
        ({"n": "n_blocks"}, r"name a question \(will_fall.*got n;"),
        (LABEL | {"stimulus_id": "label"}, "`0` twice"),
        ({"will_fall": "n_blocks"}, r"in row 3 of `.*towers\.parquet`, got '2'; say"),
    ]:
        with pytest.raises(ValueError, match=words):
            StimulusSet.parquet(file, columns=columns)
    with pytest.raises(FileNotFoundError, match=r"\.parquet or \.arrow files at .*none"):
        StimulusSet.parquet(tmp_path / "none", columns=LABEL)
    with pytest.raises(FileNotFoundError, match=r"with `StimulusSet\.parquet`"):
        StimulusSet.open(tmp_path)
