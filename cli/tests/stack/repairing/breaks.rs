//! The ways to break the books, with the kinds of difference and the repair of each.

use serde_json::{Value, json};

use super::Raw;

pub(super) struct Break {
    pub(super) name: &'static str,
    pub(super) broken: fn(&Raw<'_>),
    /// The kinds of difference, and the command that the report prints.
    pub(super) found: &'static [&'static str],
    pub(super) named: &'static str,
    pub(super) repair: &'static [&'static str],
}

fn n(number: &str) -> Value {
    json!({ ":v": { "N": number } })
}

fn s(text: &str) -> Value {
    json!({ ":v": { "S": text } })
}

#[expect(clippy::too_many_lines, reason = "one row for each way")]
pub(super) fn breaks() -> Vec<Break> {
    const TO_LINES: &str = "account repair {credits} --to-lines";
    vec![
        Break {
            name: "a balance with its available amount",
            broken: |raw| raw.update("accounts", "credits", "ADD balance_units :v, available_units :v", &n("100")),
            found: &["balance"],
            named: TO_LINES,
            repair: &[TO_LINES],
        },
        Break {
            name: "a balance alone",
            broken: |raw| raw.update("accounts", "credits", "ADD balance_units :v", &n("100")),
            found: &["available", "balance"],
            named: TO_LINES,
            repair: &[TO_LINES],
        },
        Break {
            name: "an available amount",
            broken: |raw| raw.update("accounts", "credits", "ADD available_units :v", &n("-1")),
            found: &["available"],
            named: TO_LINES,
            repair: &[TO_LINES],
        },
        Break {
            name: "an overdraft",
            broken: |raw| raw.update("accounts", "credits", "SET overdraft_units = :v", &n("5")),
            found: &["available"],
            named: TO_LINES,
            repair: &[TO_LINES],
        },
        Break {
            name: "a held amount without a hold",
            broken: |raw| raw.update("accounts", "credits", "SET held_units = :v", &n("5")),
            found: &["available", "held"],
            named: "account repair {credits} --holds",
            repair: &["account repair {credits} --holds"],
        },
        Break {
            name: "a held amount with its available amount",
            broken: |raw| {
                raw.update(
                    "accounts",
                    "credits",
                    "ADD held_units :v SET available_units = available_units - :v",
                    &n("5"),
                );
            },
            found: &["held"],
            named: "account repair {credits} --holds",
            repair: &["account repair {credits} --holds"],
        },
        Break {
            name: "what a key has spent in a month, as no number",
            broken: |raw| raw.update("accounts", "spent", "SET month_units = :v", &s("x")),
            found: &["budget"],
            named: "account repair OWNER --budget gateway-1",
            repair: &["account repair demo --budget gateway-1"],
        },
        Break {
            name: "what a key has spent, below nothing",
            broken: |raw| raw.update("accounts", "spent", "SET day_units = :v", &n("-1")),
            found: &["budget"],
            named: "account repair OWNER --budget gateway-1",
            repair: &["account repair demo --budget gateway-1"],
        },
        Break {
            name: "a day of a key that has not begun",
            broken: |raw| raw.update("accounts", "spent", "SET #day = :v", &s("2099-01-01")),
            found: &["budget"],
            named: "account repair OWNER --budget gateway-1",
            repair: &["account repair demo --budget gateway-1"],
        },
        Break {
            name: "a version",
            broken: |raw| raw.update("accounts", "credits", "ADD version :v", &n("3")),
            found: &["lines"],
            named: TO_LINES,
            repair: &[TO_LINES],
        },
        Break {
            name: "an account whose row is gone",
            broken: |raw| raw.delete("accounts", "credits"),
            found: &["lines"],
            named: TO_LINES,
            repair: &[TO_LINES],
        },
        Break {
            name: "a commission's balance",
            broken: |raw| raw.update("accounts", "bobs", "ADD balance_units :v, available_units :v", &n("1")),
            found: &["balance"],
            named: "account repair {bobs} --to-lines",
            repair: &["account repair {bobs} --to-lines"],
        },
        Break {
            name: "a line of usage that is gone",
            broken: |raw| raw.delete("journal", "usage"),
            found: &["lines"],
            named: "account repair {credits} --add-line KEY",
            repair: &["account repair {credits} --add-line {usage}"],
        },
        Break {
            name: "two lines that are gone",
            broken: |raw| {
                raw.delete("journal", "usage");
                raw.delete("journal", "usage2");
            },
            found: &["lines"],
            named: "account repair {credits} --add-line KEY",
            repair: &[
                "account repair {credits} --add-line {usage} --amount -0.00234",
                "account repair {credits} --add-line {usage2}",
            ],
        },
        Break {
            name: "a line of usage with another amount",
            broken: |raw| raw.update("journal", "usage", "ADD amount_units :v", &n("-7")),
            found: &["balance"],
            named: "--restore-line KEY",
            repair: &["account repair {credits} --restore-line {usage} --amount -0.00234"],
        },
        Break {
            name: "a line with another amount, whose original amount is unknown",
            broken: |raw| raw.update("journal", "usage2", "ADD amount_units :v", &n("-7")),
            found: &["balance"],
            named: "account repair {credits} --to-lines",
            repair: &["account repair {credits} --add-line"],
        },
        Break {
            name: "a line of usage that is marked as failed",
            broken: |raw| raw.update("journal", "usage", "SET #status = :v", &s("failed")),
            found: &["failed"],
            named: "account repair {credits} --restore-line {usage}",
            repair: &["account repair {credits} --restore-line {usage}"],
        },
        Break {
            name: "a line of usage that another account has",
            broken: |raw| raw.update("journal", "usage", "SET account = :v", &s("mallory/credits")),
            found: &["lines", "lines"],
            named: "account repair {credits} --add-line KEY",
            repair: &["account repair {credits} --restore-line {usage}"],
        },
        Break {
            name: "a forged line",
            broken: |raw| {
                raw.copy("usage", "usage#evil");
            },
            found: &["lines"],
            named: "account repair {credits} --reverse-line KEY",
            repair: &["account repair {credits} --reverse-line usage#evil"],
        },
        Break {
            name: "a payment's line that is gone",
            broken: |raw| raw.delete("journal", "payment"),
            found: &["lines", "unposted", "unproven"],
            named: "account repair {credits} --add-line {payment}",
            repair: &["account repair {credits} --add-line {payment}", "order repair {order} --payment"],
        },
        Break {
            name: "a payment's row of another currency",
            broken: |raw| raw.update("journal", "payment", "SET paid_currency = :v", &s("JPY")),
            found: &["unproven"],
            named: "order repair {order} --payment",
            repair: &["order repair {order} --payment"],
        },
        Break {
            name: "the row of a payment that posts nothing is gone",
            broken: |raw| raw.delete("journal", "report_payment"),
            found: &["unproven"],
            named: "order repair {report} --payment",
            repair: &["order repair {report} --payment"],
        },
        Break {
            name: "a payment's line with another amount",
            broken: |raw| raw.update("journal", "payment", "ADD amount_units :v", &n("-7")),
            found: &["balance", "stands"],
            named: "--restore-line KEY",
            repair: &["account repair {credits} --restore-line {payment} --amount 100"],
        },
        Break {
            name: "a payment's line that names no order",
            broken: |raw| raw.update("journal", "payment", "REMOVE #order", &Value::Null),
            found: &["no_order", "unclaimed", "unposted", "unproven"],
            named: "account repair {credits} --restore-line {payment} --order N",
            repair: &["account repair {credits} --restore-line {payment} --order {order}"],
        },
        Break {
            name: "a reversal that is gone",
            broken: |raw| raw.delete("journal", "reversal"),
            found: &["lines", "stands"],
            named: "account repair {credits} --add-line KEY",
            repair: &["account repair {credits} --add-line {reversal}"],
        },
        Break {
            name: "a payment that was booked twice, with the balance",
            broken: |raw| {
                let row = raw.copy("payment", "payment#stripe#pi_again");
                let change = json!({ ":v": row["amount_units"], ":one": { "N": "1" } });
                raw.update("accounts", "credits", "ADD balance_units :v, available_units :v, version :one", &change);
            },
            found: &["unclaimed"],
            named: "account repair {credits} --reverse-line payment#stripe#pi_again",
            repair: &["account repair {credits} --reverse-line payment#stripe#pi_again"],
        },
        Break {
            name: "a reversal that was booked twice, without the balance",
            broken: |raw| {
                let order = raw.shop.text("order");
                raw.copy("reversal", &format!("reversal#{order}#9"));
            },
            found: &["lines", "unclaimed"],
            named: "account repair {credits} --reverse-line reversal#{order}#9",
            repair: &["account repair {credits} --reverse-line reversal#{order}#9"],
        },
        Break {
            name: "the booked amount of an order",
            broken: |raw| raw.update("orders", "order", "SET posted_units = :v", &n("1")),
            found: &["stands"],
            named: "order repair {order} --to-lines",
            repair: &["order repair {order} --to-lines"],
        },
        Break {
            name: "a paid order that is marked unpaid",
            broken: |raw| raw.update("orders", "order", "SET payment = :v", &s("unpaid")),
            found: &["payment"],
            named: "order repair {order} --to-lines",
            repair: &["order repair {order} --to-lines"],
        },
        Break {
            name: "a paid report without a payment line that is marked unpaid",
            broken: |raw| raw.update("orders", "report", "SET payment = :v", &s("unpaid")),
            found: &["payment"],
            named: "order repair {report} --to-lines",
            repair: &["order repair {report} --to-lines"],
        },
        Break {
            name: "an order that names no payment",
            broken: |raw| raw.update("orders", "order", "REMOVE paid_by, paid_at", &Value::Null),
            found: &["payment", "unclaimed", "unclaimed"],
            named: "order repair {order} --to-lines",
            repair: &["order repair {order} --to-lines"],
        },
        Break {
            name: "an order that names another payment",
            broken: |raw| raw.update("orders", "order", "SET paid_by = :v", &s("stripe#pi_other")),
            found: &["payment", "pointer", "unclaimed", "unclaimed", "unposted", "unproven"],
            named: "order repair {order} --to-lines",
            repair: &["order repair {order} --to-lines"],
        },
        Break {
            name: "an order that is gone",
            broken: |raw| raw.delete("orders", "order"),
            found: &["order_missing", "order_missing"],
            named: "order repair {order} --row FILE",
            repair: &["order repair {order} --row {kept}"],
        },
        Break {
            name: "an order without a line that is gone",
            broken: |raw| raw.delete("orders", "unpaid"),
            found: &["order_missing"],
            named: "order repair {unpaid} --row FILE",
            repair: &["order repair {unpaid} --row {kept}"],
        },
        Break {
            name: "an order that cannot be read",
            broken: |raw| {
                raw.keep("orders", "unpaid");
                raw.update("orders", "unpaid", "REMOVE price_units", &Value::Null);
            },
            found: &["order_unreadable"],
            named: "order repair {unpaid} --row FILE",
            repair: &["order repair {unpaid} --row {kept}"],
        },
        Break {
            name: "the delivered amount of an order",
            broken: |raw| raw.update("orders", "report", "ADD delivered_units.#line :v", &n("1")),
            found: &["stands"],
            named: "order repair {report} --to-lines",
            repair: &["order repair {report} --to-lines"],
        },
        Break {
            name: "a grant that is gone",
            broken: |raw| raw.delete("journal", "grant"),
            found: &["lines", "unposted"],
            named: "account repair demo/report-full --add-line {grant}",
            repair: &["account repair demo/report-full --add-line {grant}"],
        },
        Break {
            name: "a commission that another has",
            broken: |raw| raw.update("journal", "commission", "SET account = :v", &s("mallory/commission-usd")),
            found: &["lines", "lines", "unclaimed", "unposted"],
            named: "account repair {bobs} --add-line",
            repair: &["account repair {bobs} --restore-line {commission}"],
        },
        Break {
            name: "a pointer that is gone",
            broken: |raw| raw.delete("orders", "pointer"),
            found: &["pointer"],
            named: "order repair {order} --pointer",
            repair: &["order repair {order} --pointer"],
        },
        Break {
            name: "a pointer that leads to another order",
            broken: |raw| raw.update("orders", "pointer", "SET #order = :v", &s(&raw.shop.text("report"))),
            found: &["pointer"],
            named: "order repair {order} --pointer",
            repair: &["order repair {order} --pointer"],
        },
    ]
}
