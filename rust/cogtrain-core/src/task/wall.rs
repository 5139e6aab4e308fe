//! A pyramid of blocks in one plane: rows one shorter than the row below, each block on two.

use std::cmp::Ordering;

use crate::Stream;

/// Distance between neighbours in a row, in metres: unit blocks with a gap.
const PITCH_M: [f64; 2] = [1.15, 1.4];
/// Largest random shift of a block along its row, in metres.
const JITTER_M: f64 = 0.1;
/// How far the blocks beside the middle one are randomly moved outwards, per row over the red block,
/// in metres.
const PARTING_M: [f64; 2] = [0.0, 0.25];
/// Least gap between neighbours in a row, and least overlap of a block with each of its two
/// supports, in metres: both must be visible.
const LEAST_GAP_M: f64 = 0.02;
const LEAST_OVERLAP_M: f64 = 0.08;

/// A block's place: row from the bottom, column from the left, both from 0.
pub type Slot = (usize, usize);

/// Where the blocks of a pyramid are along the wall.
#[derive(Clone, Debug, PartialEq)]
pub struct Wall {
    /// Centres per row from the bottom, from left to right, in metres.
    pub rows: Vec<Vec<f64>>,
}

impl Wall {
    /// A pyramid of `n_rows` with random pitch and jitter, parted over row `red`.
    pub fn draw(n_rows: usize, red: usize, stream: &mut Stream) -> Self {
        let pitch = stream.range(PITCH_M[0], PITCH_M[1]);
        let mut row = |n: usize| -> Vec<f64> {
            let middle = 0.5 * (n as f64 - 1.0);
            (0..n)
                .map(|c| (c as f64 - middle) * pitch + stream.range(-JITTER_M, JITTER_M))
                .collect()
        };
        let rows = (0..n_rows).map(|r| row(n_rows - r)).collect();
        let mut wall = Self { rows };
        for r in red + 1..n_rows {
            wall.part(r, stream.range(PARTING_M[0], PARTING_M[1]));
        }
        wall
    }

    /// Moves the blocks of row `row` outwards by `by_m`, all but one in the very middle.
    fn part(&mut self, row: usize, by_m: f64) {
        let n = self.rows[row].len();
        for (c, x) in self.rows[row].iter_mut().enumerate() {
            match (2 * c + 1).cmp(&n) {
                Ordering::Less => *x -= by_m,
                Ordering::Equal => {}
                Ordering::Greater => *x += by_m,
            }
        }
    }

    /// Moves one block along the wall by `by_m`.
    pub fn shift(&mut self, (row, column): Slot, by_m: f64) {
        self.rows[row][column] += by_m;
    }

    /// Whether every gap and every overlap is visible.
    pub fn is_sound(&self) -> bool {
        let gaps = self.rows.iter().all(|row| {
            row.windows(2)
                .all(|pair| pair[1] - pair[0] >= 1.0 + LEAST_GAP_M)
        });
        let rests = self.rows.windows(2).all(|pair| {
            pair[1].iter().enumerate().all(|(c, x)| {
                let overlaps = |below: f64| 1.0 - (x - below).abs() >= LEAST_OVERLAP_M;
                overlaps(pair[0][c]) && overlaps(pair[0][c + 1])
            })
        });
        gaps && rests
    }

    /// Every block's place, row by row from the bottom.
    pub fn slots(&self) -> Vec<Slot> {
        let row = |(r, row): (usize, &Vec<f64>)| (0..row.len()).map(move |c| (r, c)).collect();
        self.rows
            .iter()
            .enumerate()
            .flat_map(|each| -> Vec<Slot> { row(each) })
            .collect()
    }
}
