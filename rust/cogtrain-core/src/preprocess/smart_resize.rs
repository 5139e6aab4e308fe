//! Which sizes need no resize, and which size to use instead of one that does.

use super::qwen2_vl::Qwen2Vl;
use crate::{Error, Result};

/// Longest side over shortest that the Hugging Face processor accepts.
const MAX_ASPECT: f64 = 200.0;

/// The other way out.
const RESIZE: &str = "or pass `resize=\"pillow\"`";

/// Sides are multiples of `factor`, the area is between `min_pixels` and `max_pixels`.
#[derive(Clone, Debug)]
pub(super) struct SizeRule {
    factor: usize,
    min_pixels: usize,
    max_pixels: usize,
}

impl SizeRule {
    pub(super) fn new(options: &Qwen2Vl) -> Result<Self> {
        let Qwen2Vl {
            min_pixels,
            max_pixels,
            ..
        } = *options;
        if min_pixels > max_pixels {
            let expected = format!("at most `max_pixels` ({max_pixels})");
            return Err(Error::argument(
                "min_pixels",
                expected,
                min_pixels,
                "exchange the two",
            ));
        }
        Ok(Self {
            factor: options.patch_size * options.merge_size,
            min_pixels,
            max_pixels,
        })
    }

    /// Passes an aspect ratio that the Hugging Face processor accepts.
    pub(super) fn check_aspect(height: usize, width: usize) -> Result<()> {
        let (long, short) = (height.max(width), height.min(width));
        if long as f64 / short as f64 > MAX_ASPECT {
            let got = format!("{height} × {width}");
            let expected = format!("at most {MAX_ASPECT} times longer than wide");
            return Err(Error::argument("image", expected, got, "crop or pad it"));
        }
        Ok(())
    }

    /// Passes a size that the Hugging Face processor would leave alone.
    pub(super) fn check(&self, height: usize, width: usize) -> Result<()> {
        Self::check_aspect(height, width)?;
        let (fit_height, fit_width) = self.nearest(height, width);
        for (name, side, fit) in [("height", height, fit_height), ("width", width, fit_width)] {
            if side % self.factor != 0 {
                let expected = format!("a multiple of {}", self.factor);
                let name = format!("image {name}");
                return Err(Error::argument(
                    &name,
                    expected,
                    side,
                    format!("use {fit}, {RESIZE}"),
                ));
            }
        }
        if (height, width) == (fit_height, fit_width) {
            return Ok(());
        }
        let expected = format!("between {} and {}", self.min_pixels, self.max_pixels);
        let got = format!("{} ({height} × {width})", height * width);
        let hint = format!("use {fit_height} × {fit_width}, {RESIZE}");
        Err(Error::argument("image area in pixels", expected, got, hint))
    }

    /// The size that the Hugging Face processor would resize to (its `smart_resize`).
    pub(super) fn nearest(&self, height: usize, width: usize) -> (usize, usize) {
        let factor = self.factor as f64;
        let (h, w) = (height as f64, width as f64);
        let multiple = |count: f64| count as usize * self.factor;
        let fit = (
            multiple((h / factor).round_ties_even()),
            multiple((w / factor).round_ties_even()),
        );
        let area = fit.0.saturating_mul(fit.1);
        if area > self.max_pixels {
            let shrink = (h * w / self.max_pixels as f64).sqrt();
            let side = |side: f64| multiple((side / shrink / factor).floor()).max(self.factor);
            (side(h), side(w))
        } else if area < self.min_pixels {
            let grow = (self.min_pixels as f64 / (h * w)).sqrt();
            let side = |side: f64| multiple((side * grow / factor).ceil());
            (side(h), side(w))
        } else {
            fit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(height: usize, width: usize) -> String {
        let rule = SizeRule::new(&Qwen2Vl::default()).expect("the default is valid");
        rule.check(height, width)
            .expect_err("would be resized")
            .to_string()
    }

    #[test]
    fn passes_what_needs_no_resize() {
        let rule = SizeRule::new(&Qwen2Vl::default()).expect("the default is valid");
        for (height, width) in [(56, 56), (224, 224), (28, 112), (448, 2240), (28, 5600)] {
            rule.check(height, width).expect("needs no resize");
        }
    }

    #[test]
    fn says_what_to_use_instead() {
        assert_eq!(
            message(250, 224),
            "expected `image height` to be a multiple of 28, got 250; use 252, or pass `resize=\"pillow\"`"
        );
        assert_eq!(
            message(224, 300),
            "expected `image width` to be a multiple of 28, got 300; use 308, or pass `resize=\"pillow\"`"
        );
        assert_eq!(
            message(28, 28),
            "expected `image area in pixels` to be between 3136 and 1003520, got 784 (28 × 28); use 56 × 56, or pass `resize=\"pillow\"`"
        );
        assert!(message(2800, 2800).contains("got 7840000 (2800 × 2800); use 980 × 980"));
        assert!(message(28, 5628).contains("at most 200 times longer than wide, got 28 × 5628"));
    }
}
