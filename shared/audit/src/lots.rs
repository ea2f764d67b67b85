//! The audit of an account: its row against its lines, against its open holds, and against the row of its lots.

use ledger::{AccountId, Asset, Audit, CommitError, Difference, Hold, LineTotals, StoredAccount};

use crate::auditor::Auditor;

impl<L: Audit> Auditor<'_, L> {
    /// Whether the account as read has no difference.
    pub(crate) async fn agrees(&self, read: Option<&StoredAccount>, counted: &LineTotals) -> Result<bool, CommitError> {
        let Some(read) = read else { return Ok(false) };
        Ok(self.differences(read, counted).await?.is_empty())
    }

    /// Only credits are held. A hold that was opened or closed meanwhile is no difference; what the index does not have
    /// yet is found by the second check.
    async fn difference_from_holds(&self, held: &StoredAccount) -> Result<Option<Difference>, CommitError> {
        let account = AccountId::read(&held.account).filter(|account| account.asset() == Asset::CREDITS);
        let Some(account) = account else { return Ok(None) };
        // One that cannot be read is missing in the sum, so that it is found here and named by the repair.
        let open = open_units(&self.ledger.open_holds(&account, &self.call()).await?.holds);
        let Some(difference) = held.differs_from_holds(open) else { return Ok(None) };
        // Two holds of the same amount leave what is held as it was, but not the index.
        let is_changed = self.stored_account(&held.account).await? != *held;
        Ok((!is_changed).then_some(difference))
    }

    /// The differences from the lines and from the lots, whether or not the account says that it has any: its row may have
    /// lost what it said. A change of lots meanwhile is none.
    pub(crate) async fn differences(
        &self,
        held: &StoredAccount,
        counted: &LineTotals,
    ) -> Result<Vec<Difference>, CommitError> {
        let mut found = held.differences(counted);
        found.extend(self.difference_from_holds(held).await?);
        let lots = self.ledger.stored_lots(&held.account, &self.call()).await?;
        if let Some(difference) = held.differs_from_lots(lots.as_ref(), self.call().received_at) {
            let is_changed = self.stored_account(&held.account).await?.lots.version != held.lots.version;
            found.extend((!is_changed).then_some(difference));
        }
        Ok(found)
    }
}

/// What these holds set aside.
pub(crate) fn open_units(holds: &[Hold]) -> u128 {
    holds.iter().fold(0, |sum, hold| sum.saturating_add(hold.amount.units()))
}
