//! Will this tower fall? Columns of coloured cubes with a chosen margin.
//!
//! One interface, the critical one, has the margin of the design, positive or negative; at every
//! other interface the margin is at least as large as the critical one's size. Towers come in
//! pairs, one that stands and one that falls, with the same height, |margin| and critical
//! interface. What follows from the sign still shows: the largest offset between neighbours
//! separates the two with an area under the ROC curve of 0.81 (`benchmarks/labels.py`). Blocks of
//! unequal side or density are drawn if the design says so; density does not show.

use std::collections::BTreeMap;

use serde_json::json;

use super::design::{Assignment, Declaration, Design};
use super::factor::{Declared, Values};
use super::stack::{Brick, Stack, Target, stack};
use super::twin::Twin;
use super::{Item, Place, viewing};
use crate::physics::equilibrium;
use crate::render::is_framed;
use crate::scene::{Body, Color};
use crate::stimulus::Factor;
use crate::style::Style;
use crate::{Error, Result, Stream};

/// Far more than any accepted factors need: the worst cell of the defaults takes some twenty tries.
const MAX_TRIES: u32 = 10_000;
/// Largest difference, in metres, between the margin that was asked for and that of the scene.
const MARGIN_SLOP_M: f64 = 1e-9;

/// Factors of the task. |margin| is a fraction of the narrower side at the critical interface:
/// above 40 %, falling blocks would hardly touch. Below 1 %, simulators and real blocks disagree
/// with statics: that is left to who asks for it. The default ends at 15 %, as for pyramids: beyond,
/// towers that fall show so much more of their tops that area and height tell 56 % of them.
pub fn declaration(style: Style) -> Declaration {
    let own = [
        ("n_blocks", Values::Count(2, 7)),
        ("margin", Values::Real(1e-4, 0.4)),
        ("yaw_deg", Values::PerBlock(-45.0, 45.0)),
        ("side_m", Values::PerBlock(0.5, 1.5)),
        ("density", Values::PerBlock(50.0, 5000.0)),
        ("red_block", Values::Names(&["any", "present", "absent"])),
        ("answer", Values::Names(&["no", "yes"])),
    ];
    let own = own.map(|(name, values)| Declared { name, values });
    let mut defaults = json!({
        "n_blocks": [2, 3, 4, 5, 6, 7],
        "margin": [0.02, 0.15],
        "yaw_deg": [-10, 10],
        "side_m": 1,
        "density": 500,
        "red_block": "any",
        "answer": ["no", "yes"],
    });
    viewing::extend(&mut defaults, style);
    Declaration {
        factors: [&own[..], &viewing::FACTORS].concat(),
        defaults,
        sizes: ("n_blocks", [&[2, 3, 4], &[5, 6, 7]]),
        twins: &[
            Twin::Answer,
            Twin::Palette,
            Twin::Background,
            Twin::Texture,
            Twin::Camera,
            Twin::Light,
            Twin::Mirror,
        ],
    }
}

/// Draws the tower of an assignment.
pub fn draw(design: &Design, assignment: &Assignment, place: &Place) -> Result<Item> {
    let n_blocks = assignment.count("n_blocks");
    let critical = 1 + place
        .stream("tower pair", assignment.group)
        .below(n_blocks as u64 - 1) as usize;
    let margin = assignment.real("margin");
    let is_minimal = design.plan().twin() == Some(Twin::Answer);
    let asked = Asked {
        design,
        assignment,
        place,
    };
    let number = 2 * assignment.group + u64::from(assignment.falls && !is_minimal);
    let stream = &mut place.stream("tower", number);
    let target = |margin| Target { critical, margin };
    for _ in 0..MAX_TRIES {
        let drawn = if is_minimal {
            asked.minimal(target(margin), stream)
        } else {
            let sign = if assignment.falls { -1.0 } else { 1.0 };
            asked.attempt(target(sign * margin), stream)
        };
        if let Some(item) = drawn {
            return Ok(item);
        }
    }
    Err(Error::Unfillable {
        cell: assignment.describe(),
        tries: MAX_TRIES,
        hint: "narrow `margin`, `yaw_deg` or `side_m`, or move the camera back".to_owned(),
    })
}

