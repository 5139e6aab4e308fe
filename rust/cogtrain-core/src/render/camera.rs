//! From pixels to rays and back.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::linear::Linear;
use super::vector::V3;
use crate::scene::Camera;

/// A pinhole camera for one image grid.
pub struct Viewpoint {
    pub origin: V3,
    right: V3,
    down: V3,
    forward: V3,
    height_px: f64,
    width_px: f64,
    /// Pixels per unit of tangent.
    focal_px: f64,
}

impl Viewpoint {
    /// `camera` with an image of `height_px` × `width_px`; pixels are square.
    pub fn new(camera: &Camera, height_px: usize, width_px: usize) -> Self {
        let origin = V3::from(camera.position_m);
        let forward = (V3::from(camera.target_m) - origin).normalized();
        let right = forward.cross(V3::new(0.0, 0.0, 1.0)).normalized();
        let half = 0.5 * camera.fov_deg.to_radians();
        Self {
            origin,
            right,
            down: forward.cross(right),
            forward,
            height_px: height_px as f64,
            width_px: width_px as f64,
            focal_px: 0.5 * height_px as f64 * libm::cos(half) / libm::sin(half),
        }
    }

    /// Depth of every ray along the optical axis.
    pub fn focal_px(&self) -> f64 {
        self.focal_px
    }

    /// Direction (not normalised) through image point (`x`, `y`), in pixels from the top left.
    pub fn ray(&self, x: f64, y: f64) -> V3 {
        let u = x - 0.5 * self.width_px;
        let v = y - 0.5 * self.height_px;
        self.forward * self.focal_px + self.right * u + self.down * v
    }

    /// [`Viewpoint::ray`] through many image points at once, by component.
    #[inline(always)]
    pub fn rays(&self, [x, y]: [&[f64]; 2], rays: &mut [Vec<f64>; 3]) {
        let ahead = self.forward * self.focal_px;
        let [rx, ry, rz] = rays;
        let count = x.len();
        let (y, rx) = (&y[..count], &mut rx[..count]);
        let (ry, rz) = (&mut ry[..count], &mut rz[..count]);
        for i in 0..count {
            let (u, v) = (x[i] - 0.5 * self.width_px, y[i] - 0.5 * self.height_px);
            let ray = ahead + self.right * u + self.down * v;
            (rx[i], ry[i], rz[i]) = (ray.x, ray.y, ray.z);
        }
    }

    /// The component of the ray through an image point along `axis`.
    pub fn along(&self, axis: V3) -> Linear {
        Linear {
            a: self.right.dot(axis),
            b: self.down.dot(axis),
            c: self.ray(0.0, 0.0).dot(axis),
        }
    }

    /// How the ray changes from a pixel to the next one on the right: level, and of unit length.
    pub fn right(&self) -> V3 {
        self.right
    }

    /// Lowest and highest image y of the hull of `points`: everything if one is behind the camera.
    pub fn rows(&self, points: impl Iterator<Item = V3>) -> [f64; 2] {
        points.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], point| {
            self.project(point)
                .map_or([f64::NEG_INFINITY, f64::INFINITY], |[_, y]| {
                    [low.min(y), high.max(y)]
                })
        })
    }

    /// How a surface's point moves when the image point moves by one pixel to the right and down:
    /// the surface has that `normal` and is met at `t` along `direction`.
    #[inline(always)]
    pub fn footprint(&self, direction: V3, t: f64, normal: V3) -> [V3; 2] {
        let slant = direction.dot(normal);
        // A surface seen edge-on has no bounds; far below any size is the same to a texture.
        let inverse = 1.0 / slant;
        let inverse = if slant.abs() > 1e-9 { inverse } else { 1e9 };
        let moved = |step: V3| (step - direction * (step.dot(normal) * inverse)) * t;
        [moved(self.right), moved(self.down)]
    }

    /// Where `point` appears, in pixels; `None` if it is not in front of the camera.
    pub fn project(&self, point: V3) -> Option<[f64; 2]> {
        let ray = point - self.origin;
        let depth = ray.dot(self.forward);
        (depth > 1e-6).then(|| {
            let scale = self.focal_px / depth;
            [
                0.5 * self.width_px + scale * ray.dot(self.right),
                0.5 * self.height_px + scale * ray.dot(self.down),
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_inverts_ray() {
        let camera = Camera {
            position_m: [3.0, -9.0, 4.0],
            target_m: [0.0, 0.0, 2.0],
            fov_deg: 35.0,
        };
        let view = Viewpoint::new(&camera, 112, 224);
        for (x, y) in [(0.0, 0.0), (112.0, 56.0), (200.5, 90.25)] {
            let [px, py] = view
                .project(view.origin + view.ray(x, y) * 0.01)
                .expect("in front");
            assert!((px - x).abs() < 1e-9 && (py - y).abs() < 1e-9);
        }
        let [x, y] = view.project(V3::new(0.0, 0.0, 2.0)).expect("in front");
        assert!((x - 112.0).abs() < 1e-9 && (y - 56.0).abs() < 1e-9);
        let above = view.project(V3::new(0.0, 0.0, 3.0)).expect("in front");
        assert!(above[1] < y, "up in the world is up in the image");
    }
}
