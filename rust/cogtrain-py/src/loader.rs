//! The loader, and a pass of it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cogtrain_core as core;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::Serialize;

use crate::batch::Batch;
use crate::errors::to_python;
use crate::preprocess::Preprocess;
use crate::source::Source;

/// How long to wait for a batch before looking whether the user pressed Ctrl-C.
const SLICE: Duration = Duration::from_millis(50);

/// The native loader behind ``cogtrain.Loader``.
///
/// Its lock is taken only by who holds the interpreter's, and never for long: so no other thread
/// can hold it while this one forks.
#[pyclass(frozen, module = "cogtrain._core")]
pub struct LoaderCore(Mutex<core::Loader>);

impl LoaderCore {
    fn lock(&self) -> MutexGuard<'_, core::Loader> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, while other Python threads run, for the threads of passes that are over.
    fn part(&self, py: Python<'_>) {
        let leaving = self.lock().leaving();
        py.detach(|| drop(leaving));
    }
}

/// How a loader goes through its sets, as ``cogtrain.Loader`` spells it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Options {
    batch_size: i64,
    seed: u64,
    rank: i64,
    world_size: i64,
    threads: Option<i64>,
    shuffle: bool,
    shares: Option<Vec<f64>>,
    epoch: String,
    on_bad: String,
    bad_budget: i64,
    max_bytes: i64,
}

impl Options {
    fn checked(self, preprocess: Option<core::Preprocess>) -> core::Result<core::LoaderOptions> {
        let until = core::EpochEnd::parse(&self.epoch)?;
        let threads = self.threads.map(|threads| count("threads", threads));
        Ok(core::LoaderOptions {
            batch_size: count("batch_size", self.batch_size)?,
            seed: self.seed,
            preprocess,
            rank: count("rank", self.rank)?,
            world_size: count("world_size", self.world_size)?,
            threads: threads.transpose()?,
            shuffle: self.shuffle,
            on_bad: core::BadPolicy::parse(&self.on_bad)?,
            bad_budget: count("bad_budget", self.bad_budget)?,
            max_bytes: count("max_bytes", self.max_bytes)? as u64,
            mixture: self.shares.map(|shares| core::Mixture { shares, until }),
        })
    }
}

#[pymethods]
impl LoaderCore {
    #[new]
    fn new(
        sources: Vec<Py<Source>>,
        preprocess: Option<Py<Preprocess>>,
        options: Options,
    ) -> PyResult<Self> {
        let preprocess = preprocess.map(|preprocess| preprocess.get().0.clone());
        let sources = sources.iter().map(|source| source.get().shared()).collect();
        options
            .checked(preprocess)
            .and_then(|options| core::Loader::new(sources, options))
            .map(|loader| Self(Mutex::new(loader)))
            .map_err(to_python)
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }

    fn __iter__(slf: Py<Self>, py: Python<'_>) -> BatchIterator {
        let pass = slf.get().lock().begin();
        slf.get().part(py);
        BatchIterator { loader: slf, pass }
    }

    /// The bad stimuli met so far, each a dict.
    fn faults<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &self.lock().faults())
    }

    /// Takes in the report of another rank; ``ValueError`` if there are more than the budget now.
    fn add_report(&self, py: Python<'_>, report: &Bound<'_, PyAny>) -> PyResult<()> {
        let told = read_faults(py, report)?.ok_or_else(|| {
            let expected = "as `report` gives it";
            let hint = "pass the report of another rank's loader";
            to_python(core::Error::argument("report", expected, report, hint))
        })?;
        self.lock().add_faults(&told).map_err(to_python)
    }

    /// Stimuli of an epoch, over all ranks.
    #[getter]
    fn epoch_size(&self) -> u64 {
        self.lock().count()
    }

    /// How many bad stimuli there are.
    #[getter]
    fn fault_count(&self) -> usize {
        self.lock().fault_count()
    }

    /// What the threads have done and waited for.
    fn statistics<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &self.lock().statistics())
    }

    /// What has been handed out, as plain integers and text; the same on every rank.
    fn state_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, &self.lock().state())
    }

    /// Goes to a saved state, from any number of ranks.
    ///
    /// Raises:
    ///     ValueError: For a state of other data or another seed; the message names the field.
    fn load_state_dict(&self, py: Python<'_>, state: &Bound<'_, PyDict>) -> PyResult<()> {
        let state = core::LoaderState {
            version: field(state, "version")?,
            fingerprint: field(state, "fingerprint")?,
            seed: field(state, "seed")?,
            epoch: field(state, "epoch")?,
            consumed: field(state, "consumed")?,
            bad: bad(py, state)?,
        };
        self.lock().load_state(&state).map_err(to_python)?;
        self.part(py);
        Ok(())
    }
}

