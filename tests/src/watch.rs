//! Alarms and code agree: the table of alarms (`xtask::alarms`) watches metrics that the functions emit, and all alarms
//! that they raise. The crate `xtask` compares the table with `infra/watch.yaml` and `docs/operate.md`, which it
//! generates.

mod dashboard;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use embedded::{DATA_YAML, Table, Template};
use ledger::{Source, Sweep};
use serde_json::Value;
use testkit::STAGE;
use xtask::alarm::{Metric, Missing, Value as Watches};

use crate::deployed::{app, of_type, resources};
use crate::house::{files, root};

const NAMESPACE: &str = "hookledger-local";
/// The alarms that the code raises: the source, the word and the file.
const RAISED: [(&str, &str, &str); 44] = [
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
    ("fulfil", "top_up_unknown", "functions/fulfil/src/operator.rs"),
    ("fulfil", "top_up_failed", "functions/fulfil/src/operator.rs"),
    ("fulfil", "top_up_not_recorded", "functions/fulfil/src/operator.rs"),
    ("reconcile", "not_fulfilled", "functions/reconcile/src/fulfilment.rs"),
    ("reconcile", "cannot_be_tried_again", "functions/reconcile/src/refused.rs"),
    ("reconcile", "still_refused", "functions/reconcile/src/refused.rs"),
    ("reconcile", "replay_unverified", "functions/reconcile/src/unproven.rs"),
    ("reconcile", "reason.as_str()", "functions/reconcile/src/unpaid.rs"),
    ("reconcile", "refunded_and_not_booked", "functions/reconcile/src/query_provider.rs"),
    ("reconcile", "provider_key_unusable", "functions/reconcile/src/missing_credentials.rs"),
    ("reconcile", "drift", "shared/audit/src/alarms.rs"),
    ("reconcile", "passed_over", "functions/reconcile/src/pass_over.rs"),
    ("reconcile", "usage_expires", "functions/reconcile/src/lanes.rs"),
    ("reconcile", "gateway_log_off", "functions/reconcile/src/gateway_log.rs"),
    ("reconcile", "gateway_log_unset", "functions/reconcile/src/gateway_log.rs"),
    ("reconcile", "unsettled", "shared/audit/src/alarms.rs"),
    ("reconcile", "unlisted", "shared/audit/src/alarms.rs"),
    ("usage", "price_differs", "functions/usage/src/decide.rs"),
    ("litellm", "price_differs", "functions/usage/src/decide.rs"),
    ("openrouter", "price_differs", "functions/usage/src/decide.rs"),
    ("usage", "price_differs", "shared/idempotency/src/price_differs.rs"),
    ("chat", "key_unusable", "functions/chat/src/call.rs"),
    ("chat", "breaker_open", "functions/chat/src/call.rs"),
    ("chat", "cost_above_hold", "functions/chat/src/answer.rs"),
    ("chat", "unsettled", "functions/chat/src/answer.rs"),
    ("chat", "unreleased", "functions/chat/src/hold.rs"),
    ("budgets", "budget_unreadable", "shared/idempotency/src/uncounted.rs"),
];
/// What the store raises itself, for whichever function it works.
const STORE: &str = "budgets";
/// The number of `edge::alarm(` in the code: nine rows share one place in the spine, and others are raised in two
/// places.
const PLACES: usize = 33;

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

