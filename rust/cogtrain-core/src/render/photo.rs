//! A scene as a camera takes it: one shaded sample per surface that a pixel sees, then the sensor.

// A kernel's parts have to be compiled for the body that calls them.
#![allow(clippy::inline_always)]

use std::ops::Range;

use super::camera::Viewpoint;
use super::cast::Field;
use super::mood::Mood;
use super::sight::{GROUP, Rays, Sight, Surface};
use super::studio::Studio;
use super::swatch::{Fragments, SWATCH};
use crate::scene::Scene;
use crate::simd::{Body, Kernel};
use crate::style::{Appearance, Rgb};

/// Rays along each side of a pixel on an edge.
const GRID: usize = 4;

/// Into `pixels`: 8-bit sRGB, row-major `size_px` × `size_px`.
pub fn photograph(
    body: Body,
    (scene, appearance): (&Scene, &Appearance),
    size_px: usize,
    pixels: &mut [u8],
) {
    let view = Viewpoint::new(&scene.camera, size_px, size_px);
    let field = Field::new(scene, &view, size_px, size_px);
    let mood = Mood::draw(appearance);
    let studio = Studio::new(scene, appearance, mood.lights, field);
    let mut film = Film::new(body, &studio, &view, size_px);
    film.expose();
    mood.sensor.develop(body, film.developed(), size_px, pixels);
}

/// Where light falls.
struct Film<'a> {
    body: Body,
    studio: &'a Studio,
    view: &'a Viewpoint,
    size_px: usize,
    /// By channel.
    light: [Vec<f32>; 3],
    /// Of pixels on edges, in the order in which they are added.
    parts: Vec<Part>,
    /// Per surface, what waits until there is a swatch of it.
    waiting: Vec<Option<Box<Fragments>>>,
    rays: Rays,
    fine: Sight,
}

/// A surface that is seen in a pixel.
struct Part {
    pixel: usize,
    /// How much of the pixel shows it.
    share: f32,
    color: Rgb,
}

impl<'a> Film<'a> {
    fn new(body: Body, studio: &'a Studio, view: &'a Viewpoint, size_px: usize) -> Self {
        let surfaces = Surface::count(studio.field.blocks.len());
        Self {
            body,
            studio,
            view,
            size_px,
            light: [(); 3].map(|()| vec![0.0; size_px * size_px]),
            parts: Vec::new(),
            waiting: (0..surfaces).map(|_| None).collect(),
            rays: Rays::default(),
            fine: Sight::default(),
        }
    }

    /// All rows. What the next row sees is needed to find edges, and no more is kept at a time.
    fn expose(&mut self) {
        let n = self.size_px;
        let [mut before, mut row, mut next] = [(); 3].map(|()| Sight::default());
        let (mut edges, mut on_edge) = (vec![0; n], Vec::new());
        self.see(0, &mut row);
        before.key.clone_from(&row.key);
        for y in 0..n {
            if y + 1 < n {
                self.see(y + 1, &mut next);
            } else {
                next.key.clone_from(&row.key);
            }
            self.body.run(Edging {
                rows: [&before.key, &row.key, &next.key].map(|key| &key[..n]),
                edges: &mut edges,
            });
            on_edge.clear();
            on_edge.extend((0..n).filter(|&x| edges[x] != 0));
            self.add_plain(y, &row, &edges);
            self.split(y, &on_edge);
            std::mem::swap(&mut before, &mut row);
            std::mem::swap(&mut row, &mut next);
        }
        for index in 0..self.waiting.len() {
            if let Some(fragments) = self.waiting[index].take() {
                self.shade(Surface::at(index), &fragments);
            }
        }
    }

    /// What the middles of a row's pixels see.
    fn see(&mut self, y: usize, row: &mut Sight) {
        self.rays.clear();
        for x in (0..self.size_px).step_by(GROUP) {
            self.rays.sets.push(self.studio.field.tile(x, y).0);
            let group = (x..x + GROUP).map(|x| x as f64 + 0.5);
            self.rays.x.extend(group);
        }
        self.rays.y.resize(self.rays.x.len(), y as f64 + 0.5);
        self.studio.look(self.body, self.view, (&self.rays, row));
    }

