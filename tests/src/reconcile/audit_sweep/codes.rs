//! The uses of redeem codes against their redemptions: each way to alter them is found by a whole audit, and repaired.

use api::Redeemed;
use audit::{AccountRepair, Repairs, Signature};
use idempotency::BookTable;
use ledger::{Asset, Code, Codes as _, Committed, Decision, Difference, Ledger as _, OncePer, Owner, WholeAudit, Word};

use super::whole::{scan, whole_of};
use super::*;
use crate::codes::{code_of, hash, made, pepper, text};

/// The code of spring, in the table of accounts.
fn spring() -> String {
    format!("code#{}", hash(1))
}

fn name(number: u128) -> String {
    hash(number).short().to_owned()
}

/// A code of three uses, and two of a campaign of which each owner redeems one; alice and bob have redeemed.
async fn campaigns() -> Shop {
    let world = World::new();
    for (number, campaign, once_per) in
        [(1, "spring", OncePer::Code), (2, "autumn", OncePer::Campaign), (3, "autumn", OncePer::Campaign)]
    {
        made(&world, Code { campaign: word(campaign), once_per, ..code_of(number, 3) }).await;
    }
    for (owner, number) in [("alice", 1), ("bob", 1), ("alice", 2), ("bob", 3)] {
        redeemed(&world, owner, number).await;
    }
    Shop { world }
}

async fn redeemed(world: &World, owner: &str, number: u128) {
    let owner = Owner::new(owner).expect("an owner");
    let redeemed = api::redeem(&world.ledger(0), &pepper(), &owner, text(number).as_str(), &context(1)).await;
    assert!(matches!(redeemed, Ok(Redeemed::Now { .. })), "{redeemed:?}");
}

fn word(text: &str) -> Word {
    Word::new(text).expect("a word")
}

/// What a whole audit finds.
async fn found(world: &World) -> Vec<Difference> {
    let mut whole = whole_of(world, 2).await;
    audit::read_codes_again(&world.ledger(0), &run_at(1, 0), &mut whole).await.expect("read");
    whole.differences(testkit::now())
}

fn by() -> Signature {
    Signature { id: "r1".to_owned(), author: "ann".to_owned(), reason: "altered".to_owned() }
}

async fn code_repair(world: &World, number: u128, used: u32) -> Decision {
    let (code, _) = world.ledger(0).code(&hash(number), &owner("none"), &context(0)).await.expect("read");
    audit::code_repair(&code.expect("a code"), used, &by()).expect("a repair")
}

fn owner(name: &str) -> Owner {
    Owner::new(name).expect("an owner")
}

async fn line_repair(world: &World, account: &str, key: &str) -> Decision {
    let (ledger, invocation) = (world.ledger(0), run_at(2, 0));
    let repairs = Repairs { ledger: &ledger, invocation: &invocation, index_lag: Duration::ZERO };
    let account = owner(account).account(Asset::CREDITS);
    let what = AccountRepair::AddLine { key: Some(key.to_owned()), amount: None, order: None };
    repairs.account(&account, &what, &by()).await.expect("a repair")
}

