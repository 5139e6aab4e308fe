"""The folder that `render` writes, beyond its shards: table, datasheet, recipe-only sets."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogtrain import StimulusSet, cli
from cogtrain.rendering import render_recipe, render_set
from cogtrain.stimulus_table import disagreement, row

RECIPE = {"task": "tower", "count": 12, "size_px": 56, "seed": 3}


@pytest.fixture(scope="module")
def towers() -> StimulusSet:
    return StimulusSet.recipe(**RECIPE)


@pytest.fixture(scope="module")
def rendered(towers: StimulusSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rendered") / "towers"
    return render_set(towers, out, recipe=RECIPE).folder


def test_the_table_says_what_the_stimuli_say(towers: StimulusSet, rendered: Path):
    with (rendered / "stimuli.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["stimulus_id"] for row in rows] == towers.ids
    for line, stimulus in zip(rows, towers, strict=True):
        assert line["image"] == f"{stimulus.id}.png"
        assert (rendered / line["shard"]).is_file()
        assert line["will_fall"] == stimulus.answers["will_fall"]
        assert float(line["margin_m"]) == stimulus.margin
        assert {name: line[name] for name in stimulus.factors} == {
            name: str(value) for name, value in stimulus.factors.items()
        }


def test_a_row_tells_all_that_is_flat():
    record = {
        "id": "a1",
        "answers": {"will_fall": "yes", "n_blocks": "3"},
        "simulated": {"will_fall": "no"},
        "margin_m": -0.25,
        "factors": {"n_blocks": 3, "flag": True},
        "task": "tower",
        "physics": {"displacement_m": 1.5, "contacts": [[0, 1]], "time_to_fall_s": None},
        "scene": {"bodies": [{"density": 1.0}]},
    }
    assert row(record, "s.tar") == {
        "stimulus_id": "a1",
        "image": "a1.png",
        "shard": "s.tar",
        "will_fall": "yes",
        "n_blocks": "3",
        "will_fall_simulated": "no",
        "disagreement": "true",
        "margin_m": -0.25,
        "flag": "true",
        "task": "tower",
        "physics.displacement_m": 1.5,
        "physics.time_to_fall_s": "",
    }
    assert disagreement(record | {"simulated": {"will_fall": "yes"}}) is False
    assert disagreement({"answers": {}}) is None


def test_the_manifest_tells_where_it_came_from(towers: StimulusSet, rendered: Path):
    manifest = json.loads((rendered / "manifest.json").read_text())
    assert manifest["fingerprint"] == towers.fingerprint
    assert manifest["count"] == manifest["counts"]["of"] == 12
    assert manifest["recipe"] == RECIPE
    assert StimulusSet.recipe(**manifest["recipe"]).fingerprint == towers.fingerprint


def test_counts_are_those_of_the_stimuli(towers: StimulusSet, rendered: Path):
    counts = json.loads((rendered / "manifest.json").read_text())["counts"]
    assert counts["answers"] == {"will_fall": {"no": 6, "yes": 6}}
    blocks = [str(stimulus.factors["n_blocks"]) for stimulus in towers]
    assert counts["factors"]["n_blocks"] == {n: blocks.count(n) for n in sorted(set(blocks))}
    assert "margin" not in counts["factors"]
    for entry in counts["cells"]:
        cell, n = entry["cell"], entry["count"]
        hits = [s for s in towers if (s.factors | s.answers).items() >= cell.items()]
        assert len(hits) == n
    assert sum(entry["count"] for entry in counts["cells"]) == 12


def test_an_empty_folder_is_taken_and_missing_parents_are_made(towers, rendered, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    render_set(towers, tmp_path / "empty", recipe=RECIPE)
    render_set(towers, tmp_path / "a" / "b" / "c", recipe=RECIPE)
    for folder in (tmp_path / "empty", tmp_path / "a" / "b" / "c"):
        for path in rendered.iterdir():
            assert (folder / path.name).read_bytes() == path.read_bytes()


def test_a_recipe_alone_is_the_same_set(towers: StimulusSet, tmp_path: Path):
    written = render_recipe(tmp_path / "towers", recipe=RECIPE)
    assert (written.stimuli, written.shards) == (12, 0)
    assert sorted(path.name for path in written.folder.iterdir()) == [
        "datasheet.md",
        "manifest.json",
    ]
    drawn = StimulusSet.open(tmp_path / "towers")
    assert (drawn.name, drawn.ids) == ("towers", towers.ids)
    assert drawn.fingerprint == towers.fingerprint
    np.testing.assert_array_equal(drawn[5].image, towers[5].image)
    counts = json.loads((written.folder / "manifest.json").read_text())["counts"]
    assert counts["answers"] == {"will_fall": {"no": 6, "yes": 6}}


def test_a_recipe_that_gives_other_stimuli_is_refused(tmp_path: Path, monkeypatch):
    render_recipe(tmp_path / "towers", recipe=RECIPE)
    real = StimulusSet.recipe
    monkeypatch.setattr(StimulusSet, "recipe", lambda **kw: real(**kw | {"seed": 99}))
    with pytest.raises(ValueError, match="this version makes other stimuli; use that version"):
        StimulusSet.open(tmp_path / "towers")


def test_a_recipe_of_a_later_version_is_refused(tmp_path: Path, monkeypatch):
    render_recipe(tmp_path / "towers", recipe=RECIPE)

    def earlier(*, task: str) -> None:
        raise AssertionError(task)

    monkeypatch.setattr(StimulusSet, "recipe", earlier)
    with pytest.raises(ValueError, match=r"got {.*'seed': 3.*}: .*unexpected keyword argument"):
        StimulusSet.open(tmp_path / "towers")


def test_photographs_can_be_written_too(tmp_path: Path):
    for name in ("a", "b"):
        Image.new("RGB", (28, 28), "red").save(tmp_path / f"{name}.png")
    table = tmp_path / "table.csv"
    table.write_text("stimulus_id,image,will_fall\n001,a.png,1\n002,b.png,0\n")
    photographs = StimulusSet.photographs(table)
    written = render_set(photographs, tmp_path / "set").folder
    stored = StimulusSet.open(written)
    assert (stored.ids, stored.fingerprint) == (["001", "002"], photographs.fingerprint)
    assert stored[0].scene is None
    assert stored[0].margin is None
    assert "were not made by cogtrain" in (written / "datasheet.md").read_text()
    table.write_text("stimulus_id,image,will_fall\na.b/1,a.png,1\n")
    with pytest.raises(ValueError, match=r"usable as a file name, got .*a\.b/1.*rename it"):
        render_set(StimulusSet.photographs(table), tmp_path / "other")
    assert not list(tmp_path.glob(".*"))


def test_the_verb_says_how_much_it_wrote(tmp_path: Path, capsys):
    words = ["render", "--out", str(tmp_path / "t"), "--count", "4", "--size_px", "28"]
    assert cli.main(words) == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"4 stimuli in {tmp_path / 't'} (1 shards, 0.0 MB, ")
    assert said.err == ""
    assert cli.main([*words[:2], str(tmp_path / "r"), *words[3:], "--recipe_only", "true"]) == 0
    assert "(recipe only, " in capsys.readouterr().out
    assert len(StimulusSet.open(tmp_path / "r")) == 4


def test_the_datasheet_makes_the_set_again(rendered: Path, tmp_path: Path, capsys):
    sheet = (rendered / "datasheet.md").read_text()
    design = sheet.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "design.yaml").write_text(design)
    words = ["--config", str(tmp_path / "design.yaml"), "--out", str(tmp_path / "again")]
    assert cli.main(["render", *words]) == 0
    capsys.readouterr()
    again = StimulusSet.open(tmp_path / "again")
    assert again.ids == StimulusSet.open(rendered).ids
    assert (tmp_path / "again" / "tower-000000.tar").read_bytes() == (
        rendered / "tower-000000.tar"
    ).read_bytes()


def test_an_option_on_the_command_line_wins_over_the_file(tmp_path: Path, capsys):
    (tmp_path / "design.yaml").write_text("count: 5\nsize_px: 28\nfactors: {size: large}\n")
    words = ["render", "--config", str(tmp_path / "design.yaml"), "--count", "6"]
    assert cli.main([*words, "--out", str(tmp_path / "set")]) == 0
    large = StimulusSet.open(tmp_path / "set")
    assert len(large) == 6
    assert all(stimulus.factors["n_blocks"] >= 5 for stimulus in large)
    (tmp_path / "design.yaml").write_text("cuont: 5\n")
    assert cli.main([*words, "--out", str(tmp_path / "other")]) == 2
    assert "got `cuont`; the nearest is `count`" in capsys.readouterr().err
