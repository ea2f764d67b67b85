//! An owner whose credits expire while others are spent: some at one moment within the world, some long after it, some
//! never. Uses come before, at and after that moment, and some are given back, by commands whose calls fail.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;
use ledger::{
    Asset, Audit as _, CommitError, Decision, Effect, Entry, EventKey, Fingerprint, Guard, House, JournalHeader,
    LotKind, LotShare, LotTerms, MoneyKey, Movement, Owner, PRIORITY_DEFAULT, Posting, Source, Timestamp,
    UsageReversal, Writer,
};
use tokio::time::sleep;

use super::{Actor, credits, times, units};
use crate::mark::Mark;
use crate::truth::{DatedTruth, Expected, Truth};
use crate::world::World;

const STEPS_MAX: usize = 9;
const USE_CREDITS_MAX: u64 = 6;
/// A person gives the same command again until there is an answer, after these pauses in seconds.
const PAUSES_S: [u64; 4] = [1, 20, 600, 40_000];
/// Clocks are off by less, and a lost call is applied sooner.
const NEAR_S: i64 = 300;
const LONG_S: i64 = 400 * 24 * 60 * 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Date {
    /// The moment at which credits of this owner expire.
    Soon,
    AfterTheWorld,
    Never,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Whole,
    One,
    /// A person mistypes, and is refused.
    TooMuch,
}

#[derive(Debug, Clone, Copy)]
enum Act {
    Grant {
        credits: u64,
        date: Date,
    },
    Use {
        cost: u64,
    },
    /// Gives the use of this step back.
    Reverse {
        step: usize,
        part: Part,
    },
}

struct Dated {
    number: usize,
    /// What the owner begins with.
    funds: [(u64, Date); 3],
    /// When credits expire, after the world begins.
    date: Duration,
    steps: Vec<(Duration, Act)>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    date: Option<Timestamp>,
    /// The keys of the postings that were tried.
    tried: BTreeMap<String, Expected>,
    truth: DatedTruth,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let mut times = times(rng, count, horizon);
    times.sort();
    let act = |rng: &mut Rng, n: usize| match rng.u8(0..10) {
        0 => Act::Grant { credits: rng.u64(1..=5), date: Date::Soon },
        1 => Act::Grant { credits: rng.u64(1..=5), date: Date::Never },
        2 | 3 if n > 0 => {
            let part = [Part::Whole, Part::One, Part::TooMuch][rng.usize(0..3)];
            Act::Reverse { step: rng.usize(0..n), part }
        }
        _ => Act::Use { cost: rng.u64(1..=USE_CREDITS_MAX) },
    };
    // At the moment of a step, or between two.
    let date = times[rng.usize(0..count)] + Duration::from_millis(rng.u64(0..2_000));
    let steps = times.into_iter().enumerate().map(|(n, at)| (at, act(rng, n))).collect();
    let funds = [Date::Soon, Date::AfterTheWorld, Date::Never].map(|date| (rng.u64(0..=9), date));
    Box::new(Dated { number, funds, date, steps, known: Mutex::default() })
}

fn entry(receipt: EventKey, writer: Writer, effects: Vec<Effect>) -> Decision {
    let header = JournalHeader {
        fingerprints: Fingerprint::of(1, &[("event", receipt.as_str())]).into(),
        receipt,
        writer,
        kind: "dated",
        facts: Vec::new(),
        order: None,
    };
    Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
}

