//! Fakes of the providers' APIs, one folder each: Stripe, WeChat Pay, an epay gateway, Fireblocks, the telephone
//! operator Unitel, the log of an LLM gateway, and an upstream in OpenAI's format. The local stack serves them over HTTP; tests call them in place of the network.
//!
//! Each fake is a state machine behind a lock. A [`Call`] is one API request and [`Stripe::answer`] returns the
//! response; a buyer opens [`Stripe::page`] and pays with [`Stripe::pay`]. Both return the webhook events that Stripe
//! would send, which the caller signs and delivers. The crate performs no I/O, reads no clock and uses no randomness:
//! the time and the seed of all ids are arguments.
//!
//! A fake refuses the requests that its provider refuses, and also unknown parameters: a lenient fake hides a mistake
//! until it costs money. Rely on the status, type, code and parameter of an error; its text is not always the provider's.
//!
//! ```
//! use fakes::{Call, Price, Stripe};
//!
//! let (id, name, currency) = ("price_1".to_owned(), "Credits".to_owned(), "usd".to_owned());
//! let price = Price { id, name, unit_amount: 999, currency, interval: None };
//! let stripe = Stripe::new("https://pay.invalid", false, "seed").with_prices([price]);
//! let call = Call {
//!     method: "POST",
//!     path: "/v1/checkout/sessions",
//!     authorization: Some("Bearer sk_test_1"),
//!     idempotency_key: Some("order-1"),
//!     body: "mode=payment&line_items[0][price]=price_1&line_items[0][quantity]=1&success_url=https://shop.invalid/",
//!     now_s: 1_767_225_600,
//! };
//! let response = stripe.answer(&call);
//! assert_eq!(response.status, 200);
//!
//! // The buyer pays on the hosted page, and Stripe sends three events.
//! let session: serde_json::Value = serde_json::from_str(&response.body)?;
//! let paid = stripe.pay(session["id"].as_str().expect("an id"), "4242 4242 4242 4242", call.now_s);
//! assert_eq!((paid.events.len(), paid.error), (3, None));
//! # Ok::<(), serde_json::Error>(())
//! ```

// `json!` recurses once per member, and a session has more than the default limit.
#![recursion_limit = "256"]

pub mod epay;
mod fireblocks;
mod html;
pub mod new_api;
pub mod openai;
mod stripe;
pub mod unitel;
mod wechat;

use std::fmt;

pub use fireblocks::{FIREBLOCKS_WORKSPACE, Fireblocks, FireblocksFate, FireblocksTransfer, WALLETS};
pub use stripe::{API_VERSION, Interval, Page, Paid, Price, Stripe, canceled_in, card_in, is_bank_answer};
pub use wechat::{WechatMerchant, WechatPaid, WechatPay, WechatRefund, WechatSecrets, WechatSender, WechatSent};

/// One API request.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    /// The request target, with the query if it has one: `/v1/checkout/sessions`.
    pub path: &'c str,
    pub authorization: Option<&'c str>,
    pub idempotency_key: Option<&'c str>,
    /// Form-encoded for Stripe, JSON for WeChat and Fireblocks.
    pub body: &'c str,
    pub now_s: i64,
}

/// The response to a call, and the webhook events that the provider would send now: JSON bodies, unsigned, in order.
#[derive(Clone)]
pub struct Answered {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub events: Vec<String>,
}

// Written by hand, so that bodies and keys stay out of logs.

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next();
        f.debug_struct("Call").field("method", &self.method).field("path", &path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").field("status", &self.status).finish_non_exhaustive()
    }
}
