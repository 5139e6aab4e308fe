//! Verdicts that need no linear program: forces that are easily found, motions easily seen.
//!
//! Any forces that balance a structure prove that it stands, and any motion that gravity drives
//! and no contact resists proves that it falls (the two bound theorems of limit analysis). What
//! is found here is therefore exact; what is not found is left to the program.

use super::contact::{Contact, heading};
use super::joint::friction;
use super::load::Load;
use super::polygon::{Point, Polygon};
use crate::scene::Scene;

/// Bodies that lean on each other, with what they carry.
pub struct Group<'a> {
    /// The scene they are part of.
    pub scene: &'a Scene,
    /// Its contacts.
    pub contacts: &'a [Contact],
    /// Indices of the bodies.
    pub bodies: &'a [usize],
    /// Per body of the scene, itself and all that is fixed on top of it.
    pub loads: &'a [Load],
    /// Pull sideways, in units of gravity.
    pub tilt: Point,
}

impl Group<'_> {
    /// Whether the group stands, if that is easily seen.
    pub fn stands(&self) -> Option<bool> {
        if self.tips() {
            return Some(false);
        }
        let holds = self.sticks() && (self.is_balanced(true) || self.is_balanced(false));
        holds.then_some(true)
    }

    fn below(&self, body: usize) -> impl Iterator<Item = &Contact> {
        self.contacts
            .iter()
            .filter(move |contact| contact.upper == body)
    }

    /// Whether friction bears contact forces that all point against the pull.
    fn sticks(&self) -> bool {
        let [x, y] = self.tilt;
        self.bodies
            .iter()
            .flat_map(|&body| self.below(body))
            .all(|contact| {
                let [cos, sin] = heading(&self.scene.bodies[contact.upper]);
                (x * cos + y * sin).abs() + (y * cos - x * sin).abs()
                    <= friction(self.scene, contact)
            })
    }

    /// Hands all loads down, from the top, each divided among one or two contacts.
    fn is_balanced(&self, divide: bool) -> bool {
        let height = |&body: &usize| self.scene.bodies[body].position_m[2];
        let mut order = self.bodies.to_vec();
        order.sort_by(|a, b| height(b).total_cmp(&height(a)));
        let mut loads = self.loads.to_vec();
        for body in order {
            let below: Vec<&Contact> = self.below(body).collect();
            let point = loads[body].pressure(below[0].height_m, self.tilt);
            let Some(parts) = divided(&below, point, divide) else {
                return false;
            };
            for (contact, share, [x, y]) in parts {
                if let Some(lower) = contact.lower {
                    let part = loads[body].share(share, [x, y, contact.height_m]);
                    loads[lower].add(&part);
                }
            }
        }
        true
    }

    /// Whether some body, with all that rests on it, tips over the border of what carries them.
    fn tips(&self) -> bool {
        self.bodies.iter().any(|&body| {
            let above = self.above(body);
            let base = |contact: &&Contact| {
                above[contact.upper] && !contact.lower.is_some_and(|lower| above[lower])
            };
            let bases: Vec<&Contact> = self.contacts.iter().filter(base).collect();
            let height_m = bases[0].height_m;
            if bases
                .iter()
                .any(|contact| (contact.height_m - height_m).abs() > 1e-9)
            {
                return false; // a turn about one level would drag along another
            }
            let mut load = Load::NOTHING;
            for &member in self.bodies.iter().filter(|&&member| above[member]) {
                load.add(&self.loads[member]);
            }
            let corners = bases
                .iter()
                .flat_map(|contact| contact.outline.iter().copied());
            let hull = Polygon::hull(corners.collect());
            hull.depth(load.pressure(height_m, self.tilt)) < 0.0
        })
    }

    /// Which bodies of the group are `body`, or rest on it directly or through others.
    fn above(&self, body: usize) -> Vec<bool> {
        let mut above = vec![false; self.scene.bodies.len()];
        above[body] = true;
        loop {
            let mut grown = false;
            for contact in self.contacts {
                let carried = contact.lower.is_some_and(|lower| above[lower]);
                let new = carried && !above[contact.upper] && self.bodies.contains(&contact.upper);
                above[contact.upper] |= new;
                grown |= new;
            }
            if !grown {
                return above;
            }
        }
    }
}

/// Shares of a load that presses at `point`, and where they press on the contacts below.
fn divided<'a>(
    below: &[&'a Contact],
    point: Point,
    divide: bool,
) -> Option<Vec<(&'a Contact, f64, Point)>> {
    let whole = || {
        let holds = below
            .iter()
            .find(|contact| contact.polygon().depth(point) >= 0.0)?;
        Some(vec![(*holds, 1.0, point)])
    };
    let pairs = || {
        (0..below.len())
            .flat_map(|i| (i + 1..below.len()).map(move |j| (i, j)))
            .find_map(|(i, j)| between(below[i], below[j], point))
    };
    if divide {
        pairs().or_else(whole)
    } else {
        whole().or_else(pairs)
    }
}

/// Divides by the law of the lever, on the line through `point` that runs from one contact to the
/// other, pressing in the middle of each as far as that is possible.
fn between<'a>(
    a: &'a Contact,
    b: &'a Contact,
    point: Point,
) -> Option<Vec<(&'a Contact, f64, Point)>> {
    let (p, q) = (a.polygon(), b.polygon());
    let (from, to) = (p.middle(), q.middle());
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let length = (dx * dx + dy * dy).sqrt();
    let along = [dx / length, dy / length];
    let (a_first, a_last) = p.chord(point, along)?;
    let (b_first, b_last) = q.chord(point, along)?;
    let back = (0.5 * (a_first + a_last)).min(0.0);
    let ahead = (0.5 * (b_first + b_last)).max(0.0);
    if back < a_first || ahead > b_last || ahead - back <= 0.0 {
        return None;
    }
    let on = |s: f64| [point[0] + s * along[0], point[1] + s * along[1]];
    let share = ahead / (ahead - back);
    Some(vec![(a, share, on(back)), (b, 1.0 - share, on(ahead))])
}
