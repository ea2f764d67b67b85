//! Random schedules of all that changes credits: grants, clawbacks, usage, reversals, transfers and redemptions, at once
//! and with faults, over three days. A failure prints its seed; `HOOKLEDGER_SEED=17 cargo test -p tests lots::schedules`
//! replays it.

use api::RedeemError;
use fastrand::Rng;
use futures_util::future::join_all;
use ledger::{Audit as _, CodeText, GrantTerms};
use testkit::deadline;

use super::*;
use crate::account_transfers::transfer;
use crate::codes::{make_on, pepper};
use crate::credits::reversal;
use crate::sandbox::{Named, SETTLED, Sandbox};

/// Ten seconds without optimisation.
const SCHEDULES: u64 = 100;
const DAYS: i64 = 3;
const OWNERS: [&str; 3] = ["alice", "bob", "carol"];
/// Fewer than there are owners.
const USES: u32 = 2;

#[test]
#[expect(clippy::disallowed_methods, reason = "how a person names the seed to play again")]
fn random_schedules_of_credits_add_up() {
    match std::env::var("HOOKLEDGER_SEED") {
        Ok(seed) => play(seed.parse().expect("HOOKLEDGER_SEED is a number")),
        Err(_) => (0..SCHEDULES).for_each(play),
    }
}

fn play(seed: u64) {
    let _named = Named { seed, tests: "lots::schedules" };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(schedule(Rng::with_seed(seed)));
}

