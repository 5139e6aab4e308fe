import doctest

import pytest

from cogtrain.models import families
from cogtrain.models.families import COMPONENTS, family


def test_components_hold_every_parameter_once(reference):
    record = family("qwen2_vl")
    for name, _ in reference.named_parameters(remove_duplicate=False):
        owners = [
            component
            for component in COMPONENTS
            if any(name.startswith(path + ".") for path in record.modules[component])
        ]
        assert len(owners) == 1, name
        assert record.component(name) == owners[0]


def test_every_path_exists(reference):
    record = family("qwen2_vl")
    paths = [record.visual, *(path for paths in record.modules.values() for path in paths)]
    assert all(reference.get_submodule(path) is not None for path in paths)


def test_a_name_that_only_begins_alike_is_elsewhere():
    record = family("qwen2_vl")
    assert record.component("model.visual.merger.mlp.0") == "merger"
    assert record.component("model.visual.merger_list.0") is None
    assert record.component("model.visual") is None


def test_unsupported_family_lists_the_supported():
    with pytest.raises(ValueError, match=r"\(qwen2_vl, .*gemma3\), got model_type `gpt2`"):
        family("gpt2")


def test_examples_in_the_documentation():
    result = doctest.testmod(families)
    assert result.attempted > 0
    assert result.failed == 0
