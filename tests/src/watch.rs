//! What somebody is called for is what the code says, and each alarm has a line on what to do: `infra/watch.yaml` against the metrics
//! of the functions, and against `docs/operations.md`.

mod dashboard;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use embedded::{DATA_YAML, Table, Template};
use serde_json::Value;
use testkit::STAGE;

use crate::deployed::{app, of_type, resources};
use crate::house::{files, root};

const NAMESPACE: &str = "hookledger-local";
const SOURCES: [&str; 9] =
    ["usage", "stripe", "wechat", "epay", "fireblocks", "orders", "checkout", "fulfil", "reconcile"];
/// Of those that a delivery may have, the ones that alarms and graphs name; and of `fulfil`.
const OUTCOMES: [&str; 9] = [
    "unverified",
    "unverifiable",
    "forbidden",
    "too_large",
    "not_found",
    "conflict",
    "unavailable",
    "panicked",
    "recharged",
];
/// What becomes of a request that anybody may have sent.
const OF_ANYBODY: [&str; 4] = ["unverified", "forbidden", "too_large", "not_found"];
/// The same of the source whose keys have names, which anybody can make up.
const OF_ANYBODY_WITH_KEY_NAMES: [&str; 5] = ["unverified", "forbidden", "too_large", "not_found", "unverifiable"];
const RECHARGED: [&str; 4] = ["done", "failed", "pending", "unknown"];
const BACKLOGS: [&str; 4] = ["fulfilment", "outside", "refused", "unpaid"];

/// Whatever somebody is called for: by whom, under which word, and where that is said.
const CALLS: [(&str, &str, &str); 31] = [
    ("stripe", "dispute_opened", "functions/stripe/src/decide.rs"),
    ("stripe", "refunded_too_much", "functions/stripe/src/decide.rs"),
    ("stripe", "refused", "shared/webhook/src/book.rs"),
    ("wechat", "refund_stuck", "functions/wechat/src/decide.rs"),
    ("wechat", "refunded_too_much", "functions/wechat/src/decide.rs"),
    ("wechat", "answer_unsigned", "functions/wechat/src/confirm.rs"),
    ("wechat", "refused", "shared/webhook/src/book.rs"),
    ("epay", "refused", "shared/webhook/src/book.rs"),
    ("epay", "query_refused", "functions/epay/src/confirm.rs"),
    ("fireblocks", "refused", "shared/webhook/src/book.rs"),
    ("fireblocks", "no_recent_keys", "functions/fireblocks/src/published.rs"),
    ("fireblocks", "transfer_failed", "functions/fireblocks/src/decide.rs"),
    ("checkout", "price_mismatch", "functions/checkout/src/page.rs"),
    ("checkout", "reason.as_str()", "functions/checkout/src/done.rs"),
    ("fulfil", "transfer_failed", "functions/fulfil/src/custodian.rs"),
    ("fulfil", "transfer_mismatch", "functions/fulfil/src/custodian.rs"),
    ("fulfil", "payment_unproven", "functions/fulfil/src/lib.rs"),
    ("fulfil", "recharge_unknown", "functions/fulfil/src/operator.rs"),
    ("fulfil", "recharge_failed", "functions/fulfil/src/operator.rs"),
    ("fulfil", "recharge_not_written", "functions/fulfil/src/operator.rs"),
    ("reconcile", "not_fulfilled", "functions/reconcile/src/fulfilment.rs"),
    ("reconcile", "cannot_be_tried_again", "functions/reconcile/src/refused.rs"),
    ("reconcile", "still_refused", "functions/reconcile/src/refused.rs"),
    ("reconcile", "replay_unverified", "functions/reconcile/src/unproven.rs"),
    ("reconcile", "reason.as_str()", "functions/reconcile/src/unpaid.rs"),
    ("reconcile", "refunded_and_not_booked", "functions/reconcile/src/ask.rs"),
    ("reconcile", "nobody_can_be_asked", "functions/reconcile/src/keyless.rs"),
    ("reconcile", "drift", "functions/reconcile/src/auditor.rs"),
    ("reconcile", "passed_over", "functions/reconcile/src/pass_over.rs"),
    ("reconcile", "usage_expires", "functions/reconcile/src/lanes.rs"),
    ("reconcile", "unsettled", "functions/reconcile/src/auditor.rs"),
];
/// `edge::alarm(` in all the code: of the calls above the spine raises nine in one place, and others are raised in two places.
const SAID_IN_PLACES: usize = 25;

