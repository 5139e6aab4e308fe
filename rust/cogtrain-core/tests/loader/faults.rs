//! Stimuli that cannot be made, and options that cannot be meant.

use super::*;

#[test]
fn an_error_comes_at_its_turn_and_again_when_asked_again() {
    let source = Numbered {
        broken: vec![9],
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
        broken: vec![2],
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
    let words = "expected `image height of stimulus s0` to be a multiple of 28, got 60; use 56";
    assert!(text.starts_with(words), "{text}");
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
            on_bad: BadPolicy::Quarantine,
            bad_budget: 0,
            ..options(1)
        })
        .contains("`bad_budget` to be between 1")
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

/// A loader over 40 stimuli of which these are bad, in the world of `ranks`.
fn bearing(broken: &[usize], on_bad: BadPolicy, (rank, world_size): (usize, usize)) -> Loader {
    let source = Numbered {
        broken: broken.to_vec(),
        panics: broken.contains(&7),
        ..Numbered::new(40)
    };
    let options = LoaderOptions {
        rank,
        world_size,
        on_bad,
        bad_budget: 3,
        threads: Some(1 + rank),
        ..options(4)
    };
    Loader::new(vec![Arc::new(source)], options).expect("valid options")
}

/// Position → (id, weight).
fn places(batches: &[Batch]) -> BTreeMap<i64, (String, u32)> {
    let places = batches.iter().flat_map(|batch| {
        let named = batch.ids.iter().zip(&batch.weights);
        batch.positions.iter().zip(named)
    });
    places
        .map(|(&position, (id, &weight))| (position, (id.to_owned(), weight as u32)))
        .collect()
}

#[test]
fn a_bad_stimulus_is_replaced_alike_on_every_rank() {
    let whole = places(&batches(&mut loader(40, options(40))));
    for (policy, counts) in [(BadPolicy::Substitute, 1), (BadPolicy::Quarantine, 0)] {
        for broken in [vec![5, 11], vec![7]] {
            let mut alone = bearing(&broken, policy, (0, 1));
            let expected = places(&batches(&mut alone));
            for (position, (id, weight)) in &expected {
                let (original, _) = &whole[position];
                let is_bad = broken.iter().any(|index| *original == format!("s{index}"));
                assert_eq!(*weight, if is_bad { counts } else { 1 }, "{position}");
                assert_eq!(id != original, is_bad);
                assert!(broken.iter().all(|index| *id != format!("s{index}")));
            }
            let faults = alone.faults();
            assert_eq!(faults.len(), broken.len());
            for (fault, index) in faults.iter().zip(&broken) {
                assert_eq!((fault.set, fault.index), (0, *index as u64));
                assert_eq!(whole[&(fault.position as i64)].0, format!("s{index}"));
                let (substitute, _) = &expected[&(fault.position as i64)];
                assert_eq!(fault.substitute.as_ref(), Some(substitute));
            }
            for world_size in [2, 3] {
                let mut ranks: Vec<Loader> = (0..world_size)
                    .map(|rank| bearing(&broken, policy, (rank, world_size)))
                    .collect();
                let laid = places(&together(&mut ranks));
                let real = laid.into_iter().filter(|(position, _)| *position < 40);
                assert!(real.eq(expected.clone()));
                let met: Vec<Fault> = ranks.iter().flat_map(Loader::faults).collect();
                assert!(faults.iter().all(|fault| met.contains(fault)), "{met:?}");
            }
        }
    }
}

#[test]
fn a_fault_says_what_and_why_and_is_told_once() {
    let mut loader = bearing(&[5], BadPolicy::Quarantine, (0, 1));
    batches(&mut loader);
    batches(&mut loader);
    let fresh = loader.fresh_faults();
    assert_eq!(fresh, loader.faults());
    assert!(loader.fresh_faults().is_empty());
    let words = fresh[0].to_string();
    assert!(
        words.starts_with("stimulus 5 of set 0 could not be made, `s"),
        "{words}"
    );
    assert!(words.ends_with("in its place: expected `index` to be a good one, got 5; skip it"));
    assert_eq!(fresh[0].epoch, 0);
}

