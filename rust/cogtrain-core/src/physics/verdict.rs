//! All that is known about what a structure does: one record per stimulus.

use serde::Serialize;

use super::contact::{Contact, footprint};
use super::equilibrium::{Equilibrium, equilibrium, friction_decides};
use super::noise::{content, falls, shifted};
use super::polygon::Polygon;
use super::simulate::simulate;
use super::trajectory::Trajectory;
use crate::scene::Scene;
use crate::{Result, Stream};

/// Perturbed copies per scene: a share is known to within 0.05 (one standard error, at worst).
const COPIES: u32 = 100;
/// Standard deviation of a copy's shifts, in shortest sides: a tenth, as a hand may place blocks.
const SHIFT: f64 = 0.1;

/// What statics and simulation say about a scene.
#[allow(
    clippy::struct_excessive_bools,
    reason = "a record of findings, most of them yes or no"
)]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// Whether it stands, by statics: the label.
    pub stands: bool,
    /// Whether no body falls within four simulated seconds: the second opinion.
    pub stands_simulated: bool,
    /// Whether the two differ.
    pub disagreement: bool,
    /// Whether the label hangs on friction, which cannot be seen; see [`friction_decides`].
    pub friction_decides: bool,
    /// Signed margin in metres; see [`equilibrium`].
    pub margin_m: f64,
    /// The margin as a fraction of the narrower face's shorter side at the critical contact.
    pub margin_fraction: f64,
    /// The contact that limits the margin.
    pub critical: Link,
    /// How far a corner of any body reaches beyond what carries it, in metres: beyond the convex
    /// hull of its contacts. A body on the ground reaches beyond nothing.
    pub overhang_m: f64,
    /// Which body rests on which, ordered by upper body.
    pub contacts: Vec<Link>,
    /// Largest distance of any body's centre from where it began, in metres, in simulation.
    pub displacement_m: f64,
    /// Per body, when it falls in simulation, in seconds; `None` if it does not.
    pub fell_s: Vec<Option<f64>>,
    /// When the first body falls, in seconds; `None` if none does.
    pub time_to_fall_s: Option<f64>,
    /// How many bodies fall in simulation.
    pub n_fallen: usize,
    /// What becomes of copies of the scene with slightly moved bodies.
    pub robustness: Robustness,
    /// How it begins to fall by statics: velocity (m/s) and spin (1/s) per body, the fastest point
    /// at 1 m/s; `None` if it stands.
    pub mechanism: Option<Vec<[f64; 6]>>,
}

/// A contact by what it joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// The body that is carried, as an index into the scene's bodies.
    pub upper: usize,
    /// The body that carries; `None` is the ground.
    pub lower: Option<usize>,
}

/// How many copies of a scene fall when every body is shifted sideways at random, by statics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Robustness {
    /// Share of the copies that fall.
    pub falls: f64,
    /// Number of copies.
    pub samples: u32,
    /// Standard deviation of the shifts along x and along y, in shortest sides of the body.
    pub sigma: f64,
}

impl From<&Contact> for Link {
    fn from(contact: &Contact) -> Self {
        Self {
            upper: contact.upper,
            lower: contact.lower,
        }
    }
}

/// Judges `scene` by statics, simulation (tens of milliseconds) and perturbed copies.
///
/// # Errors
/// As for [`equilibrium`].
pub fn verdict(scene: &Scene) -> Result<Verdict> {
    Verdict::new(scene, &equilibrium(scene)?, &simulate(scene)?)
}

impl Verdict {
    /// The record of a scene whose equilibrium and trajectory are known.
    ///
    /// # Errors
    /// As for [`equilibrium`].
    pub fn new(scene: &Scene, statics: &Equilibrium, motion: &Trajectory) -> Result<Self> {
        let fallen = motion.fell_s.iter().flatten().copied();
        let twists = statics.mechanism.as_ref().map(|twists| {
            let row = |twist: &super::Twist| {
                let ([a, b, c], [d, e, f]) = (twist.velocity, twist.spin);
                [a, b, c, d, e, f]
            };
            twists.iter().map(row).collect()
        });
        Ok(Self {
            stands: statics.stands(),
            stands_simulated: !motion.fell,
            disagreement: statics.stands() == motion.fell,
            friction_decides: friction_decides(scene)?,
            margin_m: statics.margin_m,
            margin_fraction: statics.margin_fraction,
            critical: Link::from(&statics.contacts[statics.critical]),
            overhang_m: overhang(scene, &statics.contacts),
            contacts: statics.contacts.iter().map(Link::from).collect(),
            displacement_m: motion.displacement_m,
            fell_s: motion.fell_s.clone(),
            time_to_fall_s: fallen.reduce(f64::min),
            n_fallen: motion.n_fallen(),
            robustness: robustness(scene)?,
            mechanism: twists,
        })
    }
}

