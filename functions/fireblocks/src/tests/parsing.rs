//! The parsed report of each sample and of its variations, parse errors, and properties over any text.

use proptest::prelude::*;
use serde_json::{Value, json};
use signing::fireblocks::{sign_v1, verify_v1};
use signing::rsa::{PrivateKey, PublicKey};

use super::*;
use ledger::TransferStatus;

const COMPLETED: &str = include_str!("../../../../events/fireblocks/v2_completed.json");
const FIRST: &str = include_str!("../../../../events/fireblocks/v1_completed.json");
const DEPOSIT: &str = include_str!("../../../../events/fireblocks/v2_deposit.json");

fn parsed(body: &str) -> Result<FireblocksEvent, String> {
    let pair = rsa_pair(1);
    let (private, public) = (PrivateKey::parse(&pair.private).expect("a key"), PublicKey::parse(&pair.public));
    let signature = sign_v1(&private, body.as_bytes());
    let public = public.expect("a key");
    let verified = verify_v1(&public, &signature, body.as_bytes()).expect("verified");
    parse::parse(&Received::new(verified, &edge::Request::default(), &[]), &ours()).map_err(|error| error.to_string())
}

/// The sample with one of its values replaced or removed.
fn with(sample: &str, pointer: &str, value: Option<Value>) -> String {
    let mut body: Value = serde_json::from_str(sample).expect("JSON");
    let (place, name) = pointer.rsplit_once('/').expect("a pointer");
    let object = body.pointer_mut(place).and_then(Value::as_object_mut).expect("an object");
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
    body.to_string()
}

#[test]
fn transfer_is_read_from_either_version() {
    for (sample, id, receipt) in [
        (COMPLETED, "0198f2a5-1b7e-7c44-8a2d-6e9f0c3b5d71", "fireblocks#0198f2a5-1b7e-7c44-8a2d-6e9f0c3b5d71"),
        (
            FIRST,
            "v1.7b3e5d1c-8f42-4a6b-9e0d-1c2f3a4b5c6d.COMPLETED.1767225660000",
            "fireblocks#v1.7b3e5d1c-8f42-4a6b-9e0d-1c2f3a4b5c6d.COMPLETED.1767225660000",
        ),
    ] {
        let event = parsed(sample).expect("an event");
        assert_eq!((event.id.as_str(), event.receipt.as_str()), (id, receipt));
        let transfer = event.report.of_transfer().expect("a transfer");
        assert_eq!(transfer.id, "7b3e5d1c-8f42-4a6b-9e0d-1c2f3a4b5c6d");
        assert_eq!((transfer.key.as_str(), transfer.order.as_str()), ("grant#hk_sample_order#1", "hk_sample_order"));
        let details = &transfer.details;
        assert_eq!((transfer.status.as_str(), details.asset.as_str()), ("COMPLETED", "POSX_ETH"));
        assert_eq!(details.wallet.as_deref(), Some("0x52908400098527886E0F7030069857D2E4169EE7"));
        assert_eq!(details.amount.decimal(18), "10");
        assert_eq!(transfer.at.to_string(), "2026-01-01T00:01:00.000Z");
    }
    assert_eq!(parsed(DEPOSIT).expect("an event").report, Report::NotOurs);
}

const THEIRS: &str = "5e2c6a30-0000-4000-8000-00000000000f";
const WORD: &str = "must be 1 to 128 visible ASCII characters";

/// The report in one line.
fn summary(body: &str) -> Result<String, String> {
    parsed(body).map(|event| match event.report {
        Report::Transfer(transfer) => {
            format!("{} {} {}", transfer.status.as_str(), transfer.details.amount.decimal(18), transfer.at.unix_ms())
        }
        Report::OtherWorkspace(transfer) => format!("other workspace, {}", transfer.map_or("", |_| "a transfer")),
        Report::NotOurs => "not ours".to_owned(),
        Report::OtherKind => "other kind".to_owned(),
    })
}

fn set(pointer: &str, value: Value) -> String {
    with(COMPLETED, pointer, Some(value))
}

