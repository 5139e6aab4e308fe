"""Styles change how a scene looks, never what it shows or what its colours are called."""

import json
from functools import cache

import numpy as np
import pytest

from cogtrain import Scene, StimulusSet, render
from cogtrain._core import Appearance, passes
from tests.render.cielab import cielab, linear

STYLES = ["cubeworld", "wood", "randomised"]
TEXTURED = ["wood", "randomised"]
PLAIN = ["white", "gray", "beige", "blue", "black"]


@cache
def tower(index: int, *, radius_deg: float = 14.0, blocks: int = 4) -> Scene:
    scene = StimulusSet.recipe(count=40, factors={"n_blocks": [blocks]})[index].scene
    assert scene is not None
    said = json.loads(scene.to_json())
    said["light"]["radius_deg"] = radius_deg
    return Scene.from_json(json.dumps(said))


def srgb(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return 255 * np.where(light < 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def name_of(seen: np.ndarray, appearance: Appearance) -> str:
    """The declared colour that comes closest to what is seen, in whatever light it may be."""
    light = np.linspace(0.12, 1.1, 50)[:, None]
    gaps = {
        name: np.linalg.norm(cielab(srgb(light * linear(color))) - cielab(seen), axis=-1).min()
        for name, color in appearance.colors.items()
    }
    return min(gaps, key=gaps.__getitem__)


@pytest.mark.parametrize("palette", ["default", "color_blind_safe", "equiluminant"])
@pytest.mark.parametrize("style", STYLES)
def test_blocks_keep_the_names_of_their_colors(style, palette):
    right = []
    for index in range(10):
        scene = tower(index, blocks=6)
        background = PLAIN[index % 5]
        shown = Appearance(style, palette=palette, background=background, texture_seed=index)
        image = render(scene, shown, 160)
        for mask, body in zip(
            passes(scene, 160).modal, json.loads(scene.to_json())["bodies"], strict=True
        ):
            if mask.sum() >= 60:
                seen = np.median(image[mask], axis=0)
                right.append(name_of(seen, shown) == body["color"])
    assert len(right) > 50
    assert np.mean(right) >= 0.98


def ground(style: str, background: str, seed: int) -> np.ndarray:
    """Median colour of the floor's lower edge, in CIELAB."""
    shown = Appearance(style, background=background, texture_seed=seed)
    return cielab(np.median(render(tower(1), shown, 64)[54:].reshape(-1, 3), axis=0))


@pytest.mark.parametrize("style", STYLES)
def test_backgrounds_keep_their_names(style):
    """New pictures are classified by what other seeds of the style look like."""
    known = {name: np.mean([ground(style, name, s) for s in range(6)], axis=0) for name in PLAIN}
    for name in PLAIN:
        for seed in range(100, 112):
            seen = ground(style, name, seed)
            nearest = min(known, key=lambda other: np.linalg.norm(known[other] - seen))
            assert nearest == name, (style, name, seed)


@pytest.mark.parametrize("style", TEXTURED)
def test_texture_seeds_give_other_pictures(style):
    first, second = (
        render(tower(2), Appearance(style, texture_seed=seed), 64).astype(int) for seed in (1, 2)
    )
    assert np.abs(first - second).mean() > 1.5


def test_cubeworld_has_no_texture():
    first, second = (render(tower(2), Appearance(texture_seed=seed), 64) for seed in (1, 2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_has_its_room(style):
    """A room is cluttered: many colours where a plain background has one."""
    colors = []
    for background in ("white", "room"):
        shown = Appearance(style, background=background, texture_seed=4)
        upper = render(tower(1, blocks=2), shown, 112)[:40].reshape(-1, 3)
        colors.append(cielab(upper).std(axis=0).sum())
    assert colors[1] > 2 * colors[0]
    assert colors[1] > 15


@pytest.mark.parametrize("style", TEXTURED)
@pytest.mark.parametrize("background", ["white", "room"])
def test_small_pictures_show_what_large_ones_show(style, background):
    """Textures are limited to what a pixel resolves: no aliasing at any size."""
    shown = Appearance(style, background=background, texture_seed=3)
    small = render(tower(3), shown, 96)
    large = render(tower(3), shown, 384)
    light = linear(large).reshape(96, 4, 96, 4, 3).mean(axis=(1, 3))
    gap = np.abs(small - srgb(light)).mean(-1)
    assert gap.mean() < 2.5
    assert np.quantile(gap, 0.99) < 16


@pytest.mark.parametrize("style", STYLES)
def test_shadows_grow_soft_from_hard(style):
    """A light of next to no extent casts the shadow of a point; a wide one, a gradual shadow."""
    hard, almost, soft = (
        render(tower(5, radius_deg=radius), style, 112).astype(float) for radius in (0, 0.05, 20)
    )
    assert np.abs(hard - almost).mean() < 0.15
    assert np.abs(hard - soft).mean() > 0.5


def test_a_penumbra_has_no_bands():
    """Along the ground across a wide shadow, light changes by small steps without plateaus."""
    said = json.loads(tower(5, radius_deg=20).to_json())
    said["bodies"] = said["bodies"][:1]
    said["bodies"][0] |= {"position_m": [0, 0, 2], "size_m": [8, 1.5, 0.3]}
    said["camera"] = {"position_m": [0, -6, 12], "target_m": [0, 2.5, 0], "fov_deg": 40}
    said["light"] = {"toward": [-0.5, -0.8, 1.15], "radius_deg": 20}
    image = render(Scene.from_json(json.dumps(said)), "cubeworld", 448)
    column = linear(image[:, 224]).mean(-1)
    body = passes(Scene.from_json(json.dumps(said)), 448).instance[:, 224] > 0
    # Not where the bar itself, or an edge pixel of it, is seen.
    near_body = np.convolve(body, np.ones(5), mode="same") > 0
    steps = np.abs(np.diff(column))[~near_body[1:] & ~near_body[:-1]]
    # The shadow is a quarter deep; a switched chord would be a step of about 0.03.
    assert np.ptp(column[~near_body]) > 0.25
    assert steps.max() < 0.012


def test_bodies_of_any_size_and_no_bodies_are_drawn():
    said = json.loads(tower(0).to_json())
    for style in STYLES:
        for bodies in ([], [said["bodies"][0] | {"size_m": [0.01, 3, 0.2]}]):
            scene = Scene.from_json(json.dumps(said | {"bodies": bodies}))
            for background in ("white", "room"):
                image = render(scene, Appearance(style, background=background), 32)
                assert image.std() > 0.3


@pytest.mark.parametrize("style", STYLES)
def test_a_camera_that_looks_up_is_drawn(style):
    said = json.loads(tower(0).to_json())
    said["camera"] |= {"position_m": [0, -4, 0.5], "target_m": [0, 0, 6], "fov_deg": 100}
    image = render(Scene.from_json(json.dumps(said)), style, 48)
    assert image.std() > 1
