//! Fakes of the providers, one folder each: Stripe, WeChat Pay, an epay gateway, Fireblocks and the telephone operator Unitel. The local
//! stack serves them; tests call them in place of the network.
//!
//! Each is a state machine behind a lock. A [`Call`] is one API request and [`Stripe::answer`] gives the provider's answer; a buyer sees
//! [`Stripe::page`] and posts it to [`Stripe::pay`]. Both return the events that Stripe would send, which the caller signs and
//! delivers. Nothing here does I/O, reads the clock or draws random numbers: time and the seed of all ids are arguments.
//!
//! A fake refuses what its provider refuses, and refuses unknown parameters: a fake that ignores one hides a mistake until it costs
//! money. Rely on the status, type, code and parameter of an error; its text is the provider's only where that is known.

// A session has more members than `json!` may otherwise expand.
#![recursion_limit = "256"]

pub mod epay;
mod fireblocks;
mod html;
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
    /// As it was asked for, with the query if it has one: `/v1/checkout/sessions`.
    pub path: &'c str,
    pub authorization: Option<&'c str>,
    pub idempotency_key: Option<&'c str>,
    /// Form-encoded to Stripe, JSON to WeChat and to Fireblocks.
    pub body: &'c str,
    pub now_s: i64,
}

/// What would be answered, and the events that it would send now: JSON bodies, unsigned, in order.
#[derive(Clone)]
pub struct Answered {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
    pub events: Vec<String>,
}

// By hand: bodies and keys stay out of logs.

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
