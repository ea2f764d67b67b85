//! 404 replies of a source that this deployment does not configure.

use std::time::Duration;

use ledger::Source;

use crate::{Incoming, Invocation, MalformedEvent, Reply, Service};

/// Replies 404 to every request, without fetching a key and without querying the store: a scan of all URLs costs
/// nothing and raises no alarm.
#[derive(Debug)]
pub struct Unconfigured {
    pub source: Source,
}

impl Service for Unconfigured {
    const REPLY_WITHIN: Duration = Duration::from_secs(1);

    async fn answer_request(&self, _: Result<Incoming, MalformedEvent>, invocation: &Invocation) -> Reply {
        crate::line(self.source.as_str(), None, "not_set_up", None, invocation);
        Reply::empty(404)
    }
}

/// A function, or its replacement in a deployment that does not configure it.
#[derive(Debug)]
pub enum Configured<S> {
    Function(S),
    Unconfigured(Unconfigured),
}

impl<S: Service> Service for Configured<S> {
    const REPLY_WITHIN: Duration = S::REPLY_WITHIN;

    async fn answer_request(&self, request: Result<Incoming, MalformedEvent>, invocation: &Invocation) -> Reply {
        match self {
            Self::Function(function) => function.answer_request(request, invocation).await,
            Self::Unconfigured(absent) => absent.answer_request(request, invocation).await,
        }
    }
}
