//! What can be asked of a scene: names, domains, scales and answer sets. The words are elsewhere.

use crate::naming::named;

named! {
    /// Something that can be asked of an image.
    pub enum Question as "question" {
        /// Will any block of what is shown fall?
        WillFall = "will_fall",
        /// Would any block fall if the red one were taken away?
        WillFallIfRemoved = "will_fall_if_removed",
        /// How many of the other blocks would fall if the red one were taken away?
        FallCountIfRemoved = "fall_count_if_removed",
        /// What colour is the background?
        BackgroundColor = "background_color",
        /// How many blocks are there?
        BlockCount = "block_count",
        /// What are the colours from top to bottom (within a row: from left to right)?
        ColorsTopToBottom = "colors_top_to_bottom",
        /// Is there a red block?
        HasRedBlock = "has_red_block",
        /// In which row, counted from the bottom, is the red block?
        RedBlockRow = "red_block_row",
    }
}

named! {
    /// The cognitive domain that a question probes.
    pub enum Domain as "domain" {
        /// Intuitive physics: what will happen.
        Physics = "physics",
        /// Causal reasoning: what would have happened.
        Causal = "causal",
        /// What is there to see: a check that precedes reasoning.
        Perception = "perception",
    }
}

named! {
    /// What kind of answer a question takes.
    pub enum Scale as "scale" {
        /// Yes or no.
        Binary = "binary",
        /// One of several names.
        Choice = "choice",
        /// A whole number.
        Count = "count",
        /// Names in order, separated by a comma and a space.
        Sequence = "sequence",
    }
}

const YES_NO: &[&str] = &["yes", "no"];
/// Up to the blocks of the largest pyramid.
const COUNTS: &[&str] = &[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19",
];
const BACKGROUNDS: &[&str] = &["white", "gray", "beige", "blue", "black"];
const COLORS: &[&str] = &[
    "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink",
];
const ROWS: &[&str] = &["none", "1", "2", "3", "4", "5", "6", "7"];

impl Question {
    /// The cognitive domain that it probes.
    pub fn domain(self) -> Domain {
        match self {
            Self::WillFall => Domain::Physics,
            Self::WillFallIfRemoved | Self::FallCountIfRemoved => Domain::Causal,
            _ => Domain::Perception,
        }
    }

    /// What kind of answer it takes.
    pub fn scale(self) -> Scale {
        match self {
            Self::WillFall | Self::WillFallIfRemoved | Self::HasRedBlock => Scale::Binary,
            Self::FallCountIfRemoved | Self::BlockCount => Scale::Count,
            Self::BackgroundColor | Self::RedBlockRow => Scale::Choice,
            Self::ColorsTopToBottom => Scale::Sequence,
        }
    }

    /// The possible answers; of a sequence, what it is made of.
    pub fn options(self) -> &'static [&'static str] {
        match self {
            Self::WillFall | Self::WillFallIfRemoved | Self::HasRedBlock => YES_NO,
            Self::FallCountIfRemoved | Self::BlockCount => COUNTS,
            Self::BackgroundColor => BACKGROUNDS,
            Self::ColorsTopToBottom => COLORS,
            Self::RedBlockRow => ROWS,
        }
    }
}

/// The answer to a yes-or-no question.
pub(super) fn yes_no(truth: bool) -> String {
    YES_NO[usize::from(!truth)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::Color;
    use crate::style::Background;

    #[test]
    fn options_are_the_names_of_what_is_drawn() {
        assert_eq!(Question::ColorsTopToBottom.options(), Color::NAMES);
        assert_eq!(
            Question::BackgroundColor.options(),
            &Background::NAMES[..Background::NAMES.len() - 1]
        );
        assert_eq!(
            (yes_no(true).as_str(), yes_no(false).as_str()),
            ("yes", "no")
        );
    }
}
