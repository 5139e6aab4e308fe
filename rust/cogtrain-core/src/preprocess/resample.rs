//! Resizing in whole numbers, bit for bit as Pillow or as torch does.
//!
//! Both libraries weigh pixels with integers, along rows, then along columns, and round to 8 bits
//! in between; see [`Taps`] and [`columns_first`] for where they differ. Here both passes are one
//! loop over contiguous lanes: the pass along rows works on sixteen rows laid on their side.

use std::borrow::Cow;
use std::ops::Range;

use super::filter::Filter;
use super::sides::{BLOCK, room};
use super::taps::Taps;
use super::weigh::{LANES, lay_down, stand_up, weigh};
use crate::{Error, Image, Result};

/// Longest side of a resized image that is believed.
const MAX_SIDE: usize = 1 << 20;

/// Most pixels of a resized image that are believed: 16,384 × 16,384.
const MAX_AREA: usize = 1 << 28;

/// Whose resized pixels to reproduce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resampler {
    /// Pillow's `Image.resize`: weights of 22 fractional bits.
    Pillow,
    /// `torch.nn.functional.interpolate(antialias=True)` on 8-bit values: weights of 16 bits.
    Torch,
}

impl Resampler {
    /// The resampler called `pillow` or `torch`.
    ///
    /// # Errors
    /// [`Error::Argument`] for another name.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "pillow" => Ok(Self::Pillow),
            "torch" => Ok(Self::Torch),
            _ => Err(Error::unknown_name("resize", name, &["pillow", "torch"])),
        }
    }

    /// Passes a filter that the library offers with antialiasing.
    pub(super) fn check(self, filter: Filter) -> Result<()> {
        if self == Self::Pillow || matches!(filter, Filter::Bilinear | Filter::Bicubic) {
            return Ok(());
        }
        let hint = "resize as `pillow` does";
        Err(Error::argument(
            "filter",
            "bilinear or bicubic, as torch offers",
            format!("`{}`", filter.name()),
            hint,
        ))
    }
}

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) top: usize,
    pub(super) left: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

impl Window {
    /// All of an image.
    pub(super) fn whole(height: usize, width: usize) -> Self {
        Self {
            top: 0,
            left: 0,
            height,
            width,
        }
    }

    fn rows(self) -> Range<usize> {
        self.top..self.top + self.height
    }

    fn columns(self) -> Range<usize> {
        self.left..self.left + self.width
    }
}

/// `image` at `height` × `width`, as `resampler` would make it.
///
/// # Errors
/// [`Error::Argument`] if a side is 0 or above 2²⁰, for more than 2²⁸ pixels, or for a filter that
/// torch does not have.
///
/// ```
/// use cogtrain_core::{Filter, Image, Resampler, resize};
/// let image = Image::new(2, 2, vec![0, 0, 0, 90, 90, 90, 0, 0, 0, 90, 90, 90])?;
/// let wide = resize(&image, (1, 4), Filter::Bilinear, Resampler::Pillow)?;
/// assert_eq!(wide.pixels(), [0, 0, 0, 23, 23, 23, 68, 68, 68, 90, 90, 90]);
/// # Ok::<(), cogtrain_core::Error>(())
/// ```
pub fn resize(
    image: &Image,
    (height, width): (usize, usize),
    filter: Filter,
    resampler: Resampler,
) -> Result<Image> {
    resampler.check(filter)?;
    check_sides(height, width)?;
    let window = Window::whole(height, width);
    Ok(resize_window(image, (height, width), window, (filter, resampler)).into_owned())
}

/// Passes sides that an image can have.
pub(super) fn check_sides(height: usize, width: usize) -> Result<()> {
    for (name, side) in [("height", height), ("width", width)] {
        if !(1..=MAX_SIDE).contains(&side) {
            let expected = format!("between 1 and {MAX_SIDE}");
            let name = format!("resized {name}");
            return Err(Error::argument(
                &name,
                expected,
                side,
                "use an image of another shape",
            ));
        }
    }
    if height * width > MAX_AREA {
        let expected = format!("at most {MAX_AREA}");
        let got = format!("{height} × {width}");
        let hint = "use an image of another shape";
        return Err(Error::argument("resized pixels", expected, got, hint));
    }
    Ok(())
}

/// The part `window` of `image` at `height` × `width`; only that part is computed.
pub(super) fn resize_window(
    image: &Image,
    (height, width): (usize, usize),
    window: Window,
    (filter, resampler): (Filter, Resampler),
) -> Cow<'_, Image> {
    let whole = (image.height(), image.width());
    if whole == (height, width) && window == Window::whole(height, width) {
        return Cow::Borrowed(image);
    }
    if filter == Filter::Nearest {
        return Cow::Owned(nearest(image, (height, width), window));
    }
    let taps =
        |input, output| (input != output).then(|| Taps::new(input, output, filter, resampler));
    let (down, across) = (taps(whole.0, height), taps(whole.1, width));
    let (rows, columns) = (window.rows(), window.columns());
    let sheet = Sheet::of(image);
    let sheet = match (&down, &across) {
        (None, None) => sheet.cut(rows, columns),
        (None, Some(across)) => sheet.along_rows(across, (rows, columns)),
        (Some(down), Some(across)) if !columns_first(whole, (height, width), resampler) => {
            let needed = down.inputs(&rows);
            let middle = sheet.along_rows(across, (needed, columns));
            middle.along_columns(down, rows)
        }
        (Some(down), across) => {
            let needed = across
                .as_ref()
                .map_or(columns.clone(), |taps| taps.inputs(&columns));
            let middle = sheet.cut(down.inputs(&rows), needed);
            let middle = middle.along_columns(down, rows.clone());
            match across {
                Some(across) => middle.along_rows(across, (rows, columns)),
                None => middle,
            }
        }
    };
    Cow::Owned(sheet.image())
}

