"""Every mistake of a user is one line that holds the value, and an exit code."""

import argparse
from pathlib import Path

import pytest
from jsonargparse import ArgumentParser

from cogtrain.complaint import (
    OneLineErrors,
    UsageError,
    complain,
    is_users_mistake,
    nearest,
    parser_message,
    unknown,
)


class Parser(OneLineErrors, ArgumentParser):
    """What the command line uses."""


class Optimizer:
    def __init__(self, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999)):
        self.lr, self.betas = lr, betas


class Model:
    def __init__(self, pretrained: str = "tiny", rank: int | None = None, tuned: bool = True):
        self.pretrained, self.rank, self.tuned = pretrained, rank, tuned


@pytest.fixture
def parser() -> Parser:
    parser = Parser(prog="cogtrain fit")
    parser.add_argument("--config", action="config")
    parser.add_class_arguments(Model, "model")
    parser.add_class_arguments(Optimizer, "optimizer")
    return parser


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("model: {pretraind: x}", "got `model.pretraind`; the nearest is `model.pretrained`"),
        ("modle: {pretrained: x}", "got `modle.pretrained`; the nearest is `model.pretrained`"),
        ("model: {lr: 1}", "got `model.lr`; the nearest is `optimizer.lr`"),
        ("optimiser: {lr: 1}", "got `optimiser.lr`; the nearest is `optimizer.lr`"),
        ("optimizer: {lr: fast}", "expected `optimizer.lr` to be float, got fast; correct the"),
        ("model: {rank: many}", "expected `model.rank` to be int or null, got many; correct the"),
        ("model: {tuned: 3}", "expected `model.tuned` to be bool, got 3; correct the value"),
        ("model: [", "Problems parsing config"),
    ],
)
def test_a_wrong_config_names_key_and_value(
    parser: Parser, tmp_path: Path, yaml: str, message: str
):
    config = tmp_path / "c.yaml"
    config.write_text(yaml)
    with pytest.raises(UsageError) as caught:
        parser.parse_args(["--config", str(config)])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_option_names_the_nearest(parser: Parser):
    with pytest.raises(UsageError, match=r"got `model\.pretrainde`; the nearest is `model\.pret"):
        parser.parse_args(["--model.pretrainde=2"])


def test_a_missing_config_is_named(parser: Parser):
    with pytest.raises(UsageError, match=r"File does not exist: .*/nowhere\.yaml"):
        parser.parse_args(["--config", "/nowhere.yaml"])


def test_subcommands_lend_their_keys():
    inner = Parser()
    inner.add_argument("--depth", type=int)
    outer = Parser()
    outer.add_subcommands().add_subcommand("fit", inner)
    with pytest.raises(UsageError, match="got `detph`; the nearest is `depth`"):
        outer.parse_args(["fit", "--detph", "3"])


def test_a_parser_within_a_parser_speaks_for_itself():
    inner = unknown("key", "save_lats", ["save_last", "save_top_k"])
    wrapped = f'Parser key "trainer.callbacks":\n  Errors:\n  - {inner}\n  - Not a valid subclass'
    assert parser_message(wrapped, []) == inner


def test_nearest_prefers_the_same_leaf():
    assert nearest("model.lr", ["model.r", "optimizer.lr"]) == "optimizer.lr"
    assert nearest("fti", ["fit", "test"]) == "fit"
    assert nearest("x", []) is None
    assert unknown("task", "x", []) == "expected a known task, got `x`; none is known here"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (UsageError("expected a, got b; do c"), "expected a, got b; do c"),
        (
            FileNotFoundError(2, "No such file or directory", "a.csv"),
            "no such file or directory: a.csv",
        ),
        (
            PermissionError("expected a folder, got `/x`; choose another"),
            "expected a folder, got `/x`",
        ),
        (argparse.ArgumentError(None, "two\nlines"), "two lines"),
        (OSError(), "OSError"),
    ],
)
def test_a_mistake_is_one_line_and_code_2(error: Exception, line: str, capsys):
    assert complain(error) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"error: {line}")
    assert err.count("\n") == 1
    assert not out


def test_our_own_check_is_a_users_mistake_and_a_foreign_one_is_a_fault(capsys):
    from cogtrain.judgments import Judgments

    with pytest.raises((ValueError, KeyError, OSError)) as ours:
        Judgments.read(Path("table.docx"))
    assert is_users_mistake(ours.value)
    with pytest.raises(ValueError, match="'x'") as foreign:
        int("x")
    assert not is_users_mistake(foreign.value)
    assert complain(foreign.value) == 1
    assert "Traceback" in capsys.readouterr().err


def test_a_key_error_speaks_without_quotes(capsys, monkeypatch):
    monkeypatch.setattr("cogtrain.complaint._raised_by_us", lambda _: True)
    assert complain(KeyError("expected a known set, got `x`")) == 2
    assert capsys.readouterr().err == "error: expected a known set, got `x`\n"


def test_interruption_is_code_130(capsys):
    assert complain(KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_developer_can_ask_for_the_traceback(capsys, monkeypatch):
    monkeypatch.setenv("COGTRAIN_TRACEBACK", "1")
    assert complain(UsageError("expected a, got b")) == 2
    assert "UsageError: expected a, got b" in capsys.readouterr().err
