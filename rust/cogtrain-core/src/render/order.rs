//! From back to front: an order in which boxes can be painted over one another.

use super::cast::{Block, Set, members};
use super::vector::V3;

/// How far boxes that touch may overlap, in metres: contacts are not exact.
const TOUCH_M: f64 = 1e-6;

/// Boxes from the farthest to the nearest, so that none hides one after it; `None` if boxes
/// overlap, or hide each other in a ring.
pub fn back_to_front(blocks: &[Block], camera: V3) -> Option<Vec<usize>> {
    // Per box, those that must be painted before it.
    let mut before: Vec<Set> = vec![0; blocks.len()];
    for i in 0..blocks.len() {
        for j in 0..i {
            match hiding(&blocks[i], &blocks[j], camera)? {
                Hiding::First => before[i] |= 1 << j,
                Hiding::Second => before[j] |= 1 << i,
                Hiding::Neither => {}
            }
        }
    }
    sorted(&before)
}

/// The members so that each comes after all that are `before` it.
fn sorted(before: &[Set]) -> Option<Vec<usize>> {
    let mut left: Set = (0..before.len()).fold(0, |set, i| set | 1 << i);
    let mut order = Vec::with_capacity(before.len());
    while left != 0 {
        let next = members(left).find(|&i| before[i] & left == 0)?;
        order.push(next);
        left &= !(1 << next);
    }
    Some(order)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hiding {
    First,
    Second,
    Neither,
}

/// On which side of a plane across `axis` that is between the boxes the camera is: that of `a`?
fn parts(a: &Block, b: &Block, axis: V3, camera: V3) -> Option<bool> {
    let ([low, high], [others_low, others_high]) = (a.bounds(axis), b.bounds(axis));
    let from = camera.dot(axis);
    if others_low >= high - TOUCH_M {
        Some(from < high)
    } else if others_high <= low + TOUCH_M {
        Some(from > low)
    } else {
        None
    }
}

/// Which of two boxes can hide the other; `None` if they overlap.
fn hiding(a: &Block, b: &Block, camera: V3) -> Option<Hiding> {
    let faces = a.axes.into_iter().chain(b.axes);
    let mut found: Option<Hiding> = None;
    for axis in faces {
        let Some(is_first) = parts(a, b, axis, camera) else {
            continue;
        };
        let hiding = if is_first {
            Hiding::First
        } else {
            Hiding::Second
        };
        // Only what is on the camera's side of a plane can hide: two planes may rule out both.
        match found {
            Some(before) if before != hiding => return Some(Hiding::Neither),
            _ => found = Some(hiding),
        }
    }
    found.or_else(|| {
        // Boxes may touch with edges across each other.
        let pairs = (0..9).map(|n| a.axes[n / 3].cross(b.axes[n % 3]));
        let mut axes = pairs.filter(|axis| axis.dot(*axis) > 1e-6);
        let is_first = axes.find_map(|axis| parts(a, b, axis.normalized(), camera))?;
        Some(if is_first {
            Hiding::First
        } else {
            Hiding::Second
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;
    use crate::scene::tests::cubes;

    /// Whatever a ray meets, it meets from the last in the order to the first.
    #[test]
    fn rays_meet_the_last_first() {
        let mut stream = Stream::new(4, "test", 0);
        let (mut crossed, mut ordered) = (0, 0);
        for _ in 0..60 {
            let mut at = || {
                [
                    stream.range(-2.0, 2.0),
                    stream.range(-2.0, 2.0),
                    stream.range(0.5, 3.0),
                ]
            };
            let scene = cubes(&[at(), at(), at(), at()]);
            let blocks: Vec<Block> = scene.bodies.iter().map(Block::new).collect();
            let camera = V3::from(scene.camera.position_m);
            let Some(order) = back_to_front(&blocks, camera) else {
                continue;
            };
            ordered += 1;
            for _ in 0..200 {
                let to = V3::new(
                    stream.range(-2.0, 2.0),
                    stream.range(-2.0, 2.0),
                    stream.range(0.0, 3.0),
                );
                let distance = |&i: &usize| blocks[i].enter(camera, to - camera).map(|hit| hit.t);
                let met: Vec<f64> = order.iter().filter_map(distance).collect();
                crossed += usize::from(met.len() > 1);
                assert!(met.is_sorted_by(|a, b| a >= b), "{met:?}");
            }
        }
        assert!(ordered > 10 && crossed > 100, "{ordered} {crossed}");
    }

    #[test]
    fn boxes_that_overlap_have_no_order() {
        let blocks = |at: [f64; 3]| {
            let scene = cubes(&[[0.0, 0.0, 0.5], at]);
            scene.bodies.iter().map(Block::new).collect::<Vec<_>>()
        };
        let camera = V3::new(0.0, -9.0, 4.0);
        assert_eq!(back_to_front(&blocks([0.2, 0.1, 0.9]), camera), None);
        assert_eq!(
            back_to_front(&blocks([0.2, 0.1, 1.5]), camera),
            Some(vec![0, 1])
        );
    }
}
