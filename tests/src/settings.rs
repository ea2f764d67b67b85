//! `.env.example` has every setting that a function, a secret or the local stack reads, and no other setting.

use std::collections::BTreeSet;
use std::fs;

use embedded::{APP_YAML, Template};
use providers::{FireblocksKeys, NewApiKey, OpenAiKeys, UnitelKeys};
use testkit::STAGE;

use crate::house::root;

/// The settings of the local stack alone; `shared/local` compares its own lists with this file and with docs/cli.md.
const OF_LOCAL_STACK: [&str; 4] = ["DEMO_API_KEY", "WECHAT_LOCAL", "EPAY_LOCAL", "FIREBLOCKS_LOCAL"];

#[test]
fn env_example_has_every_setting_once() {
    let example = fs::read_to_string(root().join(".env.example")).expect("a file");
    let names: Vec<&str> =
        example.lines().filter_map(|line| line.strip_prefix('#')?.split_once('=')).map(|(name, _)| name).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| !name.contains(' ')).collect();
    let listed: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), listed.len(), "no setting is listed twice");

    let app = Template::parse(APP_YAML, &[("Stage", STAGE)]).expect("a template");
    let of_functions = app.functions().iter().flat_map(|function| function.environment.keys().map(String::as_str));
    let secrets: [&[&str]; 12] = [
        &usage::SETTINGS,
        &litellm::SETTINGS,
        &openrouter::SETTINGS,
        &stripe::SETTINGS,
        &wechat::SETTINGS,
        &epay::SETTINGS,
        &[checkout::SETTING],
        &[api::CODE_PEPPER],
        &UnitelKeys::SETTINGS,
        &FireblocksKeys::SETTINGS,
        &NewApiKey::SETTINGS,
        &OpenAiKeys::SETTINGS,
    ];
    let read: BTreeSet<&str> =
        of_functions.chain(secrets.into_iter().flatten().copied()).chain(OF_LOCAL_STACK).collect();
    assert_eq!(listed, read);
}
