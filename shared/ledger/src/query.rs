//! The result of querying a provider about an unpaid order, in place of a webhook that has not arrived.

use crate::{
    Decision, Effect, Entry, EventKey, Fact, Fingerprint, JournalHeader, Money, Order, Payment, PaymentState, Reason,
    Reference, Refusal, Writer,
};

impl Order {
    /// Books the payment that the provider reports for `of`. `None` if the order has this payment already: then nothing
    /// is written. The reason, if there is one, needs a person's attention.
    pub fn queried(
        &self,
        writer: Writer,
        of: &Reference,
        payment: &Payment,
        points: Vec<Effect>,
    ) -> Option<(Decision, Option<Reason>)> {
        let header = self.query_header(writer, of, payment);
        match self.pay(payment) {
            Ok(effects) => {
                let is_news = !effects.is_empty();
                let effects = effects.into_iter().chain(points).collect();
                let entry = Entry { header, effects, keeps_body: false, alarm: None };
                is_news.then_some((Decision::Record(entry), None))
            }
            Err(anomaly) => {
                let (effects, reason) = (self.flag(&anomaly), anomaly.reason);
                let is_news = !effects.is_empty();
                is_news.then_some((Decision::Refuse(Refusal { header, reason, effects }), Some(reason)))
            }
        }
    }

    /// A payment in the wrong mode, test instead of live or the reverse: stored, and nothing else happens.
    pub fn of_other_mode(&self, writer: Writer, of: &Reference, payment: &Payment) -> Decision {
        let header = self.query_header(writer, of, payment);
        Decision::Refuse(Refusal { header, reason: Reason::WrongMode, effects: Vec::new() })
    }

    /// Closes the order as unpaid in this state. `None` if that changes nothing.
    pub fn closed(&self, writer: Writer, state: PaymentState, why: &'static str) -> Option<Decision> {
        let effects = self.apply_unpaid(state);
        let receipt = EventKey::of_closing(&self.number, state);
        let fields = [("order", self.number.as_str()), ("state", state.as_str())];
        let header = JournalHeader {
            receipt,
            writer,
            kind: state.as_str(),
            facts: vec![("why", why.into())],
            fingerprints: Fingerprint::of(1, &fields).into(),
            order: Some(self.number.clone()),
        };
        let entry = Entry { header, effects, keeps_body: false, alarm: None };
        (!entry.effects.is_empty()).then_some(Decision::Record(entry))
    }

    fn query_header(&self, writer: Writer, of: &Reference, payment: &Payment) -> JournalHeader {
        let Payment { by, money: Money { amount, currency }, at: _ } = payment;
        let units = amount.units().to_string();
        let fields = [("payment", by.id()), ("amount", &units), ("currency", currency.as_str())];
        JournalHeader {
            receipt: EventKey::query(of),
            writer,
            kind: "queried",
            facts: vec![("payment", by.id().into()), ("money", Fact::Text(payment.money.to_string()))],
            fingerprints: Fingerprint::of(1, &fields).into(),
            order: Some(self.number.clone()),
        }
    }
}