enum Repair {
    /// `code repair`, with so many redemptions of the code with this number.
    Used(u128, u32),
    /// `account repair --add-line`, with the line that was removed.
    Line(&'static str, String),
    /// The code's row from a backup.
    Backup,
}

struct Break {
    name: &'static str,
    apply: fn(&Shop),
    /// The place, with the uses that its rows say and its redemptions.
    found: (String, i128, i128),
    repair: Repair,
}

fn set(shop: &Shop, number: u128, attribute: &str, count: i32) {
    let values = json!({ ":n": { "N": count.to_string() } });
    shop.change("accounts", &format!("code#{}", hash(number)), &format!("SET {attribute} = :n"), &values);
}

fn breaks() -> Vec<Break> {
    let of_spring = |said, redeemed| (format!("spring/{}", name(1)), said, redeemed);
    let lost = || (name(1), 0, 2);
    let of_bob = format!("redeem#{}#bob", hash(1));
    vec![
        Break {
            name: "more uses left",
            apply: |shop| set(shop, 1, "uses_left", 3),
            found: of_spring(0, 2),
            repair: Repair::Used(1, 2),
        },
        Break {
            name: "fewer uses left",
            apply: |shop| set(shop, 1, "uses_left", 0),
            found: of_spring(3, 2),
            repair: Repair::Used(1, 2),
        },
        Break {
            name: "another number of uses",
            apply: |shop| set(shop, 1, "uses", 9),
            found: of_spring(8, 2),
            repair: Repair::Used(1, 2),
        },
        Break {
            name: "a code of a campaign",
            apply: |shop| set(shop, 3, "uses_left", 3),
            found: ("autumn".to_owned(), 1, 2),
            repair: Repair::Used(3, 1),
        },
        Break {
            name: "a lost redemption",
            apply: |shop| shop.remove("journal", &format!("redeem#{}#bob", hash(1))),
            found: of_spring(2, 1),
            repair: Repair::Line("bob", of_bob),
        },
        Break {
            name: "a lost code",
            apply: |shop| shop.remove("accounts", &spring()),
            found: lost(),
            repair: Repair::Backup,
        },
        Break {
            name: "a code that cannot be read",
            apply: |shop| set(shop, 1, "uses_left", -1),
            found: lost(),
            repair: Repair::Backup,
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn altered_uses_are_found_and_repaired() {
    for Break { name, apply, found: expected, repair } in breaks() {
        let shop = campaigns().await;
        let (world, backup) = (&shop.world, shop.row("accounts", &spring()));
        assert_eq!(found(world).await, [], "{name}: before");
        apply(&shop);
        let differing = found(world).await;
        let of_codes = differing.iter().filter(|found| found.difference_kind == DifferenceKind::Uses);
        let of_codes: Vec<_> =
            of_codes.map(|found| (found.account.clone(), found.recorded.units(), found.found.units())).collect();
        assert_eq!(of_codes, [expected], "{name}");
        let others = differing.len().saturating_sub(1);
        assert_eq!(others, usize::from(matches!(repair, Repair::Line(..))), "{name}: its account has lost a line");
        let decision = match repair {
            Repair::Used(number, used) => Some(code_repair(world, number, used).await),
            Repair::Line(account, key) => Some(line_repair(world, account, &key).await),
            Repair::Backup => None,
        };
        if let Some(decision) = &decision {
            let repaired = world.ledger(0).commit(decision, &context(5)).await;
            assert!(matches!(repaired, Ok(Committed::Now(_))), "{name}: {repaired:?}");
            let again = world.ledger(0).commit(decision, &context(6)).await;
            assert!(matches!(again, Ok(Committed::Earlier(_))), "{name}: {again:?}");
        } else {
            shop.put("accounts", &backup);
        }
        assert_eq!(found(world).await, [], "{name}: repaired");
        world.books().check();
    }
}

/// A code that is redeemed while the tables are read, and one that is made meanwhile, differ only until they are read
/// again.
#[tokio::test(start_paused = true)]
async fn redemption_during_the_audit_is_no_difference() {
    let Shop { world } = campaigns().await;
    let mut whole = WholeAudit::default();
    scan(&world, &mut whole, BookTable::Accounts, 2).await;
    redeemed(&world, "carol", 1).await;
    redeemed(&world, "carol", 2).await;
    made(&world, code_of(4, 3)).await;
    redeemed(&world, "dan", 4).await;
    scan(&world, &mut whole, BookTable::Journal, 2).await;
    let of_codes = |whole: &WholeAudit| {
        let found = whole.clone().differences(testkit::now()).into_iter();
        found.filter(|found| found.difference_kind == DifferenceKind::Uses).count()
    };
    assert_eq!(of_codes(&whole), 3);
    audit::read_codes_again(&world.ledger(0), &run_at(1, 0), &mut whole).await.expect("read");
    assert_eq!(of_codes(&whole), 0);
}
