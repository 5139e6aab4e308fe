"""The schema says of a config what the parser says of it."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from cogtrain import cli
from cogtrain.complaint import UsageError
from cogtrain.study.config import StudyConfig
from cogtrain.training.completing import complete, parser_of

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
RUNS = sorted(path for path in CONFIGS.glob("*.yaml") if not path.name.startswith("study-"))
STUDIES = sorted(CONFIGS.glob("study-*.yaml"))
VERBS = ["fit", "validate", "test", "predict"]
STUDY = """
name: s
conditions: {a: {train: [{name: t}]}}
test: [{name: t}]
"""


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schemas(tmp_path_factory) -> dict[str, Draft202012Validator]:
    folder = tmp_path_factory.mktemp("schemas")
    made = {}
    for verb in [*VERBS, "study"]:
        out = folder / f"{verb}.json"
        assert cli.main(["schema", "--of", verb, "--out", str(out)]) == 0
        content = json.loads(out.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(content)
        made[verb] = Draft202012Validator(content)
    return made


def wrong(schema: Draft202012Validator, config: Any) -> list[str]:
    """Where `config` is wrong, as dotted keys of the part that holds the mistake."""
    errors = schema.iter_errors(config)
    return [".".join(map(str, error.absolute_path)) for error in errors]


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name)
@pytest.mark.parametrize("verb", ["fit", "validate", "test"])
def test_configs_of_runs_are_right(schemas, verb, path):
    assert wrong(schemas[verb], read(path)) == []


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_configs_of_studies_are_right_and_are_none_of_runs(schemas, path):
    assert wrong(schemas["study"], read(path)) == []
    assert wrong(schemas["fit"], read(path)) != []


@pytest.mark.parametrize("verb", VERBS)
def test_the_config_of_a_run_folder_is_right(schemas, verb):
    assert wrong(schemas[verb], json.loads(json.dumps(complete(verb, {})))) == []


def test_each_verb_has_options_of_its_own(schemas):
    def takes(config):
        return [verb for verb in [*VERBS, "study"] if schemas[verb].is_valid(config)]

    assert takes({}) == VERBS
    assert takes({"verbose": False}) == ["validate", "test"]
    assert takes({"return_predictions": False}) == ["predict"]
    assert takes(yaml.safe_load(STUDY)) == ["study"]


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ("trianer: {}", ""),
        ("optimizer: {lrr: 0.1}", "optimizer"),
        ("model: {objective: {human: 1}}", "model.objective"),
        ("model: {tuning: {tune: {visoin: full}}}", "model.tuning"),
        ("data: {train: [{name: a, colour: red}]}", "data.train.0"),
        ("data: {train: [{count: 3}]}", "data.train.0"),
        ("data: {train: {name: a}}", "data.train"),
        ("optimizer: {lr: fast}", "optimizer.lr"),
        ("optimizer: {betas: [0.9]}", "optimizer.betas"),
        ("optimizer: {betas: [0.9, 0.95, 0.99]}", "optimizer.betas"),
        ("model: {dtype: float64}", "model.dtype"),
        ("trainer: {precision: bf17}", "trainer.precision"),
        ("trainer: {callbacks: 3}", "trainer.callbacks"),
        ("trainer: {max_time: {hours: x}}", "trainer.max_time"),
    ],
)
def test_a_mistake_in_a_run_is_found_where_it_is(schemas, config, where):
    assert wrong(schemas["fit"], yaml.safe_load(config)) == [where]


@pytest.mark.parametrize(
    "config",
    [
        "data: {photographs: {name: p}}",  # its table may come from the command line
        "data: {train: []}",
        "optimizer: {lr: 1}",
        "trainer: {callbacks: LearningRateMonitor, logger: false, strategy: ddp, devices: [0, 1]}",
        "trainer: {callbacks: [{class_path: my.Own, init_args: {of: 3}}], max_time: {hours: 1}}",
        "model: {tuning: null}",
    ],
)
def test_what_is_open_stays_open(schemas, config):
    assert wrong(schemas["fit"], yaml.safe_load(config)) == []


def test_options_of_a_run_explain_themselves(schemas):
    sections = schemas["fit"].schema["properties"]
    rate = sections["optimizer"]["properties"]["lr"]
    assert (rate["type"], rate["default"]) == ("number", 2e-3)
    assert rate["description"].startswith("Highest learning rate")
    assert sections["trainer"]["properties"]["max_epochs"]["default"] == 1


def test_a_pair_is_said_in_words_of_every_draft(schemas):
    betas = schemas["fit"].schema["properties"]["optimizer"]["properties"]["betas"]
    assert (betas["items"], betas["minItems"], betas["maxItems"]) == ({"type": "number"}, 2, 2)
    assert "prefixItems" not in json.dumps(schemas["fit"].schema)


def _leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(node, dict | list):
        inner = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in inner:
            yield from _leaves(value, (*path, key))
    else:
        yield path


def _mutated(config: dict[str, Any], path: tuple[Any, ...], change: Any) -> dict[str, Any]:
    """A copy with another value at `path`, or, by the word `rename`, with another key there."""
    copied = copy.deepcopy(config)
    inner: Any = copied
    for key in path[:-1]:
        inner = inner[key]
    last = path[-1]
    if change == "rename" and isinstance(last, str):
        inner[f"{last}x"] = inner.pop(last)
    else:
        inner[last] = change
    return copied


def _mutations() -> list[tuple[tuple[Any, ...], Any]]:
    # Of `pretrained` the parser also asks whether there is such a checkpoint.
    paths = [each for each in _leaves(read(CONFIGS / "fit-tiny.yaml")) if "pretrained" not in each]
    changes = ["rename", 2, 2.5, True, "word", [1], {"a": 1}]
    return random.Random(0).sample([(path, change) for path in paths for change in changes], 40)


def test_the_parser_agrees_about_any_change_of_one_key(schemas):
    parser, config = parser_of("fit"), read(CONFIGS / "fit-tiny.yaml")
    verdicts = []
    for path, change in _mutations():
        mutated = _mutated(config, path, change)
        is_right = schemas["fit"].is_valid(mutated)
        try:
            parser.parse_object(mutated)  # changes what it is given
        except UsageError:
            assert not is_right, (path, change)
        else:
            assert is_right, (path, change)
        verdicts.append(is_right)
    assert 10 <= sum(verdicts) <= 30


@pytest.mark.parametrize(
    ("addition", "where"),
    [
        ("seed: 1", ""),
        ("data: {train: []}", "data"),
        ("model: {objective: {humans: 1}}", "model.objective"),
        ("model: {optimizer: {}}", "model"),
        ("seeds: [a]", "seeds.0"),
        ("conditions: {a: {train: [{name: t, size: 3}]}}", "conditions.a.train.0"),
        ("conditions: {a: {humans: 1}}", "conditions.a"),
        ("conditions: {a: {train: [], model: {}}}", "conditions.a"),
        ("bases: {b: {train: []}}", "bases.b"),
        ("photographs: {name: p}", "photographs"),
    ],
)
def test_a_mistake_in_a_study_is_found_where_the_study_refuses_it(
    schemas, addition, where, tmp_path
):
    config = yaml.safe_load(STUDY) | yaml.safe_load(addition)
    assert wrong(schemas["study"], config) == [where]
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ValueError, match=r"expected|required"):
        StudyConfig.read(tmp_path / "study.yaml")


@pytest.mark.parametrize(
    ("addition", "where"),
    [
        ("optimizer: {lrr: 1}", "optimizer"),
        ("conditions: {a: {train: [{name: t}], trainer: {epochs: 3}}}", "conditions.a.trainer"),
        ("conditions: {a: {train: [{name: t}], tuning: {rank: 3}}}", "conditions.a.tuning"),
        ("bases: {b: {model: {dtype: float}}}", "bases.b.model.dtype"),
    ],
)
def test_what_a_study_hands_on_to_its_runs_is_checked_as_theirs(schemas, addition, where):
    assert wrong(schemas["study"], yaml.safe_load(STUDY) | yaml.safe_load(addition)) == [where]


def test_it_is_printed_or_written(schemas, tmp_path, capsys):
    assert cli.main(["schema"]) == 0
    shown = capsys.readouterr().out
    assert cli.main(["schema", "--out", str(tmp_path / "s.json")]) == 0
    assert capsys.readouterr().out == f"written: {tmp_path / 's.json'}\n"
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == shown
    content = json.loads(shown)
    assert content == schemas["fit"].schema
    assert content["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert content["description"] == "Config of `python -m cogtrain fit`"
    assert "$schema" not in content["properties"]


def test_a_verb_without_a_config_is_named(capsys):
    assert cli.main(["schema", "--of", "render"]) == 2
    assert "expected `of` to be Literal['fit', 'validate', 'test'" in capsys.readouterr().err
