//! Images per second on one thread, by task and style, for every body that this machine has.
//!
//! Seconds are those that the thread ran, so that a busy machine tells little less.
//!
//! Run: `cargo bench --bench render [-- SIZE_PX NAME]`; with `-- --digest=COUNT`, one digest per body
//! over COUNT pictures of each task in cubeworld is printed instead, or of the cases picked by NAME.
//! Rounds of all cases are interleaved; the median and the spread of five rounds are printed.

#![allow(clippy::print_stdout, missing_docs)]

use std::hint::black_box;
use std::time::Instant;

use cogtrain_core::{Generator, Item, Recipe, RenderBody, Style, Task, render_with};

const SCENES: u64 = 24;
const ROUNDS: usize = 5;
/// Least seconds of a round.
const ROUND_S: f64 = 0.2;

fn items(task: Task, style: Style, count: u64) -> Vec<Item> {
    let recipe = Recipe {
        count: 1000,
        style,
        ..Recipe::new(task)
    };
    let generator = Generator::new(recipe).expect("a plain recipe");
    let item = |index| generator.item(index).expect("fillable");
    (0..count).map(item).collect()
}

/// Seconds that this thread has run, where the system tells; else seconds that have passed.
struct Clock(Option<f64>, Instant);

impl Clock {
    fn start() -> Self {
        Self(Self::run_s(), Instant::now())
    }

    fn run_s() -> Option<f64> {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
        Some(1e-9 * nanoseconds)
    }

    fn seconds(&self) -> f64 {
        match (self.0, Self::run_s()) {
            (Some(from), Some(to)) => to - from,
            _ => self.1.elapsed().as_secs_f64(),
        }
    }
}

/// BLAKE3 over the bytes of the first `count` pictures of every case, by each body.
fn digests(cases: &[(String, Task, Style)], count: u64, size_px: usize) {
    for body in RenderBody::all() {
        let mut hash = blake3::Hasher::new();
        let mut pixels = vec![0; 3 * size_px * size_px];
        for &(_, task, style) in cases {
            for item in items(task, style, count) {
                let shown = (&item.scene, &item.appearance);
                render_with(body, shown, size_px, &mut pixels).expect("valid");
                hash.update(&pixels);
            }
        }
        println!("{:<8}{}", body.name(), hash.finalize().to_hex());
    }
}

/// Images per second over all `items`.
fn speed(items: &[Item], body: RenderBody, size_px: usize) -> f64 {
    let mut pixels = vec![0; 3 * size_px * size_px];
    let start = Clock::start();
    let mut count = 0;
    // The system may count in steps of some milliseconds.
    while start.seconds() < ROUND_S {
        for item in items {
            let shown = (&item.scene, &item.appearance);
            render_with(body, shown, size_px, black_box(&mut pixels)).expect("valid");
        }
        count += items.len();
    }
    count as f64 / start.seconds()
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let size_px = words.iter().find_map(|word| word.parse().ok());
    let size_px = size_px.unwrap_or(224);
    // Words that are no size and no flag pick cases by their names.
    let wanted: Vec<&String> = words
        .iter()
        .filter(|word| !word.starts_with('-') && word.parse::<usize>().is_err())
        .collect();
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
            if wanted.iter().all(|word| name.contains(*word)) {
                cases.push((name, task, style));
            }
        }
    }
    if let Some(count) = words.iter().find_map(|w| w.strip_prefix("--digest=")) {
        let count = count.parse().expect("--digest=COUNT");
        if wanted.is_empty() {
            cases.retain(|(_, _, style)| *style == Style::Cubeworld);
        }
        return digests(&cases, count, size_px);
    }
    let case = |(name, task, style)| (name, items(task, style, SCENES));
    let cases: Vec<(String, Vec<Item>)> = cases.into_iter().map(case).collect();
    let bodies = RenderBody::all();
    let mut speeds = vec![Vec::new(); cases.len() * bodies.len()];
    for _ in 0..ROUNDS {
        for (at, speeds) in speeds.iter_mut().enumerate() {
            let (_, items) = &cases[at / bodies.len()];
            speeds.push(speed(items, bodies[at % bodies.len()], size_px));
        }
    }
    for (at, speeds) in speeds.iter_mut().enumerate() {
        let ((name, _), body) = (&cases[at / bodies.len()], bodies[at % bodies.len()].name());
        speeds.sort_by(f64::total_cmp);
        let [low, median, high] = [0, ROUNDS / 2, ROUNDS - 1].map(|i| speeds[i]);
        println!("{name:<20}{body:<8}{median:>7.0} images/s  ({low:.0} … {high:.0})  {size_px} px");
    }
}
