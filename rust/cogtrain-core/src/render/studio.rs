//! A scene made of things: painted blocks on a cloth or a table, under a soft light.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::ambient::Ambient;
use super::bounds::Bounds;
use super::camera::Viewpoint;
use super::cast::{Block, Field};
use super::finish::{Cover, Finish, Look};
use super::light::Sun;
use super::room::Room;
use super::srgb::Srgb;
use super::stage::{Part, Spot, Stage};
use super::swatch::{Swatch, Weave};
use super::timber::FaceSpot;
use super::vector::V3;
use crate::Stream;
use crate::scene::Scene;
use crate::simd::{Body, Kernel};
use crate::style::{Appearance, Background, Lights, Rgb, Style};

/// How far a shadow ray starts off a surface, in metres, so that rounding hides nothing.
const LIFT_M: f64 = 1e-7;
/// Half width of a far outline that the camera does not focus on, in units.
const DEFOCUS: f32 = 0.17;
const FACES: usize = 6;
/// Colour of bare wood, sRGB.
const WOOD: [u8; 3] = [206, 172, 128];

/// Everything that a ray can meet, ready to be shaded.
pub struct Studio {
    field: Field,
    sun: Sun,
    ambient: Ambient,
    stage: Stage,
    lights: Lights,
    blocks: Vec<(Rgb, Finish)>,
    cover: Cover,
    ground: Rgb,
    wall: Rgb,
    room: Option<Room>,
    bare: Rgb,
    /// Share of light that paint and cloth mirror at a slant.
    sheen: f32,
    /// Size of a usual block, in metres.
    unit_m: f64,
}

/// What a ray met.
#[derive(Clone, Copy)]
pub struct Seen {
    /// Which surface: equal keys are one plane, or the backdrop.
    pub key: u16,
    block: Option<(usize, usize)>,
    spot: Option<Spot>,
    point: V3,
    t: f64,
}

/// Part of a pixel: a surface that it sees.
pub struct Fragment<'a> {
    pub seen: &'a Seen,
    /// The ray through the pixel's middle.
    pub ray: V3,
    /// Number of the pixel in the picture, and how much of it shows the surface.
    pub pixel: usize,
    pub share: f32,
}

/// How much of the lights reaches a place.
#[derive(Clone, Copy)]
struct Light {
    /// Of the sun.
    share: f64,
    /// Of all that is around.
    open: f64,
}

impl Light {
    const FULL: Self = Self {
        share: 1.0,
        open: 1.0,
    };
}

impl Studio {
    pub fn new(scene: &Scene, appearance: &Appearance, lights: Lights, field: Field) -> Self {
        let tables = Srgb::tables();
        let (seed, style) = (appearance.texture_seed, appearance.style);
        let unit_m = unit_m(scene);
        let is_room = appearance.background == Background::Room;
        let stage = if is_room {
            Stage::table(scene)
        } else {
            Stage::sweep(scene)
        };
        let blocks = scene.bodies.iter().enumerate().map(|(i, body)| {
            let stream = &mut Stream::new(seed, "block", i as u64);
            let paint = tables.decode(appearance.color(body.color));
            (paint, Finish::draw(style, stream))
        });
        let stream = &mut Stream::new(seed, "stage", 0);
        let end = (stage.floor_end_m() / unit_m) as f32;
        let backdrop = appearance.background.backdrop();
        Self {
            blocks: blocks.collect(),
            cover: Cover::draw(style, is_room, stream, end),
            room: is_room.then(|| Room::draw(stream)),
            ground: tables.decode(backdrop.ground),
            wall: tables.decode(if style == Style::Wood {
                backdrop.ground
            } else {
                backdrop.wall
            }),
            bare: tables.decode(WOOD),
            sheen: if style == Style::Wood { 0.035 } else { 0.02 },
            sun: Sun::new(&scene.light, &field.blocks),
            ambient: Ambient::new(&field.blocks, unit_m),
            stage,
            lights,
            unit_m,
            field,
        }
    }

    /// What the ray from `origin` along `direction` meets through pixel (`x`, `y`).
    pub fn see(&self, (x, y): (usize, usize), origin: V3, direction: V3) -> Seen {
        let (visible, _) = self.field.tile(x, y);
        if let Some((block, hit)) = self.field.nearest(visible, origin, direction) {
            return Seen {
                key: (2 + block * FACES + hit.face) as u16,
                block: Some((block, hit.face)),
                spot: None,
                point: origin + direction * hit.t,
                t: hit.t,
            };
        }
        let spot = self.stage.meet(origin, direction);
        let is_far = self.room.is_some() && spot.is_none_or(|s| s.part == Part::Wall);
        Seen {
            key: u16::from(is_far),
            block: None,
            spot,
            point: spot.map_or(origin, |s| s.point),
            t: spot.map_or(0.0, |s| s.t),
        }
    }

