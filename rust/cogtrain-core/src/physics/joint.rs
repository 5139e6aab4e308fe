//! Contacts as hinges of a structure: where forces act, in which directions, and until when.

use super::contact::{Contact, heading};
use super::polygon::{Corner, Movable, Point, Polygon};
use crate::scene::Scene;

/// How far inwards the borders of all contacts are moved. A contact vanishes at one inset, where it
/// is a point or a line: `after` tells that inset from all that follow it.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Inset {
    /// In metres; negative is outwards.
    pub metres: f64,
    /// Whether contacts that vanish just here are gone already.
    pub after: bool,
}

impl Inset {
    /// Borders as they are.
    pub const NONE: Self = Self {
        metres: 0.0,
        after: false,
    };

    fn keeps(self, end_m: f64) -> bool {
        self.metres < end_m || (self.metres <= end_m && !self.after)
    }
}

/// A contact between bodies numbered within the structure.
pub struct Joint {
    /// The body that is carried.
    pub upper: usize,
    /// The body that carries; `None` is the ground.
    pub lower: Option<usize>,
    /// Height over the ground, in metres.
    pub height_m: f64,
    /// Friction coefficient.
    pub friction: f64,
    /// Horizontal directions in which friction acts.
    pub tangents: Vec<Point>,
    shape: Shape,
    /// The inset in metres at which nothing but a point or a line is left.
    pub vanishes_at_m: f64,
}

enum Shape {
    /// A polygon.
    Area(Movable),
    /// In a plane: the two ends, and the direction from the first to the second.
    Line(Point, Point, Point),
}

impl Joint {
    /// `contact` in a structure whose own numbers `place` gives to bodies of the scene, judged in
    /// the vertical plane along `plane` if there is one.
    pub fn new(
        scene: &Scene,
        contact: &Contact,
        plane: Option<Point>,
        place: &impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let polygon = contact.polygon();
        let [cos, sin] = heading(&scene.bodies[contact.upper]);
        let (tangents, shape, vanishes_at_m) = match plane {
            None => {
                let movable = polygon.movable();
                let vanishes_at_m = movable.vanishes_at_m();
                let tangents = vec![[cos, sin], [-sin, cos], [-cos, -sin], [sin, -cos]];
                (tangents, Shape::Area(movable), vanishes_at_m)
            }
            Some(along) => section(&polygon, along),
        };
        Self {
            upper: place(contact.upper).expect("contacts are chosen by their upper body"),
            // A body that is settled itself carries nothing that is not.
            lower: contact
                .lower
                .map(|b| place(b).expect("a group is closed downwards")),
            height_m: contact.height_m,
            friction: friction(scene, contact),
            tangents,
            shape,
            vanishes_at_m,
        }
    }

    /// Its corners at an inset.
    pub fn corners(&self, inset: Inset) -> Vec<Corner> {
        let inset_m = inset.metres;
        if !inset.keeps(self.vanishes_at_m) {
            return Vec::new();
        }
        match &self.shape {
            Shape::Area(polygon) => polygon.corners(inset_m),
            Shape::Line(first, last, along) => [(first, 1.0), (last, -1.0)]
                .map(|(end, sign)| {
                    let drift = along.map(|a| sign * a);
                    let at = [0, 1].map(|k| end[k] + inset_m * drift[k]);
                    Corner { at, drift }
                })
                .to_vec(),
        }
    }
}

/// A contact seen in the plane along `along`: tangents, ends, and the inset that empties it.
fn section(polygon: &Polygon, along: Point) -> (Vec<Point>, Shape, f64) {
    let across = [-along[1], along[0]];
    let extent = |axis: Point| {
        let values = polygon
            .corners()
            .iter()
            .map(|p| p[0] * axis[0] + p[1] * axis[1]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let ((first, last), (left, right)) = (extent(along), extent(across));
    let middle = 0.5 * (left + right);
    let point = |s: f64| [0, 1].map(|k| s * along[k] + middle * across[k]);
    let vanishes_at_m = 0.5 * (last - first).min(right - left);
    let shape = Shape::Line(point(first), point(last), along);
    (vec![along, along.map(|a| -a)], shape, vanishes_at_m)
}

/// Friction coefficient of a contact: the mean of the two bodies', as in the simulation, where
/// the ground is as rough as the roughest body.
pub fn friction(scene: &Scene, contact: &Contact) -> f64 {
    let of = |body: usize| scene.bodies[body].friction;
    let roughest = scene
        .bodies
        .iter()
        .map(|body| body.friction)
        .fold(0.0, f64::max);
    0.5 * (of(contact.upper) + contact.lower.map_or(roughest, of))
}
