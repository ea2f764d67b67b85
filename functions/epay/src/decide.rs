//! Decides a payment's effects on its order.

use ledger::{
    Anomaly, Decision, Effect, Entry, Fact, Fingerprint, JournalHeader, Order, Payment, PaysFor, Pointer, Reason,
    Refusal, RefusedPayment, Source,
};
use providers::EpayConfig;

use crate::Loaded;
use crate::parse::EpayEvent;

pub(crate) fn decide(event: &EpayEvent, header: JournalHeader, config: &EpayConfig, loaded: &Loaded) -> Decision {
    // The merchant may have been removed since a replayed event arrived.
    if config.merchant(&event.pid).is_none() {
        return refuse(header, Reason::MerchantMismatch, Vec::new());
    }
    let Some(order) = &loaded.order else {
        return refuse(header, Reason::OrderUnknown, Vec::new());
    };
    match paid(event, order, loaded) {
        Err(anomaly) => {
            let (reason, payment) = (anomaly.reason, anomaly.payment);
            // A payment that disagrees is refused without a query.
            let payment = payment.map(|payment| RefusedPayment { is_confirmed: !loaded.is_confirming, ..payment });
            refuse(header, reason, order.flag(&Anomaly { payment, ..anomaly }))
        }
        Ok(_) if loaded.is_confirmed == Some(false) => refuse(header, Reason::Unconfirmed, Vec::new()),
        Ok(mut effects) => {
            let keeps_body = !effects.is_empty();
            effects.extend((!loaded.is_pointed).then(|| points(event, order)));
            Decision::Record(Entry { header, effects, keeps_body, alarm: None })
        }
    }
}

/// No effects if this very payment is already booked.
pub(crate) fn paid(event: &EpayEvent, order: &Order, loaded: &Loaded) -> Result<Vec<Effect>, Anomaly> {
    let payment = Payment { by: event.by.clone(), money: event.money, at: loaded.at };
    if order.accepted(&event.by).is_some() {
        return Ok(Vec::new());
    }
    let effects = order.pay(&payment)?;
    // The key of another merchant must not pay an order that was started with this one.
    let started = order.session.as_ref().map(|session| &session.id);
    match started.filter(|started| **started != format!("{}.{}", event.pid, order.number)) {
        None => Ok(effects),
        Some(started) => {
            Err(payment.refused(Reason::MerchantMismatch, PaysFor::Order, &format!("it was started as {started}")))
        }
    }
}

fn points(event: &EpayEvent, order: &Order) -> Effect {
    Effect::Point { pointer: Pointer::Provider(event.by.clone()), from: None, to: order.number.clone() }
}

fn refuse(header: JournalHeader, reason: Reason, effects: Vec<Effect>) -> Decision {
    Decision::Refuse(Refusal { header, reason, effects })
}

/// The fields that identify the payment and its money. Payment method and product name are left out: a gateway may
/// change both between deliveries.
pub(crate) fn header(event: &EpayEvent) -> JournalHeader {
    let (money, order) = (event.money.to_string(), event.order.as_str());
    let identity =
        [("pid", event.pid.as_str()), ("trade_no", &event.trade), ("out_trade_no", order), ("money", &money)];
    let facts =
        [("trade", event.trade.as_str()), ("merchant", event.pid.as_str()), ("money", &money), ("type", &event.way)];
    let name = event.name.iter().map(|name| ("name", Fact::Text(name.clone())));
    JournalHeader {
        receipt: event.receipt.clone(),
        writer: Source::Epay.into(),
        kind: "paid",
        fingerprints: Fingerprint::of(1, &identity).into(),
        order: Some(event.order.clone()),
        facts: facts.into_iter().map(|(name, text)| (name, Fact::from(text))).chain(name).collect(),
    }
}
