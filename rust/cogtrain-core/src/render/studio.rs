//! A scene made of things: painted blocks on a cloth or a table, under a soft light.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always, clippy::needless_range_loop)]

use super::ambient::Ambient;
use super::bounds::Bounds;
use super::camera::Viewpoint;
use super::cast::{Block, Field};
use super::finish::{Cover, Finish};
use super::light::Sun;
use super::room::Room;
use super::sight::{Looking, Rays, Sight, Surface, Thing};
use super::srgb::Srgb;
use super::stage::{Part, Stage};
use super::swatch::{Fragments, Lanes, SWATCH, Swatch, Vectors, Wide};
use super::timber::FaceSpots;
use super::vector::V3;
use crate::Stream;
use crate::scene::Scene;
use crate::simd::{Body, Kernel};
use crate::style::{Appearance, Background, Lights, Rgb, Style};

/// How far a shadow ray starts off a surface, in metres, so that rounding hides nothing.
const LIFT_M: f64 = 1e-7;
/// Half width of a far outline that the camera does not focus on, in units.
const DEFOCUS: f32 = 0.17;
/// Colour of bare wood, sRGB.
const WOOD: [u8; 3] = [206, 172, 128];

/// Everything that a ray can meet, ready to be shaded.
pub struct Studio {
    pub field: Field,
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

    /// Looks along rays.
    pub fn look(&self, body: Body, view: &Viewpoint, (rays, sight): (&Rays, &mut Sight)) {
        body.run(Looking {
            view,
            field: &self.field,
            stage: &self.stage,
            is_room: self.room.is_some(),
            rays,
            sight,
        });
    }

    /// Light from fragments of a surface to the camera, by channel.
    pub fn shade(
        &self,
        body: Body,
        (surface, fragments): (Surface, &Fragments),
        view: &Viewpoint,
    ) -> [Lanes; 3] {
        let scene = Shading {
            studio: self,
            fragments,
            view,
        };
        match surface.thing() {
            Thing::Stage(Part::Wall) if let Some(room) = &self.room => self.far(room, &scene),
            Thing::Stage(part) => body.run(Covering { scene, part }),
            Thing::Nothing => self.sky(),
            Thing::Face(block, face) => body.run(Facing { scene, block, face }),
        }
    }

    /// What is seen over the stage's top: the wall's colour in full light.
    fn sky(&self) -> [Lanes; 3] {
        let (mut normals, mut albedo) = (Vectors::new(), [[0.0; SWATCH]; 3]);
        normals.put(0, V3::new(0.0, 0.0, 1.0));
        for (albedo, wall) in albedo.iter_mut().zip(self.wall) {
            albedo[0] = wall;
        }
        self.lit(&mut albedo, &normals, &Light::FULL);
        albedo.map(|color| [color[0]; SWATCH])
    }

    /// What stands behind a table.
    fn far(&self, room: &Room, scene: &Shading) -> [Lanes; 3] {
        let (per_unit, mut colors) = (1.0 / self.unit_m, [[0.0; SWATCH]; 3]);
        let light = self.lights.sky[1] + 0.7 * self.lights.sun[1];
        let frame = self.stage.frame(Part::Wall, [0.0; 2]);
        for i in 0..scene.fragments.count {
            let place = self.stage.wall_place(scene.fragments.point.at(i));
            let blur = DEFOCUS.max(self.reach(scene, i, frame)[0]);
            let color = room.color(place.map(|v| (v * per_unit) as f32), blur);
            for c in 0..3 {
                colors[c][i] = color[c] * light;
            }
        }
        colors
    }

    /// How far a pixel reaches across and along the backdrop, in units.
    #[inline(always)]
    fn reach(&self, scene: &Shading, i: usize, frame: [V3; 3]) -> [f32; 2] {
        let per_unit = 1.0 / self.unit_m;
        let pixel = scene.footprint(i, frame[2]);
        let mut reach = [0.0; 2];
        for k in 0..2 {
            let axis = frame[k];
            reach[k] = ((pixel[0].dot(axis).abs() + pixel[1].dot(axis).abs()) * per_unit) as f32;
        }
        reach
    }

