//! Each red finding has a row that makes it red, over facts that are green without it.

mod answers;
mod rows;

use std::collections::BTreeSet;
use std::panic::Location;

use local::{KeyCheck, STRIPE_VERSION, stripe_events};
use signing::SecretError;

use super::checks::findings;
use super::facts::{
    AlarmFacts, ApiFacts, AtStripe, EndpointFacts, Facts, PriceFacts, StreamFacts, StripeFacts, TableFacts,
};
use super::finding::Grade;

const URL: &str = "https://a1.execute-api.us-east-1.amazonaws.com";
const USED: [(&str, &str); 9] = [
    ("usage", "usage"),
    ("codes", "redeem codes"),
    ("stripe", "stripe"),
    ("checkout", "checkout"),
    ("wechat", "wechat"),
    ("wechat-signing", "calls to WeChat Pay"),
    ("epay", "epay"),
    ("fulfil", "Fireblocks"),
    ("chat", "chat"),
];

fn endpoint() -> EndpointFacts {
    EndpointFacts {
        url: format!("{URL}/api/v1/webhooks/stripe/"),
        is_enabled: true,
        is_live: true,
        events: stripe_events().map(str::to_owned).collect(),
        api_version: Some(STRIPE_VERSION.to_owned()),
    }
}

fn fulfil_reads(states: &[&str]) -> StreamFacts {
    let states = states.iter().map(|state| (*state).to_owned()).collect();
    StreamFacts { function: "hookledger-prod-fulfil".to_owned(), expected: 1, states }
}

/// A stage `prod` in which nothing is wrong.
fn healthy() -> Facts {
    let parameters = [
        ("StripeLivemode", "true"),
        ("CheckoutSuccessUrl", "https://shop.example/done"),
        ("CheckoutCancelUrl", "https://shop.example/"),
        ("StripeAllowedIps", "3.18.12.0/24"),
        ("WechatMchId", "1900000001"),
        ("WechatNotifyUrl", &format!("{URL}/payment/callback")),
        ("EpayMerchants", "1001:md5"),
        ("EpayNotifyUrl", &format!("{URL}/payment/notify")),
        ("EpayReturnUrl", &format!("{URL}/payment/return")),
        ("FireblocksVault", "7"),
        ("LlmBaseUrl", "https://api.openai.com/v1"),
    ];
    let table = TableFacts {
        name: "hookledger-prod-journal".to_owned(),
        status: Some("ACTIVE".to_owned()),
        is_protected: true,
        ..TableFacts::default()
    };
    let price = PriceFacts {
        product: "full-report".to_owned(),
        id: "price_1".to_owned(),
        in_catalog: "9.99 USD".to_owned(),
        at_stripe: AtStripe::Active("9.99 USD".to_owned()),
    };
    let done = Some("UPDATE_COMPLETE".to_owned());
    Facts {
        stage: "prod".to_owned(),
        options: " --aws --stage prod".to_owned(),
        not_running: None,
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        stacks: ["hookledger-prod-data", "hookledger-prod", "hookledger-prod-watch"]
            .map(|name| (name.to_owned(), done.clone()))
            .into(),
        tables: vec![table],
        keys: USED.map(|(secret, of)| KeyCheck { secret, of, result: Ok(()) }).into(),
        api: Some(ApiFacts { url: URL.to_owned(), status: Some(200), seconds_apart: Some(1) }),
        stripe: Some(StripeFacts {
            endpoints: vec![endpoint()],
            undelivered: 0,
            prices: vec![price],
            unpriced: Vec::new(),
            addresses: vec!["3.18.12.63".parse().expect("an address")],
        }),
        schedules: [("hookledger-prod-refused".to_owned(), Some("ENABLED".to_owned()))].into(),
        idle: Vec::new(),
        streams: vec![fulfil_reads(&["Enabled"])],
        dead_letters: [("hookledger-prod-fulfil-failures".to_owned(), Some(0))].into(),
        alarms: Some(AlarmFacts { confirmed: Some(1), ..AlarmFacts::default() }),
        concurrency: Some(1_000),
        paused: Vec::new(),
        unread: Vec::new(),
    }
}

