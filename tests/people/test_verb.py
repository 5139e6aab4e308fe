"""`python -m cogtrain judgments`: from raw exports to a table that `score` takes."""

import json
import shutil

import pytest
import yaml

from cogtrain import cli
from cogtrain.evaluation.score import score
from cogtrain.judgments import Judgments

MEANT = ["--answers.will_fall", "{0: yes, 1: no}"]


def spoken(capsys, *words):
    code = cli.main(["judgments", *map(str, words)])
    shown = capsys.readouterr()
    return code, shown.out, shown.err


def test_imports_hides_and_reports(save, make_session, people, prolific, capsys):
    passed = [(True, True), (False, False)]
    sessions = {p: make_session(p, passed=each) for p, each in zip(people, passed, strict=False)}
    sessions |= {p: make_session(p) for p in people[2:4]}
    folder = save(sessions, "csv")
    tmp_path = folder.parent
    export = prolific(dict.fromkeys(people[:3], "APPROVED") | {people[3]: "REJECTED"})
    shutil.copy(export, folder)  # beside the data, where many keep it
    rules = tmp_path / "exclusions.yaml"
    rules.write_text(
        "prolific_status: [APPROVED]\nattention_passed: correct\n"
        "attention_where: {task: attention}\nmax_failed_checks: 1\n"
    )
    out = tmp_path / "people.parquet"
    export = folder / export.name
    code, shown, errors = spoken(
        capsys, folder, "--format", "jspsych", *MEANT, "--exclude", rules, "--prolific", export,
        "--out", out, "--set", "tower",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    assert "4 people gave 32 judgments. " in shown
    assert "Left out for Prolific status other than APPROVED: 1 person with 8 judgments." in shown
    assert "Left out for more than 1 failed attention check: 1 person with 8 judgments." in shown
    assert "| after " in shown
    assert f"written: {out}" in shown
    assert f"ids are hidden by the secret in {folder / 'observer_ids.salt'}: keep it" in shown
    assert not any(person in shown for person in people)
    judgments = Judgments.read(out)
    assert len(judgments) == 16
    assert set(judgments.table["set"]) == {"tower"}
    again = tmp_path / "again.csv"
    code, _, _ = spoken(
        capsys, folder, "--format", "jspsych", *MEANT, "--out", again, "--set", "tower",
        "--exclude.max_failed_checks", "1", "--exclude.attention_passed", "correct",
        "--exclude.prolific_status", "[APPROVED]", "--prolific", export,
    )  # fmt: skip
    assert code == 0
    assert Judgments.read(again) == judgments


def test_a_config_says_it_all(save, tmp_path, capsys):
    config = tmp_path / "import.yaml"
    config.write_text(
        "format: jspsych\nquestion: will_fall\nanswers: {will_fall: {0: yes, 1: no}}\n"
        "where: {task: judgment}\nexclude: {min_answers: 2, duplicates: first}\n"
    )
    out = tmp_path / "p.csv"
    code, shown, errors = spoken(capsys, save(), "--config", config, "--out", out)
    assert (code, errors) == (0, "")
    assert "fewer than 2 answers" in shown
    assert len(Judgments.read(out)) == 48


def test_two_files_at_once_and_one_secret(save, tmp_path, capsys):
    folder = save()
    files = [folder / f"session-{n}.json" for n in (0, 1)]
    secret = tmp_path / "lab.salt"
    tables = []
    for number, words in enumerate((files, [folder])):
        out = tmp_path / f"{number}.csv"
        code, _, _ = spoken(
            capsys, *words, "--format", "jspsych", *MEANT, "--out", out, "--salt", secret
        )
        assert code == 0
        tables.append(Judgments.read(out))
    assert tables[0].names("observer_id") == tables[1].names("observer_id")[:2]
    assert not (folder / "observer_ids.salt").exists()


def test_ratings_can_be_scored(tmp_path, capsys):
    """A table that was written is read as it is: 73 of 100 is not read again as a yes or no."""
    raw = tmp_path / "t.csv"
    rows = [f"p{n},s{m},{(37 * n + 11 * m) % 101}" for n in range(4) for m in range(6)]
    raw.write_text("\n".join(["observer_id,stimulus_id,response", *rows]) + "\n")
    out = tmp_path / "people.csv"
    code, _, errors = spoken(
        capsys, raw, "--format", "tidy", "--scale_max.will_fall", "100", "--out", out,
        "--keep_ids", "true",
    )  # fmt: skip
    assert (code, errors) == (0, "")
    assert Judgments.humans(out, question="will_fall") == Judgments.read(out)
    models = tmp_path / "m.csv"
    models.write_text(
        "observer_id,stimulus_id,response\n" + "".join(f"m,s{n},{n % 2}\n" for n in range(6))
    )
    assert cli.main(["score", str(models), "--humans", str(out)]) == 0
    assert "spearman" in capsys.readouterr().out


def test_counts_and_choices_survive_a_second_reading(tmp_path):
    rows = [("count", "n_bricks", "3"), ("choice", "leaf", "oak"), ("binary", "will_fall", "no")]
    path = tmp_path / "p.csv"
    path.write_text(
        "observer_id,observer_kind,stimulus_id,scale,question,response\n"
        + "".join(f"p,human,a,{','.join(row)}\n" for row in rows)
    )
    assert Judgments.humans(path) == Judgments.read(path)


def test_the_real_towers_give_the_known_human_figures(lerer_towers, tmp_path, capsys):
    stimuli, out = lerer_towers / "stimuli.csv", tmp_path / "people.parquet"
    code, shown, _ = spoken(
        capsys, lerer_towers / "human_judgments.csv", "--format", "tidy", "--stimuli", stimuli,
        "--out", out, "--salt", tmp_path / "salt",
    )  # fmt: skip
    assert code == 0
    assert "107 people gave 10,700 judgments. No rule of exclusion was set." in shown
    models = lerer_towers / "model_judgments.csv"
    words = ["score", models, "--humans", out, "--truth", stimuli]
    assert cli.main([str(word) for word in words]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = next(line for line in lines if " accuracy " in line)
    assert "65.61 % (range 54 to 75, majority 73.00 %)" in first
    hidden = Judgments.read(out)
    plain = Judgments.humans(lerer_towers / "human_judgments.csv", question="will_fall")
    model = Judgments.tidy(models, observer_kind="model", question="will_fall")
    figures = [score(model, people).drop(columns="reason") for people in (hidden, plain)]
    assert figures[0].equals(figures[1])


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mistake",
    [
        (["data", "--out", "p.csv"], "the following arguments are required: format"),
        (["data", "--format", "jspsych"], "the following arguments are required: out"),
        (["data", "--format", "spss", "--out", "p.csv"], "spss"),
        (
            ["data", "--format", "tidy", "--out", "p.csv"],
            "expected tidy exports (.csv, .tsv, .parq",
        ),
        (["nothing", "--format", "tidy", "--out", "p.csv"], "an export at `nothing`, got nothing"),
        (["data", "--format", "jspsych", "--out", "p.xlsx"], "ending in .parquet, .csv or .tsv"),
        (
            ["data", "--format", "jspsych", "--out", "data/p.csv"],
            "expected `out` apart from the exp",
        ),
        (["data", "--format", "jspsych", "--out", "p.csv"], "what button 0 means in row 5 of"),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--colums.a", "b"],
            "nearest is `columns`",
        ),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--columns.rt", "b"],
            "column, got `rt`",
        ),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--exclude", "no.yaml"],
            "got `no.yaml`, which is not",
        ),
        (["data", "--format", "jspsych", "--out", "p.csv", "--exclude", "bad.yaml"], "min_answer"),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--exclude", "odd.yaml"],
            "got -3; raise",
        ),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--exclude", "mal.yaml"],
            "mal.yaml`, which says: ",
        ),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--exclude", "data"],
            "got `data`, which is not",
        ),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--answers.will_fall", "{0:yes}"],
            "`answers` to be dict[str, dict[str, Any]] or null, got will_fall: '{0:yes}'; correct",
        ),
        (["data", "--format", "jspsych", "--out", "p.csv", "--exclude.min_answers", "few"], "few"),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--salt", "s", "--keep_ids", "true"],
            "either `salt` or `keep_ids`",
        ),
        (["data", "--format", "jspsych", "--out", "p.csv", "--scale_max.will_fall", "top"], "top"),
        (
            ["data", "--format", "jspsych", "--out", "p.csv", "--stimuli", "s.csv"],
            "s.csv`, got nothing",
        ),
    ],
    ids=lambda mistake: " ".join(mistake[0]),
)
def test_a_mistake_is_one_line_and_code_2(save, tmp_path, monkeypatch, capsys, mistake):
    words, line = mistake
    save()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump({"min_answer": 3}))
    (tmp_path / "mal.yaml").write_text("a: [1\n b")
    (tmp_path / "odd.yaml").write_text("min_response_time_s: -3\n")
    code, shown, errors = spoken(capsys, *words)
    assert (code, shown) == (2, "")
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert line in errors
    assert not (tmp_path / "p.csv").exists()


def test_an_export_is_never_overwritten(tmp_path, capsys):
    path = tmp_path / "p.csv"
    path.write_text(json.dumps([]))
    code, _, errors = spoken(capsys, path, "--format", "tidy", "--out", path)
    assert code == 2
    assert "apart from the exports" in errors
    assert path.read_text() == "[]"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image\na.png\n", "a column `stimulus_id` in"),
        ("stimulus_id,image\n1,x/a.png\n2,y/a.png\n", "got `a.png` of `1` and `2`; rename one"),
    ],
)
def test_a_broken_table_of_stimuli(save, tmp_path, capsys, text, words):
    path = tmp_path / "s.csv"
    path.write_text(text)
    code, _, errors = spoken(
        capsys,
        save(),
        "--format",
        "jspsych",
        *MEANT,
        "--out",
        tmp_path / "p.csv",
        "--stimuli",
        path,
    )
    assert code == 2
    assert words in errors
