//! Every way to break the books: each is found, is drift after three equal looks and not before, and is gone when it is mended.

use super::*;

type Found = Vec<(DifferenceKind, Subject)>;

struct Break {
    name: &'static str,
    done: fn(&Shop),
    found: Found,
}

fn of_account(difference_kind: DifferenceKind, account: &str) -> (DifferenceKind, Subject) {
    (difference_kind, Subject::Account(account.to_owned()))
}

fn of_order(difference_kind: DifferenceKind, order: &str) -> (DifferenceKind, Subject) {
    (difference_kind, Subject::Order(ledger::OrderNumber::new(order).expect("a number")))
}

fn number(text: &str) -> Value {
    json!({ ":n": { "N": text } })
}

const CREDITS: &str = "alice/credits";
const ORDER: &str = "hk_sample_order";
const PAYMENT: &str = "payment#stripe#pi_3Sample0000000000000001";

#[expect(clippy::too_many_lines, reason = "one row for each way")]
fn breaks() -> Vec<Break> {
    vec![
        Break {
            name: "a balance",
            done: |shop| {
                shop.change("accounts", CREDITS, "SET balance_units = :n, available_units = :n", &number("1"));
            },
            found: vec![of_account(DifferenceKind::Balance, CREDITS)],
        },
        Break {
            name: "a balance, by one of its smallest units",
            done: |shop| {
                shop.change("accounts", "alice/POSX", "ADD balance_units :n, available_units :n", &number("1"));
            },
            found: vec![of_account(DifferenceKind::Balance, "alice/POSX")],
        },
        Break {
            name: "what may be spent",
            done: |shop| shop.change("accounts", CREDITS, "ADD available_units :n", &number("1")),
            found: vec![of_account(DifferenceKind::Available, CREDITS)],
        },
        Break {
            name: "the overdraft line",
            done: |shop| shop.change("accounts", CREDITS, "SET overdraft_units = :n", &number("5")),
            found: vec![of_account(DifferenceKind::Available, CREDITS)],
        },
        Break {
            name: "a version: of the sum nothing can be said, and of the number of lines all",
            done: |shop| shop.change("accounts", CREDITS, "ADD version :n, balance_units :n", &number("1")),
            found: vec![of_account(DifferenceKind::Lines, CREDITS)],
        },
        Break {
            name: "a line of usage that is gone",
            done: |shop| shop.remove("journal", "usage#e1"),
            found: vec![of_account(DifferenceKind::Lines, CREDITS)],
        },
        Break {
            name: "a line of another amount",
            done: |shop| shop.change("journal", "usage#e1", "SET amount_units = :n", &number("-3000000001")),
            found: vec![of_account(DifferenceKind::Balance, CREDITS)],
        },
        Break {
            name: "a payment's line that is gone, which its reversal leads to",
            done: |shop| shop.remove("journal", PAYMENT),
            found: vec![of_account(DifferenceKind::Lines, CREDITS), of_order(DifferenceKind::Unposted, ORDER)],
        },
        Break {
            name: "a reversal that is gone",
            done: |shop| shop.remove("journal", "reversal#hk_sample_order#1"),
            found: vec![of_account(DifferenceKind::Lines, CREDITS), of_order(DifferenceKind::Stands, ORDER)],
        },
        Break {
            name: "a payment booked twice, with all that belongs to it",
            done: |shop| {
                let mut twice = shop.row("journal", PAYMENT);
                twice["id"]["S"] = json!("payment#stripe#pi_again");
                shop.put("journal", &twice);
                let values = json!({ ":change": { "N": "100000000000" }, ":one": { "N": "1" } });
                shop.change(
                    "accounts",
                    CREDITS,
                    "ADD balance_units :change, available_units :change, version :one",
                    &values,
                );
            },
            found: vec![of_order(DifferenceKind::Unclaimed, ORDER)],
        },
        Break {
            name: "a reversal booked twice",
            done: |shop| {
                let mut twice = shop.row("journal", "reversal#hk_sample_order#1");
                twice["id"]["S"] = json!("reversal#hk_sample_order#9");
                shop.put("journal", &twice);
            },
            found: vec![of_account(DifferenceKind::Lines, CREDITS), of_order(DifferenceKind::Unclaimed, ORDER)],
        },
        Break {
            name: "what an order says stands",
            done: |shop| shop.change("orders", ORDER, "SET posted_units = :n", &number("1")),
            found: vec![of_order(DifferenceKind::Stands, ORDER)],
        },
        Break {
            name: "an order that is gone",
            done: |shop| shop.remove("orders", ORDER),
            found: vec![of_order(DifferenceKind::OrderMissing, ORDER), of_order(DifferenceKind::OrderMissing, ORDER)],
        },
        Break {
            name: "an order that cannot be read",
            done: |shop| shop.change("orders", ORDER, "REMOVE price_units", &Value::Null),
            found: vec![
                of_order(DifferenceKind::OrderUnreadable, ORDER),
                of_order(DifferenceKind::OrderUnreadable, ORDER),
            ],
        },
        Break {
            name: "an order that says that it was paid by another",
            done: |shop| {
                let by = json!({ ":by": { "S": "stripe#pi_other" } });
                shop.change("orders", ORDER, "SET paid_by = :by", &by);
            },
            found: vec![
                of_order(DifferenceKind::Unposted, ORDER),
                of_order(DifferenceKind::Unclaimed, ORDER),
                of_order(DifferenceKind::Unclaimed, ORDER),
                // Its refund is another payment's.
                of_order(DifferenceKind::Payment, ORDER),
            ],
        },
        Break {
            name: "an order that says that it was never paid",
            done: |shop| shop.change("orders", ORDER, "REMOVE paid_by, paid_at", &Value::Null),
            found: vec![
                of_order(DifferenceKind::Unclaimed, ORDER),
                of_order(DifferenceKind::Unclaimed, ORDER),
                of_order(DifferenceKind::Payment, ORDER),
            ],
        },
        Break {
            name: "a paid order that says that it is unpaid",
            done: |shop| shop.change("orders", ORDER, "SET payment = :s", &json!({ ":s": { "S": "unpaid" } })),
            found: vec![of_order(DifferenceKind::Payment, ORDER)],
        },
        Break {
            name: "a payment's line that is marked as failed",
            done: |shop| {
                let change = json!({
                    "TableName": "hookledger-local-journal", "Key": { "id": { "S": PAYMENT } },
                    "UpdateExpression": "SET #s = :s", "ExpressionAttributeNames": { "#s": "status" },
                    "ExpressionAttributeValues": { ":s": { "S": "failed" } },
                });
                shop.world.engine.request("UpdateItem", &change).expect("a change");
            },
            found: vec![(DifferenceKind::Failed, Subject::Line(PAYMENT.to_owned()))],
        },
        Break {
            name: "a line that names no order",
            done: |shop| {
                let change = json!({
                    "TableName": "hookledger-local-journal", "Key": { "id": { "S": PAYMENT } },
                    "UpdateExpression": "REMOVE #order", "ExpressionAttributeNames": { "#order": "order" },
                });
                shop.world.engine.request("UpdateItem", &change).expect("a change");
            },
            found: vec![
                (DifferenceKind::NoOrder, Subject::Line(PAYMENT.to_owned())),
                of_order(DifferenceKind::Unposted, ORDER),
                of_order(DifferenceKind::Unclaimed, ORDER),
            ],
        },
        Break {
            name: "a period of another amount",
            done: |shop| {
                let period = shop.rows().into_iter().find_map(|(_, row)| {
                    let id = row["id"]["S"].as_str().expect("an id");
                    id.starts_with("invoice#").then(|| id.to_owned())
                });
                shop.change("journal", &period.expect("a period"), "ADD amount_units :n", &number("1"));
                shop.change("accounts", CREDITS, "ADD balance_units :n, available_units :n", &number("1"));
            },
            found: vec![of_order(DifferenceKind::Unclaimed, "hk_sample_subscription")],
        },
        Break {
            name: "tokens that an order says stand",
            done: |shop| {
                let change = json!({
                    "TableName": "hookledger-local-orders", "Key": { "id": { "S": "HLtokens" } },
                    "UpdateExpression": "ADD delivered_units.#line :n", "ExpressionAttributeValues": number("1"),
                    "ExpressionAttributeNames": { "#line": "grant#1" },
                });
                shop.world.engine.request("UpdateItem", &change).expect("a change");
            },
            found: vec![of_order(DifferenceKind::Stands, "HLtokens")],
        },
        Break {
            name: "a commission that another has",
            done: |shop| {
                let account = json!({ ":account": { "S": "carol/commission-usd" } });
                shop.change("journal", "commission#HLtokens#1", "SET account = :account", &account);
                let other = json!({
                    "id": { "S": "carol/commission-usd" }, "balance_units": { "N": "199" }, "available_units": { "N": "199" },
                    "version": { "N": "1" },
                });
                shop.put("accounts", &other);
                shop.change(
                    "accounts",
                    "bob/commission-usd",
                    "ADD balance_units :n, available_units :n",
                    &number("-199"),
                );
                shop.change("accounts", "bob/commission-usd", "ADD version :n", &number("-1"));
            },
            found: vec![
                of_order(DifferenceKind::Unposted, "HLtokens"),
                of_order(DifferenceKind::Unclaimed, "HLtokens"),
            ],
        },
        Break {
            name: "an account that is gone, whose orders still have lines",
            done: |shop| shop.remove("accounts", "alice/report-full"),
            found: vec![],
        },
    ]
}