fn without(pointer: &str) -> String {
    with(COMPLETED, pointer, None)
}

fn amount(text: &str) -> String {
    set("/data/amountInfo/requestedAmount", json!(text))
}

#[test]
fn variation_gives_its_report() {
    let read = |report: &str| Ok(report.to_owned());
    let rows = [
        ("as it is", COMPLETED.to_owned(), read("COMPLETED 10 1767225660000")),
        ("in seconds", set("/data/lastUpdated", json!(1_767_225_660)), read("COMPLETED 10 1767225660000")),
        ("the envelope's time", without("/data/lastUpdated"), read("COMPLETED 10 1767225660123")),
        ("no requested amount", without("/data/amountInfo/requestedAmount"), read("COMPLETED 10 1767225660000")),
        ("the requested one counts", set("/data/amountInfo/amount", json!("9")), read("COMPLETED 10 1767225660000")),
        ("the numbers do not", set("/data/amount", json!(0.1)), read("COMPLETED 10 1767225660000")),
        ("eighteen decimals", amount("0.000000000000000001"), read("COMPLETED 0.000000000000000001 1767225660000")),
        ("trailing zeros", amount("10.000"), read("COMPLETED 10 1767225660000")),
        ("an unknown field", set("/data/feeCurrency", json!({ "a": [1] })), read("COMPLETED 10 1767225660000")),
        ("created", set("/eventType", json!("transaction.created")), read("COMPLETED 10 1767225660000")),
        ("of another workspace", set("/workspaceId", json!(THEIRS)), read("other workspace, a transfer")),
        ("of another in v1", with(FIRST, "/tenantId", Some(json!(THEIRS))), read("other workspace, a transfer")),
        ("of a prefix of our id", set("/workspaceId", json!("5e2c6a30")), read("other workspace, a transfer")),
        ("an empty workspace", set("/workspaceId", json!("")), read("other workspace, a transfer")),
        (
            "of another, unknown status",
            with(&set("/workspaceId", json!(THEIRS)), "/data/status", Some(json!("SHIPPED"))),
            read("other workspace, "),
        ),
        (
            "of another, without an id",
            with(&set("/workspaceId", json!(THEIRS)), "/id", None),
            read("other workspace, "),
        ),
        (
            "a deposit of another workspace",
            with(DEPOSIT, "/workspaceId", Some(json!(THEIRS))),
            read("other workspace, "),
        ),
        ("v1's field name in v2", set("/tenantId", json!(THEIRS)), read("COMPLETED 10 1767225660000")),
        (
            "of a vault, without a workspace",
            with(&set("/eventType", json!("vault_account.created")), "/workspaceId", None),
            read("other kind"),
        ),
        ("approval", set("/eventType", json!("transaction.approval_status.updated")), read("other kind")),
        ("of a vault", set("/eventType", json!("vault_account.created")), read("other kind")),
        ("v1's kind in v2", set("/eventType", json!("TRANSACTION_CREATED")), read("other kind")),
        ("v1 of a vault", with(FIRST, "/type", Some(json!("VAULT_ACCOUNT_ADDED"))), read("other kind")),
        ("v2's kind in v1", with(FIRST, "/type", Some(json!("transaction.created"))), read("other kind")),
        ("v1 created", with(FIRST, "/type", Some(json!("TRANSACTION_CREATED"))), read("COMPLETED 10 1767225660000")),
        ("a deposit", set("/data/externalTxId", Value::Null), read("not ours")),
        ("no external id", without("/data/externalTxId"), read("not ours")),
        ("an external id of others", set("/data/externalTxId", json!("payroll-7")), read("not ours")),
        ("a commission", set("/data/externalTxId", json!("commission#hk_sample_order#1")), read("not ours")),
        ("a grant of nothing", set("/data/externalTxId", json!("grant#hk_sample_order#0")), read("not ours")),
        ("a grant with a leading zero", set("/data/externalTxId", json!("grant#hk_sample_order#01")), read("not ours")),
        ("a grant of no order", set("/data/externalTxId", json!("grant##1")), read("not ours")),
    ];
    for (name, body, expected) in rows {
        assert_eq!(summary(&body), expected, "{name}");
    }
}

