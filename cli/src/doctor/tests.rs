//! Each red finding has a row that makes it red, over facts that are green without it; and what is read of AWS's and
//! Stripe's answers.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Output};

use local::{KeyCheck, stripe_events};
use serde_json::{Value, json};
use signing::SecretError;

use super::checks::findings;
use super::facts::{AlarmFacts, ApiFacts, EndpointFacts, Facts, PriceFacts, StripeFacts, TableFacts};
use super::finding::Grade;
use super::{at_stripe, on_aws};
use crate::aws_cli::AwsCli;

const URL: &str = "https://a1.execute-api.us-east-1.amazonaws.com";
const USED: [(&str, &str); 9] = [
    ("usage", "usage"),
    ("codes", "redeem codes"),
    ("stripe", "stripe"),
    ("checkout", "checkout"),
    ("wechat", "wechat"),
    ("wechat-signing", "calls to WeChat Pay"),
    ("epay", "epay"),
    ("fulfil", "Fireblocks"),
    ("chat", "chat"),
];

fn endpoint() -> EndpointFacts {
    EndpointFacts {
        url: format!("{URL}/api/v1/webhooks/stripe/"),
        is_enabled: true,
        is_live: true,
        events: stripe_events().map(str::to_owned).collect(),
        api_version: Some("2025-08-27.basil".to_owned()),
    }
}

/// A stage `prod` in which nothing is wrong.
fn healthy() -> Facts {
    let parameters = [
        ("StripeLivemode", "true"),
        ("CheckoutSuccessUrl", "https://shop.example/done"),
        ("CheckoutCancelUrl", "https://shop.example/"),
        ("StripeAllowedIps", "3.18.12.0/24"),
        ("WechatMchId", "1900000001"),
        ("WechatNotifyUrl", &format!("{URL}/payment/callback")),
        ("EpayMerchants", "1001:md5"),
        ("EpayNotifyUrl", &format!("{URL}/payment/notify")),
        ("EpayReturnUrl", &format!("{URL}/payment/return")),
        ("FireblocksVault", "7"),
        ("LlmBaseUrl", "https://api.openai.com/v1"),
    ];
    let table = TableFacts {
        name: "hookledger-prod-journal".to_owned(),
        status: Some("ACTIVE".to_owned()),
        is_protected: true,
        ..TableFacts::default()
    };
    let price = PriceFacts {
        product: "full-report".to_owned(),
        id: "price_1".to_owned(),
        in_catalog: "9.99 USD".to_owned(),
        at_stripe: Some("9.99 USD".to_owned()),
    };
    let done = Some("UPDATE_COMPLETE".to_owned());
    Facts {
        stage: "prod".to_owned(),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        stacks: ["hookledger-prod-data", "hookledger-prod", "hookledger-prod-watch"]
            .map(|name| (name.to_owned(), done.clone()))
            .into(),
        tables: vec![table],
        keys: USED.map(|(secret, of)| KeyCheck { secret, of, result: Ok(()) }).into(),
        api: Some(ApiFacts { url: URL.to_owned(), status: Some(200), seconds_apart: Some(1) }),
        stripe: Some(StripeFacts {
            endpoints: vec![endpoint()],
            undelivered: 0,
            prices: vec![price],
            addresses: vec!["3.18.12.63".parse().expect("an address")],
        }),
        schedules: [("hookledger-prod-refused".to_owned(), Some("ENABLED".to_owned()))].into(),
        dead_letters: [("hookledger-prod-fulfil-failures".to_owned(), Some(0))].into(),
        alarms: Some(AlarmFacts { confirmed: 1, ..AlarmFacts::default() }),
        concurrency: Some(1_000),
        paused: Vec::new(),
        unread: Vec::new(),
    }
}

#[test]
fn healthy_stage_is_green_in_every_check() {
    let found = findings(&healthy());
    assert!(found.iter().all(|finding| finding.grade == Grade::Green && finding.fix.is_none()), "{found:?}");
    let mut checks: Vec<&str> = found.iter().map(|finding| finding.check).collect();
    checks.dedup();
    let all = [
        "stacks",
        "tables",
        "secrets",
        "urls",
        "api",
        "clock",
        "stripe",
        "schedules",
        "dead letters",
        "alarms",
        "quotas",
    ];
    assert_eq!(checks, all);
}

fn key(facts: &mut Facts, of: &str, error: SecretError) {
    let key = facts.keys.iter_mut().find(|key| key.of == of).expect("a key");
    key.result = Err(("A_SETTING", error));
}

fn stripe(facts: &mut Facts) -> &mut StripeFacts {
    facts.stripe.as_mut().expect("facts")
}

