//! A row of the journal about something that a person does and that changes no books: who, why, and with what.

use std::time::Duration;

use ledger::{CommitError, Decision, Entry, Fact, Facts, Fingerprint, JournalHeader, Ledger as _, Writer};
use local::context;

use crate::authorship::Authorship;
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;

const PATIENCE: Duration = Duration::from_secs(10);

/// Commits the row. The same id again finds it, if it is about the same.
pub(crate) async fn note(
    books: &Books,
    by: &Authorship,
    kind: &'static str,
    what: Vec<(&'static str, String)>,
) -> Result<ChangeResult, Error> {
    by.print_id(kind);
    let fields: Vec<(&str, &str)> =
        [("kind", kind)].into_iter().chain(what.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    let fingerprints = Fingerprint::of(1, &fields).into();
    let signed = [("author", Fact::from(by.author.as_str())), ("reason", Fact::from(by.reason.as_str()))];
    let facts: Facts =
        signed.into_iter().chain(what.into_iter().map(|(name, value)| (name, Fact::Text(value)))).collect();
    let header =
        JournalHeader { receipt: by.receipt()?, writer: Writer::Manual, kind, facts, fingerprints, order: None };
    let decision = Decision::Record(Entry { header, effects: Vec::new(), keeps_body: false, alarm: None });
    match books.ledger.commit(&decision, &context(PATIENCE)).await {
        Ok(committed) => Ok(ChangeResult::of(&committed)),
        Err(CommitError::Conflict) => Err(Error::IdTaken(by.id.clone())),
        Err(cause @ CommitError::Unavailable(_)) => Err(Error::Unanswered { retry_option: by.retry_option(), cause }),
        Err(error) => Err(error.into()),
    }
}
