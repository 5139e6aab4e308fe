"""The verb as a user meets it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cogtrain import StimulusSet, _core, cli
from cogtrain.audit.integrity import shards
from cogtrain.audit.measure import measure
from cogtrain.audit.run import audit, main_question
from cogtrain.audit.sheet import caption

NAMES = {"audit.md", "audit.json", "contact_sheet.png"}


def recipe(folder: Path, name: str = "tower.yaml", **changes) -> Path:
    asked = {"task": "tower", "count": 24, "size_px": 28} | changes
    path = folder / name
    path.write_text("\n".join(f"{key}: {json.dumps(value)}" for key, value in asked.items()))
    return path


def rendered(folder: Path, count: int) -> Path:
    command = ["render", "--out", str(folder), "--count", str(count), "--size_px", "28"]
    assert cli.main(command) == 0
    return folder


def squares(folder: Path, count: int = 40, tell: bool = False) -> Path:
    """Photographs of noise; the bright ones fall if they `tell`."""
    rng = np.random.default_rng(0)
    lines = ["stimulus_id,image,will_fall,size"]
    for index in range(count):
        falls = index % 2
        low, high = (80 * falls, 80 * falls + 60) if tell else (0, 140)
        pixels = rng.integers(low, high, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
        lines.append(f"{index},{index}.png,{falls},{2 + index // 2 % 2}")
    table = folder / "squares.csv"
    table.write_text("\n".join(lines) + "\n")
    return table


def test_a_telling_set_fails_with_code_1(tmp_path, capsys):
    code = cli.main(["audit", str(squares(tmp_path, tell=True)), "--out", str(tmp_path / "out")])
    printed = capsys.readouterr()
    assert code == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} == NAMES
    assert "# Audit: " in printed.out
    assert (
        "failed: Shortcuts to `will_fall`: mean colour predicts the truth: 100.0 %" in printed.err
    )
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert content["passed"] is False
    assert content["failures"] == [
        line.removeprefix("failed: ") for line in printed.err.splitlines()
    ]


def test_a_quiet_set_passes_beside_its_table(tmp_path, capsys):
    table = squares(tmp_path)
    assert cli.main(["audit", str(table)]) == 0
    assert "# Audit: passed" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "squares-audit").iterdir()} == NAMES
    text = (tmp_path / "squares-audit" / "audit.md").read_text()
    assert "Height, area and centroid come from: pixels" in text
    assert "| `size` | no | yes | all |" in text


def test_a_rendered_folder_holds_its_own_audit(tmp_path):
    folder = rendered(tmp_path / "towers", count=12)
    cli.main(["audit", str(folder)])
    assert {path.name for path in (folder / "audit").iterdir()} == NAMES
    assert len(StimulusSet.open(folder)) == 12


def test_splits_of_a_recipe_share_nothing_and_a_set_shares_all_with_itself(tmp_path):
    def between(*paths: Path):
        sets = {
            str(path): StimulusSet.recipe(count=8, size_px=28, split=path.stem) for path in paths
        }
        return audit(sets, tmp_path / "out").between

    report = between(Path("train"), Path("test"))
    assert report is not None
    assert report.level in ("pass", "warn")
    assert report.data["shared"][0]["ids"] == "0"
    same = audit(
        {name: StimulusSet.recipe(count=8, size_px=28) for name in "ab"}, tmp_path / "twice"
    )
    assert same.between.level == "fail"
    assert "share 8 ids" in same.between.findings[0].text
    assert (tmp_path / "twice" / "contact_sheet_2.png").is_file()


def test_a_truncated_image_is_a_failure_not_an_end(tmp_path, capsys):
    table = squares(tmp_path)
    whole = (tmp_path / "4.png").read_bytes()
    (tmp_path / "4.png").write_bytes(whole[:200])
    assert cli.main(["audit", str(table)]) == 1
    assert "1 of 40 stimuli cannot be read; the first is stimulus 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.yaml", "task: tower\ncuont: 3", "`cuont`; the nearest is `count`"),
        ("x.yaml", "task: [", "expected YAML in"),
        ("x.yaml", "", "expected a recipe (task: ..., count: ...)"),
        ("x.yaml", "task: towr", "towr"),
        ("x.json", "{", "expected JSON in"),
        ("x.txt", "", "expected a folder, a table (.csv, .tsv, .parquet) or a recipe"),
        ("x.csv", "a,b\n1,2", "column `stimulus_id`"),
    ],
)
def test_what_is_no_set_is_one_clear_line(tmp_path, capsys, name, content, words):
    (tmp_path / name).write_text(content)
    assert cli.main(["audit", str(tmp_path / name)]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert words in errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--bound", "1.5"], "got 1.5"),
        (["--margin_noise_m", "-1"], "got -1.0"),
        (["--margin_noise_m", "nan"], "got nan"),
        (["--questions", "[wil_fall]"], "got `wil_fall`; the nearest is `will_fall`"),
    ],
)
def test_wrong_options_are_one_clear_line(tmp_path, capsys, options, words):
    path = recipe(tmp_path)
    assert cli.main(["audit", str(path), *options]) == 2
    assert words in capsys.readouterr().err


def test_a_missing_set_is_named(tmp_path, capsys):
    assert cli.main(["audit", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_manifest_is_a_recipe(tmp_path):
    folder = rendered(tmp_path / "towers", count=6)
    assert cli.main(["audit", str(folder / "manifest.json"), "--out", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert content["sets"][0]["count"] == 6


def test_looks_do_not_depend_on_threads():
    stimuli = StimulusSet.recipe(count=12, size_px=28)
    one, two = measure(stimuli, threads=1), measure(stimuli, threads=3)
    for first, second in zip(one.looks, two.looks, strict=True):
        assert (first.id, first.pixels, first.extent) == (second.id, second.pixels, second.extent)
        assert np.array_equal(first.thumbnail, second.thumbnail)


class Shards:
    """A set on disk whose second shard is damaged."""

    def verify(self, number: int) -> None:
        if number == 1:
            raise ValueError("expected the bytes of shard-00001.tar, got others")


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1 shards are what was written"), (2, "shard 1: expected the bytes of shard-00001.tar")],
)
def test_shards_are_compared_with_their_hashes(tmp_path, monkeypatch, count, words):
    manifest = json.dumps({"shards": [{}] * count})
    (tmp_path / "manifest.json").write_text(manifest)
    monkeypatch.setattr(_core, "read_manifest", lambda folder: manifest, raising=False)
    assert words in shards(Shards(), tmp_path)[0].text
    assert shards(Shards(), tmp_path / "elsewhere") == []


def test_captions_hide_the_id(made):
    seen = made.look(5, "yes", factors={"n_blocks": 3, "margin": -0.1, "where": "x" * 60})
    lines = caption(seen, "will_fall")
    assert lines[0] == "will_fall: yes"
    assert "margin -0.100 m" in lines[1]
    assert all(len(line) <= 27 for line in lines)
    assert not any(seen.id in line for line in lines)


def test_the_main_question_is_the_causal_or_physical_one(made):
    def main(*questions: str):
        return main_question(made.measured([made.look(0, answers=dict.fromkeys(questions, "yes"))]))

    assert main("block_count", "will_fall") == "will_fall"
    assert main("will_fall", "will_fall_if_removed") == "will_fall_if_removed"
    assert main("block_count") == "block_count"
    assert main() is None


def test_neither_torch_nor_matplotlib_is_needed_to_be_asked():
    code = (
        "import sys; import cogtrain; from cogtrain.cli import main\n"
        "try:\n    main(['audit', '--help'])\nexcept SystemExit:\n    pass\n"
        "print(*({'torch', 'sklearn', 'matplotlib'} & set(sys.modules)), 'none')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "none"


def test_an_audit_needs_no_torch(tmp_path):
    code = (
        f"import sys; from cogtrain.cli import main; main(['audit', {str(squares(tmp_path))!r}])\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
