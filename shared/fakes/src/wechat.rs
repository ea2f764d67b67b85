//! A fake of WeChat Pay with one merchant: orders are created, paid, refunded and closed over three interfaces. APIv3
//! signs its responses; CloudRun's interface is unauthenticated, as inside WeChat's cloud; and a forwarder in front of
//! it verifies requests and signs responses. The fake verifies only requests to the forwarder.

mod cloudrun;
mod page;
mod samples;
mod send;
mod v3;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use signing::forwarder;
use signing::rsa::PrivateKey;

use crate::{Answered, Call, Page};

pub use send::{WechatSecrets, WechatSender, WechatSent};

/// The path prefix of CloudRun's interface, and the prefix that bypasses the forwarder.
const CLOUDRUN: &str = "/_/pay/";
const IN_CLOUD: &str = "/in-cloud";

pub struct WechatPay {
    merchant: WechatMerchant,
    platform: PrivateKey,
    key_id: String,
    clock: fn() -> String,
    forwarder: RwLock<Option<Arc<forwarder::Keys>>>,
    state: Mutex<State>,
}

/// The ids of the one merchant.
#[derive(Debug, Clone)]
pub struct WechatMerchant {
    pub mch_id: String,
    pub app_id: String,
}

/// A buyer's payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatPaid {
    pub transaction: String,
    pub fen: u64,
    pub attach: Option<String>,
}

/// A refund of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatRefund {
    pub id: String,
    pub order: String,
    pub transaction: String,
    pub fen: u64,
    pub status: &'static str,
}

#[derive(Default)]
struct State {
    trades: BTreeMap<String, Trade>,
    refunds: BTreeMap<String, WechatRefund>,
    answers: u64,
    /// The nonces of accepted calls, against replay.
    nonces: BTreeSet<String>,
}

struct Trade {
    fen: u64,
    attach: Option<String>,
    state: &'static str,
    transaction: Option<String>,
    /// In China, as APIv3 writes it. Empty before the payment.
    paid_at: String,
}

/// When a payment is made, unless the fake has a clock.
const PAID_AT: &str = "2026-01-01T08:00:00+08:00";

/// What the QR code of a native payment holds.
fn code_url(order: &str) -> String {
    format!("weixin://wxpay/bizpayurl?pr={order}")
}

impl Trade {
    fn new(fen: u64, attach: Option<String>) -> Self {
        Self { fen, attach, state: "NOTPAY", transaction: None, paid_at: String::new() }
    }
}

impl WechatPay {
    /// `platform` signs the responses, under this key id.
    pub fn new(merchant: WechatMerchant, platform: PrivateKey, key_id: &str) -> Self {
        Self {
            merchant,
            platform,
            key_id: key_id.to_owned(),
            clock: || PAID_AT.to_owned(),
            forwarder: RwLock::default(),
            state: Mutex::default(),
        }
    }

    /// Payments are made at the time of this clock: `2026-01-01T08:00:00+08:00`.
    #[must_use]
    pub fn with_clock(self, clock: fn() -> String) -> Self {
        Self { clock, ..self }
    }

    /// Adds the forwarder at `/_/pay/…`, which shares these keys with the caller.
    #[must_use]
    pub fn with_forwarder(self, keys: forwarder::Keys) -> Self {
        self.set_forwarder_keys(keys);
        self
    }

    /// Gives the forwarder these keys, in place of others.
    pub fn set_forwarder_keys(&self, keys: forwarder::Keys) {
        *self.forwarder.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
    }

    /// The buyer pays an order, even one that was created elsewhere.
    pub fn pay(&self, order: &str, paid: WechatPaid) {
        let mut state = self.state();
        let trade = state.trades.entry(order.to_owned()).or_insert_with(|| Trade::new(paid.fen, None));
        *trade = Trade {
            fen: paid.fen,
            attach: paid.attach.or(trade.attach.take()),
            state: "SUCCESS",
            transaction: Some(paid.transaction),
            paid_at: (self.clock)(),
        };
    }

