//! Redeem codes: a code gives credits, so many times, and each owner once. The books have its hash and not its text.

use std::fmt;

use thiserror::Error;

use crate::{
    Amount, Asset, CallContext, CommitError, Decision, Effect, Entry, EventKey, Fact, Fingerprint, GrantTerms, Guard,
    House, JournalHeader, Ledger, LinePosition, LotShare, MoneyKey, Movement, Owner, Posting, Receipt, Timestamp, Word,
    Writer,
};

/// The store's limit is 100 rows in one transaction: either all codes of a change exist or none.
pub const CODES_MAX: u32 = 90;
pub const CODE_USES_MAX: u32 = 1_000_000;
/// A code that lasts longer is a mistyped year.
const AHEAD_SECONDS_MAX: u64 = 10 * 366 * 24 * 60 * 60;

/// Digits and letters without I, L, O and U, so that no two look alike. Each has five bits.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const BITS_EACH: u32 = 5;
/// Eighty bits.
const CHARS: usize = 16;
const GROUP: usize = 4;
/// 128 bits of the HMAC.
const HASH_CHARS: usize = 32;
const SHORT_HASH_CHARS: usize = 12;
/// An owner who mistypes a code corrects it within this. Eighty bits need no smaller number.
const WRONG_CODES_MAX: u32 = 10;
const HOUR_SECONDS: i64 = 60 * 60;

/// The text of a code, in one spelling. The text is worth its credits, so `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeText(String);

impl CodeText {
    /// The lowest eighty bits.
    pub fn from_random(bits: u128) -> Self {
        let letter = |place: u32| {
            let digit = bits.checked_shr(place.saturating_mul(BITS_EACH)).unwrap_or_default() & 31;
            usize::try_from(digit).ok().and_then(|digit| ALPHABET.get(digit)).copied().map(char::from)
        };
        let places = u32::try_from(CHARS).unwrap_or_default();
        Self((0..places).rev().filter_map(letter).collect())
    }

    /// Reads what a person types: in either case, with hyphens or spaces, and with the letters that are not in the
    /// alphabet for the digits that they look like. `None` if no code can be this.
    pub fn parse(text: &str) -> Option<Self> {
        let mut code = String::with_capacity(CHARS);
        for byte in text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')) {
            let letter = match byte.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                letter => letter,
            };
            if !ALPHABET.contains(&letter) || code.len() >= CHARS {
                return None;
            }
            code.push(char::from(letter));
        }
        (code.len() == CHARS).then_some(Self(code))
    }

    /// The one spelling, which is hashed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As it is printed for a person: `0123-4567-89AB-CDEF`.
    pub fn printed(&self) -> String {
        let groups = self.0.as_bytes().chunks(GROUP).map(|group| String::from_utf8_lossy(group));
        groups.collect::<Vec<_>>().join("-")
    }
}

impl fmt::Debug for CodeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeText(redacted)")
    }
}

/// The hash under which a code is stored: the start of an HMAC in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeHash(String);

impl CodeHash {
    pub fn new(hex: &str) -> Result<Self, CodeHashError> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let hash = hex.get(..HASH_CHARS).filter(|hash| hash.bytes().all(is_digit)).ok_or(CodeHashError)?;
        Ok(Self(hash.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its name for people. It tells nothing about the code.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT_HASH_CHARS).unwrap_or_default()
    }
}

impl fmt::Display for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must have at least {HASH_CHARS} lower-case hexadecimal digits")]
pub struct CodeHashError;

/// How often one owner may redeem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OncePer {
    Code,
    Campaign,
}

impl OncePer {
    pub const ALL: [Self; 2] = [Self::Code, Self::Campaign];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Campaign => "campaign",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|once_per| once_per.as_str() == name)
    }
}

/// A code as the books have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    pub hash: CodeHash,
    pub campaign: Word,
    /// What one use gives.
    pub credits: Amount,
    pub uses: u32,
    pub uses_left: u32,
    pub once_per: OncePer,
    /// The terms on which they expire, from the redemption on; `None` never.
    pub terms: Option<GrantTerms>,
    /// From then on it is not accepted.
    pub until: Option<Timestamp>,
    pub made_by: EventKey,
    pub revoked_at: Option<Timestamp>,
}

impl Code {
    /// Whether a code that is made now may end then.
    pub fn may_end(until: Timestamp, now: Timestamp) -> bool {
        until > now && until.seconds_apart(now) <= AHEAD_SECONDS_MAX
    }

    pub fn is_redeemable(&self, at: Timestamp) -> bool {
        self.uses_left > 0 && self.revoked_at.is_none() && self.until.is_none_or(|until| at < until)
    }

