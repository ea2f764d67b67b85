//! Tests of the configuration, the published keys and the parser; whole requests are tested in `tests/`.

mod parsing;
mod published;

use testkit::{FIREBLOCKS_JWKS, rsa_pair};

use super::*;

const US: &str = "https://keys.fireblocks.io/.well-known/jwks.json";

fn read(url: &str, v1: &str, stage: &str) -> Result<Config, ConfigError> {
    Config::read(|name| Some(if name == "FIREBLOCKS_V1" { v1 } else { url }.to_owned()), stage)
}

const OURS: &str = "5e2c6a30-0000-4000-8000-000000000001";

fn workspace(vault: &str, id: &str) -> Result<Option<Workspace>, ConfigError> {
    Workspace::read(|name| Some(if name == "FIREBLOCKS_VAULT" { vault } else { id }.to_owned()))
}

fn ours() -> Workspace {
    workspace("0", OURS).expect("valid").expect("a vault")
}

/// Without a vault the source is unconfigured; with a vault and no workspace, any workspace's events would count as
/// ours.
#[test]
fn vault_without_valid_workspace_is_an_error() {
    let capitals = OURS.to_ascii_uppercase();
    let padded = format!(" {OURS}\n");
    for (vault, id) in [("", ""), (" ", OURS), ("", "anything")] {
        assert_eq!(workspace(vault, id), Ok(None), "{vault:?} {id:?}");
    }
    for id in [OURS, &capitals, &padded] {
        let read = workspace("0", id).expect("valid").expect("a vault");
        assert!(read.is(OURS) && read.is(&capitals), "{id:?}");
        let (shorter, longer) = (OURS.trim_end_matches('1'), format!("{OURS}0"));
        let others = ["5e2c6a30-0000-4000-8000-00000000000f", "", " ", shorter, &longer];
        assert!(others.iter().all(|other| !read.is(other)), "{id:?}");
    }
    let other_shapes = [
        "",
        "  ",
        "my workspace",
        "0",
        "5e2c6a30000040008000000000000001",
        &format!("{OURS}-0"),
        &OURS.replace('5', "g"),
    ];
    for id in other_shapes {
        assert_eq!(workspace("0", id), Err(ConfigError::Workspace), "{id:?}");
    }
}

#[test]
fn url_setting_gives_the_jwks_address() {
    let at = |url: &str| Ok(PublishedAt::Url(url.to_owned()));
    let rows = [
        ("", "prod", at(US)),
        ("  ", "prod", at(US)),
        (FIREBLOCKS_JWKS, "prod", at(FIREBLOCKS_JWKS)),
        (
            " https://eu-keys.fireblocks.io/.well-known/jwks.json ",
            "prod",
            at("https://eu-keys.fireblocks.io/.well-known/jwks.json"),
        ),
        (FIREBLOCKS_JWKS, "local", at(FIREBLOCKS_JWKS)),
        ("file:/keys.json", "local", Ok(PublishedAt::File("/keys.json".into()))),
        ("{\"keys\":[]}", "local", Ok(PublishedAt::Here("{\"keys\":[]}".to_owned()))),
        ("file:/keys.json", "prod", Err(ConfigError::Url)),
        ("file:/keys.json", "Local", Err(ConfigError::Url)),
        ("{\"keys\":[]}", "prod", Err(ConfigError::Url)),
        ("http://keys.invalid/jwks.json", "prod", Err(ConfigError::Url)),
        ("http://127.0.0.1/jwks.json", "local", Err(ConfigError::Url)),
        ("https://user@keys.invalid/", "prod", Err(ConfigError::Url)),
        ("https:///jwks.json", "prod", Err(ConfigError::Url)),
        ("https://keys.invalid/a b", "prod", Err(ConfigError::Url)),
        ("keys.invalid", "prod", Err(ConfigError::Url)),
    ];
    for (url, stage, expected) in rows {
        assert_eq!(read(url, "", stage).map(|config| config.published_at), expected, "{url} {stage}");
    }
}

#[test]
fn v1_setting_accepts_webhooks_v1() {
    let public = rsa_pair(1).public;
    let rows = [
        ("", "prod", Ok(None)),
        ("us", "prod", Ok(Some("us"))),
        ("eu", "prod", Ok(Some("eu"))),
        (" sandbox ", "prod", Ok(Some("sandbox"))),
        (public.as_str(), "local", Ok(Some(public.trim()))),
        (&public, "prod", Err(ConfigError::V1)),
        ("US", "prod", Err(ConfigError::V1)),
        ("true", "prod", Err(ConfigError::V1)),
        ("true", "local", Err(ConfigError::V1)),
        ("eu2", "prod", Err(ConfigError::V1)),
    ];
    for (v1, stage, expected) in rows {
        let read = read("", v1, stage).map(|config| config.v1);
        assert_eq!(read, expected.map(|v1| v1.map(str::to_owned)), "{v1} {stage}");
    }
}

/// Only outcomes that a redelivery would not change get a 4xx.
#[test]
fn outcome_gives_its_reply() {
    use ledger::Reason;
    let parse = ParseError { field: "data.status".to_owned(), problem: "is missing".to_owned(), event_id: None };
    let rows = [
        (Outcome::Booked, 200, ""),
        (Outcome::Repeat, 200, ""),
        (Outcome::Ignored("not_ours"), 200, ""),
        (Outcome::Conflict, 200, ""),
        (Outcome::Unparsed(parse), 200, ""),
        (Outcome::Malformed, 400, r#"{"error":"Invalid payload"}"#),
        (Outcome::Unverified(VerifyError::Missing), 401, r#"{"error":"Invalid signature"}"#),
        (Outcome::Unverified(VerifyError::Malformed), 401, r#"{"error":"Invalid signature"}"#),
        (Outcome::Unverified(VerifyError::Stale), 401, r#"{"error":"Invalid signature"}"#),
        (Outcome::Unverified(VerifyError::BadSignature), 401, r#"{"error":"Invalid signature"}"#),
        (Outcome::Unverified(VerifyError::UnknownKey), 401, r#"{"error":"Invalid signature"}"#),
        (Outcome::Forbidden, 403, r#"{"error":"Forbidden"}"#),
        (Outcome::NotFound, 404, r#"{"error":"Not found"}"#),
        (Outcome::MethodNotAllowed { allowed: "POST".to_owned() }, 405, r#"{"error":"Method not allowed"}"#),
        (Outcome::TooLarge, 413, r#"{"error":"Payload too large"}"#),
        (Outcome::Panicked, 500, r#"{"error":"Internal error"}"#),
        (Outcome::Unverifiable, 503, r#"{"error":"Temporarily unavailable"}"#),
        (Outcome::Unavailable, 503, r#"{"error":"Temporarily unavailable"}"#),
    ];
    for (outcome, status, body) in rows {
        let reply = reply::reply(&outcome);
        assert_eq!((reply.status, reply.body.as_str()), (status, body), "{outcome:?}");
    }
    for reason in Reason::ALL {
        assert_eq!(reply::reply(&Outcome::Refused(reason)).status, 200, "{reason:?}: the event is kept");
    }
}