async fn found(shop: &Shop) -> Found {
    let mut found: Found = state(&shop.world)
        .await
        .open
        .iter()
        .map(|open| (open.difference.difference_kind, open.difference.subject()))
        .collect();
    found.sort();
    found
}

#[tokio::test(start_paused = true)]
async fn every_way_to_break_the_books_is_found_and_gone_when_it_is_mended() {
    for Break { name, done, found: mut expected } in breaks() {
        expected.sort();
        let shop = Shop::new().await;
        let rows = shop.rows();
        done(&shop);
        let broken = shop.rows();
        let count = u32::try_from(expected.len()).expect("a few");
        for (look, drift) in [(0, 0), (1, 0), (2, count), (3, 0)] {
            let told = check(&shop.world, look * 300).await;
            assert_eq!(
                (told.open, told.drift, found(&shop).await),
                (count, drift, expected.clone()),
                "{name}: look {look}"
            );
        }
        assert_eq!(shop.rows(), broken, "{name}: nothing is put right");
        // It is said again every hour, until somebody has.
        assert_eq!(check(&shop.world, 600 + HOUR).await.drift, count, "{name}");
        shop.mend(&rows);
        let told = check(&shop.world, 600 + 2 * HOUR).await;
        assert_eq!((told.open, told.drift, found(&shop).await), (0, 0, vec![]), "{name}: mended");
        assert_eq!(check(&shop.world, DAY).await.open, 0, "{name}: and stays so");
    }
}

