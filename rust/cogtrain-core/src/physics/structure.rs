//! Is there a motion of a structure that gravity drives and no contact resists?
//!
//! Rigid bodies under Coulomb friction stand if contact forces can balance every body (limit
//! analysis: Livesley 1978, Int. J. Numer. Methods Eng. 12, 1853-1871). Those forces are
//! non-negative combinations of `normal ± friction · tangent` at the corners of the contacts. By
//! Farkas' lemma such forces exist unless there is a *mechanism*: a velocity and spin per body
//! under which every corner of every contact opens (or slides within its friction) while gravity
//! does positive work. A linear program looks for the mechanism with the largest power at a mean
//! opening rate of one. Its dual solution holds the contact forces, so one solution gives the
//! verdict, the motion and, by the envelope theorem, how the verdict changes as the borders of
//! the contacts are moved.

use super::contact::{Contact, heading};
use super::joint::{Inset, Joint};
use super::load::Load;
use super::mechanism::cross;
use super::polygon::{Corner, Point};
use super::program::{Program, Solution, Solved};
use crate::scene::{Scene, Vec3};

/// Largest deviation, in metres and in parts of a turn, of a structure that counts as planar.
const PLANAR_SLOP: f64 = 1e-12;

/// Least extent, in typical sides, of what can hold a body.
const LEAST_SPREAD: f64 = 1e-10;

/// Bodies that lean on each other, ready to be judged under any inset of their contacts.
pub struct Structure {
    /// Indices into the scene's bodies.
    pub bodies: Vec<usize>,
    /// Indices into the scene's contacts.
    pub contacts: Vec<usize>,
    joints: Vec<Joint>,
    centres: Vec<Vec3>,
    loads: Vec<Load>,
    /// Directions of twist (velocity, spin) per body: six, or the three of a plane.
    directions: Vec<[f64; 6]>,
    length_m: f64,
    mass: f64,
}

/// How a structure fares.
pub struct Answer {
    /// Power of gravity at a mean opening rate of one, scaled by weight: positive if it falls.
    pub power: f64,
    /// Change of `power` per metre of inset, by contact of the structure.
    pub slopes: Vec<f64>,
    /// Velocity (m/s) and spin (1/s) per body of the structure, to any scale.
    pub motion: Vec<[f64; 6]>,
}

/// What can be said of a structure.
pub enum Outcome {
    /// How it fares.
    Solved(Answer),
    /// It falls: so little is left of the contacts that nothing holds a body.
    Falls,
    /// The solver gave up, for the reason that it names.
    Failed(String),
}

/// One corner of one contact under one extreme force, in the structure's directions.
struct Row {
    joint: usize,
    upper: [f64; 6],
    lower: [f64; 6],
    upper_change: [f64; 6],
    lower_change: [f64; 6],
}

impl Structure {
    /// The group of `bodies` of `scene` with the loads on them.
    pub fn new(scene: &Scene, contacts: &[Contact], bodies: &[usize], loads: &[Load]) -> Self {
        let place = |body: usize| bodies.binary_search(&body).ok();
        let mine: Vec<usize> = (0..contacts.len())
            .filter(|&c| place(contacts[c].upper).is_some())
            .collect();
        let plane = plane(scene, bodies, loads);
        let joints = mine.iter().map(|&c| {
            let contact = &contacts[c];
            Joint::new(scene, contact, plane, &place)
        });
        let sides: f64 = bodies
            .iter()
            .flat_map(|&b| scene.bodies[b].size_m)
            .sum::<f64>();
        Self {
            joints: joints.collect(),
            centres: bodies.iter().map(|&b| scene.bodies[b].position_m).collect(),
            loads: bodies.iter().map(|&b| loads[b]).collect(),
            directions: directions(plane),
            length_m: sides / (3 * bodies.len()) as f64,
            mass: bodies.iter().map(|&b| loads[b].mass).sum(),
            bodies: bodies.to_vec(),
            contacts: mine,
        }
    }

    /// A typical side of its bodies, in metres.
    pub fn length_m(&self) -> f64 {
        self.length_m
    }

    /// Per contact, the inset in metres at which nothing but a point or a line is left of it.
    pub fn ends_m(&self) -> impl Iterator<Item = f64> {
        self.joints.iter().map(|joint| joint.vanishes_at_m)
    }