/// The metrics of each alarm in the template, by the alarm's name without the stage.
fn in_template(watch: &Template) -> BTreeMap<String, Vec<Watched>> {
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

/// The metrics of each alarm in the table.
fn alarms() -> BTreeMap<String, Vec<Watched>> {
    let of_stage = |text: &str| text.replace("${Stage}", STAGE);
    let watched = |metric: &Metric| Watched {
        namespace: of_stage(metric.namespace),
        metric: metric.name.to_owned(),
        dimensions: metric.dimensions.iter().map(|(name, value)| ((*name).to_owned(), of_stage(value))).collect(),
    };
    let all = xtask::alarms::all().into_iter();
    all.map(|alarm| (alarm.name, alarm.when.value.metrics().into_iter().map(watched).collect())).collect()
}

/// The metrics in the functions' log lines, each with its sets of dimensions.
fn emitted() -> BTreeSet<(String, BTreeSet<String>)> {
    let of = |measured: &edge::Measured| {
        let sets = measured.dimensions.iter().map(|set| set.iter().map(|name| (*name).to_owned()).collect());
        let sets: Vec<BTreeSet<String>> = sets.collect();
        let names = measured.metrics.iter().map(|(name, _)| (*name).to_owned());
        names.flat_map(|name| sets.clone().into_iter().map(move |set| (name.clone(), set))).collect::<Vec<_>>()
    };
    // The metrics that filters count in API Gateway's access log.
    let app = app();
    let filters = of_type(&app, "AWS::Logs::MetricFilter").into_iter();
    let counted = filters.flat_map(|(_, filter)| filter["MetricTransformations"].as_array().expect("metrics"));
    let counted = counted.filter(|counted| counted["MetricNamespace"] == NAMESPACE);
    let counted = counted.map(|counted| (text(&counted["MetricName"]), BTreeSet::new()));
    edge::MEASURED.iter().flat_map(of).chain(counted).collect()
}

fn sweeps() -> BTreeSet<String> {
    Sweep::ALL.map(|sweep| sweep.as_str().to_owned()).into()
}

/// The indexes of all tables, by table.
fn indexes() -> BTreeSet<(String, String)> {
    let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
    let of = |table: &Table| {
        let indexes = table.definition["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        indexes.map(|index| (table.name.clone(), text(&index["IndexName"]))).collect::<Vec<_>>()
    };
    data.tables().iter().flat_map(of).collect()
}

/// Whether the deployed code has the word as a literal, as it does for every value of a metric's dimension.
fn is_in_code(word: &str) -> bool {
    let code = ["functions", "shared"].into_iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    let mut deployed =
        code.filter(|file| !file.iter().any(|part| part == "tests" || part == "tests.rs" || part == "testkit"));
    deployed.any(|file| fs::read_to_string(file).expect("a file").contains(&format!("\"{word}\"")))
}

/// Our own metrics are emitted, with dimension values that the code has; those of AWS belong to a deployed resource.
fn assert_is_measured(watched: &Watched, by: &str) {
    let Watched { namespace, metric, dimensions } = watched;
    let names: BTreeSet<String> = dimensions.keys().cloned().collect();
    let (dimension, known): (&str, BTreeSet<String>) = match namespace.as_str() {
        NAMESPACE => {
            assert!(emitted().contains(&(metric.clone(), names)), "{by}: no function emits {watched:?}");
            let is_known = |(name, value): (&String, &String)| match name.as_str() {
                "source" => *value == STORE || app().functions().iter().any(|function| function.binary == *value),
                "outcome" | "reason" | "backlog" => is_in_code(value),
                "sweep" => sweeps().contains(value),
                _ => RAISED.iter().any(|(source, word, _)| *source == dimensions["source"] && word == value),
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
        other => panic!("{by}: {other} is no namespace of ours or of AWS"),
    };
    assert_eq!(names, [dimension.to_owned()].into(), "{by}: {watched:?}");
    assert!(known.contains(&dimensions[dimension]), "{by}: {watched:?}");
}

#[test]
fn every_metric_of_an_alarm_is_emitted() {
    for (name, metrics) in alarms() {
        assert!((1..=10).contains(&metrics.len()), "{name}: CloudWatch allows ten");
        for watched in &metrics {
            assert_is_measured(watched, &name);
        }
    }
    assert_eq!(app_parameter(), "/hookledger/local/api-id");
}

/// A separate parser reads the generated YAML.
#[test]
fn template_has_the_alarms_of_the_table() {
    let watch = watch();
    assert_eq!(in_template(&watch), alarms());
    let resources: BTreeMap<&str, &Value> = of_type(&watch, "AWS::CloudWatch::Alarm").into_iter().collect();
    for alarm in xtask::alarms::all() {
        let (id, when) = (alarm.logical_id(), &alarm.when);
        let properties = resources[id.as_str()];
        assert_eq!(text(&properties["AlarmName"]), format!("hookledger-local-{}", alarm.name));
        assert_eq!(properties["AlarmActions"], serde_json::json!([{ "Ref": "AlarmTopic" }]), "{id}");
        assert!(text(&properties["AlarmDescription"]).starts_with(&alarm.means.en), "{id}");
        assert_eq!(properties["EvaluationPeriods"], when.periods, "{id}");
        // Without sales there are no data points, which is fine. A schedule that runs always emits some.
        let missing = if alarm.name == "clock" { Missing::Breaching } else { Missing::Fine };
        assert_eq!(when.missing, missing, "{id}");
        let missing = if missing == Missing::Breaching { "breaching" } else { "notBreaching" };
        assert_eq!(properties["TreatMissingData"], missing, "{id}");
    }
}

fn app_parameter() -> String {
    text(&resources(&app())["ApiIdParameter"]["Properties"]["Name"])
}

#[test]
fn raised_alarm_is_watched() {
    let watched: BTreeSet<Watched> = alarms().into_values().flatten().collect();
    let is_watched = |dimensions: &[(&str, &str)]| {
        let dimensions = dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (namespace, metric) = (NAMESPACE.to_owned(), "alarms".to_owned());
        watched.contains(&Watched { namespace, metric, dimensions })
    };
    for (source, word, file) in RAISED {
        let code = fs::read_to_string(root().join(file)).expect("a file");
        assert!(code.contains(&format!("\"{word}\"")) || code.contains(word), "{file} does not raise {word}");
        assert!(
            is_watched(&[("source", source), ("alarm", word)]) || is_watched(&[("source", source)]),
            "{source} {word}"
        );
    }
    let code = ["functions", "shared"].into_iter().flat_map(|folder| files(&root().join(folder), ".rs"));
    let code = code.filter(|file| !file.ends_with("tests.rs"));
    let places: usize =
        code.map(|file| fs::read_to_string(file).expect("a file").matches("edge::alarm(").count()).sum();
    assert_eq!(places, PLACES, "RAISED lists every call of edge::alarm");
}

/// Every function, queue and table; and the signatures and failures of every source.
#[test]
fn every_function_queue_table_and_source_is_watched() {
    let alarms = alarms();
    let of = |name: &str, dimension: &str| -> BTreeSet<String> {
        alarms[name].iter().map(|watched| watched.dimensions[dimension].clone()).collect()
    };
    let app = app();
    let functions: BTreeSet<String> =
        app.functions().iter().map(|function| format!("hookledger-local-{}", function.binary)).collect();
    for alarms in [["errors", "errors-apis", "errors-workers"], ["throttled", "throttled-apis", "throttled-workers"]] {
        let watched: BTreeSet<String> = alarms.into_iter().flat_map(|name| of(name, "FunctionName")).collect();
        assert_eq!(watched, functions, "{alarms:?}");
    }
    let queues: BTreeSet<String> =
        of_type(&app, "AWS::SQS::Queue").iter().map(|(_, queue)| text(&queue["QueueName"])).collect();
    assert_eq!(of("dead-letters", "QueueName"), queues);
    for alarm in ["throttled-table-writes", "throttled-table-reads"] {
        assert_eq!(of(alarm, "TableName").len(), idempotency::Tables::VARIABLES.len());
    }
    assert_eq!(of("clock", "sweep"), sweeps());
    for source in Source::ALL.map(|source| source.as_str().to_owned()) {
        for what in ["signatures", "failures"] {
            assert_eq!(of(&format!("{source}-{what}"), "source"), [source.clone()].into());
        }
        assert!(of("conflict", "source").contains(&source), "{source}");
    }
}

/// Writes to every index, and reads of those that a function queries.
#[test]
fn every_index_is_watched() {
    let app = app();
    let is_queried =
        |(table, index): &&(String, String)| app.document().to_string().contains(&format!("{table}/index/{index}\""));
    let of = |metric: &str| -> BTreeSet<(String, String)> {
        let alarms = alarms();
        let of_indexes = ["throttled-index-writes", "throttled-index-reads"].into_iter().flat_map(|name| &alarms[name]);
        let watched = of_indexes.filter(|watched| watched.metric == metric);
        let of = |of: &Watched| (of.dimensions["TableName"].clone(), of.dimensions["GlobalSecondaryIndexName"].clone());
        watched.map(of).collect()
    };
    assert_eq!(of("WriteThrottleEvents"), indexes());
    assert_eq!(of("ReadThrottleEvents"), indexes().iter().filter(is_queried).cloned().collect());
}

/// A sparse metric is filled with zeros: without data points an expression has no value, and its alarm would never end.
#[test]
fn expression_names_each_of_its_metrics() {
    for alarm in xtask::alarms::all() {
        let name = &alarm.name;
        let Watches::Expression { formula, of, .. } = &alarm.when.value else {
            let is_sparse = alarm.when.value.metrics().iter().any(|metric| metric.namespace == "AWS/DynamoDB");
            assert!(!is_sparse, "{name} would never end");
            continue;
        };
        let ids: BTreeSet<&str> = of.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(ids.len(), of.len(), "{name}: {ids:?}");
        if of.iter().any(|(_, metric)| metric.namespace == "AWS/DynamoDB") {
            assert_eq!(formula, "SUM(FILL(METRICS(), 0))", "{name} would never end");
        }
        if !formula.contains("METRICS()") {
            let words = formula.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
            let named: BTreeSet<&str> =
                words.filter(|word| word.starts_with(|first: char| first.is_ascii_lowercase())).collect();
            assert_eq!(named, ids, "{name}: {formula}");
        }
    }
}

/// Each finding of an audit has a row in the docs that names the command which repairs it.
#[test]
fn each_finding_has_a_documented_repair() {
    for (file, head) in [("docs/operate.md", "## Repairing the books"), ("docs/operate.zh.md", "## 修复账目")] {
        let doc = fs::read_to_string(root().join(file)).expect("a file");
        let (_, section) = doc.split_once(head).expect("a section");
        let (section, _) = section.split_once("\n### ").expect("a table");
        for difference_kind in ledger::DifferenceKind::ALL {
            let is_about = |row: &&str| {
                let found = row.trim_start_matches("| ").split(" |").next().unwrap_or_default();
                found.split([',', ' ', '、', '，']).any(|word| word == difference_kind.as_str())
            };
            let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).filter(is_about).collect();
            let repairs = |row: &&&str| row.contains(" repair ");
            assert!(
                !rows.is_empty() && rows.iter().filter(repairs).count() == rows.len(),
                "{file}: {}",
                difference_kind.as_str()
            );
        }
    }
}
