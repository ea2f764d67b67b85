//! Calls the upstreams that have a model, one after another, until one answers. An upstream that fails again and again is
//! left alone for a while.

use std::collections::BTreeMap;

use edge::{Invocation, Keyring};
use ledger::{Breaker, BreakerName, BreakerState, Breakers, Deadline, Timestamp};
use providers::{AnswerParts, ChatAnswer, Http, LlmConfig, OpenAi, OpenAiKeys, Upstream, UpstreamError, WholeAnswer};
use tokio::time::{Instant, sleep, timeout_at};

use crate::parse::ChatRequest;
use crate::stream::{Begun, End};

/// The first, and two retries.
const ATTEMPTS_MAX: u32 = 3;
/// An upstream that names a longer wait is not called again for this request.
const RETRY_AFTER_SECONDS_MAX: u32 = 1;

pub(crate) struct Caller<'c, L> {
    pub(crate) ledger: &'c L,
    pub(crate) config: &'c LlmConfig,
    pub(crate) http: &'c Http,
    pub(crate) keys: &'c Keyring<OpenAiKeys>,
    /// The limit of an answer without one of its own.
    pub(crate) usual_tokens: u64,
}

/// An answer, and who gave it.
pub(crate) struct Called<'c> {
    pub(crate) upstream: &'c Upstream,
    pub(crate) request_id: Option<String>,
    pub(crate) answer: Answer,
    pub(crate) retries: u32,
    /// Whether a success closes its breaker.
    pub(crate) has_failures: bool,
}

/// Who has answered a request with a stream.
pub(crate) struct StreamedBy<'c> {
    pub(crate) upstream: &'c Upstream,
    pub(crate) request: &'c ChatRequest,
    pub(crate) has_failures: bool,
}

pub(crate) enum Answer {
    Whole { body: String, parts: AnswerParts },
    Stream(Box<Begun>),
}

/// No upstream has answered.
#[derive(Debug)]
pub(crate) struct NotCalled {
    pub(crate) reason: Reason,
    pub(crate) retries: u32,
}

#[derive(Debug)]
pub(crate) enum Reason {
    Failed(UpstreamError),
    /// All of them are left alone until then.
    LeftAlone {
        until: Timestamp,
    },
}

/// An upstream that may be called.
#[derive(Clone, Copy)]
struct Candidate<'c> {
    upstream: &'c Upstream,
    breaker: Breaker,
    calls: u32,
    /// Whether this request counts as a failure of it.
    has_failed: bool,
}

impl<'c, L: Breakers> Caller<'c, L> {
    /// The breakers of the upstreams that have the model. Without an answer of the store they count as closed.
    pub(crate) async fn breakers(&self, model: &str, invocation: &Invocation) -> BTreeMap<BreakerName, Breaker> {
        let names: Vec<BreakerName> = self.config.serving(model).filter_map(|of| of.breaker(model)).collect();
        let read = self.ledger.breakers(&names, &invocation.context()).await;
        read.inspect_err(|error| tracing::warn!(%error, "the breakers cannot be read")).unwrap_or_default()
    }

