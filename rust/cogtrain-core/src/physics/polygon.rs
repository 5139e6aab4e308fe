//! Convex polygons in the ground plane: faces, contacts, and contacts with moved borders.

/// A point or direction in the ground plane, in metres.
pub type Point = [f64; 2];

/// Edges shorter than this, in metres, have no direction worth the name.
const SHORTEST_EDGE_M: f64 = 1e-9;

/// A convex polygon, counter-clockwise; empty if fewer than three corners.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon(Vec<Point>);

/// A corner of a polygon whose border is moved inwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Corner {
    /// Where the corner is, in metres.
    pub at: Point,
    /// How far it moves per metre that the border moves inwards.
    pub drift: Point,
}

/// The line of an edge: `normal · p = distance`, the normal pointing inwards.
#[derive(Clone, Copy)]
struct Line {
    normal: Point,
    distance: f64,
}

impl Polygon {
    /// The convex polygon with these corners, counter-clockwise.
    pub fn new(corners: Vec<Point>) -> Self {
        Self(corners)
    }

    /// The smallest convex polygon around some points (Andrew 1979).
    pub fn hull(mut points: Vec<Point>) -> Self {
        points.sort_by(|p, q| p[0].total_cmp(&q[0]).then(p[1].total_cmp(&q[1])));
        points.dedup();
        let half = |points: &mut dyn Iterator<Item = Point>| {
            let mut kept: Vec<Point> = Vec::new();
            for p in points {
                while let [.., a, b] = kept[..] {
                    if side(a, b, p) > 0.0 {
                        break;
                    }
                    kept.pop();
                }
                kept.push(p);
            }
            kept.pop();
            kept
        };
        let mut corners = half(&mut points.iter().copied());
        corners.extend(half(&mut points.iter().rev().copied()));
        Self(corners)
    }

    /// Its corners, counter-clockwise.
    pub fn corners(&self) -> &[Point] {
        &self.0
    }

    /// The part that both polygons cover (Sutherland & Hodgman 1974).
    pub fn intersection(&self, other: &Self) -> Self {
        let mut kept = self.0.clone();
        for (a, b) in other.edges() {
            kept = clip(&kept, a, b);
        }
        Self(kept)
    }

    /// The same polygon without edges that are too short to have a direction.
    pub fn cleaned(&self) -> Self {
        let mut kept: Vec<Point> = Vec::with_capacity(self.0.len());
        for &p in &self.0 {
            if kept
                .iter()
                .all(|&q| length(from_to(q, p)) > SHORTEST_EDGE_M)
            {
                kept.push(p);
            }
        }
        Self(kept)
    }

    /// Area in m².
    pub fn area(&self) -> f64 {
        self.edges()
            .map(|(a, b)| 0.5 * (a[0] * b[1] - a[1] * b[0]))
            .sum()
    }

    /// Area over half the perimeter, in metres: at least the radius of any circle inside, and
    /// at most the width.
    pub fn thickness(&self) -> f64 {
        let around: f64 = self.edges().map(|(a, b)| length(from_to(a, b))).sum();
        if around > 0.0 {
            2.0 * self.area() / around
        } else {
            0.0
        }
    }

    /// How far the border can move inwards, in metres, until it reaches `p`; negative if it has to
    /// move outwards. Within the polygon this is the distance to the border.
    pub fn depth(&self, p: Point) -> f64 {
        if self.0.len() < 3 {
            return f64::NEG_INFINITY;
        }
        self.edges()
            .map(|(a, b)| Line::through(a, b).depth(p))
            .fold(f64::INFINITY, f64::min)
    }

    /// Distance of `p` from the polygon, in metres; 0 within.
    pub fn distance(&self, p: Point) -> f64 {
        if self.depth(p) >= 0.0 {
            return 0.0;
        }
        self.edges()
            .map(|(a, b)| length(from_to(nearest_on_segment(a, b, p), p)))
            .fold(f64::INFINITY, f64::min)
    }

    /// Where the line from `p` along the unit vector `along` enters and leaves the polygon, in
    /// metres from `p`; `None` if it misses.
    pub fn chord(&self, p: Point, along: Point) -> Option<(f64, f64)> {
        let (mut enter, mut leave) = (f64::NEG_INFINITY, f64::INFINITY);
        for (a, b) in self.edges() {
            let line = Line::through(a, b);
            let (depth, rate) = (
                line.depth(p),
                line.normal[0] * along[0] + line.normal[1] * along[1],
            );
            if rate > 0.0 {
                enter = enter.max(-depth / rate);
            } else if rate < 0.0 {
                leave = leave.min(-depth / rate);
            } else if depth < 0.0 {
                return None;
            }
        }
        (enter <= leave && enter.is_finite() && leave.is_finite()).then_some((enter, leave))
    }