    /// Casts a 4 × 4 grid of rays through each pixel on an edge, and takes the middle of each
    /// surface that they meet.
    fn split(&mut self, y: usize, on_edge: &[usize]) {
        let offset = |k: usize| (k as f64 + 0.5) / GRID as f64;
        self.rays.clear();
        for &x in on_edge {
            let set = self.studio.field.tile(x, y).0;
            self.rays.sets.extend([set; GRID * GRID / GROUP]);
            for i in 0..GRID * GRID {
                self.rays.x.push(x as f64 + offset(i % GRID));
                self.rays.y.push(y as f64 + offset(i / GRID));
            }
        }
        let mut fine = std::mem::take(&mut self.fine);
        let rays = (&self.rays, &mut fine);
        self.studio.look(self.body, self.view, rays);
        for (k, &x) in on_edge.iter().enumerate() {
            let mut order: [usize; GRID * GRID] = std::array::from_fn(|i| k * GRID * GRID + i);
            let key = |ray: &usize| fine.key[*ray];
            // Stable: within a surface, rays stay in the grid's order.
            order.sort_by_key(key);
            for part in order.chunk_by(|a, b| key(a) == key(b)) {
                // Parts are numbered after pixels.
                let target = self.size_px * self.size_px + self.parts.len();
                self.parts.push(Part {
                    pixel: y * self.size_px + x,
                    share: part.len() as f32 / (GRID * GRID) as f32,
                    color: [0.0; 3],
                });
                let middle = fine.middle(part);
                self.add((x, y), (&middle, 0..1), target);
            }
        }
        self.fine = fine;
    }

    /// Adds what pixels of a row see that are on no edge.
    fn add_plain(&mut self, y: usize, sight: &Sight, edges: &[u16]) {
        let surface = |x: usize| (edges[x] == 0).then(|| sight.surface[x]);
        let mut x = 0;
        while x < self.size_px {
            let own = surface(x);
            let mut end = x + 1;
            while end < self.size_px && surface(end) == own {
                end += 1;
            }
            if own.is_some() {
                self.add((x, y), (sight, x..end), y * self.size_px + x);
            }
            x = end;
        }
    }

    /// Adds what some rays see of one surface to what waits, and shades whenever that is a swatch.
    /// They go through the middles of pixels from (`x`, `y`) on.
    fn add(
        &mut self,
        (x, y): (usize, usize),
        (sight, seen): (&Sight, Range<usize>),
        target: usize,
    ) {
        let surface = sight.surface[seen.start];
        let waiting = &mut self.waiting[surface.index()];
        let mut fragments = waiting.take().unwrap_or_else(|| Box::new(Fragments::new()));
        let mut done = 0;
        while done < seen.len() {
            let rest = seen.start + done..seen.end;
            let from = [(x + done) as f64 + 0.5, y as f64 + 0.5];
            done += fragments.take((sight, rest), from, target + done);
            if fragments.count == SWATCH {
                self.shade(surface, &fragments);
                fragments.count = 0;
            }
        }
        self.waiting[surface.index()] = Some(fragments);
    }

    fn shade(&mut self, surface: Surface, fragments: &Fragments) {
        if fragments.count == 0 {
            return;
        }
        let colors = self
            .studio
            .shade(self.body, (surface, fragments), self.view);
        let (area, [red, green, blue]) = (self.size_px * self.size_px, &mut self.light);
        for (i, &target) in fragments.target[..fragments.count].iter().enumerate() {
            let color = [colors[0][i], colors[1][i], colors[2][i]];
            if target < area {
                [red[target], green[target], blue[target]] = color;
            } else {
                self.parts[target - area].color = color;
            }
        }
    }

    /// Light that reached every pixel, by channel.
    fn developed(self) -> [Vec<f32>; 3] {
        let mut light = self.light;
        for Part {
            pixel,
            share,
            color,
        } in self.parts
        {
            for (plane, color) in light.iter_mut().zip(color) {
                plane[pixel] += share * color;
            }
        }
        light
    }
}

/// Finds pixels of the middle row that have another key than one of their neighbours.
struct Edging<'a> {
    rows: [&'a [u16]; 3],
    /// Not 0 on an edge.
    edges: &'a mut [u16],
}

impl Kernel for Edging<'_> {
    type Out = ();

    #[inline(always)]
    fn run(self) {
        let (own, edges) = (self.rows[1], self.edges);
        let n = own.len();
        edges.fill(0);
        for row in self.rows {
            differ(edges, row, own);
            differ(&mut edges[1..], &row[..n - 1], &own[1..]);
            differ(&mut edges[..n - 1], &row[1..], &own[..n - 1]);
        }
    }
}

/// Marks where two rows of keys differ.
#[inline(always)]
fn differ(edges: &mut [u16], row: &[u16], own: &[u16]) {
    for ((edge, a), b) in edges.iter_mut().zip(row).zip(own) {
        *edge |= a ^ b;
    }
}
