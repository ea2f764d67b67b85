//! What is logged by the thread that a test runs on.
//!
//! The subscriber is that of the whole process: of one that only one thread has, lines that another thread logs first are never seen.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Once;

use serde_json::Value;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;

thread_local! {
    static IS_LISTENING: Cell<bool> = const { Cell::new(false) };
    static HEARD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct OfThread;

impl io::Write for OfThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        HEARD.with_borrow_mut(|heard| heard.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// From now on, on this thread.
pub(crate) fn listen() {
    static SUBSCRIBED: Once = Once::new();
    SUBSCRIBED.call_once(|| {
        let lines = edge::log_lines("local", || OfThread).with_filter(dynamic_filter_fn(|_, _| IS_LISTENING.get()));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).expect("the only one");
    });
    HEARD.take();
    IS_LISTENING.set(true);
}

/// What was said since.
pub(crate) fn heard() -> Vec<Value> {
    IS_LISTENING.set(false);
    let told = String::from_utf8(HEARD.take()).expect("text");
    told.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}