    /// The buyer pays an open order as it was created. `None` if it is not open.
    pub fn pay_open(&self, order: &str) -> Option<WechatPaid> {
        let mut state = self.state();
        let trade = state.trades.get_mut(order).filter(|trade| trade.state == "NOTPAY")?;
        let transaction = format!("42-{order}");
        (trade.state, trade.transaction) = ("SUCCESS", Some(transaction.clone()));
        trade.paid_at = (self.clock)();
        Some(WechatPaid { transaction, fen: trade.fen, attach: trade.attach.clone() })
    }

    /// The page of a native payment, where a buyer scans its code.
    pub fn page(&self, order: &str) -> Page {
        page::page(&self.state(), order)
    }

    /// The notification of a paid order, as a sample that [`WechatSender::sent`] seals and signs. `None` if it is not paid.
    pub fn notification(&self, order: &str) -> Option<String> {
        let state = self.state();
        let trade = state.trades.get(order).filter(|trade| trade.state == "SUCCESS")?;
        Some(v3::notification(&self.merchant, order, trade).to_string())
    }

    /// Creates an unpaid order without an API call.
    pub fn begin(&self, order: &str, fen: u64) {
        self.state().trades.insert(order.to_owned(), Trade::new(fen, None));
    }

    /// Refunds a payment under our refund number.
    pub fn refund(&self, number: &str, refund: WechatRefund) {
        self.state().refunds.insert(number.to_owned(), refund);
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        self.answer_saying(call, |body| body)
    }

    /// The same, with `say` altering the body before it is signed.
    pub fn answer_saying(&self, call: &Call<'_>, say: impl FnOnce(String) -> String) -> Answered {
        let path = call.path.split('?').next().unwrap_or_default();
        let mut state = self.state();
        if let Some(what) = path.strip_prefix(IN_CLOUD).and_then(|path| path.strip_prefix(CLOUDRUN)) {
            return cloudrun::answer(&mut state, &self.merchant, what, call);
        }
        if let Some(what) = path.strip_prefix(CLOUDRUN) {
            return self.forwarded(&mut state, what, call, say);
        }
        let (status, body) = v3::answer(&mut state, &self.merchant, path, call);
        let body = say(body);
        state.answers = state.answers.saturating_add(1);
        let nonce = format!("{:032x}", state.answers);
        Answered { status, headers: self.signed(&nonce, &body, call.now_s), body, events: Vec::new() }
    }

    /// The forwarder: accepts each signed call once, and signs WeChat's response.
    fn forwarded(
        &self,
        state: &mut State,
        what: &str,
        call: &Call<'_>,
        say: impl FnOnce(String) -> String,
    ) -> Answered {
        let signed = forwarder::Call { method: call.method, path: call.path, body: call.body.as_bytes() };
        let keys = self.forwarder.read().unwrap_or_else(PoisonError::into_inner).clone();
        let accepted = keys.as_ref().and_then(|keys| {
            let nonce = forwarder::verify_call(keys, signed, call.authorization?, call.now_s).ok()?;
            state.nonces.insert(nonce.to_owned()).then_some((keys, nonce))
        });
        let Some((keys, nonce)) = accepted else {
            return Answered { status: 401, headers: Vec::new(), body: String::new(), events: Vec::new() };
        };
        let answered = cloudrun::answer(state, &self.merchant, what, call);
        let body = say(answered.body);
        let signature = forwarder::sign_answer(keys, nonce, answered.status, body.as_bytes(), call.now_s);
        let headers = answered.headers.into_iter().chain([(forwarder::SIGNATURE, signature)]).collect();
        Answered { headers, body, ..answered }
    }

    fn signed(&self, nonce: &str, body: &str, now_s: i64) -> Vec<(&'static str, String)> {
        use signing::wechat_v3::{NONCE, SERIAL, SIGNATURE, TIMESTAMP, sign};
        let signature = sign(&self.platform, now_s, nonce, body.as_bytes());
        vec![
            ("content-type", "application/json".to_owned()),
            (TIMESTAMP, now_s.to_string()),
            (NONCE, nonce.to_owned()),
            (SIGNATURE, signature),
            (SERIAL, self.key_id.clone()),
        ]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WechatPay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WechatPay")
    }
}
