//! Does a structure of upright boxes stand, and by how much?
//!
//! The *signed margin* is the largest distance that all centres of pressure can keep from the
//! borders of their contacts: how far every contact polygon can shrink before the structure falls
//! (positive), or must at least grow for it to stand (negative). Borders move edge by edge, so
//! corners stay sharp. A margin of `m` means that contacts that end up to `m` sooner than drawn,
//! or forces that act up to `m` aside, can be borne.
//!
//! Where a body rests on a single contact and carries nothing but such bodies, its centre of
//! pressure lies under the centre of mass of all that it carries, and the margin is how far that
//! point lies inside the border: in a column, how far the load's centre of mass may still move, or
//! has moved too far. Elsewhere the forces do not follow from equilibrium alone, and the margin is
//! the best that any forces can do: the limit analysis of rigid blocks by linear programs (Livesley
//! 1978, Int. J. Numer. Methods Eng. 12, 1853-1871), as it is used for masonry in computer graphics
//! (Whiting, Ochsendorf & Durand 2009, ACM Trans. Graph. 28, 112). There, too, no shift of all
//! centres of mass together by less than `m` can topple the structure: the forces shift along.
//!
//! Forces that could balance a structure are forces that need not arise, where friction is
//! concerned: see [`friction_decides`].

use super::bounds::Group;
use super::contact::{Contact, contacts, unsupported};
use super::load::Settled;
use super::margin::{self, margin};
use super::mechanism::{Twist, hinge, normalised, spread};
use super::polygon::Point;
use super::structure::Structure;
use crate::Result;
use crate::scene::Scene;

/// Friction coefficient of rough bodies, such as rubber on wood.
pub const ROUGH: f64 = 1.0;

/// The verdict of statics.
#[derive(Clone, Debug, PartialEq)]
pub struct Equilibrium {
    /// Where bodies touch; in a column listed from the ground up, contact i is interface i, and
    /// 0 is the ground.
    pub contacts: Vec<Contact>,
    /// Signed margin in metres: positive if it stands.
    pub margin_m: f64,
    /// The margin as a fraction of the narrower face's shorter side at the critical contact.
    pub margin_fraction: f64,
    /// The contact that limits the margin, as an index into `contacts`; the first of equals.
    pub critical: usize,
    /// How it begins to fall, per body, scaled so that the fastest point moves at 1 m/s; `None`
    /// if it stands. Gravity drives this motion and no contact resists it: the proof that no
    /// forces balance the structure (Farkas).
    pub mechanism: Option<Vec<Twist>>,
}

impl Equilibrium {
    /// Whether the structure stands. On the border exactly, it does.
    pub fn stands(&self) -> bool {
        self.margin_m >= 0.0
    }
}

/// Judges a structure of upright boxes, with any yaws, sizes, densities and frictions.
///
/// Contacts that follow from equilibrium alone, columns among them, are judged in closed form,
/// the others by linear programs to within 1e-9 of a typical side. Friction is a four-sided
/// pyramid along the sides of the upper body, inside Coulomb's cone.
///
/// # Errors
/// [`Error::Argument`](crate::Error::Argument) if the scene is empty, or a box is tilted, rests
/// on nothing, or shares space with another one.
pub fn equilibrium(scene: &Scene) -> Result<Equilibrium> {
    let contacts = contacts(scene)?;
    let settled = Settled::new(scene, &contacts);
    let mut worst = Worst::none();
    for &number in &settled.contacts {
        let contact = &contacts[number];
        let point = settled.loads[contact.upper].pressure(contact.height_m, [0.0; 2]);
        let own = contact.polygon().depth(point);
        worst.offer(own, number, || hinge(scene, &contacts, number, point));
    }
    for group in &settled.groups {
        let structure = Structure::new(scene, &contacts, group, &settled.loads);
        let found = margin(&structure)?;
        let number = structure.contacts[found.critical];
        worst.offer(found.inset_m, number, || {
            spread(&structure, found.motion, &contacts, &settled, scene)
        });
    }
    Ok(worst.verdict(scene, contacts))
}

