"""Stimuli that cannot be made: raised, replaced, or set aside; alike on every rank."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cogtrain import Loader, Preprocess, StimulusSet, _core

COUNT = 24


def damaged(folder: Path, bad: Sequence[int]) -> StimulusSet:
    """A set of small images of which some were spoilt after it was opened."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{index}.png" for index in range(COUNT)]
    for path in paths:
        Image.new("RGB", (56, 56), (1, 2, 3)).save(path)
    answers = [{"will_fall": "yes"}] * COUNT
    source = _core.Source.photographs([path.stem for path in paths], paths, answers)
    for index in bad:
        paths[index].write_bytes(b"not an image")
    return StimulusSet("damaged", source)


def places(loaders: Sequence[Loader]) -> dict[int, tuple[str, float]]:
    """Position -> id and weight, of the positions of an epoch."""
    return {
        int(position): (name, float(weight))
        for step in zip(*loaders, strict=True)
        for batch in step
        for position, name, weight in zip(batch.positions, batch.ids, batch.weights, strict=True)
        if position < COUNT
    }


@pytest.mark.parametrize(("policy", "weight"), [("substitute", 1.0), ("quarantine", 0.0)])
def test_every_rank_and_thread_replaces_alike(tmp_path: Path, policy: Any, weight: float) -> None:
    whole = places([Loader(damaged(tmp_path, []), batch_size=4, seed=1)])
    stimuli = damaged(tmp_path, [3, 16])

    def world(size: int, threads: int) -> list[Loader]:
        return [
            Loader(
                stimuli,
                batch_size=2,
                seed=1,
                rank=rank,
                world_size=size,
                threads=threads,
                on_bad=policy,
            )
            for rank in range(size)
        ]

    expected = places(world(1, 1))
    for position, (name, counted) in expected.items():
        original = whole[position][0]
        is_bad = original in {"3", "16"}
        assert (name == original) != is_bad
        assert counted == (weight if is_bad else 1.0)
        assert name not in {"3", "16"}
    for size, threads in [(1, 4), (2, 1), (3, 2), (4, 3), (8, 1)]:
        assert places(world(size, threads)) == expected


def test_the_report_says_which_and_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    loader = Loader(damaged(tmp_path, [3, 16]), batch_size=4, seed=1, on_bad="quarantine")
    assert not loader.has_new_faults()
    with caplog.at_level(logging.WARNING, "cogtrain.data.loader"):
        found = places([loader])
    assert loader.has_new_faults()
    assert not loader.has_new_faults()
    report = loader.report()
    assert [(fault["set"], fault["index"], fault["id"]) for fault in report] == [
        (0, 3, "3"),
        (0, 16, "16"),
    ]
    for fault in report:
        assert str(tmp_path / f"{fault['index']}.png") in fault["reason"]
        assert found[fault["position"]][0] == fault["substitute"]
        assert fault["epoch"] == 0
    assert json.loads(json.dumps(report)) == report
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    assert any("`16` of set 0 could not be made" in line for line in lines)
    caplog.clear()
    places([loader])
    assert not caplog.records, "the second epoch tells nothing new"
    assert len(loader.report()) == 2


def test_the_budget_ends_the_stream_and_a_stop_keeps_the_count(tmp_path: Path) -> None:
    stimuli = damaged(tmp_path, [3, 9, 16])
    options: dict[str, Any] = {"batch_size": 1, "seed": 1, "on_bad": "substitute", "bad_budget": 2}
    first = Loader(stimuli, **options)
    states = []
    with pytest.raises(ValueError, match=r"at most 2 bad stimuli, got 3, the last `\d+` of set 0"):
        states.extend(first.state_dict() for _ in first)
    kept = next(state for state in reversed(states) if len(state["bad"]) == 2)
    second = Loader(stimuli, **options, threads=2)
    second.load_state_dict(json.loads(json.dumps(kept)))
    assert second.report() == kept["bad"]
    with pytest.raises(ValueError, match="at most 2 bad stimuli, got 3"):
        list(second)
    # The limit holds over epochs too, and a larger one lets the same stream go on.
    larger = Loader(stimuli, **{**options, "bad_budget": 3})
    larger.load_state_dict(kept)
    assert len(list(larger)) == COUNT - kept["consumed"]
    assert len(larger.report()) == 3


