//! How often a provider is asked: a few times, and never beyond the moment at which our own caller stops waiting.

use std::time::Duration;

use ledger::Deadline;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::CallError;
use crate::http::{Answer, Http, Outgoing, SendError};

const ATTEMPTS_MAX: u32 = 4;
/// What takes longer is mostly lost, and is better asked again while somebody waits.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(2_500);
/// The first pause is up to this long, and every next one up to twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Asks until there is an answer that asking again would not change.
pub(crate) async fn until_answered(
    http: &Http,
    outgoing: &Outgoing<'_>,
    deadline: Deadline,
) -> Result<Answer, CallError> {
    ask_anew(http, || attempt(http, outgoing), deadline).await
}

/// The same, where each attempt is a request of its own.
pub(crate) async fn ask_anew<F: Future<Output = Result<Answer, CallError>>>(
    http: &Http,
    ask: impl Fn() -> F,
    deadline: Deadline,
) -> Result<Answer, CallError> {
    let mut last = Err(CallError::NoAnswer);
    // On the heap: everything that waits for a provider has this inside it, and the connector's own layers below.
    let asking = Box::pin(async {
        for retries in 0..ATTEMPTS_MAX {
            if retries > 0 {
                let bound = PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(retries.saturating_sub(1)));
                sleep(http.pause(bound.min(PAUSE_MAX))).await;
            }
            last = ask().await;
            match &last {
                Ok(answer) if passes(answer.status) => tracing::debug!(retries, status = answer.status, "asking again"),
                Err(CallError::NoAnswer) => tracing::debug!(retries, "asking again"),
                Ok(_) | Err(_) => return,
            }
        }
    });
    // What was answered before the deadline counts, however many attempts there might still have been.
    let _ = timeout_at(Instant::from_std(deadline.0), asking).await;
    last
}

pub(crate) async fn attempt(http: &Http, outgoing: &Outgoing<'_>) -> Result<Answer, CallError> {
    match timeout(ATTEMPT_TIMEOUT, http.send(outgoing)).await {
        Ok(Ok(answer)) => Ok(answer),
        Err(_) | Ok(Err(SendError::NoAnswer)) => Err(CallError::NoAnswer),
        Ok(Err(SendError::TooLarge | SendError::Unsendable)) => Err(CallError::Unreadable),
    }
}

/// Somebody else holds what we want, or too much is asked, or it went wrong on their side.
pub(crate) fn passes(status: u16) -> bool {
    matches!(status, 409 | 429 | 500..)
}
