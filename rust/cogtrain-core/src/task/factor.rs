//! What may vary in a design, and how: each factor is fixed, has levels, is balanced, or is drawn
//! from a range or a histogram.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::stimulus::Factor;
use crate::{Error, Result, Stream};

/// The values that a factor may take.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Whole numbers between two ends, both included.
    Count(i64, i64),
    /// Real numbers between two ends, both included; the unit is in the factor's name.
    Real(f64, f64),
    /// As `Real`, drawn anew for every block: only fixed or a range.
    PerBlock(f64, f64),
    /// One of several names.
    Names(&'static [&'static str]),
    /// True or false.
    Flag,
}

/// A factor of a task: its name, and the values that it may take.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// As it stands in a recipe.
    pub name: &'static str,
    /// What is allowed.
    pub values: Values,
}

/// How a factor takes its values over a set.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Spec {
    /// One value throughout.
    Fixed(Factor),
    /// Crossed with the levels of every other factor: each cell gets as many stimuli.
    Levels(Vec<Factor>),
    /// Equally often, without being crossed: balanced within each cell, in an order drawn at random.
    Balanced(Vec<Factor>),
    /// Drawn uniformly between the ends.
    Range([f64; 2]),
    /// (low, high, weight): a bin in proportion to its weight, then uniformly within it.
    Bins(Vec<[f64; 3]>),
}

impl Declared {
    /// Reads how the factor is to vary.
    ///
    /// A bare value is fixed; a bare list is levels, or the two ends of a range where the factor
    /// is continuous; `{"levels": [..]}`, `{"balanced": [..]}`, `{"range": [low, high]}`,
    /// `{"bins": [[low, high, weight], ..]}` and `{"fixed": ..}` say it in full.
    pub fn read(&self, json: &Value) -> Result<Spec> {
        match json {
            Value::Object(object) => self.read_object(object),
            Value::Array(_) if self.is_continuous() => self.range(json).map(Spec::Range),
            Value::Array(_) => self.list(json).map(Spec::Levels),
            _ => self.value(json).map(Spec::Fixed),
        }
    }

    fn read_object(&self, object: &Map<String, Value>) -> Result<Spec> {
        const KINDS: [&str; 5] = ["fixed", "levels", "balanced", "range", "bins"];
        let mut entries = object.iter();
        let (Some((kind, json)), None) = (entries.next(), entries.next()) else {
            let got = format!("{} keys", object.len());
            let expected = format!("one of {}", KINDS.join(", "));
            return Err(self.refuse(&expected, got, "say one thing of each factor"));
        };
        let spec = match kind.as_str() {
            "fixed" => Spec::Fixed(self.value(json)?),
            "levels" => Spec::Levels(self.list(json)?),
            "balanced" => Spec::Balanced(self.list(json)?),
            "range" => Spec::Range(self.range(json)?),
            "bins" => Spec::Bins(self.bins(json)?),
            _ => return Err(Error::unknown_name(self.name, kind, &KINDS)),
        };
        let per_block = matches!(self.values, Values::PerBlock(..));
        if per_block && !matches!(spec, Spec::Fixed(_) | Spec::Range(_)) {
            let hint = "every block draws its own";
            return Err(self.refuse("a value or a range", kind, hint));
        }
        Ok(spec)
    }

    fn is_continuous(&self) -> bool {
        matches!(self.values, Values::Real(..) | Values::PerBlock(..))
    }

    fn value(&self, json: &Value) -> Result<Factor> {
        let read = match self.values {
            Values::Count(low, high) => json
                .as_i64()
                .filter(|n| (low..=high).contains(n))
                .map(Factor::Integer),
            Values::Real(low, high) | Values::PerBlock(low, high) => json
                .as_f64()
                .filter(|x| (low..=high).contains(x))
                .map(Factor::Real),
            Values::Names(names) => name(json)
                .filter(|name| names.contains(&name.as_str()))
                .map(Factor::Text),
            Values::Flag => json.as_bool().map(Factor::Flag),
        };
        read.ok_or_else(|| self.refuse(&self.allowed(), json, "correct the recipe"))
    }

