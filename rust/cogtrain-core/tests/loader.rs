//! The loader as its users see it: one sequence, whatever the ranks, threads and interruptions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cogtrain_core::{
    Batch, Error, Image, Loader, LoaderOptions, Pixels, Preprocess, Qwen2Vl, Result, Source,
    Stimulus,
};

/// Images whose pixels and id say which they are; optionally one that fails or panics.
struct Numbered {
    count: usize,
    side: usize,
    broken: Option<usize>,
    panics: bool,
    made: AtomicUsize,
}

impl Numbered {
    fn new(count: usize) -> Self {
        Self {
            count,
            side: 1,
            broken: None,
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
            !(self.panics && self.broken == Some(index)),
            "told to panic"
        );
        if self.broken == Some(index) {
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
        .map(|(id, _)| id.clone())
        .collect()
}

#[test]
fn one_thread_equals_eight() {
    let run = |threads| {
        let mut loader = loader(
            100,
            LoaderOptions {
                threads: Some(threads),
                ..options(7)
            },
        );
        (batches(&mut loader), batches(&mut loader))
    };
    assert_eq!(run(1), run(8));
}

#[test]
fn each_epoch_has_each_stimulus_once_in_its_own_order() {
    let mut loader = loader(50, options(8));
    let (first, second) = (
        real_ids(&batches(&mut loader)),
        real_ids(&batches(&mut loader)),
    );
    assert_ne!(first, second);
    for mut ids in [first, second] {
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 50);
    }
}

#[test]
fn the_last_batch_is_full_and_its_padding_weightless() {
    let mut loader = loader(
        10,
        LoaderOptions {
            shuffle: false,
            ..options(4)
        },
    );
    assert_eq!(loader.len(), 3);
    let last = batches(&mut loader).pop().expect("three batches");
    assert_eq!(last.ids, ["s8", "s9", "s0", "s1"]);
    assert_eq!(last.weights, [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(last.positions, [8, 9, 10, 11]);
    let ones = [vec![8; 3], vec![9; 3], vec![0; 3], vec![1; 3]].concat();
    assert_eq!(
        last.pixels,
        Pixels::Images {
            height: 1,
            width: 1,
            values: ones
        }
    );
}

#[test]
fn a_state_continues_the_sequence_on_any_number_of_ranks() {
    let whole: Vec<String> = {
        let mut loader = loader(61, options(4));
        [
            real_ids(&batches(&mut loader)),
            real_ids(&batches(&mut loader)),
        ]
        .concat()
    };
    for taken in 0..=16 {
        let mut before = loader(61, options(4));
        for batch in before.epoch().take(taken) {
            batch.expect("no stimulus is broken");
        }
        let state = before.state();
        assert_eq!(state.consumed as usize, (taken * 4).min(61));
        let ranks = 3;
        let parts: Vec<Vec<Batch>> = (0..ranks)
            .map(|rank| {
                let mut after = loader(
                    61,
                    LoaderOptions {
                        rank,
                        world_size: ranks,
                        ..options(2)
                    },
                );
                after.load_state(&state).expect("the same data and seed");
                batches(&mut after)
            })
            .collect();
        let laid: Vec<Batch> = (0..parts[0].len())
            .flat_map(|step| parts.iter().map(move |part| part[step].clone()))
            .collect();
        let start = state.consumed as usize;
        let end = if start == 61 { 122 } else { 61 };
        assert_eq!(real_ids(&laid), whole[start..end], "after {taken} batches");
    }
}

#[test]
fn asking_twice_for_an_epoch_skips_nothing() {
    let mut twice = loader(20, options(4));
    let state = {
        let mut pass = twice.epoch();
        pass.next()
            .expect("five batches")
            .expect("no stimulus is broken");
        twice.state()
    };
    twice.load_state(&state).expect("its own state");
    let (_, _) = (twice.begin(), twice.begin());
    assert_eq!((twice.state().epoch, twice.state().consumed), (0, 4));
    assert_eq!(batches(&mut twice).len(), 4);
}

#[test]
fn an_error_comes_at_its_turn_and_again_when_asked_again() {
    let source = Numbered {
        broken: Some(9),
        ..Numbered::new(20)
    };
    let unshuffled = LoaderOptions {
        shuffle: false,
        ..options(4)
    };
    let mut loader = Loader::new(vec![Arc::new(source)], unshuffled).expect("valid options");
    let mut pass = loader.epoch();
    for _ in 0..2 {
        pass.next()
            .expect("not over")
            .expect("the first two batches are whole");
    }
    let error = pass
        .next()
        .expect("not over")
        .expect_err("stimulus 9 is broken");
    assert!(error.to_string().contains("got 9"), "{error}");
    assert!(pass.next().is_none());
    assert_eq!(loader.state().consumed, 8);
}

#[test]
fn a_panic_becomes_an_error_that_names_the_stimulus() {
    let source = Numbered {
        broken: Some(2),
        panics: true,
        ..Numbered::new(4)
    };
    let mut loader = Loader::new(vec![Arc::new(source)], options(4)).expect("valid options");
    let error = loader
        .epoch()
        .next()
        .expect("not over")
        .expect_err("stimulus 2 panics");
    let text = error.to_string();
    assert_eq!(
        text,
        "expected stimulus 2 to be made, got a panic: told to panic; please report it"
    );
}

#[test]
fn work_ahead_is_bounded_and_nothing_runs_before_it_is_asked_for() {
    let source = Arc::new(Numbered::new(10_000));
    let options = LoaderOptions {
        threads: Some(2),
        ..options(4)
    };
    let mut loader = Loader::new(vec![source.clone()], options).expect("valid options");
    let mut pass = loader.epoch();
    assert_eq!(source.made.load(Ordering::Relaxed), 0);
    for taken in 1..50 {
        pass.next()
            .expect("not over")
            .expect("no stimulus is broken");
        // Two batches ahead of the one taken.
        assert!(source.made.load(Ordering::Relaxed) <= (taken + 2) * 4);
    }
}

#[test]
fn a_dropped_loader_leaves_no_threads() {
    let source = Arc::new(Numbered::new(10_000));
    let mut loader = Loader::new(vec![source.clone()], options(4)).expect("valid options");
    let first = loader.epoch().next().expect("not over");
    first.expect("no stimulus is broken");
    assert!(Arc::strong_count(&source) > 1);
    drop(loader);
    assert_eq!(
        Arc::strong_count(&source),
        1,
        "every thread has ended and let go of the set"
    );
}

#[test]
fn sets_are_told_apart_and_patches_are_those_of_the_preprocess() {
    let preprocess = Preprocess::qwen2_vl(&Qwen2Vl::default()).expect("the default is valid");
    let set = |side| -> Arc<dyn Source> {
        Arc::new(Numbered {
            side,
            ..Numbered::new(2)
        })
    };
    let options = LoaderOptions {
        preprocess: Some(preprocess.clone()),
        shuffle: false,
        ..options(4)
    };
    let mut loader = Loader::new(vec![set(56), set(84)], options).expect("valid options");
    let batch = batches(&mut loader).remove(0);
    assert_eq!(batch.sets, [0, 0, 1, 1]);
    let Pixels::Patches(patches) = batch.pixels else {
        panic!("a preprocess was given")
    };
    assert_eq!(
        patches.extras[0].values,
        [[1, 4, 4], [1, 4, 4], [1, 6, 6], [1, 6, 6]].concat()
    );
    let images: Vec<Image> = [(56, 0), (56, 1), (84, 0), (84, 1)]
        .map(|(side, value)| Image::new(side, side, vec![value; side * side * 3]).expect("a size"))
        .into();
    let expected = preprocess
        .apply(&images.iter().collect::<Vec<_>>())
        .expect("sizes fit");
    assert_eq!(patches, expected);
}

#[test]
fn unfit_images_are_named() {
    let preprocess = Preprocess::qwen2_vl(&Qwen2Vl::default()).expect("the default is valid");
    let run = |sides: [usize; 2], preprocess| {
        let sources = sides.map(|side| -> Arc<dyn Source> {
            Arc::new(Numbered {
                side,
                ..Numbered::new(1)
            })
        });
        let options = LoaderOptions {
            preprocess,
            shuffle: false,
            ..options(2)
        };
        let mut loader = Loader::new(sources.into(), options).expect("valid options");
        loader
            .epoch()
            .next()
            .expect("not over")
            .expect_err("the sizes do not fit")
            .to_string()
    };
    let text = run([56, 60], Some(preprocess));
    assert_eq!(
        text,
        "expected `image height of stimulus s0` to be a multiple of 28, got 60; use 56, \
         or pass `resize=\"pillow\"`"
    );
    let text = run([56, 60], None);
    assert!(
        text.contains("56 × 56 like the batch's first, got 60 × 60"),
        "{text}"
    );
}

#[test]
fn impossible_options_are_refused() {
    let message = |options| {
        let source = Arc::new(Numbered::new(3));
        Loader::new(vec![source], options)
            .expect_err("invalid options")
            .to_string()
    };
    assert!(message(options(0)).contains("`batch_size` to be between 1 and 1048576, got 0"));
    assert!(
        message(LoaderOptions {
            world_size: 0,
            ..options(1)
        })
        .contains("`world_size`")
    );
    assert!(
        message(LoaderOptions {
            threads: Some(0),
            ..options(1)
        })
        .contains("`threads`")
    );
    let rank = message(LoaderOptions {
        rank: 2,
        world_size: 2,
        ..options(1)
    });
    assert!(rank.contains("below `world_size` (2), got 2"), "{rank}");
    let empty = Loader::new(vec![], options(1))
        .expect_err("no stimuli")
        .to_string();
    assert!(empty.contains("1 to 2⁶² stimuli, got 0"), "{empty}");
}
