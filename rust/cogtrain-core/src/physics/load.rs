//! What each body carries, as far as it follows from equilibrium alone.
//!
//! A body on a single contact presses on it with its own weight and that of all that is fixed
//! on top of it, at their common centre of mass: no choice is left. Such contacts are settled one
//! by one from the top, and their load is handed to the body below. What remains (bodies on two
//! contacts or more, and all below them) needs the linear program.

use super::contact::Contact;
use super::polygon::Point;
use crate::scene::{Body, Scene, Vec3};

/// Masses that move as one, by mass and first moment.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// In kilograms.
    pub mass: f64,
    /// Mass times centre, in kg m.
    pub moment: Vec3,
}

impl Load {
    /// No load at all.
    pub const NOTHING: Self = Self {
        mass: 0.0,
        moment: [0.0; 3],
    };

    /// A single body.
    pub fn of(body: &Body) -> Self {
        let mass = body.density * body.size_m.iter().product::<f64>();
        Self {
            mass,
            moment: body.position_m.map(|x| mass * x),
        }
    }

    /// A share of this load that presses at a point.
    pub fn share(&self, share: f64, at: Vec3) -> Self {
        let mass = share * self.mass;
        Self {
            mass,
            moment: at.map(|x| mass * x),
        }
    }

    /// Takes `other` on.
    pub fn add(&mut self, other: &Self) {
        self.mass += other.mass;
        for k in 0..3 {
            self.moment[k] += other.moment[k];
        }
    }

    /// Centre of mass, in metres.
    pub fn centre(&self) -> Vec3 {
        self.moment.map(|m| m / self.mass)
    }

    /// Where the load presses on a face at `height_m` while everything is pulled sideways by
    /// `tilt` (in units of gravity).
    pub fn pressure(&self, height_m: f64, tilt: Point) -> Point {
        let [x, y, z] = self.centre();
        [x + tilt[0] * (z - height_m), y + tilt[1] * (z - height_m)]
    }
}

/// The contacts of a scene, and which of them are settled.
pub struct Settled {
    /// Per body: itself and all that is fixed on top of it.
    pub loads: Vec<Load>,
    /// Contacts whose force is known: that of `loads[upper]`.
    pub contacts: Vec<usize>,
    /// Groups of bodies whose forces are not, each joined by contacts; the ground joins nobody.
    pub groups: Vec<Vec<usize>>,
}

impl Settled {
    /// Settles what can be, from the top down.
    pub fn new(scene: &Scene, contacts: &[Contact]) -> Self {
        let n = scene.bodies.len();
        let mut loads: Vec<Load> = scene.bodies.iter().map(Load::of).collect();
        let mut below = vec![Vec::new(); n];
        let mut waiting = vec![0_usize; n]; // contacts on top that are not settled
        for (i, contact) in contacts.iter().enumerate() {
            below[contact.upper].push(i);
            if let Some(lower) = contact.lower {
                waiting[lower] += 1;
            }
        }
        let mut settled = Vec::with_capacity(contacts.len());
        let mut free: Vec<usize> = (0..n).filter(|&b| waiting[b] == 0).collect();
        let mut open = vec![true; n];
        while let Some(body) = free.pop() {
            let &[only] = below[body].as_slice() else {
                continue;
            };
            open[body] = false;
            settled.push(only);
            if let Some(lower) = contacts[only].lower {
                let load = loads[body];
                loads[lower].add(&load);
                waiting[lower] -= 1;
                if waiting[lower] == 0 {
                    free.push(lower);
                }
            }
        }
        settled.sort_unstable();
        let groups = groups(&open, contacts);
        Self {
            loads,
            contacts: settled,
            groups,
        }
    }
}

/// Connected components of the open bodies, each in order, by their first body.
fn groups(open: &[bool], contacts: &[Contact]) -> Vec<Vec<usize>> {
    let mut label: Vec<usize> = (0..open.len()).collect();
    // Labels only fall, so this ends; scenes hold at most 64 bodies.
    loop {
        let mut changed = false;
        for contact in contacts {
            let (a, Some(b)) = (contact.upper, contact.lower) else {
                continue;
            };
            if open[a] && open[b] && label[a] != label[b] {
                let least = label[a].min(label[b]);
                (label[a], label[b]) = (least, least);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    (0..open.len())
        .filter(|&first| open[first] && label[first] == first)
        .map(|first| {
            (first..open.len())
                .filter(|&b| open[b] && label[b] == first)
                .collect()
        })
        .collect()
}
