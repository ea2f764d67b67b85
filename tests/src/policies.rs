//! Least privilege: the role of each function grants exactly the calls that the function was recorded making.

pub(crate) mod evaluated;
pub(crate) mod runs;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};

use embedded::Template;
use serde_json::{Map, Value, json};
use testkit::{Call, STAGE};

use crate::deployed::{app, of_type, resources};

const REGION: &str = "us-east-1:000000000000";

/// A DynamoDB call and its resource: a table (`journal`), or an index (`journal/index/attention`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    action: String,
    on: String,
    in_transaction: bool,
}

/// With the keys of the rows, or their prefixes, if the right is restricted to certain rows.
type Rights = BTreeMap<Right, Option<BTreeSet<String>>>;

/// Every row that the calls touched, by right.
fn recorded(calls: &[Call]) -> BTreeMap<Right, BTreeSet<String>> {
    let mut recorded: BTreeMap<Right, BTreeSet<String>> = BTreeMap::new();
    let mut record = |action: &str, table: &str, index: Option<&str>, in_transaction, key: &Value| {
        let table = table.strip_prefix(&format!("hookledger-{STAGE}-")).expect("a table of this stage");
        let on = index.map_or(table.to_owned(), |index| format!("{table}/index/{index}"));
        let right = Right { action: action.to_owned(), on, in_transaction };
        recorded.entry(right).or_default().extend(key["id"]["S"].as_str().map(str::to_owned));
    };
    for Call { operation, request, .. } in calls {
        match operation.as_str() {
            "TransactWriteItems" => {
                for item in request["TransactItems"].as_array().expect("items") {
                    for (kind, what) in item.as_object().expect("an item") {
                        let (action, key) = match kind.as_str() {
                            "Put" => ("PutItem", &what["Item"]),
                            "Update" => ("UpdateItem", &what["Key"]),
                            "Delete" => ("DeleteItem", &what["Key"]),
                            _ => ("ConditionCheckItem", &what["Key"]),
                        };
                        record(action, what["TableName"].as_str().expect("a table"), None, true, key);
                    }
                }
            }
            "BatchGetItem" => {
                for table in request["RequestItems"].as_object().expect("tables").keys() {
                    record("BatchGetItem", table, None, false, &Value::Null);
                }
            }
            single => {
                let table = request["TableName"].as_str().expect("a table");
                record(single, table, request["IndexName"].as_str(), false, &request["Key"]);
            }
        }
    }
    recorded
}

/// The statements of a role, without those that only tracing adds.
fn statements<'t>(template: &'t Template, role: &str) -> Vec<&'t Value> {
    let properties = &resources(template)[role]["Properties"];
    assert_eq!(properties["ManagedPolicyArns"], Value::Null, "{role}: its rights are inline");
    let policies = properties["Policies"].as_array().expect("policies");
    let all = policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().expect("statements"));
    all.filter(|statement| statement["Fn::If"].is_null()).collect()
}

