//! Boxes as the light sees them: which points are surely clear of a box's shadow, and which are
//! surely deep inside it. What is decided here is what chords over the disc would give.

// A kernel's parts have to be compiled for the body that calls them, and have no branches.
#![allow(clippy::inline_always, clippy::needless_bitwise_bool)]

use super::bounds::Bounds;
use super::cast::Block;
use super::swatch::{SWATCH, Vectors};
use super::vector::V3;

/// Slack, as a share of the largest distance along an axis between points and box: far above what
/// single precision rounds off.
const SLACK: f64 = 1e-4;
/// How far ahead of a point, as a share of the same, a box has to be so that its outline as seen
/// from the point is known to within the slack.
const AHEAD: f64 = 0.02;

/// The outline of a box seen along the light: a hexagon between three pairs of parallel sides.
pub struct Silhouette {
    /// Per pair: its normal across the disc, and the middle and half width between the sides.
    pairs: [Pair; 3],
    /// From and to where the box reaches towards the light.
    from: f64,
    to: f64,
}

#[derive(Clone, Copy)]
struct Pair {
    normal: [f64; 2],
    middle: f64,
    half: f64,
}

/// Per place of a swatch: which of the boxes have to be looked at, one bit each, and whether one
/// of them hides the whole disc.
pub struct Verdicts {
    pub unsure: [u64; SWATCH],
    pub is_dark: [u64; SWATCH],
}

impl Verdicts {
    pub fn new() -> Self {
        Self {
            unsure: [0; SWATCH],
            is_dark: [0; SWATCH],
        }
    }
}

impl Silhouette {
    /// `local` takes a direction into the light's frame; `middle` is the block's, and `bounds` its
    /// bounds, in that frame.
    pub fn new(block: &Block, local: impl Fn(V3) -> V3, middle: V3, bounds: &Bounds) -> Self {
        let (axes, half) = (block.axes.map(local), block.half());
        let pairs = [0, 1, 2].map(|k| {
            let length = (axes[k].x * axes[k].x + axes[k].y * axes[k].y).sqrt();
            if length < 1e-6 {
                // Seen end-on: no sides along this axis.
                return Pair {
                    normal: [0.0; 2],
                    middle: 0.0,
                    half: f64::INFINITY,
                };
            }
            let normal = [-axes[k].y / length, axes[k].x / length];
            let along = |v: V3| normal[0] * v.x + normal[1] * v.y;
            Pair {
                normal,
                middle: along(middle),
                half: (0..3).map(|j| along(axes[j]).abs() * half[j]).sum(),
            }
        });
        Self {
            pairs,
            from: bounds.low.z,
            to: bounds.high.z,
        }
    }

    /// Judges points within `reach` of the box along every axis, for a disc that opens by `tangent`;
    /// `bit` is the box's.
    ///
    /// A cone towards the disc is clear of the box if it is beyond one side by more than it opens
    /// up to the box's far end, and ends in the box if it is as deep inside all sides and starts
    /// before the box. Where the box begins little ahead of a point its outline is not sure.
    #[inline(always)]
    pub fn judge(
        &self,
        points: &Vectors,
        (reach, tangent): (f64, f64),
        bit: u64,
        verdicts: &mut Verdicts,
    ) {
        let (slack, ahead) = (SLACK * reach, AHEAD * reach);
        for i in 0..SWATCH {
            let p = points.at(i);
            let mut beyond = f64::NEG_INFINITY;
            for pair in &self.pairs {
                let place = pair.normal[0] * p.x + pair.normal[1] * p.y;
                let out = (place - pair.middle).abs() - pair.half;
                beyond = if out > beyond { out } else { beyond };
            }
            let (from, to) = (self.from - p.z, self.to - p.z);
            let opening = tangent * to + slack;
            let (is_ahead, is_around) = (from > ahead, from < -slack);
            let is_clear = (to <= 0.0) | (beyond > opening) & (is_ahead | is_around);
            let is_dark = (-beyond > opening) & is_ahead;
            verdicts.unsure[i] |= if is_clear { 0 } else { bit };
            verdicts.is_dark[i] |= u64::from(is_dark);
        }
    }
}
