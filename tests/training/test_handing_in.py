"""What a finished run hands in, and what becomes of it where something fails."""

import pytest

from cogtrain.cli import main
from cogtrain.training import handing_in
from cogtrain.training.handing_in import hand_in
from cogtrain.training.logs import MetricsFile, finish, wandb_logger
from cogtrain.training.run import RunFolder


@pytest.fixture
def finished(tmp_path):
    run = RunFolder(tmp_path / "run")
    for folder in (run.adapter, run.report):
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text(folder.name)
    logger = wandb_logger(run.path, project="p", config={})
    yield run, logger
    finish([logger])


def test_a_report_that_cannot_be_written_costs_a_line(
    finished, monkeypatch, capsys, read_offline_run
):
    def fail(_):
        raise ValueError("no fonts")

    monkeypatch.setattr(handing_in, "report", fail)
    run, logger = finished
    hand_in(run, [MetricsFile(run.metrics), logger])
    assert capsys.readouterr().err == "note: no report was written (no fonts)\n"
    finish([logger])
    (read,) = read_offline_run(run.path)
    sent = {name.partition("-")[0]: files for name, files in read.artifacts.items()}
    assert {kind: [*files] for kind, files in sent.items()} == {
        "adapter": ["a.txt"],
        "report": ["a.txt"],
    }
    assert sent["adapter"]["a.txt"].read_text() == "adapter"


def test_without_wandb_no_report_is_written(finished, monkeypatch):
    called = []
    monkeypatch.setattr(handing_in, "report", called.append)
    run, _ = finished
    hand_in(run, [MetricsFile(run.metrics)])
    assert called == []


def test_a_prediction_gets_no_report(trained, read_offline_run):
    words = ["predict", "--config", "small.yaml", "--ckpt_path", "last"]
    assert main([*words, "--trainer.enable_progress_bar", "false"]) == 0
    run = trained.parent / "predict-1"
    assert not list((run / "report").iterdir())
    (read,) = read_offline_run(run)
    assert read.artifacts == {}
