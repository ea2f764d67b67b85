//! Judges the facts: green, yellow or red, and what to do about it. No call is made here.

use signing::SecretError;

use super::facts::{AlarmFacts, Facts, StreamFacts, TableFacts};
use super::finding::{Finding, Grade};
use super::stripe_checks::stripe;

const PROD: &str = "prod";
const LOCAL: &str = "local";
/// A signed time may be five minutes old.
const CLOCK_SECONDS_MAX: u64 = 120;
const CLOCK_SECONDS_NOTED: u64 = 10;
/// That of a new account.
const CONCURRENCY_NEW: u64 = 10;
/// What each function can use when all of them work, with some room.
const CONCURRENCY_ENOUGH: u64 = 100;
/// The states of an event source mapping that reads, or soon does.
const IS_ON: [&str; 4] = ["Enabled", "Enabling", "Creating", "Updating"];

pub(crate) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    stacks(facts, &mut all);
    tables(facts, &mut all);
    keys(facts, &mut all);
    urls(facts, &mut all);
    api(facts, &mut all);
    match &facts.stripe {
        Some(found) => stripe(facts, found, &mut all),
        None => stripe_unread(facts, &mut all),
    }
    schedules(facts, &mut all);
    streams(facts, &mut all);
    dead_letters(facts, &mut all);
    if let Some(found) = &facts.alarms {
        alarms(facts, found, &mut all);
    }
    quotas(facts, &mut all);
    paused(facts, &mut all);
    all.extend(facts.unread.iter().map(|(check, why)| unread(check, why)));
    all
}

/// A denied read says nothing about the thing: it may well be there.
fn unread(check: &'static str, why: &str) -> Finding {
    if is_denied(why) {
        let fix = "have your account permit this call, and run it again; what it reads may be in order";
        return Finding::yellow(check, format!("could not be read, for want of a permission: {why}"), fix);
    }
    Finding::yellow(check, format!("could not be checked: {why}"), "correct that, and run it again")
}

/// Whether AWS refuses the caller.
pub(super) fn is_denied(why: &str) -> bool {
    ["AccessDenied", "not authorized", "Unauthorized", "AuthorizationError"].iter().any(|word| why.contains(word))
}

/// Nothing of Stripe's side is checked without the key of its API.
fn stripe_unread(facts: &Facts, all: &mut Vec<Finding>) {
    let is_used = facts.stage != LOCAL && facts.keys.iter().any(|key| key.of == "stripe" && key.result.is_ok());
    if is_used && !facts.unread.iter().any(|(check, _)| *check == "stripe") {
        let secret = format!("hookledger/{}/checkout", facts.stage);
        let fix = format!("write it into {secret}: docs/deploy.md, \"Fill the secrets\"");
        let says = "STRIPE_SECRET_KEY is not set: endpoint, prices and undelivered events are not checked";
        all.push(Finding::yellow("stripe", says, fix));
    }
}

fn stacks(facts: &Facts, all: &mut Vec<Finding>) {
    for (name, status) in &facts.stacks {
        let config = name.trim_start_matches("hookledger-");
        let deploy = format!("sam deploy --config-env {config}");
        all.push(match status.as_deref() {
            Some("CREATE_COMPLETE" | "UPDATE_COMPLETE") => Finding::green("stacks", format!("{name} is deployed")),
            // Alarms are missed by a shop that sells, and only by that.
            None if config.ends_with("-watch") && facts.stage != PROD => {
                Finding::yellow("stacks", format!("{name} is not deployed: there are no alarms"), deploy)
            }
            None => Finding::red("stacks", format!("{name} is not deployed"), deploy),
            Some(status) if status.ends_with("_IN_PROGRESS") => {
                Finding::yellow("stacks", format!("{name}: {status}"), "wait until it ends, and run this again")
            }
            Some(status) => Finding::red(
                "stacks",
                format!("{name}: {status}"),
                format!("`aws cloudformation describe-stack-events --stack-name {name}` has the cause; then {deploy}"),
            ),
        });
    }
}

