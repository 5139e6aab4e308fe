//! What is where: boxes on a ground plane, seen by a camera under one light.
//!
//! SI units, right-handed, z up; the ground is the plane z = 0. A scene is a value: comparable,
//! serialisable, without behaviour. `simulate`, `render` and the statics are functions of it.

use serde::{Deserialize, Serialize};

use crate::naming::named;
use crate::{Error, Result};

/// A point or direction, in metres.
pub type Vec3 = [f64; 3];

/// Farthest coordinate and longest side in metres, and greatest density: double precision tells a
/// contact there from a gap of a nanometre.
const LARGEST: f64 = 1e6;
/// Least density, and least distance that gives a direction.
const SMALLEST: f64 = 1e-6;
/// Shortest side in metres: well above the gap that still counts as a contact.
const SHORTEST_M: f64 = 1e-4;

named! {
    /// Colour names; the palette decides what they look like.
    pub enum Color as "color" {
        /// Red.
        Red = "red",
        /// Orange.
        Orange = "orange",
        /// Yellow.
        Yellow = "yellow",
        /// Green.
        Green = "green",
        /// Cyan.
        Cyan = "cyan",
        /// Blue.
        Blue = "blue",
        /// Purple.
        Purple = "purple",
        /// Pink.
        Pink = "pink",
    }
}

/// A rigid box.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Full side lengths in the body's own frame, in metres.
    pub size_m: Vec3,
    /// Centre, in metres.
    pub position_m: Vec3,
    /// Unit quaternion (w, x, y, z) that turns the body's frame into the world's.
    pub orientation: [f64; 4],
    /// Mass density in kg/m³.
    pub density: f64,
    /// Coulomb friction coefficient.
    pub friction: f64,
    /// Colour name.
    pub color: Color,
}

/// A pinhole camera; the image is square or any other grid that the caller asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Where the pinhole is, in metres.
    pub position_m: Vec3,
    /// The point that appears in the centre of the image, in metres.
    pub target_m: Vec3,
    /// Vertical opening angle, in degrees.
    pub fov_deg: f64,
}

/// A distant light.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Light {
    /// Direction from the scene to the light; need not be of unit length.
    pub toward: Vec3,
    /// Angular radius of the light, in degrees: 0 for hard shadows, 0.27 for the sun, 10 for a
    /// window or a lamp with a shade.
    pub radius_deg: f64,
}

/// A declared arrangement of bodies, camera and light.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Boxes, in any order (the tasks list them from the bottom up).
    pub bodies: Vec<Body>,
    /// Who looks.
    pub camera: Camera,
    /// What shines.
    pub light: Light,
}

impl Scene {
    /// Most bodies that a scene may hold: the renderer keeps sets of bodies in one machine word.
    pub const MAX_BODIES: usize = 64;

    /// Reads a scene and checks that it can be simulated and rendered.
    ///
    /// # Errors
    /// [`Error::Argument`] if the text is no scene, or names what is wrong with a body or camera.
    pub fn from_json(text: &str) -> Result<Self> {
        let scene: Self = serde_json::from_str(text).map_err(|error| {
            Error::argument(
                "scene",
                "a scene in JSON",
                error,
                "write it with `Scene.to_json`",
            )
        })?;
        scene.check()?;
        Ok(scene)
    }

    /// Canonical JSON: fixed key order, shortest decimal that reads back to the same number.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("numbers and fixed keys always serialise")
    }

    /// Whether every number is within reason and the camera sees something.
    ///
    /// # Errors
    /// [`Error::Argument`] for a coordinate beyond 10⁶ m, a side outside 10⁻⁴ … 10⁶ m, a density
    /// outside 10⁻⁶ … 10⁶ kg/m³, a friction outside 0 … 1,000, an orientation that is no unit
    /// quaternion, a camera straight above its target, a light from below, or too many bodies.
    pub fn check(&self) -> Result<()> {
        if self.bodies.len() > Self::MAX_BODIES {
            return Err(Error::argument(
                "scene.bodies",
                format!("at most {} bodies", Self::MAX_BODIES),
                self.bodies.len(),
                "split the scene",
            ));
        }
        self.bodies
            .iter()
            .enumerate()
            .try_for_each(|(i, body)| body.check(i))?;
        self.camera.check()?;
        self.light.check()
    }
}

impl Light {
    /// Largest angular radius: beyond it, light would come from below the horizon too easily.
    const MAX_RADIUS_DEG: f64 = 45.0;

    fn check(&self) -> Result<()> {
        if !(is_near(&self.toward) && self.toward[2] >= SMALLEST) {
            return Err(Error::argument(
                "scene.light.toward",
                "above the ground (z from 10⁻⁶) and within ±10⁶",
                format!("{:?}", self.toward),
                "point it upwards",
            ));
        }
        if !(0.0..=Self::MAX_RADIUS_DEG).contains(&self.radius_deg) {
            return Err(Error::argument(
                "scene.light.radius_deg",
                format!("0 … {}", Self::MAX_RADIUS_DEG),
                self.radius_deg,
                "use 0 for hard shadows",
            ));
        }
        Ok(())
    }
}