    /// Judges it with every contact's border moved inwards, pulled sideways by `tilt` in units of
    /// gravity.
    pub fn judge(&self, inset: Inset, tilt: Point) -> Outcome {
        let corners: Vec<Vec<Corner>> = self
            .joints
            .iter()
            .map(|joint| joint.corners(inset))
            .collect();
        if !(0..self.bodies.len()).all(|body| self.is_held(body, &corners)) {
            return Outcome::Falls;
        }
        let rows = self.rows(&corners);
        let program = Program::new(&self.power(tilt), &self.changes(&rows), rows.len());
        match program.solve() {
            Solved::Failed(_) if self.vanishes_at(inset.metres) => Outcome::Falls,
            Solved::Failed(_) => self.outcome(&rows, program.solve_carefully()),
            solved => self.outcome(&rows, solved),
        }
    }

    /// Whether some contact is just a point or a line at `inset_m`. Then a body may be balanced on
    /// an edge, and the program has no solution that a solver could find.
    fn vanishes_at(&self, inset_m: f64) -> bool {
        self.ends_m().any(|end| end.total_cmp(&inset_m).is_eq())
    }

    fn outcome(&self, rows: &[Row], solved: Solved) -> Outcome {
        match solved {
            Solved::Best(solution) => Outcome::Solved(self.answer(rows, &solution)),
            // Some body can move without opening any contact: its contacts have shrunk to points.
            Solved::Unbounded => Outcome::Falls,
            Solved::Failed(reason) => Outcome::Failed(reason),
        }
    }

    /// Per coordinate, the rows that it changes.
    fn changes(&self, rows: &[Row]) -> Vec<Vec<(usize, f64)>> {
        let width = self.directions.len();
        let mut changes = vec![Vec::with_capacity(32); self.bodies.len() * width];
        for (number, row) in rows.iter().enumerate() {
            let joint = &self.joints[row.joint];
            for (body, values) in [(Some(joint.upper), row.upper), (joint.lower, row.lower)] {
                let Some(body) = body else { continue };
                for (k, &value) in values[..width].iter().enumerate() {
                    if value != 0.0 {
                        changes[body * width + k].push((number, value));
                    }
                }
            }
        }
        changes
    }

    fn answer(&self, rows: &[Row], solution: &Solution) -> Answer {
        let width = self.directions.len();
        let mut slopes = vec![0.0; self.joints.len()];
        let dot = |body: usize, change: &[f64; 6]| -> f64 {
            let own = &solution.speeds[body * width..(body + 1) * width];
            own.iter().zip(change).map(|(v, c)| v * c).sum()
        };
        for (row, price) in rows.iter().zip(&solution.prices) {
            let joint = &self.joints[row.joint];
            let lower = joint.lower.map_or(0.0, |body| dot(body, &row.lower_change));
            slopes[row.joint] += price * (dot(joint.upper, &row.upper_change) + lower);
        }
        let own = solution.speeds.chunks(width);
        Answer {
            power: solution.power,
            slopes,
            motion: own.map(|own| self.twist(own)).collect(),
        }
    }

    /// Whether the contacts below `body` are more than a point, on which it could only be balanced
    /// by chance.
    fn is_held(&self, body: usize, corners: &[Vec<Corner>]) -> bool {
        let own = self.joints.iter().zip(corners);
        let mut points = own
            .filter(|(joint, _)| joint.upper == body)
            .flat_map(|(_, corners)| corners.iter().map(|corner| corner.at));
        let Some([x, y]) = points.next() else {
            return false;
        };
        let least = LEAST_SPREAD * self.length_m;
        points.any(|[px, py]| (px - x).abs() > least || (py - y).abs() > least)
    }

    fn rows(&self, corners: &[Vec<Corner>]) -> Vec<Row> {
        let mut rows = Vec::with_capacity(16 * self.joints.len());
        for (number, (joint, corners)) in self.joints.iter().zip(corners).enumerate() {
            for &corner in corners {
                for tangent in &joint.tangents {
                    let [tx, ty] = tangent.map(|t| t * joint.friction);
                    rows.push(self.row(number, corner, [tx, ty, 1.0]));
                }
            }
        }
        rows
    }

    /// The fastest that `motion` would close contact `number` at an inset, if it resisted.
    pub fn closing(&self, number: usize, inset_m: f64, motion: &[[f64; 6]]) -> f64 {
        let joint = &self.joints[number];
        let toward = |corner: Corner, tangent: &Point| {
            let [tx, ty] = tangent.map(|t| t * joint.friction);
            let force = [tx, ty, 1.0];
            let point = [corner.at[0], corner.at[1], joint.height_m];
            let speed = |body: usize| {
                let arm = [0, 1, 2].map(|k| point[k] - self.centres[body][k]);
                let [x, y, z, a, b, c] = motion[body];
                let turned = cross([a, b, c], arm);
                (0..3)
                    .map(|k| force[k] * ([x, y, z][k] + turned[k]))
                    .sum::<f64>()
            };
            joint.lower.map_or(0.0, speed) - speed(joint.upper)
        };
        let mut fastest = f64::NEG_INFINITY;
        let inset = Inset {
            metres: inset_m,
            after: false,
        };
        for corner in joint.corners(inset) {
            for tangent in &joint.tangents {
                fastest = fastest.max(toward(corner, tangent));
            }
        }
        fastest
    }

