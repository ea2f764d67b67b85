//! The audit of an account: its row against its lines, and against the row of its lots.

use ledger::{Audit, CommitError, Difference, LineTotals, StoredAccount};

use crate::auditor::Auditor;

impl<L: Audit> Auditor<'_, L> {
    /// Whether the account as read has no difference.
    pub(crate) async fn agrees(&self, read: Option<&StoredAccount>, counted: &LineTotals) -> Result<bool, CommitError> {
        let Some(read) = read else { return Ok(false) };
        Ok(self.differences(read, counted).await?.is_empty())
    }

    /// The differences from the lines and from the lots, whether or not the account says that it has any: its row may have
    /// lost what it said. A change of lots meanwhile is none.
    pub(crate) async fn differences(
        &self,
        held: &StoredAccount,
        counted: &LineTotals,
    ) -> Result<Vec<Difference>, CommitError> {
        let mut found = held.differences(counted);
        let lots = self.ledger.stored_lots(&held.account, &self.call()).await?;
        if let Some(difference) = held.differs_from_lots(lots.as_ref()) {
            let is_changed = self.stored_account(&held.account).await?.lots.version != held.lots.version;
            found.extend((!is_changed).then_some(difference));
        }
        Ok(found)
    }
}
