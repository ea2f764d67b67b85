//! Opens and closes the hold of a request: what it can cost is set aside before its upstream is called, and what it has
//! cost is charged before its caller sees the end of the answer.

use std::time::Duration;

use edge::Invocation;
use ledger::{
    Amount, Asset, AtExpiry, BoundKey, CallerKey, CommitError, Deadline, EventKey, Fact, Facts, Hold, HoldClosing,
    HoldError, HoldId, HoldRefusal, HoldState, HoldTerms, Holds, ReportedUse, Source,
};

use tokio::time::timeout;

use crate::failure::ChatFailure;
use crate::price::{Cost, Quote};

/// A caller waits for it.
const OPEN_WITHIN: Duration = Duration::from_secs(4);
/// What stays for the settlement when the time of the upstream is over.
pub(crate) const SETTLE_WITHIN: Duration = Duration::from_secs(3);
/// After the time of the call, before the sweep charges a hold that no one has closed.
const MARGIN_SECONDS: u64 = 120;
/// The part of it in which a slow caller may still read.
const READ_WITHIN: Duration = Duration::from_secs(90);
const TTL_SECONDS_MAX: u64 = 24 * 60 * 60;
/// Most calls end within seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// The key of a caller, and what its row says.
#[derive(Debug, Clone)]
pub(crate) struct Payer {
    pub(crate) key: CallerKey,
    pub(crate) bound: BoundKey,
}

/// How long a call may take, and how many of a key may be open at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) call_within: Duration,
    pub(crate) open_calls_max: Option<u16>,
}

/// Sets the most that a request can cost aside. `None` if it is free.
pub(crate) async fn open<L: Holds>(
    ledger: &L,
    bits: u128,
    payer: Payer,
    quote: Quote,
    limits: Limits,
    invocation: &Invocation,
) -> Result<Option<Hold>, ChatFailure> {
    if quote.most.is_zero() {
        return Ok(None);
    }
    let hold = hold(bits, payer, quote, limits.call_within, invocation)?.among_calls(limits.open_calls_max);
    let mut context = invocation.context();
    let until = invocation.started.checked_add(OPEN_WITHIN).map_or(invocation.deadline, Deadline);
    context.deadline = until.min(invocation.deadline);
    match ledger.open_hold(&hold, &context).await {
        Ok(hold) => Ok(Some(hold)),
        Err(HoldError::Refused(refusal)) => Err(refused(refusal)),
        Err(HoldError::Store(error)) => {
            // It may be open, or be opened yet: its expiry would charge a use that has never begun.
            if matches!(error, CommitError::Unavailable(_)) {
                withdraw(ledger, &hold, invocation).await;
            }
            Err(ChatFailure::from(api::Failure::from(error)))
        }
    }
}

fn hold(
    bits: u128,
    payer: Payer,
    quote: Quote,
    call_within: Duration,
    invocation: &Invocation,
) -> Result<Hold, ChatFailure> {
    let name = format!("chat-{bits:032x}");
    let unusable = || ChatFailure::from(api::Failure::unavailable());
    let usage = EventKey::new(Source::Usage, &name).map_err(|_| unusable())?;
    let ttl = call_within.as_secs().saturating_add(MARGIN_SECONDS).min(TTL_SECONDS_MAX);
    let terms = HoldTerms {
        account: payer.bound.owner.account(Asset::CREDITS),
        amount: quote.most,
        usage: Some(usage),
        ttl_seconds: u32::try_from(ttl).unwrap_or(u32::MAX),
        at_expiry: AtExpiry::Charge(quote.at_expiry),
        note: None,
    };
    let id = HoldId::new(&name).map_err(|_| unusable())?;
    let hold = Hold::new(id, terms, invocation.now).map_err(|_| unusable())?;
    hold.for_key(&payer.key, payer.bound).map_err(refused)
}

