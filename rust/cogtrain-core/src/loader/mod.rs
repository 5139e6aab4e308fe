//! A deterministic, resumable stream of batches over stimulus sets.
//!
//! The order of an epoch is a function of (seed, epoch, position); ranks take consecutive slices
//! of the one global sequence. So the state is a few integers, resuming reads nothing again, and
//! the sequence does not depend on the number of ranks or threads. That holds for sets drawn by
//! share ([`Mixture`]) and for what stands in for a stimulus that cannot be made ([`BadPolicy`]):
//! both follow from the seed and the position alone. Every rank has as many batches.
//!
//! Stimuli are made out of order and handed out in order, two batches ahead and within
//! [`LoaderOptions::max_bytes`]. The memory of a batch is used again once its reader lets go of it;
//! a reader who keeps batches gets new memory and never stalls the loader.

mod answers;
mod batch;
mod desk;
mod epoch;
mod faults;
mod frame;
mod histogram;
mod mixture;
mod options;
mod order;
mod pipeline;
mod plan;
mod pool;
mod sequence;
mod shop;
mod sources;
mod state;
mod statistics;
mod texts;

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

pub use answers::Answers;
pub use batch::{Batch, Floats, Pixels};
pub use epoch::{Epoch, Pass, Poll};
pub use faults::{BadPolicy, Fault};
pub use mixture::{EpochEnd, Mixture};
pub use options::LoaderOptions;
pub use pipeline::{Bell, Taken};
pub use pool::{Lent, PoolStatistics};
pub use state::LoaderState;
pub use statistics::{Stage, Statistics};
pub use texts::Texts;

use crate::{Result, Source};
use faults::Faults;
use order::Order;
use pipeline::{Pipeline, Workplace};
use plan::Plan;
use pool::Pool;
use sequence::{Mixed, Sequence};
use shop::Shop;
use sources::Sources;

/// Buffers that wait to be used again: as many as a reader with one batch in hand gives back while
/// two are made.
const FREE_BUFFERS: usize = 4;

/// A deterministic, resumable stream of batches.
///
/// Threads start with the first batch asked for, and again in a forked child.
#[derive(Debug)]
pub struct Loader {
    place: Workplace,
    options: LoaderOptions,
    /// The mixture at epoch 0, if sets are drawn by share.
    mixed: Option<Mixed>,
    fingerprint: String,
    epoch: u64,
    consumed: u64,
    faults: Faults,
    /// Those that nobody was told of.
    fresh: Vec<Fault>,
    /// Whether the current pass has handed out anything.
    touched: bool,
    pass: u64,
    /// Since when its reader waits for a batch.
    waiting: Option<Instant>,
    pipeline: Option<Pipeline>,
    /// Passes that are given up, whose threads may still be at their last stimulus.
    leaving: Vec<Pipeline>,
    /// The process that started the threads.
    process: u32,
}

