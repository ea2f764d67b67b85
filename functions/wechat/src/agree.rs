//! Checks that an event, or WeChat's answer to a query, agrees with its order: provider, merchant, order number and
//! amount.

use ledger::{Anomaly, Money, Order, Provider, Reason};
use providers::Queried;

use crate::parse::{Ids, InAttach, Report, WechatEvent};
use crate::{Config, Form};

pub(crate) fn amount_mismatch(paid: Money, price: Money, details: String) -> Anomaly {
    let is_currency = paid.currency != price.currency;
    Anomaly {
        reason: if is_currency { Reason::CurrencyMismatch } else { Reason::AmountMismatch },
        details,
        payment: None,
    }
}

/// The order must be payable by WeChat, the merchant ours, and the order number the same in every place.
pub(crate) fn agrees(event: &WechatEvent, order: &Order, config: &Config) -> Result<(), Anomaly> {
    let anomaly =
        |reason, but: &str| Err(Anomaly { reason, details: format!("{}: {but}", event.receipt), payment: None });
    if !is_ours(event, config) {
        let Ids { mch_id, app_id, sub_mch_id, sub_app_id } = &event.ids;
        let named = [mch_id, app_id, sub_mch_id, sub_app_id].map(|id| id.as_deref().unwrap_or("-")).join(" ");
        return anomaly(Reason::MerchantMismatch, &format!("it is of {named}"));
    }
    if order.terms.provider != Provider::Wechat {
        let provider = order.terms.provider.as_str();
        return anomaly(Reason::ProviderMismatch, &format!("the order is to be paid by {provider}"));
    }
    if event.in_path.as_ref().is_some_and(|number| number != order.number.as_str()) {
        return anomaly(Reason::OrderMismatch, "the path names another order");
    }
    match &event.in_attach {
        InAttach::Nothing => Ok(()),
        InAttach::Number(number) if number == order.number.as_str() => Ok(()),
        InAttach::Number(_) => anomaly(Reason::AttachMismatch, "its attach names another order"),
        InAttach::Unreadable => anomaly(Reason::AttachMismatch, "its attach cannot be read"),
    }
}

fn is_ours(event: &WechatEvent, config: &Config) -> bool {
    let (ours, theirs) = (&config.ids, &event.ids);
    let is = |id: &Option<String>, expected: &str| id.as_deref() == Some(expected);
    let may_be = |id: &Option<String>, expected: &str| id.as_deref().is_none_or(|id| id == expected);
    let is_refund = matches!(event.report, Report::Refund { .. });
    match event.form {
        // Opening the refund proves that it is sealed for us, and a query confirms it.
        Form::V2 if is_refund => true,
        Form::V3 | Form::V2 => {
            // A refund names no app.
            let of_app = if is_refund { may_be } else { is };
            is(&theirs.mch_id, &ours.mch_id)
                && of_app(&theirs.app_id, &ours.app_id)
                && theirs.sub_mch_id == ours.sub_mch_id
                && may_be(&theirs.sub_app_id, ours.sub_app_id.as_deref().unwrap_or_default())
        }
        // If it names no merchant, a query confirms it, and a query finds only our own merchant's orders.
        Form::CloudRun => may_be(&theirs.sub_mch_id, ours.payee()) && may_be(&theirs.sub_app_id, ours.payee_app()),
    }
}

/// Compares the event again with the app and the attach of WeChat's answer, which the event's form may lack.
pub(crate) fn answer_agrees(
    event: &WechatEvent,
    order: &Order,
    config: &Config,
    answer: &Queried,
) -> Result<(), Anomaly> {
    // CloudRun's answers do not always name the app.
    if !answer.app.is_empty() && answer.app != config.ids.payee_app() {
        let details = format!("{}: WeChat's answer names the app {}", event.receipt, answer.app);
        return Err(Anomaly { reason: Reason::MerchantMismatch, details, payment: None });
    }
    let in_attach = InAttach::read(answer.attach.as_deref());
    agrees(&WechatEvent { in_attach, ..event.clone() }, order, config)
}
