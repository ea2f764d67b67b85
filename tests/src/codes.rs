//! Redeem codes: no use is given twice, whatever fails and however many redeem at once; and wrong codes leave a counter.

use api::{CodePepper, RedeemError, Redeemed};
use futures_util::future::join_all;
use idempotency::DynamoLedger;
use ledger::{
    Asset, CallContext, Code, CodeChange, CodeHash, CodeText, Codes as _, CommitError, Decision, Effect, Entry,
    EventKey, Expiring as _, Fingerprint, GrantTerms, JournalHeader, Ledger as _, Lot, LotKind, OncePer, Owner,
    Timestamp, Word, Writer,
};
use serde_json::{Value, json};
use testkit::{Books, Fault, Rules, World, context, now};

use crate::lots::{DAY, account, committed, credit, pairs, plans, until, without_attempts};
use crate::sandbox::SETTLED;

const FIVE: i128 = 5_000_000_000;

pub(crate) fn pepper() -> CodePepper {
    testkit::code_pepper()
}

pub(crate) fn text(number: u128) -> CodeText {
    CodeText::from_random(number)
}

pub(crate) fn hash(number: u128) -> CodeHash {
    api::code_hash(&pepper(), &text(number)).expect("a hash")
}

fn owner(name: &str) -> Owner {
    Owner::new(name).expect("an owner")
}

async fn change(world: &World, id: &str, change: CodeChange) {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, id).expect("an id"),
        writer: Writer::Manual,
        kind: "make_codes",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: None,
    };
    let entry = Entry { header, effects: vec![Effect::Code(change)], keeps_body: false, alarm: None };
    world.ledger(0).commit(&Decision::Record(entry), &context(1)).await.expect("changed");
}

/// Makes a code of five credits, which never expire.
pub(crate) async fn make(world: &World, number: u128, uses: u32, until: Option<Timestamp>) -> CodeText {
    make_on(world, number, uses, until, None).await
}

/// The same on terms.
pub(crate) async fn make_on(
    world: &World,
    number: u128,
    uses: u32,
    until: Option<Timestamp>,
    terms: Option<GrantTerms>,
) -> CodeText {
    made(world, Code { terms, until, ..code_of(number, uses) }).await;
    text(number)
}

pub(crate) fn code_of(number: u128, uses: u32) -> Code {
    Code {
        hash: hash(number),
        campaign: Word::new("spring").expect("a word"),
        credits: Asset::CREDITS.parse("5").expect("credits"),
        terms: None,
        uses,
        uses_left: uses,
        once_per: OncePer::Code,
        until: None,
        made_by: EventKey::of_row("manual#made"),
        revoked_at: None,
    }
}

pub(crate) async fn made(world: &World, code: Code) {
    change(world, &format!("make-{}", code.hash.short()), CodeChange::Make(Box::new(code))).await;
}

async fn uses_left(world: &World, number: u128) -> u32 {
    let (code, _) = world.ledger(0).code(&hash(number), &owner("none"), &context(1)).await.expect("read");
    code.expect("a code").uses_left
}

/// Redeems until the store has answered.
async fn redeem_in_the_end(ledger: &DynamoLedger, name: &str, code: &CodeText, attempt: u64) -> bool {
    for round in 0.. {
        let context = context(attempt * 1_000 + round);
        match api::redeem(ledger, &pepper(), &owner(name), code.as_str(), &context).await {
            Ok(_) => return true,
            Err(RedeemError::Invalid) => return false,
            Err(RedeemError::Commit(CommitError::Unavailable(_) | CommitError::Stale)) => {}
            Err(error) => panic!("{name}: {error:?}"),
        }
    }
    false
}

