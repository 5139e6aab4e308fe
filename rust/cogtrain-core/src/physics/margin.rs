//! How far the borders of the contacts may move before a structure changes its mind.

use super::joint::Inset;
use super::polygon::Point;
use super::structure::{Answer, Outcome, Structure};
use crate::{Error, Result};

/// Width of a bracket that counts as a point, as a part of the typical side.
const TOLERANCE: f64 = 1e-11;
/// Newton step after which the next one would be within the tolerance, in the same unit: errors
/// are squared at every step.
const LAST_STEP: f64 = 1e-6;
/// Power above which tangents are no guide: a contact is nearly a point, and power has a pole.
const STEEP: f64 = 1.0;
/// Newton takes some five steps; halving down to the tolerance takes some forty.
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

/// Finds the margin by Newton's method on the power of the worst mechanism, kept between insets
/// that are known to stand and to fall. Power is continuous in the inset except where a contact
/// vanishes: there both sides are judged.
pub fn margin(structure: &Structure) -> Result<Margin> {
    let tolerance = TOLERANCE * structure.length_m();
    let mut search = Search::new(structure);
    let mut inset = Inset::NONE;
    let mut answer = judge(structure, inset, UPRIGHT)?;
    let motion = falling_motion(structure, answer.as_ref());
    let mut root = 0.0;
    for _ in 0..MAX_STEPS {
        let next = search.next(inset, answer.as_ref());
        if let Some(found) = search.found(tolerance) {
            root = found;
            break;
        }
        root = next.metres;
        let step = (root - inset.metres).abs();
        if search.is_newton && step <= LAST_STEP * structure.length_m() {
            break;
        }
        inset = next;
        answer = judge(structure, inset, UPRIGHT)?;
    }
    Ok(Margin {
        inset_m: root,
        critical: critical(structure, root, inset, answer.as_ref()),
        motion,
    })
}

/// The answer at `inset`; `None` if it falls with nothing to hold it.
fn judge(structure: &Structure, inset: Inset, tilt: Point) -> Result<Option<Answer>> {
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
    Ok(judge(structure, Inset::NONE, tilt)?.is_some_and(|answer| answer.power <= 0.0))
}

fn falling_motion(structure: &Structure, answer: Option<&Answer>) -> Option<Vec<[f64; 6]>> {
    let still = || vec![[0.0; 6]; structure.bodies.len()];
    match answer {
        None => Some(still()),
        Some(answer) => (answer.power > 0.0).then(|| answer.motion.clone()),
    }
}

/// The contact that limits the margin `root`, given the answer at the last `inset`.
fn critical(structure: &Structure, root: f64, inset: Inset, answer: Option<&Answer>) -> usize {
    let tolerance = TOLERANCE * structure.length_m();
    let ends: Vec<f64> = structure.ends_m().collect();
    let vanishing = |i: &usize| (ends[*i] - root).abs() <= tolerance;
    match answer {
        Some(answer) if !inset.after => first_of_most(&answer.slopes),
        Some(answer) => {
            let closing = |i| {
                if vanishing(&i) {
                    structure.closing(i, inset.metres, &answer.motion)
                } else {
                    0.0
                }
            };
            first_of_most(&(0..ends.len()).map(closing).collect::<Vec<f64>>())
        }
        None => (0..ends.len()).find(vanishing).unwrap_or(0),
    }
}

/// Index of the largest value; the first of those that symmetry makes equal, as their last digits
/// differ.
fn first_of_most(values: &[f64]) -> usize {
    let most = values.iter().copied().fold(0.0, f64::max);
    let nearly = |&value: &f64| value >= most * (1.0 - 1e-6);
    values.iter().position(nearly).unwrap_or(0)
}

/// What is known of the insets that stand and that fall.
struct Search {
    /// Insets at which contacts vanish, ascending.
    ends: Vec<f64>,
    stands: Option<Inset>,
    falls: Inset,
    /// A typical side.
    length_m: f64,
    /// How far out to look for the first inset that stands.
    reach: f64,
    /// Whether it stands up to where it is known to fall, as a contact is a point there.
    reaches_end: bool,
    /// Whether the last proposal was a step of Newton's method.
    is_newton: bool,
}

impl Search {
    fn new(structure: &Structure) -> Self {
        let mut ends: Vec<f64> = structure.ends_m().collect();
        ends.sort_by(f64::total_cmp);
        ends.dedup();
        let last = *ends
            .last()
            .expect("bodies of a structure rest on something");
        Self {
            falls: Inset {
                metres: last,
                after: true,
            },
            ends,
            stands: None,
            length_m: structure.length_m(),
            reach: structure.length_m(),
            reaches_end: false,
            is_newton: false,
        }
    }

    /// The margin, once it is known to within `tolerance`.
    fn found(&self, tolerance: f64) -> Option<f64> {
        let (stands, falls) = (self.stands?.metres, self.falls.metres);
        if falls - stands <= tolerance {
            return Some(stands);
        }
        self.reaches_end.then_some(falls)
    }

    /// Takes in what was found at `inset` and says where to look next.
    fn next(&mut self, inset: Inset, answer: Option<&Answer>) -> Inset {
        if answer.is_none_or(|answer| answer.power > 0.0) {
            self.falls = inset;
        } else {
            self.stands = Some(inset);
        }
        let open: Vec<Inset> = self.ends.iter().filter_map(|&end| self.open(end)).collect();
        let guess = match answer {
            Some(answer) if answer.power < STEEP => {
                inset.metres - answer.power / answer.slopes.iter().sum::<f64>()
            }
            _ => f64::NAN,
        };
        self.is_newton = false;
        let newton = Inset {
            metres: guess,
            after: false,
        };
        if guess.is_finite() && self.stands < Some(newton) && newton < self.falls {
            // The power jumps where a contact vanishes: look there before going beyond.
            let jump = open.iter().rfind(|end| end.metres <= guess);
            // Where a contact is a point, power may be huge and fall off within a hair.
            self.is_newton = jump.is_none() && !self.ends.contains(&inset.metres);
            return jump.copied().unwrap_or(newton);
        }
        // Seen from close by, it stands as far as to where a contact is a point, and falls there.
        let beyond = self.stands == Some(inset) && guess >= self.falls.metres;
        if beyond && self.ends.contains(&self.falls.metres) {
            let short = self.falls.metres - LAST_STEP * self.length_m;
            self.reaches_end = inset.metres >= short;
            if open.is_empty() && self.stands.is_some_and(|stands| stands.metres < short) {
                return Inset {
                    metres: short,
                    after: false,
                };
            }
        }
        open.get(open.len() / 2)
            .copied()
            .unwrap_or_else(|| self.halfway())
    }

    /// The first side of `end`, at which a contact vanishes, of which nothing is known.
    fn open(&self, end: f64) -> Option<Inset> {
        [false, true]
            .map(|after| Inset { metres: end, after })
            .into_iter()
            .find(|&side| self.stands < Some(side) && side < self.falls)
    }

    fn halfway(&mut self) -> Inset {
        let metres = if let Some(stands) = self.stands {
            0.5 * (stands.metres + self.falls.metres)
        } else {
            self.reach *= 2.0;
            self.falls.metres - self.reach
        };
        Inset {
            metres,
            after: false,
        }
    }
}
