//! The ground of a flat style, a row of pixels at a time.
//!
//! A row of the image meets the ground on a straight line at one distance: places are linear in x.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::camera::Viewpoint;
use super::cast::Block;
use super::shade::{CONTACT_RANGE_M, Paints};
use super::srgb::Srgb;
use super::tone::Tone;
use super::vector::V3;
use crate::style::Rgb;

/// Places on a line at which it is found out which boxes are near.
const PLACES: usize = 16;
/// Farther than any square of a distance that makes a difference, in m².
const FAR2: f32 = 1e30;

/// The ground, its light, and what stands on it.
pub struct Floor<'a> {
    paints: &'a Paints,
    standing: Vec<&'a Block>,
    view: &'a Viewpoint,
    /// Per channel; `None` where colours are too dark for a fast curve.
    tones: Option<[Tone; 3]>,
}

/// A line on the ground.
pub struct Line<'a> {
    /// From the camera's target at x = 0, and per pixel, in metres.
    away: [Affine; 2],
    feet: Vec<Foot>,
    floor: &'a Floor<'a>,
}

/// `start` + x · `step`.
#[derive(Clone, Copy)]
struct Affine {
    start: f32,
    step: f32,
}

/// Where the line runs in the frame of a box that touches the ground: the axes along which a part
/// of it is outside.
struct Foot {
    axes: [Axis; 3],
    count: usize,
    /// Pixels from and to which it may be the nearest box.
    reach: [usize; 2],
}

/// A coordinate along an axis of a box, and the box's half side.
#[derive(Clone, Copy)]
struct Axis {
    along: Affine,
    half: f32,
}

impl Affine {
    #[inline(always)]
    fn at(self, x: f32) -> f32 {
        self.start + self.step * x
    }
}

impl<'a> Floor<'a> {
    pub fn new(paints: &'a Paints, blocks: &'a [Block], view: &'a Viewpoint) -> Self {
        let tone = |c: usize| {
            let [dark, light] = paints.ground;
            let darkest = dark[c] * (1.0 - paints.contact_shade as f32);
            let back = paints.backdrop[c];
            let (low, high) = (darkest.min(back), light[c].max(back));
            // Beyond 1 all is white.
            Tone::fit(f64::from(low), f64::from(high)).filter(|_| high <= 1.0)
        };
        let tones = [tone(0), tone(1), tone(2)];
        Self {
            standing: paints.standing.iter().map(|&i| &blocks[i]).collect(),
            tones: match tones {
                [Some(r), Some(g), Some(b)] => Some([r, g, b]),
                _ => None,
            },
            paints,
            view,
        }
    }

    /// The line that a row of pixels meets; `None` for the sky.
    #[inline(always)]
    pub fn line(&self, row: usize, width_px: usize) -> Option<Line<'_>> {
        let origin = self.view.origin;
        let ray = self.view.ray(0.5, row as f64 + 0.5);
        if ray.z >= 0.0 {
            return None;
        }
        let t = -origin.z / ray.z;
        let (first, step) = (origin + ray * t, self.view.right() * t);
        let away = first - self.paints.target;
        let affine = |start: f64, step: f64| Affine {
            start: start as f32,
            step: step as f32,
        };
        let ends = [first, first + step * width_px as f64];
        let feet = self.standing.iter();
        let feet = feet.map(|block| Foot::new(block, ends, step));
        let mut feet: Vec<Foot> = feet.collect();
        if feet.len() > 1 {
            keep_nearest(&mut feet, width_px, t as f32);
        }
        Some(Line {
            away: [affine(away.x, step.x), affine(away.y, step.y)],
            feet,
            floor: self,
        })
    }

    pub fn sky(&self) -> Rgb {
        self.paints.backdrop
    }
}

impl Foot {
    #[inline(always)]
    fn new(block: &Block, [first, last]: [V3; 2], step: V3) -> Self {
        let (half, step) = (block.half(), block.turned(step));
        let ends = [block.local(first), block.local(last)];
        let axis = |k: usize| Axis {
            along: Affine {
                start: ends[0][k] as f32,
                step: step[k] as f32,
            },
            half: half[k] as f32,
        };
        let mut foot = Self {
            axes: [axis(0); 3],
            count: 0,
            reach: [0, usize::MAX],
        };
        for k in 0..3 {
            // Distance along an axis counts only outside; a little slack does no harm.
            if ends.iter().any(|end| end[k].abs() > half[k] * (1.0 + 1e-9)) {
                foot.axes[foot.count] = axis(k);
                foot.count += 1;
            }
        }
        foot
    }

    /// Lowers `near2` to the squared distance from the box, in m².
    #[inline(always)]
    fn lower(&self, xs: &[f32], near2: &mut [i32]) {
        let [a, b, c] = &self.axes;
        let places = xs.iter().zip(near2);
        match self.count {
            0 => places.for_each(|(_, near2)| *near2 = 0),
            1 => places.for_each(|(&x, near2)| lower(near2, a.out2(x))),
            2 => places.for_each(|(&x, near2)| lower(near2, a.out2(x) + b.out2(x))),
            _ => places.for_each(|(&x, near2)| lower(near2, a.out2(x) + b.out2(x) + c.out2(x))),
        }
    }
}

