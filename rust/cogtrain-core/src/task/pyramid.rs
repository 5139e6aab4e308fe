//! What would fall if the red block were removed? Pyramids of coloured blocks, exactly one red.
//!
//! The whole pyramid always stands. What is left without the red block has the margin of the
//! design, positive or negative. The turret decides, a column that rests on the red block and on
//! another one: within the edge of the other one by the margin it stays when the red block is gone,
//! beyond it by as much it falls. The two pyramids of a pair are one wall, but for where the turret
//! is. All places of the turret and both colours of its supports take turns ([`Profile`]), each as
//! often with either answer, so that neither where the red block is nor where the turret is goes
//! with an answer: only the two together do. No answer hangs on friction, which cannot be seen
//! ([`friction_decides`]).

use std::collections::BTreeMap;

use serde_json::json;

use super::design::{Assignment, Declaration, Design};
use super::factor::{Declared, Values};
use super::profile::Profile;
use super::twin::Twin;
use super::wall::Wall;
use super::{Item, Place, viewing};
use crate::physics::{Equilibrium, equilibrium, friction_decides};
use crate::render::is_framed;
use crate::scene::{Body, Color, Scene};
use crate::stimulus::Factor;
use crate::style::Style;
use crate::{Error, Result, Stream};

/// Far more than needed: the hardest cells of the defaults take fewer than two on average.
const MAX_TRIES: u32 = 500;
/// Largest difference, in metres, between the margin that was asked for and that of the scene.
const MARGIN_SLOP_M: f64 = 1e-5;
/// Least margin of the whole pyramid, in metres: it must plainly stand.
const LEAST_WHOLE_MARGIN_M: f64 = 0.03;
/// Friction of painted wood on wood.
const FRICTION: f64 = 0.4;

/// Factors of the task. |margin| is a fraction of the block side, that of what is left: farther
/// from its edge than 15 % the turret would often not be what falls first.
pub fn declaration(style: Style) -> Declaration {
    let own = [
        ("n_rows", Values::Count(2, 5)),
        ("margin", Values::Real(1e-4, 0.15)),
        ("red_row", Values::Names(&["any", "1", "2", "3", "4"])),
        ("view", Values::Names(&["before", "after"])),
        ("answer", Values::Names(&["no", "yes"])),
    ];
    let own = own.map(|(name, values)| Declared { name, values });
    let mut defaults = json!({
        "n_rows": [2, 3, 4, 5],
        "margin": [0.02, 0.15],
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
            profiles(n_rows, &asked)?;
        }
    }
    Ok(())
}

/// Draws the pyramid of an assignment.
pub fn draw(design: &Design, assignment: &Assignment, place: &Place) -> Result<Item> {
    let profile = profile(assignment, place)?;
    let group = assignment.group;
    let is_minimal = design.plan().twin() == Some(Twin::Answer);
    let painted = 2 * group + u64::from(assignment.falls && !is_minimal);
    let colors = colors(
        assignment,
        &profile,
        place.stream("pyramid colors", painted),
    );
    let stream = &mut place.stream("pyramid", group);
    for _ in 0..MAX_TRIES {
        let wall = Wall::draw(&profile, stream);
        let found = |margin_m: f64| {
            let mut wall = wall.clone();
            wall.lay_turret(&profile, margin_m);
            Pyramid {
                wall,
                profile: &profile,
                colors: &colors,
                assignment,
            }
            .found(margin_m)
        };
        // Both members of a pair must exist.
        let margin_m = assignment.real("margin");
        if let Some(stands) = found(margin_m)
            && let Some(falls) = found(-margin_m)
        {
            let chosen = if assignment.falls { falls } else { stands };
            return Ok(chosen.item(place));
        }
    }
    Err(Error::Unfillable {
        cell: format!(
            "{}, red block at {:?}, a turret of {}",
            assignment.describe(),
            profile.red,
            profile.turret.len()
        ),
        tries: MAX_TRIES,
        hint: "narrow `margin`, or move the camera back".to_owned(),
    })
}

/// A pyramid with its red block.
struct Pyramid<'a> {
    wall: Wall,
    profile: &'a Profile,
    colors: &'a [Color],
    assignment: &'a Assignment,
}

/// A pyramid that is as asked, and what statics says of it.
struct Found<'a> {
    pyramid: Pyramid<'a>,
    left: Equilibrium,
    whole_margin_m: f64,
}

