//! Templates, functions, routes, settings and samples agree: what is deployed, what is run here and what is tested is one thing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use edge::{Config, Reply, Route, Service as _};
use embedded::{APP_YAML, DATA_YAML, Template};
use idempotency::Tables;
use serde_json::Value;
use stripe::Stripe;
use testkit::{STAGE, World};
use usage::Usage;
use webhook::{Admission, Endpoint, Webhook};

use crate::house::root;
use crate::sandbox::{Sandbox, SandboxOf, function, moment, open_account};

/// What this file has to know of a source: one line for each.
struct Source {
    name: &'static str,
    routes: &'static [Route<Endpoint>],
    settings: &'static [&'static str],
    /// The variables that it alone reads, and the file that says what they are.
    variables: (&'static [&'static str], &'static str),
}

const SOURCES: &[Source] = &[
    Source { name: Usage::SOURCE, routes: Usage::ROUTES, settings: &usage::SETTINGS, variables: (&[], "") },
    Source {
        name: Stripe::SOURCE,
        routes: Stripe::ROUTES,
        settings: &stripe::SETTINGS,
        variables: (&stripe::Config::VARIABLES, "functions/stripe/src/config.rs"),
    },
];

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
    let sources: BTreeSet<String> = SOURCES.iter().map(|source| source.name.to_owned()).collect();
    assert!(sources.is_subset(&declared));
    assert_eq!(sources, folders("events"));
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
    let shared = [
        (&Config::VARIABLES[..], "shared/edge/src/config.rs"),
        (&Admission::VARIABLES[..], "shared/webhook/src/admission.rs"),
        (&Tables::VARIABLES[..], "shared/idempotency/src/tables.rs"),
    ];
    let app = app();
    for source in SOURCES {
        let function = app.functions().iter().find(|function| function.binary == source.name).expect("declared");
        let read = shared.iter().chain([&source.variables]).flat_map(|(variables, _)| *variables);
        assert_eq!(
            function.environment.keys().map(String::as_str).collect::<BTreeSet<_>>(),
            read.copied().chain(["RUST_LOG"]).collect(),
            "{}",
            function.binary
        );
    }
    for (variables, file) in shared.into_iter().chain(SOURCES.iter().map(|source| source.variables)) {
        for variable in variables {
            let documented = fs::read_to_string(root().join(file)).expect("a file");
            assert!(documented.contains(&format!("/// `{variable}`")), "{variable} is not said in {file}");
        }
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
fn the_secret_has_the_setting_that_the_function_reads() {
    let app = app();
    for source in SOURCES {
        let resources = app.document()["Resources"].as_object().expect("resources");
        let name = format!("hookledger/{STAGE}/{}", source.name);
        let secret =
            resources.values().find(|resource| resource["Properties"]["Name"] == name.as_str()).expect("a secret");
        let properties = &secret["Properties"];
        let generated = properties["GenerateSecretString"]["GenerateStringKey"].as_str().map(str::to_owned);
        // One that only its sender knows is left for a person to fill in: empty, and so refused at the start.
        let to_fill = properties["SecretString"].as_str().map(|text| {
            let fields: BTreeMap<String, String> = serde_json::from_str(text).expect("an object of texts");
            let [(name, "")] =
                fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>()[..]
            else {
                panic!("{}: one empty setting, and no default for a secret", source.name)
            };
            name.to_owned()
        });
        let setting = generated.or(to_fill).expect("a setting");
        assert!(source.settings.contains(&setting.as_str()), "{setting}");
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
    for source in SOURCES {
        for sample in fs::read_dir(root().join("events").join(source.name)).expect("samples") {
            let path = sample.expect("an entry").path();
            let body = fs::read_to_string(&path).expect("a sample");
            let reply = match source.name {
                "usage" => Sandbox::faultless(&world).await.deliver(&body, &moment(1)).await,
                "stripe" => SandboxOf::<Stripe>::faultless(&world).await.deliver(&body, &moment(1)).await,
                other => panic!("no function for {other}"),
            };
            let Reply { status, body, .. } = reply.expect("no fault");
            assert_eq!(status, 200, "{}: {body}", path.display());
        }
    }
    let samples = fs::read_dir(root().join("events/usage")).expect("samples").count();
    let booked = world.books().processed().filter(|id| id.starts_with("usage#")).count();
    assert_eq!(booked, samples, "each is its own event");
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
