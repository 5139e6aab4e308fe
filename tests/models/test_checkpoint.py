import doctest
import json
import shutil

import pytest

from cogtrain.models import checkpoint

TINY = checkpoint.folder("tiny")


@pytest.fixture
def copy(tmp_path):
    target = tmp_path / "copy"
    shutil.copytree(TINY, target, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    return target


def test_the_embedded_default_is_inside_the_package():
    assert TINY.parent.name == "models"
    assert (TINY / "model.safetensors").stat().st_size < 2_500_000


def test_a_path_is_taken_as_it_is(copy):
    assert checkpoint.folder(str(copy)) == copy


@pytest.mark.parametrize(
    "name", ["tinny", "./nowhere/at-all", "/nowhere", "a/b/c", "~/nowhere", ""]
)
def test_nothing_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=f"got `{name}`; check the spelling"):
        checkpoint.folder(name)


def test_a_file_is_no_checkpoint(copy):
    with pytest.raises(FileNotFoundError, match=r"got `.*config\.json`; check the spelling"):
        checkpoint.folder(str(copy / "config.json"))


@pytest.mark.parametrize(
    "missing", ["config.json", "tokenizer_config.json", "preprocessor_config.json"]
)
def test_a_part_is_missing(copy, missing):
    (copy / missing).unlink()
    with pytest.raises(FileNotFoundError, match=f"expected `{missing}` in the checkpoint folder"):
        checkpoint.folder(str(copy))


def test_no_weights(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"expected weights `model\*\.safetensors`"):
        checkpoint.folder(str(copy))


def test_a_hub_name_without_network_says_so(monkeypatch):
    import huggingface_hub

    def unreachable(name, **_):
        raise OSError(f"no route to {name}")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(FileNotFoundError, match=r"expected `owner/model` .* got OSError"):
        checkpoint.folder("owner/model")


def test_a_hub_name_gives_the_kept_snapshot(copy, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **_: str(copy))
    assert checkpoint.folder("owner/model") == copy


class TestFingerprint:
    def test_a_copy_is_the_same_checkpoint(self, copy):
        assert checkpoint.fingerprint(copy) == checkpoint.fingerprint(TINY)

    def test_one_changed_byte_of_the_weights_is_another(self, copy):
        before = checkpoint.fingerprint(copy)
        weights = bytearray((copy / "model.safetensors").read_bytes())
        weights[-1] ^= 1
        (copy / "model.safetensors").write_bytes(weights)
        assert checkpoint.fingerprint(copy) != before

    @pytest.mark.parametrize(
        ("key", "value", "is_same"),
        [
            ("transformers_version", "9", True),
            ("dtype", "float32", True),
            ("image_token_id", 1, False),
        ],
    )
    def test_what_the_config_computes_counts(self, copy, key, value, is_same):
        before = checkpoint.fingerprint(copy)
        config = json.loads((copy / "config.json").read_text()) | {key: value}
        (copy / "config.json").write_text(json.dumps(config))
        assert (checkpoint.fingerprint(copy) == before) == is_same

    def test_large_files_are_sampled_from_end_to_end(self, copy, monkeypatch):
        monkeypatch.setattr(checkpoint, "_WHOLE_BYTES", 1000)
        before = checkpoint.fingerprint(copy)
        file = copy / "model.safetensors"
        for position in (0, -1):
            weights = bytearray(file.read_bytes())
            weights[position] ^= 1
            file.write_bytes(weights)
            after = checkpoint.fingerprint(copy)
            assert after != before
            before = after


def test_examples_in_the_documentation():
    result = doctest.testmod(checkpoint)
    assert result.attempted > 0
    assert result.failed == 0
