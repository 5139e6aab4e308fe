//! What would fall if the red block were removed? Pyramids of coloured blocks, exactly one red.
//!
//! The whole pyramid always stands. What is left without the red block has the margin of the
//! design, positive or negative. Red is one of the two blocks under the top one or of the three in
//! the row below those. Of the blocks that lie on the red one, the *keystone* decides: farther over
//! its other support it stays when the red block is gone, farther over the red one it falls. The two
//! pyramids of a pair are one wall, but for where the keystone lies. As either support of each
//! keystone is red equally often, and each with either answer, neither the place of the red block
//! nor that of any other goes with an answer: only the two together do.
//!
//! Lower places are left out because they hardly decide anything: under more weight, friction turns
//! what lies over a gap into a flat arch. For the same reason no answer may hang on friction, which
//! cannot be seen ([`friction_decides`]).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::design::{Assignment, Declaration, Design};
use super::factor::{Declared, Values};
use super::twin::Twin;
use super::wall::{Slot, Wall};
use super::{Item, Place, viewing};
use crate::physics::{Equilibrium, equilibrium, friction_decides, has_margin};
use crate::render::is_framed;
use crate::scene::{Body, Color, Scene};
use crate::stimulus::Factor;
use crate::style::Style;
use crate::{Error, Result, Stream};

/// The hardest cells of the defaults take some four tries on average.
const MAX_TRIES: u32 = 500;
/// Halvings of the range of shifts: down to a ten-millionth of a metre.
const HALVINGS: u32 = 23;
/// Farthest shift in either direction, in metres, and the steps back from it to a sound wall.
const MAX_SHIFT_M: f64 = 0.5;
const SHIFT_STEP_M: f64 = 0.05;
/// Largest difference, in metres, between the margin that was asked for and that of the scene.
const MARGIN_SLOP_M: f64 = 1e-5;
/// Least margin of the whole pyramid, in metres: it must plainly stand.
const LEAST_WHOLE_MARGIN_M: f64 = 0.03;
/// Rows above the red block, at most.
const MAX_ROWS_ABOVE: usize = 2;
/// Friction of painted wood on wood.
const FRICTION: f64 = 0.4;

/// Factors of the task. |margin| is a fraction of the block side, that of what is left; above 8 %
/// hardly any wall can be brought to either answer.
pub fn declaration(style: Style) -> Declaration {
    let own = [
        ("n_rows", Values::Count(2, 5)),
        ("margin", Values::Real(1e-4, 0.08)),
        ("red_row", Values::Names(&["any", "1", "2", "3", "4"])),
        ("view", Values::Names(&["before", "after"])),
        ("answer", Values::Names(&["no", "yes"])),
    ];
    let own = own.map(|(name, values)| Declared { name, values });
    let mut defaults = json!({
        "n_rows": [2, 3, 4, 5],
        "margin": [0.02, 0.06],
        "red_row": "any",
        "view": "before",
        "answer": ["no", "yes"],
    });
    viewing::extend(&mut defaults, style);
    // Less from the side than towers, so that gaps in the rows are seen; and wider than they are.
    defaults["camera_azimuth_deg"] = json!([5, 35]);
    defaults["shift_m"] = json!([-0.8, 0.8]);
    Declaration {
        factors: [&own[..], &viewing::FACTORS].concat(),
        defaults,
        sizes: ("n_rows", [&[2, 3], &[4, 5]]),
        twins: Twin::ALL,
    }
}

/// Whether the red block can be where the design wants it, whatever the number of rows.
///
/// # Errors
/// [`Error::Argument`] that names the rows that are possible.
pub fn check(design: &Design) -> Result<()> {
    let text = |factor: &Factor| match factor {
        Factor::Text(text) => text.clone(),
        other => unreachable!("`red_row` is declared as a name, got {other:?}"),
    };
    let [fewest, most] = design.spec("n_rows").interval().expect("a number");
    for asked in design.spec("red_row").listed().iter().map(text) {
        for n_rows in fewest as usize..=most as usize {
            keystones_in(n_rows, &asked)?;
        }
    }
    Ok(())
}

/// Draws the pyramid of an assignment.
pub fn draw(design: &Design, assignment: &Assignment, place: &Place) -> Result<Item> {
    let keystone = keystone(assignment, place)?;
    let red = keystone.red;
    let group = assignment.group;
    let is_minimal = design.plan().twin() == Some(Twin::Answer);
    let painted = 2 * group + u64::from(assignment.falls && !is_minimal);
    let stream = &mut place.stream("pyramid", group);
    for _ in 0..MAX_TRIES {
        let wall = Wall::draw(assignment.count("n_rows"), red.0, stream);
        let pyramid = Pyramid {
            keystone,
            colors: colors(
                assignment,
                &wall,
                red,
                place.stream("pyramid colors", painted),
            ),
            wall,
            assignment,
        };
        // Both members of a pair must exist.
        let margin_m = assignment.real("margin");
        if let Some(stands) = pyramid.solve(margin_m)
            && let Some(falls) = pyramid.solve(-margin_m)
        {
            let chosen = if assignment.falls { falls } else { stands };
            return Ok(chosen.item(place));
        }
    }
    Err(Error::Unfillable {
        cell: format!("{}, red block at {red:?}", assignment.describe()),
        tries: MAX_TRIES,
        hint: "narrow `margin`, or move the camera back".to_owned(),
    })
}

