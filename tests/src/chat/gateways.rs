//! Upstreams that are gateways, which report what they have answered.

use fakes::new_api::{Dialect, Logged};
use ledger::{EventKey, Source, litellm_event_id, openrouter_event_id};
use litellm::Litellm;
use openrouter::Openrouter;
use testkit::logged;
use usage::Usage;

use super::*;
use crate::reconcile::gateway_log::Gateway;
use crate::sandbox::{SandboxOf, Sender, moment_at};

/// Our token at the gateway, which is no owner's.
pub(crate) const TOKEN: &str = "17";
/// A run reads what is older than its overlap.
const PULLED_AFTER_S: i64 = 600;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    NewApi,
    OneApi,
    Litellm,
    Openrouter,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::NewApi, Self::OneApi, Self::Litellm, Self::Openrouter];

    pub(super) fn settings(self) -> [(&'static str, &'static str); 2] {
        let (word, key) = match self {
            // The usual one.
            Self::NewApi => ("", TOKEN),
            Self::OneApi => ("one-api", "7/default"),
            Self::Litellm => ("litellm", "9f86d081884c7d659a2feaa0c55ad015"),
            Self::Openrouter => ("openrouter", "a-shop"),
        };
        [("LLM_REPORTED_BY", word), ("LLM_REPORTED_KEY", key)]
    }

    pub(super) fn key(self) -> &'static str {
        self.settings()[1].1
    }

    pub(super) const fn dialect(self) -> Option<Dialect> {
        match self {
            Self::NewApi => Some(Dialect::NewApi),
            Self::OneApi => Some(Dialect::OneApi),
            Self::Litellm | Self::Openrouter => None,
        }
    }

    /// The journal key of its report of this answer.
    pub(super) fn usage(self, answer: &str) -> EventKey {
        let (request, key) = (request_of(answer), self.key());
        let id = match self {
            Self::NewApi => format!("new-api-{request}-{key}"),
            Self::OneApi => format!("one-api-{request}-{key}"),
            Self::Litellm => litellm_event_id(Some(&call_of(answer)), answer),
            Self::Openrouter => openrouter_event_id(answer),
        };
        EventKey::new(Source::Usage, &id).expect("an id")
    }

    /// Its webhook reports the answer.
    pub(super) async fn report(self, shop: &Shop, answer: &str, attempt: u64) {
        match self {
            Self::NewApi | Self::OneApi => {
                let id = self.usage(answer);
                let id = id.as_str().strip_prefix("usage#").expect("a use");
                deliver::<Usage>(shop, &testkit::usage(id, self.key(), "0.5").to_string(), attempt).await;
            }
            Self::Litellm => {
                let mut event = crate::litellm::event(answer, self.key(), 1);
                event["litellm_call_id"] = call_of(answer).into();
                deliver::<Litellm>(shop, &event.to_string(), attempt).await;
            }
            Self::Openrouter => {
                let span = crate::openrouter::span(answer, self.key(), 1);
                deliver::<Openrouter>(shop, &crate::openrouter::body(&[span]), attempt).await;
            }
        }
    }

    /// A run of `reconcile` finds the answer in its log.
    pub(super) async fn pull(self, shop: &Shop, answer: &str) {
        let gateway = Gateway::beside(shop.world.clone(), self.dialect().expect("a log"));
        let row = logged(request_of(answer), now());
        gateway.log(Logged { token_id: TOKEN.parse().expect("a number"), ..row });
        let report = gateway.run_over(shop.world.ledger(60), PULLED_AFTER_S).await.expect("a run");
        assert_eq!((report.read, report.failed), (1, 0), "{report:?}");
    }
}

/// As the fake upstream names both.
fn request_of(answer: &str) -> &str {
    answer.strip_prefix("chatcmpl-").expect("an id")
}

fn call_of(answer: &str) -> String {
    format!("call-{}", request_of(answer))
}

async fn deliver<W: Sender>(shop: &Shop, body: &str, attempt: u64) {
    let sandbox = SandboxOf::<W>::faultless(&shop.world).await;
    sandbox.deliver(body, &moment_at(attempt, now())).await.expect("alive");
}
