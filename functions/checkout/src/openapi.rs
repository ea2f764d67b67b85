//! Each call, as the document describes it.

use api::openapi::{Access, Described, Operation};

use crate::parse::{Body, EpayBody, WechatBody};
use crate::{Checkout, Pay, reply};

/// How a product of the catalog can be chosen wrongly.
const CHOICE: [&str; 15] = [
    "amount_too_large",
    "fields_conflict",
    "order_number_invalid",
    "phone_invalid",
    "phone_missing",
    "phone_unwanted",
    "product_missing",
    "product_invalid",
    "provider_not_offered",
    "quantity_invalid",
    "quantity_out_of_range",
    "unknown_product",
    "wallet_checksum",
    "wallet_invalid",
    "wallet_missing",
];
/// Why an order cannot be paid.
const NOT_PAYABLE: [&str; 7] = [
    "merchant_unavailable",
    "order_canceled",
    "order_expired",
    "payment_mismatch",
    "product_unavailable",
    "provider_unavailable",
    "wrong_provider",
];

impl Described for Checkout {
    const TAG: &'static str = "checkout";
    const ABOUT: &'static str = "Payments at a provider. A buyer's clicks lead to one order and one open payment.";

    fn operation(call: Pay) -> Operation {
        match call {
            Pay::Stripe => sold(Operation::new("payWithStripe", "Opens a payment page at Stripe", Access::Owner))
                .about("The same page comes back while it is open, however often the buyer clicks.")
                .body::<Body>()
                .error(409, &["payment_processing", "subscription_active"])
                .error(502, &["price_mismatch", "stripe_failed", "stripe_refused", "stripe_unreadable"])
                .error(503, &["stripe_busy"])
                .error(504, &["stripe_timeout"]),
            Pay::Epay => sold(Operation::new("payWithEpay", "Starts a payment at an epay gateway", Access::Owner))
                .body::<EpayBody>()
                .error(400, &["type_invalid", "client_ip_invalid"])
                .error(502, &["epay_failed", "epay_refused", "epay_unreadable"])
                .error(503, &["epay_busy"])
                .error(504, &["epay_timeout"]),
            Pay::Wechat => paid(Operation::new("payWithWechat", "Starts a payment at WeChat Pay", Access::Owner))
                .body::<WechatBody>()
                .error(400, &["order_number_missing", "order_number_invalid", "open_id_invalid", "qr_invalid"])
                .error(502, &["wechat_failed", "wechat_refused", "wechat_unreadable"])
                .error(503, &["wechat_busy"])
                .error(504, &["wechat_timeout"]),
        }
    }
}

/// An order that exists, or one of a product.
fn sold(operation: Operation) -> Operation {
    paid(operation)
        .answer::<reply::Body<'_>>(201, "The order, and a new way to pay it.")
        .error(400, &CHOICE)
        .error(400, &["wallet_unwanted"])
        .error(409, &["too_many_open_orders", "payment_processing"])
        .error(503, &["exchange_rate_missing"])
}

fn paid(operation: Operation) -> Operation {
    operation
        .answer::<reply::Body<'_>>(200, "The order, and the way to pay it again; or without one, if it is paid.")
        .error(404, &["order_not_found"])
        .error(409, &NOT_PAYABLE)
}