    /// What is allowed, in words.
    fn allowed(&self) -> String {
        match self.values {
            Values::Count(low, high) => format!("a whole number from {low} to {high}"),
            Values::Real(low, high) | Values::PerBlock(low, high) => {
                format!("a number from {low} to {high}")
            }
            Values::Names(names) => format!("one of {}", names.join(", ")),
            Values::Flag => "true or false".to_owned(),
        }
    }

    fn list(&self, json: &Value) -> Result<Vec<Factor>> {
        let Some(list) = json.as_array().filter(|list| !list.is_empty()) else {
            return Err(self.refuse("a list that is not empty", json, "name its levels"));
        };
        let values: Vec<Factor> = list.iter().map(|v| self.value(v)).collect::<Result<_>>()?;
        let twice = (1..values.len()).find(|&i| values[..i].contains(&values[i]));
        match twice {
            Some(at) => Err(self.refuse("each level once", &list[at], "name it once")),
            None => Ok(values),
        }
    }

    fn range(&self, json: &Value) -> Result<[f64; 2]> {
        let (low, high) = match self.values {
            Values::Count(low, high) => (low as f64, high as f64),
            Values::Real(low, high) | Values::PerBlock(low, high) => (low, high),
            Values::Names(_) | Values::Flag => {
                return Err(self.refuse("levels", json, "a range needs numbers"));
            }
        };
        match numbers(json).as_deref() {
            Some(&[a, b]) if low <= a && a <= b && b <= high => Ok([a, b]),
            _ => {
                let expected = format!("[low, high] with {low} ≤ low ≤ high ≤ {high}");
                Err(self.refuse(&expected, json, "give both ends"))
            }
        }
    }

    fn bins(&self, json: &Value) -> Result<Vec<[f64; 3]>> {
        let expected = "a list of [low, high, weight] with weights from 0 that are not all 0";
        let refuse = || self.refuse(expected, json, "give one triple per bin");
        let mut bins = Vec::new();
        for bin in json.as_array().ok_or_else(refuse)? {
            let Some(&[low, high, weight]) = numbers(bin).as_deref() else {
                return Err(refuse());
            };
            let [low, high] = self.range(&serde_json::json!([low, high]))?;
            if !(weight.is_finite() && weight >= 0.0) {
                return Err(refuse());
            }
            bins.push([low, high, weight]);
        }
        let total: f64 = bins.iter().map(|bin| bin[2]).sum();
        if total > 0.0 { Ok(bins) } else { Err(refuse()) }
    }

    fn refuse(&self, expected: &str, got: impl ToString, hint: &str) -> Error {
        Error::argument(self.name, expected, got, hint)
    }

    /// A number as this factor holds it.
    pub fn number(&self, x: f64) -> Factor {
        match self.values {
            Values::Count(low, high) => Factor::Integer((x.floor() as i64).clamp(low, high)),
            _ => Factor::Real(x),
        }
    }
}

impl Spec {
    /// Values that are named one by one; none for a range or bins.
    pub fn listed(&self) -> &[Factor] {
        match self {
            Self::Fixed(value) => std::slice::from_ref(value),
            Self::Levels(values) | Self::Balanced(values) => values,
            Self::Range(_) | Self::Bins(_) => &[],
        }
    }

    /// Smallest and largest number that can come out; `None` for names and flags.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let ends: Vec<f64> = match self {
            Self::Range(ends) => ends.to_vec(),
            Self::Bins(bins) => bins.iter().flat_map(|bin| [bin[0], bin[1]]).collect(),
            _ => self.listed().iter().filter_map(real).collect(),
        };
        let low = ends.iter().copied().reduce(f64::min)?;
        Some([low, ends.iter().copied().fold(low, f64::max)])
    }
}

/// `value` as a number, if it is one.
pub fn real(value: &Factor) -> Option<f64> {
    match *value {
        Factor::Integer(n) => Some(n as f64),
        Factor::Real(x) => Some(x),
        Factor::Flag(_) | Factor::Text(_) => None,
    }
}

