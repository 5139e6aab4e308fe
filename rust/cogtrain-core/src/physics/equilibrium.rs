//! Does a structure of upright boxes stand, and by how much?
//!
//! The *signed margin* is the largest distance that all centres of pressure can keep from the
//! borders of their contacts: how far every contact polygon can shrink before the structure falls
//! (positive), or must at least grow for it to stand (negative, with mitred corners). Where a
//! body rests on a single contact and carries nothing but such bodies, its centre of pressure
//! lies under the centre of mass of all that it carries, and the margin is the distance of that
//! point to the border: in a column, how far the load's centre of mass may still move, or has
//! moved too far. Elsewhere contact forces are not determined by equilibrium alone, and the
//! margin is the best that any forces can do, found by a linear program (limit analysis of
//! rigid blocks: Livesley 1978; for buildings in computer graphics: Whiting, Ochsendorf &
//! Durand 2009). A margin of `m` means that any shift of centres of pressure by less than `m`,
//! from whatever cause, can be borne.

use super::collapse::Structure;
use super::contact::{Contact, contacts};
use super::load::Settled;
use super::margin::{self, margin};
use super::mechanism::{Twist, hinge, normalised, spread};
use crate::Result;
use crate::scene::Scene;

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
    let contacts = contacts(scene)?;
    let settled = Settled::new(scene, &contacts);
    let pull = (tilt[0] * tilt[0] + tilt[1] * tilt[1]).sqrt();
    for &number in &settled.contacts {
        let contact = &contacts[number];
        let point = settled.loads[contact.upper].pressure(contact.height_m, tilt);
        let slides = pull > super::collapse::friction(scene, contact);
        if slides || contact.polygon().depth(point) < 0.0 {
            return Ok(false);
        }
    }
    for group in &settled.groups {
        let structure = Structure::new(scene, &contacts, group, &settled.loads);
        if !margin::stands(&structure, tilt)? {
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
    let contacts = contacts(scene)?;
    let settled = Settled::new(scene, &contacts);
    for &number in &settled.contacts {
        let contact = &contacts[number];
        let point = settled.loads[contact.upper].pressure(contact.height_m, [0.0; 2]);
        if contact.polygon().depth(point) < margin_m {
            return Ok(false);
        }
    }
    for group in &settled.groups {
        let structure = Structure::new(scene, &contacts, group, &settled.loads);
        if !margin::stands_shrunk(&structure, margin_m)? {
            return Ok(false);
        }
    }
    Ok(true)
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
