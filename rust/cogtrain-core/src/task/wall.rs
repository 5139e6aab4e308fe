//! A pyramid of unit blocks in one plane: where the blocks of a profile are along the wall.

use super::profile::Profile;
use crate::Stream;

/// Distance between neighbours in a row, in metres: unit blocks with a gap.
const PITCH_M: [f64; 2] = [1.08, 1.25];
/// Largest random shift of a block along its row, in metres.
const JITTER_M: f64 = 0.06;
/// Least gap between neighbours in a row, and least overlap of a block with each of its supports, in
/// metres: both must be visible.
const LEAST_GAP_M: f64 = 0.02;
const LEAST_OVERLAP_M: f64 = 0.08;

/// Where the blocks of a pyramid are along the wall.
#[derive(Clone, Debug, PartialEq)]
pub struct Wall {
    /// Centres per row from the bottom, from left to right, in metres.
    pub rows: Vec<Vec<f64>>,
}

impl Wall {
    /// The blocks of `profile` with random pitch and jitter, its bottom row about the origin.
    pub fn draw(profile: &Profile, stream: &mut Stream) -> Self {
        let pitch = stream.range(PITCH_M[0], PITCH_M[1]);
        let base = profile.rows[0].len();
        let mut level: Vec<f64> = (0..base)
            .map(|column| (column as f64 - 0.5 * (base as f64 - 1.0)) * pitch)
            .collect();
        let mut rows = Vec::new();
        for (row, blocks) in profile.rows.iter().enumerate() {
            if row > 0 {
                let over = |[left, right]: &[usize; 2]| 0.5 * (level[*left] + level[*right]);
                level = blocks.iter().map(over).collect();
            }
            let jittered = |x: &f64| x + stream.range(-JITTER_M, JITTER_M);
            rows.push(level.iter().map(jittered).collect());
        }
        Self { rows }
    }

    /// Lays the turret so that its centre of mass is over its support that is not red, within its
    /// edge by `margin_m`, or beyond that by as much if negative.
    pub fn lay_turret(&mut self, profile: &Profile, margin_m: f64) {
        let at = |wall: &Self, (row, column): (usize, usize)| wall.rows[row][column];
        let (support, red) = (at(self, profile.other_support()), at(self, profile.red));
        let sum: f64 = profile.turret.iter().map(|&slot| at(self, slot)).sum();
        let target = support + (0.5 - margin_m).copysign(red - support);
        let by_m = target - sum / profile.turret.len() as f64;
        for &(row, column) in &profile.turret {
            self.rows[row][column] += by_m;
        }
    }

    /// Whether every gap and every overlap is visible.
    pub fn is_sound(&self, profile: &Profile) -> bool {
        let gap = |pair: &[f64]| pair[1] - pair[0] >= 1.0 + LEAST_GAP_M;
        let gaps = self.rows.iter().all(|row| row.windows(2).all(gap));
        let mut raised = profile.slots().filter(|slot| slot.0 > 0);
        let rests = raised.all(|(row, column)| {
            let x = self.rows[row][column];
            let overlap = |below: usize| 1.0 - (x - self.rows[row - 1][below]).abs();
            profile.rows[row][column]
                .map(overlap)
                .iter()
                .all(|m| *m >= LEAST_OVERLAP_M)
        });
        gaps && rests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_lie_over_their_supports_and_the_turret_where_it_should() {
        for profile in (2..=5).flat_map(Profile::all) {
            let mut wall = Wall::draw(&profile, &mut Stream::new(0, "wall", 0));
            for (row, column) in profile.slots().filter(|slot| slot.0 > 0) {
                let [left, right] = profile.rows[row][column];
                let middle = 0.5 * (wall.rows[row - 1][left] + wall.rows[row - 1][right]);
                assert!((wall.rows[row][column] - middle).abs() <= 2.0 * JITTER_M);
            }
            wall.lay_turret(&profile, -0.1);
            let [support, red] = [profile.other_support(), profile.red];
            let towards_red = (wall.rows[red.0][red.1] - wall.rows[support.0][support.1]).signum();
            let sum: f64 = profile.turret.iter().map(|&(r, c)| wall.rows[r][c]).sum();
            let mean = sum / profile.turret.len() as f64 - wall.rows[support.0][support.1];
            assert!((mean * towards_red - 0.6).abs() < 1e-12);
        }
    }
}
