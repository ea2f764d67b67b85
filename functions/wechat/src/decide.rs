//! Decides an event's effects on its order.

use ledger::{
    Anomaly, Decision, Effect, Entry, Fact, JournalHeader, Order, Payment, PaysFor, Reason, Refund, RefundState,
    Refusal, RefusedPayment, Source,
};
use providers::wechat::QueriedRefund;

use crate::agree::{agrees, amount_mismatch, answer_agrees};
use crate::parse::{Hint, Report, WechatEvent};
use crate::{Config, Confirmation, Form, Loaded, hint};

/// The alarm of a refund that the buyer's bank rejected: a person must choose another destination.
const REFUND_STUCK: &str = "refund_stuck";
/// The alarm of refunds that exceed the payment.
const REFUNDED_TOO_MUCH: &str = "refunded_too_much";

pub(crate) fn decide(event: &WechatEvent, header: JournalHeader, config: &Config, loaded: &Loaded) -> Decision {
    if event.report == Report::Other {
        return Decision::Ignore { reason: "other_kind" };
    }
    let Some(order) = &loaded.order else {
        return Decision::Refuse(Refusal { header, reason: Reason::OrderUnknown, effects: Vec::new() });
    };
    // The report may be true: it is kept and retried, whether or not WeChat redelivers it.
    if loaded.confirmation == Confirmation::NoAnswer {
        return Decision::Refuse(Refusal { header, reason: Reason::Unanswered, effects: Vec::new() });
    }
    let decided = effects(event, order, config).and_then(|effects| match &event.report {
        Report::Hint(hint) => hint.effects(event, order, config, &loaded.confirmation),
        Report::Payment { .. } | Report::Refund { .. } | Report::Unpaid(_) | Report::Awaiting | Report::Other => {
            confirmed(event, order, config, &loaded.confirmation).map(|()| effects)
        }
    });
    match decided {
        Ok(effects) => {
            let alarm = alarm(event, order.after(&effects));
            Decision::Record(Entry { header, keeps_body: !effects.is_empty() || alarm.is_some(), effects, alarm })
        }
        // The report may still be confirmed: the order is not flagged.
        Err(Anomaly { reason: Reason::Unconfirmed, .. }) => {
            Decision::Refuse(Refusal { header, reason: Reason::Unconfirmed, effects: Vec::new() })
        }
        Err(anomaly) => {
            let (reason, anomaly) = (anomaly.reason, with_payment(anomaly, event, config, &loaded.confirmation));
            Decision::Refuse(Refusal { header, reason, effects: order.flag(&anomaly) })
        }
    }
}

/// The alarm that the event raises on the updated order. A late `stuck` report of a refund that has succeeded since
/// raises none.
fn alarm(event: &WechatEvent, order: &Order) -> Option<&'static str> {
    let Report::Refund { of, id, is_stuck, .. } = &event.report else {
        return None;
    };
    let known = order.claims.get(of.id()).and_then(|claims| claims.refunds.by_id.get(id));
    let is_pending = known.is_some_and(|refund| refund.state == RefundState::Pending);
    if *is_stuck && is_pending {
        return Some(REFUND_STUCK);
    }
    order.is_flagged_for(Reason::RefundedTooMuch).then_some(REFUNDED_TOO_MUCH)
}

/// Whether a query must confirm the event: not if it changes nothing or is refused anyway.
pub(crate) fn needs_confirmation(event: &WechatEvent, order: &Order, config: &Config) -> bool {
    if let Report::Hint(hint) = &event.report {
        return effects(event, order, config).is_ok() && hint.is_news(order);
    }
    let changes = effects(event, order, config).is_ok_and(|effects| !effects.is_empty());
    changes && is_unproven(event, config)
}

/// Whether the notification alone does not prove the report.
fn is_unproven(event: &WechatEvent, config: &Config) -> bool {
    match (&event.report, event.form) {
        // Only APIv3 signs refunds.
        (Report::Refund { .. }, Form::V2 | Form::CloudRun) => true,
        (Report::Other, _) => false,
        (_, Form::CloudRun) if event.is_incomplete => true,
        (
            Report::Payment { .. } | Report::Hint(_) | Report::Unpaid(_) | Report::Awaiting | Report::Refund { .. },
            form,
        ) => config.confirms(form),
    }
}

/// The anomaly with its payment, and with the amount from WeChat's answer if there was a query.
fn with_payment(anomaly: Anomaly, event: &WechatEvent, config: &Config, confirmation: &Confirmation) -> Anomaly {
    if let (Report::Hint(_), Some(payment)) = (&event.report, hint::refused(confirmation)) {
        return Anomaly { payment: Some(payment), ..anomaly };
    }
    let Report::Payment { by, money, .. } = &event.report else {
        return anomaly;
    };
    let queried = match confirmation {
        Confirmation::Payment(queried)
            if queried.state.is_paid() && queried.transaction.as_deref() == Some(by.id()) =>
        {
            queried.money
        }
        Confirmation::Payment(_)
        | Confirmation::NotNeeded
        | Confirmation::Unknown
        | Confirmation::NoAnswer
        | Confirmation::Refund(_) => None,
    };
    let is_confirmed = queried.is_some() || !is_unproven(event, config);
    let (by, money) = (by.clone(), queried.unwrap_or(*money));
    Anomaly { payment: Some(RefusedPayment { by, money, pays_for: PaysFor::Order, is_confirmed }), ..anomaly }
}

