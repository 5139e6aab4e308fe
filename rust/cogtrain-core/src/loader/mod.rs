//! A deterministic, resumable stream of batches over stimulus sets.
//!
//! The order of an epoch is a function of (seed, epoch, position); ranks take consecutive slices
//! of the one global sequence. So the state is a few integers, resuming reads nothing again, and
//! the sequence does not depend on the number of ranks or threads.

mod batch;
mod order;
mod pipeline;
mod plan;
mod sources;
mod state;

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

pub use batch::{Batch, Pixels};
pub use state::LoaderState;

use crate::preprocess::Preprocess;
use crate::{Error, Result, Source};
use order::Order;
use pipeline::{Pipeline, Shop};
use plan::Plan;
use sources::Sources;

/// Most stimuli in one batch, threads, or ranks: beyond it, a number is a mistake.
const MAX_COUNT: usize = 1 << 20;

/// How a [`Loader`] goes through its sets.
#[derive(Clone, Debug)]
pub struct LoaderOptions {
    /// Stimuli per batch of one rank.
    pub batch_size: usize,
    /// Decides the order.
    pub seed: u64,
    /// What is done to the images; without it, batches hold images of one size.
    pub preprocess: Option<Preprocess>,
    /// This process among `world_size`.
    pub rank: usize,
    /// Processes that share the sequence.
    pub world_size: usize,
    /// Worker threads; default: the processors this process may use, by affinity and by cgroup
    /// quota (versions 1 and 2).
    pub threads: Option<usize>,
    /// Whether each epoch has its own order, or all have that of the sets.
    pub shuffle: bool,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self {
            batch_size: 1,
            seed: 0,
            preprocess: None,
            rank: 0,
            world_size: 1,
            threads: None,
            shuffle: true,
        }
    }
}

/// What [`Loader::poll`] found.
#[derive(Debug)]
pub enum Poll {
    /// The next batch.
    Batch(Box<Batch>),
    /// It is still being made.
    Waiting,
    /// The epoch is over.
    Finished,
}

/// One pass over an epoch; only the newest one of a loader is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass(u64);

/// A deterministic, resumable stream of batches.
///
/// Threads start with the first batch asked for, and again in a forked child.
#[derive(Debug)]
pub struct Loader {
    shop: Arc<Shop>,
    options: LoaderOptions,
    fingerprint: String,
    epoch: u64,
    consumed: u64,
    /// Whether the current pass has handed out anything.
    touched: bool,
    pass: u64,
    /// With the process that started it.
    pipeline: Option<(u32, Pipeline)>,
}