/// An account that is used between the looks has other sums each time, and is off by the same: that is drift.
#[tokio::test(start_paused = true)]
async fn drift_on_an_active_account_is_found() {
    for (name, broken, difference_kind) in [
        ("a balance", "ADD balance_units :n, available_units :n", DifferenceKind::Balance),
        ("what may be spent", "ADD available_units :n", DifferenceKind::Available),
        ("a line of another amount", "ADD amount_units :n", DifferenceKind::Balance),
        ("a line that is lost", "", DifferenceKind::Lines),
    ] {
        let shop = Shop::new().await;
        if broken.is_empty() {
            shop.remove("journal", "usage#e1");
        } else if broken.contains("amount") {
            shop.change("journal", "usage#e1", broken, &number("1"));
        } else {
            shop.change("accounts", CREDITS, broken, &number("100"));
        }
        let mut drift = Vec::new();
        for look in 0..6 {
            let told = check(&shop.world, look * 300).await;
            assert_eq!(told.open, 1, "{name}: look {look}");
            drift.push(told.drift);
            spent_at(&shop.world, &format!("between{look}"), 7, look * 300 + 150);
        }
        assert_eq!(
            (drift.as_slice(), found(&shop).await),
            (&[0, 0, 1, 0, 0, 0][..], vec![of_account(difference_kind, CREDITS)]),
            "{name}"
        );
        assert_eq!(check(&shop.world, 600 + HOUR).await.drift, 1, "{name}: said every hour");
    }
}

/// What differs by another sum at each look is looked at again, and after a day it is an alarm of its own.
#[tokio::test(start_paused = true)]
async fn difference_that_changes_is_unsettled_and_no_drift() {
    let shop = Shop::new().await;
    let (mut at_s, mut alarms) = (0, Vec::new());
    while at_s <= DAY + HOUR {
        shop.change("accounts", CREDITS, "ADD balance_units :n, available_units :n", &number("1"));
        let told = check(&shop.world, at_s).await;
        assert_eq!((told.open, told.drift), (1, 0), "after {at_s} s");
        alarms.push(state(&shop.world).await.open[0].since);
        at_s += 300;
    }
    assert_eq!(alarms.first(), alarms.last(), "it differs since the first look");
    let told = [0, 1, 2].map(|hour| at_s + hour * HOUR);
    let mut drift = Vec::new();
    for at_s in told {
        drift.push(check(&shop.world, at_s).await.drift);
    }
    assert_eq!(drift, [0, 0, 1], "once it has come to rest");
}
