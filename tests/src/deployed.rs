//! Limits and monitoring of the deployment: every route has a rate limit, every function its size and its log, and
//! every permanent failure ends in a dead-letter queue.

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
fn every_route_has_a_rate_limit_of_its_own() {
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

/// The access log is kept as long as the functions' logs, as JSON lines with the client's address and without the
/// query.
#[test]
fn access_log_has_each_client_and_counts_throttled_requests() {
    let app = app();
    let log = &resources(&app)["ApiLogs"]["Properties"];
    assert_eq!(log["LogGroupName"], format!("/aws/vendedlogs/hookledger-{STAGE}-api"));
    assert_eq!(log["RetentionInDays"], 30);
    let access = &resources(&app)["Api"]["Properties"]["AccessLogSettings"];
    assert_eq!(access["DestinationArn"], json!({ "Fn::GetAtt": "ApiLogs.Arn" }));
    let line = access["Format"].as_str().expect("a line");
    let fields: Map<String, Value> = serde_json::from_str(line).expect("an object");
    assert_eq!(fields["ip"], "$context.identity.sourceIp");
    assert_eq!(fields["status"], "$context.status");
    assert_eq!(fields["id"], "$context.requestId", "API Gateway requires it");
    // API Gateway writes variables unescaped, and paths decoded: a quote in one would let the client forge the rest of
    // the line. The variables below are numbers, AWS's own words, and routes of the template.
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
    let logged: BTreeSet<&str> = fields.values().map(|value| value.as_str().expect("a text")).collect();
    assert_eq!(logged, harmless.into());
    let [(_, counted)] = of_type(&app, "AWS::Logs::MetricFilter")[..] else { panic!("one filter") };
    assert_eq!(counted["LogGroupName"], json!({ "Ref": "ApiLogs" }));
    assert_eq!(counted["FilterPattern"], r#"{ $.status = "429" }"#);
    let to = json!([{
        "MetricNamespace": format!("hookledger-{STAGE}"), "MetricName": "turned_away", "MetricValue": "1", "DefaultValue": 0, "Unit": "Count",
    }]);
    assert_eq!(counted["MetricTransformations"], to);
}

/// The function's timeout covers the time that its crate allows for a reply.
#[test]
fn every_function_has_its_size_log_and_role() {
    let app = app();
    let memory = [
        ("checkout", 256, 10),
        ("chat", 256, 620),
        ("console", 256, 15),
        ("credits", 128, 10),
        ("epay", 256, 10),
        ("fireblocks", 256, 10),
        ("fulfil", 256, 60),
        ("litellm", 256, 25),
        ("openrouter", 256, 15),
        ("orders", 128, 10),
        ("reconcile", 256, 60),
        ("stripe", 256, 10),
        ("usage", 128, 10),
        ("wechat", 256, 5),
    ];
    let mut found = BTreeSet::new();
    for function in app.functions() {
        let (name, id) = (function.binary.as_str(), function.logical_id.trim_end_matches("Function"));
        let properties = &resources(&app)[&function.logical_id]["Properties"];
        let number = |of: &str| properties[of].as_u64().expect("a number");
        found.insert((name, number("MemorySize"), number("Timeout")));
        assert_eq!(properties["Role"], json!({ "Fn::GetAtt": format!("{id}Role.Arn") }), "{name}");
        assert_eq!(properties["FunctionName"], format!("hookledger-{STAGE}-{name}"));
        assert_eq!(properties["LoggingConfig"], json!({ "LogGroup": { "Ref": format!("{id}Logs") } }), "{name}");
        let log = &resources(&app)[&format!("{id}Logs")]["Properties"];
        assert_eq!(log["LogGroupName"], format!("/aws/lambda/hookledger-{STAGE}-{name}"));
        assert_eq!(log["RetentionInDays"], 30, "{name}");
        // Off by default; a parameter enables it.
        let reserved = format!("{id}ReservedConcurrency");
        let condition = json!([format!("Reserve{id}"), 0, { "Ref": "AWS::NoValue" }]);
        assert_eq!(properties["ReservedConcurrentExecutions"], json!({ "Fn::If": condition }), "{name}");
        assert_eq!(app.document()["Parameters"][&reserved]["Default"], 0, "{name}");
    }
    assert_eq!(found, memory.into());
    let globals = &app.document()["Globals"]["Function"];
    assert_eq!(globals["LoggingConfig"], json!({ "LogFormat": "JSON", "SystemLogLevel": "WARN" }));
    assert_eq!(globals["Tracing"], json!({ "Fn::If": ["Trace", "Active", "PassThrough"] }));
    assert_eq!(app.document()["Parameters"]["XRay"]["Default"], "false");
}

/// A failed run of a schedule, and a failed record of the stream.
#[test]
fn permanent_failure_ends_in_a_queue() {
    let app = app();
    let to = |queue: &str| json!({ "Fn::GetAtt": format!("{queue}.Arn") });
    let reconcile = &resources(&app)["ReconcileFunction"]["Properties"];
    let (streams, schedules): (Vec<_>, Vec<_>) =
        reconcile["Events"].as_object().expect("events").iter().partition(|(_, event)| event["Type"] == "DynamoDB");
    for (name, event) in schedules {
        let properties = &event["Properties"];
        assert_eq!(properties["DeadLetterConfig"]["Arn"], to("ReconcileFailures"), "{name}");
        assert_eq!(properties["RoleArn"], to("ClockRole"), "{name}");
        assert_eq!(properties["RetryPolicy"]["MaximumRetryAttempts"], 0, "{name}");
    }
    let invoke_config = &reconcile["EventInvokeConfig"];
    assert_eq!(invoke_config["DestinationConfig"]["OnFailure"]["Destination"], to("ReconcileFailures"));
    assert_eq!(
        (&invoke_config["MaximumRetryAttempts"], &invoke_config["MaximumEventAgeInSeconds"]),
        (&json!(0), &json!(60))
    );
    for (name, event) in streams {
        let stream = &event["Properties"];
        assert_eq!(stream["DestinationConfig"]["OnFailure"]["Destination"], to("ReconcileFailures"), "{name}");
        // Half of the day for which the stream keeps a record, so that a record becomes a dead letter and is not lost.
        let bounds = ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds"].map(|bound| stream[bound].as_i64());
        assert_eq!(bounds, [None, Some(43_200)], "{name}");
    }
    let stream = &resources(&app)["FulfilFunction"]["Properties"]["Events"]["Orders"]["Properties"];
    assert_eq!(stream["DestinationConfig"]["OnFailure"]["Destination"], to("FulfilFailures"));
    for bound in ["MaximumRetryAttempts", "MaximumRecordAgeInSeconds"] {
        assert!(stream[bound].as_i64().is_some_and(|bound| bound > 0), "{bound}");
    }
    // A new account has ten concurrent executions.
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

/// Data without another copy outlives its stack; only a failed first deployment deletes it, since the next one needs
/// the name.
fn assert_is_kept(id: &str, resource: &Value) {
    let policies = (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]);
    assert_eq!(policies, (&json!("RetainExceptOnCreate"), &json!("Retain")), "{id}");
}

#[test]
fn stack_deletion_loses_no_row_and_tables_are_protected() {
    let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
    for (id, resource) in resources(&data).iter().filter(|(_, resource)| resource["Type"] == "AWS::DynamoDB::Table") {
        assert_is_kept(id, resource);
        let properties = &resource["Properties"];
        assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST", "{id}");
        assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{id}");
        assert_eq!(properties["SSESpecification"]["SSEEnabled"], true, "{id}");
        assert_eq!(properties["DeletionProtectionEnabled"], json!({ "Fn::If": ["IsProd", true, false] }), "{id}");
    }
    for (id, resource) in resources(&app()) {
        if resource["Type"] == "AWS::SecretsManager::Secret" {
            assert_is_kept(id, resource);
        }
    }
}

/// CloudFormation puts a stack's tags on its resources, so every stack has tags and no resource repeats them.
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
