//! Key rotation: when WeChat refuses a key, the secret is fetched once more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use testkit::NetFault;

use super::*;

/// A Secrets Manager that counts its calls.
#[derive(Debug, Clone, Default)]
struct Stored(Arc<AtomicUsize>);

impl Stored {
    fn vault(&self) -> Vault {
        let connector = SharedHttpConnector::new(self.clone());
        let sdk = embedded::sdk_config(http_client_fn(move |_, _| connector.clone()));
        let client = aws_sdk_secretsmanager::Client::new(&sdk);
        Vault::SecretsManager { client, ids: vec!["hookledger/local/wechat-signing".to_owned()] }
    }
}

impl HttpConnector for Stored {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.0.fetch_add(1, Ordering::SeqCst);
        let stored: serde_json::Map<String, Value> =
            settings().into_iter().map(|(name, value)| (name, Value::from(value))).collect();
        let body = serde_json::json!({ "SecretString": Value::from(stored).to_string() });
        let status = StatusCode::try_from(200).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

#[tokio::test(start_paused = true)]
async fn refused_keys_are_fetched_once_more() {
    // WeChat's status, its number of refusals, the age of the keys; whether the query succeeds, and the calls to WeChat and to the store.
    let rows = [
        (401, 1, 60, true, 2, 2),
        (403, 1, 60, true, 2, 2),
        (401, 9, 60, false, 2, 2),
        (401, 1, 59, false, 1, 1),
        (400, 1, 60, false, 1, 1),
    ];
    for (status, refusals, seconds, is_answered, queries, fetched) in rows {
        let (net, stored) = (paid(), Stored::default());
        let mut api = function(World::new().ledger(0), &net, &[]).await.source.api.expect("an API");
        api.keys = Keyring::open(stored.vault(), wechat::api_keys, now()).await.expect("keys");
        net.fail(move |call, _| if call < refusals { NetFault::Status(status) } else { NetFault::None });
        let (at, soon) = (now().plus_seconds(seconds), testkit::deadline(std::time::Duration::from_secs(5)));
        net.set_now(at);
        let answer = api.payment_of(&order(), at, soon).await;
        let counts = (answer.is_ok(), net.calls().len(), stored.0.load(Ordering::SeqCst));
        assert_eq!(counts, (is_answered, queries, fetched), "{status} {refusals} {seconds}: {answer:?}");
    }
}
