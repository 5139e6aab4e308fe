//! Which values a set's stimuli have: cells, replicates, pairs and twins, as arithmetic on an index.
//!
//! A set is a sequence of groups. Groups take the cells of the design in turn; within a group stand
//! the stimuli that belong together: one that stands and one that falls, and their twins. So a
//! longer set begins with the shorter one, and every cell has the same count whenever the number of
//! groups is a multiple of the number of cells.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Place;
use super::cells::{self, Cell, Plan};
use super::factor::{Declared, Spec, draw_bin, real};
use super::twin::Twin;
use crate::stimulus::Factor;
use crate::{Error, Result, Stream};

/// What a task says of its factors.
pub struct Declaration {
    /// Every factor.
    pub factors: Vec<Declared>,
    /// How they vary unless a recipe says otherwise, as it would be written there.
    pub defaults: Value,
    /// The factor that `size` stands for, with its small and its large levels.
    pub sizes: (&'static str, [&'static [i64]; 2]),
    /// What twins may differ in.
    pub twins: &'static [Twin],
}

/// A design, read and checked.
#[derive(Clone, Debug, Serialize)]
pub struct Design {
    specs: BTreeMap<&'static str, Spec>,
    plan: Plan,
    #[serde(skip)]
    cells: Vec<Cell>,
    #[serde(skip)]
    declared: Vec<Declared>,
}

/// What a design says of one stimulus.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Factor → value; what is drawn per block is left to the task.
    pub values: BTreeMap<&'static str, Factor>,
    /// Whether something is to fall.
    pub falls: bool,
    /// Number of the group within the split.
    pub group: u64,
    /// How many groups of the same cell came before.
    pub replicate: u64,
    /// What the stimulus differs in from the first of its twins; `None` for the first.
    pub twin: Option<Twin>,
    /// Whether the two answers of a group make two pairs: so with twins of the looks.
    pub pairs_by_answer: bool,
}

impl Design {
    /// Reads the factors and the plan of a recipe.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown name, a value out of range, contradictory factors, or a
    /// plan without cells.
    pub fn read(
        declaration: &Declaration,
        factors: &Map<String, Value>,
        plan: &Map<String, Value>,
    ) -> Result<Self> {
        let mut specs = BTreeMap::new();
        let defaults = declaration.defaults.as_object().expect("an object");
        for (name, json) in defaults.iter().chain(factors) {
            if name == "size" {
                let (factor, levels) = size(declaration, factors, json)?;
                specs.insert(factor, levels);
            } else {
                let declared = declaration.declared(name)?;
                specs.insert(declared.name, declared.read(json)?);
            }
        }
        let plan = Plan::read(plan, declaration.twins, &specs)?;
        let cells = cells::enumerate(&specs, &plan)?;
        let declared = declaration.factors.clone();
        Ok(Self {
            specs,
            plan,
            cells,
            declared,
        })
    }

    /// How a factor varies.
    pub fn spec(&self, name: &str) -> &Spec {
        self.specs
            .get(name)
            .expect("every declared factor has a default")
    }

    /// How the cells are laid out, and what twins differ in.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Number of cells.
    pub fn n_cells(&self) -> u64 {
        self.cells.len() as u64
    }

    /// Stimuli that belong together: the answers, times the twins.
    pub fn group_size(&self) -> u64 {
        let twins = match self.plan.twin() {
            None | Some(Twin::Answer) => 1,
            Some(_) => 2,
        };
        self.spec("answer").listed().len() as u64 * twins
    }

    /// Whether `count` stimuli fill every cell alike; asked of designs that say how cells are laid out.
    pub fn check_count(&self, count: u64) -> Result<()> {
        let whole = self.n_cells() * self.group_size();
        if self.plan.is_default() || count.is_multiple_of(whole) {
            return Ok(());
        }
        let expected = format!(
            "a multiple of {whole} ({} cells of {} stimuli)",
            self.n_cells(),
            self.group_size()
        );
        let nearest = (count / whole).max(1) * whole;
        Err(Error::argument(
            "count",
            expected,
            count,
            format!("use {nearest}"),
        ))
    }

    /// What the stimulus at `place` is to be.
    pub fn assign(&self, place: &Place) -> Assignment {
        let size = self.group_size();
        let (group, member) = (place.index / size, place.index % size);
        let answers = self.spec("answer").listed();
        let answer = &answers[(member % answers.len() as u64) as usize];
        let is_twin = member >= answers.len() as u64;
        let (cell, replicate) = (group % self.n_cells(), group / self.n_cells());
        let mut values: BTreeMap<&'static str, Factor> =
            self.cells[cell as usize].iter().cloned().collect();
        for declared in &self.declared {
            if let Some(value) = self.draw(declared, place, (cell, replicate, group)) {
                values.insert(declared.name, value);
            }
        }
        values.insert("answer", answer.clone());
        let falls = *answer == Factor::Text("yes".to_owned());
        let twin = match self.plan.twin() {
            Some(Twin::Answer) if falls => Some(Twin::Answer),
            Some(twin) if is_twin => Some(twin),
            _ => None,
        };
        let mut assignment = Assignment {
            values,
            falls,
            group,
            replicate,
            twin,
            pairs_by_answer: !matches!(self.plan.twin(), None | Some(Twin::Answer)),
        };
        if let Some(twin) = twin {
            self.change(twin, &mut assignment, place);
        }
        assignment
    }

