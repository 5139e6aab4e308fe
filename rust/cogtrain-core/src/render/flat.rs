//! A flat style by rows: spans of samples are painted over one another, and pixels are coloured
//! by what their samples show.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use super::floor::{Floor, Line, Run};
use super::plan::{FIRST, OPEN, SHADED};
use super::sheet::{GRID, Sheet, Sheets};
use super::srgb::Srgb;
use crate::simd::Kernel;
use crate::style::Rgb;

/// Samples of a pixel.
const SAMPLES: f32 = (GRID * GRID) as f32;
/// Places of samples from the pixel's middle, in pixels.
const OFFSETS: [f32; GRID] = [-0.375, -0.125, 0.125, 0.375];
/// Pixels that are coloured or left out together: whole registers for every body, so that no loop
/// over them has a rest.
const BLOCK: usize = 32;
/// Rows for which sheets are looked up together.
const BAND: usize = 8;
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
    /// Linear light, none for ground; four numbers fill a register.
    light: Vec<[f32; 4]>,
    levels: Vec<[u8; 3]>,
}

impl Palette {
    /// Per box and face: in shadow, in the sun.
    pub fn new<const FACES: usize>(faces: &[[[Rgb; 2]; FACES]]) -> Self {
        let mut light = vec![[0.0; 4]; usize::from(FIRST)];
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

/// Pixels from `from` to `to` that all show `levels`.
struct Plain {
    from: usize,
    to: usize,
    levels: [u8; 3],
}

/// Pixels on the edge of a face.
struct Mixed {
    from: usize,
    to: usize,
    /// Linear light of all samples of faces.
    faces: Rgb,
    /// Number of samples of ground, more than none.
    ground: f32,
}

/// What one row needs.
struct Row {
    /// Per line of samples and pixel, the keys; open wherever the row is untouched.
    keys: [Vec<[u16; GRID]>; GRID],
    /// Per pixel, not 0 where keys differ from those before: bytes are written without being read.
    marks: Vec<u8>,
    /// Share of the sun that ground sees; 1 wherever the row is untouched.
    share: Vec<f32>,
    light: [Vec<f32>; 3],
    /// Where ground is looked at: 0, 1, 2 …, or amidst the samples that show it.
    xs: Vec<f32>,
    near2: [i32; BLOCK],
    packed: [u32; BLOCK],
    plain: Vec<Plain>,
    mixed: Vec<Mixed>,
    /// Whole blocks of pixels in which ground shows, from and to.
    bare: Vec<[usize; 2]>,
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
        let sky = Srgb::tables().encode(floor.sky());
        let mut near = Vec::new();
        for (y, pixels) in pixels.chunks_exact_mut(3 * size_px).enumerate() {
            if y % BAND == 0 {
                near.clear();
                near.extend(sheets.between(GRID * y, GRID * (y + BAND)));
            }
            let touched = row.stamp(sheets, &near, y);
            row.sort(touched, palette);
            match floor.line(y, size_px) {
                Some(line) => row.fill_ground(&line, pixels),
                None => row.fill_sky(floor.sky(), sky, pixels),
            }
            row.finish(touched, pixels);
        }
    }
}

impl Row {
    fn new(width: usize) -> Self {
        Self {
            keys: std::array::from_fn(|_| vec![[OPEN; GRID]; width]),
            // One more than the last pixel may be marked, and words of them are read.
            marks: vec![0; width + size_of::<u64>()],
            share: vec![1.0; width],
            light: std::array::from_fn(|_| vec![0.0; width]),
            xs: (0..width).map(|x| x as f32).collect(),
            near2: [0; BLOCK],
            packed: [0; BLOCK],
            plain: Vec::new(),
            mixed: Vec::new(),
            bare: Vec::new(),
        }
    }

    /// Paints every sheet's spans; returns the pixels from and to which there are any.
    #[inline(always)]
    fn stamp(&mut self, sheets: &Sheets, near: &[Sheet], y: usize) -> [usize; 2] {
        let lines = [GRID * y, GRID * (y + 1)];
        let mut touched = [usize::MAX, 0];
        for sheet in near {
            for (line, [start, end]) in sheets.spans(sheet, lines) {
                if start < end {
                    touched = [touched[0].min(start), touched[1].max(end)];
                    let keys = self.keys[line - lines[0]].as_flattened_mut();
                    fill(&mut keys[start..end], sheet.key);
                    self.mark(start);
                    self.mark(end);
                }
            }
        }
        [touched[0].min(touched[1]) / GRID, touched[1].div_ceil(GRID)]
    }

    /// Notes that keys change at a sample: in the midst of a pixel, or between two.
    #[inline(always)]
    fn mark(&mut self, sample: usize) {
        self.marks[sample / GRID] = 1;
        self.marks[sample.div_ceil(GRID)] = 1;
    }

    /// The first marked pixel after `x`, or `end`.
    #[inline(always)]
    fn next(&self, x: usize, end: usize) -> usize {
        let word = |at: usize| {
            let marks = self.marks[at..].first_chunk();
            marks.map_or(0, |marks| u64::from_le_bytes(*marks))
        };
        let mut at = x + 1;
        while at < end && word(at) == 0 {
            at += size_of::<u64>();
        }
        (at + word(at).trailing_zeros() as usize / 8).min(end)
    }

