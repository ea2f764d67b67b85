//! In-memory caches of a warm process: receipts of booked events, keys, exchange rates, and what is paused.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};

use ledger::{
    BoundKey, Breaker, BreakerName, CallerKey, CurrencyPair, EventKey, Fingerprint, Fingerprints, KeyId, Pauses, Rates,
    Receipt, ServiceKey, ServiceKeyHash, Timestamp,
};
use lru::LruCache;

/// About 0.2 MB when full, and minutes of traffic: senders repeat an event within seconds.
const RECEIPTS_MAX: usize = 2_048;
const KEYS_MAX: usize = 1_024;
/// A key never changes its owner, so this limits how long a revoked key still works, and a former budget counts.
const KEY_SECONDS_MAX: u64 = 60;
/// A shop has a few.
const SERVICE_KEYS_MAX: usize = 64;
/// Upstreams times models.
const BREAKERS_MAX: usize = 256;
/// How long a sandbox goes on after another one has opened or closed a breaker.
const BREAKER_SECONDS_MAX: u64 = 5;
/// A catalog charges in few currencies.
const PAIRS_MAX: usize = 16;
/// How long a revoked rate, or one that was set over another, still prices orders.
const RATES_SECONDS_MAX: u64 = 60;
/// How soon a pause stops a busy process. Half a read unit each time is a fraction of what its events cost meanwhile.
const PAUSES_SECONDS_MAX: u64 = 10;

#[derive(Debug)]
struct Cache<K: Hash + Eq, V> {
    /// Grows as it is used. One of a fixed capacity takes its whole memory at the start, and most sandboxes see few events.
    entries: Mutex<LruCache<K, V>>,
    max: usize,
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    fn new(max: usize) -> Self {
        Self { entries: Mutex::new(LruCache::unbounded()), max }
    }

    fn find(&self, key: &K) -> Option<V> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn keep(&self, key: K, value: V) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.put(key, value);
        if entries.len() > self.max {
            entries.pop_lru();
        }
    }
}

/// When events were booked. A booking is permanent, so an entry never becomes invalid.
#[derive(Debug)]
pub(crate) struct Receipts {
    booked: Cache<Booked, Timestamp>,
    /// Its key is random in each process: no sender can find two events with one [`Booked`].
    hash: RandomState,
}

/// An event's key and fingerprint, as 128 bits of a keyed hash. With their texts an entry took four times the memory.
type Booked = [u64; 2];

impl Receipts {
    pub(crate) fn new() -> Self {
        Self { booked: Cache::new(RECEIPTS_MAX), hash: RandomState::new() }
    }

    /// `None` if the fingerprint differs: the store has to record the conflict.
    pub(crate) fn recall(&self, key: &EventKey, fingerprints: &Fingerprints) -> Option<Receipt> {
        let booked = |fingerprint| self.booked.find(&self.booked(key, fingerprint));
        let processed_at = fingerprints.all().find_map(booked)?;
        Some(Receipt { key: key.clone(), processed_at, is_over_budget: false })
    }

    pub(crate) fn remember(&self, receipt: &Receipt, fingerprints: &Fingerprints) {
        self.booked.keep(self.booked(&receipt.key, fingerprints.current()), receipt.processed_at);
    }

    fn booked(&self, key: &EventKey, fingerprint: &Fingerprint) -> Booked {
        [0_u8, 1].map(|half| self.hash.hash_one((half, key, fingerprint.as_str())))
    }
}

/// What the rows of keys say. An unknown key is not cached: it may be bound a second later, and its events must then
/// count.
#[derive(Debug)]
pub(crate) struct BoundKeys(Cache<CallerKey, (BoundKey, Timestamp)>);

impl BoundKeys {
    pub(crate) fn new() -> Self {
        Self(Cache::new(KEYS_MAX))
    }

    pub(crate) fn recall(&self, key: &CallerKey, now: Timestamp) -> Option<BoundKey> {
        let (bound, since) = self.0.find(key)?;
        (now.seconds_apart(since) < KEY_SECONDS_MAX).then_some(bound)
    }

    pub(crate) fn remember(&self, key: &CallerKey, bound: &BoundKey, now: Timestamp) {
        self.0.keep(key.clone(), (bound.clone(), now));
    }
}

/// Live service keys. Their scopes never change, so the time only limits how long a revoked one still works.
#[derive(Debug)]
pub(crate) struct LiveServiceKeys(Cache<ServiceKeyHash, (ServiceKey, Timestamp)>);

impl LiveServiceKeys {
    pub(crate) fn new() -> Self {
        Self(Cache::new(SERVICE_KEYS_MAX))
    }

    pub(crate) fn recall(&self, hash: &ServiceKeyHash, now: Timestamp) -> Option<ServiceKey> {
        let (key, since) = self.0.find(hash)?;
        (now.seconds_apart(since) < KEY_SECONDS_MAX).then_some(key)
    }

    pub(crate) fn remember(&self, key: &ServiceKey, now: Timestamp) {
        self.0.keep(key.hash.clone(), (key.clone(), now));
    }
}

