//! The author, the reason and the idempotency key of a change by hand; the journal keeps all three.

use clap::Args;
use ledger::{EventKey, Writer};
use manual::By;

use crate::error::Error;
use crate::print;

/// Two terminal lines, and small enough that the row stays within the 1 KB of one write unit.
const REASON_CHARS_MAX: usize = 160;
const AUTHOR_CHARS_MAX: usize = 64;

/// The options of every change.
#[derive(Debug, Args)]
pub(crate) struct AuthorArgs {
    /// Why; the journal keeps it
    #[arg(long, value_parser = reason)]
    pub(crate) reason: String,
    /// Who; the journal keeps it [default: $USER]
    #[arg(long, value_parser = author)]
    author: Option<String>,
}

/// The options of a change that takes an id.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    #[command(flatten)]
    by: AuthorArgs,
    /// An id for this change; the same id is booked once [default: a new one, which is printed first]
    #[arg(long)]
    id: Option<String>,
}

/// The author, reason and id of a change.
#[derive(Debug)]
pub(crate) struct Authorship {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) reason: String,
    /// The id was generated, so the printed line is its only copy.
    is_new: bool,
}

impl AuthorArgs {
    pub(crate) fn author(&self, variable: impl Fn(&str) -> Option<String>) -> Result<String, Error> {
        self.author.clone().or_else(|| variable("USER")).ok_or(Error::NoAuthor)
    }
}

impl ChangeArgs {
    /// For a command that takes a reason only with another option.
    pub(crate) const fn of(reason: String, author: Option<String>, id: Option<String>) -> Self {
        Self { by: AuthorArgs { reason, author }, id }
    }

    /// Validates the id, and generates one if none is given. Call it before the books are opened.
    pub(crate) fn authorship(self, variable: impl Fn(&str) -> Option<String>) -> Result<Authorship, Error> {
        let by = self.of_any_id(variable)?;
        by.receipt()?;
        Ok(by)
    }

    /// For an id that is no key of a journal entry. The caller validates it.
    pub(crate) fn of_any_id(self, variable: impl Fn(&str) -> Option<String>) -> Result<Authorship, Error> {
        let is_new = self.id.is_none();
        let id = self.id.unwrap_or_else(|| format!("{:016x}", fastrand::u64(..)));
        Ok(Authorship { id, author: self.by.author(variable)?, reason: self.by.reason, is_new })
    }
}

impl Authorship {
    /// Of a change that a command makes by itself, under an id of its own.
    pub(crate) fn of(id: String, author: String, reason: &str) -> Self {
        Self { id, author, reason: reason.to_owned(), is_new: false }
    }

    pub(crate) fn by(&self) -> By<'_> {
        By { writer: Writer::Manual, id: &self.id, author: &self.author, reason: &self.reason }
    }

    /// The key of the change's journal entry.
    pub(crate) fn receipt(&self) -> Result<EventKey, Error> {
        self.by().receipt().map_err(|cause| Error::Id { text: self.id.clone(), cause })
    }

    /// The option that makes a retry of the same command safe.
    pub(crate) fn retry_option(&self) -> String {
        format!("--id {}", self.id)
    }

    /// The same for a further entry of one change.
    pub(crate) fn part(&self, number: u32) -> Self {
        let (author, reason) = (self.author.clone(), self.reason.clone());
        Self { id: format!("{}.{number}", self.id), author, reason, is_new: false }
    }

    /// Prints a generated id. Call it before the commit: after an interrupt the id must be known for the retry.
    pub(crate) fn print_id(&self, change: &str) {
        if self.is_new {
            print::error(format_args!("{} names this {change}", self.retry_option()));
        }
    }
}

pub(crate) fn reason(text: &str) -> Result<String, String> {
    bounded(text, REASON_CHARS_MAX)
}

pub(crate) fn author(text: &str) -> Result<String, String> {
    bounded(text, AUTHOR_CHARS_MAX)
}

fn bounded(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > chars_max || text.chars().any(char::is_control) {
        return Err(format!("give one line of 1 to {chars_max} characters"));
    }
    Ok(text.to_owned())
}
