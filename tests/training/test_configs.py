"""The configs that ship, alone and one behind the other, as `fit` reads them."""

import csv

import pytest
import yaml

from cogtrain import StimulusSet
from cogtrain.cli import main
from cogtrain.metrics.log import read_estimates
from cogtrain.models import checkpoint
from cogtrain.training import lightning_cli
from tests.models import tiny_families

FITS = ("fit-qwen2_5_vl", "fit-qwen3_vl", "fit-same_lab")
OVERLAYS = ("with-7b", "with-qlora", "with-pyramids", "with-joint", "with-people")
DATA = OVERLAYS[2:]
QUIET = ["--eval.wandb", "false", "--trainer.enable_progress_bar", "false"]


class Parsed(Exception):  # noqa: N818 - not an error: it ends the run once all is known
    pass


@pytest.fixture
def completed(repository, workplace, monkeypatch):
    """Completes configs, given one behind the other, as the run folder would hold them."""

    def read(*names):
        found = []

        def stop(cli):
            found.append(cli.complete_config())
            raise Parsed

        def folder(name, *, weights=True):
            found.append(name)
            return embedded

        monkeypatch.setattr(lightning_cli.CogtrainCLI, "instantiate_classes", stop)
        embedded = checkpoint.folder("tiny")
        monkeypatch.setattr(checkpoint, "folder", folder)  # parsing would fetch the checkpoint
        words = [f"--config={repository / 'configs' / name}.yaml" for name in names]
        with pytest.raises(Parsed):
            lightning_cli.main(["fit", *words])
        assert found[0] == found[-1]["model"]["pretrained"]
        return found[-1]

    assert workplace.exists()
    return read


def sets(config, part="train"):
    return {each["name"]: each["count"] for each in config["data"][part]}


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("overlay", DATA)
def test_data_change_and_nothing_else(completed, fit, overlay):
    alone, together = completed(fit), completed(fit, overlay)
    for section in ("optimizer", "lr_scheduler", "seed_everything"):
        assert together[section] == alone[section]
    assert together["model"]["tuning"] == alone["model"]["tuning"]
    assert together["data"]["batch_size"] == alone["data"]["batch_size"]
    expected = {
        "with-pyramids": {"pyramid-small": 20000},
        "with-joint": dict.fromkeys(
            ("tower-small", "tower-large", "pyramid-small", "pyramid-large"), 5000
        ),
        "with-people": {"tower-small": 500},
    }
    assert sets(together) == expected[overlay]
    is_towards_people = overlay == "with-people"
    assert together["model"]["objective"]["humans"] == float(is_towards_people)
    assert together["model"]["objective"]["over"] == "vocabulary"
    members = [each for part in ("train", "val", "test") for each in together["data"][part]]
    assert {each["size_px"] for each in members} == {448}


def test_bases_differ_in_their_checkpoint_alone(completed):
    first, second = completed("fit-qwen2_5_vl"), completed("fit-qwen3_vl")
    assert first["model"].pop("pretrained") == "Qwen/Qwen2.5-VL-3B-Instruct"
    assert second["model"].pop("pretrained") == "Qwen/Qwen3-VL-4B-Instruct"
    assert first == second


def test_a_larger_base_takes_as_many_stimuli_per_step(completed):
    small, large = completed("fit-qwen2_5_vl"), completed("fit-qwen2_5_vl", "with-7b")
    assert large["model"]["pretrained"] == "Qwen/Qwen2.5-VL-7B-Instruct"
    steps = [
        each["data"]["batch_size"] * each["trainer"]["accumulate_grad_batches"]
        for each in (small, large)
    ]
    assert steps == [32, 32]


def test_all_of_them_go_together(completed):
    config = completed("fit-qwen2_5_vl", "with-7b", "with-qlora", "with-joint")
    assert config["model"]["pretrained"] == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert (config["model"]["quantization"], config["model"]["dtype"]) == ("nf4", "bfloat16")
    assert config["model"]["gradient_checkpointing"]
    assert len(sets(config)) == 4


