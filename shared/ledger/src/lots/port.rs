//! The port to the lots of accounts.

use super::LotsSnapshot;
use crate::{AccountId, Amount, CallContext, CommitError, Ledger, Timestamp};

pub trait Expiring: Ledger {
    /// Accounts with lots whose date is past by then, from an index that may lag. They need no order: each is expired
    /// once.
    fn accounts_expiring(
        &self,
        until: Timestamp,
        accounts_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<AccountId>, CommitError>> + Send;

    /// The lots of an account, as they are now.
    fn lots(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<LotsSnapshot, CommitError>> + Send;

    /// Expires what is past its date and not spent, and returns how much that is. Nothing if another call was faster.
    fn expire(
        &self,
        account: &AccountId,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Amount, CommitError>> + Send;
}
