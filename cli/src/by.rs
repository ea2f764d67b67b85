//! Who changes the books by hand, and why: both stand in the journal. And the id under which a change happens once.

use clap::Args;
use ledger::EventKey;
use local::MANUAL_SOURCE;

use crate::error::Error;
use crate::print;

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

#[derive(Debug, Args)]
pub(crate) struct Named {
    #[command(flatten)]
    by: By,
    /// A name for this change, so that doing it again does nothing [default: a new one, which is printed first]
    #[arg(long)]
    id: Option<String>,
}

/// A change with its author, its reason and its id.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) reason: String,
    /// The id was generated, and only what is printed has it.
    is_new: bool,
}

impl By {
    pub(crate) fn author(&self, variable: impl Fn(&str) -> Option<String>) -> Result<String, Error> {
        self.author.clone().or_else(|| variable("USER")).ok_or(Error::NoAuthor)
    }
}

impl Named {
    /// Before any books are opened: what cannot be an id is refused first.
    pub(crate) fn signed(self, variable: impl Fn(&str) -> Option<String>) -> Result<Signed, Error> {
        let is_new = self.id.is_none();
        let id = self.id.unwrap_or_else(|| format!("{:016x}", fastrand::u64(..)));
        EventKey::new(MANUAL_SOURCE, &id).map_err(|cause| Error::Id { text: id.clone(), cause })?;
        Ok(Signed { id, author: self.by.author(variable)?, reason: self.by.reason, is_new })
    }
}

impl Signed {
    /// The receipt of a change by hand.
    pub(crate) fn receipt(&self) -> Result<EventKey, Error> {
        EventKey::new(MANUAL_SOURCE, &self.id).map_err(|cause| Error::Id { text: self.id.clone(), cause })
    }

    /// What makes the same command safe to repeat.
    pub(crate) fn again(&self) -> String {
        format!("--id {}", self.id)
    }

    /// Before the call: a command that is interrupted must not take a generated id with it.
    pub(crate) fn print_id(&self, change: &str) {
        if self.is_new {
            print::error(format_args!("{} names this {change}", self.again()));
        }
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