/// Bits of numbers that are not negative are in the numbers' order. As whole numbers they have a
/// minimum; of floats, the compiler would make stores that a comparison decides on, which are slow.
#[inline(always)]
fn lower(near2: &mut i32, other: f32) {
    *near2 = (*near2).min(other.to_bits() as i32);
}

/// Bounds the reach of each of several boxes on a line whose pixels are `step_m` apart: a few
/// places are looked at, and distances change by no more than one moves.
#[inline(always)]
fn keep_nearest(feet: &mut [Foot], width_px: usize, step_m: f32) {
    let apart = width_px.div_ceil(PLACES - 1);
    let xs: [f32; PLACES] = std::array::from_fn(|i| (i * apart) as f32);
    let mut far = [FAR2.to_bits() as i32; PLACES];
    for foot in feet.iter() {
        foot.lower(&xs, &mut far);
    }
    // To the next place and back, and a pixel's share for places amidst samples.
    let slack = 2.0 * step_m * (apart + 2) as f32;
    let far = far.map(|bits| f32::from_bits(bits as u32).sqrt() + slack);
    for foot in feet {
        let mut own = [FAR2.to_bits() as i32; PLACES];
        foot.lower(&xs, &mut own);
        let is_near = |&i: &usize| f32::from_bits(own[i] as u32) <= far[i] * far[i];
        let first = (0..PLACES).find(is_near).unwrap_or(PLACES);
        let last = (0..PLACES).rfind(is_near).unwrap_or(0);
        foot.reach = [(first * apart).saturating_sub(apart), (last + 1) * apart];
    }
}

impl Axis {
    /// Squared distance along the axis, 0 within the box.
    #[inline(always)]
    fn out2(&self, x: f32) -> f32 {
        let out = self.along.at(x).abs() - self.half;
        let out = if out > 0.0 { out } else { 0.0 };
        out * out
    }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if b < a { b } else { a }
}

/// A run of pixels; all slices are equally long.
pub struct Run<'a> {
    /// Number of the first pixel.
    pub first: usize,
    /// Numbers of the pixels in their row.
    pub xs: &'a [f32],
    /// Share of the sun that they see.
    pub share: &'a [f32],
    /// Working room.
    pub near2: &'a mut [i32],
    /// Linear light, by channel.
    pub light: [&'a mut [f32]; 3],
    /// 8-bit colours, red in the lowest byte.
    pub packed: &'a mut [u32],
}

impl Line<'_> {
    /// Colours a run of pixels.
    ///
    /// Loops over slices: the compiler makes registers of neighbours.
    #[inline(always)]
    pub fn paint(&self, run: &mut Run<'_>) {
        run.near2.fill(FAR2.to_bits() as i32);
        let end = run.first + run.xs.len();
        for foot in &self.feet {
            if foot.reach[0] < end && run.first < foot.reach[1] {
                foot.lower(run.xs, run.near2);
            }
        }
        self.shine(run);
        match &self.floor.tones {
            Some(tones) => encode(tones, run),
            None => encode_exactly(run),
        }
    }

    #[inline(always)]
    fn shine(&self, run: &mut Run<'_>) {
        let paints = self.floor.paints;
        let ([dark, lit], backdrop) = (paints.ground, paints.backdrop);
        let gain = [lit[0] - dark[0], lit[1] - dark[1], lit[2] - dark[2]];
        let (fade2, contact) = (paints.fade2 as f32, paints.contact_shade as f32);
        let per_range = (1.0 / (CONTACT_RANGE_M * CONTACT_RANGE_M)) as f32;
        let [away_x, away_y] = self.away;
        let count = run.xs.len();
        let (xs, share, near2) = (run.xs, &run.share[..count], &run.near2[..count]);
        let [red, green, blue] = &mut run.light;
        let (red, green, blue) = (&mut red[..count], &mut green[..count], &mut blue[..count]);
        for i in 0..count {
            let (u, v) = (away_x.at(xs[i]), away_y.at(xs[i]));
            // Near the horizon the square may be infinite.
            let far2 = smaller(u * u + v * v, FAR2);
            let fade = far2 / (far2 + fade2);
            let near2 = f32::from_bits(near2[i] as u32);
            let open = 1.0 - contact / (1.0 + near2 * per_range);
            let own = (dark[0] + gain[0] * share[i]) * open;
            red[i] = own + (backdrop[0] - own) * fade;
            let own = (dark[1] + gain[1] * share[i]) * open;
            green[i] = own + (backdrop[1] - own) * fade;
            let own = (dark[2] + gain[2] * share[i]) * open;
            blue[i] = own + (backdrop[2] - own) * fade;
        }
    }
}

#[inline(always)]
fn encode([red, green, blue]: &[Tone; 3], run: &mut Run<'_>) {
    let count = run.packed.len();
    let [r, g, b] = &run.light;
    let (r, g, b) = (&r[..count], &g[..count], &b[..count]);
    for (i, packed) in run.packed.iter_mut().enumerate() {
        *packed = red.level(r[i]) | green.level(g[i]) << 8 | blue.level(b[i]) << 16;
    }
}

#[inline(always)]
fn encode_exactly(run: &mut Run<'_>) {
    let tables = Srgb::tables();
    for (i, packed) in run.packed.iter_mut().enumerate() {
        let [r, g, b] = tables.encode([run.light[0][i], run.light[1][i], run.light[2][i]]);
        *packed = u32::from_le_bytes([r, g, b, 0]);
    }
}
