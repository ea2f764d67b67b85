//! Log lines at the finest level and of every crate. The tests run in a process of their own, because a subscriber is
//! global.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test that cannot go on must stop")]

#[expect(dead_code, reason = "only some of it is needed here")]
mod sandbox;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use edge::{Keyring, LogLevel, Service as _, Settings, Vault};
use epay::{Config, Epay, Gateway};
use ledger::{
    Amount, Currency, Decision, Entry, EventKey, Fingerprint, JournalHeader, Ledger as _, Money, Order, OrderNumber,
    Owner, Provider, Terms, Writer,
};
use providers::{CallError, EpayConfig, EpayMerchant, EpayNumber, EpayQuery, Http};
use serde_json::{Value, json};
use signing::epay::{Params, Pid, Scheme, sign};
use testkit::{EPAY_BASE, EPAY_KEY, EpayNet, Sent, Shape, World, context, epay_keys, epay_settings, now, usage};
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use webhook::{Admission, Function, Webhook as _};

use crate::sandbox::{EVENTS, SECRET, function, invocation, open_account, signature};

/// All captured log lines, of any crate and at any level.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn each_event_is_one_line_without_secret_or_body() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = edge::log_lines("local", move || writer.clone());
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(lines)).expect("the only subscriber");
    let function = function(world.ledger(1), Admission::default()).await;
    let bodies = [
        usage("e1", "k1", "3"),
        usage("e1", "k1", "3"),
        usage("e2", "k1", "300"),
        usage("e3", "k9", "3"),
        usage("e4", "k1", "-1"),
    ];
    for (attempt, body) in (1..).zip(bodies) {
        let body = body.to_string();
        function.answer(&crate::sandbox::signed(&body), &invocation(attempt)).await;
        let forged = Sent::post(EVENTS, body.as_bytes()).with("x-webhook-signature", "0".repeat(64));
        function.answer(&forged.event(Shape::HttpApi), &invocation(attempt)).await;
    }
    let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
    for secret in
        [SECRET, "gpt-4o", "remoteKeyId", "promptTokens", &signature(usage("e1", "k1", "3").to_string().as_bytes())]
    {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect();
    let events: Vec<&Value> = lines.iter().filter(|line| line.get("events").is_some()).collect();
    let outcomes: Vec<(Option<&str>, &str, Option<&str>)> = events
        .iter()
        .map(|line| (line["event_id"].as_str(), line["outcome"].as_str().expect("an outcome"), line["reason"].as_str()))
        .collect();
    let forged = (None, "unverified", Some("bad_signature"));
    assert_eq!(
        outcomes,
        [
            (Some("e1"), "booked", None),
            forged,
            (Some("e1"), "repeat", None),
            forged,
            (Some("e2"), "refused", Some("insufficient_credits")),
            forged,
            (Some("e3"), "refused", Some("unknown_key")),
            forged,
            (Some("e4"), "unparsed", Some("field")),
            forged,
        ]
    );
    let fields: Vec<_> = events.iter().filter_map(|line| line["field"].as_str()).collect();
    assert_eq!(fields, ["data.creditCost"], "a field for people, and no metric");
    // A booking logs its credits for the graphs, in billionths and once per event, however often it is delivered.
    let bookings: Vec<&Value> = lines.iter().filter(|line| line.get("nanocredits_out").is_some()).collect();
    let of = |name: &str| bookings.iter().map(|line| line[name].as_u64()).collect::<Vec<_>>();
    assert_eq!(of("nanocredits_out"), [Some(3_000_000_000)]);
    assert_eq!((of("nanocredits_in"), of("orders")), (vec![None], vec![None]), "a sum needs no zeros");
    bookings.into_iter().for_each(assert_is_metric);
    for line in events {
        assert_eq!(line["source"], "usage");
        assert!(line["duration_ms"].is_f64(), "{line}");
        assert_is_metric(line);
    }
}

