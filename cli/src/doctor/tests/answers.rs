//! What is read of AWS's and Stripe's answers. A read that is denied says nothing about the thing.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Output};

use local::now;
use serde_json::{Value, json};

use super::super::at_stripe;
use super::super::checks::findings;
use super::super::facts::{AtStripe, Facts};
use super::super::finding::Grade;
use super::super::on_aws::{self, Unread};
use crate::aws_cli::AwsCli;

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

/// What the first three words of a command are answered with: an exit code, and what it prints or complains of.
fn answering(rows: &'static [(&'static str, i32, &'static str)]) -> AwsCli {
    AwsCli::over(move |words, _| {
        let command = words.join(" ");
        let (_, code, text) = rows.iter().find(|(begins, ..)| command.starts_with(begins)).expect("a known command");
        Ok(if *code == 0 { answered(0, text, "") } else { answered(*code, "", text) })
    })
}

const DENIED: &str = "An error occurred (AccessDeniedException) when calling the X operation: User: u is not authorized \
                      to perform: x:X on resource: NotFoundHere";
const MISSING: &str = "An error occurred (ResourceNotFoundException) when calling the X operation: not found";

/// The facts that these answers give: a stack, a table, a queue, a function with a stream, and the runs of the sweeps.
async fn facts_of(aws: &AwsCli) -> Facts {
    let (unread, table) = (Unread::default(), ("hookledger-prod-journal".to_owned(), Vec::new(), false));
    let (queue, function) = ("hookledger-prod-failures", ("hookledger-prod-fulfil".to_owned(), 1));
    let mut facts = Facts { stage: "prod".to_owned(), ..Facts::default() };
    if let Some(found) = on_aws::stack(aws, "hookledger-prod", &unread).await {
        let status = found.and_then(|stack| stack["StackStatus"].as_str().map(str::to_owned));
        facts.stacks.insert("hookledger-prod".to_owned(), status);
    }
    facts.tables.extend(on_aws::table_facts(aws, &table, &unread).await);
    facts.dead_letters.extend(on_aws::messages(aws, queue, &unread).await.map(|count| (queue.to_owned(), count)));
    facts.streams.extend(on_aws::streams(aws, &function, &unread).await);
    facts.idle = on_aws::idle(aws, "prod", now(), &unread).await;
    facts.unread = unread.into_inner();
    facts
}

#[tokio::test]
async fn denied_read_is_yellow_and_never_a_missing_thing() {
    let facts = facts_of(&answering(&[("", 254, DENIED)])).await;
    let found = findings(&facts);
    assert!(found.iter().all(|finding| finding.grade == Grade::Yellow), "{found:?}");
    for check in ["stacks", "tables", "dead letters", "streams", "schedules"] {
        let is_it = |finding: &&super::super::finding::Finding| finding.check == check;
        let finding = found.iter().find(is_it).unwrap_or_else(|| panic!("{check}: {found:?}"));
        assert!(finding.says.contains("could not be read, for want of a permission"), "{finding:?}");
        assert!(finding.fix.as_ref().is_some_and(|fix| !fix.contains("backup")), "{finding:?}");
    }
    // The count of a queue that may be named.
    let aws = answering(&[("sqs get-queue-url", 0, r#"{"QueueUrl":"https://sqs/q"}"#), ("", 254, DENIED)]);
    assert!(facts_of(&aws).await.dead_letters.is_empty());
}

#[tokio::test]
async fn missing_thing_is_red() {
    let facts = facts_of(&answering(&[("cloudwatch", 0, r#"{"Datapoints":[{"Sum":1}]}"#), ("", 254, MISSING)])).await;
    assert_eq!((facts.unread.len(), facts.idle.len()), (0, 0));
    let found = findings(&facts);
    for check in ["stacks", "tables", "dead letters", "streams"] {
        let is_red = found.iter().any(|finding| finding.check == check && finding.grade == Grade::Red);
        assert!(is_red, "{check}: {found:?}");
    }
}

#[tokio::test]
async fn sweep_without_a_run_and_mapping_that_is_disabled_are_read() {
    let aws = answering(&[
        (
            "cloudwatch get-metric-statistics --namespace hookledger-prod --metric-name runs --dimensions Name=sweep,Value=audit",
            0,
            r#"{"Datapoints":[]}"#,
        ),
        ("cloudwatch", 0, r#"{"Datapoints":[{"Sum":30}]}"#),
        ("lambda list-event-source-mappings", 0, r#"{"EventSourceMappings":[{"State":"Disabled"}]}"#),
        ("sqs get-queue-url", 0, r#"{"QueueUrl":"https://sqs/q"}"#),
        ("sqs", 0, r#"{"Attributes":{"ApproximateNumberOfMessages":"2"}}"#),
        ("", 0, r#"{"Stacks":[{"StackStatus":"CREATE_COMPLETE"}],"Table":{"TableStatus":"ACTIVE"}}"#),
    ]);
    let facts = facts_of(&aws).await;
    assert_eq!((facts.idle.as_slice(), facts.unread.len()), (["audit".to_owned()].as_slice(), 0));
    let [of_fulfil] = &*facts.streams else { panic!("one") };
    assert_eq!((of_fulfil.expected, of_fulfil.states.as_slice()), (1, ["Disabled".to_owned()].as_slice()));
    assert_eq!(facts.dead_letters.get("hookledger-prod-failures"), Some(&Some(2)));
    assert_eq!(facts.tables[0].status.as_deref(), Some("ACTIVE"));
}

/// Only Stripe's own answer says that there is no such price.
#[test]
fn price_without_an_answer_is_no_missing_price() {
    let no_answer = |status| Err(at_stripe::NoAnswer { status, why: "it answers nothing".to_owned() });
    assert_eq!(at_stripe::at_stripe(no_answer(Some(404))), AtStripe::Inactive);
    for status in [None, Some(401), Some(429), Some(500)] {
        assert_eq!(at_stripe::at_stripe(no_answer(status)), AtStripe::Unread("it answers nothing".to_owned()));
    }
    let price = json!({ "active": true, "unit_amount": 999, "currency": "usd" });
    assert_eq!(at_stripe::at_stripe(Ok(price)), AtStripe::Active("9.99 USD".to_owned()));
    assert_eq!(at_stripe::at_stripe(Ok(json!({ "active": false }))), AtStripe::Inactive);
}
