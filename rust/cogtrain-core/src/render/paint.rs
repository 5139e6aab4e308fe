//! From scene to image: one ray per pixel, then sixteen where surfaces meet.

use super::camera::Viewpoint;
use super::cast::{Block, Field};
use super::edge::is_edge;
use super::flat::{Palette, Picture};
use super::floor::Floor;
use super::light::Sun;
use super::passes::{MAX_SIDE_PX, check_size};
use super::photo::photograph;
use super::plan::flat;
use super::shade::{Key, Paints, Sample, Shader};
use super::sheet::Cutter;
use super::srgb::Srgb;
use crate::scene::Scene;
use crate::simd::Body;
use crate::style::{Appearance, Background, Rgb, Style};
use crate::{Error, Image, Result};

/// Samples along each side of a pixel on an edge.
const GRID: usize = 4;

/// Renders `scene` as `appearance` says on a `size_px` × `size_px` grid.
///
/// The result is 8-bit sRGB; the same arguments give the same bytes on every machine. Edges of
/// surfaces and shadows are anti-aliased with a 4 × 4 box filter in linear light.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) if the scene is not valid or `size_px` is not in 1 … 4096.
pub fn render(scene: &Scene, appearance: &Appearance, size_px: usize) -> Result<Image> {
    let mut pixels = vec![0; 3 * size_px.min(MAX_SIDE_PX).pow(2)];
    render_into(scene, appearance, size_px, &mut pixels)?;
    Image::new(size_px, size_px, pixels)
}

/// As [`render`], into `pixels`: row-major RGB, `size_px` · `size_px` · 3 values.
///
/// # Errors
/// As [`render`]; [`Error::Argument`](crate::Error::Argument) for a buffer of another size.
pub fn render_into(
    scene: &Scene,
    appearance: &Appearance,
    size_px: usize,
    pixels: &mut [u8],
) -> Result<()> {
    render_with(Body::best(), (scene, appearance), size_px, pixels)
}

/// As [`render_into`], by one of the bodies that this machine has: all give the same bytes.
#[doc(hidden)]
pub fn render_with(
    body: Body,
    (scene, appearance): (&Scene, &Appearance),
    size_px: usize,
    pixels: &mut [u8],
) -> Result<()> {
    scene.check()?;
    check_size(size_px)?;
    if pixels.len() != 3 * size_px * size_px {
        return Err(Error::argument(
            "pixels",
            format!("{size_px} × {size_px} × 3 values"),
            format!("{} values", pixels.len()),
            "pass a buffer of the picture's size",
        ));
    }
    if appearance.style != Style::Cubeworld {
        photograph(body, (scene, appearance), size_px, pixels);
        return Ok(());
    }
    let view = Viewpoint::new(&scene.camera, size_px, size_px);
    if !by_rows(body, (scene, appearance), &view, size_px, pixels) {
        by_rays((scene, appearance), &view, size_px, pixels);
    }
    Ok(())
}

/// Paints outlines where that is enough: a point of light over open ground, boxes that do not
/// overlap. Otherwise returns false.
fn by_rows(
    body: Body,
    (scene, appearance): (&Scene, &Appearance),
    view: &Viewpoint,
    size_px: usize,
    pixels: &mut [u8],
) -> bool {
    let is_plain = scene.light.radius_deg <= 0.0 && appearance.background != Background::Room;
    if !is_plain || view.origin.z <= 0.0 {
        return false;
    }
    let blocks: Vec<Block> = scene.bodies.iter().map(Block::new).collect();
    let sun = Sun::new(&scene.light, &blocks);
    let Some(cuts) = flat(&blocks, view, sun.toward) else {
        return false;
    };
    let paints = Paints::new(scene, appearance, &blocks, &sun);
    let sheets = body.run(Cutter {
        cuts: &cuts,
        size_px,
    });
    body.run(Picture {
        size_px,
        sheets: &sheets,
        palette: &Palette::new(&paints.faces),
        floor: &Floor::new(&paints, &blocks, view),
        pixels,
    });
    true
}

/// Casts a ray per pixel, and sixteen where surfaces meet.
fn by_rays(
    (scene, appearance): (&Scene, &Appearance),
    view: &Viewpoint,
    size_px: usize,
    pixels: &mut [u8],
) {
    let field = Field::new(scene, view, size_px, size_px);
    let shader = Shader::new(scene, appearance, field);
    let mut canvas = Canvas::cast(&shader, view, size_px);
    canvas.smooth(&shader, view);
    pixels.copy_from_slice(&canvas.pixels);
}

struct Canvas {
    size_px: usize,
    pixels: Vec<u8>,
    keys: Vec<Key>,
}

impl Canvas {
    /// One sample at the centre of every pixel.
    fn cast(shader: &Shader, view: &Viewpoint, size_px: usize) -> Self {
        let tables = Srgb::tables();
        let mut pixels = vec![0; size_px * size_px * 3];
        let mut keys = Vec::with_capacity(size_px * size_px);
        for y in 0..size_px {
            for x in 0..size_px {
                let Sample { color, key } = shader.sample(
                    (x, y),
                    view.origin,
                    view.ray(x as f64 + 0.5, y as f64 + 0.5),
                );
                let at = y * size_px + x;
                keys.push(key);
                pixels[3 * at..3 * at + 3].copy_from_slice(&tables.encode(color));
            }
        }
        Self {
            size_px,
            pixels,
            keys,
        }
    }