/// The effects of the event, if it agrees with the order.
fn effects(event: &WechatEvent, order: &Order, config: &Config) -> Result<Vec<Effect>, Anomaly> {
    // A person has accepted this payment, in spite of any mismatch.
    if matches!(&event.report, Report::Payment { by, .. } if order.accepted(by).is_some()) {
        return Ok(Vec::new());
    }
    agrees(event, order, config)?;
    match &event.report {
        Report::Payment { by, money, at } => {
            // The order's own time if the form has none: it is stable over replays, and nothing depends on it.
            let effects = order.pay(&Payment { by: by.clone(), money: *money, at: at.unwrap_or(order.created_at) })?;
            // Even a report of a payment that is already booked must have the right amount.
            let price = order.terms.price;
            if *money == price {
                return Ok(effects);
            }
            Err(amount_mismatch(*money, price, format!("{by} paid {money}; the price is {price}")))
        }
        // A hint has no effect by itself: WeChat's answer decides.
        Report::Hint(hint) => hint.agrees(event, order).map(|()| Vec::new()),
        Report::Unpaid(state) => Ok(order.apply_unpaid(*state)),
        Report::Refund { of, id, money, state, .. } => {
            Ok(order.apply_refund(of, id, Refund { state: *state, amount: money.amount }))
        }
        Report::Awaiting | Report::Other => Ok(Vec::new()),
    }
}

fn confirmed(event: &WechatEvent, order: &Order, config: &Config, confirmation: &Confirmation) -> Result<(), Anomaly> {
    let unconfirmed = || Err(Anomaly { reason: Reason::Unconfirmed, details: String::new(), payment: None });
    if !needs_confirmation(event, order, config) {
        return Ok(());
    }
    match (&event.report, confirmation) {
        (Report::Refund { of, id, money, state, .. }, Confirmation::Refund(answer)) => {
            let reported = QueriedRefund {
                id: id.clone(),
                transaction: of.id().to_owned(),
                order: order.number.to_string(),
                state: *state,
                money: *money,
            };
            if **answer == reported { Ok(()) } else { unconfirmed() }
        }
        (Report::Payment { by, money, .. }, Confirmation::Payment(answer)) => {
            let is_paid = answer.state.is_paid() && answer.transaction.as_deref() == Some(by.id());
            let Some(found) = answer.money.filter(|_| is_paid) else { return unconfirmed() };
            let details = || format!("{by} paid {money}; WeChat's answer is {found}");
            let anomaly = |reason| Err(Anomaly { reason, details: details(), payment: None });
            if found.currency != money.currency {
                return anomaly(Reason::CurrencyMismatch);
            }
            if found.amount != money.amount {
                return anomaly(Reason::AmountMismatch);
            }
            answer_agrees(event, order, config, answer)
        }
        (Report::Unpaid(_), Confirmation::Payment(answer)) if !answer.state.is_paid() => Ok(()),
        (
            Report::Payment { .. }
            | Report::Hint(_)
            | Report::Refund { .. }
            | Report::Unpaid(_)
            | Report::Awaiting
            | Report::Other,
            Confirmation::NotNeeded
            | Confirmation::Unknown
            | Confirmation::NoAnswer
            | Confirmation::Payment(_)
            | Confirmation::Refund(_),
        ) => unconfirmed(),
    }
}

/// The fields that identify the event and its money, and its form.
pub(crate) fn header(event: &WechatEvent) -> JournalHeader {
    let mut fields = vec![("form", event.form.as_str().to_owned())];
    let kind = match &event.report {
        Report::Payment { by, money, .. } => {
            fields.extend([("payment", by.id().to_owned()), ("money", money.to_string())]);
            "payment"
        }
        Report::Hint(Hint { by, money }) => {
            fields.extend(by.iter().map(|by| ("payment", by.id().to_owned())));
            fields.extend(money.iter().map(|money| ("money", money.to_string())));
            "hint"
        }
        Report::Unpaid(state) => {
            fields.push(("state", state.as_str().to_owned()));
            "unpaid"
        }
        Report::Refund { of, id, number, money, state, .. } => {
            fields.extend([
                ("payment", of.id().to_owned()),
                ("refund", id.clone()),
                ("number", number.clone()),
                ("money", money.to_string()),
                ("state", state.as_str().to_owned()),
            ]);
            "refund"
        }
        Report::Awaiting => "awaiting",
        Report::Other => "other",
    };
    JournalHeader {
        receipt: event.receipt.clone(),
        writer: Source::Wechat.into(),
        kind,
        fingerprints: event.fingerprint.clone().into(),
        order: event.order.clone(),
        facts: fields.into_iter().map(|(name, text)| (name, Fact::Text(text))).collect(),
    }
}
