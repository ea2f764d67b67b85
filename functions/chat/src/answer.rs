//! Ends a request: charges what was used and sends the answer, or frees what was held and says why there is none.

use bytes::Bytes;
use catalog::RateCard;
use edge::{ChatMetrics, Invocation, Reply, Responder};
use ledger::{Amount, Asset, Hold, HoldError};
use providers::{AnswerIds, Tokens, Upstream, UpstreamError};

use crate::call::{Answer, Called, Caller, NotCalled, Reason, StreamedBy};
use crate::failure::ChatFailure;
use crate::parse::ChatRequest;
use crate::price::Cost;
use crate::stream::{self, End, Streamed};
use crate::{Books, Chat, NAME, fallback, hold, price};

/// What a whole answer has cost, in credits.
const COST: &str = "x-hookledger-cost";

/// A request for which enough is held.
pub(crate) struct Paid<'p> {
    pub(crate) request: &'p ChatRequest,
    /// `None` if it is free.
    pub(crate) hold: Option<Hold>,
    /// The id of the request, which is that of its hold.
    pub(crate) id: String,
}

/// Who has answered a request, and at which prices.
struct Used<'u> {
    card: &'u RateCard,
    upstream: &'u Upstream,
    ids: AnswerIds<'u>,
    retries: u32,
}

impl<L: Books> Chat<L> {
    pub(crate) async fn answered(
        &self,
        paid: &Paid<'_>,
        called: Called<'_>,
        upstreams: &Caller<'_, L>,
        card: &RateCard,
        invocation: &Invocation,
        responder: Responder,
    ) {
        let Called { upstream, request_id, answer, retries, has_failures } = called;
        let used = |answer| {
            let ids = AnswerIds { request: request_id.as_deref(), answer };
            Used { card, upstream, ids, retries }
        };
        match answer {
            Answer::Whole { body, parts } => {
                let used = used(parts.id.as_deref());
                let cost = self.settle(paid, &used, parts.tokens, parts.text_bytes, invocation).await;
                let reply = Reply { status: 200, headers: vec![("content-type", "application/json".to_owned())], body };
                edge::line(NAME, Some(&paid.id), "answered", None, invocation);
                let reply = reply.with_header("cache-control", "no-store").with_header("x-request-id", &paid.id);
                responder.whole(match cost {
                    Some(cost) => reply.with_header(COST, cost),
                    None => reply,
                });
            }
            Answer::Stream(begun) => {
                let waited = u64::try_from(invocation.started.elapsed().as_millis()).unwrap_or(u64::MAX);
                edge::first_token(&paid.request.model, waited);
                let mut writer = stream::begin(responder, &paid.id);
                let until = hold::read_until(self.parts.upstreams.timeout, invocation);
                let sent = begun.send_on(&mut writer, until, invocation.started).await;
                let Streamed { id, tokens, text_bytes, end } = sent;
                self.settle(paid, &used(id.as_deref()), tokens, text_bytes, invocation).await;
                let failed = |error: &UpstreamError| {
                    let failure = ChatFailure::from(error);
                    ("failed", Some(failure.code), failure.event().into_bytes())
                };
                let (outcome, reason, last) = match &end {
                    End::Whole { last } => ("answered", None, last.clone()),
                    End::Left => ("answered", Some("caller_left"), Vec::new()),
                    End::OutOfTime => failed(&UpstreamError::TimedOut),
                    End::Failed(error) => failed(error),
                };
                edge::line(NAME, Some(&paid.id), outcome, reason, invocation);
                // A caller that has left is charged all the same.
                let _ = writer.send(Bytes::from(last)).await;
                let by = StreamedBy { upstream, request: paid.request, has_failures };
                upstreams.streamed(&by, &end, invocation).await;
            }
        }
    }

    /// Charges what was used. Returns it as text, unless that is not known.
    async fn settle(
        &self,
        paid: &Paid<'_>,
        used: &Used<'_>,
        tokens: Option<Tokens>,
        text_bytes: u64,
        invocation: &Invocation,
    ) -> Option<String> {
        let request = paid.request;
        let set_aside = paid.hold.as_ref().map(|hold| hold.amount).unwrap_or_default();
        let cost = price::cost(used.card, &request.model, request.size, tokens, text_bytes, invocation.now, set_aside);
        let settled = match (&cost, &paid.hold) {
            (Some(cost), Some(hold)) => self.charge(hold, cost, used, request, invocation).await,
            _ => None,
        };
        let tokens = cost.as_ref().map(|cost| cost.tokens).unwrap_or_default();
        let nanocredits_charged = settled.map_or(0, |amount| u64::try_from(amount.units()).unwrap_or(u64::MAX));
        let metrics = ChatMetrics {
            tokens_in: tokens.prompt,
            tokens_out: tokens.completion,
            nanocredits_charged,
            retries: used.retries.into(),
            is_fallback: false,
            is_estimate: cost.as_ref().is_some_and(|cost| cost.is_estimate),
        };
        edge::chatted(&request.model, &metrics);
        match &paid.hold {
            None => Some("0".to_owned()),
            Some(_) => settled.map(|amount| Asset::CREDITS.format(amount)),
        }
    }

