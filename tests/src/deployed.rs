//! What is deployed is bounded and watched over: every route has its limit, every function its size and its log, and what fails
//! for good ends where somebody looks.

use std::collections::BTreeSet;
use std::fs;

use embedded::{APP_YAML, DATA_YAML, Template};
use serde_json::{Map, Value, json};
use testkit::STAGE;

use crate::house::root;

pub(crate) fn app() -> Template {
    Template::parse(APP_YAML, &[("Stage", STAGE)]).expect("a template")
}

pub(crate) fn resources(template: &Template) -> &Map<String, Value> {
    template.document()["Resources"].as_object().expect("resources")
}

/// The resources of one type, by their logical id.
pub(crate) fn of_type<'t>(template: &'t Template, kind: &str) -> Vec<(&'t str, &'t Value)> {
    let found = resources(template).iter().filter(|(_, resource)| resource["Type"] == kind);
    found.map(|(id, resource)| (id.as_str(), &resource["Properties"])).collect()
}

#[test]
fn every_route_has_a_limit_of_its_own() {
    let app = app();
    let routes: BTreeSet<String> = app
        .functions()
        .iter()
        .flat_map(|function| &function.routes)
        .map(|route| format!("{} {}", route.method, route.path))
        .collect();
    let api = &resources(&app)["Api"]["Properties"];
    let limits = api["RouteSettings"].as_object().expect("limits");
    assert_eq!(limits.keys().cloned().collect::<BTreeSet<_>>(), routes);
    for limit in limits.values().chain([&api["DefaultRouteSettings"]]) {
        let of = |name: &str| limit[name].as_u64().filter(|number| (1..=1_000).contains(number)).expect("a limit");
        assert!(of("ThrottlingBurstLimit") >= of("ThrottlingRateLimit"), "{limit}");
    }
}

/// Who sent what is kept as long as the functions' own lines, each line as JSON: without what stands in a query.
#[test]
fn every_request_leaves_a_line_with_its_sender_and_one_that_is_turned_away_is_counted() {
    let app = app();
    let log = &resources(&app)["ApiLogs"]["Properties"];
    assert_eq!(log["LogGroupName"], format!("/aws/vendedlogs/hookledger-{STAGE}-api"));
    assert_eq!(log["RetentionInDays"], 30);
    let access = &resources(&app)["Api"]["Properties"]["AccessLogSettings"];
    assert_eq!(access["DestinationArn"], json!({ "Fn::GetAtt": "ApiLogs.Arn" }));
    let line = access["Format"].as_str().expect("a line");
    let said: Map<String, Value> = serde_json::from_str(line).expect("an object");
    assert_eq!(said["ip"], "$context.identity.sourceIp");
    assert_eq!(said["status"], "$context.status");
    assert_eq!(said["id"], "$context.requestId", "API Gateway asks for it");
    // API Gateway writes a variable as it is, and a path decoded: a quote in it would end the text, and its sender write the rest of the
    // line. These are numbers, words of AWS's own, and the template's routes.
    let harmless = [
        "$context.error.responseType",
        "$context.identity.sourceIp",
        "$context.integrationStatus",
        "$context.requestId",
        "$context.requestTime",
        "$context.responseLatency",
        "$context.routeKey",
        "$context.status",
    ];
    let logged: BTreeSet<&str> = said.values().map(|value| value.as_str().expect("a text")).collect();
    assert_eq!(logged, harmless.into());
    let [(_, counted)] = of_type(&app, "AWS::Logs::MetricFilter")[..] else { panic!("one filter") };
    assert_eq!(counted["LogGroupName"], json!({ "Ref": "ApiLogs" }));
    assert_eq!(counted["FilterPattern"], r#"{ $.status = "429" }"#);
    let to = json!([{
        "MetricNamespace": format!("hookledger-{STAGE}"), "MetricName": "turned_away", "MetricValue": "1", "DefaultValue": 0, "Unit": "Count",
    }]);
    assert_eq!(counted["MetricTransformations"], to);
}

/// The crate says itself how long a caller waits: the function must not be stopped before.
#[test]
fn every_function_has_its_size_its_log_and_its_own_role() {
    let app = app();
    let memory = [
        ("checkout", 256, 10),
        ("epay", 256, 10),
        ("fireblocks", 256, 10),
        ("fulfil", 256, 60),
        ("orders", 128, 10),
        ("reconcile", 256, 60),
        ("stripe", 128, 10),
        ("usage", 128, 10),
        ("wechat", 256, 5),
    ];
    let mut found = BTreeSet::new();
    for function in app.functions() {
        let (name, id) = (function.binary.as_str(), function.logical_id.trim_end_matches("Function"));
        let said = &resources(&app)[&function.logical_id]["Properties"];
        let number = |of: &str| said[of].as_u64().expect("a number");
        found.insert((name, number("MemorySize"), number("Timeout")));
        assert_eq!(said["Role"], json!({ "Fn::GetAtt": format!("{id}Role.Arn") }), "{name}");
        assert_eq!(said["FunctionName"], format!("hookledger-{STAGE}-{name}"));
        assert_eq!(said["LoggingConfig"], json!({ "LogGroup": { "Ref": format!("{id}Logs") } }), "{name}");
        let log = &resources(&app)[&format!("{id}Logs")]["Properties"];
        assert_eq!(log["LogGroupName"], format!("/aws/lambda/hookledger-{STAGE}-{name}"));
        assert_eq!(log["RetentionInDays"], 30, "{name}");
        // Off, unless a parameter says otherwise.
        let reserved = format!("{id}ReservedConcurrency");
        let condition = json!([format!("Reserve{id}"), 0, { "Ref": "AWS::NoValue" }]);
        assert_eq!(said["ReservedConcurrentExecutions"], json!({ "Fn::If": condition }), "{name}");
        assert_eq!(app.document()["Parameters"][&reserved]["Default"], 0, "{name}");
    }
    assert_eq!(found, memory.into());
    let of_all = &app.document()["Globals"]["Function"];
    assert_eq!(of_all["LoggingConfig"], json!({ "LogFormat": "JSON", "SystemLogLevel": "WARN" }));
    assert_eq!(of_all["Tracing"], json!({ "Fn::If": ["Trace", "Active", "PassThrough"] }));
    assert_eq!(app.document()["Parameters"]["XRay"]["Default"], "false");
}

/// A run of the clock's, and a record of the stream.
#[test]
fn what_fails_for_good_ends_in_a_queue() {
    let app = app();
    let to = |queue: &str| json!({ "Fn::GetAtt": format!("{queue}.Arn") });
    let reconcile = &resources(&app)["ReconcileFunction"]["Properties"];
    for (name, event) in reconcile["Events"].as_object().expect("events") {
        let said = &event["Properties"];
        assert_eq!(said["DeadLetterConfig"]["Arn"], to("ReconcileFailures"), "{name}");
        assert_eq!(said["RoleArn"], to("ClockRole"), "{name}");
        assert_eq!(said["RetryPolicy"]["MaximumRetryAttempts"], 0, "{name}");
    }
    let given_up = &reconcile["EventInvokeConfig"];
    assert_eq!(given_up["DestinationConfig"]["OnFailure"]["Destination"], to("ReconcileFailures"));
    assert_eq!((&given_up["MaximumRetryAttempts"], &given_up["MaximumEventAgeInSeconds"]), (&json!(0), &json!(60)));
    let stream = &resources(&app)["FulfilFunction"]["Properties"]["Events"]["Orders"]["Properties"];
    assert_eq!(stream["DestinationConfig"]["OnFailure"]["Destination"], to("FulfilFailures"));
    for bound in ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds"] {
        assert!(stream[bound].as_i64().is_some_and(|bound| bound > 0), "{bound}");
    }
    // Of the ten executions that a new account has.
    assert_eq!(stream["ParallelizationFactor"], 5);
    let queues: BTreeSet<&str> = of_type(&app, "AWS::SQS::Queue").into_iter().map(|(id, _)| id).collect();
    assert_eq!(queues, ["FulfilFailures", "ReconcileFailures"].into());
    for (id, queue) in of_type(&app, "AWS::SQS::Queue") {
        assert_eq!(
            (&queue["MessageRetentionPeriod"], &queue["SqsManagedSseEnabled"]),
            (&json!(1_209_600), &json!(true)),
            "{id}"
        );
    }
}

