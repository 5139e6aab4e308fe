//! What a ray sees in a flat style: a colour in linear light, and a key that says which surface
//! it was and how much of the sun it saw.

use super::cast::{Block, Field, Hit};
use super::light::Sun;
use super::room::Room;
use super::srgb::Srgb;
use super::stage::{Part, Stage};
use super::vector::V3;
use crate::Stream;
use crate::scene::Scene;
use crate::style::{Appearance, Background, Lights, Rgb};

/// Distance from a block, in metres, at which its contact shade has halved.
pub const CONTACT_RANGE_M: f64 = 0.35;
/// How far a shadow ray starts off a face, in metres, so that rounding hides nothing.
pub const LIFT_M: f64 = 1e-7;
pub const FACES: usize = 6;
/// Steps in which a key tells how much of the sun is seen.
const STEPS: u16 = 15;
/// Steps between neighbours that make an edge: a soft shadow needs no more rays.
const EDGE_STEPS: u16 = 2;

/// A seen colour, and the surface it came from.
#[derive(Clone, Copy)]
pub struct Sample {
    pub color: Rgb,
    pub key: Key,
}

/// Which surface, and how much of the sun it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u16);

impl Key {
    fn new(surface: usize, share: f64) -> Self {
        let steps = (share * f64::from(STEPS) + 0.5) as u16;
        Self(surface as u16 * (STEPS + 1) + steps)
    }

    /// Whether the two are different surfaces, or one of them in clearly other light.
    pub fn differs(self, other: Self) -> bool {
        let (surface, steps) = (self.0 / (STEPS + 1), self.0 % (STEPS + 1));
        let (others, other_steps) = (other.0 / (STEPS + 1), other.0 % (STEPS + 1));
        surface != others || steps.abs_diff(other_steps) > EDGE_STEPS
    }
}

/// The colours of a scene under a flat look, in linear light.
pub struct Paints {
    /// Per box and face: in shadow, in the sun.
    pub faces: Vec<[[Rgb; 2]; FACES]>,
    /// In shadow, in the sun.
    pub ground: [Rgb; 2],
    pub backdrop: Rgb,
    /// Where the ground's own colour is strongest.
    pub target: V3,
    /// Square of the distance at which it has half faded, in m².
    pub fade2: f64,
    pub contact_shade: f64,
    /// Boxes that touch the ground.
    pub standing: Vec<usize>,
}

impl Paints {
    pub fn new(scene: &Scene, appearance: &Appearance, blocks: &[Block], sun: &Sun) -> Self {
        let (tables, look) = (Srgb::tables(), appearance.look());
        let surface = |srgb, normal| {
            let albedo = tables.decode(srgb);
            let facing = sun.facing(normal) as f32;
            [0.0, facing].map(|facing| lit(albedo, normal, &look.lights, facing))
        };
        let faces = scene.bodies.iter().zip(blocks).map(|(body, block)| {
            let srgb = look.colors[body.color as usize];
            std::array::from_fn(|face| surface(srgb, block.normal(face)))
        });
        let touches = |block: &Block| block.corners().iter().any(|p| p.z < 1e-3);
        Self {
            faces: faces.collect(),
            ground: surface(look.ground, V3::new(0.0, 0.0, 1.0)),
            backdrop: tables.decode(look.backdrop),
            target: V3::from(scene.camera.target_m),
            fade2: f64::from(look.fade_m) * f64::from(look.fade_m),
            contact_shade: f64::from(look.contact_shade),
            standing: (0..blocks.len()).filter(|&i| touches(&blocks[i])).collect(),
        }
    }
}

/// A scene under a flat look, ready for rays.
pub struct Shader {
    field: Field,
    sun: Sun,
    paints: Paints,
    /// A table in a room instead of endless ground.
    room: Option<(Stage, Room)>,
}

impl Shader {
    pub fn new(scene: &Scene, appearance: &Appearance, field: Field) -> Self {
        let sun = Sun::new(&scene.light, &field.blocks);
        let room = || {
            let stream = &mut Stream::new(appearance.texture_seed, "stage", 0);
            (Stage::table(scene), Room::draw(stream))
        };
        Self {
            paints: Paints::new(scene, appearance, &field.blocks, &sun),
            room: (appearance.background == Background::Room).then(room),
            sun,
            field,
        }
    }

