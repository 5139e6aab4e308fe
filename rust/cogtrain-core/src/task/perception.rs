//! Perception checks: what is there to see, whatever physics says.

use std::collections::BTreeMap;

use super::question::{Question, yes_no};
use crate::render::screen_point;
use crate::scene::{Body, Color, Scene};
use crate::style::{Appearance, Background};

/// Bottoms of bodies that are closer than this, in metres, are in one row.
const ROW_SLOP_M: f64 = 1e-3;

/// The answer to a perception check; `None` where it does not apply.
pub fn answer(question: Question, scene: &Scene, appearance: &Appearance) -> Option<String> {
    match question {
        Question::BackgroundColor => {
            let background = appearance.background;
            (background != Background::Room).then(|| background.name().to_owned())
        }
        Question::BlockCount => Some(scene.bodies.len().to_string()),
        Question::ColorsTopToBottom => Some(colors(scene)),
        Question::HasRedBlock => Some(yes_no(red_row(scene).is_some())),
        Question::RedBlockRow => {
            Some(red_row(scene).map_or_else(|| "none".to_owned(), |row| (row + 1).to_string()))
        }
        Question::WillFall | Question::WillFallIfRemoved | Question::FallCountIfRemoved => None,
    }
}

/// Bodies by row, the lowest first, and within a row from left to right as the camera sees them.
fn rows(scene: &Scene) -> Vec<Vec<&Body>> {
    let bottom = |body: &Body| body.position_m[2] - 0.5 * body.size_m[2];
    let mut bodies: Vec<&Body> = scene.bodies.iter().collect();
    bodies.sort_by(|a, b| bottom(a).total_cmp(&bottom(b)));
    let mut rows: BTreeMap<usize, Vec<&Body>> = BTreeMap::new();
    let mut row = 0;
    for (i, body) in bodies.iter().enumerate() {
        row += usize::from(i > 0 && bottom(body) - bottom(bodies[i - 1]) > ROW_SLOP_M);
        rows.entry(row).or_default().push(body);
    }
    let across = |body: &Body| screen_point(&scene.camera, body.position_m).map_or(0.0, |at| at[0]);
    let mut rows: Vec<Vec<&Body>> = rows.into_values().collect();
    for row in &mut rows {
        row.sort_by(|a, b| across(a).total_cmp(&across(b)));
    }
    rows
}

fn colors(scene: &Scene) -> String {
    let rows = rows(scene);
    let names: Vec<&str> = rows
        .iter()
        .rev()
        .flatten()
        .map(|body| body.color.name())
        .collect();
    names.join(", ")
}

fn red_row(scene: &Scene) -> Option<usize> {
    rows(scene)
        .iter()
        .position(|row| row.iter().any(|body| body.color == Color::Red))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::tests::cubes;
    use crate::style::Style;

    #[test]
    fn rows_are_read_from_the_top_and_from_the_left() {
        let mut scene = cubes(&[[0.6, 0.0, 0.5], [-0.6, 0.0, 0.5], [0.0, 0.0, 1.5]]);
        for (body, color) in scene
            .bodies
            .iter_mut()
            .zip([Color::Red, Color::Green, Color::Blue])
        {
            body.color = color;
        }
        let appearance = Appearance::new(Style::Cubeworld);
        let ask = |question| answer(question, &scene, &appearance);
        assert_eq!(
            ask(Question::ColorsTopToBottom).as_deref(),
            Some("blue, green, red")
        );
        assert_eq!(ask(Question::RedBlockRow).as_deref(), Some("1"));
        assert_eq!(ask(Question::BlockCount).as_deref(), Some("3"));
        assert_eq!(ask(Question::BackgroundColor).as_deref(), Some("white"));
        let room = Appearance {
            background: Background::Room,
            ..appearance
        };
        assert_eq!(answer(Question::BackgroundColor, &scene, &room), None);
    }
}