#[derive(Debug)]
enum Act {
    /// A decision, and the key of the posting that it leaves.
    Commit(Decision, String),
    Redeem(&'static str, CodeText),
    /// Of the usage with this id.
    Reverse(String),
}

/// What a schedule has done so far.
struct Drawn {
    rng: Rng,
    codes: [CodeText; 2],
    /// Owner, id and sum of each grant that is not taken back.
    grants: Vec<(&'static str, String, u32)>,
    usage: Vec<String>,
    number: u32,
}

impl Drawn {
    fn act(&mut self, day: i64) -> Act {
        let (owner, sum) = (OWNERS[self.rng.usize(0..3)], self.rng.u32(1..=9));
        self.number += 1;
        let id = format!("x{}", self.number);
        let posted = |decision, key: &str| Act::Commit(decision, format!("{key}#{id}"));
        match self.rng.u8(0..14) {
            0..4 => {
                let lasting = self.rng.bool().then(|| until((day + self.rng.i64(1..=2)) * DAY));
                self.grants.push((owner, id.clone(), sum));
                posted(credit(owner, &id, &sum.to_string(), lasting), "payment#stripe")
            }
            4 if !self.grants.is_empty() => {
                let (owner, grant, given) = self.grants.swap_remove(self.rng.usize(0..self.grants.len()));
                let taken = self.rng.u32(1..=given).to_string();
                posted(correction(owner, &id, &taken, &grant, true), "reversal")
            }
            4..8 => {
                self.usage.push(id.clone());
                posted(charge(owner, &id, &sum.to_string()), "usage")
            }
            8 if !self.usage.is_empty() => Act::Reverse(self.usage[self.rng.usize(0..self.usage.len())].clone()),
            8..12 => {
                let to = OWNERS.into_iter().find(|to| *to != owner).expect("another");
                posted(transfer(owner, to, &id, &sum.to_string()), "manual")
            }
            _ => Act::Redeem(owner, self.codes[self.rng.usize(0..2)].clone()),
        }
    }
}

fn charge(owner: &str, id: &str, sum: &str) -> Decision {
    let posting = Posting::from_customer(account(owner), House::Usage, amount(sum));
    let key = MoneyKey::new("usage", &[id]).expect("a key");
    entry(id, Movement { key, posting, guard: Guard::SufficientFunds, reverses: None, lots: Vec::new() })
}

/// Whether it is booked; `None` without an answer.
async fn attempt(world: &World, ledger: &DynamoLedger, act: &Act, context: &CallContext<'_>) -> Option<bool> {
    let answer = match act {
        Act::Commit(decision, _) => ledger.commit(decision, context).await.map(drop),
        Act::Redeem(owner, code) => {
            let owner = Owner::new(owner).expect("an owner");
            match api::redeem(ledger, &pepper(), &owner, code.as_str(), context).await {
                Ok(_) => Ok(()),
                Err(RedeemError::Commit(error)) => Err(error),
                Err(RedeemError::Invalid | RedeemError::TooManyWrong) => return Some(false),
            }
        }
        Act::Reverse(usage) => {
            let key = format!("usage#{usage}");
            let lines = world.ledger(0).journal_lines(&[&key], context).await.expect("read");
            let Some(line) = lines.first().filter(|line| line.reversed_by.is_none()) else { return Some(false) };
            let units = u64::try_from(-line.change.units()).expect("a charge");
            ledger.commit(&reversal(line, units, &format!("of-{usage}")), context).await.map(drop)
        }
    };
    match answer {
        Ok(()) => Some(true),
        Err(CommitError::Rejected(_)) => Some(false),
        Err(CommitError::Unavailable(_) | CommitError::Stale) => None,
        Err(error) => panic!("{act:?}: {error:?}"),
    }
}

async fn schedule(mut rng: Rng) {
    let world = World::new();
    let terms = GrantTerms::new(1, 3, LotKind::Free).expect("valid");
    let codes = [make_on(&world, 1, USES, None, None).await, make_on(&world, 2, USES, None, Some(terms)).await];
    let mut drawn = Drawn { rng: rng.fork(), codes, grants: Vec::new(), usage: Vec::new(), number: 0 };
    for day in 0..DAYS {
        let acts: Vec<Act> = (0..rng.usize(1..=6)).map(|_| drawn.act(day)).collect();
        let tried = acts.iter().zip(100..).map(|(act, number)| {
            let (ledger, faults) = Sandbox::unlucky_ledger(&world, &mut rng);
            let start = Duration::from_millis(rng.u64(0..=300));
            let (world, context) = (&world, later(number, day * DAY + 10));
            async move {
                tokio::time::sleep(start).await;
                let context = CallContext { deadline: deadline(Duration::from_secs(5)), ..context };
                tokio::select! {
                    biased;
                    answer = attempt(world, &ledger, act, &context) => answer,
                    () = faults.killed() => None,
                }
            }
        });
        let answers = join_all(tried.collect::<Vec<_>>()).await;
        tokio::time::sleep(SETTLED).await;
        for ((act, answer), number) in acts.iter().zip(answers).zip(200..) {
            let is_booked = match answer {
                Some(is_booked) => is_booked,
                None => {
                    attempt(&world, &world.ledger(1), act, &later(number, day * DAY + 20)).await.unwrap_or_default()
                }
            };
            if let (true, Act::Commit(_, key)) = (is_booked, act) {
                assert!(world.books().journal.contains_key(key), "{key} is booked");
            }
        }
        agree(&world, day).await;
    }
    for owner in OWNERS {
        world.ledger(1).expire(&account(owner), &later(300, (DAYS + 2) * DAY)).await.expect("expired");
    }
    agree(&world, DAYS + 2).await;
}

/// The books add up, each owner's lots hold the balance, and the audit of the lots finds nothing.
async fn agree(world: &World, day: i64) {
    let books = world.books();
    books.check();
    for owner in OWNERS {
        let settled = world.ledger(0).lots(&account(owner), &context(0)).await.expect("both rows").settled();
        let left: u128 = settled.lots.iter().map(|lot| lot.units).sum();
        let balance = books.accounts.get(&format!("{owner}/credits")).map_or(0, |account| account.balance);
        assert_eq!(i128::try_from(left), Ok(balance.max(0)), "{owner} on day {day}: {settled:?}");
    }
    assert_eq!(found_in_lots(&world.ledger(0), &run_at(1_000, day * DAY + 30)).await, vec![], "on day {day}");
}