/// Below a warning, lines of libraries hold whole requests. Metrics are logged at every level, because the alarms need
/// them.
#[test]
fn log_level_raises_our_own_crates_alone() {
    use LogLevel::{Debug, Error, Info, Trace, Warn};
    let deployed = |level| edge::log_targets(level);
    for (level, own) in
        [(Error, Level::ERROR), (Warn, Level::WARN), (Info, Level::INFO), (Debug, Level::DEBUG), (Trace, Level::TRACE)]
    {
        for (targets, metrics) in [(deployed(level), own.max(Level::INFO)), (edge::own_targets(level), own)] {
            for one in [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE] {
                for library in
                    ["hyper::proto", "lambda_runtime::layers", "aws_smithy_runtime::client::orchestrator", "rustls"]
                {
                    assert_eq!(targets.would_enable(library, &one), one <= Level::WARN, "{level:?} {library} {one}");
                }
                for ours in ["webhook::handle", "edge", "hookledger"] {
                    assert_eq!(targets.would_enable(ours, &one), one <= own, "{level:?} {ours} {one}");
                }
                assert_eq!(targets.would_enable("hookledger::event", &one), one <= metrics, "{level:?} {one}");
                let is_detail = own >= Level::DEBUG && one <= Level::INFO;
                assert_eq!(targets.would_enable("hookledger::detail", &one), is_detail, "{level:?} {one}");
            }
        }
    }
}

/// A target also matches every name that starts with it.
#[test]
fn own_crates_share_no_prefix_with_a_library() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let crates = |folder: &str| {
        let entries = fs::read_dir(root.join(folder)).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect::<Vec<_>>()
    };
    let no_log_of_a_function = ["client", "embedded", "fakes", "manual", "operators", "pages", "testkit"];
    let shared = crates("shared").into_iter().filter(|name| !no_log_of_a_function.contains(&name.as_str()));
    let ours: BTreeSet<String> =
        crates("functions").into_iter().chain(shared).chain(["hookledger".to_owned()]).collect();
    assert_eq!(edge::OWN_CRATES.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(), ours);
    let lock = fs::read_to_string(root.join("Cargo.lock")).expect("the lock file");
    let packages = lock.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    for package in packages.filter(|package| !ours.contains(*package)) {
        let covered = edge::OWN_CRATES.iter().find(|own| package.replace('-', "_").starts_with(**own));
        assert_eq!(covered, None, "{package}");
    }
}

