//! The fake WeChat Pay behind a faulty network, with the faults of its signed replies and the buyer's actions.

use std::sync::Mutex;

use fakes::{WechatMerchant, WechatPaid, WechatPay, WechatRefund};
use signing::rsa::PrivateKey;
use signing::{Strength, forwarder};

use crate::faulty_net::{FakeProvider, FaultyNet, NetFault, ProviderReply, replaced};
use crate::provider_call::{ProviderCall, path_of};
use crate::rsa_pair;

/// The merchant of the samples and the tests.
pub const WECHAT_MERCHANT: &str = "1900000001";
pub const WECHAT_APP: &str = "wx0123456789abcdef";
/// The seeds of the key pairs: of the merchant, and of WeChat Pay.
pub const MERCHANT_PAIR: u64 = 1;
pub const PLATFORM_PAIR: u64 = 2;
/// The secret that our container in WeChat CloudRun shares with us.
pub const FORWARDER_SECRET: &str = "a-forwarder-secret-of-the-tests-0123456789";
pub const PLATFORM_KEY_ID: &str = "PUB_KEY_ID_0000000000000000000000000001";

/// The fake WeChat Pay behind a faulty network.
pub type WechatNet = FaultyNet<SigningWechat>;

/// The faults that only a provider with signed replies has. Each call is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WechatFault {
    /// In the reply the first text is replaced by the second before it is signed.
    AlteredAndSigned(&'static str, &'static str),
    /// The reply has no signature.
    Unsigned,
    /// The reply has the signature of the reply to the first call.
    SignedAsFirst,
    /// The reply has another status than the signed one.
    OtherStatus(u16),
}

/// The fake of the API, and the headers of its first reply.
#[derive(Debug)]
pub struct SigningWechat {
    api: WechatPay,
    first_headers: Mutex<Option<Vec<(&'static str, String)>>>,
}

impl SigningWechat {
    /// The fake of the API.
    pub fn api(&self) -> &WechatPay {
        &self.api
    }

    fn answer_altered(&self, call: &ProviderCall, now_s: i64, alter: impl FnOnce(String) -> String) -> ProviderReply {
        let answered = self.api.answer_saying(&call.for_fake(now_s), alter);
        self.first_headers.lock().unwrap().get_or_insert_with(|| answered.headers.clone());
        answered.into()
    }
}

impl FakeProvider for SigningWechat {
    type OwnFault = WechatFault;

    fn path(url: &str) -> &str {
        path_of(url)
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        self.answer_altered(call, now_s, |body| body)
    }

    fn answer_with(&self, fault: WechatFault, call: &ProviderCall, now_s: i64) -> ProviderReply {
        match fault {
            WechatFault::AlteredAndSigned(this, that) => {
                self.answer_altered(call, now_s, |body| replaced(&body, this, that))
            }
            WechatFault::Unsigned => ProviderReply { headers: Vec::new(), ..self.answer(call, now_s) },
            WechatFault::SignedAsFirst => {
                let headers = self.first_headers.lock().unwrap().clone().unwrap_or_default();
                ProviderReply { headers, ..self.answer(call, now_s) }
            }
            WechatFault::OtherStatus(status) => ProviderReply { status, ..self.answer(call, now_s) },
        }
    }

    fn error_body(_: u16) -> String {
        r#"{"code":"SYSTEM_ERROR"}"#.to_owned()
    }

    fn more_faults() -> Vec<NetFault<WechatFault>> {
        vec![NetFault::Own(WechatFault::Unsigned)]
    }
}

impl Default for SigningWechat {
    fn default() -> Self {
        let merchant = WechatMerchant { mch_id: WECHAT_MERCHANT.to_owned(), app_id: WECHAT_APP.to_owned() };
        let platform = PrivateKey::parse(&rsa_pair(PLATFORM_PAIR).private).unwrap();
        let keys = forwarder::Keys::parse(FORWARDER_SECRET, Strength::Deployed).unwrap();
        let api = WechatPay::new(merchant, platform, PLATFORM_KEY_ID).with_forwarder(keys);
        Self { api, first_headers: Mutex::default() }
    }
}

impl Default for WechatNet {
    fn default() -> Self {
        Self::over(SigningWechat::default())
    }
}

impl WechatNet {
    /// The buyer pays an order, whether it is begun or not.
    pub fn pay(&self, order: &str, transaction: &str, fen: u64, attach: Option<&str>) {
        let (transaction, attach) = (transaction.to_owned(), attach.map(str::to_owned));
        self.provider().api.pay(order, WechatPaid { transaction, fen, attach });
    }

    /// Begins an order without paying it.
    pub fn begin(&self, order: &str, fen: u64) {
        self.provider().api.begin(order, fen);
    }

    pub fn refund(&self, number: &str, refund: WechatRefund) {
        self.provider().api.refund(number, refund);
    }
}
