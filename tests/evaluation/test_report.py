import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cogtrain.evaluation.answers import answers_of
from cogtrain.evaluation.report import report
from cogtrain.evaluation.run import Run
from cogtrain.judgments import Judgments
from cogtrain.metrics import Estimate, append_estimates

IDS = [f"s{number}" for number in range(30)]


def pictures(folder):
    """Figures, each opened and more than one colour."""
    found = {}
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as image:
            found[path.name] = image.size
            assert len(np.unique(np.asarray(image.convert("L")))) > 10
    return set(found)


FIGURES = {
    "accuracy", "spearman", "error_consistency", "training",
    "psychometric", "margin", "calibration",
}  # fmt: skip


def test_one_run(make_run, tmp_path):
    run = make_run(tmp_path / "fit-1")
    written = report([run])
    assert written.markdown == run / "report" / "report.md"
    text = written.markdown.read_text()
    assert "cogtrain 0.1.0, commit `abc1234`, command `fit`" in text
    assert "## Results (test)" in text
    assert "| wood/tower | fit-1 | accuracy |" in text
    sheet = "stimuli-wood_tower-will_fall.png"
    shown = pictures(run / "report")
    assert shown == {f"{name}.png" for name in FIGURES} | {sheet}
    assert all(f"]({name})" in text for name in shown)
    for name in FIGURES:
        assert (run / "report" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_the_page_holds_everything(make_run, tmp_path):
    html = report([make_run(tmp_path / "fit-1")]).page.read_text()
    assert all(f'vegaEmbed("#{name}"' in html for name in FIGURES)
    assert html.count("<div popover ") == 7
    places = re.findall(r"(?:src|href)=[\\\"']*([^\\\"'\s>]+)", html.rpartition("<body>\n")[2])
    # A table's own footnote links to its makers; nothing is fetched from there.
    assert all(place.startswith(("data:", "#", "https://itables.org")) for place in places)


def test_the_tables_say_the_same_as_the_page(make_run, tmp_path):
    run = make_run(tmp_path / "fit-1")
    report([run])
    results = pd.read_csv(run / "report" / "results.csv")
    opened = Run.open(run)
    for row in results[results["observer"] == "fit-1"].itertuples():
        logged = opened.results()[row.set][row.metric]
        assert row.value == pytest.approx(logged.value, nan_ok=True)
    answers = pd.read_csv(run / "report" / "answers.csv")
    own = answers[answers["observer"] == "fit-1"]
    assert own["correct"].mean() == pytest.approx(opened.results()["wood/tower"]["accuracy"].value)
    people = answers[answers["observer"] == "people"]
    assert set(people["n"]) == {3}
    judged = opened.judgments.split_people()[0].table.groupby("stimulus_id")["probability"].mean()
    shares = people.set_index("stimulus_id")["probability"]
    pd.testing.assert_series_equal(shares.sort_index(), judged.sort_index(), check_names=False)


def test_names_cannot_break_out_of_the_page(make_run, tmp_path):
    run = make_run(tmp_path / "fit-1")
    evil = "</script><script>alert(1)</script>"
    table = Judgments.read(run / "judgments.parquet").table
    Judgments(table.assign(set=evil)).write(run / "judgments.parquet")
    index = run / "report" / "stimuli" / "index.csv"
    known = pd.read_csv(index).assign(set=evil)
    known.to_csv(index, index=False)
    append_estimates(
        run / "metrics.jsonl", {"accuracy": Estimate(0.5, 0.4, 0.6, 9, 0.5)}, stage="test",
        set=evil, step=20,
    )  # fmt: skip
    assert "<script>alert" not in report([run]).page.read_text()


def test_the_same_run_gives_the_same_page(make_run, tmp_path):
    run = make_run(tmp_path / "fit-1")
    report([run], tmp_path / "a")
    report([run], tmp_path / "b")
    for first in sorted((tmp_path / "a").iterdir()):
        if first.suffix != ".pdf":  # the date is in it
            assert first.read_bytes() == (tmp_path / "b" / first.name).read_bytes(), first.name


def test_several_runs_side_by_side(make_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runs = [make_run(tmp_path / place / "fit-1", seed=seed) for seed, place in enumerate("ab")]
    page = report(runs).markdown
    assert page.resolve() == tmp_path / "report" / "report.md"
    text = page.read_text()
    assert text.startswith("# fit-1 and fit-1 (2)\n")
    assert "| wood/tower | fit-1 (2) | accuracy |" in text


def test_a_sheet_shows_the_runs_that_judged_its_set(make_run, tmp_path):
    first = make_run(tmp_path / "first")
    table = Judgments.read(first / "judgments.parquet").table
    Judgments(table.assign(set="elsewhere")).write(first / "judgments.parquet")
    second = make_run(tmp_path / "second")
    text = report([first, second], tmp_path / "both").markdown.read_text()
    assert "the frame is green where second is right" in text


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("manifest.json", "no `manifest.json`"),
        ("metrics.jsonl", "no `metrics.jsonl`"),
        ("judgments.parquet", "no `judgments.parquet`"),
        ("report/stimuli/index.csv", "No pictures: the runs kept no stimuli."),
    ],
)
def test_a_missing_part_costs_a_line(make_run, tmp_path, part, line):
    run = make_run(tmp_path / "fit-1")
    (run / part).unlink()
    text = report([run]).markdown.read_text()
    assert line in text
    assert "| wood/tower | fit-1 | accuracy |" in text


