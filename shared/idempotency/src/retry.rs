//! How often the store is asked: until it answers, or until the caller stops waiting.

use std::error::Error as StdError;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use ledger::{CommitError, Deadline};
use tokio::time::{Instant, sleep, timeout_at};

/// The first pause is up to this long, and every next one up to twice as long: about the time in which one hot row takes the
/// transaction that ours met.
const PAUSE_FIRST: Duration = Duration::from_millis(25);
/// Longer pauses would only use up the caller's patience: the deadline ends the asking.
const PAUSE_MAX: Duration = Duration::from_millis(800);

/// What one answer means for asking again.
pub(crate) enum Answer<T> {
    Final(T),
    /// Nothing is known to have happened, or it may yet be undone by asking again.
    Again(Cause),
}

pub(crate) type Cause = Box<dyn StdError + Send + Sync>;

/// The dice for the pauses. Seeded in tests, so that a schedule can be played again.
#[derive(Debug)]
pub(crate) struct Jitter(Mutex<fastrand::Rng>);

impl Jitter {
    pub(crate) fn new(rng: fastrand::Rng) -> Self {
        Self(Mutex::new(rng))
    }

    /// Full jitter: anything between nothing and the bound, so that those who met once do not meet again.
    pub(crate) fn pause(&self, retries: u32) -> Duration {
        let bound = PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(retries)).min(PAUSE_MAX);
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(self.0.lock().unwrap_or_else(PoisonError::into_inner).u64(0..=micros))
    }
}

/// Now, by the clock that the pauses and the deadline go by.
#[expect(clippy::disallowed_methods, reason = "how long ago something arrived, and no time of day")]
pub(crate) fn instant() -> std::time::Instant {
    Instant::now().into_std()
}

/// Asks until there is a final answer. After the deadline the outcome is unknown, and said to be.
pub(crate) async fn until_answered<T, F>(
    deadline: Deadline,
    jitter: &Jitter,
    mut ask: impl FnMut() -> F,
) -> Result<T, CommitError>
where
    F: Future<Output = Result<Answer<T>, CommitError>>,
{
    let mut last = None;
    let mut retries = 0;
    let asking = async {
        loop {
            match ask().await? {
                Answer::Final(answer) => return Ok(answer),
                Answer::Again(cause) => {
                    tracing::debug!(retries, cause = %cause, "asking the store again");
                    last = Some(cause);
                    sleep(jitter.pause(retries)).await;
                    retries = retries.saturating_add(1);
                }
            }
        }
    };
    match timeout_at(Instant::from_std(deadline.0), asking).await {
        Ok(answer) => answer,
        Err(_) => Err(CommitError::Unavailable(last)),
    }
}

/// Whether a failed call may be made again. One that failed without an answer may have been carried out all the same: what is
/// asked must be such that asking twice does no harm.
#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK may add ways to fail")]
pub(crate) fn after_failure<T, E>(error: SdkError<E, HttpResponse>) -> Result<Answer<T>, CommitError>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ConstructionFailure(_) => Err(CommitError::Refused(Box::new(error))),
        SdkError::ServiceError(ref service) => {
            // Only a refusal that names itself is one. Anything else came from something in between, or is unreadable.
            let refused =
                service.raw().status().is_client_error() && service.err().code().is_some_and(|code| !passes(code));
            if refused { Err(CommitError::Refused(Box::new(error))) } else { Ok(Answer::Again(Box::new(error))) }
        }
        // Time-outs, broken connections, unreadable answers, and whatever the SDK may add.
        _ => Ok(Answer::Again(Box::new(error))),
    }
}

fn passes(code: &str) -> bool {
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
