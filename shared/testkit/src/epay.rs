//! The fake epay gateway behind a faulty network: two merchants, and the buyer's actions.

use std::convert::Infallible;
use std::time::Duration;

use fakes::epay::{Answered, Call, Gateway, Paid};
use signing::Strength;
use signing::epay::{Keys, Params, Pid, SETTINGS, Scheme};

use crate::faulty_net::{FakeProvider, FaultyNet, NetFault, ProviderReply};
use crate::provider_call::ProviderCall;

/// The base URL of the fake gateway.
pub const EPAY_BASE: &str = "https://gateway.invalid";
/// The key of merchant 1001, which signs by V1.
pub const EPAY_KEY: &str = "WxbM0Hk2qYv8Z3rT";

/// The settings of a deployment with two merchants: 1001 signs by V1, 1002 by V2. The gateway's key pair is the merchant's own.
pub fn epay_settings() -> Vec<(String, String)> {
    let bare = |pem: &str| -> String { pem.lines().filter(|line| !line.starts_with("-----")).collect() };
    let pair = crate::rsa_pair(1);
    let [md5, public, private] = SETTINGS.map(str::to_owned);
    let of = |pid: &str, key: &str| format!("{pid}:{key}");
    vec![
        (md5, of("1001", EPAY_KEY)),
        (public, of("1002", &bare(&pair.public))),
        (private, of("1002", &bare(&pair.private))),
    ]
}

/// The keys of both merchants.
pub fn epay_keys() -> Keys {
    let settings = epay_settings();
    let setting = |name: &str| settings.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
    Keys::read(setting, Strength::Deployed).unwrap()
}

/// The fake epay gateway behind a faulty network.
pub type EpayNet = FaultyNet<Gateway>;

impl FakeProvider for Gateway {
    type OwnFault = Infallible;

    fn path(url: &str) -> &str {
        url.strip_prefix(EPAY_BASE).unwrap_or(url)
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        let call = Call { method: call.method(), path: call.path(), body: &call.body, now_s };
        let Answered { status, body, .. } = Self::answer(self, &call);
        ProviderReply::of(status, body)
    }

    fn answer_with(&self, fault: Infallible, _: &ProviderCall, _: i64) -> ProviderReply {
        match fault {}
    }

    fn error_body(_: u16) -> String {
        "{}".to_owned()
    }

    fn more_faults() -> Vec<NetFault> {
        vec![NetFault::Delay(Duration::from_millis(3_500)), NetFault::Reply(200, r#"{"code":-3,"msg":"busy"}"#)]
    }
}

impl Default for EpayNet {
    fn default() -> Self {
        let merchants = [("1001", Scheme::Md5), ("1002", Scheme::Rsa)];
        let merchants = merchants.map(|(pid, scheme)| (Pid::new(pid).unwrap(), scheme));
        Self::over(Gateway::new(EPAY_BASE, epay_keys(), merchants, "g"))
    }
}

impl EpayNet {
    /// The buyer opens a URL of the gateway; returns the page.
    pub fn opened(&self, url: &str) -> String {
        let path = url.strip_prefix(EPAY_BASE).unwrap_or_else(|| panic!("{url} is not at the gateway"));
        self.provider().answer(&Call { method: "GET", path, body: "", now_s: self.now_s() }).body
    }

    /// The buyer pays the trade.
    pub fn pay(&self, trade: &str) -> Paid {
        self.provider().pay(trade, self.now_s()).unwrap()
    }

    /// Adds a paid trade that was begun elsewhere, from its notification.
    pub fn add_paid(&self, notified: &Params) {
        self.provider().hear(notified);
    }

    pub fn trades(&self) -> Vec<String> {
        self.provider().trades()
    }
}
