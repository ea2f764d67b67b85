//! The LLM upstreams of a world: gateways that report their uses, each in its own way. What each has generated, for whom
//! and for how much, is what chat must have charged.

use std::sync::{Mutex, MutexGuard};

use fakes::openai::{OpenAi, Totals};
use ledger::litellm_event_id;
use testkit::{FakeProvider, NetFault, OPENAI_KEY, OpenAiFault, ProviderCall, ProviderReply, instant};
use tokio::sync::watch;

/// The number of our token at the first upstream, and the hash of our key at the second. They are no owner's.
pub(crate) const REPORTED_TOKEN: &str = "77";
pub(crate) const REPORTED_HASH: &str = "9f86d081884c7d659a2feaa0c55ad015";
/// What names a request in the log of the first.
const REQUEST_ID: &str = "x-oneapi-request-id";

/// What an upstream is, in the order of the upstreams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gateway {
    NewApi,
    Litellm,
}

impl Gateway {
    const ALL: [Self; 2] = [Self::NewApi, Self::Litellm];
}

/// An answer that an upstream has generated, whether or not it has arrived.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    /// The request, which names its call.
    pub(crate) body: String,
    /// As the upstream names it.
    pub(crate) id: String,
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) gateway: Gateway,
    pub(crate) at: std::time::Instant,
}

impl Generated {
    /// The names of the call and of the answer at LiteLLM.
    pub(crate) fn call_and_answer(&self) -> (String, String) {
        (format!("call-{}", self.id), format!("chatcmpl-{}", self.id))
    }

    /// The event of its report: of the sender in `examples/new-api` and of the pull, or of LiteLLM's callback.
    pub(crate) fn event_id(&self) -> String {
        match self.gateway {
            Gateway::NewApi => format!("new-api-{}-{REPORTED_TOKEN}", self.id),
            Gateway::Litellm => {
                let (call, answer) = self.call_and_answer();
                litellm_event_id(Some(&call), &answer)
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct LlmUpstreams {
    fakes: testkit::Upstreams,
    generated: Mutex<Vec<Generated>>,
    changes: watch::Sender<usize>,
}

impl LlmUpstreams {
    pub(crate) fn new() -> Self {
        let first = OpenAi::new(OPENAI_KEY, "a").named("main");
        let second = OpenAi::new(OPENAI_KEY, "b").named("second");
        let (generated, changes) = (Mutex::default(), watch::Sender::new(0));
        Self { fakes: testkit::Upstreams { first, second }, generated, changes }
    }

    /// What was generated for requests with this mark.
    pub(crate) fn generated(&self, mark: &str) -> Vec<Generated> {
        self.lock().iter().filter(|generated| generated.body.contains(mark)).cloned().collect()
    }

    /// How many answers there are, for whom waits for the next one.
    pub(crate) fn changes(&self) -> watch::Receiver<usize> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Generated>> {
        self.generated.lock().expect("one thread")
    }

    fn noted(&self, call: &ProviderCall, answer: impl FnOnce() -> ProviderReply) -> ProviderReply {
        let totals = || [self.fakes.first.totals(), self.fakes.second.totals()];
        let before = totals();
        let reply = answer();
        let after = totals();
        for (gateway, (before, after)) in Gateway::ALL.into_iter().zip(before.into_iter().zip(after)) {
            let id = reply.headers.iter().find(|(name, _)| *name == REQUEST_ID).map(|(_, id)| id.clone());
            if let Some(id) = id.filter(|_| after.completions > before.completions) {
                self.add(call, id, gateway, before, after);
            }
        }
        reply
    }

    fn add(&self, call: &ProviderCall, id: String, gateway: Gateway, before: Totals, after: Totals) {
        let mut generated = self.lock();
        generated.push(Generated {
            body: call.body.clone(),
            id,
            prompt_tokens: after.prompt_tokens - before.prompt_tokens,
            completion_tokens: after.completion_tokens - before.completion_tokens,
            gateway,
            at: instant(),
        });
        self.changes.send_replace(generated.len());
    }
}

impl FakeProvider for LlmUpstreams {
    type OwnFault = OpenAiFault;

    fn path(url: &str) -> &str {
        url
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        self.noted(call, || self.fakes.answer(call, now_s))
    }

    fn answer_with(&self, fault: OpenAiFault, call: &ProviderCall, now_s: i64) -> ProviderReply {
        self.noted(call, || self.fakes.answer_with(fault, call, now_s))
    }

    fn error_body(status: u16) -> String {
        testkit::Upstreams::error_body(status)
    }

    fn more_faults() -> Vec<NetFault<OpenAiFault>> {
        Vec::new()
    }
}
