//! `audit` finds each difference that a raw write makes and prints its repair; after the repair there is no difference.

mod breaks;

use std::collections::BTreeMap;

use embedded::Engine;
use serde_json::{Value, json};

use crate::buying::demo_key;
use crate::fulfilling::WALLET;
use crate::harness::{Folder, Stack};
use breaks::{Break, breaks};

/// The id of the row with the audit's findings.
const CHECK: &str = "check#audit";

/// The books of a stopped stack, and its rows by the names in the table below.
struct Shop {
    folder: Folder,
    names: BTreeMap<&'static str, String>,
}

/// Raw access to the store of the shop.
struct Raw<'s> {
    shop: &'s Shop,
    engine: Engine,
}

impl Raw<'_> {
    fn key(&self, of: &str) -> Value {
        json!({ "id": { "S": self.shop.text(of) } })
    }

    fn update(&self, table: &str, of: &str, what: &str, values: &Value) {
        // `order`, `status`, `day` and `grant#1` are no plain attribute names in an expression.
        let names = json!({ "#order": "order", "#status": "status", "#line": "grant#1", "#day": "day" });
        let used: serde_json::Map<String, Value> =
            names.as_object().unwrap().clone().into_iter().filter(|(name, _)| what.contains(name.as_str())).collect();
        let mut update = json!({ "TableName": name(table), "Key": self.key(of), "UpdateExpression": what });
        if !used.is_empty() {
            update["ExpressionAttributeNames"] = used.into();
        }
        if !values.is_null() {
            update["ExpressionAttributeValues"] = values.clone();
        }
        self.engine.request("UpdateItem", &update).unwrap();
    }

    fn row(&self, table: &str, of: &str) -> Value {
        let read = json!({ "TableName": name(table), "Key": self.key(of) });
        self.engine.request("GetItem", &read).unwrap()["Item"].clone()
    }

    fn put(&self, table: &str, row: &Value) {
        self.engine.request("PutItem", &json!({ "TableName": name(table), "Item": row })).unwrap();
    }

    /// Deletes the row, after saving it to a file as a backup.
    fn delete(&self, table: &str, of: &str) {
        self.keep(table, of);
        self.engine.request("DeleteItem", &json!({ "TableName": name(table), "Key": self.key(of) })).unwrap();
    }

    fn keep(&self, table: &str, of: &str) {
        std::fs::write(self.shop.folder.file("kept.json"), json!({ "Item": self.row(table, of) }).to_string()).unwrap();
    }

    /// Writes the findings as the audit sweep does after it has seen each three times.
    fn keep_findings(&self, found: &Value) {
        let at = json!({ "S": "2026-01-01T00:00:00Z" });
        let number = |number: &str| json!({ "N": number });
        let open = found["differences"].as_array().unwrap().iter().map(|difference| {
            let mut finding = json!({
                "difference_kind": { "S": difference["what"] }, "suspect": { "S": "line" }, "account": { "S": difference["account"] },
                "recorded_units": number("0"), "found_units": number("0"), "missing": number("0"), "equal_checks": number("3"),
                "since": at, "checked_at": at,
            });
            for (attribute, member) in [("order", "orderNumber"), ("line", "line")] {
                if difference[member].is_string() {
                    finding[attribute] = json!({ "S": difference[member] });
                }
            }
            json!({ "M": finding })
        });
        let check = json!({
            "id": { "S": CHECK }, "version": number("7"), "open": { "L": open.collect::<Vec<_>>() }, "unsettled": { "L": [] },
            "census": { "M": { "again": number("0"), "next": number("0") } },
        });
        self.put("accounts", &check);
    }

    /// The kind and the row of each stored finding.
    fn findings(&self) -> Vec<String> {
        let check = self.row("accounts", CHECK);
        let text = |finding: &Value, name: &str| finding["M"][name]["S"].as_str().map(str::to_owned);
        let open = check["open"]["L"].as_array().unwrap().iter();
        open.map(|finding| {
            let place = text(finding, "order").or_else(|| text(finding, "account"));
            format!("{} of {}", text(finding, "difference_kind").unwrap(), place.unwrap())
        })
        .collect()
    }

    /// Copies a line under another id.
    fn copy(&self, of: &str, id: &str) -> Value {
        let mut row = self.row("journal", of);
        row["id"]["S"] = json!(id);
        self.put("journal", &row);
        row
    }
}

fn name(table: &str) -> String {
    format!("hookledger-local-{table}")
}

