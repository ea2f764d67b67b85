//! Fireblocks' webhooks in the suites that every source passes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use signing::jws;
use signing::rsa::Hash;

use super::*;
use crate::suite::{Before, KeptForm, Refusal, Replayed, Request, Scenario, Suite, in_each_shape, owned};

crate::suite::tests_of!(Fireblocks);

const SUBMITTED: &str = "a submitted transfer";

impl Suite for Fireblocks {
    const STATE: &'static str = SUBMITTED;
    const PAIRED: usize = 1;
    const SHAPES: &'static [Shape] = &[Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi];

    async fn prepare(world: &World, state: &str) {
        match state {
            SUBMITTED => sent(world, order(ORDER)).await,
            "an unknown transfer" => paid(world, order(ORDER)).await,
            _ => {}
        }
    }

    fn unavailable(_: &str) -> (u16, &'static str) {
        UNAVAILABLE
    }

    fn decided_with() -> Vec<Before> {
        let rows: [(&'static str, &'static str, &[&str]); 5] = [
            (SUBMITTED, SUBMITTED, &[]),
            ("an unknown transfer", "an unknown transfer", &[]),
            ("an unknown order", "an unknown order", &[]),
            ("a completed transfer", SUBMITTED, &["v1_completed"]),
            ("a failed transfer", SUBMITTED, &["v2_failed"]),
        ];
        let delivered = |names: &[&str]| names.iter().map(|name| sample(name)).collect();
        rows.map(|(name, state, before)| Before { name, state, delivered: delivered(before) }).into()
    }

    fn scenarios() -> Vec<Scenario> {
        let other = |pointer, value| with("v2_completed", &[(pointer, value)]);
        let rows = [
            ("completed", sample("v2_completed")),
            ("failed", sample("v2_failed")),
            ("of the first version", sample("v1_completed")),
            ("another amount", other("/data/amountInfo/requestedAmount", json!("1"))),
            ("an order that is not there", other("/data/externalTxId", json!("grant#hk_none#1"))),
            ("an unparsed webhook", other("/data/status", json!("SHIPPED"))),
        ];
        let scenario =
            |(name, body)| Scenario { name, state: SUBMITTED, before: vec![], body, replies: vec![owned(BOOKED)] };
        rows.map(scenario).into()
    }

    fn unverified() -> Vec<Request> {
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
            (
                "crit",
                vec![(SIGNATURE, under(r#"{"alg":"RS512","kid":"2026-01","crit":["b64"],"b64":false}"#, 2))],
                &body,
            ),
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
            (
                "V1 of another key",
                vec![(SIGNATURE_V1, signing::fireblocks::sign_v1(&private(3), body.as_bytes()))],
                &body,
            ),
            (
                "V1 by SHA-256",
                vec![(SIGNATURE_V1, STANDARD.encode(private(2).sign(Hash::Sha256, body.as_bytes())))],
                &body,
            ),
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
        let of_forged: Vec<_> = rows
            .iter()
            .map(|(name, headers, body)| {
                (*name, Sent { headers: headers.clone(), ..Sent::post(PATH, body.as_bytes()) }, UNVERIFIED)
            })
            .collect();
        let large = format!("{body}{}", " ".repeat(1024 * 1024));
        let broken =
            second(&body).event(Shape::HttpApi).replace("\"isBase64Encoded\":false", "\"isBase64Encoded\":true");
        let malformed = [("no base64", broken), ("no event", "no event".to_owned())].map(|(name, event)| Request {
            name: name.to_owned(),
            event,
            reply: refused(400, "Invalid payload"),
        });
        let of_forged = in_each_shape::<Self>(&of_forged).into_iter();
        of_forged.chain(in_each_shape::<Self>(&of_other_shape(&body, &large))).chain(malformed).collect()
    }

    fn refusals() -> Vec<Refusal> {
        let of_unparsed = unparsed().into_iter().map(|body| Refusal {
            kept: EventKey::unparsed(Fireblocks::SOURCE, body.as_bytes()).as_str().to_owned(),
            ..refusal(&body, "unparsed", None)
        });
        let of_conflicts = [("/data/status", json!("FAILED")), ("/data/amountInfo/requestedAmount", json!("11"))];
        let of_conflicts = of_conflicts.map(|change| Refusal {
            before: vec![sample("v2_completed")],
            kept: format!("{RECEIPT}#conflict#"),
            ..refusal(&with("v2_completed", &[change]), "conflict", None)
        });
        let of_others = mismatches().into_iter().flat_map(|(_, changes, flag)| {
            ["SUBMITTED", "COMPLETED", "FAILED"].map(|status| {
                let mut changes = changes.clone();
                changes.push(("/data/status", json!(status)));
                refusal(&with("v2_completed", &changes), reason_of(flag), Some(flag))
            })
        });
        let unknown = [("an unknown transfer", "transfer_unknown"), ("an unknown order", "order_unknown")];
        let of_unknown =
            unknown.map(|(state, reason)| Refusal { state, ..refusal(&sample("v2_completed"), reason, None) });
        of_unparsed.chain(of_conflicts).chain(of_others).chain(of_unknown).collect()
    }

    fn kept_forms() -> Vec<KeptForm> {
        let form = |name, sample_name| KeptForm {
            name,
            body: sample(sample_name),
            has_clock: false,
            is_body_only: false,
            is_published: true,
            state: SUBMITTED,
            retired: [Replayed::Booked; 2],
        };
        vec![form("version 2", "v2_completed"), form("version 1", "v1_completed")]
    }

    fn blank_secrets() -> Vec<Settings> {
        let jwks = |text: &str| ("FIREBLOCKS_JWKS".to_owned(), text.to_owned());
        let good = fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)]);
        let first = |text: &str| Settings::new([jwks(&good), ("FIREBLOCKS_V1".to_owned(), text.to_owned())]);
        let published = ["no JSON", "[]"].map(|text| Settings::new([jwks(text)]));
        published.into_iter().chain(["secret", "-----BEGIN PUBLIC KEY-----"].map(first)).collect()
    }
}

