//! What a camera adds: soft lens, dark corners, tone curve, noise of light and of electronics.

use super::noise::Noise;
use super::srgb::Srgb;
use crate::style::Rgb;

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
    /// From light, row-major `size_px` × `size_px`, to 8-bit sRGB.
    pub fn develop(&self, light: &[Rgb], size_px: usize, pixels: &mut [u8]) {
        let light = self.blur(light, size_px);
        let tables = Srgb::tables();
        for (at, (pixel, [r, g, b])) in pixels.chunks_exact_mut(3).zip(light).enumerate() {
            let (x, y) = (at % size_px, at / size_px);
            let gain = self.gain(x, y, size_px);
            let [r, g, b] = self.noisy([r * gain, g * gain, b * gain], x, y);
            let toned = [self.tone(r), self.tone(g), self.tone(b)];
            pixel.copy_from_slice(&tables.encode(toned));
        }
    }

    fn gain(&self, x: usize, y: usize, size_px: usize) -> f32 {
        let from_middle = |i: usize| (2.0 * i as f32 + 1.0) / size_px as f32 - 1.0;
        let (u, v) = (from_middle(x), from_middle(y));
        1.0 - self.vignette * 0.5 * (u * u + v * v)
    }

    /// Shot noise grows with the root of light. One share is common to the channels.
    fn noisy(&self, light: Rgb, x: usize, y: usize) -> Rgb {
        let draw = |channel| bell(self.noise.bits(x as i32, y as i32, channel));
        let common = (1.0 - self.chroma) * draw(3);
        let mut noisy = light;
        for (c, value) in noisy.iter_mut().enumerate() {
            let deviation = (self.shot * value.max(0.0) + self.read * self.read).sqrt();
            *value += deviation * (common + self.chroma * draw(c as i32));
        }
        noisy
    }

    /// A gentle S about the middle, in the square root of light.
    fn tone(&self, light: f32) -> f32 {
        let s = light.clamp(0.0, 1.0).sqrt();
        let t = s + self.contrast * 4.0 * s * (1.0 - s) * (s - 0.55);
        t * t
    }

    fn blur(&self, light: &[Rgb], size_px: usize) -> Vec<Rgb> {
        let sigma = f64::from(self.blur_px * size_px as f32 / REFERENCE_PX);
        let reach = libm::ceil(2.5 * sigma) as usize;
        let mut kernel: Vec<f32> = (0..=reach)
            .map(|i| {
                let z = i as f64 / sigma.max(1e-6);
                libm::exp(-0.5 * z * z) as f32
            })
            .collect();
        let total = kernel[0] + 2.0 * kernel[1..].iter().sum::<f32>();
        for weight in &mut kernel {
            *weight /= total;
        }
        // Each pass blurs rows and writes columns.
        let once = blur_rows(light, size_px, &kernel);
        blur_rows(&once, size_px, &kernel)
    }
}

/// Blurs along rows; the result is transposed. Beyond the border, the border goes on.
fn blur_rows(light: &[Rgb], size_px: usize, kernel: &[f32]) -> Vec<Rgb> {
    let mut blurred = vec![[0.0; 3]; light.len()];
    for (y, row) in light.chunks_exact(size_px).enumerate() {
        for x in 0..size_px {
            let [r, g, b] = row[x];
            let mut sum = [r * kernel[0], g * kernel[0], b * kernel[0]];
            for (i, &weight) in kernel.iter().enumerate().skip(1) {
                let (a, b) = (row[x.saturating_sub(i)], row[(x + i).min(size_px - 1)]);
                for c in 0..3 {
                    sum[c] += weight * (a[c] + b[c]);
                }
            }
            blurred[x * size_px + y] = sum;
        }
    }
    blurred
}

/// About normal with unit variance: the sum of four bytes.
fn bell(bits: u32) -> f32 {
    let sum: u32 = bits.to_le_bytes().iter().map(|&b| u32::from(b)).sum();
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
        let light: Vec<Rgb> = (0..=255).map(|l| tables.decode([l; 3])).collect();
        let mut pixels = [0; 3 * 256];
        sensor().develop(&light, 16, &mut pixels);
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
        let n = 40_000;
        let values: Vec<f64> = (0..n)
            .map(|i| f64::from(sensor.noisy([0.25; 3], i % 200, i / 200)[1]) - 0.25)
            .collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / n as f64;
        // 0.25 × 4e-4 + 0.01² = 2e-4; five standard errors.
        assert!(mean.abs() < 5.0 * (2e-4 / n as f64).sqrt(), "{mean}");
        assert!((variance / 2e-4 - 1.0).abs() < 0.04, "{variance}");
    }

    #[test]
    fn blur_keeps_light() {
        let mut light = vec![[0.0; 3]; 15 * 15];
        light[7 * 15 + 7] = [1.0; 3];
        let blurry = Sensor {
            blur_px: 10.0,
            ..sensor()
        };
        let blurred = blurry.blur(&light, 15);
        let total: f32 = blurred.iter().map(|p| p[0]).sum();
        assert!((total - 1.0).abs() < 1e-5 && blurred[7 * 15 + 7][0] < 0.6);
    }
}