#[test]
fn the_budget_is_kept_through_a_stop_and_ends_the_stream() {
    let broken = [1, 7, 21, 33];
    let mut first = bearing(&broken, BadPolicy::Substitute, (0, 1));
    let mut pass = first.begin();
    let mut error = None;
    let mut state = first.state();
    while error.is_none() {
        match first.poll(pass, Duration::from_secs(60)) {
            Ok(_) => state = first.state(),
            Err(found) => error = Some(found.to_string()),
        }
    }
    let error = error.expect("four are more than three");
    assert!(
        error.starts_with("expected at most 3 bad stimuli, got 4, the last "),
        "{error}"
    );
    assert!(error.ends_with("allow more by `bad_budget`"), "{error}");
    // Asking again does not get round it, nor does a restart from the last state.
    assert!(first.poll(pass, Duration::from_secs(60)).is_err());
    assert!((1..=3).contains(&state.bad.len()));
    let text = serde_json::to_string(&state).expect("plain fields");
    let state: LoaderState = serde_json::from_str(&text).expect("its own words");
    let mut second = bearing(&broken, BadPolicy::Substitute, (0, 1));
    second.load_state(&state).expect("the same data and seed");
    assert_eq!(second.faults(), state.bad);
    pass = second.begin();
    let again = loop {
        if let Err(found) = second.poll(pass, Duration::from_secs(60)) {
            break found.to_string();
        }
    };
    assert_eq!(again, error);
}

#[test]
fn ranks_that_tell_each_other_have_one_report_and_one_budget() {
    // Of two ranks with batches of four, the first has places 0 and 9, the second 4 and 13.
    let whole = places(&batches(&mut loader(40, options(40))));
    let broken = [0, 4, 9, 13].map(|place| {
        let (id, _) = &whole[&place];
        id[1..].parse::<usize>().expect("`s` and a number")
    });
    let (three, last) = (&broken[..3], &broken[3..]);
    let mut alone = bearing(three, BadPolicy::Quarantine, (0, 1));
    batches(&mut alone);
    let mut ranks = [0, 1].map(|rank| bearing(three, BadPolicy::Quarantine, (rank, 2)));
    together(&mut ranks);
    let met = ranks.each_ref().map(Loader::faults);
    assert!(met[0] != met[1] && !met[1].is_empty(), "{met:?}");
    for rank in &mut ranks {
        for told in met.iter().rev() {
            rank.add_faults(told).expect("three are borne");
        }
    }
    // What both met, in a reserve or where a batch is filled up, stays where it was met first.
    assert_eq!(ranks[0].faults(), ranks[1].faults());
    assert_eq!(ranks[0].faults(), alone.faults());
    assert_eq!(ranks[0].state(), ranks[1].state());
    assert!(
        ranks[0]
            .fresh_faults()
            .iter()
            .all(|fault| met[0].contains(fault))
    );

    let mut others = bearing(last, BadPolicy::Quarantine, (0, 1));
    batches(&mut others);
    let error = ranks[1]
        .add_faults(&others.faults())
        .expect_err("four are not");
    let words = error.to_string();
    assert!(
        words.starts_with("expected at most 3 bad stimuli, got 4, the last "),
        "{words}"
    );
}

#[test]
fn a_set_without_a_good_stimulus_is_an_error() {
    let source = Numbered {
        broken: vec![0, 1],
        ..Numbered::new(2)
    };
    let options = LoaderOptions {
        on_bad: BadPolicy::Substitute,
        ..options(1)
    };
    let mut loader = Loader::new(vec![Arc::new(source)], options).expect("valid options");
    let error = loader
        .epoch()
        .next()
        .expect("not over")
        .expect_err("both are bad");
    assert!(
        error.to_string().contains("`index` to be a good one"),
        "{error}"
    );
}
