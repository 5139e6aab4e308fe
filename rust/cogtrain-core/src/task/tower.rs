//! Will this tower fall? Columns of coloured unit cubes with a chosen margin.
//!
//! A tower is built from the top down: each block is placed so that the centre of mass of what
//! rests on it has a chosen distance to the block's border. One interface, the critical one, has
//! the margin of the design, positive or negative; at every other interface the margin is at
//! least as large as the critical one's size. Towers come in pairs, one that stands and one that
//! falls, with the same height, |margin| and critical interface. What follows from the sign still
//! shows: the largest offset between neighbours separates the two with an area under the ROC curve
//! of 0.93 (`benchmarks/labels.py`), as it would for offsets drawn at random.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::question::yes_no;
use super::{Item, Place};
use crate::physics::column;
use crate::scene::{Body, Camera, Color, Light, Scene, Vec3};
use crate::stimulus::Factor;
use crate::style::{Appearance, Style};
use crate::{Error, Result, Stream};

/// Fewest and most blocks of a tower.
const N_BLOCKS: (u64, u64) = (2, 7);
/// Smallest and largest |margin| as a fraction of the block side. Below 1 % simulators and real
/// blocks disagree with statics; above 40 % falling blocks would hardly touch.
const MARGIN: (f64, f64) = (0.01, 0.4);
/// Half the block side, in metres.
const HALF_M: f64 = 0.5;
/// Farthest that two neighbouring centres may lie apart, in metres, so that contact is visible.
const MAX_OFFSET_M: f64 = 0.95;
/// Half of the widest extent that the camera frames, in metres.
const MAX_HALF_EXTENT_M: f64 = 2.0;
/// Far more than any accepted factors need: the worst cell takes some twenty tries.
const MAX_TRIES: u32 = 10_000;

/// Factors of the tower task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TowerFactors {
    /// Levels of height; every level gets the same number of standing and falling towers.
    pub n_blocks: Vec<u64>,
    /// Range of |margin| as a fraction of the block side, drawn uniformly.
    pub margin: [f64; 2],
    /// Range of each block's turn about the vertical, in degrees, drawn uniformly.
    pub yaw_deg: [f64; 2],
}

impl Default for TowerFactors {
    /// All heights; margins from 2 % (a careful look) to 30 % (plain); turns of up to 10°.
    fn default() -> Self {
        Self {
            n_blocks: (N_BLOCKS.0..=N_BLOCKS.1).collect(),
            margin: [0.02, 0.3],
            yaw_deg: [-10.0, 10.0],
        }
    }
}

