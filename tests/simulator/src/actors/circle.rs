//! Owners who give credits to each other, round and round, and redeem the same code at once, by a command line whose calls
//! fail. A command without an answer is given again under its id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join_all};
use ledger::{
    AccountTransfer, Asset, Code, CodeChange, CodeHash, CommitError, Decision, Effect, Entry, EventKey, Fingerprint,
    Guard, House, JournalHeader, LotKind, LotShare, LotTerms, MoneyKey, Movement, OncePer, Owner, PRIORITY_DEFAULT,
    Posting, Word, Writer,
};
use tokio::time::sleep;

use super::{Actor, credits, times, units};
use crate::mark::Mark;
use crate::truth::{Expected, Truth};
use crate::world::World;

const OWNERS: usize = 3;
const STEPS_MAX: usize = 8;
const CODE_CREDITS: u64 = 2;
/// A person gives the same command again until there is an answer, after these pauses in seconds.
const PAUSES_S: [u64; 4] = [1, 20, 600, 40_000];
/// No lot expires in a world.
const LOT_SECONDS: i64 = 400 * 24 * 60 * 60;

#[derive(Debug, Clone, Copy)]
enum Act {
    /// From this owner to the next.
    Transfer { from: usize, credits: u64 },
    /// All owners redeem the code at the same moment.
    Redeem,
}

struct Circle {
    number: usize,
    /// What each owner begins with: without a date, and with one.
    funds: [(u64, u64); OWNERS],
    uses: u32,
    steps: Vec<(Duration, Act)>,
    /// The keys of the postings that were tried, each with whether it was acknowledged.
    tried: Mutex<BTreeMap<String, (Expected, bool)>>,
}

pub(super) fn draw(number: usize, rng: &mut Rng, horizon: Duration) -> Box<dyn Actor> {
    let count = rng.usize(1..=STEPS_MAX);
    let times = times(rng, count, horizon);
    let act = |rng: &mut Rng| match rng.u8(0..5) {
        0 => Act::Redeem,
        _ => Act::Transfer { from: rng.usize(0..OWNERS), credits: rng.u64(1..=9) },
    };
    Box::new(Circle {
        number,
        funds: [(); OWNERS].map(|()| (rng.u64(0..=9), rng.u64(0..=9))),
        uses: rng.u32(1..=3),
        steps: times.into_iter().map(|at| (at, act(rng))).collect(),
        tried: Mutex::default(),
    })
}

impl Circle {
    fn owner(&self, place: usize) -> Owner {
        Owner::new(&format!("friend-{}-{place}", self.number)).expect("an owner")
    }

    fn account(&self, place: usize) -> String {
        self.owner(place).account(Asset::CREDITS).to_string()
    }

    fn code(&self) -> Code {
        Code {
            hash: CodeHash::new(&format!("{:032x}", self.number)).expect("a hash"),
            campaign: Word::new("spring").expect("a word"),
            credits: credits(CODE_CREDITS),
            terms: None,
            uses: self.uses,
            uses_left: self.uses,
            once_per: OncePer::Code,
            until: None,
            made_by: EventKey::of_row("manual#make"),
            revoked_at: None,
        }
    }

