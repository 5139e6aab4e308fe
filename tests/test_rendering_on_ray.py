"""Others write shards of a set first: the bytes stay the same, whatever they leave behind."""

import json
from pathlib import Path

import pytest

from cogtrain import StimulusSet, _core, cli
from cogtrain.rendering import assist, render_set
from cogtrain.rendering_on_ray import shards_on_ray

RECIPE = {"count": 503, "size_px": 28, "seed": 5, "factors": {"n_blocks": 2}}  # two shards


@pytest.fixture(scope="module")
def towers() -> StimulusSet:
    return StimulusSet.recipe(**RECIPE)


@pytest.fixture(scope="module")
def alone(towers, tmp_path_factory) -> dict[str, bytes]:
    return content(render_set(towers, tmp_path_factory.mktemp("a") / "set", recipe=RECIPE).folder)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_cluster_gives_the_same_bytes(two_workers, towers, alone, tmp_path):
    seen: list[tuple[int, int]] = []
    out = tmp_path / "set"

    def progress(done, total):
        seen.append((done, total))

    ahead = shards_on_ray(two_workers, out, RECIPE, progress=progress)
    written = render_set(towers, out, recipe=RECIPE, ahead=ahead)
    assert content(written.folder) == alone
    assert seen == [(503, 503)]
    assert not list(tmp_path.glob(".*"))


def test_what_others_leave_undone_or_damaged_is_written_here(towers, alone, tmp_path):
    out = tmp_path / "set"

    def some(writer: _core.SetWriter) -> None:
        assert writer.missing() == [0, 1]
        assert assist(out, RECIPE, [1], threads=2) == [1]
        assert writer.missing() == [0]
        shard = writer.folder / "tower-000001.tar"
        shard.write_bytes(shard.read_bytes()[:-512] + b"x" * 512)
        assert writer.missing() == [0, 1]
        (writer.folder / "tower-000000.tar.tmp").write_text("half")

    assert content(render_set(towers, out, recipe=RECIPE, ahead=some).folder) == alone


def test_only_what_was_begun_is_assisted(towers, tmp_path):
    with pytest.raises(
        ValueError, match=r"a set that was begun, got nothing in `.*\.set\.partial`"
    ):
        assist(tmp_path / "set", RECIPE, [0], threads=1)
    asked = towers.source, tmp_path / "set", "tower", json.dumps(RECIPE), "1"
    writer = _core.SetWriter(*asked)
    with pytest.raises(ValueError, match=r"`recipe.seed` to be as in the half.*\(5\), got 6"):
        assist(tmp_path / "set", RECIPE | {"seed": 6}, [0], threads=1)
    writer.discard()


def test_a_recipe_needs_no_cluster(tmp_path, capsys):
    words = ["render", "--out", str(tmp_path / "set"), "--engine", "ray", "--recipe_only", "true"]
    assert cli.main(words) == 2
    assert "expected images to render with `--engine ray`" in capsys.readouterr().err
