//! A flat style by rows: spans of samples are painted over one another, and pixels are coloured
//! by what their samples show.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::floor::{Floor, Line, Run};
use super::plan::{FIRST, OPEN, SHADED};
use super::sheet::{GRID, Sheets};
use super::srgb::Srgb;
use crate::simd::Kernel;
use crate::style::Rgb;

/// Samples of a pixel.
const SAMPLES: f32 = (GRID * GRID) as f32;
/// Places of samples from the pixel's middle, in pixels.
const OFFSETS: [f32; GRID] = [-0.375, -0.125, 0.125, 0.375];
/// How a sample of shaded ground is counted beside open ones.
const SHADED_UNIT: f32 = 32.0;
/// Pixels that are coloured or left out together.
const BLOCK: usize = 16;
/// Key of a pixel whose samples differ.
const MIXED: u16 = u16::MAX;

/// A picture to be painted.
pub struct Picture<'a> {
    pub size_px: usize,
    pub sheets: &'a Sheets,
    pub palette: &'a Palette,
    pub floor: &'a Floor<'a>,
    /// 8-bit sRGB, row-major `size_px` × `size_px`.
    pub pixels: &'a mut [u8],
}

/// Colours by key.
pub struct Palette {
    /// Linear light, and in the fourth place how ground counts.
    light: Vec<[f32; 4]>,
    levels: Vec<[u8; 3]>,
}

impl Palette {
    /// Per box and face: in shadow, in the sun.
    pub fn new<const FACES: usize>(faces: &[[[Rgb; 2]; FACES]]) -> Self {
        let mut light = vec![[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, SHADED_UNIT]];
        light.extend(
            faces
                .iter()
                .flatten()
                .flatten()
                .map(|&[r, g, b]| [r, g, b, 0.0]),
        );
        let tables = Srgb::tables();
        let level = |&[r, g, b, _]: &[f32; 4]| tables.encode([r, g, b]);
        Self {
            levels: light.iter().map(level).collect(),
            light,
        }
    }
}

/// A pixel on the edge of a face.
struct Mixed {
    x: usize,
    /// Linear light of all samples of faces.
    faces: Rgb,
    /// Number of samples of ground or sky.
    ground: f32,
}

/// What one row needs.
struct Row {
    /// Per line of samples and pixel, the keys; open wherever the row is untouched.
    keys: [Vec<[u16; GRID]>; GRID],
    /// One key per pixel.
    kinds: Vec<u16>,
    /// Share of the sun that ground sees; 1 wherever the row is untouched.
    share: Vec<f32>,
    light: [Vec<f32>; 3],
    /// Where ground is looked at: 0, 1, 2 …, or amidst the samples that show it.
    xs: Vec<f32>,
    near2: Vec<f32>,
    packed: Vec<u32>,
    mixed: Vec<Mixed>,
}

impl Kernel for Picture<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let mut row = Row::new(self.size_px.next_multiple_of(BLOCK));
        let Self {
            size_px,
            sheets,
            palette,
            floor,
            pixels,
        } = self;
        for (y, pixels) in pixels.chunks_exact_mut(3 * size_px).enumerate() {
            let touched = row.stamp(sheets, y);
            row.sort(touched, palette);
            match floor.line(y, size_px) {
                Some(line) => row.fill_ground(&line, pixels),
                None => row.fill_sky(floor.sky(), pixels),
            }
            row.finish(touched, palette, pixels);
        }
    }
}

impl Row {
    fn new(width: usize) -> Self {
        Self {
            keys: std::array::from_fn(|_| vec![[OPEN; GRID]; width]),
            kinds: vec![OPEN; width],
            share: vec![1.0; width],
            light: std::array::from_fn(|_| vec![0.0; width]),
            xs: (0..width).map(|x| x as f32).collect(),
            near2: vec![0.0; width],
            packed: vec![0; width],
            mixed: Vec::new(),
        }
    }

    /// Paints every sheet's spans; returns the pixels from and to which there are any.
    #[inline(always)]
    fn stamp(&mut self, sheets: &Sheets, y: usize) -> [usize; 2] {
        let (from, to) = (GRID * y, GRID * (y + 1));
        let mut touched = [usize::MAX, 0];
        for sheet in &sheets.list {
            let first = sheet.first.max(from);
            let last = (sheet.first + sheet.lines).min(to);
            for line in first..last {
                let [start, end] = sheets.span(sheet, line);
                if start < end {
                    touched = [touched[0].min(start), touched[1].max(end)];
                    fill(
                        &mut self.keys[line - from].as_flattened_mut()[start..end],
                        sheet.key,
                    );
                }
            }
        }
        [touched[0].min(touched[1]) / GRID, touched[1].div_ceil(GRID)]
    }

    /// Gives every touched pixel its key, and mixed ones a part in what follows.
    #[inline(always)]
    fn sort(&mut self, [from, to]: [usize; 2], palette: &Palette) {
        let [a, b, c, d] = &self.keys;
        let kinds = self.kinds[from..to].iter_mut();
        let lines = a[from..to]
            .iter()
            .zip(&b[from..to])
            .zip(c[from..to].iter().zip(&d[from..to]));
        for (kind, ((&a, &b), (&c, &d))) in kinds.zip(lines) {
            *kind = one_key([a, b, c, d]);
        }
        for x in from..to {
            match self.kinds[x] {
                SHADED => self.share[x] = 0.0,
                MIXED => self.mix(x, palette),
                _ => {}
            }
        }
    }

