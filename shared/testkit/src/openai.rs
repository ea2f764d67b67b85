//! Two fake upstreams in OpenAI's format behind a faulty network, of which the second is for requests that the first one fails.

use fakes::openai::{Call, End, OpenAi};

use crate::faulty_net::{FakeProvider, FaultyNet, NetFault, ProviderReply};
use crate::provider_call::ProviderCall;

/// The base URLs of the upstreams, as OpenAI's own clients are given theirs, and the key that both accept.
pub const OPENAI_BASE: &str = "https://upstream.invalid/v1";
pub const OPENAI_SECOND_BASE: &str = "https://second.invalid/v1";
pub const OPENAI_KEY: &str = "sk-of-the-upstream";

const SECOND_HOST: &str = "https://second.invalid";

/// Both upstreams. Their names, for the words of [`fakes::openai::WORDS`], are `main` and `second`.
#[derive(Debug)]
pub struct Upstreams {
    pub first: OpenAi,
    pub second: OpenAi,
}

/// The fake upstreams behind a faulty network. The endpoint of a call has its whole URL.
pub type OpenAiNet = FaultyNet<Upstreams>;

/// The faults that only a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenAiFault {
    /// The connection breaks after so many parts.
    BreaksAfter(usize),
    /// Nothing comes after so many parts.
    StallsAfter(usize),
}

impl Upstreams {
    fn answer_of(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        let (upstream, path) = match call.path().strip_prefix(SECOND_HOST) {
            Some(path) => (&self.second, path),
            None => (&self.first, crate::provider_call::path_of(call.path())),
        };
        let (method, authorization, body) = (call.method(), call.authorization(), call.body.as_str());
        upstream.answer(&Call { method, path, authorization, body, now_s }).into()
    }
}

impl FakeProvider for Upstreams {
    type OwnFault = OpenAiFault;

    /// The whole URL, which names the upstream.
    fn path(url: &str) -> &str {
        url
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        self.answer_of(call, now_s)
    }

    fn answer_with(&self, fault: OpenAiFault, call: &ProviderCall, now_s: i64) -> ProviderReply {
        match fault {
            OpenAiFault::BreaksAfter(parts) => self.answer_of(call, now_s).ended(parts, End::Breaks),
            OpenAiFault::StallsAfter(parts) => self.answer_of(call, now_s).ended(parts, End::Stalls),
        }
    }

    fn error_body(_: u16) -> String {
        r#"{"error":{"message":"The fake network answers.","type":"server_error","param":null,"code":null}}"#.to_owned()
    }

    /// None: whether a retry recovers from a stream that ends early depends on what the caller has had of it.
    fn more_faults() -> Vec<NetFault<OpenAiFault>> {
        Vec::new()
    }
}

impl Default for OpenAiNet {
    fn default() -> Self {
        let second = OpenAi::new(OPENAI_KEY, "b").named("second");
        Self::over(Upstreams { first: OpenAi::new(OPENAI_KEY, "a").named("main"), second })
    }
}

#[cfg(test)]
mod tests;
