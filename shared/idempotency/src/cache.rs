//! What a warm process remembers: the receipts it has committed, and whom a key names.

use std::hash::Hash;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use ledger::{CallerKey, EventKey, Fingerprint, Fingerprints, Owner, Receipt, Timestamp};
use lru::LruCache;

/// About 0.6 MB when full, and minutes of traffic: senders repeat an event within seconds.
const RECEIPTS_MAX: NonZeroUsize = NonZeroUsize::new(2_048).unwrap();
const OWNERS_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();
/// A key never changes hands, so this bounds only how long a removed one goes on working.
const OWNER_SECONDS_MAX: u64 = 60;

#[derive(Debug)]
struct Cache<K: Hash + Eq, V>(Mutex<LruCache<K, V>>);

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    fn new(max: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::new(max)))
    }

    fn find(&self, key: &K) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: K, value: V) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put(key, value);
    }
}

/// Receipts of events that are booked. Booked is for ever, so nothing here can become untrue.
#[derive(Debug)]
pub(crate) struct Receipts(Cache<EventKey, (Fingerprint, Timestamp)>);

impl Receipts {
    pub(crate) fn new() -> Self {
        Self(Cache::new(RECEIPTS_MAX))
    }

    /// Other facts under the same key are for the store to judge: the contradiction must be written down.
    pub(crate) fn recall(&self, key: &EventKey, fingerprints: &Fingerprints) -> Option<Receipt> {
        let (fingerprint, processed_at) = self.0.find(key)?;
        fingerprints.contain(fingerprint.as_str()).then(|| Receipt { key: key.clone(), processed_at })
    }

    pub(crate) fn remember(&self, receipt: &Receipt, fingerprints: &Fingerprints) {
        self.0.keep(receipt.key.clone(), (fingerprints.current().clone(), receipt.processed_at));
    }
}

/// Owners by key. That a key is unknown is not remembered: it may be bound the next second, and its events must then count.
#[derive(Debug)]
pub(crate) struct Owners(Cache<CallerKey, (Owner, Timestamp)>);

impl Owners {
    pub(crate) fn new() -> Self {
        Self(Cache::new(OWNERS_MAX))
    }

    pub(crate) fn recall(&self, key: &CallerKey, now: Timestamp) -> Option<Owner> {
        let (owner, since) = self.0.find(key)?;
        (now.seconds_apart(since) < OWNER_SECONDS_MAX).then_some(owner)
    }

    pub(crate) fn remember(&self, key: &CallerKey, owner: &Owner, now: Timestamp) {
        self.0.keep(key.clone(), (owner.clone(), now));
    }
}
