//! Interpolation filters, with the numbers that Pillow gives them.

use std::f64::consts::PI;

use crate::{Error, Result};

/// How a resized pixel weighs the pixels around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The one pixel that lies under the centre.
    Nearest,
    /// Equal weights.
    Box,
    /// A triangle.
    Bilinear,
    /// A cosine window on a sinc of width 1.
    Hamming,
    /// A cubic with slope −1/2.
    Bicubic,
    /// A sinc windowed by a wider sinc, three lobes.
    Lanczos,
}

/// Names in the order of Pillow's numbers, which configuration files hold.
const NAMES: [(&str, Filter); 6] = [
    ("nearest", Filter::Nearest),
    ("lanczos", Filter::Lanczos),
    ("bilinear", Filter::Bilinear),
    ("bicubic", Filter::Bicubic),
    ("box", Filter::Box),
    ("hamming", Filter::Hamming),
];

impl Filter {
    /// The filter called `name`, in lower case.
    ///
    /// # Errors
    /// [`Error::Argument`] for another name; it lists them all.
    pub fn named(name: &str) -> Result<Self> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found
            .map(|(_, filter)| *filter)
            .ok_or_else(|| Error::unknown_name("filter", name, &NAMES.map(|(name, _)| name)))
    }

    /// The filter that Pillow numbers `code`, which is what `resample` in a configuration says.
    pub(super) fn numbered(code: i64) -> Result<Self> {
        let found = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
        found.map(|(_, filter)| *filter).ok_or_else(|| {
            let hint = "use one of Pillow's `Resampling` values";
            Error::argument("resample", "between 0 and 5", code, hint)
        })
    }

    /// Its name, as in [`Filter::named`].
    pub fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(_, filter)| *filter == self);
        found.expect("every filter has a name").0
    }

    /// Half of its width, in output pixels when shrinking and in input pixels when enlarging.
    pub(super) fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// Its value at distance `x` from the centre.
    pub(super) fn at(self, x: f64) -> f64 {
        let far = x.abs();
        match self {
            // Half open, so that of two pixels on the edges exactly one counts.
            Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - far).max(0.0),
            Self::Hamming => hamming(far),
            Self::Bicubic => cubic(far),
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos | Self::Nearest => 0.0,
        }
    }
}

fn cubic(x: f64) -> f64 {
    if x < 1.0 {
        (1.5 * x - 2.5) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * -0.5
    } else {
        0.0
    }
}

/// Pillow's constants have 32 bits.
fn hamming(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else if x < 1.0 {
        sinc(x) * (f64::from(0.54_f32) + f64::from(0.46_f32) * libm::cos(x * PI))
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    libm::sin(x * PI) / (x * PI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_pillow() {
        for (code, name) in [
            "nearest", "lanczos", "bilinear", "bicubic", "box", "hamming",
        ]
        .into_iter()
        .enumerate()
        {
            let filter = Filter::named(name).expect("a known name");
            assert_eq!(filter.name(), name);
            assert_eq!(
                Filter::numbered(code as i64).expect("a known number"),
                filter
            );
        }
        let unknown = Filter::named("bicubik").expect_err("no such filter");
        assert!(
            unknown
                .to_string()
                .contains("got `bicubik`; did you mean `bicubic`?")
        );
        let unknown = Filter::numbered(6).expect_err("no such filter");
        assert!(unknown.to_string().contains("between 0 and 5, got 6"));
        assert!(Filter::numbered(-1).is_err());
    }

    #[test]
    fn every_filter_is_one_at_its_centre_and_nothing_outside() {
        for (name, filter) in NAMES.into_iter().skip(1) {
            assert_eq!(filter.at(0.0).to_bits(), 1f64.to_bits(), "{name}");
            for x in [filter.support() + 1e-9, -filter.support() - 1e-9] {
                assert_eq!(filter.at(x).abs().to_bits(), 0, "{name} at {x}");
            }
        }
    }
}