    /// The receipt of this owner's redemption, which exists once.
    pub fn receipt(&self, owner: &Owner) -> EventKey {
        EventKey::of_row(&format!("{}#{owner}", self.receipts()))
    }

    /// The start of all its receipts, before the owner.
    pub(crate) fn receipts(&self) -> String {
        match self.once_per {
            OncePer::Code => format!("redeem#{}", self.hash),
            OncePer::Campaign => format!("redeem#campaign.{}", self.campaign),
        }
    }

    /// The credits and one use less. The fingerprint has the owner and the receipt alone: another code of a campaign that
    /// is redeemed once finds the first redemption, and a repeat on another day has the same one.
    pub fn redemption(&self, owner: &Owner, at: Timestamp) -> Decision {
        let receipt = self.receipt(owner);
        let fingerprints = Fingerprint::of(1, &[("receipt", receipt.as_str())]).into();
        let effects = vec![self.credit(owner, &receipt, at), Effect::Code(CodeChange::Redeem(self.hash.clone()))];
        let facts = vec![
            ("code", Fact::Text(self.hash.short().to_owned())),
            ("campaign", Fact::Text(self.campaign.to_string())),
        ];
        let header =
            JournalHeader { receipt, writer: Writer::Redeem, kind: "redeem", facts, fingerprints, order: None };
        Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
    }

    fn credit(&self, owner: &Owner, receipt: &EventKey, at: Timestamp) -> Effect {
        let posting = Posting::to_customer(owner.account(Asset::CREDITS), House::Promotions, self.credits);
        let lot = self.terms.map(|terms| LotShare { terms: terms.from(at), units: self.credits.units() });
        Effect::Move(Movement {
            key: MoneyKey::of_event(receipt),
            posting,
            guard: Guard::Always,
            reverses: None,
            lots: lot.into_iter().collect(),
        })
    }
}

/// How often a code can be redeemed, and how often still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeUses {
    pub uses: u32,
    pub left: u32,
}

/// A change of a code's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeChange {
    Make(Box<Code>),
    /// One use less, provided that one is left and the code is not revoked.
    Redeem(CodeHash),
    /// Provided that it is not revoked yet.
    Revoke(CodeHash),
    /// What a person has counted, provided that the uses are still as they were read.
    Repair {
        hash: CodeHash,
        from: CodeUses,
        to: CodeUses,
    },
}

impl CodeChange {
    pub fn hash(&self) -> &CodeHash {
        match self {
            Self::Make(code) => &code.hash,
            Self::Redeem(hash) | Self::Revoke(hash) | Self::Repair { hash, .. } => hash,
        }
    }
}

/// A page of the codes of a campaign.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CodePage {
    pub codes: Vec<Code>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<LinePosition>,
}

/// A campaign that has codes, and when its first ones were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Campaign {
    pub name: Word,
    pub since: Timestamp,
}

/// A page of the campaigns, the first one first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CampaignPage {
    pub campaigns: Vec<Campaign>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<LinePosition>,
}

/// How many wrong codes an owner has tried, by the hour of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WrongCodes {
    pub hour: i64,
    pub count: u32,
}

impl WrongCodes {
    pub fn hour_of(at: Timestamp) -> i64 {
        at.unix_s().div_euclid(HOUR_SECONDS)
    }

    /// Whether the owner has to wait for the next hour.
    pub fn are_too_many(self, at: Timestamp) -> bool {
        self.hour == Self::hour_of(at) && self.count >= WRONG_CODES_MAX
    }
}

/// The port of codes, beside the ledger's.
pub trait Codes: Ledger {
    /// The code with this hash, and the wrong codes of the owner, in one round trip.
    fn code(
        &self,
        hash: &CodeHash,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(Option<Code>, WrongCodes), CommitError>> + Send;

    /// The redemption with this receipt, if it is booked.
    fn redemption(
        &self,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<Receipt>, CommitError>> + Send;

    /// Counts a wrong code in the hour of the call. After a lost answer it may be counted twice.
    fn count_wrong_code(
        &self,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// The codes of a campaign. The index is eventually consistent.
    fn codes(
        &self,
        campaign: Word,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<Code>, CommitError>> + Send;

    /// A page of the campaigns in one round trip, from an index that may lag by some seconds.
    fn campaigns(
        &self,
        after: Option<&LinePosition>,
        campaigns_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<CampaignPage, CommitError>> + Send;

    /// A page of them as they are now, those made first before the others, in two round trips.
    fn code_page(
        &self,
        campaign: Word,
        after: Option<&LinePosition>,
        codes_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<CodePage, CommitError>> + Send;
}
