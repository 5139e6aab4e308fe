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

/// Where the blocks of a tower go.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Horizontal centres from the bottom up, in metres.
    pub centres: Vec<[f64; 2]>,
    /// Unit direction across the nearest border at the critical interface, outwards.
    pub outward: [f64; 2],
}

/// Places `bricks`, listed from the bottom up, such that interface `critical` has margin `margin` against
/// the lower block's border and every other interface at least |`margin`|.
///
/// Built from the top down: each block is placed under the centre of mass of what rests on it.
pub fn stack(bricks: &[Brick], target: Target, stream: &mut Stream) -> Stack {
    let top = bricks.len() - 1;
    let mut centres = vec![[0.0; 2]; bricks.len()];
    let mut load = [0.0; 2];
    let mut carried = bricks[top].mass();
    let mut outward = [0.0; 2];
    for interface in (1..=top).rev() {
        let brick = bricks[interface - 1];
        let half = 0.5 * brick.side_m;
        let margin_m = target.margin * brick.side_m.min(bricks[interface].side_m);
        let own = if interface == target.critical {
            margin_m
        } else {
            stream.range(margin_m.abs().min(half), half)
        };
        let (at, across) = within(own, half, stream);
        let (sin, cos) = (libm::sin(brick.yaw), libm::cos(brick.yaw));
        let turned = |[x, y]: [f64; 2]| [cos * x - sin * y, sin * x + cos * y];
        let off = turned(at);
        let centre = [load[0] - off[0], load[1] - off[1]];
        if interface == target.critical {
            outward = turned(across);
        }
        let mass = brick.mass();
        for k in 0..2 {
            load[k] = (load[k] * carried + centre[k] * mass) / (carried + mass);
        }
        carried += mass;
        centres[interface - 1] = centre;
    }
    Stack { centres, outward }
}

impl Stack {
    /// Moves all that rests on interface `critical` outwards by `by_m`.
    pub fn push(&mut self, critical: usize, by_m: f64) {
        for centre in &mut self.centres[critical..] {
            for (at, outward) in centre.iter_mut().zip(self.outward) {
                *at += by_m * outward;
            }
        }
    }

    /// Moves the middle of the tower's extent over the origin.
    pub fn centre(&mut self) {
        for k in 0..2 {
            let along = || self.centres.iter().map(|c| c[k]);
            let low = along().fold(f64::INFINITY, f64::min);
            let high = along().fold(f64::NEG_INFINITY, f64::max);
            for centre in &mut self.centres {
                centre[k] -= 0.5 * (low + high);
            }
        }
    }

    /// Whether all neighbours visibly touch.
    pub fn touches(&self, bricks: &[Brick]) -> bool {
        let pairs = self.centres.windows(2).zip(bricks.windows(2));
        pairs.into_iter().all(|(c, b)| {
            let (dx, dy) = (c[1][0] - c[0][0], c[1][1] - c[0][1]);
            let reach = MAX_OFFSET * 0.5 * (b[0].side_m + b[1].side_m);
            dx * dx + dy * dy <= reach * reach
        })
    }
}

/// A point at signed distance `margin_m` from the border of a square (positive: inside), and the
/// direction to that border, in the square's own frame: a random side, a random place along it.
fn within(margin_m: f64, half: f64, stream: &mut Stream) -> ([f64; 2], [f64; 2]) {
    let across = half - margin_m;
    let along = stream.range(-1.0, 1.0) * (half - margin_m.abs());
    match stream.below(4) {
        0 => ([across, along], [1.0, 0.0]),
        1 => ([-across, along], [-1.0, 0.0]),
        2 => ([along, across], [0.0, 1.0]),
        _ => ([along, -across], [0.0, -1.0]),
    }
}
