//! Copies of a scene as a noisy eye sees it: every body shifted sideways, none raised or lowered.

use super::contact::{touching, unsupported};
use super::equilibrium::stands_on;
use crate::scene::{Body, Scene};
use crate::{Result, Stream};

/// A name for what physics depends on: two scenes that differ in colours, camera or light share it.
pub(super) fn content(scene: &Scene) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for body in &scene.bodies {
        let nature = [body.density, body.friction];
        let numbers = body.size_m.iter().chain(&body.position_m);
        for number in numbers.chain(&body.orientation).chain(&nature) {
            hasher.update(&number.to_le_bytes());
        }
    }
    *hasher.finalize().as_bytes()
}

/// A copy of `scene` with independent Gaussian shifts of every body along x and y, of standard
/// deviation `sigma` times the body's shortest side.
pub(super) fn shifted(scene: &Scene, sigma: f64, stream: &mut Stream) -> Scene {
    let mut scene = scene.clone();
    for body in &mut scene.bodies {
        let [x, y] = gaussian_pair(stream);
        let spread = sigma * shortest_side(body);
        body.position_m[0] += spread * x;
        body.position_m[1] += spread * y;
    }
    scene
}

/// Whether a shifted copy falls while pulled sideways by `tilt`: a body that has lost what it
/// rested on falls; bodies that have come to share space are taken as they are.
pub(super) fn falls(scene: &Scene, tilt: [f64; 2]) -> Result<bool> {
    let contacts = touching(&scene.bodies);
    if unsupported(scene.bodies.len(), &contacts).is_some() {
        return Ok(true);
    }
    stands_on(scene, &contacts, tilt).map(|stands| !stands)
}

pub(super) fn shortest_side(body: &Body) -> f64 {
    body.size_m.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Two independent standard normal numbers (Box & Muller 1958).
pub(super) fn gaussian_pair(stream: &mut Stream) -> [f64; 2] {
    // 1 - u lies in (0, 1], where the logarithm is finite.
    let radius = (-2.0 * libm::log(1.0 - stream.uniform())).sqrt();
    let angle = std::f64::consts::TAU * stream.uniform();
    [radius * libm::cos(angle), radius * libm::sin(angle)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    #[test]
    fn shifts_have_the_asked_spread_and_keep_heights() {
        let scene = cubes(&[[0.0, 0.0, 0.5], [0.0, 0.0, 1.5]]);
        let mut squares = 0.0;
        for index in 0..4000 {
            let copy = shifted(&scene, 0.2, &mut Stream::new(1, "shift", index));
            assert!((copy.bodies[1].position_m[2] - 1.5).abs() < 1e-15);
            let [x, y, _] = copy.bodies[1].position_m;
            squares += x * x + y * y;
        }
        // Five standard errors of a variance from 8,000 draws.
        assert!((squares / 8000.0 / 0.04 - 1.0).abs() < 0.08, "{squares}");
    }

    #[test]
    fn what_has_lost_its_base_falls() {
        let mut scene = cubes(&[[0.0, 0.0, 0.5], [0.0, 0.0, 1.5]]);
        assert!(!falls(&scene, [0.0; 2]).expect("judged"));
        scene.bodies[1].position_m[0] = 1.2;
        assert!(falls(&scene, [0.0; 2]).expect("judged"));
    }

    #[test]
    fn content_is_blind_to_looks() {
        let scene = cubes(&[[0.0, 0.0, 0.5]]);
        let (mut painted, mut moved) = (scene.clone(), scene.clone());
        painted.bodies[0].color = crate::scene::Color::Blue;
        painted.camera.fov_deg = 50.0;
        moved.bodies[0].position_m[0] = 1e-9;
        assert_eq!(content(&scene), content(&painted));
        assert_ne!(content(&scene), content(&moved));
    }
}
