//! A stand-in for WeChat Pay: orders that are begun, paid, refunded and closed, asked for over APIv3, with signed answers, over CloudRun's
//! interface as it is inside of WeChat's cloud, or through a forwarder there. It has one merchant. What it signs is signed as WeChat's and
//! the forwarder's are; it verifies what is sent to the forwarder, and trusts everybody else.

mod cloudrun;
mod hear;
mod send;
mod v3;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use signing::forwarder;
use signing::rsa::PrivateKey;

use crate::{Answered, Call};

pub use send::{WechatSecrets, WechatSender, WechatSent};

/// What stands before the paths of CloudRun's interface, and before those where they lead past the forwarder.
const CLOUDRUN: &str = "/_/pay/";
const IN_CLOUD: &str = "/in-cloud";

pub struct WechatPay {
    merchant: WechatMerchant,
    platform: PrivateKey,
    key_id: String,
    forwarder: Option<forwarder::Keys>,
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
    /// Of the calls that the forwarder has taken.
    nonces: BTreeSet<String>,
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
        Self { merchant, platform, key_id: key_id.to_owned(), forwarder: None, state: Mutex::default() }
    }

    /// There is a forwarder too, at `/_/pay/…`, which shares these keys with the caller.
    #[must_use]
    pub fn with_forwarder(self, keys: forwarder::Keys) -> Self {
        Self { forwarder: Some(keys), ..self }
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

    /// An order is begun, by whatever way, and nobody has paid it.
    pub fn begin(&self, order: &str, fen: u64) {
        self.state().trades.insert(order.to_owned(), Trade::new(fen, None));
    }

    /// Money goes back, under our own number of the refund.
    pub fn refund(&self, number: &str, refund: WechatRefund) {
        self.state().refunds.insert(number.to_owned(), refund);
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        self.answer_saying(call, |body| body)
    }

    /// The same, where it says something else than what it holds to be so.
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

    /// What the forwarder answers: it takes a signed call, once, and signs what WeChat says to it.
    fn forwarded(
        &self,
        state: &mut State,
        what: &str,
        call: &Call<'_>,
        say: impl FnOnce(String) -> String,
    ) -> Answered {
        let signed = forwarder::Call { method: call.method, path: call.path, body: call.body.as_bytes() };
        let taken = self.forwarder.as_ref().and_then(|keys| {
            let nonce = forwarder::verify_call(keys, signed, call.authorization?, call.now_s).ok()?;
            state.nonces.insert(nonce.to_owned()).then_some((keys, nonce))
        });
        let Some((keys, nonce)) = taken else {
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
