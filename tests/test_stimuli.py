import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogtrain import Generator, Scene, StimulusSet, Task, render, simulate


def towers(**changes):
    asked = {"count": 24, "size_px": 56, "factors": {"margin": [0.05, 0.3]}}
    return StimulusSet.recipe(**(asked | changes))


def test_a_stimulus_has_what_the_contract_names():
    stimulus = towers()[1]
    assert len(stimulus.id) == 32
    assert stimulus.image.shape == (56, 56, 3)
    assert stimulus.image.dtype == np.uint8
    assert stimulus.answers == {"will_fall": "yes"}
    assert stimulus.margin < 0
    assert stimulus.factors["margin"] == pytest.approx(stimulus.margin)
    assert stimulus.scene == Scene.from_json(stimulus.scene.to_json())


def test_labels_are_balanced_within_every_height():
    rows = [(s.factors["n_blocks"], s.answers["will_fall"]) for s in towers(count=120)]
    assert {row: rows.count(row) for row in rows} == {
        (n, a): 10 for n in range(2, 8) for a in ("yes", "no")
    }


def test_sign_of_the_margin_is_the_answer():
    for stimulus in towers(count=60):
        assert (stimulus.margin < 0) == (stimulus.answers["will_fall"] == "yes")
        assert 0.05 <= abs(stimulus.margin) <= 0.3


def test_the_simulator_agrees_away_from_the_threshold():
    for stimulus in towers(factors={"margin": [0.1, 0.3]}, size_px=28):
        assert stimulus.simulated == stimulus.answers


def test_the_same_recipe_gives_the_same_bytes_and_a_longer_one_begins_with_it():
    short, long = towers(count=6), towers(count=12)
    assert [s.id for s in short] == [s.id for s in long][:6]
    assert np.array_equal(short[5].image, long[5].image)
    assert short.fingerprint == towers(count=6).fingerprint != long.fingerprint


@pytest.mark.parametrize("change", [{"split": "val"}, {"split": "train"}, {"seed": 1}])
def test_splits_and_seeds_share_no_stimulus(change):
    assert not {s.id for s in towers()} & {s.id for s in towers(**change)}


def test_the_id_is_of_the_scene_not_of_the_grid():
    assert towers()[3].id == towers(size_px=84)[3].id


def test_ids_come_without_images():
    assert towers().ids == [s.id for s in towers()]


