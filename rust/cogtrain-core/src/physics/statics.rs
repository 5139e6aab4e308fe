//! Does a column of boxes stand? Closed form, with a signed margin.
//!
//! At every interface the centre of mass of everything above must lie inside the support: the
//! polygon where the two faces touch. The margin is the smallest signed distance from a centre
//! of mass to the border of its support: how far, in metres, the load may still move (positive)
//! or has moved too far (negative).

use super::polygon::{Point, Polygon};
use crate::scene::{Body, Scene};
use crate::{Error, Result};

/// Largest gap or overlap between stacked faces, in metres, that still counts as touching.
const CONTACT_SLOP_M: f64 = 1e-6;

/// The verdict of statics on a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Equilibrium {
    /// Signed distance per interface in metres; 0 is the ground under the lowest box.
    pub margins_m: Vec<f64>,
    /// The interface with the smallest margin.
    pub critical_interface: usize,
    /// The smallest margin as a fraction of the narrower face's shorter side there.
    pub margin_fraction: f64,
}

impl Equilibrium {
    /// The smallest signed distance in metres: positive if the column stands.
    pub fn margin_m(&self) -> f64 {
        self.margins_m[self.critical_interface]
    }

    /// Whether the column stands. On the border exactly, it does.
    pub fn stands(&self) -> bool {
        self.margin_m() >= 0.0
    }
}

/// Judges a column: one upright box per level, listed from the ground up, any yaw and mass.
///
/// # Errors
/// [`Error::Argument`] if the scene is empty, a box is tilted, or a box does not rest on the one
/// before it (faces within 1 µm, supports overlapping).
pub fn column(scene: &Scene) -> Result<Equilibrium> {
    if scene.bodies.is_empty() {
        return Err(Error::argument(
            "scene.bodies",
            "at least one body",
            0,
            "add a block",
        ));
    }
    let loads = centres_of_mass(&scene.bodies);
    let mut margins_m = Vec::with_capacity(loads.len());
    let mut floor_z = 0.0;
    let mut below: Option<Polygon> = None;
    for (i, (body, load)) in scene.bodies.iter().zip(loads).enumerate() {
        check_rests(i, body, floor_z)?;
        let face = footprint(body);
        let support = below.map_or_else(|| face.clone(), |lower| lower.intersection(&face));
        if support.area() <= 0.0 {
            return Err(not_a_column(i, "no overlap with the block below"));
        }
        margins_m.push(support.signed_distance(load));
        floor_z += body.size_m[2];
        below = Some(face);
    }
    Ok(verdict(margins_m, &scene.bodies))
}

fn verdict(margins_m: Vec<f64>, bodies: &[Body]) -> Equilibrium {
    let critical_interface = (0..margins_m.len())
        .min_by(|&a, &b| margins_m[a].total_cmp(&margins_m[b]))
        .expect("one margin per body, and there is a body");
    let shorter = |body: &Body| body.size_m[0].min(body.size_m[1]);
    let upper = shorter(&bodies[critical_interface]);
    let lower = critical_interface
        .checked_sub(1)
        .map_or(upper, |below| shorter(&bodies[below]));
    let margin_fraction = margins_m[critical_interface] / upper.min(lower);
    Equilibrium {
        margins_m,
        critical_interface,
        margin_fraction,
    }
}

/// For each level, the horizontal centre of mass of that box and everything above it.
fn centres_of_mass(bodies: &[Body]) -> Vec<Point> {
    let mut moment = [0.0; 2];
    let mut mass = 0.0;
    let mut loads = vec![[0.0; 2]; bodies.len()];
    for (body, load) in bodies.iter().zip(&mut loads).rev() {
        let own: f64 = body.density * body.size_m.iter().product::<f64>();
        mass += own;
        moment[0] += own * body.position_m[0];
        moment[1] += own * body.position_m[1];
        *load = [moment[0] / mass, moment[1] / mass];
    }
    loads
}