def test_the_settings_of_the_same_laboratory(completed, repository):
    """Every value that its script states, as the notes on the study have it."""
    config = completed("fit-same_lab")
    model, trainer = config["model"], config["trainer"]
    assert config["seed_everything"] == 3407
    assert (trainer["max_epochs"], trainer["accumulate_grad_batches"]) == (10, 4)
    assert model["pretrained"] == "Qwen/Qwen2.5-VL-7B-Instruct"
    assert (model["quantization"], model["gradient_checkpointing"]) == ("nf4", True)
    tuning = model["tuning"]
    assert (tuning["r"], tuning["lora_alpha"], tuning["lora_dropout"]) == (16, 16, 0.0)
    assert (tuning["use_rslora"], tuning["use_dora"]) == (False, False)
    assert (tuning["tune"]["vision"], tuning["tune"]["language"]) == ("lora", "lora")
    assert (config["optimizer"]["lr"], config["optimizer"]["weight_decay"]) == (2e-4, 0.01)
    schedule = config["lr_scheduler"]
    assert (schedule["warmup_steps"], schedule["decay"]) == (5, "linear")
    assert config["data"]["batch_size"] == 64
    text = (repository / "configs" / "fit-same_lab.yaml").read_text()
    assert "NOT those of the ICML 2025 study" in text
    section = text[text.index("seed_everything") :]
    values = [line for line in section.splitlines() if ": " in line and "- {" not in line]
    unsaid = [line for line in values if "theirs" not in line and "ours" not in line]
    assert [line.split(":")[0].strip() for line in unsaid] == ["after_fit", "stimuli"]


def scaled(repository, workplace, name, *, count=24, size_px=56):
    """The config ``name`` with few, small stimuli, and people for the sets that want some."""
    config = yaml.safe_load((repository / "configs" / f"{name}.yaml").read_text())
    for part in ("train", "val", "test"):
        for each in config.get("data", {}).get(part, []):
            each.update(count=count, size_px=size_px)
            if "humans" in each:
                recipe = {key: value for key, value in each.items() if key != "humans"}
                members = StimulusSet.recipe(**recipe, split=part)
                each["humans"] = str(people(workplace / part, members))
    path = workplace / f"{name}.yaml"
    path.write_text(yaml.safe_dump(config))
    return ["--config", str(path)]


def people(stem, members):
    rows = [(f"p{n}", name, int(i % 4 > n)) for i, name in enumerate(members.ids) for n in range(3)]
    with stem.with_suffix(".csv").open("w", newline="") as file:
        csv.writer(file).writerows([("observer_id", "stimulus_id", "response"), *rows])
    return stem.with_suffix(".csv")


@pytest.mark.parametrize("overlay", DATA)
def test_every_data_config_trains_and_is_tested(repository, workplace, overlay):
    config = yaml.safe_load((repository / "configs" / f"{overlay}.yaml").read_text())
    words = scaled(repository, workplace, "fit-qwen2_5_vl")
    words += scaled(repository, workplace, overlay)
    words += ["--model.pretrained=tiny", "--model.dtype=float32", "--trainer.accelerator=cpu"]
    words += ["--trainer.max_epochs=1", "--trainer.accumulate_grad_batches=2", "--name=run"]
    words += ["--trainer.val_check_interval=1.0", "--eval.stimuli=2", "--eval.watch.items=4"]
    assert main(["fit", *words, *QUIET]) == 0
    logged = read_estimates(workplace / "runs" / "run" / "metrics.jsonl")
    tested = {each.set for each in logged if each.stage == "test"}
    assert tested == {each["name"] for each in config["data"]["test"]}
    judged = {each.set for each in logged if each.stage == "test" and each.metric == "pearson"}
    assert judged == ({"tower-small"} if overlay == "with-people" else set())


def test_qwen3_vl_is_trained_by_its_config(repository, workplace):
    folder = tiny_families.build("qwen3_vl", workplace / "checkpoint")
    words = scaled(repository, workplace, "fit-qwen3_vl", count=8, size_px=64)
    words += [f"--model.pretrained={folder}", "--trainer.accelerator=cpu", "--name=run"]
    words += ["--data.batch_size=4", "--trainer.accumulate_grad_batches=1"]
    words += ["--trainer.val_check_interval=1.0"]
    assert main(["fit", *words, *QUIET]) == 0
    saved = yaml.safe_load((workplace / "runs" / "run" / "config.yaml").read_text())
    assert saved["model"]["tuning"]["tune"] == {
        "vision": "frozen",
        "merger": "frozen",
        "language": "lora",
    }
    assert (workplace / "runs" / "run" / "adapter" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize("words", [["fit-qwen2_5_vl", "with-qlora"], ["fit-same_lab"]])
def test_four_bits_ask_for_cuda_before_anything_else(repository, workplace, capsys, words):
    options = [word for name in words for word in scaled(repository, workplace, name)]
    options += ["--model.pretrained=tiny", "--trainer.accelerator=cpu"]
    assert main(["fit", *options, *QUIET]) == 2
    assert "expected a CUDA device for `quantization: nf4`" in capsys.readouterr().err
