//! A small linear program, solved: the speeds at which the most power is won.
//!
//! Given rates r(v) that are linear in the speeds v, it maximises power · v where no rate is
//! negative and their mean is one. The solver is an interior-point method (Clarabel), which takes
//! the same few steps whatever the degeneracy, gives the dual solution with the primal one, and
//! uses nothing but basic arithmetic and square roots: the same bits everywhere.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettings, DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT,
    SolverStatus, ZeroConeT,
};

/// Maximise power · v subject to r(v) ≥ 0 and mean(r(v)) = 1.
pub struct Program {
    matrix: CscMatrix<f64>,
    cost: Vec<f64>,
    n_rates: usize,
}

/// An optimal solution.
pub struct Solution {
    /// The largest power.
    pub power: f64,
    /// The speeds at which it is won.
    pub speeds: Vec<f64>,
    /// Per rate, how much the power would change if that rate's formula were raised by one.
    pub prices: Vec<f64>,
}

/// What the solver made of it.
pub enum Solved {
    /// It found the optimum.
    Best(Solution),
    /// Power can grow without bounds.
    Unbounded,
    /// It gave up, for the reason that it names.
    Failed(String),
}

impl Program {
    /// The program with `power` per speed and, per speed, the rates that it changes: pairs of the
    /// rate's number, ascending, and the change.
    pub fn new(power: &[f64], changes: &[Vec<(usize, f64)>], n_rates: usize) -> Self {
        let mut starts = Vec::with_capacity(changes.len() + 1);
        let (mut places, mut values) = (Vec::new(), Vec::new());
        starts.push(0);
        for speed in changes {
            places.push(0);
            values.push(speed.iter().map(|&(_, change)| change).sum());
            places.extend(speed.iter().map(|&(rate, _)| rate + 1));
            values.extend(speed.iter().map(|&(_, change)| -change));
            starts.push(places.len());
        }
        Self {
            matrix: CscMatrix::new(n_rates + 1, changes.len(), starts, places, values),
            cost: power.iter().map(|p| -p).collect(),
            n_rates,
        }
    }

    /// Solves it, to 1e-12 of a power of one.
    pub fn solve(&self) -> Solved {
        self.solve_with(quick())
    }

    /// Solves it with all precautions, less closely.
    pub fn solve_carefully(&self) -> Solved {
        self.solve_with(careful())
    }

    fn solve_with(&self, settings: DefaultSettings<f64>) -> Solved {
        let n = self.cost.len();
        let mut bounds = vec![0.0; self.n_rates + 1];
        bounds[0] = self.n_rates as f64;
        let cones = [ZeroConeT(1), NonnegativeConeT(self.n_rates)];
        let (none, q, a) = (CscMatrix::<f64>::zeros((n, n)), &self.cost, &self.matrix);
        let mut solver = match DefaultSolver::new(&none, q, a, &bounds, &cones, settings) {
            Ok(solver) => solver,
            Err(error) => return Solved::Failed(error.to_string()),
        };
        solver.solve();
        match solver.solution.status {
            SolverStatus::Solved | SolverStatus::AlmostSolved => {
                Solved::Best(self.solution(&solver.solution.x, &solver.solution.z))
            }
            SolverStatus::DualInfeasible | SolverStatus::AlmostDualInfeasible => Solved::Unbounded,
            status => Solved::Failed(format!("{status:?}")),
        }
    }

    fn solution(&self, speeds: &[f64], duals: &[f64]) -> Solution {
        Solution {
            power: -speeds
                .iter()
                .zip(&self.cost)
                .map(|(v, q)| v * q)
                .sum::<f64>(),
            speeds: speeds.to_vec(),
            // Raising a rate gives it room, and uses up some of what all rates sum to.
            prices: duals[1..].iter().map(|dual| dual - duals[0]).collect(),
        }
    }
}

/// Everything is scaled already, and a small program needs no reduction.
fn quick() -> DefaultSettings<f64> {
    DefaultSettingsBuilder::default()
        .verbose(false)
        .equilibrate_enable(false)
        .presolve_enable(false)
        .max_iter(60)
        .tol_gap_abs(1e-12)
        .tol_gap_rel(1e-12)
        .tol_feas(1e-11)
        .build()
        .expect("settings within their ranges")
}

/// The solver's own precautions and tolerances.
fn careful() -> DefaultSettings<f64> {
    DefaultSettingsBuilder::default()
        .verbose(false)
        .build()
        .expect("settings within their ranges")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two speeds, rates v and w: all of the mean goes into the one that pays.
    #[test]
    fn takes_what_pays() {
        let changes = [vec![(0, 1.0)], vec![(1, 1.0)]];
        let Solved::Best(found) = Program::new(&[1.0, 3.0], &changes, 2).solve() else {
            panic!("bounded")
        };
        assert!((found.power - 6.0).abs() < 1e-9, "{}", found.power);
        assert!(found.speeds[0].abs() < 1e-9 && (found.speeds[1] - 2.0).abs() < 1e-9);
        // One more in w's rate leaves one less of speed to choose.
        assert!((found.prices[1] + 3.0).abs() < 1e-9, "{:?}", found.prices);
    }

    #[test]
    fn sees_that_nothing_bounds_a_speed() {
        let changes = [vec![(0, 1.0)], vec![]];
        let found = Program::new(&[1.0, 1.0], &changes, 1).solve();
        assert!(matches!(found, Solved::Unbounded));
    }
}