impl Shop {
    /// Usage, a partly refunded order of credits, a report with commissions, and an unpaid order.
    fn new() -> Self {
        let folder = Folder::new();
        let stack = folder.start();
        let key = demo_key(&folder);
        for (owner, referrer) in [("demo", "bob"), ("bob", "carol")] {
            folder.stdout_of(&["account", "referrer", owner, referrer, "--reason", "a friend"]);
        }
        folder.stdout_of(&["account", "budget", "demo", "gateway-1", "--total", "100000", "--reason", "a trial"]);
        folder.stdout_of(&["send", "usage", "--count", "4"]);
        let paid = |product: Value| {
            let bought = stack.buy(&key, &product);
            assert_eq!(stack.pay(&bought.url, "4242424242424242").status, 303);
            stack.becomes(&bought.number, &["done"]);
            bought.number
        };
        let order = paid(json!({ "product": "credits-100" }));
        folder.stdout_of(&["send", "stripe/charge_refunded", "--order", &order]);
        let report = paid(json!({ "product": "full-report" }));
        let unpaid = stack.buy(&key, &json!({ "product": "posx-10", "wallet": WALLET })).number;
        let keys = |prefix: &str| -> Vec<String> {
            let mut keys: Vec<String> =
                stack.journal(prefix).iter().map(|row| row["id"]["S"].as_str().unwrap().to_owned()).collect();
            keys.sort();
            keys
        };
        let usage = keys("usage#");
        let paid_by = |order: &str| -> String {
            let payments = stack.journal("payment#");
            let row = payments.iter().find(|row| row["order"]["S"] == order).unwrap();
            row["id"]["S"].as_str().unwrap().to_owned()
        };
        let (payment, report_payment) = (paid_by(&order), paid_by(&report));
        let names = BTreeMap::from([
            ("pointer", payment.trim_start_matches("payment#").to_owned()),
            ("usage", usage[0].clone()),
            ("usage2", usage[1].clone()),
            ("payment", payment),
            ("report_payment", report_payment),
            ("reversal", format!("reversal#{order}#1")),
            ("grant", format!("grant#{report}#1")),
            ("commission", format!("commission#{report}#1")),
            ("kept", folder.file("kept.json").display().to_string()),
            ("credits", "demo/credits".to_owned()),
            ("spent", "budget#key#remote#1".to_owned()),
            ("bobs", "bob/commission-usd".to_owned()),
            ("order", order),
            ("report", report),
            ("unpaid", unpaid),
        ]);
        assert!(Stack::stop(stack, "INT").success());
        Self { folder, names }
    }

    /// Replaces `{usage}` and the like with the ids of the shop's rows.
    fn text(&self, text: &str) -> String {
        let plain = self.names.get(text).cloned();
        plain.unwrap_or_else(|| {
            self.names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
        })
    }

    fn raw(&self) -> Raw<'_> {
        Raw { shop: self, engine: Engine::open(&self.folder.file("store.db")).unwrap() }
    }

    /// The kinds of difference, and the output.
    fn audit(&self) -> (Vec<String>, String) {
        let ended = self.folder.run(&["audit"]);
        let table = ended.stdout.lines().skip_while(|line| !line.starts_with("what ")).skip(1);
        let kinds = table.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
        let mut kinds: Vec<String> = kinds.map(str::to_owned).collect();
        kinds.sort();
        assert_eq!(ended.code, Some(i32::from(!kinds.is_empty())), "{}{}", ended.stdout, ended.stderr);
        (kinds, ended.stdout)
    }

    fn keep_findings(&self) {
        let found = serde_json::from_str(&self.folder.run(&["audit", "--json"]).stdout).unwrap();
        self.raw().keep_findings(&found);
    }

    fn repair(&self, command: &str, id: &str) -> String {
        let command = self.text(command);
        let words = command.split_whitespace();
        let args: Vec<&str> = words.chain(["--reason", "found by the audit", "--author", "ann", "--id", id]).collect();
        self.folder.stdout_of(&args)
    }
}

#[test]
fn difference_is_repaired_by_the_printed_command() {
    let breaks = breaks();
    assert!(breaks.len() >= 20);
    let shop = Shop::new();
    assert_eq!(shop.audit().0, Vec::<String>::new(), "no difference yet");
    for (row, Break { name, broken, found, named, repair }) in breaks.iter().enumerate() {
        broken(&shop.raw());
        let (kinds, output) = shop.audit();
        assert_eq!(kinds, *found, "{name}: {output}");
        assert!(output.contains(&shop.text(named)), "{name}: {}: {output}", shop.text(named));
        shop.keep_findings();
        let mut ended = 0;
        for (step, command) in repair.iter().enumerate() {
            let id = format!("row{row}.{step}");
            let done = shop.repair(command, &id);
            assert!(done.starts_with(&format!("done: repair#{id}\n")), "{name}: {done}");
            assert!(done.contains("  before  ") && done.contains("  after   "), "{name}: {done}");
            ended += done.lines().filter(|line| line.starts_with("  ended   ")).count();
            let is_last = step + 1 == repair.len();
            assert_eq!(done.contains("  audit   nothing differs here\n"), is_last, "{name}: {done}");
            assert_eq!(done.contains("  differs "), !is_last, "{name}: {done}");
            assert!(shop.repair(command, &id).starts_with(&format!("already done: repair#{id}")), "{name}: twice");
        }
        assert_eq!((shop.raw().findings(), ended), (vec![], found.len()), "{name}: the findings end with the repair");
        let (kinds, output) = shop.audit();
        assert!(kinds.is_empty(), "{name}: {output}");
        assert_eq!(output.lines().count(), 4, "{name}: {output}");
    }
    // The journal has author, reason and both values.
    let row = shop.raw().row("journal", "repair#row0.0");
    let fact = |name: &str| row["facts"]["M"][name]["S"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        [fact("author"), fact("reason"), fact("account")],
        ["ann", "found by the audit", "demo/credits"],
        "{row}"
    );
    assert!(fact("before").starts_with("balance ") && fact("before") != fact("after"), "{row}");
}

