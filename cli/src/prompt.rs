//! Asks for confirmation at a terminal.

use std::io::{BufRead as _, IsTerminal as _, stdin};

use crate::print;

/// Whether the answer at the terminal is `yes`. Without a terminal the answer is no: a script confirms by a flag.
pub(crate) fn is_confirmed(question: &str) -> bool {
    if !stdin().is_terminal() {
        return false;
    }
    print::error(format_args!("{question} Type yes:"));
    let answer = stdin().lock().lines().next().and_then(Result::ok);
    answer.is_some_and(|answer| answer.trim() == "yes")
}