/// Fireblocks names the destination once the transfer is on its chain, and may leave it out before.
#[test]
fn destination_is_required_once_the_transfer_is_on_chain() {
    let missing = [None, Some(Value::Null), Some(json!(""))];
    for status in TransferStatus::ALL.into_iter().filter_map(|status| TransferStatus::of_custodian(status.as_str())) {
        let is_required = matches!(status.as_str(), "CONFIRMING" | "CONFIRMED" | "PARTIALLY_COMPLETED" | "COMPLETED");
        for address in missing.clone() {
            let body = with(&set("/data/status", json!(status.as_str())), "/data/destinationAddress", address.clone());
            let wallet = parsed(&body).map(|event| event.report.of_transfer().expect("ours").details.wallet.clone());
            if is_required {
                let error = wallet.expect_err(status.as_str());
                assert!(error.starts_with("data.destinationAddress "), "{status:?} {address:?}: {error}");
            } else {
                assert_eq!(wallet, Ok(None), "{status:?} {address:?}");
            }
        }
    }
}

#[test]
fn invalid_field_is_refused_with_its_name() {
    let refused = |error: &str| Err(error.to_owned());
    let rows = [
        (
            "an external id that is a number",
            set("/data/externalTxId", json!(7)),
            refused("data.externalTxId must be a text"),
        ),
        ("no id", without("/id"), refused("id is missing")),
        ("an id with a #", set("/id", json!("a#b")), refused("id must be 1 to 128 visible ASCII characters without #")),
        ("no kind", without("/eventType"), refused("eventType is missing")),
        ("both kinds", set("/type", json!("TRANSACTION_CREATED")), refused("type stands beside eventType")),
        ("no data", without("/data"), refused("data is missing")),
        ("data that is an array", set("/data", json!([])), refused("data must be a JSON object")),
        ("no status", without("/data/status"), refused("data.status is missing")),
        ("an unknown status", set("/data/status", json!("SHIPPED")), refused("data.status is not a known value")),
        (
            "a status of ours for mismatches",
            set("/data/status", json!("MISMATCHED")),
            refused("data.status is not a known value"),
        ),
        ("a status of ours", set("/data/status", json!("DUE")), refused("data.status is not a known value")),
        ("lower case", set("/data/status", json!("completed")), refused("data.status is not a known value")),
        ("no transaction", without("/data/id"), refused("data.id is missing")),
        ("an empty transaction", set("/data/id", json!("")), Err(format!("data.id {WORD}"))),
        ("no asset", without("/data/assetId"), refused("data.assetId is missing")),
        ("no address", without("/data/destinationAddress"), refused("data.destinationAddress is missing")),
        (
            "an empty address",
            set("/data/destinationAddress", json!("")),
            Err(format!("data.destinationAddress {WORD}")),
        ),
        ("no amounts", without("/data/amountInfo"), refused("data.amountInfo is missing")),
        (
            "no amount in them",
            set("/data/amountInfo", json!({})),
            refused("data.amountInfo.requestedAmount is missing"),
        ),
        (
            "a number",
            set("/data/amountInfo/requestedAmount", json!(10)),
            refused("data.amountInfo.requestedAmount must be a text"),
        ),
        ("an exponent", amount("1e1"), refused("data.amountInfo.requestedAmount must be a plain decimal number")),
        ("a sign", amount("-10"), refused("data.amountInfo.requestedAmount must not be negative")),
        ("a plus", amount("+10"), refused("data.amountInfo.requestedAmount must be a plain decimal number")),
        ("wide digits", amount("１０"), refused("data.amountInfo.requestedAmount must be a plain decimal number")),
        ("a space", amount("10 "), refused("data.amountInfo.requestedAmount must be a plain decimal number")),
        ("not a number", amount("NaN"), refused("data.amountInfo.requestedAmount must be a plain decimal number")),
        (
            "too many decimals",
            amount("0.0000000000000000001"),
            refused("data.amountInfo.requestedAmount must have at most 18 decimals"),
        ),
        ("too much", amount("1000000000000"), refused("data.amountInfo.requestedAmount is too large")),
        ("a fractional time", set("/data/lastUpdated", json!(1.5)), refused("data.lastUpdated must be a whole number")),
        (
            "a time as text",
            set("/data/lastUpdated", json!("1767225660")),
            refused("data.lastUpdated must be a whole number"),
        ),
        (
            "a negative time",
            set("/data/lastUpdated", json!(-1)),
            refused("data.lastUpdated is not a time between 1970 and 9999"),
        ),
        (
            "two statuses",
            COMPLETED.replacen("\"status\":", "\"status\": \"FAILED\", \"status\":", 1),
            refused("data.status stands twice"),
        ),
        ("no workspace", without("/workspaceId"), refused("workspaceId is missing")),
        ("no workspace in v1", with(FIRST, "/tenantId", None), refused("tenantId is missing")),
        ("a workspace that is a number", set("/workspaceId", json!(1)), refused("workspaceId must be a text")),
        (
            "two workspaces",
            COMPLETED.replacen("\"workspaceId\":", "\"workspaceId\": \"x\", \"workspaceId\":", 1),
            refused("workspaceId stands twice"),
        ),
        ("two ids", COMPLETED.replacen("\"id\":", "\"id\": \"x\", \"id\":", 1), refused("id stands twice")),
        ("no JSON", "no JSON".to_owned(), refused("body must be a JSON object")),
        ("a list", "[]".to_owned(), refused("body must be a JSON object")),
        ("deep", "{\"data\":".repeat(200), refused("body must be a JSON object")),
        ("a byte order mark", format!("\u{feff}{COMPLETED}"), refused("body must be a JSON object")),
    ];
    for (name, body, expected) in rows {
        assert_eq!(summary(&body), expected, "{name}");
    }
}

