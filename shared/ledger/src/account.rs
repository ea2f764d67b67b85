//! Owners, their accounts, the house's side of a posting, and the keys by which callers identify an owner.

use std::fmt;

use thiserror::Error;

use crate::Asset;

/// With the other bounds of this crate it keeps a usage row within 1 KB, the unit that DynamoDB bills a write by.
const OWNER_CHARS_MAX: usize = 64;
const CALLER_KEY_CHARS_MAX: usize = 64;
/// 48 bits: for an owner with a thousand keys, two are alike once in five hundred million.
const SHORT_HASH_CHARS: usize = 12;
/// Of a SHA-256 in hexadecimal.
const HASH_CHARS: usize = 64;

/// How a short id begins.
const GATEWAY: &str = "gateway-";
const API: &str = "api-";
const BUDGET: &str = "budget#";

/// A customer. Account ids contain the name, so it may not contain their separator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Owner(String);

impl Owner {
    pub fn new(name: &str) -> Result<Self, AccountIdError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@');
        if name.is_empty() || name.len() > OWNER_CHARS_MAX || !name.bytes().all(allowed) {
            return Err(AccountIdError);
        }
        Ok(Self(name.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn account(&self, asset: Asset) -> AccountId {
        AccountId { owner: self.clone(), asset }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A customer's account: `alice/credits`. It has a stored balance.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId {
    owner: Owner,
    asset: Asset,
}

impl AccountId {
    /// From its text. `None` for a token, whose scale only the catalog has.
    pub fn read(text: &str) -> Option<Self> {
        let (owner, asset) = text.split_once('/')?;
        Some(Owner::new(owner).ok()?.account(Asset::named(asset)?))
    }

    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    pub fn asset(&self) -> Asset {
        self.asset
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.asset)
    }
}

/// The house's side of a posting. It has no stored balance, because every write would contend for that row; its balance
/// is the sum of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum House {
    /// Usage: credits that customers have spent.
    Usage,
    /// Manual adjustments.
    Manual,
    /// Sales: credits, tokens, access to reports.
    Revenue,
    /// The part of the revenue that goes to referrers.
    Commissions,
    /// Credits that are given away: redeem codes, referrals.
    Promotions,
    /// Tokens that were sent to a wallet on chain.
    OnChain,
    /// Credits that expired before they were spent.
    Breakage,
    /// What one account gives to another passes through it, so it adds up to nothing.
    Transfers,
}

impl House {
    /// Before the slash. No owner of this name takes part in a transfer.
    pub const NAME: &str = "house";

    pub const ALL: [Self; 8] = [
        Self::Usage,
        Self::Manual,
        Self::Revenue,
        Self::Commissions,
        Self::Promotions,
        Self::OnChain,
        Self::Breakage,
        Self::Transfers,
    ];

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|house| house.as_str() == name)
    }

    /// The other side of a line with this key, if its row does not say another.
    pub fn of_key(key: &str) -> Self {
        match key.split('#').next().unwrap_or_default() {
            "usage" | "reversed" => Self::Usage,
            "redeem" | "referral" => Self::Promotions,
            "payment" | "invoice" | "grant" | "reversal" => Self::Revenue,
            "commission" => Self::Commissions,
            "sent" => Self::OnChain,
            "expire" => Self::Breakage,
            "received" => Self::Transfers,
            _ => Self::Manual,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "house/usage",
            Self::Manual => "house/manual",
            Self::Revenue => "house/revenue",
            Self::Commissions => "house/commissions",
            Self::Promotions => "house/promotions",
            Self::OnChain => "house/on-chain",
            Self::Breakage => "house/breakage",
            Self::Transfers => "house/transfers",
        }
    }
}

/// The key by which a caller identifies an owner; a row of the accounts table maps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CallerKey {
    /// An LLM gateway's id of the API key that was used.
    Remote(String),
    /// The SHA-256, in hex, of one of our own API keys.
    ApiHash(String),
}

impl CallerKey {
    pub fn remote(id: &str) -> Result<Self, CallerKeyError> {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'#';
        if id.is_empty() || id.len() > CALLER_KEY_CHARS_MAX || !id.bytes().all(allowed) {
            return Err(CallerKeyError);
        }
        Ok(Self::Remote(id.to_owned()))
    }

    /// Only the hash is stored, so that a reader of the table cannot call the API.
    pub fn api(secret: &str) -> Self {
        use sha2::Digest as _;
        Self::ApiHash(crate::fingerprint::hex(&sha2::Sha256::digest(secret.as_bytes())))
    }

    /// From the id of its row.
    pub fn of_row(id: &str) -> Option<Self> {
        let (kind, name) = id.strip_prefix("key#")?.split_once('#')?;
        match kind {
            "remote" => Self::remote(name).ok(),
            "api" => Some(Self::ApiHash(name.to_owned())),
            _ => None,
        }
    }

    /// The id of the row of what it has spent. No account's name has a `#`.
    pub fn budget_id(&self) -> String {
        format!("{BUDGET}{self}")
    }

    pub fn of_budget_id(id: &str) -> Option<Self> {
        Self::of_row(id.strip_prefix(BUDGET)?)
    }

    /// The id, or the hash.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Remote(id) | Self::ApiHash(id) => id,
        }
    }

    /// From its displayable id: the short one of an API key has a part of its hash, and the whole one all of it.
    pub fn of_short_id(id: &str) -> Option<KeyName> {
        if let Some(name) = id.strip_prefix(GATEWAY) {
            return Self::remote(name).ok().map(KeyName::Key);
        }
        let hash = id.strip_prefix(API)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match hash.len() {
            _ if !hash.bytes().all(is_digit) => None,
            HASH_CHARS => Some(KeyName::Key(Self::ApiHash(hash.to_owned()))),
            SHORT_HASH_CHARS => Some(KeyName::OfOwner(id.to_owned())),
            _ => None,
        }
    }

    /// A displayable id without the secret: as much of an API key's hash as distinguishes the keys of one owner.
    pub fn short_id(&self) -> String {
        match self {
            Self::Remote(id) => format!("{GATEWAY}{id}"),
            Self::ApiHash(hash) => format!("{API}{}", hash.get(..SHORT_HASH_CHARS).unwrap_or(hash)),
        }
    }
}

/// What a short id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyName {
    /// The whole key.
    Key(CallerKey),
    /// One of an owner's keys: other owners may have another of this id.
    OfOwner(String),
}

/// The id of the row that maps the key. An owner's name contains no `#`, so no account id equals a key.
impl fmt::Display for CallerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(id) => write!(f, "key#remote#{id}"),
            Self::ApiHash(hash) => write!(f, "key#api#{hash}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an owner is 1 to {OWNER_CHARS_MAX} letters, digits or - _ . @")]
pub struct AccountIdError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {CALLER_KEY_CHARS_MAX} visible ASCII characters without #")]
pub struct CallerKeyError;
