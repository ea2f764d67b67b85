//! The pipeline with an echo API: which requests are admitted, and the replies to the others.

use std::time::Duration;

use edge::{Invocation, Reply, Route, Service as _};
use ledger::{CallContext, CommitError, Ledger, Owner, Writer};
use serde::Deserialize;
use serde_json::Value;
use testkit::{MemoryLedger, Sent, Shape, World, api_key, deadline, instant, mark, now};

use super::*;

#[derive(Debug)]
struct Echo;

#[derive(Debug, Clone, Copy)]
enum Call {
    Health,
    Echo,
    Panic,
    Fail,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    word: Option<Value>,
}

impl Api for Echo {
    const NAME: &'static str = "echo";
    const ROUTES: &'static [Route<Call>] = &[
        Route { method: "GET", path: "/health", endpoint: Call::Health },
        Route { method: "POST", path: "/echo/{to}", endpoint: Call::Echo },
        Route { method: "POST", path: "/panic", endpoint: Call::Panic },
        Route { method: "POST", path: "/fail", endpoint: Call::Fail },
    ];
    const BODY_BYTES_MAX: usize = 64;
    const REPLY_WITHIN: Duration = Duration::from_secs(4);

    type Call = Call;

    fn public(&self, call: Call) -> Option<Reply> {
        matches!(call, Call::Health).then(|| Reply::json(200, &"well"))
    }
}

impl<L: Ledger> Serve<L> for Echo {
    type Caller = Owner;

    async fn authenticate(
        &self,
        key: &str,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<Authenticated<Owner>>, CommitError> {
        owner_of(key, ledger, context).await
    }

    async fn call(&self, call: &ApiCall<'_, Call>, _: &L) -> Result<ApiOutcome, Failure> {
        match call.found.endpoint {
            Call::Panic => panic!("a secret"),
            Call::Fail => return Err(CommitError::Unavailable(None).into()),
            Call::Health | Call::Echo => {}
        }
        let body: Body = object(call.request.body())?;
        let word: Option<String> = read(body.word.as_ref(), || Failure::new(400, "word_invalid", "Not a word."))?;
        let text =
            format!("{} to {}: {}", call.caller, call.found.parameter("to").unwrap_or("?"), word.unwrap_or_default());
        Ok(ApiOutcome { reply: Reply::json(200, &text), outcome: "echoed", subject: None })
    }
}

fn invocation() -> Invocation {
    Invocation { now: now(), started: instant(), deadline: deadline(Echo::REPLY_WITHIN), attempt: mark(1) }
}

async fn function() -> Function<Echo, MemoryLedger> {
    let ledger = MemoryLedger::default();
    api_key(&ledger, "alice", "key-of-alice").await;
    Function { api: Echo, ledger }
}

const KEY: &str = "Bearer key-of-alice";

fn echo(body: &[u8]) -> Sent<'_> {
    Sent::post("/echo/bob", body).with("authorization", KEY)
}