@pytest.mark.parametrize(
    "part", ["manifest.json", "metrics.jsonl", "judgments.parquet", "report/stimuli/index.csv"]
)
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe garbage\n\n[1", b"[]\n{}"])
def test_a_damaged_part_is_as_good_as_missing(make_run, tmp_path, part, content):
    run = make_run(tmp_path / "fit-1")
    (run / part).write_bytes(content)
    opened = Run.open(run)
    answers_of({"fit-1": opened})
    opened.results()
    if content.startswith(b"\x00"):
        assert any(f"`{part}` cannot be read" in note for note in opened.notes)


def test_a_run_of_which_nothing_can_be_read(make_run, tmp_path):
    run = make_run(tmp_path / "fit-1")
    for part in ("manifest.json", "judgments.parquet", "metrics.jsonl"):
        (run / part).write_bytes(b"\x00\xff\xfe garbage\n\n[1")
    (run / "report/stimuli/index.csv").write_bytes(b"")
    written = report([run])
    assert "No estimates" in written.page.read_text()
    assert "`judgments.parquet` cannot be read" in written.markdown.read_text()


def test_missing_and_damaged_pictures_are_left_out(make_run, tmp_path):
    run = make_run(tmp_path / "fit-1")
    (run / "report/stimuli/s0.png").unlink()
    (run / "report/stimuli/s1.png").write_bytes(b"not a picture")
    report([run])
    assert "stimuli-wood_tower-will_fall.png" in pictures(run / "report")
    for name in IDS[2:7]:
        (run / f"report/stimuli/{name}.png").unlink()
    assert "no picture can be read" in report([run]).markdown.read_text()


def test_without_logged_numbers_the_judgments_are_scored(make_run, tmp_path):
    run = make_run(tmp_path / "fit-1")
    logged = Run.open(run).results()["wood/tower"]
    (run / "metrics.jsonl").unlink()
    scored = Run.open(run).results()["wood/tower"]
    assert {name: scored[name] for name in logged} == logged


def test_undefined_numbers_are_drawn_as_such(make_run, tmp_path):
    run = make_run(tmp_path / "fit-1", humans=False)
    undefined = {"accuracy": Estimate(float("nan"), reason="no truth", chance=0.5)}
    append_estimates(run / "metrics.jsonl", undefined, stage="test", set="odd", step=20)
    text = report([run]).markdown.read_text()
    assert "| odd | fit-1 | accuracy | undefined | - |" in text
    assert "- fit-1, odd, accuracy: no truth" in text


def test_what_is_no_run_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"got `.*nothing`, which does not exist"):
        report([tmp_path / "nothing"])
    with pytest.raises(ValueError, match=r"holds none of manifest\.json, judgments\.parquet"):
        report([tmp_path])
    with pytest.raises(ValueError, match="at least one run folder, got none"):
        report([])
