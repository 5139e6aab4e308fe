//! One block on another: where the blocks of a tower go so that it has a chosen margin.

use crate::Stream;

/// How far from touching by an edge alone two neighbours stay, as a share of the distance at which
/// they would no longer touch: contact must be visible.
const MAX_OFFSET: f64 = 0.95;

/// What a block of a tower is like, from the bottom up.
#[derive(Clone, Copy, Debug)]
pub struct Brick {
    /// Side of the cube, in metres.
    pub side_m: f64,
    /// Turn about the vertical, in radians.
    pub yaw: f64,
    /// Density in kg/m³.
    pub density: f64,
}

impl Brick {
    fn mass(&self) -> f64 {
        self.density * self.side_m * self.side_m * self.side_m
    }
}

/// The interface that decides, and its margin.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Interface between blocks `critical - 1` and `critical`.
    pub critical: usize,
    /// Signed margin there, as a fraction of the narrower side; elsewhere it is at least as large.
    pub margin: f64,
}

/// Horizontal centres from the bottom up, such that interface `critical` has margin `margin` against
/// the lower block's border and every other interface at least |`margin`|.
///
/// Built from the top down: each block is placed under the centre of mass of what rests on it. The
/// stream is read equally far whatever the sign, so that a minimal pair shares all other draws.
pub fn centres(bricks: &[Brick], target: Target, stream: &mut Stream) -> Vec<[f64; 2]> {
    let top = bricks.len() - 1;
    let mut centres = vec![[0.0; 2]; bricks.len()];
    let mut load = [0.0; 2];
    let mut carried = bricks[top].mass();
    for interface in (1..=top).rev() {
        let brick = bricks[interface - 1];
        let half = 0.5 * brick.side_m;
        let margin_m = target.margin * brick.side_m.min(bricks[interface].side_m);
        let own = if interface == target.critical {
            margin_m
        } else {
            stream.range(margin_m.abs().min(half), half)
        };
        let [x, y] = within(own, half, stream);
        let (sin, cos) = (libm::sin(brick.yaw), libm::cos(brick.yaw));
        let centre = [load[0] - (cos * x - sin * y), load[1] - (sin * x + cos * y)];
        let mass = brick.mass();
        for k in 0..2 {
            load[k] = (load[k] * carried + centre[k] * mass) / (carried + mass);
        }
        carried += mass;
        centres[interface - 1] = centre;
    }
    centres
}

/// A point at signed distance `margin_m` from the border of a square (positive: inside), in the
/// square's own frame: a random side, and a random place along it.
fn within(margin_m: f64, half: f64, stream: &mut Stream) -> [f64; 2] {
    let across = half - margin_m;
    let along = stream.range(-1.0, 1.0) * (half - margin_m.abs());
    match stream.below(4) {
        0 => [across, along],
        1 => [-across, along],
        2 => [along, across],
        _ => [along, -across],
    }
}

/// Moves the middle of the tower's extent over the origin.
pub fn centre(centres: &mut [[f64; 2]]) {
    for k in 0..2 {
        let along = || centres.iter().map(|c| c[k]);
        let middle = 0.5
            * (along().fold(f64::INFINITY, f64::min) + along().fold(f64::NEG_INFINITY, f64::max));
        for centre in centres.iter_mut() {
            centre[k] -= middle;
        }
    }
}

/// Whether all neighbours visibly touch.
pub fn touches(centres: &[[f64; 2]], bricks: &[Brick]) -> bool {
    centres.windows(2).zip(bricks.windows(2)).all(|(c, b)| {
        let (dx, dy) = (c[1][0] - c[0][0], c[1][1] - c[0][1]);
        let reach = MAX_OFFSET * 0.5 * (b[0].side_m + b[1].side_m);
        dx * dx + dy * dy <= reach * reach
    })
}