    /// Diffuse light in place of albedo: the sun's share, and sky and bounce as far as a place is
    /// open.
    #[inline(always)]
    fn lit(&self, albedo: &mut [Lanes; 3], normals: &Vectors, light: &Light) {
        let (mut sun, mut up, mut open) = ([0.0; SWATCH], [0.0; SWATCH], [0.0; SWATCH]);
        for i in 0..SWATCH {
            let normal = normals.at(i);
            sun[i] = (self.sun.facing(normal) * light.share[i]) as f32;
            up[i] = (0.5 + 0.5 * normal.z) as f32;
            open[i] = light.open[i] as f32;
        }
        for (c, albedo) in albedo.iter_mut().enumerate() {
            let (from_sun, sky) = (self.lights.sun[c], self.lights.sky[c]);
            let bounce = self.lights.bounce[c];
            for i in 0..SWATCH {
                albedo[i] *= from_sun * sun[i] + (sky * up[i] + bounce * (1.0 - up[i])) * open[i];
            }
        }
    }

    /// How much of the lights reaches fragments, on the ground or (`face`: the box and its normal)
    /// on a box.
    #[inline(always)]
    fn light(&self, fragments: &Fragments, normals: &Vectors, face: Option<(usize, V3)>) -> Light {
        let mut locals = Vectors::new();
        for i in 0..SWATCH {
            let lifted = fragments.point.at(i) + normals.at(i) * LIFT_M;
            locals.put(i, self.sun.local(lifted));
        }
        // The cover's folds may look at the sun where the plain sheet does not.
        let is_lit = face.is_none_or(|(_, normal)| self.sun.facing(normal) > 0.0);
        let count = fragments.count;
        // Most swatches are far from all boxes.
        let near = self
            .ambient
            .near(&Bounds::of_first(&fragments.point, count));
        let blocks = (&self.field.blocks[..], near);
        let places = (&fragments.point, normals);
        Light {
            share: if is_lit {
                self.sun.shares(&locals, count, face.map(|(i, _)| i))
            } else {
                [0.0; SWATCH]
            },
            open: self.ambient.openness(blocks, places, face.is_some()),
        }
    }
}

/// Fragments to be shaded.
struct Shading<'a> {
    studio: &'a Studio,
    fragments: &'a Fragments,
    view: &'a Viewpoint,
}

impl Shading<'_> {
    #[inline(always)]
    fn ray(&self, i: usize) -> V3 {
        let [x, y] = &self.fragments.pixel;
        self.view.ray(x[i], y[i])
    }

    #[inline(always)]
    fn footprint(&self, i: usize, normal: V3) -> [V3; 2] {
        self.view
            .footprint(self.ray(i), self.fragments.t[i], normal)
    }
}

/// Floor or backdrop.
struct Covering<'a> {
    scene: Shading<'a>,
    part: Part,
}

impl Kernel for Covering<'_> {
    type Out = [Lanes; 3];

    #[inline(always)]
    fn run(self) -> [Lanes; 3] {
        let Shading {
            studio, fragments, ..
        } = self.scene;
        let (alongs, outs) = self.frames();
        let (side, mut swatch) = (studio.stage.side(), Swatch::new());
        let per_unit = 1.0 / studio.unit_m;
        for i in 0..SWATCH {
            let frame = [side, alongs.at(i), outs.at(i)];
            let reach = studio.reach(&self.scene, i, frame);
            (swatch.pixel[0][i], swatch.pixel[1][i]) = (reach[0], reach[1]);
        }
        for k in 0..2 {
            for i in 0..SWATCH {
                swatch.place[k][i] = (fragments.place[k][i] * per_unit) as f32;
            }
        }
        let weave = studio.cover.weave(&swatch);
        let light = studio.light(fragments, &outs, None);
        let (mut normals, mut upright) = (Vectors::new(), [0.0; SWATCH]);
        for i in 0..SWATCH {
            let slope = [f64::from(weave.slope[0][i]), f64::from(weave.slope[1][i])];
            let (along, out) = (alongs.at(i), outs.at(i));
            normals.put(i, (out - side * slope[0] - along * slope[1]).normalized());
            upright[i] = (1.0 - out.z) as f32;
        }
        let mut colors = [[0.0; SWATCH]; 3];
        for (c, color) in colors.iter_mut().enumerate() {
            let (ground, wall) = (studio.ground[c], studio.wall[c]);
            for i in 0..SWATCH {
                color[i] = (ground + (wall - ground) * upright[i]) * weave.shade[i];
            }
        }
        studio.lit(&mut colors, &normals, &light);
        colors
    }
}

