//! Poison rows: a row that cannot be handled is reported and rescheduled with a backoff. It blocks no other row, and is
//! handled as soon as a person repairs it, or a release can read it.

use edge::Invocation;
use ledger::{Backlog, CommitError, DueRow, OrderNumber, Queue};

use crate::{Reconcile, SOURCE};

impl<L: Backlog> Reconcile<L> {
    /// Fails, and so ends the run, only if the store refuses this write, too.
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

/// Raises an alarm that names the row: a person has to look at it.
pub(crate) fn report_passed_over(row: &str, invocation: &Invocation) {
    edge::line(SOURCE, Some(row), "passed_over", None, invocation);
    edge::alarm(SOURCE, "passed_over", row);
}

/// The order whose row it is.
pub(crate) fn number_of(row: &DueRow) -> Result<OrderNumber, CommitError> {
    OrderNumber::new(&row.id).map_err(|error| CommitError::Refused(Box::new(error)))
}
