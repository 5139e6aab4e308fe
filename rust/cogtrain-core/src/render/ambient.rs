//! How open a place is to light from all around: dark in creases, where blocks touch and below
//! overhangs.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::bounds::Bounds;
use super::cast::{Block, Set, members};
use super::swatch::{SWATCH, Vectors, Wide};
use super::vector::V3;

/// Heights above the surface at which room is felt for, in units, and what each counts.
const FEELERS: [(f64, f64); 4] = [(0.05, 0.26), (0.16, 0.28), (0.4, 0.26), (0.9, 0.20)];
/// What is left in the tightest crease is one minus this.
const DEPTH: f64 = 0.8;

/// Boxes as things that take light away from their surroundings.
pub struct Ambient {
    /// Middle and reach of each box.
    reach: Vec<(V3, f64)>,
    unit_m: f64,
}

impl Ambient {
    /// `unit_m` is the size of a usual block, in metres.
    pub fn new(blocks: &[Block], unit_m: f64) -> Self {
        let reach = blocks.iter().map(|block| {
            let corners = block.corners();
            let middle = (corners[0] + corners[7]) * 0.5;
            let half = corners[7] - middle;
            (middle, half.dot(half).sqrt() + 2.0 * FEELERS[3].0 * unit_m)
        });
        Self {
            reach: reach.collect(),
            unit_m,
        }
    }

    /// The boxes near a point within `bounds`.
    pub fn near(&self, bounds: &Bounds) -> Set {
        let is_near = |(middle, reach): &(V3, f64)| bounds.distance2(*middle) <= reach * reach;
        let boxes = (0..self.reach.len()).filter(|&i| is_near(&self.reach[i]));
        boxes.fold(0, |set, i| set | 1 << i)
    }

    /// 1 in the open, less near boxes and near the ground (`sees_ground`: for faces, not for the
    /// ground itself). Each feeler goes straight out and measures the distance to the nearest
    /// box of a set; in the open that distance is the feeler's own height.
    #[inline(always)]
    pub fn openness(
        &self,
        (blocks, set): (&[Block], Set),
        (points, normals): (&Vectors, &Vectors),
        sees_ground: bool,
    ) -> Wide {
        if set == 0 && !sees_ground {
            return [1.0; SWATCH];
        }
        // Squares of distances have the distances' order.
        let mut near = [[f64::INFINITY; SWATCH]; FEELERS.len()];
        for b in members(set) {
            let (block, (middle, reach)) = (&blocks[b], self.reach[b]);
            let mut far = [0.0; SWATCH];
            for (i, far) in far.iter_mut().enumerate() {
                let away = points.at(i) - middle;
                let is_far = away.dot(away) > reach * reach;
                *far = if is_far { f64::INFINITY } else { 0.0 };
            }
            if far.iter().all(|&far| far > 0.0) {
                continue;
            }
            for (near, (height, _)) in near.iter_mut().zip(FEELERS) {
                let height = height * self.unit_m;
                for (i, near) in near.iter_mut().enumerate() {
                    let feeler = points.at(i) + normals.at(i) * height;
                    let distance2 = block.distance2(feeler) + far[i];
                    *near = if distance2 < *near { distance2 } else { *near };
                }
            }
        }
        for (near, (height, _)) in near.iter_mut().zip(FEELERS) {
            for (i, near) in near.iter_mut().enumerate() {
                let above = points.at(i).z + normals.at(i).z * height * self.unit_m;
                let above = if above > 0.0 { above } else { 0.0 };
                let above = if sees_ground { above } else { f64::INFINITY };
                let distance = near.sqrt();
                *near = if distance < above { distance } else { above };
            }
        }
        let mut closed = [0.0; SWATCH];
        for (near, (height, weight)) in near.iter().zip(FEELERS) {
            for (closed, near) in closed.iter_mut().zip(near) {
                let share = 1.0 - near / (height * self.unit_m);
                *closed += weight * if share > 0.0 { share } else { 0.0 };
            }
        }
        for closed in &mut closed {
            *closed = 1.0 - DEPTH * *closed;
        }
        closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;

    #[test]
    fn creases_are_darker_than_the_open() {
        let scene = cubes(&[[0.0, 0.0, 0.5], [0.3, 0.0, 1.5]]);
        let blocks: Vec<Block> = scene.bodies.iter().map(Block::new).collect();
        let ambient = Ambient::new(&blocks, 1.0);
        let up = V3::new(0.0, 0.0, 1.0);
        let all = (&blocks[..], 0b11);
        let openness = |point: V3, normal: V3, sees_ground| {
            let (mut points, mut normals) = (Vectors::new(), Vectors::new());
            points.put(0, point);
            normals.put(0, normal);
            ambient.openness(all, (&points, &normals), sees_ground)[0]
        };
        let floor = |x| openness(V3::new(x, 0.0, 0.0), up, false);
        assert!((floor(9.0) - 1.0).abs() < 1e-12);
        assert!(floor(0.52) < floor(0.8) && floor(0.8) < floor(1.5));
        let down = V3::new(0.0, 0.0, -1.0);
        let overhang = openness(V3::new(0.7, 0.0, 1.0), down, true);
        let top = openness(V3::new(0.3, 0.0, 2.0), up, true);
        assert!(
            overhang < 0.9 && (top - 1.0).abs() < 1e-12,
            "{overhang} {top}"
        );
    }
}