/// The query has the shop's sales, and V1's queries the key: no log line has it, even at the finest level.
#[tokio::test(start_paused = true)]
async fn query_and_its_key_are_never_logged() {
    let captured = Captured::default();
    let writer = captured.clone();
    let layers = tracing_subscriber::registry().with(edge::log_targets(LogLevel::Trace));
    let _guard = tracing::subscriber::set_default(layers.with(edge::log_lines("local", move || writer.clone())));
    let (world, net) = (World::new(), EpayNet::default());
    let keys =
        async || Keyring::open(Vault::Here(Settings::new(epay_settings())), Epay::keys, now()).await.expect("keys");
    let set = |name: &str| {
        let settings = [("EPAY_API_BASE", EPAY_BASE), ("EPAY_MERCHANTS", "1001:md5")];
        settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let gateway = Gateway { http: Http::over(net.clone(), fastrand::Rng::with_seed(1)), keys: keys().await };
    let source = Epay { config: Config::read(set, "prod").expect("a configuration"), gateway: Some(gateway) };
    let function = Function::new(source, keys().await, Admission::default(), world.ledger(1));
    let paid = Params::decode(
        "pid=1001&trade_no=t1&out_trade_no=HL1&type=alipay&name=named&money=648&trade_status=TRADE_SUCCESS",
    );
    let merchant = Pid::new("1001").expect("a number");
    let signed = sign(&epay_keys(), &merchant, Scheme::Md5, paid.expect("a form"), 0).expect("a key");
    let (form, signature) = (signed.encoded(), signed.value("sign").expect("a signature"));
    let order = epay_order("HL1");
    let events = [
        ("/payment/notify", form.clone()),
        ("/payment/return", form.clone()),
        ("/payment/notify", form.replace("648", "1")),
    ];
    for (path, query) in &events {
        function.answer(&Sent::get(path, query).event(Shape::HttpApi), &invocation(1)).await;
    }
    world.ledger(0).commit(&order, &context(0)).await.expect("an order");
    function.answer(&Sent::get("/payment/notify", &form).event(Shape::HttpApi), &invocation(2)).await;
    assert!(net.calls().iter().any(|call| call.endpoint.contains(EPAY_KEY)), "the key was sent");
    let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
    let count = |word: &str| text.matches(&format!("\"reason\":\"{word}\"")).count();
    assert_eq!((count("order_unknown"), count("bad_signature"), count("unconfirmed")), (2, 1, 1), "{text}");
    assert!(text.contains("\"event_id\":\"1001.t1\""), "{text}");
    for secret in [EPAY_KEY, signature, "money", "TRADE_SUCCESS", "api.php", "gateway.invalid", "named"] {
        assert!(!text.contains(secret), "{secret} is in the log: {text}");
    }
}

/// After any failure between us and the gateway, over real sockets, V1's key is in no line and was sent to no other
/// host.
#[tokio::test]
async fn failed_query_leaves_the_key_in_no_line() {
    let captured = Captured::default();
    let writer = captured.clone();
    let layers = tracing_subscriber::registry().with(edge::log_targets(LogLevel::Trace));
    let _guard = tracing::subscriber::set_default(layers.with(edge::log_lines("local", move || writer.clone())));
    let other_host = TcpListener::bind("127.0.0.1:0").expect("a port");
    other_host.set_nonblocking(true).expect("a socket");
    let to = format!("http://{}/api.php?act=order&key={EPAY_KEY}", other_host.local_addr().expect("an address"));
    let redirected = format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\n");
    let moved = format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\n");
    let rows = [
        ("refused", None, CallError::NoAnswer),
        ("silent", Some(""), CallError::NoAnswer),
        ("cut off", Some("HTTP/1.1 200 OK\r\nconten"), CallError::NoAnswer),
        ("failed", Some("HTTP/1.1 500 Internal Server Error\r\n"), CallError::Failed { status: 500 }),
        ("not found", Some("HTTP/1.1 404 Not Found\r\n"), CallError::Refused { status: 404, kind: None, code: None }),
        ("redirected", Some(redirected.as_str()), CallError::Unreadable),
        ("redirected with its form", Some(moved.as_str()), CallError::Unreadable),
        ("not a gateway's answer", Some("HTTP/1.1 200 OK\r\n"), CallError::Unreadable),
    ];
    for v1_query in [EpayQuery::Get, EpayQuery::Post] {
        for (name, head, expected) in rows.clone() {
            let (base, received) = gateway_that_fails(head.map(str::to_owned));
            let merchant = EpayMerchant { pid: Pid::new("1001").expect("a number"), scheme: Scheme::Md5 };
            let gateway = EpayConfig { base, merchants: vec![merchant.clone()], v1_query };
            let http = Http::new(fastrand::Rng::with_seed(1));
            let client = providers::Epay::new(http, &gateway, merchant, Arc::new(epay_keys()));
            let deadline = testkit::deadline(Duration::from_millis(1_500));
            let error = client.payment(EpayNumber::Theirs("t1"), now(), deadline).await.expect_err(name);
            assert_eq!(error, expected, "{name} {v1_query:?}");
            tracing::error!(%error, ?error, ?client, ?gateway, "logged as a function logs it");
            let (calls, has_key) =
                (received.lock().expect("not poisoned").clone(), |call: &String| call.contains(EPAY_KEY));
            assert_eq!(calls.iter().any(has_key), head.is_some(), "{name}: the key was sent");
            let in_url = calls.iter().any(|call| call.lines().next().is_some_and(|line| line.contains(EPAY_KEY)));
            assert_eq!(in_url, head.is_some() && v1_query == EpayQuery::Get, "{name} {v1_query:?}");
        }
    }
    assert!(other_host.accept().is_err(), "no redirect is followed");
    let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
    assert!(text.matches("logged as a function logs it").count() == 16 && text.contains("retrying"), "{text}");
    for secret in [EPAY_KEY, "api.php", "trade_no"] {
        assert!(!text.contains(secret), "{secret} is in the log: {text}");
    }
}

/// A gateway that answers every call with this head and a page, or not at all, and the calls that it received. `None`:
/// the port is closed.
fn gateway_that_fails(head: Option<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let log = Arc::new(Mutex::new(Vec::new()));
    let (calls, Some(head)) = (Arc::clone(&log), head) else { return (base, log) };
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for mut stream in listener.incoming().map_while(Result::ok) {
            let (mut call, mut part) = (String::new(), [0; 4096]);
            // The head and, if there is one, the form: the number is its last field.
            while !(call.contains("\r\n\r\n") && call.contains("trade_no=t1")) {
                let read = stream.read(&mut part).expect("a request");
                call.push_str(&String::from_utf8_lossy(&part[..read]));
            }
            calls.lock().expect("not poisoned").push(call);
            if head.ends_with("\r\n") {
                let page = "content-length: 6\r\nconnection: close\r\n\r\n<html>";
                stream.write_all(format!("{head}{page}").as_bytes()).expect("answered");
            } else if head.is_empty() {
                open.push(stream);
            } else {
                stream.write_all(head.as_bytes()).expect("half answered");
            }
        }
    });
    (base, log)
}

