//! Repeats: with exponential backoff and full jitter, or after the pause that the API asks for.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::http::{Answer, Request};
use crate::{Client, Error};

const ATTEMPTS_MAX: u32 = 5;
/// API Gateway's own timeout for a function.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The upper bound of the first pause; each next bound is twice as long.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
/// A longer pause is for the caller to decide.
const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

impl Client {
    /// The answer to a request: it reads, or it has an idempotency key, so that a repeat changes nothing twice.
    pub(crate) async fn answer(&self, request: &Request<'_>) -> Result<Answer, Error> {
        let mut bound = BACKOFF_FIRST;
        for attempt in 1.. {
            let answer = match timeout(ATTEMPT_TIMEOUT, self.send(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(Error::Unanswered(format!("none within {} s", ATTEMPT_TIMEOUT.as_secs()))),
            };
            let Some(pause) = pause(&answer, bound).filter(|_| attempt < ATTEMPTS_MAX) else {
                return answer.and_then(Answer::accepted);
            };
            sleep(pause).await;
            bound = bound.saturating_mul(2);
        }
        unreachable!("the last attempt returns")
    }
}

/// The pause before a repeat; `None` if no repeat would change the answer.
fn pause(answer: &Result<Answer, Error>, bound: Duration) -> Option<Duration> {
    match answer {
        Ok(answer) if matches!(answer.status, 429 | 500..) => match answer.retry_after {
            Some(asked) => Some(asked).filter(|asked| *asked <= RETRY_AFTER_MAX),
            None => Some(jitter(bound)),
        },
        Err(Error::Unanswered(_)) => Some(jitter(bound)),
        Ok(_) | Err(_) => None,
    }
}

/// Full jitter: a random pause up to `bound`, so that clients that collided once do not collide again.
fn jitter(bound: Duration) -> Duration {
    Duration::from_micros(fastrand::u64(0..=u64::try_from(bound.as_micros()).unwrap_or(u64::MAX)))
}
