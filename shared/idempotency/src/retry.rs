//! Retries of store calls: exponential backoff with full jitter, until the store answers, the caller's deadline passes,
//! or the attempts are used up.

use std::error::Error as StdError;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use ledger::{CommitError, Deadline};
use tokio::time::{Instant, sleep, timeout_at};

/// A transaction takes 10 to 20 ms. After a second without an answer, a retry is more likely to succeed.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// The pauses between the attempts of a call, and how many attempts it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first pause; it doubles with each retry.
    pub pause_first: Duration,
    /// The bound of every later pause.
    pub pause_max: Duration,
    pub attempts_max: u32,
}

/// Chosen by the curve of one hot account, in PROOF.md.
impl Default for Backoff {
    fn default() -> Self {
        Self {
            // About the time of the transaction that ours conflicts with.
            pause_first: Duration::from_millis(10),
            // A busy row is often free for an instant. Longer pauses miss it until the deadline.
            pause_max: Duration::from_millis(200),
            // About three seconds. Above the ceiling of a row each further attempt costs write units and books nothing.
            attempts_max: 32,
        }
    }
}

/// Whether a call is finished or has to be retried.
pub(crate) enum Answer<T> {
    Final(T),
    /// The call had no effect that we know of, and a retry is safe.
    Retry(Cause),
}

pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// The random pauses within the bounds of the backoff. Tests seed them to repeat a schedule.
#[derive(Debug)]
pub(crate) struct Jitter {
    rng: Mutex<fastrand::Rng>,
    backoff: Backoff,
}

impl Jitter {
    pub(crate) fn new(rng: fastrand::Rng, backoff: Backoff) -> Self {
        Self { rng: Mutex::new(rng), backoff }
    }

    /// Full jitter: a pause between zero and the bound, so that two conflicting callers do not conflict again.
    pub(crate) fn pause(&self, retries: u32) -> Duration {
        let Backoff { pause_first, pause_max, .. } = self.backoff;
        let bound = pause_first.saturating_mul(2_u32.saturating_pow(retries)).min(pause_max);
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.rng.lock().unwrap_or_else(PoisonError::into_inner).u64(0..=micros))
    }
}

/// The current time of the clock that pauses and deadlines use.
#[expect(clippy::disallowed_methods, reason = "elapsed time only, not the time of day")]
pub(crate) fn instant() -> std::time::Instant {
    Instant::now().into_std()
}

/// Repeats a call until its answer is final. After the deadline, or the last attempt, the result is unknown:
/// [`CommitError::Unavailable`].
pub(crate) async fn until_answered<T, F>(
    deadline: Deadline,
    jitter: &Jitter,
    mut call: impl FnMut() -> F,
) -> Result<T, CommitError>
where
    F: Future<Output = Result<Answer<T>, CommitError>>,
{
    let mut retries = Retries { deadline, jitter, made: 0, last: None };
    while let Some(answer) = before(retries.deadline, pin!(call())).await {
        match answer? {
            Answer::Final(answer) => return Ok(answer),
            Answer::Retry(cause) => {
                if !retries.waits(cause).await {
                    break;
                }
            }
        }
    }
    Err(CommitError::Unavailable(retries.last))
}

/// The retries of one call. Not generic: each kind of call has this code once.
struct Retries<'j> {
    deadline: Deadline,
    jitter: &'j Jitter,
    made: u32,
    last: Option<Cause>,
}

impl Retries<'_> {
    /// Waits until the next attempt. False if there is none.
    async fn waits(&mut self, cause: Cause) -> bool {
        let is_last = self.made.saturating_add(1) >= self.jitter.backoff.attempts_max;
        if !is_last {
            tracing::info!(target: "hookledger::detail", retries = self.made, cause = %cause, "retrying a call to the store");
        }
        self.last = Some(cause);
        if is_last {
            return false;
        }
        let (pause, left) = (self.jitter.pause(self.made), time_left(self.deadline));
        self.made = self.made.saturating_add(1);
        sleep(pause.min(left)).await;
        pause < left
    }
}

/// The answer of an attempt before the deadline. An attempt ends after [`CALL_TIMEOUT`] by itself, and needs a second timer
/// only if the deadline is nearer: each timer is a call of the system.
async fn before<T>(deadline: Deadline, attempt: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    if time_left(deadline) > CALL_TIMEOUT {
        return Some(attempt.await);
    }
    timeout_at(Instant::from_std(deadline.0), attempt).await.ok()
}

fn time_left(deadline: Deadline) -> Duration {
    deadline.0.saturating_duration_since(instant())
}

/// Whether a failed call can be retried. A call that failed without an answer may have been applied, so every call must
/// be safe to repeat.
#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK may add ways to fail")]
pub(crate) fn after_failure<T, E>(error: SdkError<E, HttpResponse>) -> Result<Answer<T>, CommitError>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => Err(CommitError::Refused(Box::new(error))),
        SdkError::ServiceError(ref service) => {
            // Only an error that the store names is final. Any other response came from a proxy or is unreadable.
            let refused = service.raw().status().is_client_error()
                && service.err().code().is_some_and(|code| !is_transient(code));
            if refused { Err(CommitError::Refused(Box::new(error))) } else { Ok(Answer::Retry(Box::new(error))) }
        }
        // Timeouts, broken connections, unreadable answers, and kinds of failure that the SDK may add.
        _ => Ok(Answer::Retry(Box::new(error))),
    }
}

fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "InternalServerError"
            | "LimitExceededException"
            | "ProvisionedThroughputExceededException"
            | "ReplicatedWriteConflictException"
            | "RequestLimitExceeded"
            | "ServiceUnavailable"
            | "ThrottlingException"
            | "TransactionConflictException"
            | "TransactionInProgressException"
    )
}
