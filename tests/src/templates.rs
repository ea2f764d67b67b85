//! Templates, functions, routes, settings and samples agree: what is deployed, what is run here and what is tested is one thing.

use std::collections::BTreeSet;
use std::fs;

use edge::{Config, Reply, Route, Service as _};
use embedded::{APP_YAML, DATA_YAML, Template};
use idempotency::Tables;
use serde_json::Value;
use testkit::{STAGE, World};
use usage::Usage;
use webhook::{Admission, Endpoint, Webhook};

use crate::house::root;
use crate::sandbox::{function, moment, open_account};

/// What this file has to know of a source: one line for each.
struct Source {
    name: &'static str,
    routes: &'static [Route<Endpoint>],
    settings: &'static [&'static str],
}

const SOURCES: &[Source] = &[Source { name: Usage::SOURCE, routes: Usage::ROUTES, settings: &usage::SETTINGS }];

fn app() -> Template {
    Template::parse(APP_YAML, &[("Stage", STAGE)]).expect("a template")
}

fn folders(of: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(of)).expect("a folder").map(|entry| entry.expect("an entry"));
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().expect("a name"))
        .collect()
}

#[test]
fn a_function_is_a_folder_a_template_entry_and_samples() {
    let app = app();
    let declared: BTreeSet<String> = app.functions().iter().map(|function| function.binary.clone()).collect();
    assert_eq!(declared, folders("functions"));
    assert_eq!(declared, folders("events"));
    assert_eq!(declared, SOURCES.iter().map(|source| source.name.to_owned()).collect());
}

#[test]
fn routes_are_the_same_in_the_template_and_in_the_code() {
    let app = app();
    for source in SOURCES {
        let function = app.functions().iter().find(|function| function.binary == source.name).expect("declared");
        let declared: BTreeSet<(&str, &str)> =
            function.routes.iter().map(|route| (route.method.as_str(), route.path.as_str())).collect();
        let served: BTreeSet<(&str, &str)> = source.routes.iter().map(|route| (route.method, route.path)).collect();
        assert_eq!(declared, served, "{}", source.name);
    }
}

#[test]
fn every_variable_that_is_read_is_set_and_no_other() {
    let settings = || Config::VARIABLES.into_iter().chain(Admission::VARIABLES).chain(Tables::VARIABLES);
    let read: BTreeSet<&str> = settings().chain(["RUST_LOG"]).collect();
    for function in app().functions() {
        assert_eq!(
            function.environment.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            read,
            "{}",
            function.binary
        );
    }
    let files = ["shared/edge/src/config.rs", "shared/webhook/src/admission.rs", "shared/idempotency/src/tables.rs"];
    let documented: String = files.iter().map(|file| fs::read_to_string(root().join(file)).expect("a file")).collect();
    for variable in settings() {
        assert!(documented.contains(&format!("/// `{variable}`")), "{variable} is not said where it is read");
    }
}

#[test]
fn tables_go_by_one_name() {
    let data = Template::parse(DATA_YAML, &[("Stage", "dev")]).expect("a template");
    let declared: BTreeSet<&str> = data.tables().iter().map(|table| table.name.as_str()).collect();
    let Tables { journal, bodies, accounts, orders, subscriptions } = Tables::of_stage("dev");
    let tables = [&journal, &bodies, &accounts, &orders, &subscriptions];
    assert_eq!(declared, tables.map(String::as_str).into());
    let app = Template::parse(APP_YAML, &[("Stage", "dev")]).expect("a template");
    for function in app.functions() {
        for (variable, table) in Tables::VARIABLES.into_iter().zip(tables) {
            assert_eq!(function.environment[variable], Value::from(table.as_str()), "{}", function.binary);
        }
    }
}

#[test]
fn the_generated_secret_is_one_that_the_function_reads() {
    let app = app();
    for source in SOURCES {
        let resources = app.document()["Resources"].as_object().expect("resources");
        let name = format!("hookledger/{STAGE}/{}", source.name);
        let secret =
            resources.values().find(|resource| resource["Properties"]["Name"] == name.as_str()).expect("a secret");
        let key = secret["Properties"]["GenerateSecretString"]["GenerateStringKey"].as_str().expect("a key");
        assert!(source.settings.contains(&key), "{key}");
    }
}

#[test]
fn every_environment_of_samconfig_is_there_for_both_stacks() {
    let samconfig = fs::read_to_string(root().join("samconfig.toml")).expect("a file");
    for stage in ["local", "dev", "prod"] {
        for environment in [stage.to_owned(), format!("{stage}-data")] {
            assert!(samconfig.contains(&format!("[{environment}.")), "{environment}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_sample_is_accepted() {
    let world = World::new();
    open_account(&world, "demo", "1", "1000").await;
    let usage = function(world.ledger(1), Admission::default()).await;
    let mut samples = 0;
    for source in SOURCES {
        for sample in fs::read_dir(root().join("events").join(source.name)).expect("samples") {
            let path = sample.expect("an entry").path();
            let body = fs::read_to_string(&path).expect("a sample");
            let Reply { status, body, .. } = match source.name {
                "usage" => usage.answer(&crate::sandbox::signed(&body), &moment(1)).await,
                other => panic!("no function for {other}"),
            };
            assert_eq!(status, 200, "{}: {body}", path.display());
            samples += 1;
        }
    }
    assert_eq!(
        world.books().processed().filter(|id| id.starts_with("usage#")).count(),
        samples,
        "each is its own event"
    );
}

/// What is kept of a refused body is kept for ninety days, under the attribute that the table expires rows by.
#[tokio::test(start_paused = true)]
async fn bodies_expire() {
    let world = World::new();
    let function = function(world.ledger(1), Admission::default()).await;
    function.answer(&crate::sandbox::signed("no JSON"), &moment(1)).await;
    let rows = world
        .engine
        .request("Scan", &serde_json::json!({ "TableName": Tables::of_stage(STAGE).bodies }))
        .expect("rows");
    let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
    let attribute = data.tables().iter().find_map(|table| table.expires_by.clone()).expect("a table with a TTL");
    let expires_at = rows["Items"][0][&attribute]["N"].as_str().expect("a time").parse::<i64>().expect("seconds");
    assert_eq!(expires_at - testkit::now().unix_s(), 90 * 86_400);
}
