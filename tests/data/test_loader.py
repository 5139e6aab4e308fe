"""The loader: one sequence, whatever the ranks, threads, forks and interruptions."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogtrain import Batch, Loader, Preprocess, StimulusSet

MakeSet = Callable[..., StimulusSet]
COUNT = 53
ROOT = Path(__file__).resolve().parents[2]


def real(batches: Iterator[Batch] | Loader) -> list[str]:
    return [
        stimulus_id
        for batch in batches
        for stimulus_id, weight in zip(batch.ids, batch.weights, strict=True)
        if weight
    ]


def interleaved(loaders: list[Loader]) -> list[str]:
    """The ranks' batches laid side by side in rank order, padding left out."""
    steps = zip(*loaders, strict=True)
    return [stimulus_id for step in steps for stimulus_id in real(iter(step))]


def ranks(stimuli: StimulusSet, world_size: int, batch_size: int, **options: Any) -> list[Loader]:
    return [
        Loader(stimuli, batch_size=batch_size, rank=rank, world_size=world_size, **options)
        for rank in range(world_size)
    ]


@pytest.mark.parametrize("batch_sizes", [(8, 4, 2), (5, 5, 5), (4, 3, 7)])
def test_one_two_and_four_ranks_are_one_sequence(
    photographs: StimulusSet, batch_sizes: tuple[int, int, int]
) -> None:
    worlds = [
        ranks(photographs, world_size, batch_size, seed=3)
        for world_size, batch_size in zip((1, 2, 4), batch_sizes, strict=True)
    ]
    for _ in range(3):
        sequences = [interleaved(world) for world in worlds]
        assert sequences[0] == sequences[1] == sequences[2]
        assert sorted(sequences[0]) == sorted(f"s{index}" for index in range(COUNT))


def test_positions_and_batch_counts_agree_over_ranks(photographs: StimulusSet) -> None:
    loaders = ranks(photographs, 4, 3, seed=0)
    assert [len(loader) for loader in loaders] == [5, 5, 5, 5]
    taken = [list(loader) for loader in loaders]
    positions = np.concatenate([part[step].positions for step in range(5) for part in taken])
    np.testing.assert_array_equal(positions, np.arange(60))
    weights = np.concatenate([part[step].weights for step in range(5) for part in taken])
    np.testing.assert_array_equal(weights, (np.arange(60) < COUNT).astype(np.float32))
    ids = [stimulus for step in range(5) for part in taken for stimulus in part[step].ids]
    assert ids[COUNT:] == ids[: 60 - COUNT], "padding repeats the start of the epoch"


def test_each_epoch_has_its_own_order_unless_asked_otherwise(photographs: StimulusSet) -> None:
    shuffled = Loader(photographs, batch_size=8, seed=1)
    first, second = real(shuffled), real(shuffled)
    assert first != second
    assert sorted(first) == sorted(second)
    plain = Loader(photographs, batch_size=8, seed=1, shuffle=False)
    assert real(plain) == real(plain) == [f"s{index}" for index in range(COUNT)]
    assert real(Loader(photographs, batch_size=8, seed=2)) != first


