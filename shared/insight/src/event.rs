//! A journal row as it is stored: what an event said, and what became of it.

use ledger::{Amount, Balance, EventKey, Flag, Lane, OrderNumber, Reason, Timestamp, Writer};

/// A row of the journal: the receipt of an event, or an entry under a key of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub key: EventKey,
    /// The word of what wrote it, a source among others.
    pub source: String,
    pub kind: String,
    pub state: EventState,
    /// The first arrival.
    pub received_at: Option<Timestamp>,
    pub attempts: u64,
    pub order: Option<OrderNumber>,
    /// What it moves, if it moves something.
    pub posting: Option<RowPosting>,
    pub reverses: Option<String>,
    pub reversed_by: Option<String>,
    /// By name. They are parsed: the body of the delivery is apart.
    pub facts: Vec<(String, String)>,
    /// Under which id its last delivery is kept, if it is.
    pub kept_in: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPosting {
    pub account: String,
    pub change: Balance,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventState {
    Booked {
        at: Option<Timestamp>,
    },
    Refused {
        why: Why,
        /// `None`: only a person tries it again.
        retry: Option<Retry>,
    },
}

/// Why an event was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    Reason(Reason),
    /// It contradicts the event that has its key.
    Conflict,
    /// A word of another release.
    Unknown(String),
}

/// When a refused event is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    pub at: Timestamp,
    /// The word of its queue: the source, and the lane of refused usage.
    pub queue: String,
    /// What is owed for it.
    pub owed: Amount,
}

impl Why {
    /// The word in the row.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Reason(reason) => reason.as_str(),
            Self::Conflict => CONFLICT,
            Self::Unknown(word) => word,
        }
    }

    pub fn of_word(word: &str) -> Self {
        match Reason::ALL.into_iter().find(|reason| reason.as_str() == word) {
            Some(reason) => Self::Reason(reason),
            None if word == CONFLICT => Self::Conflict,
            None => Self::Unknown(word.to_owned()),
        }
    }
}

const CONFLICT: &str = "conflict";

/// Whether what this writer has written is a change that was asked for.
pub(crate) fn is_change(writer: &str) -> bool {
    let changes = [Writer::Redeem, Writer::Credits, Writer::Console, Writer::Manual, Writer::Repair];
    changes.iter().any(|known| known.as_str() == writer)
}

impl Retry {
    /// The lane of refused usage in which it waits.
    pub fn lane(&self) -> Option<Lane> {
        self.queue.split_once('#').and_then(|(_, lane)| Lane::read(lane))
    }
}

impl EventRow {
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(known, _)| known == name).map(|(_, fact)| fact.as_str())
    }

    /// Whether the event was refused for this anomaly of its order.
    pub(crate) fn is_of(&self, flag: &Flag) -> bool {
        let Some(Why::Reason(reason)) = self.refused_for() else { return false };
        let id = self.fact("payment").or_else(|| self.fact("reference"));
        let is_payment = |by: &str| id.is_none_or(|id| by == id || by.ends_with(&format!(".{id}")));
        let payment = flag.anomaly.payment.as_ref().map(|payment| payment.by.id());
        flag.anomaly.reason == *reason && payment.is_none_or(is_payment)
    }

    pub const fn is_booked(&self) -> bool {
        matches!(self.state, EventState::Booked { .. })
    }

    pub const fn booked_at(&self) -> Option<Timestamp> {
        match self.state {
            EventState::Booked { at } => at,
            EventState::Refused { .. } => None,
        }
    }

    pub const fn refused_for(&self) -> Option<&Why> {
        match &self.state {
            EventState::Booked { .. } => None,
            EventState::Refused { why, .. } => Some(why),
        }
    }

    /// The key of what an invoice of a subscription bought, if the event is about one.
    pub(crate) fn invoice(&self) -> Option<EventKey> {
        let facts = [self.fact("object"), self.fact("invoice")];
        let id = facts.into_iter().flatten().find(|id| id.starts_with("in_"))?;
        Some(EventKey::of_row(&format!("invoice#{id}")))
    }

    /// Whether a person or a service key has asked for it, and was answered at once: refused, it waits for nothing.
    pub fn is_change(&self) -> bool {
        is_change(&self.source)
    }

    /// Whether a sender has delivered it, or its provider has listed it.
    pub fn is_of_sender(&self) -> bool {
        ledger::Source::named(&self.source).is_some()
    }
}
