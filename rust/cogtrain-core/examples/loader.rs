//! Batches for a vision-language model from Rust alone:
//! `cargo run --release --example loader -- [IMAGE…]`.
//!
//! Loads rendered towers, or the PNG and JPEG files given, and resumes in the middle.

// An example talks to its reader.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use cogtrain_core::{
    Generator, Loader, LoaderOptions, Photograph, Photographs, Pixels, Preprocess, Qwen2Vl, Recipe,
    Result, Source, Split, Task,
};

fn main() -> Result<()> {
    load(std::env::args_os().skip(1).map(PathBuf::from).collect())
}

fn load(paths: Vec<PathBuf>) -> Result<()> {
    let source = source(paths)?;
    let options = LoaderOptions {
        batch_size: 4,
        seed: 7,
        preprocess: Some(Preprocess::qwen2_vl(&Qwen2Vl::default())?),
        ..LoaderOptions::default()
    };

    let mut loader = Loader::new(vec![Arc::clone(&source)], options.clone())?;
    let half = loader.len() / 2;
    for batch in loader.epoch().take(half) {
        show(&batch?);
    }

    let state = loader.state();
    println!("saved: epoch {}, {} consumed", state.epoch, state.consumed);
    let mut resumed = Loader::new(vec![source], options)?;
    resumed.load_state(&state)?;
    for batch in resumed.epoch() {
        show(&batch?);
    }
    Ok(())
}

fn source(paths: Vec<PathBuf>) -> Result<Arc<dyn Source>> {
    if paths.is_empty() {
        return Ok(Arc::new(Generator::new(Recipe {
            count: 16,
            split: Split::Train,
            ..Recipe::new(Task::Tower)
        })?));
    }
    let row = |path: PathBuf| Photograph {
        id: path.display().to_string(),
        path,
        answers: BTreeMap::new(),
        factors: BTreeMap::new(),
    };
    Ok(Arc::new(Photographs::new(
        paths.into_iter().map(row).collect(),
    )?))
}

fn show(batch: &cogtrain_core::Batch) {
    if let Pixels::Input { shape, .. } = &batch.pixels {
        let ids: Vec<&str> = batch.ids.iter().collect();
        println!("{shape:?} values: {}", ids.join(", "));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn runs_to_its_end() {
        super::load(Vec::new()).expect("towers need no file");
        let missing = super::load(vec!["no/such.png".into()]).expect_err("nothing is there");
        assert!(missing.to_string().contains("`no/such.png`"), "{missing}");
    }
}