impl Covering<'_> {
    /// Along the surface, and out of it.
    #[inline(always)]
    fn frames(&self) -> (Vectors, Vectors) {
        let [cos, sin] = &self.scene.fragments.turn;
        let (mut alongs, mut outs) = (Vectors::new(), Vectors::new());
        for i in 0..SWATCH {
            let [_, along, out] = self.scene.studio.stage.frame(self.part, [cos[i], sin[i]]);
            alongs.put(i, along);
            outs.put(i, out);
        }
        (alongs, outs)
    }
}

/// A face of a box.
struct Facing<'a> {
    scene: Shading<'a>,
    block: usize,
    face: usize,
}

impl Kernel for Facing<'_> {
    type Out = [Lanes; 3];

    #[inline(always)]
    fn run(self) -> [Lanes; 3] {
        let Shading {
            studio, fragments, ..
        } = self.scene;
        let block = &studio.field.blocks[self.block];
        let (paint, finish) = &studio.blocks[self.block];
        let normal = block.normal(self.face);
        let coats = finish.coats(&self.spots(block, normal), self.face);
        let mut normals = Vectors::new();
        for i in 0..SWATCH {
            normals.put(i, normal);
        }
        let light = studio.light(fragments, &normals, Some((self.block, normal)));
        let (mut mirror, mut around) = ([0.0; SWATCH], [0.0; SWATCH]);
        for i in 0..SWATCH {
            let tilt = [&coats.tilt[0], &coats.tilt[1], &coats.tilt[2]].map(|t| f64::from(t[i]));
            let turned = (normal + block.world(tilt)).normalized();
            normals.put(i, turned);
            let cosine = turned.dot(self.scene.ray(i).normalized());
            let slant = 1.0 + if cosine < 0.0 { cosine } else { 0.0 };
            let gloss = 0.25 + (slant * slant * slant) as f32;
            mirror[i] = studio.sheen * gloss * (1.0 - coats.crack[i]);
            around[i] = ((0.35 + 0.65 * (0.5 + 0.5 * turned.z)) * light.open[i]) as f32;
        }
        let mut colors = [[0.0; SWATCH]; 3];
        for (c, color) in colors.iter_mut().enumerate() {
            for i in 0..SWATCH {
                let painted = paint[c] * coats.shade[i];
                let worn = painted + (studio.bare[c] - painted) * coats.bare[i];
                color[i] = worn * (1.0 - coats.crack[i]);
            }
        }
        studio.lit(&mut colors, &normals, &light);
        for (color, sky) in colors.iter_mut().zip(studio.lights.sky) {
            for i in 0..SWATCH {
                color[i] += mirror[i] * sky * around[i];
            }
        }
        colors
    }
}

impl Facing<'_> {
    #[inline(always)]
    fn spots(&self, block: &Block, normal: V3) -> FaceSpots {
        let Shading {
            studio, fragments, ..
        } = self.scene;
        let per_unit = 1.0 / studio.unit_m;
        let half = block.half().map(|v| (v * per_unit) as f32);
        let mut spots = FaceSpots::new(half);
        for i in 0..SWATCH {
            let [dx, dy] = self.scene.footprint(i, normal);
            let (dx, dy) = (block.turned(dx), block.turned(dy));
            let local = block.local(fragments.point.at(i));
            for k in 0..3 {
                spots.local[k][i] = (local[k] * per_unit) as f32;
                spots.pixel[k][i] = ((dx[k].abs() + dy[k].abs()) * per_unit) as f32;
            }
        }
        spots
    }
}

/// How much of the lights reaches some places.
struct Light {
    /// Of the sun.
    share: Wide,
    /// Of all that is around.
    open: Wide,
}

impl Light {
    const FULL: Self = Self {
        share: [1.0; SWATCH],
        open: [1.0; SWATCH],
    };
}

/// Mean side of the bodies, in metres; one where there is none.
fn unit_m(scene: &Scene) -> f64 {
    let sides = scene.bodies.iter().flat_map(|body| body.size_m);
    let (sum, count) = sides.fold((0.0, 0.0), |(sum, n), side| (sum + side, n + 1.0));
    if count > 0.0 { sum / count } else { 1.0 }
}
