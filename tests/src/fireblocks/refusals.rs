//! The forms in which a Fireblocks webhook is booked, and what a deployment refuses by its settings. The suites have
//! the other refusals.

use serde_json::json;

use super::*;

/// Without the setting for version 1, its signature verifies nothing.
#[tokio::test(start_paused = true)]
async fn v1_signature_is_refused_unless_configured() {
    let body = sample("v1_completed");
    let world = shop().await;
    let before = world.books();
    let settings =
        Settings::new([("FIREBLOCKS_JWKS".to_owned(), fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)]))]);
    let keys = Keyring::open(Vault::Here(settings), Fireblocks::keys, now()).await.expect("keys");
    let only = Function::new(source(), keys, Admission::default(), world.ledger(1));
    let reply = only.answer(&first(&body).event(Shape::HttpApi), &moment_within::<Fireblocks>(1)).await;
    assert_eq!(status_and_body(&reply), UNVERIFIED);
    assert_eq!(world.books(), before);
    assert_eq!(
        status_and_body(&answered(&world, &first(&body).event(Shape::HttpApi)).await),
        BOOKED,
        "and with the setting"
    );
}

#[tokio::test(start_paused = true)]
async fn address_outside_the_allowlist_is_refused() {
    let (world, body) = (shop().await, sample("v2_completed"));
    let admission = Admission { allowed_ips: vec!["3.135.57.98/32".parse().expect("a block")], ..Admission::default() };
    let function = Function { admission, ..Fireblocks::function(world.ledger(1)).await };
    for (ip, expected) in
        [("203.0.113.7", (403, r#"{"error":"Forbidden"}"#.to_owned())), ("3.135.57.98", (200, String::new()))]
    {
        let sent = Sent { source_ip: ip, ..second(&body) };
        let reply = function.answer(&sent.event(Shape::HttpApi), &moment_within::<Fireblocks>(1)).await;
        assert_eq!((reply.status, reply.body), expected, "{ip}");
    }
}

/// The gateway may encode the body or change the case of headers; the signed bytes stay the same.
#[tokio::test(start_paused = true)]
async fn genuine_webhook_is_booked_in_every_form() {
    let odd = "{ \"id\" : \"0198-odd\",\r\n\t\"eventType\":\"transaction.status.updated\", \"createdAt\":1767225660, \"workspaceId\":\"5E2C6A30-0000-4000-8000-000000000001\", \"note\":\"é e\u{301} 充值 \\u00e9 😀\", \"data\":".to_owned()
        + &json!(serde_json::from_str::<Value>(&sample("v2_completed")).expect("JSON")["data"]).to_string()
        + " }\n";
    for body in [sample("v2_completed"), odd] {
        let sent = [
            second(&body),
            Sent { path: "/api/v1/webhooks/fireblocks", ..second(&body) },
            Sent { base64: true, ..second(&body) },
            Sent {
                headers: vec![("Fireblocks-Webhook-Signature", fireblocks_signature(body.as_bytes()))],
                ..second(&body)
            },
            second(&body).with(SIGNATURE_V1, "anything"),
        ];
        for sent in sent {
            for shape in [Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi] {
                let world = shop().await;
                for _ in 0..2 {
                    assert_eq!(
                        status_and_body(&answered(&world, &sent.event(shape)).await),
                        BOOKED,
                        "{sent:?} {shape:?}"
                    );
                }
                let transfer = order_now(&world, ORDER).await.transfer.expect("a transfer");
                assert_eq!(transfer.status.as_str(), "COMPLETED");
                assert_eq!(world.books().processed().filter(|id| id.starts_with("fireblocks#")).count(), 1);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ignored_webhook_needs_no_store() {
    let world = World::new();
    let sandbox = Sandbox::new(&world, 1, |_, _| testkit::Fault::Disconnect).await;
    let reply = sandbox.deliver(&sample("v2_deposit"), &moment_within::<Fireblocks>(1)).await.expect("alive");
    assert_eq!(status_and_body(&reply), BOOKED);
    assert_eq!(sandbox.faults.calls().len(), 0);
}
