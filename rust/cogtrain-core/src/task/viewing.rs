//! Who looks, what shines and what it is painted with: the factors that physics does not see.

use serde_json::{Value, json};

use super::Place;
use super::design::Assignment;
use super::factor::{Declared, Values};
use super::twin::Twin;
use crate::scene::{Body, Camera, Color, Light, Scene, Vec3};
use crate::style::{Appearance, Background, Palette, Style};

/// The point that the camera looks at, in metres: the middle of a tower of seven unit blocks.
const TARGET_M: Vec3 = [0.0, 0.0, 3.2];
/// Vertical opening angle of the camera, in degrees.
const FOV_DEG: f64 = 28.0;

/// Factors of camera, light and appearance, shared by all tasks.
pub const FACTORS: [Declared; 11] = [
    named("palette", Palette::NAMES),
    named("background", Background::NAMES),
    real("camera_azimuth_deg", -180.0, 180.0),
    real("camera_elevation_deg", 2.0, 70.0),
    real("camera_distance_m", 8.0, 40.0),
    real("shift_m", -3.0, 3.0),
    real("lift_m", -3.0, 3.0),
    real("light_azimuth_deg", -180.0, 180.0),
    real("light_elevation_deg", 15.0, 85.0),
    real("light_radius_deg", 0.0, 30.0),
    named("colors", COLOR_SETS),
];

/// Which colours blocks may have.
const COLOR_SETS: &[&str] = &["eight", "four"];

