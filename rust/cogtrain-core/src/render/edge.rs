//! Pixels on the edge between surfaces.

/// Whether any neighbour of pixel (`x`, `y`) in a `size_px` × `size_px` grid has a key that
/// `differs` from the pixel's own.
pub fn is_edge<K: Copy>(
    keys: &[K],
    size_px: usize,
    (x, y): (usize, usize),
    differs: impl Fn(K, K) -> bool,
) -> bool {
    let own = keys[y * size_px + x];
    let rows = y.saturating_sub(1)..(y + 2).min(size_px);
    let columns = x.saturating_sub(1)..(x + 2).min(size_px);
    rows.into_iter().any(|v| {
        keys[v * size_px + columns.start..v * size_px + columns.end]
            .iter()
            .any(|&key| differs(key, own))
    })
}
