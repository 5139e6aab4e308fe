//! What a camera adds: soft lens, dark corners, tone curve, noise of light and of electronics.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::noise::Noise;
use super::srgb::Srgb;
use crate::simd::{Body, Kernel};

/// The image side, in pixels, for which widths in pixels are given; a larger image of the same
/// photograph is as soft to the eye.
const REFERENCE_PX: f32 = 224.0;

/// A camera's imperfections.
#[derive(Clone, Copy, Debug)]
pub struct Sensor {
    /// Standard deviation of the lens's blur at 224 pixels, in pixels.
    pub blur_px: f32,
    /// Share of light that the corners lose.
    pub vignette: f32,
    /// Steepness added to the middle of the tone curve.
    pub contrast: f32,
    /// Variance of the noise per unit of light, and its floor's standard deviation.
    pub shot: f32,
    pub read: f32,
    /// Share of the noise that differs between the channels.
    pub chroma: f32,
    pub noise: Noise,
}

impl Sensor {
    /// From light, per channel row-major `size_px` × `size_px`, to 8-bit sRGB.
    pub fn develop(&self, body: Body, mut light: [Vec<f32>; 3], size_px: usize, pixels: &mut [u8]) {
        self.blur(body, &mut light, size_px);
        body.run(Developing {
            sensor: self,
            light,
            size_px,
            pixels,
        });
    }

    #[inline(always)]
    fn gain(&self, x: f32, y: f32, size_px: f32) -> f32 {
        let (u, v) = (
            (2.0 * x + 1.0) / size_px - 1.0,
            (2.0 * y + 1.0) / size_px - 1.0,
        );
        1.0 - self.vignette * 0.5 * (u * u + v * v)
    }

    /// Shot noise grows with the root of light. One share is common to the channels.
    #[inline(always)]
    fn noisy(&self, light: f32, common: f32, own: f32) -> f32 {
        let deviation = (self.shot * light.max(0.0) + self.read * self.read).sqrt();
        light + deviation * ((1.0 - self.chroma) * common + self.chroma * own)
    }

    /// A gentle S about the middle, in the square root of light.
    #[inline(always)]
    fn tone(&self, light: f32) -> f32 {
        let s = light.clamp(0.0, 1.0).sqrt();
        let t = s + self.contrast * 4.0 * s * (1.0 - s) * (s - 0.55);
        t * t
    }

    fn blur(&self, body: Body, light: &mut [Vec<f32>; 3], size_px: usize) {
        let sigma = f64::from(self.blur_px * size_px as f32 / REFERENCE_PX);
        let reach = libm::ceil(2.5 * sigma) as usize;
        let mut weights: Vec<f32> = (0..=reach)
            .map(|i| {
                let z = i as f64 / sigma.max(1e-6);
                libm::exp(-0.5 * z * z) as f32
            })
            .collect();
        let total = weights[0] + 2.0 * weights[1..].iter().sum::<f32>();
        for weight in &mut weights {
            *weight /= total;
        }
        let mut across = vec![0.0; size_px * size_px];
        for plane in light {
            body.run(Blurring {
                plane,
                across: &mut across,
                size_px,
                weights: &weights,
            });
        }
    }
}

/// From one channel's light through the lens. Beyond the border, the border goes on.
struct Blurring<'a> {
    plane: &'a mut [f32],
    /// Working room of the same size.
    across: &'a mut [f32],
    size_px: usize,
    /// In the middle, and on either side.
    weights: &'a [f32],
}

impl Kernel for Blurring<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (n, reach) = (self.size_px, self.weights.len() - 1);
        let across = self.across;
        let mut wide = vec![0.0; n + 2 * reach];
        for (row, sums) in self.plane.chunks_exact(n).zip(across.chunks_exact_mut(n)) {
            wide[..reach].fill(row[0]);
            wide[reach..reach + n].copy_from_slice(row);
            wide[reach + n..].fill(row[n - 1]);
            let beside = |i: usize| [&wide[reach - i..], &wide[reach + i..]];
            weigh(sums, row, self.weights, beside);
        }
        for (y, sums) in self.plane.chunks_exact_mut(n).enumerate() {
            let row = |y: usize| &across[y * n..(y + 1) * n];
            let beside = |i: usize| [row(y.saturating_sub(i)), row((y + i).min(n - 1))];
            weigh(sums, row(y), self.weights, beside);
        }
    }
}

