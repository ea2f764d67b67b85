//! The upstreams report what they have generated, soon or late: each by its webhook, once or twice, and the first in its
//! log as well.

use std::collections::BTreeSet;
use std::time::Duration;

use fakes::new_api::Logged;
use fastrand::Rng;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use ledger::Timestamp;
use testkit::instant;
use tokio::time::{Instant, sleep, sleep_until};

use crate::mark::Mark;
use crate::postman::{report_to_litellm, report_use};
use crate::upstreams::{Gateway, Generated, REPORTED_HASH, REPORTED_TOKEN};
use crate::world::World;

/// It gives up sooner than others: what it has not delivered is in its log.
const PAUSES_S: [u64; 3] = [1, 5, 60];
/// No call of a client lasts longer, with its retries.
const FOLLOWED: Duration = Duration::from_mins(3);
/// A row is written so much after its use at most: within what a run of the pull reads again, whatever the clocks.
const LATE_MS_MAX: u64 = 300_000;
/// Of a report, which is not what a call costs here: in the gateway's quota, in credits, and in dollars.
const QUOTA: i64 = 1_234;
const COST: &str = "0.2468";
const USD: &str = "0.002468";

/// How each answer is reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Reports {
    /// How often by the webhook, and how long after the answer was generated.
    webhooks: u8,
    after_ms: u64,
    /// When the row of the log is written.
    logged_after_ms: Option<u64>,
}

impl Reports {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        // At once, within a stream, and after it.
        let mut pause = |longest: u64| [0, rng.u64(0..=50), rng.u64(0..=3_000), rng.u64(0..=longest)][rng.usize(0..4)];
        let (after_ms, logged_ms) = (pause(LATE_MS_MAX), pause(LATE_MS_MAX));
        Self { webhooks: rng.u8(0..3), after_ms, logged_after_ms: rng.bool().then_some(logged_ms) }
    }

    fn are_none(self) -> bool {
        self.webhooks == 0 && self.logged_after_ms.is_none()
    }
}

/// Reports all that is generated for the calls of a step. Returns what is wrong with the answers.
pub(super) async fn follow(world: &World, mark_of_calls: &str, reports: Reports, mark: Mark) -> Vec<String> {
    if reports.are_none() {
        return Vec::new();
    }
    let mut changes = world.fakes.llm.changes();
    let (mut sending, mut known, mut wrong) = (FuturesUnordered::new(), BTreeSet::new(), Vec::new());
    let over = Instant::from_std(instant()) + FOLLOWED;
    loop {
        for generated in world.fakes.llm.generated(mark_of_calls) {
            if known.insert(generated.id.clone()) {
                let number = u64::try_from(known.len()).expect("few");
                sending.push(report(world, generated, reports, mark.child(number)));
            }
        }
        tokio::select! {
            next = changes.changed() => next.expect("a world has its upstreams"),
            Some(found) = sending.next(), if !sending.is_empty() => wrong.extend(found),
            () = sleep_until(over) => break,
        }
    }
    while let Some(found) = sending.next().await {
        wrong.extend(found);
    }
    wrong
}

async fn report(world: &World, generated: Generated, reports: Reports, mark: Mark) -> Vec<String> {
    let at = Timestamp::from_unix(world.now_s()).expect("a time");
    let written = async {
        if let Some(after_ms) = reports.logged_after_ms.filter(|_| generated.gateway == Gateway::NewApi) {
            sleep(Duration::from_millis(after_ms)).await;
            world.fakes.new_api.log(Logged {
                request_id: Some(generated.id.clone()),
                token_id: REPORTED_TOKEN.parse().expect("a number"),
                quota: QUOTA,
                ..testkit::logged("", at)
            });
        }
    };
    let sent = async {
        sleep(Duration::from_millis(reports.after_ms)).await;
        let each = (0..reports.webhooks).map(|number| send(world, &generated, at, mark.child(number.into())));
        futures_util::future::join_all(each).await
    };
    let ((), answers) = futures_util::future::join(written, sent).await;
    answers.into_iter().flatten().collect()
}

async fn send(world: &World, generated: &Generated, at: Timestamp, mark: Mark) -> Option<String> {
    let name = format!("the report of {}", generated.id);
    let status = match generated.gateway {
        Gateway::NewApi => {
            let mut body = testkit::usage(&generated.event_id(), REPORTED_TOKEN, COST);
            body["timestamp"] = at.unix_s().into();
            report_use(world, &name, &body.to_string(), &PAUSES_S, mark).await
        }
        Gateway::Litellm => {
            let (call, answer) = generated.call_and_answer();
            let mut body = testkit::litellm_usage(&call, &answer, REPORTED_HASH, USD);
            body["endTime"] = at.unix_s().into();
            report_to_litellm(world, &name, &body.to_string(), &PAUSES_S, mark).await
        }
    };
    // It is charged, or waits for an owner of its key.
    (!matches!(status, None | Some(200 | 404))).then(|| format!("{name} was answered {status:?}"))
}