#[test]
fn healthy_stage_is_green_in_every_check() {
    let found = findings(&healthy());
    assert!(found.iter().all(|finding| finding.grade == Grade::Green && finding.fix.is_none()), "{found:?}");
    let mut checks: Vec<&str> = found.iter().map(|finding| finding.check).collect();
    checks.dedup();
    let all = [
        "stacks",
        "tables",
        "secrets",
        "urls",
        "api",
        "clock",
        "stripe",
        "schedules",
        "streams",
        "dead letters",
        "alarms",
        "quotas",
    ];
    assert_eq!(checks, all);
}

fn key(facts: &mut Facts, of: &str, error: SecretError) {
    let key = facts.keys.iter_mut().find(|key| key.of == of).expect("a key");
    key.result = Err(("A_SETTING", error));
}

/// What is used, by this parameter, and has no key.
fn unkeyed(facts: &mut Facts, of: &'static str, parameter: &str) {
    set(facts, parameter, "set");
    facts.keys.push(KeyCheck { secret: "unused", of, result: Err(("A_SETTING", SecretError::Empty)) });
}

fn stripe(facts: &mut Facts) -> &mut StripeFacts {
    facts.stripe.as_mut().expect("facts")
}

fn alarms(facts: &mut Facts) -> &mut AlarmFacts {
    facts.alarms.as_mut().expect("facts")
}

fn set(facts: &mut Facts, name: &str, value: &str) {
    facts.parameters.insert(name.to_owned(), value.to_owned());
}

#[test]
fn each_fault_is_found_with_what_to_do() {
    for (break_it, expected, says, fix) in rows::rows() {
        let mut facts = healthy();
        break_it(&mut facts);
        let found = findings(&facts);
        let worst = found.iter().map(|finding| finding.grade).max().expect("findings");
        assert_eq!(worst, expected, "{says}: {found:?}");
        let is_it = |finding: &&super::finding::Finding| finding.grade == expected && finding.says.contains(says);
        let finding = found.iter().find(is_it).unwrap_or_else(|| panic!("{says}: {found:?}"));
        assert!(finding.fix.as_ref().is_some_and(|text| text.contains(fix)), "{says}: {finding:?}");
    }
}

/// Each place of the code that makes a finding, red or yellow, has a fault in the table that leads there.
#[test]
fn each_finding_has_a_fault_that_makes_it() {
    let in_prod = rows::rows().into_iter().map(|(break_it, ..)| {
        let mut facts = healthy();
        break_it(&mut facts);
        facts
    });
    let mut reached = BTreeSet::new();
    for facts in in_prod.chain(IN_DEV.map(dev)) {
        let wrong = findings(&facts).into_iter().filter(|finding| finding.grade != Grade::Green);
        let at = |at: &'static Location<'static>| (at.file().rsplit('/').next().unwrap_or_default(), at.line());
        reached.extend(wrong.map(|finding| at(finding.at)));
    }
    let mut written = BTreeSet::new();
    for (file, source) in
        [("checks.rs", include_str!("checks.rs")), ("stripe_checks.rs", include_str!("stripe_checks.rs"))]
    {
        let made = ["Finding::red(", "Finding::yellow(", "Finding::of("];
        let lines = (1..).zip(source.lines()).filter(|(_, line)| made.iter().any(|call| line.contains(call)));
        written.extend(lines.map(|(line, _)| (file, line)));
    }
    assert!(written.len() > 40, "{written:?}");
    let without: Vec<_> = written.difference(&reached).collect();
    assert!(without.is_empty(), "no fault leads to {without:?}");
    assert_eq!(reached, written, "a finding is made with one of these three");
}

/// What `dev` may go without.
const IN_DEV: [fn(&mut Facts); 3] = [
    |f| drop(f.stacks.insert("hookledger-dev-watch".into(), None)),
    |f| alarms(f).confirmed = Some(0),
    |f| f.concurrency = Some(10),
];

fn dev(break_it: fn(&mut Facts)) -> Facts {
    let mut facts = Facts { stage: "dev".to_owned(), ..healthy() };
    break_it(&mut facts);
    facts
}

#[test]
fn dev_is_yellow_where_prod_is_red() {
    for break_it in IN_DEV {
        let worst = findings(&dev(break_it)).into_iter().map(|finding| finding.grade).max();
        assert_eq!(worst, Some(Grade::Yellow));
    }
}
