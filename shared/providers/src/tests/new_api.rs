//! The log of an LLM gateway: identities, costs, pages and failures.

use std::sync::Arc;
use std::time::Duration;

use fakes::new_api::{Dialect, Logged};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use testkit::{NEW_API_BASE, NEW_API_TOKEN, NetFault, NewApiNet, deadline, logged, now};

use crate::{CallError, Http, LogKind, LogWindow, LoggedUse, NewApi, NewApiConfig, NewApiConfigError, NewApiKey};

const PER_USD: &str = "100";

fn config(word: &str, user_id: Option<&str>) -> NewApiConfig {
    let set = |name: &str| match name {
        "NEW_API_BASE_URL" => Some(format!("{NEW_API_BASE}/")),
        "NEW_API_DIALECT" => Some(word.to_owned()),
        "NEW_API_USER_ID" => user_id.map(str::to_owned),
        _ => None,
    };
    NewApiConfig::read(set, "dev").expect("settings").expect("an address")
}

fn api_of(net: &NewApiNet, config: &NewApiConfig, token: &str) -> NewApi {
    let key = NewApiKey::parse(Some(token)).expect("a token");
    NewApi::new(&Http::over(net.clone(), fastrand::Rng::with_seed(1)), config, Arc::new(key))
}

fn window() -> LogWindow {
    LogWindow { start: now(), end: now().plus_seconds(1_000) }
}

/// All uses of a window, and how many calls it took.
async fn read(net: &NewApiNet, word: &str, window: LogWindow) -> Result<(Vec<LoggedUse>, usize), CallError> {
    net.recover();
    let api = api_of(net, &config(word, None), NEW_API_TOKEN);
    let in_time = || deadline(Duration::from_secs(5));
    let status = api.status(in_time()).await?;
    let mut uses = Vec::new();
    for kind in api.kinds() {
        for number in 1..1_000 {
            let page = api.page(window, *kind, number, &status, PER_USD, in_time()).await?;
            uses.extend(page.uses);
            if page.is_last {
                break;
            }
        }
    }
    Ok((uses, net.calls().len()))
}

/// The sender and the pull name and price a row alike: both are held to the file of the sender.
#[tokio::test(start_paused = true)]
async fn row_has_the_identity_and_the_cost_of_its_webhook() {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Identity {
        log: Box<RawValue>,
        event_id: String,
        event_type: String,
        credit_cost: String,
    }
    let file = include_str!("../../../../examples/new-api/usagewebhook/identities.json");
    let rows: Vec<Identity> = serde_json::from_str(file).expect("rows");
    assert!(rows.len() > 10, "{}", rows.len());
    for Identity { log, event_id, event_type, credit_cost } in rows {
        let kind = if event_type == "refund" { LogKind::Refund } else { LogKind::Charge };
        let row = crate::new_api::of_row(log.get(), kind, PER_USD).expect("a use");
        let body: Value = serde_json::from_str(&row.body()).expect("a body");
        assert_eq!((row.event_id.as_str(), row.cost.as_str()), (event_id.as_str(), credit_cost.as_str()), "{log}");
        assert_eq!((&body["eventId"], &body["eventType"]), (&event_id.into(), &event_type.into()), "{log}");
        assert_eq!(body["data"]["creditCost"], credit_cost, "{log}");
    }
}

