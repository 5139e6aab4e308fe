"""Statics against a linear program that we did not write the solver of, nor share the form with.

The oracle has a normal force and two friction forces at every corner of every contact, finds the
contacts as intersections of half-planes, and asks HiGHS whether any forces balance every body.
"""

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog

from cogtrain import _core

# As in `cogtrain`: a margin is good to 1e-9 of a side; HiGHS holds constraints to 1e-10.
RESOLVED_M = 1e-7


def half_planes(box):
    """Inward normals and distances of the box's outline, and its axes as columns."""
    w, _, _, z = box["orientation"]
    yaw = 2 * np.arctan2(z, w)
    axes = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    centre, half = np.array(box["position_m"][:2]), np.array(box["size_m"][:2]) / 2
    normals = np.vstack([axes.T, -axes.T])
    return normals, normals @ centre - np.tile(half, 2), axes


def corners(normals, distances):
    """Corners of {p: normals p >= distances}, in no order."""
    pairs = np.array(list(combinations(range(len(normals)), 2)))
    systems = normals[pairs]
    cross = np.linalg.det(systems)
    meets = np.abs(cross) > 1e-12
    points = np.linalg.solve(systems[meets], distances[pairs][meets][..., None])[..., 0]
    return points[(points @ normals.T >= distances - 1e-10).all(axis=1)]


def find_contacts(boxes):
    """(upper, lower, half-planes, height, axes of the upper box) per contact."""
    found = []
    for upper, box in enumerate(boxes):
        bottom = box["position_m"][2] - box["size_m"][2] / 2
        normals, distances, axes = half_planes(box)
        if abs(bottom) < 1e-6:
            found.append((upper, None, (normals, distances), 0.0, axes))
        for lower, other in enumerate(boxes):
            top = other["position_m"][2] + other["size_m"][2] / 2
            if lower == upper or abs(top - bottom) > 1e-6:
                continue
            below = half_planes(other)
            shared = np.vstack([normals, below[0]]), np.concatenate([distances, below[1]])
            if len(corners(*shared)) >= 3:
                found.append((upper, lower, shared, bottom, axes))
    return found


def wrenches(boxes, contact, points):
    """Columns of force and moment on all bodies: normal, friction x, friction y per point."""
    upper, lower, _, height, axes = contact
    directions = np.eye(3)[[2, 0, 1]]
    directions[1:, :2] = axes.T
    columns = np.zeros((len(points), 3, len(boxes), 6))
    for body, sign in ((upper, 1), (lower, -1)):
        if body is not None:
            arms = np.column_stack([points, np.full(len(points), height)])
            arms -= boxes[body]["position_m"]
            columns[:, :, body, :3] = sign * directions
            columns[:, :, body, 3:] = sign * np.cross(arms[:, None], directions)
    return columns.reshape(3 * len(points), 6 * len(boxes))


def stands(boxes, contacts, inset=0.0):
    """Whether forces exist, with the border of every contact moved inwards."""
    roughest = max(box["friction"] for box in boxes)
    columns, cones = [], []
    for contact in contacts:
        upper, lower, (normals, distances), *_ = contact
        points = corners(normals, distances + inset)
        other = roughest if lower is None else boxes[lower]["friction"]
        friction = (boxes[upper]["friction"] + other) / 2
        signs = np.array([[-friction, i, j] for i in (1, -1) for j in (1, -1)])
        columns.append(wrenches(boxes, contact, points))
        cones += [signs] * len(points)
    forces = np.vstack(columns)
    limits = np.zeros((4 * len(cones), len(forces)))
    for i, cone in enumerate(cones):
        limits[4 * i : 4 * i + 4, 3 * i : 3 * i + 3] = cone
    weights = np.zeros((len(boxes), 6))
    weights[:, 2] = [box["density"] * np.prod(box["size_m"]) for box in boxes]
    result = linprog(
        np.zeros(len(forces)),
        A_ub=limits,
        b_ub=np.zeros(len(limits)),
        A_eq=forces.T,
        b_eq=weights.ravel() / weights.sum(),
        bounds=[(0, None), (None, None), (None, None)] * len(cones),
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    assert result.status in (0, 2), result.message
    return result.status == 0


@pytest.mark.parametrize("planar", [True, False])
def test_verdicts_agree_with_an_independent_program(draw, make_scene, planar):
    rng = np.random.default_rng(0)
    verdicts = []
    for _ in range(1000):
        boxes, verdict = draw(rng, planar)
        contacts = find_contacts(boxes)
        assert [contact[:2] for contact in contacts] == verdict.contacts
        expected = stands(boxes, contacts)
        agree = verdict.stands == _core.stands(make_scene(boxes)) == expected
        assert agree or abs(verdict.margin_m) < RESOLVED_M, boxes
        verdicts.append(verdict.stands)
    # Worth asking: a fair share falls.
    assert 0.1 < np.mean(verdicts) < 0.9


@pytest.mark.parametrize("planar", [True, False])
def test_margins_are_where_an_independent_program_changes_its_mind(draw, planar):
    rng = np.random.default_rng(1)
    for _ in range(40):
        boxes, verdict = draw(rng, planar)
        contacts = find_contacts(boxes)
        assert stands(boxes, contacts, verdict.margin_m - RESOLVED_M), boxes
        assert not stands(boxes, contacts, verdict.margin_m + RESOLVED_M), boxes


def test_verdict_of_a_leaning_pair(make_scene, make_box):
    pair = [make_box((1, 1, 1), (0, 0, 0.5)), make_box((2, 1, 1), (0.6, 0, 1.5))]
    verdict = _core.equilibrium(make_scene(pair))
    assert not verdict.stands
    assert verdict.margin_m == pytest.approx(-0.1)
    assert verdict.margin_fraction == pytest.approx(-0.1)
    assert verdict.contacts == [(0, None), (1, 0)]
    assert verdict.critical == 1
    # It tips over the edge at x = 0.5: the centre goes down and, being above the edge, outwards.
    velocity, spin = np.split(verdict.mechanism, 2, axis=1)
    assert (velocity[0] == 0).all()
    assert velocity[1] == pytest.approx(np.cross(spin[1], [0.1, 0, 0.5]))
    assert velocity[1, 2] < 0 < velocity[1, 0]


def test_what_stands_has_no_mechanism(make_scene, make_box):
    verdict = _core.equilibrium(make_scene([make_box((1, 1, 1), (0, 0, 0.5))]))
    assert verdict.stands
    assert verdict.mechanism is None
    assert verdict.margin_m == pytest.approx(0.5)


def test_a_pull_sideways(make_scene, make_box):
    tall = make_scene([make_box((1, 1, 4), (0, 0, 2))])
    assert _core.stands(tall)
    assert _core.stands(tall, tilt=(0.24, 0.0))
    assert not _core.stands(tall, tilt=(0.0, 0.26))


def test_names_the_block_that_floats(make_scene, make_box):
    floating = make_scene([make_box((1, 1, 1), (0, 0, 0.5)), make_box((1, 1, 1), (0, 0, 1.75))])
    with pytest.raises(ValueError, match=r"scene\.bodies\[1\].*0\.25 m"):
        _core.equilibrium(floating)