/// A pyramid with its red block.
#[derive(Clone)]
struct Pyramid<'a> {
    wall: Wall,
    keystone: Keystone,
    colors: Vec<Color>,
    assignment: &'a Assignment,
}

/// The red block, and the block on it whose place decides the answer.
#[derive(Clone, Copy)]
struct Keystone {
    red: Slot,
    slot: Slot,
}

impl Keystone {
    /// Every keystone over either of its supports, row by row.
    fn all(n_rows: usize) -> Vec<Self> {
        let rows = n_rows.saturating_sub(MAX_ROWS_ABOVE + 1)..n_rows - 1;
        let over = |row: usize| {
            (0..n_rows - row - 1).flat_map(move |column| {
                [column, column + 1].map(|below| Self {
                    red: (row, below),
                    slot: (row + 1, column),
                })
            })
        };
        rows.flat_map(over).collect()
    }

    /// Direction along the wall away from the red block.
    fn away(self) -> f64 {
        if self.red.1 == self.slot.1 { 1.0 } else { -1.0 }
    }
}

/// A pyramid whose shift has been found, and what statics says of it.
struct Found<'a> {
    pyramid: Pyramid<'a>,
    left: Equilibrium,
    whole_margin_m: f64,
    shift_m: f64,
}

impl<'a> Pyramid<'a> {
    /// The pyramid with the shift at which what is left has margin `margin_m`, if there is one.
    fn solve(&self, margin_m: f64) -> Option<Found<'a>> {
        let away = self.keystone.away();
        let (mut best, mut worst) = (self.farthest_sound_m(away)?, self.farthest_sound_m(-away)?);
        let stands = |by_m: f64| has_margin(&self.at(by_m).left(), margin_m).ok();
        if !stands(best)? || stands(worst)? {
            return None;
        }
        for _ in 0..HALVINGS {
            let middle = 0.5 * (best + worst);
            if stands(middle)? {
                best = middle;
            } else {
                worst = middle;
            }
        }
        self.at(best).found(best, margin_m)
    }

    fn found(self, shift_m: f64, margin_m: f64) -> Option<Found<'a>> {
        let (whole, left) = (self.whole(), self.left());
        if !self.wall.is_sound()
            || !is_framed(&whole)
            || !has_margin(&whole, LEAST_WHOLE_MARGIN_M).ok()?
            || friction_decides(&whole).ok()?
            || friction_decides(&left).ok()?
        {
            return None;
        }
        let left = equilibrium(&left).ok()?;
        let is_as_asked = (left.margin_m - margin_m).abs() < MARGIN_SLOP_M;
        is_as_asked.then_some(())?;
        Some(Found {
            whole_margin_m: equilibrium(&whole).ok()?.margin_m,
            pyramid: self,
            left,
            shift_m,
        })
    }

    /// The farthest shift in direction `sign` at which all gaps and overlaps are visible.
    fn farthest_sound_m(&self, sign: f64) -> Option<f64> {
        let steps = (MAX_SHIFT_M / SHIFT_STEP_M) as u32;
        let shifts = (0..=steps)
            .rev()
            .map(|k| sign * f64::from(k) * SHIFT_STEP_M);
        shifts
            .into_iter()
            .find(|&by_m| self.at(by_m).wall.is_sound())
    }

    fn at(&self, by_m: f64) -> Self {
        let mut pyramid = self.clone();
        pyramid.wall.shift(self.keystone.slot, by_m);
        pyramid
    }

    fn whole(&self) -> Scene {
        viewing::viewed(bodies(&self.wall, &self.colors), self.assignment)
    }

    fn left(&self) -> Scene {
        let mut scene = self.whole();
        scene.bodies.retain(|body| body.color != Color::Red);
        scene
    }
}

impl Found<'_> {
    fn item(self, place: &Place) -> Item {
        let Pyramid {
            keystone: Keystone { red, .. },
            assignment,
            ..
        } = self.pyramid;
        let factors = BTreeMap::from([
            ("red_row", Factor::Integer(red.0 as i64 + 1)),
            ("red_column", Factor::Integer(red.1 as i64 + 1)),
            ("margin", Factor::Real(self.left.margin_fraction)),
            ("whole_margin_m", Factor::Real(self.whole_margin_m)),
            ("keystone_shift_m", Factor::Real(self.shift_m)),
        ]);
        let left = self.pyramid.left();
        let shown = if assignment.text("view") == "after" {
            left.clone()
        } else {
            self.pyramid.whole()
        };
        let mut item = Item::new(shown, self.left, (assignment, place), factors);
        item.judged = left;
        item
    }
}

