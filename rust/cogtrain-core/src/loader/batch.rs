//! Stimuli of one step of one rank, ready for a model.

use super::answers::Answers;
use super::pool::Lent;
use super::texts::Texts;
use crate::preprocess::Extra;

/// Stimuli of one step of one rank, in the order of their positions.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Stimulus ids.
    pub ids: Texts,
    /// Per stimulus: question name → true answer.
    pub answers: Answers,
    /// Per stimulus: which of the loader's sources it is from.
    pub sets: Vec<i64>,
    /// Per stimulus: its place in the epoch's global sequence.
    pub positions: Vec<i64>,
    /// 1 for a stimulus that counts, 0 for one that only fills up: at the end of an epoch, or in
    /// the place of a quarantined one.
    pub weights: Vec<f32>,
    /// What the model sees.
    pub pixels: Pixels,
}

/// The images of a batch, preprocessed or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// Images of one size, `height × width × 3` each, one after the other.
    Images {
        /// Rows of each image.
        height: usize,
        /// Columns of each image.
        width: usize,
        /// All values.
        values: Lent<u8>,
    },
    /// Input of a vision-language model, as [`Preprocess::apply`](crate::Preprocess::apply) makes
    /// it.
    Input {
        /// `pixel_values`, row-major.
        values: Floats,
        /// Shape of `pixel_values`.
        shape: Vec<usize>,
        /// The other arrays, by family.
        extras: Vec<Extra>,
    },
}

/// Floating-point numbers in one of two widths.
#[derive(Clone, Debug, PartialEq)]
pub enum Floats {
    /// 32 bits.
    F32(Lent<f32>),
    /// The bits of bfloat16.
    Bf16(Lent<u16>),
}

impl Pixels {
    /// Takes them out; none are left.
    #[must_use]
    pub fn take(&mut self) -> Self {
        std::mem::replace(
            self,
            Self::Images {
                height: 0,
                width: 0,
                values: Lent::default(),
            },
        )
    }
}

impl Batch {
    /// How many stimuli there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Never: a batch has at least one stimulus.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Bytes of its pixels.
    pub fn bytes(&self) -> usize {
        match &self.pixels {
            Pixels::Images { values, .. } => values.len(),
            Pixels::Input { values, .. } => match values {
                Floats::F32(values) => size_of_val(&**values),
                Floats::Bf16(values) => size_of_val(&**values),
            },
        }
    }
}
