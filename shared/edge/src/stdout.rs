//! The log of a deployed function: lines for CloudWatch, on standard output.

use std::io;
use std::sync::{Mutex, PoisonError};

use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;

use crate::LogLevel;
use crate::json_lines::JsonLines;
use crate::log::{COMMIT, PAID, REFUNDED, log_targets};

/// The line of an event follows those of its commit: one call of the system writes them all.
const WAIT_FOR_THE_NEXT: [&str; 3] = [COMMIT, PAID, REFUNDED];

static WAITING: Mutex<Waiting> = Mutex::new(Waiting(Vec::new()));

/// No line shows a span, and none is kept: the registry of spans is most of what a subscriber costs a start.
#[derive(Debug)]
struct ToStdout {
    targets: Targets,
    lines: JsonLines,
}

/// The lines that are not written yet.
#[derive(Debug)]
struct Waiting(Vec<u8>);

/// Installs the subscriber.
pub(crate) fn log_to_stdout(level: LogLevel, stage: &str) {
    // This fails if a test has installed a subscriber before, which stays.
    let _ = tracing::subscriber::set_global_default(ToStdout::new(level, stage));
}

impl ToStdout {
    fn new(level: LogLevel, stage: &str) -> Self {
        Self { targets: log_targets(level), lines: JsonLines::new(stage) }
    }
}

impl Subscriber for ToStdout {
    fn register_callsite(&self, place: &'static Metadata<'static>) -> Interest {
        if self.enabled(place) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, place: &Metadata<'_>) -> bool {
        place.is_event() && self.targets.would_enable(place.target(), place.level())
    }

    fn event(&self, event: &Event<'_>) {
        let line = self.lines.line(event);
        let waits = WAIT_FOR_THE_NEXT.contains(&event.metadata().target());
        // There is no other place to report it to.
        let _ = WAITING.lock().unwrap_or_else(PoisonError::into_inner).add(&line, waits, &mut io::stdout());
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
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

    #[test]
    fn only_lines_of_its_targets_are_written_and_no_spans() {
        tracing::subscriber::with_default(ToStdout::new(LogLevel::Error, "test"), || {
            let _span = tracing::info_span!(target: COMMIT, "span", of = "span").entered();
            tracing::info!(target: "webhook", of = "a crate below the level");
            tracing::info!(target: COMMIT, of = "commit");
        });
        let waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&waiting.0);
        assert!(text.starts_with(r#"{"of":"commit","level":"INFO","_aws":"#) && text.ends_with("}\n"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}