@pytest.mark.parametrize("taken", sorted(np.random.default_rng(0).choice(28, 20, replace=False)))
def test_a_state_continues_exactly(photographs: StimulusSet, taken: int) -> None:
    """Twenty random positions over two epochs, each continued by one, two and four ranks."""
    whole = Loader(photographs, batch_size=4, seed=7)
    expected = [*real(whole), *real(whole), *real(whole)]
    interrupted = Loader(photographs, batch_size=4, seed=7)
    seen: list[str] = []
    for _ in range(taken // len(interrupted)):
        seen += real(interrupted)
    stream = iter(interrupted)
    for _ in range(taken % len(interrupted)):
        seen += real(iter([next(stream)]))
    state = interrupted.state_dict()
    assert state["consumed"] + state["epoch"] * COUNT == len(seen)
    for world_size, batch_size in [(1, 4), (2, 2), (4, 1), (4, 3)]:
        loaders = ranks(photographs, world_size, batch_size, seed=7)
        for loader in loaders:
            loader.load_state_dict(dict(state))
            assert loader.state_dict() == state
        rest = interleaved(loaders)
        rest += interleaved(loaders)
        assert expected[: len(seen)] == seen
        assert rest == expected[len(seen) :][: len(rest)]
        assert len(rest) > COUNT


def test_state_is_plain_and_the_same_on_every_rank(photographs: StimulusSet) -> None:
    loaders = ranks(photographs, 2, 4, seed=7)
    streams = [iter(loader) for loader in loaders]
    for _ in range(2):
        for stream in streams:
            next(stream)
    first, second = (loader.state_dict() for loader in loaders)
    assert first == second
    assert first["version"] == 1
    assert (first["seed"], first["epoch"], first["consumed"]) == (7, 0, 16)
    assert {key: type(value) for key, value in first.items()} == {
        "version": int,
        "fingerprint": str,
        "seed": int,
        "epoch": int,
        "consumed": int,
    }


def test_state_counts_what_was_handed_out_not_what_was_made(photographs: StimulusSet) -> None:
    loader = Loader(photographs, batch_size=2, seed=0, threads=4)
    stream = iter(loader)
    assert loader.state_dict()["consumed"] == 0
    for taken in range(1, 6):
        next(stream)
        assert loader.state_dict()["consumed"] == 2 * taken
    list(stream)
    assert loader.state_dict()["consumed"] == COUNT


def test_a_finished_epoch_counts_as_the_start_of_the_next(photographs: StimulusSet) -> None:
    loader = Loader(photographs, batch_size=8, seed=5)
    real(loader)
    state = loader.state_dict()
    assert (state["epoch"], state["consumed"]) == (0, COUNT)
    restored = Loader(photographs, batch_size=8, seed=5)
    restored.load_state_dict(state)
    assert real(restored) == real(loader)
    assert restored.state_dict()["epoch"] == 1


def test_asking_for_an_iterator_twice_skips_nothing(photographs: StimulusSet) -> None:
    loader = Loader(photographs, batch_size=8, seed=5)
    iter(loader)
    iter(loader)
    assert loader.state_dict()["epoch"] == 0
    stream = iter(loader)
    next(stream)
    state = loader.state_dict()
    loader.load_state_dict(state)
    iter(loader)
    assert len(real(loader)) == COUNT - 8
    assert loader.state_dict()["epoch"] == 0


def test_only_the_newest_iterator_is_used(photographs: StimulusSet) -> None:
    loader = Loader(photographs, batch_size=8, seed=5)
    old = iter(loader)
    next(old)
    iter(loader)
    with pytest.raises(ValueError, match="`iterator` to be the newest of its loader"):
        next(old)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "version 1, got 2"),
        ({"fingerprint": "abc"}, "fingerprint [0-9a-f]{32}, got abc"),
        ({"seed": 8}, "seed 7, got 8"),
        ({"consumed": COUNT + 1}, f"consumed at most {COUNT}, got {COUNT + 1}"),
        ({"consumed": -1}, "consumed as `state_dict` gives it, got -1"),
        ({"epoch": "x"}, "epoch as `state_dict` gives it, got x"),
    ],
)
def test_another_loaders_state_is_refused(
    photographs: StimulusSet, change: dict[str, Any], words: str
) -> None:
    loader = Loader(photographs, batch_size=8, seed=7)
    with pytest.raises(ValueError, match=words):
        loader.load_state_dict({**loader.state_dict(), **change})
    incomplete = loader.state_dict()
    del incomplete[next(iter(change))]
    with pytest.raises(ValueError, match=f"{next(iter(change))} present, got nothing"):
        loader.load_state_dict(incomplete)


def test_other_data_or_order_has_another_fingerprint(
    photographs: StimulusSet, make_set: MakeSet
) -> None:
    def fingerprint(*sets: StimulusSet, **options: Any) -> str:
        return Loader(sets, batch_size=1, seed=0, **options).state_dict()["fingerprint"]

    other = make_set(COUNT, seed=1)
    prints = [
        fingerprint(photographs),
        fingerprint(photographs, shuffle=False),
        fingerprint(other),
        fingerprint(photographs, other),
        fingerprint(other, photographs),
    ]
    assert len(set(prints)) == len(prints)


@given(st.integers(1, 17), st.integers(1, 4), st.integers(0, 2**64 - 1), st.integers(0, 30))
def test_any_interruption_of_any_split_is_invisible(
    batch_size: int, world_size: int, seed: int, taken: int
) -> None:
    stimuli = StimulusSet.recipe(count=29, size_px=28)
    expected = real(Loader(stimuli, batch_size=29, seed=seed, threads=1))
    before = ranks(stimuli, world_size, batch_size, seed=seed, threads=1)
    steps = min(taken, len(before[0]))
    streams = [iter(loader) for loader in before]
    seen = [name for _ in range(steps) for stream in streams for name in real(iter([next(stream)]))]
    after = Loader(stimuli, batch_size=5, seed=seed, threads=1)
    after.load_state_dict(before[0].state_dict())
    rest = real(after) if len(seen) < 29 else []
    assert seen + rest == expected


def test_one_thread_equals_eight(photographs: StimulusSet) -> None:
    one, eight = (Loader(photographs, batch_size=6, seed=4, threads=n) for n in (1, 8))
    for _ in range(2):
        for left, right in zip(one, eight, strict=True):
            assert left.ids == right.ids
            assert left.answers == right.answers
            np.testing.assert_array_equal(left.images, right.images)