    /// Mean of its corners.
    pub fn middle(&self) -> Point {
        let n = self.0.len() as f64;
        [0, 1].map(|k| self.0.iter().map(|p| p[k]).sum::<f64>() / n)
    }

    /// Inward normal of the edge that limits the depth of `p`, and a point on that edge.
    pub fn nearest_edge(&self, p: Point) -> Option<(Point, Point)> {
        self.edges()
            .map(|(a, b)| (Line::through(a, b), a))
            .min_by(|(l, _), (m, _)| l.depth(p).total_cmp(&m.depth(p)))
            .map(|(line, a)| (line.normal, a))
    }

    /// The polygon with a border that can be moved.
    pub fn movable(&self) -> Movable {
        Movable::new(self.edges().map(|(a, b)| Line::through(a, b)).collect())
    }

    fn edges(&self) -> impl Iterator<Item = (Point, Point)> + '_ {
        let n = self.0.len();
        (0..n).map(move |i| (self.0[i], self.0[(i + 1) % n]))
    }
}

/// A polygon whose border moves inwards or outwards, every edge by the same distance. Corners stay
/// sharp (mitred, not rounded); edges that have shrunk to nothing are left out.
pub struct Movable {
    /// The edges that are left up to an inset in metres, and that inset, ascending.
    phases: Vec<(f64, Vec<Line>)>,
}

impl Movable {
    fn new(mut lines: Vec<Line>) -> Self {
        let mut phases = Vec::with_capacity(2);
        let mut reached = 0.0_f64;
        // Lines that turn by half a circle or more between neighbours bound nothing.
        while let Some((corners, 3..)) = meet(&lines, 0.0).map(|corners| (corners, lines.len())) {
            let ends: Vec<f64> = (0..lines.len()).map(|i| end(&lines, &corners, i)).collect();
            let first = (0..ends.len())
                .min_by(|&i, &j| ends[i].total_cmp(&ends[j]))
                .expect("three lines or more");
            reached = reached.max(ends[first]);
            phases.push((reached, lines.clone()));
            lines.remove(first);
        }
        Self { phases }
    }

    /// The inset in metres at which nothing but a point or a line is left.
    pub fn vanishes_at_m(&self) -> f64 {
        self.phases.last().map_or(0.0, |&(until, _)| until)
    }

    /// The corners at `inset` metres (negative: grown); none beyond the last point.
    pub fn corners(&self, inset: f64) -> Vec<Corner> {
        self.phases
            .iter()
            .find(|&&(until, _)| inset <= until)
            .and_then(|(_, lines)| meet(lines, inset))
            .unwrap_or_default()
    }
}

/// The inset at which edge `i` has no length left; infinite if it never shrinks.
fn end(lines: &[Line], corners: &[Corner], i: usize) -> f64 {
    let next = (i + 1) % lines.len();
    let [x, y] = lines[i].normal;
    let along = |v: Point| v[0] * y - v[1] * x;
    let length = along(from_to(corners[i].at, corners[next].at));
    let shrinks = -along(from_to(corners[i].drift, corners[next].drift));
    if shrinks > 0.0 {
        length / shrinks
    } else {
        f64::INFINITY
    }
}

impl Line {
    fn through(a: Point, b: Point) -> Self {
        let along = from_to(a, b);
        let scale = 1.0 / length(along);
        let normal = [-along[1] * scale, along[0] * scale];
        let distance = normal[0] * a[0] + normal[1] * a[1];
        Self { normal, distance }
    }

    fn depth(self, p: Point) -> f64 {
        self.normal[0] * p[0] + self.normal[1] * p[1] - self.distance
    }
}

/// Corner i is where line i begins: its meeting point with the line before it.
fn meet(lines: &[Line], inset: f64) -> Option<Vec<Corner>> {
    let n = lines.len();
    let corner = |i: usize| {
        let (p, q) = (lines[(i + n - 1) % n], lines[i]);
        let turn = p.normal[0] * q.normal[1] - p.normal[1] * q.normal[0];
        let solve = |d: f64, e: f64| {
            [
                (d * q.normal[1] - e * p.normal[1]) / turn,
                (e * p.normal[0] - d * q.normal[0]) / turn,
            ]
        };
        (turn > 0.0).then(|| Corner {
            at: solve(p.distance + inset, q.distance + inset),
            drift: solve(1.0, 1.0),
        })
    };
    (0..n).map(corner).collect()
}

