//! The keys of owners as they are stored, and what changes them: their names, budgets and rates, and how they end.

use std::fmt;
use std::num::NonZeroU32;

use thiserror::Error;

use crate::{
    Budget, CallContext, CallerKey, CommitError, Draws, EventKey, KeyName, Ledger, LinePosition, Owner, ServiceKey,
    ServiceKeyHash, ServiceKeys, Timestamp, Word,
};

const CALLS_A_MINUTE_MAX: u32 = 60_000;

/// How many calls a key may make in a minute of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRate(NonZeroU32);

impl CallRate {
    pub fn a_minute(calls: u32) -> Result<Self, CallRateError> {
        NonZeroU32::new(calls).filter(|calls| calls.get() <= CALLS_A_MINUTE_MAX).map(Self).ok_or(CallRateError)
    }

    pub const fn calls_a_minute(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for CallRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a whole number from 1 to {CALLS_A_MINUTE_MAX}")]
pub struct CallRateError;

/// What its shop sets on the key of an owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeySettings {
    /// What a person calls it: a laptop, a job.
    pub name: Option<Word>,
    pub budget: Option<Budget>,
    pub rate: Option<CallRate>,
}

/// A key of an owner as it is stored, also after its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerKey {
    pub key: CallerKey,
    pub owner: Owner,
    pub settings: KeySettings,
    pub draws: Draws,
    pub since: Timestamp,
    /// In the future for a key that was rotated and still works.
    pub revoked_at: Option<Timestamp>,
}

/// A change of an owner's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyChange {
    /// Binds the key, for good or until then. A key never changes hands, and one of the same owner keeps what is not set here.
    Make { key: CallerKey, owner: Owner, settings: KeySettings, until: Option<Timestamp> },
    /// Stale unless the key is the owner's, live, and its settings are as they were read.
    Set { key: CallerKey, owner: Owner, from: KeySettings, to: KeySettings },
    /// The key works until then. Stale if its end is set before.
    End { key: CallerKey, owner: Owner, at: Timestamp },
    /// Removes the name, also of a key that is revoked. A person may be in it.
    Unname { key: CallerKey, owner: Owner },
}

impl KeyChange {
    pub const fn key(&self) -> &CallerKey {
        match self {
            Self::Make { key, .. } | Self::Set { key, .. } | Self::End { key, .. } | Self::Unname { key, .. } => key,
        }
    }
}

/// The public id of a key: the kind, and its hash or the gateway's own id. It tells nothing about the secret, and begins
/// with the short id of the command line.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyId {
    Owner(CallerKey),
    Service(ServiceKeyHash),
}

impl KeyId {
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(hash) = text.strip_prefix("service-") {
            return ServiceKeyHash::of_row(&format!("service_key#{hash}")).map(Self::Service);
        }
        match CallerKey::of_short_id(text)? {
            KeyName::Key(key) => Some(Self::Owner(key)),
            KeyName::OfOwner(_) => None,
        }
    }

    /// From the id of its row.
    pub fn of_row(id: &str) -> Option<Self> {
        CallerKey::of_row(id).map(Self::Owner).or_else(|| ServiceKeyHash::of_row(id).map(Self::Service))
    }

    /// The id of its row.
    pub fn row(&self) -> String {
        match self {
            Self::Owner(key) => key.to_string(),
            Self::Service(hash) => hash.to_string(),
        }
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(CallerKey::ApiHash(hash)) => write!(f, "api-{hash}"),
            Self::Owner(CallerKey::Remote(id)) => write!(f, "gateway-{id}"),
            Self::Service(hash) => write!(f, "service-{}", hash.as_str()),
        }
    }
}

/// A key of either kind as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredKey {
    Owner(OwnerKey),
    Service(ServiceKey),
}

impl StoredKey {
    pub fn id(&self) -> KeyId {
        match self {
            Self::Owner(key) => KeyId::Owner(key.key.clone()),
            Self::Service(key) => KeyId::Service(key.hash.clone()),
        }
    }

    pub const fn since(&self) -> Timestamp {
        match self {
            Self::Owner(key) => key.since,
            Self::Service(key) => key.since,
        }
    }

    /// In the future for a key that was rotated and still works.
    pub const fn revoked_at(&self) -> Option<Timestamp> {
        match self {
            Self::Owner(key) => key.revoked_at,
            Self::Service(key) => key.revoked_at,
        }
    }
}

/// Which keys, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyQuery {
    /// `None`: the service keys.
    pub owner: Option<Owner>,
    /// Younger keys than the one at this place, which the page before ended with.
    pub after: Option<LinePosition>,
    pub keys_max: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPage {
    pub keys: Vec<StoredKey>,
    /// Where the next page begins, if there may be one.
    pub next: Option<LinePosition>,
}

/// The port to keys as they are stored, beside the ledger's.
pub trait Keys: Ledger + ServiceKeys {
    /// The key as it is now, live or not.
    fn key_as_stored(
        &self,
        id: &KeyId,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<StoredKey>, CommitError>> + Send;

    /// One that was made in the last seconds may be missing, since the index may lag.
    fn key_page(
        &self,
        query: &KeyQuery,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<KeyPage, CommitError>> + Send;

    /// The facts of a booked change, by name: a repeat learns from them what the first request has made. None if no such
    /// change is booked.
    fn facts_of(
        &self,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<(String, String)>, CommitError>> + Send;
}
