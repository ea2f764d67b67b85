//! Finds out what a deployed stage is like. What is expected comes from the templates, so that the two cannot drift.

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there is null")]

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use edge::Settings;
use embedded::{APP_YAML, DATA_YAML, Template};
use futures_util::future::join_all;
use ledger::{Ledger as _, Sweep, Timestamp};
use local::{check_keys, context, now};
use serde_json::Value;
use signing::{SecretError, Strength};

use super::checks::is_denied;
use super::facts::{AlarmFacts, ApiFacts, Facts, StreamFacts, TableFacts};
use super::{at_stripe, health};
use crate::account::PATIENCE;
use crate::aws_cli::{AwsCli, pairs};
use crate::books::Books;
use crate::error::Error;
use crate::error::of_tools::ToolError;

/// Each sweep runs at least every five minutes, and a metric comes some minutes late.
const IDLE_SECONDS: i64 = 30 * 60;
const WATCH_YAML: &str = include_str!("../../../infra/watch.yaml");

/// The names of a stage's resources, as its templates have them.
struct Expected {
    tables: Vec<(String, Vec<String>, bool)>,
    secrets: Vec<String>,
    schedules: Vec<String>,
    /// Each function that reads streams, with how many.
    streams: Vec<(String, usize)>,
    queues: Vec<String>,
    alarms: Vec<String>,
}

