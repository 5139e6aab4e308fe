"""Ground truth is geometry: an independent pinhole and slab test say the same of every pixel."""

import json

import numpy as np
import pytest

from cogtrain import Scene, StimulusSet
from cogtrain._core import flow, passes
from tests.render.pinhole import Pinhole, cast, enter, parts, rotation

SIZE = 96


def tower(index: int) -> Scene:
    scene = StimulusSet.recipe(count=24, seed=9, factors={"yaw_deg": [-40, 40]})[index].scene
    assert scene is not None
    return scene


def changed(scene: Scene, **camera: object) -> Scene:
    said = parts(scene)
    said["camera"] |= camera
    return Scene.from_json(json.dumps(said))


def scattered(seed: int) -> Scene:
    """Boxes of all shapes in all poses, before a low camera that also sees the sky."""
    rng = np.random.default_rng(seed)
    said = parts(tower(5))
    body = said["bodies"][0]
    said["bodies"] = []
    for _ in range(12):
        quaternion = rng.normal(size=4)
        quaternion /= np.linalg.norm(quaternion)
        said["bodies"].append(
            body
            | {
                "size_m": rng.uniform(0.3, 1.6, 3).tolist(),
                "position_m": [*rng.uniform(-2.5, 2.5, 2).tolist(), rng.uniform(1.4, 4.4)],
                "orientation": quaternion.tolist(),
            }
        )
    said["camera"] |= {"position_m": [2, -14, 2.5], "target_m": [0, 0, 2.4]}
    return Scene.from_json(json.dumps(said))


SCENES = {"tower": tower(11), "scattered": scattered(0), "more": scattered(1)}


@pytest.mark.parametrize("name", SCENES)
def test_passes_agree_with_a_ray_caster_in_numpy(name):
    scene = SCENES[name]
    ours, theirs = passes(scene, SIZE), cast(scene, SIZE)
    np.testing.assert_array_equal(ours.instance, np.maximum(theirs["owner"], 0))
    np.testing.assert_allclose(ours.depth_m, theirs["depth"], rtol=2e-7)
    np.testing.assert_allclose(ours.normal, theirs["normal"], atol=1e-6)
    np.testing.assert_array_equal(ours.amodal, np.isfinite(theirs["depths"]))


@pytest.mark.parametrize("name", SCENES)
def test_visibility_counts_what_the_masks_show(name):
    scene = SCENES[name]
    ours = passes(scene, SIZE)
    bodies = range(1, len(ours.modal) + 1)
    np.testing.assert_array_equal(ours.modal, [ours.instance == body for body in bodies])
    assert not (ours.modal & ~ours.amodal).any()
    np.testing.assert_array_equal(ours.visible_px, ours.modal.sum((1, 2)))
    np.testing.assert_array_equal(ours.amodal_px, ours.amodal.sum((1, 2)))
    np.testing.assert_allclose(ours.occlusion, 1 - ours.visible_px / ours.amodal_px)
    assert (ours.occlusion > 0.05).any()


def test_amodal_is_what_a_body_shows_alone():
    scene = SCENES["scattered"]
    whole = passes(scene, SIZE)
    said = parts(scene)
    for index, body in enumerate(said["bodies"]):
        alone = passes(Scene.from_json(json.dumps(said | {"bodies": [body]})), SIZE)
        np.testing.assert_array_equal(whole.amodal[index], alone.instance == 1)
        assert alone.occlusion.tolist() == [0.0]


def test_depth_and_normals_belong_together():
    """Neighbouring points of one face span a plane with the stated normal."""
    scene = SCENES["tower"]
    ours = passes(scene, SIZE)
    camera = Pinhole(parts(scene)["camera"], SIZE)
    points = camera.eye + ours.depth_m[..., None] * camera.rays()
    step = points[:, 1:] - points[:, :-1]
    same = (ours.instance[:, 1:] == ours.instance[:, :-1]) & (
        ours.normal[:, 1:] == ours.normal[:, :-1]
    ).all(-1)
    assert same.sum() > 0.9 * same.size
    assert np.abs((step * ours.normal[:, 1:]).sum(-1)[same]).max() < 1e-4


def test_a_body_outside_the_image_has_no_occlusion():
    ours = passes(changed(tower(3), target_m=[60, 0, 3]), 32)
    assert ours.amodal_px.sum() == 0
    assert np.isnan(ours.occlusion).all()