/// The box's outline on the ground, counter-clockwise.
fn footprint(body: &Body) -> Polygon {
    let [w, _, _, z] = body.orientation;
    // An upright box is turned about z only: cos and sin of yaw from the half-angle quaternion.
    let (cos, sin) = (w * w - z * z, 2.0 * w * z);
    let (hx, hy) = (0.5 * body.size_m[0], 0.5 * body.size_m[1]);
    let corner = |x: f64, y: f64| {
        [
            body.position_m[0] + cos * x - sin * y,
            body.position_m[1] + sin * x + cos * y,
        ]
    };
    Polygon::new(vec![
        corner(-hx, -hy),
        corner(hx, -hy),
        corner(hx, hy),
        corner(-hx, hy),
    ])
}

fn check_rests(index: usize, body: &Body, floor_z: f64) -> Result<()> {
    if body.orientation[1].abs() > 1e-9 || body.orientation[2].abs() > 1e-9 {
        return Err(not_a_column(index, "a tilted block"));
    }
    let gap = body.position_m[2] - 0.5 * body.size_m[2] - floor_z;
    if gap.abs() > CONTACT_SLOP_M {
        return Err(not_a_column(index, &format!("a gap of {gap} m below it")));
    }
    Ok(())
}

fn not_a_column(index: usize, got: &str) -> Error {
    Error::argument(
        &format!("scene.bodies[{index}]"),
        "an upright block resting on the one before it",
        got,
        "list one block per level from the ground up",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;
    use proptest::prelude::*;

    #[test]
    fn two_cubes_fall_past_half() {
        let margin = |x: f64| {
            column(&cubes(&[[0.0, 0.0, 0.5], [x, 0.0, 1.5]]))
                .expect("column")
                .margin_m()
        };
        assert!((margin(0.4) - 0.1).abs() < 1e-12);
        assert!((margin(0.6) + 0.1).abs() < 1e-12);
    }

    /// The harmonic stack (each block overhangs the one below by 1/(2k)) is balanced exactly.
    #[test]
    fn harmonic_stack_is_the_boundary() {
        let n = 6;
        let mut x = 0.0;
        let mut centres = vec![[0.0; 3]; n];
        for level in (0..n).rev() {
            centres[level] = [x, 0.0, level as f64 + 0.5];
            x -= 0.5 / (n - level) as f64;
        }
        let verdict = column(&cubes(&centres)).expect("column");
        for interface in 1..n {
            assert!(verdict.margins_m[interface].abs() < 1e-12, "{verdict:?}");
        }
    }

    #[test]
    fn the_ground_counts_as_an_interface() {
        let verdict = column(&cubes(&[
            [0.0, 0.0, 0.5],
            [0.45, 0.0, 1.5],
            [0.9, 0.0, 2.5],
        ]))
        .expect("column");
        assert!((verdict.margins_m[0] - 0.05).abs() < 1e-12);
        assert_eq!(verdict.critical_interface, 1);
    }

    #[test]
    fn refuses_a_floating_block() {
        let error = column(&cubes(&[[0.0, 0.0, 0.5], [0.0, 0.0, 1.7]])).expect_err("floats");
        assert!(error.to_string().contains("scene.bodies[1]"), "{error}");
    }

    proptest! {
        /// Mirroring a tower, and scaling all masses, changes no margin.
        #[test]
        // Within 0.3 of the axis, neighbours still overlap when all are turned by half a radian.
        fn mirror_and_mass_scale(offsets in prop::collection::vec((-0.3..0.3, -0.3..0.3), 2..7), yaw in -0.5..0.5) {
            let centres: Vec<_> = offsets.iter().enumerate().map(|(i, &(x, y))| [x, y, i as f64 + 0.5]).collect();
            let turn = |mut scene: Scene, sign: f64| {
                for body in &mut scene.bodies {
                    body.orientation = [libm::cos(yaw / 2.0), 0.0, 0.0, sign * libm::sin(yaw / 2.0)];
                    body.position_m[0] *= sign;
                    body.density *= 2.0 + sign;
                }
                column(&scene).expect("column")
            };
            let (a, b) = (turn(cubes(&centres), 1.0), turn(cubes(&centres), -1.0));
            for (x, y) in a.margins_m.iter().zip(&b.margins_m) {
                prop_assert!((x - y).abs() < 1e-9);
            }
        }
    }
}
