//! Where every point of one picture is in the next.

use super::camera::Viewpoint;
use super::passes::{Met, Tracer};
use super::vector::V3;
use crate::scene::Scene;
use crate::{Error, Result};

/// How much nearer than the point itself, as a share of its distance, something has to be in
/// order to hide it: far above rounding, far below any gap between surfaces that can be seen.
const HIDDEN_SHARE: f64 = 1e-6;

/// Forward optical flow between two pictures of the same bodies; row-major from the top left.
#[derive(Clone, Debug, PartialEq)]
pub struct Flow {
    /// Side of the images, in pixels.
    pub size_px: usize,
    /// Movement to the right and down, in pixels, of the point that the first picture shows at
    /// the pixel's centre, be it seen in the second or not; NaN if it ends up behind the camera.
    /// `size_px` × `size_px` × 2.
    pub shift_px: Vec<f32>,
    /// The point ends up outside the second picture.
    pub outside: Vec<bool>,
    /// The point ends up inside the second picture and something hides it there.
    pub occluded: Vec<bool>,
}

/// Flow from `first` to `second`: the same bodies, moved; the camera may move too.
///
/// # Errors
/// [`Error::Argument`] if a scene is not valid, if the bodies' number or sizes differ, or if
/// `size_px` is not in 1 … 4096.
pub fn flow(first: &Scene, second: &Scene, size_px: usize) -> Result<Flow> {
    let (from, to) = (Tracer::new(first, size_px)?, Tracer::new(second, size_px)?);
    same_bodies(first, second)?;
    let area = size_px * size_px;
    let mut flow = Flow {
        size_px,
        shift_px: vec![f32::NAN; 2 * area],
        outside: vec![true; area],
        occluded: vec![false; area],
    };
    for y in 0..size_px {
        for x in 0..size_px {
            let at = y * size_px + x;
            let centre = [x as f64 + 0.5, y as f64 + 0.5];
            let ray = from.view.ray(centre[0], centre[1]);
            let met = from.meet((x, y), ray);
            let moved = met.map(|met| carried(&met, &from, &to));
            let Some(seen) = reprojected(&to.view, moved, ray) else {
                continue;
            };
            for k in 0..2 {
                flow.shift_px[2 * at + k] = (seen[k] - centre[k]) as f32;
            }
            let pixel = inside(seen, size_px);
            flow.outside[at] = pixel.is_none();
            flow.occluded[at] = pixel.is_some_and(|pixel| is_hidden(&to, pixel, moved, ray));
        }
    }
    Ok(flow)
}

fn same_bodies(first: &Scene, second: &Scene) -> Result<()> {
    let sizes = |scene: &Scene| scene.bodies.iter().map(|b| b.size_m).collect::<Vec<_>>();
    let (a, b) = (sizes(first), sizes(second));
    if a == b {
        return Ok(());
    }
    Err(Error::argument(
        "second",
        format!("a scene of the same bodies as the first, sizes {a:?}"),
        format!("sizes {b:?}"),
        "move bodies, do not exchange them",
    ))
}

/// Where the point is once its body has moved; the ground stays.
fn carried(met: &Met, from: &Tracer, to: &Tracer) -> V3 {
    met.body.map_or(met.point, |body| {
        let local = from.field.blocks[body].local(met.point);
        to.field.blocks[body].place(local)
    })
}

/// Image point of `moved`, or of the sky in direction `ray`, which is as far as can be.
fn reprojected(view: &Viewpoint, moved: Option<V3>, ray: V3) -> Option<[f64; 2]> {
    view.project(moved.unwrap_or(view.origin + ray))
}

/// The pixel that holds an image point.
fn inside([x, y]: [f64; 2], size_px: usize) -> Option<(usize, usize)> {
    let within = |v: f64| v >= 0.0 && v < size_px as f64;
    (within(x) && within(y)).then_some((x as usize, y as usize))
}

/// Whether something stands between the second camera and the point, or before the sky.
fn is_hidden(to: &Tracer, pixel: (usize, usize), moved: Option<V3>, sky: V3) -> bool {
    let ray = moved.map_or(sky, |point| point - to.view.origin);
    let met = to.meet(pixel, ray);
    met.is_some_and(|met| moved.is_none() || met.t < 1.0 - HIDDEN_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    #[test]
    fn a_cube_that_moves_takes_its_pixels_along() {
        let first = cubes(&[[0.0, 0.0, 0.5]]);
        let mut second = first.clone();
        second.bodies[0].position_m = [0.4, 0.0, 0.5];
        let flow = flow(&first, &second, 80).expect("same bodies");
        let view = Viewpoint::new(&first.camera, 80, 80);
        let face = V3::new(0.1, -0.5, 0.6);
        let [a, b] = [face, face + V3::new(0.4, 0.0, 0.0)]
            .map(|point| view.project(point).expect("in front"));
        let at = a[1] as usize * 80 + a[0] as usize;
        assert!((f64::from(flow.shift_px[2 * at]) - (b[0] - a[0])).abs() < 0.05);
        assert!(!flow.outside[at] && !flow.occluded[at]);
        let still = flow.shift_px[..160].iter().all(|v| v.abs() < 1e-9);
        assert!(still, "ground and sky stay");
    }

    #[test]
    fn other_bodies_are_refused() {
        let (one, two) = (cubes(&[[0.0, 0.0, 0.5]]), cubes(&[]));
        let error = flow(&one, &two, 8).expect_err("not the same").to_string();
        assert!(
            error.contains("`second`") && error.contains("sizes []"),
            "{error}"
        );
    }
}
