//! WeChat Pay: payments and refunds as APIv3, APIv2 and CloudRun tell of them, booked on the orders that they are about, exactly once.
//!
//! The stages are the files: `verify`, `parse`, `confirm`, `decide`, `reply`. The spine in `webhook` runs them. Each of the three
//! forms has a proof, a parser and a reply of its own; what they say comes together in one [`WechatEvent`].

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
pub use confirm::{Api, Said};
pub use parse::{Hint, Ids, Report, WechatEvent};
pub use verify::{Keys, SETTINGS};

/// What stands before an order's number in the path.
const CALLBACK: &str = "/payment/callback/";

#[derive(Debug)]
pub struct Wechat {
    pub config: Config,
    /// Who can be asked whether it is true. Without it, what has to be confirmed waits.
    pub api: Option<Api>,
}

/// The three ways in which WeChat tells of one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    #[default]
    V3,
    V2,
    CloudRun,
}

impl Form {
    /// By what a request has and needs no key to be seen.
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

/// What a decision needs beside the event.
#[derive(Debug, Clone)]
pub struct Loaded {
    order: Option<Order>,
    said: Said,
    /// What has to be confirmed of this arrival.
    config: Config,
}

/// The keys with which WeChat is asked; see [`WechatKeys`].
pub fn api_keys(settings: &Settings, strength: Strength) -> Result<WechatKeys, (&'static str, SecretError)> {
    WechatKeys::read(|name| settings.setting(name), strength)
}

impl Webhook for Wechat {
    const SOURCE: Source = Source::Wechat;
    const ROUTES: &'static [Route<Endpoint>] = &[
        Route { method: "POST", path: "/payment/wechat/notify", endpoint: Endpoint::Event },
        Route { method: "POST", path: "/payment/callback/{orderNumber}", endpoint: Endpoint::Event },
    ];
    /// The longest documented notification, a refund over APIv2, has a sixteenth of it.
    const BODY_BYTES_MAX: usize = 64 * 1024;
    /// WeChat waits for 5 s. What is left is for the way there and back.
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

    /// When it was sent is in APIv3's signature, and checked there; the others do not say.
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
            return Ok(Loaded { order: None, said: Said::NotAsked, config });
        };
        let order = ledger.order(number, context).await?;
        let said = match &order {
            Some(order) => self.asked(event, order, &config, context).await,
            None => Said::NotAsked,
        };
        Ok(Loaded { order, said, config })
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
