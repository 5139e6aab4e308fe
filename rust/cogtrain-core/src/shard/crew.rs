//! Threads that make things out of order and hand them over in order, a few ahead and no more.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::{Error, Result};

/// How often the one who waits is asked whether to go on.
const PATIENCE: Duration = Duration::from_millis(50);

const MAX_THREADS: usize = 1024;

/// The running threads and what they have made.
pub(super) struct Crew<T> {
    todo: Box<dyn Iterator<Item = usize>>,
    submitted: VecDeque<usize>,
    ahead: usize,
    ready: BTreeMap<usize, Result<T>>,
    jobs: Sender<usize>,
    done: Receiver<(usize, Result<T>)>,
}

impl<T: Send + 'static> Crew<T> {
    /// Starts `threads` threads that make `todo`, each index once.
    ///
    /// # Errors
    /// [`Error::Argument`] for no threads, or more than 1024 or the system allows.
    pub(super) fn start(
        threads: usize,
        todo: impl Iterator<Item = usize> + 'static,
        make: impl Fn(usize) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        if !(1..=MAX_THREADS).contains(&threads) {
            let expected = format!("between 1 and {MAX_THREADS}");
            let hint = "pass a positive number";
            return Err(Error::argument("threads", expected, threads, hint));
        }
        let ahead = 4 * threads;
        let (jobs, waiting) = bounded(ahead);
        let (finished, done) = unbounded();
        let make = Arc::new(make);
        for number in 0..threads {
            let (waiting, finished) = (Receiver::clone(&waiting), Sender::clone(&finished));
            let make = Arc::clone(&make);
            std::thread::Builder::new()
                .name(format!("cogtrain-write-{number}"))
                .spawn(move || work(&*make, &waiting, &finished))
                .map_err(|error| {
                    let hint = format!("pass fewer `threads` ({error})");
                    Error::argument("threads", "at most what the system allows", threads, hint)
                })?;
        }
        Ok(Self {
            todo: Box::new(todo),
            submitted: VecDeque::new(),
            ahead,
            ready: BTreeMap::new(),
            jobs,
            done,
        })
    }

    /// What the next index gave; `None` if `go_on`, asked every few milliseconds, breaks off.
    ///
    /// Call it at most once per index. The threads are not waited for: each ends by itself after
    /// what it is making.
    pub(super) fn next(&mut self, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> Result<Option<T>> {
        while self.submitted.len() < self.ahead
            && let Some(index) = self.todo.next()
        {
            self.submitted.push_back(index);
            // The channel holds all that may be ahead: this never waits.
            let _ = self.jobs.send(index);
        }
        let wanted = self.submitted.pop_front().expect("asked once per index");
        if go_on().is_break() {
            return Ok(None);
        }
        while !self.ready.contains_key(&wanted) {
            if let Ok((index, made)) = self.done.recv_timeout(PATIENCE) {
                self.ready.insert(index, made);
            } else if go_on().is_break() {
                return Ok(None);
            }
        }
        self.ready.remove(&wanted).transpose()
    }
}

/// What each thread does until there are no more jobs or nobody waits for them.
fn work<T>(
    make: &impl Fn(usize) -> Result<T>,
    jobs: &Receiver<usize>,
    done: &Sender<(usize, Result<T>)>,
) {
    for index in jobs {
        let made = catch_unwind(AssertUnwindSafe(|| make(index))).unwrap_or_else(|panic| {
            let reason = panic.downcast_ref::<&str>().map(ToString::to_string);
            let reason = reason.or_else(|| panic.downcast_ref::<String>().cloned());
            let reason = reason.unwrap_or_else(|| "no message".to_owned());
            Err(Error::Panicked { index, reason })
        });
        if done.send((index, made)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go_on() -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    #[test]
    fn what_is_made_out_of_order_comes_in_order() {
        let todo = [5, 3, 9, 0, 7, 1, 2, 8];
        // Later ones are quicker.
        let make = |index: usize| Ok((0..(10 - index) * 10_000).fold(index, |x, _| x ^ 1 ^ 1));
        let mut crew = Crew::start(3, todo.into_iter(), make).expect("few threads");
        for index in todo {
            assert_eq!(crew.next(&mut go_on).expect("made"), Some(index));
        }
    }

    #[test]
    fn the_first_failure_in_order_is_told_and_no_thread_is_not_enough() {
        let make = |index: usize| {
            (index != 2)
                .then_some(index)
                .ok_or_else(|| Error::argument("index", "not two", index, "skip it"))
        };
        let mut crew = Crew::start(4, 0..6, make).expect("few threads");
        assert_eq!(crew.next(&mut go_on).expect("made"), Some(0));
        assert_eq!(
            crew.next(&mut || ControlFlow::Break(())).expect("made"),
            None
        );
        let error = crew.next(&mut go_on).expect_err("two").to_string();
        assert!(error.contains("not two, got 2"), "{error}");
        for threads in [0, MAX_THREADS + 1] {
            let error = Crew::start(threads, 0..6, make)
                .err()
                .expect("absurd")
                .to_string();
            assert!(error.contains(&format!("got {threads}")), "{error}");
        }
    }
}
