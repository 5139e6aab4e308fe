//! What the two stimuli of a twin pair differ in.

use std::collections::BTreeMap;

use serde_json::Value;

use super::factor::Spec;
use crate::naming::named;
use crate::stimulus::Factor;
use crate::style::{Background, Palette};
use crate::{Error, Result};

named! {
    /// The one thing that twins differ in.
    pub enum Twin as "change" {
        /// Minimal pair: one part moves across the edge by twice the margin, which flips the label.
        Answer = "answer",
        /// Another palette.
        Palette = "palette",
        /// Another background.
        Background = "background",
        /// Another draw of grain, wear, clutter and noise.
        Texture = "texture",
        /// Another camera, from the ranges of the design.
        Camera = "camera",
        /// Another light, from the ranges of the design.
        Light = "light",
        /// Mirrored left to right.
        Mirror = "mirror",
        /// Before the red block is removed, and after.
        View = "view",
    }
}

impl Twin {
    /// The factors that change; none where the task changes the scene itself.
    pub fn factors(self) -> &'static [&'static str] {
        match self {
            Self::Answer | Self::Texture | Self::Mirror => &[],
            Self::Palette => &["palette"],
            Self::Background => &["background"],
            Self::Camera => &[
                "camera_azimuth_deg",
                "camera_elevation_deg",
                "camera_distance_m",
            ],
            Self::Light => &[
                "light_azimuth_deg",
                "light_elevation_deg",
                "light_radius_deg",
            ],
            Self::View => &["view"],
        }
    }

    /// Reads `{"change": .., "to": ..}`; `to` only where twins differ in one named factor.
    pub fn read(
        json: &Value,
        allowed: &[Self],
        specs: &BTreeMap<&'static str, Spec>,
    ) -> Result<(Option<Self>, Option<Factor>)> {
        let object = json.as_object();
        let change = object
            .and_then(|object| object.get("change"))
            .and_then(Value::as_str);
        let Some(change) = change else {
            let hint = "write e.g. {change: palette}";
            return Err(Error::argument("twins", "a `change`", json, hint));
        };
        let names: Vec<&str> = allowed.iter().map(|twin| twin.name()).collect();
        let twin = allowed.iter().find(|twin| twin.name() == change);
        let twin = *twin.ok_or_else(|| Error::unknown_name("change", change, &names))?;
        let mut to = None;
        for (name, value) in object.into_iter().flatten() {
            match name.as_str() {
                "change" => {}
                "to" => to = Some(twin.read_to(value)?),
                _ => return Err(Error::unknown_name("twins", name, &["change", "to"])),
            }
        }
        twin.check(specs, to.as_ref())?;
        Ok((Some(twin), to))
    }

    fn read_to(self, json: &Value) -> Result<Factor> {
        match (self, json.as_str()) {
            (Self::Palette, Some(name)) => Palette::parse(name).map(Palette::name),
            (Self::Background, Some(name)) => Background::parse(name).map(Background::name),
            _ => {
                let expected = "a name, for twins that change palette or background";
                Err(Error::argument("to", expected, json, "leave it out"))
            }
        }
        .map(|name| Factor::Text(name.to_owned()))
    }

    /// Whether the twin can differ from the first at all.
    fn check(self, specs: &BTreeMap<&'static str, Spec>, to: Option<&Factor>) -> Result<()> {
        let spec = |name: &str| {
            specs
                .get(name)
                .expect("every declared factor has a default")
        };
        let wide = |name: &&str| matches!(spec(name).interval(), Some([a, b]) if a < b);
        if matches!(self, Self::Camera | Self::Light) && !self.factors().iter().any(wide) {
            let names = self.factors().join(", ");
            let hint = format!("give one of {names} a range");
            let got = "factors that are all fixed";
            return Err(Error::argument(self.name(), "of some range", got, hint));
        }
        if let (Some(to), [name]) = (to, self.factors())
            && spec(name).listed().contains(to)
        {
            let expected = format!("a {name} that the first of two twins never has");
            let got = super::cells::describe(std::iter::once((*name, to)));
            return Err(Error::argument(
                "to",
                expected,
                got,
                "take it out of the factor",
            ));
        }
        let both = spec("answer").listed().len() == 2;
        if self == Self::Answer && !both {
            let hint = "leave `answer` out";
            let got = "`answer` fixed";
            return Err(Error::argument(
                "change",
                "both answers for minimal pairs",
                got,
                hint,
            ));
        }
        let moving = matches!(specs.get("view"), Some(spec) if spec.listed().len() != 1);
        if self == Self::View && moving {
            let hint = "leave `view` out";
            return Err(Error::argument("change", "`view` fixed", "levels", hint));
        }
        Ok(())
    }
}