    /// Light from what was seen along rays to the camera, of up to a swatch of surfaces at once.
    pub fn shade(&self, body: Body, fragments: &[Fragment<'_>], view: &Viewpoint) -> Vec<Rgb> {
        let cast = body.run(Casting {
            studio: self,
            fragments,
        });
        let weave = self.weave(body, fragments, view);
        let lit = fragments.iter().zip(cast).enumerate();
        let color = |(i, (Fragment { seen, ray, .. }, light)): (usize, (&Fragment, Light))| {
            if let Some((block, face)) = seen.block {
                let normal = self.field.blocks[block].normal(face);
                let pixel = view.footprint(*ray, seen.t, normal);
                return self.face((block, face), (seen.point, *ray), pixel, light);
            }
            let Some(spot) = &seen.spot else {
                return self.lit(self.wall, V3::new(0.0, 0.0, 1.0), Light::FULL);
            };
            if let (Some(room), Part::Wall) = (&self.room, spot.part) {
                return self.far(room, spot, self.reach(spot, view, *ray));
            }
            let slope = [weave.slope[0][i], weave.slope[1][i]];
            self.cover(spot, (slope, weave.shade[i]), light)
        };
        lit.map(color).collect()
    }

    /// The surface's own normal; up where nothing was met.
    #[inline(always)]
    fn normal(&self, seen: &Seen) -> V3 {
        match (seen.block, &seen.spot) {
            (Some((block, face)), _) => self.field.blocks[block].normal(face),
            (None, Some(spot)) => spot.frame[2],
            (None, None) => V3::new(0.0, 0.0, 1.0),
        }
    }

    /// What the cover is like wherever a fragment shows it.
    fn weave(&self, body: Body, fragments: &[Fragment<'_>], view: &Viewpoint) -> Weave {
        let per_unit = 1.0 / self.unit_m;
        let mut swatch = Swatch::new();
        for (i, Fragment { seen, ray, .. }) in fragments.iter().enumerate() {
            if let Some(spot) = &seen.spot {
                let reach = self.reach(spot, view, *ray);
                for (k, reach) in reach.into_iter().enumerate() {
                    swatch.place[k][i] = (spot.place[k] * per_unit) as f32;
                    swatch.pixel[k][i] = reach;
                }
            }
        }
        body.run(Look {
            cover: &self.cover,
            swatch: &swatch,
        })
    }

    /// How far a pixel reaches across and along the backdrop, in units.
    fn reach(&self, spot: &Spot, view: &Viewpoint, ray: V3) -> [f32; 2] {
        let per_unit = 1.0 / self.unit_m;
        let pixel = view.footprint(ray, spot.t, spot.frame[2]);
        [0, 1].map(|k| {
            let axis = spot.frame[k];
            ((pixel[0].dot(axis).abs() + pixel[1].dot(axis).abs()) * per_unit) as f32
        })
    }

    fn face(
        &self,
        (i, face): (usize, usize),
        (point, direction): (V3, V3),
        pixel: [V3; 2],
        light: Light,
    ) -> Rgb {
        let block = &self.field.blocks[i];
        let (paint, finish) = &self.blocks[i];
        let coat = finish.coat(&self.face_spot(block, face, point, pixel));
        let turned = (block.normal(face) + block.world(coat.tilt.map(f64::from))).normalized();
        let albedo = std::array::from_fn(|c| {
            let painted = paint[c] * coat.shade;
            (painted + (self.bare[c] - painted) * coat.bare) * (1.0 - coat.crack)
        });
        let color = self.lit(albedo, turned, light);
        let slant = 1.0 + (turned.dot(direction.normalized())).min(0.0);
        let mirror = self.sheen * (0.25 + (slant * slant * slant) as f32) * (1.0 - coat.crack);
        let around = ((0.35 + 0.65 * (0.5 + 0.5 * turned.z)) * light.open) as f32;
        std::array::from_fn(|c| color[c] + mirror * self.lights.sky[c] * around)
    }

    fn face_spot(&self, block: &Block, face: usize, point: V3, pixel: [V3; 2]) -> FaceSpot {
        let per_unit = 1.0 / self.unit_m;
        let [dx, dy] = pixel.map(|p| block.turned(p));
        FaceSpot {
            local: block.local(point).map(|v| (v * per_unit) as f32),
            half: block.half().map(|v| (v * per_unit) as f32),
            face,
            pixel: std::array::from_fn(|k| ((dx[k].abs() + dy[k].abs()) * per_unit) as f32),
        }
    }

    /// What stands behind a table.
    fn far(&self, room: &Room, spot: &Spot, reach: [f32; 2]) -> Rgb {
        let per_unit = 1.0 / self.unit_m;
        let place = self.stage.wall_place(spot.point);
        let light = self.lights.sky[1] + 0.7 * self.lights.sun[1];
        let blur = DEFOCUS.max(reach[0]);
        let color = room.color(place.map(|v| (v * per_unit) as f32), blur);
        color.map(|v| v * light)
    }

    /// Floor or backdrop, of that slope and shade.
    fn cover(&self, spot: &Spot, (slope, shade): ([f32; 2], f32), light: Light) -> Rgb {
        let [side, along, out] = spot.frame;
        let slope = slope.map(f64::from);
        let normal = (out - side * slope[0] - along * slope[1]).normalized();
        let upright = (1.0 - out.z) as f32;
        let albedo = std::array::from_fn(|c| {
            (self.ground[c] + (self.wall[c] - self.ground[c]) * upright) * shade
        });
        self.lit(albedo, normal, light)
    }

    /// Diffuse light: the sun's share, and sky and bounce as far as the place is open.
    fn lit(&self, albedo: Rgb, normal: V3, light: Light) -> Rgb {
        let sun = (self.sun.facing(normal) * light.share) as f32;
        let up = (0.5 + 0.5 * normal.z) as f32;
        let Lights {
            sun: from_sun,
            sky,
            bounce,
        } = self.lights;
        let open = light.open as f32;
        std::array::from_fn(|c| {
            albedo[c] * (from_sun[c] * sun + (sky[c] * up + bounce[c] * (1.0 - up)) * open)
        })
    }
}

/// How much of the lights reaches the surfaces that were seen.
struct Casting<'a> {
    studio: &'a Studio,
    fragments: &'a [Fragment<'a>],
}

