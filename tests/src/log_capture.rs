//! Captures the log lines of the thread that a test runs on.
//!
//! The subscriber is the process's: with a subscriber of one thread, a call site that another thread reaches first stays disabled.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Once;

use serde_json::Value;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;

thread_local! {
    static IS_CAPTURING: Cell<bool> = const { Cell::new(false) };
    static CAPTURED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct LogCapture;

impl io::Write for LogCapture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        CAPTURED.with_borrow_mut(|captured| captured.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Discards the captured lines and captures those that follow on this thread.
pub(crate) fn start_capture() {
    static SUBSCRIBED: Once = Once::new();
    SUBSCRIBED.call_once(|| {
        let lines = edge::log_lines("local", || LogCapture).with_filter(dynamic_filter_fn(|_, _| IS_CAPTURING.get()));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).expect("the only one");
    });
    CAPTURED.take();
    IS_CAPTURING.set(true);
}

/// Ends the capture and returns its lines.
pub(crate) fn captured_lines() -> Vec<Value> {
    IS_CAPTURING.set(false);
    let text = String::from_utf8(CAPTURED.take()).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