impl Expected {
    fn of(stage: &str) -> Result<Self, Error> {
        let parse = |text| Template::parse(text, &[("Stage", stage)]).map_err(|_| ToolError::Template);
        let (data, app, watch) = (parse(DATA_YAML)?, parse(APP_YAML)?, parse(WATCH_YAML)?);
        let index = |index: &Value| index["IndexName"].as_str().map(str::to_owned);
        let tables = data.tables().iter().map(|table| {
            let indexes = table.definition["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
            (table.name.clone(), indexes.filter_map(index).collect(), table.stream.is_some())
        });
        let events = resources(&app).flat_map(|(_, resource)| {
            resource["Properties"]["Events"].as_object().into_iter().flat_map(|events| events.values())
        });
        let schedules = events.filter(|event| event["Type"] == "ScheduleV2");
        let reads = |(_, resource): (&String, &Value)| {
            let events = resource["Properties"]["Events"].as_object()?.values();
            let count = events.filter(|event| event["Type"] == "DynamoDB").count();
            (count > 0).then(|| Some((resource["Properties"]["FunctionName"].as_str()?.to_owned(), count)))?
        };
        Ok(Self {
            streams: resources(&app).filter_map(reads).collect(),
            tables: tables.collect(),
            secrets: named(&app, "AWS::SecretsManager::Secret", "Name"),
            schedules: schedules.filter_map(|event| event["Properties"]["Name"].as_str().map(str::to_owned)).collect(),
            queues: named(&app, "AWS::SQS::Queue", "QueueName"),
            alarms: named(&watch, "AWS::CloudWatch::Alarm", "AlarmName"),
        })
    }
}

fn resources(template: &Template) -> impl Iterator<Item = (&String, &Value)> {
    template.document()["Resources"].as_object().into_iter().flatten()
}

fn named(template: &Template, kind: &str, property: &str) -> Vec<String> {
    let of_kind = resources(template).filter(|(_, resource)| resource["Type"] == kind);
    of_kind.filter_map(|(_, resource)| resource["Properties"][property].as_str().map(str::to_owned)).collect()
}

/// What AWS says of one thing.
#[derive(Debug)]
pub(super) enum Read {
    Found(Value),
    Missing,
    /// Denied, or without an answer: nothing is known of it.
    Unread,
}

impl Read {
    /// Of what is not there, and of what could not be read, there is nothing to say.
    fn found(self) -> Option<Value> {
        if let Self::Found(found) = self { Some(found) } else { None }
    }
}

/// What could not be read, for a yellow finding each.
#[derive(Default)]
pub(super) struct Unread(Mutex<Vec<(&'static str, String)>>);

impl Unread {
    pub(super) fn read(&self, check: &'static str, answer: Result<Value, Error>) -> Read {
        match answer {
            Ok(found) => Read::Found(found),
            Err(error) => {
                let line = error.line();
                let is_missing = ["NotFound", "does not exist", "NonExistent"].iter().any(|word| line.contains(word));
                if is_missing && !is_denied(&line) {
                    return Read::Missing;
                }
                self.note(check, line);
                Read::Unread
            }
        }
    }

    fn note(&self, check: &'static str, why: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((check, why));
    }

    pub(super) fn into_inner(self) -> Vec<(&'static str, String)> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn facts(books: &Books, stage: &str, aws: &AwsCli) -> Result<Facts, Error> {
    let (expected, unread) = (Expected::of(stage)?, Unread::default());
    // Fails here and once, if there is no AWS CLI.
    let account = match aws.json(&["lambda", "get-account-settings"]).await {
        Err(error @ Error::Tool(ToolError::NoAwsCli)) => return Err(error),
        answer => unread.read("quotas", answer).found(),
    };
    let mut facts = Facts { stage: stage.to_owned(), ..Facts::default() };
    facts.concurrency = account.and_then(|found| found["AccountLimit"]["ConcurrentExecutions"].as_u64());
    let mut outputs = BTreeMap::new();
    for part in ["-data", "", "-watch"] {
        let name = format!("hookledger-{stage}{part}");
        let found = stack(aws, &name, &unread).await;
        let Some(found) = found else { continue };
        let status = found.as_ref().and_then(|stack| stack["StackStatus"].as_str().map(str::to_owned));
        facts.stacks.insert(name, status);
        if part.is_empty() {
            facts.parameters = pairs(found.as_ref(), "Parameters", "ParameterKey", "ParameterValue");
            outputs = pairs(found.as_ref(), "Outputs", "OutputKey", "OutputValue");
        }
    }
    let tables = join_all(expected.tables.iter().map(|table| table_facts(aws, table, &unread))).await;
    facts.tables = tables.into_iter().flatten().collect();
    let (settings, denied) = secrets(books, &expected.secrets, stage, &unread).await;
    let is_live = facts.parameters.get("StripeLivemode").is_some_and(|mode| mode == "true");
    facts.keys = check_keys(&settings, is_live, Strength::Deployed);
    // Of a secret that cannot be read nothing is known, and of a mode that cannot be read neither.
    let is_mode_known = !facts.parameters.is_empty();
    facts.keys.retain(|key| {
        let is_of_mode = matches!(key.result, Err((_, SecretError::OtherMode { .. })));
        !denied.iter().any(|secret| secret == key.secret) && (is_mode_known || !is_of_mode)
    });
    facts.schedules = schedules(aws, stage, &expected.schedules, &unread).await;
    let counted = join_all(expected.queues.iter().map(|queue| messages(aws, queue, &unread))).await;
    let counted = expected.queues.iter().cloned().zip(counted);
    facts.dead_letters = counted.filter_map(|(queue, count)| Some((queue, count?))).collect();
    // Before it is deployed nothing runs, which is a finding already.
    if facts.stacks.get(&format!("hookledger-{stage}")).is_some_and(Option::is_some) {
        facts.idle = idle(aws, stage, now(), &unread).await;
    }
    let streams = join_all(expected.streams.iter().map(|function| streams(aws, function, &unread))).await;
    facts.streams = streams.into_iter().flatten().collect();
    facts.alarms = alarms(aws, stage, &expected.alarms, &unread).await;
    if let Some(url) = outputs.get("ApiUrl").or_else(|| outputs.values().find(|value| value.contains("execute-api"))) {
        let url = base_of(url);
        let (status, seconds_apart) = health(&url).await;
        facts.api = Some(ApiFacts { url, status, seconds_apart });
    }
    if let Some(key) = settings.setting("STRIPE_SECRET_KEY") {
        match at_stripe::facts(key, &facts.parameters).await {
            Ok(found) => facts.stripe = Some(found),
            Err(why) => facts.unread.push(("stripe", why)),
        }
    }
    match books.ledger.pauses(&context(PATIENCE)).await {
        Ok(pauses) => facts.paused = super::paused(&pauses),
        Err(error) => facts.unread.push(("paused", Error::from(error).line())),
    }
    facts.unread.extend(unread.into_inner());
    Ok(facts)
}

/// `https://host` of a longer address.
fn base_of(url: &str) -> String {
    url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

/// The outer `None` if it cannot be read, the inner one if there is no such stack.
pub(super) async fn stack(aws: &AwsCli, name: &str, unread: &Unread) -> Option<Option<Value>> {
    let answer = aws.json(&["cloudformation", "describe-stacks", "--stack-name", name]).await;
    match unread.read("stacks", answer) {
        Read::Found(found) => Some(Some(found["Stacks"][0].clone())),
        Read::Missing => Some(None),
        Read::Unread => None,
    }
}

/// `None` if it cannot be read.
pub(super) async fn table_facts(
    aws: &AwsCli,
    (name, indexes, has_stream): &(String, Vec<String>, bool),
    unread: &Unread,
) -> Option<TableFacts> {
    let answer = aws.json(&["dynamodb", "describe-table", "--table-name", name]).await;
    let found = match unread.read("tables", answer) {
        Read::Found(found) => Some(found["Table"].clone()),
        Read::Missing => None,
        Read::Unread => return None,
    };
    Some(table_of(name, indexes, *has_stream, found.as_ref()))
}

pub(super) fn table_of(name: &str, indexes: &[String], has_stream: bool, found: Option<&Value>) -> TableFacts {
    let Some(table) = found else { return TableFacts { name: name.to_owned(), ..TableFacts::default() } };
    let active = |wanted: &&String| {
        let all = table["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        !all.clone().any(|index| index["IndexName"] == wanted.as_str() && index["IndexStatus"] == "ACTIVE")
    };
    TableFacts {
        name: name.to_owned(),
        status: table["TableStatus"].as_str().map(str::to_owned),
        missing_indexes: indexes.iter().filter(active).cloned().collect(),
        lacks_stream: has_stream && table["StreamSpecification"]["StreamEnabled"] != true,
        is_protected: table["DeletionProtectionEnabled"] == true,
    }
}

/// All settings of the stage's secrets together, and the secrets that cannot be read. No value leaves this process.
async fn secrets(books: &Books, names: &[String], stage: &str, unread: &Unread) -> (Settings, Vec<String>) {
    let (mut all, mut denied): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
    for name in names {
        let short = name.trim_start_matches(&format!("hookledger/{stage}/"));
        // Replaced keys verify, and no one signs with them.
        if short == "retired" {
            continue;
        }
        match books.settings_of_stage(short).await {
            Ok(settings) => all.extend(settings),
            Err(error) => {
                unread.note("secrets", format!("{name}: {}", Error::from(error).line()));
                denied.push(short.to_owned());
            }
        }
    }
    (Settings::new(all), denied)
}

async fn schedules(aws: &AwsCli, stage: &str, names: &[String], unread: &Unread) -> BTreeMap<String, Option<String>> {
    let prefix = format!("hookledger-{stage}-");
    let answer = aws.json(&["scheduler", "list-schedules", "--name-prefix", &prefix]).await;
    let Some(found) = unread.read("schedules", answer).found() else { return BTreeMap::new() };
    let state_of = |name: &String| {
        let all = found["Schedules"].as_array().into_iter().flatten();
        all.clone().find(|schedule| schedule["Name"] == name.as_str())?["State"].as_str().map(str::to_owned)
    };
    names.iter().map(|name| (name.clone(), state_of(name))).collect()
}

/// The outer `None` if it cannot be read, the inner one if there is no such queue.
pub(super) async fn messages(aws: &AwsCli, queue: &str, unread: &Unread) -> Option<Option<u64>> {
    const CHECK: &str = "dead letters";
    let url = match unread.read(CHECK, aws.json(&["sqs", "get-queue-url", "--queue-name", queue]).await) {
        Read::Found(found) => found["QueueUrl"].as_str().unwrap_or_default().to_owned(),
        Read::Missing => return Some(None),
        Read::Unread => return None,
    };
    let attribute = "ApproximateNumberOfMessages";
    let counted = aws.json(&["sqs", "get-queue-attributes", "--queue-url", &url, "--attribute-names", attribute]).await;
    let count = match unread.read(CHECK, counted) {
        Read::Found(found) => found["Attributes"][attribute].as_str().and_then(|count| count.parse().ok()),
        Read::Missing => return Some(None),
        Read::Unread => return None,
    };
    if count.is_none() {
        unread.note(CHECK, format!("{queue}: the answer has no count"));
    }
    count.map(Some)
}

/// The states of a function's event source mappings; `None` if they cannot be read.
pub(super) async fn streams(
    aws: &AwsCli,
    (function, expected): &(String, usize),
    unread: &Unread,
) -> Option<StreamFacts> {
    let answer = aws.json(&["lambda", "list-event-source-mappings", "--function-name", function]).await;
    let found = match unread.read("streams", answer) {
        Read::Found(found) => found,
        Read::Missing => Value::Null,
        Read::Unread => return None,
    };
    let states = found["EventSourceMappings"].as_array().into_iter().flatten();
    let states = states.filter_map(|mapping| mapping["State"].as_str().map(str::to_owned)).collect();
    Some(StreamFacts { function: function.clone(), expected: *expected, states })
}

/// The sweeps without a finished run: each one counts its runs.
pub(super) async fn idle(aws: &AwsCli, stage: &str, until: Timestamp, unread: &Unread) -> Vec<String> {
    let (namespace, from) = (format!("hookledger-{stage}"), until.plus_seconds(IDLE_SECONDS.saturating_neg()));
    let (from, until, period) = (from.to_string(), until.to_string(), IDLE_SECONDS.to_string());
    let runs = async |sweep: Sweep| {
        let dimension = format!("Name=sweep,Value={}", sweep.as_str());
        let words = ["cloudwatch", "get-metric-statistics", "--namespace", &namespace, "--metric-name", "runs"];
        let over = ["--dimensions", &dimension, "--start-time", &from, "--end-time", &until, "--period", &period];
        let words: Vec<&str> = words.into_iter().chain(over).chain(["--statistics", "Sum"]).collect();
        let found = unread.read("schedules", aws.json(&words).await).found()?;
        found["Datapoints"].as_array().is_none_or(Vec::is_empty).then(|| sweep.as_str().to_owned())
    };
    join_all(Sweep::ALL.into_iter().map(runs)).await.into_iter().flatten().collect()
}

async fn alarms(aws: &AwsCli, stage: &str, names: &[String], unread: &Unread) -> Option<AlarmFacts> {
    let prefix = format!("hookledger-{stage}-");
    let answer = aws.json(&["cloudwatch", "describe-alarms", "--alarm-name-prefix", &prefix]).await;
    let found = unread.read("alarms", answer).found()?;
    let all: Vec<&Value> = found["MetricAlarms"].as_array().into_iter().flatten().collect();
    let short = |name: &str| name.trim_start_matches(&prefix).to_owned();
    let of = |is: fn(&Value) -> bool| {
        all.iter().filter(|alarm| is(alarm)).filter_map(|alarm| alarm["AlarmName"].as_str().map(short)).collect()
    };
    let topic = all.iter().find_map(|alarm| alarm["AlarmActions"][0].as_str()).unwrap_or_default().to_owned();
    let answer = aws.json(&["sns", "list-subscriptions-by-topic", "--topic-arn", &topic]).await;
    let subscribed = if topic.is_empty() { Read::Missing } else { unread.read("alarms", answer) };
    let is_read = !matches!(subscribed, Read::Unread);
    let arns: Vec<String> = subscribed
        .found()
        .iter()
        .flat_map(|found| found["Subscriptions"].as_array().into_iter().flatten())
        .filter_map(|subscription| subscription["SubscriptionArn"].as_str().map(str::to_owned))
        .collect();
    let is_there = |name: &&String| !all.iter().any(|alarm| alarm["AlarmName"] == name.as_str());
    Some(AlarmFacts {
        missing: names.iter().filter(is_there).map(|name| short(name)).collect(),
        raised: of(|alarm| alarm["StateValue"] == "ALARM"),
        muted: of(|alarm| alarm["ActionsEnabled"] == false),
        silent: of(|alarm| alarm["AlarmActions"].as_array().is_none_or(Vec::is_empty)),
        confirmed: is_read.then(|| arns.iter().filter(|arn| arn.starts_with("arn:")).count()),
        pending: arns.iter().filter(|arn| !arn.starts_with("arn:")).count(),
    })
}
