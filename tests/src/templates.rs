//! Templates, functions, routes, settings and samples agree: the tests and the local stack run what is deployed.

mod samples;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use api::Api as _;
use catalog::{Catalog, SHIPPED};
use checkout::Checkout;
use credits::Credits;
use edge::Route;
use embedded::{APP_YAML, DATA_YAML, Template};
use epay::Epay;
use fireblocks::Fireblocks;
use idempotency::Tables;
use ledger::{Source, Sweep};
use litellm::Litellm;
use openrouter::Openrouter;
use orders::Orders;
use providers::{
    EpayConfig, FireblocksConfig, FireblocksKeys, LlmConfig, NewApiConfig, OpenAiKeys, StripeConfig, UnitelConfig,
    UnitelKeys, WechatConfig, WechatIds, WechatKeys,
};
use serde_json::Value;
use stripe::Stripe;
use testkit::STAGE;
use usage::Usage;
use webhook::{Admission, Webhook as _};
use wechat::Wechat;

use crate::house::root;

/// The facts about a function that these tests compare: one entry for each.
pub(crate) struct Declared {
    pub(crate) name: &'static str,
    /// Method and path.
    pub(crate) routes: fn() -> BTreeSet<(&'static str, &'static str)>,
    /// The settings of its secret. `reconcile` reads checkout's.
    secrets: &'static [&'static str],
    /// The variables that it reads in addition to the common ones, with the file that documents them.
    variables: &'static [(&'static [&'static str], &'static str)],
    /// Its schedules: the interval in seconds, and the input.
    schedules: fn() -> BTreeSet<(u64, String)>,
}

impl Declared {
    /// Whether it takes webhooks, for which there are samples.
    fn is_source(&self) -> bool {
        Source::named(self.name).is_some()
    }
}

const EDGE: (&[&str], &str) = (&edge::Config::VARIABLES, "shared/edge/src/config.rs");
const ADMISSION: (&[&str], &str) = (&Admission::VARIABLES, "shared/webhook/src/admission.rs");
const LITELLM: (&[&str], &str) = (&litellm::Config::VARIABLES, "functions/litellm/src/config.rs");
const OPENROUTER: (&[&str], &str) = (&openrouter::Config::VARIABLES, "functions/openrouter/src/config.rs");
const RECONCILE: &str = "reconcile";
const STRIPE: (&[&str], &str) = (&stripe::Config::VARIABLES, "functions/stripe/src/config.rs");
const STRIPE_API: (&[&str], &str) = (&StripeConfig::VARIABLES, "shared/providers/src/stripe/config.rs");
const UNITEL: (&[&str], &str) = (&UnitelConfig::VARIABLES, "shared/providers/src/unitel/config.rs");
const WORKSPACE: (&[&str], &str) = (&fireblocks::Workspace::VARIABLES, "functions/fireblocks/src/config.rs");
const FIREBLOCKS: (&[&str], &str) = (&FireblocksConfig::VARIABLES, "shared/providers/src/fireblocks/config.rs");
const PLACES: (&[&str], &str) = (&api::Places::VARIABLES, "shared/api/src/places.rs");
const WECHAT_SIGNING: (&[&str], &str) = (&[WechatKeys::SECRET_ID], "shared/providers/src/wechat/keys.rs");
const TABLES: (&[&str], &str) = (&Tables::VARIABLES, "shared/idempotency/src/tables.rs");

