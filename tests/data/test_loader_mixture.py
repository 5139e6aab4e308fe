"""Sets drawn by share: as often as they should, in one sequence, through any interruption."""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cogtrain import Batch, Loader, StimulusSet

MakeSet = Callable[..., StimulusSet]


@pytest.fixture(scope="module")
def sets(make_set: MakeSet) -> list[StimulusSet]:
    return [make_set(17, seed=1), make_set(5, seed=2), make_set(30, seed=3)]


def drawn(batches: Any) -> list[tuple[int, str]]:
    """Set and id of each stimulus that counts."""
    return [
        (int(number), name)
        for batch in batches
        for number, name, weight in zip(batch.sets, batch.ids, batch.weights, strict=True)
        if weight
    ]


def laid(loaders: list[Loader]) -> list[Batch]:
    """The ranks' batches side by side in rank order."""
    return [batch for step in zip(*loaders, strict=True) for batch in step]


@pytest.mark.parametrize("epoch", ["longest", "shortest"])
def test_ranks_and_threads_give_one_sequence(sets: list[StimulusSet], epoch: Any) -> None:
    def world(size: int, threads: int, batch_size: int) -> list[Loader]:
        return [
            Loader(
                sets,
                batch_size=batch_size,
                seed=3,
                rank=rank,
                world_size=size,
                threads=threads,
                shares=[0.5, 0.2, 0.3],
                epoch=epoch,
            )
            for rank in range(size)
        ]

    alone = world(1, 1, 4)
    expected = [drawn(laid(alone)) for _ in range(2)]
    assert expected[0] != expected[1]
    for size in (1, 2, 3, 4, 8):
        for threads in range(1, 5):
            loaders = world(size, threads, 3)
            assert len({len(loader) for loader in loaders}) == 1
            assert [drawn(laid(loaders)) for _ in range(2)] == expected


@given(st.lists(st.floats(0.05, 1), min_size=3, max_size=3), st.integers(0, 2**64 - 1))
def test_every_prefix_holds_the_shares(shares: list[float], seed: int) -> None:
    towers = [StimulusSet.recipe(count=count, seed=count, size_px=28) for count in (3, 4, 5)]
    loader = Loader(towers, batch_size=1, seed=seed, threads=1, shares=shares, epoch="longest")
    numbers = [int(batch.sets[0]) for batch in loader]
    counts = np.cumsum(np.eye(3)[numbers], axis=0)
    due = np.arange(1, len(numbers) + 1)[:, None] * np.array(shares) / sum(shares)
    assert np.abs(counts - due).max() < 1 + len(numbers) * 2**-15


def test_an_epoch_ends_where_it_says(sets: list[StimulusSet]) -> None:
    options: dict[str, Any] = {"batch_size": 4, "seed": 0, "shares": [2, 1, 1]}
    longest = drawn(Loader(sets, **options, epoch="longest"))
    assert Counter(longest).total() == 4 * 30
    assert len({name for number, name in longest if number == 2}) == 30
    shortest = drawn(Loader(sets, **options, epoch="shortest"))
    assert max(Counter(shortest).values()) == 1, "no stimulus twice"
    assert sum(number == 1 for number, _ in shortest) == 5


def test_over_epochs_every_stimulus_of_a_set_is_drawn_as_often(sets: list[StimulusSet]) -> None:
    loader = Loader(sets, batch_size=4, seed=0, shares=[2, 1, 1], epoch="shortest")
    total = Counter(pair for _ in range(7) for pair in drawn(loader))
    for number, members in enumerate(sets):
        counts = [total[number, f"s{index}"] for index in range(len(members))]
        assert max(counts) - min(counts) <= 1


def test_sets_that_are_not_shuffled_go_round_in_their_own_order(sets: list[StimulusSet]) -> None:
    loader = Loader(sets, batch_size=1, seed=0, shares=[1, 1, 1], shuffle=False)
    small = [name for number, name in drawn(loader) if number == 1]
    assert small == [f"s{index % 5}" for index in range(30)]


def test_a_stop_is_invisible(sets: list[StimulusSet]) -> None:
    options: dict[str, Any] = {"batch_size": 4, "seed": 0, "shares": [2, 1, 1]}
    whole = Loader(sets, **options)
    expected = [*drawn(whole), *drawn(whole)]
    first = Loader(sets, **options)
    drawn(first)
    seen = drawn(islice(iter(first), 7))
    second = Loader(sets, **options, threads=3)
    second.load_state_dict(first.state_dict())
    assert expected[len(expected) // 2 :] == [*seen, *drawn(second)]
    other = Loader(sets, **{**options, "shares": [2, 1, 2]})
    with pytest.raises(ValueError, match="fingerprint"):
        other.load_state_dict(first.state_dict())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shares": [1, 1]}, r"`shares` to be one number per set \(3\), got 2"),
        ({"shares": [1, 0, 1]}, "`shares` to be positive numbers, got 0"),
        ({"shares": [1, float("nan"), 1]}, "`shares` to be positive numbers, got NaN"),
        ({"shares": [1, 1, 1e-6]}, "at least 1/65536 of their sum, got 0.000001 of 2.000001"),
        ({"epoch": "longes"}, "`epoch` to be one of longest, shortest, got `longes`; did you"),
        ({"on_bad": "rais"}, "`on_bad` to be one of raise, .*, got `rais`; did you mean `raise`"),
        ({"max_bytes": -1}, "`max_bytes` to be at least 0, got -1"),
    ],
)
def test_impossible_mixtures_are_refused(
    sets: list[StimulusSet], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Loader(sets, batch_size=1, seed=0, **options)
