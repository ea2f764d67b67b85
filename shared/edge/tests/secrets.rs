//! Key rotation: keys are fetched from Secrets Manager at the start, and after a bad signature at most once a minute.

#![expect(clippy::expect_used, clippy::arithmetic_side_effects, reason = "a test that cannot go on must stop")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use edge::{Config, Keyring, KeyringError, OWN_SECRET, Settings, Start, Vault};
use signing::{Strength, hmac_hex};
use testkit::now;

const OLD: &str = "the-old-secret-of-the-tests-0123456789";
const NEW: &str = "the-new-secret-of-the-tests-0123456789";

/// A fake Secrets Manager that holds one secret, or fails, and counts its calls.
#[derive(Debug, Clone)]
struct Stored(Arc<Mutex<(Option<String>, usize)>>);

impl Stored {
    fn new(secret: Option<&str>) -> Self {
        Self(Arc::new(Mutex::new((secret.map(str::to_owned), 0))))
    }

    fn put(&self, secret: Option<String>) {
        self.0.lock().expect("one thread").0 = secret;
    }

    fn calls(&self) -> usize {
        self.0.lock().expect("one thread").1
    }

    fn vault(&self) -> Vault {
        let sdk = embedded::sdk_config(SharedHttpClient::new(self.clone()));
        Vault::SecretsManager {
            client: aws_sdk_secretsmanager::Client::new(&sdk),
            ids: vec!["hookledger/local/usage".to_owned()],
        }
    }
}