pub(crate) const FUNCTIONS: &[Declared] = &[
    Declared {
        name: Usage::SOURCE.as_str(),
        routes: || of(Usage::ROUTES),
        secrets: &usage::SETTINGS,
        variables: &[ADMISSION],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Litellm::SOURCE.as_str(),
        routes: || of(Litellm::ROUTES),
        secrets: &litellm::SETTINGS,
        variables: &[ADMISSION, LITELLM],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Openrouter::SOURCE.as_str(),
        routes: || of(Openrouter::ROUTES),
        secrets: &openrouter::SETTINGS,
        variables: &[ADMISSION, OPENROUTER],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Stripe::SOURCE.as_str(),
        routes: || of(Stripe::ROUTES),
        secrets: &stripe::SETTINGS,
        variables: &[ADMISSION, STRIPE],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Wechat::SOURCE.as_str(),
        routes: || of(Wechat::ROUTES),
        secrets: &wechat::SETTINGS,
        variables: &[
            ADMISSION,
            (&wechat::Config::VARIABLES, "functions/wechat/src/config.rs"),
            (&WechatIds::VARIABLES, "shared/providers/src/wechat/config.rs"),
            (&WechatConfig::VARIABLES, "shared/providers/src/wechat/config.rs"),
            WECHAT_SIGNING,
        ],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Epay::SOURCE.as_str(),
        routes: || of(Epay::ROUTES),
        secrets: &epay::SETTINGS,
        variables: &[
            ADMISSION,
            (&epay::Config::VARIABLES, "functions/epay/src/config.rs"),
            (&EpayConfig::VARIABLES, "shared/providers/src/epay/config.rs"),
        ],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Fireblocks::SOURCE.as_str(),
        routes: || of(Fireblocks::ROUTES),
        // Fireblocks publishes the keys that verify.
        secrets: &[],
        variables: &[ADMISSION, WORKSPACE, (&fireblocks::Config::VARIABLES, "functions/fireblocks/src/config.rs")],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Orders::NAME,
        routes: || of(Orders::ROUTES),
        secrets: &[],
        variables: &[PLACES],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Checkout::NAME,
        routes: || of(Checkout::ROUTES),
        secrets: &[checkout::SETTING],
        variables: &[
            PLACES,
            STRIPE_API,
            (&checkout::Config::VARIABLES, "functions/checkout/src/config.rs"),
            (&checkout::EpaySettings::VARIABLES, "functions/checkout/src/config/epay.rs"),
            WECHAT_SIGNING,
            (&EpayConfig::VARIABLES, "shared/providers/src/epay/config.rs"),
            (&WechatIds::VARIABLES, "shared/providers/src/wechat/config.rs"),
            (&WechatConfig::VARIABLES, "shared/providers/src/wechat/config.rs"),
        ],
        schedules: BTreeSet::new,
    },
    Declared {
        name: Credits::NAME,
        routes: || of(Credits::ROUTES),
        secrets: &[api::CODE_PEPPER],
        variables: &[(&credits::PaidBy::VARIABLES, "functions/credits/src/sold.rs")],
        schedules: BTreeSet::new,
    },
    Declared {
        name: RECONCILE,
        routes: BTreeSet::new,
        secrets: &[],
        variables: &[
            LITELLM,
            OPENROUTER,
            STRIPE,
            STRIPE_API,
            (&wechat::Config::VARIABLES, "functions/wechat/src/config.rs"),
            (&WechatIds::VARIABLES, "shared/providers/src/wechat/config.rs"),
            (&WechatConfig::VARIABLES, "shared/providers/src/wechat/config.rs"),
            WECHAT_SIGNING,
            (&epay::Config::VARIABLES, "functions/epay/src/config.rs"),
            (&EpayConfig::VARIABLES, "shared/providers/src/epay/config.rs"),
            (&["EPAY_SECRET_ID"], "functions/checkout/src/config/epay.rs"),
            (&["FORBID_BODY_ONLY_HMAC"], "shared/webhook/src/admission.rs"),
            (
                &[
                    "FULFIL_SECRET_ID",
                    "USAGE_SECRET_ID",
                    "LITELLM_SECRET_ID",
                    "OPENROUTER_SECRET_ID",
                    "STRIPE_SECRET_ID",
                    "WECHAT_SECRET_ID",
                    "RETIRED_SECRET_ID",
                    "NEW_API_SECRET_ID",
                ],
                "functions/reconcile/src/assemble.rs",
            ),
            (&NewApiConfig::VARIABLES, "shared/providers/src/new_api/config.rs"),
            (&fireblocks::Config::VARIABLES, "functions/fireblocks/src/config.rs"),
            UNITEL,
            FIREBLOCKS,
            WORKSPACE,
        ],
        schedules: || Sweep::ALL.into_iter().map(|sweep| (seconds(sweep), sweep.input())).collect(),
    },
    Declared {
        name: chat::ChatApi::NAME,
        routes: || of(chat::ROUTES),
        secrets: &OpenAiKeys::SETTINGS,
        variables: &[
            (&LlmConfig::VARIABLES, "shared/providers/src/openai/config.rs"),
            (&chat::Config::VARIABLES, "functions/chat/src/config.rs"),
        ],
        schedules: BTreeSet::new,
    },
    Declared {
        name: console::NAME,
        routes: || of(console::ROUTES),
        secrets: &[api::CODE_PEPPER],
        variables: &[(&console::Config::VARIABLES, "functions/console/src/config.rs")],
        schedules: BTreeSet::new,
    },
    Declared {
        name: fulfil::SOURCE,
        routes: BTreeSet::new,
        secrets: &[
            UnitelKeys::SETTINGS[0],
            UnitelKeys::SETTINGS[1],
            FireblocksKeys::SETTINGS[0],
            FireblocksKeys::SETTINGS[1],
        ],
        variables: &[UNITEL, FIREBLOCKS],
        schedules: BTreeSet::new,
    },
];