def test_batches_hold_what_the_sets_hold(make_set: MakeSet) -> None:
    sets = [make_set(5, side=56, seed=1), make_set(4, side=84, seed=2)]
    preprocess = Preprocess.qwen2_vl()
    loader = Loader(sets, batch_size=4, seed=0, preprocess=preprocess)
    for batch in loader:
        assert len(batch) == 4
        stimuli = [
            sets[number][int(name[1:])] for number, name in zip(batch.sets, batch.ids, strict=True)
        ]
        assert batch.answers == [stimulus.answers for stimulus in stimuli]
        expected = preprocess([stimulus.image for stimulus in stimuli])
        assert batch.arrays.keys() == expected.keys()
        for key, value in expected.items():
            assert batch.arrays[key].tobytes() == value.tobytes()
            assert batch.arrays[key].dtype == value.dtype
        with pytest.raises(AttributeError, match="loader without `preprocess`"):
            _ = batch.images


def test_arrays_are_handed_over_not_copied(photographs: StimulusSet) -> None:
    batch = next(iter(Loader(photographs, batch_size=4, seed=0)))
    assert batch.images is batch.images
    assert batch.images.flags.c_contiguous
    assert batch.images.flags.writeable
    assert batch.arrays == {}
    assert (batch.images.dtype, batch.images.shape) == (np.uint8, (4, 28, 28, 3))
    assert (batch.weights.dtype, batch.sets.dtype, batch.positions.dtype) == (
        np.float32,
        np.int64,
        np.int64,
    )


def test_images_of_two_sizes_need_a_preprocess(make_set: MakeSet) -> None:
    sets = [make_set(1, side=28), make_set(1, side=56)]
    loader = Loader(sets, batch_size=2, seed=0, shuffle=False)
    with pytest.raises(ValueError, match="28 × 28 like the batch's first, got 56 × 56"):
        next(iter(loader))


def test_an_unfit_size_names_the_stimulus(make_set: MakeSet) -> None:
    loader = Loader(make_set(1, side=60), batch_size=1, seed=0, preprocess=Preprocess.qwen2_vl())
    with pytest.raises(ValueError, match=r"image height of stimulus s0.*got 60; use 56"):
        next(iter(loader))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "`batch_size` to be between 1 and 1048576, got 0"),
        ({"batch_size": -2}, "`batch_size` to be at least 0, got -2"),
        ({"seed": -1}, "`seed` to be between 0 and .*, got -1"),
        ({"seed": 2**64}, "`seed` to be between 0 and .*, got 18446744073709551616"),
        ({"rank": 2, "world_size": 2}, r"`rank` to be below `world_size` \(2\), got 2"),
        ({"world_size": 0}, "`world_size` to be between 1 and 1048576, got 0"),
        ({"threads": 0}, "`threads` to be between 1 and 1048576, got 0"),
    ],
)
def test_impossible_options_are_refused(
    photographs: StimulusSet, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Loader(photographs, **{"batch_size": 1, "seed": 0, **options})
    with pytest.raises(ValueError, match="of 1 to 2⁶² stimuli, got 0"):
        Loader([], batch_size=1, seed=0)


def test_recipes_and_photographs_mix(photographs: StimulusSet) -> None:
    towers = StimulusSet.recipe(count=11, size_px=28)
    batches = list(Loader([towers, photographs], batch_size=16, seed=0))
    names = {
        (int(number), name) for b in batches for number, name in zip(b.sets, b.ids, strict=True)
    }
    assert len(names) == 11 + COUNT
    assert {name for number, name in names if number == 0} == {s.id for s in towers}


def test_no_torch_is_needed() -> None:
    """Neither torch nor anything but numpy can be imported there."""
    script = """
import sys
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "lightning", "transformers", "pandas", "PIL", "scipy"}:
            raise ImportError(name + " is not there")
sys.meta_path.insert(0, Nothing())
from cogtrain import Loader, Preprocess, StimulusSet
towers = StimulusSet.recipe(count=4, size_px=56)
loader = Loader(towers, batch_size=2, seed=0, preprocess=Preprocess.qwen2_vl())
assert sum(batch.arrays["pixel_values"].shape[0] for batch in loader) == 64
others = {name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names
assert others <= {"__main__", "_distutils_hack", "cogtrain", "numpy", "sitecustomize"}, others
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, cwd=ROOT)


def test_sets_are_values_that_a_loader_does_not_change(photographs: StimulusSet) -> None:
    loader = Loader(replace(photographs, name="renamed"), batch_size=8, seed=0)
    assert [each.name for each in loader.sets] == ["renamed"]
    assert (loader.batch_size, loader.rank, loader.world_size) == (8, 0, 1)
    assert real(loader) == real(Loader([photographs], batch_size=8, seed=0))
