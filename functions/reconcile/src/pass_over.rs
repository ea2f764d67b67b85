//! A row that cannot be handled is reported, rescheduled and passed over: it holds up no other row, and comes back by itself once a
//! person has mended it, or a release can read it.

use edge::Invocation;
use ledger::{Backlog, CommitError, DueRow, OrderNumber, Queue};

use crate::{Reconcile, SOURCE};

impl<L: Backlog> Reconcile<L> {
    /// Ends the run only where the store does not take even this.
    pub(crate) async fn reschedule_unreadable(
        &self,
        queue: &Queue,
        row: &DueRow,
        error: &CommitError,
        invocation: &Invocation,
    ) -> Result<(), CommitError> {
        tracing::error!(error = %edge::chain(error), row = row.id, "a row cannot be handled and is passed over");
        self.ledger.reschedule_unreadable(queue, row, &invocation.context()).await?;
        report_passed_over(&row.id, invocation);
        Ok(())
    }
}

/// Names the row: a person has to look at it.
pub(crate) fn report_passed_over(row: &str, invocation: &Invocation) {
    edge::line(SOURCE, Some(row), "passed_over", None, invocation);
    edge::alarm(SOURCE, "passed_over", row);
}

/// The order whose row it is.
pub(crate) fn number_of(row: &DueRow) -> Result<OrderNumber, CommitError> {
    OrderNumber::new(&row.id).map_err(|error| CommitError::Refused(Box::new(error)))
}
