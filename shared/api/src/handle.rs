//! The whole of a call: bytes are routed, opened, their caller is known, what is asked is done and answered.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use edge::{Invocation, Reply, Request, Route, RouteMatch, Service};
use futures_util::FutureExt as _;
use ledger::{CallContext, CallerKey, Ledger, Owner};

use crate::Failure;

/// Longer than any key that anybody makes; beyond it is somebody who tries what happens.
const KEY_CHARS_MAX: usize = 256;

/// What an HTTP API has to say. Everything else is here.
pub trait Api: Send + Sync {
    /// Ours: a label in logs and metrics.
    const NAME: &'static str;
    const ROUTES: &'static [Route<Self::Call>];
    const BODY_BYTES_MAX: usize;
    /// How long a caller waits for an answer, with room for the way back.
    const REPLY_WITHIN: Duration;

    /// What can be called.
    type Call: Copy + Send + Sync + 'static;

    /// What anybody is told; `None` of a call that needs a key.
    fn public(&self, call: Self::Call) -> Option<Reply>;

    fn call<L: Ledger>(
        &self,
        asked: &ApiCall<'_, Self::Call>,
        ledger: &L,
    ) -> impl Future<Output = Result<ApiOutcome, Failure>> + Send;
}

/// One call, by somebody we know.
#[derive(Debug)]
pub struct ApiCall<'r, C: 'static> {
    pub caller: Owner,
    pub request: &'r Request,
    pub found: &'r RouteMatch<C>,
    pub invocation: &'r Invocation,
}

impl<C> ApiCall<'_, C> {
    /// What the books are to know of it. Never the body: it holds nothing that its order does not say.
    pub fn context(&self) -> CallContext<'static> {
        self.invocation.context()
    }
}

/// What a call came to: what the caller is told, and what the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiOutcome {
    pub reply: Reply,
    /// The word for logs and metrics.
    pub outcome: &'static str,
    /// What it was about, by an id of ours.
    pub subject: Option<String>,
}

/// An API and the books.
#[derive(Debug)]
pub struct Function<A, L> {
    pub api: A,
    pub ledger: L,
}

impl<A: Api, L: Ledger> Service for Function<A, L> {
    const REPLY_WITHIN: Duration = A::REPLY_WITHIN;

    async fn answer(&self, event: &str, invocation: &Invocation) -> Reply {
        let outcome_of_call = match AssertUnwindSafe(self.handle(event, invocation)).catch_unwind().await {
            Ok(outcome_of_call) => outcome_of_call,
            Err(_) => Err(Failure::new(500, "internal", "Internal error.")),
        };
        let reply = match outcome_of_call {
            Ok(ApiOutcome { reply, outcome, subject }) => {
                edge::line(A::NAME, subject.as_deref(), outcome, None, invocation);
                reply
            }
            Err(failure) => {
                edge::line(A::NAME, failure.subject.as_deref(), failure.outcome(), Some(failure.code), invocation);
                failure.reply()
            }
        };
        // What is answered is of this caller and this moment.
        reply.with_header("cache-control", "no-store")
    }
}

impl<A: Api, L: Ledger> Function<A, L> {
    async fn handle(&self, event: &str, invocation: &Invocation) -> Result<ApiOutcome, Failure> {
        let incoming = edge::read(event).map_err(|_| Failure::new(400, "malformed", "Not a request."))?;
        let found = edge::find(A::ROUTES, &incoming.method, &incoming.path)?;
        if let Some(reply) = self.api.public(found.endpoint) {
            return Ok(ApiOutcome { reply, outcome: "public", subject: None });
        }
        let request = incoming.open(A::BODY_BYTES_MAX)?;
        let caller = self.caller(&request, invocation).await?;
        self.api.call(&ApiCall { caller, request: &request, found: &found, invocation }, &self.ledger).await
    }

    /// Whose key it is. That one is missing, is none, or is nobody's is one answer: it says nothing about which keys there are.
    async fn caller(&self, request: &Request, invocation: &Invocation) -> Result<Owner, Failure> {
        let secret =
            request.header("authorization").ok().flatten().and_then(bearer).ok_or_else(Failure::unauthorized)?;
        let owner = self.ledger.owner(&CallerKey::api(secret), &invocation.context()).await?;
        owner.ok_or_else(Failure::unauthorized)
    }
}

/// The key of `Bearer <key>`. A comma or a space in it is two headers that somebody has joined.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, key) = header.split_once(' ')?;
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    let is_key = !key.is_empty() && key.len() <= KEY_CHARS_MAX && key.bytes().all(plain);
    (scheme.eq_ignore_ascii_case("bearer") && is_key).then_some(key)
}
