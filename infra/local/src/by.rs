//! Who changes the books by hand, and why: both stand in the journal.

use clap::Args;

use crate::error::Error;

/// Two lines of a terminal; the row stays within the 1 KB that a write is billed by.
const REASON_CHARS_MAX: usize = 160;
const AUTHOR_CHARS_MAX: usize = 64;

#[derive(Debug, Args)]
pub(crate) struct By {
    /// Why: it stands in the journal
    #[arg(long, value_parser = reason)]
    pub(crate) reason: String,
    /// Who: it stands in the journal [default: $USER]
    #[arg(long, value_parser = author)]
    author: Option<String>,
}

impl By {
    pub(crate) fn author(&self, variable: impl Fn(&str) -> Option<String>) -> Result<String, Error> {
        self.author.clone().or_else(|| variable("USER")).ok_or(Error::NoAuthor)
    }
}

fn reason(text: &str) -> Result<String, String> {
    bounded(text, REASON_CHARS_MAX)
}

fn author(text: &str) -> Result<String, String> {
    bounded(text, AUTHOR_CHARS_MAX)
}

fn bounded(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > chars_max || text.chars().any(char::is_control) {
        return Err(format!("must be one line of 1 to {chars_max} characters"));
    }
    Ok(text.to_owned())
}