    /// Samples again every pixel with a neighbour on another surface or in another light.
    fn smooth(&mut self, shader: &Shader, view: &Viewpoint) {
        let tables = Srgb::tables();
        for y in 0..self.size_px {
            for x in 0..self.size_px {
                if self.is_edge(x, y) {
                    let at = 3 * (y * self.size_px + x);
                    self.pixels[at..at + 3]
                        .copy_from_slice(&tables.encode(average(shader, view, x, y)));
                }
            }
        }
    }

    fn is_edge(&self, x: usize, y: usize) -> bool {
        is_edge(&self.keys, self.size_px, (x, y), Key::differs)
    }
}

/// Mean over a 4 × 4 grid inside pixel (`x`, `y`), in linear light.
fn average(shader: &Shader, view: &Viewpoint, x: usize, y: usize) -> Rgb {
    let mut sum = [0.0_f32; 3];
    for i in 0..GRID * GRID {
        let offset = |k: usize| (k as f64 + 0.5) / GRID as f64;
        let (u, v) = (x as f64 + offset(i % GRID), y as f64 + offset(i / GRID));
        let color = shader.sample((x, y), view.origin, view.ray(u, v)).color;
        for c in 0..3 {
            sum[c] += color[c];
        }
    }
    sum.map(|s| s / (GRID * GRID) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Stream;
    use crate::scene::tests::cubes;

    #[test]
    fn refuses_an_empty_grid() {
        let error = render(&cubes(&[]), &Appearance::new(Style::Cubeworld), 0)
            .expect_err("no pixels")
            .to_string();
        assert!(
            error.contains("`size_px`") && error.contains("got 0"),
            "{error}"
        );
    }

    /// A red cube is seen where it projects, and its shadow darkens the ground away from the sun.
    #[test]
    fn cube_and_shadow_are_where_geometry_puts_them() {
        let scene = cubes(&[[0.0, 0.0, 0.5]]);
        let size = 200;
        let image = render(&scene, &Appearance::new(Style::Cubeworld), size).expect("valid");
        let view = Viewpoint::new(&scene.camera, size, size);
        let at = |point: [f64; 3]| {
            let [x, y] = view.project(point.into()).expect("in front");
            let i = 3 * (y as usize * size + x as usize);
            [0, 1, 2].map(|c| i32::from(image.pixels()[i + c]))
        };
        let [r, g, b] = at([0.0, -0.5, 0.5]);
        assert!(r > 2 * g && r > 2 * b, "front face is red: {r} {g} {b}");
        // The sun stands at (-0.5, -0.7, 1): the shadow of the top edge falls to +x, +y.
        let (shadow, light) = (at([0.85, 0.5, 0.0]), at([-1.5, 0.0, 0.0]));
        assert!(shadow[0] + 40 < light[0], "{shadow:?} against {light:?}");
    }

    /// Anti-aliasing changes edges only, and towards the mean of both sides.
    #[test]
    fn interior_pixels_are_single_samples() {
        let scene = cubes(&[[0.0, 0.0, 0.5], [0.2, 0.1, 1.5]]);
        let view = Viewpoint::new(&scene.camera, 64, 64);
        let field = Field::new(&scene, &view, 64, 64);
        let shader = Shader::new(&scene, &Appearance::new(Style::Cubeworld), field);
        let raw = Canvas::cast(&shader, &view, 64);
        let mut pixels = vec![0; 3 * 64 * 64];
        let shown = (&scene, &Appearance::new(Style::Cubeworld));
        by_rays(shown, &view, 64, &mut pixels);
        let mut edges = 0;
        for at in 0..64 * 64 {
            if raw.is_edge(at % 64, at / 64) {
                edges += 1;
            } else {
                assert_eq!(raw.pixels[3 * at..3 * at + 3], pixels[3 * at..3 * at + 3]);
            }
        }
        assert!((100..1500).contains(&edges), "{edges}");
    }

    /// Towers and neighbours, turned about the vertical, seen from anywhere above the ground.
    fn scattered(stream: &mut Stream) -> Scene {
        let count = 1 + stream.below(6) as usize;
        let mut at = [0.0; 3];
        let places: Vec<[f64; 3]> = (0..count)
            .map(|i| {
                let beside = i % 3 == 0;
                let step = |stream: &mut Stream| stream.range(-0.4, 0.4);
                at = if beside {
                    [1.7 * i as f64 - 3.0, step(stream), 0.5]
                } else {
                    [at[0] + step(stream), at[1] + step(stream), at[2] + 1.0]
                };
                at
            })
            .collect();
        let mut scene = cubes(&places);
        for (i, body) in scene.bodies.iter_mut().enumerate() {
            let half = 0.5 * stream.range(0.0, 3.0);
            body.orientation = [libm::cos(half), 0.0, 0.0, libm::sin(half)];
            body.color = crate::scene::Color::ALL[i % 8];
        }
        scene.camera.position_m = [
            stream.range(-6.0, 6.0),
            stream.range(-14.0, -9.0),
            stream.range(0.5, 9.0),
        ];
        scene.light.toward = [stream.range(-1.0, 1.0), stream.range(-1.0, 1.0), 0.8];
        scene
    }

    fn appearance(i: usize) -> Appearance {
        let backgrounds = [
            Background::White,
            Background::Black,
            Background::Blue,
            Background::Gray,
        ];
        Appearance {
            background: backgrounds[i % backgrounds.len()],
            ..Appearance::new(Style::Cubeworld)
        }
    }

    #[test]
    fn all_bodies_give_the_same_bytes() {
        let mut stream = Stream::new(6, "test", 0);
        let bodies = Body::all();
        for i in 0..60 {
            let (scene, look) = (scattered(&mut stream), appearance(i));
            let size = 20 + stream.below(90) as usize;
            let by = |body: Body| {
                let mut pixels = vec![7; 3 * size * size];
                render_with(body, (&scene, &look), size, &mut pixels).expect("valid");
                pixels
            };
            let first = by(bodies[0]);
            for &body in &bodies[1..] {
                assert!(by(body) == first, "{} in scene {i}", body.name());
            }
        }
    }

    /// 8-bit means of 8 × 8 rays per pixel.
    fn reference(shader: &Shader, view: &Viewpoint, size: usize) -> Vec<u8> {
        let offset = |k: usize| (k as f64 + 0.5) / 8.0;
        let pixel = |at: usize| {
            let (x, y) = (at % size, at / size);
            let mut sum = [0.0_f32; 3];
            for i in 0..64 {
                let ray = view.ray(x as f64 + offset(i % 8), y as f64 + offset(i / 8));
                let color = shader.sample((x, y), view.origin, ray).color;
                (0..3).for_each(|c| sum[c] += color[c] / 64.0);
            }
            Srgb::tables().encode(sum)
        };
        (0..size * size).flat_map(pixel).collect()
    }

    /// Against many more rays, spans are as near as rays with sixteen on every edge; and
    /// away from edges, the two ways differ by rounding alone.
    #[test]
    fn spans_are_as_smooth_as_rays() {
        let mut stream = Stream::new(7, "test", 0);
        let size = 224;
        let apart = |a: &[u8], b: &[u8]| -> Vec<u8> {
            a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).collect()
        };
        let sum = |all: &[u8]| all.iter().map(|&d| f64::from(d)).sum::<f64>();
        let (mut spans_off, mut rays_off, mut between, mut painted) = (0.0, 0.0, 0.0, 0);
        for i in 0..6 {
            let (scene, look) = (scattered(&mut stream), appearance(i));
            let view = Viewpoint::new(&scene.camera, size, size);
            let [mut spans, mut rays] = [(); 2].map(|()| vec![0; 3 * size * size]);
            let shown = (&scene, &look);
            if !by_rows(Body::best(), shown, &view, size, &mut spans) {
                continue;
            }
            painted += 1;
            by_rays(shown, &view, size, &mut rays);
            let field = Field::new(&scene, &view, size, size);
            let fine = reference(&Shader::new(&scene, &look, field), &view, size);
            spans_off += sum(&apart(&spans, &fine));
            rays_off += sum(&apart(&rays, &fine));
            let differ = apart(&spans, &rays);
            between += sum(&differ);
            let clear = differ.iter().filter(|&&d| d > 1).count();
            assert!(clear < 3 * size * size / 100, "scene {i}: {clear}");
        }
        let values = f64::from(painted) * (3 * size * size) as f64;
        let [spans_off, rays_off, between] = [spans_off, rays_off, between].map(|x| x / values);
        let found = format!("{painted}: {spans_off:.4} {rays_off:.4} {between:.4}");
        assert!(painted > 4 && spans_off < 1.02 * rays_off, "{found}");
        assert!(between < 0.05, "{found}");
    }

    #[test]
    fn refuses_a_buffer_of_another_size() {
        let error = render_into(&cubes(&[]), &appearance(0), 8, &mut [0; 191]);
        let error = error.expect_err("one too few").to_string();
        assert!(
            error.contains("`pixels`") && error.contains("got 191"),
            "{error}"
        );
    }

    /// Boxes that run into one another have no order to be painted in, and are still seen.
    #[test]
    fn boxes_that_overlap_are_cast_by_rays() {
        let scene = cubes(&[[0.0, 0.0, 0.5], [0.4, -0.3, 0.8]]);
        let view = Viewpoint::new(&scene.camera, 40, 40);
        let look = appearance(0);
        let mut pixels = vec![0; 3 * 40 * 40];
        assert!(!by_rows(
            Body::best(),
            (&scene, &look),
            &view,
            40,
            &mut pixels
        ));
        by_rays((&scene, &look), &view, 40, &mut pixels);
        assert_eq!(render(&scene, &look, 40).expect("valid").pixels(), pixels);
    }
}