/// Each row once, whatever the size of a page; the end of a window is its last second.
#[tokio::test(start_paused = true)]
async fn pages_have_each_row_once() {
    for (dialect, word) in [(Dialect::NewApi, "new-api"), (Dialect::OneApi, "one-api"), (Dialect::Sub2Api, "sub2api")] {
        for (rows, size) in [(0, 10), (1, 10), (9, 10), (10, 10), (11, 10), (100, 100), (205, 100)] {
            let net = NewApiNet::of(dialect);
            net.provider().set_page_size_max(size);
            for number in 0..rows {
                net.provider().log(logged(&format!("r{number}"), now().plus_seconds(number % 7)));
            }
            for outside in [-1, 1_001] {
                net.provider().log(logged(&format!("o{outside}"), now().plus_seconds(outside)));
            }
            let (uses, _) = read(&net, word, window()).await.expect("pages");
            let ids: std::collections::BTreeSet<&str> = uses.iter().map(|of| of.event_id.as_str()).collect();
            assert_eq!(
                (ids.len(), uses.len()),
                (usize::try_from(rows).expect("few"), ids.len()),
                "{word} {rows} {size}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failure_with_a_status_of_success_is_an_error() {
    let net = NewApiNet::of(Dialect::NewApi);
    net.provider().log(logged("r1", now()));
    let api = api_of(&net, &config("new-api", None), "another");
    let status = api.status(deadline(Duration::from_secs(5))).await.expect("public");
    let page = api.page(window(), LogKind::Charge, 1, &status, PER_USD, deadline(Duration::from_secs(5))).await;
    assert!(page.is_err_and(|error| error.is_unsuccessful() && !error.is_of_the_key()));
}

#[tokio::test(start_paused = true)]
async fn transient_failures_are_retried() {
    for fault in [NetFault::Disconnect, NetFault::Reset, NetFault::Status(503), NetFault::Status(429)] {
        let net = NewApiNet::of(Dialect::NewApi);
        net.fail(move |call, _| if call == 0 { fault } else { NetFault::None });
        let api = api_of(&net, &config("new-api", None), NEW_API_TOKEN);
        let status = api.status(deadline(Duration::from_secs(5))).await;
        assert_eq!(status.map(|status| status.quota_per_unit).as_deref(), Ok("500000"), "{fault:?}");
    }
}

/// An older version wants the number of the token's user.
#[tokio::test(start_paused = true)]
async fn user_is_named_to_a_gateway_that_wants_it() {
    let fake = fakes::new_api::NewApi::new(Dialect::NewApi, NEW_API_TOKEN).with_user("1");
    let net = NewApiNet::over(fake);
    let in_time = || deadline(Duration::from_secs(5));
    for (user, is_read) in [(Some("1"), true), (Some("2"), false), (None, false)] {
        let api = api_of(&net, &config("new-api", user), NEW_API_TOKEN);
        let status = api.status(in_time()).await.expect("public");
        let page = api.page(window(), LogKind::Charge, 1, &status, PER_USD, in_time()).await;
        assert_eq!(page.is_ok(), is_read, "{user:?}");
    }
}

/// Two users of a one-api may give their tokens one name.
#[tokio::test(start_paused = true)]
async fn key_of_one_api_has_its_user() {
    let net = NewApiNet::of(Dialect::OneApi);
    let named = |user_id, name: &str| Logged { user_id, token_name: name.to_owned(), ..logged("r1", now()) };
    for row in [named(7, "default"), named(8, "default"), named(8, "默认 1")] {
        net.provider().log(row);
    }
    let (uses, _) = read(&net, "one-api", window()).await.expect("pages");
    let keys: Vec<&str> = uses.iter().map(|of| of.key.as_str()).collect();
    assert_eq!(keys[1..], ["8/default", "7/default"]);
    assert!(keys[0].starts_with("8/") && keys[0].is_ascii() && keys[0].len() <= 64, "{}", keys[0]);
}

#[test]
fn settings_are_checked() {
    for (base, user, dialect, expected) in [
        ("", "", "", Ok(false)),
        ("https://gateway.invalid", "", "", Ok(true)),
        ("https://gateway.invalid/", "1", "one-api", Ok(true)),
        ("http://gateway.invalid", "", "", Err(NewApiConfigError::Url)),
        ("https://gateway.invalid?x=1", "", "", Err(NewApiConfigError::Url)),
        ("https://gateway.invalid", "root", "", Err(NewApiConfigError::UserId)),
        ("https://gateway.invalid", "", "newapi", Err(NewApiConfigError::Dialect)),
    ] {
        let values = [base, user, dialect];
        let set = |name: &str| {
            let place = NewApiConfig::VARIABLES.iter().position(|known| *known == name);
            place.and_then(|place| values.get(place)).map(|value| (*value).to_owned())
        };
        assert_eq!(NewApiConfig::read(set, "dev").map(|config| config.is_some()), expected, "{values:?}");
    }
    assert!(NewApiKey::parse(Some("")).is_err());
    assert!(NewApiKey::parse(Some("with\nbreak")).is_err());
    assert_eq!(format!("{:?}", NewApiKey::parse(Some("a-token-of-a-root")).expect("a token")), "NewApiKey(redacted)");
}
