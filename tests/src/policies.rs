//! Least privilege: what the role of each function grants is what the function was seen to do, no more and no less.

pub(crate) mod evaluated;
pub(crate) mod runs;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};

use embedded::Template;
use serde_json::{Map, Value, json};
use testkit::{Call, STAGE};

use crate::deployed::{app, of_type, resources};

const REGION: &str = "us-east-1:000000000000";

/// A call of the store's, and on what: a table (`journal`), or an index (`journal/index/attention`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    action: String,
    on: String,
    in_transaction: bool,
}

/// With the keys of the rows, or what they begin with, where it is for certain rows alone.
type Rights = BTreeMap<Right, Option<BTreeSet<String>>>;

/// Every row that was touched, by what was done with it.
fn seen(calls: &[Call]) -> BTreeMap<Right, BTreeSet<String>> {
    let mut seen: BTreeMap<Right, BTreeSet<String>> = BTreeMap::new();
    let mut saw = |action: &str, table: &str, index: Option<&str>, in_transaction, key: &Value| {
        let table = table.strip_prefix(&format!("hookledger-{STAGE}-")).expect("a table of this stage");
        let on = index.map_or(table.to_owned(), |index| format!("{table}/index/{index}"));
        let right = Right { action: action.to_owned(), on, in_transaction };
        seen.entry(right).or_default().extend(key["id"]["S"].as_str().map(str::to_owned));
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
                        saw(action, what["TableName"].as_str().expect("a table"), None, true, key);
                    }
                }
            }
            "BatchGetItem" => {
                for table in request["RequestItems"].as_object().expect("tables").keys() {
                    saw("BatchGetItem", table, None, false, &Value::Null);
                }
            }
            single => {
                let table = request["TableName"].as_str().expect("a table");
                saw(single, table, request["IndexName"].as_str(), false, &request["Key"]);
            }
        }
    }
    seen
}

/// Without what is there only where tracing is asked for.
fn statements<'t>(template: &'t Template, role: &str) -> Vec<&'t Value> {
    let said = &resources(template)[role]["Properties"];
    assert_eq!(said["ManagedPolicyArns"], Value::Null, "{role}: what it may do is written out");
    let policies = said["Policies"].as_array().expect("policies");
    let all = policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().expect("statements"));
    all.filter(|statement| statement["Fn::If"].is_null()).collect()
}

fn each(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// What a statement grants on the store. Nothing here may be less exact than this reads.
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
        let ends = |key: &Value| key.as_str().is_some_and(|key| key.ends_with("#*") && key.matches('*').count() == 1);
        assert!(!is_like || keys.iter().all(ends), "what a key begins with ends with a part: {keys:?}");
        whole.insert(by.to_owned(), json!({ "dynamodb:LeadingKeys": keys }));
        // Of a call that names no key, all of them would be.
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

/// Whether a row's key is one of these, or begins as one of these does.
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
async fn each_function_may_do_what_it_does_and_nothing_else() {
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
        let seen = seen(&runs::of(name).await);
        assert_eq!(rights.keys().collect::<Vec<_>>(), seen.keys().collect::<Vec<_>>(), "{name}: granted, and seen");
        for (right, keys) in rights {
            if let Some(keys) = &keys {
                let others: Vec<_> = seen[&right].iter().filter(|key| !is_of(key, keys)).collect();
                assert!(others.is_empty(), "{name}: {right:?} is not granted for {others:?}");
                let is_seen = |key: &&String| seen[&right].iter().any(|seen| is_of(seen, &[(*key).clone()].into()));
                let idle: Vec<_> = keys.iter().filter(|key| !is_seen(key)).collect();
                assert!(idle.is_empty(), "{name}: {right:?} was never seen of {idle:?}");
            }
            let is_write = !["GetItem", "BatchGetItem", "Query", "Scan"].contains(&right.action.as_str());
            assert_eq!(is_write, right.in_transaction, "{name} writes in transactions only: {right:?}");
            assert!(right.action != "DeleteItem", "{name}: nothing is ever deleted");
            // A row of somebody's is read by whoever has to know whose a key is, and by whoever compares the books.
            let reads_any = right.action == "GetItem" && right.on == "accounts" && keys.is_none();
            assert!(!reads_any || ["usage", "orders", "checkout", "reconcile"].contains(&name), "{name}: {right:?}");
            let scans = right.action == "Scan";
            assert!(!scans || (name, right.on.as_str()) == ("reconcile", "accounts"), "{name}: {right:?}");
        }
    }
}

/// Its own log, the secrets that its variables name, the queues in which its failures end, the stream that it reads.
#[test]
fn what_is_not_the_store_is_its_own() {
    let app = app();
    for function in app.functions() {
        let id = function.logical_id.trim_end_matches("Function");
        let said = &resources(&app)[&function.logical_id]["Properties"];
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
        for event in said["Events"].as_object().into_iter().flat_map(|events| events.values()) {
            if event["Type"] == "DynamoDB" {
                let stream = format!("arn:aws:dynamodb:{REGION}:table/hookledger-{STAGE}-orders/stream/*");
                for action in ["DescribeStream", "GetRecords", "GetShardIterator", "ListStreams"] {
                    expect(&format!("dynamodb:{action}"), &json!(stream));
                }
                expect("sqs:SendMessage", &event["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]);
            }
        }
        let given_up = &said["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]["Destination"];
        if !given_up.is_null() {
            expect("sqs:SendMessage", given_up);
        }
        let mut found = BTreeSet::new();
        for statement in statements(&app, &format!("{id}Role")).into_iter().filter(|said| !is_on_the_store(said)) {
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
fn a_role_is_a_functions_or_the_clocks_and_is_assumed_by_its_service_alone() {
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
    let clock: Vec<_> =
        statements(&app, "ClockRole").into_iter().map(|said| (&said["Action"], &said["Resource"])).collect();
    let arn = |resource: &str| json!({ "Fn::GetAtt": format!("{resource}.Arn") });
    let (begin, give_up) = (json!(["lambda:InvokeFunction"]), json!(["sqs:SendMessage"]));
    let (function, queue) = (arn("ReconcileFunction"), arn("ReconcileFailures"));
    assert_eq!(clock, [(&begin, &function), (&give_up, &queue)]);
    // All but the clock's, and only where tracing is asked for.
    let action = json!(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]);
    let trace = json!({ "Sid": "Trace", "Effect": "Allow", "Action": action, "Resource": "*" });
    let traced = json!({ "Fn::If": ["Trace", trace, { "Ref": "AWS::NoValue" }] });
    for (id, role) in of_type(&app, "AWS::IAM::Role") {
        let said = role["Policies"][0]["PolicyDocument"]["Statement"].as_array().expect("statements");
        let conditional: Vec<&Value> = said.iter().filter(|statement| !statement["Fn::If"].is_null()).collect();
        let expected = if id == "ClockRole" { vec![] } else { vec![&traced] };
        assert_eq!((role["Policies"].as_array().map(Vec::len), conditional), (Some(1), expected), "{id}");
    }
    assert!(of_type(&app, "AWS::IAM::ManagedPolicy").is_empty() && of_type(&app, "AWS::IAM::Policy").is_empty());
}
