//! One picture in, one picture out: pad to a square, resize, cut out the middle.

use super::plan::{Frame, Plan};

/// Steps of SigLIP, CLIP and LLaVA, each of which leaves some of them out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Single {
    /// Colour of a square around the image.
    pub(super) square: Option<[u8; 3]>,
    pub(super) size: Option<Size>,
    /// Height and width of the middle that is kept.
    pub(super) crop: Option<(usize, usize)>,
    /// How far a picture is filled up with zeros on the right and below, once it is normalised.
    pub(super) pad: Option<Pad>,
}

/// What pictures of a batch are filled up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pad {
    /// The batch's largest height and width.
    Largest,
    /// This height and width.
    To(usize, usize),
}

/// A size to resize to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// This height and width, whatever the aspect ratio was.
    Exact(usize, usize),
    /// The shorter side gets this length.
    Shortest(usize),
    /// The same, unless the longer side would exceed the second length.
    Between(usize, usize),
    /// The largest that fits into this height and width.
    Within(usize, usize),
}

impl Single {
    /// Whether a picture takes as much room in a batch as alone.
    pub(super) fn is_alone_as_in_a_batch(&self) -> bool {
        self.pad != Some(Pad::Largest)
    }

    pub(super) fn plan(&self, height: usize, width: usize) -> Plan {
        let mut size = (height, width);
        if self.square.is_some() {
            size = (height.max(width), height.max(width));
        }
        let sizes: Vec<_> = self.size.map(|rule| rule.of(size)).into_iter().collect();
        let size = sizes.first().copied().unwrap_or(size);
        let frame = self
            .crop
            .map_or(Frame::whole(size.0, size.1), |crop| middle(size, crop));
        Plan {
            square: self.square,
            sizes,
            frames: vec![frame],
            tiles: (0, 0),
        }
    }
}

/// The middle of an image; where it cannot be exact, a pixel nearer to the top or left.
fn middle((height, width): (usize, usize), crop: (usize, usize)) -> Frame {
    let start = |side: usize, crop: usize| (side as isize - crop as isize).div_euclid(2);
    Frame::Part {
        top: start(height, crop.0),
        left: start(width, crop.1),
        height: crop.0,
        width: crop.1,
    }
}

impl Size {
    /// The size for an image, with Hugging Face's rounding, which differs from rule to rule.
    fn of(self, (height, width): (usize, usize)) -> (usize, usize) {
        let (long, short) = (height.max(width), height.min(width));
        let turned = |new_short: usize, new_long: usize| {
            if width <= height {
                (new_long, new_short)
            } else {
                (new_short, new_long)
            }
        };
        match self {
            Self::Exact(height, width) => (height, width),
            Self::Shortest(side) => turned(side, scaled(side as f64, long, short)),
            Self::Between(side, most) => {
                let wanted = long as f64 / short as f64 * side as f64;
                if wanted <= most as f64 {
                    return turned(side, scaled(side as f64, long, short));
                }
                let exact = most as f64 * short as f64 / long as f64;
                let side = exact.round_ties_even() as usize;
                turned(side, scaled(exact, long, short))
            }
            Self::Within(most_height, most_width) => {
                let (h, w) = (height as f64, width as f64);
                let scale = (most_height as f64 / h).min(most_width as f64 / w);
                ((h * scale) as usize, (w * scale) as usize)
            }
        }
    }
}

/// `side · long / short`, rounded down.
fn scaled(side: f64, long: usize, short: usize) -> usize {
    (side * long as f64 / short as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_as_hugging_face_does() {
        assert_eq!(Size::Shortest(224).of((100, 333)), (224, 745));
        assert_eq!(Size::Shortest(224).of((333, 100)), (745, 224));
        assert_eq!(Size::Between(800, 1333).of((480, 640)), (800, 1066));
        assert_eq!(Size::Between(800, 1333).of((300, 900)), (444, 1333));
        assert_eq!(Size::Within(50, 50).of((100, 200)), (25, 50));
        assert_eq!(Size::Exact(7, 9).of((100, 200)), (7, 9));
    }

    #[test]
    fn the_middle_may_reach_beyond_the_image() {
        let Frame::Part { top, left, .. } = middle((5, 8), (8, 5)) else {
            panic!("a part");
        };
        assert_eq!((top, left), (-2, 1));
    }
}
