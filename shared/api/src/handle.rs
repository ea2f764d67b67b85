//! Request handling of an HTTP API: route, decode, authenticate the API key, call, reply.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use edge::{Incoming, Invocation, MalformedEvent, Reply, Request, Route, RouteMatch, Service};
use futures_util::FutureExt as _;
use ledger::{CallContext, CallCounts, CallRate, CallerKey, CommitError, KeyId, Ledger, Owner};

use crate::Failure;

/// Longer than any real API key; a longer one is a probe.
const KEY_CHARS_MAX: usize = 256;

/// An HTTP API: its routes and limits. Its calls are in [`Serve`], everything else in [`Function`].
pub trait Api: Send + Sync {
    /// The label in logs and metrics.
    const NAME: &'static str;
    const ROUTES: &'static [Route<Self::Call>];
    const BODY_BYTES_MAX: usize;
    /// The reply deadline: how long a caller waits, less a margin for the network.
    const REPLY_WITHIN: Duration;

    /// The API's calls.
    type Call: Copy + Send + Sync + 'static;

    /// The reply to a public call; `None` if the call needs an API key.
    fn public(&self, call: Self::Call) -> Option<Reply>;
}

/// The calls of an API over a store with the ports that they need, and whom it serves.
pub trait Serve<L>: Api {
    /// What an API key stands for.
    type Caller: Send + Sync;

    /// The caller of a key. `None` if the key is unknown.
    fn authenticate(
        &self,
        key: &str,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<Authenticated<Self::Caller>>, CommitError>> + Send;

    fn call(
        &self,
        call: &ApiCall<'_, Self::Call, Self::Caller>,
        ledger: &L,
    ) -> impl Future<Output = Result<ApiOutcome, Failure>> + Send;
}

/// What a key stands for, and how often it may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated<W> {
    pub caller: W,
    pub key: KeyId,
    pub rate: Option<CallRate>,
}

/// The owner of a key, for an API that serves owners alone.
pub async fn owner_of<L: Ledger>(
    key: &str,
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Option<Authenticated<Owner>>, CommitError> {
    let key = CallerKey::api(key);
    let bound = ledger.key(&key, context).await?;
    Ok(bound.map(|bound| Authenticated { caller: bound.owner, key: KeyId::Owner(key), rate: bound.rate }))
}

/// One call by an authenticated caller.
#[derive(Debug)]
pub struct ApiCall<'r, C: 'static, W = Owner> {
    pub caller: W,
    pub request: &'r Request,
    pub found: &'r RouteMatch<C>,
    pub invocation: &'r Invocation,
}

impl<C, W> ApiCall<'_, C, W> {
    /// The context of a ledger call. Without the body, which holds nothing that its order does not hold.
    pub fn context(&self) -> CallContext<'static> {
        self.invocation.context()
    }
}

/// The result of a call: the reply, and the outcome for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiOutcome {
    pub reply: Reply,
    /// The outcome for logs and metrics.
    pub outcome: &'static str,
    /// The id of the affected order.
    pub subject: Option<String>,
}

/// An API and its ledger.
#[derive(Debug)]
pub struct Function<A, L> {
    pub api: A,
    pub ledger: L,
}

impl<L: CallCounts, A: Serve<L>> Service for Function<A, L> {
    const REPLY_WITHIN: Duration = A::REPLY_WITHIN;

    async fn answer_request(&self, request: Result<Incoming, MalformedEvent>, invocation: &Invocation) -> Reply {
        // Boxed: a caller's future would else hold those of all calls.
        let handled = AssertUnwindSafe(Box::pin(self.handle(request, invocation)));
        let outcome_of_call = match handled.catch_unwind().await {
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
        // The reply is valid for this caller and at this time only.
        reply.with_header("cache-control", "no-store")
    }
}

impl<L: CallCounts, A: Serve<L>> Function<A, L> {
    async fn handle(
        &self,
        request: Result<Incoming, MalformedEvent>,
        invocation: &Invocation,
    ) -> Result<ApiOutcome, Failure> {
        let incoming = request.map_err(|_| Failure::new(400, "malformed", "Not a request."))?;
        let found = edge::find(A::ROUTES, &incoming.method, &incoming.path)?;
        if let Some(reply) = self.api.public(found.endpoint) {
            return Ok(ApiOutcome { reply, outcome: "public", subject: None });
        }
        let request = incoming.open(A::BODY_BYTES_MAX)?;
        let Authenticated { caller, key, rate } = self.caller(&request, invocation).await?;
        if let Some(rate) = rate {
            count_call(A::NAME, &self.ledger, &key, rate, invocation).await?;
        }
        self.ledger.note_use(&key, &invocation.context());
        self.api.call(&ApiCall { caller, request: &request, found: &found, invocation }, &self.ledger).await
    }

    /// The caller of the API key. A missing, a malformed and an unknown key get the same reply, which reveals no keys.
    async fn caller(&self, request: &Request, invocation: &Invocation) -> Result<Authenticated<A::Caller>, Failure> {
        let secret = api_key(request)?;
        let caller = self.api.authenticate(secret, &self.ledger, &invocation.context()).await?;
        caller.ok_or_else(Failure::unauthorized)
    }
}

/// The API key of a request.
pub fn api_key(request: &Request) -> Result<&str, Failure> {
    request.header("authorization").ok().flatten().and_then(bearer).ok_or_else(Failure::unauthorized)
}

/// Refuses a call beyond the rate of its key. A call that cannot be counted goes on: a rate protects from too many calls,
/// and must not make the API depend on one more write.
pub async fn count_call<L: CallCounts>(
    api: &'static str,
    ledger: &L,
    key: &KeyId,
    rate: CallRate,
    invocation: &Invocation,
) -> Result<(), Failure> {
    match ledger.count_call(key, rate, &invocation.context()).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::too_many_calls(rate, invocation.now)),
        Err(error) => {
            edge::uncounted(api, &error);
            Ok(())
        }
    }
}

/// The key of `Bearer <key>`. A comma or a space in it means that two headers were joined.
fn bearer(header: &str) -> Option<&str> {
    let (scheme, key) = header.split_once(' ')?;
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=');
    let is_key = !key.is_empty() && key.len() <= KEY_CHARS_MAX && key.bytes().all(plain);
    (scheme.eq_ignore_ascii_case("bearer") && is_key).then_some(key)
}