    pub(crate) async fn call(
        &self,
        request: &ChatRequest,
        breakers: &BTreeMap<BreakerName, Breaker>,
        until: Deadline,
        invocation: &Invocation,
    ) -> Result<Called<'c>, NotCalled> {
        let mut left_alone = None;
        let mut upstreams: Vec<Candidate<'c>> = Vec::new();
        for upstream in self.config.upstreams.iter().filter(|of| of.models.contains(&request.model)) {
            let name = upstream.breaker(&request.model);
            let breaker = name.and_then(|name| breakers.get(&name)).copied().unwrap_or_default();
            match breaker.state(invocation.now) {
                BreakerState::Open { until } => left_alone = left_alone.min(Some(until)).or(Some(until)),
                BreakerState::Closed | BreakerState::HalfOpen => {
                    upstreams.push(Candidate { upstream, breaker, calls: 0, has_failed: false });
                }
            }
        }
        let (mut attempts, mut next, mut last) = (0_u32, 0_usize, None);
        while attempts < ATTEMPTS_MAX {
            next = next.checked_rem(upstreams.len()).unwrap_or_default();
            let Some(candidate) = upstreams.get_mut(next) else { break };
            let Candidate { upstream, breaker, calls, .. } = *candidate;
            candidate.calls = calls.saturating_add(1);
            match calls.checked_sub(1) {
                None => {
                    let is_half_open = breaker.state(invocation.now) == BreakerState::HalfOpen;
                    if is_half_open && !self.may_try(upstream, request, &breaker, invocation).await {
                        upstreams.remove(next);
                        continue;
                    }
                }
                Some(again) => {
                    let pause = self.client(upstream, &self.keys.current()).pause(again);
                    if timeout_at(Instant::from_std(until.0), sleep(pause)).await.is_err() {
                        break;
                    }
                }
            }
            attempts = attempts.saturating_add(1);
            let retries = attempts.saturating_sub(1);
            let error = match self.attempt(upstream, request, until, invocation).await {
                Ok((request_id, answer)) => {
                    let has_failures = breaker.has_failures() || last.is_some();
                    // A stream may break off yet.
                    if has_failures && matches!(answer, Answer::Whole { .. }) {
                        self.close(upstream, request, invocation).await;
                    }
                    return Ok(Called { upstream, request_id, answer, retries, has_failures });
                }
                Err(error) => error,
            };
            // One request is one failure, however often it is tried.
            if error.is_outage() && std::mem::replace(&mut candidate.has_failed, true) {
                report(upstream, request, &error);
            } else {
                self.note(upstream, request, &error, invocation).await;
            }
            if breaker.has_failures() && error.is_alive() {
                self.close(upstream, request, invocation).await;
            }
            if !error.is_of_the_upstream() {
                return Err(NotCalled { reason: Reason::Failed(error), retries });
            }
            if error.is_retryable() && !waits_long(&error) {
                next = next.saturating_add(1);
            } else {
                upstreams.remove(next);
            }
            last = Some(error);
        }
        let retries = attempts.saturating_sub(1);
        let reason = match (last, left_alone) {
            (Some(error), _) => Reason::Failed(error),
            (None, Some(until)) => Reason::LeftAlone { until },
            // Another sandbox is trying.
            (None, None) => Reason::LeftAlone { until: invocation.now.plus_seconds(1) },
        };
        Err(NotCalled { reason, retries })
    }

    /// One attempt, and another one if the key has been replaced.
    async fn attempt(
        &self,
        upstream: &Upstream,
        request: &ChatRequest,
        until: Deadline,
        invocation: &Invocation,
    ) -> Result<(Option<String>, Answer), UpstreamError> {
        let keys = self.keys.current();
        match self.answer(upstream, &keys, request, until).await {
            Err(UpstreamError::KeyRefused) => {}
            answer => return answer,
        }
        match self.keys.refreshed(invocation.now).await {
            Ok(Some(keys)) => self.answer(upstream, &keys, request, until).await,
            Ok(None) | Err(_) => Err(UpstreamError::KeyRefused),
        }
    }

    /// The first part of a stream is an answer: until then another upstream can be called.
    async fn answer(
        &self,
        upstream: &Upstream,
        keys: &OpenAiKeys,
        request: &ChatRequest,
        until: Deadline,
    ) -> Result<(Option<String>, Answer), UpstreamError> {
        let client = self.client(upstream, keys);
        let answer: ChatAnswer = client.chat(&request.body.0, request.is_stream, until).await?;
        let request_id = answer.request_id.clone();
        if request.is_stream {
            return Ok((request_id, Answer::Stream(Box::new(Begun::of(answer, request.wants_usage).await?))));
        }
        let body = answer.whole().await?;
        let WholeAnswer(parts) = WholeAnswer::read(&body).ok_or_else(|| UpstreamError::of_body(&body))?;
        let body = String::from_utf8(body).map_err(|_| UpstreamError::Unreadable)?;
        Ok((request_id, Answer::Whole { body, parts }))
    }

    fn client<'a>(&'a self, upstream: &'a Upstream, keys: &'a OpenAiKeys) -> OpenAi<'a> {
        OpenAi { http: self.http, upstream, keys }
    }

    /// Whether this request is the one that tries an upstream again.
    async fn may_try(
        &self,
        upstream: &Upstream,
        request: &ChatRequest,
        breaker: &Breaker,
        invocation: &Invocation,
    ) -> bool {
        let Some(name) = upstream.breaker(&request.model) else { return true };
        let may = self.ledger.try_upstream(&name, breaker, &invocation.context()).await;
        may.inspect_err(|error| tracing::warn!(%error, "a breaker cannot be written")).unwrap_or(true)
    }

    /// What the end of a stream says of its upstream. Its first part has closed no breaker: one that breaks off each time
    /// would open none.
    pub(crate) async fn streamed(&self, called: &StreamedBy<'_>, end: &End, invocation: &Invocation) {
        let StreamedBy { upstream, request, has_failures } = *called;
        match end {
            End::Failed(error) => return self.note(upstream, request, error, invocation).await,
            End::OutOfTime => report(upstream, request, &UpstreamError::TimedOut),
            End::Whole { .. } | End::Left => {}
        }
        if has_failures {
            self.close(upstream, request, invocation).await;
        }
    }

    async fn note(&self, upstream: &Upstream, request: &ChatRequest, error: &UpstreamError, invocation: &Invocation) {
        report(upstream, request, error);
        if *error == UpstreamError::KeyRefused {
            edge::alarm(crate::NAME, "key_unusable", &upstream.name);
        }
        let is_outage = error.is_outage() && !(*error == UpstreamError::TimedOut && self.may_take_long(request));
        let Some(name) = upstream.breaker(&request.model).filter(|_| is_outage) else { return };
        match self.ledger.count_failure(&name, &invocation.context()).await {
            Ok(breaker) if breaker.has_just_opened() => edge::alarm(crate::NAME, "breaker_open", &name.to_string()),
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a breaker cannot be written"),
        }
    }

    /// A caller who asks for a long answer in one piece may wait in vain for an upstream that others can use.
    fn may_take_long(&self, request: &ChatRequest) -> bool {
        !request.is_stream && request.size.max_tokens > self.usual_tokens
    }

    async fn close(&self, upstream: &Upstream, request: &ChatRequest, invocation: &Invocation) {
        let Some(name) = upstream.breaker(&request.model) else { return };
        if let Err(error) = self.ledger.close_breaker(&name, &invocation.context()).await {
            tracing::warn!(%error, "a breaker cannot be written");
        }
    }
}

fn report(upstream: &Upstream, request: &ChatRequest, error: &UpstreamError) {
    tracing::warn!(upstream = upstream.name, model = request.model, %error, "an upstream failed");
    edge::upstream_failed(&upstream.name, error.class());
}

fn waits_long(error: &UpstreamError) -> bool {
    matches!(error, UpstreamError::RateLimited { retry_after_s: Some(seconds) } if *seconds > RETRY_AFTER_SECONDS_MAX)
}
