//! Key rotation: a provider's refusal of a replaced key triggers one fetch of the secret.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use ledger::{PaymentState, Provider};
use serde_json::json;
use signing::Strength;
use signing::epay::{self, Keys, Params, Pid, Scheme};
use testkit::{EPAY_KEY, PLATFORM_KEY_ID, PLATFORM_PAIR, rsa_pair};

use super::failures::order;
use super::*;

const NEW_KEY: &str = "sk_test_zyxwvutsrqponmlkjihgfedcba";

/// A fake Secrets Manager that returns the old settings once and then the new ones, and counts its calls.
#[derive(Debug, Clone)]
struct Stored {
    old_and_new: [String; 2],
    fetched: Arc<AtomicUsize>,
}

impl Stored {
    fn new(old_and_new: [serde_json::Value; 2]) -> Self {
        Self { old_and_new: old_and_new.map(|settings| settings.to_string()), fetched: Arc::default() }
    }

    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    fn vault(&self) -> Vault {
        let connector = SharedHttpConnector::new(self.clone());
        let sdk = embedded::sdk_config(http_client_fn(move |_, _| connector.clone()));
        Vault::SecretsManager {
            client: aws_sdk_secretsmanager::Client::new(&sdk),
            ids: vec!["hookledger/local/checkout".to_owned()],
        }
    }
}

impl HttpConnector for Stored {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let settings = &self.old_and_new[self.fetched.fetch_add(1, Ordering::SeqCst).min(1)];
        let body = json!({ "SecretString": settings });
        let status = StatusCode::try_from(200).expect("a status");
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from(body.to_string()))))
    }
}

#[tokio::test(start_paused = true)]
async fn key_refused_by_stripe_is_fetched_again_once() {
    // The number of Stripe's refusals, the age of the sandbox's key, the reply, and the keys of the calls.
    let rows = [
        (1, 60, is(201, "unpaid"), vec![KEY, NEW_KEY], 2),
        (9, 60, is(502, "stripe_refused"), vec![KEY, NEW_KEY], 2),
        (1, 59, is(502, "stripe_refused"), vec![KEY], 1),
    ];
    for (refusals, seconds, expected, keys_used, fetched) in rows {
        let (mut shop, stored) =
            (Shop::new().await, Stored::new([json!({ SETTING: KEY }), json!({ SETTING: NEW_KEY })]));
        let mut function = shop.function(1, shop.world.ledger(1)).await;
        function.api.keys = Keyring::open(stored.vault(), keys(false), now()).await.expect("a key");
        shop.later(seconds);
        shop.net.fail(move |call, _| if call < refusals { NetFault::Status(401) } else { NetFault::None });
        assert_eq!(summary(&function.answer(&event(CREDITS), &shop.invocation(1)).await), expected);
        let used: Vec<String> =
            shop.net.calls().into_iter().filter_map(|call| call.authorization().map(str::to_owned)).collect();
        let bearer: Vec<String> = keys_used.into_iter().map(|key| format!("Bearer {key}")).collect();
        assert_eq!((used, stored.fetched()), (bearer, fetched));
    }
}

#[tokio::test(start_paused = true)]
async fn key_refused_by_wechat_is_fetched_again_once() {
    let platform = format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public);
    let [private, known, _] = WechatKeys::SETTINGS;
    let settings = |pair| json!({ private: rsa_pair(pair).private, known: platform });
    // The status of WeChat's refusals and their number, the age of the sandbox's key, the reply, the calls of WeChat
    // and the fetches of the key.
    let rows = [
        (401, 1, 60, is(200, "unpaid"), 2, 2),
        (403, 1, 60, is(200, "unpaid"), 2, 2),
        (401, 9, 60, is(502, "wechat_refused"), 2, 2),
        (401, 1, 59, is(502, "wechat_refused"), 1, 1),
        (400, 1, 60, is(502, "wechat_refused"), 1, 1),
    ];
    for (status, refusals, seconds, expected, calls, fetched) in rows {
        let (mut shop, stored) = (Shop::new().await, Stored::new([settings(1), settings(2)]));
        order(&shop, "HL-wechat", "alice", Provider::Wechat, PaymentState::Unpaid).await;
        let mut function = shop.function(1, shop.world.ledger(1)).await;
        let keys = Keyring::open(stored.vault(), wechat_keys, now()).await.expect("keys");
        function.api.wechat = Some(WechatPayments { keys, ..super::wechat::payments().await });
        shop.later(seconds);
        let fault = move |call, _: &str| if call < refusals { NetFault::Status(status) } else { NetFault::None };
        shop.wechat.fail(fault);
        let click = event_at("/payment/create", r#"{"orderNumber":"HL-wechat"}"#);
        assert_eq!(
            summary(&function.answer(&click, &shop.invocation(1)).await),
            expected,
            "{status} {refusals} {seconds}"
        );
        assert_eq!((shop.wechat.calls().len(), stored.fetched()), (calls, fetched), "{status} {refusals} {seconds}");
    }
}

#[tokio::test(start_paused = true)]
async fn epay_address_is_signed_with_a_key_that_is_at_most_a_minute_old() {
    const RESET: &str = "1001:a-key-that-the-gateway-has-reset";
    let [md5, ..] = epay::SETTINGS;
    // The age of the sandbox's key, whether the gateway accepts the address, and the fetches of the key.
    for (seconds, is_accepted, fetched) in [(59, false, 1), (60, true, 2)] {
        let (mut shop, old) = (Shop::new().await, format!("1001:{EPAY_KEY}"));
        let stored = Stored::new([json!({ md5: old }), json!({ md5: RESET })]);
        let mut function = shop.function(1, shop.world.ledger(1)).await;
        let keys = Keyring::open(stored.vault(), epay_keys, now()).await.expect("keys");
        let settings = super::epay::payments(&[]).await.expect("a merchant").settings;
        function.api.epay = Some(EpayPayments { settings, keys });
        shop.later(seconds);
        let click = event_at("/api/pay/epay", r#"{"product":"credits-1000"}"#);
        let url = word(&function.answer(&click, &shop.invocation(1)).await, "url");
        let params = Params::decode(url.split_once('?').expect("a query").1).expect("parameters");
        let (gateway, pid) = (Keys::read(|name| (name == md5).then_some(RESET), Strength::Deployed), Pid::new("1001"));
        let (gateway, pid) = (gateway.expect("keys"), pid.expect("a merchant"));
        let verified = epay::verify(&gateway, &pid, Scheme::Md5, &params, now().unix_s());
        assert_eq!((verified.is_ok(), stored.fetched()), (is_accepted, fetched), "{seconds}");
    }
}
