//! Accounts of the in-memory ledger: spending terms, and the effect of an entry.

use ledger::{Amount, Balance, Net, Policy, SpendingTerms};

use crate::Account;

impl Account {
    pub(super) fn terms(&self) -> SpendingTerms {
        let policy = if self.is_postpaid { Policy::Postpaid } else { Policy::Prepaid };
        let overdraft = Amount::from_wide(self.overdraft.unsigned_abs()).unwrap();
        SpendingTerms { policy, overdraft }
    }

    pub(super) fn apply(&mut self, net: &Net) {
        if let Some((_, to)) = net.overdraft {
            self.overdraft = Balance::from(to.overdraft).units();
            self.is_postpaid = to.policy == Policy::Postpaid;
        }
        self.balance = self.balance.checked_add(net.change.units()).unwrap();
        self.held = self.held.checked_add(net.held.units()).unwrap();
        self.available = self.balance.checked_add(self.overdraft).unwrap().checked_sub(self.held).unwrap();
        self.version = self.version.checked_add(net.movements).unwrap();
    }
}
