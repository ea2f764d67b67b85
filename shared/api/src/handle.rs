//! The whole of a call: bytes are routed, opened, their caller is known, what is asked is done and answered.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use edge::{Found, Moment, Reply, Request, Route, Service};
use futures_util::FutureExt as _;
use ledger::{CallerKey, Delivery, Ledger, Owner};

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
        asked: &Asked<'_, Self::Call>,
        ledger: &L,
    ) -> impl Future<Output = Result<Told, Failure>> + Send;
}

/// One call, by somebody we know.
#[derive(Debug)]
pub struct Asked<'r, C: 'static> {
    pub caller: Owner,
    pub request: &'r Request,
    pub found: &'r Found<C>,
    pub moment: &'r Moment,
}

impl<C> Asked<'_, C> {
    /// What the books are to know of it. Never the body: it holds nothing that its order does not say.
    pub fn delivery(&self) -> Delivery<'static> {
        self.moment.delivery()
    }
}

/// What a call came to: what the caller is told, and what the log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
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

    async fn answer(&self, event: &str, moment: &Moment) -> Reply {
        let told = match AssertUnwindSafe(self.handle(event, moment)).catch_unwind().await {
            Ok(told) => told,
            Err(_) => Err(Failure::new(500, "internal", "Internal error.")),
        };
        let reply = match told {
            Ok(Told { reply, outcome, subject }) => {
                edge::line(A::NAME, subject.as_deref(), outcome, None, moment);
                reply
            }
            Err(failure) => {
                edge::line(A::NAME, failure.subject.as_deref(), failure.outcome(), Some(failure.code), moment);
                failure.reply()
            }
        };
        // What is answered is of this caller and this moment.
        reply.with_header("cache-control", "no-store")
    }
}

impl<A: Api, L: Ledger> Function<A, L> {
    async fn handle(&self, event: &str, moment: &Moment) -> Result<Told, Failure> {
        let incoming = edge::read(event).map_err(|_| Failure::new(400, "malformed", "Not a request."))?;
        let found = edge::find(A::ROUTES, &incoming.method, &incoming.path)?;
        if let Some(reply) = self.api.public(found.endpoint) {
            return Ok(Told { reply, outcome: "public", subject: None });
        }
        let request = incoming.open(A::BODY_BYTES_MAX)?;
        let caller = self.caller(&request, moment).await?;
        self.api.call(&Asked { caller, request: &request, found: &found, moment }, &self.ledger).await
    }

    /// Whose key it is. That one is missing, is none, or is nobody's is one answer: it says nothing about which keys there are.
    async fn caller(&self, request: &Request, moment: &Moment) -> Result<Owner, Failure> {
        let secret =
            request.header("authorization").ok().flatten().and_then(bearer).ok_or_else(Failure::unauthorized)?;
        let owner = self.ledger.owner(&CallerKey::api(secret), &moment.delivery()).await?;
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