/// Threads of passes that are over; dropping it waits for them.
#[derive(Debug)]
#[must_use = "dropping it waits for threads, which no lock should be held for"]
pub struct Leaving(#[expect(dead_code, reason = "held to be dropped")] Vec<Pipeline>);

impl Loader {
    /// A loader at the start of epoch 0; `sources` behind one another are one index space.
    ///
    /// # Errors
    /// [`Error::Argument`] for a count of 0 or beyond reason, a rank outside the world, no
    /// stimuli, or shares that cannot be drawn.
    pub fn new(sources: Vec<Arc<dyn Source>>, options: LoaderOptions) -> Result<Self> {
        options.check()?;
        let sources = Sources::new(sources)?;
        let mixed = options
            .mixture
            .as_ref()
            .map(|mixture| Mixed::new(mixture, &sources, options.shuffle.then_some(options.seed)))
            .transpose()?;
        let fingerprint = sources.fingerprint(options.shuffle, mixed.as_ref());
        let threads = options.threads.unwrap_or_else(available_threads);
        let shop = Shop {
            sources,
            preprocess: options.preprocess.clone(),
            seed: options.seed,
            policy: options.on_bad,
            budget: options.bad_budget,
        };
        let place = Workplace {
            shop: Arc::new(shop),
            pool: Pool::new(FREE_BUFFERS),
            tally: Arc::default(),
            threads,
            max_bytes: options.max_bytes,
        };
        Ok(Self {
            place,
            options,
            mixed,
            fingerprint,
            epoch: 0,
            consumed: 0,
            faults: Faults::default(),
            fresh: Vec::new(),
            touched: false,
            pass: 0,
            waiting: None,
            pipeline: None,
            leaving: Vec::new(),
            process: std::process::id(),
        })
    }

    /// Batches per epoch; the same for all ranks.
    pub fn len(&self) -> usize {
        self.plan(0).steps() as usize
    }

    /// Never: a loader has at least one stimulus.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next epoch if anything of the current one has been handed out; else the current one;
    /// after [`Loader::load_state`] the rest of the restored one.
    ///
    /// ```
    /// # use cogtrain_core::{Image, Loader, LoaderOptions, Result, Source, Stimulus};
    /// # struct Blank;
    /// # impl Source for Blank {
    /// #     fn len(&self) -> usize { 6 }
    /// #     fn get(&self, index: usize) -> Result<Stimulus> {
    /// #         let image = Image::new(1, 1, vec![0; 3])?;
    /// #         Ok(Stimulus { id: index.to_string(), image, answers: Default::default(),
    /// #                       factors: Default::default(), margin: None })
    /// #     }
    /// #     fn fingerprint(&self) -> String { "blank".into() }
    /// # }
    /// # let source = std::sync::Arc::new(Blank);
    /// let options = LoaderOptions { batch_size: 4, seed: 7, ..LoaderOptions::default() };
    /// let mut loader = Loader::new(vec![source], options)?;
    /// for batch in loader.epoch() {
    ///     println!("{:?}", batch?.ids);
    /// }
    /// assert_eq!((loader.state().epoch, loader.state().consumed), (0, 6));
    /// # Ok::<(), cogtrain_core::Error>(())
    /// ```
    pub fn epoch(&mut self) -> Epoch<'_> {
        let pass = self.begin();
        drop(self.leaving());
        Epoch {
            loader: self,
            pass,
            failed: false,
        }
    }

    /// Threads of passes that [`Loader::begin`], [`Loader::load_state`] or the end of an epoch
    /// left behind.
    pub fn leaving(&mut self) -> Leaving {
        Leaving(std::mem::take(&mut self.leaving))
    }

    /// What the threads have done and waited for; see [`Statistics`].
    pub fn statistics(&self) -> Statistics {
        let Workplace {
            tally,
            pool,
            threads,
            ..
        } = &self.place;
        tally.statistics(*threads, pool.statistics())
    }

    /// Counts the time that whoever hands batches on spent on one: in Python, holding the
    /// interpreter's lock.
    pub fn handed_over(&self, time: Duration) {
        self.place.tally.deliver.worked(time);
    }

    /// What has been handed out; what was made ahead does not count.
    pub fn state(&self) -> LoaderState {
        let Self {
            options,
            epoch,
            consumed,
            ..
        } = self;
        let state = LoaderState::new(&self.fingerprint, options.seed, *epoch, *consumed);
        LoaderState {
            bad: self.faults.list(),
            ..state
        }
    }

    /// Goes to `state`, from any number of ranks; the next pass hands out the rest of its epoch.
    ///
    /// # Errors
    /// [`Error::State`] naming the field by which it belongs to another loader.
    pub fn load_state(&mut self, state: &LoaderState) -> Result<()> {
        state.check(&self.fingerprint, self.options.seed, self.count())?;
        self.epoch = state.epoch;
        self.consumed = state.consumed;
        self.faults.restore(&state.bad);
        self.renew();
        Ok(())
    }

    /// Stimuli of an epoch, over all ranks.
    pub fn count(&self) -> u64 {
        let all = self.place.shop.sources.len() as u64;
        self.mixed.as_ref().map_or(all, Mixed::count)
    }

    fn sequence(&self) -> Sequence {
        let Self { options, epoch, .. } = self;
        match &self.mixed {
            Some(mixed) => Sequence::Mixed(mixed.in_epoch(*epoch)),
            None if options.shuffle => {
                Sequence::Shuffled(Order::new(options.seed, *epoch, self.count()))
            }
            None => Sequence::Plain,
        }
    }

    fn plan(&self, start: u64) -> Plan {
        let options = &self.options;
        Plan {
            sequence: self.sequence(),
            count: self.count(),
            start,
            batch_size: options.batch_size as u64,
            rank: options.rank as u64,
            world_size: options.world_size as u64,
        }
    }

    /// Invalidates earlier passes and what they made ahead.
    fn renew(&mut self) {
        self.stop();
        self.touched = false;
        self.pass += 1;
    }

    /// Gives up the running pass without waiting for its threads.
    fn stop(&mut self) {
        self.waiting = None;
        self.notice_fork();
        if let Some(pipeline) = self.pipeline.take() {
            pipeline.close();
            self.leaving.push(pipeline);
        }
    }

    fn pipeline(&mut self) -> Result<&Pipeline> {
        self.notice_fork();
        let pipeline = match self.pipeline.take() {
            Some(running) => running,
            None => Pipeline::start(self.plan(self.consumed), &self.place)?,
        };
        Ok(self.pipeline.insert(pipeline))
    }

    /// In a forked child: forgets threads that exist only in the parent, and locks that one of
    /// them may hold for ever.
    fn notice_fork(&mut self) {
        let process = std::process::id();
        if process != self.process {
            self.process = process;
            let lost = self
                .pipeline
                .take()
                .into_iter()
                .chain(self.leaving.drain(..));
            lost.for_each(Pipeline::abandon);
            self.place.pool = Pool::new(FREE_BUFFERS);
        }
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The processors that this process may use, by affinity and by cgroup quota.
fn available_threads() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}