impl HttpClient for Stored {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Stored {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let mut stored = self.0.lock().expect("one thread");
        stored.1 += 1;
        let (status, body) = match &stored.0 {
            Some(secret) => (200, serde_json::json!({ "SecretString": secret })),
            None => (400, serde_json::json!({ "__type": "AccessDeniedException", "message": "no" })),
        };
        let status = StatusCode::try_from(status).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

fn keys(settings: &Settings, strength: Strength) -> Result<hmac_hex::Keys, (&'static str, signing::SecretError)> {
    hmac_hex::Keys::parse(settings.setting("WEBHOOK_SECRET").unwrap_or_default(), strength)
        .map_err(|error| ("WEBHOOK_SECRET", error))
}

fn object(secret: &str) -> String {
    serde_json::json!({ "WEBHOOK_SECRET": secret }).to_string()
}

fn verifies(keys: &hmac_hex::Keys, secret: &str) -> bool {
    let signature = hmac_hex::sign(&hmac_hex::Keys::parse(secret, Strength::Deployed).expect("a secret"), b"body");
    hmac_hex::verify(keys, b"body", &signature).is_ok()
}

#[tokio::test]
async fn rotated_secret_is_used_without_deployment() {
    let stored = Stored::new(Some(&object(OLD)));
    let ring = Keyring::open(stored.vault(), keys, now()).await.expect("keys");
    assert!(verifies(&ring.current(), OLD) && !verifies(&ring.current(), NEW));

    stored.put(Some(object(&format!("{NEW} {OLD}"))));
    assert!(ring.refreshed(now().plus_seconds(59)).await.expect("no error").is_none(), "not within a minute");
    assert_eq!(stored.calls(), 1);
    let fresh = ring.refreshed(now().plus_seconds(60)).await.expect("fetched").expect("new keys");
    assert!(verifies(&fresh, NEW) && verifies(&fresh, OLD), "both are live");
    assert!(verifies(&ring.current(), NEW), "the ring keeps them");

    for second in 61..120 {
        assert!(ring.refreshed(now().plus_seconds(second)).await.expect("no error").is_none());
    }
    assert_eq!(stored.calls(), 2, "a flood of forgeries causes one call a minute");
}

/// A fake Secrets Manager that holds two secrets. The second has an empty setting that the first has too.
#[derive(Debug, Clone)]
struct Two;

impl HttpConnector for Two {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let secret = if body.contains("signing") {
            r#"{"OTHER":"of-the-second","WEBHOOK_SECRET":""}"#.to_owned()
        } else {
            object(OLD)
        };
        let body = serde_json::json!({ "SecretString": secret });
        let status = StatusCode::try_from(200).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

impl HttpClient for Two {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The same, a second after each call.
#[derive(Debug, Clone)]
struct Slow;

impl HttpConnector for Slow {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Two.call(request).await
        })
    }
}

impl HttpClient for Slow {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn two_secrets_are_fetched_at_once() {
    for ids in [vec!["own"], vec!["own", "signing"]] {
        let client = aws_sdk_secretsmanager::Client::new(&embedded::sdk_config(SharedHttpClient::new(Slow)));
        let ids = ids.into_iter().map(str::to_owned).collect();
        let started = testkit::instant();
        Keyring::open(Vault::SecretsManager { client, ids }, keys, now()).await.expect("keys");
        assert_eq!(testkit::instant().duration_since(started), Duration::from_secs(1));
    }
}

#[tokio::test]
async fn several_secrets_are_merged() {
    fn settings_of(settings: &Settings, _: Strength) -> Result<Vec<String>, (&'static str, signing::SecretError)> {
        let names = ["WEBHOOK_SECRET", "OTHER"];
        let found: Vec<String> = names.iter().filter_map(|name| settings.setting(name).map(str::to_owned)).collect();
        if found.is_empty() { Err(("WEBHOOK_SECRET", signing::SecretError::Empty)) } else { Ok(found) }
    }
    let rows = [
        (vec!["wechat"], vec![OLD]),
        (vec!["wechat-signing"], vec!["of-the-second"]),
        (vec!["wechat", "wechat-signing"], vec![OLD, "of-the-second"]),
    ];
    for (names, expected) in rows {
        let client = aws_sdk_secretsmanager::Client::new(&embedded::sdk_config(SharedHttpClient::new(Two)));
        let vault =
            Vault::SecretsManager { client, ids: names.iter().map(|name| format!("hookledger/dev/{name}")).collect() };
        let ring = Keyring::open(vault, settings_of, now()).await.expect("keys");
        assert_eq!(*ring.current(), expected, "{names:?}");
    }
}

#[tokio::test]
async fn failed_refresh_keeps_current_keys() {
    let stored = Stored::new(Some(&object(OLD)));
    let ring = Keyring::open(stored.vault(), keys, now()).await.expect("keys");
    for broken in
        [None, Some("no JSON".to_owned()), Some(object("")), Some(object("changeme")), Some(object("too-short"))]
    {
        stored.put(broken.clone());
        let later = now().plus_seconds(60 * i64::try_from(stored.calls()).expect("few"));
        assert!(ring.refreshed(later).await.is_err(), "{broken:?}");
        assert!(verifies(&ring.current(), OLD), "{broken:?}");
    }
}

#[tokio::test]
async fn unusable_key_stops_the_start() {
    let rows = [
        (None, "the secret could not be fetched"),
        (Some("no JSON".to_owned()), "the secret is not a JSON object of texts"),
        (Some("{\"WEBHOOK_SECRET\":7}".to_owned()), "the secret is not a JSON object of texts"),
        (Some("{}".to_owned()), "WEBHOOK_SECRET must not be empty"),
        (Some(object("   ")), "WEBHOOK_SECRET must not be empty"),
        (Some(object("changeme")), "WEBHOOK_SECRET must be a real secret, and holds a placeholder"),
        (
            Some(object("0123456789abcdef0123456789abcde")),
            "WEBHOOK_SECRET must have at least 32 characters in each secret, and one has 31",
        ),
    ];
    for (secret, expected) in rows {
        let stored = Stored::new(secret.as_deref());
        let error: KeyringError = Keyring::open(stored.vault(), keys, now()).await.expect_err("no keys");
        assert!(error.to_string().starts_with(expected), "{error}");
        if let Some(secret) = secret.filter(|secret| secret.len() > 8) {
            let hidden: serde_json::Value = serde_json::from_str(&secret).unwrap_or_default();
            let hidden = hidden["WEBHOOK_SECRET"].as_str().unwrap_or_default().trim().to_owned();
            assert!(
                hidden.is_empty() || !format!("{error:?}{error}").contains(&hidden),
                "the error contains the secret"
            );
        }
    }
}

#[tokio::test]
async fn environment_secrets_need_the_stage_local() {
    const NO_SECRET: &str =
        "the id of a secret is not set: only the stage `local` takes its secrets from the environment";
    let rows = [
        ("local", None, Ok("the environment")),
        ("local", Some("hookledger/local/usage"), Ok("Secrets Manager")),
        ("prod", Some("hookledger/prod/usage"), Ok("Secrets Manager")),
        ("prod", None, Err(NO_SECRET)),
        ("Local", None, Err(NO_SECRET)),
    ];
    for (stage, secret_id, expected) in rows {
        let config = Config { stage: stage.to_owned(), secret_id: secret_id.map(str::to_owned), ..Config::default() };
        let sdk = embedded::sdk_config(SharedHttpClient::new(Stored::new(Some(&object(OLD)))));
        let start = Start::of_environment(sdk, config);
        let vault = start.vault(&[OWN_SECRET]).map(|vault| match vault {
            Vault::Here(_) => "the environment",
            Vault::SecretsManager { .. } => "Secrets Manager",
        });
        assert_eq!(vault.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{stage} {secret_id:?}");
        let no_secret = matches!(start.keys(keys).await, Err(KeyringError::NoSecret));
        assert_eq!(no_secret, expected.is_err(), "{stage} {secret_id:?}");
    }
}

#[tokio::test]
async fn secret_missing_on_machine_is_an_error() {
    let settings = Settings::new([("STAGE".to_owned(), "local".to_owned())]);
    let own = Settings::new([("WEBHOOK_SECRET".to_owned(), OLD.to_owned())]);
    let secrets = [(OWN_SECRET.to_owned(), own), ("EPAY_SECRET_ID".to_owned(), Settings::default())];
    let sdk = embedded::sdk_config(SharedHttpClient::new(Stored::new(None)));
    let start = Start::on_machine(sdk, settings, secrets.into()).expect("settings");
    let rows = [(OWN_SECRET, "keys"), ("EPAY_SECRET_ID", "no keys in it"), ("WECHAT_SECRET_ID", "no secret")];
    for (secret, expected) in rows {
        let opened = match start.keys_of(&[secret], keys).await {
            Ok(_) => "keys",
            Err(KeyringError::NoSecret) => "no secret",
            Err(_) => "no keys in it",
        };
        assert_eq!(opened, expected, "{secret}");
    }
}
