//! The webhook source for WeChat Pay: payments and refunds over APIv3, APIv2 and CloudRun, each booked on its order
//! exactly once.
//!
//! Each stage is a file: `verify`, `parse`, `confirm`, `decide`, `reply`. The crate `webhook` runs them in order. Each
//! of the three forms has its own signature, parser and reply; all parse into one [`WechatEvent`].
//!
//! ```
//! let settings = |name: &str| match name {
//!     "WECHAT_MCH_ID" => Some("1900000001".to_owned()),
//!     "WECHAT_APP_ID" => Some("wx0123456789abcdef".to_owned()),
//!     _ => None,
//! };
//! let config = wechat::Config::read(settings)?;
//!
//! // WeChat signs APIv3's notifications and not CloudRun's callbacks, so a query confirms the latter first.
//! assert!(config.confirm_cloudrun && !config.confirm_v3);
//! # Ok::<(), wechat::ConfigError>(())
//! ```

mod agree;
mod assemble;
mod config;
mod confirm;
mod decide;
mod hint;
mod parse;
mod reply;
mod verify;

use std::time::Duration;

use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Order, Source, Timestamp};
use providers::WechatKeys;
use signing::{SecretError, Strength, Verified, VerifyError, forwarder, wechat_v3};
use webhook::{Dependency, Endpoint, Outcome, ParseError, Received, Webhook};

pub use assemble::assemble;
pub use config::{Config, ConfigError};
pub use confirm::{Api, Confirmation};
pub use parse::{Hint, Ids, Report, WechatEvent};
pub use verify::{Keys, SETTINGS};

/// The path's prefix before the order's number.
const CALLBACK: &str = "/payment/callback/";

#[derive(Debug)]
pub struct Wechat {
    pub config: Config,
    /// The API for queries that confirm an event. Without it, events that need confirmation are kept and retried.
    pub api: Option<Api>,
}

/// The form of a notification: APIv3, APIv2 or CloudRun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    #[default]
    V3,
    V2,
    CloudRun,
}

impl Form {
    /// Recognizes the form without a key, from a header and the first byte of the body.
    fn of(has_v3_signature: bool, is_xml: bool) -> Self {
        match (has_v3_signature, is_xml) {
            (true, _) => Self::V3,
            (false, true) => Self::V2,
            (false, false) => Self::CloudRun,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V3 => "v3",
            Self::V2 => "v2",
            Self::CloudRun => "cloudrun",
        }
    }
}

/// The order, the query's result and the configuration that a decision needs.
#[derive(Debug, Clone)]
pub struct Loaded {
    order: Option<Order>,
    confirmation: Confirmation,
    /// The configuration for this delivery; see [`Config::of`].
    config: Config,
}

/// The keys for WeChat's API; see [`WechatKeys`].
pub fn api_keys(settings: &Settings, strength: Strength) -> Result<WechatKeys, (&'static str, SecretError)> {
    WechatKeys::read(|name| settings.setting(name), strength)
}

impl Webhook for Wechat {
    const SOURCE: Source = Source::Wechat;
    const ROUTES: &'static [Route<Endpoint>] = &[
        Route { method: "POST", path: "/payment/wechat/notify", endpoint: Endpoint::Event },
        Route { method: "POST", path: "/payment/callback/{orderNumber}", endpoint: Endpoint::Event },
    ];
    /// Sixteen times the longest documented notification, a refund over APIv2.
    const BODY_BYTES_MAX: usize = 64 * 1024;
    /// WeChat Pay's reply deadline is 5 s; the rest is network time in both directions.
    const REPLY_WITHIN: Duration = Duration::from_millis(3_800);
    const HEADERS_KEPT: &'static [&'static str] = &[
        "content-type",
        "user-agent",
        "request-id",
        wechat_v3::TIMESTAMP,
        wechat_v3::NONCE,
        wechat_v3::SERIAL,
        wechat_v3::SIGNATURE,
        wechat_v3::SIGNATURE_TYPE,
        forwarder::SIGNATURE,
        verify::FORWARDED,
        verify::STANDARD_ID,
        verify::STANDARD_TIMESTAMP,
        verify::STANDARD_SIGNATURE,
    ];

    type Form = Form;
    type Keys = Keys;
    type Event = WechatEvent;
    type Loaded = Loaded;

    fn keys(settings: &Settings, strength: Strength) -> Result<Keys, (&'static str, SecretError)> {
        Keys::read(settings, strength)
    }

    fn form(&self, incoming: &Incoming) -> Form {
        verify::form(incoming)
    }

    fn verify<'r>(&self, keys: &Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError> {
        verify::verify(&self.config, keys, request, now)
    }

    fn parse(&self, received: &Received<'_>) -> Result<WechatEvent, ParseError> {
        parse::parse(received)
    }

    fn header(&self, event: &WechatEvent) -> JournalHeader {
        decide::header(event)
    }

    /// `None`: APIv3's signature has the time, and verification checks it; the other forms carry none.
    fn sent_at(&self, _: &WechatEvent) -> Option<Timestamp> {
        None
    }

    fn event_id<'e>(&self, event: &'e WechatEvent) -> &'e str {
        &event.id
    }

    async fn load<L: Ledger>(
        &self,
        event: &WechatEvent,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Loaded, CommitError> {
        let config = self.config.of(context);
        let Some(number) = &event.order else {
            return Ok(Loaded { order: None, confirmation: Confirmation::NotNeeded, config });
        };
        let order = ledger.order(number, context).await?;
        let confirmation = match &order {
            Some(order) => self.confirm(event, order, &config, context).await,
            None => Confirmation::NotNeeded,
        };
        Ok(Loaded { order, confirmation, config })
    }

    fn decide(&self, event: &WechatEvent, header: JournalHeader, loaded: Loaded) -> Decision {
        decide::decide(event, header, &loaded.config, &loaded)
    }

    fn reply(&self, form: Form, outcome: &Outcome, _: Option<&str>) -> Reply {
        reply::reply(form, outcome)
    }

    async fn dependencies(&self, _: Deadline) -> Vec<Dependency> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
