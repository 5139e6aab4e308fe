//! The noisy-physics observer of Battaglia, Hamrick & Tenenbaum (2013).
//!
//! People seem to judge a scene by running it in their heads a few times, each time as a slightly
//! wrong copy: bodies are not quite where they are seen, and the world may give a push that is
//! not seen. P(fall) is the share of copies that fall.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::contact::check_upright;
use super::noise::{content, falls, gaussian_pair, shifted};
use super::simulate::simulate_tilted;
use crate::scene::Scene;
use crate::{Error, Result, Stream};

/// What runs in the observer's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanics {
    /// Statics: a copy falls if no contact forces balance it. Microseconds; sliding counts as
    /// falling, and bodies that come to share space are taken as they are.
    Statics,
    /// Rigid-body simulation for four seconds: a copy falls if any body drops by a tenth of its
    /// shortest side. Tens of milliseconds; bodies that come to share space are pushed apart.
    Simulation,
}

impl Mechanics {
    /// Every name.
    pub const NAMES: [&'static str; 2] = ["statics", "simulation"];

    /// The mechanics called `name`.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "statics" => Ok(Self::Statics),
            "simulation" => Ok(Self::Simulation),
            _ => Err(Error::unknown_name("mechanics", name, &Self::NAMES)),
        }
    }
}

/// An observer with a noisy eye and a noisy world in its head.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NoisyPhysics {
    /// Standard deviation of each body's seen position along x and along y, in its shortest sides.
    pub sigma: f64,
    /// Standard deviation of the unseen push along x and along y, in units of gravity: one steady
    /// acceleration of everything per copy.
    pub force: f64,
    /// Copies per scene.
    pub samples: u32,
    /// Two seeds are two observers.
    pub seed: u64,
    /// What runs in the head.
    pub mechanics: Mechanics,
}

