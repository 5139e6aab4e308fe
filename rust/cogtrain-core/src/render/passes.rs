//! What is true of every pixel: distance, identity, orientation, and what hides what.
//!
//! All passes look through pixel centres, one ray each, and show the scene alone: bodies and the
//! ground plane z = 0. A style's backdrop (cloth, wall, room) is decoration and in none of them.

use super::camera::Viewpoint;
use super::cast::{Block, Field};
use super::vector::V3;
use crate::scene::Scene;
use crate::{Error, Result};

/// Largest image side, in pixels.
pub const MAX_SIDE_PX: usize = 4096;

/// Ground truth of one picture; every array is row-major from the top left.
#[derive(Clone, Debug, PartialEq)]
pub struct Passes {
    /// Side of the image, in pixels.
    pub size_px: usize,
    /// Number of bodies.
    pub bodies: usize,
    /// Distance along the optical axis (z-depth), in metres; infinite where nothing is met.
    /// `size_px` × `size_px`.
    pub depth_m: Vec<f32>,
    /// 0 for ground and sky, else one more than the body's place in the scene. `size_px` × `size_px`.
    pub instance: Vec<u8>,
    /// Unit normal in the world's frame; zero where nothing is met. `size_px` × `size_px` × 3.
    pub normal: Vec<f32>,
    /// Pixels where the body is seen. `bodies` × `size_px` × `size_px`.
    pub modal: Vec<bool>,
    /// Pixels where the body would be seen if it were alone. `bodies` × `size_px` × `size_px`.
    pub amodal: Vec<bool>,
}

impl Passes {
    /// Number of pixels where each body is seen.
    pub fn visible_px(&self) -> Vec<u32> {
        self.count(&self.modal)
    }

    /// Number of pixels where each body would be seen if it were alone. What lies outside the
    /// image does not count.
    pub fn amodal_px(&self) -> Vec<u32> {
        self.count(&self.amodal)
    }

    /// Share of each body that other bodies hide, 0 to 1; NaN for a body outside the image.
    pub fn occlusion(&self) -> Vec<f64> {
        let pairs = self.visible_px().into_iter().zip(self.amodal_px());
        pairs
            .map(|(seen, whole)| 1.0 - f64::from(seen) / f64::from(whole))
            .collect()
    }

    fn count(&self, masks: &[bool]) -> Vec<u32> {
        let area = self.size_px * self.size_px;
        let count = |mask: &[bool]| mask.iter().map(|&m| u32::from(m)).sum();
        masks.chunks_exact(area).map(count).collect()
    }

    fn empty(size_px: usize, bodies: usize) -> Self {
        let area = size_px * size_px;
        Self {
            size_px,
            bodies,
            depth_m: vec![f32::INFINITY; area],
            instance: vec![0; area],
            normal: vec![0.0; 3 * area],
            modal: vec![false; bodies * area],
            amodal: vec![false; bodies * area],
        }
    }
}

/// Depth, instance ids, normals and visibility of `scene` on a `size_px` × `size_px` grid.
///
/// # Errors
/// [`Error::Argument`] if the scene is not valid or `size_px` is not in 1 … 4096.
pub fn passes(scene: &Scene, size_px: usize) -> Result<Passes> {
    let tracer = Tracer::new(scene, size_px)?;
    let mut passes = Passes::empty(size_px, scene.bodies.len());
    for y in 0..size_px {
        for x in 0..size_px {
            let ray = tracer.view.ray(x as f64 + 0.5, y as f64 + 0.5);
            tracer.record(&mut passes, (x, y), ray);
        }
    }
    Ok(passes)
}

/// The side of an image that the renderer accepts.
pub(super) fn check_size(size_px: usize) -> Result<()> {
    if (1..=MAX_SIDE_PX).contains(&size_px) {
        return Ok(());
    }
    Err(Error::argument(
        "size_px",
        format!("1 … {MAX_SIDE_PX}"),
        size_px,
        "use the model's grid, e.g. 224",
    ))
}

/// A scene ready for rays without light.
pub(super) struct Tracer {
    pub view: Viewpoint,
    pub field: Field,
}

/// What a ray meets.
#[derive(Clone, Copy)]
pub(super) struct Met {
    /// Place of the body in the scene; `None` for the ground.
    pub body: Option<usize>,
    pub point: V3,
    /// Distance in units of the ray's direction.
    pub t: f64,
    pub normal: V3,
}

impl Tracer {
    pub fn new(scene: &Scene, size_px: usize) -> Result<Self> {
        scene.check()?;
        check_size(size_px)?;
        let view = Viewpoint::new(&scene.camera, size_px, size_px);
        let field = Field::new(scene, &view, size_px, size_px);
        Ok(Self { view, field })
    }

    /// What the ray through pixel (`x`, `y`) meets first.
    pub fn meet(&self, (x, y): (usize, usize), ray: V3) -> Option<Met> {
        let origin = self.view.origin;
        let (candidates, _) = self.field.tile(x, y);
        let nearest = self.field.nearest(candidates, origin, ray);
        if let Some((body, hit)) = nearest {
            return Some(Met {
                body: Some(body),
                point: origin + ray * hit.t,
                t: hit.t,
                normal: self.field.blocks[body].normal(hit.face),
            });
        }
        let t = -origin.z / ray.z;
        (ray.z < 0.0 && t > 0.0).then(|| Met {
            body: None,
            point: origin + ray * t,
            t,
            normal: V3::new(0.0, 0.0, 1.0),
        })
    }

    fn record(&self, passes: &mut Passes, (x, y): (usize, usize), ray: V3) {
        let (at, area) = (y * passes.size_px + x, passes.size_px * passes.size_px);
        if let Some(met) = self.meet((x, y), ray) {
            // A ray is one focal length, in pixels, deep.
            passes.depth_m[at] = (met.t * self.view.focal_px()) as f32;
            let V3 { x, y, z } = met.normal;
            passes.normal[3 * at..3 * at + 3].copy_from_slice(&[x, y, z].map(|v| v as f32));
            if let Some(body) = met.body {
                passes.instance[at] = body as u8 + 1;
                passes.modal[body * area + at] = true;
            }
        }
        let (candidates, _) = self.field.tile(x, y);
        for body in super::cast::members(candidates) {
            let block: &Block = &self.field.blocks[body];
            passes.amodal[body * area + at] = block.enter(self.view.origin, ray).is_some();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    #[test]
    fn a_hidden_cube_is_hidden() {
        // The second cube stands right behind the first one.
        let mut scene = cubes(&[[0.0, 0.0, 0.5], [0.0, 3.0, 0.5], [30.0, 0.0, 0.5]]);
        scene.camera.position_m = [0.0, -10.0, 0.5];
        scene.camera.target_m = [0.0, 0.0, 0.5];
        let passes = passes(&scene, 64).expect("valid");
        let occlusion = passes.occlusion();
        assert!(occlusion[0].abs() < 1e-12);
        assert!((occlusion[1] - 1.0).abs() < 1e-12 && passes.amodal_px()[1] > 20);
        assert!(occlusion[2].is_nan(), "outside the image");
        assert!((f64::from(passes.depth_m[32 * 64 + 32]) - 9.5).abs() < 1e-6);
    }

    #[test]
    fn refuses_no_pixels() {
        let error = passes(&cubes(&[]), 0).expect_err("no pixels").to_string();
        assert!(
            error.contains("`size_px`") && error.contains("got 0"),
            "{error}"
        );
    }
}