/// A metric as an alarm or a graph names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Watched {
    namespace: String,
    metric: String,
    dimensions: BTreeMap<String, String>,
}

fn watch() -> Template {
    let text = fs::read_to_string(root().join("infra/watch.yaml")).expect("a file");
    Template::parse(&text, &[("Stage", STAGE)]).expect("a template")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn of_metric(metric: &Value) -> Watched {
    let dimensions = metric["Dimensions"].as_array().into_iter().flatten();
    let dimensions = dimensions.map(|dimension| (text(&dimension["Name"]), text(&dimension["Value"]))).collect();
    Watched { namespace: text(&metric["Namespace"]), metric: text(&metric["MetricName"]), dimensions }
}

/// By the alarm's name, without the stage.
fn alarms(watch: &Template) -> BTreeMap<String, Vec<Watched>> {
    let of_alarm = |alarm: &Value| match alarm["Metrics"].as_array() {
        None => vec![of_metric(alarm)],
        Some(metrics) => metrics
            .iter()
            .filter(|metric| metric["Expression"].is_null())
            .map(|metric| of_metric(&metric["MetricStat"]["Metric"]))
            .collect(),
    };
    let name = |alarm: &Value| text(&alarm["AlarmName"]).trim_start_matches("hookledger-local-").to_owned();
    of_type(watch, "AWS::CloudWatch::Alarm").into_iter().map(|(_, alarm)| (name(alarm), of_alarm(alarm))).collect()
}

/// What the functions' lines are as metrics: each with its sets of dimensions.
fn emitted() -> BTreeSet<(String, BTreeSet<String>)> {
    let of = |measured: &edge::Measured| {
        let sets = measured.dimensions.iter().map(|set| set.iter().map(|name| (*name).to_owned()).collect());
        let sets: Vec<BTreeSet<String>> = sets.collect();
        let names = measured.metrics.iter().map(|(name, _)| (*name).to_owned());
        names.flat_map(|name| sets.clone().into_iter().map(move |set| (name.clone(), set))).collect::<Vec<_>>()
    };
    // And what API Gateway's log is counted for.
    let app = app();
    let filters = of_type(&app, "AWS::Logs::MetricFilter").into_iter();
    let counted = filters.flat_map(|(_, filter)| filter["MetricTransformations"].as_array().expect("metrics"));
    let counted = counted.filter(|counted| counted["MetricNamespace"] == NAMESPACE);
    let counted = counted.map(|counted| (text(&counted["MetricName"]), BTreeSet::new()));
    edge::MEASURED.iter().flat_map(of).chain(counted).collect()
}

/// What the clock asks for.
fn sweeps() -> BTreeSet<String> {
    let app = app();
    let schedules = app.functions().iter().flat_map(|function| &function.schedules);
    let sweep = |input: &str| text(&serde_json::from_str::<Value>(input).expect("JSON")["sweep"]);
    schedules.map(|schedule| sweep(&schedule.input)).collect()
}

/// The indexes of all tables, by their table.
fn indexes() -> BTreeSet<(String, String)> {
    let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
    let of = |table: &Table| {
        let indexes = table.definition["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        indexes.map(|index| (table.name.clone(), text(&index["IndexName"]))).collect::<Vec<_>>()
    };
    data.tables().iter().flat_map(of).collect()
}

/// Ours must be emitted, and of something that there is; what AWS measures must be of what is deployed.
fn assert_is_measured(watched: &Watched, by: &str) {
    let Watched { namespace, metric, dimensions } = watched;
    let names: BTreeSet<String> = dimensions.keys().cloned().collect();
    let (dimension, known): (&str, BTreeSet<String>) = match namespace.as_str() {
        NAMESPACE => {
            assert!(emitted().contains(&(metric.clone(), names)), "{by}: nobody says {watched:?}");
            let is_known = |(name, value): (&String, &String)| match name.as_str() {
                "source" => SOURCES.contains(&value.as_str()),
                "outcome" => OUTCOMES.contains(&value.as_str()),
                "reason" => RECHARGED.contains(&value.as_str()),
                "backlog" => BACKLOGS.contains(&value.as_str()),
                "sweep" => sweeps().contains(value),
                _ => CALLS.iter().any(|(source, word, _)| *source == dimensions["source"] && word == value),
            };
            assert!(dimensions.iter().all(is_known), "{by}: {watched:?}");
            return;
        }
        "AWS/DynamoDB" if names.len() == 2 => {
            let of = (dimensions["TableName"].clone(), dimensions["GlobalSecondaryIndexName"].clone());
            assert!(indexes().contains(&of), "{by}: {watched:?}");
            return;
        }
        "AWS/Lambda" => {
            let names =
                app().functions().iter().map(|function| format!("hookledger-local-{}", function.binary)).collect();
            ("FunctionName", names)
        }
        "AWS/SQS" => (
            "QueueName",
            of_type(&app(), "AWS::SQS::Queue").iter().map(|(_, queue)| text(&queue["QueueName"])).collect(),
        ),
        "AWS/DynamoDB" => {
            let names =
                idempotency::Tables::VARIABLES.iter().map(|name| name.trim_end_matches("_TABLE").to_lowercase());
            ("TableName", names.map(|table| format!("hookledger-local-{table}")).collect())
        }
        "AWS/ApiGateway" => ("ApiId", ["{{resolve:ssm:/hookledger/local/api-id}}".to_owned()].into()),
        other => panic!("{by}: who measures {other}?"),
    };
    assert_eq!(names, [dimension.to_owned()].into(), "{by}: {watched:?}");
    assert!(known.contains(&dimensions[dimension]), "{by}: {watched:?}");
}

#[test]
fn every_metric_of_an_alarm_is_one_that_somebody_emits() {
    for (name, metrics) in alarms(&watch()) {
        assert!((1..=10).contains(&metrics.len()), "{name}: CloudWatch takes ten");
        for watched in &metrics {
            assert_is_measured(watched, &name);
        }
    }
    let watch = watch();
    for (id, alarm) in of_type(&watch, "AWS::CloudWatch::Alarm") {
        assert_eq!(alarm["AlarmActions"], serde_json::json!([{ "Ref": "AlarmTopic" }]), "{id}");
        // A shop that sells nothing has nothing to measure. A clock that runs does, whatever there is to do.
        let missing = if id == "ClockAlarm" { "breaching" } else { "notBreaching" };
        assert_eq!(alarm["TreatMissingData"], missing, "{id}");
    }
    assert_eq!(app_parameter(), "/hookledger/local/api-id");
}

fn app_parameter() -> String {
    text(&resources(&app())["ApiIdParameter"]["Properties"]["Name"])
}

#[test]
fn whoever_the_code_calls_is_called() {
    let watched: BTreeSet<Watched> = alarms(&watch()).into_values().flatten().collect();
    let is_watched = |dimensions: &[(&str, &str)]| {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (namespace, metric) = (NAMESPACE.to_owned(), "alarms".to_owned());
        watched.contains(&Watched { namespace, metric, dimensions })
    };
    for (source, word, file) in CALLS {
        let said = fs::read_to_string(root().join(file)).expect("a file");
        assert!(said.contains(&format!("\"{word}\"")) || said.contains(word), "{file} does not say {word}");
        assert!(
            is_watched(&[("source", source), ("alarm", word)]) || is_watched(&[("source", source)]),
            "{source} {word}"
        );
    }
    let code = ["functions", "shared"].into_iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    let said: usize = code.map(|file| fs::read_to_string(file).expect("a file").matches("edge::alarm(").count()).sum();
    assert_eq!(said, SAID_IN_PLACES, "whatever somebody is called for stands in CALLS");
}

fn of_anybody(source: &str) -> &'static [&'static str] {
    if source == "fireblocks" { &OF_ANYBODY_WITH_KEY_NAMES } else { &OF_ANYBODY }
}

/// Every function, queue and table; and of every source the signatures and the failures.
#[test]
fn nothing_goes_unwatched() {
    let alarms = alarms(&watch());
    let of = |name: &str, dimension: &str| -> BTreeSet<String> {
        alarms[name].iter().map(|watched| watched.dimensions[dimension].clone()).collect()
    };
    let app = app();
    let functions: BTreeSet<String> =
        app.functions().iter().map(|function| format!("hookledger-local-{}", function.binary)).collect();
    assert_eq!((of("errors", "FunctionName"), of("throttled", "FunctionName")), (functions.clone(), functions));
    let queues: BTreeSet<String> =
        of_type(&app, "AWS::SQS::Queue").iter().map(|(_, queue)| text(&queue["QueueName"])).collect();
    assert_eq!(of("dead-letters", "QueueName"), queues);
    assert_eq!(of("throttled-tables", "TableName").len(), idempotency::Tables::VARIABLES.len());
    assert_eq!(of("clock", "sweep"), sweeps());
    let samples = fs::read_dir(root().join("events")).expect("sources");
    for source in samples.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")) {
        for what in ["signatures", "failures"] {
            assert_eq!(of(&format!("{source}-{what}"), "source"), [source.clone()].into());
        }
        let failures = &alarms[&format!("{source}-failures")];
        let outcomes: BTreeSet<&str> =
            failures.iter().filter_map(|watched| watched.dimensions.get("outcome")).map(String::as_str).collect();
        let of_anybody = of_anybody(&source).iter().copied();
        assert_eq!(outcomes, of_anybody.chain(["unavailable", "panicked"]).collect(), "{source}");
        assert!(of("conflict", "source").contains(&source), "{source}");
    }
}

