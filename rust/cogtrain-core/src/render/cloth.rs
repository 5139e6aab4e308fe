//! A sheet hung as a backdrop: broad folds, sharp creases, fine wrinkles, one long fold.

use super::noise::{Noise, Tabled, ramp, resolved};
use crate::Stream;

/// What the sheet is like at a place: slopes across and along, and a factor on its colour.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weave {
    pub slope: [f32; 2],
    pub shade: f32,
}

/// A wrinkled sheet; lengths are in units of a usual block's side.
pub struct Cloth {
    folds: Vec<Fold>,
    /// What all folds are read from, each at a place and turn of its own.
    relief: Tabled,
    patches: Noise,
    stain: Noise,
    /// A fold right across: height, lean, depth.
    crossing: [f32; 3],
    bands: Vec<Band>,
}

/// Parallel wrinkles in one direction.
struct Fold {
    /// Place in the relief.
    shift: [f32; 2],
    /// Cosine and sine of the direction.
    turn: [f32; 2],
    /// Lattice cells per unit, along and across the wrinkles.
    density: [f32; 2],
    /// The first density over the second.
    ratio: f32,
    steepness: f32,
    /// One over the width of a crease, in the relief's own height; 0 for a soft fold.
    sharpness: f32,
    /// Which patches of the sheet have it.
    patch: usize,
}

/// A faint lighter stripe: light from a window or a strip of another cloth.
struct Band {
    middle: [f32; 2],
    half: [f32; 2],
    lean: f32,
    gain: f32,
}

impl Cloth {
    /// Hung anew for every stream. The floor lies below `floor_end`, in units along the sheet.
    pub fn draw(stream: &mut Stream, floor_end: f32) -> Self {
        let lean = if stream.below(2) == 0 { 1.0 } else { -1.0 };
        let mut fold = |patch: usize, degrees: f64, density: [f32; 2], shape: [f32; 2]| {
            let angle = lean * (degrees + stream.range(-14.0, 14.0)).to_radians();
            Fold {
                shift: [(); 2].map(|()| stream.range(0.0, 64.0) as f32),
                turn: [libm::cos(angle) as f32, libm::sin(angle) as f32],
                density,
                ratio: density[0] / density[1],
                steepness: shape[0],
                sharpness: if shape[1] > 0.0 { 1.0 / shape[1] } else { 0.0 },
                patch,
            }
        };
        let folds = vec![
            fold(0, 60.0, [0.03, 0.22], [0.54, 0.0]),
            fold(0, 112.0, [0.05, 0.40], [0.30, 0.0]),
            fold(1, 56.0, [0.10, 0.46], [0.34, 0.09]),
            fold(2, 124.0, [0.13, 0.60], [0.32, 0.10]),
            fold(3, 28.0, [0.20, 0.85], [0.27, 0.11]),
            fold(4, 80.0, [0.34, 1.25], [0.22, 0.13]),
            fold(5, 142.0, [0.55, 1.70], [0.16, 0.20]),
            fold(0, 48.0, [0.7, 2.2], [0.14, 0.0]),
            fold(0, 10.0, [2.8, 3.9], [0.10, 0.0]),
        ];
        let mut range = |low: f64, high: f64| stream.range(low, high) as f32;
        let crossing = [
            floor_end + range(0.6, 2.4),
            range(-0.12, 0.12),
            range(0.05, 0.16),
        ];
        let count = 1 + usize::from(range(0.0, 1.0) < 0.4);
        let bands = (0..count).map(|_| Band {
            middle: [range(-5.0, 5.0), floor_end + range(3.2, 7.0)],
            half: [range(1.4, 3.2), range(0.20, 0.42)],
            lean: range(-0.22, 0.22),
            gain: range(0.07, 0.17),
        });
        Self {
            bands: bands.collect(),
            folds,
            crossing,
            relief: Tabled::draw(stream),
            patches: Noise::draw(stream),
            stain: Noise::draw(stream),
        }
    }

    /// The sheet at `place`, for a pixel that reaches `pixel` units; `hung` is 1 on the wall and
    /// less where the sheet lies flat.
    pub fn weave(&self, place: [f32; 2], pixel: f32, hung: f32) -> Weave {
        // Warped, so that no crease runs straight for long.
        let warp = self.patches.plane(0.31 * place[0] + 5.0, 0.31 * place[1]);
        let (x, y) = (
            place[0] + 0.35 * warp.value,
            place[1] + 0.12 * warp.slope[0],
        );
        let place = [x, y];
        let patch = self.patches.plane(0.27 * x, 0.27 * y).value;
        let other = self.patches.plane(0.33 * x + 31.0, 0.33 * y + 17.0).value;
        let crumpled = hung * (0.45 + 0.75 * ramp(-0.5, 0.5, patch));
        // Creases of one direction come where those of another go.
        let there = [0.0, patch, -patch, other, -other, patch + other];
        let mut gains = [0.0; 6];
        for (gain, t) in gains.iter_mut().zip(there) {
            *gain = crumpled * ramp(-0.35, 0.35, t);
        }
        let mut slope = [0.0; 2];
        for fold in &self.folds {
            let [a, b] = fold.slope(&self.relief, place, pixel, gains[fold.patch]);
            slope[0] += a;
            slope[1] += b;
        }
        slope[1] += self.cross(place, pixel) * hung;
        let cloud = self.stain.plane(0.11 * x, 0.11 * y).value;
        let light: f32 = self.bands.iter().map(|band| band.at(place)).sum();
        Weave {
            slope,
            shade: 1.0 + 0.025 * cloud + light * hung,
        }
    }

    /// Slope along the sheet of the long fold.
    fn cross(&self, [x, y]: [f32; 2], pixel: f32) -> f32 {
        let [height, lean, depth] = self.crossing;
        let wander = 0.25 * self.stain.line(0.4 * x);
        let d = (y - height - lean * x - wander) / (0.10 + pixel);
        -depth * d / (1.0 + d * d * d * d)
    }
}

impl Fold {
    fn slope(&self, relief: &Tabled, [x, y]: [f32; 2], pixel: f32, gain: f32) -> [f32; 2] {
        let [cos, sin] = self.turn;
        let [along, across] = self.density;
        let finest = if self.sharpness > 0.0 {
            0.5 * self.sharpness
        } else {
            1.0
        };
        let gain = gain * self.steepness * resolved(across * pixel * finest);
        if gain <= 0.0 {
            return [0.0; 2];
        }
        let wave = relief.plane(
            along * (cos * x + sin * y) + self.shift[0],
            across * (cos * y - sin * x) + self.shift[1],
        );
        let gain = if self.sharpness > 0.0 {
            // A ridge 1 / (1 + q²) where the relief passes zero.
            let q = wave.value * self.sharpness;
            let bell = 1.0 / (1.0 + q * q);
            -2.6 * gain * q * bell * bell
        } else {
            gain
        };
        let (a, b) = (gain * wave.slope[0] * self.ratio, gain * wave.slope[1]);
        [cos * a - sin * b, sin * a + cos * b]
    }
}

impl Band {
    fn at(&self, [x, y]: [f32; 2]) -> f32 {
        let (u, v) = (x - self.middle[0], y - self.middle[1]);
        let v = v - self.lean * u;
        if u.abs() > self.half[0] + 0.25 || v.abs() > self.half[1] + 0.1 {
            return 0.0;
        }
        let soft = |d: f32, half: f32, blur: f32| ramp(half + blur, half - blur, d.abs());
        self.gain * soft(u, self.half[0], 0.25) * soft(v, self.half[1], 0.10)
    }
}
