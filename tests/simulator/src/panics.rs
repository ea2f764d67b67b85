//! Panics of the code under test, caught and kept: each is a violation.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static IS_CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

static ONCE: Once = Once::new();

/// Runs this and returns the panics in it, also those that were caught inside. `None`: it ended with one.
pub(crate) fn caught<T>(run: impl FnOnce() -> T) -> (Option<T>, Vec<String>) {
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_CATCHING.get() {
                return before(panic);
            }
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let text = panic.payload_as_str().unwrap_or("a panic without a text");
            CAUGHT.with_borrow_mut(|caught| caught.push(format!("{place}: {text}")));
        }));
    });
    let (was_catching, outer) = (IS_CATCHING.replace(true), CAUGHT.take());
    let result = panic::catch_unwind(AssertUnwindSafe(run)).ok();
    IS_CATCHING.set(was_catching);
    (result, CAUGHT.replace(outer))
}
