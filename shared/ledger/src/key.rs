//! Journal keys: an [`EventKey`] identifies a webhook event, a [`MoneyKey`] identifies a movement of money (the
//! idempotency keys of this ledger). `#` separates the parts of a key, so no part may contain it.

use std::fmt;

use thiserror::Error;

use crate::{Fingerprint, Line, Order, OrderNumber, PaymentState, Reference, Source, Writer};

/// Long enough for the ids of every sender; with the other bounds it keeps a usage row within 1 KB.
const PART_CHARS_MAX: usize = 128;

/// Identifies an event in the journal: `usage#evt_1`, `stripe#evt_…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(String);

/// Identifies a movement of money by its business purpose instead of by the event that reported it: `usage#evt_1`,
/// `payment#stripe#pi_…`. Two events that report one payment therefore book it once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MoneyKey(String);

impl EventKey {
    /// `id` is the sender's, or that of a person's change.
    pub fn new(writer: impl Into<Writer>, id: &str) -> Result<Self, KeyError> {
        join(writer.into().as_str(), &[id]).map(Self)
    }

    /// The creation of an order: `order#HL…`.
    pub fn of_order(order: &OrderNumber) -> Self {
        Self(format!("order#{order}"))
    }

    /// A verified body that cannot be parsed has no id, so its SHA-256 takes that place.
    pub fn unparsed(source: Source, body: &[u8]) -> Self {
        Self(format!("unparsed#{}#{}", source.as_str(), digest(body)))
    }

    /// Where the body of several events is kept once. No event has this key, since no id contains a `#`.
    pub fn of_batch(source: Source, body: &[u8]) -> Self {
        Self(format!("{}#batch#{}", source.as_str(), digest(body)))
    }

    /// The result of querying the provider about `of`, without a webhook event: `query#stripe#pi_…`.
    pub fn query(of: &Reference) -> Self {
        Self(format!("query#{of}"))
    }

    /// The closing of an unpaid order: `expired#HL…`.
    pub fn of_closing(order: &OrderNumber, state: PaymentState) -> Self {
        Self(format!("{}#{order}", state.as_str()))
    }

    /// A step taken on the order at the version that was read: `claimed#HL….3`.
    pub fn of_step(kind: &'static str, order: &Order) -> Self {
        Self(format!("{kind}#{}.{}", order.number, order.version.saturating_add(1)))
    }

    /// Where an idempotency conflict is stored: the same key with different facts.
    #[must_use]
    pub fn conflicting(&self, with: &Fingerprint) -> Self {
        Self(format!("{}#conflict#{with}", self.0))
    }

    /// The receipt of an entry that no event reports. It is the entry's own row.
    pub fn of_money(key: &MoneyKey) -> Self {
        Self(key.0.clone())
    }

    /// From the id of a journal row, unchecked.
    pub fn of_row(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// Whether the key identifies an unparsed body instead of an event.
    pub fn is_of_unparsed(&self) -> bool {
        self.0.starts_with("unparsed#")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MoneyKey {
    pub fn new(what: &'static str, parts: &[&str]) -> Result<Self, KeyError> {
        join(what, parts).map(Self)
    }

    /// From the id of a journal row, unchecked.
    pub fn of_row(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// For an event that moves money once, and only its own, both keys name one row.
    pub fn of_event(event: &EventKey) -> Self {
        Self(event.0.clone())
    }

    /// Everything that a payment buys and the paying transaction posts.
    pub fn of_payment(by: &Reference) -> Self {
        Self(format!("payment#{by}"))
    }

    /// The n-th correction of what an order's payment bought.
    pub fn of_reversal(order: &OrderNumber, n: u64) -> Self {
        Self(format!("reversal#{order}#{n}"))
    }

    /// The n-th correction of an additional payment that a person accepted on an order that another payment pays.
    pub fn of_accepted_reversal(order: &OrderNumber, payment: &Reference, n: u64) -> Self {
        Self(format!("reversal#{order}#{}#{n}", payment.id()))
    }

    /// The n-th correction of what one period of a subscription bought. An order number never equals `invoice` here, so
    /// the keys cannot collide with [`Self::of_reversal`].
    pub fn of_period_reversal(invoice: &str, n: u64) -> Self {
        Self(format!("reversal#invoice#{invoice}#{n}"))
    }

    /// A line of an order: `grant#HL…#1`, `commission#HL…#2`, `referral#HL…#1`.
    pub fn of_line(order: &OrderNumber, line: Line) -> Self {
        match line {
            Line::Grant(n) => Self(format!("grant#{order}#{n}")),
            Line::Commission(level) => Self(format!("commission#{order}#{level}")),
            Line::Referral(n) => Self(format!("referral#{order}#{n}")),
        }
    }

    /// The on-chain withdrawal of the tokens of an order's n-th grant: `sent#HL…#1`.
    pub fn of_sent(order: &OrderNumber, grant: u8) -> Self {
        Self(format!("sent#{order}#{grant}"))
    }

    /// Reads back a key of [`Self::of_line`]; `None` for any other key.
    pub fn read_line(text: &str) -> Option<(OrderNumber, Line)> {
        let (kind, rest) = text.split_once('#')?;
        let (order, n) = rest.split_once('#')?;
        Some((OrderNumber::new(order).ok()?, Line::read(&format!("{kind}#{n}"))?))
    }

    /// What expires, or comes back from breakage, with the change of an account's lots after this version:
    /// `expire#alice/credits.7`.
    pub fn of_expiry(account: &str, version: u64) -> Self {
        Self(format!("expire#{account}.{version}"))
    }

    /// What the other account gets of a transfer: `received#manual#…`.
    pub fn of_received(sent: &Self) -> Self {
        Self(format!("received#{sent}"))
    }

    /// One period of a subscription.
    pub fn of_invoice(invoice: &Reference) -> Self {
        Self(format!("invoice#{}", invoice.id()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn digest(body: &[u8]) -> String {
    use sha2::Digest as _;
    crate::fingerprint::hex(&sha2::Sha256::digest(body))
}

fn join(head: &str, parts: &[&str]) -> Result<String, KeyError> {
    let mut key = head.to_owned();
    for part in parts {
        let allowed = |b: u8| b.is_ascii_graphic() && b != b'#';
        if part.is_empty() || part.len() > PART_CHARS_MAX || !part.bytes().all(allowed) {
            return Err(KeyError);
        }
        key.push('#');
        key.push_str(part);
    }
    Ok(key)
}

impl fmt::Display for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for MoneyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {PART_CHARS_MAX} visible ASCII characters without #")]
pub struct KeyError;
