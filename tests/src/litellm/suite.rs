//! LiteLLM's webhooks in the suites that every source passes.

use edge::Settings;
use ledger::EventKey;
use litellm::{Litellm, PATH};
use serde_json::{Value, json};
use testkit::{Sent, Shape, World};
use webhook::{AUTHORIZATION, SEAL, Webhook as _};

use super::{KEY, event, receipt, reply};
use crate::sandbox::open_account;
use crate::suite::{Before, KeptForm, Refusal, Replayed, Request, Scenario, Suite, in_each_shape, sample, samples};

crate::suite::tests_of!(Litellm);

const BOOKED: (&str, u16, &str) = ("booked", 200, "Event processed successfully");
const REPEAT: (&str, u16, &str) = ("duplicate", 200, "Event already processed (idempotent)");
const SHORT: (&str, u16, &str) = ("refused", 402, "Insufficient credits");
const UNKNOWN: (&str, u16, &str) = ("refused", 404, "Unknown remoteKeyId");
const NO_PRICE: (&str, u16, &str) = ("refused", 404, "No price for this model");
const CONFLICT: (&str, u16, &str) = ("conflict", 409, "Event id already used with different data");
const UNAVAILABLE: (&str, u16, &str) = ("unavailable", 503, "Temporarily unavailable");

impl Suite for Litellm {
    const STATE: &'static str = "10 credits of k1";
    const PAIRED: usize = 3;
    const SHAPES: &'static [Shape] = &[Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi];

    async fn prepare(world: &World, state: &str) {
        if let Some((credits, key)) = state.split_once(" credits of ") {
            open_account(world, "alice", key, credits).await;
        }
    }

    fn unavailable(_: &str) -> (u16, &'static str) {
        let (status, body) = reply(503, UNAVAILABLE, Some("e1"), "");
        (status, body.leak())
    }

    fn decided_with() -> Vec<Before> {
        let before = |name, state| Before { name, state, delivered: vec![] };
        vec![
            before("credits", "20 credits of 1"),
            before("too few credits", "0.001 credits of 1"),
            before("an unknown key", "20 credits of another"),
            Before {
                delivered: samples(Litellm::SOURCE).iter().map(|name| sample(Litellm::SOURCE, name)).collect(),
                ..before("the same events booked", "20 credits of 1")
            },
        ]
    }

    fn scenarios() -> Vec<Scenario> {
        let of = |key: &str, credits: u64| event("e1", key, credits).to_string();
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
            let replies = [reply(200, first, Some("e1"), why), reply(200, repeat, Some("e1"), "")];
            Scenario { name, state, before, body, replies: replies.into() }
        };
        rows.into_iter().map(scenario).collect()
    }

    fn unverified() -> Vec<Request> {
        const FORGED: (u16, &str) = (401, "Invalid webhook signature");
        let body = event("e1", "k1", 3).to_string();
        let large = " ".repeat(6 * 1024 * 1024 + 1);
        let post = || Sent::post(PATH, body.as_bytes());
        let with = |value: &str| post().with(AUTHORIZATION, value);
        let key = || with(&format!("Bearer {KEY}"));
        // What a reader of the table has: a seal alone is no delivery.
        let keys = signing::bearer::Keys::parse(KEY, signing::Strength::Deployed).expect("keys");
        let verified = signing::bearer::verify(&keys, &litellm::authorization(KEY), b"").expect("verified");
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
            ("another path", Sent { path: "/api/webhooks/litellms", ..key() }, (404, "Not found")),
            ("another method", Sent { method: "PUT", ..key() }, (405, "Method not allowed")),
        ];
        let whole = |status: u16, message: &str| (status, format!("{{\"success\":false,\"message\":\"{message}\"}}"));
        let rows: Vec<(&str, Sent<'_>, (u16, String))> =
            rows.into_iter().map(|(name, sent, (status, message))| (name, sent, whole(status, message))).collect();
        in_each_shape::<Self>(&rows)
    }

    fn refusals() -> Vec<Refusal> {
        let of_unparsed = unparsed().into_iter().map(|(body, problem, kept)| {
            let field = problem.split(' ').next().unwrap_or_default();
            let message = format!("Invalid event: {problem}");
            let id = (!["body", "id", "litellm_call_id"].contains(&field)).then_some("e1");
            let reply = reply(200, ("invalid", 400, &message), id, &format!(",\"field\":\"{field}\""));
            (body, reply, EventKey::unparsed(Litellm::SOURCE, kept.as_bytes()).as_str().to_owned(), "unparsed")
        });
        let row = receipt("e1").as_str().to_owned();
        let of_business = [
            (event("e1", "k9", 3).to_string(), UNKNOWN, "unknown_key"),
            (event("e1", "k1", 11).to_string(), SHORT, "insufficient_credits"),
            (unpriced("unheard-of"), NO_PRICE, "no_price"),
        ]
        .map(|(body, outcome, why)| (body, reply(200, outcome, Some("e1"), reason(why)), row.clone(), why));
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
        let one = event("e1", "k1", 3).to_string();
        vec![form("single", one.clone()), form("ndjson", format!("{one}\n")), form("array", format!("[{one}]"))]
    }

    fn blank_secrets() -> Vec<Settings> {
        ["", "   ", "change-me", "secret"]
            .map(|secret| Settings::new([(litellm::SETTINGS[0].to_owned(), secret.to_owned())]))
            .into()
    }
}

fn reason(why: &str) -> &'static str {
    format!(",\"reason\":\"{why}\"").leak()
}

/// A use of this model whose price LiteLLM does not know.
fn unpriced(model: &str) -> String {
    let mut body = event("e1", "k1", 3);
    body["model"] = json!(model);
    body["response_cost"] = json!(0.0);
    body.to_string()
}

/// Events that cannot be parsed, the message of each, and what is kept.
fn unparsed() -> Vec<(String, &'static str, String)> {
    let with = |pointer: &str, value: Value| {
        let mut body = event("e1", "k1", 3);
        *body.pointer_mut(pointer).expect("a field") = value;
        body.to_string()
    };
    let same = |body: String, problem| (body.clone(), problem, body);
    vec![
        ("no JSON".to_owned(), "body must be a JSON object", "\"no JSON\"".to_owned()),
        same("7".to_owned(), "body must be a JSON object"),
        same(with("/id", Value::Null), "id is missing"),
        same(with("/litellm_call_id", json!(7)), "litellm_call_id must be a text"),
        same(with("/status", json!("pending")), "status must be \"success\" or \"failure\""),
        same(with("/status", json!("failure")), "response_cost must be 0 where the status is failure"),
        same(with("/metadata/user_api_key_hash", Value::Null), "metadata.user_api_key_hash is missing"),
        same(with("/response_cost", json!(-0.5)), "response_cost must not be negative"),
        same(with("/prompt_tokens", json!(-1)), "prompt_tokens must be a whole number that is not negative"),
    ]
}
