//! Light and camera of one picture, drawn anew for every texture seed.

use super::noise::Noise;
use super::sensor::Sensor;
use crate::Stream;
use crate::style::{Appearance, Lights, Palette, Rgb, Style};

/// How a picture is lit and taken.
pub struct Mood {
    pub lights: Lights,
    pub sensor: Sensor,
}

impl Mood {
    pub fn draw(appearance: &Appearance) -> Self {
        let stream = &mut Stream::new(appearance.texture_seed, "mood", 0);
        let mut mood = if appearance.style == Style::Wood {
            Self::indoors(stream)
        } else {
            Self::anywhere(stream)
        };
        if appearance.palette == Palette::Equiluminant {
            mood.lights = mood.lights.neutral();
            mood.sensor.chroma = 0.0;
        }
        mood
    }

    /// A dim room with warm light from a large source, and a steady camera: modelled on
    /// photographs of real towers.
    fn indoors(stream: &mut Stream) -> Self {
        let exposure = stream.range(0.93, 1.08) as f32;
        let warmth = stream.range(-0.02, 0.02) as f32;
        let light = |level: f32, [r, g, b]: Rgb| {
            let level = level * exposure;
            [level * (r + warmth), level * g, level * (b - warmth)]
        };
        Self {
            lights: Lights {
                sun: light(0.40, [1.05, 0.98, 0.93]),
                sky: light(0.41, [1.07, 0.98, 0.92]),
                bounce: light(0.23, [1.07, 0.98, 0.91]),
            },
            sensor: Sensor {
                blur_px: stream.range(0.30, 0.46) as f32,
                vignette: stream.range(0.06, 0.14) as f32,
                contrast: stream.range(0.02, 0.10) as f32,
                shot: 2.2e-5,
                read: 7e-4,
                chroma: 0.45,
                noise: Noise::draw(stream),
            },
        }
    }

    /// Any light and any camera that leave colours their names.
    fn anywhere(stream: &mut Stream) -> Self {
        let mut light = |low: f64, high: f64| {
            let level = stream.range(low, high);
            [(); 3].map(|()| (level * stream.range(0.95, 1.05)) as f32)
        };
        let lights = Lights {
            sun: light(0.35, 0.75),
            sky: light(0.34, 0.52),
            bounce: light(0.14, 0.26),
        };
        let noise = stream.range(0.2, 3.0) as f32;
        Self {
            lights,
            sensor: Sensor {
                blur_px: stream.range(0.3, 0.7) as f32,
                vignette: stream.range(0.0, 0.2) as f32,
                contrast: stream.range(-0.12, 0.18) as f32,
                shot: 4e-5 * noise * noise,
                read: 1e-3 * noise,
                chroma: stream.range(0.0, 0.8) as f32,
                noise: Noise::draw(stream),
            },
        }
    }
}
