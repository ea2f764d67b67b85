//! The lines of a moment in one write: an event logs two lines, and a write of each would be a call of the system.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others. A killed process loses the lines of this time, never a warning or an error.
const GATHERING: Duration = Duration::from_millis(20);
const BYTES_MAX: usize = 64 * 1024;

/// Lines on their way to `W`.
pub(crate) struct LogBatch<W>(Arc<Mutex<Lines<W>>>);

struct Lines<W> {
    waiting: Vec<u8>,
    /// Tells the thread that lines wait.
    waits: mpsc::Sender<()>,
    out: W,
}

/// Writes what still waits when it is dropped.
pub struct LogGuard(Box<dyn Fn()>);

/// The writer of one line.
pub(crate) struct LineWriter<W> {
    batch: LogBatch<W>,
    is_urgent: bool,
}

impl<W: Write + Send + 'static> LogBatch<W> {
    pub(crate) fn new(out: W) -> Self {
        let (waits, wake) = mpsc::channel();
        let batch = Self(Arc::new(Mutex::new(Lines { waiting: Vec::new(), waits, out })));
        // Ends with the last owner of the lines.
        let lines = Arc::downgrade(&batch.0);
        thread::spawn(move || {
            while wake.recv().is_ok() {
                thread::sleep(GATHERING);
                let Some(lines) = lines.upgrade() else { break };
                lines.lock().unwrap_or_else(PoisonError::into_inner).write_out();
            }
        });
        batch
    }

    pub(crate) fn guard(&self) -> LogGuard {
        let batch = Self(Arc::clone(&self.0));
        LogGuard(Box::new(move || batch.lines().write_out()))
    }

    fn lines(&self) -> MutexGuard<'_, Lines<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self, is_urgent: bool) -> LineWriter<W> {
        LineWriter { batch: Self(Arc::clone(&self.0)), is_urgent }
    }
}

impl<W: Write> Lines<W> {
    fn add(&mut self, line: &[u8], is_urgent: bool) {
        if self.waiting.is_empty() && !is_urgent {
            // The thread lives as long as this sender.
            let _ = self.waits.send(());
        }
        self.waiting.extend_from_slice(line);
        if is_urgent || self.waiting.len() >= BYTES_MAX {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        // A log that cannot be written has no place to say so.
        let _ = self.out.write_all(&self.waiting).and_then(|()| self.out.flush());
        self.waiting.clear();
    }
}

impl<W: Write + Send + 'static> Write for LineWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.batch.lines().add(line, self.is_urgent);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w, W: Write + Send + 'static> MakeWriter<'w> for LogBatch<W> {
    type Writer = LineWriter<W>;

    fn make_writer(&'w self) -> Self::Writer {
        self.writer(true)
    }

    fn make_writer_for(&'w self, line: &Metadata<'_>) -> Self::Writer {
        self.writer(*line.level() <= Level::WARN)
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        (self.0)();
    }
}

impl std::fmt::Debug for LogGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LogGuard")
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// Each write as one text.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<String>>>);

    impl Written {
        fn texts(&self) -> Vec<String> {
            self.0.lock().expect("no panic").clone()
        }
    }

    impl Write for Written {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").push(String::from_utf8_lossy(text).into_owned());
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_of_a_moment_are_written_at_once_and_an_error_with_those_before_it() {
        let written = Written::default();
        let batch = LogBatch::new(written.clone());
        let guard = batch.guard();
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_target(false);
        let log = tracing_subscriber::registry().with(lines.with_writer(batch));
        tracing::subscriber::with_default(log, || {
            for number in 0..3 {
                tracing::info!(number, "booked");
            }
            tracing::error!("damaged");
            assert_eq!(
                written.texts(),
                [" INFO booked number=0\n INFO booked number=1\n INFO booked number=2\nERROR damaged\n"]
            );
            tracing::info!("the last");
        });
        drop(guard);
        assert_eq!(written.texts().concat().lines().last(), Some(" INFO the last"));
    }

    #[test]
    fn line_without_another_is_written_after_a_moment() {
        let written = Written::default();
        let batch = LogBatch::new(written.clone());
        batch.lines().add(b"line\n", false);
        for _ in 0..500 {
            if !written.texts().is_empty() {
                break;
            }
            thread::sleep(GATHERING);
        }
        assert_eq!(written.texts(), ["line\n"]);
    }
}
