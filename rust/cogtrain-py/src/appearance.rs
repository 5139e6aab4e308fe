//! How scenes are shown: styles, palettes, backgrounds.

use std::collections::BTreeMap;

use cogtrain_core as core;
use pyo3::prelude::*;

use crate::errors::to_python;

/// How a scene looks, by name.
///
/// Raises:
///     ValueError: For an unknown name; the message names the nearest.
#[pyclass(frozen, eq, module = "cogtrain._core")]
#[derive(PartialEq)]
pub struct Style(core::Style);

#[pymethods]
impl Style {
    #[new]
    fn new(name: &str) -> PyResult<Self> {
        core::Style::parse(name).map(Self).map_err(to_python)
    }

    /// Every style's name.
    #[staticmethod]
    fn names() -> Vec<&'static str> {
        core::Style::NAMES.to_vec()
    }

    /// The style's name.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn __repr__(&self) -> String {
        format!("Style({:?})", self.0.name())
    }
}

/// How a scene is shown; physics does not depend on it. A value.
///
/// Args:
///     style: ``cubeworld``, ``wood`` or ``randomised``.
///     palette: ``default``, ``color_blind_safe`` or ``equiluminant``.
///     background: ``white``, ``gray``, ``beige``, ``blue``, ``black`` or ``room``.
///     texture_seed: Decides grain, wear, clutter and sensor noise.
///
/// Raises:
///     ValueError: For an unknown name; the message names the nearest.
#[pyclass(frozen, eq, module = "cogtrain._core")]
#[derive(Clone, PartialEq)]
pub struct Appearance(pub core::Appearance);

#[pymethods]
impl Appearance {
    #[new]
    #[pyo3(signature = (style="cubeworld", *, palette="default", background="white", texture_seed=0))]
    fn new(style: &str, palette: &str, background: &str, texture_seed: u64) -> PyResult<Self> {
        let read = || -> core::Result<core::Appearance> {
            Ok(core::Appearance {
                style: core::Style::parse(style)?,
                palette: core::Palette::parse(palette)?,
                background: core::Background::parse(background)?,
                texture_seed,
            })
        };
        read().map(Self).map_err(to_python)
    }

    /// Name of the style.
    #[getter]
    fn style(&self) -> &'static str {
        self.0.style.name()
    }

    /// Name of the palette.
    #[getter]
    fn palette(&self) -> &'static str {
        self.0.palette.name()
    }

    /// Color name to its declared 8-bit sRGB: in full light and without texture.
    #[getter]
    fn colors(&self) -> BTreeMap<&'static str, (u8, u8, u8)> {
        core::Color::ALL
            .iter()
            .map(|&color| (color.name(), self.0.color(color).into()))
            .collect()
    }

    /// Name of the background.
    #[getter]
    fn background(&self) -> &'static str {
        self.0.background.name()
    }

    /// Decides grain, wear, clutter and sensor noise.
    #[getter]
    fn texture_seed(&self) -> u64 {
        self.0.texture_seed
    }

    fn __repr__(&self) -> String {
        format!(
            "Appearance({:?}, palette={:?}, background={:?}, texture_seed={})",
            self.style(),
            self.palette(),
            self.background(),
            self.texture_seed()
        )
    }
}

/// What stands for an appearance in a call: a style's name or the whole.
#[derive(FromPyObject)]
pub enum Shown {
    /// An `Appearance`.
    Whole(Py<Appearance>),
    /// A style's name.
    Style(String),
}

impl Default for Shown {
    fn default() -> Self {
        Self::Style(core::Style::Cubeworld.name().to_owned())
    }
}

impl Shown {
    /// The appearance that is meant.
    pub fn read(self) -> core::Result<core::Appearance> {
        match self {
            Self::Whole(whole) => Ok(whole.get().0),
            Self::Style(name) => core::Style::parse(&name).map(core::Appearance::new),
        }
    }
}
