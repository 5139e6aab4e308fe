//! How often each answer, each level of a factor, and each cell of both occurs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::crew::Crew;
use super::draft::Progress;
use crate::{Factor, Result, Source};

/// A factor or question with more values than this is no set of levels.
const MAX_LEVELS: usize = 32;

/// More cells than this are not worth listing.
const MAX_CELLS: usize = 1024;

/// Cells kept while counting, before factors with too many values have shown themselves.
const MAX_HELD: usize = 1 << 16;

/// Counts over stimuli. Continuous factors are left out, as is any factor or question with more
/// than 32 values. A cell is one combination of the levels of all that remain.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    of: u64,
    answers: BTreeMap<String, Levels>,
    factors: BTreeMap<String, Levels>,
    cells: Option<BTreeMap<Cell, u64>>,
}

/// Value as JSON text → how often; `None` once there are too many.
type Levels = Option<BTreeMap<String, u64>>;

/// Name → value as JSON text.
type Cell = BTreeMap<String, String>;

impl Tally {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            cells: Some(BTreeMap::new()),
            ..Self::default()
        }
    }

    /// Counts one stimulus.
    pub fn add(&mut self, answers: &BTreeMap<String, String>, factors: &BTreeMap<String, Factor>) {
        self.of += 1;
        let mut cell = Cell::new();
        let mut spilt = Vec::new();
        for (name, answer) in answers {
            let value = json!(answer).to_string();
            count(&mut self.answers, name, value, (&mut cell, &mut spilt));
        }
        for (name, factor) in factors {
            if !matches!(factor, Factor::Real(_)) && !answers.contains_key(name) {
                let value = json!(factor).to_string();
                count(&mut self.factors, name, value, (&mut cell, &mut spilt));
            }
        }
        self.add_cell(cell, &spilt);
    }

    /// Counts `cell`; names in `spilt` no longer tell cells apart.
    fn add_cell(&mut self, cell: Cell, spilt: &[String]) {
        let Some(mut cells) = self.cells.take() else {
            return;
        };
        if !spilt.is_empty() {
            let mut merged = BTreeMap::new();
            for (mut cell, n) in cells {
                cell.retain(|name, _| !spilt.contains(name));
                *merged.entry(cell).or_insert(0) += n;
            }
            cells = merged;
        }
        *cells.entry(cell).or_insert(0) += 1;
        self.cells = (cells.len() <= MAX_HELD).then_some(cells);
    }

    /// `{"of": n, "answers": {question: {answer: n}}, "factors": {factor: {level: n}},
    /// "cells": [{"cell": {name: value}, "count": n}]}`; `cells` is null if there are too many.
    pub fn to_json(&self) -> Value {
        let levels = |all: &BTreeMap<String, Levels>| -> Map<String, Value> {
            let kept = all.iter().filter_map(|(name, levels)| {
                let levels = levels.as_ref()?;
                let levels = levels.iter().map(|(value, n)| (plain(value), json!(n)));
                Some((name.clone(), Value::Object(levels.collect())))
            });
            kept.collect()
        };
        let listed = self.cells.as_ref().filter(|cells| cells.len() <= MAX_CELLS);
        let cells = listed.map(|cells| {
            let cell = |(cell, n): (&Cell, &u64)| {
                let values = cell.iter().map(|(name, text)| (name.clone(), value(text)));
                json!({"cell": values.collect::<Map<_, _>>(), "count": n})
            };
            cells.iter().map(cell).collect::<Vec<_>>()
        });
        json!({
            "of": self.of,
            "answers": levels(&self.answers),
            "factors": levels(&self.factors),
            "cells": cells,
        })
    }
}

/// Counts `value` of `name` and puts it into `cell`, or `name` into `spilt` if that is too many.
fn count(
    all: &mut BTreeMap<String, Levels>,
    name: &str,
    value: String,
    (cell, spilt): (&mut Cell, &mut Vec<String>),
) {
    let levels = all
        .entry(name.to_owned())
        .or_insert_with(|| Some(BTreeMap::new()));
    let Some(known) = levels else { return };
    *known.entry(value.clone()).or_insert(0) += 1;
    if known.len() > MAX_LEVELS {
        *levels = None;
        spilt.push(name.to_owned());
    } else {
        cell.insert(name.to_owned(), value);
    }
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("written by us")
}

/// A level as the key of an object: text without its quotes.
fn plain(text: &str) -> String {
    match value(text) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Counts all stimuli of `source` on `threads` threads; `None` if `progress` breaks off.
pub fn tally(
    source: &Arc<dyn Source>,
    threads: usize,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Option<Tally>> {
    let total = source.len();
    let shared = Arc::clone(source);
    let mut crew = Crew::start(threads, 0..total, move |index| {
        let stimulus = shared.get(index)?;
        Ok((stimulus.answers, stimulus.factors))
    })?;
    let mut tally = Tally::new();
    for done in 0..total {
        let at = Progress { done, total };
        let Some((answers, factors)) = crew.next(&mut || progress(at))? else {
            return Ok(None);
        };
        tally.add(&answers, &factors);
    }
    Ok(Some(tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(rows: impl Iterator<Item = (i64, &'static str, f64)>) -> Value {
        let mut tally = Tally::new();
        for (n, answer, margin) in rows {
            let answers = BTreeMap::from([("will_fall".to_owned(), answer.to_owned())]);
            let factors = BTreeMap::from([
                ("n".to_owned(), Factor::Integer(n)),
                ("margin".to_owned(), Factor::Real(margin)),
            ]);
            tally.add(&answers, &factors);
        }
        tally.to_json()
    }

    #[test]
    fn levels_and_cells_are_counted() {
        let rows = [
            (2, "yes", 0.1),
            (2, "no", 0.2),
            (3, "no", 0.3),
            (2, "no", 0.4),
        ];
        assert_eq!(
            counted(rows.into_iter()),
            json!({
                "of": 4,
                "answers": {"will_fall": {"no": 3, "yes": 1}},
                "factors": {"n": {"2": 3, "3": 1}},
                "cells": [
                    {"cell": {"n": 2, "will_fall": "no"}, "count": 2},
                    {"cell": {"n": 2, "will_fall": "yes"}, "count": 1},
                    {"cell": {"n": 3, "will_fall": "no"}, "count": 1},
                ],
            })
        );
    }

    #[test]
    fn too_many_values_are_no_levels_and_split_no_cell() {
        let counts = counted((0..100).map(|n| (n, "yes", 0.0)));
        assert_eq!(counts["factors"], json!({}));
        assert_eq!(
            counts["cells"],
            json!([{"cell": {"will_fall": "yes"}, "count": 100}])
        );
    }
}
