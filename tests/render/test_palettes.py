"""Colours are as far apart as promised, by colour science that the renderer does not share."""

import numpy as np
import pytest

from cogtrain import StimulusSet, render
from cogtrain._core import Appearance
from tests.render.cielab import VISION, cielab, distances, luminance

PALETTES = ["default", "color_blind_safe", "equiluminant"]
PLAIN = ["white", "gray", "beige", "blue", "black"]


def colors(palette: str, *, style: str = "cubeworld") -> np.ndarray:
    return np.array(list(Appearance(style, palette=palette).colors.values()))


def closest_pair(lab: np.ndarray) -> float:
    apart = distances(lab, lab)
    return apart[np.triu_indices(len(lab), k=1)].min()


def ground(background: str) -> np.ndarray:
    """Median colours of the lower corners and of the upper edge of a rendered tower."""
    scene = StimulusSet.recipe(count=2)[1].scene
    assert scene is not None
    image = render(scene, Appearance(background=background), 112)
    parts = [image[96:, :16], image[96:, 96:], image[:8]]
    return np.array([np.median(part.reshape(-1, 3), axis=0) for part in parts])


@pytest.mark.parametrize("vision", VISION)
def test_safe_colors_are_told_apart_by_everyone(vision):
    assert closest_pair(cielab(colors("color_blind_safe"), vision=vision)) >= 28


def test_the_default_colors_would_not_pass_for_safe():
    """The bound is not met by any vivid palette."""
    assert closest_pair(cielab(colors("default"), vision="deuteranopia")) < 28


def test_equiluminant_colors_differ_in_hue_and_chroma_only():
    lightness = cielab(colors("equiluminant"))[:, 0]
    assert np.ptp(lightness) < 0.1
    assert closest_pair(cielab(colors("equiluminant"))) >= 45


def test_equal_luminance_survives_light_and_shadow():
    """Each face of a block in the equiluminant palette is as light as the same face in another."""
    scene = StimulusSet.recipe(count=12, factors={"yaw_deg": [0, 0]})[10].scene
    assert scene is not None
    image = render(scene, Appearance(palette="equiluminant"), 224)
    values, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    flat = values[counts > 150]
    chroma = np.linalg.norm(cielab(flat)[:, 1:], axis=1)
    faces = flat[chroma > 20]
    levels = np.sort(luminance(faces))
    # Lit top, left and right faces: within each, one step of an 8-bit channel.
    groups = np.split(levels, np.flatnonzero(np.diff(levels) > 0.02) + 1)
    assert len(faces) >= 6
    assert len(groups) <= 4
    assert all(np.ptp(group) < 0.008 for group in groups)


@pytest.mark.parametrize("palette", PALETTES)
@pytest.mark.parametrize("style", ["cubeworld", "wood"])
def test_colors_have_a_normal_observers_distance(palette, style):
    assert closest_pair(cielab(colors(palette, style=style))) >= 25


@pytest.mark.parametrize("background", PLAIN)
def test_no_block_hides_in_a_background(background):
    shown = cielab(ground(background))
    for palette in PALETTES:
        assert distances(cielab(colors(palette)), shown).min() >= 25, palette


def test_backgrounds_are_told_apart():
    shown = {name: cielab(ground(name)) for name in PLAIN}
    for i, one in enumerate(PLAIN):
        for other in PLAIN[i + 1 :]:
            assert distances(shown[one], shown[other]).min() >= 15, (one, other)
