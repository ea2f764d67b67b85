//! The metrics of a change that a command makes: the values of the lines that a function would log for it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use insight::SeriesName;
use ledger::{CommitError, Committed, Decision, Writer};
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::series_file::SeriesFile;
use super::{MetricsError, emf};
use crate::error::Error;
use crate::home::Home;
use crate::store::STAGE;

/// Of one commit, which counts at least something.
#[derive(Debug)]
pub struct CommandMetrics {
    lines: Vec<u8>,
}

/// Why they are not kept on this machine.
#[derive(Debug, thiserror::Error)]
pub enum UncountedError {
    #[error(transparent)]
    Home(#[from] Error),
    #[error(transparent)]
    File(#[from] MetricsError),
}

impl CommandMetrics {
    /// `None` for a repeat, and for a change that moves neither credits nor money.
    pub fn of(decision: &Decision, committed: &Result<Committed, CommitError>) -> Option<Self> {
        let lines = Lines::default();
        let layer = edge::log_lines(STAGE, lines.clone()).with_filter(edge::metric_targets());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            edge::record_commit(Writer::Manual.as_str(), decision, committed);
        });
        let lines = std::mem::take(&mut *lines.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!lines.is_empty()).then_some(Self { lines })
    }

    /// Adds them to the metrics of this folder, also while a stack writes there.
    pub fn keep_in(&self, home: &Home) -> Result<(), UncountedError> {
        let in_memory = home.running()?.is_some_and(|running| running.in_memory);
        let path = home.prepare_metrics(in_memory)?;
        let added = SeriesFile::open(&path).and_then(|mut file| file.add(&self.lines));
        Ok(added.map_err(|cause| MetricsError { path, cause })?)
    }

    /// What is above zero, without the series by source: on AWS each further one is billed by the month.
    pub fn values(&self) -> Vec<(SeriesName, u64)> {
        let lines = self.lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let values = lines.flat_map(|line| emf::read(line).0);
        let is_counted = |value: &emf::Measured| value.value > 0 && value.series.value("source").is_empty();
        values.filter(is_counted).map(|value| (value.series, value.value)).collect()
    }
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}
