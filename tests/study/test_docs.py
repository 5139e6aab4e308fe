"""What docs/your-own-study.md and docs/study.md show is what happens."""

import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from cogtrain import cli
from cogtrain.judgments import Judgments
from cogtrain.study.config import StudyConfig
from tests.pages import blocks


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs" / "your-own-study.md").read_text(encoding="utf-8")


def commands(page: str, language: str) -> list[list[str]]:
    """Words of each command after `python -m cogtrain`, without the remark at its end."""
    lines = [line for block in blocks(page, language) for line in block.splitlines()]
    return [shlex.split(line.partition("  #")[0])[3:] for line in lines]


def test_every_block_runs(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for text in blocks(page, "csv") + blocks(page, "yaml"):
        name, _, content = text.partition("\n")
        Path(name.removeprefix("# ")).write_text(content)
    for number in range(1, 5):
        Image.new("RGB", (112, 112), (40 * number, 90, 90)).save(f"p{number}.png")
    shown = []
    for words in commands(page, "bash"):
        assert cli.main(words) == 0, (words, capsys.readouterr())
        shown.append(capsys.readouterr().out)
    assert len(shown) == 5
    assert (tmp_path / "sets" / "tall-audit" / "contact_sheet.png").is_file()
    assert sorted(Judgments.read("people.csv").names("stimulus_id")) == ["p1", "p2", "p3", "p4"]
    assert "13 runs, 60,000 training stimuli" in shown[3]
    assert (tmp_path / "studies" / "tall" / "array.sh").is_file()


def test_what_is_only_shown_is_understood(page, repository, tmp_path, monkeypatch):
    (tmp_path / "study.yaml").write_text(blocks(page, "yaml")[0])
    study = StudyConfig.read(tmp_path / "study.yaml")
    assert {"base", *study.conditions} >= {"base", "whole", "adapter"}
    reference = (repository / "docs" / "study.md").read_text(encoding="utf-8")
    seen = []
    monkeypatch.setitem(cli.LIGHT, "study", _seen_by(seen))
    for words in commands(page, "sh") + commands(reference, "sh"):
        assert cli.main(words) == 0
    assert {given["engine"] for given in seen} == {"local", "ray", "none"}
    for given in seen:
        assert given["config"].name == "study.yaml" or (repository / given["config"]).is_file()


def _seen_by(seen):
    """A verb of the same signature that only remembers what it is given."""
    from functools import wraps

    from cogtrain.verbs import study

    @wraps(study)
    def remember(**given):
        seen.append(given)
        return 0

    return remember


def test_the_pages_lead_here_and_to_each_other(repository):
    assert "(docs/study.md)" in (repository / "README.md").read_text(encoding="utf-8")
    assert "(docs/your-own-study.md)" in (repository / "README.md").read_text(encoding="utf-8")
    for name in ("study", "your-own-study"):
        text = (repository / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:]+)", text):
            assert (repository / "docs" / target).is_file(), target
