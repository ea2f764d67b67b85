//! The metrics of this machine: a small time series beside the store, from the same lines that CloudWatch makes its metrics
//! of. Minutes for three hours, quarters of an hour for two days, hours for a month: it stays small, whatever is sent. The
//! newest deliveries are there too.

mod emf;
mod log;
mod of_command;
mod series_file;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use insight::{
    LogLines, LogQuery, LoggedEvent, Metrics, Series, SeriesName, SeriesParts, SeriesQuery, Summary, Window,
};

use self::series_file::SeriesFile;
pub use log::MetricsLog;
pub use of_command::{CommandMetrics, UncountedError};

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the metrics in {} cannot be read: move the file away, and the next start begins another", path.display())]
pub struct MetricsError {
    path: PathBuf,
    #[source]
    cause: rusqlite::Error,
}

/// The metrics in a file that a stack writes.
#[derive(Clone)]
pub struct LocalMetrics {
    path: PathBuf,
    file: Option<Arc<Mutex<SeriesFile>>>,
}

impl LocalMetrics {
    /// Without a file there are no metrics: no stack has served here.
    pub fn open(path: &Path) -> Result<Self, MetricsError> {
        let of_file = |cause| MetricsError { path: path.to_owned(), cause };
        let file = if path.exists() { Some(SeriesFile::reader(path).map_err(of_file)?) } else { None };
        Ok(Self { path: path.to_owned(), file: file.map(|file| Arc::new(Mutex::new(file))) })
    }
}

impl Metrics for LocalMetrics {
    type Error = MetricsError;

    async fn series(&self, window: Window) -> Result<Vec<(SeriesName, Summary)>, MetricsError> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let found = file.lock().unwrap_or_else(PoisonError::into_inner).series(window);
        found.map_err(|cause| MetricsError { path: self.path.clone(), cause })
    }
}

impl SeriesParts for LocalMetrics {
    type Error = MetricsError;

    async fn parts(&self, query: &SeriesQuery) -> Result<Vec<Series>, MetricsError> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let found = file.lock().unwrap_or_else(PoisonError::into_inner).parts(query);
        found.map_err(|cause| MetricsError { path: self.path.clone(), cause })
    }
}

impl LogLines for LocalMetrics {
    type Error = MetricsError;

    async fn logged(&self, query: &LogQuery) -> Result<Vec<LoggedEvent>, MetricsError> {
        let Some(file) = &self.file else { return Ok(Vec::new()) };
        let found = file.lock().unwrap_or_else(PoisonError::into_inner).events(query);
        found.map_err(|cause| MetricsError { path: self.path.clone(), cause })
    }
}

impl std::fmt::Debug for LocalMetrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalMetrics").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
