//! Finds out what a deployed stage is like. What is expected comes from the templates, so that the two cannot drift.

#![expect(clippy::indexing_slicing, reason = "a member of JSON that is not there is null")]

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use edge::Settings;
use embedded::{APP_YAML, DATA_YAML, Template};
use futures_util::future::join_all;
use ledger::Ledger as _;
use local::{check_keys, context};
use serde_json::Value;
use signing::Strength;

use super::facts::{AlarmFacts, ApiFacts, Facts, TableFacts};
use super::{at_stripe, health};
use crate::account::PATIENCE;
use crate::aws_cli::AwsCli;
use crate::books::Books;
use crate::error::Error;
use crate::error::of_tools::ToolError;

const WATCH_YAML: &str = include_str!("../../../infra/watch.yaml");

/// The names of a stage's resources, as its templates have them.
struct Expected {
    tables: Vec<(String, Vec<String>, bool)>,
    secrets: Vec<String>,
    schedules: Vec<String>,
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
        Ok(Self {
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

/// What could not be read, for a yellow finding each.
#[derive(Default)]
struct Unread(Mutex<Vec<(&'static str, String)>>);

impl Unread {
    /// The answer; `None` if AWS says that there is no such thing, or if it cannot be read.
    fn or_missing(&self, check: &'static str, answer: Result<Value, Error>) -> Option<Value> {
        answer
            .map_err(|error| {
                let line = error.line();
                let is_missing = ["NotFound", "does not exist", "NonExistent"].iter().any(|word| line.contains(word));
                if !is_missing {
                    self.0.lock().unwrap_or_else(PoisonError::into_inner).push((check, line));
                }
            })
            .ok()
    }
}

pub(super) async fn facts(books: &Books, stage: &str, aws: &AwsCli) -> Result<Facts, Error> {
    let (expected, unread) = (Expected::of(stage)?, Unread::default());
    // Fails here and once, if there is no AWS CLI.
    let account = match aws.json(&["lambda", "get-account-settings"]).await {
        Err(error @ Error::Tool(ToolError::NoAwsCli)) => return Err(error),
        answer => unread.or_missing("quotas", answer),
    };
    let mut facts = Facts { stage: stage.to_owned(), ..Facts::default() };
    facts.concurrency = account.and_then(|found| found["AccountLimit"]["ConcurrentExecutions"].as_u64());
    let mut outputs = BTreeMap::new();
    for part in ["-data", "", "-watch"] {
        let name = format!("hookledger-{stage}{part}");
        let answer = aws.json(&["cloudformation", "describe-stacks", "--stack-name", &name]).await;
        let found = unread.or_missing("stacks", answer).map(|found| found["Stacks"][0].clone());
        let status = found.as_ref().and_then(|stack| stack["StackStatus"].as_str().map(str::to_owned));
        facts.stacks.insert(name, status);
        if part.is_empty() {
            facts.parameters = pairs(found.as_ref(), "Parameters", "ParameterKey", "ParameterValue");
            outputs = pairs(found.as_ref(), "Outputs", "OutputKey", "OutputValue");
        }
    }
    facts.tables = join_all(expected.tables.iter().map(|table| table_facts(aws, table, &unread))).await;
    let settings = secrets(books, &expected.secrets, stage, &unread).await;
    let is_live = facts.parameters.get("StripeLivemode").is_some_and(|mode| mode == "true");
    facts.keys = check_keys(&settings, is_live, Strength::Deployed);
    facts.schedules = schedules(aws, stage, &expected.schedules, &unread).await;
    let counted = join_all(expected.queues.iter().map(|queue| messages(aws, queue, &unread))).await;
    facts.dead_letters = expected.queues.iter().cloned().zip(counted).collect();
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
    facts.unread.extend(unread.0.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(facts)
}

fn pairs(stack: Option<&Value>, list: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    let all = stack.and_then(|stack| stack[list].as_array()).into_iter().flatten();
    all.filter_map(|pair| Some((pair[key].as_str()?.to_owned(), pair[value].as_str()?.to_owned()))).collect()
}

/// `https://host` of a longer address.
fn base_of(url: &str) -> String {
    url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
}

async fn table_facts(
    aws: &AwsCli,
    (name, indexes, has_stream): &(String, Vec<String>, bool),
    unread: &Unread,
) -> TableFacts {
    let answer = aws.json(&["dynamodb", "describe-table", "--table-name", name]).await;
    let found = unread.or_missing("tables", answer).map(|found| found["Table"].clone());
    table_of(name, indexes, *has_stream, found.as_ref())
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

/// All settings of the stage's secrets together. No value leaves this process.
async fn secrets(books: &Books, names: &[String], stage: &str, unread: &Unread) -> Settings {
    let mut all: Vec<(String, String)> = Vec::new();
    for name in names {
        let short = name.trim_start_matches(&format!("hookledger/{stage}/"));
        // Replaced keys verify, and no one signs with them.
        if short == "retired" {
            continue;
        }
        match books.settings_of_stage(short).await {
            Ok(settings) => all.extend(settings),
            Err(error) => {
                let why = format!("{name}: {}", Error::from(error).line());
                unread.0.lock().unwrap_or_else(PoisonError::into_inner).push(("secrets", why));
            }
        }
    }
    Settings::new(all)
}

async fn schedules(aws: &AwsCli, stage: &str, names: &[String], unread: &Unread) -> BTreeMap<String, Option<String>> {
    let prefix = format!("hookledger-{stage}-");
    let answer = aws.json(&["scheduler", "list-schedules", "--name-prefix", &prefix]).await;
    let Some(found) = unread.or_missing("schedules", answer) else { return BTreeMap::new() };
    let state_of = |name: &String| {
        let all = found["Schedules"].as_array().into_iter().flatten();
        all.clone().find(|schedule| schedule["Name"] == name.as_str())?["State"].as_str().map(str::to_owned)
    };
    names.iter().map(|name| (name.clone(), state_of(name))).collect()
}

/// `None` if there is no such queue.
async fn messages(aws: &AwsCli, queue: &str, unread: &Unread) -> Option<u64> {
    let url = unread.or_missing("dead letters", aws.json(&["sqs", "get-queue-url", "--queue-name", queue]).await)?;
    let (attribute, url) = ("ApproximateNumberOfMessages", url["QueueUrl"].as_str()?.to_owned());
    let counted = aws.json(&["sqs", "get-queue-attributes", "--queue-url", &url, "--attribute-names", attribute]).await;
    unread.or_missing("dead letters", counted)?["Attributes"][attribute].as_str()?.parse().ok()
}

async fn alarms(aws: &AwsCli, stage: &str, names: &[String], unread: &Unread) -> Option<AlarmFacts> {
    let prefix = format!("hookledger-{stage}-");
    let answer = aws.json(&["cloudwatch", "describe-alarms", "--alarm-name-prefix", &prefix]).await;
    let found = unread.or_missing("alarms", answer)?;
    let all: Vec<&Value> = found["MetricAlarms"].as_array().into_iter().flatten().collect();
    let short = |name: &str| name.trim_start_matches(&prefix).to_owned();
    let of = |is: fn(&Value) -> bool| {
        all.iter().filter(|alarm| is(alarm)).filter_map(|alarm| alarm["AlarmName"].as_str().map(short)).collect()
    };
    let topic = all.iter().find_map(|alarm| alarm["AlarmActions"][0].as_str()).unwrap_or_default().to_owned();
    let answer = aws.json(&["sns", "list-subscriptions-by-topic", "--topic-arn", &topic]).await;
    let subscribed = if topic.is_empty() { None } else { unread.or_missing("alarms", answer) };
    let arns: Vec<String> = subscribed
        .iter()
        .flat_map(|found| found["Subscriptions"].as_array().into_iter().flatten())
        .filter_map(|subscription| subscription["SubscriptionArn"].as_str().map(str::to_owned))
        .collect();
    let is_there = |name: &&String| !all.iter().any(|alarm| alarm["AlarmName"] == name.as_str());
    Some(AlarmFacts {
        missing: names.iter().filter(is_there).map(|name| short(name)).collect(),
        raised: of(|alarm| alarm["StateValue"] == "ALARM"),
        muted: of(|alarm| alarm["ActionsEnabled"] == false),
        confirmed: arns.iter().filter(|arn| arn.starts_with("arn:")).count(),
        pending: arns.iter().filter(|arn| !arn.starts_with("arn:")).count(),
    })
}