/// Whether columns are resized before rows: since version 13, Pillow does so where that saves work
/// by its reckoning, which is that the height loses more than twice the pixels of the width.
fn columns_first(
    (height, width): (usize, usize),
    (new_height, new_width): (usize, usize),
    resampler: Resampler,
) -> bool {
    let lost = |old: usize, new: usize| old as i64 - new as i64;
    let (rows, columns) = (lost(height, new_height), lost(width, new_width));
    resampler == Resampler::Pillow && rows > 0 && rows > 2 * columns
}

/// Rows of bytes; the first value is that of pixel (`top`, `left`) of a larger image.
struct Sheet<'a> {
    values: Cow<'a, [u8]>,
    /// From one row to the next; for sheets made here a multiple of [`LANES`].
    stride: usize,
    /// Values of a row that count.
    width: usize,
    top: usize,
    left: usize,
}

impl<'a> Sheet<'a> {
    fn of(image: &'a Image) -> Self {
        let width = image.width() * 3;
        Self {
            values: Cow::Borrowed(image.pixels()),
            stride: width,
            width,
            top: 0,
            left: 0,
        }
    }

    fn blank(rows: &Range<usize>, columns: &Range<usize>) -> Sheet<'static> {
        let width = columns.len() * 3;
        let stride = width.next_multiple_of(LANES);
        Sheet {
            values: Cow::Owned(vec![0; rows.len() * stride]),
            stride,
            width,
            top: rows.start,
            left: columns.start,
        }
    }

    /// The values from row `row` on.
    fn rows_from(&self, row: usize) -> &[u8] {
        &self.values[(row - self.top) * self.stride..]
    }

    fn cut(&self, rows: Range<usize>, columns: Range<usize>) -> Sheet<'static> {
        let mut cut = Sheet::blank(&rows, &columns);
        let first = (columns.start - self.left) * 3;
        let (width, stride) = (cut.width, cut.stride);
        let inputs = self.rows_from(rows.start).chunks(self.stride);
        for (output, input) in cut.values.to_mut().chunks_exact_mut(stride).zip(inputs) {
            output[..width].copy_from_slice(&input[first..first + width]);
        }
        cut
    }

    /// Resizes `rows` to `columns` of the wider or narrower image.
    fn along_rows(
        &self,
        taps: &Taps,
        (rows, columns): (Range<usize>, Range<usize>),
    ) -> Sheet<'static> {
        let mut sheet = Sheet::blank(&rows, &columns);
        let (width, stride) = (sheet.width, sheet.stride);
        // Columns laid down, sixteen values each, before and after.
        let mut input = vec![0; room(self.width) * BLOCK];
        let mut output = vec![0; room(width) * BLOCK];
        let inputs = &self.rows_from(rows.start)[..rows.len() * self.stride];
        let blocks = inputs.chunks(BLOCK * self.stride);
        let results = sheet.values.to_mut().chunks_mut(BLOCK * stride);
        for (block, result) in blocks.zip(results) {
            lay_down(block, self.stride, self.width, &mut input);
            for (column, output) in columns.clone().zip(output.chunks_exact_mut(LANES)) {
                let (start, weights) = taps.of(column);
                let pixels = &input[(start - self.left) * LANES..];
                weigh(pixels, LANES, weights, output);
            }
            stand_up(&output, result, stride, width);
        }
        sheet
    }

    /// Resizes all columns to `rows` of the higher or lower image.
    fn along_columns(&self, taps: &Taps, rows: Range<usize>) -> Sheet<'static> {
        let columns = self.left..self.left + self.width / 3;
        let mut sheet = Sheet::blank(&rows, &columns);
        let stride = sheet.stride;
        for (row, output) in rows.zip(sheet.values.to_mut().chunks_exact_mut(stride)) {
            let (start, weights) = taps.of(row);
            weigh(self.rows_from(start), stride, weights, output);
        }
        sheet
    }

    fn image(self) -> Image {
        let height = self.values.len() / self.stride;
        let pixels = if self.stride == self.width {
            self.values.into_owned()
        } else {
            let rows = self.values.chunks_exact(self.stride);
            rows.flat_map(|row| &row[..self.width]).copied().collect()
        };
        Image::new(height, self.width / 3, pixels).expect("as many values as the size says")
    }
}

/// Takes the pixel under each centre; centres are stepped to, as Pillow does, not multiplied.
fn nearest(image: &Image, (height, width): (usize, usize), window: Window) -> Image {
    let columns = centers(image.width(), width, window.columns());
    let mut pixels = Vec::with_capacity(window.height * window.width * 3);
    for row in centers(image.height(), height, window.rows()) {
        let row = &image.pixels()[row * image.width() * 3..][..image.width() * 3];
        for column in &columns {
            pixels.extend_from_slice(&row[column * 3..column * 3 + 3]);
        }
    }
    Image::new(window.height, window.width, pixels).expect("as many values as the size says")
}

fn centers(input: usize, output: usize, wanted: Range<usize>) -> Vec<usize> {
    let scale = input as f64 / output as f64;
    let steps = std::iter::successors(Some(scale * 0.5), |center| Some(center + scale));
    let inside = steps.map(|center| (center as usize).min(input - 1));
    inside.skip(wanted.start).take(wanted.len()).collect()
}
