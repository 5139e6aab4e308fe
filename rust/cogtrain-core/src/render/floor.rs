//! The ground of a flat style, a row of pixels at a time.
//!
//! A row of the image meets the ground on a straight line at one distance: places are linear in x.

use super::camera::Viewpoint;
use super::cast::Block;
use super::lanes::{F32s, LANES};
use super::shade::{CONTACT_RANGE_M, Paints};
use super::srgb::Srgb;
use super::tone::Tone;
use super::vector::V3;
use crate::style::Rgb;

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
/// of it is outside, with the box's half side.
struct Foot {
    axes: [(Affine, f32); 3],
    count: usize,
}

impl Affine {
    #[inline(always)]
    fn at(self, x: F32s) -> F32s {
        F32s::all(self.start) + F32s::all(self.step) * x
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
        let feet = self.standing.iter().map(|block| Foot::new(block, ends, step));
        Some(Line {
            away: [affine(away.x, step.x), affine(away.y, step.y)],
            feet: feet.collect(),
            floor: self,
        })
    }

    /// 8-bit colours, by channel.
    #[inline(always)]
    pub fn levels(&self, light: &[F32s; 3]) -> [[u8; LANES]; 3] {
        if let Some(tones) = &self.tones {
            return std::array::from_fn(|c| tones[c].levels(light[c]));
        }
        let tables = Srgb::tables();
        let mut levels = [[0; LANES]; 3];
        for i in 0..LANES {
            let [r, g, b] = tables.encode([0, 1, 2].map(|c| light[c].0[i]));
            (levels[0][i], levels[1][i], levels[2][i]) = (r, g, b);
        }
        levels
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
        let none = Affine {
            start: 0.0,
            step: 0.0,
        };
        let mut foot = Self {
            axes: [(none, 0.0); 3],
            count: 0,
        };
        for k in 0..3 {
            // Distance along an axis counts only outside; a little slack does no harm.
            if ends.iter().any(|end| end[k].abs() > half[k] * (1.0 + 1e-9)) {
                let along = Affine {
                    start: ends[0][k] as f32,
                    step: step[k] as f32,
                };
                foot.axes[foot.count] = (along, half[k] as f32);
                foot.count += 1;
            }
        }
        foot
    }

    /// Squared distance from the box, in m².
    #[inline(always)]
    fn distance2(&self, x: F32s) -> F32s {
        let mut sum = F32s::all(0.0);
        for (along, half) in &self.axes[..self.count] {
            let out = (along.at(x).abs() - F32s::all(*half)).max(F32s::all(0.0));
            sum = sum + out * out;
        }
        sum
    }
}

impl Line<'_> {
    /// Linear light by channel of the pixels from `x`, which see that `share` of the sun.
    #[inline(always)]
    pub fn light(&self, x: usize, share: F32s) -> [F32s; 3] {
        let paints = self.floor.paints;
        let (x, one) = (F32s::from_count(x), F32s::all(1.0));
        let [u, v] = self.away.map(|away| away.at(x));
        // Near the horizon the square may be infinite.
        let far2 = (u * u + v * v).min(F32s::all(1e30));
        let fade = far2 / (far2 + F32s::all(paints.fade2 as f32));
        let mut near2 = F32s::all(1e30);
        for foot in &self.feet {
            near2 = near2.min(foot.distance2(x));
        }
        let per_range = (1.0 / (CONTACT_RANGE_M * CONTACT_RANGE_M)) as f32;
        let contact = F32s::all(paints.contact_shade as f32);
        let open = one - contact / (one + near2 * F32s::all(per_range));
        std::array::from_fn(|c| {
            let [dark, light] = paints.ground.map(|color| color[c]);
            let own = (F32s::all(dark) + F32s::all(light - dark) * share) * open;
            own + (F32s::all(paints.backdrop[c]) - own) * fade
        })
    }
}
