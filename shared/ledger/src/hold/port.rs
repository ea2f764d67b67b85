//! The port to holds, beside the ledger's.

use super::{Hold, HoldClosing, HoldError, HoldId};
use crate::{AccountId, CallContext, CommitError, Expiring, Timestamp};

/// Open holds that an index leads to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundHolds {
    pub holds: Vec<Hold>,
    /// The ids of rows that cannot be read.
    pub unreadable: Vec<String>,
    /// Whether there may be more than were asked for.
    pub has_more: bool,
}

impl FoundHolds {
    /// All of them, or an error that names the row which cannot be read.
    pub fn all(self) -> Result<Vec<Hold>, CommitError> {
        match self.unreadable.first() {
            None => Ok(self.holds),
            Some(id) => Err(CommitError::Refused(format!("the row of the hold {id} cannot be read").into())),
        }
    }
}

pub trait Holds: Expiring {
    /// Sets the amount aside, if it is available. The same terms again find the hold that is open; one whose time is over
    /// is closed first.
    fn open_hold(&self, hold: &Hold, context: &CallContext<'_>)
    -> impl Future<Output = Result<Hold, HoldError>> + Send;

    /// The hold as it is now.
    fn hold(
        &self,
        id: &HoldId,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<Hold>, CommitError>> + Send;

    /// Closes the hold that the caller has read, or that it has kept since it was opened. Returns it as it is then: a
    /// settlement or an expiry that was faster stands.
    fn close_hold(
        &self,
        hold: &Hold,
        closing: &HoldClosing,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Hold, HoldError>> + Send;

    /// Releases a hold that its caller has opened without an answer of the store. Without a row it gets one that says so:
    /// an opening that is applied late finds it.
    fn withdraw_hold(
        &self,
        hold: &Hold,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Hold, HoldError>> + Send;

    /// Closes a hold whose time is over before the sweep does, so that no use begins under it.
    fn expire_if_over(
        &self,
        hold: Hold,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Hold, HoldError>> + Send {
        async move {
            let is_over = hold.is_open() && hold.expires_at <= context.received_at;
            if is_over { self.close_hold(&hold, &HoldClosing::Expire, context).await } else { Ok(hold) }
        }
    }

    /// Open holds that expire by then, from an index that may lag. Those of no account wait for another's.
    fn holds_due(
        &self,
        until: Timestamp,
        holds_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<FoundHolds, CommitError>> + Send;

    /// The open holds of an account, the first to expire first. A hold that was opened in the last seconds may be
    /// missing, since the index may lag.
    fn open_holds(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<FoundHolds, CommitError>> + Send;
}
