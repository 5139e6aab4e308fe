//! Outlines on screen: faces of boxes, and shadows of boxes on planes.
//!
//! Through a pinhole, one over the distance along a ray to a plane is linear in the image; so is
//! any coordinate of the point that is met, once multiplied by it. All that bounds a face or a
//! hard shadow is therefore a half-plane of the image.

use super::camera::Viewpoint;
use super::cast::Block;
use super::linear::Linear;
use super::vector::V3;

/// Half-planes that bound an outline at most.
pub const SIDES: usize = 10;

/// A convex part of the image: where all of the first `count` sides are positive.
#[derive(Clone, Copy)]
pub struct Outline {
    pub sides: [Linear; SIDES],
    pub count: usize,
    /// Lowest and highest image y that it may reach.
    pub rows: [f64; 2],
}

/// A plane that the camera sees from outside.
#[derive(Clone, Copy)]
pub struct Plane {
    /// One over the distance, in units of the ray's direction.
    pub nearness: Linear,
    pub normal: V3,
}

/// A face that the camera sees, if nothing hides it.
pub struct Facet {
    pub face: usize,
    pub plane: Plane,
    pub outline: Outline,
}

impl Outline {
    fn new(rows: [f64; 2]) -> Self {
        let none = Linear {
            a: 0.0,
            b: 0.0,
            c: 0.0,
        };
        Self {
            sides: [none; SIDES],
            count: 0,
            rows,
        }
    }

    fn push(&mut self, side: Linear) {
        self.sides[self.count] = side;
        self.count += 1;
    }
}

/// The ground, z = 0, for a camera above it.
pub fn ground(view: &Viewpoint) -> Plane {
    let normal = V3::new(0.0, 0.0, 1.0);
    Plane {
        nearness: view.along(normal) * (-1.0 / view.origin.z),
        normal,
    }
}

/// The faces of `block` that look at the camera.
pub fn facets(block: &Block, view: &Viewpoint) -> Vec<Facet> {
    let (from, half) = (block.local(view.origin), block.half());
    let along = block.axes.map(|axis| view.along(axis));
    let sign = from.map(f64::signum);
    let is_seen = |k: usize| from[k].abs() > half[k];
    let nearness = |k: usize| along[k] * (1.0 / (sign[k] * half[k] - from[k]));
    let corners = block.corners();
    let faces = (0..3).filter(|&k| is_seen(k)).map(|k| {
        let face = 2 * k + usize::from(sign[k] > 0.0);
        let own = nearness(k);
        let on_face = |i: &usize| (i >> k & 1 == 1) == (sign[k] > 0.0);
        let mut outline = Outline::new(view.rows((0..8).filter(on_face).map(|i| corners[i])));
        outline.push(own);
        for j in (0..3).filter(|&j| j != k) {
            for side in [-1.0, 1.0] {
                outline.push(if is_seen(j) && side * sign[j] > 0.0 {
                    // The very difference that bounds the other face, negated: no gap between.
                    nearness(j) - own
                } else {
                    own * (half[j] - side * from[j]) - along[j] * side
                });
            }
        }
        let normal = block.normal(face);
        Facet {
            face,
            plane: Plane {
                nearness: own,
                normal,
            },
            outline,
        }
    });
    faces.collect()
}

/// Where `block` keeps light that comes from `sun` off `plane`, whose points are lifted by
/// `lift_m` along its normal. The image between `rows` is looked at.
pub fn shadow(
    block: &Block,
    view: &Viewpoint,
    (plane, lift_m): (&Plane, f64),
    sun: V3,
    rows: [f64; 2],
) -> Outline {
    let mut outline = Outline::new(rows);
    outline.push(plane.nearness);
    let from = block.local(view.origin + plane.normal * lift_m);
    let light = block.turned(sun);
    let half = block.half();
    // A ray towards the light enters slab `j` at `enter / |light|` and leaves it at `leave / |light|`,
    // both times the nearness.
    let slab = |j: usize, side: f64| {
        let place = plane.nearness * from[j] + view.along(block.axes[j]);
        plane.nearness * (side * half[j]) - place * sign(light[j])
    };
    let (enter, leave) = (
        [0, 1, 2].map(|j| slab(j, -1.0)),
        [0, 1, 2].map(|j| slab(j, 1.0)),
    );
    for j in 0..3 {
        outline.push(leave[j]);
        for i in (0..3).filter(|&i| i != j) {
            outline.push(leave[j] * light[i].abs() - enter[i] * light[j].abs());
        }
    }
    outline
}

/// Rows of the image that the shadow of `block` on the ground may reach.
pub fn shadow_rows(block: &Block, view: &Viewpoint, sun: V3) -> [f64; 2] {
    view.rows(block.corners().into_iter().map(|p| p - sun * (p.z / sun.z)))
}

fn sign(x: f64) -> f64 {
    if x < 0.0 { -1.0 } else { 1.0 }
}
