//! The cached JWKS of the in-memory ledger.

use std::collections::BTreeMap;
use std::sync::Mutex;

use ledger::{CachedJwks, CallContext, CommitError, JwksCache, JwksName};

use crate::MemoryLedger;

pub(crate) type MemoryJwksCache = Mutex<BTreeMap<JwksName, CachedJwks>>;

impl JwksCache for MemoryLedger {
    async fn cached_jwks(&self, name: JwksName, _: &CallContext<'_>) -> Result<Option<CachedJwks>, CommitError> {
        Ok(self.1.lock().unwrap().get(&name).cloned())
    }

    async fn cache_jwks(&self, name: JwksName, jwks: &CachedJwks, _: &CallContext<'_>) -> Result<(), CommitError> {
        let mut kept = self.1.lock().unwrap();
        if kept.get(&name).is_none_or(|older| older.fetched_at < jwks.fetched_at) {
            kept.insert(name, jwks.clone());
        }
        Ok(())
    }
}
