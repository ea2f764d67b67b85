//! What it means for the order that it is about.

use ledger::{
    Anomaly, Decision, Effect, Entry, Fact, JournalHeader, Order, Payment, PaysFor, Reason, Refund, RefundState,
    Refusal, RefusedPayment, Source,
};
use providers::wechat::QueriedRefund;

use crate::agree::{agrees, another_sum, says_the_same};
use crate::parse::{Hint, Report, WechatEvent};
use crate::{Config, Form, Loaded, Said, hint};

/// Somebody must say where the money shall go instead.
const REFUND_STUCK: &str = "refund_stuck";
/// More is reported as given back than was paid.
const REFUNDED_TOO_MUCH: &str = "refunded_too_much";

pub(crate) fn decide(event: &WechatEvent, header: JournalHeader, config: &Config, loaded: &Loaded) -> Decision {
    if event.report == Report::Other {
        return Decision::Ignore { reason: "other_kind" };
    }
    let Some(order) = &loaded.order else {
        return Decision::Refuse(Refusal { header, reason: Reason::OrderUnknown, effects: Vec::new() });
    };
    // It may be true: it is kept and tried again, whether or not WeChat sends it again.
    if loaded.said == Said::NoAnswer {
        return Decision::Refuse(Refusal { header, reason: Reason::Unanswered, effects: Vec::new() });
    }
    let decided = effects(event, order, config).and_then(|effects| match &event.report {
        Report::Hint(hint) => hint.effects(event, order, config, &loaded.said),
        Report::Payment { .. } | Report::Refund { .. } | Report::Unpaid(_) | Report::Awaiting | Report::Other => {
            confirmed(event, order, config, &loaded.said).map(|()| effects)
        }
    });
    match decided {
        Ok(effects) => {
            let alarm = alarm(event, order.after(&effects));
            Decision::Record(Entry { header, effects, keeps_body: true, alarm })
        }
        // It may be true yet: nothing is wrong with the order so far.
        Err(Anomaly { reason: Reason::Unconfirmed, .. }) => {
            Decision::Refuse(Refusal { header, reason: Reason::Unconfirmed, effects: Vec::new() })
        }
        Err(anomaly) => {
            let (reason, anomaly) = (anomaly.reason, with_payment(anomaly, event, config, &loaded.said));
            Decision::Refuse(Refusal { header, reason, effects: order.flag(&anomaly) })
        }
    }
}

/// What people have to hear of, with the order as it is by now: an older word of a refund that has succeeded since is none of it.
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

/// Whether WeChat has to be asked before this is booked: not where it changes nothing, nor where it is refused in any case.
pub(crate) fn needs_confirmation(event: &WechatEvent, order: &Order, config: &Config) -> bool {
    if let Report::Hint(hint) = &event.report {
        return effects(event, order, config).is_ok() && hint.is_news(order);
    }
    let changes = effects(event, order, config).is_ok_and(|effects| !effects.is_empty());
    changes && is_only_claimed(event, config)
}

/// Whether WeChat's own word is needed beside the notification.
fn is_only_claimed(event: &WechatEvent, config: &Config) -> bool {
    match (&event.report, event.form) {
        // A merchant's refund is signed over APIv3 alone.
        (Report::Refund { .. }, Form::V2 | Form::CloudRun) => true,
        (Report::Other, _) => false,
        (_, Form::CloudRun) if event.is_incomplete => true,
        (
            Report::Payment { .. } | Report::Hint(_) | Report::Unpaid(_) | Report::Awaiting | Report::Refund { .. },
            form,
        ) => config.confirms(form),
    }
}

/// The anomaly with the payment that it is about, and with the sum that WeChat names where it was queried.
fn with_payment(anomaly: Anomaly, event: &WechatEvent, config: &Config, said: &Said) -> Anomaly {
    if let (Report::Hint(_), Some(payment)) = (&event.report, hint::refused(said)) {
        return Anomaly { payment: Some(payment), ..anomaly };
    }
    let Report::Payment { by, money, .. } = &event.report else {
        return anomaly;
    };
    let queried = match said {
        Said::Payment(queried) if queried.state.is_paid() && queried.transaction.as_deref() == Some(by.id()) => {
            queried.money
        }
        Said::Payment(_) | Said::NotAsked | Said::Nothing | Said::NoAnswer | Said::Refund(_) => None,
    };
    let is_confirmed = queried.is_some() || !is_only_claimed(event, config);
    let (by, money) = (by.clone(), queried.unwrap_or(*money));
    Anomaly { payment: Some(RefusedPayment { by, money, pays_for: PaysFor::Order, is_confirmed }), ..anomaly }
}

