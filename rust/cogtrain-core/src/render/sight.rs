//! What many rays see of a stage with boxes on it, a register of them at a time.

// A kernel's parts have to be compiled for the body that calls them, and have no branches.
#![allow(
    clippy::inline_always,
    clippy::needless_bitwise_bool,
    clippy::needless_range_loop
)]

use super::camera::Viewpoint;
use super::cast::{Block, Field, Set, TILE_PX, members};
use super::stage::{NOTHING, Part, Stage};
use super::vector::V3;
use crate::simd::Kernel;

/// Rays that share a set of boxes.
pub const GROUP: usize = TILE_PX;
/// Numbers of surfaces: the stage's parts, nothing, and then the faces of boxes.
const FIRST: u16 = NOTHING + 1;
const FACES: usize = 6;

/// What a ray sees: one plane, one part of the stage, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Surface(u16);

/// What a [`Surface`] belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    Stage(Part),
    Nothing,
    /// Place of the box in the scene, and its face.
    Face(usize, usize),
}

impl Surface {
    const BEND: Self = Self(Part::Bend as u16);

    /// What it belongs to.
    pub fn thing(self) -> Thing {
        match self.0 {
            NOTHING => Thing::Nothing,
            FIRST.. => {
                let face = usize::from(self.0 - FIRST);
                Thing::Face(face / FACES, face % FACES)
            }
            part => Thing::Stage(Part::ALL[usize::from(part)]),
        }
    }

    /// Its number; there are [`Surface::count`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The surface of that number.
    pub fn at(index: usize) -> Self {
        Self(index as u16)
    }

    /// Number of surfaces that a scene of that many boxes has.
    pub fn count(boxes: usize) -> usize {
        usize::from(FIRST) + FACES * boxes
    }
}

/// Rays through points of the image, in groups.
#[derive(Default)]
pub struct Rays {
    /// Image points, in pixels from the top left.
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    /// Per group, the boxes that it can meet.
    pub sets: Vec<Set>,
}

impl Rays {
    pub fn clear(&mut self) {
        self.x.clear();
        self.y.clear();
        self.sets.clear();
    }
}

/// What rays see; one value per ray.
#[derive(Default)]
pub struct Sight {
    pub surface: Vec<Surface>,
    /// Equal for what shows no edge between it: in a room, what is far is one surface; elsewhere
    /// the floor goes over into the wall.
    pub key: Vec<u16>,
    /// Distance in units of the ray's direction; 0 where nothing is seen.
    pub t: Vec<f64>,
    /// Where it is; the camera where nothing is seen.
    pub point: [Vec<f64>; 3],
    /// On the stage: the place on the unrolled surface, in metres; else 0.
    pub place: [Vec<f64>; 2],
    /// Where the stage bends: cosine and sine of how far it has turned.
    pub turn: [Vec<f64>; 2],
    ray: [Vec<f64>; 3],
    /// Number of a box's face, plus one; 0 for none.
    face: Vec<f64>,
}

impl Sight {
    fn resize(&mut self, count: usize) {
        let Self {
            surface,
            key,
            t,
            point,
            place,
            turn,
            ray,
            face,
        } = self;
        surface.resize(count, Surface::default());
        key.resize(count, 0);
        let all = point.iter_mut().chain(place).chain(turn).chain(ray);
        for numbers in all.chain([t, face]) {
            numbers.resize(count, 0.0);
        }
    }

    /// The middle of what some rays see on one surface.
    pub fn middle(&self, rays: &[usize]) -> Self {
        let (first, share) = (rays[0], 1.0 / rays.len() as f64);
        let mean = |numbers: &Vec<f64>| {
            let sum: f64 = rays.iter().map(|&ray| numbers[ray]).sum();
            vec![sum * share]
        };
        let own = |numbers: &Vec<f64>| vec![numbers[first]];
        Self {
            surface: vec![self.surface[first]],
            t: mean(&self.t),
            point: self.point.each_ref().map(mean),
            place: self.place.each_ref().map(mean),
            turn: self.turn.each_ref().map(own),
            ..Self::default()
        }
    }
}

/// Looks along rays.
pub struct Looking<'a> {
    pub view: &'a Viewpoint,
    pub field: &'a Field,
    pub stage: &'a Stage,
    pub is_room: bool,
    pub rays: &'a Rays,
    pub sight: &'a mut Sight,
}

impl Kernel for Looking<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (rays, sight) = (self.rays, self.sight);
        sight.resize(rays.x.len());
        self.view.rays([&rays.x, &rays.y], &mut sight.ray);
        sight.t.fill(f64::INFINITY);
        sight.face.fill(0.0);
        let mut from = 0;
        for run in rays.sets.chunk_by(|a, b| a == b) {
            let to = from + GROUP * run.len();
            for i in members(run[0]) {
                let block = &self.field.blocks[i];
                let number = (1 + FACES * i) as f64;
                enter(block, self.view.origin, number, [from, to], sight);
            }
            from = to;
        }
        meet(self.stage, self.view.origin, sight);
        let far = u16::from(self.is_room);
        for (key, &Surface(surface)) in sight.key.iter_mut().zip(&sight.surface) {
            let near = if surface < Part::Wall as u16 { 0 } else { far };
            *key = if surface < FIRST { near } else { surface };
        }
    }
}

