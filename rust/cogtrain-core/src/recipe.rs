//! All that determines a set of stimuli.

use serde_json::{Map, Value, json};

use crate::naming::named;
use crate::style::Style;
use crate::task::Task;
use crate::{Error, Result};

/// Most stimuli of one split: splits are this far apart on the axis of indices.
pub const MAX_COUNT: u64 = 1 << 40;

named! {
    /// Part of a design that shares no stimulus with the others.
    pub enum Split as "split" {
        /// To fit on.
        Train = "train",
        /// To choose by.
        Val = "val",
        /// To report.
        Test = "test",
    }
}

impl Split {
    /// Where the split begins on the axis of indices.
    pub(crate) fn first_index(self) -> u64 {
        self as u64 * MAX_COUNT
    }
}

/// All that determines a set of stimuli.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Question family.
    pub task: Task,
    /// Look.
    pub style: Style,
    /// Two seeds share no stimulus.
    pub seed: u64,
    /// How many stimuli.
    pub count: u64,
    /// Which part of the design.
    pub split: Split,
    /// Factor → how it varies, as a JSON object; what is not named takes the task's default.
    pub factors: Map<String, Value>,
    /// How cells are laid out, what is held out, what twins differ in; empty: all crossed.
    pub design: Map<String, Value>,
    /// What is asked, by name; `None` for the task's main question.
    pub questions: Option<Vec<String>>,
    /// Side of the square image, in pixels.
    pub size_px: usize,
}

impl Recipe {
    const NAMES: [&'static str; 9] = [
        "task",
        "style",
        "seed",
        "count",
        "split",
        "factors",
        "design",
        "questions",
        "size_px",
    ];

    /// A recipe that leaves all but the task to the defaults: 1,000 test stimuli of 224 px in the
    /// `cubeworld` style, under seed 0.
    pub fn new(task: Task) -> Self {
        Self {
            task,
            style: Style::Cubeworld,
            seed: 0,
            count: 1000,
            split: Split::Test,
            factors: Map::new(),
            design: Map::new(),
            questions: None,
            size_px: 224,
        }
    }

    /// Reads a recipe from a JSON object; what is not named takes its default.
    ///
    /// # Errors
    /// [`Error::Argument`] for an unknown key (names the nearest) or a value of another kind.
    pub fn read(json: &Map<String, Value>) -> Result<Self> {
        let mut recipe = Self::new(Task::Tower);
        for (name, value) in json {
            match name.as_str() {
                "task" => recipe.task = Task::parse(text(name, value)?)?,
                "style" => recipe.style = Style::parse(text(name, value)?)?,
                "split" => recipe.split = Split::parse(text(name, value)?)?,
                "seed" => recipe.seed = whole(name, value)?,
                "count" => recipe.count = whole(name, value)?,
                "size_px" => recipe.size_px = whole(name, value)? as usize,
                "factors" => recipe.factors = object(name, value)?,
                "design" => recipe.design = object(name, value)?,
                "questions" => recipe.questions = questions(value)?,
                _ => return Err(Error::unknown_name("recipe", name, &Self::NAMES)),
            }
        }
        Ok(recipe)
    }

    /// The recipe as a JSON object that [`read`](Self::read) reads: every key, the defaults of
    /// factors left out.
    pub fn to_json(&self) -> Map<String, Value> {
        let value = json!({
            "task": self.task,
            "style": self.style,
            "seed": self.seed,
            "count": self.count,
            "split": self.split,
            "factors": self.factors,
            "design": self.design,
            "questions": self.questions,
            "size_px": self.size_px,
        });
        match value {
            Value::Object(recipe) => recipe,
            _ => unreachable!("written as an object"),
        }
    }
}

fn refuse(name: &str, expected: &str, got: &Value) -> Error {
    Error::argument(name, expected, got, "correct the recipe")
}

fn text<'a>(name: &str, json: &'a Value) -> Result<&'a str> {
    json.as_str().ok_or_else(|| refuse(name, "a name", json))
}

fn whole(name: &str, json: &Value) -> Result<u64> {
    let expected = "a whole number from 0 to 2⁶⁴ − 1";
    json.as_u64().ok_or_else(|| refuse(name, expected, json))
}

fn object(name: &str, json: &Value) -> Result<Map<String, Value>> {
    match json {
        Value::Object(object) => Ok(object.clone()),
        Value::Null => Ok(Map::new()),
        _ => Err(refuse(name, "a mapping", json)),
    }
}

fn questions(json: &Value) -> Result<Option<Vec<String>>> {
    let names = match json {
        Value::Null => return Ok(None),
        Value::String(name) => return Ok(Some(vec![name.clone()])),
        Value::Array(names) => names,
        _ => return Err(refuse("questions", "a list of names", json)),
    };
    let name = |name: &Value| text("questions", name).map(str::to_owned);
    names.iter().map(name).collect::<Result<_>>().map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &Value) -> Result<Recipe> {
        Recipe::read(json.as_object().expect("an object"))
    }

    #[test]
    fn what_is_written_reads_back() {
        let json = json!({"task": "pyramid", "seed": 7, "count": 8, "questions": ["block_count"]});
        let recipe = read(&json).expect("valid");
        let again = Recipe::read(&recipe.to_json()).expect("own text");
        assert_eq!(again.to_json(), recipe.to_json());
        assert_eq!(again.questions, Some(vec!["block_count".to_owned()]));
    }

    #[test]
    fn a_wrong_key_or_value_is_named() {
        for (json, words) in [
            (json!({"taks": "tower"}), "`taks`; did you mean `task`?"),
            (
                json!({"count": -3}),
                "`count` to be a whole number from 0 to 2⁶⁴ − 1, got -3",
            ),
            (json!({"count": f64::INFINITY}), "got null"),
            (
                json!({"factors": [1]}),
                "`factors` to be a mapping, got [1]",
            ),
            (json!({"questions": [3]}), "`questions` to be a name, got 3"),
        ] {
            let error = read(&json).expect_err("refused").to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
