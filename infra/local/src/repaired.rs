//! A repair, committed and told: of accounts and of orders alike.

use std::collections::BTreeSet;
use std::time::Duration;

use edge::Moment;
use ledger::{Backlog as _, CommitError, Committed, Decision, EventKey, Fact, Ledger as _};
use reconcile::{RepairFailure, Signature};

use crate::books::Books;
use crate::error::Error;
use crate::print;

/// A person waits while a long statement is read twice.
const PATIENCE: Duration = Duration::from_mins(10);

pub(crate) fn moment() -> Moment {
    Moment::now(PATIENCE)
}

/// Under one id it is written once: what is repaired already leaves nothing to decide, and its row says so.
pub(crate) async fn written(
    books: &Books,
    decision: Result<Decision, RepairFailure>,
    by: &Signature,
) -> Result<(), Error> {
    let decision = match decision {
        Ok(decision) => decision,
        Err(failure) => return earlier(books, failure, by).await,
    };
    match books.ledger.commit(&decision, &moment().delivery()).await {
        Ok(Committed::Now(receipt)) => {
            print::line(format_args!("done: {}", receipt.key));
            sides(&decision);
            Ok(())
        }
        Ok(Committed::Earlier(receipt)) => {
            print::line(format_args!("already done: {}, at {}", receipt.key, receipt.processed_at));
            Ok(())
        }
        Ok(Committed::Ignored { reason }) => {
            print::line(format_args!("nothing to do: {reason}"));
            Ok(())
        }
        Err(CommitError::Stale) => Err(Error::RepairOvertaken),
        Err(CommitError::Conflict) => Err(Error::IdTaken(by.id.clone())),
        Err(error) => Err(error.into()),
    }
}

/// Where there is nothing to decide any more, this very repair may be the reason.
async fn earlier(books: &Books, failure: RepairFailure, by: &Signature) -> Result<(), Error> {
    if matches!(failure, RepairFailure::Repair(_)) {
        let receipt = EventKey::new(reconcile::REPAIR_SOURCE, &by.id)?;
        let receipts = BTreeSet::from([receipt.clone()]);
        if !books.ledger.known(&receipts, &moment().delivery()).await?.is_empty() {
            print::line(format_args!("already done: {receipt}"));
            return Ok(());
        }
    }
    Err(failure.into())
}

fn sides(decision: &Decision) {
    let Decision::Record(entry) = decision else { return };
    for (name, fact) in &entry.heading.facts {
        if let (true, Fact::Text(text)) = (["before", "after"].contains(name), fact) {
            print::line(format_args!("  {name:<7} {text}"));
        }
    }
}
