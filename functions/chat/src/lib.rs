//! Chat completions in OpenAI's format, paid from the credits of the key's owner.
//!
//! What a request can cost at most is held before an upstream is called: an owner who cannot pay gets 402, and no balance
//! falls below its line. What it has cost is charged before the caller sees the end of the answer. A sandbox that dies
//! between is settled by the sweep of holds.
//!
//! `parse` reads a request, `price` what it costs, `hold` sets it aside and charges it, `call` finds an upstream that
//! answers, `stream` sends its answer on, and `answer` ends the request.
//!
//! ```
//! use chat::{Config, ConfigError};
//!
//! // An answer without a limit of its own has this one, so that what it can cost is known.
//! assert_eq!(Config::read(|_| None)?.max_tokens, 1_024);
//!
//! let longer = |name: &str| (name == "CHAT_MAX_TOKENS").then(|| "20000".to_owned());
//! assert_eq!(Config::read(longer), Err(ConfigError::Order));
//! # Ok::<(), ConfigError>(())
//! ```

mod answer;
mod assemble;
mod call;
mod config;
mod failure;
mod fallback;
mod fields;
mod hold;
mod members;
mod models;
mod openapi;
mod parse;
mod price;
mod priced;
mod stream;

use std::fmt;
use std::time::Duration;

use api::RandomBits;
use catalog::RateCard;
use edge::{Invocation, Keyring, Reply, Request, Responder, Route, StreamService};
use futures_util::future;
use ledger::{Breakers, CallCounts, CallerKey, Deadline, Holds, KeyId, Ledger, ServiceKey};
use providers::{Http, LlmConfig, OpenAiKeys};

pub use assemble::{assemble, keys};
pub use config::{Config, ConfigError};
pub use openapi::ChatApi;

use answer::{Paid, fail};
use call::Caller;
use failure::ChatFailure;
use fallback::Fallback;
use hold::{Payer, SETTLE_WITHIN};
use parse::ChatRequest;

/// The label in logs and metrics.
pub(crate) const NAME: &str = "chat";
/// A long conversation, or an image in it. API Gateway takes ten times as much.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The ports that it needs.
pub trait Books: Breakers + CallCounts + Holds + Ledger + 'static {}

impl<L: Breakers + CallCounts + Holds + Ledger + 'static> Books for L {}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Complete,
    Models,
}

/// Its routes.
pub const ROUTES: &[Route<Call>] = &[
    Route { method: "POST", path: "/v1/chat/completions", endpoint: Call::Complete },
    Route { method: "POST", path: "/api/llm/chat", endpoint: Call::Complete },
    Route { method: "GET", path: "/v1/models", endpoint: Call::Models },
    Route { method: "HEAD", path: "/v1/models", endpoint: Call::Models },
];

/// The function over a ledger.
pub struct Chat<L> {
    parts: Parts,
    ledger: L,
}

/// What it is made of, apart from the ledger.
pub(crate) struct Parts {
    pub(crate) upstreams: LlmConfig,
    pub(crate) config: Config,
    pub(crate) card: Option<RateCard>,
    pub(crate) fallback: Fallback,
    /// `None` without an upstream.
    pub(crate) keys: Option<Keyring<OpenAiKeys>>,
    pub(crate) http: Http,
    /// For the names of holds.
    pub(crate) ids: RandomBits,
}

/// A request whose caller is known.
struct Admitted {
    payer: Payer,
    request: ChatRequest,
}

impl<L: Books> Chat<L> {
    pub(crate) fn new(parts: Parts, ledger: L) -> Self {
        Self { parts, ledger }
    }

    /// The same function over another client, for tests.
    #[must_use]
    pub fn over(mut self, http: Http, ids: RandomBits) -> Self {
        (self.parts.http, self.parts.ids) = (http, ids);
        self
    }

    /// The ledger that it writes to.
    pub fn ledger(&self) -> &L {
        &self.ledger
    }
}

impl<L: Books> StreamService for Chat<L> {
    /// API Gateway gives up after 30 seconds. The upstream gets what the settlement leaves: 26.
    const REPLY_WITHIN: Duration = Duration::from_secs(29);
    const STREAM_WITHIN: Duration = Duration::from_mins(10);

    async fn answer(&self, event: &str, invocation: &Invocation, responder: Responder) {
        // Boxed: the future of a request would else hold those of all its steps.
        match Box::pin(self.admitted(event, invocation)).await {
            Ok(Ok(admitted)) => Box::pin(self.serve(admitted, invocation, responder)).await,
            Ok(Err(reply)) => {
                edge::line(NAME, None, "shown", None, invocation);
                responder.whole(reply);
            }
            Err(failure) => fail(None, &failure, invocation, responder),
        }
    }
}

