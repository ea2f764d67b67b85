//! Files that a test compares with what the code does today, and writes when a variable says `write`; and other wishes of the
//! person who runs the tests.

pub(crate) fn is_to_write(variable: &str) -> bool {
    wish(variable).is_some_and(|wish| wish == "write")
}

/// Tests that combine or draw try a part, and with `TRIED=all` everything, as `.ci/full` does.
pub(crate) fn is_all_tried() -> bool {
    wish("TRIED").is_some_and(|wish| wish == "all")
}

#[expect(clippy::disallowed_methods, reason = "how a person says it")]
pub(crate) fn wish(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
