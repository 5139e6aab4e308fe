//! Convex polygons in the ground plane: the support of a block.

/// A point in the ground plane, in metres.
pub type Point = [f64; 2];

/// A convex polygon, counter-clockwise; empty if fewer than three corners.
#[derive(Clone, Debug, PartialEq)]
pub struct Polygon(Vec<Point>);

impl Polygon {
    /// The convex polygon with these corners, counter-clockwise.
    pub fn new(corners: Vec<Point>) -> Self {
        Self(corners)
    }

    /// The part that both polygons cover (Sutherland & Hodgman 1974).
    pub fn intersection(&self, other: &Self) -> Self {
        let mut kept = self.0.clone();
        for (a, b) in other.edges() {
            kept = clip(&kept, a, b);
        }
        Self(kept)
    }

    /// Area in m².
    pub fn area(&self) -> f64 {
        self.edges()
            .map(|(a, b)| 0.5 * (a[0] * b[1] - a[1] * b[0]))
            .sum()
    }

    /// Distance from `p` to the border, in metres: positive inside, negative outside.
    pub fn signed_distance(&self, p: Point) -> f64 {
        let inside = !self.0.is_empty() && self.edges().all(|(a, b)| side(a, b, p) >= 0.0);
        let nearest = self
            .edges()
            .map(|(a, b)| segment_distance(a, b, p))
            .fold(f64::INFINITY, f64::min);
        if inside { nearest } else { -nearest }
    }

    fn edges(&self) -> impl Iterator<Item = (Point, Point)> + '_ {
        let n = self.0.len();
        (0..n).map(move |i| (self.0[i], self.0[(i + 1) % n]))
    }
}

/// Twice the signed area of (a, b, p): positive if `p` lies left of a → b.
fn side(a: Point, b: Point, p: Point) -> f64 {
    (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
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

fn segment_distance(a: Point, b: Point, p: Point) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length2 = dx * dx + dy * dy;
    let along = if length2 > 0.0 {
        ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length2
    } else {
        0.0
    };
    let t = along.clamp(0.0, 1.0);
    let (ex, ey) = (p[0] - a[0] - t * dx, p[1] - a[1] - t * dy);
    (ex * ex + ey * ey).sqrt()
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
        assert!(
            square(0.0, 0.0)
                .intersection(&square(2.0, 0.0))
                .area()
                .abs()
                < 1e-12
        );
    }

    #[test]
    fn signed_distance_inside_edge_and_corner() {
        let unit = square(0.0, 0.0);
        assert!((unit.signed_distance([0.5, 0.2]) - 0.2).abs() < 1e-12);
        assert!((unit.signed_distance([0.5, -0.2]) + 0.2).abs() < 1e-12);
        assert!((unit.signed_distance([1.3, 1.4]) + 0.5).abs() < 1e-12);
    }
}