fn error_body(code: &str, message: &str) -> String {
    format!(r#"{{"error":"{code}","message":"{message}"}}"#)
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

const UNAUTHORIZED: (u16, &str, &str) =
    (401, "unauthorized", "The API key is missing or unknown: Authorization: Bearer <key>.");
const NOT_AN_OBJECT: (u16, &str, &str) = (400, "body_invalid", "The body must be a JSON object.");

#[tokio::test]
async fn refused_request_gets_code_and_sentence() {
    let get = |path| Sent { method: "GET", ..Sent::post(path, b"") };
    let post = |header: &str| Sent::post("/echo/bob", b"{}").with("authorization", header);
    let long = vec![b' '; 65];
    let rows = [
        (get("/nothing"), (404, "not_found", "No such path.")),
        (get("/echo/bob"), (405, "method_not_allowed", "No such method at this path.")),
        (Sent::post("/echo/bob", b"{}"), UNAUTHORIZED),
        (post(""), UNAUTHORIZED),
        (post("Bearer"), UNAUTHORIZED),
        (post("Bearer "), UNAUTHORIZED),
        (post("Bearer  key-of-alice"), UNAUTHORIZED),
        (post("Basic key-of-alice"), UNAUTHORIZED),
        (post("key-of-alice"), UNAUTHORIZED),
        (post("Bearer key-of-bob"), UNAUTHORIZED),
        (post("Bearer KEY-OF-ALICE"), UNAUTHORIZED),
        (post("Bearer key-of-alice "), UNAUTHORIZED),
        (post(&format!("Bearer {}", "k".repeat(257))), UNAUTHORIZED),
        (echo(b"{}").with("authorization", KEY), UNAUTHORIZED),
        (echo(&long), (413, "body_too_large", "The body is too large.")),
        (echo(b""), NOT_AN_OBJECT),
        (echo(b"null"), NOT_AN_OBJECT),
        (echo(b"[\"hi\"]"), NOT_AN_OBJECT),
        (echo(b"{\"word\":\"hi\"} x"), NOT_AN_OBJECT),
        (echo(b"{\"word\":\"hi\""), NOT_AN_OBJECT),
        (echo(b"{\"word\":7}"), (400, "word_invalid", "Not a word.")),
        (echo(b"{\"word\":\"a\",\"word\":\"b\"}"), (400, "duplicate_field", "The body has a field twice: word.")),
        (
            echo(b"{\"word\":\"a\",\"amount\":1}"),
            (400, "unknown_field", "The body has a field that is not known here: amount."),
        ),
        (Sent::post("/panic", b"").with("authorization", KEY), (500, "internal", "Internal error.")),
        (
            Sent::post("/fail", b"").with("authorization", KEY),
            (503, "unavailable", "Temporarily unavailable; try again."),
        ),
    ];
    let function = function().await;
    for (sent, (status, code, message)) in rows {
        for shape in [Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi] {
            let reply = function.answer(&sent.event(shape), &invocation()).await;
            assert_eq!((reply.status, reply.body.as_str()), (status, error_body(code, message).as_str()), "{sent:?}");
            assert_eq!(header(&reply, "cache-control"), Some("no-store"));
            assert_eq!(header(&reply, "www-authenticate"), (status == 401).then_some("Bearer"));
            assert_eq!(header(&reply, "allow"), (status == 405).then_some("POST"));
            assert_eq!(header(&reply, "retry-after"), (status == 503).then_some("2"));
        }
    }
    let reply = function.answer("{}", &invocation()).await;
    assert_eq!((reply.status, reply.body), (400, error_body("malformed", "Not a request.")));
}

#[tokio::test]
async fn key_identifies_caller_and_health_is_public() {
    let function = function().await;
    let rows: [(Sent<'_>, &str); 6] = [
        (echo(b"{\"word\":\"hi\"}"), "\"alice to bob: hi\""),
        (echo(b" \r\n\t{ } "), "\"alice to bob: \""),
        (echo(b"{\"word\":null}"), "\"alice to bob: \""),
        (Sent { base64: true, ..echo(b"{\"word\":\"hi\"}") }, "\"alice to bob: hi\""),
        (Sent::post("/echo/eve", b"{}").with("authorization", "bEARER key-of-alice"), "\"alice to eve: \""),
        (Sent { method: "GET", ..Sent::post("/health", b"") }, "\"well\""),
    ];
    for (sent, body) in rows {
        let reply = function.answer(&sent.event(Shape::HttpApi), &invocation()).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, body), "{sent:?}");
        assert_eq!(header(&reply, "cache-control"), Some("no-store"));
    }
}

#[tokio::test(start_paused = true)]
async fn unavailable_ledger_is_no_refusal_of_the_key() {
    let (ledger, _) = World::new().faulty(1, |_, _| testkit::Fault::Disconnect);
    let reply = Function { api: Echo, ledger }.answer(&echo(b"{}").event(Shape::HttpApi), &invocation()).await;
    assert_eq!((reply.status, header(&reply, "retry-after")), (503, Some("2")));
}

/// The referrers, the rate of each level, and the commissions of an order by alice.
type Chain = (&'static [(&'static str, &'static str)], &'static [u16], &'static [(&'static str, u16)]);

#[tokio::test]
async fn referrer_chain_ends_before_a_cycle() {
    let rows: [Chain; 8] = [
        (&[], &[1_000, 200], &[]),
        (&[("alice", "bob")], &[1_000, 200], &[("bob", 1_000)]),
        (&[("alice", "bob"), ("bob", "carol")], &[1_000, 200], &[("bob", 1_000), ("carol", 200)]),
        (&[("alice", "bob"), ("bob", "carol"), ("carol", "dave")], &[1_000, 200], &[("bob", 1_000), ("carol", 200)]),
        (&[("alice", "bob"), ("bob", "carol")], &[1_000], &[("bob", 1_000)]),
        (&[("alice", "bob"), ("bob", "carol")], &[], &[]),
        // No owner earns by their own order, or twice by one.
        (&[("alice", "bob"), ("bob", "alice")], &[1_000, 200, 100], &[("bob", 1_000)]),
        (&[("alice", "bob"), ("bob", "carol"), ("carol", "bob")], &[3, 2, 1], &[("bob", 3), ("carol", 2)]),
    ];
    let named = |name: &str| ledger::Owner::new(name).expect("a name");
    for (chain, rates, expected) in rows {
        let ledger = MemoryLedger::default();
        for (owner, referrer) in chain {
            let refer = ledger::Effect::Refer { owner: named(owner), from: None, to: Some(named(referrer)) };
            let header = ledger::JournalHeader {
                receipt: ledger::EventKey::new(Writer::Manual, owner).expect("a key"),
                writer: Writer::Manual,
                kind: "referrer",
                facts: Vec::new(),
                fingerprints: ledger::Fingerprint::of(1, &[]).into(),
                order: None,
            };
            let entry = ledger::Entry { header, effects: vec![refer], keeps_body: false, alarm: None };
            ledger.commit(&ledger::Decision::Record(entry), &testkit::context(1)).await.expect("written");
        }
        let earns = commissions(rates, &named("alice"), &ledger, &testkit::context(2)).await.expect("read");
        let earns: Vec<_> = earns.iter().map(|one| (one.to.as_str(), one.basis_points)).collect();
        assert_eq!(earns, expected, "{chain:?}");
    }
}

/// Each bit is sometimes set and sometimes not, and no two numbers are equal.
#[test]
fn system_randomness_uses_every_bit() {
    let rng = RandomBits::of_system();
    let numbers: std::collections::BTreeSet<u128> = (0..256).map(|_| rng.bits().expect("randomness")).collect();
    assert_eq!(numbers.len(), 256);
    assert_eq!(numbers.iter().fold(0, |seen, bits| seen | bits), u128::MAX);
    assert_eq!(numbers.iter().fold(u128::MAX, |seen, bits| seen & bits), 0);
    assert_eq!(RandomBits::new(|| None).bits().map_err(|failure| failure.status), Err(503));
}
