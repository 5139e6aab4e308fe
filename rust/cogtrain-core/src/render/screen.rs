//! Where things are on screen, without drawing them.

use super::camera::Viewpoint;
use super::cast::Block;
use crate::scene::{Camera, Scene, Vec3};

/// Share of the image, on each side, that bodies keep clear.
const BORDER: f64 = 0.01;

/// Where `point` appears, from the top left: (0, 0) to (1, 1); `None` if behind the camera.
pub fn screen_point(camera: &Camera, point: Vec3) -> Option<[f64; 2]> {
    Viewpoint::new(camera, 1, 1).project(point.into())
}

/// Whether every body is seen whole.
pub fn is_framed(scene: &Scene) -> bool {
    let view = Viewpoint::new(&scene.camera, 1, 1);
    let inside = |at: f64| (BORDER..=1.0 - BORDER).contains(&at);
    scene.bodies.iter().all(|body| {
        let corners = Block::new(body).corners();
        corners.iter().all(|&corner| {
            view.project(corner)
                .is_some_and(|at| at.iter().all(|&x| inside(x)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    #[test]
    fn a_body_that_leaves_the_image_is_noticed() {
        let mut scene = cubes(&[[0.0, 0.0, 0.5]]);
        assert!(is_framed(&scene));
        let [x, y] = screen_point(&scene.camera, scene.camera.target_m).expect("in front");
        assert!((x - 0.5).abs() < 1e-12 && (y - 0.5).abs() < 1e-12);
        scene.bodies[0].position_m[0] = 3.5;
        assert!(!is_framed(&scene));
        scene.bodies[0].position_m = [0.0, -20.0, 0.5];
        assert!(!is_framed(&scene));
    }
}
