//! Many short texts in one piece of memory.

use std::fmt;
use std::ops::Index;

/// Texts that lie one after the other: to let go of them all is to free two pieces of memory,
/// however many there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Texts {
    all: String,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Texts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The text at `place`, if there are as many.
    pub fn get(&self, place: usize) -> Option<&str> {
        let end = *self.ends.get(place)?;
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.all[begin..end])
    }

    /// All of them in order.
    ///
    /// ```
    /// let texts: cogtrain_core::Texts = ["a", "", "bc"].into_iter().collect();
    /// assert!(texts.iter().eq(["a", "", "bc"]));
    /// assert_eq!(&texts[2], "bc");
    /// ```
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        (0..self.len()).map(|place| &self[place])
    }

    /// Puts `text` behind the others.
    pub(super) fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }
}

impl<T: AsRef<str>> FromIterator<T> for Texts {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut all = Self::default();
        texts.into_iter().for_each(|text| all.push(text.as_ref()));
        all
    }
}

impl Index<usize> for Texts {
    type Output = str;

    /// # Panics
    /// If there are not as many.
    fn index(&self, place: usize) -> &str {
        let missing = || panic!("text {place} of {}", self.len());
        self.get(place).unwrap_or_else(missing)
    }
}

impl<T: AsRef<str>, const N: usize> PartialEq<[T; N]> for Texts {
    fn eq(&self, other: &[T; N]) -> bool {
        self.iter().eq(other.iter().map(AsRef::as_ref))
    }
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_what_they_were_made_of(texts in prop::collection::vec(".{0,6}", 0..20)) {
            let kept: Texts = texts.iter().collect();
            prop_assert!(kept.iter().eq(&texts));
            prop_assert_eq!((kept.len(), kept.is_empty()), (texts.len(), texts.is_empty()));
            prop_assert_eq!(kept.get(texts.len()), None);
            prop_assert_eq!(format!("{kept:?}"), format!("{texts:?}"));
        }
    }
}
