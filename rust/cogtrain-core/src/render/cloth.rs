//! A sheet hung as a backdrop: broad folds, sharp creases, fine wrinkles, one long fold.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::noise::{Noise, Tabled, ramp, resolved};
use super::swatch::{Lanes, SWATCH, Swatch, Weave};
use crate::Stream;

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

    /// The sheet at the places of `swatch`; `hung` is 1 on the wall and less where the sheet lies
    /// flat.
    ///
    /// Loops, not closures: only they are sure to be compiled for the body.
    #[inline(always)]
    pub fn weave(&self, swatch: &Swatch, hung: &Lanes) -> Weave {
        let [x, y] = self.warped(&swatch.place);
        let mut pixel = [0.0; SWATCH];
        for (i, pixel) in pixel.iter_mut().enumerate() {
            *pixel = swatch.pixel[0][i].max(swatch.pixel[1][i]);
        }
        let gains = self.gains(&x, &y, hung);
        let mut slope = [[0.0; SWATCH]; 2];
        for fold in &self.folds {
            let gains = &gains[fold.patch];
            if gains.iter().any(|&gain| gain > 0.0) {
                fold.add(&self.relief, [&x, &y, &pixel], gains, &mut slope);
            }
        }
        let mut light = [0.0; SWATCH];
        for band in &self.bands {
            for i in 0..SWATCH {
                light[i] += band.at([x[i], y[i]]);
            }
        }
        let mut shade = [0.0; SWATCH];
        for i in 0..SWATCH {
            slope[1][i] += self.cross([x[i], y[i]], pixel[i]) * hung[i];
            let cloud = self.stain.plane(0.11 * x[i], 0.11 * y[i]).value;
            shade[i] = 1.0 + 0.025 * cloud + light[i] * hung[i];
        }
        Weave { slope, shade }
    }

    /// Places moved a little, so that no crease runs straight for long.
    #[inline(always)]
    fn warped(&self, [x, y]: &[Lanes; 2]) -> [Lanes; 2] {
        let mut moved = [[0.0; SWATCH]; 2];
        for i in 0..SWATCH {
            let warp = self.patches.plane(0.31 * x[i] + 5.0, 0.31 * y[i]);
            moved[0][i] = x[i] + 0.35 * warp.value;
            moved[1][i] = y[i] + 0.12 * warp.slope[0];
        }
        moved
    }

    /// How strong the folds of every patch are: creases of one direction come where those of
    /// another go.
    #[inline(always)]
    fn gains(&self, x: &Lanes, y: &Lanes, hung: &Lanes) -> [Lanes; 6] {
        let mut gains = [[0.0; SWATCH]; 6];
        for i in 0..SWATCH {
            let (x, y) = (x[i], y[i]);
            let patch = self.patches.plane(0.27 * x, 0.27 * y).value;
            let other = self.patches.plane(0.33 * x + 31.0, 0.33 * y + 17.0).value;
            let crumpled = hung[i] * (0.45 + 0.75 * ramp(-0.5, 0.5, patch));
            let there = [0.0, patch, -patch, other, -other, patch + other];
            for k in 0..6 {
                gains[k][i] = crumpled * ramp(-0.35, 0.35, there[k]);
            }
        }
        gains
    }

    /// Slope along the sheet of the long fold.
    #[inline(always)]
    fn cross(&self, [x, y]: [f32; 2], pixel: f32) -> f32 {
        let [height, lean, depth] = self.crossing;
        let wander = 0.25 * self.stain.line(0.4 * x);
        let d = (y - height - lean * x - wander) / (0.10 + pixel);
        -depth * d / (1.0 + d * d * d * d)
    }
}

impl Fold {
    /// Adds the fold's slopes across and along.
    #[inline(always)]
    fn add(
        &self,
        relief: &Tabled,
        [x, y, pixel]: [&Lanes; 3],
        gain: &Lanes,
        slope: &mut [Lanes; 2],
    ) {
        let [cos, sin] = self.turn;
        let [along, across] = self.density;
        let is_sharp = self.sharpness > 0.0;
        let finest = if is_sharp { 0.5 * self.sharpness } else { 1.0 };
        let (mut u, mut v) = ([0.0; SWATCH], [0.0; SWATCH]);
        for i in 0..SWATCH {
            u[i] = along * (cos * x[i] + sin * y[i]) + self.shift[0];
            v[i] = across * (cos * y[i] - sin * x[i]) + self.shift[1];
        }
        let waves = relief.plane(&u, &v);
        for i in 0..SWATCH {
            let gain = gain[i] * self.steepness * resolved(across * pixel[i] * finest);
            // A ridge 1 / (1 + q²) where the relief passes zero, if the fold is sharp.
            let q = waves.value[i] * self.sharpness;
            let bell = 1.0 / (1.0 + q * q);
            let ridge = -2.6 * gain * q * bell * bell;
            let gain = if is_sharp { ridge } else { gain };
            let (a, b) = (
                gain * waves.slope[0][i] * self.ratio,
                gain * waves.slope[1][i],
            );
            slope[0][i] += cos * a - sin * b;
            slope[1][i] += sin * a + cos * b;
        }
    }
}

impl Band {
    #[inline(always)]
    fn at(&self, [x, y]: [f32; 2]) -> f32 {
        let (u, v) = (x - self.middle[0], y - self.middle[1]);
        let v = v - self.lean * u;
        let soft = |d: f32, half: f32, blur: f32| ramp(half + blur, half - blur, d.abs());
        self.gain * soft(u, self.half[0], 0.25) * soft(v, self.half[1], 0.10)
    }
}
