//! Outlines as spans: where each of them lies on every line of samples.
//!
//! A pixel has [`GRID`] × [`GRID`] samples. Outlines are cut in double precision; a span is half
//! open, so that outlines which share an edge share no sample and leave none out.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::facet::{Outline, SIDES};
use crate::simd::Kernel;

/// Samples along each side of a pixel.
pub const GRID: usize = 4;
/// Lines that are cut at a time.
const LINES: usize = 8;
/// 1.5 · 2⁵²: added to a small number, it leaves the nearest whole number in the lowest bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;

/// One outline to be cut, kept within an earlier one of the list.
pub struct Cut {
    pub key: u16,
    pub outline: Outline,
    pub within: Option<usize>,
}

/// Where an outline lies: lines from `first`, and the place of their spans.
#[derive(Clone, Copy)]
pub struct Sheet {
    pub key: u16,
    pub first: usize,
    pub lines: usize,
    at: usize,
}

/// Spans of many outlines, in the order in which they are painted.
pub struct Sheets {
    pub list: Vec<Sheet>,
    /// Samples from and to which a sheet lies, line by line.
    spans: Vec<[u16; 2]>,
}

impl Sheets {
    /// The sheets that reach into lines `from` to `to`, in their order.
    #[inline(always)]
    pub fn between(&self, from: usize, to: usize) -> impl Iterator<Item = Sheet> {
        let reaches = move |sheet: &&Sheet| sheet.first < to && from < sheet.first + sheet.lines;
        self.list.iter().filter(reaches).copied()
    }

    /// Samples from and to which `sheet` lies, on those of its lines from `from` to `to`, with the
    /// lines' numbers.
    #[inline(always)]
    pub fn spans(
        &self,
        sheet: &Sheet,
        [from, to]: [usize; 2],
    ) -> impl Iterator<Item = (usize, [usize; 2])> {
        let last = (sheet.first + sheet.lines).min(to).max(sheet.first);
        let first = sheet.first.max(from).min(last);
        let spans = &self.spans[sheet.at + first - sheet.first..sheet.at + last - sheet.first];
        (first..).zip(spans.iter().map(|span| span.map(usize::from)))
    }
}

/// Cuts outlines on a `size_px` × `size_px` grid; `size_px` is below 16,384.
pub struct Cutter<'a> {
    pub cuts: &'a [Cut],
    pub size_px: usize,
}

impl Kernel for Cutter<'_> {
    type Out = Sheets;

    #[inline(always)]
    fn run(self) -> Sheets {
        let mut sheets = Sheets {
            list: Vec::with_capacity(self.cuts.len()),
            spans: Vec::new(),
        };
        for cut in self.cuts {
            let sheet = self.lines(cut, &sheets);
            let edges = Edges::new(&cut.outline);
            let cutting = sheet.lines.next_multiple_of(LINES);
            for line in (0..cutting).step_by(LINES) {
                let spans = edges.spans(sheet.first + line, GRID * self.size_px);
                sheets.spans.extend_from_slice(&spans);
            }
            if let Some(outer) = cut.within {
                let outer = sheets.list[outer];
                keep_within(&mut sheets, &sheet, &outer);
            }
            let sheet = trimmed(&sheets, sheet);
            sheets.list.push(sheet);
        }
        sheets
    }
}

impl Cutter<'_> {
    /// The lines that an outline may reach.
    #[inline(always)]
    fn lines(&self, cut: &Cut, sheets: &Sheets) -> Sheet {
        let last = (GRID * self.size_px) as f64;
        // One line of slack covers rounding; a cast of what is not a number is 0.
        let [low, high] = cut.outline.rows;
        let (low, high) = (low * GRID as f64, high * GRID as f64);
        let mut first = (low - 1.0).clamp(0.0, last) as usize;
        let mut end = (high + 2.0).clamp(0.0, last) as usize;
        if let Some(outer) = cut.within {
            let outer = &sheets.list[outer];
            first = first.max(outer.first);
            end = end.min(outer.first + outer.lines);
        }
        Sheet {
            key: cut.key,
            first,
            lines: end.saturating_sub(first),
            at: sheets.spans.len(),
        }
    }
}

