//! A stand-in for WeChat Pay: orders that are begun, paid, refunded and closed, asked for over APIv3, with signed answers, or over
//! CloudRun's interface. It has one merchant, and trusts whoever calls; what it signs is signed as WeChat's is.

mod cloudrun;
mod hear;
mod send;
mod v3;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use signing::rsa::PrivateKey;

use crate::{Answered, Call};

pub use send::{WechatSecrets, WechatSender, WechatSent};

pub struct WechatPay {
    merchant: WechatMerchant,
    platform: PrivateKey,
    key_id: String,
    state: Mutex<State>,
}

/// The one merchant, by its ids.
#[derive(Debug, Clone)]
pub struct WechatMerchant {
    pub mch_id: String,
    pub app_id: String,
}

/// What a buyer does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WechatPaid {
    pub transaction: String,
    pub fen: u64,
    pub attach: Option<String>,
}

/// What is given back of a transaction.
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
}

struct Trade {
    fen: u64,
    attach: Option<String>,
    state: &'static str,
    transaction: Option<String>,
}

impl Trade {
    fn new(fen: u64, attach: Option<String>) -> Self {
        Self { fen, attach, state: "NOTPAY", transaction: None }
    }
}

impl WechatPay {
    /// `platform` signs its answers, and goes by this id.
    pub fn new(merchant: WechatMerchant, platform: PrivateKey, key_id: &str) -> Self {
        Self { merchant, platform, key_id: key_id.to_owned(), state: Mutex::default() }
    }

    /// The buyer pays: what was begun, or what somebody else has begun elsewhere.
    pub fn pay(&self, order: &str, paid: WechatPaid) {
        let mut state = self.state();
        let trade = state.trades.entry(order.to_owned()).or_insert_with(|| Trade::new(paid.fen, None));
        *trade = Trade {
            fen: paid.fen,
            attach: paid.attach.or(trade.attach.take()),
            state: "SUCCESS",
            transaction: Some(paid.transaction),
        };
    }

    /// Money goes back, under our own number of the refund.
    pub fn refund(&self, number: &str, refund: WechatRefund) {
        self.state().refunds.insert(number.to_owned(), refund);
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        let path = call.path.split('?').next().unwrap_or_default();
        let mut state = self.state();
        if let Some(what) = path.strip_prefix("/_/pay/") {
            return cloudrun::answer(&mut state, &self.merchant, what, call);
        }
        let (status, body) = v3::answer(&mut state, &self.merchant, path, call);
        state.answers = state.answers.saturating_add(1);
        let nonce = format!("{:032x}", state.answers);
        Answered { status, headers: self.signed(&nonce, &body, call.now_s), body, events: Vec::new() }
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
