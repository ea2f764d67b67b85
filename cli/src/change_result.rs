//! The result of a change by hand: made now, made before under the same idempotency key, or not needed.

use ledger::{Committed, Receipt, Timestamp};
use serde::Serialize;

use crate::print::{self, Facts};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangeResult {
    status: &'static str,
    receipt: Option<String>,
    processed_at: Option<String>,
    /// The reason why nothing had to be done.
    because: Option<&'static str>,
}

const DONE: &str = "done";
const ALREADY_DONE: &str = "already_done";
const NOTHING_TO_DO: &str = "nothing_to_do";

impl ChangeResult {
    pub(crate) fn of(committed: &Committed) -> Self {
        match committed {
            Committed::Now(receipt) => Self::by(DONE, receipt),
            Committed::Earlier(receipt) => Self::by(ALREADY_DONE, receipt),
            Committed::Ignored { reason } => {
                Self { status: NOTHING_TO_DO, receipt: None, processed_at: None, because: Some(reason) }
            }
        }
    }

    /// A change found in the journal by its key alone, so without its time.
    pub(crate) fn earlier(receipt: String) -> Self {
        Self { status: ALREADY_DONE, receipt: Some(receipt), processed_at: None, because: None }
    }

    /// A hold that was opened or closed then. Only a charge has a journal row.
    pub(crate) fn of_hold(is_done_now: bool, receipt: Option<String>, at: Timestamp) -> Self {
        let status = if is_done_now { DONE } else { ALREADY_DONE };
        Self { status, receipt, processed_at: Some(at.to_string()), because: None }
    }

    /// Prints what was done, now or at its time.
    pub(crate) fn print_done(&self, what: &str) {
        let at = self.processed_at.as_ref().filter(|_| !self.is_done_now()).map(|at| format!(", at {at}"));
        let word = if self.is_done_now() { "done" } else { "already done" };
        print::line(format_args!("{word}: {what}{}", at.unwrap_or_default()));
    }

    fn by(status: &'static str, receipt: &Receipt) -> Self {
        let Receipt { key, processed_at, is_over_budget: _ } = receipt;
        Self { status, receipt: Some(key.to_string()), processed_at: Some(processed_at.to_string()), because: None }
    }

    pub(crate) fn receipt(&self) -> &str {
        self.receipt.as_deref().unwrap_or_default()
    }

    pub(crate) fn is_done_now(&self) -> bool {
        self.status == DONE
    }
}

impl Facts for ChangeResult {
    fn print(&self) {
        let receipt = self.receipt();
        match (self.status, &self.processed_at) {
            (DONE, _) => print::line(format_args!("done: {receipt}")),
            (ALREADY_DONE, Some(at)) => print::line(format_args!("already done: {receipt}, at {at}")),
            (ALREADY_DONE, None) => print::line(format_args!("already done: {receipt}")),
            _ => print::line(format_args!("nothing to do: {}", self.because.unwrap_or_default())),
        }
    }
}