impl TowerFactors {
    const NAMES: [&'static str; 4] = ["n_blocks", "size", "margin", "yaw_deg"];

    /// Reads factors from a JSON object; `size` is `small` (2–4 blocks) or `large` (5–7).
    pub fn read(json: &Map<String, Value>) -> Result<Self> {
        let mut factors = Self::default();
        if json.contains_key("size") && json.contains_key("n_blocks") {
            return Err(Error::argument(
                "factors",
                "`size` or `n_blocks`",
                "both",
                "keep one of them",
            ));
        }
        for (name, value) in json {
            match name.as_str() {
                "n_blocks" => factors.n_blocks = levels(value)?,
                "size" => factors.n_blocks = size_split(value)?,
                "margin" => factors.margin = range(name, value, MARGIN)?,
                "yaw_deg" => factors.yaw_deg = range(name, value, (-45.0, 45.0))?,
                _ => return Err(Error::unknown_name("factor", name, &Self::NAMES)),
            }
        }
        Ok(factors)
    }

    /// Draws a tower: heights take turns, and within a height standing and falling ones do.
    pub fn draw(&self, place: &Place) -> Result<Item> {
        let cell = self.cell(place);
        let stream = &mut place.stream("tower", place.index);
        for _ in 0..MAX_TRIES {
            if let Some(item) = self.attempt(&cell, place.style, stream) {
                return Ok(item);
            }
        }
        Err(Error::Unfillable {
            cell: format!("n_blocks = {}, margin = {:.3}", cell.n_blocks, cell.margin),
            tries: MAX_TRIES,
            hint: format!(
                "widen `margin` {:?} or narrow `yaw_deg` {:?}",
                self.margin, self.yaw_deg
            ),
        })
    }

    /// What both towers of a pair share, and the sign that tells them apart.
    fn cell(&self, place: &Place) -> Cell {
        let pair = place.index / 2;
        let stream = &mut place.stream("tower pair", pair);
        let n_blocks = self.n_blocks[(pair % self.n_blocks.len() as u64) as usize];
        let size = stream.range(self.margin[0], self.margin[1]);
        let falls = place.index % 2 == 1;
        Cell {
            n_blocks: n_blocks as usize,
            margin: if falls { -size } else { size },
            critical: 1 + stream.below(n_blocks - 1) as usize,
        }
    }

    fn attempt(&self, cell: &Cell, style: Style, stream: &mut Stream) -> Option<Item> {
        let &Cell {
            margin, critical, ..
        } = cell;
        let yaws: Vec<f64> = (0..cell.n_blocks)
            .map(|_| stream.range(self.yaw_deg[0], self.yaw_deg[1]).to_radians())
            .collect();
        let centres = centred(stack(&yaws, critical, margin, stream))?;
        let scene = scene(&centres, &yaws, stream);
        let equilibrium = column(&scene).ok()?;
        let as_designed = equilibrium.critical_interface == critical
            && (equilibrium.margin_m() - margin).abs() < 1e-9;
        as_designed.then(|| Item {
            appearance: Appearance::new(style),
            judged: scene.clone(),
            factors: BTreeMap::from([
                ("n_blocks".to_owned(), Factor::Integer(cell.n_blocks as i64)),
                (
                    "critical_interface".to_owned(),
                    Factor::Integer(critical as i64),
                ),
                (
                    "margin".to_owned(),
                    Factor::Real(equilibrium.margin_fraction),
                ),
            ]),
            scene,
            equilibrium,
        })
    }
}

/// Answers to the task's questions, given whether the tower falls.
pub fn answers(falls: bool) -> BTreeMap<String, String> {
    BTreeMap::from([("will_fall".to_owned(), yes_no(falls))])
}

struct Cell {
    n_blocks: usize,
    /// Signed, as a fraction of the block side.
    margin: f64,
    critical: usize,
}

/// Horizontal centres from the bottom up, such that interface `critical` has margin `margin`
/// against the lower block's border and every other interface at least |`margin`|.
fn stack(yaws: &[f64], critical: usize, margin: f64, stream: &mut Stream) -> Vec<[f64; 2]> {
    let top = yaws.len() - 1;
    let mut centres = vec![[0.0; 2]; yaws.len()];
    let mut load = [0.0; 2];
    for interface in (1..=top).rev() {
        let own = if interface == critical {
            margin
        } else {
            stream.range(margin.abs(), HALF_M)
        };
        let [x, y] = place(own, stream);
        let (sin, cos) = (
            libm::sin(yaws[interface - 1]),
            libm::cos(yaws[interface - 1]),
        );
        let centre = [load[0] - (cos * x - sin * y), load[1] - (sin * x + cos * y)];
        let carried = (top + 1 - interface) as f64;
        for k in 0..2 {
            load[k] = (load[k] * carried + centre[k]) / (carried + 1.0);
        }
        centres[interface - 1] = centre;
    }
    centres
}

/// A point at signed distance `margin` from the border of a unit square (positive: inside), in
/// the square's own frame: a random side, and a random place along it.
fn place(margin: f64, stream: &mut Stream) -> [f64; 2] {
    let across = HALF_M - margin;
    let along = stream.range(-1.0, 1.0) * (HALF_M - margin.abs());
    match stream.below(4) {
        0 => [across, along],
        1 => [-across, along],
        2 => [along, across],
        _ => [along, -across],
    }
}

/// Moves the middle of the tower's extent over the origin; `None` if it is too wide to frame or
/// two neighbours hardly touch.
fn centred(mut centres: Vec<[f64; 2]>) -> Option<Vec<[f64; 2]>> {
    let apart = |pair: &[[f64; 2]]| {
        let (dx, dy) = (pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]);
        dx * dx + dy * dy > MAX_OFFSET_M * MAX_OFFSET_M
    };
    if centres.windows(2).any(apart) {
        return None;
    }
    for k in 0..2 {
        let low = centres.iter().map(|c| c[k]).fold(f64::INFINITY, f64::min);
        let high = centres
            .iter()
            .map(|c| c[k])
            .fold(f64::NEG_INFINITY, f64::max);
        if 0.5 * (high - low) + HALF_M > MAX_HALF_EXTENT_M {
            return None;
        }
        for centre in &mut centres {
            centre[k] -= 0.5 * (low + high);
        }
    }
    Some(centres)
}

fn scene(centres: &[[f64; 2]], yaws: &[f64], stream: &mut Stream) -> Scene {
    let mut colors = Color::ALL.to_vec();
    for i in (1..colors.len()).rev() {
        colors.swap(i, stream.below(i as u64 + 1) as usize);
    }
    let bodies =
        centres
            .iter()
            .zip(yaws)
            .zip(colors)
            .enumerate()
            .map(|(level, ((c, yaw), color))| Body {
                size_m: [1.0; 3],
                position_m: [c[0], c[1], level as f64 + HALF_M],
                orientation: [libm::cos(0.5 * yaw), 0.0, 0.0, libm::sin(0.5 * yaw)],
                density: 500.0,
                friction: 0.6,
                color,
            });
    Scene {
        bodies: bodies.collect(),
        camera: camera(),
        light: Light {
            toward: [-0.5, -0.8, 1.15],
            radius_deg: 0.0,
        },
    }
}

