//! A change of an order by hand: a refused payment is accepted, an anomaly closed, or the result of a top-up recorded.

use ledger::{
    AcceptError, Amount, Asset, Clearing, Decision, Effect, Entry, Fact, Facts, Fingerprint, JournalHeader, KeyError,
    Order, Timestamp, Verdict,
};

use crate::By;

/// The length of operators' own numbers.
pub const SEQ_CHARS_MAX: usize = 64;

/// One journal entry, over the order as it was read.
#[derive(Debug)]
pub struct OrderChange<'o> {
    pub kind: &'static str,
    pub order: &'o Order,
    /// The values that the fingerprint covers: others under the same id are a conflict.
    pub what: Vec<(&'static str, String)>,
    /// None if there is nothing to change: an earlier entry under the same id may have changed it.
    pub effects: Vec<Effect>,
}

impl<'o> OrderChange<'o> {
    /// Books a payment that the order has refused, and why it may not be.
    pub fn accept(
        order: &'o Order,
        payment: &str,
        is_looked_up: bool,
        credits: Option<Amount>,
        now: Timestamp,
    ) -> (Self, AcceptError) {
        let effects = order.acceptable(payment, is_looked_up);
        let effects = effects.and_then(|payment| order.accept(&payment, credits, now));
        let (effects, refused) = match effects {
            Ok(effects) => (effects, AcceptError::Booked),
            Err(refused) => (Vec::new(), refused),
        };
        let mut what = vec![("payment", payment.rsplit('#').next().unwrap_or_default().to_owned())];
        what.extend(credits.map(|credits| ("credits", Asset::CREDITS.format(credits))));
        (Self { kind: "accept", order, what, effects }, refused)
    }

    /// Closes the matching anomalies.
    pub fn clear(order: &'o Order, clearing: Clearing<'_>) -> Self {
        let anomaly = clearing.reason.map(|reason| ("anomaly", reason.as_str().to_owned()));
        let payment = clearing.payment.map(|payment| ("payment", payment.to_owned()));
        let what = anomaly.into_iter().chain(payment).collect();
        Self { kind: "clear", order, what, effects: order.clear(clearing) }
    }

    /// Records the result of a top-up.
    pub fn resolve(order: &'o Order, verdict: Verdict, seq: Option<&str>, now: Timestamp) -> Self {
        let word = match verdict {
            Verdict::Done => "done",
            Verdict::Failed => "failed",
            Verdict::Again => "again",
        };
        let effects = order.resolve(verdict, seq.map(str::to_owned), now).unwrap_or_default();
        let seq = seq.map(|seq| ("seq", seq.to_owned()));
        Self { kind: "resolve", order, what: [("verdict", word.to_owned())].into_iter().chain(seq).collect(), effects }
    }

    pub fn decision(&self, by: &By<'_>) -> Result<Decision, KeyError> {
        let number = self.order.number.to_string();
        let mut fields = vec![("kind", self.kind), ("order", number.as_str())];
        fields.extend(self.what.iter().map(|(name, value)| (*name, value.as_str())));
        let signed = [("author", by.author), ("reason", by.reason)];
        let signed = signed.into_iter().map(|(name, fact)| (name, Fact::from(fact)));
        let what = self.what.iter().map(|(name, value)| (*name, Fact::Text(value.clone())));
        let facts: Facts = signed.chain(what).collect();
        Ok(Decision::Record(Entry {
            header: JournalHeader {
                receipt: by.receipt()?,
                writer: by.writer,
                kind: self.kind,
                facts,
                fingerprints: Fingerprint::of(1, &fields).into(),
                order: Some(self.order.number.clone()),
            },
            effects: self.effects.clone(),
            keeps_body: false,
            alarm: None,
        }))
    }
}

/// Whether an operator's number of a top-up can be this.
pub fn is_seq(seq: &str) -> bool {
    (1..=SEQ_CHARS_MAX).contains(&seq.len()) && seq.bytes().all(|byte| byte.is_ascii_graphic())
}
