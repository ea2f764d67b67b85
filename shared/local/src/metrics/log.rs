//! The layer of the log that keeps its metrics: lines are gathered for a moment, and then added to the file by a thread of
//! their own, so that no event waits for it. A killed process loses the lines of that moment.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::registry::LookupSpan;

use super::series_file::SeriesFile;
use crate::home::Home;
use crate::store::STAGE;

const GATHERING: Duration = Duration::from_millis(200);
/// Lines that wait for a thread that is behind, or for the file, which is opened once the data folder is ours. Further ones
/// are not counted.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// The metrics of the log. It keeps what still waits when it is dropped.
pub struct MetricsLog(Lines);

#[derive(Clone)]
struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Vec<u8>>,
    waits: mpsc::Sender<()>,
    file: Mutex<Option<SeriesFile>>,
}

impl MetricsLog {
    pub(crate) fn new() -> Self {
        let (waits, wake) = mpsc::channel();
        let lines = Lines(Arc::new(Shared { waiting: Mutex::default(), waits, file: Mutex::default() }));
        // Ends with the last owner of the lines.
        let shared = Arc::downgrade(&lines.0);
        thread::spawn(move || {
            while wake.recv().is_ok() {
                thread::sleep(GATHERING);
                let Some(shared) = shared.upgrade() else { break };
                shared.keep();
            }
        });
        Self(lines)
    }

    pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        edge::log_lines(STAGE, self.0.clone()).with_filter(edge::metric_targets())
    }

    /// From now on the metrics are kept in this folder, which must be ours. A file that cannot be used is no reason not to
    /// serve.
    pub fn keep_in(&self, home: &Home, in_memory: bool) {
        match SeriesFile::writer(home, in_memory) {
            Ok(file) => *locked(&self.0.0.file) = Some(file),
            Err(error) => tracing::warn!(error = %edge::chain(error.as_ref()), "the metrics are not kept"),
        }
    }
}

impl Shared {
    /// Adds what waits to the file.
    fn keep(&self) {
        let mut file = locked(&self.file);
        let Some(open) = file.as_mut() else { return };
        let lines = std::mem::take(&mut *locked(&self.waiting));
        if let Err(error) = open.add(&lines) {
            // Not on each of the lines to come.
            *file = None;
            drop(file);
            tracing::warn!(error = %edge::chain(&error), "the metrics are not kept any more");
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = locked(&self.0.waiting);
        if waiting.is_empty() {
            // The thread lives as long as this sender.
            let _ = self.0.waits.send(());
        }
        if waiting.len() < BYTES_MAX {
            waiting.extend_from_slice(line);
        }
        Ok(line.len())
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

impl Drop for MetricsLog {
    fn drop(&mut self) {
        self.0.0.keep();
    }
}

impl std::fmt::Debug for MetricsLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MetricsLog")
    }
}