/// A repair that leaves a difference, or does not match the rows, is not written.
#[test]
fn repair_that_does_not_fit_is_refused() {
    let shop = Shop::new();
    shop.raw().delete("journal", "usage");
    let rows = [
        ("account repair {credits} --add-line {usage} --amount 1", "the lines would not add up"),
        ("account repair {credits} --add-line {usage2}", "the line exists already"),
        ("account repair {credits} --restore-line {usage}", "there is no line"),
        ("account repair {credits} --reverse-line {payment}", "accounts for this line"),
        ("account repair {credits} --reverse-line {commission}", "accounts for this line"),
        ("account repair {bobs} --reverse-line {usage2}", "the line is on demo/credits"),
        ("account repair {bobs} --to-lines", "both sides agree"),
        ("account repair {bobs} --add-line", "both sides agree"),
        ("account repair {credits} --holds", "both sides agree"),
        ("account repair missing --add-line usage#x", "the account has no row"),
        ("order repair {order} --to-lines", "both sides agree"),
        ("order repair {order} --pointer", "both sides agree"),
        ("order repair {unpaid} --pointer", "has no pointer"),
        ("order repair {order} --row {kept}", "is not the row of the order"),
        ("order repair {order} --row {kept}.gone", "cannot read"),
    ];
    let before = shop.raw().row("accounts", "credits");
    for (command, expected) in rows {
        let command = shop.text(command);
        // With an id, so that the error is the only line.
        let args: Vec<&str> = command.split_whitespace().chain(["--reason", "because", "--id", "repair"]).collect();
        // A wrong file is a usage error.
        let line = shop.folder.fails(if command.contains("--row") { 2 } else { 1 }, &args);
        assert!(line.contains(expected), "{command}: {line}");
    }
    assert_eq!(shop.raw().row("accounts", "credits"), before);
    assert_eq!(shop.audit().0, ["lines"]);
}

/// Commissions and tokens are changed by hand like credits.
#[test]
fn account_of_any_asset_is_credited_and_debited() {
    let shop = Shop::new();
    let rows = [
        ("account debit bob/commission-usd 1.99", "  balance    0\n"),
        ("account credit demo/POSX 0.5 --new", "  balance    0.5\n"),
        ("account credit demo/report-full 1", "  balance    2\n"),
        ("account show demo/POSX", "  balance    0.5\n"),
    ];
    for (command, expected) in rows {
        let shown = command.contains("show");
        let reason = ["--reason", "because"].iter().filter(|_| !shown).copied();
        let args: Vec<&str> = command.split_whitespace().chain(reason).collect();
        let output = shop.folder.stdout_of(&args);
        assert!(output.contains(expected), "{command}: {output}");
    }
    assert!(shop.audit().0.is_empty());
}

/// The same rows from export files, the second time without one account.
#[test]
fn export_is_audited_without_a_store() {
    use std::io::Write as _;
    let shop = Shop::new();
    let folder = shop.folder.file("export");
    let write = |broken: bool| {
        let raw = shop.raw();
        for table in ["accounts", "journal", "orders", "holds"] {
            let rows = raw.engine.request("Scan", &json!({ "TableName": name(table) })).unwrap()["Items"].clone();
            let data = folder.join(table).join("AWSDynamoDB/01/data");
            std::fs::create_dir_all(&data).unwrap();
            let rows = rows.as_array().unwrap().iter();
            let rows = rows.filter(|row| !(broken && row["id"]["S"] == "demo/credits"));
            let lines: Vec<String> = rows.map(|row| json!({ "Item": row }).to_string()).collect();
            let file = std::fs::File::create(data.join("part.json.gz")).unwrap();
            let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            gzip.write_all(lines.join("\n").as_bytes()).unwrap();
            gzip.finish().unwrap();
        }
    };
    let path = folder.display().to_string();
    assert!(shop.folder.fails(2, &["audit", "--export", &path]).contains("holds no export of accounts"));
    write(false);
    assert!(shop.folder.stdout_of(&["audit", "--export", &path]).contains("differences  0"));
    write(true);
    let ended = shop.folder.run(&["audit", "--export", &path]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stdout.contains("the account's row was lost"), "{}", ended.stdout);
}