fn tables(facts: &Facts, all: &mut Vec<Finding>) {
    for table in &facts.tables {
        let TableFacts { name, status, missing_indexes, lacks_stream, is_protected } = table;
        let deploy = format!("sam deploy --config-env {}-data", facts.stage);
        let found = match status.as_deref() {
            None => Finding::red(
                "tables",
                format!("{name} is missing"),
                format!("{deploy}; if it had rows, restore it from a backup first"),
            ),
            Some("ACTIVE") if !missing_indexes.is_empty() => {
                Finding::red("tables", format!("{name} lacks the index {}", missing_indexes.join(", ")), deploy)
            }
            Some("ACTIVE") if *lacks_stream => Finding::red(
                "tables",
                format!("{name} has no stream, so paid orders wait for the sweep and nothing is compared"),
                deploy,
            ),
            Some("ACTIVE") if facts.stage == PROD && !is_protected => Finding::yellow(
                "tables",
                format!("{name} is not protected from deletion"),
                format!("aws dynamodb update-table --table-name {name} --deletion-protection-enabled"),
            ),
            Some("ACTIVE") => continue,
            Some(status) => Finding::yellow("tables", format!("{name}: {status}"), "wait until it is active"),
        };
        all.push(found);
    }
    if !facts.tables.is_empty() && !all.iter().any(|found| found.check == "tables") {
        all.push(Finding::green("tables", format!("{} tables, their indexes and streams", facts.tables.len())));
    }
}

/// Which keys this deployment needs, by its parameters.
fn is_needed(facts: &Facts, of: &str) -> bool {
    let is_set = |name: &str| facts.parameters.get(name).is_some_and(|value| !value.is_empty());
    match of {
        "usage" | "redeem codes" => true,
        "wechat" | "calls to WeChat Pay" => is_set("WechatMchId"),
        "epay" => is_set("EpayMerchants"),
        "the operator" => is_set("UnitelApiUrl"),
        "Fireblocks" => is_set("FireblocksVault"),
        "the log of the gateway" => is_set("NewApiBaseUrl"),
        "chat" => is_set("LlmBaseUrl") || is_set("LlmUpstreams"),
        // A shop without Stripe leaves these empty.
        _ => false,
    }
}

fn keys(facts: &Facts, all: &mut Vec<Finding>) {
    let mut good = Vec::new();
    for key in &facts.keys {
        let Err((setting, error)) = &key.result else {
            good.push(key.of);
            continue;
        };
        let secret = format!("hookledger/{}/{}", facts.stage, key.secret);
        let fix = format!("write it into {secret}: docs/deploy.md, \"Fill the secrets\"");
        let says = format!("{}: {setting} {error}", key.of);
        if matches!(error, SecretError::OtherMode { .. }) {
            all.push(Finding::red(
                "secrets",
                says,
                format!("put the key of that mode into {secret}, or correct StripeLivemode"),
            ));
        } else if *error != SecretError::Empty || is_needed(facts, key.of) {
            all.push(Finding::red("secrets", says, fix));
        } else if facts.stage != LOCAL && matches!(key.of, "stripe" | "checkout") {
            // On one machine a fake takes the place of each provider.
            let says = format!("{says}, so that {} does not start", key.of);
            all.push(Finding::yellow("secrets", says, fix));
        }
    }
    if !good.is_empty() {
        all.push(Finding::green("secrets", format!("set and usable: {}", good.join(", "))));
    }
}

