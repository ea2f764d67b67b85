//! Every way to break the books: the audit finds each one, reports drift at the third equal look and not before, and
//! ends the finding once it is repaired.

use super::*;

type Found = Vec<(DifferenceKind, Subject)>;

struct Break {
    name: &'static str,
    apply: fn(&Shop),
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

#[expect(clippy::too_many_lines, reason = "one row for each break")]
fn breaks() -> Vec<Break> {
    vec![
        Break {
            name: "a balance",
            apply: |shop| {
                shop.change("accounts", CREDITS, "SET balance_units = :n, available_units = :n", &number("1"));
            },
            found: vec![of_account(DifferenceKind::Balance, CREDITS)],
        },
        Break {
            name: "a balance, by one of its smallest units",
            apply: |shop| {
                shop.change("accounts", "alice/POSX", "ADD balance_units :n, available_units :n", &number("1"));
            },
            found: vec![of_account(DifferenceKind::Balance, "alice/POSX")],
        },
        Break {
            name: "the available amount",
            apply: |shop| shop.change("accounts", CREDITS, "ADD available_units :n", &number("1")),
            found: vec![of_account(DifferenceKind::Available, CREDITS)],
        },
        Break {
            name: "the overdraft limit",
            apply: |shop| shop.change("accounts", CREDITS, "SET overdraft_units = :n", &number("5")),
            found: vec![of_account(DifferenceKind::Available, CREDITS)],
        },
        Break {
            name: "a version: the sum cannot be compared, the number of entries can",
            apply: |shop| shop.change("accounts", CREDITS, "ADD version :n, balance_units :n", &number("1")),
            found: vec![of_account(DifferenceKind::Lines, CREDITS)],
        },
        Break {
            name: "a missing usage entry",
            apply: |shop| shop.remove("journal", "usage#e1"),
            found: vec![of_account(DifferenceKind::Lines, CREDITS)],
        },
        Break {
            name: "an entry of another amount",
            apply: |shop| shop.change("journal", "usage#e1", "SET amount_units = :n", &number("-3000000001")),
            found: vec![of_account(DifferenceKind::Balance, CREDITS)],
        },
        Break {
            name: "a missing payment entry, which its clawback leads to",
            apply: |shop| shop.remove("journal", PAYMENT),
            found: vec![
                of_account(DifferenceKind::Lines, CREDITS),
                of_order(DifferenceKind::Unposted, ORDER),
                of_order(DifferenceKind::Unproven, ORDER),
            ],
        },
        Break {
            name: "a missing clawback",
            apply: |shop| shop.remove("journal", "reversal#hk_sample_order#1"),
            found: vec![of_account(DifferenceKind::Lines, CREDITS), of_order(DifferenceKind::Stands, ORDER)],
        },
        Break {
            name: "a payment booked twice, with all its rows",
            apply: |shop| {
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
            name: "a clawback booked twice",
            apply: |shop| {
                let mut twice = shop.row("journal", "reversal#hk_sample_order#1");
                twice["id"]["S"] = json!("reversal#hk_sample_order#9");
                shop.put("journal", &twice);
            },
            found: vec![of_account(DifferenceKind::Lines, CREDITS), of_order(DifferenceKind::Unclaimed, ORDER)],
        },
        Break {
            name: "an order's posted amount",
            apply: |shop| shop.change("orders", ORDER, "SET posted_units = :n", &number("1")),
            found: vec![of_order(DifferenceKind::Stands, ORDER)],
        },
        Break {
            name: "a missing order",
            apply: |shop| shop.remove("orders", ORDER),
            found: vec![of_order(DifferenceKind::OrderMissing, ORDER), of_order(DifferenceKind::OrderMissing, ORDER)],
        },
        Break {
            name: "an order that cannot be read",
            apply: |shop| shop.change("orders", ORDER, "REMOVE price_units", &Value::Null),
            found: vec![
                of_order(DifferenceKind::OrderUnreadable, ORDER),
                of_order(DifferenceKind::OrderUnreadable, ORDER),
            ],
        },
        Break {
            name: "an order that names another payment",
            apply: |shop| {
                let by = json!({ ":by": { "S": "stripe#pi_other" } });
                shop.change("orders", ORDER, "SET paid_by = :by", &by);
            },
            found: vec![
                of_order(DifferenceKind::Unposted, ORDER),
                of_order(DifferenceKind::Unclaimed, ORDER),
                of_order(DifferenceKind::Unclaimed, ORDER),
                // The refund belongs to another payment.
                of_order(DifferenceKind::Payment, ORDER),
                of_order(DifferenceKind::Pointer, ORDER),
                of_order(DifferenceKind::Unproven, ORDER),
            ],
        },
        Break {
            name: "an order without its payment",
            apply: |shop| shop.change("orders", ORDER, "REMOVE paid_by, paid_at", &Value::Null),
            found: vec![
                of_order(DifferenceKind::Unclaimed, ORDER),
                of_order(DifferenceKind::Unclaimed, ORDER),
                of_order(DifferenceKind::Payment, ORDER),
            ],
        },
        Break {
            name: "a paid order marked as unpaid",
            apply: |shop| shop.change("orders", ORDER, "SET payment = :s", &json!({ ":s": { "S": "unpaid" } })),
            found: vec![of_order(DifferenceKind::Payment, ORDER)],
        },
        Break {
            name: "a payment entry marked as failed",
            apply: |shop| {
                let change = json!({
                    "TableName": "hookledger-local-journal", "Key": { "id": { "S": PAYMENT } },
                    "UpdateExpression": "SET #s = :s", "ExpressionAttributeNames": { "#s": "status" },
                    "ExpressionAttributeValues": { ":s": { "S": "failed" } },
                });
                shop.world.engine.request("UpdateItem", &change).expect("a change");
            },
            found: vec![
                (DifferenceKind::Failed, Subject::Line(PAYMENT.to_owned())),
                of_order(DifferenceKind::Unproven, ORDER),
            ],
        },
        Break {
            name: "an entry that names no order",
            apply: |shop| {
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
                of_order(DifferenceKind::Unproven, ORDER),
            ],
        },
        Break {
            name: "a payment entry of other money",
            apply: |shop| shop.change("journal", PAYMENT, "ADD paid_units :n", &number("1")),
            found: vec![of_order(DifferenceKind::Unproven, ORDER)],
        },
        Break {
            name: "a missing payment row that posts nothing",
            apply: |shop| shop.remove("journal", "payment#stripe#pi_tokens"),
            found: vec![of_order(DifferenceKind::Unproven, "HLtokens")],
        },
        Break {
            name: "a missing pointer",
            apply: |shop| shop.remove("orders", "stripe#pi_tokens"),
            found: vec![of_order(DifferenceKind::Pointer, "HLtokens")],
        },
        Break {
            name: "a pointer that cannot be read",
            apply: |shop| shop.put("orders", &json!({ "id": { "S": "stripe#pi_tokens" } })),
            found: vec![of_order(DifferenceKind::Pointer, "HLtokens")],
        },
        Break {
            name: "a period of another amount",
            apply: |shop| {
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
            name: "an order's posted tokens",
            apply: |shop| {
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
            name: "a commission of another owner",
            apply: |shop| {
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
            name: "a missing account whose orders still have entries",
            apply: |shop| shop.remove("accounts", "alice/report-full"),
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
async fn each_way_to_break_the_books_is_found_until_repaired() {
    for Break { name, apply, found: mut expected } in breaks() {
        expected.sort();
        let shop = Shop::new().await;
        let rows = shop.rows();
        apply(&shop);
        let broken = shop.rows();
        let count = u32::try_from(expected.len()).expect("a few");
        for (look, drift) in [(0, 0), (1, 0), (2, count), (3, 0)] {
            let report = check(&shop.world, look * 300).await;
            assert_eq!(
                (report.open, report.drift, found(&shop).await),
                (count, drift, expected.clone()),
                "{name}: look {look}"
            );
        }
        assert_eq!(shop.rows(), broken, "{name}: the audit corrects nothing");
        // Drift is reported every hour until it is repaired.
        assert_eq!(check(&shop.world, 600 + HOUR).await.drift, count, "{name}");
        shop.restore(&rows);
        let report = check(&shop.world, 600 + 2 * HOUR).await;
        assert_eq!((report.open, report.drift, found(&shop).await), (0, 0, vec![]), "{name}: repaired");
        assert_eq!(check(&shop.world, DAY).await.open, 0, "{name}: and stays so");
    }
}

/// An account that is used between the looks has other sums each time and the same difference: that is drift.
#[tokio::test(start_paused = true)]
async fn drift_on_an_active_account_is_found() {
    for (name, broken, difference_kind) in [
        ("a balance", "ADD balance_units :n, available_units :n", DifferenceKind::Balance),
        ("the available amount", "ADD available_units :n", DifferenceKind::Available),
        ("an entry of another amount", "ADD amount_units :n", DifferenceKind::Balance),
        ("a missing entry", "", DifferenceKind::Lines),
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
            let report = check(&shop.world, look * 300).await;
            assert_eq!(report.open, 1, "{name}: look {look}");
            drift.push(report.drift);
            spent_at(&shop.world, &format!("between{look}"), 7, look * 300 + 150);
        }
        assert_eq!(
            (drift.as_slice(), found(&shop).await),
            (&[0, 0, 1, 0, 0, 0][..], vec![of_account(difference_kind, CREDITS)]),
            "{name}"
        );
        assert_eq!(check(&shop.world, 600 + HOUR).await.drift, 1, "{name}: reported every hour");
    }
}

/// A difference that changes at each look is looked at again; after a day it raises an alarm of its own.
#[tokio::test(start_paused = true)]
async fn changing_difference_is_unsettled_and_no_drift() {
    let shop = Shop::new().await;
    let (mut at_s, mut alarms) = (0, Vec::new());
    while at_s <= DAY + HOUR {
        shop.change("accounts", CREDITS, "ADD balance_units :n, available_units :n", &number("1"));
        let report = check(&shop.world, at_s).await;
        assert_eq!((report.open, report.drift), (1, 0), "after {at_s} s");
        alarms.push(state(&shop.world).await.open[0].since);
        at_s += 300;
    }
    assert_eq!(alarms.first(), alarms.last(), "it has differed since the first look");
    // The pass of the second day has looked ten minutes before the hour, so the next look is later.
    let times = [1, 2, 3].map(|hour| at_s + hour * HOUR);
    let mut drift = Vec::new();
    for at_s in times {
        drift.push(check(&shop.world, at_s).await.drift);
    }
    assert_eq!(drift, [0, 0, 1], "once it stops changing");
}