    async fn fund(&self, world: &World, place: usize) {
        let (undated, dated) = self.funds[place];
        let terms = LotTerms {
            priority: PRIORITY_DEFAULT,
            kind: LotKind::Paid,
            expires_at: Some(world.now().plus_seconds(LOT_SECONDS)),
        };
        for (name, count, terms) in [("undated", undated, None), ("dated", dated, Some(terms))] {
            if count == 0 {
                continue;
            }
            let id = format!("{name}-{}-{place}", self.number);
            let posting =
                Posting::to_customer(self.owner(place).account(Asset::CREDITS), House::Manual, credits(count));
            let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, &id).expect("an id"));
            let lots = terms.map(|terms| LotShare { terms, units: credits(count).units() }).into_iter().collect();
            let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots };
            world.by_hand(&id, vec![Effect::Move(movement)]).await;
        }
    }

    fn transfer(&self, step: usize, from: usize, count: u64) -> (Decision, [(String, Expected); 2]) {
        let to = (from + 1) % OWNERS;
        let [sender, receiver] = [from, to].map(|place| self.owner(place).account(Asset::CREDITS));
        let transfer = AccountTransfer::new(sender, receiver, credits(count)).expect("two accounts");
        let id = format!("transfer-{}-{step}", self.number);
        let receipt = EventKey::new(Writer::Manual, &id).expect("an id");
        let (effects, sent) = (transfer.effects(&receipt), receipt.to_string());
        let header = JournalHeader {
            receipt,
            writer: Writer::Manual,
            kind: "transfer",
            facts: Vec::new(),
            fingerprints: Fingerprint::of(1, &[("id", &id)]).into(),
            order: None,
        };
        let expected = |place: usize, change: i128| Expected {
            account: self.account(place),
            any_of: BTreeSet::from([change]),
            is_due: false,
        };
        let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
        let credit = format!("received#{sent}");
        (decision, [(sent, expected(from, -units(count))), (credit, expected(to, units(count)))])
    }

    /// Gives the command until it has an answer. A refused one has none of its postings.
    async fn give(&self, world: &World, decision: &Decision, expected: Vec<(String, Expected)>, mark: Mark) {
        let tried = || self.tried.lock().expect("one thread");
        tried().extend(expected.iter().map(|(key, expected)| (key.clone(), (expected.clone(), false))));
        for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
            let answer = world.command(decision, mark.child(attempt)).await;
            world.detail(|| format!("{}: {answer:?}", expected[0].0));
            match answer {
                Some(Ok(_)) => {
                    for (key, _) in &expected {
                        tried().entry(key.clone()).and_modify(|(_, is_acknowledged)| *is_acknowledged = true);
                    }
                    return;
                }
                Some(Err(CommitError::Rejected(_))) => return,
                // Too few uses are left, or another write was faster.
                Some(Err(_)) | None => {}
            }
            sleep(Duration::from_secs(pause_s)).await;
        }
    }
}

impl Actor for Circle {
    fn kind(&self) -> &'static str {
        "circle of owners"
    }

    fn times(&self) -> Vec<Duration> {
        self.steps.iter().map(|(at, _)| *at).collect()
    }

    fn describe(&self, step: usize) -> String {
        match self.steps[step].1 {
            Act::Transfer { from, credits } => format!("{} gives {credits} to the next", self.owner(from)),
            Act::Redeem => format!("the circle {} redeems a code with {} uses", self.number, self.uses),
        }
    }

    fn open<'w>(&'w self, world: &'w World) -> LocalBoxFuture<'w, ()> {
        async {
            for place in 0..OWNERS {
                self.fund(world, place).await;
            }
            let make = Effect::Code(CodeChange::Make(Box::new(self.code())));
            world.by_hand(&format!("make-{}", self.number), vec![make]).await;
        }
        .boxed_local()
    }

    fn step<'w>(&'w self, world: &'w World, step: usize, mark: Mark) -> LocalBoxFuture<'w, ()> {
        async move {
            match self.steps[step].1 {
                Act::Transfer { from, credits } => {
                    let (decision, expected) = self.transfer(step, from, credits);
                    self.give(world, &decision, expected.into(), mark).await;
                }
                Act::Redeem => {
                    let code = self.code();
                    let redeem = |place: usize| {
                        let (owner, account) = (self.owner(place), self.account(place));
                        let key = code.receipt(&owner).to_string();
                        let any_of = BTreeSet::from([units(CODE_CREDITS)]);
                        let expected = vec![(key, Expected { account, any_of, is_due: false })];
                        let decision = code.redemption(&owner, world.now());
                        let mark = mark.child(u64::try_from(place).expect("few"));
                        async move { self.give(world, &decision, expected, mark).await }
                    };
                    join_all((0..OWNERS).map(redeem)).await;
                }
            }
        }
        .boxed_local()
    }

    fn settle<'w>(&'w self, _: &'w World) -> LocalBoxFuture<'w, ()> {
        async {}.boxed_local()
    }

    fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        for (place, (undated, dated)) in self.funds.iter().enumerate() {
            truth.by_hand.insert(self.account(place), units(undated + dated));
            truth.solvent.insert(self.account(place));
        }
        for (key, (expected, is_acknowledged)) in self.tried.lock().expect("one thread").iter() {
            truth.postings.insert(key.clone(), Expected { is_due: *is_acknowledged, ..expected.clone() });
        }
        truth
    }
}
