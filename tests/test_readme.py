"""What the README shows is what happens.

`python` blocks run in order in one namespace, after the `bash` blocks, all in one empty folder.
`sh` blocks set up or take minutes; of those, verbs and files are checked, not the result.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cogtrain import cli
from tests import pages

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return pages.blocks(README, language)


def commands(language: str) -> list[list[str]]:
    """Words of each `python -m cogtrain` line, without the remark at its end."""
    lines = "".join(blocks(language)).replace("\\\n", " ").splitlines()
    bare = [line.partition("  #")[0].split() for line in lines]
    return [words[3:] for words in bare if words[:3] == ["python", "-m", "cogtrain"]]


def test_every_block_runs(tmp_path: Path, monkeypatch, capsys):
    assert commands("bash")
    assert blocks("python")
    for words in commands("bash"):
        command = [sys.executable, "-m", "cogtrain", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)


@pytest.mark.parametrize("words", commands("sh"), ids=" ".join)
def test_verbs_and_files_that_are_only_shown_exist(words: list[str]):
    assert words[0] in cli.LIGHTNING | cli.LIGHT
    for word in words:
        if word.startswith("configs/"):
            assert (ROOT / word).is_file()


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE))
    assert named >= {"fit", "test", "help"}
    assert named <= targets


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).is_file(), f"README links to {target}, which does not exist"