    #[inline(always)]
    fn mix(&mut self, x: usize, palette: &Palette) {
        let (mut sum, mut moment) = ([0.0_f32; 4], 0.0);
        for line in &self.keys {
            for (i, key) in line[x].into_iter().enumerate() {
                let light = &palette.light[usize::from(key)];
                moment += if key < FIRST { OFFSETS[i] } else { 0.0 };
                for c in 0..4 {
                    sum[c] += light[c];
                }
            }
        }
        // All counts are whole: the two kinds of ground come apart exactly.
        let shaded = (sum[3] * (1.0 / SHADED_UNIT)).floor();
        let open = sum[3] - SHADED_UNIT * shaded;
        let ground = open + shaded;
        self.share[x] = if ground > 0.0 { open / ground } else { 1.0 };
        if ground < SAMPLES {
            if ground > 0.0 {
                self.xs[x] = x as f32 + moment / ground;
            }
            self.mixed.push(Mixed {
                x,
                faces: [sum[0], sum[1], sum[2]],
                ground,
            });
        }
    }

    /// Whether no ground shows in the pixels from `x`.
    #[inline(always)]
    fn is_covered(&self, x: usize) -> bool {
        let shows = |&kind: &u16| u16::from(kind < FIRST || kind == MIXED);
        self.kinds[x..x + BLOCK]
            .iter()
            .map(shows)
            .fold(0, |a, b| a | b)
            == 0
    }

    /// Colours the runs of blocks in which ground shows.
    #[inline(always)]
    fn fill_ground(&mut self, line: &Line<'_>, pixels: &mut [u8]) {
        let (width, mut from) = (self.kinds.len(), 0);
        while from < width {
            let mut to = from;
            while to < width && !self.is_covered(to) {
                to += BLOCK;
            }
            if from < to {
                let [r, g, b] = &mut self.light;
                line.paint(&mut Run {
                    xs: &self.xs[from..to],
                    share: &self.share[from..to],
                    near2: &mut self.near2[from..to],
                    light: [&mut r[from..to], &mut g[from..to], &mut b[from..to]],
                    packed: &mut self.packed[from..to],
                });
                write(&mut pixels[3 * from..], &self.packed[from..to]);
            }
            from = to + BLOCK;
        }
    }

    #[inline(always)]
    fn fill_sky(&mut self, sky: Rgb, pixels: &mut [u8]) {
        for (kept, light) in self.light.iter_mut().zip(sky) {
            kept.fill(light);
        }
        let levels = Srgb::tables().encode(sky);
        for pixel in pixels.chunks_exact_mut(3) {
            pixel.copy_from_slice(&levels);
        }
    }

    /// Writes faces and their edges, and clears the row.
    #[inline(always)]
    fn finish(&mut self, [from, to]: [usize; 2], palette: &Palette, pixels: &mut [u8]) {
        let tables = Srgb::tables();
        for x in from..to {
            let kind = self.kinds[x];
            if kind >= FIRST && kind != MIXED {
                pixels[3 * x..3 * x + 3].copy_from_slice(&palette.levels[usize::from(kind)]);
            }
        }
        for mixed in self.mixed.drain(..) {
            let x = mixed.x;
            let mut color = mixed.faces;
            for (color, light) in color.iter_mut().zip(&self.light) {
                *color = (*color + mixed.ground * light[x]) * (1.0 / SAMPLES);
            }
            pixels[3 * x..3 * x + 3].copy_from_slice(&tables.encode(color));
            self.xs[x] = x as f32;
        }
        for line in &mut self.keys {
            line[from..to].fill([OPEN; GRID]);
        }
        self.kinds[from..to].fill(OPEN);
        self.share[from..to].fill(1.0);
    }
}

/// The key of all samples of a pixel, or [`MIXED`].
#[inline(always)]
fn one_key(lines: [[u16; GRID]; GRID]) -> u16 {
    let [a, b, c, d] = lines;
    let (a, b, c, d) = (joined(a), joined(b), joined(c), joined(d));
    let differ = (a ^ b) | (a ^ c) | (a ^ d) | (a ^ a.rotate_left(16));
    if differ == 0 { a as u16 } else { MIXED }
}

#[inline(always)]
fn joined([p, q, r, s]: [u16; GRID]) -> u64 {
    u64::from(p) | u64::from(q) << 16 | u64::from(r) << 32 | u64::from(s) << 48
}

/// Fills with whole registers; the last one may overlap the one before.
#[inline(always)]
fn fill(keys: &mut [u16], key: u16) {
    const WIDE: usize = 32;
    let len = keys.len();
    if len < WIDE {
        keys.fill(key);
        return;
    }
    let wide = [key; WIDE];
    for chunk in keys.chunks_exact_mut(WIDE) {
        chunk.copy_from_slice(&wide);
    }
    keys[len - WIDE..].copy_from_slice(&wide);
}

/// Writes pixels of four bytes as pixels of three, as far as there is room.
#[inline(always)]
fn write(pixels: &mut [u8], packed: &[u32]) {
    let four = |p: &[u32]| {
        let words = [
            p[0] | p[1] << 24,
            p[1] >> 8 | p[2] << 16,
            p[2] >> 16 | p[3] << 8,
        ];
        words.map(u32::to_le_bytes)
    };
    let whole = pixels.len() / 12 * 12;
    let mut packed = packed.chunks_exact(4);
    for (wide, p) in pixels[..whole].chunks_exact_mut(12).zip(&mut packed) {
        wide.copy_from_slice(four(p).as_flattened());
    }
    if let Some(p) = packed.next() {
        let rest = &mut pixels[whole..];
        rest.copy_from_slice(&four(p).as_flattened()[..rest.len()]);
    }
}