/// Twice the signed area of (a, b, p): positive if `p` lies left of a → b.
fn side(a: Point, b: Point, p: Point) -> f64 {
    (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
}

fn from_to(a: Point, b: Point) -> Point {
    [b[0] - a[0], b[1] - a[1]]
}

fn length(v: Point) -> f64 {
    (v[0] * v[0] + v[1] * v[1]).sqrt()
}

/// Keeps what lies left of the line a → b.
fn clip(corners: &[Point], a: Point, b: Point) -> Vec<Point> {
    let mut kept = Vec::with_capacity(corners.len() + 1);
    for (i, &p) in corners.iter().enumerate() {
        let q = corners[(i + 1) % corners.len()];
        let (sp, sq) = (side(a, b, p), side(a, b, q));
        if sp >= 0.0 {
            kept.push(p);
        }
        if (sp > 0.0 && sq < 0.0) || (sp < 0.0 && sq > 0.0) {
            let t = sp / (sp - sq);
            kept.push([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
        }
    }
    kept
}

fn nearest_on_segment(a: Point, b: Point, p: Point) -> Point {
    let (along, to) = (from_to(a, b), from_to(a, p));
    let squared = along[0] * along[0] + along[1] * along[1];
    let share = if squared > 0.0 {
        ((to[0] * along[0] + to[1] * along[1]) / squared).clamp(0.0, 1.0)
    } else {
        0.0
    };
    [a[0] + share * along[0], a[1] + share * along[1]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(x: f64, y: f64) -> Polygon {
        Polygon::new(vec![[x, y], [x + 1.0, y], [x + 1.0, y + 1.0], [x, y + 1.0]])
    }

    #[test]
    fn intersection_of_shifted_squares() {
        let both = square(0.0, 0.0).intersection(&square(0.25, 0.5));
        assert!((both.area() - 0.75 * 0.5).abs() < 1e-12);
        let apart = square(0.0, 0.0).intersection(&square(2.0, 0.0));
        assert!(apart.area().abs() < 1e-12);
    }

    #[test]
    fn depth_inside_beside_and_beyond_a_corner() {
        let unit = square(0.0, 0.0);
        assert!((unit.depth([0.5, 0.2]) - 0.2).abs() < 1e-12);
        assert!((unit.depth([0.5, -0.2]) + 0.2).abs() < 1e-12);
        assert!((unit.depth([1.3, 1.4]) + 0.4).abs() < 1e-12);
    }

    #[test]
    fn hull_distance_and_chord() {
        let hull = Polygon::hull(vec![
            [1.0, 1.0],
            [0.0, 0.0],
            [0.5, 0.5],
            [1.0, 0.0],
            [0.0, 1.0],
            [0.5, 0.0],
        ]);
        assert_eq!(hull.corners().len(), 4);
        assert!((hull.area() - 1.0).abs() < 1e-12);
        assert!((hull.distance([1.3, 1.4]) - 0.5).abs() < 1e-12);
        assert!(hull.distance([0.3, 0.4]).abs() < 1e-12);
        let chord = hull.chord([-1.0, 0.5], [1.0, 0.0]).expect("crosses");
        assert!((chord.0 - 1.0).abs() < 1e-12 && (chord.1 - 2.0).abs() < 1e-12);
        assert_eq!(hull.chord([-1.0, 1.5], [1.0, 0.0]), None);
    }

    #[test]
    fn a_square_shrinks_and_grows_as_a_square() {
        let movable = square(0.0, 0.0).movable();
        assert!((movable.vanishes_at_m() - 0.5).abs() < 1e-12);
        for inset in [-0.5, 0.0, 0.25] {
            let corners = movable.corners(inset);
            let area = Polygon::new(corners.iter().map(|c| c.at).collect()).area();
            assert!((area - (1.0 - 2.0 * inset).powi(2)).abs() < 1e-12, "{area}");
            assert!(
                corners
                    .iter()
                    .all(|c| (c.drift[0].abs() - 1.0).abs() < 1e-12)
            );
        }
        assert!(movable.corners(0.51).is_empty());
    }

    /// A cut corner vanishes as the border moves inwards, and what is left is a square.
    #[test]
    fn an_edge_that_vanishes_is_left_out() {
        let cut = vec![[0.0, 0.0], [1.0, 0.0], [1.0, 0.9], [0.9, 1.0], [0.0, 1.0]];
        let movable = Polygon::new(cut).movable();
        assert_eq!(movable.corners(0.1).len(), 5);
        assert_eq!(movable.corners(0.2).len(), 4);
        assert!((movable.vanishes_at_m() - 0.5).abs() < 1e-12);
    }
}
