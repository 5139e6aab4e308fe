//! What would fall if the red block were removed? Pyramids of coloured blocks, exactly one red.
//!
//! The whole pyramid always stands. What is left without the red block has the margin of the
//! design, positive or negative. Pyramids come in pairs, one of either answer, with the same number
//! of rows, |margin| and place of the red block; within a cell of the design the places take turns,
//! so that answers are balanced per size and per place. The top is never red: nothing rests on it.

use std::collections::BTreeMap;

use serde_json::json;

use super::design::{Assignment, Declaration, Design};
use super::factor::{Declared, Values};
use super::twin::Twin;
use super::wall::{Slot, Wall};
use super::{Item, Place, viewing};
use crate::physics::{Equilibrium, equilibrium};
use crate::render::is_framed;
use crate::scene::{Body, Color, Scene};
use crate::stimulus::Factor;
use crate::style::Style;
use crate::{Error, Result, Stream};

const MAX_TRIES: u32 = 2_000;
/// Steps towards the margin that was asked for; the relation is linear as long as the same contact
/// decides, so that few are needed.
const MAX_STEPS: u32 = 8;
/// Largest difference, in metres, between the margin that was asked for and that of the scene.
const MARGIN_SLOP_M: f64 = 1e-6;
/// Least margin of the whole pyramid, in metres: it must plainly stand.
const LEAST_WHOLE_MARGIN_M: f64 = 0.03;

/// Factors of the task. |margin| is a fraction of the block side, that of what is left.
pub fn declaration(style: Style) -> Declaration {
    let own = [
        ("n_rows", Values::Count(2, 5)),
        ("margin", Values::Real(1e-4, 0.2)),
        ("red_row", Values::Names(&["any", "1", "2", "3", "4"])),
        ("view", Values::Names(&["before", "after"])),
        ("answer", Values::Names(&["no", "yes"])),
    ];
    let own = own.map(|(name, values)| Declared { name, values });
    let mut defaults = json!({
        "n_rows": [2, 3, 4, 5],
        "margin": [0.02, 0.12],
        "red_row": "any",
        "view": "before",
        "answer": ["no", "yes"],
    });
    viewing::extend(&mut defaults, style);
    Declaration {
        factors: [&own[..], &viewing::FACTORS].concat(),
        defaults,
        sizes: ("n_rows", [&[2, 3], &[4, 5]]),
        twins: Twin::ALL,
    }
}

type Asked<'a> = (&'a Assignment, &'a Place);

/// Draws the pyramid of an assignment.
pub fn draw(design: &Design, assignment: &Assignment, place: &Place) -> Result<Item> {
    let red = red_slot(assignment, place)?;
    let is_minimal = design.plan().twin() == Some(Twin::Answer);
    let number = 2 * assignment.group + u64::from(assignment.falls && !is_minimal);
    let stream = &mut place.stream("pyramid", number);
    for _ in 0..MAX_TRIES {
        let wall = Wall::draw(assignment.count("n_rows"), red, stream);
        let colors = colors(assignment, &wall, red, stream);
        let attempt = |falls| attempt((assignment, place), (&wall, red), &colors, falls);
        // Both members of a minimal pair must exist.
        if let Some(item) = attempt(assignment.falls)
            && (!is_minimal || attempt(!assignment.falls).is_some())
        {
            return Ok(item);
        }
    }
    Err(Error::Unfillable {
        cell: format!("{}, red block at {red:?}", assignment.describe()),
        tries: MAX_TRIES,
        hint: "narrow `margin`, or move the camera back".to_owned(),
    })
}

/// One pyramid; `None` if it cannot be brought to the asked margin.
fn attempt(
    (assignment, place): Asked,
    (wall, red): (&Wall, Slot),
    colors: &[Color],
    falls: bool,
) -> Option<Item> {
    let sign = if falls { -1.0 } else { 1.0 };
    let parted = parted(wall, red, sign * assignment.real("margin"))?;
    if !parted.is_sound() {
        return None;
    }
    let whole = viewing::viewed(bodies(&parted, colors), assignment);
    let whole_margin_m = equilibrium(&whole).ok()?.margin_m;
    if whole_margin_m < LEAST_WHOLE_MARGIN_M || !is_framed(&whole) {
        return None;
    }
    let mut left = whole.clone();
    left.bodies.retain(|body| body.color != Color::Red);
    let verdict = equilibrium(&left).ok()?;
    let factors = BTreeMap::from([
        ("red_row", Factor::Integer(red.0 as i64 + 1)),
        ("red_column", Factor::Integer(red.1 as i64 + 1)),
        ("margin", Factor::Real(verdict.margin_fraction)),
        ("whole_margin_m", Factor::Real(whole_margin_m)),
    ]);
    let shown = if assignment.text("view") == "after" {
        left.clone()
    } else {
        whole
    };
    let mut item = Item::new(shown, verdict, (assignment, place), factors);
    item.judged = left;
    Some(item)
}

