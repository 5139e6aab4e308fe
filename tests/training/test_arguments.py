import json
import zipfile

import pytest
import yaml

from cogtrain.complaint import UsageError
from cogtrain.training.arguments import expand


def write_checkpoint(path):
    with zipfile.ZipFile(path, "w") as file:  # what torch writes
        file.writestr("data.pkl", "weights")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "mine"
    (folder / "checkpoints").mkdir(parents=True)
    write_checkpoint(folder / "checkpoints" / "last.ckpt")
    config = {"model": {"pretrained": "tiny"}, "data": {"batch_size": 3}}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


LAST = "--ckpt_path=runs/mine/checkpoints/last.ckpt"
CONFIG = ["--config", "runs/mine/config.yaml"]


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    "words",
    [["--ckpt_path", "last"], ["--ckpt_path=last"], ["--ckpt_path", "last", "--name", "mine"]],
)
def test_continuing_takes_the_config_of_the_run(words):
    rest = [word for word in words if "last" not in word and word != "--ckpt_path"]
    assert expand(["fit", *words]) == ["fit", *CONFIG, *rest, LAST]


@pytest.mark.usefixtures("run")
def test_a_given_config_stands():
    words = ["fit", "--config", "x.yaml", "--ckpt_path", "last"]
    assert expand(words) == ["fit", "--config", "x.yaml", LAST]


@pytest.mark.usefixtures("run")
def test_judging_with_a_config_takes_the_model_alone():
    verb, key, section, *rest = expand(["test", "--config", "x.yaml", "--ckpt_path", "last"])
    assert (verb, key) == ("test", "--config")
    assert json.loads(section) == {"model": {"pretrained": "tiny"}}
    assert rest == ["--config", "x.yaml", LAST]


def test_a_checkpoint_outside_a_run_implies_nothing(tmp_path):
    path = tmp_path / "x.ckpt"
    write_checkpoint(path)
    assert expand(["test", f"--ckpt_path={path}"]) == ["test", f"--ckpt_path={path}"]


@pytest.mark.parametrize("words", [["fit"], ["fit", "--ckpt_path", "null"], ["test", "--help"]])
def test_leaves_other_words_alone(words):
    assert expand(words) == words


def test_says_which_checkpoint_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.ckpt"):
        expand(["test", "--ckpt_path", "nowhere.ckpt"])


@pytest.mark.usefixtures("run")
def test_auto_continues_what_there_is_and_begins_what_is_not():
    words = ["--ckpt_path", "auto", "--name"]
    assert expand(["fit", *words, "mine"]) == ["fit", *CONFIG, "--name", "mine", LAST]
    assert expand(["fit", *words, "other"]) == ["fit", *words, "other"]


@pytest.mark.parametrize("words", [["fit"], ["test", "--name", "mine"]])
def test_auto_needs_a_name_and_a_training(words):
    with pytest.raises(UsageError, match=f"with `fit` and a `--name`, got `{words[0]}` without"):
        expand([*words, "--ckpt_path", "auto"])
