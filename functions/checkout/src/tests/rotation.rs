//! A key that was replaced: found out from Stripe's refusal, and looked for once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

use super::*;

const NEW_KEY: &str = "sk_test_zyxwvutsrqponmlkjihgfedcba";

/// A Secrets Manager that has the old key once, and then the new one.
#[derive(Debug, Clone, Default)]
struct Stored(Arc<AtomicUsize>);

impl Stored {
    fn vault(&self) -> Vault {
        let connector = SharedHttpConnector::new(self.clone());
        let sdk = embedded::sdk_config(http_client_fn(move |_, _| connector.clone()));
        Vault::SecretsManager {
            client: aws_sdk_secretsmanager::Client::new(&sdk),
            id: "hookledger/local/checkout".to_owned(),
        }
    }
}

impl HttpConnector for Stored {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let key = if self.0.fetch_add(1, Ordering::SeqCst) == 0 { KEY } else { NEW_KEY };
        let body = serde_json::json!({ "SecretString": serde_json::json!({ SETTING: key }).to_string() });
        let status = StatusCode::try_from(200).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_stripe_does_not_know_is_fetched_again_once() {
    // How often Stripe refuses, how long the sandbox has had its key, what is told, and with which keys Stripe was asked.
    let rows = [
        (1, 60, is(201, "unpaid"), vec![KEY, NEW_KEY], 2),
        (9, 60, is(502, "stripe_refused"), vec![KEY, NEW_KEY], 2),
        (1, 59, is(502, "stripe_refused"), vec![KEY], 1),
    ];
    for (refusals, seconds, expected, keys_used, fetched) in rows {
        let (mut shop, stored) = (Shop::new().await, Stored::default());
        let mut function = shop.function(1, shop.world.ledger(1)).await;
        function.api.keys = Keyring::open(stored.vault(), keys(false), now()).await.expect("a key");
        shop.later(seconds);
        shop.net.fail(move |call, _| if call < refusals { StripeFault::Status(401) } else { StripeFault::None });
        assert_eq!(told(&function.answer(&event(CREDITS), &shop.moment(1)).await), expected);
        let used: Vec<String> = shop.net.asked().into_iter().filter_map(|asked| asked.authorization).collect();
        let bearer: Vec<String> = keys_used.into_iter().map(|key| format!("Bearer {key}")).collect();
        assert_eq!((used, stored.0.load(Ordering::SeqCst)), (bearer, fetched));
    }
}