/// Creates an order for 648 CNY at the gateway.
fn epay_order(number: &str) -> Decision {
    let price = Money { amount: Amount::from_units(64_800), currency: Currency::CNY };
    let (product, provider) = ("credits-1000".to_owned(), Provider::Epay);
    let terms = Terms {
        provider,
        product,
        quantity: 1,
        price,
        exchange: None,
        grants: vec![],
        commissions: vec![],
        referral: None,
        site: None,
    };
    let number = OrderNumber::new(number).expect("a number");
    let order = Order::new(number.clone(), Owner::new("alice").expect("an owner"), terms, now());
    let header = JournalHeader {
        receipt: EventKey::of_order(&number),
        writer: Writer::Orders,
        kind: "order",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: Some(number),
    };
    Decision::Record(Entry { header, effects: vec![order.created()], keeps_body: false, alarm: None })
}

#[test]
fn alarm_is_a_line_and_a_metric() {
    let captured = Captured::default();
    let writer = captured.clone();
    let lines = tracing_subscriber::registry().with(edge::log_lines("local", move || writer.clone()));
    tracing::subscriber::with_default(lines, || edge::alarm("usage", "paid_twice", "order-1"));
    let text = String::from_utf8(captured.0.lock().expect("one thread").clone()).expect("text");
    let mut line: Value = serde_json::from_str(&text).expect("one line of JSON");
    assert_is_metric(&line);
    let line_time = line["timestamp_ms"].take();
    assert_eq!(line["_aws"]["Timestamp"].take(), line_time, "the metric has the time of the line");
    let expected = json!({
        "level": "WARN",
        "source": "usage",
        "alarm": "paid_twice",
        "subject": "order-1",
        "alarms": 1,
        "timestamp_ms": null,
        "_aws": {
            "Timestamp": null,
            "CloudWatchMetrics": [{
                "Namespace": "hookledger-local",
                "Dimensions": [["source"], ["source", "alarm"]],
                "Metrics": [{ "Name": "alarms", "Unit": "Count" }],
            }],
        },
    });
    assert_eq!(line, expected);
}

/// Metrics have no other dimensions. The types of these admit only words of the code, but for a model and an upstream,
/// which are words of the settings, and a currency, which is one of the catalog's: an order is paid in its own.
#[test]
fn metrics_have_only_dimensions_with_words_of_the_code() {
    let names: std::collections::BTreeSet<&str> =
        edge::MEASURED.iter().flat_map(|measured| measured.dimensions).flat_map(|set| set.iter().copied()).collect();
    let of_settings = ["currency", "model", "upstream"];
    let names: Vec<&str> = names.into_iter().filter(|name| !of_settings.contains(name)).collect();
    assert_eq!(names, ["alarm", "backlog", "class", "outcome", "paused", "reason", "source", "sweep"]);
}

/// Each metric and dimension that the line declares has a value in it.
fn assert_is_metric(line: &Value) {
    let metrics = &line["_aws"]["CloudWatchMetrics"][0];
    assert!(metrics["Namespace"] == "hookledger-local" && line["_aws"]["Timestamp"].is_u64());
    for metric in metrics["Metrics"].as_array().expect("metrics") {
        assert!(line[metric["Name"].as_str().expect("a name")].is_number(), "{metric} has a value in {line}");
    }
    for dimension in
        metrics["Dimensions"].as_array().expect("sets").iter().flat_map(|set| set.as_array().expect("names"))
    {
        let value = &line[dimension.as_str().expect("a name")];
        assert!(value.is_string(), "{dimension} has a value in {line}");
    }
}
