//! A row of the journal about something that a person does and that changes no books: who, why, and with what.

use std::time::Duration;

use ledger::{CommitError, Writer};
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
    let decision = insight::note(by.receipt()?, Writer::Manual, (&by.author, &by.reason), kind, what);
    match books.commit(&decision, &context(PATIENCE)).await {
        Ok(committed) => Ok(ChangeResult::of(&committed)),
        Err(CommitError::Conflict) => Err(Error::IdTaken(by.id.clone())),
        Err(cause @ CommitError::Unavailable(_)) => Err(Error::Unanswered { retry_option: by.retry_option(), cause }),
        Err(error) => Err(error.into()),
    }
}
