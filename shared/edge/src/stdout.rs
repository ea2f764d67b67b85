//! The log of a deployed function: lines for CloudWatch, on standard output.

use std::io;
use std::sync::{Mutex, PoisonError};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::LogLevel;
use crate::log::{COMMIT, PAID, REFUNDED, log_lines, log_targets};

/// The line of an event follows those of its commit: one call of the system writes them all.
const WAIT_FOR_THE_NEXT: [&str; 3] = [COMMIT, PAID, REFUNDED];

static WAITING: Mutex<Waiting> = Mutex::new(Waiting(Vec::new()));

/// Makes a writer for each line.
#[derive(Debug)]
struct ToStdout;

#[derive(Debug)]
struct LineWriter {
    waits: bool,
}

/// The lines that are not written yet.
struct Waiting(Vec<u8>);

/// Installs the subscriber.
pub(crate) fn log_to_stdout(level: LogLevel, stage: &str) {
    let lines = log_lines(stage, ToStdout);
    // This fails if a test has installed a subscriber before, which stays.
    let _ = tracing_subscriber::registry().with(log_targets(level)).with(lines).try_init();
}

impl<'w> MakeWriter<'w> for ToStdout {
    type Writer = LineWriter;

    fn make_writer(&'w self) -> Self::Writer {
        LineWriter { waits: false }
    }

    fn make_writer_for(&'w self, line: &Metadata<'_>) -> Self::Writer {
        LineWriter { waits: WAIT_FOR_THE_NEXT.contains(&line.target()) }
    }
}

impl io::Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.add(line, self.waits, &mut io::stdout())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes what waits. Called at the end of an invocation: after it, the process may never run again.
pub(crate) fn write_waiting() {
    // There is no other place to report it to.
    let _ = WAITING.lock().unwrap_or_else(PoisonError::into_inner).write(&mut io::stdout());
}

impl Waiting {
    fn add(&mut self, line: &[u8], waits: bool, output: &mut impl io::Write) -> io::Result<()> {
        self.0.extend_from_slice(line);
        if waits { Ok(()) } else { self.write(output) }
    }

    fn write(&mut self, output: &mut impl io::Write) -> io::Result<()> {
        let written = if self.0.is_empty() { Ok(()) } else { output.write_all(&self.0) };
        self.0.clear();
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each call that writes.
    #[derive(Default)]
    struct Calls(Vec<String>);

    impl io::Write for Calls {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.push(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_wait_are_written_with_the_next_one_or_at_the_end() -> io::Result<()> {
        let (mut waiting, mut output) = (Waiting(Vec::new()), Calls::default());
        waiting.add(b"commit\n", true, &mut output)?;
        waiting.add(b"paid\n", true, &mut output)?;
        assert!(output.0.is_empty());
        waiting.add(b"event\n", false, &mut output)?;
        waiting.add(b"alarm\n", false, &mut output)?;
        waiting.add(b"last\n", true, &mut output)?;
        for _ in 0..2 {
            waiting.write(&mut output)?;
        }
        assert_eq!(output.0, ["commit\npaid\nevent\n", "alarm\n", "last\n"]);
        Ok(())
    }
}
