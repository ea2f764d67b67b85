//! OpenRouter's webhooks in the suites that every source passes.

use edge::Settings;
use ledger::EventKey;
use openrouter::{Openrouter, PATH};
use serde_json::{Value, json};
use testkit::{Sent, Shape, World};
use webhook::{AUTHORIZATION, SEAL, Webhook as _};

use super::{KEY, body, kept, receipt, reply, span};
use crate::sandbox::open_account;
use crate::suite::{Before, KeptForm, Refusal, Replayed, Request, Scenario, Suite, in_each_shape, sample, samples};

crate::suite::tests_of!(Openrouter);

const BOOKED: (&str, u16, &str) = ("booked", 200, "Event processed successfully");
const REPEAT: (&str, u16, &str) = ("duplicate", 200, "Event already processed (idempotent)");
const SHORT: (&str, u16, &str) = ("refused", 402, "Insufficient credits");
const UNKNOWN: (&str, u16, &str) = ("refused", 404, "Unknown remoteKeyId");
const NO_PRICE: (&str, u16, &str) = ("refused", 404, "No price for this model");
const CONFLICT: (&str, u16, &str) = ("conflict", 409, "Event id already used with different data");
const UNAVAILABLE: (&str, u16, &str) = ("unavailable", 503, "Temporarily unavailable");

impl Suite for Openrouter {
    const STATE: &'static str = "10 credits of k1";
    const PAIRED: usize = 3;
    const SHAPES: &'static [Shape] = &[Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi];

    async fn prepare(world: &World, state: &str) {
        if let Some((credits, key)) = state.split_once(" credits of ") {
            open_account(world, "alice", key, credits).await;
        }
    }

    fn unavailable(_: &str) -> (u16, &'static str) {
        let (status, body) = reply(503, UNAVAILABLE, Some("gen-1"), "");
        (status, body.leak())
    }

    fn decided_with() -> Vec<Before> {
        let before = |name, state| Before { name, state, delivered: vec![] };
        vec![
            before("credits", "20 credits of 1"),
            before("too few credits", "0.001 credits of 1"),
            before("an unknown key", "20 credits of another"),
            Before {
                delivered: samples(Openrouter::SOURCE).iter().map(|name| sample(Openrouter::SOURCE, name)).collect(),
                ..before("the same events booked", "20 credits of 1")
            },
        ]
    }

    fn scenarios() -> Vec<Scenario> {
        let of = |key: &str, credits: u64| body(&[span("gen-1", key, credits)]);
        let ten = "10 credits of k1";
        let rows = [
            ("a use", ten, vec![], of("k1", 3), BOOKED, REPEAT, ""),
            ("a repeat to a cold sandbox", ten, vec![of("k1", 3)], of("k1", 3), REPEAT, REPEAT, ""),
            ("too few credits", "2 credits of k1", vec![], of("k1", 3), SHORT, REPEAT, reason("insufficient_credits")),
            ("an unknown key", ten, vec![], of("k9", 3), UNKNOWN, REPEAT, reason("unknown_key")),
            ("other money under the ids", ten, vec![of("k1", 3)], of("k1", 4), CONFLICT, REPEAT, ""),
            ("a use that the rate card prices", ten, vec![], unpriced("gpt-4o"), BOOKED, REPEAT, ""),
            ("a use without a price", ten, vec![], unpriced("unheard-of"), NO_PRICE, REPEAT, reason("no_price")),
        ];
        let scenario = |(name, state, before, body, first, repeat, why): (_, _, _, _, _, _, &str)| {
            let replies = [reply(200, first, Some("gen-1"), why), reply(200, repeat, Some("gen-1"), "")];
            Scenario { name, state, before, body, replies: replies.into() }
        };
        rows.into_iter().map(scenario).collect()
    }

