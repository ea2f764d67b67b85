//! Service keys of the in-memory ledger.

use ledger::{CallContext, CommitError, ServiceKey, ServiceKeyChange, ServiceKeyHash, ServiceKeys, Timestamp};

use super::State;
use crate::MemoryLedger;

impl ServiceKeys for MemoryLedger {
    async fn service_key(
        &self,
        hash: &ServiceKeyHash,
        context: &CallContext<'_>,
    ) -> Result<Option<ServiceKey>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(state.service_keys.get(hash).filter(|key| key.is_live(context.received_at)).cloned())
    }

    async fn service_keys(&self, _: &CallContext<'_>) -> Result<Vec<ServiceKey>, CommitError> {
        let mut keys: Vec<ServiceKey> = self.0.lock().unwrap().service_keys.values().cloned().collect();
        keys.sort_by(|one, other| (one.since, &one.hash).cmp(&(other.since, &other.hash)));
        Ok(keys)
    }
}

impl State {
    pub(super) fn is_service_key_stale(&self, change: &ServiceKeyChange, at: Timestamp) -> bool {
        let known = self.service_keys.get(change.hash());
        if let ServiceKeyChange::Make(_) = change {
            return known.is_some();
        }
        let Some(live) = known.filter(|key| key.is_live(at)) else { return true };
        match change {
            ServiceKeyChange::Make(_) | ServiceKeyChange::Revoke(_) => false,
            ServiceKeyChange::Set { from, .. } => live.settings() != *from,
            ServiceKeyChange::End { .. } => live.revoked_at.is_some(),
        }
    }

    pub(super) fn change_service_key(&mut self, change: &ServiceKeyChange, at: Timestamp) {
        match change {
            ServiceKeyChange::Make(key) => {
                self.service_keys.insert(key.hash.clone(), (**key).clone());
            }
            ServiceKeyChange::Revoke(hash) => self.service_keys.get_mut(hash).unwrap().revoked_at = Some(at),
            ServiceKeyChange::Set { hash, from: _, to } => {
                let key = self.service_keys.get_mut(hash).unwrap();
                (key.name, key.rate) = (to.name, to.rate);
            }
            ServiceKeyChange::End { hash, at } => self.service_keys.get_mut(hash).unwrap().revoked_at = Some(*at),
        }
    }
}
