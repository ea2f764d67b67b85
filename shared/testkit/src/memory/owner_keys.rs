//! Keys of the in-memory ledger as they are stored.

use ledger::{
    BoundKey, CallContext, CallRate, CallerKey, CommitError, Effect, EventKey, Fact, KeyChange, KeyId, KeyPage,
    KeyQuery, KeySettings, Keys, LinePosition, Owner, OwnerKey, Reason, StoredKey, Timestamp, Word,
};

use super::State;
use crate::MemoryLedger;

/// What the row of an owner's key has beside its budget and its periods.
#[derive(Debug, Clone)]
pub(super) struct KeptKey {
    owner: Owner,
    name: Option<Word>,
    rate: Option<CallRate>,
    since: Timestamp,
    pub(super) revoked_at: Option<Timestamp>,
}

impl Keys for MemoryLedger {
    async fn key_as_stored(&self, id: &KeyId, _: &CallContext<'_>) -> Result<Option<StoredKey>, CommitError> {
        Ok(self.0.lock().unwrap().stored_key(id))
    }

    async fn key_page(&self, query: &KeyQuery, _: &CallContext<'_>) -> Result<KeyPage, CommitError> {
        let state = self.0.lock().unwrap();
        let ids: Vec<KeyId> = match &query.owner {
            None => state.service_keys.keys().cloned().map(KeyId::Service).collect(),
            Some(owner) => {
                let of_owner = state.owner_keys.iter().filter(|(_, kept)| kept.owner == *owner);
                of_owner.map(|(key, _)| KeyId::Owner(key.clone())).collect()
            }
        };
        let place = |key: &StoredKey| (key.since().to_string(), key.id().row());
        let mut keys: Vec<StoredKey> = ids.iter().filter_map(|id| state.stored_key(id)).collect();
        keys.sort_by_key(place);
        keys.retain(|key| {
            query.after.as_ref().is_none_or(|LinePosition { key: id, at }| place(key) > (at.clone(), id.clone()))
        });
        let has_more = keys.len() > usize::from(query.keys_max);
        keys.truncate(query.keys_max.into());
        let last = keys.last().map(|key| LinePosition { key: key.id().row(), at: key.since().to_string() });
        Ok(KeyPage { keys, next: last.filter(|_| has_more) })
    }

    async fn facts_of(&self, receipt: &EventKey, _: &CallContext<'_>) -> Result<Vec<(String, String)>, CommitError> {
        let state = self.0.lock().unwrap();
        let booked = state.journal.get(receipt.as_str()).filter(|kept| kept.processed_at.is_some());
        let facts = booked.map(|kept| kept.facts.clone()).unwrap_or_default();
        let text = |(name, fact): (&'static str, Fact)| match fact {
            Fact::Text(text) => Some((name.to_owned(), text)),
            Fact::Count(_) => None,
        };
        Ok(facts.into_iter().filter_map(text).collect())
    }
}

impl State {
    pub(super) fn bound_key(&self, key: &CallerKey) -> Option<BoundKey> {
        let kept = self.owner_keys.get(key)?;
        Some(BoundKey {
            owner: self.keys.get(key)?.clone(),
            budget: self.stored_budget(key),
            draws: self.draws_of(key),
            rate: kept.rate,
            ends_at: kept.revoked_at,
        })
    }

    fn stored_key(&self, id: &KeyId) -> Option<StoredKey> {
        Some(match id {
            KeyId::Service(hash) => StoredKey::Service(self.service_keys.get(hash)?.clone()),
            KeyId::Owner(key) => {
                let kept = self.owner_keys.get(key)?;
                StoredKey::Owner(OwnerKey {
                    key: key.clone(),
                    owner: kept.owner.clone(),
                    settings: self.settings(key),
                    draws: self.draws_of(key),
                    since: kept.since,
                    revoked_at: kept.revoked_at,
                })
            }
        })
    }

    fn settings(&self, key: &CallerKey) -> KeySettings {
        let kept = self.owner_keys.get(key);
        KeySettings {
            name: kept.and_then(|kept| kept.name),
            budget: self.limits.get(key).copied(),
            rate: kept.and_then(|kept| kept.rate),
        }
    }

    pub(super) fn bind(&mut self, key: &CallerKey, owner: &Owner, at: Timestamp) {
        self.keys.insert(key.clone(), owner.clone());
        let kept = KeptKey { owner: owner.clone(), name: None, rate: None, since: at, revoked_at: None };
        self.owner_keys.entry(key.clone()).or_insert(kept).since = at;
    }

    pub(super) fn change_key(&mut self, change: &KeyChange, at: Timestamp) {
        match change {
            KeyChange::Make { key, owner, settings, until } => {
                self.bind(key, owner, at);
                let kept = self.owner_keys.get_mut(key).unwrap();
                kept.revoked_at = until.or(kept.revoked_at);
                let before = self.settings(key);
                let to = KeySettings {
                    name: settings.name.or(before.name),
                    budget: settings.budget.or(before.budget),
                    rate: settings.rate.or(before.rate),
                };
                self.set_key(key, &to);
            }
            KeyChange::Set { key, to, .. } => self.set_key(key, to),
            KeyChange::End { key, at, .. } => self.owner_keys.get_mut(key).unwrap().revoked_at = Some(*at),
            KeyChange::Unname { key, .. } => self.owner_keys.get_mut(key).unwrap().name = None,
        }
    }

    fn set_key(&mut self, key: &CallerKey, to: &KeySettings) {
        let kept = self.owner_keys.get_mut(key).unwrap();
        (kept.name, kept.rate) = (to.name, to.rate);
        self.limits.remove(key);
        self.limits.extend(to.budget.map(|budget| (key.clone(), budget)));
    }

    /// A key of another owner, or a revoked one, is refused and not stale.
    pub(super) fn is_key_stale(&self, change: &KeyChange, at: Timestamp) -> bool {
        match change {
            KeyChange::Make { .. } | KeyChange::Unname { .. } => false,
            KeyChange::Set { key, owner, from, .. } => {
                let is_live = self.bound_key(key).is_some_and(|bound| bound.is_live(at));
                self.keys.get(key) == Some(owner) && (!is_live || self.settings(key) != *from)
            }
            KeyChange::End { key, owner, .. } => {
                let ends = self.owner_keys.get(key).is_some_and(|kept| kept.revoked_at.is_some());
                self.keys.get(key) == Some(owner) && ends
            }
        }
    }

    pub(super) fn key_refusal(&self, effects: &[Effect]) -> Option<Reason> {
        effects.iter().find_map(|effect| {
            let Effect::Key(change) = effect else { return None };
            match &**change {
                KeyChange::Make { key, owner, .. } => self.is_taken(key, owner).then_some(Reason::KeyTaken),
                KeyChange::Set { key, owner, .. } | KeyChange::End { key, owner, .. } => {
                    (self.keys.get(key) != Some(owner)).then_some(Reason::UnknownKey)
                }
                KeyChange::Unname { key, owner } => {
                    let kept = self.owner_keys.get(key);
                    kept.is_none_or(|kept| kept.owner != *owner).then_some(Reason::UnknownKey)
                }
            }
        })
    }

    pub(super) fn is_taken(&self, key: &CallerKey, owner: &Owner) -> bool {
        self.revoked.contains(key) || self.keys.get(key).is_some_and(|other| other != owner)
    }
}
