//! What stands at the back of a room: window, shelves with books, boxes, pictures, lamps.
//!
//! Patches of colour with soft outlines: as soft as the camera's defocus, or one pixel in a flat
//! style.

use super::noise::ramp;
use super::srgb::Srgb;
use crate::Stream;
use crate::style::Rgb;

/// A wall and what stands before it, in units of a usual block's side from the target's foot.
pub struct Room {
    wall: Rgb,
    /// Back to front.
    patches: Vec<Patch>,
    /// Per unit across, the patches that may be seen there, in order.
    columns: Vec<Vec<usize>>,
}

struct Patch {
    middle: [f32; 2],
    half: [f32; 2],
    color: Rgb,
    is_round: bool,
}

/// Half width of what is furnished.
const EXTENT: f32 = 16.0;
/// Columns of one unit, a little wider than what is furnished.
const COLUMNS: usize = 48;
/// Widest outline, in units.
const MAX_BLUR: f32 = 1.0;

impl Room {
    /// Furnished anew for every stream.
    pub fn draw(stream: &mut Stream) -> Self {
        let walls = [
            [206, 204, 196],
            [190, 196, 198],
            [214, 200, 178],
            [176, 184, 172],
        ];
        let wall = pick(stream, &walls);
        let mut room = Self {
            wall: Srgb::tables().decode(wall),
            patches: Vec::new(),
            columns: Vec::new(),
        };
        let mut x = -EXTENT + stream.range(-2.0, 1.0) as f32;
        while x < EXTENT {
            let width = stream.range(3.4, 6.6) as f32;
            let middle = x + 0.5 * width;
            match stream.below(4) {
                0 => room.window(stream, middle, width),
                1 | 2 => room.shelf(stream, middle, width),
                _ => room.picture(stream, middle, width),
            }
            room.sideboard(stream, middle, width);
            x += width + stream.range(0.1, 0.9) as f32;
        }
        room.lamp(stream);
        room.columns = (0..COLUMNS).map(|column| room.seen_in(column)).collect();
        room
    }

    /// Patches that reach into a column, or come as near as an outline can be soft.
    fn seen_in(&self, column: usize) -> Vec<usize> {
        let middle = column as f32 + 0.5 - 0.5 * COLUMNS as f32;
        let reaches =
            |patch: &Patch| (patch.middle[0] - middle).abs() <= patch.half[0] + 0.5 + MAX_BLUR;
        (0..self.patches.len())
            .filter(|&i| reaches(&self.patches[i]))
            .collect()
    }

    /// Colour at `place`, seen with outlines `blur` units wide.
    pub fn color(&self, place: [f32; 2], blur: f32) -> Rgb {
        let mut color = self.wall;
        let blur = blur.min(MAX_BLUR);
        // A cast saturates: what lies beyond the last column is seen as the last one.
        let column = (place[0] + 0.5 * COLUMNS as f32) as usize;
        for &i in &self.columns[column.min(COLUMNS - 1)] {
            let patch = &self.patches[i];
            let share = patch.share(place, blur);
            if share > 0.0 {
                for (seen, own) in color.iter_mut().zip(patch.color) {
                    *seen += (own - *seen) * share;
                }
            }
        }
        color
    }

    fn put(&mut self, middle: [f32; 2], half: [f32; 2], srgb: [u8; 3]) {
        self.patches.push(Patch {
            middle,
            half,
            color: Srgb::tables().decode(srgb),
            is_round: false,
        });
    }

    /// Makes what was put last shine.
    fn shine(&mut self, gain: f32) {
        if let Some(patch) = self.patches.last_mut() {
            patch.color = patch.color.map(|v| v * gain);
        }
    }

    fn disc(&mut self, middle: [f32; 2], radius: f32, srgb: [u8; 3]) {
        self.put(middle, [radius; 2], srgb);
        if let Some(patch) = self.patches.last_mut() {
            patch.is_round = true;
        }
    }

    fn window(&mut self, stream: &mut Stream, x: f32, width: f32) {
        let (half, y) = (0.46 * width, stream.range(4.0, 7.0) as f32);
        let tall = stream.range(2.4, 3.6) as f32;
        self.put([x, y], [half + 0.25, tall + 0.25], [226, 224, 216]);
        self.put([x, y], [half, tall], [224, 236, 244]);
        self.shine(1.7);
        self.put([x, y - 0.45 * tall], [half, 0.55 * tall], [188, 204, 190]);
        self.shine(1.4);
        self.put([x, y], [0.10, tall], [222, 220, 212]);
        self.put([x, y + 0.2 * tall], [half, 0.10], [222, 220, 212]);
    }

    fn shelf(&mut self, stream: &mut Stream, x: f32, width: f32) {
        let woods = [[122, 90, 62], [150, 118, 84], [90, 74, 62], [196, 190, 180]];
        let wood = pick(stream, &woods);
        let half = 0.5 * width;
        self.put([x, 1.5], [half, 8.0], wood);
        let inside = wood.map(|c| (f32::from(c) * 0.55) as u8);
        let mut y = -6.0 + stream.range(0.0, 1.0) as f32;
        while y < 8.8 {
            let tall = stream.range(1.5, 2.3) as f32;
            self.put(
                [x, y + 0.5 * tall],
                [half - 0.15, 0.5 * tall - 0.08],
                inside,
            );
            self.books(stream, [x - half + 0.25, x + half - 0.25], y, tall);
            y += tall;
        }
    }