#[inline(always)]
fn keep_within(sheets: &mut Sheets, sheet: &Sheet, outer: &Sheet) {
    let from = outer.at + sheet.first - outer.first.min(sheet.first);
    // What is within another outline comes after it.
    let (before, after) = sheets.spans.split_at_mut(sheet.at);
    let bounds = &before[from..from + sheet.lines];
    for (span, bound) in after.iter_mut().zip(bounds) {
        *span = [bound[0].max(span[0]), bound[1].min(span[1])];
    }
}

/// Without the lines at both ends that have no sample.
#[inline(always)]
fn trimmed(sheets: &Sheets, mut sheet: Sheet) -> Sheet {
    let is_empty = |at: usize| sheets.spans[at][0] >= sheets.spans[at][1];
    while sheet.lines > 0 && is_empty(sheet.at + sheet.lines - 1) {
        sheet.lines -= 1;
    }
    while sheet.lines > 0 && is_empty(sheet.at) {
        (sheet.at, sheet.first, sheet.lines) = (sheet.at + 1, sheet.first + 1, sheet.lines - 1);
    }
    sheet
}

/// The sides of an outline, as bounds of the sample's number on a line.
struct Edges {
    /// Per side that bounds from below, then per side that bounds from above: the bound is
    /// `.0` · line + `.1`.
    lower: [(f64, f64); SIDES],
    upper: [(f64, f64); SIDES],
    /// Sides along the lines: `.0` · line + `.1` is positive inside.
    level: [(f64, f64); SIDES],
    counts: [usize; 3],
}

impl Edges {
    #[inline(always)]
    fn new(outline: &Outline) -> Self {
        let mut edges = Self {
            lower: [(0.0, 0.0); SIDES],
            upper: [(0.0, 0.0); SIDES],
            level: [(0.0, 0.0); SIDES],
            counts: [0; 3],
        };
        for side in &outline.sides[..outline.count] {
            // Sample i of line j is at ((i + 0.5) / GRID, (j + 0.5) / GRID).
            let per_sample = 1.0 / GRID as f64;
            let (a, b) = (side.a * per_sample, side.b * per_sample);
            let c = side.c + 0.5 * (a + b);
            let [lower, upper, level] = &mut edges.counts;
            // A side that moves by less than 1e-6 pixels over the largest image is level.
            if a.abs() * 1e10 < b.abs() || a == 0.0 {
                edges.level[*level] = (b, c);
                *level += 1;
            } else {
                let bound = (-b / a, -c / a);
                if a > 0.0 {
                    edges.lower[*lower] = bound;
                    *lower += 1;
                } else {
                    edges.upper[*upper] = bound;
                    *upper += 1;
                }
            }
        }
        edges
    }

    /// First sample inside and first one after, of each of [`LINES`] lines from `line`.
    #[inline(always)]
    fn spans(&self, line: usize, samples: usize) -> [[u16; 2]; LINES] {
        let (mut at, end) = ([0.0; LINES], samples as f64);
        for (k, at) in at.iter_mut().enumerate() {
            *at = (line + k) as f64;
        }
        let (mut low, mut high) = ([0.0; LINES], [end; LINES]);
        for &(slope, start) in &self.lower[..self.counts[0]] {
            for k in 0..LINES {
                let bound = slope * at[k] + start;
                low[k] = if bound > low[k] { bound } else { low[k] };
            }
        }
        for &(slope, start) in &self.upper[..self.counts[1]] {
            for k in 0..LINES {
                let bound = slope * at[k] + start;
                high[k] = if bound < high[k] { bound } else { high[k] };
            }
        }
        for &(slope, start) in &self.level[..self.counts[2]] {
            for k in 0..LINES {
                let inside = slope * at[k] + start > 0.0;
                high[k] = if inside { high[k] } else { 0.0 };
            }
        }
        let mut spans = [[0; 2]; LINES];
        for k in 0..LINES {
            spans[k] = [sample(low[k], end), sample(high[k], end)];
        }
        spans
    }
}

/// The first sample from `bound` on, of those before `end`.
#[inline(always)]
fn sample(bound: f64, end: f64) -> u16 {
    let bound = if bound < end { bound } else { end };
    let bound = if bound > 0.0 { bound } else { 0.0 };
    let near = (bound + WHOLE) - WHOLE;
    let up = if near < bound { near + 1.0 } else { near };
    (up + WHOLE).to_bits() as u16
}
