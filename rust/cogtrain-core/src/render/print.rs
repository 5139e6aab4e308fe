//! Printed patterns of one colour: stripes, checks, mottle. Their mean is the plain colour, so
//! that what it is called does not change.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::noise::{Noise, ramp, resolved};
use crate::Stream;

/// A pattern of lighter and darker places; lengths are in units of a usual block's side.
pub struct Print {
    motif: Motif,
    /// Cosine and sine of the pattern's turn.
    turn: [f32; 2],
    /// Periods per unit.
    density: f32,
    /// Share by which places are lighter or darker than the plain colour.
    depth: f32,
}

enum Motif {
    Plain,
    Stripes,
    Checks,
    Mottle(Noise),
}

impl Print {
    /// Drawn anew for every stream, with `density` periods per unit.
    pub fn draw(stream: &mut Stream, density: [f64; 2]) -> Self {
        let motif = match stream.below(4) {
            0 => Motif::Plain,
            1 => Motif::Stripes,
            2 => Motif::Checks,
            _ => Motif::Mottle(Noise::draw(stream)),
        };
        let angle = stream.range(0.0, std::f64::consts::PI);
        Self {
            motif,
            turn: [libm::cos(angle) as f32, libm::sin(angle) as f32],
            density: stream.range(density[0], density[1]) as f32,
            depth: stream.range(0.08, 0.26) as f32,
        }
    }

    /// Factor on the colour at `place`, averaged over a pixel that reaches `pixel` units.
    #[inline(always)]
    pub fn shade(&self, [x, y]: [f32; 2], pixel: f32) -> f32 {
        let [cos, sin] = self.turn;
        let u = self.density * (cos * x + sin * y);
        let v = self.density * (cos * y - sin * x);
        let cells = self.density * pixel;
        let sign = match &self.motif {
            Motif::Plain => 0.0,
            Motif::Stripes => square(u, cells),
            Motif::Checks => square(0.5 * u, 0.5 * cells) * square(0.5 * v, 0.5 * cells),
            Motif::Mottle(noise) => {
                let coarse = noise.plane(u, v).value * resolved(cells);
                coarse + 0.5 * noise.plane(2.0 * v + 9.0, 2.0 * u).value * resolved(2.0 * cells)
            }
        };
        1.0 + self.depth * sign
    }
}

/// A square wave of period 1 between −1 and 1, averaged over `width` periods.
#[inline(always)]
fn square(x: f32, width: f32) -> f32 {
    let phase = x - x.floor();
    // Distance from the nearest step, positive in the upper half of the period.
    let from_step = 0.25 - (phase - 0.25).abs();
    let from_step = if phase > 0.75 { phase - 1.0 } else { from_step };
    let soft = 0.5 * width.max(1e-6);
    (2.0 * ramp(-soft, soft, from_step) - 1.0) * resolved(3.0 * width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_average_to_the_plain_colour() {
        for index in 0..40 {
            let print = Print::draw(&mut Stream::new(1, "test", index), [1.0, 3.0]);
            let n = 300;
            let mut sum = 0.0;
            for i in 0..n * n {
                let place = [i % n, i / n].map(|k| k as f32 * 0.0731);
                sum += f64::from(print.shade(place, 0.01));
            }
            let mean = sum / f64::from(n * n);
            assert!((mean - 1.0).abs() < 0.015, "{index}: {mean}");
        }
    }

    #[test]
    fn what_a_pixel_cannot_resolve_is_flat() {
        for index in 0..20 {
            let print = Print::draw(&mut Stream::new(1, "test", index), [1.0, 3.0]);
            for i in 0..100 {
                let place = [i as f32 * 0.37, i as f32 * 0.73];
                assert!((print.shade(place, 2.0) - 1.0).abs() < 1e-6);
            }
        }
    }
}