    async fn charge(
        &self,
        hold: &Hold,
        cost: &Cost,
        used: &Used<'_>,
        request: &ChatRequest,
        invocation: &Invocation,
    ) -> Option<Amount> {
        if cost.is_above_hold {
            edge::alarm(NAME, "cost_above_hold", hold.id.as_str());
        }
        let facts = hold::facts(&request.model, &used.upstream.name, cost);
        let reported = used.upstream.reported_use(used.ids);
        let settled = hold::settle(&self.ledger, hold, cost, facts, reported, invocation).await;
        let is_settled = match &settled {
            // The expiry of a hold may be faster, and does not know the cost.
            Ok(charged) => charged.is_none_or(|charged| charged == cost.amount),
            // The answer was paid for: the sweep charges the hold when its time is over.
            Err(HoldError::Store(error)) => {
                tracing::warn!(error = %edge::chain(error), "a hold is not settled");
                false
            }
            Err(HoldError::Refused(refusal)) => {
                tracing::error!(%refusal, "a hold is not settled");
                false
            }
        };
        if !is_settled {
            edge::alarm(NAME, "unsettled", hold.id.as_str());
        }
        settled.unwrap_or_default()
    }

    /// Nothing was generated, so nothing is charged.
    pub(crate) async fn not_answered(
        &self,
        paid: &Paid<'_>,
        not_called: &NotCalled,
        invocation: &Invocation,
        responder: Responder,
    ) {
        if let Some(hold) = &paid.hold {
            hold::release(&self.ledger, hold, invocation).await;
        }
        if let Some(answer) = self.fallback(paid.request, &not_called.reason) {
            let metrics =
                ChatMetrics { retries: not_called.retries.into(), is_fallback: true, ..ChatMetrics::default() };
            edge::chatted(&paid.request.model, &metrics);
            edge::line(NAME, Some(&paid.id), "fallback", None, invocation);
            let (model, now) = (&paid.request.model, invocation.now);
            let (kind, body) = if paid.request.is_stream {
                ("text/event-stream; charset=utf-8", fallback::stream(&paid.id, model, answer, now))
            } else {
                ("application/json", fallback::whole(&paid.id, model, answer, now))
            };
            let headers = vec![("content-type", kind.to_owned())];
            let reply = Reply { status: 200, headers, body };
            let reply = reply.with_header("cache-control", "no-store").with_header("x-request-id", &paid.id);
            return responder.whole(if paid.request.is_stream { reply } else { reply.with_header(COST, "0") });
        }
        if not_called.retries > 0 {
            edge::chatted(
                &paid.request.model,
                &ChatMetrics { retries: not_called.retries.into(), ..ChatMetrics::default() },
            );
        }
        let failure = match &not_called.reason {
            Reason::Failed(error) => ChatFailure::from(error),
            Reason::LeftAlone { until } => {
                let wait = until.unix_s().saturating_sub(invocation.now.unix_s()).max(1);
                ChatFailure::new(503, "upstream_unavailable", "The model has failed repeatedly; try again later.")
                    .with_header("retry-after", wait.to_string())
            }
        };
        fail(Some(&paid.id), &failure, invocation, responder);
    }

    fn fallback(&self, request: &ChatRequest, reason: &Reason) -> Option<&str> {
        match reason {
            // The request is at fault, and its caller has to know it.
            Reason::Failed(UpstreamError::BadRequest { .. } | UpstreamError::Forbidden | UpstreamError::TooLong) => {
                None
            }
            Reason::Failed(_) | Reason::LeftAlone { .. } => self.parts.fallback.answer(&request.body.last_text()?),
        }
    }
}

pub(crate) fn fail(id: Option<&str>, failure: &ChatFailure, invocation: &Invocation, responder: Responder) {
    edge::line(NAME, id, failure.outcome(), Some(failure.code), invocation);
    let reply = failure.reply().with_header("cache-control", "no-store");
    responder.whole(match id {
        Some(id) => reply.with_header("x-request-id", id),
        None => reply,
    });
}
