//! The fake of WeChat Pay: its APIv3 and its CloudRun interface. It sends no notification by itself: `send` registers an event here,
//! then signs and sends its notification.

use edge::Reply;
use fakes::{Call, WechatMerchant, WechatPay};
use http::HeaderMap;
use ledger::Timestamp;
use pages::{OWN_FORMS, POLICY};
use signing::rsa::PrivateKey;
use signing::{Strength, forwarder};

use crate::error::Error;
use crate::now::now;
use crate::secrets::Secrets;
use crate::sources::Signed;
use crate::sources::wechat::{self, APP_ID, EVENTS_PATH, KEY_ID, MCH_ID, in_china};

/// The prefix of WeChat's own paths: `<base>/mock/wechat/v3/pay/transactions/jsapi`.
pub(crate) const PATH: &str = "/mock/wechat";
/// What the path of an order's page begins with.
pub(crate) const PAY: &str = "/mock/wechat/pay/";

pub(crate) struct MockWechat {
    wechat: WechatPay,
    base_url: String,
    secret: String,
}

impl MockWechat {
    pub(crate) fn new(base_url: &str, secrets: &Secrets) -> Result<Self, Error> {
        let merchant = WechatMerchant { mch_id: MCH_ID.to_owned(), app_id: APP_ID.to_owned() };
        let platform = wechat::platform(secrets.named(wechat::SETTING));
        let platform = platform.and_then(|pem| PrivateKey::parse(&pem));
        let platform = platform.map_err(|error| Error::Secret(wechat::SETTING, error))?;
        let forwarder = wechat::forwarder(secrets.named(wechat::SETTING));
        let forwarder = forwarder.and_then(|secret| forwarder::Keys::parse(&secret, Strength::Local));
        let forwarder = forwarder.map_err(|error| Error::Secret(wechat::SETTING, error))?;
        let wechat =
            WechatPay::new(merchant, platform, KEY_ID).with_forwarder(forwarder).with_clock(|| in_china(now()));
        let secret = secrets.named(wechat::SETTING).to_owned();
        Ok(Self { wechat, base_url: base_url.to_owned(), secret })
    }

    /// The default of the function's setting that points it to this fake.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let base_url = &self.base_url;
        Some(match name {
            "WECHAT_MCH_ID" => MCH_ID.to_owned(),
            "WECHAT_APP_ID" => APP_ID.to_owned(),
            "WECHAT_API" => "v3".to_owned(),
            "WECHAT_API_BASE" => format!("{base_url}{PATH}"),
            "WECHAT_MERCHANT_SERIAL" => "0000000000000000000000000000000000000001".to_owned(),
            "WECHAT_NOTIFY_URL" => format!("{base_url}/payment/callback"),
            "WECHAT_CLOUD_ENV" | "WECHAT_CLOUD_SERVICE" => "local".to_owned(),
            "WECHAT_CLOUD_PATH" => "/payment/callback".to_owned(),
            _ => return None,
        })
    }

    pub(crate) fn page(&self, order: &str) -> Reply {
        let page = self.wechat.page(order);
        Reply::html(page.status, page.html).with_header(POLICY, OWN_FORMS)
    }

    /// The buyer pays an open order; `None` if it is not open. Returns the notification to send.
    pub(crate) fn pay(&self, order: &str, now: Timestamp) -> Option<Signed> {
        self.wechat.pay_open(order)?;
        let notification = self.wechat.notification(order)?;
        wechat::wire(&self.secret, now, &notification).ok()
    }

    /// `path` is the part after [`PATH`].
    pub(crate) fn answer(&self, method: &str, path: &str, headers: &HeaderMap, body: &str, now: Timestamp) -> Reply {
        if method == "POST" && EVENTS_PATH.strip_prefix(PATH) == Some(path) {
            self.wechat.hear(body);
            return Reply::empty(204);
        }
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        let call = Call { method, path, authorization, idempotency_key: None, body, now_s: now.unix_s() };
        let response = self.wechat.answer(&call);
        Reply { status: response.status, headers: response.headers, body: response.body }
    }
}