    fn unverified() -> Vec<Request> {
        const FORGED: (u16, &str) = (401, "Invalid webhook signature");
        let body = super::body(&[span("gen-1", "k1", 3)]);
        let large = " ".repeat(6 * 1024 * 1024 + 1);
        let post = || Sent::post(PATH, body.as_bytes());
        let with = |value: &str| post().with(AUTHORIZATION, value);
        let key = || with(&format!("Bearer {KEY}"));
        // What a reader of the table has: a seal alone is no delivery.
        let keys = signing::bearer::Keys::parse(KEY, signing::Strength::Deployed).expect("keys");
        let verified = signing::bearer::verify(&keys, &openrouter::authorization(KEY), b"").expect("verified");
        let seal = verified.seal(body.as_bytes()).expect("a seal");
        let rows: Vec<(&str, Sent<'_>, (u16, &str))> = vec![
            ("no key", post(), FORGED),
            ("an empty header", with(""), FORGED),
            ("an empty key", with("Bearer "), FORGED),
            ("no scheme", with(KEY), FORGED),
            ("another scheme", with(&format!("Basic {KEY}")), FORGED),
            ("another key", with("Bearer another-key-of-the-tests-0123456789abc"), FORGED),
            ("a start of it", with(&format!("Bearer {}", KEY.get(1..).expect("a part"))), FORGED),
            ("more than it", with(&format!("Bearer {KEY}0")), FORGED),
            ("twice", key().with(AUTHORIZATION, format!("Bearer {KEY}")), FORGED),
            ("in another header", post().with("x-api-key", KEY), FORGED),
            ("a seal in its place", post().with(SEAL, seal.clone()), FORGED),
            ("a seal beside another key", with("Bearer another").with(SEAL, seal.clone()), FORGED),
            ("too large", Sent { body: large.as_bytes(), ..key() }, (413, "Payload too large")),
            ("another path", Sent { path: "/api/webhooks/openrouters", ..key() }, (404, "Not found")),
            ("another method", Sent { method: "PUT", ..key() }, (405, "Method not allowed")),
        ];
        let whole = |status: u16, message: &str| (status, format!("{{\"success\":false,\"message\":\"{message}\"}}"));
        let rows: Vec<(&str, Sent<'_>, (u16, String))> =
            rows.into_iter().map(|(name, sent, (status, message))| (name, sent, whole(status, message))).collect();
        in_each_shape::<Self>(&rows)
    }

    fn refusals() -> Vec<Refusal> {
        let of_unparsed = unparsed().into_iter().map(|(body, problem, has_id)| {
            let field = problem.split(' ').next().unwrap_or_default();
            let message = format!("Invalid event: {problem}");
            let id = has_id.then_some("gen-1");
            let reply = reply(200, ("invalid", 400, &message), id, &format!(",\"field\":\"{field}\""));
            let kept = EventKey::unparsed(Openrouter::SOURCE, kept(&body).as_bytes());
            (body, reply, kept.as_str().to_owned(), "unparsed")
        });
        let row = receipt("gen-1").as_str().to_owned();
        let of_business = [
            (body(&[span("gen-1", "k9", 3)]), UNKNOWN, "unknown_key"),
            (body(&[span("gen-1", "k1", 11)]), SHORT, "insufficient_credits"),
            (unpriced("unheard-of"), NO_PRICE, "no_price"),
        ]
        .map(|(body, outcome, why)| (body, reply(200, outcome, Some("gen-1"), reason(why)), row.clone(), why));
        let refusal = |(body, reply, kept, reason): (String, (u16, String), String, &'static str)| Refusal {
            name: body.chars().take(120).collect(),
            state: Self::STATE,
            before: vec![],
            event: super::sent(&body, KEY),
            reply,
            kept,
            reason,
            flag: None,
        };
        of_unparsed.chain(of_business).map(refusal).collect()
    }

    fn kept_forms() -> Vec<KeptForm> {
        let form = |name, body| KeptForm {
            name,
            body,
            has_clock: false,
            is_body_only: false,
            is_published: false,
            state: Self::STATE,
            retired: [Replayed::Booked; 2],
        };
        vec![form("one span", body(&[span("gen-1", "k1", 3)]))]
    }

    fn blank_secrets() -> Vec<Settings> {
        ["", "   ", "change-me", "secret"]
            .map(|secret| Settings::new([(openrouter::SETTINGS[0].to_owned(), secret.to_owned())]))
            .into()
    }
}

fn reason(why: &str) -> &'static str {
    format!(",\"reason\":\"{why}\"").leak()
}

/// The one generation with an attribute changed; `null` takes it out.
fn with(name: &str, value: &Value) -> String {
    let mut span = span("gen-1", "k1", 3);
    let attributes = span["attributes"].as_array_mut().expect("attributes");
    attributes.retain(|attribute| attribute["key"] != name);
    if !value.is_null() {
        attributes.push(json!({ "key": name, "value": value }));
    }
    body(&[span])
}

/// A use of this model, without a cost.
fn unpriced(model: &str) -> String {
    let text = with("gen_ai.request.model", &json!({ "stringValue": model }));
    text.replace("gen_ai.usage.total_cost", "gen_ai.usage.input_cost")
}

/// Spans that cannot be parsed, the message of each, and whether its id is known.
fn unparsed() -> Vec<(String, &'static str, bool)> {
    let mut twice = span("gen-1", "k1", 3);
    let forged = json!({ "key": "trace.metadata.openrouter.api_key_name", "value": { "stringValue": "k2" } });
    twice["attributes"].as_array_mut().expect("attributes").push(forged);
    let mut unended = span("gen-1", "k1", 3);
    unended["endTimeUnixNano"] = Value::Null;
    let key = "trace.metadata.openrouter.api_key_name";
    vec![
        ("no JSON".to_owned(), "body must be a JSON object", false),
        ("7".to_owned(), "body must be a JSON object", false),
        (body(&[json!(7)]), "body must be a JSON object", false),
        (body(&[twice]), "trace.metadata.openrouter.api_key_name stands twice", false),
        (with("span.type", &Value::Null), "span.type is missing", false),
        (with("span.type", &json!({ "intValue": 1 })), "span.type must be a text", false),
        (with("gen_ai.response.id", &Value::Null), "gen_ai.response.id is missing", false),
        (with(key, &Value::Null), "trace.metadata.openrouter.api_key_name is missing", true),
        (
            with("gen_ai.usage.total_cost", &json!({ "doubleValue": -0.5 })),
            "gen_ai.usage.total_cost must not be negative",
            true,
        ),
        (
            with("gen_ai.usage.total_cost", &json!({ "stringValue": "1" })),
            "gen_ai.usage.total_cost must be a number",
            true,
        ),
        (
            with("gen_ai.usage.input_tokens", &json!({ "intValue": "-1" })),
            "gen_ai.usage.input_tokens must be a whole number that is not negative",
            true,
        ),
        (body(&[unended]), "endTimeUnixNano is missing", true),
    ]
}