/// The last day that this process has noted of each key's use.
#[derive(Debug)]
pub(crate) struct NotedDays(Cache<KeyId, String>);

impl NotedDays {
    pub(crate) fn new() -> Self {
        Self(Cache::new(KEYS_MAX))
    }

    /// Whether it is the first use of that day here.
    pub(crate) fn is_first(&self, key: &KeyId, day: &str) -> bool {
        let is_first = self.0.find(key).is_none_or(|noted| noted.as_str() < day);
        if is_first {
            self.0.keep(key.clone(), day.to_owned());
        }
        is_first
    }
}

/// What the rows of breakers say, or that there is none.
#[derive(Debug)]
pub(crate) struct KnownBreakers(Cache<BreakerName, (Breaker, Timestamp)>);

impl KnownBreakers {
    pub(crate) fn new() -> Self {
        Self(Cache::new(BREAKERS_MAX))
    }

    pub(crate) fn recall(&self, name: &BreakerName, now: Timestamp) -> Option<Breaker> {
        let (breaker, since) = self.0.find(name)?;
        (now.seconds_apart(since) < BREAKER_SECONDS_MAX).then_some(breaker)
    }

    pub(crate) fn remember(&self, name: &BreakerName, breaker: Breaker, now: Timestamp) {
        self.0.keep(name.clone(), (breaker, now));
    }
}

/// Exchange rates by pair. A pair without a rate in force is not cached: the rate that a person sets then acts at once.
#[derive(Debug)]
pub(crate) struct PairRates(Cache<CurrencyPair, (Rates, Timestamp)>);

impl PairRates {
    pub(crate) fn new() -> Self {
        Self(Cache::new(PAIRS_MAX))
    }

    pub(crate) fn recall(&self, pair: CurrencyPair, now: Timestamp) -> Option<Rates> {
        let (rates, since) = self.0.find(&pair)?;
        (now.seconds_apart(since) < RATES_SECONDS_MAX).then_some(rates)
    }

    pub(crate) fn remember(&self, rates: &Rates, now: Timestamp) {
        if rates.in_force(now).is_some() {
            self.0.keep(rates.pair, (rates.clone(), now));
        }
    }
}

/// What this process knows, and since when.
#[derive(Debug)]
pub(crate) struct KnownPauses {
    known: Mutex<Known>,
    seconds_max: u64,
}

#[derive(Debug, Default)]
struct Known {
    /// `None` until the row was read.
    pauses: Option<Pauses>,
    /// When it was last read or tried. `None` during init, which has no event and so no time.
    tried_at: Option<Timestamp>,
}

impl KnownPauses {
    /// For what goes on by itself.
    pub(crate) fn of_some_seconds() -> Self {
        Self { known: Mutex::default(), seconds_max: PAUSES_SECONDS_MAX }
    }

    /// For a person who looks at them.
    pub(crate) fn of_now() -> Self {
        Self { known: Mutex::default(), seconds_max: 0 }
    }

    /// What is known, and whether this event is the one beside which it is to be read again.
    pub(crate) fn recall(&self, now: Timestamp) -> (Option<Pauses>, bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = match known.tried_at {
            Some(at) => now.seconds_apart(at) >= self.seconds_max,
            // The first event follows init at once.
            None => known.pauses.is_none(),
        };
        if is_old || known.tried_at.is_none() {
            known.tried_at = Some(now);
        }
        (known.pauses.clone(), is_old)
    }

    pub(crate) fn known(&self) -> Option<Pauses> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).pauses.clone()
    }

    pub(crate) fn remember(&self, pauses: Pauses) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).pauses = Some(pauses);
    }
}

#[cfg(test)]
mod tests {
    use ledger::Source;

    use super::*;

    #[test]
    fn booked_event_is_recalled_by_its_key_and_any_of_its_fingerprints() {
        let fingerprint = |text: &str| Fingerprint::of(1, &[("body", text)]);
        let key = |id: &str| EventKey::new(Source::Usage, id).expect("a key");
        let receipts = Receipts::new();
        let receipt = Receipt { key: key("e1"), processed_at: Timestamp::EPOCH, is_over_budget: false };
        receipts.remember(&receipt, &fingerprint("a").into());
        let newer = Fingerprints::new(fingerprint("b"), vec![fingerprint("a")]);
        for (key, fingerprints, expected) in [
            (key("e1"), fingerprint("a").into(), Some(&receipt)),
            (key("e1"), newer, Some(&receipt)),
            (key("e1"), fingerprint("b").into(), None),
            (key("e2"), fingerprint("a").into(), None),
        ] {
            assert_eq!(receipts.recall(&key, &fingerprints).as_ref(), expected, "{key:?} {fingerprints:?}");
        }
    }

    #[test]
    fn full_cache_forgets_what_was_not_used_for_longest() {
        let cache = Cache::new(2);
        cache.keep(1, "a");
        cache.keep(2, "b");
        cache.keep(2, "c");
        assert_eq!(cache.find(&1), Some("a"));
        cache.keep(3, "d");
        assert_eq!([1, 2, 3].map(|key| cache.find(&key)), [Some("a"), None, Some("d")]);
    }
}