fn each(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// The rights of a statement on the tables. It fails for every condition that it does not fully evaluate.
fn granted(statement: &Value) -> Rights {
    let condition = &statement["Condition"];
    let by = ["ForAllValues:StringEquals", "ForAllValues:StringLike"].into_iter().find(|by| !condition[*by].is_null());
    let keys = by.and_then(|by| condition[by]["dynamodb:LeadingKeys"].as_array());
    let in_transaction = !condition["ForAnyValue:StringEquals"].is_null();
    let mut whole = Map::new();
    if in_transaction {
        let within = json!({ "dynamodb:EnclosingOperation": ["TransactWriteItems"] });
        whole.insert("ForAnyValue:StringEquals".to_owned(), within);
    }
    if let Some((by, keys)) = by.zip(keys) {
        let is_like = by.ends_with("Like");
        // The number of an order has no separator, and no pointer begins as it does.
        // A use of LiteLLM or OpenRouter has the key of a usage event, with an id that begins so.
        let is_known = |key: &str| ["HL*", "usage#litellm.*", "usage#openrouter.*"].contains(&key);
        let is_prefix = |key: &str| is_known(key) || key.ends_with("#*") && key.matches('*').count() == 1;
        let ends = |key: &Value| key.as_str().is_some_and(is_prefix);
        assert!(!is_like || keys.iter().all(ends), "a key prefix ends at a separator: {keys:?}");
        whole.insert(by.to_owned(), json!({ "dynamodb:LeadingKeys": keys }));
        // Without this condition, a call that names no key would satisfy `ForAllValues`.
        whole.insert("Null".to_owned(), json!({ "dynamodb:LeadingKeys": "false" }));
    }
    assert_eq!(condition.as_object().cloned().unwrap_or_default(), whole, "{statement}");
    let keys = keys.map(|keys| keys.iter().map(|key| key.as_str().expect("a key").to_owned()).collect());
    let mut rights = Rights::new();
    for action in each(&statement["Action"]) {
        for resource in each(&statement["Resource"]) {
            let action = action.as_str().and_then(|action| action.strip_prefix("dynamodb:")).expect("an action");
            let table = format!("arn:aws:dynamodb:{REGION}:table/hookledger-{STAGE}-");
            let on = resource.as_str().and_then(|arn| arn.strip_prefix(&table)).expect("a table").to_owned();
            let right = Right { action: action.to_owned(), on, in_transaction };
            assert_eq!(rights.insert(right, keys.clone()), None, "twice in {statement}");
        }
    }
    rights
}

fn is_denied(statement: &Value) -> bool {
    statement["Effect"] == "Deny"
}

/// Whether the key of a row is one of these, or has one of these prefixes.
fn is_of(key: &str, patterns: &BTreeSet<String>) -> bool {
    patterns.iter().any(|pattern| pattern.strip_suffix('*').map_or(key == pattern, |begins| key.starts_with(begins)))
}

fn is_on_the_store(statement: &Value) -> bool {
    each(&statement["Action"])
        .iter()
        .any(|action| action.as_str().is_some_and(|action| action.starts_with("dynamodb:")))
        && statement["Sid"] != "ReadStream"
}

#[tokio::test(start_paused = true)]
async fn role_grants_exactly_what_its_function_does() {
    let app = app();
    for function in app.functions() {
        let (name, role) = (function.binary.as_str(), function.logical_id.replace("Function", "Role"));
        let mut rights = Rights::new();
        let on_the_store = statements(&app, &role).into_iter().filter(|statement| is_on_the_store(statement));
        for statement in on_the_store.filter(|statement| !is_denied(statement)) {
            for (right, keys) in granted(statement) {
                assert!(rights.insert(right.clone(), keys).is_none(), "{name}: twice {right:?}");
            }
        }
        let recorded = recorded(&runs::of(name).await);
        assert_eq!(
            rights.keys().collect::<Vec<_>>(),
            recorded.keys().collect::<Vec<_>>(),
            "{name}: granted, and recorded"
        );
        for (right, keys) in rights {
            if let Some(keys) = &keys {
                let others: Vec<_> = recorded[&right].iter().filter(|key| !is_of(key, keys)).collect();
                assert!(others.is_empty(), "{name}: {right:?} is not granted for {others:?}");
                let is_recorded =
                    |key: &&String| recorded[&right].iter().any(|recorded| is_of(recorded, &[(*key).clone()].into()));
                let idle: Vec<_> = keys.iter().filter(|key| !is_recorded(key)).collect();
                assert!(idle.is_empty(), "{name}: {right:?} was never recorded for {idle:?}");
            }
            let is_write = !["GetItem", "BatchGetItem", "Query", "Scan"].contains(&right.action.as_str());
            // The counters of calls are no money.
            let is_counter = right.on == "calls";
            assert!(is_write == right.in_transaction || is_counter, "{name} writes in transactions only: {right:?}");
            assert!(right.action != "DeleteItem", "{name}: nothing is ever deleted");
            // Only the functions that look up an API key's owner, and the audit, may read any row of the accounts.
            let reads_any = right.action == "GetItem" && right.on == "accounts" && keys.is_none();
            assert!(
                !reads_any
                    || [
                        "usage",
                        "litellm",
                        "openrouter",
                        "orders",
                        "checkout",
                        "credits",
                        "chat",
                        "console",
                        "reconcile"
                    ]
                    .contains(&name),
                "{name}: {right:?}"
            );
            let scans = right.action == "Scan";
            assert!(!scans || (name, right.on.as_str()) == ("reconcile", "accounts"), "{name}: {right:?}");
        }
    }
}

/// Its own log, the secrets that its variables name, the queues of its dead letters, and the stream that it reads; of the
/// console the metrics and alarms, which it cannot change.
#[test]
fn rights_beyond_the_tables_are_the_functions_own() {
    let app = app();
    for function in app.functions() {
        let id = function.logical_id.trim_end_matches("Function");
        let properties = &resources(&app)[&function.logical_id]["Properties"];
        let arn = |resource: &str| json!({ "Fn::GetAtt": format!("{resource}.Arn") });
        let mut expected: BTreeSet<(String, String)> = BTreeSet::new();
        let mut expect = |action: &str, on: &Value| expected.insert((action.to_owned(), on.to_string()));
        for action in ["logs:CreateLogStream", "logs:PutLogEvents"] {
            expect(action, &arn(&format!("{id}Logs")));
        }
        for (variable, value) in &function.environment {
            if variable.ends_with("SECRET_ID") {
                let secret = value["Ref"].as_str().expect("a secret");
                expect("secretsmanager:GetSecretValue", &json!({ "Fn::GetAtt": format!("{secret}.Id") }));
            }
        }
        for event in properties["Events"].as_object().into_iter().flat_map(|events| events.values()) {
            if event["Type"] == "DynamoDB" {
                let named = event["Properties"]["Stream"].as_str().expect("a parameter");
                let parameter = named.strip_suffix("-stream-arn}}").and_then(|named| named.rsplit('/').next());
                let table = parameter.expect("the name of a stream");
                let stream = format!("arn:aws:dynamodb:{REGION}:table/hookledger-{STAGE}-{table}/stream/*");
                for action in ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"] {
                    expect(&format!("dynamodb:{action}"), &json!(stream));
                }
                expect("sqs:SendMessage", &event["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]);
            }
        }
        if id == "Console" {
            for action in ["cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"] {
                expect(action, &json!("*"));
            }
        }
        let dead_letters = &properties["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"];
        if !dead_letters.is_null() {
            expect("sqs:SendMessage", dead_letters);
        }
        let mut found = BTreeSet::new();
        for statement in
            statements(&app, &format!("{id}Role")).into_iter().filter(|statement| !is_on_the_store(statement))
        {
            assert_eq!(statement["Condition"], Value::Null, "{id}");
            for action in each(&statement["Action"]) {
                for on in each(&statement["Resource"]) {
                    assert!(found.insert((action.as_str().expect("a text").to_owned(), on.to_string())), "{id}: twice");
                }
            }
        }
        assert_eq!(found, expected, "{id}");
    }
}

#[test]
fn each_role_belongs_to_one_function_or_the_schedule() {
    let app = app();
    let mut expected: BTreeSet<String> =
        app.functions().iter().map(|function| function.logical_id.replace("Function", "Role")).collect();
    expected.insert("ClockRole".to_owned());
    let roles = of_type(&app, "AWS::IAM::Role");
    assert_eq!(roles.iter().map(|(id, _)| (*id).to_owned()).collect::<BTreeSet<_>>(), expected);
    for (id, role) in roles {
        let service = if id == "ClockRole" { "scheduler.amazonaws.com" } else { "lambda.amazonaws.com" };
        let assumed = &role["AssumeRolePolicyDocument"]["Statement"];
        assert_eq!(assumed[0]["Principal"], json!({ "Service": service }), "{id}");
        assert_eq!(assumed.as_array().map(Vec::len), Some(1), "{id}");
    }
    let clock: Vec<_> = statements(&app, "ClockRole")
        .into_iter()
        .map(|statement| (&statement["Action"], &statement["Resource"]))
        .collect();
    let arn = |resource: &str| json!({ "Fn::GetAtt": format!("{resource}.Arn") });
    let (invoke, dead_letter) = (json!(["lambda:InvokeFunction"]), json!(["sqs:SendMessage"]));
    let (function, queue) = (arn("ReconcileFunction"), arn("ReconcileFailures"));
    assert_eq!(clock, [(&invoke, &function), (&dead_letter, &queue)]);
    // All roles but the schedule's, and only if tracing is enabled.
    let action = json!(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]);
    let trace = json!({ "Sid": "Trace", "Effect": "Allow", "Action": action, "Resource": "*" });
    let traced = json!({ "Fn::If": ["Trace", trace, { "Ref": "AWS::NoValue" }] });
    for (id, role) in of_type(&app, "AWS::IAM::Role") {
        let statements = role["Policies"][0]["PolicyDocument"]["Statement"].as_array().expect("statements");
        let conditional: Vec<&Value> = statements.iter().filter(|statement| !statement["Fn::If"].is_null()).collect();
        let expected = if id == "ClockRole" { vec![] } else { vec![&traced] };
        assert_eq!((role["Policies"].as_array().map(Vec::len), conditional), (Some(1), expected), "{id}");
    }
    assert!(of_type(&app, "AWS::IAM::ManagedPolicy").is_empty() && of_type(&app, "AWS::IAM::Policy").is_empty());
}
