//! One sequence, whatever the ranks, threads and interruptions.

use super::*;

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
            values: ones.as_slice().into()
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

/// Three sets, by share, with everything else up to the caller.
fn mixed(until: EpochEnd, options: LoaderOptions) -> Loader {
    let sources = [23, 7, 40].map(|count| Arc::new(Numbered::new(count)) as Arc<dyn Source>);
    let mixture = Mixture {
        shares: vec![0.5, 0.2, 0.3],
        until,
    };
    let options = LoaderOptions {
        mixture: Some(mixture),
        ..options
    };
    Loader::new(sources.into(), options).expect("valid options")
}

/// Set and id of each stimulus that counts.
fn drawn(batches: &[Batch]) -> Vec<(i64, String)> {
    let named = |batch: &Batch| -> Vec<_> {
        let names = batch
            .sets
            .iter()
            .copied()
            .zip(batch.ids.iter().map(ToOwned::to_owned));
        let weighed = names.zip(batch.weights.iter().copied());
        weighed
            .filter(|(_, weight)| *weight > 0.0)
            .map(|(name, _)| name)
            .collect()
    };
    batches.iter().flat_map(named).collect()
}

#[test]
fn a_mixture_is_one_sequence_on_any_number_of_ranks_and_threads() {
    for until in [EpochEnd::Longest, EpochEnd::Shortest] {
        let mut alone = mixed(until, options(1));
        let whole = [drawn(&batches(&mut alone)), drawn(&batches(&mut alone))];
        assert_ne!(whole[0], whole[1]);
        let ends = |set| whole[0].iter().filter(|(own, _)| *own == set).count();
        match until {
            EpochEnd::Longest => assert_eq!(ends(2), 40),
            EpochEnd::Shortest => assert!(ends(1) == 7 && ends(0) <= 23),
        }
        for world_size in [1, 2, 3, 4, 8] {
            for threads in 1..=4 {
                let rank = |rank| LoaderOptions {
                    rank,
                    world_size,
                    threads: Some(threads),
                    ..options(3)
                };
                let mut ranks: Vec<Loader> = (0..world_size)
                    .map(|number| mixed(until, rank(number)))
                    .collect();
                for expected in &whole {
                    assert_eq!(
                        drawn(&together(&mut ranks)),
                        *expected,
                        "{world_size} ranks"
                    );
                }
            }
        }
    }
}

#[test]
fn two_hundred_stops_are_invisible_whatever_continues() {
    let mut stream = Stream::new(0, "stops", 0);
    let mut below = |n| stream.below(n) as usize;
    let mut whole = Vec::new();
    let mut alone = mixed(EpochEnd::Longest, options(50));
    for _ in 0..4 {
        whole.extend(drawn(&batches(&mut alone)));
    }
    for _ in 0..200 {
        // A world stops somewhere in its first two epochs, and another one goes on.
        let world = |size: usize, batch_size: usize, threads: usize| -> Vec<Loader> {
            let rank = |rank| LoaderOptions {
                rank,
                world_size: size,
                threads: Some(threads),
                ..options(batch_size)
            };
            (0..size)
                .map(|number| mixed(EpochEnd::Longest, rank(number)))
                .collect()
        };
        let mut before = world(1 + below(4), 1 + below(9), 1 + below(3));
        let steps = below(2 * before[0].len() as u64);
        let each = before[0].len();
        for rank in &mut before {
            let mut left = steps;
            while left > 0 {
                left -= rank
                    .epoch()
                    .take(left.min(each))
                    .inspect(|batch| assert!(batch.is_ok()))
                    .count();
            }
        }
        let state = before[0].state();
        assert!(before.iter().all(|rank| rank.state() == state));
        let mut after = world(1 + below(4), 1 + below(9), 1 + below(3));
        for rank in &mut after {
            rank.load_state(&state).expect("the same data and seed");
        }
        let rest = [together(&mut after), together(&mut after)].concat();
        let rest = drawn(&rest);
        let epoch = whole.len() / 4;
        let start = state.epoch as usize * epoch + state.consumed as usize;
        assert_eq!(rest, whole[start..start + rest.len()], "{steps} steps");
    }
}

#[test]
fn another_mixture_is_another_stream() {
    let state = mixed(EpochEnd::Longest, options(1)).state();
    let error = mixed(EpochEnd::Shortest, options(1))
        .load_state(&state)
        .expect_err("another end of the epoch");
    assert!(error.to_string().contains("fingerprint"), "{error}");
    let empty = [4, 0].map(|count| Arc::new(Numbered::new(count)) as Arc<dyn Source>);
    let mixture = Some(Mixture {
        shares: vec![1.0, 1.0],
        until: EpochEnd::Longest,
    });
    let options = LoaderOptions {
        mixture,
        ..options(1)
    };
    let error = Loader::new(empty.into(), options).expect_err("an empty set");
    assert!(
        error
            .to_string()
            .contains("without empty sets, got none in set 1")
    );
}
