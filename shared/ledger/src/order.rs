//! Orders: terms that are fixed at creation, the state of payment and fulfilment, and order-number generation.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::{
    Accepted, Amount, Anomalies, Commission, Fulfilment, Grant, Line, Money, Owner, PaymentReversals, Period, Referral,
    ReferralState, Timestamp, TopUpCall, Transfer,
};

/// WeChat Pay's limit for a merchant's order number; the other providers allow more.
const NUMBER_CHARS_MAX: usize = 32;
/// The longest payment id of any provider.
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

    /// From random bits, for a request without an idempotency key.
    pub fn from_random(bits: u128) -> Self {
        Self(format!("{PREFIX}{}", base32(bits)))
    }

    /// Derived from the owner and the idempotency key, so that a repeated request names the same order.
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

/// Recognizable when a person reads it out on the phone.
const PREFIX: &str = "HL";

/// Crockford's base 32, without letters that look like digits.
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

/// The payment provider. An order created for one provider cannot be paid through another.
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

/// A provider's own id of an object: a payment, a session, a subscription.
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

/// `stripe#pi_1`; an order number contains no `#`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.provider.as_str(), self.id)
    }
}

/// Leads to an order. It is a row of its own, because an index may lag behind the webhook.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pointer {
    /// A provider's id of a payment, a session or a subscription. This pointer never moves.
    Provider(Reference),
    /// A payment that paid an invoice: leads to the order as [`Self::Provider`] does, under the same key, and names the
    /// invoice.
    Invoiced { payment: Reference, invoice: Reference },
    /// The order that this owner is about to pay for this product. The next order replaces it.
    Pending { owner: Owner, product: String },
    /// The first paid order of an owner that has a referral. This pointer never moves.
    FirstPurchase { owner: Owner },
    /// The order on whose page this owner may have started a subscription to this product. The next page replaces it.
    Subscription { owner: Owner, product: String },
}

impl Pointer {
    /// The invoice that the payment paid, if the pointer names one.
    pub fn invoice(&self) -> Option<Reference> {
        match self {
            Self::Invoiced { invoice, .. } => Some(invoice.clone()),
            Self::Provider(_) | Self::Pending { .. } | Self::FirstPurchase { .. } | Self::Subscription { .. } => None,
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(reference) | Self::Invoiced { payment: reference, .. } => write!(f, "{reference}"),
            Self::Pending { owner, product } => write!(f, "pending#{owner}#{product}"),
            Self::FirstPurchase { owner } => write!(f, "first_purchase#{owner}"),
            Self::Subscription { owner, product } => write!(f, "subscription#{owner}#{product}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    pub number: OrderNumber,
    pub owner: Owner,
    /// The number of writes, for optimistic locking: a write succeeds only over the version that was read.
    pub version: u64,
    pub created_at: Timestamp,
    pub terms: Terms,
    pub payment: PaymentState,
    pub paid: Option<Paid>,
    /// Refunds and disputes, by the payment's id. Those of a payment that did not pay this order take nothing back.
    pub claims: BTreeMap<String, PaymentReversals>,
    /// The refused payments that a person has booked, by the payment's id.
    pub accepted: BTreeMap<String, Accepted>,
    /// The invoice that paid the subscription's first period, and with it the order.
    pub first_invoice: Option<Reference>,
    /// The corrected periods of the subscription, by the invoice's id. A period without a refund or dispute keeps its
    /// full posting and has no entry: so the row grows with claims and not with time.
    pub periods: BTreeMap<String, Period>,
    /// The credits currently granted: the postings of the payment less the clawbacks.
    pub posted: Amount,
    /// The number of postings, the first of each line excepted: it numbers the key of the next correction.
    pub postings: u64,
    pub fulfilment: Fulfilment,
    /// The amounts currently delivered on each line that fulfilment posts.
    pub delivered: BTreeMap<Line, Amount>,
    /// Whether it gives the credits of its referral.
    pub referral: ReferralState,
    /// The on-chain transfer of its tokens, if there is one.
    pub transfer: Option<Transfer>,
    /// The single call to an operator that the order allows.
    pub top_up_call: Option<TopUpCall>,
    pub anomalies: Anomalies,
    pub session: Option<Session>,
}

/// Fixed when the order is created, whatever the catalog says later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub provider: Provider,
    pub product: String,
    pub quantity: u64,
    /// The exact amount to pay.
    pub price: Money,
    /// Set if the catalog's price is in another currency.
    pub exchange: Option<Exchange>,
    pub grants: Vec<Grant>,
    /// The referrers who earn a commission, the nearest first.
    pub commissions: Vec<Commission>,
    /// Set if the buyer was referred, and the product gives credits for their first purchase.
    pub referral: Option<Referral>,
    /// The site that sold it, for shops with several.
    pub site: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub price: Money,
    /// How many units of the paid currency one unit of the catalog's currency is, as the catalog writes it.
    pub rate: String,
}

/// Ordered by which state replaces which: a late failure never undoes a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PaymentState {
    Unpaid,
    Failed,
    Canceled,
    Expired,
    Paid,
    PartlyRefunded,
    Refunded,
    /// The buyer's bank decided a dispute for the buyer, over the payment or a part of it.
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

    /// A payment may still arrive: a buyer retries after a decline, or pays at the last second.
    pub const fn is_payable(self) -> bool {
        matches!(self, Self::Unpaid | Self::Failed | Self::Canceled | Self::Expired)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    pub by: Reference,
    pub at: Timestamp,
}

/// The provider's page on which the buyer pays.
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
            referral: ReferralState::Open,
            transfer: None,
            top_up_call: None,
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
