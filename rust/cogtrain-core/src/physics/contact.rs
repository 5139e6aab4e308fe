//! Which body rests on which, and where: the contact graph of upright boxes.

use super::polygon::Polygon;
use crate::scene::{Body, Scene};
use crate::{Error, Result};

/// Largest gap or overlap between faces, in metres, that still counts as touching.
pub(super) const CONTACT_SLOP_M: f64 = 1e-6;
/// Least thickness of a contact, in metres: the rounding of coordinates, and no more.
const THINNEST_M: f64 = 1e-9;

/// A face that rests on another one, or on the ground.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// The body that is carried, as an index into the scene's bodies.
    pub upper: usize,
    /// The body that carries; `None` is the ground.
    pub lower: Option<usize>,
    /// Where the two touch: a convex polygon, counter-clockwise, in metres.
    pub outline: Vec<[f64; 2]>,
    /// Height of the faces over the ground, in metres.
    pub height_m: f64,
}

impl Contact {
    pub(super) fn polygon(&self) -> Polygon {
        Polygon::new(self.outline.clone())
    }

    /// The same with its border moved inwards; `None` if nothing is left.
    pub(super) fn inset(&self, inset_m: f64) -> Option<Self> {
        let corners = self.polygon().movable().corners(inset_m);
        let outline: Vec<[f64; 2]> = corners.iter().map(|corner| corner.at).collect();
        (outline.len() >= 3).then(|| Self {
            outline,
            ..self.clone()
        })
    }
}

/// Every contact of a scene, ordered by upper body, then by lower body, the ground first.
///
/// Side faces that touch carry nothing: only horizontal faces count.
///
/// # Errors
/// [`Error::Argument`] if the scene is empty, a box is tilted, rests on nothing (no face within
/// 1 µm below it), or shares space with another box.
pub fn contacts(scene: &Scene) -> Result<Vec<Contact>> {
    let bodies = &scene.bodies;
    if bodies.is_empty() {
        return Err(Error::argument(
            "scene.bodies",
            "at least one body",
            0,
            "add a block",
        ));
    }
    check_upright(bodies)?;
    let faces: Vec<Polygon> = bodies.iter().map(footprint).collect();
    for (upper, lower) in pairs(bodies.len()) {
        check_apart(bodies, &faces, upper, lower)?;
    }
    let found = between(bodies, &faces);
    match unsupported(bodies.len(), &found) {
        Some(body) => Err(floats(bodies, body)),
        None => Ok(found),
    }
}

/// The contacts of upright boxes, some of which may float or share space.
pub(super) fn touching(bodies: &[Body]) -> Vec<Contact> {
    let faces: Vec<Polygon> = bodies.iter().map(footprint).collect();
    between(bodies, &faces)
}

/// The first of `n` bodies that rests on nothing.
pub(super) fn unsupported(n: usize, contacts: &[Contact]) -> Option<usize> {
    (0..n).find(|&body| contacts.iter().all(|contact| contact.upper != body))
}

fn between(bodies: &[Body], faces: &[Polygon]) -> Vec<Contact> {
    let mut found = Vec::with_capacity(2 * bodies.len());
    for (upper, body) in bodies.iter().enumerate() {
        if bottom(body).abs() <= CONTACT_SLOP_M {
            found.push(contact(upper, None, &faces[upper], 0.0));
        }
        for (lower, under) in bodies.iter().enumerate() {
            let height_m = top(under);
            if (bottom(body) - height_m).abs() > CONTACT_SLOP_M || far(body, under) {
                continue;
            }
            let shared = faces[lower].intersection(&faces[upper]).cleaned();
            if shared.thickness() > THINNEST_M {
                found.push(contact(upper, Some(lower), &shared, height_m));
            }
        }
    }
    found
}

fn check_apart(bodies: &[Body], faces: &[Polygon], index: usize, other: usize) -> Result<()> {
    let (a, b) = (&bodies[index], &bodies[other]);
    let shared_height = top(a).min(top(b)) - bottom(a).max(bottom(b));
    if shared_height <= CONTACT_SLOP_M || far(a, b) {
        return Ok(());
    }
    if faces[index].intersection(&faces[other]).thickness() <= CONTACT_SLOP_M {
        return Ok(());
    }
    let got = format!("an overlap with scene.bodies[{other}]");
    Err(refused(
        index,
        "a block that shares space with no other",
        &got,
    ))
}

/// Every unordered pair of different indices below `n`.
fn pairs(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n).flat_map(move |i| (i + 1..n).map(move |j| (i, j)))
}

fn contact(upper: usize, lower: Option<usize>, shared: &Polygon, height_m: f64) -> Contact {
    Contact {
        upper,
        lower,
        outline: shared.corners().to_vec(),
        height_m,
    }
}