    fn books(&mut self, stream: &mut Stream, [mut x, end]: [f32; 2], y: f32, tall: f32) {
        let spines = [
            [150, 70, 60],
            [70, 92, 120],
            [178, 160, 120],
            [82, 108, 84],
            [210, 204, 190],
            [60, 60, 66],
            [160, 120, 70],
            [120, 84, 110],
        ];
        while x < end {
            let width = stream.range(0.28, 0.75) as f32;
            let height = tall * stream.range(0.45, 0.82) as f32;
            if stream.below(5) > 0 {
                let color = pick(stream, &spines);
                let middle = [x + 0.5 * width, y + 0.1 + 0.5 * height];
                self.put(middle, [0.46 * width, 0.5 * height], color);
            }
            x += width;
        }
    }

    fn picture(&mut self, stream: &mut Stream, x: f32, width: f32) {
        let (half, y) = (0.34 * width, stream.range(4.2, 6.8) as f32);
        let tall = stream.range(1.2, 2.2) as f32;
        self.put([x, y], [half + 0.16, tall + 0.16], [84, 66, 50]);
        self.put([x, y], [half, tall], [216, 208, 192]);
        let motifs = [[128, 146, 150], [170, 140, 110], [120, 134, 104]];
        let motif = pick(stream, &motifs);
        self.put([x, y - 0.3 * tall], [0.8 * half, 0.5 * tall], motif);
    }

    /// A sideboard, and boxes and plants on it.
    fn sideboard(&mut self, stream: &mut Stream, x: f32, width: f32) {
        self.put([x, -5.4], [0.5 * width + 1.0, 4.8], [128, 112, 96]);
        self.put([x, -0.7], [0.5 * width + 1.0, 0.14], [156, 138, 118]);
        let (mut at, end) = (x - 0.5 * width, x + 0.5 * width);
        while at < end {
            let side = stream.range(0.8, 2.2) as f32;
            match stream.below(6) {
                0 => self.plant(stream, at + 0.5 * side),
                1..=3 => self.carton(stream, at, side),
                _ => {}
            }
            at += side + stream.range(0.0, 0.5) as f32;
        }
    }

    fn plant(&mut self, stream: &mut Stream, x: f32) {
        for _ in 0..9 {
            let leaf = [
                x + stream.range(-0.8, 0.8) as f32,
                stream.range(0.3, 2.4) as f32,
            ];
            let shade = stream.range(0.8, 1.2);
            let green = [74, 104, 66].map(|c| (f64::from(c) * shade) as u8);
            self.disc(leaf, stream.range(0.25, 0.6) as f32, green);
        }
        self.put([x, -0.1], [0.45, 0.5], [150, 98, 72]);
    }

    fn carton(&mut self, stream: &mut Stream, left: f32, side: f32) {
        let colors = [
            [184, 150, 108],
            [168, 132, 92],
            [108, 112, 118],
            [196, 186, 170],
            [92, 84, 78],
            [122, 134, 146],
        ];
        let (color, tall) = (pick(stream, &colors), stream.range(0.5, 2.4) as f32);
        let x = left + 0.5 * side;
        self.put([x, -0.56 + 0.5 * tall], [0.5 * side, 0.5 * tall], color);
        self.put(
            [x, -0.56 + tall],
            [0.5 * side, 0.1],
            color.map(|c| c.saturating_add(22)),
        );
        self.put(
            [x, -0.5 + 0.5 * tall],
            [0.18 * side, 0.2 * tall],
            color.map(|c| c.saturating_add(34)),
        );
    }

    fn lamp(&mut self, stream: &mut Stream) {
        let [x, y] = [(-8.0, 8.0), (2.0, 7.0)].map(|(a, b)| stream.range(a, b) as f32);
        self.put([x, y - 4.0], [0.09, 4.0], [70, 66, 62]);
        self.put([x, y], [0.85, 0.65], [240, 222, 178]);
        self.shine(1.3);
        self.disc([x, y + 0.1], 0.55, [255, 244, 214]);
        self.shine(1.8);
    }
}

impl Patch {
    /// How much of the patch is seen at `place`, 0 to 1.
    fn share(&self, place: [f32; 2], blur: f32) -> f32 {
        let [x, y] = [0, 1].map(|k| (place[k] - self.middle[k]).abs() - self.half[k]);
        if x > blur || y > blur {
            return 0.0;
        }
        if self.is_round {
            let [u, v] = [0, 1].map(|k| place[k] - self.middle[k]);
            let out = (u * u + v * v).sqrt() - self.half[0];
            return ramp(blur, -blur, out);
        }
        ramp(blur, -blur, x) * ramp(blur, -blur, y)
    }
}

fn pick(stream: &mut Stream, colors: &[[u8; 3]]) -> [u8; 3] {
    colors[stream.below(colors.len() as u64) as usize]
}