impl<L: Books> Chat<L> {
    /// A request to be served, or the reply to one that costs nothing.
    async fn admitted(&self, event: &str, invocation: &Invocation) -> Result<Result<Admitted, Reply>, ChatFailure> {
        let incoming = edge::read(event).map_err(|_| ChatFailure::new(400, "malformed", "Not a request."))?;
        let found = edge::find(ROUTES, &incoming.method, &incoming.path).map_err(api::Failure::from)?;
        let request = incoming.open(BODY_BYTES_MAX).map_err(api::Failure::from)?;
        let payer = self.payer(&request, invocation).await?;
        match found.endpoint {
            Call::Models => {
                let card = self.parts.card.as_ref();
                let models = models::list(&self.parts.upstreams, card, invocation.now);
                Ok(Err(Reply::json(200, &models).with_header("cache-control", "no-store")))
            }
            Call::Complete => {
                let request = ChatRequest::read(request.body(), &self.parts.config)?;
                Ok(Ok(Admitted { payer, request }))
            }
        }
    }

    /// The owner of the API key, within the rate of the key.
    async fn payer(&self, request: &Request, invocation: &Invocation) -> Result<Payer, ChatFailure> {
        let secret = api::api_key(request)?;
        if secret.starts_with(ServiceKey::PREFIX) {
            let message = "A service key has no credits of its own: chat takes the key of an owner.";
            return Err(ChatFailure::new(403, "owner_key_needed", message));
        }
        let key = CallerKey::api(secret);
        let bound = self.ledger.key(&key, &invocation.context()).await.map_err(api::Failure::from)?;
        let bound = bound.ok_or_else(api::Failure::unauthorized)?;
        let id = KeyId::Owner(key.clone());
        if let Some(rate) = bound.rate {
            api::count_call(NAME, &self.ledger, &id, rate, invocation).await?;
        }
        self.ledger.note_use(&id, &invocation.context());
        Ok(Payer { key, bound })
    }

    async fn serve(&self, admitted: Admitted, invocation: &Invocation, responder: Responder) {
        let Admitted { payer, request } = admitted;
        let until = self.until(invocation);
        let (caller, card) = match self.caller(&request) {
            Ok(found) => found,
            Err(failure) => return fail(None, &failure, invocation, responder),
        };
        // Both at once: a caller waits for one round trip.
        let (breakers, paid) =
            future::join(caller.breakers(&request.model, invocation), self.hold(card, payer, &request, invocation))
                .await;
        let paid = match paid {
            Ok(paid) => paid,
            Err(failure) => return fail(None, &failure, invocation, responder),
        };
        match Box::pin(caller.call(&request, &breakers, until, invocation)).await {
            Ok(answer) => Box::pin(self.answered(&paid, answer, &caller, card, invocation, responder)).await,
            Err(failed) => self.not_answered(&paid, &failed, invocation, responder).await,
        }
    }

    /// When the upstream must have answered.
    fn until(&self, invocation: &Invocation) -> Deadline {
        let of_call = invocation.started.checked_add(self.parts.upstreams.timeout).map(Deadline);
        let of_reply = invocation.deadline.0.checked_sub(SETTLE_WITHIN).map_or(invocation.deadline, Deadline);
        of_call.map_or(of_reply, |of_call| of_call.min(of_reply))
    }

    /// Who calls the upstreams of the request's model, and its prices.
    fn caller(&self, request: &ChatRequest) -> Result<(Caller<'_, L>, &RateCard), ChatFailure> {
        let Parts { upstreams, card, http, keys, .. } = &self.parts;
        let Some(keys) = keys else {
            return Err(ChatFailure::new(503, "not_configured", "No model is set up here.")
                .with_header("x-should-retry", "false"));
        };
        let unknown =
            || ChatFailure::field("model", "No such model: GET /v1/models has them.").with_code("model_not_found");
        let card = card.as_ref().ok_or_else(unknown)?;
        if upstreams.serving(&request.model).next().is_none() {
            return Err(unknown());
        }
        let usual_tokens = self.parts.config.max_tokens;
        Ok((Caller { ledger: &self.ledger, config: upstreams, http, keys, usual_tokens }, card))
    }

    async fn hold<'p>(
        &self,
        card: &RateCard,
        payer: Payer,
        request: &'p ChatRequest,
        invocation: &Invocation,
    ) -> Result<Paid<'p>, ChatFailure> {
        let quote = price::quote(card, &request.model, request.size, invocation.now).ok_or_else(|| {
            ChatFailure::field("model", "No such model: GET /v1/models has them.").with_code("model_not_found")
        })?;
        let bits = self.parts.ids.bits()?;
        let (call_within, open_calls_max) = (self.parts.upstreams.timeout, self.parts.config.open_calls_max);
        let limits = hold::Limits { call_within, open_calls_max };
        let hold = hold::open(&self.ledger, bits, payer, quote, limits, invocation).await?;
        let id = hold.as_ref().map_or_else(|| format!("chat-{bits:032x}"), |hold| hold.id.to_string());
        Ok(Paid { request, hold, id })
    }
}

/// Without its keys.
impl<L> fmt::Debug for Chat<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chat").field("config", &self.parts.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