/// Whether the circles around two faces are apart: a quick way out for most pairs.
fn far(a: &Body, b: &Body) -> bool {
    let radius = |body: &Body| {
        let [x, y, _] = body.size_m;
        0.5 * (x * x + y * y).sqrt()
    };
    let (dx, dy) = (
        a.position_m[0] - b.position_m[0],
        a.position_m[1] - b.position_m[1],
    );
    let reach = radius(a) + radius(b);
    dx * dx + dy * dy > reach * reach
}

pub(super) fn bottom(body: &Body) -> f64 {
    body.position_m[2] - 0.5 * body.size_m[2]
}

pub(super) fn top(body: &Body) -> f64 {
    body.position_m[2] + 0.5 * body.size_m[2]
}

/// Unit vector along the box's own x axis, on the ground.
pub(super) fn heading(body: &Body) -> [f64; 2] {
    let [w, _, _, z] = body.orientation;
    // An upright box is turned about z only: cos and sin of yaw from the half-angle quaternion.
    [w * w - z * z, 2.0 * w * z]
}

/// The box's outline on the ground, counter-clockwise.
pub(super) fn footprint(body: &Body) -> Polygon {
    let [cos, sin] = heading(body);
    let (hx, hy) = (0.5 * body.size_m[0], 0.5 * body.size_m[1]);
    let corner = |x: f64, y: f64| {
        [
            body.position_m[0] + cos * x - sin * y,
            body.position_m[1] + sin * x + cos * y,
        ]
    };
    Polygon::new(vec![
        corner(-hx, -hy),
        corner(hx, -hy),
        corner(hx, hy),
        corner(-hx, hy),
    ])
}

/// Whether every box stands upright, on or above the ground.
pub(super) fn check_upright(bodies: &[Body]) -> Result<()> {
    for (index, body) in bodies.iter().enumerate() {
        if body.orientation[1].abs() > 1e-9 || body.orientation[2].abs() > 1e-9 {
            return Err(refused(index, "an upright block", "a tilted one"));
        }
        if bottom(body) < -CONTACT_SLOP_M {
            let got = format!("one that reaches {} m into it", -bottom(body));
            return Err(refused(index, "a block above the ground", &got));
        }
    }
    Ok(())
}

/// The error of a body that touches nothing below: names the gap to the nearest face there.
fn floats(bodies: &[Body], index: usize) -> Error {
    let body = &bodies[index];
    let gap = bodies
        .iter()
        .map(top)
        .filter(|&face| face < bottom(body))
        .fold(0.0, f64::max);
    let got = format!("nothing below it within {} m", bottom(body) - gap);
    refused(
        index,
        "a block that rests on the ground or on a block",
        &got,
    )
}

fn refused(index: usize, expected: &str, got: &str) -> Error {
    let name = format!("scene.bodies[{index}]");
    Error::argument(&name, expected, got, "move the block")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    #[test]
    fn a_block_on_two_others() {
        let found = contacts(&cubes(&[
            [-0.6, 0.0, 0.5],
            [0.6, 0.0, 0.5],
            [0.0, 0.0, 1.5],
        ]))
        .expect("valid");
        let pairs: Vec<_> = found.iter().map(|c| (c.upper, c.lower)).collect();
        assert_eq!(pairs, [(0, None), (1, None), (2, Some(0)), (2, Some(1))]);
        assert!((found[2].polygon().area() - 0.4).abs() < 1e-12);
        assert!((found[2].height_m - 1.0).abs() < 1e-12);
    }

    /// Side by side, or edge on edge, is no contact.
    #[test]
    fn neighbours_do_not_carry_each_other() {
        let found =
            contacts(&cubes(&[[0.0, 0.0, 0.5], [1.0, 0.0, 0.5], [1.0, 0.0, 1.5]])).expect("valid");
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn refuses_what_it_cannot_judge() {
        let mut tilted = cubes(&[[0.0, 0.0, 0.5]]);
        tilted.bodies[0].orientation = [0.8, 0.6, 0.0, 0.0];
        for (scene, words) in [
            (cubes(&[]), ["scene.bodies", "got 0"]),
            (tilted, ["scene.bodies[0]", "tilted"]),
            (
                cubes(&[[0.0, 0.0, 0.5], [0.0, 0.0, 1.75]]),
                ["scene.bodies[1]", "0.25 m"],
            ),
            (
                cubes(&[[0.0, 0.0, 0.5], [1.2, 0.0, 1.5]]),
                ["scene.bodies[1]", "nothing below"],
            ),
            (
                cubes(&[[0.0, 0.0, 0.5], [0.5, 0.0, 0.5]]),
                ["scene.bodies[0]", "overlap with scene.bodies[1]"],
            ),
            (
                cubes(&[[0.0, 0.0, 0.5], [3.0, 0.0, 0.25]]),
                ["scene.bodies[1]", "reaches 0.25 m"],
            ),
        ] {
            let error = contacts(&scene).expect_err("refused").to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
