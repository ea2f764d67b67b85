//! An order: what was bought, at terms that are fixed when it is made, and how far its payment and its delivery have come.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::{
    Accepted, Amount, Anomalies, Claims, Commission, Fulfilment, Grant, Line, Money, Owner, Period, Recharge,
    Timestamp, Transfer,
};

/// What WeChat Pay allows as a merchant's order number; the other providers allow more.
const NUMBER_CHARS_MAX: usize = 32;
/// The longest id that any provider gives a payment.
const REFERENCE_CHARS_MAX: usize = 128;
const DIGEST_BYTES: usize = 16;

/// The name of an order, here and at its provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrderNumber(String);

impl OrderNumber {
    pub fn new(text: &str) -> Result<Self, OrderNumberError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if text.is_empty() || text.len() > NUMBER_CHARS_MAX || !text.bytes().all(allowed) {
            return Err(OrderNumberError);
        }
        Ok(Self(text.to_owned()))
    }

    /// From dice, where the caller named nothing.
    pub fn from_random(bits: u128) -> Self {
        Self(format!("{PREFIX}{}", base32(bits)))
    }

    /// The same for the same owner and idempotency key: whoever asks again is led to the same order.
    pub fn from_key(owner: &Owner, key: &str) -> Self {
        use sha2::Digest as _;
        let mut hash = sha2::Sha256::new();
        hash.update(owner.as_str());
        hash.update(b"#");
        hash.update(key);
        let digest = hash.finalize();
        let bits = digest.iter().take(DIGEST_BYTES).fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        Self(format!("{PREFIX}{}", base32(bits)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// People read it on the telephone, and see from it what it is.
const PREFIX: &str = "HL";

/// Crockford's alphabet: no letter that looks like a digit.
fn base32(bits: u128) -> String {
    const ALPHABET: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'M', 'N',
        'P', 'Q', 'R', 'S', 'T', 'V', 'W', 'X', 'Y', 'Z',
    ];
    let digit = |place: u32| {
        let index = usize::try_from(bits.checked_shr(place.saturating_mul(5)).unwrap_or_default() & 0x1f);
        index.ok().and_then(|index| ALPHABET.get(index)).copied()
    };
    (0..26).rev().filter_map(digit).collect()
}

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who takes the money. An order made for one can never be paid by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Provider {
    Stripe,
    Wechat,
    Epay,
}

impl Provider {
    pub const ALL: [Self; 3] = [Self::Stripe, Self::Wechat, Self::Epay];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Wechat => "wechat",
            Self::Epay => "epay",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.as_str() == name)
    }
}

/// A provider's own id of something: a payment, a session, a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    provider: Provider,
    id: String,
}

impl Reference {
    pub fn new(provider: Provider, id: &str) -> Result<Self, ReferenceError> {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'#';
        if id.is_empty() || id.len() > REFERENCE_CHARS_MAX || !id.bytes().all(allowed) {
            return Err(ReferenceError);
        }
        Ok(Self { provider, id: id.to_owned() })
    }

    pub fn provider(&self) -> Provider {
        self.provider
    }

    pub fn id(&self) -> &str {
        &self.id
    }
}

/// `stripe#pi_1`; an order's number holds no `#`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.provider.as_str(), self.id)
    }
}

/// What leads to an order: a row of its own, since an index may lag behind the webhook.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pointer {
    /// Stands for ever.
    Provider(Reference),
    /// Of a payment that paid an invoice: leads to the order as [`Self::Provider`] does, under the same key, and says which invoice.
    Invoiced { payment: Reference, invoice: Reference },
    /// The order that this owner is about to pay for, of this product: moves on to the next one.
    Pending { owner: Owner, product: String },
    /// The order on whose page this owner may have begun a subscription to this product: moves on when another page is opened.
    Subscription { owner: Owner, product: String },
}