/// What it does to the order, if it is about this very order and of what was agreed.
fn effects(event: &WechatEvent, order: &Order, config: &Config) -> Result<Vec<Effect>, Anomaly> {
    // Whatever disagreed about it, a person has booked it.
    if matches!(&event.report, Report::Payment { by, .. } if order.accepted(by).is_some()) {
        return Ok(Vec::new());
    }
    agrees(event, order, config)?;
    match &event.report {
        Report::Payment { by, money, at } => {
            // The order's own time where the form does not say: it is of no consequence, and no replay changes it.
            let effects = order.pay(&Payment { by: by.clone(), money: *money, at: at.unwrap_or(order.created_at) })?;
            // Whoever tells of a payment that is booked already must have the sum right all the same.
            let price = order.terms.price;
            if *money == price {
                return Ok(effects);
            }
            Err(another_sum(*money, price, format!("{by} paid {money}; the price is {price}")))
        }
        // What it does by itself: that is WeChat's to say.
        Report::Hint(hint) => hint.agrees(event, order).map(|()| Vec::new()),
        Report::Unpaid(state) => Ok(order.apply_unpaid(*state)),
        Report::Refund { of, id, money, state, .. } => {
            Ok(order.apply_refund(of, id, Refund { state: *state, amount: money.amount }))
        }
        Report::Awaiting | Report::Other => Ok(Vec::new()),
    }
}

fn confirmed(event: &WechatEvent, order: &Order, config: &Config, said: &Said) -> Result<(), Anomaly> {
    let unconfirmed = || Err(Anomaly { reason: Reason::Unconfirmed, details: String::new(), payment: None });
    if !needs_confirmation(event, order, config) {
        return Ok(());
    }
    match (&event.report, said) {
        (Report::Refund { of, id, money, state, .. }, Said::Refund(said)) => {
            let told = QueriedRefund {
                id: id.clone(),
                transaction: of.id().to_owned(),
                order: order.number.to_string(),
                state: *state,
                money: *money,
            };
            if **said == told { Ok(()) } else { unconfirmed() }
        }
        (Report::Payment { by, money, .. }, Said::Payment(said)) => {
            let is_paid = said.state.is_paid() && said.transaction.as_deref() == Some(by.id());
            let Some(found) = said.money.filter(|_| is_paid) else { return unconfirmed() };
            let details = || format!("{by} paid {money}; WeChat says {found}");
            let anomaly = |reason| Err(Anomaly { reason, details: details(), payment: None });
            if found.currency != money.currency {
                return anomaly(Reason::CurrencyMismatch);
            }
            if found.amount != money.amount {
                return anomaly(Reason::AmountMismatch);
            }
            says_the_same(event, order, config, said)
        }
        (Report::Unpaid(_), Said::Payment(said)) if !said.state.is_paid() => Ok(()),
        (
            Report::Payment { .. }
            | Report::Hint(_)
            | Report::Refund { .. }
            | Report::Unpaid(_)
            | Report::Awaiting
            | Report::Other,
            Said::NotAsked | Said::Nothing | Said::NoAnswer | Said::Payment(_) | Said::Refund(_),
        ) => unconfirmed(),
    }
}

/// What identifies it and its money; and beside that the form in which it came.
pub(crate) fn header(event: &WechatEvent) -> JournalHeader {
    let mut said = vec![("form", event.form.as_str().to_owned())];
    let kind = match &event.report {
        Report::Payment { by, money, .. } => {
            said.extend([("payment", by.id().to_owned()), ("money", money.to_string())]);
            "payment"
        }
        Report::Hint(Hint { by, money }) => {
            said.extend(by.iter().map(|by| ("payment", by.id().to_owned())));
            said.extend(money.iter().map(|money| ("money", money.to_string())));
            "hint"
        }
        Report::Unpaid(state) => {
            said.push(("state", state.as_str().to_owned()));
            "unpaid"
        }
        Report::Refund { of, id, number, money, state, .. } => {
            said.extend([
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
        source: Source::Wechat.as_str(),
        kind,
        fingerprints: event.fingerprint.clone().into(),
        order: event.order.clone(),
        facts: said.into_iter().map(|(name, text)| (name, Fact::Text(text))).collect(),
    }
}
