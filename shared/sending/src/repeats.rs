//! Repeats one webhook for some seconds: what a restart or a moment of overload needs.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::post::{NoReply, Reply};

/// For one attempt, from the connection to the whole reply.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between attempts, each longer by up to a quarter: senders that failed together do not come back together.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
const JITTER: u32 = 4;
/// A receiver that asks for more than this gets the webhook in a later round.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(10);

/// How the attempts ended.
#[derive(Debug)]
pub struct Ended {
    /// The last reply, or why there was none.
    pub last: Result<Reply, NoReply>,
    pub attempts: u32,
}

/// What an attempt says about the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    /// No repeat would change it.
    Refused,
    /// With the pause that the receiver asks for.
    Again(Option<Duration>),
}

impl Ended {
    pub(crate) fn verdict(&self) -> Verdict {
        verdict(&self.last)
    }

    /// What the last attempt said, in a few words.
    pub(crate) fn why(&self) -> String {
        match &self.last {
            Ok(reply) => format!("status {}", reply.status),
            Err(NoReply { why, .. }) => why.clone(),
        }
    }
}

/// Makes attempts until one is accepted or refused: up to five, after 1, 2, 4 and 8 s, or after what `Retry-After` says.
/// Repeated is what got no reply, 408, 429 and 5xx.
pub async fn repeats<F: Future<Output = Result<Reply, NoReply>>>(mut attempt: impl FnMut() -> F) -> Ended {
    let mut pauses = PAUSES.into_iter();
    for attempts in 1.. {
        let last = match timeout(ATTEMPT_TIMEOUT, attempt()).await {
            Ok(last) => last,
            Err(_) => Err(NoReply { why: format!("no reply within {} s", ATTEMPT_TIMEOUT.as_secs()), is_late: true }),
        };
        let next = match verdict(&last) {
            Verdict::Accepted | Verdict::Refused => None,
            Verdict::Again(Some(asked)) => pauses.next().map(|_| asked).filter(|asked| *asked <= RETRY_AFTER_MAX),
            Verdict::Again(None) => pauses.next().map(longer),
        };
        let Some(pause) = next else { return Ended { last, attempts } };
        sleep(pause).await;
    }
    unreachable!("the pauses end")
}

fn verdict(last: &Result<Reply, NoReply>) -> Verdict {
    match last {
        Ok(reply) if (200..300).contains(&reply.status) => Verdict::Accepted,
        Ok(reply) if matches!(reply.status, 408 | 429 | 500..) => {
            let asked = reply.header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
            Verdict::Again(asked)
        }
        Ok(_) => Verdict::Refused,
        Err(_) => Verdict::Again(None),
    }
}

/// The pause, or up to a quarter more.
pub(crate) fn longer(pause: Duration) -> Duration {
    let more = pause.checked_div(JITTER).unwrap_or_default().as_micros();
    pause.saturating_add(Duration::from_micros(fastrand::u64(0..=u64::try_from(more).unwrap_or(u64::MAX))))
}