const fn named(name: &'static str, names: &'static [&'static str]) -> Declared {
    Declared {
        name,
        values: Values::Names(names),
    }
}

const fn real(name: &'static str, low: f64, high: f64) -> Declared {
    Declared {
        name,
        values: Values::Real(low, high),
    }
}

/// Adds to a task's own defaults how these factors vary unless a recipe says otherwise.
pub fn extend(own: &mut Value, style: Style) {
    let (Some(own), Value::Object(shared)) = (own.as_object_mut(), defaults(style)) else {
        unreachable!("defaults are written as objects");
    };
    own.extend(shared);
}

/// One range of cameras for all sizes, so that size on screen says nothing: it frames seven blocks,
/// from a corner and from above, so that offsets along both axes are seen. Where a structure is in
/// the image varies, too: with a fixed camera, how far blocks stick out shows in fixed pixels, and a
/// linear readout of 16 × 16 of them tells 83 % of towers (`cogtrain audit`). `wood` follows the
/// photographs of real towers: four paints, a cloth behind, soft light. `randomised` draws all of it.
fn defaults(style: Style) -> Value {
    match style {
        Style::Cubeworld => json!({
            "palette": "default",
            "background": "white",
            "camera_azimuth_deg": [12, 52],
            "camera_elevation_deg": [17, 27],
            "camera_distance_m": [17.6, 20],
            "shift_m": [-2, 2],
            "lift_m": [-0.3, 0.3],
            "light_azimuth_deg": -32,
            "light_elevation_deg": 51,
            "light_radius_deg": 0,
            "colors": "eight",
        }),
        Style::Wood => json!({
            "palette": "default",
            "background": "white",
            "camera_azimuth_deg": [20, 44],
            "camera_elevation_deg": [8, 16],
            "camera_distance_m": [17.6, 19.5],
            "shift_m": [-2, 2],
            "lift_m": [-0.3, 0.3],
            "light_azimuth_deg": [-50, 10],
            "light_elevation_deg": [50, 70],
            "light_radius_deg": [14, 22],
            "colors": "four",
        }),
        Style::Randomised => json!({
            "palette": "default",
            "background": {"balanced": ["white", "gray", "beige", "blue", "black"]},
            "camera_azimuth_deg": [12, 52],
            "camera_elevation_deg": [8, 32],
            "camera_distance_m": [17.6, 21],
            "shift_m": [-2, 2],
            "lift_m": [-0.3, 0.3],
            "light_azimuth_deg": [-80, 20],
            "light_elevation_deg": [35, 75],
            "light_radius_deg": [0, 15],
            "colors": "eight",
        }),
    }
}

/// Camera and light of an assignment.
pub fn viewed(bodies: Vec<Body>, assignment: &Assignment) -> Scene {
    let angle = |name: &str| assignment.real(name).to_radians();
    let towards = |azimuth: f64, elevation: f64| {
        let level = libm::cos(elevation);
        [
            level * libm::sin(azimuth),
            -level * libm::cos(azimuth),
            libm::sin(elevation),
        ]
    };
    let distance_m = assignment.real("camera_distance_m");
    let back = towards(angle("camera_azimuth_deg"), angle("camera_elevation_deg"));
    // Structures stay at the origin; the camera moves aside, so that they appear off-centre.
    let aside = -assignment.real("shift_m");
    let azimuth = angle("camera_azimuth_deg");
    let right = [libm::cos(azimuth), libm::sin(azimuth), 0.0];
    let mut target_m: Vec3 = std::array::from_fn(|k| TARGET_M[k] + aside * right[k]);
    target_m[2] -= assignment.real("lift_m");
    let scene = Scene {
        bodies,
        camera: Camera {
            position_m: std::array::from_fn(|k| target_m[k] + distance_m * back[k]),
            target_m,
            fov_deg: FOV_DEG,
        },
        light: Light {
            toward: towards(angle("light_azimuth_deg"), angle("light_elevation_deg")),
            radius_deg: assignment.real("light_radius_deg"),
        },
    };
    match assignment.twin {
        Some(Twin::Mirror) => mirrored(&scene),
        _ => scene,
    }
}

/// How the scene of an assignment is shown.
pub fn appearance(assignment: &Assignment, place: &Place) -> Appearance {
    let purpose = match assignment.twin {
        Some(Twin::Texture) => "twin texture",
        _ => "texture",
    };
    let texture_seed = match place.style {
        Style::Cubeworld => 0,
        _ => place.stream(purpose, assignment.group).next_u64(),
    };
    Appearance {
        style: place.style,
        palette: Palette::parse(assignment.text("palette")).expect("declared by these names"),
        background: Background::parse(assignment.text("background"))
            .expect("declared by these names"),
        texture_seed,
    }
}

/// The colours that blocks may have.
pub fn colors(assignment: &Assignment) -> Vec<Color> {
    match assignment.text("colors") {
        "four" => vec![Color::Red, Color::Yellow, Color::Green, Color::Blue],
        _ => Color::ALL.to_vec(),
    }
}

/// The scene in a mirror that stands upright in the line of sight: left and right change places.
fn mirrored(scene: &Scene) -> Scene {
    let [x, y] = [0, 1].map(|k| scene.camera.target_m[k] - scene.camera.position_m[k]);
    // Direction of the mirror's normal, level and across the line of sight.
    let across = libm::atan2(-x, y);
    let (sin, cos) = (libm::sin(across), libm::cos(across));
    let reflect = |v: Vec3, origin: Vec3| {
        let off = 2.0 * ((v[0] - origin[0]) * cos + (v[1] - origin[1]) * sin);
        [v[0] - off * cos, v[1] - off * sin, v[2]]
    };
    let mut other = scene.clone();
    for body in &mut other.bodies {
        body.position_m = reflect(body.position_m, scene.camera.target_m);
        body.orientation = reflected(body.orientation, across);
    }
    other.light.toward = reflect(scene.light.toward, [0.0; 3]);
    other
}

/// Orientation of a box in a mirror with a level normal in direction `across`.
///
/// A mirror turns a right-handed frame into a left-handed one; a box equals itself with its first
/// axis reversed, which turns it back. With Z the turn by `across` and S the reflection of x, the
/// new orientation is Z · S · Z⁻¹ · q · S, and S · r · S is r with its y and z parts negated.
fn reflected(q: [f64; 4], across: f64) -> [f64; 4] {
    let turn = |angle: f64, [w, x, y, z]: [f64; 4]| {
        let (sin, cos) = (libm::sin(0.5 * angle), libm::cos(0.5 * angle));
        [
            cos * w - sin * z,
            cos * x - sin * y,
            cos * y + sin * x,
            cos * z + sin * w,
        ]
    };
    let [w, x, y, z] = turn(-across, q);
    turn(across, [w, x, -y, -z])
}
