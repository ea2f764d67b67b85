//! The two kinds of journal key. `#` separates the parts of a key and cannot stand in one.

use std::fmt;

use thiserror::Error;

use crate::{Fingerprint, Line, Order, OrderNumber, PaymentState, Reference};

/// Long enough for every sender's ids; with the other bounds it keeps a usage row within 1 KB.
const PART_CHARS_MAX: usize = 128;

/// The receipt of an event: `usage#evt_1`, `stripe#evt_…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey(String);

/// The money that is moved, named by the business and not by the messenger: `usage#evt_1`, `payment#stripe#pi_…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MoneyKey(String);

impl EventKey {
    /// `source` is ours, `id` is the sender's.
    pub fn new(source: &'static str, id: &str) -> Result<Self, KeyError> {
        joined(source, &[id]).map(Self)
    }

    /// A verified body that could not be parsed has no id but its own hash.
    pub fn unparsed(source: &'static str, body: &[u8]) -> Self {
        use sha2::Digest as _;
        Self(format!("unparsed#{source}#{}", crate::fingerprint::hex(&sha2::Sha256::digest(body))))
    }

    /// Of what a provider said of this when it was asked, nobody having told us.
    pub fn query(of: &Reference) -> Self {
        Self(format!("query#{of}"))
    }

    /// That an order was closed unpaid: `expired#HL…`.
    pub fn of_closing(order: &OrderNumber, state: PaymentState) -> Self {
        Self(format!("{}#{order}", state.as_str()))
    }

    /// That this was done with an order as it was read: `claimed#HL….3`.
    pub fn of_step(kind: &'static str, order: &Order) -> Self {
        Self(format!("{kind}#{}.{}", order.number, order.version.saturating_add(1)))
    }

    /// Where an event is kept that contradicts what is already booked under this key.
    #[must_use]
    pub fn conflicting(&self, with: &Fingerprint) -> Self {
        Self(format!("{}#conflict#{with}", self.0))
    }

    /// As a row of our own journal has it.
    pub fn of_row(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// Whether it names a body that could not be parsed, and not an event.
    pub fn is_of_unparsed(&self) -> bool {
        self.0.starts_with("unparsed#")
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl MoneyKey {
    pub fn new(what: &'static str, parts: &[&str]) -> Result<Self, KeyError> {
        joined(what, parts).map(Self)
    }

    /// As a row of our own journal has it.
    pub fn of_row(id: &str) -> Self {
        Self(id.to_owned())
    }

    /// For an event that moves money only once and by itself, both keys are one row.
    pub fn of_event(event: &EventKey) -> Self {
        Self(event.0.clone())
    }

    /// Of whatever a payment buys that is ours to give.
    pub fn of_payment(by: &Reference) -> Self {
        Self(format!("payment#{by}"))
    }

    /// Of the n-th correction of what an order's payment bought.
    pub fn of_reversal(order: &OrderNumber, n: u64) -> Self {
        Self(format!("reversal#{order}#{n}"))
    }

    /// Of the n-th correction of what a payment bought that a person has accepted beside the one that pays the order.
    pub fn of_accepted_reversal(order: &OrderNumber, payment: &Reference, n: u64) -> Self {
        Self(format!("reversal#{order}#{}#{n}", payment.id()))
    }

    /// Of the n-th correction of what a period of a subscription bought. Orders are numbered otherwise: no key of
    /// theirs is the same.
    pub fn of_period_reversal(invoice: &str, n: u64) -> Self {
        Self(format!("reversal#invoice#{invoice}#{n}"))
    }

    /// Of a line of an order: `grant#HL…#1`, `commission#HL…#2`.
    pub fn of_line(order: &OrderNumber, line: Line) -> Self {
        match line {
            Line::Grant(n) => Self(format!("grant#{order}#{n}")),
            Line::Commission(level) => Self(format!("commission#{order}#{level}")),
        }
    }

    /// Of the tokens of an order's n-th grant that have left the books on chain: `sent#HL…#1`.
    pub fn of_sent(order: &OrderNumber, grant: u8) -> Self {
        Self(format!("sent#{order}#{grant}"))
    }

    /// The order and the line that a key names, if it is one of [`Self::of_line`]'s.
    pub fn read_line(text: &str) -> Option<(OrderNumber, Line)> {
        let (kind, rest) = text.split_once('#')?;
        let (order, n) = rest.split_once('#')?;
        Some((OrderNumber::new(order).ok()?, Line::read(&format!("{kind}#{n}"))?))
    }

    /// Of one period of a subscription.
    pub fn of_invoice(invoice: &Reference) -> Self {
        Self(format!("invoice#{}", invoice.id()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn joined(head: &str, parts: &[&str]) -> Result<String, KeyError> {
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
