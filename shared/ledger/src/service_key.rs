//! Service keys: the keys with which a shop's own server calls the API for any owner, within scopes. The books have a
//! key's hash and not its text.

use std::collections::BTreeSet;
use std::fmt;

use sha2::Digest as _;
use thiserror::Error;

use crate::{CallContext, CallRate, CommitError, EventKey, Timestamp, Word};

const HASH_CHARS: usize = 64;
/// As for the keys of owners: 48 bits.
const SHORT_HASH_CHARS: usize = 12;

/// What a service key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Reads accounts, statements, holds and orders.
    Read,
    /// Gives credits: grants, reversals, redemptions.
    Grant,
    /// Takes credits: debits, transfers, holds.
    Spend,
    /// Makes orders and their payments.
    Orders,
    /// Makes, sets, rotates and revokes the keys of owners and gateways.
    Keys,
    /// All of it, service keys, and what concerns a person's data.
    Admin,
}

impl Scope {
    pub const ALL: [Self; 6] = [Self::Read, Self::Grant, Self::Spend, Self::Orders, Self::Keys, Self::Admin];

    /// The word for it in rows, commands and errors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Grant => "grant",
            Self::Spend => "spend",
            Self::Orders => "orders",
            Self::Keys => "keys",
            Self::Admin => "admin",
        }
    }

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

/// At least one scope: a key without any does nothing, which is a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// From words between commas: `read,spend`.
    pub fn parse(text: &str) -> Result<Self, ScopesError> {
        Self::of(text.split(',').map(str::trim))
    }

    /// From these words, at least one.
    pub fn of<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, ScopesError> {
        let scopes: BTreeSet<Scope> =
            words.into_iter().map(|word| Scope::named(word).ok_or(ScopesError)).collect::<Result<_, _>>()?;
        if scopes.is_empty() { Err(ScopesError) } else { Ok(Self(scopes)) }
    }

    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope) || self.0.contains(&Scope::Admin)
    }

    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|scope| scope.as_str())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(","))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be words between commas, of read, grant, spend, orders, keys and admin")]
pub struct ScopesError;

/// The SHA-256 of a key, in lower-case hexadecimal: its 256 random bits need no slower hash.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceKeyHash(String);

impl ServiceKeyHash {
    pub fn of(secret: &str) -> Self {
        Self(crate::fingerprint::hex(&sha2::Sha256::digest(secret.as_bytes())))
    }

    /// From the id of its row.
    pub fn of_row(id: &str) -> Option<Self> {
        let hash = id.strip_prefix("service_key#")?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (hash.len() == HASH_CHARS && hash.bytes().all(is_digit)).then(|| Self(hash.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A displayable id, which tells nothing about the key.
    pub fn short_id(&self) -> String {
        format!("service-{}", self.0.get(..SHORT_HASH_CHARS).unwrap_or(&self.0))
    }
}

/// The id of its row. No account's id contains a `#`.
impl fmt::Display for ServiceKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service_key#{}", self.0)
    }
}

/// A service key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceKey {
    pub hash: ServiceKeyHash,
    /// What a person calls it: the shop's server, a job.
    pub name: Word,
    pub scopes: Scopes,
    /// The change that made it, which has its author and reason.
    pub made_by: EventKey,
    pub since: Timestamp,
    /// In the future for a key that was rotated and still works.
    pub revoked_at: Option<Timestamp>,
    pub rate: Option<CallRate>,
}

impl ServiceKey {
    /// How a service key begins, which tells it from an owner's key before any row is read. Secret scanners know it, too.
    pub const PREFIX: &str = "hs_";

    pub fn is_live(&self, at: Timestamp) -> bool {
        self.revoked_at.is_none_or(|revoked_at| at < revoked_at)
    }

    pub const fn settings(&self) -> ServiceKeySettings {
        ServiceKeySettings { name: self.name, rate: self.rate }
    }
}

/// What may change on a service key. Its scopes never do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceKeySettings {
    pub name: Word,
    pub rate: Option<CallRate>,
}

/// A change of a service key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceKeyChange {
    /// Stale if the key exists.
    Make(Box<ServiceKey>),
    /// Stale if there is none, or it is revoked. The row stays, so that no key is made twice.
    Revoke(ServiceKeyHash),
    /// Stale unless it is live and its settings are as they were read.
    Set { hash: ServiceKeyHash, from: ServiceKeySettings, to: ServiceKeySettings },
    /// The key works until then. Stale if its end is set before.
    End { hash: ServiceKeyHash, at: Timestamp },
}

impl ServiceKeyChange {
    pub fn hash(&self) -> &ServiceKeyHash {
        match self {
            Self::Make(key) => &key.hash,
            Self::Revoke(hash) | Self::Set { hash, .. } | Self::End { hash, .. } => hash,
        }
    }
}

/// The port to service keys, beside the ledger's.
pub trait ServiceKeys: Send + Sync {
    /// The live key with this hash, at most a minute old.
    fn service_key(
        &self,
        hash: &ServiceKeyHash,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<ServiceKey>, CommitError>> + Send;

    /// All of them with the revoked ones, the oldest first. One that was made in the last seconds may be missing, since
    /// the index may lag.
    fn service_keys(
        &self,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<ServiceKey>, CommitError>> + Send;
}