impl NoisyPhysics {
    /// Which copies of each scene fall: per scene, one answer per copy.
    ///
    /// Copy `k` of a scene depends on the seed, `k`, and the scene's bodies (not their colours)
    /// alone: more samples begin with the fewer, and neither the order of the scenes nor the
    /// number of `threads` matters.
    ///
    /// # Errors
    /// [`Error::Argument`] for a negative or infinite noise, no samples, a scene that is not
    /// valid, or bodies that are not upright.
    pub fn falls(&self, scenes: &[&Scene], threads: usize) -> Result<Vec<Vec<bool>>> {
        self.check()?;
        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(scene) = scenes.get(index) else {
                    return done;
                };
                done.push((index, self.imagine(scene)));
            }
        };
        let threads = threads.clamp(1, scenes.len().max(1));
        let mut answers: Vec<(usize, Result<Vec<bool>>)> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
            joined
                .flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        answers.sort_by_key(|&(index, _)| index);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// P(fall) of each scene: the share of its copies that fall.
    ///
    /// # Errors
    /// As for [`falls`](Self::falls).
    pub fn p_fall(&self, scenes: &[&Scene], threads: usize) -> Result<Vec<f64>> {
        let share = |copies: Vec<bool>| {
            let fallen = copies.iter().filter(|&&fell| fell).count();
            fallen as f64 / copies.len() as f64
        };
        let copies = self.falls(scenes, threads)?;
        Ok(copies.into_iter().map(share).collect())
    }

    fn check(&self) -> Result<()> {
        for (name, value) in [("sigma", self.sigma), ("force", self.force)] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(Error::argument(
                    name,
                    "finite and not negative",
                    value,
                    "correct it",
                ));
            }
        }
        if self.samples == 0 {
            return Err(Error::argument(
                "samples",
                "at least 1",
                0,
                "ask for one copy or more",
            ));
        }
        Ok(())
    }

    fn imagine(&self, scene: &Scene) -> Result<Vec<bool>> {
        scene.check()?;
        if self.mechanics == Mechanics::Statics {
            check_upright(&scene.bodies)?;
        }
        let name = blake3::Hash::from_bytes(content(scene)).to_hex();
        let purpose = format!("noisy physics {name}");
        (0..u64::from(self.samples))
            .map(|copy| self.imagine_once(scene, &mut Stream::new(self.seed, &purpose, copy)))
            .collect()
    }

    fn imagine_once(&self, scene: &Scene, stream: &mut Stream) -> Result<bool> {
        let tilt = gaussian_pair(stream).map(|push| push * self.force);
        let seen = shifted(scene, self.sigma, stream);
        match self.mechanics {
            Mechanics::Statics => falls(&seen, tilt),
            Mechanics::Simulation => simulate_tilted(&seen, tilt).map(|motion| motion.fell),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    fn pair(offset: f64) -> Scene {
        cubes(&[[0.0, 0.0, 0.5], [offset, 0.0, 1.5]])
    }

    const OBSERVER: NoisyPhysics = NoisyPhysics {
        sigma: 0.2,
        force: 0.0,
        samples: 2000,
        seed: 0,
        mechanics: Mechanics::Statics,
    };

    /// P(fall) of a pair in closed form: the upper block's seen offset is Gaussian with variance
    /// 2 σ² along both axes, and it falls if either exceeds half a side.
    #[test]
    fn a_pair_falls_as_often_as_the_normal_distribution_says() {
        let scenes = [pair(0.0), pair(0.3), pair(0.5), pair(0.8)];
        let borrowed: Vec<&Scene> = scenes.iter().collect();
        let found = OBSERVER.p_fall(&borrowed, 2).expect("valid");
        let below = |x: f64| 0.5 * (1.0 + libm::erf(x / (0.2 * 2.0)));
        for (offset, p) in [0.0, 0.3, 0.5, 0.8].into_iter().zip(found) {
            let along = below(0.5 - offset) - below(-0.5 - offset);
            let expected = 1.0 - along * (below(0.5) - below(-0.5));
            // Four standard errors of a share of 2,000.
            assert!(
                (p - expected).abs() < 4.0 * 0.5 / 2000.0_f64.sqrt(),
                "{offset}: {p}"
            );
        }
    }

    #[test]
    fn a_push_tips_a_tall_block() {
        let mut scene = cubes(&[[0.0, 0.0, 2.0]]);
        scene.bodies[0].size_m[2] = 4.0;
        let pushed = NoisyPhysics {
            sigma: 0.0,
            force: 0.25,
            ..OBSERVER
        };
        // It tips if the push along x or along y exceeds 1/4: one standard deviation.
        let p = pushed.p_fall(&[&scene], 1).expect("valid")[0];
        let expected = 1.0 - libm::erf(0.5_f64.sqrt()).powi(2);
        assert!((p - expected).abs() < 4.0 * 0.5 / 2000.0_f64.sqrt(), "{p}");
    }

    #[test]
    fn answers_depend_on_neither_threads_nor_order_nor_number() {
        let scenes: Vec<Scene> = (0..7).map(|i| pair(0.1 * f64::from(i))).collect();
        let borrowed: Vec<&Scene> = scenes.iter().collect();
        let few = NoisyPhysics {
            samples: 40,
            ..OBSERVER
        };
        let one = few.falls(&borrowed, 1).expect("valid");
        assert_eq!(one, few.falls(&borrowed, 4).expect("valid"));
        let mut reversed: Vec<&Scene> = borrowed.iter().rev().copied().collect();
        let mut backwards = few.falls(&reversed, 3).expect("valid");
        backwards.reverse();
        assert_eq!(one, backwards);
        reversed.truncate(1);
        let more = OBSERVER.falls(&reversed, 1).expect("valid");
        assert_eq!(one[6], more[0][..40]);
        let other = NoisyPhysics { seed: 1, ..few };
        assert_ne!(one, other.falls(&borrowed, 1).expect("valid"));
    }

    #[test]
    fn a_sharp_eye_sees_the_truth_in_either_head() {
        for mechanics in [Mechanics::Statics, Mechanics::Simulation] {
            let sharp = NoisyPhysics {
                sigma: 0.0,
                samples: 1,
                mechanics,
                ..OBSERVER
            };
            let (stands, falls) = (pair(0.4), pair(0.6));
            assert_eq!(
                sharp.p_fall(&[&stands, &falls], 2).expect("valid"),
                [0.0, 1.0]
            );
        }
    }

    #[test]
    fn refuses_what_it_cannot_imagine() {
        let mut tilted = pair(0.0);
        tilted.bodies[1].orientation = [0.8, 0.6, 0.0, 0.0];
        for (observer, scene, words) in [
            (
                NoisyPhysics {
                    sigma: -0.1,
                    ..OBSERVER
                },
                pair(0.0),
                ["`sigma`", "got -0.1"],
            ),
            (
                NoisyPhysics {
                    force: f64::NAN,
                    ..OBSERVER
                },
                pair(0.0),
                ["`force`", "got NaN"],
            ),
            (
                NoisyPhysics {
                    samples: 0,
                    ..OBSERVER
                },
                pair(0.0),
                ["`samples`", "got 0"],
            ),
            (OBSERVER, tilted, ["scene.bodies[1]", "tilted"]),
        ] {
            let error = observer
                .p_fall(&[&scene], 1)
                .expect_err("refused")
                .to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
