//! Images per second on one thread, by task and style, for every body that this machine has.
//!
//! Run: `cargo bench --bench render [-- SIZE_PX]`. Rounds of all cases are interleaved; the median
//! and the spread of five rounds are printed.

#![allow(clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use cogtrain_core::{Generator, Item, Recipe, Style, Task, render};

const SCENES: u64 = 24;
const ROUNDS: usize = 5;

fn items(task: Task, style: Style) -> Vec<Item> {
    let recipe = Recipe {
        count: 1000,
        style,
        ..Recipe::new(task)
    };
    let generator = Generator::new(recipe).expect("a plain recipe");
    let item = |index| generator.item(index).expect("fillable");
    (0..SCENES).map(item).collect()
}

/// Images per second over all `items`.
fn speed(items: &[Item], size_px: usize) -> f64 {
    let start = Instant::now();
    for item in items {
        black_box(render(&item.scene, &item.appearance, size_px).expect("valid"));
    }
    items.len() as f64 / start.elapsed().as_secs_f64()
}

fn main() {
    let size_px = std::env::args().find_map(|word| word.parse().ok());
    let size_px = size_px.unwrap_or(224);
    let tasks = [("tower", Task::Tower), ("pyramid", Task::Pyramid)];
    let styles = [
        ("cubeworld", Style::Cubeworld),
        ("wood", Style::Wood),
        ("randomised", Style::Randomised),
    ];
    let mut cases = Vec::new();
    for (task_name, task) in tasks {
        for (style_name, style) in styles {
            let name = format!("{task_name} {style_name}");
            cases.push((name, items(task, style), Vec::new()));
        }
    }
    for _ in 0..ROUNDS {
        for (_, items, speeds) in &mut cases {
            speeds.push(speed(items, size_px));
        }
    }
    for (name, _, mut speeds) in cases {
        speeds.sort_by(f64::total_cmp);
        let [low, median, high] = [0, ROUNDS / 2, ROUNDS - 1].map(|i| speeds[i]);
        println!("{name:<22}{median:>9.0} images/s  ({low:.0} … {high:.0})  {size_px} px");
    }
}