/// Weighted sums of the middle and what is `beside` it, so many places away on either side.
#[inline(always)]
fn weigh<'a>(
    sums: &mut [f32],
    middle: &[f32],
    weights: &[f32],
    beside: impl Fn(usize) -> [&'a [f32]; 2],
) {
    for (sum, value) in sums.iter_mut().zip(middle) {
        *sum = value * weights[0];
    }
    for (i, &weight) in weights.iter().enumerate().skip(1) {
        let [before, after] = beside(i);
        for ((sum, a), b) in sums.iter_mut().zip(before).zip(after) {
            *sum += weight * (a + b);
        }
    }
}

/// From light behind the lens to levels.
struct Developing<'a> {
    sensor: &'a Sensor,
    light: [Vec<f32>; 3],
    size_px: usize,
    pixels: &'a mut [u8],
}

impl Kernel for Developing<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (tables, sensor, n) = (Srgb::tables(), self.sensor, self.size_px);
        let (mut common, mut gain, mut toned) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
        for (y, pixels) in self.pixels.chunks_exact_mut(3 * n).enumerate() {
            for (x, (common, gain)) in common.iter_mut().zip(&mut gain).enumerate() {
                *common = bell(sensor.noise.bits(x as i32, y as i32, 3));
                *gain = sensor.gain(x as f32, y as f32, n as f32);
            }
            for (c, light) in self.light.iter().enumerate() {
                let light = &light[y * n..(y + 1) * n];
                for x in 0..n {
                    let own = bell(sensor.noise.bits(x as i32, y as i32, c as i32));
                    toned[x] = sensor.tone(sensor.noisy(light[x] * gain[x], common[x], own));
                }
                for (pixel, &light) in pixels.chunks_exact_mut(3).zip(&toned) {
                    pixel[c] = tables.level(light);
                }
            }
        }
    }
}

/// About normal with unit variance: the sum of four bytes.
#[inline(always)]
fn bell(bits: u32) -> f32 {
    let sum = (bits & 0xFF) + (bits >> 8 & 0xFF) + (bits >> 16 & 0xFF) + (bits >> 24);
    // Mean 4 × 127.5, variance 4 × (256² − 1) / 12.
    (sum as f32 - 510.0) * (1.0 / 147.8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;

    fn sensor() -> Sensor {
        Sensor {
            blur_px: 0.0,
            vignette: 0.0,
            contrast: 0.0,
            shot: 0.0,
            read: 0.0,
            chroma: 0.3,
            noise: Noise::draw(&mut Stream::new(0, "test", 0)),
        }
    }

    #[test]
    fn a_perfect_sensor_keeps_every_level() {
        let tables = Srgb::tables();
        let light = (0..=255).map(|l| tables.decode([l; 3])[0]).collect();
        let light = [(); 3].map(|()| Vec::clone(&light));
        let mut pixels = [0; 3 * 256];
        sensor().develop(Body::best(), light, 16, &mut pixels);
        // The tone curve squares a root: half a unit in the last place, far from a rounding edge.
        assert!((0..=255).all(|l: u8| pixels[3 * usize::from(l)] == l));
    }

    /// The noise has the stated variance, and no mean.
    #[test]
    fn noise_is_as_large_as_said() {
        let sensor = Sensor {
            shot: 4e-4,
            read: 0.01,
            chroma: 0.0,
            ..sensor()
        };
        let n = 40_000_i32;
        let values: Vec<f64> = (0..n)
            .map(|i| {
                let common = bell(sensor.noise.bits(i % 200, i / 200, 3));
                f64::from(sensor.noisy(0.25, common, 0.0)) - 0.25
            })
            .collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| v * v).sum::<f64>() / f64::from(n);
        // 0.25 × 4e-4 + 0.01² = 2e-4; five standard errors.
        assert!(mean.abs() < 5.0 * (2e-4 / f64::from(n)).sqrt(), "{mean}");
        assert!((variance / 2e-4 - 1.0).abs() < 0.04, "{variance}");
    }

    #[test]
    fn blur_keeps_light() {
        let mut light = [(); 3].map(|()| vec![0.0; 15 * 15]);
        light[0][7 * 15 + 7] = 1.0;
        let blurry = Sensor {
            blur_px: 10.0,
            ..sensor()
        };
        blurry.blur(Body::best(), &mut light, 15);
        let [blurred, ..] = light;
        let total: f32 = blurred.iter().sum();
        assert!((total - 1.0).abs() < 1e-5 && blurred[7 * 15 + 7] < 0.6);
    }
}