    /// The value of a factor that is not crossed; `None` for one that is, or is drawn per block.
    fn draw(
        &self,
        declared: &Declared,
        place: &Place,
        (cell, replicate, group): (u64, u64, u64),
    ) -> Option<Factor> {
        let name = declared.name;
        if matches!(declared.values, super::factor::Values::PerBlock(..)) {
            return None;
        }
        let stream = || place.stream(&format!("factor {name}"), group);
        match self.specs.get(name)? {
            Spec::Fixed(value) => Some(value.clone()),
            Spec::Levels(_) => None,
            Spec::Balanced(values) => Some(balanced(values, name, place, (cell, replicate))),
            Spec::Range([low, high]) => Some(match declared.values {
                super::factor::Values::Count(..) => {
                    declared.number(stream().range(*low, *high + 1.0))
                }
                _ => Factor::Real(stream().range(*low, *high)),
            }),
            Spec::Bins(bins) => {
                // The golden ratio spreads the groups evenly over the bins from the first on.
                let start = place.stream(&format!("bins {name}"), 0).uniform();
                let step = 0.618_033_988_749_894_9 * group as f64;
                let u = (start + step) - (start + step).floor();
                Some(declared.number(draw_bin(bins, u, &mut stream())))
            }
        }
    }

    /// Turns `assignment` into that of the twin.
    fn change(&self, twin: Twin, assignment: &mut Assignment, place: &Place) {
        let group = assignment.group;
        for name in twin.factors() {
            let declared = self.declared.iter().find(|declared| declared.name == *name);
            let declared = declared.expect("a task with these twins declares the factor");
            let mut stream = place.stream(&format!("twin {name}"), group);
            let before = &assignment.values[name];
            let after = match (self.plan.to(), self.specs.get(name)) {
                (Some(to), _) => to.clone(),
                (None, Some(Spec::Range([low, high]))) => {
                    declared.number(stream.range(*low, *high))
                }
                (None, Some(spec)) => other(declared, spec, before, &mut stream),
                (None, None) => before.clone(),
            };
            assignment.values.insert(declared.name, after);
        }
    }

    /// Canonical text: part of a set's fingerprint.
    pub fn canonical(&self) -> String {
        serde_json::to_string(self).expect("names and numbers always serialise")
    }
}

impl Declaration {
    fn declared(&self, name: &str) -> Result<&Declared> {
        let found = self.factors.iter().find(|declared| declared.name == name);
        found.ok_or_else(|| {
            let mut names: Vec<&str> = self.factors.iter().map(|declared| declared.name).collect();
            names.push("size");
            Error::unknown_name("factor", name, &names)
        })
    }
}

impl Assignment {
    /// A number among the values.
    pub fn real(&self, name: &str) -> f64 {
        real(&self.values[name]).expect("the factor is declared as a number")
    }

    /// A whole number among the values.
    pub fn count(&self, name: &str) -> usize {
        self.real(name) as usize
    }

    /// A name among the values.
    pub fn text(&self, name: &str) -> &str {
        match &self.values[name] {
            Factor::Text(text) => text,
            other => unreachable!("`{name}` is declared as a name, got {other:?}"),
        }
    }

    /// All values, as text: what an error calls the cell.
    pub fn describe(&self) -> String {
        cells::describe(self.values.iter().map(|(name, value)| (*name, value)))
    }
}

/// What `size` asks for.
fn size(
    declaration: &Declaration,
    factors: &Map<String, Value>,
    json: &Value,
) -> Result<(&'static str, Spec)> {
    let (factor, levels) = declaration.sizes;
    if factors.contains_key(factor) {
        let expected = format!("`size` or `{factor}`");
        return Err(Error::argument(
            "factors",
            expected,
            "both",
            "keep one of them",
        ));
    }
    let at = match json.as_str() {
        Some("small") => 0,
        Some("large") => 1,
        _ => {
            let hint = format!("or give `{factor}`");
            return Err(Error::argument("size", "`small` or `large`", json, hint));
        }
    };
    let levels = levels[at].iter().map(|&n| Factor::Integer(n)).collect();
    Ok((factor, Spec::Levels(levels)))
}

/// Within each cell, every run of as many replicates as there are values has each of them once.
fn balanced(values: &[Factor], name: &str, place: &Place, (cell, replicate): (u64, u64)) -> Factor {
    let n = values.len() as u64;
    let mut order: Vec<usize> = (0..values.len()).collect();
    place
        .stream(&format!("balanced {name}"), replicate / n)
        .shuffle(&mut order);
    values[order[((replicate + cell) % n) as usize]].clone()
}

/// A value other than `before`: of those that the design lists, else of those that are allowed.
fn other(declared: &Declared, spec: &Spec, before: &Factor, stream: &mut Stream) -> Factor {
    let mut choices: Vec<Factor> = spec.listed().to_vec();
    if choices.len() < 2 {
        choices = match declared.values {
            super::factor::Values::Names(names) => names
                .iter()
                .map(|name| Factor::Text((*name).to_owned()))
                .collect(),
            super::factor::Values::Flag => vec![Factor::Flag(false), Factor::Flag(true)],
            _ => choices,
        };
    }
    choices.retain(|choice| choice != before);
    match choices.len() as u64 {
        0 => before.clone(),
        n => choices[stream.below(n) as usize].clone(),
    }
}
