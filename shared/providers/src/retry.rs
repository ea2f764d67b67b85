//! Retries with exponential backoff and full jitter, within the caller's deadline.

use std::time::Duration;

use ledger::Deadline;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::CallError;
use crate::http::{Answer, Http, Outgoing, SendError};

const ATTEMPTS_MAX: u32 = 4;
/// A slower attempt is mostly lost, and a retry serves the waiting caller better.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_500);
/// The upper bound of the first pause; each next bound is twice as long.
const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Sends a request until the response is final: no retry would change it.
pub(crate) async fn send_with_retries(
    http: &Http,
    outgoing: &Outgoing<'_>,
    deadline: Deadline,
) -> Result<Answer, CallError> {
    retry(http, || attempt(http, outgoing), deadline).await
}

/// The same for calls in which each attempt is a new request, with its own nonce or token.
pub(crate) async fn retry<F: Future<Output = Result<Answer, CallError>>>(
    http: &Http,
    send: impl Fn() -> F,
    deadline: Deadline,
) -> Result<Answer, CallError> {
    let mut last = Err(CallError::NoAnswer);
    // On the heap: every future that awaits a provider contains this one, and the connector's layers below.
    let attempts = Box::pin(async {
        for retries in 0..ATTEMPTS_MAX {
            if retries > 0 {
                let bound = BACKOFF_FIRST.saturating_mul(2_u32.saturating_pow(retries.saturating_sub(1)));
                sleep(http.jitter(bound.min(BACKOFF_MAX))).await;
            }
            last = send().await;
            match &last {
                Ok(answer) if is_retryable(answer.status) => {
                    tracing::info!(target: "hookledger::detail", retries, status = answer.status, "retrying");
                }
                Err(CallError::NoAnswer) => tracing::info!(target: "hookledger::detail", retries, "retrying"),
                Ok(_) | Err(_) => return,
            }
        }
    });
    // An answer before the deadline counts, even if attempts remain.
    let _ = timeout_at(Instant::from_std(deadline.0), attempts).await;
    last
}

pub(crate) async fn attempt(http: &Http, outgoing: &Outgoing<'_>) -> Result<Answer, CallError> {
    match timeout(ATTEMPT_TIMEOUT, http.send(outgoing)).await {
        Ok(Ok(answer)) => Ok(answer),
        Err(_) | Ok(Err(SendError::NoAnswer)) => Err(CallError::NoAnswer),
        Ok(Err(SendError::TooLarge | SendError::Unsendable)) => Err(CallError::Unreadable),
    }
}

/// Whether a retry can succeed: an idempotency key in use, a rate limit, or a server error.
pub(crate) fn is_retryable(status: u16) -> bool {
    matches!(status, 409 | 429 | 500..)
}