fn alarms(facts: &mut Facts) -> &mut AlarmFacts {
    facts.alarms.as_mut().expect("facts")
}

fn set(facts: &mut Facts, name: &str, value: &str) {
    facts.parameters.insert(name.to_owned(), value.to_owned());
}

/// What is changed, the worst grade that follows, and a part of the finding and of what to do.
type Row = (fn(&mut Facts), Grade, &'static str, &'static str);

#[expect(clippy::too_many_lines, reason = "one row for each finding")]
fn rows() -> Vec<Row> {
    use Grade::{Red, Yellow};
    vec![
        (
            |f| drop(f.stacks.insert("hookledger-prod".into(), None)),
            Red,
            "hookledger-prod is not deployed",
            "sam deploy",
        ),
        (
            |f| drop(f.stacks.insert("hookledger-prod-watch".into(), None)),
            Red,
            "hookledger-prod-watch is not deployed",
            "--config-env prod-watch",
        ),
        (
            |f| drop(f.stacks.insert("hookledger-prod".into(), Some("UPDATE_ROLLBACK_FAILED".into()))),
            Red,
            "UPDATE_ROLLBACK_FAILED",
            "describe-stack-events",
        ),
        (
            |f| drop(f.stacks.insert("hookledger-prod".into(), Some("UPDATE_IN_PROGRESS".into()))),
            Yellow,
            "UPDATE_IN_PROGRESS",
            "wait",
        ),
        (|f| f.tables[0].status = None, Red, "hookledger-prod-journal is missing", "restore it"),
        (|f| f.tables[0].missing_indexes = vec!["by_account".into()], Red, "lacks the index by_account", "prod-data"),
        (|f| f.tables[0].lacks_stream = true, Red, "has no stream", "prod-data"),
        (|f| f.tables[0].is_protected = false, Yellow, "not protected from deletion", "update-table"),
        (|f| f.tables[0].status = Some("UPDATING".into()), Yellow, "UPDATING", "wait"),
        (|f| key(f, "usage", SecretError::Empty), Red, "usage: A_SETTING must not be empty", "hookledger/prod/usage"),
        (|f| key(f, "redeem codes", SecretError::Empty), Red, "redeem codes: A_SETTING", "hookledger/prod/codes"),
        (|f| key(f, "wechat", SecretError::Empty), Red, "wechat: A_SETTING", "hookledger/prod/wechat"),
        (|f| key(f, "epay", SecretError::Empty), Red, "epay: A_SETTING", "hookledger/prod/epay"),
        (|f| key(f, "Fireblocks", SecretError::Empty), Red, "Fireblocks: A_SETTING", "hookledger/prod/fulfil"),
        (|f| key(f, "chat", SecretError::Empty), Red, "chat: A_SETTING", "hookledger/prod/chat"),
        (|f| key(f, "stripe", SecretError::Empty), Yellow, "stripe does not start", "hookledger/prod/stripe"),
        (|f| key(f, "stripe", SecretError::Placeholder), Red, "holds a placeholder", "hookledger/prod/stripe"),
        (
            |f| key(f, "checkout", SecretError::OtherMode { expected: "live" }),
            Red,
            "must be a key of live mode",
            "or correct StripeLivemode",
        ),
        (|f| set(f, "CheckoutSuccessUrl", ""), Red, "CheckoutSuccessUrl is empty", "set CheckoutSuccessUrl"),
        (|f| set(f, "CheckoutCancelUrl", "http://shop.example/"), Red, "CheckoutCancelUrl is http", "samconfig.toml"),
        (|f| set(f, "WechatNotifyUrl", ""), Red, "WechatNotifyUrl is empty", "set WechatNotifyUrl"),
        (
            |f| set(f, "EpayNotifyUrl", "https://other.example/x"),
            Yellow,
            "EpayNotifyUrl is https://other",
            "leads here",
        ),
        (|f| f.api.as_mut().expect("an API").status = Some(503), Red, "answers 503", "aws logs tail"),
        (|f| f.api.as_mut().expect("an API").status = None, Red, "does not answer", "aws logs tail"),
        (|f| f.api.as_mut().expect("an API").seconds_apart = Some(60), Yellow, "60 s apart", "synchronize"),
        (|f| f.api.as_mut().expect("an API").seconds_apart = Some(600), Red, "600 s apart", "synchronize"),
        (|f| stripe(f).endpoints.clear(), Red, "Stripe has no endpoint that leads here", "add https://a1"),
        (
            |f| stripe(f).endpoints[0].url = "https://pay.example/api/stripe/webhook".into(),
            Yellow,
            "Stripe's endpoint is https://pay.example",
            "domain of your own",
        ),
        (|f| stripe(f).endpoints[0].is_enabled = false, Red, "Stripe has disabled the endpoint", "enable it"),
        (|f| stripe(f).endpoints[0].is_live = false, Red, "of test mode, and StripeLivemode says live", "other mode"),
        (
            |f| stripe(f).endpoints[0].events.retain(|event| event != "charge.dispute.created"),
            Red,
            "lacks events that move money: charge.dispute.created",
            "docs/providers/stripe.md",
        ),
        (
            |f| stripe(f).endpoints[0].events.retain(|event| event != "charge.failed"),
            Yellow,
            "lacks events: charge.failed",
            "choose them",
        ),
        (
            |f| stripe(f).endpoints[0].api_version = Some("2099-01-01.later".into()),
            Yellow,
            "sends API version 2099",
            "later ones are not tested",
        ),
        (|f| stripe(f).undelivered = 3, Yellow, "could not deliver 3 events", "stripe_backfill"),
        (
            |f| stripe(f).prices[0].at_stripe = Some("19.99 USD".into()),
            Red,
            "price_1 is 19.99 USD at Stripe and 9.99 USD in the catalog",
            "make both prices equal",
        ),
        (|f| stripe(f).prices[0].at_stripe = None, Red, "Stripe has no active price price_1", "samconfig.toml"),
        (
            |f| stripe(f).addresses.push("54.187.174.169".parse().expect("an address")),
            Red,
            "turns 1 of Stripe's addresses away: 54.187.174.169",
            "add them",
        ),
        (
            |f| {
                f.schedules.insert("hookledger-prod-refused".into(), Some("DISABLED".into()));
            },
            Red,
            "hookledger-prod-refused is DISABLED",
            "pause it",
        ),
        (
            |f| {
                f.schedules.insert("hookledger-prod-unpaid".into(), None);
            },
            Red,
            "hookledger-prod-unpaid is missing",
            "sam deploy",
        ),
        (
            |f| {
                f.dead_letters.insert("hookledger-prod-fulfil-failures".into(), Some(2));
            },
            Red,
            "2 in hookledger-prod-fulfil-failures",
            "dlq list",
        ),
        (
            |f| {
                f.dead_letters.insert("hookledger-prod-fulfil-failures".into(), None);
            },
            Red,
            "the queue hookledger-prod-fulfil-failures is missing",
            "sam deploy",
        ),
        (|f| alarms(f).missing.push("drift".into()), Red, "1 alarms are missing: drift", "prod-watch"),
        (|f| alarms(f).confirmed = 0, Red, "no one is subscribed to the alarms", "AlarmEmail"),
        (|f| *alarms(f) = AlarmFacts { pending: 1, ..AlarmFacts::default() }, Red, "is confirmed", "confirm"),
        (|f| alarms(f).muted.push("drift".into()), Yellow, "are disabled: drift", "enable-alarm-actions"),
        (|f| alarms(f).raised.push("drift".into()), Yellow, "raised: drift", "docs/operate.md"),
        (|f| f.concurrency = Some(10), Red, "10 functions of the account", "request more"),
        (|f| f.concurrency = Some(50), Yellow, "50 functions of the account", "request more"),
        (|f| f.paused.push(("stripe".into(), "forged".into())), Yellow, "stripe is paused: forged", "`resume stripe`"),
        (|f| f.unread.push(("quotas", "AccessDenied".into())), Yellow, "could not be checked: AccessDenied", "again"),
    ]
}

