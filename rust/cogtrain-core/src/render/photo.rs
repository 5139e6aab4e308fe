//! A scene as a camera takes it: one shaded sample per surface that a pixel sees, then the sensor.

use super::camera::Viewpoint;
use super::cast::Field;
use super::edge::is_edge;
use super::mood::Mood;
use super::studio::{Fragment, Seen, Studio};
use super::swatch::SWATCH;
use super::vector::V3;
use crate::scene::Scene;
use crate::simd::Body;
use crate::style::Appearance;

/// Rays along each side of a pixel on an edge.
const GRID: usize = 4;

/// A surface that is seen in pixel `x` of a row, and how much of the pixel shows it.
struct Part {
    seen: Seen,
    x: usize,
    share: f32,
}

/// Into `pixels`: 8-bit sRGB, row-major `size_px` × `size_px`.
pub fn photograph(
    body: Body,
    (scene, appearance): (&Scene, &Appearance),
    size_px: usize,
    pixels: &mut [u8],
) {
    let view = Viewpoint::new(&scene.camera, size_px, size_px);
    let field = Field::new(scene, &view, size_px, size_px);
    let mood = Mood::draw(appearance);
    let studio = Studio::new(scene, appearance, mood.lights, field);
    let light = exposed(body, &studio, &view, size_px);
    mood.sensor.develop(body, light, size_px, pixels);
}

/// Light that reaches every pixel, by channel. What the next row sees is needed to find edges, and
/// no more is kept at a time.
fn exposed(body: Body, studio: &Studio, view: &Viewpoint, size_px: usize) -> [Vec<f32>; 3] {
    let see = |y: usize, row: &mut Vec<Seen>| {
        let pixels = (0..size_px).map(|x| (x, y));
        row.clear();
        row.extend(pixels.map(|pixel| studio.see(pixel, view.origin, middle(view, pixel))));
    };
    let (mut row, mut next) = (Vec::new(), Vec::new());
    let mut keys: Vec<u16> = Vec::with_capacity(size_px * size_px);
    let mut film = Film {
        body,
        studio,
        view,
        light: [(); 3].map(|()| vec![0.0; size_px * size_px]),
    };
    see(0, &mut next);
    keys.extend(next.iter().map(|seen| seen.key));
    for y in 0..size_px {
        std::mem::swap(&mut row, &mut next);
        if y + 1 < size_px {
            see(y + 1, &mut next);
            keys.extend(next.iter().map(|seen| seen.key));
        }
        let edges = (0..size_px).filter(|&x| is_edge(&keys, size_px, (x, y), |a, b| a != b));
        film.expose(y, &row, &edges.collect::<Vec<_>>());
    }
    film.light
}

/// Where light falls.
struct Film<'a> {
    body: Body,
    studio: &'a Studio,
    view: &'a Viewpoint,
    /// By channel.
    light: [Vec<f32>; 3],
}

impl Film<'_> {
    /// A row of pixels, of which those on `edges` show several surfaces.
    fn expose(&mut self, y: usize, row: &[Seen], edges: &[usize]) {
        let mut parts = Vec::new();
        for &x in edges {
            split(self.studio, self.view, (x, y), &mut parts);
        }
        let fragment = |seen, x, share| Fragment {
            seen,
            ray: middle(self.view, (x, y)),
            pixel: y * row.len() + x,
            share,
        };
        let plain = (0..row.len()).filter(|x| edges.binary_search(x).is_err());
        let plain = plain.map(|x| fragment(&row[x], x, 1.0));
        let mixed = parts.iter();
        let mixed = mixed.map(|part| fragment(&part.seen, part.x, part.share));
        let fragments: Vec<Fragment> = plain.chain(mixed).collect();
        for some in fragments.chunks(SWATCH) {
            let colors = self.studio.shade(self.body, some, self.view);
            for (fragment, color) in some.iter().zip(colors) {
                for (plane, color) in self.light.iter_mut().zip(color) {
                    plane[fragment.pixel] += fragment.share * color;
                }
            }
        }
    }
}

fn middle(view: &Viewpoint, (x, y): (usize, usize)) -> V3 {
    view.ray(x as f64 + 0.5, y as f64 + 0.5)
}

/// Casts a 4 × 4 grid of rays and takes the middle of each surface that they meet.
fn split(studio: &Studio, view: &Viewpoint, pixel: (usize, usize), parts: &mut Vec<Part>) {
    let offset = |k: usize| (k as f64 + 0.5) / GRID as f64;
    let seen: [Seen; GRID * GRID] = std::array::from_fn(|i| {
        let (x, y) = (
            pixel.0 as f64 + offset(i % GRID),
            pixel.1 as f64 + offset(i / GRID),
        );
        studio.see(pixel, view.origin, view.ray(x, y))
    });
    let mut order: [&Seen; GRID * GRID] = seen.each_ref();
    // Stable: within a surface, rays stay in the grid's order.
    order.sort_by_key(|seen| seen.key);
    parts.extend(order.chunk_by(|a, b| a.key == b.key).map(|part| Part {
        seen: Seen::middle(part),
        x: pixel.0,
        share: part.len() as f32 / (GRID * GRID) as f32,
    }));
}
