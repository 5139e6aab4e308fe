import numpy as np
import pytest

from cogtrain import StimulusSet
from cogtrain.audit.screen import extent_of_pixels, extent_of_scene


def coloured(image: np.ndarray) -> np.ndarray:
    """Pixels of blocks in `cubeworld`: only they are coloured."""
    values = image.astype(int)
    return values.max(axis=2) - values.min(axis=2) > 24


@pytest.mark.parametrize("index", range(8))
def test_the_silhouette_of_a_scene_is_that_of_its_rendering(index):
    stimulus = StimulusSet.recipe(count=8, size_px=224)[index]
    mask = coloured(stimulus.image)
    rows = np.flatnonzero(mask.any(axis=1))
    y, x = (axis.mean() / 224 for axis in np.nonzero(mask))
    extent = extent_of_scene(stimulus.scene.to_json(), 224, 224)
    assert extent.height == pytest.approx((rows[-1] - rows[0] + 1) / 224, abs=0.02)
    assert extent.area == pytest.approx(mask.mean(), rel=0.1)
    assert (extent.x, extent.y) == pytest.approx((x, y), abs=0.01)
    assert extent.n_blocks == stimulus.factors["n_blocks"]
    assert extent.source == "scene"


def test_a_rectangle_on_a_plain_ground_is_measured_exactly():
    image = np.full((100, 200, 3), 240, np.uint8)
    image[40:60, 50:150] = (200, 30, 30)
    extent = extent_of_pixels(image)
    assert extent.height == pytest.approx(0.2, abs=0.02)
    assert extent.area == pytest.approx(0.1)
    assert (extent.x, extent.y) == pytest.approx((0.5, 0.5))
    assert np.isnan(extent.n_blocks)
    assert extent.source == "pixels"


def test_an_empty_picture_has_nothing_on_it():
    extent = extent_of_pixels(np.full((10, 10, 3), 7, np.uint8))
    assert (extent.height, extent.area, extent.x, extent.y) == (0.0, 0.0, 0.5, 0.5)
