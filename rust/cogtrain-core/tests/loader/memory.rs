//! What is made ahead, how much memory it takes, and whose it is.

use super::*;

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
    let Pixels::Input {
        values,
        shape,
        extras,
    } = batch.pixels
    else {
        panic!("a preprocess was given")
    };
    assert_eq!(
        extras[0].values,
        [[1, 4, 4], [1, 4, 4], [1, 6, 6], [1, 6, 6]].concat()
    );
    let images: Vec<Image> = [(56, 0), (56, 1), (84, 0), (84, 1)]
        .map(|(side, value)| Image::new(side, side, vec![value; side * side * 3]).expect("a size"))
        .into();
    let expected = preprocess
        .apply(&images.iter().collect::<Vec<_>>())
        .expect("sizes fit");
    assert_eq!((&shape, &extras), (&expected.shape, &expected.extras));
    let (Floats::F32(values), Values::F32(expected)) = (values, expected.values) else {
        panic!("32 bits unless asked otherwise")
    };
    assert_eq!(*values, *expected);
}

/// Batches of one size are written image by image as they are made; a batch in which the size
/// changes is put together once all of it are made.
#[test]
fn patches_are_the_same_whether_written_at_once_or_later() {
    let preprocess = Preprocess::qwen2_vl(&Qwen2Vl::default()).expect("the default is valid");
    let sides: Vec<usize> = [(56, 13), (84, 6), (56, 9), (28 * 9, 4)]
        .iter()
        .flat_map(|&(side, count)| vec![side; count])
        .collect();
    let set = |(side, count)| -> Arc<dyn Source> {
        Arc::new(Numbered {
            side,
            ..Numbered::new(count)
        })
    };
    let sets = [(56, 13), (84, 6), (56, 9), (28 * 9, 4)].map(set);
    for threads in [1, 3] {
        let options = LoaderOptions {
            preprocess: Some(preprocess.clone()),
            shuffle: false,
            threads: Some(threads),
            ..options(4)
        };
        let mut loader = Loader::new(sets.to_vec(), options).expect("valid options");
        for epoch in 0..2 {
            for (batch, sides) in batches(&mut loader).iter().zip(sides.chunks(4)) {
                let image = |(id, &side): (&str, &usize)| {
                    let value: u8 = id[1..].parse().expect("a number");
                    Image::new(side, side, vec![value; side * side * 3]).expect("a size")
                };
                let images: Vec<Image> = batch.ids.iter().zip(sides).map(image).collect();
                let images: Vec<&Image> = images.iter().collect();
                let expected = preprocess.apply(&images).expect("sizes fit");
                let Pixels::Input { values, shape, .. } = &batch.pixels else {
                    panic!("a preprocess was given")
                };
                let (Floats::F32(values), Values::F32(asked)) = (values, expected.values) else {
                    panic!("32 bits unless asked otherwise")
                };
                assert_eq!(shape, &expected.shape);
                assert_eq!(**values, *asked, "{:?} in epoch {epoch}", batch.ids);
            }
        }
        let statistics = loader.statistics();
        assert_eq!(statistics.prepare.samples, 64);
        assert_eq!(statistics.in_flight_bytes, 0);
    }
}

/// Images of 3,072 bytes, four a batch, one batch taken at a time.
fn heavy(max_bytes: u64, threads: usize) -> Loader {
    let source = Numbered {
        side: 32,
        ..Numbered::new(400)
    };
    let options = LoaderOptions {
        max_bytes,
        threads: Some(threads),
        ..options(4)
    };
    Loader::new(vec![Arc::new(source)], options).expect("valid options")
}

#[test]
fn bytes_in_flight_are_bounded_and_the_bound_changes_no_batch() {
    // Each stimulus takes its image and its place in the batch.
    let stimulus = 2 * 3072;
    let expected = batches(&mut heavy(1 << 30, 1));
    for (max_bytes, threads) in [(1, 1), (1, 4), (5 * stimulus, 3), (9 * stimulus, 8)] {
        let mut loader = heavy(max_bytes, threads);
        assert_eq!(batches(&mut loader), expected);
        let statistics = loader.statistics();
        // Beyond the bound, only the oldest batch and what each thread is at.
        let most = max_bytes + (4 + threads as u64) * stimulus;
        assert!(statistics.peak_in_flight_bytes <= most, "{statistics:?}");
        assert_eq!(statistics.in_flight_bytes, 0);
    }
}

#[test]
fn memory_is_used_again_unless_the_reader_keeps_it() {
    let mut loader = heavy(1 << 30, 2);
    for batch in loader.epoch() {
        let Pixels::Images { values, .. } = batch.expect("none is bad").pixels else {
            panic!("no preprocess was given")
        };
        assert_eq!(values.as_ptr() as usize % 64, 0);
    }
    let pool = loader.statistics().pool;
    assert_eq!(pool.allocated + pool.reused, 100);
    // One in the reader's hand, two ahead, and one that is put together.
    assert!(pool.allocated <= 4, "{pool:?}");
    assert_eq!(pool.lent_bytes, 0);
    let kept = batches(&mut loader);
    let pool = loader.statistics().pool;
    assert_eq!(pool.lent_bytes, 400 * 3072);
    assert!(
        kept.iter()
            .zip(&kept[1..])
            .all(|(a, b)| a.pixels != b.pixels)
    );
    drop((loader, kept));
}

#[test]
fn counters_count_what_passed() {
    let mut loader = heavy(1 << 30, 2);
    let count = batches(&mut loader).len() as u64;
    let statistics = loader.statistics();
    assert_eq!((statistics.threads, statistics.batches), (2, count));
    for stage in [statistics.make, statistics.prepare, statistics.deliver] {
        assert_eq!((stage.samples, stage.bytes), (400, 400 * 3072));
        assert!(stage.wait_s >= 0.0);
    }
    let occupied = statistics.make.occupancy + statistics.prepare.occupancy;
    assert!(occupied > 0.0 && occupied <= 1.0, "{occupied}");
    assert!(statistics.make.busy_s > 0.0);
    // Percentiles are of pieces of work: each lies between nothing and all of it.
    for (p50, p99, all) in [
        (
            statistics.make.busy_p50_s,
            statistics.make.busy_p99_s,
            statistics.make.busy_s,
        ),
        (
            statistics.prepare.busy_p50_s,
            statistics.prepare.busy_p99_s,
            statistics.prepare.busy_s,
        ),
        (
            statistics.deliver.wait_p50_s,
            statistics.deliver.wait_p99_s,
            statistics.deliver.wait_s,
        ),
    ] {
        let (p50, p99) = (p50.expect("work"), p99.expect("work"));
        assert!(
            0.0 < p50 && p50 <= p99 && p99 <= all * 1.07,
            "{statistics:?}"
        );
    }
    assert_eq!(statistics.deliver.busy_p50_s, None);
    for time in [1, 2, 90] {
        loader.handed_over(Duration::from_micros(time));
    }
    let deliver = loader.statistics().deliver;
    assert!((deliver.busy_s - 93e-6).abs() < 1e-12);
    let p50 = deliver.busy_p50_s.expect("three");
    assert!((p50 - 2e-6).abs() < 2e-6 / 16.0, "{p50}");
}