def test_a_state_without_bad_stimuli_is_as_it_always_was(tmp_path: Path) -> None:
    loader = Loader(damaged(tmp_path, []), batch_size=4, seed=1, on_bad="substitute")
    places([loader])
    assert "bad" not in loader.state_dict()
    with pytest.raises(ValueError, match="bad as `state_dict` gives it, got 3"):
        loader.load_state_dict({**loader.state_dict(), "bad": 3})


def test_an_unfit_size_counts_as_bad(tmp_path: Path) -> None:
    stimuli = damaged(tmp_path, [])
    Image.new("RGB", (60, 56)).save(tmp_path / "5.png")
    loader = Loader(
        stimuli, batch_size=4, seed=1, preprocess=Preprocess.qwen2_vl(), on_bad="quarantine"
    )
    counted = sum(float(batch.weights.sum()) for batch in loader)
    assert counted == COUNT - 1
    (fault,) = loader.report()
    assert "got 60; use 56" in fault["reason"]
    assert loader.statistics()["batches"] == len(loader)


def test_a_set_that_is_all_bad_is_an_error(tmp_path: Path) -> None:
    stimuli = damaged(tmp_path, range(COUNT))
    loader = Loader(stimuli, batch_size=4, seed=1, on_bad="substitute", bad_budget=100)
    with pytest.raises(_core.CorruptImageError, match=r"\d+\.png"):
        next(iter(loader))
    assert len(loader.report()) == COUNT


def test_ranks_with_one_report_keep_to_one_budget(tmp_path: Path) -> None:
    stimuli = damaged(tmp_path, [0, 7, 14])

    def world(size: int, budget: int) -> list[Loader]:
        options: dict[str, Any] = {"batch_size": 2, "seed": 1, "on_bad": "quarantine"}
        ranks = [
            Loader(stimuli, rank=rank, world_size=size, bad_budget=budget, **options)
            for rank in range(size)
        ]
        places(ranks)
        return ranks

    (alone,) = world(1, 3)
    ranks = world(2, 3)
    reports = [rank.report() for rank in ranks]
    assert sorted(len(report) for report in reports) == [1, 2]
    for rank in ranks:
        for report in reversed(reports):
            rank.add_report(json.loads(json.dumps(report)))
        assert rank.report() == alone.report()
    assert ranks[0].state_dict() == ranks[1].state_dict()
    tight = world(2, 2)[0]
    with pytest.raises(ValueError, match="at most 2 bad stimuli, got 3, the last `"):
        tight.add_report(reports[1])
    with pytest.raises(ValueError, match="`report` to be as `report` gives it, got 7"):
        tight.add_report(7)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_last_step_is_known_on_every_rank(tmp_path: Path, size: int) -> None:
    stimuli = damaged(tmp_path, [])
    for consumed in (0, 5):
        for rank in range(size):
            loader = Loader(stimuli, batch_size=3, seed=1, rank=rank, world_size=size)
            loader.load_state_dict(loader.state_dict() | {"consumed": consumed})
            lasts = [loader.is_last(batch) for batch in loader]
            assert lasts == [False] * (len(lasts) - 1) + [True]


def test_times_of_stages_have_percentiles(tmp_path: Path) -> None:
    loader = Loader(damaged(tmp_path, []), batch_size=4, seed=1)
    assert loader.statistics()["make"]["busy_p50_s"] is None
    places([loader])
    found = loader.statistics()
    for stage in ("make", "prepare", "deliver"):
        p50, p99 = (found[stage][f"busy_{name}_s"] for name in ("p50", "p99"))
        assert 0 < p50 <= p99 <= found[stage]["busy_s"] * 17 / 16
    assert found["deliver"]["busy_s"] < 1  # Handing out holds the interpreter lock: it is short.