/// The red block and its keystone: within each cell of the design, all take turns.
fn keystone(assignment: &Assignment, place: &Place) -> Result<Keystone> {
    let mut keystones = keystones_in(assignment.count("n_rows"), assignment.text("red_row"))?;
    let n = keystones.len() as u64;
    place
        .stream("keystone", assignment.replicate / n)
        .shuffle(&mut keystones);
    Ok(keystones[(assignment.replicate % n) as usize])
}

/// Keystones over the asked row.
fn keystones_in(n_rows: usize, asked: &str) -> Result<Vec<Keystone>> {
    let mut keystones = Keystone::all(n_rows);
    let rows: BTreeSet<usize> = keystones
        .iter()
        .map(|keystone| keystone.red.0 + 1)
        .collect();
    keystones.retain(|keystone| asked == "any" || asked == (keystone.red.0 + 1).to_string());
    if !keystones.is_empty() {
        return Ok(keystones);
    }
    let rows: Vec<String> = rows.iter().map(usize::to_string).collect();
    let expected = format!("one of {} for n_rows = {n_rows}", rows.join(", "));
    let hint = "in other rows the answer hardly ever changes; or use `any`";
    Err(Error::argument("red_row", expected, asked, hint))
}

/// A colour per block, row by row: one red, no two neighbours in a row alike.
fn colors(assignment: &Assignment, wall: &Wall, red: Slot, mut stream: Stream) -> Vec<Color> {
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
            friction: FRICTION,
            color,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Generator, Question, Recipe, Task};
    use serde_json::{Map, Value};

    fn items(factors: Value, design: Value, count: u64) -> Vec<Item> {
        let object = |json: Value| match json {
            Value::Object(object) => object,
            _ => Map::new(),
        };
        let generator = Generator::new(Recipe {
            count,
            factors: object(factors),
            design: object(design),
            ..Recipe::new(Task::Pyramid)
        })
        .expect("valid");
        (0..count)
            .map(|i| generator.item(i).expect("fillable"))
            .collect()
    }

    #[test]
    fn pairs_are_one_wall_with_two_shifts() {
        for pair in items(json!({"size": "small"}), json!({}), 40).chunks(2) {
            let [stands, falls] = pair else {
                unreachable!()
            };
            assert!((stands.equilibrium.margin_m + falls.equilibrium.margin_m).abs() < 2e-5);
            assert!(stands.equilibrium.stands() && !falls.equilibrium.stands());
            for name in ["n_rows", "red_row", "red_column"] {
                assert_eq!(stands.factors[name], falls.factors[name]);
            }
            for item in pair {
                let whole = equilibrium(&item.scene).expect("upright");
                assert!(whole.margin_m >= LEAST_WHOLE_MARGIN_M);
                let red = |body: &&Body| body.color == Color::Red;
                assert_eq!(item.scene.bodies.iter().filter(red).count(), 1);
                assert_eq!(item.judged.bodies.len() + 1, item.scene.bodies.len());
            }
        }
    }

    #[test]
    fn answers_are_balanced_per_size_and_place() {
        let mut counts = BTreeMap::new();
        // Two and six keystones: 12 groups of two answers each.
        for item in items(json!({"n_rows": [2, 3]}), json!({}), 48) {
            let at = |name: &str| format!("{:?}", item.factors[name]);
            let key = (at("n_rows"), at("red_row"), at("red_column"));
            *counts.entry((key, item.equilibrium.stands())).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 2 * (2 + 5), "{counts:?}");
        for ((place, stands), n) in &counts {
            assert_eq!(counts[&(place.clone(), !stands)], *n, "{counts:?}");
        }
    }

    #[test]
    fn before_and_after_show_one_pyramid() {
        let design = json!({"twins": {"change": "view"}});
        for group in items(json!({"n_rows": 3}), design, 16).chunks(4) {
            for (before, after) in group[..2].iter().zip(&group[2..]) {
                assert_eq!(before.judged, after.scene);
                assert_eq!(before.kinship.pair, after.kinship.pair);
                assert_eq!(
                    (before.kinship.changed, after.kinship.changed),
                    (None, Some("view"))
                );
                let ask = |item: &Item, question| item.answer(question).expect("valid");
                assert_eq!(
                    ask(before, Question::WillFallIfRemoved),
                    ask(after, Question::WillFall)
                );
                assert_eq!(ask(before, Question::WillFall), None);
                assert_eq!(ask(after, Question::RedBlockRow).as_deref(), Some("none"));
            }
        }
    }

    #[test]
    fn a_row_in_which_red_decides_nothing_is_refused() {
        let error = Generator::new(Recipe {
            factors: Map::from_iter([
                ("n_rows".to_owned(), json!(3)),
                ("red_row".to_owned(), json!("3")),
            ]),
            ..Recipe::new(Task::Pyramid)
        })
        .expect_err("the top")
        .to_string();
        assert!(
            error.contains("one of 1, 2 for n_rows = 3, got 3"),
            "{error}"
        );
    }
}
