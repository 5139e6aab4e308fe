"""What a study's config takes, and what it says to what it does not take."""

import re

import pytest

from cogtrain.complaint import UsageError
from cogtrain.study.config import StudyConfig

TRAIN = [{"name": "tower-small", "count": 20}]


def test_reads_what_the_shipped_configs_say(repository):
    for name in ("study-tiny", "study-qwen2_5_vl", "study-qwen3_vl"):
        study = StudyConfig.read(repository / "configs" / f"{name}.yaml")
        conditions = ["tower-small", "tower-large", "pyramid-small", "pyramid-large", "joint"]
        assert (list(study.conditions), study.seeds) == (conditions, [0, 1, 2])
        assert len(study.conditions["joint"].train) == 4
        names = {recipe.name for recipe in study.test}
        assert names > set(conditions[:-1])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"conditons": {"a": {"train": TRAIN}}}, "got `conditons`; the nearest is `conditions`"),
        ({"conditions": {"a": {"trian": TRAIN}}}, "got `trian`; the nearest is `train`"),
        (
            {"conditions": {"a": {"train": [{"name": "t", "cuont": 3}]}}},
            "got `cuont`; the nearest is `count`",
        ),
        ({"conditions": {"a": {"train": [{"name": "t", "task": "towre"}]}}}, "got `towre`"),
        ({"conditions": {}}, "at least one of `conditions`, got none; an empty grid"),
        ({"seeds": []}, "at least one of `seeds`, got none; an empty grid"),
        ({"stimuli": []}, "at least one of `stimuli`, got none; an empty grid"),
        ({"test": []}, "at least one set in `test`, got none"),
        ({"conditions": {"a": {"train": []}}}, "at least one set in `train` of a condition, got"),
        ({"bases": {"a/b": {}}}, "got `a/b`; rename it"),
        (
            {"bases": {"a": {"modle": {"pretrained": "x"}}}},
            "expected a known key, got `modle.pretrained`",
        ),
        ({"bases": {"a": None}}, "expected `bases.a` to be keys and values, got nothing; see"),
        ({"bases": {False: {}}}, "names in `bases` to be text, got False; put it in quotes"),
        ({"conditions": {7: {"train": TRAIN}}}, "names in `conditions` to be text, got 7; put"),
        ({"conditions": ["a"]}, "expected `conditions` to be keys and values, got ['a']; see"),
        (
            {"bases": {"a": {"model": {"optimizer": {}}}}},
            "no `model.optimizer` in a study, got one; use `optimizer`",
        ),
        (
            {"conditions": {"a": {"train": TRAIN, "data": {"seed": 3}}}},
            "no `data.seed` in a study, got one; use `seeds`",
        ),
        ({"conditions": {"base": {"train": TRAIN}}}, "and not `base`, got `base`"),
        ({"conditions": {"../a": {"train": TRAIN}}}, "got `../a`; rename it"),
        ({"name": "a b"}, "got `a b`; rename it"),
        ({"seeds": [1, 2, 1]}, "expected each of `seeds` once, got 1 twice"),
        ({"stimuli": [8, 8]}, "expected each of `stimuli` once, got 8 twice"),
        ({"stimuli": [0]}, "expected `stimuli` to be at least 1, got 0"),
        ({"seeds": [-1]}, "expected `seeds` to be at least 0, got -1"),
        ({"validation": -1}, "expected `validation` to be at least 0, got -1"),
        ({"seeds": ["one"]}, "expected `seeds` to be int, got one"),
        ({"data": {"train": TRAIN}}, "expected no `data.train` in a study, got one; use"),
        (
            {"model": {"objective": {"humans": 1.0}}},
            "no `model.objective.humans` in a study, got one; use `humans` of a condition",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_mistake_is_one_line(read, changes, line):
    with pytest.raises(ValueError, match=re.escape(line)) as raised:
        read(**changes)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "line"), [("a: [", "to be YAML, got"), ("- 1", "to hold a study, got list; begin")]
)
def test_a_file_that_holds_no_study(tmp_path, text, line):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UsageError, match=line):
        StudyConfig.read(tmp_path / "bad.yaml")
    with pytest.raises(FileNotFoundError):
        StudyConfig.read(tmp_path / "none.yaml")
