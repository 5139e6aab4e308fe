"""Verbs, their help, and what a user reads after a slip of the fingers."""

import subprocess
import sys
from pathlib import Path

import pytest

from cogtrain import cli

HEAVY = ("torch", "transformers", "lightning")


def spoken(argv: list[str], cwd: Path) -> tuple[int, str, str]:
    """Exit code, output and errors of the command in a process of its own."""
    command = [sys.executable, "-m", "cogtrain", *argv]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def heavy_after(argv: list[str], cwd: Path) -> list[str]:
    """Heavy packages that a fresh interpreter holds after the verb."""
    code = (
        "import sys\nfrom cogtrain.cli import main\n"
        f"try:\n    main({argv!r})\nexcept SystemExit:\n    pass\n"
        f"print('heavy:', *(set({HEAVY!r}) & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.rpartition("heavy:")[2].split()


@pytest.mark.parametrize("argv", [[], ["--help"], ["-h"], ["help"]])
def test_help_names_every_verb(argv: list[str], capsys):
    assert cli.main(argv) == 0
    shown = capsys.readouterr().out
    for verb in [*cli.LIGHTNING, *cli.LIGHT]:
        assert f"\n  {verb} " in shown


@pytest.mark.parametrize("verb", sorted(cli.LIGHT))
def test_each_light_verb_explains_itself(verb: str, tmp_path: Path):
    code, shown, errors = spoken([verb, "--help"], tmp_path)
    assert (code, errors) == (0, "")
    assert f"usage: cogtrain {verb}" in shown


@pytest.mark.parametrize(
    "argv",
    [
        ["--help"],
        ["--version"],
        ["env"],
        ["render", "--help"],
        ["judgments", "--help"],
        ["schema", "--help"],
        ["render", "--out", "towers", "--count", "2", "--size_px", "56"],
        ["fti"],
    ],
    ids=" ".join,
)
def test_light_verbs_answer_without_torch(argv: list[str], tmp_path: Path):
    assert heavy_after(argv, tmp_path) == []


def test_the_version_is_told(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("cogtrain ")


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["fti"], "expected a known verb, got `fti`; the nearest is `fit`"),
        (["redner"], "expected a known verb, got `redner`; the nearest is `render`"),
        (["render", "--out", "x", "--cuont", "3"], "got `cuont`; the nearest is `count`"),
        (["render", "--out", "x", "--count", "few"], "expected `count` to be int, got few"),
        (["render"], "the following arguments are required: out"),
        (["render", "--out", "x", "--task", "towre"], "towre"),
        (["render", "--out", "x", "--style", "cubewrld"], "cubewrld"),
        (["render", "--out", "x", "--split", "trian"], "trian"),
        (["render", "--out", "x", "--factors.sise", "large"], "sise"),
        (["render", "--out", "x", "--factors.size", "huge"], "huge"),
        (["render", "--out", "x", "--size_px", "0"], "0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_one_line_and_code_2(
    argv: list[str], line: str, tmp_path: Path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert cli.main(argv) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1
    assert line in errors
    assert list(tmp_path.iterdir()) == []


def test_the_process_ends_with_the_code(tmp_path: Path):
    code, shown, errors = spoken(["fti"], tmp_path)
    assert (code, shown) == (2, "")
    assert errors == "error: expected a known verb, got `fti`; the nearest is `fit`\n"


def test_ctrl_c_is_code_130(monkeypatch, capsys):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.LIGHT, "env", interrupted)
    assert cli.main(["env"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_verbs_that_train_belong_to_lightning(monkeypatch):
    from cogtrain.training import lightning_cli

    seen: list[list[str]] = []
    monkeypatch.setattr(lightning_cli, "main", lambda argv: seen.append(argv) or 0)
    for verb in cli.LIGHTNING:
        assert cli.main([verb, "--trainer.max_steps", "1"]) == 0
    assert seen == [[verb, "--trainer.max_steps", "1"] for verb in cli.LIGHTNING]
