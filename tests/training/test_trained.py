from pathlib import Path

import pytest
import torch

from cogtrain.cli import main
from cogtrain.models.lora import Tuning
from cogtrain.models.vlm import VLM
from cogtrain.training.run import RunFolder
from cogtrain.training.trained import trained as put_together

FULL = [f"--model.tuning.tune.{part}=full" for part in ("vision", "merger", "language")]
QUIET = ["--eval.wandb=false", "--eval.after_fit=false", "--trainer.enable_progress_bar=false"]


def test_an_adapter_is_that_of_the_best_weights(trained):
    own, base = put_together(trained), VLM.load("tiny")
    best = torch.load(RunFolder(trained).best, weights_only=True)["state_dict"]
    state = {f"vlm.{name}": value for name, value in own.state_dict().items()}
    assert best
    assert all(torch.equal(state[name], value) for name, value in best.items())
    assert own.fingerprint() == base.fingerprint()


def test_a_whole_model_is_exported_as_it_was_trained(workplace, capsys):
    assert main(["fit", "--config", "small.yaml", "--name", "whole", *FULL, *QUIET]) == 0
    run = workplace / "runs" / "whole"
    assert main(["export", str(run), "--stimuli", "3"]) == 0
    assert "3 stimuli (will_fall), float32: decision flips 0, max logit difference 0" in (
        capsys.readouterr().out
    )
    read, own = (
        VLM.load(str(run / "model"), tuning=Tuning.frozen()).state_dict(),
        put_together(run).state_dict(),
    )
    assert read.keys() == own.keys()
    assert all(torch.equal(read[name], value) for name, value in own.items())
    assert main(["export", str(run)]) == 2
    assert f"expected a new folder, got `{run / 'model'}`" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("config.yaml", "expected a run folder with `config.yaml`, got `runs/mine` without"),
        ("checkpoints", "expected a checkpoint in `runs/mine/checkpoints`, got none"),
    ],
)
def test_what_is_missing_is_named(trained, gone, message):
    (trained / gone).rename(trained / "aside")
    with pytest.raises(FileNotFoundError, match=message):
        put_together(Path("runs/mine"))