    /// What the ray from `origin` along `direction` sees through pixel (`x`, `y`).
    pub fn sample(&self, (x, y): (usize, usize), origin: V3, direction: V3) -> Sample {
        let (visible, casters) = self.field.tile(x, y);
        if let Some((block, hit)) = self.field.nearest(visible, origin, direction) {
            return self.face(block, hit, origin + direction * hit.t);
        }
        if let Some((stage, room)) = &self.room {
            return self.indoors(stage, room, casters, (origin, direction));
        }
        if direction.z < 0.0 {
            let point = origin + direction * (-origin.z / direction.z);
            return self.floor(point, self.share(casters, point));
        }
        self.sky()
    }

    fn sky(&self) -> Sample {
        Sample {
            color: self.paints.backdrop,
            key: Key::new(0, 1.0),
        }
    }

    /// Share of the sun that the ground at `point` sees.
    fn share(&self, casters: u64, point: V3) -> f64 {
        if !self.sun.is_point() {
            return self.sun.visible(point, None);
        }
        f64::from(u8::from(!self.field.shaded(casters, point)))
    }

    fn face(&self, block: usize, hit: Hit, point: V3) -> Sample {
        let normal = self.field.blocks[block].normal(hit.face);
        let lifted = point + normal * LIFT_M;
        let share = if self.sun.facing(normal) <= 0.0 {
            0.0
        } else if self.sun.is_point() {
            f64::from(u8::from(
                !self.field.shaded(self.field.shaders(block), lifted),
            ))
        } else {
            self.sun.visible(lifted, Some(block))
        };
        let [dark, light] = self.paints.faces[block][hit.face];
        Sample {
            color: mix(dark, light, share),
            key: Key::new(1 + block * FACES + hit.face, share),
        }
    }

    fn floor(&self, point: V3, share: f64) -> Sample {
        let away = point - self.paints.target;
        let distance2 = away.x * away.x + away.y * away.y;
        let fade = (distance2 / (distance2 + self.paints.fade2)) as f32;
        let own = self.grounded(point, share);
        Sample {
            color: std::array::from_fn(|c| own[c] + (self.paints.backdrop[c] - own[c]) * fade),
            key: Key::new(0, share),
        }
    }

    /// The ground's colour, darker where blocks touch it.
    fn grounded(&self, point: V3, share: f64) -> Rgb {
        let contact = self
            .paints
            .standing
            .iter()
            .map(|&i| closeness(&self.field.blocks[i], point));
        let shade = (1.0 - self.paints.contact_shade * contact.fold(0.0, f64::max)) as f32;
        mix(self.paints.ground[0], self.paints.ground[1], share).map(|v| v * shade)
    }

    /// A table top, and behind it a room in flat colours.
    fn indoors(&self, stage: &Stage, room: &Room, casters: u64, ray: (V3, V3)) -> Sample {
        let Some((part, t)) = stage.meet(ray.0, ray.1) else {
            return self.sky();
        };
        let point = ray.0 + ray.1 * t;
        if part == Part::Floor {
            let share = self.share(casters, point);
            return Sample {
                color: self.grounded(point, share),
                key: Key::new(0, share),
            };
        }
        let place = stage.wall_place(point).map(|v| v as f32);
        Sample {
            // Across a ray's end, a pixel is as wide as the ray is long in its own units.
            color: room.color(place, (0.7 * t) as f32),
            key: Key::new(1 + FACES * Scene::MAX_BODIES, 1.0),
        }
    }
}

fn mix(dark: Rgb, light: Rgb, share: f64) -> Rgb {
    // Whole shares give the very colours of hard light and shadow.
    if share >= 1.0 {
        return light;
    }
    std::array::from_fn(|c| dark[c] + (light[c] - dark[c]) * share as f32)
}

/// 1 where the block touches, falling with the squared distance from it.
fn closeness(block: &Block, point: V3) -> f64 {
    1.0 / (1.0 + block.distance2(point) * (1.0 / (CONTACT_RANGE_M * CONTACT_RANGE_M)))
}

/// Diffuse light: sun, sky from above, bounce from below.
fn lit(albedo: Rgb, normal: V3, lights: &Lights, facing: f32) -> Rgb {
    let up = (0.5 + 0.5 * normal.z) as f32;
    std::array::from_fn(|c| {
        albedo[c] * (lights.sky[c] * up + lights.bounce[c] * (1.0 - up) + lights.sun[c] * facing)
    })
}
