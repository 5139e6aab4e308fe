//! A block sawn from boards, painted by hand and used: grain, seams, checks, brush marks, wear.
//!
//! Lengths are in units of a usual block's side, so that small blocks are made of finer wood.

use super::noise::{Noise, ramp, resolved};
use crate::Stream;

/// Half the width over which an edge is rounded.
const BEVEL: f32 = 0.035;
/// Checks (drying cracks) that one face can have.
const CHECKS: usize = 2;

/// A place on a face, in the block's own frame.
#[derive(Clone, Copy, Debug)]
pub struct FaceSpot {
    /// From the block's centre.
    pub local: [f32; 3],
    /// Half sides.
    pub half: [f32; 3],
    /// Twice the axis, plus one on the positive side.
    pub face: usize,
    /// How far one pixel reaches along each axis.
    pub pixel: [f32; 3],
}

/// What the surface is like at a place.
#[derive(Clone, Copy, Debug)]
pub struct Coat {
    /// Factor on the paint's colour.
    pub shade: f32,
    /// Share of bare wood that shows.
    pub bare: f32,
    /// Share of light that a crack swallows.
    pub crack: f32,
    /// Turn of the normal, in the block's own frame.
    pub tilt: [f32; 3],
}

/// One painted block.
pub struct Timber {
    grain: Noise,
    brush: Noise,
    chips: Noise,
    /// Axis along which the fibres run, and the axis across which boards are joined.
    along: usize,
    across: usize,
    /// Where two boards meet, if the block is made of two; and how open the joint is.
    seam: Option<[f32; 2]>,
    pith: [f32; 2],
    rings: f32,
    /// Brightness of the whole block and of each face.
    tone: [f32; 6],
    /// Paint is thinner (positive) or thicker on edges.
    edge: f32,
    wear: f32,
    checks: [[Check; CHECKS]; 6],
}

/// A crack along the fibres: place across, start, end, width.
#[derive(Clone, Copy, Debug, Default)]
struct Check {
    across: f32,
    from: f32,
    to: f32,
    width: f32,
}

impl Timber {
    /// Sawn and painted anew for every stream.
    pub fn draw(stream: &mut Stream) -> Self {
        let along = stream.below(3) as usize;
        let across = (along + 1 + stream.below(2) as usize) % 3;
        let mut range = |low: f64, high: f64| stream.range(low, high) as f32;
        let whole = range(0.92, 1.06);
        let tone = [(); 6].map(|()| whole * range(0.95, 1.05));
        let seam = (range(0.0, 1.0) < 0.55).then(|| [range(-0.24, 0.24), range(0.006, 0.02)]);
        let checks = [(); 6].map(|()| [(); CHECKS].map(|()| Check::draw(&mut range)));
        Self {
            along,
            across,
            seam,
            pith: [range(-1.6, 1.6), range(-1.6, 1.6)],
            rings: range(7.0, 13.0),
            tone,
            edge: range(-0.14, 0.20),
            wear: range(0.1, 1.0),
            checks,
            grain: Noise::draw(stream),
            brush: Noise::draw(stream),
            chips: Noise::draw(stream),
        }
    }

    /// What the surface is like at `spot`.
    pub fn coat(&self, spot: &FaceSpot) -> Coat {
        let edge = Edge::at(spot);
        let chips = self.chips.solid(spot.local.map(|x| x * 9.0));
        let detail = resolved(9.0 * widest(spot));
        let pit = 0.22 * ramp(0.70, 0.85, chips) * detail;
        let worn = self.wear * ramp(0.30, 0.75, chips) * edge.near;
        let line = self.joint(spot).max(self.split(spot));
        Coat {
            shade: self.tone[spot.face]
                * (1.0 + self.brushed(spot) + self.ringed(spot))
                * (1.0 + self.edge * edge.near),
            bare: worn.clamp(0.0, 0.8),
            crack: 1.0 - (1.0 - line) * (1.0 - pit),
            tilt: edge.tilt,
        }
    }

    /// Uneven paint: blotches, and streaks along the fibres.
    fn brushed(&self, spot: &FaceSpot) -> f32 {
        let blotch = self.brush.solid(spot.local.map(|x| x * 2.3 + 7.0));
        let (fine, thin) = (26.0, 2.0);
        let mut stretched = spot.local.map(|x| x * fine);
        stretched[self.along] = spot.local[self.along] * thin;
        let mut cells = spot.pixel.map(|p| p * fine);
        cells[self.along] = spot.pixel[self.along] * thin;
        let streak = self.grain.solid(stretched) * resolved(max(cells));
        let coarse = stretched.map(|x| x * 0.31);
        let broad = self.grain.solid(coarse) * resolved(0.31 * max(cells));
        0.05 * blotch + 0.10 * streak + 0.07 * broad
    }