/// Fields that change between deliveries make no conflict; another transfer does.
#[test]
fn fingerprint_covers_identity_and_money() {
    let fingerprint = |body: &str| decide::header(&parsed(body).expect("an event")).fingerprints;
    let same = fingerprint(COMPLETED);
    let rows = [
        ("/data/numOfConfirmations", json!(13), true),
        ("/data/lastUpdated", json!(1_767_225_661_000_i64), true),
        ("/createdAt", json!(1_767_225_661), true),
        ("/data/note", json!("é"), true),
        ("/data/amountInfo/requestedAmount", json!("10.0"), true),
        ("/data/amountInfo/requestedAmount", json!("10.1"), false),
        ("/data/status", json!("FAILED"), false),
        ("/data/assetId", json!("ETH"), false),
        ("/data/destinationAddress", json!("0xother"), false),
        ("/data/id", json!("another"), false),
        ("/data/externalTxId", json!("grant#hk_sample_order#2"), false),
    ];
    for (pointer, value, is_same) in rows {
        let body = with(COMPLETED, pointer, Some(value.clone()));
        assert_eq!(fingerprint(&body) == same, is_same, "{pointer} {value}");
    }
}

proptest! {
    #[test]
    fn any_text_is_parsed_without_panic(
        text in "\\PC{0,120}",
        pointer in prop::sample::select(vec!["/id", "/eventType", "/createdAt", "/data", "/data/id", "/data/status", "/data/externalTxId", "/data/assetId", "/data/destinationAddress", "/data/amountInfo", "/data/amountInfo/requestedAmount", "/data/lastUpdated"]),
        secret in "[a-z]{12}[0-9]{0,9}",
        number in any::<i64>(),
    ) {
        let _ = parsed(&text);
        for value in [json!(text), json!(secret), json!(number), json!([secret]), json!({ "a": secret }), Value::Null] {
            if let Err(error) = parsed(&with(COMPLETED, pointer, Some(value))) {
                prop_assert!(!error.contains(&secret), "{}", error);
            }
        }
    }
}
