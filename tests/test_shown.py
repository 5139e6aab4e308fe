"""A set once more, fewer of its stimuli or other images; `test_control.py` has the other images."""

import hashlib

import numpy as np
import pytest

from cogtrain import StimulusSet
from cogtrain.shown import subsample


@pytest.fixture(scope="module")
def towers(tmp_path_factory):
    people = tmp_path_factory.mktemp("people") / "people.csv"
    people.write_text("observer_id,stimulus_id,response\n")
    return StimulusSet.recipe(count=9, size_px=56, name="towers").judged_by(people)


def test_a_sample_is_those_with_the_smallest_hashes_in_their_order(towers):
    few = subsample(towers, 4)
    hashes = {name: hashlib.blake2b(name.encode(), digest_size=16).digest() for name in towers.ids}
    chosen = set(sorted(hashes, key=hashes.get)[:4])
    assert few.ids == [name for name in towers.ids if name in chosen]


def test_a_sampled_stimulus_is_what_it_was(towers):
    few = subsample(towers, 4)
    assert (few.name, few.humans, few.domain) == (towers.name, towers.humans, towers.domain)
    known = {stimulus.id: stimulus for stimulus in towers}
    for mine in few:
        theirs = known[mine.id]
        np.testing.assert_array_equal(mine.image, theirs.image)
        assert (mine.answers, mine.margin) == (theirs.answers, theirs.margin)
        assert mine.factors == theirs.factors | {"style": "cubeworld"}


def test_it_depends_on_the_ids_alone_and_not_on_their_order(tmp_path, towers):
    from PIL import Image

    Image.fromarray(towers[0].image).save(tmp_path / "a.png")
    samples = []
    for number, order in enumerate((range(20), reversed(range(20)))):
        table = tmp_path / f"{number}.csv"
        lines = ["stimulus_id,image,will_fall", *(f"s{each},a.png,1" for each in order)]
        table.write_text("\n".join(lines))
        samples.append(subsample(StimulusSet.photographs(table), 6))
    assert set(samples[0].ids) == set(samples[1].ids)
    assert samples[0].ids == samples[1].ids[::-1]


def test_another_sample_has_another_fingerprint(towers):
    assert subsample(towers, 3).fingerprint != subsample(towers, 4).fingerprint
    assert subsample(towers, 3).fingerprint == subsample(towers, 3).fingerprint
    assert subsample(towers, 9) is towers


def test_no_sample_is_left_out():
    towers = StimulusSet.recipe(count=2, size_px=56)
    with pytest.raises(ValueError, match=r"at least 1 stimulus, got 0; leave it out"):
        subsample(towers, 0)