/// One pass of a loader.
#[pyclass(frozen, module = "cogtrain._core")]
struct BatchIterator {
    loader: Py<LoaderCore>,
    pass: core::Pass,
}

#[pymethods]
impl BatchIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// What needs no Python is done without the interpreter's lock: waiting for the batch, taking
    /// it, waking threads.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Batch>> {
        let loader = self.loader.get();
        // How long the interpreter's lock was held for this batch.
        let mut held = Duration::ZERO;
        let mut since = Instant::now();
        loop {
            let approached = loader.lock().approach(self.pass);
            let Ok(Some(bell)) = approached else {
                loader.part(py);
                return approached.map(|_| None).map_err(to_python);
            };
            held += since.elapsed();
            let taken = py.detach(|| bell.take(SLICE));
            since = Instant::now();
            let Some(taken) = taken else {
                py.check_signals()?;
                continue;
            };
            let accepted = self.accept(py, taken);
            loader.lock().handed_over(held + since.elapsed());
            return accepted.map(Some);
        }
    }
}

impl BatchIterator {
    fn accept(&self, py: Python<'_>, taken: core::Taken) -> PyResult<Batch> {
        let loader = self.loader.get();
        let (batch, fresh) = {
            let mut core = loader.lock();
            (core.accept(self.pass, taken), core.fresh_faults())
        };
        if !fresh.is_empty() {
            warn(py, &fresh)?;
        }
        let batch = batch.inspect_err(|_| loader.part(py));
        batch.map(Batch::new).map_err(to_python)
    }
}

/// Tells the log of each stimulus that was found bad.
fn warn(py: Python<'_>, faults: &[core::Fault]) -> PyResult<()> {
    let logger = py
        .import("logging")?
        .call_method1("getLogger", ("cogtrain.data.loader",))?;
    for fault in faults {
        logger.call_method1("warning", (fault.to_string(),))?;
    }
    Ok(())
}

/// `value` as plain dicts, lists, numbers and text.
fn plain<'py>(py: Python<'py>, value: &impl Serialize) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).expect("plain fields always serialise");
    py.import("json")?.call_method1("loads", (text,))
}

/// The bad stimuli of a saved state; none, if it is from before there were any.
fn bad(py: Python<'_>, state: &Bound<'_, PyDict>) -> PyResult<Vec<core::Fault>> {
    let Some(faults) = state.get_item("bad")? else {
        return Ok(Vec::new());
    };
    read_faults(py, &faults)?.ok_or_else(|| {
        to_python(core::Error::State {
            field: "bad".to_owned(),
            expected: "as `state_dict` gives it".to_owned(),
            got: faults.to_string(),
        })
    })
}

/// The bad stimuli of a report, unless it is none.
fn read_faults(py: Python<'_>, report: &Bound<'_, PyAny>) -> PyResult<Option<Vec<core::Fault>>> {
    let text = py.import("json")?.call_method1("dumps", (report,))?;
    Ok(serde_json::from_str(text.extract()?).ok())
}

fn count(name: &str, value: i64) -> core::Result<usize> {
    let refuse = |_| core::Error::argument(name, "at least 0", value, "pass a positive number");
    usize::try_from(value).map_err(refuse)
}

fn field<T>(state: &Bound<'_, PyDict>, name: &str) -> PyResult<T>
where
    T: for<'a, 'py> FromPyObject<'a, 'py>,
{
    let refuse = |expected: &str, got: String| {
        let (field, expected) = (name.to_owned(), expected.to_owned());
        to_python(core::Error::State {
            field,
            expected,
            got,
        })
    };
    let value = state
        .get_item(name)?
        .ok_or_else(|| refuse("present", "nothing".to_owned()))?;
    value
        .extract()
        .map_err(|_| refuse("as `state_dict` gives it", value.to_string()))
}