/// What a tower is drawn for.
#[derive(Clone, Copy)]
struct Asked<'a> {
    design: &'a Design,
    assignment: &'a Assignment,
    place: &'a Place,
}

impl Asked<'_> {
    /// One tower; `None` if it is not as asked.
    fn attempt(self, target: Target, stream: &mut Stream) -> Option<Item> {
        let bricks = bricks(self.design, self.assignment.count("n_blocks"), stream);
        let mut stack = stack(&bricks, target, stream);
        let colors = colors(self.assignment, stream)?;
        stack.centre();
        self.finish(target, &stack, (&bricks, &colors))
    }

    /// One of a minimal pair: a tower that stands, or the same one with all that rests on the
    /// critical interface moved across its border by twice the margin. Both must be as asked.
    fn minimal(self, target: Target, stream: &mut Stream) -> Option<Item> {
        let bricks = bricks(self.design, self.assignment.count("n_blocks"), stream);
        let mut stack = stack(&bricks, target, stream);
        let colors = colors(self.assignment, stream)?;
        stack.centre();
        let stands = self.finish(target, &stack, (&bricks, &colors))?;
        let critical = target.critical;
        let side_m = bricks[critical].side_m.min(bricks[critical - 1].side_m);
        stack.push(critical, 2.0 * target.margin * side_m);
        let across = Target {
            margin: -target.margin,
            ..target
        };
        let falls = self.finish(across, &stack, (&bricks, &colors))?;
        Some(if self.assignment.falls { falls } else { stands })
    }

    /// The item of a stack, if it has the margin that was asked for and is seen whole.
    fn finish(
        self,
        target: Target,
        stack: &Stack,
        (bricks, colors): (&[Brick], &[Color]),
    ) -> Option<Item> {
        if !stack.touches(bricks) {
            return None;
        }
        let bodies = bodies(bricks, &stack.centres, colors);
        let asked_m = target.margin * narrower(&bodies, target.critical);
        let scene = viewing::viewed(bodies, self.assignment);
        let equilibrium = equilibrium(&scene).ok()?;
        let as_designed = equilibrium.critical == target.critical
            && (equilibrium.margin_m - asked_m).abs() < MARGIN_SLOP_M;
        if !as_designed || !is_framed(&scene) {
            return None;
        }
        let factors = BTreeMap::from([
            (
                "critical_interface",
                Factor::Integer(target.critical as i64),
            ),
            ("margin", Factor::Real(equilibrium.margin_fraction)),
        ]);
        let made_for = (self.assignment, self.place);
        Some(Item::new(scene, equilibrium, made_for, factors))
    }
}

fn narrower(bodies: &[Body], interface: usize) -> f64 {
    bodies[interface].size_m[0].min(bodies[interface - 1].size_m[0])
}

fn bricks(design: &Design, n_blocks: usize, stream: &mut Stream) -> Vec<Brick> {
    let [yaw, side, density] = ["yaw_deg", "side_m", "density"].map(|name| {
        let ends = design.spec(name).interval();
        ends.expect("drawn per block from numbers")
    });
    let mut draw = |[low, high]: [f64; 2]| stream.range(low, high);
    (0..n_blocks)
        .map(|_| Brick {
            yaw: draw(yaw).to_radians(),
            side_m: draw(side),
            density: draw(density),
        })
        .collect()
}

/// A colour per block from the bottom up: all different if there are enough, else no two neighbours
/// alike. `None` if red is missing or too many although it was asked for or excluded.
fn colors(assignment: &Assignment, stream: &mut Stream) -> Option<Vec<Color>> {
    let mut choices = viewing::colors(assignment);
    if assignment.text("red_block") == "absent" {
        choices.retain(|color| *color != Color::Red);
    }
    let n_blocks = assignment.count("n_blocks");
    let mut colors: Vec<Color> = Vec::with_capacity(n_blocks);
    while colors.len() < n_blocks {
        let mut round = choices.clone();
        stream.shuffle(&mut round);
        if colors.last() == round.first() {
            round.rotate_left(1);
        }
        colors.extend(round);
    }
    colors.truncate(n_blocks);
    let is_missing = assignment.text("red_block") == "present" && !colors.contains(&Color::Red);
    (!is_missing).then_some(colors)
}