fn overhang(scene: &Scene, contacts: &[Contact]) -> f64 {
    let reach = |(index, body)| {
        let own = || {
            contacts
                .iter()
                .filter(move |contact| contact.upper == index)
        };
        if own().any(|contact| contact.lower.is_none()) {
            return 0.0;
        }
        let base = own().flat_map(|contact| contact.outline.iter().copied());
        let hull = Polygon::hull(base.collect());
        let corners = footprint(body);
        let distances = corners
            .corners()
            .iter()
            .map(|&corner| hull.distance(corner));
        distances.fold(0.0, f64::max)
    };
    scene
        .bodies
        .iter()
        .enumerate()
        .map(reach)
        .fold(0.0, f64::max)
}

/// Copies are drawn by the scene's own content: the same scene has the same robustness anywhere.
fn robustness(scene: &Scene) -> Result<Robustness> {
    let [a, b, c, d, e, f, g, h, ..] = content(scene);
    let seed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let mut fallen = 0_u32;
    for index in 0..COPIES {
        let copy = shifted(
            scene,
            SHIFT,
            &mut Stream::new(seed, "robustness", u64::from(index)),
        );
        fallen += u32::from(falls(&copy, [0.0; 2])?);
    }
    Ok(Robustness {
        falls: f64::from(fallen) / f64::from(COPIES),
        samples: COPIES,
        sigma: SHIFT,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    #[test]
    fn a_straight_tower_and_a_leaning_one() {
        let straight = verdict(&cubes(&[[0.0, 0.0, 0.5], [0.0, 0.0, 1.5]])).expect("valid");
        assert!(straight.stands && straight.stands_simulated && !straight.disagreement);
        assert_eq!((straight.n_fallen, straight.time_to_fall_s), (0, None));
        // A shift of half a side is seven standard deviations of sqrt(2) · 0.1 / 2 away.
        assert!(straight.robustness.falls < 0.02, "{straight:?}");

        let leaning = verdict(&cubes(&[[0.0, 0.0, 0.5], [0.7, 0.0, 1.5]])).expect("valid");
        assert!(!leaning.stands && !leaning.stands_simulated && !leaning.disagreement);
        assert_eq!((leaning.n_fallen, leaning.fell_s[0]), (1, None));
        assert_eq!(leaning.time_to_fall_s, leaning.fell_s[1]);
        assert!((leaning.overhang_m - 0.7).abs() < 1e-12, "{leaning:?}");
        assert!(leaning.robustness.falls > 0.8, "{leaning:?}");
        let expected = Link {
            upper: 1,
            lower: Some(0),
        };
        assert_eq!(
            (leaning.critical, leaning.contacts[1]),
            (expected, expected)
        );
    }

    /// The middle of a beam hangs over nothing, but between its pillars.
    #[test]
    fn between_pillars_is_no_overhang() {
        let mut scene = cubes(&[[-1.0, 0.0, 0.5], [1.0, 0.0, 0.5], [0.0, 0.0, 1.5]]);
        scene.bodies[2].size_m = [3.4, 1.0, 1.0];
        let found = verdict(&scene).expect("valid");
        assert!((found.overhang_m - 0.2).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn fields_are_written_in_order() {
        let found = verdict(&cubes(&[[0.0, 0.0, 0.5]])).expect("valid");
        let text = serde_json::to_string(&found).expect("plain fields");
        let start = "{\"stands\":true,\"stands_simulated\":true,\"disagreement\":false,\"friction_decides\":false,";
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with("\"mechanism\":null}"), "{text}");
    }
}
