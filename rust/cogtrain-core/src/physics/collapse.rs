//! The linear program of statics: is there a motion that gravity drives and no contact resists?
//!
//! Rigid bodies under Coulomb friction stand if contact forces can balance every body (Livesley
//! 1978). Those forces are non-negative combinations of `normal ± friction · tangent` at the
//! corners of the contacts. By Farkas' lemma such forces exist unless there is a *mechanism*: a
//! velocity and spin per body under which every corner of every contact opens (or slides within
//! its friction) while gravity does positive work. The program looks for the mechanism with the
//! largest power at a mean opening rate of one. Its dual solution holds the contact forces, so
//! one solution gives the verdict, the motion and, by the envelope theorem, how the verdict
//! changes as the borders of the contacts are moved.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettings, DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT,
    SolverStatus, ZeroConeT,
};

use super::contact::{Contact, heading};
use super::load::Load;
use super::mechanism::cross;
use super::polygon::{Corner, Movable, Point, Polygon};
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

/// A contact between bodies numbered within the structure.
struct Joint {
    upper: usize,
    lower: Option<usize>,
    height_m: f64,
    friction: f64,
    tangents: Vec<Point>,
    shape: Shape,
    vanishes_at_m: f64,
}

enum Shape {
    /// A polygon.
    Area(Movable),
    /// In a plane: the two ends, and the direction from the first to the second.
    Line(Point, Point, Point),
}

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

/// The answer of the linear program.
pub struct Answer {
    /// Power of gravity at a mean opening rate of one, scaled by weight: positive if it falls.
    pub power: f64,
    /// Change of `power` per metre of inset, by contact of the structure.
    pub slopes: Vec<f64>,
    /// Velocity (m/s) and spin (1/s) per body of the structure, to any scale.
    pub motion: Vec<[f64; 6]>,
}