fn bodies(bricks: &[Brick], centres: &[[f64; 2]], colors: &[Color]) -> Vec<Body> {
    let mut floor_m = 0.0;
    let stacked = bricks.iter().zip(centres).zip(colors);
    stacked
        .map(|((brick, &[x, y]), &color)| {
            let body = Body {
                size_m: [brick.side_m; 3],
                position_m: [x, y, floor_m + 0.5 * brick.side_m],
                orientation: [
                    libm::cos(0.5 * brick.yaw),
                    0.0,
                    0.0,
                    libm::sin(0.5 * brick.yaw),
                ],
                density: brick.density,
                friction: 0.6,
                color,
            };
            floor_m += brick.side_m;
            body
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Generator, Recipe, Task};
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
            ..Recipe::new(Task::Tower)
        })
        .expect("valid");
        (0..count)
            .map(|i| generator.item(i).expect("fillable"))
            .collect()
    }

    /// A tower that stands and the next one, that falls, differ in the sign alone.
    #[test]
    fn pairs_are_matched() {
        for pair in items(json!({}), json!({}), 600).chunks(2) {
            let [stands, falls] = pair else {
                unreachable!()
            };
            for name in ["n_blocks", "critical_interface", "background"] {
                assert_eq!(stands.factors[name], falls.factors[name]);
            }
            let sum = stands.equilibrium.margin_m + falls.equilibrium.margin_m;
            assert!(sum.abs() < 1e-9, "{sum}");
            assert_eq!(stands.kinship.pair, falls.kinship.pair);
        }
    }

    #[test]
    fn every_extreme_can_be_filled() {
        for factors in [
            json!({"margin": 0.001}),
            json!({"margin": 0.3}),
            json!({"margin": 0.4}),
            json!({"side_m": [0.6, 1.3], "density": [100, 2000]}),
        ] {
            for (i, item) in items(factors, json!({}), 120).iter().enumerate() {
                assert_eq!(item.equilibrium.stands(), i % 2 == 0);
            }
        }
    }

    #[test]
    fn balanced_within_every_height() {
        let mut counts = BTreeMap::new();
        for item in items(json!({}), json!({}), 1200) {
            *counts
                .entry((item.scene.bodies.len(), item.equilibrium.stands()))
                .or_insert(0) += 1;
        }
        assert!(
            counts.len() == 12 && counts.values().all(|&n| n == 100),
            "{counts:?}"
        );
    }

    /// Of a minimal pair, what rests on the critical interface moves as one, and nothing else does.
    #[test]
    fn minimal_pairs_differ_in_one_move() {
        let design = json!({"twins": {"change": "answer"}});
        for pair in items(json!({"margin": [0.01, 0.1]}), design, 240).chunks(2) {
            let [stands, falls] = pair else {
                unreachable!()
            };
            let Factor::Integer(critical) = stands.factors["critical_interface"] else {
                unreachable!()
            };
            let moved: Vec<f64> = stands
                .scene
                .bodies
                .iter()
                .zip(&falls.scene.bodies)
                .map(|(a, b)| {
                    let d = [0, 1].map(|k| b.position_m[k] - a.position_m[k]);
                    (d[0] * d[0] + d[1] * d[1]).sqrt()
                })
                .collect();
            let by_m = 2.0 * stands.equilibrium.margin_m;
            for (level, d) in moved.iter().enumerate() {
                let expected = if level < critical as usize { 0.0 } else { by_m };
                assert!((d - expected).abs() < 1e-9, "{level}: {moved:?}");
            }
            assert!(falls.equilibrium.margin_m < 0.0 && stands.equilibrium.stands());
            assert_eq!(falls.kinship.changed, Some("answer"));
        }
    }

    #[test]
    fn red_is_there_as_often_as_asked() {
        let factors = json!({"red_block": {"balanced": ["present", "absent"]}});
        let items = items(factors, json!({}), 240);
        let red = |item: &&Item| {
            item.scene
                .bodies
                .iter()
                .any(|body| body.color == Color::Red)
        };
        assert_eq!(items.iter().filter(red).count(), 120);
    }
}