impl Body {
    fn check(&self, index: usize) -> Result<()> {
        let norm: f64 = self.orientation.iter().map(|q| q * q).sum();
        let sides = SHORTEST_M..=LARGEST;
        let wrong = if !self.size_m.iter().all(|side| sides.contains(side)) {
            Some(("size_m", format!("{:?}", self.size_m)))
        } else if !is_near(&self.position_m) {
            Some(("position_m", format!("{:?}", self.position_m)))
        } else if (norm - 1.0).abs() > 1e-9 || !norm.is_finite() {
            Some(("orientation", format!("{:?}", self.orientation)))
        } else if !(SMALLEST..=LARGEST).contains(&self.density) {
            Some(("density", self.density.to_string()))
        } else if !(0.0..=1000.0).contains(&self.friction) {
            Some(("friction", self.friction.to_string()))
        } else {
            None
        };
        wrong.map_or(Ok(()), |(field, got)| {
            let name = format!("scene.bodies[{index}].{field}");
            let expected = "within reason: position_m ±10⁶, size_m 10⁻⁴ … 10⁶, density 10⁻⁶ … 10⁶, \
                            friction 0 … 1000, orientation a unit quaternion";
            Err(Error::argument(&name, expected, got, "correct the scene"))
        })
    }
}

impl Camera {
    fn check(&self) -> Result<()> {
        let view = [0, 1, 2].map(|k| self.target_m[k] - self.position_m[k]);
        let sideways = view[0] * view[0] + view[1] * view[1];
        let places = is_near(&self.position_m) && is_near(&self.target_m);
        let sees = places && sideways.sqrt() >= SMALLEST && (1.0..170.0).contains(&self.fov_deg);
        if sees {
            return Ok(());
        }
        Err(Error::argument(
            "scene.camera",
            "within ±10⁶ m, not straight above its target, with 1 ≤ fov_deg < 170",
            format!("{self:?}"),
            "move the camera aside",
        ))
    }
}

fn is_near(v: &Vec3) -> bool {
    v.iter().all(|x| x.abs() <= LARGEST)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A scene of unit cubes with the given centres, seen from the front.
    pub(crate) fn cubes(centres: &[Vec3]) -> Scene {
        let bodies = centres.iter().map(|&position_m| Body {
            size_m: [1.0; 3],
            position_m,
            orientation: [1.0, 0.0, 0.0, 0.0],
            density: 500.0,
            friction: 0.6,
            color: Color::Red,
        });
        Scene {
            bodies: bodies.collect(),
            camera: Camera {
                position_m: [0.0, -10.0, 3.0],
                target_m: [0.0, 0.0, 1.0],
                fov_deg: 40.0,
            },
            light: Light {
                toward: [-0.5, -0.7, 1.0],
                radius_deg: 0.0,
            },
        }
    }

    #[test]
    fn json_round_trip_is_exact() {
        let scene = cubes(&[[0.1 + 0.2, 1.0 / 3.0, 0.5]]);
        assert_eq!(Scene::from_json(&scene.to_json()).expect("own text"), scene);
    }

    #[test]
    fn names_the_wrong_field() {
        let scene = cubes(&[[0.0, 0.0, 0.5], [0.0, 0.0, 1.5]]);
        let message = |change: fn(&mut Scene)| {
            let mut scene = scene.clone();
            change(&mut scene);
            scene.check().expect_err("out of reason").to_string()
        };
        for (text, words) in [
            (
                message(|s| s.bodies[1].density = -2.0),
                "scene.bodies[1].density` to be within reason",
            ),
            (message(|s| s.bodies[1].density = -2.0), "got -2;"),
            (message(|s| s.bodies[0].size_m[2] = 1e-5), "size_m` to be"),
            (
                message(|s| s.bodies[0].position_m[2] = 2e6),
                "got [0.0, 0.0, 2000000.0]",
            ),
            (
                message(|s| s.bodies[0].friction = f64::INFINITY),
                "friction` to be",
            ),
            (
                message(|s| s.bodies[0].orientation = [0.9, 0.0, 0.0, 0.0]),
                "a unit quaternion, got",
            ),
            (
                message(|s| s.light.toward[2] = 1e-300),
                "above the ground (z from 10⁻⁶)",
            ),
            (message(|s| s.light.radius_deg = 46.0), "0 … 45, got 46"),
            (
                message(|s| s.camera.target_m[1] = -10.0),
                "not straight above its target",
            ),
            (
                message(|s| s.camera.position_m[1] = -1e300),
                "within ±10⁶ m",
            ),
        ] {
            assert!(text.contains(words), "{text}");
        }
    }
}
