//! The page for the buyer who returns from the gateway: the order's state, for those who have its signed link.

use edge::Reply;
use ledger::{Order, PaymentState};
use webhook::Outcome;

/// If a gateway sends its notifications to this address, none of these texts may contain its acknowledgement `success`.
pub(crate) fn page(outcome: &Outcome, order: Option<&Order>) -> Reply {
    let (status, text) = match order {
        Some(order) => (200, state(order, outcome)),
        None => nothing(outcome),
    };
    let number = order.map(|order| format!("<p>{} · {}</p>\n", order.number, order.terms.price)).unwrap_or_default();
    let html = format!(
        "<!doctype html>\n<html lang=\"zh\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>订单 Order</title>\n<main>\n<p>{text}</p>\n{number}</main>\n</html>\n"
    );
    // The page's address contains the signature, and must not leak in a cache or referrer.
    Reply::html(status, html)
        .with_header("cache-control", "no-store")
        .with_header("referrer-policy", "no-referrer")
        .with_header("content-security-policy", "default-src 'none'; frame-ancestors 'none'")
}

const PAID: &str = "已支付。 This order is paid.";
const REFUNDED: &str = "已退款。 This payment has been given back, in part or in full.";
const WAITING: &str = "尚未确认付款，请稍后查看。 The payment is not confirmed yet; look again later.";
const INVALID: &str = "此链接无效。 This link says nothing about an order.";
const DISAGREES: &str = "付款与订单不符，请联系商家。 The payment and the order do not agree; please ask the shop.";

fn state(order: &Order, outcome: &Outcome) -> &'static str {
    match (order.payment, outcome) {
        // Also for an order that was paid twice.
        (_, Outcome::Conflict) => DISAGREES,
        (_, Outcome::Refused(reason)) if !reason.is_retryable() => DISAGREES,
        (PaymentState::Paid, _) => PAID,
        (PaymentState::PartlyRefunded | PaymentState::Refunded | PaymentState::DisputedLost, _) => REFUNDED,
        (PaymentState::Unpaid | PaymentState::Failed | PaymentState::Canceled | PaymentState::Expired, _) => WAITING,
    }
}

fn nothing(outcome: &Outcome) -> (u16, &'static str) {
    match outcome {
        // The ledger did not return the order in time.
        Outcome::Booked | Outcome::Repeat => (200, PAID),
        Outcome::Refused(reason) if reason.is_retryable() => (200, WAITING),
        Outcome::Refused(_) | Outcome::Conflict | Outcome::Ignored(_) => (409, DISAGREES),
        Outcome::Unavailable | Outcome::Unverifiable | Outcome::Panicked => (503, WAITING),
        Outcome::Unverified(_)
        | Outcome::Unparsed(_)
        | Outcome::Malformed
        | Outcome::Forbidden
        | Outcome::NotFound
        | Outcome::MethodNotAllowed { .. } => (400, INVALID),
        Outcome::TooLarge => (413, INVALID),
    }
}
