import json
import os

import pytest
import wandb

from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.log import append_estimates, read_estimates
from cogtrain.training import logs
from cogtrain.training.logs import MetricsFile, finish, has_key, wandb_logger


@pytest.fixture
def metrics(tmp_path):
    return MetricsFile(tmp_path / "metrics.jsonl")


def test_plain_numbers_and_estimates_share_a_file(metrics):
    metrics.log_metrics({"train/loss": 0.5, "epoch": 0}, step=10)
    append_estimates(metrics.path, {"accuracy": Estimate(0.8)}, stage="val", set="towers", step=10)
    first = json.loads(metrics.path.read_text().splitlines()[0])
    assert first == {"step": 10, "name": "train/loss", "value": 0.5}
    assert [logged.metric for logged in read_estimates(metrics.path)] == ["accuracy"]


def test_cuts_back_to_a_length_and_drops_a_line_cut_short(metrics):
    for step in (1, 2):
        metrics.log_metrics({"train/loss": step / 10}, step=step)
    length = metrics.length()
    metrics.log_metrics({"train/loss": 0.3}, step=3)
    with metrics.path.open("a") as file:
        file.write('{"step": 2, "na')
    metrics.cut(length)
    assert [json.loads(line)["step"] for line in metrics.path.read_text().splitlines()] == [1, 2]


def test_never_makes_a_log_longer(metrics):
    metrics.cut(5)
    metrics.sync()
    assert metrics.length() == 0
    assert not metrics.path.exists()
    metrics.log_metrics({"lr": 1.0}, step=0)
    before = metrics.path.read_bytes()
    metrics.cut(10_000)
    assert metrics.path.read_bytes() == before


def test_a_key_in_the_environment_or_the_netrc_file(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    netrc = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(netrc))
    assert not has_key()
    netrc.write_text("machine api.wandb.ai login user password abc\n")
    assert has_key()
    netrc.write_text("not a netrc file")
    assert not has_key()
    monkeypatch.setenv("WANDB_API_KEY", "abc")
    assert has_key()
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert not has_key()


def test_training_goes_on_if_wandb_fails(monkeypatch, tmp_path, capsys):
    def fail(**_):
        raise RuntimeError("no space left\nsecond line")

    monkeypatch.setattr(wandb, "init", fail)
    assert wandb_logger(tmp_path, project="p", config={}) is None
    assert "without Weights & Biases (no space left)" in capsys.readouterr().out
    assert "WANDB_DATA_DIR" not in os.environ


def test_an_offline_run_can_be_read_back(tmp_path, read_offline_run):
    logger = wandb_logger(tmp_path, project="p", config={"data": {"batch_size": 3}})
    assert logger is not None
    logger.log_metrics({"val/towers/accuracy": 0.75}, step=7)
    finish([logger])
    (run,) = read_offline_run(tmp_path)
    assert run.config["data"] == {"batch_size": 3}
    assert run.history[0]["val/towers/accuracy"] == 0.75
    assert run.history[0]["trainer/global_step"] == 7
    assert run.step_metrics["*"] == "trainer/global_step"
    assert "WANDB_DATA_DIR" not in os.environ


def test_a_key_of_the_public_server_counts_for_no_other(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine api.wandb.ai login user password abc\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    assert not has_key()
    netrc.write_text("machine wandb.example.org login user password abc\n")
    assert has_key()


def test_without_a_network_a_run_with_a_key_is_offline(
    monkeypatch, tmp_path, capsys, read_offline_run
):
    monkeypatch.setattr(logs, "_ANSWER_S", 1.0)
    monkeypatch.setenv("WANDB_API_KEY", "a" * 40)
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:1")  # where nobody listens
    logger = wandb_logger(tmp_path, project="p", config={"a": 1})
    assert "cannot be reached, logging offline (" in capsys.readouterr().out
    logger.log_metrics({"val/towers/accuracy": 0.5}, step=3)
    finish([logger])
    (run,) = read_offline_run(tmp_path)
    (line,) = run.history
    assert (line["val/towers/accuracy"], line["trainer/global_step"]) == (0.5, 3)
    assert run.config["a"] == 1


def test_a_server_that_is_gone_is_not_waited_for_for_ever():
    assert 0 < logs._settings().finish_timeout <= 600
