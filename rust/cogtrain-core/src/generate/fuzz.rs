//! Damaged scenes, recipes and factors: refused, or drawn, judged and seen.

use serde_json::{Map, Value, json};

use super::Generator;
use crate::fuzz::{Target, graft, leave, run, run_for};
use crate::physics::{contacts, equilibrium, friction_decides, simulate};
use crate::recipe::Recipe;
use crate::render::{flow, is_framed, passes, render};
use crate::scene::Scene;
use crate::stimulus::Source;
use crate::style::{Appearance, Style};
use crate::task::{Place, Task};

/// Small pictures see as much and take less time.
const SIZE_PX: usize = 8;
/// Stimuli of the largest picture that is drawn here.
const MAX_PX: usize = 32;

fn scene(text: &[u8]) -> Option<Scene> {
    let scene = Scene::from_json(std::str::from_utf8(text).ok()?).ok()?;
    assert_eq!(
        Scene::from_json(&scene.to_json()).ok().as_ref(),
        Some(&scene)
    );
    Some(scene)
}

fn see(text: &[u8]) {
    let Some(scene) = scene(text) else { return };
    for style in [Style::Cubeworld, Style::Wood, Style::Randomised] {
        let image = render(&scene, &Appearance::new(style), SIZE_PX).expect("a checked scene");
        assert_eq!(image.pixels().len(), 3 * SIZE_PX * SIZE_PX);
    }
    let seen = passes(&scene, SIZE_PX).expect("a checked scene");
    assert_eq!(seen.visible_px().len(), scene.bodies.len());
    flow(&scene, &scene, SIZE_PX).expect("a checked scene");
    is_framed(&scene);
}

fn judge(text: &[u8]) {
    let Some(scene) = scene(text) else { return };
    let _ = (contacts(&scene), friction_decides(&scene));
    if let Ok(verdict) = equilibrium(&scene) {
        assert!(!verdict.margin_m.is_nan());
    }
}

fn release(text: &[u8]) {
    let Some(scene) = scene(text) else { return };
    if let Ok(motion) = simulate(&scene) {
        assert!(motion.displacement_m >= 0.0);
    }
}

fn object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(text).ok()
}

fn make(text: &[u8]) {
    let Some(recipe) = object(text).and_then(|json| Recipe::read(&json).ok()) else {
        return;
    };
    let again = Recipe::read(&recipe.to_json()).expect("its own words");
    assert_eq!(again.to_json(), recipe.to_json());
    let is_small = recipe.size_px <= MAX_PX;
    let Ok(generator) = Generator::new(recipe) else {
        return;
    };
    assert_eq!(generator.fingerprint().len(), 32);
    let last = generator.len() - 1;
    if is_small {
        let _ = generator.get(last);
    } else {
        let _ = generator.id(last);
    }
}

fn lay_out(text: &[u8]) {
    let Some(json) = object(text) else { return };
    let part = |name: &str| json.get(name).and_then(Value::as_object).cloned();
    let (factors, plan) = (
        part("factors").unwrap_or_default(),
        part("design").unwrap_or_default(),
    );
    for (task, style) in [
        (Task::Tower, Style::Cubeworld),
        (Task::Pyramid, Style::Wood),
    ] {
        let Ok(design) = task.design(style, &factors, &plan) else {
            continue;
        };
        let whole = design.n_cells() * design.group_size();
        assert!(whole > 0);
        assert!(design.check_count(whole).is_ok());
        for index in [0, 1, whole - 1, whole, u64::MAX >> 24] {
            let place = Place {
                seed: 3,
                first: 0,
                index,
                style,
            };
            let _ = design.assign(&place);
        }
    }
}

/// A tower, a pyramid, and boxes that lie, lean and overlap.
fn scenes() -> Vec<Vec<u8>> {
    let mut texts: Vec<Vec<u8>> = Task::ALL
        .iter()
        .flat_map(|&task| {
            let generator = Generator::new(Recipe::new(task)).expect("a plain recipe");
            [0, 9].map(|index| generator.item(index).expect("fillable").judged.to_json())
        })
        .map(String::into_bytes)
        .collect();
    let body = |position_m: [f64; 3], orientation: [f64; 4]| {
        json!({"size_m": [1.0, 0.5, 2.0], "position_m": position_m, "orientation": orientation,
               "density": 500.0, "friction": 0.6, "color": "red"})
    };
    let odd = json!({
        "bodies": [body([0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]),
                   body([0.2, 0.0, 2.9], [0.0, 0.6, 0.8, 0.0]),
                   body([1.5, 0.1, 0.5], [0.8, 0.0, 0.6, 0.0])],
        "camera": {"position_m": [4.0, -7.0, 3.0], "target_m": [0.0, 0.0, 1.0], "fov_deg": 40.0},
        "light": {"toward": [-0.5, -0.7, 1.0], "radius_deg": 3.0}});
    texts.push(odd.to_string().into_bytes());
    texts
}

fn recipes() -> Vec<Vec<u8>> {
    let texts = [
        json!({"task": "tower", "style": "cubeworld", "seed": 7, "count": 1000, "split": "val",
               "size_px": 16, "questions": ["will_fall", "block_count", "colors_top_to_bottom"],
               "factors": {"size": "large", "margin": {"bins": [[0.02, 0.05, 1], [0.05, 0.1, 2]]},
                           "yaw_deg": {"range": [-10, 10]}, "density": 700,
                           "background": {"balanced": ["white", "gray", "black"]}}}),
        json!({"task": "tower", "count": 960, "size_px": 8,
               "factors": {"n_blocks": [2, 3, 4, 5], "red_block": "present", "margin": [0.02, 0.3],
                           "palette": {"levels": ["default", "equiluminant"]},
                           "light_elevation_deg": {"range": [40, 60]}},
               "design": {"hold_out": [{"n_blocks": 5, "palette": "equiluminant"}],
                          "twins": {"change": "palette", "to": "color_blind_safe"},
                          "crossing": "crossed", "cells": "kept"}}),
        json!({"task": "pyramid", "style": "wood", "count": 240, "size_px": 8,
               "factors": {"n_rows": [2, 3, 4], "red_row": 1, "view": {"fixed": "before"},
                           "answer": ["no", "yes"], "margin": 0.05, "colors": "four"},
               "design": {"twins": {"change": "answer"}, "crossing": "latin_square"}}),
        json!({"task": "pyramid", "style": "randomised", "count": 12, "size_px": 8, "design": null,
               "questions": ["fall_count_if_removed"],
               "factors": {"size": "small", "camera_azimuth_deg": [20, 50], "shift_m": 0,
                           "light_radius_deg": 5, "background": "room"}}),
    ];
    texts.map(|text| text.to_string().into_bytes()).to_vec()
}

fn targets() -> Vec<Target> {
    let target = |name, seeds, read| Target {
        name,
        seeds,
        damage: graft,
        mend: leave,
        read,
    };
    vec![
        target("scene-seen", scenes(), see),
        target("scene-judged", scenes(), judge),
        target("scene-moved", scenes(), release),
        target("recipe", recipes(), make),
        target("factors", recipes(), lay_out),
    ]
}

#[test]
fn damaged_input_never_panics() {
    for target in targets() {
        // A simulation takes a thousand times as long as anything else.
        let enough = if target.name == "scene-moved" {
            10
        } else {
            200
        };
        run(&target, 0, |number| number == enough);
    }
}

#[test]
#[ignore = "runs as long as COGTRAIN_FUZZ_S says; see `make fuzz`"]
fn fuzz() {
    run_for(&targets());
}
