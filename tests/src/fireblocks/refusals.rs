//! Every refusal of a Fireblocks webhook: the exact status and body, and the effect on the ledger.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use signing::jws;
use signing::rsa::Hash;

use super::*;

/// A name, the headers and the body.
type Row<'r> = (&'r str, Vec<(&'r str, String)>, &'r str);

fn private(seed: u64) -> PrivateKey {
    PrivateKey::parse(&rsa_pair(seed).private).expect("a key")
}

#[tokio::test(start_paused = true)]
async fn unverified_webhook_leaves_no_trace() {
    let body = sample("v2_completed");
    let good = fireblocks_signature(body.as_bytes());
    let (header, signature) = good.split_once("..").expect("two parts");
    let under = |header: &str, seed: u64| {
        let header = URL_SAFE_NO_PAD.encode(header);
        let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(&body));
        format!("{header}..{}", URL_SAFE_NO_PAD.encode(private(seed).sign(Hash::Sha512, text.as_bytes())))
    };
    let again = serde_json::from_str::<Value>(&body).expect("JSON").to_string();
    let rows: Vec<Row<'_>> = vec![
        ("nothing", vec![], &body),
        ("an empty signature", vec![(SIGNATURE, String::new())], &body),
        ("a space", vec![(SIGNATURE, " ".to_owned())], &body),
        ("no JWS", vec![(SIGNATURE, "secret".to_owned())], &body),
        ("of another key", vec![(SIGNATURE, jws::sign(&private(3), FIREBLOCKS_KID, body.as_bytes()))], &body),
        ("an unknown key id", vec![(SIGNATURE, jws::sign(&private(2), "2026-09", body.as_bytes()))], &body),
        ("a key id with a path", vec![(SIGNATURE, jws::sign(&private(2), "../2026-01", body.as_bytes()))], &body),
        (
            "unsigned",
            vec![(SIGNATURE, format!("{}..", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"2026-01"}"#)))],
            &body,
        ),
        ("none", vec![(SIGNATURE, under(r#"{"alg":"none","kid":"2026-01"}"#, 2))], &body),
        ("HS512", vec![(SIGNATURE, under(r#"{"alg":"HS512","kid":"2026-01"}"#, 2))], &body),
        ("RS256", vec![(SIGNATURE, under(r#"{"alg":"RS256","kid":"2026-01"}"#, 2))], &body),
        ("PS512", vec![(SIGNATURE, under(r#"{"alg":"PS512","kid":"2026-01"}"#, 2))], &body),
        ("crit", vec![(SIGNATURE, under(r#"{"alg":"RS512","kid":"2026-01","crit":["b64"],"b64":false}"#, 2))], &body),
        (
            "a jku of the attacker",
            vec![(SIGNATURE, under(r#"{"alg":"RS512","kid":"f","jku":"https://f.invalid"}"#, 3))],
            &body,
        ),
        ("attached", vec![(SIGNATURE, format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(&body)))], &body),
        ("padded", vec![(SIGNATURE, format!("{good}=="))], &body),
        ("two signatures", vec![(SIGNATURE, good.clone()), (SIGNATURE, good.clone())], &body),
        (
            "the other version's form",
            vec![(SIGNATURE, STANDARD.encode(private(2).sign(Hash::Sha512, body.as_bytes())))],
            &body,
        ),
        ("another body", vec![(SIGNATURE, good.clone())], "{}"),
        ("no body", vec![(SIGNATURE, good.clone())], ""),
        ("serialised again", vec![(SIGNATURE, good.clone())], &again),
        ("a line less", vec![(SIGNATURE, good.clone())], body.trim_end()),
        ("V1 of another key", vec![(SIGNATURE_V1, signing::fireblocks::sign_v1(&private(3), body.as_bytes()))], &body),
        ("V1 by SHA-256", vec![(SIGNATURE_V1, STANDARD.encode(private(2).sign(Hash::Sha256, body.as_bytes())))], &body),
        (
            "V1 serialised again",
            vec![(SIGNATURE_V1, signing::fireblocks::sign_v1(&private(2), body.as_bytes()))],
            &again,
        ),
        ("V1 twice", vec![(SIGNATURE_V1, signing::fireblocks::sign_v1(&private(2), body.as_bytes())); 2], &body),
        (
            "V2 forged beside a genuine V1",
            vec![
                (SIGNATURE, jws::sign(&private(3), FIREBLOCKS_KID, body.as_bytes())),
                (SIGNATURE_V1, signing::fireblocks::sign_v1(&private(2), body.as_bytes())),
            ],
            &body,
        ),
    ];
    let world = shop().await;
    let before = world.books();
    for (name, headers, body) in rows {
        for shape in [Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi] {
            let sent = Sent { headers: headers.clone(), ..Sent::post(PATH, body.as_bytes()) };
            assert_eq!(status_and_body(&answered(&world, &sent.event(shape)).await), UNVERIFIED, "{name} {shape:?}");
            assert_eq!(world.books(), before, "{name} {shape:?}");
        }
    }
}

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
async fn request_of_another_shape_leaves_no_trace() {
    let body = sample("v2_completed");
    let large = format!("{body}{}", " ".repeat(1024 * 1024));
    let refused = |status: u16, error: &str| (status, format!("{{\"error\":\"{error}\"}}"));
    let rows = [
        ("too large", second(&large), refused(413, "Payload too large")),
        ("too large and unsigned", Sent::post(PATH, large.as_bytes()), refused(413, "Payload too large")),
        ("too large in base64", Sent { base64: true, ..second(&large) }, refused(413, "Payload too large")),
        ("by GET", Sent { method: "GET", ..second(&body) }, refused(405, "Method not allowed")),
        ("by PUT", Sent { method: "PUT", ..second(&body) }, refused(405, "Method not allowed")),
        ("another path", Sent { path: "/api/v1/webhooks/fireblock", ..second(&body) }, refused(404, "Not found")),
        ("a longer path", Sent { path: "/api/v1/webhooks/fireblocks/x", ..second(&body) }, refused(404, "Not found")),
    ];
    let world = shop().await;
    let before = world.books();
    for (name, sent, expected) in rows {
        let reply = answered(&world, &sent.event(Shape::HttpApi)).await;
        assert_eq!((reply.status, reply.body), expected, "{name}");
        assert_eq!(world.books(), before, "{name}");
    }
    let broken = second(&body).event(Shape::HttpApi).replace("\"isBase64Encoded\":false", "\"isBase64Encoded\":true");
    let reply = answered(&world, &broken).await;
    assert_eq!((reply.status, reply.body), refused(400, "Invalid payload"));
    let reply = answered(&world, "no event").await;
    assert_eq!((reply.status, reply.body), refused(400, "Invalid payload"));
    let admission = Admission { allowed_ips: vec!["3.135.57.98/32".parse().expect("a block")], ..Admission::default() };
    let function = Function { admission, ..Fireblocks::function(world.ledger(1)).await };
    for (ip, expected) in [("203.0.113.7", refused(403, "Forbidden")), ("3.135.57.98", (200, String::new()))] {
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

/// A verified webhook that cannot be parsed is kept for a release that can parse it. It is acknowledged, because Fireblocks does not
/// retry after 4xx.
#[tokio::test(start_paused = true)]
async fn unparsed_webhook_is_kept_and_acknowledged() {
    let set = |pointer: &str, value: Value| with("v2_completed", &[(pointer, value)]);
    let rows = [
        set("/data/status", json!("SHIPPED")),
        set("/data/amountInfo/requestedAmount", json!("1e1")),
        set("/data/amountInfo/requestedAmount", json!(10)),
        set("/data/destinationAddress", json!("")),
        set("/createdAt", json!("now")).replace("\"lastUpdated\":1767225660000,", ""),
        set("/workspaceId", Value::Null),
        set("/workspaceId", json!(7)),
        with("v1_completed", &[("/tenantId", Value::Null)]),
        "no JSON".to_owned(),
    ];
    for body in rows {
        let world = shop().await;
        let before = world.books();
        assert_eq!(status_and_body(&answered(&world, &Fireblocks::signed(&body, now())).await), BOOKED, "{body}");
        let books = world.books();
        books.check();
        assert_eq!((&books.orders, &books.accounts), (&before.orders, &before.accounts), "{body}");
        let kept: Vec<_> = books.journal.iter().filter(|(id, _)| id.starts_with("unparsed#fireblocks#")).collect();
        let [(id, row)] = kept[..] else { panic!("{body}: {kept:?}") };
        assert_eq!((row.reason.as_deref(), row.needs_attention), (Some("unparsed"), true), "{body}");
        assert!(books.bodies.contains(id), "{body}");
    }
}