    /// How fast `force` at a `corner` of a joint sees the two bodies part.
    fn row(&self, number: usize, corner: Corner, force: Vec3) -> Row {
        let joint = &self.joints[number];
        let point = [corner.at[0], corner.at[1], joint.height_m];
        let along = |body: Option<usize>, sign: f64| {
            let centre = body.map_or([0.0; 3], |b| self.centres[b]);
            let arm = [0, 1, 2].map(|k| point[k] - centre[k]);
            let turn = cross(arm, force).map(|t| sign * t / self.length_m);
            let force = force.map(|f| sign * f);
            let wrench = [force[0], force[1], force[2], turn[0], turn[1], turn[2]];
            self.coordinates(wrench)
        };
        let change = |sign: f64| {
            let turn = cross([corner.drift[0], corner.drift[1], 0.0], force);
            let [x, y, z] = turn.map(|t| sign * t / self.length_m);
            self.coordinates([0.0, 0.0, 0.0, x, y, z])
        };
        Row {
            joint: number,
            upper: along(Some(joint.upper), 1.0),
            lower: along(joint.lower, -1.0),
            upper_change: change(1.0),
            lower_change: change(-1.0),
        }
    }

    /// A wrench in the structure's own directions; those beyond its number stay zero.
    fn coordinates(&self, wrench: [f64; 6]) -> [f64; 6] {
        let mut own = [0.0; 6];
        for (value, direction) in own.iter_mut().zip(&self.directions) {
            *value = (0..6).map(|k| wrench[k] * direction[k]).sum();
        }
        own
    }

    /// Power of gravity and `tilt` per unit of each coordinate, scaled by the weight.
    fn power(&self, tilt: Point) -> Vec<f64> {
        let mut power = Vec::with_capacity(self.centres.len() * self.directions.len());
        for (load, centre) in self.loads.iter().zip(&self.centres) {
            let pull = [tilt[0], tilt[1], -1.0].map(|f| f * load.mass / self.mass);
            let at = load.centre();
            let arm = [0, 1, 2].map(|k| at[k] - centre[k]);
            let turn = cross(arm, pull).map(|t| t / self.length_m);
            let own = self.coordinates([pull[0], pull[1], pull[2], turn[0], turn[1], turn[2]]);
            power.extend_from_slice(&own[..self.directions.len()]);
        }
        power
    }

    fn twist(&self, own: &[f64]) -> [f64; 6] {
        let mut twist = [0.0; 6];
        for (value, direction) in own.iter().zip(&self.directions) {
            for k in 0..6 {
                let scale = if k < 3 { 1.0 } else { 1.0 / self.length_m };
                twist[k] += value * direction[k] * scale;
            }
        }
        twist
    }
}

/// The horizontal direction of the vertical plane about which all `bodies` and their loads are
/// symmetric, if there is one: then the forces can be, too, and the problem is planar.
fn plane(scene: &Scene, bodies: &[usize], loads: &[Load]) -> Option<Point> {
    let first = &scene.bodies[bodies[0]];
    let [cos, sin] = heading(first);
    let aligned = |body: usize| {
        let [c, s] = heading(&scene.bodies[body]);
        let (dot, cross) = (cos * c + sin * s, cos * s - sin * c);
        dot.abs().min(cross.abs()) <= PLANAR_SLOP
    };
    if !bodies.iter().all(|&body| aligned(body)) {
        return None;
    }
    let offset = |p: Vec3, along: Point| along[0] * p[1] - along[1] * p[0];
    [[cos, sin], [-sin, cos]].into_iter().find(|&along| {
        let own = offset(first.position_m, along);
        bodies.iter().all(|&body| {
            let (centre, load) = (scene.bodies[body].position_m, loads[body].centre());
            (offset(centre, along) - own).abs() <= PLANAR_SLOP
                && (offset(load, along) - own).abs() <= PLANAR_SLOP
        })
    })
}

/// Unit twists, velocity then spin: all six, or those within the vertical plane along `plane`.
fn directions(plane: Option<Point>) -> Vec<[f64; 6]> {
    match plane {
        None => (0..6)
            .map(|k| std::array::from_fn(|i| f64::from(u8::from(i == k))))
            .collect(),
        Some([x, y]) => vec![
            [x, y, 0.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, 0.0, -y, x, 0.0],
        ],
    }
}
