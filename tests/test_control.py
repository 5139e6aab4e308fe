import numpy as np
import pytest

from cogtrain import Loader, Preprocess, StimulusSet
from cogtrain.control import CONTROLS, controlled, derangement


@pytest.fixture(scope="module")
def towers(tmp_path_factory):
    people = tmp_path_factory.mktemp("people") / "people.csv"
    people.write_text("observer_id,stimulus_id,response\n")
    return StimulusSet.recipe(count=8, size_px=56, name="towers").judged_by(people)


def images(members):
    return [stimulus.image for stimulus in members]


@pytest.mark.parametrize("control", CONTROLS)
def test_what_is_known_of_the_stimuli_stays(towers, control):
    other = controlled(towers, control)
    assert other.name == f"towers~{control}"
    assert other.ids == towers.ids
    assert other.domain == towers.domain
    assert other.humans is None  # nobody has seen these images
    assert other.fingerprint != towers.fingerprint
    for mine, theirs in zip(other, towers, strict=True):
        assert mine.answers == theirs.answers
        assert mine.margin == theirs.margin
        assert mine.factors == theirs.factors | {"style": "cubeworld"}


@pytest.mark.parametrize("control", ["blank", "text_only"])
def test_blank_is_mid_grey_of_the_same_size(towers, control):
    for image in images(controlled(towers, control)):
        assert image.shape == (56, 56, 3)
        assert np.unique(image).tolist() == [128]


def test_mirrored_is_flipped_from_left_to_right(towers):
    for mine, theirs in zip(images(controlled(towers, "mirrored")), images(towers), strict=True):
        np.testing.assert_array_equal(mine, np.fliplr(theirs))
        assert not np.array_equal(mine, theirs)


def test_shuffled_shows_every_image_once_and_none_in_its_place(towers):
    mine, theirs = images(controlled(towers, "shuffled")), images(towers)
    assert sorted(map(bytes, mine)) == sorted(map(bytes, theirs))
    assert not any(np.array_equal(*pair) for pair in zip(mine, theirs, strict=True))


def test_two_models_are_shown_the_same(towers):
    first, second = (controlled(towers, "shuffled") for _ in range(2))
    assert first.fingerprint == second.fingerprint
    assert list(map(bytes, images(first))) == list(map(bytes, images(second)))
    assert controlled(towers, "shuffled", seed=1).fingerprint != first.fingerprint


@pytest.mark.parametrize("count", [2, 3, 10, 1001])
def test_a_derangement_is_a_permutation_without_fixed_places(count):
    for seed in range(20):
        others = derangement(count, seed=seed)
        assert sorted(others) == list(range(count))
        assert (others != np.arange(count)).all()


def test_every_other_image_is_as_likely():
    drawn = np.array([derangement(4, seed=seed)[0] for seed in range(3000)])
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] == 0
    assert (np.abs(counts[1:] - 1000) < 130).all()  # five standard deviations


def test_the_model_gets_the_pixels_that_its_processor_makes_of_the_flipped_image(towers):
    preprocess = Preprocess.qwen2_vl()
    other = controlled(towers, "mirrored")
    (batch,) = Loader(other, batch_size=8, seed=0, shuffle=False, preprocess=preprocess)
    flipped = np.stack([np.fliplr(image) for image in images(towers)])
    np.testing.assert_array_equal(batch.arrays["pixel_values"], preprocess(flipped)["pixel_values"])


def test_photographs_of_several_sizes_keep_theirs(make_photographs):
    sizes = [(40, 30), (20, 50), (28, 28)]
    photographs = make_photographs(sizes)
    assert [each.shape[:2] for each in images(controlled(photographs, "blank"))] == sizes


def test_one_stimulus_cannot_be_shuffled():
    alone = StimulusSet.recipe(count=1, size_px=56)
    with pytest.raises(ValueError, match=r"at least 2 stimuli.*got 1; leave `shuffled` out"):
        controlled(alone, "shuffled")
    assert len(controlled(alone, "blank")) == 1


def test_an_unknown_control_is_named(towers):
    with pytest.raises(
        ValueError, match=r"blank, shuffled, mirrored, text_only, got 'upside-down'"
    ):
        controlled(towers, "upside-down")


@pytest.fixture
def make_photographs(tmp_path):
    from PIL import Image

    def make(sizes):
        lines = ["stimulus_id,image,will_fall"]
        for number, size in enumerate(sizes):
            pixels = np.full((*size, 3), number * 40, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / f"{number}.png")
            lines.append(f"s{number},{number}.png,{number % 2}")
        (tmp_path / "table.csv").write_text("\n".join(lines))
        return StimulusSet.photographs(tmp_path / "table.csv")

    return make
