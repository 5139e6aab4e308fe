"""Several processes over gloo: the same stimuli, the same gradients, nothing twice, no hanging."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cogtrain.judgments import Judgments

# Each process imports torch on its own; a busy machine takes its time for that.
pytestmark = pytest.mark.timeout(500)
RANKS = int(os.environ.get("COGTRAIN_RANKS", "2"))  # 4 takes a minute of four processors
SCRIPT = Path(__file__).with_name("on_ranks.py")


@pytest.fixture(scope="session")
def on_ranks():
    spec = importlib.util.spec_from_file_location("on_ranks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def launch(folder, *, ranks, windows):
    """Runs the script on so many ranks and gives what each of them left, by run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    together = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        "TORCHELASTIC_RUN_ID": "test",
        "GROUP_RANK": "0",
        "OMP_NUM_THREADS": "1",
    }
    words = [sys.executable, str(SCRIPT), str(folder), str(ranks), str(windows)]
    processes = [
        subprocess.Popen(
            words,
            env=os.environ | together | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )
        for rank in range(ranks)
    ]
    try:
        said = [process.communicate(timeout=480)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, error in zip(processes, said, strict=True):
        assert process.returncode == 0, error
    return {
        name: [torch.load(folder / f"{name}-{rank}.pt") for rank in range(ranks)]
        for name in ("whole", "cut", "more", "poisoned")
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory, on_ranks):
    folder = tmp_path_factory.mktemp("ranks")
    whole, module = on_ranks.fit(folder / "one", ranks=1, windows=8)
    cut, _ = on_ranks.fit(folder / "alone", ranks=1, windows=8, stop=True)
    return folder, whole, module, cut


@pytest.fixture(scope="module")
def several(alone):
    return launch(alone[0], ranks=RANKS, windows=8 // RANKS)


def together(ranks):
    """Stimuli of each step, over all ranks."""
    steps = zip(*(rank["ids"] for rank in ranks), strict=True)
    return [sorted(name for part in step for name in part) for step in steps]


def steps_of(recorder):
    return [sorted(step) for step in recorder.ids]


def test_a_step_is_made_of_the_same_stimuli(alone, several):
    _, whole, _, _ = alone
    assert together(several["whole"]) == steps_of(whole)
    assert [len(step) for step in whole.ids] == [16, 16, 6] * 2


def test_gradients_are_equal(alone, several):
    """1 x 8 = 2 x 4 = 4 x 2, short windows, padding and dropout included."""
    _, whole, _, _ = alone
    for rank in several["whole"]:
        assert len(rank["gradients"]) == len(whole.gradients) == 6
        for got, expected in zip(rank["gradients"], whole.gradients, strict=True):
            torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


@pytest.mark.usefixtures("several")
def test_the_logged_numbers_are_those_of_all_ranks(alone):
    folder = alone[0]
    names = {"train/loss", "train/accuracy", "lr", "train/stimuli_per_s", "val/transfer/accuracy"}
    one, many = (
        {
            (line["step"], line["name"]): line["value"]
            for line in map(json.loads, (folder / name / "metrics.jsonl").read_text().splitlines())
            if line.get("name") in names
        }
        for name in ("one", "whole")
    )
    assert len(one) == 28
    speeds = [value for (_, name), value in one.items() if name == "train/stimuli_per_s"]
    # Windows of 16, 16 and 6 in a second each, or in two where a validation parts them.
    assert {16.0, 8.0} >= {speeds[0], speeds[1]}
    assert set(speeds) <= {16.0, 8.0, 6.0, 3.0}
    assert many == pytest.approx(one, abs=1e-5)


def test_validates_every_stimulus_once(alone, several):
    folder, _, _, _ = alone
    table = Judgments.read(folder / "whole" / "judgments_val.parquet").table
    assert table.groupby("observer_id")["stimulus_id"].nunique().tolist() == [21 + 5] * 4
    seen = [name for rank in several["whole"] for name in rank["validated"]]
    assert len(seen) == 4 * (21 + 5)
    same = Judgments.read(folder / "one" / "judgments_val.parquet").table
    left, right = (each.sort_values(["observer_id", "stimulus_id"]) for each in (table, same))
    assert left["stimulus_id"].tolist() == right["stimulus_id"].tolist()
    assert left["log_odds"].to_numpy() == pytest.approx(right["log_odds"].to_numpy(), abs=1e-4)


def test_a_polite_kill_of_one_rank_stops_all_after_the_same_step(several):
    assert [len(rank["ids"]) for rank in several["cut"]] == [2] * RANKS


def test_a_loss_that_is_no_number_on_one_rank_stops_all_in_the_same_step(alone, several):
    said = several["poisoned"]
    assert len(set(said)) == 1  # and none of them hung
    _, whole, _, _ = alone
    assert said[0].startswith("expected a finite loss in step 2, got nan for 1 of 32 items (stim")
    name = said[0].partition("stimulus `")[2].partition("`")[0]
    assert name in whole.ids[1]  # the items of the step, two questions each, and no other's
    kept = torch.load(alone[0] / "poisoned" / "last.ckpt", weights_only=True)
    assert kept["global_step"] == 1  # of the validation before


def test_two_ranks_go_on_as_one(alone, several, on_ranks):
    folder, whole, module, _ = alone
    rest, resumed = on_ranks.fit(
        folder / "fewer", ranks=1, windows=8, resume=folder / "cut" / "last.ckpt"
    )
    assert together(several["cut"]) + steps_of(rest) == steps_of(whole)
    for name, value in module.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=1e-5)


def test_one_rank_goes_on_as_two(alone, several):
    _, whole, _, cut = alone
    assert steps_of(cut) + together(several["more"]) == steps_of(whole)


@pytest.mark.usefixtures("several")
def test_sharded_weights_learn_the_same_and_go_on(alone, on_ranks):
    folder = alone[0]
    for epochs in (1, 2):
        _, module = on_ranks.fit_all(folder / "full", epochs, ranks=1, windows=8)
    saved = torch.load(folder / "sharded" / "last.ckpt", weights_only=True)
    assert saved["global_step"] == 6
    apart = [
        (saved["state_dict"][name] - value).abs().flatten()
        for name, value in module.state_dict().items()
    ]
    # Adam steps by the sign of a gradient however small, so a rounding may show up to a step.
    assert torch.cat(apart).mean() < 2e-5
    assert torch.cat(apart).max() < 1e-3


class Sharding:
    """A trainer, as far as a module looks before there is one: its strategy."""


def test_sharded_checkpoints_are_one_file(on_ranks):
    module = on_ranks.VLMModule(tuning=on_ranks.TUNING)
    module.trainer = trainer = Sharding()
    trainer.strategy = on_ranks.ModelParallelStrategy()
    with pytest.raises(ValueError, match=r"`save_distributed_checkpoint` .* to be false, got true"):
        module.configure_model()


def test_sharded_ranks_make_the_same_passes(on_ranks):
    module = on_ranks.VLMModule(tuning=on_ranks.TUNING, tokens_per_pass=512)
    module.trainer = trainer = Sharding()
    trainer.strategy = on_ranks.ModelParallelStrategy(save_distributed_checkpoint=False)
    with pytest.raises(ValueError, match=r"no `model.tokens_per_pass` .* got 512; leave"):
        module.configure_model()


def test_sharded_layers_are_not_compiled(on_ranks):
    module = on_ranks.VLMModule(tuning=on_ranks.TUNING, compile=True)
    module.trainer = trainer = Sharding()
    trainer.strategy = on_ranks.ModelParallelStrategy(save_distributed_checkpoint=False)
    with pytest.raises(ValueError, match=r"no `model.compile` with ModelParallelStrategy"):
        module.configure_model()
