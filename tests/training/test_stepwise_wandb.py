"""What Weights & Biases shows of a training that was killed and continued: each step once."""

from cogtrain.metrics.estimate import Estimate
from cogtrain.metrics.log import append_estimates
from cogtrain.training.logs import MetricsFile, finish, wandb_logger
from cogtrain.training.stepwise_wandb import StepwiseWandb


class OnlineRun:
    """As W&B: rows of one step become one, and what is not behind the last row is dropped."""

    offline = False

    def __init__(self, kept=None):
        self.rows = kept or {}
        self.last = max(self.rows, default=-1)

    def log(self, values, step):
        if step > self.last:
            self.rows.setdefault(step, {}).update(values)


def train(loggers, steps, *, scale=1.0):
    """Logs as training does: a step is logged with the steps before it, then validated."""
    for step in steps:
        for logger in loggers:
            logger.log_metrics({"train/loss": scale * step, "lr": 0.1}, step)
            logger.log_metrics({"train/stimuli_per_s": 9.0}, step)
            if step % 2:
                logger.log_metrics({"val/tower/accuracy": step / 10}, step + 1)


def test_steps_that_are_taken_again_are_shown_once_online():
    before = OnlineRun()
    train([StepwiseWandb(experiment=before)], range(6))
    after = OnlineRun(before.rows)
    train([StepwiseWandb(experiment=after)], range(3, 8), scale=-1.0)
    whole = OnlineRun()
    train([StepwiseWandb(experiment=whole)], range(8))
    assert after.rows.keys() == whole.rows.keys()
    losses = {row["trainer/global_step"]: row.get("train/loss") for row in after.rows.values()}
    assert [losses[step] for step in range(8)] == [0, 1, 2, 3, 4, 5, -6, -7]
    steps = [row["trainer/global_step"] for row in after.rows.values() if "train/loss" in row]
    assert steps == [*range(8)]
    assert list(after.rows) == sorted(after.rows)
    StepwiseWandb(experiment=after).tell_again(None)  # it has its history already


def test_the_newest_offline_run_holds_every_step_once(tmp_path, read_offline_run):
    file = MetricsFile(tmp_path / "metrics.jsonl")
    killed = wandb_logger(tmp_path, project="p", config={})
    train([file, killed], range(2))
    append_estimates(file.path, {"auroc": Estimate(0.9, 0.8)}, stage="val", set="tower", step=2)
    length = file.length()
    train([file, killed], range(2, 5))
    finish([killed])
    file.cut(length)
    again = wandb_logger(tmp_path, project="p", config={})
    again.tell_again(file.path)
    train([file, again], range(2, 7))
    finish([again])
    (run,) = read_offline_run(tmp_path)
    losses = [
        (row["trainer/global_step"], row["train/loss"])
        for row in run.history
        if "train/loss" in row
    ]
    assert losses == [(step, step) for step in range(7)]
    validated = {
        row["trainer/global_step"]: row
        for row in run.history
        if len(row) and "val/tower/accuracy" in row
    }
    assert {step: row["val/tower/accuracy"] for step, row in validated.items()} == {
        2: 0.1,
        4: 0.3,
        6: 0.5,
    }
    assert validated[2]["val/tower/auroc"] == 0.9
    assert validated[2]["val/tower/auroc_low"] == 0.8
    assert "val/tower/auroc_high" not in validated[2]
    assert len(list((tmp_path / "wandb" / "earlier").glob("offline-run-*"))) == 1


def test_a_line_that_a_kill_cut_short_is_passed_over(tmp_path, read_offline_run):
    file = MetricsFile(tmp_path / "metrics.jsonl")
    train([file], range(2))
    with file.path.open("a") as log:
        log.write('{"step": 2, "na')
    logger = wandb_logger(tmp_path, project="p", config={})
    logger.tell_again(file.path)
    logger.tell_again(tmp_path / "absent.jsonl")
    finish([logger])
    (run,) = read_offline_run(tmp_path)
    assert [row["trainer/global_step"] for row in run.history] == [0, 1, 2]


class LostRun:
    """A run whose disk is full."""

    offline, id, calls = True, "x", 0

    def fail(self, *_, **__):
        self.calls += 1
        raise OSError("no space left\nsecond line")

    log = log_artifact = fail


def test_what_cannot_be_logged_costs_one_line(capsys, tmp_path):
    run = LostRun()
    logger = StepwiseWandb(experiment=run)
    for step in range(3):
        logger.log_metrics({"train/loss": 0.5}, step)
    assert run.calls == 1
    said = capsys.readouterr().err
    assert said == "note: Weights & Biases missed something (no space left)\n"
    logger.send(tmp_path, "report")
    assert run.calls == 2
    assert "no space left" in capsys.readouterr().err
