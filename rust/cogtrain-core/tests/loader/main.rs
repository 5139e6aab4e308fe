//! The loader as its users see it: one sequence, whatever the ranks, threads and interruptions.

mod faults;
mod memory;
mod sequence;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cogtrain_core::{
    BadPolicy, Batch, EpochEnd, Error, Fault, Floats, Image, Loader, LoaderOptions, LoaderState,
    Mixture, Pixels, Preprocess, Qwen2Vl, Result, Source, Stimulus, Stream, Values,
};

/// Images whose pixels and id say which they are; optionally some that fail or panic.
struct Numbered {
    count: usize,
    side: usize,
    broken: Vec<usize>,
    panics: bool,
    made: AtomicUsize,
}

impl Numbered {
    fn new(count: usize) -> Self {
        Self {
            count,
            side: 1,
            broken: Vec::new(),
            panics: false,
            made: AtomicUsize::new(0),
        }
    }
}

impl Source for Numbered {
    fn len(&self) -> usize {
        self.count
    }

    fn get(&self, index: usize) -> Result<Stimulus> {
        self.made.fetch_add(1, Ordering::Relaxed);
        assert!(
            !(self.panics && self.broken.contains(&index)),
            "told to panic"
        );
        if self.broken.contains(&index) {
            return Err(Error::argument("index", "a good one", index, "skip it"));
        }
        Ok(Stimulus {
            id: format!("s{index}"),
            image: Image::new(
                self.side,
                self.side,
                vec![index as u8; self.side * self.side * 3],
            )?,
            answers: BTreeMap::from([("parity".to_owned(), (index % 2).to_string())]),
            factors: BTreeMap::new(),
            margin: None,
        })
    }

    fn fingerprint(&self) -> String {
        format!("numbered {}", self.count)
    }
}

fn loader(count: usize, options: LoaderOptions) -> Loader {
    Loader::new(vec![Arc::new(Numbered::new(count))], options).expect("valid options")
}

fn options(batch_size: usize) -> LoaderOptions {
    LoaderOptions {
        batch_size,
        seed: 9,
        threads: Some(3),
        ..LoaderOptions::default()
    }
}

fn batches(loader: &mut Loader) -> Vec<Batch> {
    loader
        .epoch()
        .collect::<Result<_>>()
        .expect("no stimulus is broken")
}

fn real_ids(batches: &[Batch]) -> Vec<String> {
    let pairs = batches.iter().flat_map(|b| b.ids.iter().zip(&b.weights));
    pairs
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(id, _)| id.to_owned())
        .collect()
}

/// The ranks' batches laid side by side in rank order.
fn together(ranks: &mut [Loader]) -> Vec<Batch> {
    let mut parts: Vec<_> = ranks
        .iter_mut()
        .map(|rank| batches(rank).into_iter())
        .collect();
    let mut laid = Vec::new();
    while let Some(first) = parts[0].next() {
        laid.push(first);
        for part in &mut parts[1..] {
            laid.push(part.next().expect("every rank has as many batches"));
        }
    }
    assert!(parts.iter_mut().all(|part| part.next().is_none()));
    laid
}