/// As [`Block::enter`], of rays `from` … `to`: keeps what is nearer than what they met before.
#[inline(always)]
fn enter(block: &Block, origin: V3, number: f64, [from, to]: [usize; 2], sight: &mut Sight) {
    let local = origin - block.centre;
    let half = block.half();
    let offset = block.axes.map(|axis| local.dot(axis));
    let bounds = [0, 1, 2].map(|k| [-half[k] - offset[k], half[k] - offset[k]]);
    let [x, y, z] = &sight.ray;
    let (x, y, z) = (&x[from..to], &y[from..to], &z[from..to]);
    let (best, face) = (&mut sight.t[from..to], &mut sight.face[from..to]);
    for i in 0..to - from {
        let direction = V3 {
            x: x[i],
            y: y[i],
            z: z[i],
        };
        let (mut near, mut far) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut side = 0.0;
        for k in 0..3 {
            let inverse = 1.0 / direction.dot(block.axes[k]);
            let (a, b) = (bounds[k][0] * inverse, bounds[k][1] * inverse);
            let enter = if a < b { a } else { b };
            let leave = if a < b { b } else { a };
            let own = if a < b { 2 * k } else { 2 * k + 1 } as f64;
            side = if enter > near { own } else { side };
            near = if enter > near { enter } else { near };
            far = if leave < far { leave } else { far };
        }
        let is_nearest = (near < far) & (near > 0.0) & (near < best[i]);
        face[i] = if is_nearest { number + side } else { face[i] };
        best[i] = if is_nearest { near } else { best[i] };
    }
}

/// The stage where there is no box; then places.
#[inline(always)]
fn meet(stage: &Stage, origin: V3, sight: &mut Sight) {
    let count = sight.t.len();
    let Sight {
        surface,
        t,
        point,
        place,
        turn,
        ray,
        face,
        ..
    } = sight;
    let (face, surface, t) = (&face[..count], &mut surface[..count], &mut t[..count]);
    let [rx, ry, rz] = ray;
    let (rx, ry, rz) = (&rx[..count], &ry[..count], &rz[..count]);
    let [px, py, pz] = point;
    let (px, py, pz) = (&mut px[..count], &mut py[..count], &mut pz[..count]);
    let [across, along] = place;
    let (across, along) = (&mut across[..count], &mut along[..count]);
    let [cos, sin] = turn;
    let (cos, sin) = (&mut cos[..count], &mut sin[..count]);
    let from = stage.seen_from(origin);
    for i in 0..count {
        let ray = V3 {
            x: rx[i],
            y: ry[i],
            z: rz[i],
        };
        let (part, own_t) = stage.ahead(from, ray);
        let is_stage = face[i] == 0.0;
        let on_box = f64::from(NOTHING) + face[i];
        let number = if is_stage { part } else { on_box };
        let t_seen = if is_stage { own_t } else { t[i] };
        t[i] = t_seen;
        // Nothing is seen at no distance: at the camera.
        let seen = origin + ray * t_seen;
        (px[i], py[i], pz[i]) = (seen.x, seen.y, seen.z);
        let [side, flat] = stage.flat_place(number, seen);
        (across[i], along[i]) = (side, flat);
        // Adding 2⁵² leaves the whole number in the lowest bits.
        surface[i] = Surface((number + 4_503_599_627_370_496.0).to_bits() as u16);
    }
    for i in (0..count).filter(|&i| surface[i] == Surface::BEND) {
        let seen = V3::new(px[i], py[i], pz[i]);
        ([cos[i], sin[i]], along[i]) = stage.bent(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::scene::tests::cubes;
    use crate::simd::Body;

    /// Many rays see, to the bit, what rays see one by one.
    #[test]
    fn many_rays_see_what_single_rays_see() {
        let scene = cubes(&[[0.0, 0.0, 0.5], [0.4, 0.2, 1.5], [-1.5, 1.0, 0.5]]);
        let view = Viewpoint::new(&scene.camera, 64, 64);
        let field = Field::new(&scene, &view, 64, 64);
        let mut stream = Stream::new(3, "test", 0);
        let mut rays = Rays::default();
        for _ in 0..500 {
            let [x, y] = [(); 2].map(|()| stream.below(8) as f64 * TILE_PX as f64);
            rays.sets.push(field.tile(x as usize, y as usize).0);
            for _ in 0..GROUP {
                rays.x.push(x + stream.range(0.0, TILE_PX as f64));
                rays.y.push(y + stream.range(0.0, TILE_PX as f64));
            }
        }
        for (stage, is_room) in [(Stage::sweep(&scene), false), (Stage::table(&scene), true)] {
            for body in Body::all() {
                let mut sight = Sight::default();
                let (view, field, stage) = (&view, &field, &stage);
                body.run(Looking {
                    view,
                    field,
                    stage,
                    is_room,
                    rays: &rays,
                    sight: &mut sight,
                });
                let mut seen = [0; 2];
                for i in 0..rays.x.len() {
                    let ray = view.ray(rays.x[i], rays.y[i]);
                    let met = field.nearest(rays.sets[i / GROUP], view.origin, ray);
                    let (thing, t) = match met {
                        Some((block, hit)) => (Thing::Face(block, hit.face), hit.t),
                        None => match stage.meet(view.origin, ray) {
                            Some((part, t)) => (Thing::Stage(part), t),
                            None => (Thing::Nothing, 0.0),
                        },
                    };
                    assert_eq!(sight.surface[i].thing(), thing);
                    assert_eq!(sight.t[i].to_bits(), t.to_bits());
                    seen[usize::from(met.is_some())] += 1;
                }
                assert!(seen.iter().all(|&n| n > 200), "{seen:?}");
            }
        }
    }
}
