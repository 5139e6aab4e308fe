//! A checkpoint's image processor configuration, in each of its spellings.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::Qwen2Vl;
use crate::{Error, Result};

/// What the value of `image_processor_type` must begin with; `Fast` or `Pil` may follow.
const FAMILY: &str = "Qwen2VLImageProcessor";

/// The keys that matter here; the others say how images are loaded or resized.
#[derive(Deserialize)]
struct Config {
    do_resize: Option<bool>,
    do_rescale: Option<bool>,
    do_normalize: Option<bool>,
    size: Option<Area>,
    min_pixels: Option<usize>,
    max_pixels: Option<usize>,
    patch_size: Option<usize>,
    merge_size: Option<usize>,
    temporal_patch_size: Option<usize>,
    image_mean: Option<[f64; 3]>,
    image_std: Option<[f64; 3]>,
    rescale_factor: Option<f64>,
}

/// Despite their names, the edges are areas in pixels.
#[derive(Default, Deserialize)]
struct Area {
    #[serde(alias = "min_pixels")]
    shortest_edge: Option<usize>,
    #[serde(alias = "max_pixels")]
    longest_edge: Option<usize>,
}

/// Reads the options of the checkpoint at `path` (a folder, or the file itself).
pub(super) fn read(path: &Path) -> Result<Qwen2Vl> {
    if path.is_file() {
        let value = parse(path)?;
        let nested = value.get("image_processor").cloned();
        return options(path, nested.unwrap_or(value));
    }
    let joint = path.join("processor_config.json");
    if joint.is_file()
        && let Some(nested) = parse(&joint)?.get("image_processor")
    {
        return options(&joint, nested.clone());
    }
    let own = path.join("preprocessor_config.json");
    options(&own, parse(&own)?)
}

fn parse(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::io(path, source))?;
    serde_json::from_str(&text).map_err(|error| malformed(path, "JSON", &error))
}

/// Keeps the default where the file is silent, as Hugging Face does.
fn options(path: &Path, value: Value) -> Result<Qwen2Vl> {
    check_family(path, value.get("image_processor_type"))?;
    let config: Config = serde_json::from_value(value)
        .map_err(|error| malformed(path, "an image processor configuration", &error))?;
    let default = Qwen2Vl::default();
    let size = config.size.unwrap_or_default();
    let mut options = Qwen2Vl {
        patch_size: config.patch_size.unwrap_or(default.patch_size),
        merge_size: config.merge_size.unwrap_or(default.merge_size),
        temporal_patch_size: config
            .temporal_patch_size
            .unwrap_or(default.temporal_patch_size),
        min_pixels: config
            .min_pixels
            .or(size.shortest_edge)
            .unwrap_or(default.min_pixels),
        max_pixels: config
            .max_pixels
            .or(size.longest_edge)
            .unwrap_or(default.max_pixels),
        image_mean: config.image_mean.unwrap_or(default.image_mean),
        image_std: config.image_std.unwrap_or(default.image_std),
        rescale_factor: config.rescale_factor.unwrap_or(default.rescale_factor),
    };
    // A step that is switched off is the same step with neutral numbers.
    if config.do_resize == Some(false) {
        (options.min_pixels, options.max_pixels) = (0, usize::MAX);
    }
    if config.do_rescale == Some(false) {
        options.rescale_factor = 1.0;
    }
    if config.do_normalize == Some(false) {
        (options.image_mean, options.image_std) = ([0.0; 3], [1.0; 3]);
    }
    Ok(options)
}

fn check_family(path: &Path, name: Option<&Value>) -> Result<()> {
    let got = match name {
        Some(Value::String(name))
            if matches!(name.strip_prefix(FAMILY), Some("" | "Fast" | "Pil")) =>
        {
            return Ok(());
        }
        Some(name) => name.to_string(),
        None => "nothing".to_owned(),
    };
    Err(Error::argument(
        &format!("image_processor_type of {}", path.display()),
        format!("`{FAMILY}` (also with `Fast` or `Pil`)"),
        got,
        "use a checkpoint of the Qwen2-VL family",
    ))
}

fn malformed(path: &Path, expected: &str, error: &serde_json::Error) -> Error {
    Error::argument(
        &path.display().to_string(),
        expected,
        error,
        "repair or re-download the file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Qwen2Vl> {
        options(
            Path::new("x.json"),
            serde_json::from_str(text).expect("valid JSON"),
        )
    }

    #[test]
    fn both_spellings_of_the_area_are_read() {
        let edges = r#"{"image_processor_type": "Qwen2VLImageProcessor",
            "size": {"shortest_edge": 784, "longest_edge": 78400}}"#;
        let pixels = r#"{"image_processor_type": "Qwen2VLImageProcessorFast",
            "min_pixels": 784, "max_pixels": 78400, "size": null}"#;
        let options = parsed(edges).expect("a valid configuration");
        assert_eq!((options.min_pixels, options.max_pixels), (784, 78400));
        assert_eq!(options, parsed(pixels).expect("a valid configuration"));
        assert_eq!(
            Qwen2Vl {
                min_pixels: 3136,
                max_pixels: 1_003_520,
                ..options
            },
            Qwen2Vl::default()
        );
    }

    #[test]
    fn steps_that_are_off_become_neutral() {
        let text = r#"{"image_processor_type": "Qwen2VLImageProcessor", "do_resize": false,
            "do_rescale": false, "do_normalize": false}"#;
        let options = parsed(text).expect("a valid configuration");
        assert_eq!((options.min_pixels, options.max_pixels), (0, usize::MAX));
        assert_eq!((options.rescale_factor, options.image_std), (1.0, [1.0; 3]));
    }

    #[test]
    fn other_families_and_bad_values_are_refused() {
        let message = |text| parsed(text).expect_err("invalid").to_string();
        let other = message(r#"{"image_processor_type": "CLIPImageProcessor"}"#);
        assert!(
            other.contains("got \"CLIPImageProcessor\"; use a checkpoint"),
            "{other}"
        );
        assert!(message("{}").contains("got nothing"));
        let bad =
            message(r#"{"image_processor_type": "Qwen2VLImageProcessor", "patch_size": "x"}"#);
        assert!(bad.contains("invalid type: string \"x\""), "{bad}");
    }
}
