//! The true answers of a batch.

use std::collections::BTreeMap;
use std::fmt;

use super::texts::Texts;

/// Words among which a further one is looked for before it is kept: questions and their options
/// are few, names that people gave may be many.
const KNOWN_WORDS: usize = 16;

/// Per stimulus: question name → true answer. What stimuli repeat is kept once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Answers {
    words: Texts,
    /// Question and answer of all stimuli, one after the other, as places among the words.
    pairs: Vec<(usize, usize)>,
    /// Where those of each stimulus end.
    ends: Vec<usize>,
}

impl Answers {
    /// How many stimuli there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The true answer to `question` about the stimulus at `place`, if it has one.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// let rows = ["no", "yes"].map(|answer| BTreeMap::from([("will_fall".into(), answer.into())]));
    /// let answers: cogtrain_core::Answers = rows.into_iter().collect();
    /// assert_eq!(answers.get(1, "will_fall"), Some("yes"));
    /// assert_eq!((answers.get(1, "colour"), answers.get(2, "will_fall")), (None, None));
    /// ```
    pub fn get(&self, place: usize, question: &str) -> Option<&str> {
        let pairs = self.pairs(place)?;
        let asked = pairs.iter().find(|pair| &self.words[pair.0] == question)?;
        self.words.get(asked.1)
    }

    /// The texts that [`Answers::pairs`] points at; few stand twice.
    pub fn words(&self) -> &Texts {
        &self.words
    }

    /// Question and answer of the stimulus at `place`, by the name of the question, as places among
    /// [`Answers::words`]; nothing if there are not as many stimuli.
    pub fn pairs(&self, place: usize) -> Option<&[(usize, usize)]> {
        let end = *self.ends.get(place)?;
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.pairs[begin..end])
    }

    /// Puts those of one more stimulus behind the others.
    pub(super) fn push(&mut self, answers: &BTreeMap<String, String>) {
        for (question, answer) in answers {
            let pair = (self.word(question), self.word(answer));
            self.pairs.push(pair);
        }
        self.ends.push(self.pairs.len());
    }

    /// The place of `text` among the words.
    fn word(&mut self, text: &str) -> usize {
        let known = {
            let mut words = self.words.iter().take(KNOWN_WORDS);
            words.position(|word| word == text)
        };
        known.unwrap_or_else(|| {
            self.words.push(text);
            self.words.len() - 1
        })
    }
}

impl FromIterator<BTreeMap<String, String>> for Answers {
    fn from_iter<I: IntoIterator<Item = BTreeMap<String, String>>>(rows: I) -> Self {
        let mut all = Self::default();
        rows.into_iter().for_each(|row| all.push(&row));
        all
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named =
            |&(question, answer): &(usize, usize)| (&self.words[question], &self.words[answer]);
        let rows = (0..self.len()).filter_map(|place| self.pairs(place));
        let rows = rows.map(|pairs| pairs.iter().map(named).collect::<BTreeMap<_, _>>());
        f.debug_list().entries(rows).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Vec<BTreeMap<String, String>>> {
        // Up to 40 different answers: more than are looked for.
        let row = prop::collection::btree_map("[a-d]", "[a-d]?[0-9]?", 0..4);
        prop::collection::vec(row, 0..30)
    }

    proptest! {
        #[test]
        fn answers_are_what_they_were_made_of(rows in rows()) {
            let answers: Answers = rows.iter().cloned().collect();
            prop_assert_eq!((answers.len(), answers.is_empty()), (rows.len(), rows.is_empty()));
            prop_assert_eq!(format!("{answers:?}"), format!("{rows:?}"));
            for (place, row) in rows.iter().enumerate() {
                for question in ["a", "b", "c", "d"] {
                    let expected = row.get(question).map(String::as_str);
                    prop_assert_eq!(answers.get(place, question), expected);
                }
            }
        }
    }

    #[test]
    fn what_stimuli_repeat_is_kept_once() {
        let row = |answer: &str| BTreeMap::from([("will_fall".to_owned(), answer.to_owned())]);
        let answers: Answers = ["no", "yes", "yes", "no"].into_iter().map(row).collect();
        assert!(answers.words().iter().eq(["will_fall", "no", "yes"]));
        assert_eq!(answers.pairs(2), Some([(0, 2)].as_slice()));
    }
}