impl Loader {
    /// A loader at the start of epoch 0; `sources` behind one another are one index space.
    ///
    /// # Errors
    /// [`Error::Argument`] for a count of 0 or beyond reason, a rank outside the world, or no
    /// stimuli.
    pub fn new(sources: Vec<Arc<dyn Source>>, options: LoaderOptions) -> Result<Self> {
        check_count("batch_size", options.batch_size)?;
        check_count("world_size", options.world_size)?;
        if let Some(threads) = options.threads {
            check_count("threads", threads)?;
        }
        if options.rank >= options.world_size {
            let expected = format!("below `world_size` ({})", options.world_size);
            return Err(Error::argument(
                "rank",
                expected,
                options.rank,
                "ranks count from 0",
            ));
        }
        let sources = Sources::new(sources)?;
        let fingerprint = sources.fingerprint(options.shuffle);
        let shop = Arc::new(Shop {
            sources,
            preprocess: options.preprocess.clone(),
        });
        let (epoch, consumed, touched, pass, pipeline) = (0, 0, false, 0, None);
        Ok(Self {
            shop,
            options,
            fingerprint,
            epoch,
            consumed,
            touched,
            pass,
            pipeline,
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
        Epoch {
            loader: self,
            pass,
            failed: false,
        }
    }

    /// As [`Loader::epoch`], for [`Loader::poll`].
    pub fn begin(&mut self) -> Pass {
        if self.touched || self.consumed >= self.count() {
            self.epoch += 1;
            self.consumed = 0;
        }
        self.renew();
        Pass(self.pass)
    }

    /// Waits up to `timeout` for the next batch of `pass`.
    ///
    /// # Errors
    /// What kept a stimulus of this batch from being made; asking again tries the same batch
    /// again. [`Error::Argument`] if `pass` is not the newest one.
    pub fn poll(&mut self, pass: Pass, timeout: Duration) -> Result<Poll> {
        if pass.0 != self.pass {
            let (expected, got) = ("the newest of its loader", "an older one");
            let hint = "finish with an iterator before you ask for the next or load a state";
            return Err(Error::argument("iterator", expected, got, hint));
        }
        if self.consumed >= self.count() {
            self.stop();
            return Ok(Poll::Finished);
        }
        let Some((consumed, batch)) = self.pipeline()?.next(timeout) else {
            return Ok(Poll::Waiting);
        };
        if batch.is_err() {
            self.stop();
        }
        let batch = batch?;
        self.consumed = consumed;
        self.touched = true;
        Ok(Poll::Batch(Box::new(batch)))
    }

    /// What has been handed out; what was made ahead does not count.
    pub fn state(&self) -> LoaderState {
        LoaderState::new(
            &self.fingerprint,
            self.options.seed,
            self.epoch,
            self.consumed,
        )
    }

    /// Goes to `state`, from any number of ranks; the next pass hands out the rest of its epoch.
    ///
    /// # Errors
    /// [`Error::State`] naming the field by which it belongs to another loader.
    pub fn load_state(&mut self, state: &LoaderState) -> Result<()> {
        state.check(&self.fingerprint, self.options.seed, self.count())?;
        self.epoch = state.epoch;
        self.consumed = state.consumed;
        self.renew();
        Ok(())
    }

    fn count(&self) -> u64 {
        self.shop.sources.len() as u64
    }

    fn plan(&self, start: u64) -> Plan {
        let Self { options, epoch, .. } = self;
        Plan {
            order: options
                .shuffle
                .then(|| Order::new(options.seed, *epoch, self.count())),
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

    fn stop(&mut self) {
        match self.pipeline.take() {
            Some((pid, pipeline)) if pid != std::process::id() => pipeline.abandon(),
            _ => {}
        }
    }

    fn pipeline(&mut self) -> Result<&mut Pipeline> {
        let pid = std::process::id();
        if self
            .pipeline
            .as_ref()
            .is_some_and(|(owner, _)| *owner != pid)
        {
            self.stop();
        }
        let pipeline = match self.pipeline.take() {
            Some(running) => running,
            None => (
                pid,
                Pipeline::start(self.plan(self.consumed), &self.shop, self.threads())?,
            ),
        };
        Ok(&mut self.pipeline.insert(pipeline).1)
    }

    fn threads(&self) -> usize {
        let available = || available_parallelism().map_or(1, std::num::NonZero::get);
        self.options.threads.unwrap_or_else(available)
    }
}

impl Drop for Loader {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The batches of one epoch; see [`Loader::epoch`].
#[derive(Debug)]
pub struct Epoch<'a> {
    loader: &'a mut Loader,
    pass: Pass,
    failed: bool,
}

impl Iterator for Epoch<'_> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        // One error ends the pass, so that a caller who skips errors does not meet it for ever.
        while !self.failed {
            match self.loader.poll(self.pass, Duration::from_secs(3600)) {
                Ok(Poll::Batch(batch)) => return Some(Ok(*batch)),
                Ok(Poll::Waiting) => {}
                Ok(Poll::Finished) => return None,
                Err(error) => {
                    self.failed = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

fn check_count(name: &str, count: usize) -> Result<()> {
    if (1..=MAX_COUNT).contains(&count) {
        return Ok(());
    }
    let expected = format!("between 1 and {MAX_COUNT}");
    Err(Error::argument(
        name,
        expected,
        count,
        "pass a positive number",
    ))
}
