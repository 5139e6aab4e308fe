//! The cells of a design: which combinations of levels there are.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::factor::{Spec, real};
use super::twin::Twin;
use crate::naming::named;
use crate::stimulus::Factor;
use crate::{Error, Result};

/// More cells than anyone can fill; a guard against a slip of the pen.
const MAX_CELLS: usize = 100_000;

/// One combination of levels.
pub type Cell = Vec<(&'static str, Factor)>;

named! {
    /// How levels are combined into cells.
    pub enum Crossing as "crossing" {
        /// Every combination.
        Crossed = "crossed",
        /// n² cells for any number of factors with n levels each: every pair of factors is
        /// crossed, higher combinations are not.
        LatinSquare = "latin_square",
    }
}

named! {
    /// Which cells of a design with held-out combinations are made.
    pub enum Part as "cells" {
        /// All but the held-out ones: to train on.
        Kept = "kept",
        /// The held-out ones: to test on.
        HeldOut = "held_out",
    }
}

/// Levels that are held out together.
type Combination = BTreeMap<String, Vec<Factor>>;

/// How the cells are laid out, and what twins differ in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    crossing: Crossing,
    hold_out: Vec<Combination>,
    cells: Part,
    twin: Option<Twin>,
    to: Option<Factor>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            crossing: Crossing::Crossed,
            hold_out: Vec::new(),
            cells: Part::Kept,
            twin: None,
            to: None,
        }
    }
}

impl Plan {
    const NAMES: [&'static str; 4] = ["crossing", "hold_out", "cells", "twins"];

    /// Reads `{"crossing": .., "hold_out": [{factor: level or levels}, ..], "cells": ..,
    /// "twins": {"change": .., "to": ..}}`.
    pub fn read(
        json: &Map<String, Value>,
        twins: &[Twin],
        specs: &BTreeMap<&'static str, Spec>,
    ) -> Result<Self> {
        let mut plan = Self::default();
        for (name, value) in json {
            match name.as_str() {
                "crossing" => plan.crossing = Crossing::parse(text(name, value)?)?,
                "cells" => plan.cells = Part::parse(text(name, value)?)?,
                "hold_out" => plan.hold_out = hold_out(value, specs)?,
                "twins" => (plan.twin, plan.to) = Twin::read(value, twins, specs)?,
                _ => return Err(Error::unknown_name("design", name, &Self::NAMES)),
            }
        }
        if plan.cells == Part::HeldOut && plan.hold_out.is_empty() {
            let hint = "say which combinations in `hold_out`";
            return Err(Error::argument("design.cells", "`kept`", "held_out", hint));
        }
        Ok(plan)
    }

    /// What twins differ in.
    pub fn twin(&self) -> Option<Twin> {
        self.twin
    }

    /// The value that the twin takes; left out, any other.
    pub fn to(&self) -> Option<&Factor> {
        self.to.as_ref()
    }

    /// Whether a recipe says nothing of it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    fn makes(&self, cell: &Cell) -> bool {
        let held_out = self.hold_out.iter().any(|combination| {
            cell.iter()
                .filter_map(|(name, level)| combination.get(*name).map(|held| held.contains(level)))
                .all(|inside| inside)
        });
        held_out == (self.cells == Part::HeldOut)
    }
}

/// The cells that are made, the last factor's levels changing fastest.
pub fn enumerate(specs: &BTreeMap<&'static str, Spec>, plan: &Plan) -> Result<Vec<Cell>> {
    let crossed = crossed(specs);
    let all = match plan.crossing {
        Crossing::Crossed => product(&crossed)?,
        Crossing::LatinSquare => latin_square(&crossed)?,
    };
    let made: Vec<Cell> = all.into_iter().filter(|cell| plan.makes(cell)).collect();
    if made.is_empty() {
        let got = "none: `hold_out` leaves nothing";
        let hint = "hold out fewer combinations, or make `held_out` cells of levels that occur";
        return Err(Error::argument("design", "of at least one cell", got, hint));
    }
    Ok(made)
}

/// The factors that make cells, with their levels. Answers take turns within each cell instead.
fn crossed<'a>(specs: &'a BTreeMap<&'static str, Spec>) -> Vec<(&'static str, &'a [Factor])> {
    specs
        .iter()
        .filter(|(name, spec)| **name != "answer" && matches!(spec, Spec::Levels(_)))
        .map(|(name, spec)| (*name, spec.listed()))
        .collect()
}

/// factor = level, … as an error names it.
pub fn describe<'a>(values: impl Iterator<Item = (&'a str, &'a Factor)>) -> String {
    let pairs: Vec<String> = values
        .map(|(name, value)| match value {
            Factor::Flag(value) => format!("{name} = {value}"),
            Factor::Integer(value) => format!("{name} = {value}"),
            Factor::Real(value) => format!("{name} = {value:.4}"),
            Factor::Text(value) => format!("{name} = {value}"),
        })
        .collect();
    pairs.join(", ")
}