/// One camera for all heights, so that size on screen says nothing: it frames seven blocks, from
/// a corner and from above, so that offsets along both axes are seen.
fn camera() -> Camera {
    const DISTANCE_M: f64 = 17.0;
    let target_m: Vec3 = [0.0, 0.0, 3.2];
    let (azimuth, elevation) = (32.0_f64.to_radians(), 22.0_f64.to_radians());
    let level = DISTANCE_M * libm::cos(elevation);
    Camera {
        position_m: [
            target_m[0] + level * libm::sin(azimuth),
            target_m[1] - level * libm::cos(azimuth),
            target_m[2] + DISTANCE_M * libm::sin(elevation),
        ],
        target_m,
        fov_deg: 28.0,
    }
}

fn levels(value: &Value) -> Result<Vec<u64>> {
    let read: Option<Vec<u64>> = value
        .as_array()
        .map(|list| list.iter().map(Value::as_u64).collect())
        .unwrap_or_default();
    let allowed = N_BLOCKS.0..=N_BLOCKS.1;
    match read {
        Some(mut list) if !list.is_empty() && list.iter().all(|n| allowed.contains(n)) => {
            list.sort_unstable();
            list.dedup();
            Ok(list)
        }
        _ => Err(Error::argument(
            "n_blocks",
            "a list of whole numbers from 2 to 7",
            value,
            "write e.g. [2, 3, 4]",
        )),
    }
}

fn size_split(value: &Value) -> Result<Vec<u64>> {
    match value.as_str() {
        Some("small") => Ok(vec![2, 3, 4]),
        Some("large") => Ok(vec![5, 6, 7]),
        _ => Err(Error::argument(
            "size",
            "`small` or `large`",
            value,
            "or give `n_blocks`",
        )),
    }
}

fn range(name: &str, value: &Value, (low, high): (f64, f64)) -> Result<[f64; 2]> {
    let ends: Option<Vec<f64>> = value
        .as_array()
        .map(|list| list.iter().map(Value::as_f64).collect())
        .unwrap_or_default();
    match ends.as_deref() {
        Some(&[a, b]) if low <= a && a <= b && b <= high => Ok([a, b]),
        _ => {
            let expected = format!("[low, high] with {low} ≤ low ≤ high ≤ {high}");
            Err(Error::argument(name, expected, value, "give both ends"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<TowerFactors> {
        TowerFactors::read(value.as_object().expect("an object"))
    }

    fn draw(factors: &TowerFactors, index: u64) -> Item {
        let place = Place {
            seed: 0,
            first: 0,
            index,
            style: Style::Cubeworld,
        };
        factors.draw(&place).expect("fillable")
    }

    /// A tower that stands and the next one, that falls, differ in the sign alone.
    #[test]
    fn pairs_are_matched() {
        let factors = TowerFactors::default();
        for pair in 0..300 {
            let (stands, falls) = (draw(&factors, 2 * pair), draw(&factors, 2 * pair + 1));
            assert_eq!(stands.factors["n_blocks"], falls.factors["n_blocks"]);
            assert_eq!(
                stands.factors["critical_interface"],
                falls.factors["critical_interface"]
            );
            let sum = stands.equilibrium.margin_m() + falls.equilibrium.margin_m();
            assert!(sum.abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn every_cell_of_every_extreme_can_be_filled() {
        for margin in [[0.01, 0.01], [0.3, 0.3], [0.4, 0.4]] {
            let factors = read(&json!({"margin": margin})).expect("in range");
            for index in 0..120 {
                let item = draw(&factors, index);
                assert_eq!(item.equilibrium.stands(), index % 2 == 0);
                assert!((item.equilibrium.margin_m().abs() - margin[0]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn balanced_within_every_height() {
        let factors = TowerFactors::default();
        let mut counts = BTreeMap::new();
        for index in 0..1200 {
            let item = draw(&factors, index);
            *counts
                .entry((item.scene.bodies.len(), item.equilibrium.stands()))
                .or_insert(0) += 1;
        }
        assert!(
            counts.len() == 12 && counts.values().all(|&n| n == 100),
            "{counts:?}"
        );
    }

    #[test]
    fn bad_factors_are_named() {
        for (factors, words) in [
            (json!({"n_block": [2]}), ["`n_block`", "`n_blocks`"]),
            (json!({"n_blocks": [1, 2]}), ["`n_blocks`", "[1,2]"]),
            (json!({"size": "medium"}), ["`size`", "medium"]),
            (json!({"margin": [0.001, 0.2]}), ["`margin`", "0.001"]),
            (json!({"yaw_deg": [10]}), ["`yaw_deg`", "[10]"]),
        ] {
            let error = read(&factors).expect_err("refused").to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