/// The bin that share `u` of [0, 1) of the whole weight falls into, and a value from it.
pub fn draw_bin(bins: &[[f64; 3]], u: f64, stream: &mut Stream) -> f64 {
    let total: f64 = bins.iter().map(|bin| bin[2]).sum();
    let mut left = u * total;
    let mut chosen = bins.iter().rev().find(|bin| bin[2] > 0.0);
    for bin in bins.iter().filter(|bin| bin[2] > 0.0) {
        if left < bin[2] {
            chosen = Some(bin);
            break;
        }
        left -= bin[2];
    }
    let [low, high, _] = chosen.expect("a reader lets no bins pass whose weights are all 0");
    stream.range(*low, *high)
}

fn numbers(json: &Value) -> Option<Vec<f64>> {
    json.as_array()?.iter().map(Value::as_f64).collect()
}

/// A name, also where YAML has made a number of `2` or a truth value of `no`.
fn name(json: &Value) -> Option<String> {
    match json {
        Value::String(name) => Some(name.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(true) => Some("yes".to_owned()),
        Value::Bool(false) => Some("no".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COUNT: Declared = Declared {
        name: "n_blocks",
        values: Values::Count(2, 7),
    };
    const REAL: Declared = Declared {
        name: "margin",
        values: Values::Real(0.01, 0.4),
    };
    const NAME: Declared = Declared {
        name: "palette",
        values: Values::Names(&["default", "equiluminant"]),
    };

    const ANSWER: Declared = Declared {
        name: "answer",
        values: Values::Names(&["no", "yes", "2"]),
    };

    #[test]
    fn short_and_full_forms_mean_the_same() {
        for (declared, short, full) in [
            (COUNT, json!([2, 3]), json!({"levels": [2, 3]})),
            (COUNT, json!(4), json!({"fixed": 4})),
            (REAL, json!([0.02, 0.3]), json!({"range": [0.02, 0.3]})),
            (NAME, json!("default"), json!({"fixed": "default"})),
            (
                ANSWER,
                json!([false, true]),
                json!({"levels": ["no", "yes"]}),
            ),
            (ANSWER, json!(2), json!({"fixed": "2"})),
        ] {
            assert_eq!(
                declared.read(&short).expect("valid"),
                declared.read(&full).expect("valid")
            );
        }
    }

    #[test]
    fn what_is_not_allowed_is_named_with_its_value() {
        for (declared, json, words) in [
            (
                COUNT,
                json!([1, 2]),
                "`n_blocks` to be a whole number from 2 to 7, got 1",
            ),
            (
                COUNT,
                json!([]),
                "`n_blocks` to be a list that is not empty, got []",
            ),
            (
                COUNT,
                json!([2, 2]),
                "`n_blocks` to be each level once, got 2",
            ),
            (
                REAL,
                json!(f64::NAN),
                "`margin` to be a number from 0.01 to 0.4, got null",
            ),
            (REAL, json!(-0.1), "got -0.1"),
            (REAL, json!([0.3, 0.2]), "got [0.3,0.2]"),
            (REAL, json!({"bins": [[0.1, 0.2, 0.0]]}), "not all 0"),
            (REAL, json!({"bins": [[0.1, 0.2, -1.0]]}), "weights from 0"),
            (REAL, json!({"rang": [0.1, 0.2]}), "did you mean `range`"),
            (REAL, json!({}), "got 0 keys"),
            (NAME, json!("equiluminan"), "one of default, equiluminant"),
            (NAME, json!({"range": [0, 1]}), "a range needs numbers"),
        ] {
            let error = declared.read(&json).expect_err("refused").to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn bins_come_in_proportion() {
        let bins = [[0.0, 1.0, 1.0], [1.0, 2.0, 0.0], [2.0, 3.0, 3.0]];
        let mut stream = Stream::new(0, "test", 0);
        let drawn: Vec<f64> = (0..1000)
            .map(|i| draw_bin(&bins, f64::from(i) / 1000.0, &mut stream))
            .collect();
        assert_eq!(drawn.iter().filter(|x| **x < 1.0).count(), 250);
        assert!(drawn.iter().all(|x| *x < 1.0 || *x >= 2.0));
    }
}
