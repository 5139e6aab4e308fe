//! Which blocks a pyramid has, which of them is red, and which of them the red one decides.
//!
//! Rows grow shorter upwards, each block on two of the row below, and may end in a spire of single
//! blocks. The *turret*, a column of one to three blocks, rests on two blocks that bear nothing else,
//! one of them red: on the very top, or at one end of a lower row, one place apart from the rest.
//! So nothing wedges it fast once it begins to tip, whichever way it tips. If the rest of the pyramid
//! lay on it, it would tip only a little wherever friction is high enough to make a flat arch of them,
//! and the answer would hang on what cannot be seen.

/// A block's place: row from the bottom, column from the left, both from 0.
pub type Slot = (usize, usize);

/// Longest bottom row under a turret at an end, with three places for the turret.
const MAX_BASE: usize = 6;
const TURRET_PLACES: usize = 3;
/// Highest turret.
const MAX_TURRET: usize = 3;

/// A pyramid's blocks, with what the red one decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Per row from the bottom and per block: the first and the last block of the row below that it
    /// rests on, one or two. Those of the bottom row mean nothing.
    pub rows: Vec<Vec<[usize; 2]>>,
    /// The red block.
    pub red: Slot,
    /// The column on the red block and on one other, from below.
    pub turret: Vec<Slot>,
}

impl Profile {
    /// Every pyramid of `n_rows`: every place and height of the turret, each of its supports red.
    pub fn all(n_rows: usize) -> Vec<Self> {
        let heights = |room: usize| 1..=room.min(MAX_TURRET);
        let top = heights(n_rows - 1).map(|height| under_top(n_rows, height));
        let lowest = 0..(n_rows - 1).min(MAX_BASE - TURRET_PLACES);
        let side = lowest.flat_map(|row| {
            heights(n_rows - 1 - row)
                .flat_map(move |height| [0, 1].map(|red| under_side(n_rows, row, height, red)))
        });
        top.chain(side)
            .flat_map(|left| [left.mirrored(), left])
            .collect()
    }

    /// Every block's place, row by row from the bottom.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        let rows = self.rows.iter().enumerate();
        rows.flat_map(|(row, blocks)| (0..blocks.len()).map(move |column| (row, column)))
    }

    /// The support of the turret that is not red.
    pub fn other_support(&self) -> Slot {
        let (row, column) = self.turret[0];
        let [left, right] = self.rows[row][column];
        (self.red.0, if left == self.red.1 { right } else { left })
    }

    /// Left and right exchanged.
    fn mirrored(&self) -> Self {
        let flip = |(row, column): Slot| (row, self.rows[row].len() - 1 - column);
        let rows = self.rows.iter().enumerate().map(|(row, blocks)| {
            let below = |[left, right]: [usize; 2]| match row {
                0 => [blocks.len() - 1 - left; 2],
                _ => [right, left].map(|column| flip((row - 1, column)).1),
            };
            blocks.iter().rev().map(|&pair| below(pair)).collect()
        });
        Self {
            rows: rows.collect(),
            red: flip(self.red),
            turret: self.turret.iter().map(|&slot| flip(slot)).collect(),
        }
    }
}

/// Blocks on the ground.
fn ground(length: usize) -> Vec<[usize; 2]> {
    (0..length).map(|column| [column; 2]).collect()
}

/// `length` blocks, each on two of the row below, from the `first` on.
fn course(first: usize, length: usize) -> impl Iterator<Item = [usize; 2]> {
    (first..first + length).map(|left| [left, left + 1])
}

/// A full pyramid with a turret of `height` blocks for its top, the left support red.
fn under_top(n_rows: usize, height: usize) -> Profile {
    let body = n_rows - height;
    let mut rows = vec![ground(body + 1)];
    rows.extend((1..=body).map(|row| course(0, body + 1 - row).collect()));
    rows.extend((1..height).map(|_| vec![[0, 0]]));
    Profile {
        rows,
        red: (body - 1, 0),
        turret: (body..n_rows).map(|row| (row, 0)).collect(),
    }
}

/// A pyramid with a turret of `height` blocks on the left end of `row`, support `red` of it red.
fn under_side(n_rows: usize, row: usize, height: usize, red: usize) -> Profile {
    let body = (MAX_BASE - TURRET_PLACES - row).min(n_rows - 1 - row);
    let base = body + TURRET_PLACES + row;
    let mut rows = vec![ground(base)];
    rows.extend((1..=row).map(|r| course(0, base - r).collect()));
    let (bottom, top) = (row + 1, row + height);
    for r in bottom..n_rows {
        let (turret, first) = match r {
            _ if r == bottom => (Some([0, 1]), TURRET_PLACES - 1),
            _ => ((r <= top).then_some([0, 0]), usize::from(r <= top + 1)),
        };
        let length = (body + bottom).saturating_sub(r);
        let mut blocks: Vec<[usize; 2]> = turret.into_iter().collect();
        blocks.extend(course(first, length));
        if length == 0 {
            blocks.push([first; 2]);
        }
        rows.push(blocks);
    }
    Profile {
        rows,
        red: (row, red),
        turret: (bottom..=top).map(|r| (r, 0)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn bears(profile: &Profile, below: Slot) -> Vec<Slot> {
        let rests = |&(row, column): &Slot| {
            row == below.0 + 1 && profile.rows[row][column].contains(&below.1)
        };
        profile.slots().filter(rests).collect()
    }

    #[test]
    fn the_blocks_of_every_pyramid_can_be_counted() {
        let most = (2..=5)
            .flat_map(Profile::all)
            .map(|profile| profile.slots().count())
            .max();
        let options = crate::Question::BlockCount.options();
        assert_eq!(
            most.map(|n| n.to_string()).as_deref(),
            options.last().copied()
        );
    }

    #[test]
    fn only_the_turret_rests_on_red() {
        for n_rows in 2..=5 {
            for profile in Profile::all(n_rows) {
                assert_eq!(profile.rows.len(), n_rows);
                let slots: BTreeSet<Slot> = profile.slots().collect();
                for &(row, column) in slots.iter().filter(|slot| slot.0 > 0) {
                    let [left, right] = profile.rows[row][column];
                    assert!(right - left <= 1 && slots.contains(&(row - 1, right)));
                }
                for support in [profile.red, profile.other_support()] {
                    assert_eq!(bears(&profile, support), profile.turret[..1], "{profile:?}");
                }
                for pair in profile.turret.windows(2) {
                    assert_eq!(bears(&profile, pair[0]), pair[1..], "{profile:?}");
                }
                let top = profile.turret.last().expect("at least one");
                assert!(bears(&profile, *top).is_empty(), "{profile:?}");
            }
        }
    }

    #[test]
    fn every_pyramid_is_listed_once_and_with_its_mirror_image() {
        let counts = [2, 3, 4, 5].map(|n_rows| {
            let all = Profile::all(n_rows);
            for (i, profile) in all.iter().enumerate() {
                assert!(!all[..i].contains(profile), "{profile:?}");
                assert!(all.contains(&profile.mirrored()), "{profile:?}");
                assert_eq!(&profile.mirrored().mirrored(), profile);
            }
            let places: BTreeSet<usize> = all.iter().map(|profile| profile.red.0).collect();
            assert_eq!(
                places.into_iter().collect::<Vec<_>>(),
                (0..n_rows - 1).collect::<Vec<_>>()
            );
            all.len()
        });
        assert_eq!(counts, [2 + 4, 4 + 12, 6 + 24, 6 + 32]);
    }
}
