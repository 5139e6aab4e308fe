//! Will this tower fall? Columns of coloured cubes with a chosen margin.
//!
//! One interface, the critical one, has the margin of the design, positive or negative; at every
//! other interface the margin is at least as large as the critical one's size. Towers come in
//! pairs, one that stands and one that falls, with the same height, |margin| and critical
//! interface. What follows from the sign still shows: the largest offset between neighbours
//! separates the two with an area under the ROC curve of 0.93 (`benchmarks/labels.py`), as it would
//! for offsets drawn at random. Blocks of unequal side or density are drawn if the design says so;
//! density does not show.

use std::collections::BTreeMap;

use serde_json::json;

use super::design::{Assignment, Declaration, Design};
use super::factor::{Declared, Values};
use super::stack::{self, Brick, Target};
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
/// with statics: that is left to who asks for it.
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
        "margin": [0.02, 0.3],
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
    let sign = if assignment.falls { -1.0 } else { 1.0 };
    let target = Target {
        critical,
        margin: sign * assignment.real("margin"),
    };
    let is_minimal = design.plan().twin() == Some(Twin::Answer);
    let number = 2 * assignment.group + u64::from(assignment.falls && !is_minimal);
    let stream = &mut place.stream("tower", number);
    for _ in 0..MAX_TRIES {
        let pair = &mut stream.clone();
        let drawn = attempt((design, assignment, place), target, stream);
        let drawn = match drawn {
            Some(item) if is_minimal => align((design, assignment, place), target, pair, item),
            other => other,
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

type Asked<'a> = (&'a Design, &'a Assignment, &'a Place);

/// One tower; `None` if it is not as asked.
fn attempt(asked: Asked, target: Target, stream: &mut Stream) -> Option<Item> {
    let (design, assignment, _) = asked;
    let bricks = bricks(design, assignment.count("n_blocks"), stream);
    let mut centres = stack::centres(&bricks, target, stream);
    let colors = colors(assignment, stream)?;
    if !stack::touches(&centres, &bricks) {
        return None;
    }
    stack::centre(&mut centres);
    finish(asked, target, bodies(&bricks, &centres, &colors))
}

/// The item of `bodies`, if it has the margin that was asked for and is seen whole.
fn finish((_, assignment, place): Asked, target: Target, bodies: Vec<Body>) -> Option<Item> {
    let scene = viewing::viewed(bodies, assignment);
    let equilibrium = equilibrium(&scene).ok()?;
    let asked_m = target.margin * narrower(&scene.bodies, target.critical);
    let as_designed = equilibrium.critical == target.critical
        && (equilibrium.margin_m - asked_m).abs() < MARGIN_SLOP_M;
    if !as_designed || !is_framed(&scene) {
        return None;
    }
    let factors = BTreeMap::from([
        ("critical_interface", Factor::Integer(target.critical as i64)),
        ("margin", Factor::Real(equilibrium.margin_fraction)),
    ]);
    Some(Item::new(scene, equilibrium, (assignment, place), factors))
}

/// The second of a minimal pair stands on the same lowest block as the first, which must exist too.
fn align(asked: Asked, target: Target, stream: &mut Stream, item: Item) -> Option<Item> {
    let other = Target {
        margin: -target.margin,
        ..target
    };
    let twin = attempt(asked, other, stream)?;
    if item.equilibrium.stands() {
        return Some(item);
    }
    let (from, to) = (item.scene.bodies[0].position_m, twin.scene.bodies[0].position_m);
    let mut bodies = item.scene.bodies;
    for body in &mut bodies {
        for k in 0..2 {
            body.position_m[k] += to[k] - from[k];
        }
    }
    finish(asked, target, bodies)
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
                orientation: [libm::cos(0.5 * brick.yaw), 0.0, 0.0, libm::sin(0.5 * brick.yaw)],
                density: brick.density,
                friction: 0.6,
                color,
            };
            floor_m += brick.side_m;
            body
        })
        .collect()
}
