//! What is painted over what: shadows on the ground, then boxes from back to front, each face
//! with the shadows on it.

use super::camera::Viewpoint;
use super::cast::{Block, Field};
use super::facet::{Facet, facets, ground, shadow, shadow_rows};
use super::order::back_to_front;
use super::shade::{FACES, LIFT_M};
use super::sheet::Cut;
use super::vector::V3;

/// Ground or sky in the sun, and ground in shadow.
pub const OPEN: u16 = 0;
pub const SHADED: u16 = 1;
/// The first face's key.
pub const FIRST: u16 = 2;

/// The key of a face of a box, in shadow or in the sun.
pub fn key(block: usize, face: usize, is_lit: bool) -> u16 {
    FIRST + 2 * (block * FACES + face) as u16 + u16::from(is_lit)
}

/// The outlines of a scene under a point of light, in the order of painting; `None` if there is
/// no such order. The camera is above the ground.
pub fn flat(blocks: &[Block], view: &Viewpoint, sun: V3) -> Option<Vec<Cut>> {
    let order = back_to_front(blocks, view.origin)?;
    let shaders = Field::shaders_of(blocks, sun);
    let plane = ground(view);
    let on_ground = blocks.iter().map(|block| Cut {
        key: SHADED,
        outline: shadow(
            block,
            view,
            (&plane, 0.0),
            sun,
            shadow_rows(block, view, sun),
        ),
        within: None,
    });
    let mut cuts: Vec<Cut> = on_ground.collect();
    for i in order {
        for facet in facets(&blocks[i], view) {
            // Only what rises above a face can shade it.
            let height =
                facet.plane.normal.dot(blocks[i].centre) + blocks[i].half()[facet.face / 2];
            let others = super::cast::members(shaders[i]).map(|j| &blocks[j]);
            let others = others.filter(|other| other.bounds(facet.plane.normal)[1] > height);
            face(&mut cuts, i, &facet, view, (sun, others));
        }
    }
    Some(cuts)
}

/// A face, and the shadows of other boxes on it.
fn face<'a>(
    cuts: &mut Vec<Cut>,
    block: usize,
    facet: &Facet,
    view: &Viewpoint,
    (sun, others): (V3, impl Iterator<Item = &'a Block>),
) {
    let is_lit = facet.plane.normal.dot(sun) > 0.0;
    let own = cuts.len();
    cuts.push(Cut {
        key: key(block, facet.face, is_lit),
        outline: facet.outline,
        within: None,
    });
    if is_lit {
        cuts.extend(others.map(|other| Cut {
            key: key(block, facet.face, false),
            outline: shadow(other, view, (&facet.plane, LIFT_M), sun, facet.outline.rows),
            within: Some(own),
        }));
    }
}
