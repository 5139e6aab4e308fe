//! A scene as a camera takes it: one shaded sample per surface that a pixel sees, then the sensor.

use super::camera::Viewpoint;
use super::cast::Field;
use super::edge::is_edge;
use super::mood::Mood;
use super::studio::{Seen, Studio};
use super::vector::V3;
use crate::scene::Scene;
use crate::style::{Appearance, Rgb};

/// Rays along each side of a pixel on an edge.
const GRID: usize = 4;

/// 8-bit sRGB, row-major `size_px` × `size_px`.
pub fn photograph(scene: &Scene, appearance: &Appearance, size_px: usize) -> Vec<u8> {
    let view = Viewpoint::new(&scene.camera, size_px, size_px);
    let field = Field::new(scene, &view, size_px, size_px);
    let mood = Mood::draw(appearance);
    let studio = Studio::new(scene, appearance, mood.lights, field);
    mood.sensor
        .develop(&exposed(&studio, &view, size_px), size_px)
}

/// Light that reaches every pixel.
fn exposed(studio: &Studio, view: &Viewpoint, size_px: usize) -> Vec<Rgb> {
    let pixels = (0..size_px * size_px).map(|at| (at % size_px, at / size_px));
    let seen: Vec<Seen> = pixels
        .clone()
        .map(|pixel| studio.see(pixel, view.origin, middle(view, pixel)))
        .collect();
    let keys: Vec<u16> = seen.iter().map(|seen| seen.key).collect();
    let light = pixels.zip(&seen).map(|(pixel, seen)| {
        if is_edge(&keys, size_px, pixel, |a, b| a != b) {
            average(studio, view, pixel)
        } else {
            studio.shade(seen, view, middle(view, pixel))
        }
    });
    light.collect()
}

fn middle(view: &Viewpoint, (x, y): (usize, usize)) -> V3 {
    view.ray(x as f64 + 0.5, y as f64 + 0.5)
}

/// Casts a 4 × 4 grid of rays and shades the middle of each surface that they meet.
fn average(studio: &Studio, view: &Viewpoint, pixel: (usize, usize)) -> Rgb {
    let offset = |k: usize| (k as f64 + 0.5) / GRID as f64;
    let mut seen: [Seen; GRID * GRID] = std::array::from_fn(|i| {
        let (x, y) = (
            pixel.0 as f64 + offset(i % GRID),
            pixel.1 as f64 + offset(i / GRID),
        );
        studio.see(pixel, view.origin, view.ray(x, y))
    });
    // Stable: within a surface, rays stay in the grid's order.
    seen.sort_by_key(|seen| seen.key);
    let mut sum = [0.0_f32; 3];
    for part in seen.chunk_by(|a, b| a.key == b.key) {
        let share = part.len() as f32 / seen.len() as f32;
        let color = studio.shade(&Seen::middle(part), view, middle(view, pixel));
        for c in 0..3 {
            sum[c] += share * color[c];
        }
    }
    sum
}
