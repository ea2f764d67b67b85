//! The fake of an epay gateway: its payment page, its queries, and its notifications to our own webhook.

use edge::Reply;
use fakes::epay::{Call, Gateway};
use http::StatusCode;
use ledger::Timestamp;
use pages::{POLICY, TO_SHOP};
use signing::epay::Pid;

use crate::error::Error;
use crate::sources::epay::{self, EVENTS_PATH, MERCHANTS};

/// The prefix of the gateway's own paths: `<base>/mock/epay/submit.php`.
pub(crate) const PATH: &str = "/mock/epay";
const PAY: &str = "/pay/";
/// Its merchants, as the setting of the function has them.
pub const MERCHANTS_SETTING: &str = "1001:md5,1002:rsa";

pub(crate) struct MockEpay {
    gateway: Gateway,
    base_url: String,
}

/// The reply, and the notification form that the gateway sends before it, if any.
pub(crate) struct Mocked {
    pub(crate) reply: Reply,
    pub(crate) notifies: Option<String>,
}

impl MockEpay {
    /// `secret` holds the keys of both sides.
    pub(crate) fn new(base_url: &str, secret: &str) -> Result<Self, Error> {
        let keys = epay::keys(secret).map_err(|error| Error::Secret(epay::SETTING, error))?;
        let merchants = MERCHANTS.into_iter().filter_map(|(pid, scheme)| Some((Pid::new(pid)?, scheme)));
        let seed = format!("{:012x}", fastrand::u64(..) >> 16);
        let gateway = Gateway::new(&format!("{base_url}{PATH}"), keys, merchants, &seed);
        Ok(Self { gateway, base_url: base_url.to_owned() })
    }

    /// The value of a function's setting that points it to this fake.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let base_url = &self.base_url;
        Some(match name {
            "MOCK_EPAY" => "true".to_owned(),
            "EPAY_API_BASE" => format!("{base_url}{PATH}"),
            "EPAY_MERCHANTS" => MERCHANTS_SETTING.to_owned(),
            "EPAY_NOTIFY_URL" => format!("{base_url}/payment/notify"),
            "EPAY_RETURN_URL" => format!("{base_url}/payment/return"),
            _ => return None,
        })
    }

    /// `path` is the part after [`PATH`].
    pub(crate) fn answer(&self, method: &str, path: &str, body: &str, now: Timestamp) -> Mocked {
        if method == "POST" && EVENTS_PATH.strip_prefix(PATH) == Some(path) {
            self.gateway.hear(&epay::params(body));
            return Mocked { reply: Reply::empty(204), notifies: None };
        }
        if let Some(trade) = path.strip_prefix(PAY).filter(|_| method == "POST") {
            return self.pay(trade, now);
        }
        let page = self.gateway.answer(&Call { method, path, body, now_s: now.unix_s() });
        let headers = vec![("content-type", page.content_type.to_owned()), (POLICY, TO_SHOP.to_owned())];
        Mocked { reply: Reply { status: page.status, headers, body: page.body }, notifies: None }
    }

    fn pay(&self, trade: &str, now: Timestamp) -> Mocked {
        match self.gateway.pay(trade, now.unix_s()) {
            None => Mocked { reply: Reply::text(404, "there is no such payment"), notifies: None },
            Some(paid) => {
                let back = Reply::empty(StatusCode::SEE_OTHER.as_u16()).with_header("location", paid.redirect);
                Mocked { reply: back, notifies: Some(paid.form) }
            }
        }
    }
}
