//! How far the borders of the contacts may move before a structure changes its mind.

use super::collapse::{Answer, Outcome, Structure};
use super::polygon::Point;
use crate::{Error, Result};

/// Where the search stops, as a part of the typical side.
const TOLERANCE: f64 = 1e-11;
/// Newton takes some five steps; halving the bracket down to the tolerance some forty.
const MAX_STEPS: usize = 100;
const UPRIGHT: Point = [0.0; 2];

/// The signed margin of a structure.
pub struct Margin {
    /// The inset of all contacts at which it is just in equilibrium.
    pub inset_m: f64,
    /// The contact that limits it, as an index into the structure's contacts.
    pub critical: usize,
    /// How it falls, per body of the structure; `None` if it stands.
    pub motion: Option<Vec<[f64; 6]>>,
}

/// Finds the margin by Newton's method on the power of the worst mechanism, kept within what is
/// known to stand and to fall.
pub fn margin(structure: &Structure) -> Result<Margin> {
    let tolerance = TOLERANCE * structure.length_m();
    let mut bracket = Bracket {
        stands: f64::NEG_INFINITY,
        falls: structure.largest_inset_m(),
        reach: structure.length_m(),
    };
    let mut inset = 0.0;
    let mut motion = None;
    let mut critical = 0;
    for step in 0..MAX_STEPS {
        let answer = judge(structure, inset, UPRIGHT)?;
        if step == 0 {
            motion = falling_motion(structure, answer.as_ref());
        }
        let next = bracket.narrow(inset, answer.as_ref());
        if let Some(answer) = answer {
            critical = steepest(&answer);
        }
        let moved = (next - inset).abs();
        inset = next;
        if moved <= tolerance || bracket.falls - bracket.stands <= tolerance {
            break;
        }
    }
    Ok(Margin {
        inset_m: inset,
        critical,
        motion,
    })
}

/// The answer at `inset`; `None` if it falls with nothing to hold it.
fn judge(structure: &Structure, inset: f64, tilt: Point) -> Result<Option<Answer>> {
    match structure.judge(inset, tilt) {
        Outcome::Solved(answer) => Ok(Some(answer)),
        Outcome::Falls => Ok(None),
        Outcome::Failed(reason) => Err(Error::argument(
            "scene",
            "a structure whose forces can be computed",
            reason,
            "bring sizes and densities closer together",
        )),
    }
}

/// Whether a structure stands as it is, pulled sideways by `tilt`.
pub fn stands(structure: &Structure, tilt: Point) -> Result<bool> {
    Ok(judge(structure, 0.0, tilt)?.is_some_and(|answer| answer.power <= 0.0))
}

fn falling_motion(structure: &Structure, answer: Option<&Answer>) -> Option<Vec<[f64; 6]>> {
    let still = || vec![[0.0; 6]; structure.bodies.len()];
    match answer {
        None => Some(still()),
        Some(answer) => (answer.power > 0.0).then(|| answer.motion.clone()),
    }
}

/// The contact whose border matters most; the first of equals.
fn steepest(answer: &Answer) -> usize {
    let slopes = &answer.slopes;
    let most = slopes.iter().copied().fold(0.0, f64::max);
    // Contacts that matter alike by symmetry differ in the last digits.
    slopes
        .iter()
        .position(|&slope| slope >= most * (1.0 - 1e-6))
        .unwrap_or(0)
}

struct Bracket {
    stands: f64,
    falls: f64,
    reach: f64,
}

impl Bracket {
    /// Takes in what was found at `inset` and proposes where to look next.
    fn narrow(&mut self, inset: f64, answer: Option<&Answer>) -> f64 {
        let falls = answer.is_none_or(|answer| answer.power > 0.0);
        if falls {
            self.falls = self.falls.min(inset);
        } else {
            self.stands = self.stands.max(inset);
        }
        let newton = answer.map_or(f64::NAN, |answer| {
            inset - answer.power / answer.slopes.iter().sum::<f64>()
        });
        if newton > self.stands && newton < self.falls {
            return newton;
        }
        if self.stands.is_finite() {
            return 0.5 * (self.stands + self.falls);
        }
        self.reach *= 2.0;
        self.falls - self.reach
    }
}
