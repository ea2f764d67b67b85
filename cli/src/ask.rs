//! A question to a person, where one is there to answer it.

use std::io::{BufRead as _, IsTerminal as _, stdin};

use crate::print;

/// Whether a person at the terminal has typed `yes`. A script is no person: it says what it wants by a flag.
pub(crate) fn is_confirmed(question: &str) -> bool {
    if !stdin().is_terminal() {
        return false;
    }
    print::error(format_args!("{question} Type yes:"));
    let answer = stdin().lock().lines().next().and_then(Result::ok);
    answer.is_some_and(|answer| answer.trim() == "yes")
}
