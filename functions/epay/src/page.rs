//! The page for the buyer who returns from the gateway: the order's state, for those who have its signed link.

use edge::Reply;
use ledger::{Order, PaymentState};
use pages::{POLICY, Page, READ_ONLY};
use webhook::Outcome;

/// What a buyer reads. If a gateway sends its notifications to this address, none of these texts may contain its
/// acknowledgement `success`.
#[derive(Clone, Copy)]
struct Message {
    /// The class of its heading.
    tone: &'static str,
    zh: &'static str,
    en: &'static str,
}

const PAID: Message = Message { tone: "good", zh: "已支付。", en: "This order is paid." };
const REFUNDED: Message =
    Message { tone: "good", zh: "已退款。", en: "This payment has been given back, in part or in full." };
const WAITING: Message = Message {
    tone: "soft",
    zh: "尚未确认付款，请稍后查看。",
    en: "The payment is not confirmed yet; look again later.",
};
const INVALID: Message =
    Message { tone: "bad", zh: "此链接无效。", en: "This link says nothing about an order." };
const DISAGREES: Message = Message {
    tone: "bad",
    zh: "付款与订单不符，请联系商家。",
    en: "The payment and the order do not agree; please ask the shop.",
};

pub(crate) fn page(outcome: &Outcome, order: Option<&Order>) -> Reply {
    let (status, Message { tone, zh, en }) = match order {
        Some(order) => (200, state(order, outcome)),
        None => nothing(outcome),
    };
    // A number is letters and digits, and `-`, `_`; a price is digits and a code.
    let number = order.map(|order| {
        let (number, price) = (&order.number, order.terms.price);
        format!("<p class=\"sum\">{price}</p>\n<p><code>{number}</code></p>\n")
    });
    let number = number.unwrap_or_default();
    let main = format!("<div>\n<h1 class=\"{tone}\">{zh}</h1>\n<p lang=\"en\">{en}</p>\n{number}</div>\n");
    let html = Page { language: "zh", title: "订单 Order", class: "pay", main: &main }.document();
    // The page's address contains the signature, and must not leak in a cache or referrer.
    Reply::html(status, html)
        .with_header("cache-control", "no-store")
        .with_header("referrer-policy", "no-referrer")
        .with_header(POLICY, READ_ONLY)
}

fn state(order: &Order, outcome: &Outcome) -> Message {
    match (order.payment, outcome) {
        // Also for an order that was paid twice.
        (_, Outcome::Conflict) => DISAGREES,
        (_, Outcome::Refused(reason)) if !reason.is_retryable() => DISAGREES,
        (PaymentState::Paid, _) => PAID,
        (PaymentState::PartlyRefunded | PaymentState::Refunded | PaymentState::DisputedLost, _) => REFUNDED,
        (PaymentState::Unpaid | PaymentState::Failed | PaymentState::Canceled | PaymentState::Expired, _) => WAITING,
    }
}

fn nothing(outcome: &Outcome) -> (u16, Message) {
    match outcome {
        // The ledger did not return the order in time.
        Outcome::Booked | Outcome::Repeat => (200, PAID),
        Outcome::Refused(reason) if reason.is_retryable() => (200, WAITING),
        Outcome::Refused(_) | Outcome::Conflict | Outcome::Ignored(_) => (409, DISAGREES),
        Outcome::Paused | Outcome::Unavailable | Outcome::Unverifiable | Outcome::Panicked => (503, WAITING),
        Outcome::Unverified(_)
        | Outcome::Unparsed(_)
        | Outcome::Malformed
        | Outcome::Forbidden
        | Outcome::NotFound
        | Outcome::MethodNotAllowed { .. } => (400, INVALID),
        Outcome::TooLarge => (413, INVALID),
    }
}
