//! Holds at the ledger of a sandbox, with the same faults.

use ledger::{AccountId, CallContext, CommitError, FoundHolds, Hold, HoldClosing, HoldError, HoldId, Holds, Timestamp};

use crate::port::{Books, PortLedger, call};

impl Holds for PortLedger {
    async fn open_hold(&self, hold: &Hold, context: &CallContext<'_>) -> Result<Hold, HoldError> {
        call!(self, context, Holds::open_hold(hold))
    }

    async fn hold(&self, id: &HoldId, context: &CallContext<'_>) -> Result<Option<Hold>, CommitError> {
        call!(self, context, Holds::hold(id))
    }

    async fn close_hold(
        &self,
        hold: &Hold,
        closing: &HoldClosing,
        context: &CallContext<'_>,
    ) -> Result<Hold, HoldError> {
        call!(self, context, Holds::close_hold(hold, closing))
    }

    async fn withdraw_hold(&self, hold: &Hold, context: &CallContext<'_>) -> Result<Hold, HoldError> {
        call!(self, context, Holds::withdraw_hold(hold))
    }

    async fn holds_due(
        &self,
        until: Timestamp,
        holds_max: u16,
        context: &CallContext<'_>,
    ) -> Result<FoundHolds, CommitError> {
        call!(self, context, Holds::holds_due(until, holds_max))
    }

    async fn open_holds(&self, account: &AccountId, context: &CallContext<'_>) -> Result<FoundHolds, CommitError> {
        call!(self, context, Holds::open_holds(account))
    }
}