/// Whatever nobody has another copy of outlives its stack; not the first deployment, where that fails, since the next needs its name.
fn assert_is_kept(id: &str, resource: &Value) {
    let policies = (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]);
    assert_eq!(policies, (&json!("RetainExceptOnCreate"), &json!("Retain")), "{id}");
}

#[test]
fn no_row_is_lost_with_its_stack_and_no_table_is_open() {
    let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
    for (id, resource) in resources(&data).iter().filter(|(_, resource)| resource["Type"] == "AWS::DynamoDB::Table") {
        assert_is_kept(id, resource);
        let said = &resource["Properties"];
        assert_eq!(said["BillingMode"], "PAY_PER_REQUEST", "{id}");
        assert_eq!(said["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{id}");
        assert_eq!(said["SSESpecification"]["SSEEnabled"], true, "{id}");
        assert_eq!(said["DeletionProtectionEnabled"], json!({ "Fn::If": ["IsProd", true, false] }), "{id}");
    }
    for (id, resource) in resources(&app()) {
        if resource["Type"] == "AWS::SecretsManager::Secret" {
            assert_is_kept(id, resource);
        }
    }
}

/// CloudFormation puts a stack's tags on its resources: none has to name them, and no stack may be without.
#[test]
fn each_stack_is_tagged_with_project_and_stage() {
    let samconfig = fs::read_to_string(root().join("samconfig.toml")).expect("a file");
    let deployed = samconfig.split("\n[").filter(|section| section.contains(".deploy.parameters]"));
    let mut stacks = 0;
    for section in deployed {
        let stage = section.split(['.', '-']).next().expect("a stage");
        assert!(section.contains(&format!("\ntags = \"project=hookledger stage={stage}\"\n")), "{section}");
        stacks += 1;
    }
    assert_eq!(stacks, 3 * ["dev", "prod"].len());
    for template in ["app", "data", "watch"] {
        let text = fs::read_to_string(root().join(format!("infra/{template}.yaml"))).expect("a template");
        assert!(!text.lines().any(|line| line.trim() == "Tags:"), "{template}.yaml repeats the stack's tags");
    }
}
