//! Images per second on one thread, from scene or JPEG file to a model's arrays, by the loader.
//!
//! Seconds are those of the processor, where the system tells them: a busy machine tells little
//! less. Rounds of all cases are interleaved; the median and the spread of five are printed.
//!
//! Run: `cargo bench --bench serve [-- SIZE_PX]`

#![allow(clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use cogtrain_core::{
    Contents, Dtype, Encoded, Generator, Labelled, Loader, LoaderOptions, Preprocess, Qwen2Vl,
    Recipe, Result, Source, Style, Task,
};

const COUNT: u64 = 256;
const ROUNDS: usize = 5;

/// JPEG files in memory.
struct Files(Vec<Vec<u8>>);

impl Contents for Files {
    fn content(&self, index: usize) -> Result<Vec<u8>> {
        Ok(self.0[index % self.0.len()].clone())
    }

    fn place(&self, index: usize) -> String {
        format!("file {index}")
    }
}

/// Processor seconds of this process in steps of 10 ms; without them, seconds since `start`.
fn used_s(start: Instant) -> f64 {
    let ticks = || {
        let text = std::fs::read_to_string("/proc/self/stat").ok()?;
        let fields = text.rsplit(')').next()?.split_whitespace().skip(11);
        let ticks = fields.take(2).map(|ticks| ticks.parse::<u32>().ok());
        ticks.sum::<Option<u32>>()
    };
    ticks().map_or_else(
        || start.elapsed().as_secs_f64(),
        |ticks| f64::from(ticks) / 100.0,
    )
}

fn towers(style: Style, size_px: usize) -> Generator {
    let recipe = Recipe {
        count: COUNT,
        style,
        size_px,
        ..Recipe::new(Task::Tower)
    };
    Generator::new(recipe).expect("a plain recipe")
}

fn jpeg(source: &dyn Source, index: usize) -> Vec<u8> {
    let image = source.get(index).expect("a plain recipe").image;
    let mut encoder = mozjpeg::Compress::new(mozjpeg::ColorSpace::JCS_RGB);
    encoder.set_fastest_defaults();
    encoder.set_size(image.width(), image.height());
    encoder.set_quality(90.0);
    let mut encoder = encoder
        .start_compress(Vec::new())
        .expect("memory to write to");
    encoder
        .write_scanlines(image.pixels())
        .expect("rows of the stated size");
    encoder.finish().expect("memory to write to")
}

fn photographs(size_px: usize) -> Encoded {
    let painted = towers(Style::Wood, size_px);
    let files = Files((0..32).map(|index| jpeg(&painted, index)).collect());
    let rows = (0..COUNT).map(|index| Labelled {
        id: index.to_string(),
        answers: BTreeMap::from([("will_fall".to_owned(), "no".to_owned())]),
        factors: BTreeMap::new(),
    });
    Encoded::new(rows.collect(), Arc::new(files), "1").expect("each id once")
}

fn main() {
    let size_px = std::env::args()
        .find_map(|word| word.parse().ok())
        .unwrap_or(224);
    let sources: [(&str, Arc<dyn Source>); 2] = [
        ("scene", Arc::new(towers(Style::Cubeworld, size_px))),
        ("JPEG", Arc::new(photographs(size_px))),
    ];
    let qwen = Preprocess::qwen2_vl(&Qwen2Vl::default()).expect("the default is valid");
    let ways = [
        ("images", None),
        ("patches, f32", Some(qwen.clone())),
        ("patches, bf16", Some(qwen.giving(Dtype::Bf16))),
    ];
    let mut cases = Vec::new();
    for (from, source) in &sources {
        for (to, preprocess) in &ways {
            let options = LoaderOptions {
                batch_size: 32,
                threads: Some(1),
                preprocess: preprocess.clone(),
                ..LoaderOptions::default()
            };
            let loader = Loader::new(vec![Arc::clone(source)], options).expect("valid options");
            cases.push((format!("{from} to {to}"), loader, Vec::new()));
        }
    }
    let start = Instant::now();
    for round in 0..=ROUNDS {
        for (_, loader, speeds) in &mut cases {
            let before = used_s(start);
            let mut images = 0;
            while used_s(start) - before < 0.5 {
                let batches = loader
                    .epoch()
                    .map(|batch| batch.expect("a good stimulus").len());
                images += batches.sum::<usize>();
            }
            // The first one warms up.
            if round > 0 {
                speeds.push(images as f64 / (used_s(start) - before));
            }
        }
    }
    for (name, _, speeds) in &mut cases {
        speeds.sort_by(f64::total_cmp);
        let [low, median, high] = [0, ROUNDS / 2, ROUNDS - 1].map(|at| speeds[at]);
        println!("{name:<24}{median:>7.0} images/s  ({low:.0} … {high:.0})  {size_px} px");
    }
}
