//! Takes events into the outbox, and sends them beside its callers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ledger::Timestamp;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::endpoint::{Endpoint, EndpointError};
use crate::outbox::{Outbox, OutboxError, Waiting};
use crate::repeats::{Verdict, longer, repeats};
use crate::{Event, Reply};

/// How many events are under way at a time.
const CONCURRENCY_MAX: usize = 16;
/// What does not fit waits in the outbox, and its sender does not.
const HANDED_MAX: usize = 1024;
/// How often the outbox is read for what is due.
const POLL_EVERY: Duration = Duration::from_secs(5);
/// Longer than one round of attempts: before it no other process takes the event.
const LEASE: Duration = Duration::from_mins(2);
/// The pause after a round that failed, and the longest one. Each is twice the one before.
const ROUND_PAUSE: Duration = Duration::from_secs(30);
const ROUND_PAUSE_MAX: Duration = Duration::from_mins(15);
/// What a receiver may ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Why an event was not taken.
#[derive(Debug, Error)]
pub enum SendError {
    #[error(transparent)]
    Event(#[from] EndpointError),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// Sends what it is given until the receiver has accepted it.
pub struct Sender<O> {
    shared: Arc<Shared<O>>,
    handed: mpsc::Sender<Waiting>,
    stop: watch::Sender<bool>,
    worker: JoinHandle<()>,
}

struct Shared<O> {
    endpoint: Endpoint,
    outbox: O,
    now: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl<O: Outbox> Sender<O> {
    /// Begins with what waits in the outbox.
    pub fn start(endpoint: Endpoint, outbox: O, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared { endpoint, outbox, now: Box::new(now) });
        let (handed, taken) = mpsc::channel(HANDED_MAX);
        let (stop, stopped) = watch::channel(false);
        let worker = tokio::spawn(work(Arc::clone(&shared), taken, stopped));
        Self { shared, handed, stop, worker }
    }

    /// Returns once the event is in the outbox; it waits for no receiver.
    pub async fn send(&self, event: Event) -> Result<(), SendError> {
        self.shared.endpoint.check(&event)?;
        let due_at = (self.shared.now)().plus(LEASE);
        self.shared.outbox.put(&event, due_at).await?;
        // If the queue is full, the event is taken from the outbox when it is due.
        let _ = self.handed.try_send(Waiting { event, rounds: 0 });
        Ok(())
    }

    /// Ends after one round for what was just sent, or after this time. What is not accepted by then stays in the outbox.
    pub async fn stop(mut self, within: Duration) {
        let _ = self.stop.send(true);
        if timeout(within, &mut self.worker).await.is_err() {
            self.worker.abort();
            let _ = self.worker.await;
        }
    }

    pub fn outbox(&self) -> &O {
        &self.shared.outbox
    }
}

async fn work<O: Outbox>(
    shared: Arc<Shared<O>>,
    mut taken: mpsc::Receiver<Waiting>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut under_way = JoinSet::new();
    let mut poll = interval(POLL_EVERY);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut is_ending, mut has_more) = (false, false);
    loop {
        let free = CONCURRENCY_MAX.saturating_sub(under_way.len());
        let due = async {
            if !has_more {
                poll.tick().await;
            }
        };
        tokio::select! {
            // Also if the sender was dropped. What it has handed over is sent, and nothing else.
            _ = stopped.changed(), if !is_ending => {
                is_ending = true;
                taken.close();
            }
            Some(_) = under_way.join_next() => {}
            handed = taken.recv(), if free > 0 => match handed {
                Some(waiting) => drop(under_way.spawn(Arc::clone(&shared).round(waiting))),
                None => break,
            },
            () = due, if free > 0 && !is_ending => {
                let waiting = shared.due(free).await;
                has_more = waiting.len() >= free;
                for waiting in waiting {
                    under_way.spawn(Arc::clone(&shared).round(waiting));
                }
            }
        }
    }
    while under_way.join_next().await.is_some() {}
}

impl<O: Outbox> Shared<O> {
    async fn due(&self, limit: usize) -> Vec<Waiting> {
        let now = (self.now)();
        self.outbox.take(now, now.plus(LEASE), limit).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the outbox was not read");
            Vec::new()
        })
    }

    /// One round of attempts, and what the outbox keeps of it.
    async fn round(self: Arc<Self>, Waiting { event, rounds }: Waiting) {
        let id = event.id.as_str();
        let attempt = || self.endpoint.post().send(self.endpoint.signed(&event, (self.now)()));
        let ended = repeats(attempt).await;
        let (attempts, status) = (ended.attempts, ended.last.as_ref().ok().map(|Reply { status, .. }| *status));
        let kept = match ended.verdict() {
            Verdict::Accepted => {
                tracing::info!(id, attempts, status, "webhook sent");
                self.outbox.remove(id).await
            }
            Verdict::Refused => {
                tracing::error!(id, attempts, status, "webhook send failed: it was refused, and is kept");
                self.outbox.set_aside(id, &ended.why()).await
            }
            Verdict::Again(asked) => {
                tracing::warn!(
                    id,
                    attempts,
                    status,
                    why = ended.why(),
                    "webhook send failed: it waits for another round"
                );
                let due_at = (self.now)().plus(next_round(rounds, asked));
                self.outbox.postpone(id, due_at, rounds.saturating_add(1)).await
            }
        };
        if let Err(error) = kept {
            // It is taken again when its lease ends: the receiver gets it twice, under one id.
            tracing::error!(id, %error, "the outbox was not written");
        }
    }
}

fn next_round(rounds: u32, asked: Option<Duration>) -> Duration {
    let doubled = ROUND_PAUSE.saturating_mul(2_u32.saturating_pow(rounds)).min(ROUND_PAUSE_MAX);
    longer(doubled.max(asked.unwrap_or_default().min(RETRY_AFTER_MAX)))
}

impl<O: fmt::Debug> fmt::Debug for Sender<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { endpoint, outbox, .. } = &*self.shared;
        f.debug_struct("Sender").field("endpoint", endpoint).field("outbox", outbox).finish_non_exhaustive()
    }
}
