//! Commits a manual change of an order under its idempotency key, over the order as it was read.

use ledger::{Backlog as _, CommitError, Committed};
use local::context;
use manual::OrderChange;

use super::PATIENCE;
use crate::authorship::Authorship;
use crate::books::Books;
use crate::change_result::ChangeResult;
use crate::error::Error;

/// Commits the effects, or returns the earlier commit under this id. `None` if there is nothing to commit and there was no commit.
pub(super) async fn write(
    books: &Books,
    change: &OrderChange<'_>,
    by: &Authorship,
) -> Result<Option<ChangeResult>, Error> {
    let receipt = by.receipt()?;
    if change.effects.is_empty() {
        let known = books.ledger.already_journaled(&[receipt].into(), &context(PATIENCE)).await?;
        if known.is_empty() {
            return Ok(None);
        }
    }
    by.print_id("change");
    let decision = change.decision(&by.by()).map_err(|cause| Error::Id { text: by.id.clone(), cause })?;
    match books.commit(&decision, &context(PATIENCE)).await {
        Ok(Committed::Ignored { .. }) | Err(CommitError::Stale) => Err(Error::OrderOvertaken),
        Ok(committed) => Ok(Some(ChangeResult::of(&committed))),
        Err(CommitError::Conflict) => Err(Error::IdTaken(by.id.clone())),
        Err(cause @ CommitError::Unavailable(_)) => Err(Error::Unanswered { retry_option: by.retry_option(), cause }),
        Err(error) => Err(error.into()),
    }
}
