//! Service keys of the in-memory ledger.

use ledger::{CallContext, CommitError, ServiceKey, ServiceKeyChange, ServiceKeyHash, ServiceKeys, Timestamp};

use super::State;
use crate::MemoryLedger;

impl ServiceKeys for MemoryLedger {
    async fn service_key(&self, hash: &ServiceKeyHash, _: &CallContext<'_>) -> Result<Option<ServiceKey>, CommitError> {
        Ok(self.0.lock().unwrap().service_keys.get(hash).filter(|key| key.is_live()).cloned())
    }

    async fn service_keys(&self, _: &CallContext<'_>) -> Result<Vec<ServiceKey>, CommitError> {
        let mut keys: Vec<ServiceKey> = self.0.lock().unwrap().service_keys.values().cloned().collect();
        keys.sort_by(|one, other| (one.since, &one.hash).cmp(&(other.since, &other.hash)));
        Ok(keys)
    }
}

impl State {
    pub(super) fn is_service_key_stale(&self, change: &ServiceKeyChange) -> bool {
        let known = self.service_keys.get(change.hash());
        match change {
            ServiceKeyChange::Make(_) => known.is_some(),
            ServiceKeyChange::Revoke(_) => known.is_none_or(|key| !key.is_live()),
        }
    }

    pub(super) fn change_service_key(&mut self, change: &ServiceKeyChange, at: Timestamp) {
        match change {
            ServiceKeyChange::Make(key) => {
                self.service_keys.insert(key.hash.clone(), (**key).clone());
            }
            ServiceKeyChange::Revoke(hash) => self.service_keys.get_mut(hash).unwrap().revoked_at = Some(at),
        }
    }
}
