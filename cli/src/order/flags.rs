//! The anomalies of an order, one line each: the fault, the payment, the refunded part and the state.

use ledger::{Anomaly, Flag, Money, Order, RefusedPayment, Resolution, UNLISTED_MAX};

pub(super) fn lines(order: &Order) -> Vec<String> {
    let listed = order.anomalies.listed().map(|flag| line(order, flag));
    let unlisted = order.anomalies.unlisted().len();
    let or_more = if unlisted == UNLISTED_MAX { " or more" } else { "" };
    let rest = (unlisted > 0).then(|| format!("and {unlisted}{or_more} more: the journal has the refused events"));
    listed.chain(rest).collect()
}

fn line(order: &Order, flag: &Flag) -> String {
    let state = match flag.resolution {
        Resolution::Open if order.needs_attention(flag) => "",
        Resolution::Open => " [refunded]",
        Resolution::Cleared => " [cleared]",
        Resolution::Accepted => " [accepted]",
    };
    let Anomaly { reason, details, payment } = &flag.anomaly;
    let paid = payment.as_ref().map(|payment| paid(order, payment, details)).unwrap_or_default();
    format!("{}: {details}{paid}{state}", reason.as_str())
}

/// The payment, unless the details name it, and its refunded part.
fn paid(order: &Order, payment: &RefusedPayment, details: &str) -> String {
    let RefusedPayment { by, money, is_confirmed, pays_for: _ } = payment;
    let paid = if details.contains(&by.to_string()) { String::new() } else { format!(" {by} paid {money},") };
    let refunded = Money { amount: order.refunded_part_of(payment), ..*money };
    let unconfirmed = if *is_confirmed { "" } else { ", not confirmed by its provider" };
    format!(";{paid} refunded {refunded}{unconfirmed}")
}
