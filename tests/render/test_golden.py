"""Pixels are what they were. Re-made by `make golden`, never by hand."""

import hashlib
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.golden.shown import APPEARANCES, FOLDER, picture, truth


@pytest.mark.parametrize("name", APPEARANCES)
def test_pictures_are_as_they_were(name):
    with Image.open(FOLDER / f"{name}.png") as file:
        np.testing.assert_array_equal(picture(name), np.asarray(file))


def test_truth_is_as_it_was():
    with np.load(FOLDER / "passes.npz") as file:
        expected = dict(file)
    found = truth()
    assert sorted(found) == sorted(expected)
    for name, values in found.items():
        assert values.dtype == expected[name].dtype, name
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def sha256(name: str) -> str:
    return hashlib.sha256(picture(name).tobytes()).hexdigest()


def test_order_and_threads_change_no_byte():
    alone = {name: sha256(name) for name in APPEARANCES}
    names = 3 * list(APPEARANCES)
    random.Random(0).shuffle(names)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(sha256, names))
    assert together == [alone[name] for name in names]
    assert len(set(alone.values())) == len(alone)