/// The interval of each sweep.
fn seconds(sweep: Sweep) -> u64 {
    match sweep {
        Sweep::Refused | Sweep::Unpaid | Sweep::Unfulfilled | Sweep::Holds => 60,
        Sweep::StripeBackfill | Sweep::GatewayLog | Sweep::PendingExternal | Sweep::Expiring | Sweep::Audit => 300,
    }
}

fn of<E>(routes: &'static [Route<E>]) -> BTreeSet<(&'static str, &'static str)> {
    routes.iter().map(|route| (route.method, route.path)).collect()
}

pub(crate) fn app() -> Template {
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
fn each_function_has_a_folder_a_template_entry_and_samples() {
    let app = app();
    let declared: BTreeSet<String> = app.functions().iter().map(|function| function.binary.clone()).collect();
    let named = |functions: &mut dyn Iterator<Item = &Declared>| -> BTreeSet<String> {
        functions.map(|function| function.name.to_owned()).collect()
    };
    assert_eq!(declared, folders("functions"));
    assert_eq!(declared, named(&mut FUNCTIONS.iter()));
    assert_eq!(folders("events"), named(&mut FUNCTIONS.iter().filter(|function| function.is_source())));
    assert_eq!(folders("events"), Source::ALL.map(|source| source.as_str().to_owned()).into());
}

pub(crate) fn entry<'t>(app: &'t Template, name: &str) -> &'t embedded::Function {
    let mut functions = app.functions().iter();
    functions.find(|function| function.binary == name).unwrap_or_else(|| panic!("{name} is not declared"))
}

#[test]
fn schedules_of_the_template_and_the_code_agree() {
    let app = app();
    for function in FUNCTIONS {
        let declared = entry(&app, function.name).schedules.iter();
        let declared: BTreeSet<(u64, String)> =
            declared.map(|schedule| (schedule.every.as_secs(), schedule.input.clone())).collect();
        assert_eq!(declared, (function.schedules)(), "{}", function.name);
    }
}

#[test]
fn every_variable_that_is_read_is_set_and_no_other() {
    let app = app();
    let catalog = Catalog::parse(SHIPPED).expect("a catalog");
    let prices: BTreeSet<&str> = catalog.products().filter_map(|product| product.stripe_price()).collect();
    for function in FUNCTIONS {
        let documented = [EDGE, TABLES].into_iter().chain(function.variables.iter().copied());
        let mut read: BTreeSet<&str> = documented.flat_map(|(variables, _)| variables).copied().collect();
        if function.secrets.is_empty() && function.name != RECONCILE {
            read.remove("SECRET_ID");
        }
        if function.name == Checkout::NAME {
            read.extend(&prices);
        }
        let entry = entry(&app, function.name);
        assert_eq!(entry.environment.keys().map(String::as_str).collect::<BTreeSet<_>>(), read, "{}", function.name);
    }
    for (variables, file) in [EDGE, TABLES].iter().chain(FUNCTIONS.iter().flat_map(|function| function.variables)) {
        for variable in *variables {
            let documented = fs::read_to_string(root().join(file)).expect("a file");
            assert!(documented.contains(&format!("/// `{variable}`")), "{variable} is not documented in {file}");
        }
    }
}

/// A deployment with a vault and without a workspace fails at once; its functions would not start.
#[test]
fn vault_without_workspace_is_refused_at_deployment() {
    fn holds(condition: &Value) -> bool {
        let (function, of) = condition.as_object().and_then(|object| object.iter().next()).expect("a function");
        let of = of.as_array().expect("arguments");
        match function.as_str() {
            "Fn::Or" => of.iter().any(holds),
            "Fn::Not" => !holds(&of[0]),
            "Fn::Equals" => of[0] == of[1],
            other => panic!("{other}"),
        }
    }
    let workspace = fakes::FIREBLOCKS_WORKSPACE;
    for (vault, workspace, is_deployed) in
        [("", "", true), ("0", "", false), ("0", workspace, true), ("", workspace, true)]
    {
        let parameters = [("Stage", STAGE), ("FireblocksVault", vault), ("FireblocksWorkspace", workspace)];
        let app = Template::parse(APP_YAML, &parameters).expect("a template");
        let rule = &app.document()["Rules"]["FireblocksWorkspaceIsSet"]["Assertions"][0]["Assert"];
        assert_eq!(holds(rule), is_deployed, "{vault:?} {workspace:?}");
    }
}