/// Writes to every index, and reads of those that a function asks.
#[test]
fn no_index_goes_unwatched() {
    let app = app();
    let asked =
        |(table, index): &&(String, String)| app.document().to_string().contains(&format!("{table}/index/{index}\""));
    let of = |metric: &str| -> BTreeSet<(String, String)> {
        let alarms = alarms(&watch());
        let watched = alarms["throttled-indexes"].iter().filter(|watched| watched.metric == metric);
        let of = |of: &Watched| (of.dimensions["TableName"].clone(), of.dimensions["GlobalSecondaryIndexName"].clone());
        watched.map(of).collect()
    };
    assert_eq!(of("WriteThrottleEvents"), indexes());
    assert_eq!(of("ReadThrottleEvents"), indexes().iter().filter(asked).cloned().collect());
}

/// What CloudWatch cannot know from a threshold: that nothing measured is zero, and what a share is of.
#[test]
fn an_expression_says_what_nothing_is() {
    let watch = watch();
    let sources = fs::read_dir(root().join("events")).expect("sources").count();
    let (mut of_tables, mut of_failures) = (0, 0);
    for (id, alarm) in of_type(&watch, "AWS::CloudWatch::Alarm") {
        let Some(metrics) = alarm["Metrics"].as_array() else {
            assert_ne!(alarm["Namespace"], "AWS/DynamoDB", "{id} would never end");
            continue;
        };
        let expression = text(&metrics[0]["Expression"]);
        if metrics.iter().any(|metric| metric["MetricStat"]["Metric"]["Namespace"] == "AWS/DynamoDB") {
            of_tables += 1;
            assert_eq!(expression, "SUM(FILL(METRICS(), 0))", "{id} would never end");
        }
        if metrics.iter().any(|metric| metric["Id"] == "unavailable") {
            of_failures += 1;
            let failed = "100 * (FILL(unavailable, 0) + FILL(panicked, 0))";
            let source = text(&metrics[1]["MetricStat"]["Metric"]["Dimensions"][0]["Value"]);
            let but =
                of_anybody(&source).iter().map(|outcome| format!(" - FILL({outcome}, 0)")).collect::<Vec<_>>().concat();
            assert_eq!(expression, format!("{failed} / (events{but})"), "{id}");
            for metric in metrics.iter().skip(2) {
                assert_eq!(metric["Id"], metric["MetricStat"]["Metric"]["Dimensions"][1]["Value"], "{id}");
            }
        }
        if id == "ClockAlarm" {
            let runs: Vec<String> =
                metrics[1..].iter().map(|metric| format!("FILL({}, 0)", text(&metric["Id"]))).collect();
            assert_eq!(expression, format!("MIN([{}])", runs.join(", ")));
        }
    }
    assert_eq!((of_tables, of_failures), (2, sources));
}