impl Dated {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("one thread")
    }

    fn owner(&self) -> Owner {
        Owner::new(&format!("dated-{}", self.number)).expect("an owner")
    }

    fn account(&self) -> String {
        self.owner().account(Asset::CREDITS).to_string()
    }

    fn usage(&self, step: usize) -> EventKey {
        EventKey::new(Source::Usage, &format!("dated-{}-{step}", self.number)).expect("an id")
    }

    fn date(&self) -> Timestamp {
        self.known().date.expect("set when the world opens")
    }

    fn expects(&self, key: &str, change: i128) {
        let new = || Expected { account: self.account(), any_of: BTreeSet::new(), is_due: false };
        self.known().tried.entry(key.to_owned()).or_insert_with(new).any_of.insert(change);
    }

    fn is_acknowledged(&self, key: &str) {
        self.known().tried.get_mut(key).expect("tried").is_due = true;
    }

    fn grant(&self, receipt: &EventKey, count: u64, date: Date) -> Effect {
        let expires_at = match date {
            Date::Soon => Some(self.date()),
            Date::AfterTheWorld => Some(self.date().plus_seconds(LONG_S)),
            Date::Never => None,
        };
        // Free ones are spent by their dates, and before those without one.
        let terms = LotTerms { priority: PRIORITY_DEFAULT, kind: LotKind::Free, expires_at };
        let lots = expires_at.map(|_| LotShare { terms, units: credits(count).units() }).into_iter().collect();
        let posting = Posting::to_customer(self.owner().account(Asset::CREDITS), House::Manual, credits(count));
        let key = MoneyKey::of_event(receipt);
        Effect::Move(Movement { key, posting, guard: Guard::Always, reverses: None, lots })
    }

    /// Gives the command until it has an answer. Whether it was booked.
    async fn give(&self, world: &World, decision: &Decision, key: &str, mark: Mark) -> bool {
        for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
            let answer = world.command(decision, mark.child(attempt)).await;
            world.detail(|| format!("{key}: {answer:?}"));
            match answer {
                Some(Ok(_)) => {
                    self.is_acknowledged(key);
                    return true;
                }
                Some(Err(CommitError::Rejected(_) | CommitError::Stale)) => return false,
                Some(Err(_)) | None => sleep(Duration::from_secs(pause_s)).await,
            }
        }
        false
    }

    async fn granted(&self, world: &World, step: usize, (count, date): (u64, Date), mark: Mark) {
        let receipt = EventKey::new(Writer::Manual, &format!("dated-{}-{step}", self.number)).expect("an id");
        let (key, effect) = (receipt.to_string(), self.grant(&receipt, count, date));
        self.expects(&key, units(count));
        if date == Date::Soon {
            self.known().truth.grants.insert(key.clone());
        }
        self.give(world, &entry(receipt, Writer::Manual, vec![effect]), &key, mark).await;
    }

    async fn used(&self, world: &World, step: usize, cost: u64, mark: Mark) {
        let (receipt, date) = (self.usage(step), self.date());
        let key = receipt.to_string();
        self.expects(&key, -units(cost));
        let movement = Movement {
            key: MoneyKey::of_event(&receipt),
            posting: Posting::from_customer(self.owner().account(Asset::CREDITS), House::Usage, credits(cost)),
            guard: Guard::SufficientFunds,
            reverses: None,
            lots: Vec::new(),
        };
        if world.now() > date.plus_seconds(NEAR_S) {
            self.known().truth.late.insert(key.clone());
        }
        let decision = entry(receipt, Source::Usage.into(), vec![Effect::Move(movement)]);
        let is_booked = self.give(world, &decision, &key, mark).await;
        if is_booked && world.now().plus_seconds(NEAR_S) < date {
            self.known().truth.early.insert(key);
        }
    }

    /// As the command line does: it reads the charge, and reverses what it has read.
    async fn reversed(&self, world: &World, (by, step): (usize, usize), part: Part, mark: Mark) {
        let usage = MoneyKey::of_event(&self.usage(step));
        let key = UsageReversal::key_of(&usage).to_string();
        for (round, pause_s) in (0_u64..).zip(PAUSES_S) {
            let mark = mark.child(round);
            let read = |ledger: crate::port::PortLedger, context| {
                let usage = usage.clone();
                async move { ledger.journal_lines(&[usage.as_str()], &context).await }
            };
            let Some(Ok(mut lines)) = world.call(mark.child(0), read).await else {
                sleep(Duration::from_secs(pause_s)).await;
                continue;
            };
            let amount = match part {
                Part::Whole => None,
                Part::One => Some(credits(1)),
                Part::TooMuch => Some(credits(USE_CREDITS_MAX + 1)),
            };
            let reversal = lines.pop().map(|line| UsageReversal::of(&line, amount));
            let Some(Ok(reversal)) = reversal else { return };
            self.expects(&key, i128::try_from(reversal.amount().units()).expect("few"));
            let receipt = EventKey::new(Writer::Manual, &format!("reverse-{}-{by}", self.number)).expect("an id");
            if self.give(world, &entry(receipt, Writer::Manual, reversal.effects()), &key, mark.child(1)).await {
                return;
            }
        }
    }
}

impl Actor for Dated {
    fn kind(&self) -> &'static str {
        "owner of dated credits"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        let Self { date, funds, .. } = self;
        format!("{} with {funds:?}, of which some expire after {date:?}: {:?}", self.owner(), self.steps[step].1)
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            self.known().date = Some(world.now().plus_seconds(i64::try_from(self.date.as_secs()).expect("days")));
            for (n, (count, date)) in self.funds.into_iter().enumerate().filter(|(_, (count, _))| *count > 0) {
                let id = format!("dated-funds-{}-{n}", self.number);
                let receipt = EventKey::new(Writer::Manual, &id).expect("an id");
                world.by_hand(&id, vec![self.grant(&receipt, count, date)]).await;
            }
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Grant { credits, date } => self.granted(world, step, (credits, date), mark).await,
                Act::Use { cost } => self.used(world, step, cost, mark).await,
                Act::Reverse { step: of, part } => self.reversed(world, (step, of), part, mark).await,
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        async {}.boxed_local()
    }

    fn truth(&self) -> Truth {
        let (known, account) = (self.known(), self.account());
        let funds = |of: fn(Date) -> bool| units(self.funds.iter().filter(|(_, date)| of(*date)).map(|(n, _)| n).sum());
        let dated = DatedTruth { granted: funds(|date| date == Date::Soon), ..known.truth.clone() };
        Truth {
            postings: known.tried.clone(),
            by_hand: BTreeMap::from([(account.clone(), funds(|_| true))]),
            solvent: BTreeSet::from([account.clone()]),
            dated: BTreeMap::from([(account, dated)]),
            ..Truth::default()
        }
    }
}
