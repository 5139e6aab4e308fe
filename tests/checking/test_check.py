"""`check` as a user runs it: a section for everything, and what is wrong said in one line."""

import json
import re

import numpy as np
import pytest
import yaml
from PIL import Image

from cogtrain import StimulusSet
from cogtrain.checking.sets import leaks
from cogtrain.cli import main
from tests.training.conftest import LORA, SMALL
from tests.training.test_real_size import QWEN2_5_VL_3B, folder

__all__ = ["folder"]  # a fixture


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return tmp_path


def sections(text):
    """Text under each title."""
    lines = text.splitlines()
    starts = [at - 1 for at, line in enumerate(lines) if line and set(line) == {"-"}]
    ends = [*starts[1:], len(lines)]
    return {
        lines[begin]: "\n".join(lines[begin + 2 : end])
        for begin, end in zip(starts, ends, strict=True)
    }


def test_says_what_fit_would_do(place, capsys):
    words = ["--config", "small.yaml", *LORA, "--data.batch_size", "8", "--trainer.devices", "2"]
    assert main(["check", *words, "--sheet", "out/sheet.png", "--gpu", "a100"]) == 0
    told = sections(capsys.readouterr().out)
    train = StimulusSet.recipe(count=64, size_px=56, split="train", factors={"size": "small"})
    row = next(line for line in told["Sets"].splitlines() if "train" in line)
    assert row.split() == ["train", "tower-small", "64", "56", "×", "56", train.fingerprint[:12]]
    assert "contact sheet: out/sheet.png (24 stimuli)" in told["Sets"]
    assert np.asarray(Image.open(place / "out/sheet.png")).std() > 10
    assert "12,288  1,196,256" in told["Model"]
    assert "<|image_pad|>×4" in told["Tokens"]
    assert "→ 1.00" in told["Tokens"]
    assert re.search(r"in all +0\.\d+ GiB", told["Memory of one GPU"])
    assert "TFLOP per stimulus, forward and backward" in told["Time"]
    assert "steps        4 of 16 stimuli" in told["Time"]
    assert "h on 2 x a100 at 40% of its best" in told["Time"]
    (least,) = [each for title, each in told.items() if title.startswith("Least effects")]
    assert "tower-large" in least
    assert sorted(path.name for path in place.iterdir()) == ["out", "small.yaml"]


def test_stimuli_that_are_trained_on_and_judged_are_wrong():
    def towers(**options):
        return StimulusSet.recipe(size_px=28, **options)

    own, other = towers(count=8, split="train"), towers(count=8, split="test")
    assert not list(leaks({"train": [own], "val": [], "test": [other]}))
    more = towers(count=20, split="train")
    for part, named in (("val", "val"), ("watch", "test"), ("test", "test")):
        (line,) = leaks({"train": [own], "val": [other], part: [more]})
        assert line.startswith(
            f"expected nothing of `{own.name}` of `data.train` in `{more.name}` of "
            f"`data.{named}`, got 8 stimuli that are in both, `{min(own.ids)}` for one; give"
        )


def test_without_a_checkpoint_all_else_is_told(place, capsys):
    words = ["--config", "small.yaml", "--model.pretrained", "no/such", *LORA]
    assert main(["check", *words]) == 1
    out, err = capsys.readouterr()
    assert next(iter(sections(out))) == "Sets"
    assert "Model" not in sections(out)
    assert "no/such" in err
    assert "`model.pretrained` may be a folder with its JSON files alone" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--data.batchsize", "3"], "got `data.batchsize`; the nearest is `data.batch_size`"),
        (["--gpu", "h1000"], "got `h1000`; name one of these"),
        (["--config", "none.yaml"], "none.yaml"),
        (["--sheet"], "--sheet: expected one argument"),
    ],
)
@pytest.mark.usefixtures("place")
def test_a_mistake_is_one_line(capsys, words, message):
    assert main(["check", *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_helps_at_once(capsys):
    assert main(["check", "--help"]) == 0
    assert "--gpu NAME" in capsys.readouterr().out


def test_a_model_of_any_size_needs_no_memory_of_its_own(place, folder, repository, capsys):
    """The layers of Qwen2.5-VL-3B, half of them: 3 GB of weights that are never written."""
    config = json.loads((folder / "config.json").read_text()) | {"num_hidden_layers": 18}
    assert config["hidden_size"] == QWEN2_5_VL_3B["hidden_size"]
    (folder / "config.json").write_text(json.dumps(config))
    data = [{"name": "t", "count": 2, "size_px": 56}]
    sets = [f"--data.{part}={json.dumps(data)}" for part in ("train", "val", "test")]
    path = str(repository / "configs" / "fit-qwen2_5_vl.yaml")
    assert main(["check", "--config", path, "--model.pretrained", str(folder), *sets]) == 0
    told = sections(capsys.readouterr().out)
    widths = [(2048, 2048), (2048, 256), (2048, 256), (2048, 2048)]
    widths += [(2048, 11008), (2048, 11008), (11008, 2048)]
    trained = 18 * sum(16 * (i + o) for i, o in widths)
    assert f"{trained:,}" in told["Model"]
    assert re.search(rf"AdamW +{8 * trained / 2**30:.3f} GiB", told["Memory of one GPU"])