#[test]
fn each_alarm_has_a_line_on_what_to_do() {
    let names: BTreeSet<String> = alarms(&watch()).into_keys().collect();
    for file in ["docs/operations.md", "docs/operations.zh.md"] {
        let doc = fs::read_to_string(root().join(file)).expect("a file");
        let rows = doc.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        // The other tables are of parameters, which begin with a capital.
        let rows = rows.filter(|(name, _)| name.starts_with(|first: char| first.is_ascii_lowercase()));
        let said: Vec<(&str, usize)> = rows.map(|(name, rest)| (name, rest.split(" | ").count())).collect();
        assert!(said.iter().all(|(_, columns)| *columns == 2), "{file}: what it means, and what to do");
        let said: BTreeSet<String> = said.into_iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(said, names, "{file}");
    }
}

/// Whatever an audit finds has a row that names the command that repairs it.
#[test]
fn each_finding_has_a_documented_repair() {
    for (file, head) in [("docs/operations.md", "## Repairing the books"), ("docs/operations.zh.md", "## 修复账目")]
    {
        let doc = fs::read_to_string(root().join(file)).expect("a file");
        let (_, section) = doc.split_once(head).expect("a section");
        let (section, _) = section.split_once("\n### ").expect("a table");
        for matter in ledger::Matter::ALL {
            let is_about = |row: &&str| {
                let found = row.trim_start_matches("| ").split(" |").next().unwrap_or_default();
                found.split([',', ' ', '、', '，']).any(|word| word == matter.as_str())
            };
            let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).filter(is_about).collect();
            let repairs = |row: &&&str| row.contains(" repair ");
            assert!(
                !rows.is_empty() && rows.iter().filter(repairs).count() == rows.len(),
                "{file}: {}",
                matter.as_str()
            );
        }
    }
}

/// The words under which flagged orders are to be looked for are those that stand in the table.
#[test]
fn flagged_orders_are_looked_for_under_the_codes_own_words() {
    let known: BTreeSet<String> =
        ledger::Reason::ALL.iter().map(|reason| reason.as_str().to_ascii_uppercase()).collect();
    for file in ["docs/operations.md", "docs/operations.zh.md"] {
        let doc = fs::read_to_string(root().join(file)).expect("a file");
        let (_, words) = doc.split_once("for reason in ").expect("a command");
        let (words, _) = words.split_once("; do").expect("a command");
        let words: BTreeSet<String> =
            words.split_whitespace().filter(|word| *word != "\\").map(str::to_owned).collect();
        assert!(words.len() == 13 && words.is_subset(&known), "{file}: {words:?}");
    }
}
