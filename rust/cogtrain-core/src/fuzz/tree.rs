//! Damage to JSON texts that leaves them JSON: what lies behind the parser is reached.

use serde_json::{Map, Value, json};

use super::{Dice, cut};

/// Numbers that lengths, angles, counts and shares go wrong at.
const NUMBERS: [f64; 18] = [
    0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 45.0, 64.0, 90.0, 169.999, 4096.0, 1e-9, 1e-300, 5e-324, 1e9,
    1e30, 1e300, -1e18,
];

/// One of `seeds`, which are JSON, with some of its parts changed, left out, doubled, or taken from
/// another; now and then with damaged bytes, too.
pub fn graft(seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    if dice.below(16) == 0 {
        return cut(seeds, dice);
    }
    let mut tree = read(dice.pick::<Vec<u8>>(seeds));
    for _ in 0..=dice.below(4) {
        let donor = read(dice.pick::<Vec<u8>>(seeds));
        let graft = part(&donor, dice);
        damage(at_random(&mut tree, dice), graft, dice);
    }
    serde_json::to_vec(&tree).expect("JSON")
}

fn read(seed: &[u8]) -> Value {
    serde_json::from_slice(seed).expect("a seed of whole JSON")
}

/// A copy of any part of `tree`, the whole included.
fn part(tree: &Value, dice: &mut Dice) -> Value {
    at_random(&mut tree.clone(), dice).take()
}

/// Any part of `tree`: from the top, down into a random branch until the dice say stop.
fn at_random<'a>(tree: &'a mut Value, dice: &mut Dice) -> &'a mut Value {
    let mut at = tree;
    loop {
        let is_leaf = match at {
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => true,
        };
        if is_leaf || dice.below(6) == 0 {
            return at;
        }
        at = match at {
            Value::Array(list) => {
                let branch = dice.below(list.len());
                &mut list[branch]
            }
            Value::Object(map) => {
                let branch = dice.below(map.len());
                map.values_mut().nth(branch).expect("not empty")
            }
            _ => unreachable!("a leaf has no branches"),
        };
    }
}

fn damage(part: &mut Value, graft: Value, dice: &mut Dice) {
    match (dice.below(8), part) {
        (0 | 1, Value::Number(number)) => {
            let factor = [-1.0, 0.5, 0.9, 1.0 + 1e-12, 1.1, 2.0, 100.0, 1e12];
            let value = number.as_f64().unwrap_or(0.0) * dice.pick(&factor);
            *number = serde_json::Number::from_f64(value).unwrap_or_else(|| 0.into());
        }
        (0..=2, Value::Object(map)) => prune(map, graft, dice),
        (0..=2, Value::Array(list)) => match dice.below(3) {
            0 => drop(list.pop()),
            1 => list.push(graft),
            _ => {
                let copies = 1 + dice.below(70);
                let one = list.first().cloned().unwrap_or(graft);
                list.extend(vec![one; copies]);
            }
        },
        (3, part) => *part = json!(dice.pick(&NUMBERS)),
        (4, part) => {
            *part = json!(dice.pick(&[0_i64, 1, -1, 2, 3, 5, 7, 64, 65, 1 << 40, i64::MIN]));
        }
        (5, part) => {
            let odd = [
                json!(null),
                json!(true),
                json!(""),
                json!([]),
                json!({}),
                json!(u64::MAX),
            ];
            part.clone_from(dice.pick(&odd));
        }
        (_, part) => *part = graft,
    }
}

/// Takes a key out, or puts another key's value in its place.
fn prune(map: &mut Map<String, Value>, graft: Value, dice: &mut Dice) {
    let key = map.keys().nth(dice.below(map.len())).cloned();
    match (key, graft) {
        (_, Value::Object(more)) if dice.below(2) == 0 => map.extend(more),
        (Some(key), graft) if dice.below(2) == 0 => drop(map.insert(key, graft)),
        (Some(key), _) => drop(map.remove(&key)),
        (None, graft) => drop(map.insert("graft".to_owned(), graft)),
    }
}