impl Kernel for Casting<'_> {
    type Out = Vec<Light>;

    #[inline(always)]
    fn run(self) -> Vec<Light> {
        let Studio {
            field,
            sun,
            ambient,
            ..
        } = self.studio;
        let (mut points, mut locals) = (Vec::new(), Vec::new());
        for Fragment { seen, .. } in self.fragments {
            let lifted = seen.point + self.studio.normal(seen) * LIFT_M;
            points.push(seen.point);
            locals.push(sun.local(lifted));
        }
        // Most swatches are far from all boxes.
        let casters = sun.casters(&Bounds::of(&locals));
        let near = ambient.near(&Bounds::of(&points));
        let mut lights = Vec::with_capacity(points.len());
        for (Fragment { seen, .. }, local) in self.fragments.iter().zip(locals) {
            let (normal, except) = (self.studio.normal(seen), seen.block.map(|(i, _)| i));
            if except.is_none() && seen.spot.is_none() {
                lights.push(Light::FULL);
                continue;
            }
            // The cover's folds may look at the sun where the plain sheet does not.
            let is_lit = except.is_none() || sun.facing(normal) > 0.0;
            let casters = if is_lit { casters } else { 0 };
            let seen_share = sun.visible_past(casters, local, except);
            let blocks = (&field.blocks[..], near);
            lights.push(Light {
                share: if is_lit { seen_share } else { 0.0 },
                open: ambient.openness(blocks, (seen.point, normal), except.is_some()),
            });
        }
        lights
    }
}

impl Seen {
    /// The middle of several places on one surface.
    pub fn middle(all: &[&Self]) -> Self {
        let (&first, share) = (all[0], 1.0 / all.len() as f64);
        let mean = |pick: fn(&Self) -> f64| all.iter().map(|seen| pick(seen)).sum::<f64>() * share;
        let point = V3::new(
            mean(|s| s.point.x),
            mean(|s| s.point.y),
            mean(|s| s.point.z),
        );
        let t = mean(|s| s.t);
        let spot = first.spot.map(|spot| Spot {
            point,
            t,
            place: [0, 1].map(|k| {
                all.iter()
                    .map(|s| s.spot.map_or(0.0, |s| s.place[k]))
                    .sum::<f64>()
                    * share
            }),
            ..spot
        });
        Self {
            spot,
            point,
            t,
            ..first
        }
    }
}

/// Mean side of the bodies, in metres; one where there is none.
fn unit_m(scene: &Scene) -> f64 {
    let sides = scene.bodies.iter().flat_map(|body| body.size_m);
    let (sum, count) = sides.fold((0.0, 0.0), |(sum, n), side| (sum + side, n + 1.0));
    if count > 0.0 { sum / count } else { 1.0 }
}