impl<'a> Pyramid<'a> {
    /// Itself, if it plainly stands as a whole and what is left has margin `margin_m`.
    fn found(self, margin_m: f64) -> Option<Found<'a>> {
        let (whole, left) = (self.whole(), self.left());
        if !self.wall.is_sound(self.profile) || !is_framed(&whole) {
            return None;
        }
        let statics = equilibrium(&left).ok()?;
        let is_as_asked = (statics.margin_m - margin_m).abs() < MARGIN_SLOP_M;
        is_as_asked.then_some(())?;
        let whole_margin_m = equilibrium(&whole).ok()?.margin_m;
        let is_plain = whole_margin_m >= LEAST_WHOLE_MARGIN_M
            && !friction_decides(&whole).ok()?
            && !friction_decides(&left).ok()?;
        is_plain.then_some(Found {
            pyramid: self,
            left: statics,
            whole_margin_m,
        })
    }

    fn whole(&self) -> Scene {
        viewing::viewed(
            bodies(&self.wall, self.profile, self.colors),
            self.assignment,
        )
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
            profile,
            assignment,
            ..
        } = self.pyramid;
        let integer = |n: usize| Factor::Integer(n as i64);
        let factors = BTreeMap::from([
            ("red_row", integer(profile.red.0 + 1)),
            ("red_column", integer(profile.red.1 + 1)),
            ("turret_height", integer(profile.turret.len())),
            ("base_length", integer(profile.rows[0].len())),
            ("margin", Factor::Real(self.left.margin_fraction)),
            ("whole_margin_m", Factor::Real(self.whole_margin_m)),
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

/// Blocks and their parts: within each cell of the design, all profiles take turns.
fn profile(assignment: &Assignment, place: &Place) -> Result<Profile> {
    let mut profiles = profiles(assignment.count("n_rows"), assignment.text("red_row"))?;
    let n = profiles.len() as u64;
    place
        .stream("profile", assignment.replicate / n)
        .shuffle(&mut profiles);
    Ok(profiles.swap_remove((assignment.replicate % n) as usize))
}

/// Profiles with the red block in the asked row.
fn profiles(n_rows: usize, asked: &str) -> Result<Vec<Profile>> {
    let mut profiles = Profile::all(n_rows);
    profiles.retain(|profile| asked == "any" || asked == (profile.red.0 + 1).to_string());
    if !profiles.is_empty() {
        return Ok(profiles);
    }
    let rows: Vec<String> = (1..n_rows).map(|row| row.to_string()).collect();
    let expected = format!("one of {} for n_rows = {n_rows}", rows.join(", "));
    let hint = "the red block must carry something; or use `any`";
    Err(Error::argument("red_row", expected, asked, hint))
}

/// A colour per block, row by row: one red, and no two alike side by side or, if there are enough, on
/// one another.
fn colors(assignment: &Assignment, profile: &Profile, mut stream: Stream) -> Vec<Color> {
    let mut choices = viewing::colors(assignment);
    choices.retain(|color| *color != Color::Red);
    let mut rows: Vec<Vec<Color>> = Vec::new();
    for (row, blocks) in profile.rows.iter().enumerate() {
        let mut colors: Vec<Color> = Vec::new();
        for (column, &[first, last]) in blocks.iter().enumerate() {
            let left: Vec<Color> = colors.last().copied().into_iter().collect();
            let below = if row > 0 {
                &rows[row - 1][first..=last]
            } else {
                &[]
            };
            let mut others = choices.clone();
            others.retain(|color| !left.contains(color));
            let apart = others.iter().filter(|color| !below.contains(color));
            let apart: Vec<Color> = apart.copied().collect();
            // Of three colours, a left neighbour and two supports may take all.
            if !apart.is_empty() {
                others = apart;
            }
            let drawn = others[stream.below(others.len() as u64) as usize];
            let is_red = (row, column) == profile.red;
            colors.push(if is_red { Color::Red } else { drawn });
        }
        rows.push(colors);
    }
    rows.concat()
}

fn bodies(wall: &Wall, profile: &Profile, colors: &[Color]) -> Vec<Body> {
    let placed = profile.slots().zip(colors);
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
    fn pairs_are_one_wall_but_for_what_falls() {
        for pair in items(json!({"size": "small"}), json!({}), 40).chunks(2) {
            let [stands, falls] = pair else {
                unreachable!()
            };
            assert!((stands.equilibrium.margin_m + falls.equilibrium.margin_m).abs() < 1e-9);
            assert!(stands.equilibrium.stands() && !falls.equilibrium.stands());
            for name in ["n_rows", "red_row", "red_column", "turret_height"] {
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
        for item in items(json!({"n_rows": [2, 3]}), json!({}), 200) {
            let at = |name: &str| format!("{:?}", item.factors[name]);
            let key = (at("n_rows"), at("red_row"), at("red_column"));
            *counts.entry((key, item.equilibrium.stands())).or_insert(0) += 1;
        }
        // Two rows: red is one of two blocks under the top, or at either end of a row of four. Three
        // rows: so is it in the bottom row and in the one on it.
        assert_eq!(counts.len(), 2 * (4 + 8), "{counts:?}");
        for ((place, stands), n) in &counts {
            assert_eq!(counts[&(place.clone(), !stands)], *n, "{counts:?}");
        }
    }

    #[test]
    fn what_falls_by_statics_falls_in_simulation() {
        for item in items(json!({"n_rows": [2, 3]}), json!({}), 120) {
            let motion = crate::simulate(&item.judged).expect("valid");
            assert_eq!(
                motion.fell,
                !item.equilibrium.stands(),
                "{:?}",
                item.factors
            );
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