/// What the solver made of it.
pub enum Outcome {
    /// Solved.
    Solved(Answer),
    /// So little is left of the contacts that nothing holds a body.
    Falls,
    /// The solver gave up, for the reason that it names.
    Failed(String),
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
        let program = Program::new(self, &rows, tilt);
        match program.solve(quick()) {
            Outcome::Failed(_) if self.ends_m().any(|end| end == inset.metres) => Outcome::Falls,
            Outcome::Failed(_) => program.solve(careful()),
            outcome => outcome,
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
}

impl Joint {
    fn new(
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

    fn corners(&self, inset: Inset) -> Vec<Corner> {
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
pub(super) fn friction(scene: &Scene, contact: &Contact) -> f64 {
    let of = |body: usize| scene.bodies[body].friction;
    let roughest = scene
        .bodies
        .iter()
        .map(|body| body.friction)
        .fold(0.0, f64::max);
    0.5 * (of(contact.upper) + contact.lower.map_or(roughest, of))
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

/// One corner of one contact under one extreme force, in the structure's directions.
struct Row {
    joint: usize,
    upper: [f64; 6],
    lower: [f64; 6],
    upper_change: [f64; 6],
    lower_change: [f64; 6],
}

/// Maximise power · v subject to rows · v ≥ 0 and mean(rows · v) = 1.
struct Program<'a> {
    structure: &'a Structure,
    rows: &'a [Row],
    matrix: CscMatrix<f64>,
    cost: Vec<f64>,
}

impl<'a> Program<'a> {
    fn new(structure: &'a Structure, rows: &'a [Row], tilt: Point) -> Self {
        let width = structure.directions.len();
        let n = structure.bodies.len() * width;
        let mut columns = vec![Vec::with_capacity(32); n];
        for (i, row) in rows.iter().enumerate() {
            let joint = &structure.joints[row.joint];
            let ends = [(Some(joint.upper), &row.upper), (joint.lower, &row.lower)];
            for (body, values) in ends {
                let Some(body) = body else { continue };
                for (k, &value) in values[..width].iter().enumerate() {
                    if value != 0.0 {
                        columns[body * width + k].push((i + 1, -value));
                    }
                }
            }
        }
        for column in &mut columns {
            let sum: f64 = column.iter().map(|&(_, value)| value).sum();
            column.insert(0, (0, -sum));
        }
        Self {
            structure,
            rows,
            matrix: compressed(rows.len() + 1, &columns),
            cost: structure.cost(tilt),
        }
    }

    fn solve(&self, settings: DefaultSettings<f64>) -> Outcome {
        let n = self.cost.len();
        let mut bounds = vec![0.0; self.rows.len() + 1];
        bounds[0] = self.rows.len() as f64;
        let cones = [ZeroConeT(1), NonnegativeConeT(self.rows.len())];
        let quadratic = CscMatrix::<f64>::zeros((n, n));
        let made = DefaultSolver::new(
            &quadratic,
            &self.cost,
            &self.matrix,
            &bounds,
            &cones,
            settings,
        );
        let mut solver = match made {
            Ok(solver) => solver,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        solver.solve();
        match solver.solution.status {
            SolverStatus::Solved | SolverStatus::AlmostSolved => {
                Outcome::Solved(self.answer(&solver.solution.x, &solver.solution.z))
            }
            // Some body can move without opening any contact: its contacts have shrunk to points.
            SolverStatus::DualInfeasible | SolverStatus::AlmostDualInfeasible => Outcome::Falls,
            status => Outcome::Failed(format!("{status:?}")),
        }
    }

    fn answer(&self, x: &[f64], z: &[f64]) -> Answer {
        let structure = self.structure;
        let width = structure.directions.len();
        let mut slopes = vec![0.0; structure.joints.len()];
        let dot = |body: usize, change: &[f64; 6]| -> f64 {
            (0..width).map(|k| x[body * width + k] * change[k]).sum()
        };
        for (row, force) in self.rows.iter().zip(&z[1..]) {
            let joint = &structure.joints[row.joint];
            let change = dot(joint.upper, &row.upper_change)
                + joint
                    .lower
                    .map_or(0.0, |lower| dot(lower, &row.lower_change));
            slopes[row.joint] += (force - z[0]) * change;
        }
        Answer {
            power: -x.iter().zip(&self.cost).map(|(x, q)| x * q).sum::<f64>(),
            slopes,
            motion: x.chunks(width).map(|own| structure.twist(own)).collect(),
        }
    }
}

impl Structure {
    /// Minus the power of gravity and `tilt` per unit of each coordinate, scaled by the weight.
    fn cost(&self, tilt: Point) -> Vec<f64> {
        let mut cost = Vec::with_capacity(self.centres.len() * self.directions.len());
        for (load, centre) in self.loads.iter().zip(&self.centres) {
            let pull = [tilt[0], tilt[1], -1.0].map(|f| f * load.mass / self.mass);
            let at = load.centre();
            let arm = [0, 1, 2].map(|k| at[k] - centre[k]);
            let turn = cross(arm, pull).map(|t| t / self.length_m);
            let own = self.coordinates([pull[0], pull[1], pull[2], turn[0], turn[1], turn[2]]);
            cost.extend(own[..self.directions.len()].iter().map(|value| -value));
        }
        cost
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

fn compressed(height: usize, columns: &[Vec<(usize, f64)>]) -> CscMatrix<f64> {
    let mut starts = Vec::with_capacity(columns.len() + 1);
    let mut places = Vec::new();
    let mut values = Vec::new();
    starts.push(0);
    for column in columns {
        places.extend(column.iter().map(|&(place, _)| place));
        values.extend(column.iter().map(|&(_, value)| value));
        starts.push(places.len());
    }
    CscMatrix::new(height, columns.len(), starts, places, values)
}

/// Everything is scaled already, and a small program needs no reduction.
fn quick() -> DefaultSettings<f64> {
    DefaultSettingsBuilder::default()
        .verbose(false)
        .equilibrate_enable(false)
        .presolve_enable(false)
        .max_iter(60)
        .tol_gap_abs(1e-12)
        .tol_gap_rel(1e-12)
        .tol_feas(1e-11)
        .build()
        .expect("settings within their ranges")
}

/// The solver's own precautions and tolerances, for the rare program that needs them.
fn careful() -> DefaultSettings<f64> {
    DefaultSettingsBuilder::default()
        .verbose(false)
        .build()
        .expect("settings within their ranges")
}