/// Whether a structure stands while everything is pulled sideways by `tilt`, in units of
/// gravity (zero: whether it stands at all). Faster than [`equilibrium`].
///
/// # Errors
/// As for [`equilibrium`].
pub fn stands(scene: &Scene, tilt: [f64; 2]) -> Result<bool> {
    stands_on(scene, &contacts(scene)?, tilt)
}

/// The same with the contacts known, of which every body has one below it.
pub(super) fn stands_on(scene: &Scene, contacts: &[Contact], tilt: Point) -> Result<bool> {
    let settled = Settled::new(scene, contacts);
    let pull = (tilt[0] * tilt[0] + tilt[1] * tilt[1]).sqrt();
    for &number in &settled.contacts {
        let contact = &contacts[number];
        let point = settled.loads[contact.upper].pressure(contact.height_m, tilt);
        let slides = pull > super::joint::friction(scene, contact);
        if slides || contact.polygon().depth(point) < 0.0 {
            return Ok(false);
        }
    }
    for group in &settled.groups {
        let seen = Group {
            scene,
            contacts,
            bodies: group,
            loads: &settled.loads,
            tilt,
        };
        let stands = match seen.stands() {
            Some(stands) => stands,
            None => margin::stands(
                &Structure::new(scene, contacts, group, &settled.loads),
                tilt,
            )?,
        };
        if !stands {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the signed margin is at least `margin_m`. Much faster than finding it.
///
/// # Errors
/// As for [`equilibrium`].
pub fn has_margin(scene: &Scene, margin_m: f64) -> Result<bool> {
    let whole = contacts(scene)?;
    let shrunk: Vec<Contact> = whole.iter().filter_map(|c| c.inset(margin_m)).collect();
    if unsupported(scene.bodies.len(), &shrunk).is_some() {
        return Ok(false);
    }
    stands_on(scene, &shrunk, [0.0; 2])
}

/// Whether the verdict hangs on how rough the bodies are: whether the structure falls with no
/// friction at all, yet stands with a coefficient of [`ROUGH`] everywhere.
///
/// Friction cannot be seen, so such a verdict is hardly one to ask people for. Nor is it safe:
/// where friction is needed, forces that balance the structure may exist and yet not arise
/// (Livesley 1978, part II), and what tips against friction may jam after a few degrees.
///
/// # Errors
/// As for [`equilibrium`].
pub fn friction_decides(scene: &Scene) -> Result<bool> {
    let contacts = contacts(scene)?;
    let with = |friction: f64| {
        let mut scene = scene.clone();
        for body in &mut scene.bodies {
            body.friction = friction;
        }
        stands_on(&scene, &contacts, [0.0; 2])
    };
    // More friction allows more forces: between the two ends the verdict changes once or never.
    Ok(with(0.0)? != with(ROUGH)?)
}

/// The smallest margin so far, its contact and its mechanism.
struct Worst {
    margin_m: f64,
    critical: usize,
    mechanism: Option<Vec<Twist>>,
}

impl Worst {
    fn none() -> Self {
        Self {
            margin_m: f64::INFINITY,
            critical: 0,
            mechanism: None,
        }
    }

    fn offer(
        &mut self,
        margin_m: f64,
        critical: usize,
        mechanism: impl FnOnce() -> Option<Vec<Twist>>,
    ) {
        if (margin_m, critical) < (self.margin_m, self.critical) {
            *self = Self {
                margin_m,
                critical,
                mechanism: if margin_m < 0.0 { mechanism() } else { None },
            };
        }
    }

    fn verdict(self, scene: &Scene, contacts: Vec<Contact>) -> Equilibrium {
        let shorter = |body: usize| {
            let [x, y, _] = scene.bodies[body].size_m;
            x.min(y)
        };
        let contact = &contacts[self.critical];
        let upper = shorter(contact.upper);
        let narrower = upper.min(contact.lower.map_or(upper, shorter));
        Equilibrium {
            margin_m: self.margin_m,
            margin_fraction: self.margin_m / narrower,
            critical: self.critical,
            mechanism: self.mechanism.map(|twists| normalised(scene, twists)),
            contacts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::Load;
    use super::*;
    use crate::scene::Vec3;
    use crate::scene::tests::cubes;
    use proptest::prelude::*;

    /// A scene of boxes given by centre and size.
    fn boxes(list: &[(Vec3, Vec3)]) -> Scene {
        let centres: Vec<Vec3> = list.iter().map(|&(centre, _)| centre).collect();
        let mut scene = cubes(&centres);
        for (body, &(_, size)) in scene.bodies.iter_mut().zip(list) {
            body.size_m = size;
        }
        scene
    }

    fn margin_of(scene: &Scene) -> f64 {
        equilibrium(scene).expect("valid").margin_m
    }

    /// Whether every group stands, by the program alone.
    fn stands_by_program(scene: &Scene, tilt: Point) -> bool {
        let contacts = contacts(scene).expect("valid");
        let settled = Settled::new(scene, &contacts);
        settled.groups.iter().all(|group| {
            let structure = Structure::new(scene, &contacts, group, &settled.loads);
            margin::stands(&structure, tilt).expect("solvable")
        })
    }

    /// The same verdict with nothing settled beforehand: the linear program alone.
    fn margin_by_program(scene: &Scene) -> f64 {
        let contacts = contacts(scene).expect("valid");
        let loads: Vec<Load> = scene.bodies.iter().map(Load::of).collect();
        let all: Vec<usize> = (0..scene.bodies.len()).collect();
        let structure = Structure::new(scene, &contacts, &all, &loads);
        margin(&structure).expect("solvable").inset_m
    }

    #[test]
    fn two_cubes_fall_past_half() {
        for (x, margin) in [(0.4, 0.1), (0.6, -0.1)] {
            let found = margin_of(&cubes(&[[0.0, 0.0, 0.5], [x, 0.0, 1.5]]));
            assert!((found - margin).abs() < 1e-12, "{found}");
        }
    }

    /// The harmonic stack (each block overhangs the one below by 1/(2k)) is balanced exactly.
    #[test]
    fn harmonic_stack_is_the_boundary() {
        for n in 2..=8 {
            let mut x = 0.0;
            let mut centres = vec![[0.0; 3]; n];
            for level in (0..n).rev() {
                centres[level] = [x, 0.0, level as f64 + 0.5];
                x -= 0.5 / (n - level) as f64;
            }
            assert!(margin_of(&cubes(&centres)).abs() < 1e-12);
            for (shift, stands) in [(-1e-6, true), (1e-6, false)] {
                let mut moved = cubes(&centres);
                moved.bodies[n - 1].position_m[0] += shift;
                assert_eq!(
                    equilibrium(&moved).expect("valid").stands(),
                    stands,
                    "{n} blocks"
                );
            }
        }
    }

    #[test]
    fn the_ground_counts_as_a_contact() {
        let narrow = boxes(&[
            ([0.0, 0.0, 0.5], [0.8, 1.0, 1.0]),
            ([0.3, 0.0, 1.5], [1.0; 3]),
            ([0.7, 0.0, 2.5], [1.0; 3]),
        ]);
        let found = equilibrium(&narrow).expect("valid");
        // Centre of mass over the ground: (0.3 + 0.7) / 2.8; over block 0: 0.5; over block 1: 0.7.
        assert!((found.margin_m - (0.4 - 0.5)).abs() < 1e-12, "{found:?}");
        assert_eq!((found.critical, found.contacts.len()), (1, 3));
        assert!((found.margin_fraction + 0.1 / 0.8).abs() < 1e-12);
    }

    /// A beam on two pillars stands until what is left of the pillars' tops is a line.
    #[test]
    fn a_beam_on_two_pillars() {
        let beam = |length: f64| {
            boxes(&[
                ([-1.0, 0.0, 0.5], [1.0; 3]),
                ([1.0, 0.0, 0.5], [1.0; 3]),
                ([0.0, 0.0, 1.25], [length, 1.0, 0.5]),
            ])
        };
        assert!((margin_of(&beam(3.0)) - 0.5).abs() < 1e-9);
        // 0.25 m of each pillar is covered: 0.125 m in, nothing of it is left.
        let short = equilibrium(&beam(1.5)).expect("valid");
        assert!((short.margin_m - 0.125).abs() < 1e-9, "{short:?}");
        assert_eq!(short.critical, 2);
    }

    /// Two stacks that lean apart hold each other through a beam on top, by friction alone.
    #[test]
    fn friction_lets_a_beam_tie_two_stacks() {
        let mut tied = boxes(&[
            ([-1.0, 0.0, 0.5], [1.0; 3]),
            ([1.0, 0.0, 0.5], [1.0; 3]),
            ([-1.52, 0.0, 1.5], [1.0; 3]),
            ([1.52, 0.0, 1.5], [1.0; 3]),
            ([0.0, 0.0, 2.05], [4.0, 1.0, 0.1]),
        ]);
        // The blocks lean by 0.02 times their weight; half the beam's weight, 3 % of a block's, helps
        // by up to 0.0144 as it presses on the inner edge, and by up to 0.018 more as it pulls.
        tied.bodies[4].density *= 0.15;
        assert!(equilibrium(&tied).expect("valid").stands());
        assert!(friction_decides(&tied).expect("valid"));
        for body in &mut tied.bodies {
            body.friction = 0.0;
        }
        assert!(!equilibrium(&tied).expect("valid").stands());
        tied.bodies.pop();
        assert!(!equilibrium(&tied).expect("valid").stands());
        assert!(!friction_decides(&tied).expect("valid"));
    }

    #[test]
    fn a_pull_topples_or_slides() {
        let block = boxes(&[([0.0, 0.0, 1.0], [1.0, 1.0, 2.0])]);
        for (tilt, expected) in [
            ([0.0, 0.0], true),
            ([0.49, 0.0], true),
            ([0.0, -0.51], false),
        ] {
            assert_eq!(stands(&block, tilt).expect("valid"), expected, "{tilt:?}");
        }
        let low = boxes(&[([0.0, 0.0, 0.25], [1.0, 1.0, 0.5])]);
        assert!(stands(&low, [0.59, 0.0]).expect("valid"));
        assert!(!stands(&low, [0.61, 0.0]).expect("valid"));
    }

    /// Corner by corner: no contact closes, within friction, and gravity does work.
    fn check_mechanism(scene: &Scene, found: &Equilibrium) {
        let twists = found.mechanism.as_ref().expect("falls");
        let velocity = |body: usize, point: Vec3| {
            let arm = [0, 1, 2].map(|k| point[k] - scene.bodies[body].position_m[k]);
            let turned = super::super::mechanism::cross(twists[body].spin, arm);
            [0, 1, 2].map(|k| twists[body].velocity[k] + turned[k])
        };
        for contact in &found.contacts {
            let [cos, sin] = super::super::contact::heading(&scene.bodies[contact.upper]);
            let friction = super::super::joint::friction(scene, contact);
            for corner in &contact.outline {
                let point = [corner[0], corner[1], contact.height_m];
                let upper = velocity(contact.upper, point);
                let lower = contact.lower.map_or([0.0; 3], |body| velocity(body, point));
                let parting = [0, 1, 2].map(|k| upper[k] - lower[k]);
                let along = (parting[0] * cos + parting[1] * sin).abs();
                let across = (parting[1] * cos - parting[0] * sin).abs();
                let closing = friction * along.max(across) - parting[2];
                assert!(closing < 1e-7, "{contact:?} closes at {closing}");
            }
        }
        let mass = |body: usize| {
            let body = &scene.bodies[body];
            body.density * body.size_m.iter().product::<f64>()
        };
        let bodies = 0..scene.bodies.len();
        let power: f64 = bodies.map(|b| -mass(b) * twists[b].velocity[2]).sum();
        assert!(power > 0.0, "{power}");
    }

    prop_compose! {
        /// Three rows that step over each other, and a block on top, shifted and turned.
        fn rows()(
            shifts in prop::collection::vec((-0.3..0.3, -0.3..0.3, -0.2..0.2, 0.5..2.0), 7),
            spacing in 1.35..1.6,
            flat in any::<bool>(),
            gone in 0_usize..6,
        ) -> Scene {
            let places = [(-1.0, 0.5), (0.0, 0.5), (1.0, 0.5), (-0.5, 1.5), (0.5, 1.5), (0.0, 2.5)];
            let mut centres: Vec<Vec3> = places
                .iter()
                .zip(&shifts)
                .map(|(&(x, z), s)| [x * spacing + 0.3 * s.0, if flat { 0.0 } else { s.1 }, z])
                .collect();
            centres.push([centres[5][0] + 2.2 * shifts[6].0, centres[5][1], 3.5]);
            let mut scene = cubes(&centres);
            for (body, &(.., yaw, weight)) in scene.bodies.iter_mut().zip(&shifts) {
                let yaw = if flat { 0.0 } else { yaw };
                body.orientation = [libm::cos(yaw / 2.0), 0.0, 0.0, libm::sin(yaw / 2.0)];
                body.density *= weight;
                body.size_m[0] = 1.2;
            }
            // Half of the scenes lack a block of the lowest row.
            if gone < 3 {
                scene.bodies.remove(gone);
            }
            scene
        }
    }

    /// The scene turned about the origin, all its masses scaled.
    fn turned(scene: &Scene, angle: f64, mass: f64) -> Scene {
        let mut scene = scene.clone();
        let (cos, sin) = (libm::cos(angle), libm::sin(angle));
        let half = [libm::cos(angle / 2.0), libm::sin(angle / 2.0)];
        for body in &mut scene.bodies {
            let [x, y, z] = body.position_m;
            body.position_m = [cos * x - sin * y, sin * x + cos * y, z];
            let [w, .., k] = body.orientation;
            let turned = [half[0] * w - half[1] * k, half[0] * k + half[1] * w];
            body.orientation = [turned[0], 0.0, 0.0, turned[1]];
            body.density *= mass;
        }
        scene
    }

    fn mirrored(scene: &Scene) -> Scene {
        let mut scene = scene.clone();
        for body in &mut scene.bodies {
            body.position_m[0] = -body.position_m[0];
            body.orientation[3] = -body.orientation[3];
        }
        scene
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn nothing_but_the_arrangement_matters(scene in rows(), angle in -3.0..3.0, mass in 0.1..10.0) {
            let found = equilibrium(&scene);
            prop_assume!(found.is_ok());
            let found = found.expect("assumed");
            let here = found.margin_m;
            prop_assert!((margin_of(&mirrored(&scene)) - here).abs() < 1e-7);
            prop_assert!((margin_of(&turned(&scene, angle, mass)) - here).abs() < 1e-7);
            prop_assert_eq!(stands(&scene, [0.0; 2]).expect("valid"), found.stands());
            for (step, expected) in [(-1e-6, true), (1e-6, false)] {
                prop_assert_eq!(has_margin(&scene, here + step).expect("valid"), expected);
            }
            if !found.stands() {
                check_mechanism(&scene, &found);
            }
        }

        /// What is easily seen is what the program finds.
        #[test]
        fn bounds_are_exact(scene in rows(), pull in 0.0..0.4, way in -3.0..3.0) {
            let contacts = contacts(&scene);
            prop_assume!(contacts.is_ok());
            let tilt = [pull * libm::cos(way), pull * libm::sin(way)];
            let settled = Settled::new(&scene, &contacts.expect("assumed"));
            let quick = stands(&scene, tilt).expect("solvable");
            // Settled contacts are judged first, and may say no alone.
            if quick || settled.contacts.is_empty() {
                prop_assert_eq!(quick, stands_by_program(&scene, tilt));
            }
        }

        /// The linear program agrees with the closed form where there is one.
        #[test]
        fn programs_agree_with_the_closed_form(
            offsets in prop::collection::vec((-0.35..0.35, -0.35..0.35, -0.5..0.5), 2..6),
        ) {
            let centres: Vec<Vec3> = (0..)
                .zip(&offsets)
                .map(|(i, &(x, y, _))| [x, y, f64::from(i) + 0.5])
                .collect();
            let mut scene = cubes(&centres);
            for (body, &(.., yaw)) in scene.bodies.iter_mut().zip(&offsets) {
                body.orientation = [libm::cos(yaw / 2.0), 0.0, 0.0, libm::sin(yaw / 2.0)];
            }
            let Ok(found) = equilibrium(&scene) else { return Ok(()) };
            let (closed, program) = (found.margin_m, margin_by_program(&scene));
            prop_assert!((closed - program).abs() < 1e-8, "{} {}", closed, program);
            if !found.stands() {
                check_mechanism(&scene, &found);
            }
        }
    }
}