fn urls(facts: &Facts, all: &mut Vec<Finding>) {
    if facts.parameters.is_empty() {
        return;
    }
    let of = |name: &str| facts.parameters.get(name).map(String::as_str).unwrap_or_default();
    let takes_http = of("CheckoutHttpUrls") == "true";
    let sells = facts.keys.iter().any(|key| key.of == "checkout" && key.result.is_ok());
    let fix = |name: &str| format!("set {name} in samconfig.toml, and deploy");
    let before = all.len();
    for name in ["CheckoutSuccessUrl", "CheckoutCancelUrl"] {
        let value = of(name);
        if value.is_empty() && sells {
            all.push(Finding::red("urls", format!("{name} is empty, so checkout does not start"), fix(name)));
        } else if value.starts_with("http://") && (!takes_http || facts.stage == PROD) {
            let says = format!("{name} is http, where an attacker on the network can read and change the page");
            all.push(Finding::red("urls", says, fix(name)));
        }
    }
    let Some(api) = &facts.api else { return };
    for (name, needed_by) in
        [("WechatNotifyUrl", "WechatMchId"), ("EpayNotifyUrl", "EpayMerchants"), ("EpayReturnUrl", "EpayMerchants")]
    {
        let value = of(name);
        if of(needed_by).is_empty() {
            continue;
        }
        if value.is_empty() {
            let says = format!("{name} is empty, so that no payment is reported");
            all.push(Finding::red("urls", says, fix(name)));
        } else if !value.starts_with(&api.url) {
            let says = format!("{name} is {value}, and this API is {}", api.url);
            let fix = format!("check that {value} leads here, as a domain of your own does; otherwise {}", fix(name));
            all.push(Finding::yellow("urls", says, fix));
        }
    }
    if all.len() == before {
        all.push(Finding::green("urls", "the pages and notification addresses are set"));
    }
}

fn api(facts: &Facts, all: &mut Vec<Finding>) {
    let start = if facts.options.is_empty() { String::new() } else { format!(" --{}", facts.options) };
    let start = format!("start the stack: cargo run{start}");
    if let Some(folder) = &facts.not_running {
        all.push(Finding::red("api", format!("no stack runs on {folder}"), start));
        return;
    }
    let Some(api) = &facts.api else { return };
    let log = format!("aws logs tail /aws/lambda/hookledger-{}-usage", facts.stage);
    all.push(match api.status {
        Some(200) => Finding::green("api", format!("{} answers", api.url)),
        Some(status) => Finding::red("api", format!("{} answers {status}", api.url), log),
        None if facts.stage == LOCAL => Finding::red("api", format!("{} does not answer", api.url), start),
        None => Finding::red("api", format!("{} does not answer", api.url), log),
    });
    let Some(apart) = api.seconds_apart else { return };
    let says = format!("the clock of this machine and that of the functions are {apart} s apart");
    let fix = "synchronize the clock of this machine; what it signs is refused as too old or too new";
    all.push(if apart <= CLOCK_SECONDS_NOTED {
        Finding::green("clock", says)
    } else if apart <= CLOCK_SECONDS_MAX {
        Finding::yellow("clock", says, fix)
    } else {
        Finding::red("clock", says, fix)
    });
}

fn schedules(facts: &Facts, all: &mut Vec<Finding>) {
    let before = all.len();
    for (name, state) in &facts.schedules {
        let deploy = format!("sam deploy --config-env {}", facts.stage);
        match state.as_deref() {
            Some("ENABLED") => {}
            Some(state) => all.push(Finding::red(
                "schedules",
                format!("the schedule {name} is {state}"),
                "enable it in EventBridge Scheduler; to stop a sweep, pause it",
            )),
            None => all.push(Finding::red("schedules", format!("the schedule {name} is missing"), deploy)),
        }
    }
    if !facts.idle.is_empty() {
        all.push(Finding::red(
            "schedules",
            format!("these sweeps have finished no run in the last half hour: {}", facts.idle.join(", ")),
            format!("its log has the cause: aws logs tail /aws/lambda/hookledger-{}-reconcile", facts.stage),
        ));
    }
    if all.len() == before && !facts.schedules.is_empty() {
        all.push(Finding::green("schedules", format!("{} schedules are enabled, and run", facts.schedules.len())));
    }
}

/// Without its mapping a function receives no record of a stream, and the records are gone after a day.
fn streams(facts: &Facts, all: &mut Vec<Finding>) {
    let before = all.len();
    for StreamFacts { function, expected, states } in &facts.streams {
        let deploy = format!("sam deploy --config-env {}", facts.stage);
        let off: Vec<&str> = states.iter().map(String::as_str).filter(|state| !IS_ON.contains(state)).collect();
        if states.len() < *expected {
            let says = format!("{function} reads {} of its {expected} streams", states.len());
            all.push(Finding::red("streams", says, deploy));
        }
        if !off.is_empty() {
            let says = format!("the event source mapping of {function} is {}: its records wait", off.join(", "));
            let fix = format!(
                "aws lambda list-event-source-mappings --function-name {function} has its UUID; then \
                 aws lambda update-event-source-mapping --enabled --uuid …"
            );
            all.push(Finding::red("streams", says, fix));
        }
    }
    if all.len() == before && !facts.streams.is_empty() {
        all.push(Finding::green("streams", format!("{} functions read their streams", facts.streams.len())));
    }
}

