//! A gateway that reports its uses through its webhook and writes them to its log, where the pull reads them. The
//! webhook reports none, one or two times, and is off for a while; a row of the log is written late; some are given
//! back. Each use is booked once, by whichever comes first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use fakes::new_api::Logged;
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join, join_all};
use ledger::{
    Amount, Asset, Backlog as _, CallerKey, Effect, EventKey, Guard, House, MoneyKey, Movement, Owner, Posting, Sweep,
    Timestamp, Writer,
};
use serde_json::json;
use tokio::time::sleep;

use super::{Actor, GATEWAY_WITH_LOG, credits, times, units};
use crate::mark::Mark;
use crate::postman::report_use;
use crate::truth::{Expected, Truth};
use crate::world::World;

/// It gives up sooner than the others: what it has not delivered is in its log.
const PAUSES_S: [u64; 3] = [1, 5, 60];
const STEPS_MAX: usize = 10;
const QUOTA_MAX: u64 = 9_000;
/// A hundred credits for a dollar of 500,000 quota, in the smallest unit of credits.
const UNITS_OF_QUOTA: u64 = 200_000;
/// The tokens of other actors have names.
const FIRST_TOKEN: u64 = 1_000;
/// A row is written so much after its use at most: within what a run reads again, whatever the clocks.
const LATE_S_MAX: u64 = 500;
/// Settles whatever was used.
const ENOUGH: u64 = 100;

#[derive(Debug, Clone, Copy)]
struct Use {
    quota: u64,
    is_refund: bool,
    /// How often the webhook reports it, at once.
    reports: u8,
    written_after_s: u64,
}

struct Gateway {
    number: usize,
    uses: Vec<(Duration, Use)>,
    /// When its webhook reports nothing.
    off: (Duration, Duration),
    /// The uses that took place, with the answers to their reports.
    answers: Mutex<BTreeMap<usize, BTreeSet<u16>>>,
    topped_up: Mutex<u64>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let drawn = |rng: &mut Rng| Use {
        quota: rng.u64(1..=QUOTA_MAX),
        is_refund: rng.u8(0..5) == 0,
        reports: rng.u8(0..3),
        written_after_s: if rng.u8(0..3) == 0 { rng.u64(0..=LATE_S_MAX) } else { 0 },
    };
    let uses = times.into_iter().map(|at| (at, drawn(rng))).collect();
    let from = Duration::from_secs(rng.u64(0..horizon.as_secs()));
    let off = (from, from + Duration::from_secs(rng.u64(0..=horizon.as_secs())));
    Box::new(Gateway { number, uses, off, answers: Mutex::default(), topped_up: Mutex::default() })
}

impl Gateway {
    fn owner(&self) -> Owner {
        Owner::new(&format!("logged-{}", self.number)).expect("an owner")
    }

    fn account(&self) -> String {
        self.owner().account(Asset::CREDITS).to_string()
    }

    fn token(&self) -> u64 {
        FIRST_TOKEN + u64::try_from(self.number).expect("few")
    }

    fn request(&self, step: usize) -> String {
        format!("log{}x{step}", self.number)
    }

    /// As the sender of `examples/new-api` names it.
    fn event_id(&self, step: usize) -> String {
        let suffix = if self.uses[step].1.is_refund { "-refund" } else { "" };
        format!("new-api-{}-{}{suffix}", self.request(step), self.token())
    }

    async fn top_up(&self, world: &World, id: &str, count: u64) {
        let posting = Posting::to_customer(self.owner().account(Asset::CREDITS), House::Manual, credits(count));
        let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, id).expect("an id"));
        let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
        world.by_hand(id, vec![Effect::Move(movement)]).await;
        *self.topped_up.lock().expect("one thread") += count;
    }

    async fn write(&self, world: &World, step: usize, at: Timestamp) {
        let Use { quota, is_refund, written_after_s, .. } = self.uses[step].1;
        sleep(Duration::from_secs(written_after_s)).await;
        world.fakes.new_api.log(Logged {
            request_id: Some(self.request(step)),
            is_refund,
            token_id: self.token(),
            quota: i64::try_from(quota).expect("small"),
            ..testkit::logged("", at)
        });
    }

    fn body(&self, step: usize, at: Timestamp) -> String {
        let Use { quota, is_refund, .. } = self.uses[step].1;
        let cost = Asset::CREDITS.format(Amount::from_units(quota * UNITS_OF_QUOTA));
        let data = json!({
            "remoteKeyId": self.token(), "model": "gpt-4o", "promptTokens": 120, "completionTokens": 30,
            "totalTokens": 150, "creditCost": cost,
        });
        let (id, of_type, at) = (self.event_id(step), if is_refund { "refund" } else { "usage" }, at.unix_s());
        json!({ "eventId": id, "eventType": of_type, "timestamp": at, "data": data }).to_string()
    }

    async fn report(&self, world: &World, step: usize, at: Timestamp, mark: Mark) {
        let body = self.body(step, at);
        let answer = report_use(world, &self.event_id(step), &body, &PAUSES_S, mark).await;
        self.answers.lock().expect("one thread").entry(step).or_default().extend(answer);
    }
}

impl Actor for Gateway {
    fn kind(&self) -> &'static str {
        GATEWAY_WITH_LOG
    }

    fn times(&self) -> Vec<Duration> {
        self.uses.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        format!("gateway {} has {}, {:?}", self.number, self.event_id(step), self.uses[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            let key = CallerKey::remote(&self.token().to_string()).expect("a key");
            let bound = vec![Effect::Bind { key, owner: self.owner() }];
            world.by_hand(&format!("logged-key-{}", self.number), bound).await;
            self.top_up(world, &format!("logged-funds-{}", self.number), 1).await;
            // The pull has read the log up to now.
            let (read, context) = (world.now_s().to_string(), world.context());
            world.ledger().save_sweep_cursor(Sweep::GatewayLog, Some(&read), &context).await.expect("saved");
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            let at = Timestamp::from_unix(world.now_s()).expect("a time");
            self.answers.lock().expect("one thread").entry(step).or_default();
            let (from, until) = self.off;
            let reports = if (from..until).contains(&world.elapsed()) { 0 } else { self.uses[step].1.reports };
            let reports = (0..reports).map(|report| self.report(world, step, at, mark.child(report.into())));
            join(self.write(world, step, at), join_all(reports)).await;
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async move { self.top_up(world, &format!("logged-settle-{}", self.number), ENOUGH).await }.boxed_local()
    }

    fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        truth.by_hand.insert(self.account(), units(*self.topped_up.lock().expect("one thread")));
        truth.solvent.insert(self.account());
        for (step, statuses) in self.answers.lock().expect("one thread").iter() {
            let (id, Use { quota, is_refund, .. }) = (self.event_id(*step), self.uses[*step].1);
            let wrong = statuses.iter().find(|status| matches!(status, 400 | 404 | 409));
            truth.broken.extend(wrong.map(|status| format!("{id} was answered {status}")));
            let cost = i128::from(quota * UNITS_OF_QUOTA);
            let any_of = BTreeSet::from([if is_refund { cost } else { -cost }]);
            // Reported or not: it is in the log.
            let expected = Expected { account: self.account(), any_of, is_due: true };
            truth.postings.insert(format!("usage#{id}"), expected);
        }
        truth
    }
}