def test_no_bodies_and_no_ground():
    said = parts(tower(3)) | {"bodies": []}
    said["camera"] |= {"position_m": [0, -9, 3], "target_m": [0, 0, 30]}
    ours = passes(Scene.from_json(json.dumps(said)), 16)
    assert ours.modal.shape == (0, 16, 16)
    assert np.isinf(ours.depth_m).all()
    assert not ours.normal.any()


@pytest.mark.parametrize("size_px", [0, 4097])
def test_absurd_sizes_are_refused(size_px):
    with pytest.raises(ValueError, match=rf"`size_px` to be 1 … 4096, got {size_px};"):
        passes(tower(0), size_px)
    with pytest.raises(ValueError, match=rf"got {size_px};"):
        flow(tower(0), tower(0), size_px)


# --- Flow ---------------------------------------------------------------------------------------


def moved(scene: Scene, seed: int, **camera: object) -> Scene:
    """Every body turned and shifted a little."""
    rng = np.random.default_rng(seed)
    said = parts(scene)
    for body in said["bodies"]:
        body["position_m"] = (np.array(body["position_m"]) + rng.normal(0, 0.15, 3)).tolist()
        quaternion = np.array(body["orientation"]) + rng.normal(0, 0.08, 4)
        body["orientation"] = (quaternion / np.linalg.norm(quaternion)).tolist()
    said["camera"] |= camera
    return Scene.from_json(json.dumps(said))


def carried(first: Scene, second: Scene, size_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Points that the first scene shows, once they have moved; and where that is known."""
    seen = cast(first, size_px)
    camera = Pinhole(parts(first)["camera"], size_px)
    known = seen["owner"] >= 0
    depth = np.where(known, seen["depth"], 1.0)
    points = camera.eye + depth[..., None] * camera.rays()
    bodies = zip(parts(first)["bodies"], parts(second)["bodies"], strict=True)
    for index, (before, after) in enumerate(bodies, start=1):
        mine = seen["owner"] == index
        local = (points[mine] - before["position_m"]) @ rotation(before["orientation"])
        points[mine] = local @ rotation(after["orientation"]).T + after["position_m"]
    return points, known


@pytest.mark.parametrize("camera", [{}, {"position_m": [2.6, -13.6, 2.8]}])
def test_flow_is_where_points_project_to(camera):
    first = scattered(3)
    second = moved(first, 4, **camera)
    ours = flow(first, second, SIZE)
    points, known = carried(first, second, SIZE)
    view = Pinhole(parts(second)["camera"], SIZE)
    target = view.project(points)
    centres = np.stack(np.meshgrid(*[np.arange(SIZE) + 0.5] * 2), axis=-1)
    np.testing.assert_allclose(ours.shift_px[known], (target - centres)[known], atol=2e-4)
    outside = ((target < 0) | (target >= SIZE)).any(-1)
    np.testing.assert_array_equal(ours.outside[known], outside[known])
    # Hidden: something is met before the point. Grazing views are left to either side.
    rays = points - view.eye
    said = parts(second)["bodies"]
    nearest = np.min([enter(body, view.eye, rays)[0] for body in said], axis=0)
    clear = known & ~outside
    hidden, open_ = clear & (nearest < 1 - 1e-4), clear & (nearest > 1 - 1e-8)
    assert ours.occluded[hidden].all()
    assert not ours.occluded[open_].any()
    assert hidden.sum() > 100


def test_nothing_flows_when_nothing_moves():
    scene = SCENES["scattered"]
    ours = flow(scene, scene, SIZE)
    assert np.abs(ours.shift_px).max() < 1e-4
    assert not ours.outside.any()
    assert not ours.occluded.any()


def test_flow_leads_to_the_same_body():
    """A visible point lands on a pixel of its own body, but for pixels on an edge."""
    first = tower(11)
    second = moved(first, 1)
    ours, before, after = flow(first, second, SIZE), passes(first, SIZE), passes(second, SIZE)
    rows, columns = np.nonzero((before.instance > 0) & ~ours.occluded & ~ours.outside)
    shift = ours.shift_px[rows, columns]
    x = np.floor(columns + 0.5 + shift[:, 0]).astype(int)
    y = np.floor(rows + 0.5 + shift[:, 1]).astype(int)
    same = after.instance[y, x] == before.instance[rows, columns]
    assert len(same) > 500
    assert same.mean() > 0.95


def test_other_bodies_are_refused():
    with pytest.raises(ValueError, match=r"`second` to be a scene of the same bodies .*; move"):
        flow(tower(0), tower(23), 32)