fn dead_letters(facts: &Facts, all: &mut Vec<Finding>) {
    let before = all.len();
    for (queue, count) in &facts.dead_letters {
        match count {
            Some(0) => {}
            Some(count) => all.push(Finding::red(
                "dead letters",
                format!("{count} in {queue}"),
                format!(
                    "`hookledger dlq list{}` names them, and `hookledger dlq redrive` tries them again",
                    facts.options
                ),
            )),
            None => all.push(Finding::red(
                "dead letters",
                format!("the queue {queue} is missing"),
                format!("sam deploy --config-env {}", facts.stage),
            )),
        }
    }
    if all.len() == before && !facts.dead_letters.is_empty() {
        all.push(Finding::green("dead letters", "none"));
    }
}

fn alarms(facts: &Facts, found: &AlarmFacts, all: &mut Vec<Finding>) {
    let before = all.len();
    if !found.missing.is_empty() {
        let grade = if facts.stage == PROD { Grade::Red } else { Grade::Yellow };
        let says = format!("{} alarms are missing: {}", found.missing.len(), found.missing.join(", "));
        all.push(Finding::of("alarms", grade, says, format!("sam deploy --config-env {}-watch", facts.stage)));
    }
    if found.confirmed == Some(0) {
        let grade = if facts.stage == PROD { Grade::Red } else { Grade::Yellow };
        let says = if found.pending > 0 {
            "no subscription of the alarms is confirmed: they reach no one".to_owned()
        } else {
            "no one is subscribed to the alarms".to_owned()
        };
        let fix = if found.pending > 0 {
            "open the first message of AWS, and confirm".to_owned()
        } else {
            format!("set AlarmEmail in samconfig.toml, and sam deploy --config-env {}-watch", facts.stage)
        };
        all.push(Finding::of("alarms", grade, says, fix));
    }
    if !found.silent.is_empty() {
        let grade = if facts.stage == PROD { Grade::Red } else { Grade::Yellow };
        let says = format!("these alarms have no action, so that they reach no one: {}", found.silent.join(", "));
        all.push(Finding::of("alarms", grade, says, format!("sam deploy --config-env {}-watch", facts.stage)));
    }
    if !found.muted.is_empty() {
        let says = format!("the actions of these alarms are disabled: {}", found.muted.join(", "));
        all.push(Finding::yellow("alarms", says, "aws cloudwatch enable-alarm-actions --alarm-names …"));
    }
    if !found.raised.is_empty() {
        let says = format!("raised: {}", found.raised.join(", "));
        all.push(Finding::yellow("alarms", says, "docs/operate.md says what each means, and what to do"));
    }
    if all.len() == before && found.confirmed.is_some() {
        all.push(Finding::green("alarms", "all are there, none is raised, and someone receives them"));
    }
}

fn quotas(facts: &Facts, all: &mut Vec<Finding>) {
    let Some(concurrency) = facts.concurrency else { return };
    let says = format!("{concurrency} functions of the account may run at once");
    let fix = "request more in Service Quotas (Lambda, concurrent executions) before you open";
    all.push(match concurrency {
        ..=CONCURRENCY_NEW if facts.stage == PROD => Finding::red("quotas", says, fix),
        ..CONCURRENCY_ENOUGH => Finding::yellow("quotas", says, fix),
        _ => Finding::green("quotas", says),
    });
}

fn paused(facts: &Facts, all: &mut Vec<Finding>) {
    for (what, why) in &facts.paused {
        let fix = format!("`hookledger resume {what} --reason R{}` once its cause is gone", facts.options);
        all.push(Finding::yellow("paused", format!("{what} is paused: {why}"), fix));
    }
}