#[tokio::test(start_paused = true)]
async fn ten_uses_under_a_hundred_redeemers_are_ten() {
    let world = World::new();
    let code = make(&world, 7, 10, None).await;
    let store = world.under_load(1, Rules::default());
    let redeemers = (0..100_u64).map(|number| {
        let (ledger, code) = (store.ledger(number), &code);
        async move { redeem_in_the_end(&ledger, &format!("owner-{number}"), code, number + 10).await }
    });
    let redeemed = join_all(redeemers).await.into_iter().filter(|is_redeemed| *is_redeemed).count();
    let books = world.books();
    books.check();
    let credited = books.accounts.values().filter(|account| account.balance == FIVE).count();
    assert_eq!((redeemed, credited, books.accounts.len(), uses_left(&world, 7).await), (10, 10, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn owner_redeems_a_code_once() {
    let world = World::new();
    let code = make(&world, 7, 10, None).await;
    let store = world.under_load(1, Rules::default());
    let redeemers = (0..10_u64).map(|number| {
        let (ledger, code) = (store.ledger(number), &code);
        async move { redeem_in_the_end(&ledger, "alice", code, number + 10).await }
    });
    assert!(join_all(redeemers).await.into_iter().all(|is_redeemed| is_redeemed), "a repeat succeeds");
    let books = world.books();
    books.check();
    assert_eq!((books.balance("alice/credits"), uses_left(&world, 7).await), (FIVE, 9));
}

/// With or without terms, by an owner with or without lots: each fault at each call, and in the first and the last case
/// each pair at calls in a row. The same redemption again gives what is missing.
#[tokio::test(start_paused = true)]
async fn faulty_redemption_gives_once() {
    for (terms, has_lots, calls) in
        [(None, false, 2), (Some(lasting()), false, 3), (None, true, 4), (Some(lasting()), true, 3)]
    {
        let name = format!("{terms:?}, lots {has_lots}");
        let (faultless, counted) = redeemed_under(terms, has_lots, vec![]).await;
        assert_eq!(counted, calls, "{name}");
        let given = if has_lots { 10 * FIVE } else { 0 } + FIVE;
        assert_eq!(faultless.0.balance("alice/credits"), given, "{name}");
        let has_pairs = terms.is_some() == has_lots;
        for plan in plans(calls).into_iter().chain(has_pairs.then(|| pairs(calls)).into_iter().flatten()) {
            let (found, _) = redeemed_under(terms, has_lots, plan.clone()).await;
            assert_eq!(found, faultless, "{name}: {plan:?}");
        }
    }
}

pub(crate) fn lasting() -> GrantTerms {
    GrantTerms::new(90, 3, LotKind::Free).expect("valid")
}

/// The books, the lots and the uses that are left after alice has redeemed a code under these faults, and once more
/// without; and the calls of the first attempt.
async fn redeemed_under(
    terms: Option<GrantTerms>,
    has_lots: bool,
    plan: Vec<(usize, Fault)>,
) -> ((Books, Vec<Lot>, u32), usize) {
    let world = World::new();
    let code = make_on(&world, 7, 2, None, terms).await;
    if has_lots {
        committed(&world, &credit("alice", "g1", "50", Some(until(DAY))), 0).await;
    }
    let (ledger, faults) = world
        .faulty(1, move |call, _| plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault));
    let (pepper, alice, once) = (pepper(), owner("alice"), context(2));
    tokio::select! {
        _ = api::redeem(&ledger, &pepper, &alice, code.as_str(), &once) => {}
        () = faults.killed() => {}
    }
    tokio::time::sleep(SETTLED).await;
    let calls = faults.calls().len();
    let again = api::redeem(&world.ledger(2), &pepper, &alice, code.as_str(), &context(3)).await;
    assert!(again.is_ok(), "{again:?}");
    let books = without_attempts(world.books());
    books.check();
    let lots = world.ledger(0).lots(&account("alice"), &context(0)).await.expect("both rows").settled().lots;
    ((books, lots, uses_left(&world, 7).await), calls)
}

/// Every row but the counters of wrong codes.
fn rows(world: &World) -> Vec<Value> {
    let all = ["journal", "bodies", "accounts", "orders", "subscriptions"].into_iter().flat_map(|table| {
        let scan = json!({ "TableName": format!("hookledger-local-{table}"), "ConsistentRead": true });
        world.engine.request("Scan", &scan).expect("rows")["Items"].as_array().expect("rows").clone()
    });
    all.filter(|row| !row["id"]["S"].as_str().is_some_and(|id| id.starts_with("wrong_codes#"))).collect()
}

#[tokio::test(start_paused = true)]
async fn codes_that_are_not_valid_read_alike_and_leave_a_counter() {
    let world = World::new();
    let used_up = make(&world, 1, 1, None).await;
    let revoked = make(&world, 2, 1, None).await;
    let over = make(&world, 3, 1, Some(now())).await;
    change(&world, "revoke-2", CodeChange::Revoke(hash(2))).await;
    assert!(redeem_in_the_end(&world.ledger(0), "bob", &used_up, 1).await);
    let before = rows(&world);
    let (ledger, pepper, alice) = (world.ledger(1), pepper(), owner("alice"));
    let typed = [used_up.printed(), revoked.printed(), over.printed(), text(9).printed()];
    let shaped = typed.iter().map(|typed| (typed.as_str(), 1));
    // What no code can be is not counted.
    let counted = shaped.chain([("", 0), ("0000", 0), ("UUUU-UUUU-UUUU-UUUU", 0)]);
    let mut expected = 0;
    for (typed, wrong) in counted {
        let error = api::redeem(&ledger, &pepper, &alice, typed, &context(2)).await.expect_err("not valid");
        assert_eq!(error.to_string(), "this code is not valid, or it can no longer be redeemed", "{typed}");
        expected += wrong;
        let (_, tried) = ledger.code(&hash(9), &alice, &context(2)).await.expect("read");
        assert_eq!(tried.count, expected, "{typed}");
        assert_eq!(rows(&world), before, "{typed}");
    }
}

#[tokio::test(start_paused = true)]
async fn owner_with_too_many_wrong_codes_waits_for_the_next_hour() {
    let world = World::new();
    let code = make(&world, 7, 2, None).await;
    // Alice has redeemed two, of which one has a use left.
    let redeemed = [make(&world, 8, 1, None).await, make(&world, 9, 2, None).await];
    for (code, attempt) in redeemed.iter().zip(20..) {
        assert!(redeem_in_the_end(&world.ledger(0), "alice", code, attempt).await);
    }
    let (ledger, pepper) = (world.ledger(1), pepper());
    let at = |seconds: i64| CallContext { received_at: now().plus_seconds(seconds), ..context(2) };
    for number in 0..10 {
        let wrong = text(100 + number);
        let error = api::redeem(&ledger, &pepper, &owner("alice"), wrong.as_str(), &at(1)).await.expect_err("wrong");
        assert!(matches!(error, RedeemError::Invalid), "{number}: {error:?}");
    }
    let before = rows(&world);
    for typed in [code.printed(), text(200).printed()] {
        let error = api::redeem(&ledger, &pepper, &owner("alice"), &typed, &at(3_599)).await.expect_err("too many");
        assert!(matches!(error, RedeemError::TooManyWrong), "{typed}: {error:?}");
    }
    for code in &redeemed {
        let again = api::redeem(&ledger, &pepper, &owner("alice"), code.as_str(), &at(3_599)).await;
        assert!(matches!(again, Ok(Redeemed::Earlier(_))), "a repeat is no guess: {again:?}");
    }
    assert_eq!(rows(&world), before);
    // Another owner is not held up, and the next hour begins with no wrong codes.
    for (name, seconds) in [("bob", 1), ("alice", 3_600)] {
        let redeemed = api::redeem(&ledger, &pepper, &owner(name), code.as_str(), &at(seconds)).await;
        assert!(matches!(redeemed, Ok(Redeemed::Now { .. })), "{name}: {redeemed:?}");
    }
    world.books().check();
}