#[test]
fn table_names_of_the_template_and_the_code_agree() {
    let data = Template::parse(DATA_YAML, &[("Stage", "dev")]).expect("a template");
    let declared: BTreeSet<&str> = data.tables().iter().map(|table| table.name.as_str()).collect();
    let Tables { journal, bodies, accounts, orders, subscriptions, holds, calls, operators } = Tables::of_stage("dev");
    let tables = [&journal, &bodies, &accounts, &orders, &subscriptions, &holds, &calls, &operators];
    assert_eq!(declared, tables.map(String::as_str).into());
    let app = Template::parse(APP_YAML, &[("Stage", "dev")]).expect("a template");
    for function in app.functions() {
        for (variable, table) in Tables::VARIABLES.into_iter().zip(tables) {
            assert_eq!(function.environment[variable], Value::from(table.as_str()), "{}", function.binary);
        }
    }
}

#[test]
fn secret_has_the_setting_that_the_function_reads() {
    let app = app();
    for function in FUNCTIONS.iter().filter(|function| !function.secrets.is_empty()) {
        let resources = app.document()["Resources"].as_object().expect("resources");
        // Its secret is also the command line's, and is named for what is in it.
        let name = if [Credits::NAME, console::NAME].contains(&function.name) { "codes" } else { function.name };
        let name = format!("hookledger/{STAGE}/{name}");
        let secret =
            resources.values().find(|resource| resource["Properties"]["Name"] == name.as_str()).expect("a secret");
        let properties = &secret["Properties"];
        let generated = properties["GenerateSecretString"]["GenerateStringKey"].as_str().map(str::to_owned);
        // A key that only its sender has is filled in by a person. Until then it is empty, and the function refuses to
        // start.
        let to_fill = properties["SecretString"].as_str().map(|text| {
            let fields: BTreeMap<String, String> = serde_json::from_str(text).expect("an object of texts");
            assert!(fields.values().all(String::is_empty), "{}: no default for a secret", function.name);
            fields.into_keys().collect::<BTreeSet<_>>()
        });
        match (generated, to_fill) {
            (Some(setting), None) => assert!(function.secrets.contains(&setting.as_str()), "{setting}"),
            (None, Some(settings)) => {
                let read = function.secrets.iter().map(|name| (*name).to_owned()).collect();
                assert!(!settings.is_empty() && settings.is_subset(&read), "{}: {settings:?}", function.name);
            }
            neither => panic!("{}: {neither:?}", function.name),
        }
    }
}

#[test]
fn every_environment_of_samconfig_covers_each_stack() {
    let samconfig = fs::read_to_string(root().join("samconfig.toml")).expect("a file");
    for stage in DEPLOYED {
        for environment in [stage.to_owned(), format!("{stage}-data"), format!("{stage}-watch")] {
            assert!(samconfig.contains(&format!("[{environment}.deploy.")), "{environment}");
        }
    }
}

const DEPLOYED: [&str; 2] = ["dev", "prod"];

/// A function of the stage `local` reads its secrets from the environment and accepts any endpoint.
#[test]
fn stage_local_cannot_be_deployed() {
    for text in [APP_YAML, DATA_YAML, &fs::read_to_string(root().join("infra/watch.yaml")).expect("a template")] {
        let template = Template::parse(text, &[("Stage", STAGE)]).expect("a template");
        assert_eq!(template.document()["Parameters"]["Stage"]["AllowedValues"], serde_json::json!(DEPLOYED));
        assert_eq!(template.document()["Parameters"]["Stage"].get("Default"), None, "no stage by accident");
    }
    let samconfig = fs::read_to_string(root().join("samconfig.toml")).expect("a file");
    let deployed = samconfig.lines().filter(|line| line.ends_with(".deploy.parameters]"));
    let named = |line: &str| DEPLOYED.iter().any(|stage| line.starts_with(&format!("[{stage}")));
    assert_eq!(deployed.filter(|line| !named(line)).count(), 0);
}
