//! Copies of what others publish, in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ledger::{CommitError, Copied, Copies, CopyName, Delivery};

use crate::MemoryLedger;

pub(crate) type KeptCopies = Mutex<BTreeMap<CopyName, Copied>>;

impl Copies for MemoryLedger {
    async fn copy(&self, name: CopyName, _: &Delivery<'_>) -> Result<Option<Copied>, CommitError> {
        Ok(self.1.lock().unwrap().get(&name).cloned())
    }

    async fn keep_copy(&self, name: CopyName, copied: &Copied, _: &Delivery<'_>) -> Result<(), CommitError> {
        let mut kept = self.1.lock().unwrap();
        if kept.get(&name).is_none_or(|older| older.fetched_at < copied.fetched_at) {
            kept.insert(name, copied.clone());
        }
        Ok(())
    }
}
