"""What docs/human-data.md shows is what happens."""

import runpy
import shlex
from pathlib import Path

import pytest

from cogtrain import cli
from cogtrain.judgments import Judgments
from cogtrain.people.exclusions import Exclusions
from tests.pages import blocks


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "human-data.md").read_text(encoding="utf-8")


def commands(page: str, language: str) -> list[list[str]]:
    """Words of each command after `python -m cogtrain`."""
    lines = "".join(blocks(page, language)).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[3:] for line in lines]


def test_every_block_runs(page, repository, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(repository / "examples" / "experiment.py"))["main"](Path("experiment"))
    for text in blocks(page, "yaml"):
        Path(text.partition("\n")[0].removeprefix("# ")).write_text(text)
    shown = ""
    for words in commands(page, "bash"):
        assert cli.main(words) == 0, capsys.readouterr().err
        shown += capsys.readouterr().out
    told = blocks(page, "text")[0].split("\n\n")
    assert told[1].strip() in shown
    for part in told[0].replace("\n", " ").split(" [...] "):
        assert part in shown
    people, matrix = Judgments.read("people.parquet"), Judgments.read("matrix.csv")
    for block in blocks(page, "python"):
        exec(compile(block, "human-data.md", "exec"), {})
    # The formats say the same of those who remain, and one secret gives them one name.
    assert not Path("experiment/observer_ids.salt").samefile("experiment/data/observer_ids.salt")
    answers = [
        table.groupby("stimulus_id")["response"].apply(lambda own: sorted(own)).tolist()
        for table in (matrix.table, people.table)
    ]
    assert [len(own) for own in answers[0]] == [8] * 12
    assert [len(own) for own in answers[1]] == [5] * 12
    everyone = Judgments.read("people.csv")
    assert set(people.names("observer_id")) < set(everyone.names("observer_id"))


def test_commands_that_are_only_shown_are_understood(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (words,) = commands(page, "sh")
    Path(words[1]).write_text(
        "Event Index,Participant Private ID,Screen Name,Reaction Time,Response,Spreadsheet: image\n"
        "1,9001,Trials,812.5,Yes,t1.png\n"
    )
    assert cli.main(words) == 0
    assert Judgments.read("people.parquet").names("stimulus_id") == ["t1"]


def test_every_rule_is_explained(page):
    for name in Exclusions.__dataclass_fields__:
        assert f"`{name}" in page or f"{name}: " in page, name


def test_the_readme_leads_here(repository):
    assert "(docs/human-data.md)" in (repository / "README.md").read_text(encoding="utf-8")
