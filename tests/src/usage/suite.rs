//! Usage events in the suites that every source passes.

use edge::Settings;
use ledger::EventKey;
use serde_json::{Value, json};
use testkit::{Sent, Shape, World, usage};
use usage::Usage;
use webhook::Webhook as _;

use super::refusals::two_accounts;
use crate::sandbox::{EVENTS, open_account, signature, signed};
use crate::suite::{Before, KeptForm, Refusal, Replayed, Request, Scenario, Suite, in_each_shape, sample, samples};

crate::suite::tests_of!(Usage);

const TWO_ACCOUNTS: &str = "two accounts";

impl Suite for Usage {
    const STATE: &'static str = "10 credits of k1";
    const PAIRED: usize = 7;
    const SHAPES: &'static [Shape] = &[Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi];

    async fn prepare(world: &World, state: &str) {
        if state == TWO_ACCOUNTS {
            two_accounts(world).await;
        }
        if let Some((credits, key)) = state.split_once(" credits of ") {
            open_account(world, "alice", key, credits).await;
        }
    }

    fn unavailable(_: &str) -> (u16, &'static str) {
        (503, r#"{"success":false,"message":"Temporarily unavailable","eventId":"e1"}"#)
    }

    fn decided_with() -> Vec<Before> {
        let before = |name, state| Before { name, state, delivered: vec![] };
        vec![
            before("credits", "20 credits of 1"),
            before("too few credits", "0.001 credits of 1"),
            before("an unknown key", "20 credits of another"),
            Before {
                delivered: samples(Usage::SOURCE).iter().map(|name| sample(Usage::SOURCE, name)).collect(),
                ..before("the same events booked", "20 credits of 1")
            },
        ]
    }

    fn scenarios() -> Vec<Scenario> {
        const PROCESSED: (u16, &str) = (200, "Event processed successfully");
        const REPEAT: (u16, &str) = (200, "Event already processed (idempotent)");
        const UNPARSED: (u16, &str) = (400, "Invalid event: data.creditCost must not be negative");
        let event = |key: &str, cost: &str| usage("e1", key, cost).to_string();
        let rows = [
            ("a fresh event", "10 credits of k1", vec![], event("k1", "3"), PROCESSED),
            ("the last credit", "3 credits of k1", vec![], event("k1", "3"), PROCESSED),
            ("a repeat to a cold sandbox", "10 credits of k1", vec![event("k1", "3")], event("k1", "3"), REPEAT),
            ("too few credits", "2 credits of k1", vec![], event("k1", "3"), (402, "Insufficient credits")),
            ("an unknown key", "2 credits of k1", vec![], event("k9", "3"), (404, "Unknown remoteKeyId")),
            (
                "other facts under a used id",
                "10 credits of k1",
                vec![event("k1", "3")],
                event("k1", "4"),
                (409, "Event id already used with different data"),
            ),
            ("a body that cannot be parsed", "10 credits of k1", vec![], event("k1", "-4"), UNPARSED),
            ("a refund", "10 credits of k1", vec![], with("/eventType", json!("refund")), PROCESSED),
            ("an event that the rate card prices", "10 credits of k1", vec![], unpriced("gpt-4o"), PROCESSED),
            (
                "an event without a price",
                "10 credits of k1",
                vec![],
                unpriced("unheard-of"),
                (404, "No price for this model"),
            ),
        ];
        let scenario = |(name, state, before, body, end)| {
            let replies = [end, REPEAT].map(|(status, message)| (status, reply(status, message, Some("e1"))));
            Scenario { name, state, before, body, replies: replies.into() }
        };
        rows.into_iter().map(scenario).collect()
    }

    fn unverified() -> Vec<Request> {
        const UNSIGNED: (u16, &str) = (401, "Invalid webhook signature");
        let body = usage("e1", "k1", "3").to_string();
        let reordered = serde_json::to_string_pretty(&usage("e1", "k1", "3")).expect("JSON");
        let signature = signature(body.as_bytes());
        let large = format!("{body}{}", " ".repeat(Usage::BODY_BYTES_MAX));
        let post = || Sent::post(EVENTS, body.as_bytes());
        let signed = || post().with("x-webhook-signature", signature.clone());
        let to = |method, path| Sent { method, path, ..signed() };
        let rows: Vec<(&str, Sent<'_>, (u16, &str))> = vec![
            ("no signature", post(), UNSIGNED),
            ("an empty signature", post().with("x-webhook-signature", ""), UNSIGNED),
            ("not hex", post().with("x-webhook-signature", "z".repeat(64)), UNSIGNED),
            ("upper case", post().with("x-webhook-signature", signature.to_uppercase()), UNSIGNED),
            ("one digit short", post().with("x-webhook-signature", signature.get(1..).expect("digits")), UNSIGNED),
            ("with a prefix", post().with("x-webhook-signature", format!("sha256={signature}")), UNSIGNED),
            ("of another body", post().with("x-webhook-signature", crate::sandbox::signature(b"{}")), UNSIGNED),
            (
                "under another key",
                post().with("x-webhook-signature", under(b"another-secret-of-32-characters-or-more", &body)),
                UNSIGNED,
            ),
            (
                "twice, the right one last",
                post().with("x-webhook-signature", "0".repeat(64)).with("x-webhook-signature", signature.clone()),
                UNSIGNED,
            ),
            ("twice, the right one first", signed().with("x-webhook-signature", "0".repeat(64)), UNSIGNED),
            ("twice, both right", signed().with("x-webhook-signature", signature.clone()), UNSIGNED),
            ("in another header", post().with("webhook-signature", signature.clone()), UNSIGNED),
            ("the same JSON written otherwise", Sent { body: reordered.as_bytes(), ..signed() }, UNSIGNED),
            (
                "one byte more",
                Sent { body: large.get(..=body.len()).expect("longer").as_bytes(), ..signed() },
                UNSIGNED,
            ),
            (
                "Standard Webhooks, which is not configured",
                post()
                    .with("webhook-id", "m1")
                    .with("webhook-timestamp", "1767225600")
                    .with("webhook-signature", "v1,AAAA"),
                UNSIGNED,
            ),
            ("too large", Sent { body: large.as_bytes(), ..signed() }, (413, "Payload too large")),
            (
                "too large, in base64",
                Sent { body: large.as_bytes(), base64: true, ..signed() },
                (413, "Payload too large"),
            ),
            ("another path", to("POST", "/api/webhooks/other"), (404, "Not found")),
            ("another method", to("PUT", EVENTS), (405, "Method not allowed")),
            ("reading where one writes", to("GET", EVENTS), (405, "Method not allowed")),
            ("writing where one reads", to("POST", "/api/webhooks/health"), (405, "Method not allowed")),
        ];
        let rows: Vec<(&str, Sent<'_>, (u16, String))> = rows
            .into_iter()
            .map(|(name, sent, (status, message))| (name, sent, (status, reply(status, message, None))))
            .collect();
        in_each_shape::<Self>(&rows)
    }

    fn refusals() -> Vec<Refusal> {
        let of_unparsed = unparsed().into_iter().map(|(body, problem)| {
            // The reply names the event once its id is read.
            let id = (!["body", "eventId"].contains(&problem.split(' ').next().unwrap_or_default())).then_some("e1");
            let reply = (400, reply(400, &format!("Invalid event: {problem}"), id));
            let kept = EventKey::unparsed(Usage::SOURCE, body.as_bytes()).as_str().to_owned();
            (body, reply, kept, "unparsed")
        });
        let of_business = business().into_iter().map(|(id, key, cost, status, message, kept, reason)| {
            (usage(id, key, cost).to_string(), (status, reply(status, message, Some(id))), kept.to_owned(), reason)
        });
        let no_price = (404, reply(404, "No price for this model", Some("e1")));
        let of_price = [unpriced("unheard-of"), also(&[("images", json!(1)), ("creditCost", Value::Null)])]
            .map(|body| (body, no_price.clone(), "usage#e1".to_owned(), "no_price"));
        let refusal = |(body, reply, kept, reason): (String, (u16, String), String, &'static str)| Refusal {
            name: body.chars().take(120).collect(),
            state: TWO_ACCOUNTS,
            before: vec![],
            event: signed(&body),
            reply,
            kept,
            reason,
            flag: None,
        };
        of_unparsed.chain(of_business).chain(of_price).map(refusal).collect()
    }

    fn kept_forms() -> Vec<KeptForm> {
        vec![KeptForm {
            name: "an event",
            body: usage("e1", "k1", "3").to_string(),
            has_clock: false,
            is_body_only: true,
            is_published: false,
            state: Self::STATE,
            retired: [Replayed::Booked; 2],
        }]
    }

    fn blank_secrets() -> Vec<Settings> {
        ["", "   ", "change-me", "secret"]
            .map(|secret| Settings::new([("WEBHOOK_SECRET".to_owned(), secret.to_owned())]))
            .into()
    }
}

fn reply(status: u16, message: &str, event_id: Option<&str>) -> String {
    let id = event_id.map_or(String::new(), |id| format!(",\"eventId\":\"{id}\""));
    format!("{{\"success\":{},\"message\":{}{id}}}", status == 200, json!(message))
}

/// Valid events that are refused: the id, key and cost, the status and message, the journal row and its reason.
fn business() -> [(&'static str, &'static str, &'static str, u16, &'static str, &'static str, &'static str); 4] {
    const CONFLICT: &str = "Event id already used with different data";
    [
        ("e1", "k9", "3", 404, "Unknown remoteKeyId", "usage#e1", "unknown_key"),
        ("e1", "k1", "10.000000001", 402, "Insufficient credits", "usage#e1", "insufficient_credits"),
        ("booked", "k1", "0.5", 409, CONFLICT, "usage#booked#conflict#", "conflict"),
        ("booked", "k2", "1", 409, CONFLICT, "usage#booked#conflict#", "conflict"),
    ]
}

/// The basic event with one field changed.
fn with(pointer: &str, value: Value) -> String {
    let mut body = usage("e1", "k1", "3");
    *body.pointer_mut(pointer).expect("a field") = value;
    body.to_string()
}

/// The basic event with further fields of `data`.
fn also(fields: &[(&str, Value)]) -> String {
    let mut body = usage("e1", "k1", "3");
    for (name, value) in fields {
        body["data"][*name] = value.clone();
    }
    body.to_string()
}

/// The basic event without a cost.
fn unpriced(model: &str) -> String {
    also(&[("model", json!(model)), ("creditCost", Value::Null)])
}

/// The card prices no refund.
fn unpriced_refund() -> String {
    without("/data", "creditCost").replace("\"usage\"", "\"refund\"")
}

fn without(object: &str, field: &str) -> String {
    let mut body = usage("e1", "k1", "3");
    body.pointer_mut(object).and_then(Value::as_object_mut).expect("an object").remove(field).expect("a field");
    body.to_string()
}

/// Bodies that cannot be parsed, and the message of each.
fn unparsed() -> Vec<(String, &'static str)> {
    let long = "x".repeat(129);
    vec![
        (String::new(), "body must be a JSON object"),
        ("not json".to_owned(), "body must be a JSON object"),
        ("[]".to_owned(), "body must be a JSON object"),
        ("\u{feff}{}".to_owned(), "body must be a JSON object"),
        ("[".repeat(60_000), "body must be a JSON object"),
        ("{}".to_owned(), "eventId is missing"),
        (without("", "eventId"), "eventId is missing"),
        (without("", "eventType"), "eventType is missing"),
        (without("", "timestamp"), "timestamp is missing"),
        (without("", "data"), "data is missing"),
        (without("/data", "remoteKeyId"), "data.remoteKeyId is missing"),
        (without("/data", "model"), "data.model is missing"),
        (without("/data", "promptTokens"), "data.promptTokens is missing"),
        (without("/data", "completionTokens"), "data.completionTokens is missing"),
        (without("/data", "totalTokens"), "data.totalTokens is missing"),
        (with("/data", json!([1])), "data must be a JSON object"),
        (with("/eventId", json!(7)), "eventId must be a text"),
        (with("/eventId", json!("a#b")), "eventId must be 1 to 128 visible ASCII characters without #"),
        (with("/eventId", json!(long)), "eventId must be 1 to 128 visible ASCII characters without #"),
        (with("/eventId", json!("é")), "eventId must be 1 to 128 visible ASCII characters without #"),
        (with("/eventType", json!("topup")), "eventType must be \"usage\" or \"refund\""),
        (unpriced_refund(), "data.creditCost is missing"),
        (with("/timestamp", json!("soon")), "timestamp is not a time between 1970 and 9999"),
        (with("/timestamp", json!(-1)), "timestamp is not a time between 1970 and 9999"),
        (with("/timestamp", json!(1.5)), "timestamp must be whole seconds or an RFC 3339 time"),
        (
            with("/data/remoteKeyId", json!("a b")),
            "data.remoteKeyId must be 1 to 64 visible ASCII characters without #",
        ),
        (with("/data/remoteKeyId", json!(1.5)), "data.remoteKeyId must be a whole number that is not negative"),
        (with("/data/model", json!("")), "data.model must be a name of at most 128 bytes"),
        (with("/data/model", json!("a\nb")), "data.model must be a name of at most 128 bytes"),
        (with("/data/promptTokens", json!(-1)), "data.promptTokens must be a whole number that is not negative"),
        (
            with("/data/completionTokens", json!("30")),
            "data.completionTokens must be a whole number that is not negative",
        ),
        (
            with("/data/totalTokens", json!(149)),
            "data.totalTokens must be at least promptTokens and completionTokens together",
        ),
        (also(&[("cachedTokens", json!(121))]), "data.cachedTokens must not be more than promptTokens"),
        (
            also(&[("cachedTokens", json!(100)), ("cacheWriteTokens", json!(21))]),
            "data.cacheWriteTokens must not be more than promptTokens, together with cachedTokens",
        ),
        (also(&[("reasoningTokens", json!(31))]), "data.reasoningTokens must not be more than completionTokens"),
        (also(&[("cachedTokens", json!(-1))]), "data.cachedTokens must be a whole number that is not negative"),
        (also(&[("images", json!("1"))]), "data.images must be a whole number that is not negative"),
        (also(&[("images", json!(1_000_001)), ("creditCost", Value::Null)]), "data.images is too large"),
        (also(&[("seconds", json!("-1"))]), "data.seconds must not be negative"),
        (also(&[("seconds", json!(true))]), "data.seconds must be a number"),
        (also(&[("seconds", json!("1e15"))]), "data.seconds is too large"),
        (with("/data/creditCost", json!("-1")), "data.creditCost must not be negative"),
        (with("/data/creditCost", json!(-1)), "data.creditCost must not be negative"),
        (with("/data/creditCost", json!("1e2.5")), "data.creditCost must be a number"),
        (with("/data/creditCost", json!("NaN")), "data.creditCost must be a number"),
        (with("/data/creditCost", json!("１")), "data.creditCost must be a number"),
        (with("/data/creditCost", json!(true)), "data.creditCost must be a number"),
        (with("/data/creditCost", json!("0".repeat(129))), "data.creditCost must be written in at most 128 bytes"),
        (with("/data/creditCost", json!("1e999999999")), "data.creditCost is too large"),
        (with("/data/creditCost", json!("1000000000000")), "data.creditCost is too large"),
        (
            r#"{"eventId":"e1","eventId":"e2","eventType":"usage","timestamp":1,"data":{}}"#.to_owned(),
            "eventId stands twice",
        ),
        (
            r#"{"eventId":"e1","eventType":"usage","timestamp":1,"data":{"creditCost":"1","creditCost":"0"}}"#
                .to_owned(),
            "data.creditCost stands twice",
        ),
    ]
}

fn under(secret: &[u8], body: &str) -> String {
    let keys = signing::hmac_hex::Keys::parse(std::str::from_utf8(secret).expect("text"), signing::Strength::Deployed)
        .expect("a secret");
    signing::hmac_hex::sign(&keys, body.as_bytes())
}
