//! Sixteen single-precision numbers that go through the same operations: one or more registers of
//! whatever width the running body has.

use std::ops::{Add, Div, Mul, Sub};

/// Number of lanes.
pub const LANES: usize = 16;

/// Sixteen numbers.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct F32s(pub [f32; LANES]);

impl F32s {
    /// The same number in every lane.
    #[inline(always)]
    pub fn all(value: f32) -> Self {
        Self([value; LANES])
    }

    /// `first`, `first` + 1, …: exact below 2²⁴.
    #[inline(always)]
    pub fn from_count(first: usize) -> Self {
        Self(std::array::from_fn(|i| (first + i) as f32))
    }

    /// The first sixteen numbers of a slice.
    #[inline(always)]
    pub fn load(from: &[f32]) -> Self {
        Self(std::array::from_fn(|i| from[..LANES][i]))
    }

    /// Into the first sixteen places of a slice.
    #[inline(always)]
    pub fn store(self, to: &mut [f32]) {
        to[..LANES].copy_from_slice(&self.0);
    }

    /// The smaller of the two; of two that do not compare, the other.
    #[inline(always)]
    pub fn min(self, o: Self) -> Self {
        self.zip(o, |a, b| if a < b { a } else { b })
    }

    /// The larger of the two; of two that do not compare, the other.
    #[inline(always)]
    pub fn max(self, o: Self) -> Self {
        self.zip(o, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    pub fn abs(self) -> Self {
        Self(self.0.map(f32::abs))
    }

    /// The nearest of the whole numbers 0 … 255, for values between −0.5 and 255.5.
    #[inline(always)]
    pub fn bytes(self) -> [u8; LANES] {
        // Adding 1.5 · 2²³ leaves the whole number in the lowest bits, rounded to nearest.
        self.0.map(|v| (v + 12_582_912.0).to_bits() as u8)
    }

    #[inline(always)]
    fn zip(self, o: Self, with: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| with(self.0[i], o.0[i])))
    }
}

impl Add for F32s {
    type Output = Self;
    #[inline(always)]
    fn add(self, o: Self) -> Self {
        self.zip(o, |a, b| a + b)
    }
}

impl Sub for F32s {
    type Output = Self;
    #[inline(always)]
    fn sub(self, o: Self) -> Self {
        self.zip(o, |a, b| a - b)
    }
}

impl Mul for F32s {
    type Output = Self;
    #[inline(always)]
    fn mul(self, o: Self) -> Self {
        self.zip(o, |a, b| a * b)
    }
}

impl Div for F32s {
    type Output = Self;
    #[inline(always)]
    fn div(self, o: Self) -> Self {
        self.zip(o, |a, b| a / b)
    }
}
