//! Asks for confirmation at a terminal.

use std::io::{BufRead as _, IsTerminal as _, stdin};

use crate::print;

/// A line that a script or a person gives, so that it is in no list of processes. One that cannot be read is empty.
pub(crate) fn line_of_stdin() -> String {
    stdin().lines().next().and_then(Result::ok).unwrap_or_default()
}

/// Whether the answer at the terminal is `yes`. Without a terminal the answer is no: a script confirms by a flag.
pub(crate) fn is_confirmed(question: &str) -> bool {
    if !stdin().is_terminal() {
        return false;
    }
    print::error(format_args!("{question} Type yes:"));
    let answer = stdin().lock().lines().next().and_then(Result::ok);
    answer.is_some_and(|answer| answer.trim() == "yes")
}