def test_names_and_domain():
    assert towers(factors={"size": "large"}).name == "tower-large"
    assert towers().name == "tower"
    assert towers().domain == "physics"
    assert Task("tower").questions["will_fall"] == ["yes", "no"]
    assert Task("tower").main_questions == ["will_fall"]
    assert Task("pyramid").domain == "causal"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"task": "towr"}, "`towr`.*did you mean `tower`"),
        ({"style": "cubewrld"}, "`cubewrld`.*did you mean `cubeworld`"),
        ({"split": "tset"}, "`tset`.*did you mean `test`"),
        ({"factors": {"n_block": [2]}}, "`n_block`.*did you mean `n_blocks`"),
        ({"factors": {"n_blocks": [1]}}, r"`n_blocks`.*got 1;"),
        ({"factors": {"margin": [0.00001, 0.2]}}, r"`margin`.*got \[0.00001,0.2\]"),
        ({"factors": {"margin": float("nan")}}, "`margin` to be a finite number, got nan"),
        ({"factors": {"side_m": -1}}, "`side_m`.*got -1"),
        ({"factors": {"palette": "equilumnant"}}, "`palette`.*equiluminant, got"),
        ({"factors": {"size": "small", "n_blocks": [2]}}, "`size` or `n_blocks`, got both"),
        ({"task": "pyramid", "factors": {"n_rows": 2, "red_row": "3"}}, "one of 1 for n_rows = 2"),
        (
            {"count": 10, "design": {"twins": {"change": "mirror"}}},
            "multiple of 24.*got 10; use 24",
        ),
        ({"design": {"hold_out": [{"n_blocks": [2, 3, 4, 5, 6, 7]}]}}, "leaves nothing"),
        ({"design": {"cross": "crossed"}}, "`cross`; did you mean `crossing`"),
        ({"questions": ["will_fal"]}, "`will_fal`; did you mean `will_fall`"),
        ({"count": 0}, "`count`.*got 0"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(change, words):
    with pytest.raises(ValueError, match=words):
        towers(**change)


def test_an_index_outside_is_refused():
    with pytest.raises(IndexError, match="below 24, got 24"):
        towers()[24]
    assert towers()[-1].id == towers()[23].id


def test_a_scene_can_be_rendered_and_simulated_alone():
    scene = towers()[0].scene
    assert np.array_equal(render(scene, size_px=56), towers()[0].image)
    trajectory = simulate(scene)
    assert not trajectory.fell
    assert trajectory.displacement_m < 0.05
    assert trajectory.positions.shape == (121, len(json.loads(scene.to_json())["bodies"]), 3)


def test_a_generator_is_the_set_without_its_end():
    generator = Generator(factors={"margin": [0.05, 0.3]}, size_px=56)
    assert generator.stimulus(7).id == towers()[7].id
    assert generator.scene(10_000) == towers(count=10_001)[10_000].scene
    with pytest.raises(ValueError, match="did you mean `n_blocks`"):
        Generator(factors={"n_blocs": [2]})


def test_a_broken_scene_is_named():
    text = json.loads(towers()[0].scene.to_json())
    text["bodies"][1]["density"] = -1.0
    with pytest.raises(ValueError, match=r"scene.bodies\[1\].density.*-1"):
        Scene.from_json(json.dumps(text))


def write_table(folder: Path, rows: list[str]) -> Path:
    for name in ("a", "b"):
        Image.new("RGB", (28, 28), "red").save(folder / f"{name}.png")
    table = folder / "stimuli.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


def test_photographs_keep_ids_as_text(tmp_path):
    table = write_table(tmp_path, ["stimulus_id,image,will_fall", "001,a.png,1", "002,b.png,no"])
    photographs = StimulusSet.photographs(table)
    assert [s.id for s in photographs] == photographs.ids == ["001", "002"]
    assert [s.answers["will_fall"] for s in photographs] == ["yes", "no"]
    assert photographs[0].scene is None
    assert photographs[0].simulated is None


def test_the_folder_of_the_images_may_be_given_itself(tmp_path):
    table = write_table(tmp_path, ["stimulus_id,image,will_fall", "1,images/a.png,1"])
    assert StimulusSet.photographs(table, tmp_path)[0].image.shape == (28, 28, 3)


@pytest.mark.parametrize(
    ("rows", "error", "words"),
    [
        (["stimulus_id,image,will_fall", "1,a.png,1", "1,b.png,0"], ValueError, "unique.*'1'"),
        (["stimulus_id,image,will_fall", "1,a.png,maybe"], ValueError, "got 'maybe'"),
        (["stimulus_id,image", "1,a.png"], ValueError, "`will_fall`.*got stimulus_id, image"),
        (["stimulus_id,will_fall", "1,1"], ValueError, "`image`"),
        (["stimulus_id,image,will_fall"], ValueError, "at least one row"),
        (["stimulus_id,image,will_fall", "1,x/c.png,1"], FileNotFoundError, r"x/c\.png"),
    ],
)
def test_a_wrong_table_is_refused_by_name(tmp_path, rows, error, words):
    with pytest.raises(error, match=words):
        StimulusSet.photographs(write_table(tmp_path, rows))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        StimulusSet.photographs(tmp_path / "nowhere.csv")


GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("index", [0, 5, 11])
def test_golden_towers(index):
    """Re-made by `make golden`, never by hand."""
    expected = np.asarray(Image.open(GOLDEN / f"tower-{index}.png"))
    assert np.array_equal(StimulusSet.recipe(size_px=112)[index].image, expected)
