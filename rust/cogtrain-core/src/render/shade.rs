//! What a ray sees: a colour in linear light, and a key that says which surface it was.

use super::cast::{Block, Field, Hit};
use super::srgb::Srgb;
use super::vector::V3;
use crate::scene::Scene;
use crate::style::{Lights, Look, Rgb};

/// Distance from a block, in metres, at which its contact shade has halved.
const CONTACT_RANGE_M: f64 = 0.35;
/// How far a shadow ray starts off a face, in metres, so that rounding hides nothing.
const LIFT_M: f64 = 1e-7;
const FACES: usize = 6;

/// A seen colour, and the surface it came from: equal keys are one smooth surface in one light.
#[derive(Clone, Copy)]
pub struct Sample {
    pub color: Rgb,
    pub key: u16,
}

/// The colours of a scene under a look, ready for rays.
pub struct Shader {
    field: Field,
    /// Per box and face: in shadow, in the sun.
    faces: Vec<[[Rgb; 2]; FACES]>,
    /// In shadow, in the sun.
    ground: [Rgb; 2],
    backdrop: Rgb,
    /// Where the ground's own colour is strongest.
    target: V3,
    fade2: f64,
    contact_shade: f64,
    /// Boxes that touch the ground.
    standing: Vec<usize>,
}

impl Shader {
    pub fn new(scene: &Scene, look: &Look, field: Field) -> Self {
        let tables = Srgb::tables();
        let surface = |srgb, normal| {
            let albedo = tables.decode(srgb);
            [false, true].map(|sunlit| lit(albedo, normal, field.sun, &look.lights, sunlit))
        };
        let faces = scene.bodies.iter().zip(&field.blocks).map(|(body, block)| {
            std::array::from_fn(|face| {
                surface(look.colors[body.color as usize], block.normal(face))
            })
        });
        let touches = |block: &Block| block.corners().iter().any(|p| p.z < 1e-3);
        Self {
            faces: faces.collect(),
            ground: surface(look.ground, V3::new(0.0, 0.0, 1.0)),
            backdrop: tables.decode(look.backdrop),
            target: V3::from(scene.camera.target_m),
            fade2: f64::from(look.fade_m) * f64::from(look.fade_m),
            contact_shade: f64::from(look.contact_shade),
            standing: (0..field.blocks.len())
                .filter(|&i| touches(&field.blocks[i]))
                .collect(),
            field,
        }
    }

    /// What the ray from `origin` along `direction` sees through pixel (`x`, `y`).
    pub fn sample(&self, (x, y): (usize, usize), origin: V3, direction: V3) -> Sample {
        let (visible, casters) = self.field.tile(x, y);
        if let Some((block, hit)) = self.field.nearest(visible, origin, direction) {
            return self.face(block, hit, origin + direction * hit.t);
        }
        if direction.z < 0.0 {
            let point = origin + direction * (-origin.z / direction.z);
            return self.floor(point, !self.field.shaded(casters, point));
        }
        Sample {
            color: self.backdrop,
            key: 0,
        }
    }

    fn face(&self, block: usize, hit: Hit, point: V3) -> Sample {
        let normal = self.field.blocks[block].normal(hit.face);
        let lifted = point + normal * LIFT_M;
        let sunlit = normal.dot(self.field.sun) > 0.0
            && !self.field.shaded(self.field.shaders(block), lifted);
        let surface = 1 + block * FACES + hit.face;
        Sample {
            color: self.faces[block][hit.face][usize::from(sunlit)],
            key: (2 * surface + usize::from(sunlit)) as u16,
        }
    }

    fn floor(&self, point: V3, sunlit: bool) -> Sample {
        let contact = self
            .standing
            .iter()
            .map(|&i| closeness(&self.field.blocks[i], point));
        let shade = 1.0 - self.contact_shade * contact.fold(0.0, f64::max);
        let away = point - self.target;
        let distance2 = away.x * away.x + away.y * away.y;
        let fade = (distance2 / (distance2 + self.fade2)) as f32;
        let own = self.ground[usize::from(sunlit)];
        let color = std::array::from_fn(|c| {
            let ground = own[c] * shade as f32;
            ground + (self.backdrop[c] - ground) * fade
        });
        Sample {
            color,
            key: u16::from(!sunlit),
        }
    }
}

/// 1 under the block, falling with the squared distance from its outline.
fn closeness(block: &Block, point: V3) -> f64 {
    1.0 / (1.0 + block.outline_distance2(point) * (1.0 / (CONTACT_RANGE_M * CONTACT_RANGE_M)))
}

/// Diffuse light: sun, sky from above, bounce from below.
fn lit(albedo: Rgb, normal: V3, sun: V3, lights: &Lights, sunlit: bool) -> Rgb {
    let facing = if sunlit {
        normal.dot(sun).max(0.0) as f32
    } else {
        0.0
    };
    let up = (0.5 + 0.5 * normal.z) as f32;
    std::array::from_fn(|c| {
        albedo[c] * (lights.sky[c] * up + lights.bounce[c] * (1.0 - up) + lights.sun[c] * facing)
    })
}