/// `wall` with the row above the red block parted such that what is left has margin `target_m`.
///
/// The further the blocks that lay on the red one are moved apart, towards what still carries them,
/// the better they stand.
fn parted(wall: &Wall, red: Slot, target_m: f64) -> Option<Wall> {
    let moved = |by_m: f64| {
        let mut moved = wall.clone();
        moved.part(red.0 + 1, red, by_m);
        moved
    };
    let off = |by_m: f64| Some(left_over(&moved(by_m), red)?.margin_m - target_m);
    let (mut by_m, mut slope) = (0.0, 1.0);
    let mut error = off(by_m)?;
    for _ in 0..MAX_STEPS {
        if error.abs() < MARGIN_SLOP_M {
            return Some(moved(by_m));
        }
        let step = (-error / slope).clamp(-0.2, 0.2);
        let next = off(by_m + step)?;
        let rise = (next - error) / step;
        // Where the margin does not rise with the distance, something else decides.
        slope = if rise > 0.05 { rise } else { 1.0 };
        (by_m, error) = (by_m + step, next);
    }
    None
}

/// Statics of the wall without its red block.
fn left_over(wall: &Wall, red: Slot) -> Option<Equilibrium> {
    let slots = wall.slots();
    let gray = vec![Color::Blue; slots.len()];
    let mut bodies = bodies(wall, &gray);
    bodies.remove(slots.iter().position(|slot| *slot == red)?);
    equilibrium(&Scene {
        bodies,
        camera: crate::scene::Camera {
            position_m: [0.0, -17.0, 3.0],
            target_m: [0.0, 0.0, 3.0],
            fov_deg: 28.0,
        },
        light: crate::scene::Light {
            toward: [0.0, 0.0, 1.0],
            radius_deg: 0.0,
        },
    })
    .ok()
}

/// The red block's place: within each cell of the design, all take turns.
fn red_slot(assignment: &Assignment, place: &Place) -> Result<Slot> {
    let n_rows = assignment.count("n_rows");
    let asked = assignment.text("red_row");
    let rows = (0..n_rows - 1).filter(|r| asked == "any" || asked == (r + 1).to_string());
    let mut slots: Vec<Slot> = rows
        .flat_map(|r| (0..n_rows - r).map(move |c| (r, c)))
        .collect();
    if slots.is_empty() {
        let expected = format!("1 … {} for n_rows = {n_rows}", n_rows - 1);
        let hint = "the top block carries nothing; use `any`";
        return Err(Error::argument("red_row", expected, asked, hint));
    }
    let n = slots.len() as u64;
    place
        .stream("red place", assignment.replicate / n)
        .shuffle(&mut slots);
    Ok(slots[(assignment.replicate % n) as usize])
}

/// A colour per block, row by row: one red, no two neighbours in a row alike.
fn colors(assignment: &Assignment, wall: &Wall, red: Slot, stream: &mut Stream) -> Vec<Color> {
    let mut choices = viewing::colors(assignment);
    choices.retain(|color| *color != Color::Red);
    let mut colors: Vec<Color> = Vec::new();
    for slot in wall.slots() {
        let before = if slot.1 > 0 {
            colors.last().copied()
        } else {
            None
        };
        let others: Vec<Color> = choices
            .iter()
            .copied()
            .filter(|color| Some(*color) != before)
            .collect();
        let drawn = others[stream.below(others.len() as u64) as usize];
        colors.push(if slot == red { Color::Red } else { drawn });
    }
    colors
}

fn bodies(wall: &Wall, colors: &[Color]) -> Vec<Body> {
    let placed = wall.slots().into_iter().zip(colors);
    placed
        .map(|((row, column), &color)| Body {
            size_m: [1.0; 3],
            position_m: [wall.rows[row][column], 0.0, row as f64 + 0.5],
            orientation: [1.0, 0.0, 0.0, 0.0],
            density: 500.0,
            friction: 0.6,
            color,
        })
        .collect()
}