fn product(crossed: &[(&'static str, &[Factor])]) -> Result<Vec<Cell>> {
    let count = crossed
        .iter()
        .try_fold(1_usize, |n, (_, levels)| n.checked_mul(levels.len()))
        .filter(|&n| n <= MAX_CELLS);
    if count.is_none() {
        let expected = format!("at most {MAX_CELLS} cells");
        let names: Vec<String> = crossed
            .iter()
            .map(|(name, levels)| format!("{name} ({})", levels.len()))
            .collect();
        let hint = "cross fewer factors, or use `balanced` or a Latin square";
        return Err(Error::argument("design", expected, names.join(" × "), hint));
    }
    let mut cells: Vec<Cell> = vec![Vec::new()];
    for (name, levels) in crossed {
        cells = cells
            .iter()
            .flat_map(|cell| {
                levels.iter().map(move |level| {
                    let mut longer = cell.clone();
                    longer.push((*name, level.clone()));
                    longer
                })
            })
            .collect();
    }
    Ok(cells)
}

/// Rows i and columns j; the third factor and those after it have level (m·i + j) mod n, m = 1, 2, …
fn latin_square(crossed: &[(&'static str, &[Factor])]) -> Result<Vec<Cell>> {
    let n = crossed.first().map_or(0, |(_, levels)| levels.len());
    let names: Vec<String> = crossed
        .iter()
        .map(|(name, levels)| format!("{name} ({})", levels.len()))
        .collect();
    if crossed.len() < 3 || crossed.iter().any(|(_, levels)| levels.len() != n) {
        let expected = "at least three factors with equally many levels";
        let hint = "give them `levels` of one length, or cross them";
        return Err(Error::argument(
            "crossing",
            expected,
            names.join(", "),
            hint,
        ));
    }
    // Two squares m and m' are orthogonal if m - m' has no factor in common with n.
    if (1..crossed.len() - 1).any(|m| gcd(m, n) != 1) {
        let expected = format!("at most {} factors of {n} levels", 1 + smallest_factor(n));
        let hint = "use a prime number of levels, fewer factors, or cross them";
        return Err(Error::argument(
            "crossing",
            expected,
            names.join(", "),
            hint,
        ));
    }
    let level = |k: usize, i: usize, j: usize| match k {
        0 => i,
        1 => j,
        m => ((m - 1) * i + j) % n,
    };
    let cell = |i, j| {
        let pick = |(k, (name, levels)): (usize, &(&'static str, &[Factor]))| {
            (*name, levels[level(k, i, j)].clone())
        };
        crossed.iter().enumerate().map(pick).collect()
    };
    Ok((0..n * n).map(|at| cell(at / n, at % n)).collect())
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn smallest_factor(n: usize) -> usize {
    (2..=n).find(|d| n.is_multiple_of(*d)).unwrap_or(1)
}

fn hold_out(json: &Value, specs: &BTreeMap<&'static str, Spec>) -> Result<Vec<Combination>> {
    let refuse = |got: &Value| {
        let expected = "a list of {factor: level or levels}";
        Error::argument("hold_out", expected, got, "e.g. [{n_blocks: 3}]")
    };
    let combinations = json.as_array().ok_or_else(|| refuse(json))?;
    let read = |combination: &Value| {
        let object = combination.as_object().filter(|object| !object.is_empty());
        let object = object.ok_or_else(|| refuse(combination))?;
        let levels = object
            .iter()
            .map(|(name, level)| Ok((name.clone(), held_levels(name, level, specs)?)));
        levels.collect::<Result<Combination>>()
    };
    combinations.iter().map(read).collect()
}

fn held_levels(
    name: &str,
    json: &Value,
    specs: &BTreeMap<&'static str, Spec>,
) -> Result<Vec<Factor>> {
    let crossed = crossed(specs);
    let Some((_, levels)) = crossed.iter().find(|(known, _)| *known == name) else {
        let crossed: Vec<&str> = crossed.iter().map(|(name, _)| *name).collect();
        let expected = format!("a factor with `levels` ({})", crossed.join(", "));
        return Err(Error::argument(
            "hold_out",
            expected,
            name,
            "give it levels",
        ));
    };
    let asked = match json {
        Value::Array(list) => list.clone(),
        one => vec![one.clone()],
    };
    let find = |json: &Value| {
        let same = |level: &&Factor| match (level, json) {
            (Factor::Text(text), Value::String(asked)) => text == asked,
            (Factor::Flag(flag), Value::Bool(asked)) => flag == asked,
            (level, json) => real(level).is_some() && real(level) == json.as_f64(),
        };
        levels.iter().find(same).cloned().ok_or_else(|| {
            let known = levels.iter().map(|level| (name, level));
            let expected = format!("a level of the design ({})", describe(known));
            Error::argument("hold_out", expected, json, "name one that occurs")
        })
    };
    asked.iter().map(find).collect()
}

fn text<'a>(name: &str, json: &'a Value) -> Result<&'a str> {
    json.as_str()
        .ok_or_else(|| Error::argument(name, "a name", json, "see the documentation"))
}