#[test]
fn each_fault_is_found_with_what_to_do() {
    for (break_it, expected, says, fix) in rows() {
        let mut facts = healthy();
        break_it(&mut facts);
        let found = findings(&facts);
        let worst = found.iter().map(|finding| finding.grade).max().expect("findings");
        assert_eq!(worst, expected, "{says}: {found:?}");
        let is_it = |finding: &&super::finding::Finding| finding.grade == expected && finding.says.contains(says);
        let finding = found.iter().find(is_it).unwrap_or_else(|| panic!("{says}: {found:?}"));
        assert!(finding.fix.as_ref().is_some_and(|text| text.contains(fix)), "{says}: {finding:?}");
    }
}

/// What `dev` may go without.
#[test]
fn dev_is_yellow_where_prod_is_red() {
    let rows: [fn(&mut Facts); 3] = [
        |f| drop(f.stacks.insert("hookledger-dev-watch".into(), None)),
        |f| alarms(f).confirmed = 0,
        |f| f.concurrency = Some(10),
    ];
    for break_it in rows {
        let mut facts = Facts { stage: "dev".to_owned(), ..healthy() };
        break_it(&mut facts);
        let worst = findings(&facts).into_iter().map(|finding| finding.grade).max();
        assert_eq!(worst, Some(Grade::Yellow));
    }
}