/// Charges the cost, once: a webhook or a pull that reports the same use finds it charged. Returns what the hold has
/// charged; `None` if a report was faster, whose cost it does not know.
pub(crate) async fn settle<L: Holds>(
    ledger: &L,
    hold: &Hold,
    cost: &Cost,
    facts: Facts,
    reported: Option<ReportedUse>,
    invocation: &Invocation,
) -> Result<Option<Amount>, HoldError> {
    let context = invocation.context();
    let settle = |reported| HoldClosing::Settle { cost: cost.amount, facts: facts.clone(), reported };
    let is_reported = reported.is_some();
    let closed = async {
        match ledger.close_hold(hold, &settle(reported), &context).await {
            // The report charges another owner, or waits for another key. This use is charged under its own name.
            Err(HoldError::Refused(HoldRefusal::UsedElsewhere)) if is_reported => {
                ledger.close_hold(hold, &settle(None), &context).await
            }
            closed => closed,
        }
    };
    let closed = timeout(SETTLE_WITHIN, closed).await.unwrap_or_else(|_| Err(CommitError::Unavailable(None).into()))?;
    Ok(match closed.state {
        HoldState::Settled { is_charged_before: true, .. } => None,
        HoldState::Settled { cost, .. } | HoldState::Expired { charged: Some(cost), .. } => Some(cost),
        HoldState::Open | HoldState::Released { .. } | HoldState::Expired { charged: None, .. } => Some(Amount::ZERO),
    })
}

/// When a caller must have read a stream, for which its hold is open.
pub(crate) fn read_until(call_within: Duration, invocation: &Invocation) -> Deadline {
    let last = invocation.started.checked_add(call_within.saturating_add(READ_WITHIN)).map(Deadline);
    last.map_or(invocation.deadline, |last| last.min(invocation.deadline))
}

/// Frees a hold for which nothing was generated. If that fails, its expiry charges it, and a person gives it back.
pub(crate) async fn release<L: Holds>(ledger: &L, hold: &Hold, invocation: &Invocation) {
    released(hold, ledger.close_hold(hold, &HoldClosing::Release, &invocation.context())).await;
}

async fn withdraw<L: Holds>(ledger: &L, hold: &Hold, invocation: &Invocation) {
    released(hold, ledger.withdraw_hold(hold, &invocation.context())).await;
}

async fn released(hold: &Hold, releasing: impl Future<Output = Result<Hold, HoldError>>) {
    let released = timeout(SETTLE_WITHIN, releasing).await;
    match released.unwrap_or_else(|_| Err(CommitError::Unavailable(None).into())) {
        Ok(_) => {}
        Err(HoldError::Refused(refusal)) => tracing::error!(hold = %hold.id, %refusal, "a hold is not released"),
        Err(HoldError::Store(error)) => {
            tracing::warn!(%error, "a hold is not released");
            edge::alarm(crate::NAME, "unreleased", hold.id.as_str());
        }
    }
}

/// The facts of the use, beside those of its hold.
pub(crate) fn facts(model: &str, upstream: &str, cost: &Cost) -> Facts {
    let tokens = cost.tokens;
    let mut facts: Facts = vec![
        ("model", model.into()),
        ("upstream", upstream.into()),
        ("prompt_tokens", Fact::Count(tokens.prompt)),
        ("completion_tokens", Fact::Count(tokens.completion)),
        ("price", Fact::Text(cost.price.clone())),
    ];
    let parts = [("cached", tokens.cached), ("cache_write", tokens.cache_write), ("reasoning", tokens.reasoning)];
    facts.extend(parts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Fact::Count(count))));
    facts.extend(cost.is_estimate.then_some(("estimated", "tokens".into())));
    facts
}

fn refused(refusal: HoldRefusal) -> ChatFailure {
    match refusal {
        HoldRefusal::InsufficientCredits => {
            let message = "The account has less available than this request can cost; a lower max_tokens costs less.";
            ChatFailure::new(402, "insufficient_credits", message)
        }
        HoldRefusal::BudgetExceeded(window) => {
            let message =
                format!("The key has less than this request can cost left of its budget: {}.", window.as_str());
            ChatFailure::new(402, "budget_exceeded", message)
        }
        HoldRefusal::BudgetUnreadable => {
            let message = "The budget of the key cannot be read: an operator repairs it.";
            ChatFailure::new(403, "budget_unreadable", message)
        }
        HoldRefusal::TooManyCalls => {
            let message = "The key has as many calls open as it may have; try again when one of them has ended.";
            ChatFailure::new(429, "too_many_open_calls", message).with_header("retry-after", RETRY_AFTER_SECONDS)
        }
        // Its name is random.
        HoldRefusal::Taken
        | HoldRefusal::Closed(_)
        | HoldRefusal::SettledOtherwise { .. }
        | HoldRefusal::UsedElsewhere
        | HoldRefusal::NotDue => {
            tracing::error!(%refusal, "a hold is not opened");
            ChatFailure::from(api::Failure::unavailable())
        }
    }
}