    /// Goes through the stretches between marks, along which all pixels show the same.
    #[inline(always)]
    fn sort(&mut self, [from, to]: [usize; 2], palette: &Palette) {
        let width = self.share.len();
        let (mut bare_from, mut covered_from, mut x) = (0, from, from);
        while x < to {
            let end = self.next(x, to);
            let [a, b, c, d] = [0, 1, 2, 3].map(|line| self.keys[line][x]);
            let shows_ground = match one_key([a, b, c, d]) {
                OPEN => true,
                SHADED => {
                    self.share[x..end].fill(0.0);
                    true
                }
                MIXED => self.mix([a, b, c, d], [x, end], palette),
                key => {
                    let levels = palette.levels[usize::from(key)];
                    self.plain.push(Plain {
                        from: x,
                        to: end,
                        levels,
                    });
                    false
                }
            };
            if shows_ground {
                self.cover([covered_from, x], &mut bare_from);
                covered_from = end;
            }
            x = end;
        }
        self.cover([covered_from, to], &mut bare_from);
        if bare_from < width {
            self.bare.push([bare_from, width]);
        }
    }

    /// Leaves the whole blocks between two pixels out of the ground's.
    #[inline(always)]
    fn cover(&mut self, [from, to]: [usize; 2], bare_from: &mut usize) {
        let (from, to) = (from.next_multiple_of(BLOCK), to / BLOCK * BLOCK);
        if from < to {
            if *bare_from < from {
                self.bare.push([*bare_from, from]);
            }
            *bare_from = to;
        }
    }

    /// Takes note of equal pixels whose samples differ; returns whether ground shows in them.
    #[inline(always)]
    fn mix(
        &mut self,
        lines: [[u16; GRID]; GRID],
        [from, to]: [usize; 2],
        palette: &Palette,
    ) -> bool {
        let mut sum = [0.0_f32; 4];
        let (mut ground, mut shaded) = ([0_u16; GRID], [0_u16; GRID]);
        for line in lines {
            for key in line {
                let light = palette.light[usize::from(key)];
                sum = [0, 1, 2, 3].map(|c| sum[c] + light[c]);
            }
            for (i, key) in line.into_iter().enumerate() {
                ground[i] += u16::from(key < FIRST);
                shaded[i] += u16::from(key == SHADED);
            }
        }
        let moment: f32 = (0..GRID).map(|i| OFFSETS[i] * f32::from(ground[i])).sum();
        let count = |all: [u16; GRID]| f32::from(all.iter().sum::<u16>());
        let (ground, shaded) = (count(ground), count(shaded));
        let open = ground - shaded;
        let faces = [sum[0], sum[1], sum[2]];
        if ground == 0.0 {
            let levels = Srgb::tables().encode(faces.map(|light| light * (1.0 / SAMPLES)));
            self.plain.push(Plain { from, to, levels });
            return false;
        }
        self.share[from..to].fill(open / ground);
        if ground < SAMPLES {
            self.xs[from..to]
                .iter_mut()
                .for_each(|x| *x += moment / ground);
            self.mixed.push(Mixed {
                from,
                to,
                faces,
                ground,
            });
        }
        true
    }

    /// Colours the blocks in which ground shows.
    #[inline(always)]
    fn fill_ground(&mut self, line: &Line<'_>, pixels: &mut [u8]) {
        for &[from, to] in &self.bare {
            for first in (from..to).step_by(BLOCK) {
                let block = first..first + BLOCK;
                let [r, g, b] = &mut self.light;
                line.paint(&mut Run {
                    first,
                    xs: &self.xs[block.clone()],
                    share: &self.share[block.clone()],
                    near2: &mut self.near2,
                    light: [&mut r[block.clone()], &mut g[block.clone()], &mut b[block]],
                    packed: &mut self.packed,
                });
                write(&mut pixels[3 * first..], &self.packed);
            }
        }
    }

    #[inline(always)]
    fn fill_sky(&mut self, sky: Rgb, levels: [u8; 3], pixels: &mut [u8]) {
        for (kept, light) in self.light.iter_mut().zip(sky) {
            kept.fill(light);
        }
        fill_pixels(pixels, levels);
    }

    /// Writes faces and their edges, and clears the row.
    #[inline(always)]
    fn finish(&mut self, [from, to]: [usize; 2], pixels: &mut [u8]) {
        let tables = Srgb::tables();
        for plain in self.plain.drain(..) {
            fill_pixels(&mut pixels[3 * plain.from..3 * plain.to], plain.levels);
        }
        for mixed in self.mixed.drain(..) {
            for x in mixed.from..mixed.to {
                let mut color = mixed.faces;
                for (color, light) in color.iter_mut().zip(&self.light) {
                    *color = (*color + mixed.ground * light[x]) * (1.0 / SAMPLES);
                }
                pixels[3 * x..3 * x + 3].copy_from_slice(&tables.encode(color));
                self.xs[x] = x as f32;
            }
        }
        for line in &mut self.keys {
            line[from..to].fill([OPEN; GRID]);
        }
        self.share[from..to].fill(1.0);
        self.marks.fill(0);
        self.bare.clear();
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

/// Fills pixels with one colour, many at a time.
#[inline(always)]
fn fill_pixels(pixels: &mut [u8], levels: [u8; 3]) {
    let wide = [levels; BLOCK];
    let wide = wide.as_flattened();
    let mut chunks = pixels.chunks_exact_mut(wide.len());
    for chunk in &mut chunks {
        chunk.copy_from_slice(wide);
    }
    for pixel in chunks.into_remainder().chunks_exact_mut(3) {
        pixel.copy_from_slice(&levels);
    }
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