fn answered(code: i32, stdout: &str, stderr: &str) -> Output {
    Output {
        status: ExitStatus::from_raw(code << 8),
        stdout: stdout.as_bytes().to_vec(),
        stderr: stderr.as_bytes().to_vec(),
    }
}

#[tokio::test]
async fn answer_of_the_aws_cli_is_read() {
    let aws = AwsCli::over(|words, input| {
        Ok(match (words[1].as_str(), input) {
            ("good", None) => answered(0, r#"{"Table":{"TableStatus":"ACTIVE"}}"#, ""),
            ("good", Some(input)) => answered(0, input, ""),
            ("silent", _) => answered(0, "\n", ""),
            ("denied", _) => answered(254, "", "\nAn error occurred (AccessDenied) when calling: no\n"),
            (_, _) => return Err(std::io::Error::other("not found")),
        })
    });
    assert_eq!(aws.json(&["x", "good"]).await.expect("an answer")["Table"]["TableStatus"], "ACTIVE");
    assert_eq!(aws.json_with(&["x", "good"], Some("[1]".to_owned())).await.expect("an answer"), json!([1]));
    assert_eq!(aws.json(&["x", "silent"]).await.expect("an answer"), Value::Null);
    let denied = aws.json(&["x", "denied"]).await.expect_err("denied").line();
    assert_eq!(denied, "`aws x denied`: An error occurred (AccessDenied) when calling: no");
    assert!(aws.json(&["x", "none"]).await.expect_err("no program").line().contains("needs the AWS CLI"));
}

#[test]
fn table_is_read_as_it_is_described() {
    let described = json!({
        "TableStatus": "ACTIVE", "DeletionProtectionEnabled": true, "StreamSpecification": { "StreamEnabled": true },
        "GlobalSecondaryIndexes": [
            { "IndexName": "by_account", "IndexStatus": "ACTIVE" }, { "IndexName": "attention", "IndexStatus": "CREATING" },
        ],
    });
    let indexes = ["by_account", "attention", "other"].map(str::to_owned);
    let table = on_aws::table_of("journal", &indexes, true, Some(&described));
    assert_eq!((table.status.as_deref(), table.lacks_stream, table.is_protected), (Some("ACTIVE"), false, true));
    assert_eq!(table.missing_indexes, ["attention", "other"]);
    let none = on_aws::table_of("journal", &indexes, true, None);
    assert_eq!((none.status, none.is_protected), (None, false));
    let bare = on_aws::table_of("orders", &[], true, Some(&json!({ "TableStatus": "ACTIVE" })));
    assert!(bare.lacks_stream && !bare.is_protected);
}

/// As Stripe's API answers, shortened to the members that are read.
#[test]
fn endpoints_and_prices_are_read_as_stripe_lists_them() {
    let listed = json!({ "object": "list", "has_more": false, "data": [
        { "id": "we_1", "object": "webhook_endpoint", "api_version": "2025-08-27.basil", "enabled_events": ["*"],
          "livemode": false, "status": "disabled", "url": "https://shop.example/api/v1/webhooks/stripe" },
        { "id": "we_2", "object": "webhook_endpoint", "api_version": null, "enabled_events": ["invoice.paid"],
          "livemode": true, "status": "enabled", "url": "https://other.example/" },
    ] });
    let [first, second] = &*at_stripe::endpoints_of(&listed) else { panic!("two") };
    assert_eq!((first.is_enabled, first.is_live, first.events.as_slice()), (false, false, ["*".to_owned()].as_slice()));
    assert_eq!((second.is_enabled, second.is_live, &second.api_version), (true, true, &None));

    let price = |active, amount: Value, currency: &str| {
        at_stripe::price_of(&json!({ "id": "price_1", "active": active, "unit_amount": amount, "currency": currency }))
    };
    assert_eq!(price(true, json!(999), "usd").as_deref(), Some("9.99 USD"));
    assert_eq!(price(true, json!(500), "jpy").as_deref(), Some("500 JPY"));
    assert_eq!(price(false, json!(999), "usd"), None);
    assert_eq!(price(true, Value::Null, "usd"), None);
}

#[test]
fn price_ids_of_the_catalog_are_parameters_of_the_template() {
    assert_eq!(at_stripe::parameter_of("STRIPE_FULL_REPORT_PRICE_ID"), "StripeFullReportPriceId");
    let catalog = catalog::Catalog::parse(catalog::SHIPPED).expect("valid");
    for setting in catalog.products().filter_map(|product| product.stripe_price()) {
        let parameter = format!("\n  {}:\n", at_stripe::parameter_of(setting));
        assert!(embedded::APP_YAML.contains(&parameter), "{parameter}");
    }
}
