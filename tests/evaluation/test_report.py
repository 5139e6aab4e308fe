import csv
import json

import numpy as np
import pytest
from PIL import Image

from cogtrain.evaluation.report import report
from cogtrain.evaluation.run import Run
from cogtrain.judgments import Judgments
from cogtrain.metrics import Estimate, SetMetrics, append_estimates

IDS = [f"s{number}" for number in range(30)]
TRUTH = ["yes", "no"] * 15


def make_run(folder, *, seed=0, humans=True):
    source = np.random.default_rng(seed)
    probability = source.random(30)
    people = Judgments.concat(
        Judgments.from_model(
            f"p{i}", IDS, source.integers(0, 2, 30), observer_kind="human", set="wood/tower"
        )
        for i in range(3)
    )
    metrics = SetMetrics(people if humans else None)
    metrics.update(IDS, probability, TRUTH)
    folder.mkdir(parents=True)
    for step in (10, 20):
        append_estimates(
            folder / "metrics.jsonl",
            {"accuracy": Estimate(step / 40, 0.2, 0.8, 30, 0.5)},
            stage="val",
            set="tower",
            step=step,
        )
    append_estimates(
        folder / "metrics.jsonl", metrics.compute(), stage="test", set="wood/tower", step=20
    )
    own = Judgments.from_model("m", IDS, probability, set="wood/tower", truth=TRUTH)
    Judgments.concat([own, people] if humans else [own]).write(folder / "judgments.parquet")
    manifest = {"versions": {"cogtrain": "0.1.0"}, "git_commit": "abc1234", "command": ["fit"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    keep_pictures(folder / "report" / "stimuli", source)
    return folder


def keep_pictures(folder, source):
    folder.mkdir(parents=True)
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("set", "stimulus_id", "file"))
        for name in IDS[:7]:
            pixels = source.integers(0, 255, (28, 28, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}.png")
            writer.writerow(("wood/tower", name, f"{name}.png"))


def pictures(folder):
    """Figures, each opened and more than one colour."""
    found = {}
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as image:
            found[path.name] = image.size
            assert len(np.unique(np.asarray(image.convert("L")))) > 10
    return set(found)


def test_one_run(tmp_path):
    run = make_run(tmp_path / "fit-1")
    page = report([run])
    assert page == run / "report" / "report.md"
    text = page.read_text()
    assert "cogtrain 0.1.0, commit `abc1234`, command `fit`" in text
    assert "## Results (test)" in text
    assert "| wood/tower | fit-1 | accuracy |" in text
    shown = pictures(page.parent)
    assert shown == {
        "accuracy.png", "spearman.png", "error_consistency.png", "training.png",
        "stimuli-wood_tower.png",
    }  # fmt: skip
    assert all(f"]({name})" in text for name in shown)


def test_the_same_run_gives_the_same_page(tmp_path):
    run = make_run(tmp_path / "fit-1")
    first = report([run], tmp_path / "a")
    second = report([run], tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    for name in pictures(tmp_path / "a"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_several_runs_side_by_side(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [make_run(tmp_path / place / "fit-1", seed=seed) for seed, place in enumerate("ab")]
    page = report(runs)
    assert page.resolve() == tmp_path / "report" / "report.md"
    text = page.read_text()
    assert text.startswith("# fit-1 and fit-1 (2)\n")
    assert "| wood/tower | fit-1 (2) | accuracy |" in text


def test_a_sheet_shows_the_runs_that_judged_its_set(tmp_path):
    first = make_run(tmp_path / "first")
    table = Judgments.read(first / "judgments.parquet").table
    Judgments(table.assign(set="elsewhere")).write(first / "judgments.parquet")
    second = make_run(tmp_path / "second")
    text = report([first, second], tmp_path / "both").read_text()
    assert "the frame is green where second is right" in text


def test_pictures_can_come_from_elsewhere(tmp_path):
    run = make_run(tmp_path / "fit-1")
    (run / "report" / "stimuli" / "index.csv").unlink()
    asked = []

    def image_of(name, stimulus):
        asked.append((name, stimulus))
        return None if stimulus == "s0" else np.full((28, 28, 3), 90, dtype=np.uint8)

    report([run], image_of=image_of)
    assert asked == [("wood/tower", name) for name in IDS[:24]]
    assert "stimuli-wood_tower.png" in pictures(run / "report")


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("manifest.json", "no `manifest.json`"),
        ("metrics.jsonl", "no `metrics.jsonl`"),
        ("judgments.parquet", "no `judgments.parquet`"),
        ("report/stimuli/index.csv", "No pictures: the runs kept no stimuli."),
    ],
)
def test_a_missing_part_costs_a_line(tmp_path, part, line):
    run = make_run(tmp_path / "fit-1")
    (run / part).unlink()
    text = report([run]).read_text()
    assert line in text
    assert "| wood/tower | fit-1 | accuracy |" in text


@pytest.mark.parametrize(
    "part", ["manifest.json", "metrics.jsonl", "judgments.parquet", "report/stimuli/index.csv"]
)
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe garbage\n\n[1", b"[]\n{}"])
def test_a_damaged_part_costs_a_line(tmp_path, part, content):
    run = make_run(tmp_path / "fit-1")
    (run / part).write_bytes(content)
    assert report([run]).is_file()


def test_missing_and_damaged_pictures_are_left_out(tmp_path):
    run = make_run(tmp_path / "fit-1")
    (run / "report/stimuli/s0.png").unlink()
    (run / "report/stimuli/s1.png").write_bytes(b"not a picture")
    report([run])
    assert "stimuli-wood_tower.png" in pictures(run / "report")
    for name in IDS[2:7]:
        (run / f"report/stimuli/{name}.png").unlink()
    assert "no picture can be read" in report([run]).read_text()


def test_without_logged_numbers_the_judgments_are_scored(tmp_path):
    run = make_run(tmp_path / "fit-1")
    logged = Run.open(run).results()["wood/tower"]
    (run / "metrics.jsonl").unlink()
    scored = Run.open(run).results()["wood/tower"]
    assert {name: scored[name] for name in logged} == logged


def test_undefined_numbers_are_drawn_as_such(tmp_path):
    run = make_run(tmp_path / "fit-1", humans=False)
    undefined = {"accuracy": Estimate(float("nan"), reason="no truth", chance=0.5)}
    append_estimates(run / "metrics.jsonl", undefined, stage="test", set="odd", step=20)
    text = report([run]).read_text()
    assert "| odd | fit-1 | accuracy | undefined | - |" in text
    assert "- fit-1, odd, accuracy: no truth" in text


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"got `.*nothing`, which does not exist"):
        report([tmp_path / "nothing"])
    with pytest.raises(ValueError, match=r"holds none of manifest\.json, judgments\.parquet"):
        report([tmp_path])
    with pytest.raises(ValueError, match="at least one run folder, got none"):
        report([])