    /// Year rings under the paint, around a pith outside the block.
    fn ringed(&self, spot: &FaceSpot) -> f32 {
        let others = [(self.along + 1) % 3, (self.along + 2) % 3];
        let warp = 0.12 * self.grain.solid(spot.local.map(|x| x * 1.7));
        let [y, z] = [0, 1].map(|k| spot.local[others[k]] - self.pith[k] + warp);
        let radius = (y * y + z * z).sqrt() * self.rings;
        let phase = radius - radius.floor();
        let late = ramp(0.45, 0.95, phase) * (1.0 - ramp(0.95, 1.0, phase));
        let cells = self.rings * spot.pixel[others[0]].max(spot.pixel[others[1]]);
        -0.11 * (late - 0.25) * resolved(2.0 * cells)
    }

    /// Darkness of the joint between two boards.
    fn joint(&self, spot: &FaceSpot) -> f32 {
        let Some([offset, width]) = self.seam else {
            return 0.0;
        };
        if spot.face / 2 == self.across {
            return 0.0;
        }
        let uneven = self.chips.solid(spot.local.map(|x| x * 3.1 + 3.0));
        let width = width * (0.75 + 0.6 * uneven).max(0.1);
        let gap = (spot.local[self.across] - offset + 0.004 * uneven).abs();
        line(gap, width, spot.pixel[self.across])
    }

    /// Darkness of the face's checks.
    fn split(&self, spot: &FaceSpot) -> f32 {
        let axis = spot.face / 2;
        let (u, v) = if axis == self.along {
            (self.across, 3 - axis - self.across)
        } else {
            (self.along, 3 - axis - self.along)
        };
        let checks = &self.checks[spot.face];
        let darkness = checks.iter().map(|check| {
            let x = spot.local[u] / spot.half[u];
            let inside = ramp(check.from - 0.08, check.from, x) * ramp(check.to, check.to - 0.5, x);
            if check.width <= 0.0 || inside <= 0.0 {
                return 0.0;
            }
            let wander = 0.035 * self.grain.line(2.5 * spot.local[u] + 17.0 * check.across);
            let gap = (spot.local[v] - check.across * spot.half[v] + wander).abs();
            line(gap, check.width * inside, spot.pixel[v])
        });
        darkness.fold(0.0, f32::max)
    }
}

struct Edge {
    near: f32,
    tilt: [f32; 3],
}

impl Edge {
    /// How near the block's edges are, and how their rounding turns the surface.
    fn at(spot: &FaceSpot) -> Self {
        let axis = spot.face / 2;
        let mut edge = Self {
            near: 0.0,
            tilt: [0.0; 3],
        };
        for k in (0..3).filter(|&k| k != axis) {
            let gap = spot.half[k] - spot.local[k].abs();
            let width = BEVEL.max(spot.pixel[k]);
            let near = (1.0 - gap / width).clamp(0.0, 1.0) * (BEVEL / width);
            edge.near = edge.near.max(near);
            edge.tilt[k] = 0.7 * near * spot.local[k].signum();
        }
        edge
    }
}

impl Check {
    fn draw(range: &mut impl FnMut(f64, f64) -> f32) -> Self {
        let is_there = range(0.0, 1.0) < 0.45;
        let length = range(0.5, 2.2);
        let from_start = range(0.0, 1.0) < 0.5;
        Self {
            across: range(-0.75, 0.75),
            from: if from_start { -1.2 } else { 1.1 - length },
            to: if from_start { length - 1.0 } else { 1.6 },
            width: if is_there { range(0.004, 0.016) } else { 0.0 },
        }
    }
}

/// Darkness of a line of `width` at distance `gap`, averaged over a pixel that reaches `pixel`.
fn line(gap: f32, width: f32, pixel: f32) -> f32 {
    let blur = width.max(pixel);
    0.9 * (width / blur) * (1.0 - gap / blur).max(0.0)
}

fn max(values: [f32; 3]) -> f32 {
    values[0].max(values[1]).max(values[2])
}

fn widest(spot: &FaceSpot) -> f32 {
    max(spot.pixel)
}
