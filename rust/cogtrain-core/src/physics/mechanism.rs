//! How a structure begins to fall: a velocity and a spin per body.

use super::contact::Contact;
use super::load::Settled;
use super::polygon::Point;
use super::structure::Structure;
use crate::scene::{Scene, Vec3};

/// The motion of a rigid body at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Twist {
    /// Velocity of the centre, in m/s.
    pub velocity: Vec3,
    /// Angular velocity, in 1/s.
    pub spin: Vec3,
}

impl Twist {
    const REST: Self = Self {
        velocity: [0.0; 3],
        spin: [0.0; 3],
    };
}

/// All that contact `number` carries tips over the edge that `point` lies beyond.
pub(super) fn hinge(
    scene: &Scene,
    contacts: &[Contact],
    number: usize,
    point: Point,
) -> Option<Vec<Twist>> {
    let contact = &contacts[number];
    let (inward, pivot) = contact.polygon().nearest_edge(point)?;
    let spin = [inward[1], -inward[0], 0.0];
    let carried = carried(scene.bodies.len(), contacts, contact.upper);
    let centre = [pivot[0], pivot[1], contact.height_m];
    let twists = scene.bodies.iter().zip(carried).map(|(body, moves)| {
        if !moves {
            return Twist::REST;
        }
        let arm = [0, 1, 2].map(|k| body.position_m[k] - centre[k]);
        Twist {
            velocity: cross(spin, arm),
            spin,
        }
    });
    Some(twists.collect())
}

/// Which bodies are `body` or rest on it, directly or through others.
fn carried(n: usize, contacts: &[Contact], body: usize) -> Vec<bool> {
    let mut above = vec![false; n];
    above[body] = true;
    // At most one round per level.
    for _ in 0..n {
        for contact in contacts {
            if contact.lower.is_some_and(|lower| above[lower]) {
                above[contact.upper] = true;
            }
        }
    }
    above
}

/// The motion of a structure, with what is settled on top of its bodies moving along rigidly.
pub(super) fn spread(
    structure: &Structure,
    motion: Option<Vec<[f64; 6]>>,
    contacts: &[Contact],
    settled: &Settled,
    scene: &Scene,
) -> Option<Vec<Twist>> {
    let mut twists = vec![None; scene.bodies.len()];
    for (&body, [a, b, c, d, e, f]) in structure.bodies.iter().zip(motion?) {
        twists[body] = Some(Twist {
            velocity: [a, b, c],
            spin: [d, e, f],
        });
    }
    for _ in 0..scene.bodies.len() {
        for &number in &settled.contacts {
            let (upper, Some(lower)) = (contacts[number].upper, contacts[number].lower) else {
                continue;
            };
            let Some(twist) = twists[lower] else { continue };
            let (from, to) = (
                scene.bodies[lower].position_m,
                scene.bodies[upper].position_m,
            );
            let turned = cross(twist.spin, [0, 1, 2].map(|k| to[k] - from[k]));
            twists[upper] = Some(Twist {
                velocity: [0, 1, 2].map(|k| twist.velocity[k] + turned[k]),
                spin: twist.spin,
            });
        }
    }
    Some(
        twists
            .into_iter()
            .map(|t| t.unwrap_or(Twist::REST))
            .collect(),
    )
}

/// The same motion at such a pace that the fastest corner could move at 1 m/s.
pub(super) fn normalised(scene: &Scene, mut twists: Vec<Twist>) -> Vec<Twist> {
    let norm = |v: Vec3| v.iter().map(|x| x * x).sum::<f64>().sqrt();
    let pace = twists
        .iter()
        .zip(&scene.bodies)
        .map(|(twist, body)| norm(twist.velocity) + norm(twist.spin) * 0.5 * norm(body.size_m))
        .fold(0.0, f64::max);
    if pace > 0.0 {
        for twist in &mut twists {
            twist.velocity = twist.velocity.map(|v| v / pace);
            twist.spin = twist.spin.map(|s| s / pace);
        }
    }
    twists
}

pub(super) fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}