impl Pointer {
    /// What it says of an invoice, where it says anything.
    pub fn invoice(&self) -> Option<Reference> {
        match self {
            Self::Invoiced { invoice, .. } => Some(invoice.clone()),
            Self::Provider(_) | Self::Pending { .. } | Self::Subscription { .. } => None,
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(reference) | Self::Invoiced { payment: reference, .. } => write!(f, "{reference}"),
            Self::Pending { owner, product } => write!(f, "pending#{owner}#{product}"),
            Self::Subscription { owner, product } => write!(f, "subscription#{owner}#{product}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub number: OrderNumber,
    pub owner: Owner,
    /// How often it has been written; nothing is written over a version that was not read.
    pub version: u64,
    pub created_at: Timestamp,
    pub terms: Terms,
    pub payment: PaymentState,
    pub paid: Option<Paid>,
    /// What was claimed back, by the id of the payment: of one that did not pay this order it takes nothing.
    pub claims: BTreeMap<String, Claims>,
    /// The refused payments that a person has booked, by the id of the payment.
    pub accepted: BTreeMap<String, Accepted>,
    /// Which invoice paid the first period of the subscription that this order began, and with it the order.
    pub first_invoice: Option<Reference>,
    /// What stands of the periods that something was claimed back of, by the id of the invoice. Of all others what was posted stands:
    /// so the row grows with claims, and not with time.
    pub periods: BTreeMap<String, Period>,
    /// The credits that stand: posted for the payment, less what was taken back.
    pub posted: Amount,
    /// How many postings have been made for it, but for the first of each line: each correction has a key of its own.
    pub postings: u64,
    pub fulfilment: Fulfilment,
    /// What stands of everything else that is posted for it.
    pub delivered: BTreeMap<Line, Amount>,
    /// How its tokens leave the books, where they do.
    pub transfer: Option<Transfer>,
    /// The one call to an operator that it allows.
    pub recharge: Option<Recharge>,
    pub anomalies: Anomalies,
    pub session: Option<Session>,
}

/// Fixed when the order is made, whatever the catalog says later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub provider: Provider,
    pub product: String,
    pub quantity: u64,
    /// What is to be paid, to the unit.
    pub price: Money,
    /// Where the catalog's price is in another currency.
    pub exchange: Option<Exchange>,
    pub grants: Vec<Grant>,
    /// Who earns by it, the nearest first.
    pub commissions: Vec<Commission>,
    /// Where it was sold, for shops with several sites.
    pub site: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub price: Money,
    /// How many whole units of the price's currency one of that one was, as the catalog wrote it.
    pub rate: String,
}

/// In the order in which one replaces the other: a late failure never undoes a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaymentState {
    Unpaid,
    Failed,
    Canceled,
    Expired,
    Paid,
    PartlyRefunded,
    Refunded,
    /// The buyer's bank has decided that the buyer gets the payment back, or a part of it.
    DisputedLost,
}

impl PaymentState {
    pub const ALL: [Self; 8] = [
        Self::Unpaid,
        Self::Failed,
        Self::Canceled,
        Self::Expired,
        Self::Paid,
        Self::PartlyRefunded,
        Self::Refunded,
        Self::DisputedLost,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unpaid => "unpaid",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Paid => "paid",
            Self::PartlyRefunded => "partly_refunded",
            Self::Refunded => "refunded",
            Self::DisputedLost => "disputed_lost",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Declined and then paid, or paid at the last second: all of these may still be.
    pub const fn is_payable(self) -> bool {
        matches!(self, Self::Unpaid | Self::Failed | Self::Canceled | Self::Expired)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    pub by: Reference,
    pub at: Timestamp,
}

/// The provider's page on which this order is paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: String,
    pub url: String,
}

impl Order {
    pub fn new(number: OrderNumber, owner: Owner, terms: Terms, now: Timestamp) -> Self {
        Self {
            number,
            owner,
            version: 0,
            created_at: now,
            terms,
            payment: PaymentState::Unpaid,
            paid: None,
            claims: BTreeMap::new(),
            accepted: BTreeMap::new(),
            first_invoice: None,
            periods: BTreeMap::new(),
            posted: Amount::ZERO,
            postings: 0,
            fulfilment: Fulfilment::None,
            delivered: BTreeMap::new(),
            transfer: None,
            recharge: None,
            anomalies: Anomalies::default(),
            session: None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an order number is 1 to {NUMBER_CHARS_MAX} letters, digits or - _")]
pub struct OrderNumberError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {REFERENCE_CHARS_MAX} visible ASCII characters without #")]
pub struct ReferenceError;