/// Requests that are not of the shape of a webhook.
fn of_other_shape<'r>(body: &'r str, large: &'r str) -> [(&'static str, Sent<'r>, (u16, String)); 7] {
    [
        ("too large", second(large), refused(413, "Payload too large")),
        ("too large and unsigned", Sent::post(PATH, large.as_bytes()), refused(413, "Payload too large")),
        ("too large in base64", Sent { base64: true, ..second(large) }, refused(413, "Payload too large")),
        ("by GET", Sent { method: "GET", ..second(body) }, refused(405, "Method not allowed")),
        ("by PUT", Sent { method: "PUT", ..second(body) }, refused(405, "Method not allowed")),
        ("another path", Sent { path: "/api/v1/webhooks/fireblock", ..second(body) }, refused(404, "Not found")),
        ("a longer path", Sent { path: "/api/v1/webhooks/fireblocks/x", ..second(body) }, refused(404, "Not found")),
    ]
}

/// The samples' event key, whose row keeps it.
const RECEIPT: &str = "fireblocks#0198f2a5-1b7e-7c44-8a2d-6e9f0c3b5d71";

fn refused(status: u16, error: &str) -> (u16, String) {
    (status, format!("{{\"error\":\"{error}\"}}"))
}

/// Kept, and acknowledged: Fireblocks does not retry after 4xx.
fn refusal(body: &str, reason: &'static str, flag: Option<&'static str>) -> Refusal {
    Refusal {
        name: format!("{reason}: {body}"),
        state: SUBMITTED,
        before: vec![],
        event: Fireblocks::signed(body, now()),
        reply: owned(BOOKED),
        kept: RECEIPT.to_owned(),
        reason,
        flag,
    }
}

fn reason_of(flag: &'static str) -> &'static str {
    match flag {
        "ASSET_MISMATCH" => "asset_mismatch",
        "DESTINATION_MISMATCH" => "destination_mismatch",
        "AMOUNT_MISMATCH" => "amount_mismatch",
        _ => "order_mismatch",
    }
}

/// Verified webhooks that this release cannot parse.
fn unparsed() -> Vec<String> {
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
    rows.into()
}

/// A name, the headers and the body.
type Row<'r> = (&'r str, Vec<(&'r str, String)>, &'r str);

fn private(seed: u64) -> PrivateKey {
    PrivateKey::parse(&rsa_pair(seed).private).expect("a key")
}

/// A name, the changes of a sample, and the order's flag.
type Mismatch = (&'static str, Vec<(&'static str, Value)>, &'static str);

/// Changes that make a sample report a transfer that the order did not request.
pub(super) fn mismatches() -> Vec<Mismatch> {
    let amount = |text: &str| vec![("/data/amountInfo/requestedAmount", json!(text))];
    let rows = [
        ("another token", vec![("/data/assetId", json!("ETH"))], "ASSET_MISMATCH"),
        ("the token of another network", vec![("/data/assetId", json!("POSX_ETH_TEST"))], "ASSET_MISMATCH"),
        ("the token in lower case", vec![("/data/assetId", json!("posx_eth"))], "ASSET_MISMATCH"),
        (
            "to another wallet",
            vec![("/data/destinationAddress", json!("0x1111111111111111111111111111111111111111"))],
            "DESTINATION_MISMATCH",
        ),
        (
            "to a prefix of the wallet",
            vec![("/data/destinationAddress", json!("0x529084000985278"))],
            "DESTINATION_MISMATCH",
        ),
        ("less", amount("9.999999999999999999"), "AMOUNT_MISMATCH"),
        ("more", amount("10.000000000000000001"), "AMOUNT_MISMATCH"),
        ("in its smallest unit", amount("10000000000"), "AMOUNT_MISMATCH"),
        ("nothing", amount("0"), "AMOUNT_MISMATCH"),
        ("for another grant", vec![("/data/externalTxId", json!("grant#hk_sample_order#2"))], "ORDER_MISMATCH"),
        (
            "all of these",
            vec![
                ("/data/assetId", json!("ETH")),
                ("/data/destinationAddress", json!("0x1")),
                ("/data/amountInfo/requestedAmount", json!("1")),
            ],
            "ASSET_MISMATCH",
        ),
    ];
    rows.into()
}
