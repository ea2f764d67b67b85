//! The sender against a receiver that answers by a script, in virtual time, and what each outbox keeps.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use ledger::Timestamp;
use signing::{Strength, hmac_hex, standard_webhooks};
use tokio::time::{Instant, sleep};

use super::*;

mod outboxes;

const SECRET: &str = "7c1e5b0a94d2f386b1e07a5d3c98f246";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const DAY: Duration = Duration::from_hours(24);

/// What the receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Answer(u16),
    AskFor(u16, &'static str),
    Reset,
    Hang,
}

type Acts = dyn Fn(usize, &str) -> Act + Send + Sync;

/// A request as the receiver sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    at_s: u64,
    headers: BTreeMap<String, String>,
    body: String,
}

#[derive(Clone)]
struct Receiver {
    /// By the number of the request and the body.
    acts: Arc<Acts>,
    seen: Arc<Mutex<Vec<Seen>>>,
    began: Instant,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

impl Receiver {
    fn new(acts: impl Fn(usize, &str) -> Act + Send + Sync + 'static) -> Self {
        Self { acts: Arc::new(acts), seen: Arc::default(), began: start() }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn bodies(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.body).collect()
    }

    fn endpoint(&self, signature: Signature) -> Endpoint {
        Endpoint::over(Post::over(self.clone(), "https://ledger.example/events".to_owned()), signature)
    }
}

impl HttpConnector for Receiver {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8(request.body().bytes().unwrap().to_vec()).unwrap();
        let headers = request.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(Seen { at_s: self.began.elapsed().as_secs(), headers, body: body.clone() });
            seen.len()
        };
        let answer = |status: u16, retry_after: Option<&'static str>| {
            let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::from("{}"));
            if let Some(seconds) = retry_after {
                response.headers_mut().insert("retry-after", seconds);
            }
            HttpConnectorFuture::ready(Ok(response))
        };
        match (self.acts)(number, &body) {
            Act::Answer(status) => answer(status, None),
            Act::AskFor(status, seconds) => answer(status, Some(seconds)),
            Act::Reset => HttpConnectorFuture::ready(Err(ConnectorError::io("reset".into()))),
            Act::Hang => HttpConnectorFuture::new(std::future::pending()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the runtime's virtual time")]
fn start() -> Instant {
    Instant::now()
}

/// The runtime's virtual time as a clock.
fn clock() -> impl Fn() -> Timestamp + Send + Sync + 'static {
    let began = start();
    move || Timestamp::from_unix(1_767_225_600).unwrap().plus(began.elapsed())
}

fn hmac() -> Signature {
    Signature::hmac(SECRET).unwrap()
}

fn event(number: usize) -> Event {
    Event { id: format!("evt_{number}"), body: format!("{{\"eventId\":\"evt_{number}\"}}") }
}

async fn outbox(folder: &Path) -> FileOutbox {
    FileOutbox::open(folder).await.unwrap()
}

fn files(folder: &Path, part: &str) -> usize {
    std::fs::read_dir(folder.join(part)).unwrap().count()
}

/// The acts of the first attempts; the later ones are accepted. Then: the seconds of each attempt without jitter, and
/// whether the event is set aside.
#[tokio::test(start_paused = true)]
async fn attempts_are_repeated_as_the_reply_asks() {
    use Act::{Answer, AskFor, Hang, Reset};
    let rows: &[(&[Act], &[u64], bool)] = &[
        (&[], &[0], false),
        (&[Answer(204)], &[0], false),
        (&[Reset], &[0, 1], false),
        (&[Hang], &[0, 11], false),
        (&[Answer(408)], &[0, 1], false),
        (&[Answer(429), Answer(500), Answer(502), Answer(503)], &[0, 1, 3, 7, 15], false),
        (&[AskFor(429, "7"), AskFor(503, "3")], &[0, 7, 10], false),
        // A date, as HTTP allows it, is no number of seconds.
        (&[AskFor(429, "Thu, 01 Jan 2026 00:00:00 GMT")], &[0, 1], false),
        // Longer than a round: in a later one.
        (&[AskFor(429, "600")], &[0, 600], false),
        (&[AskFor(503, "99999999")], &[0, 3_600], false),
        (&[Answer(503); 5], &[0, 1, 3, 7, 15, 45], false),
        (&[Answer(503); 10], &[0, 1, 3, 7, 15, 45, 46, 48, 52, 60, 120], false),
        (&[Answer(301)], &[0], true),
        (&[Answer(400)], &[0], true),
        (&[Answer(401)], &[0], true),
        (&[Answer(402)], &[0], true),
        (&[Answer(409)], &[0], true),
        (&[Answer(503), Answer(413)], &[0, 1], true),
    ];
    for &(acts, expected_s, is_refused) in rows {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::new(move |number, _| acts.get(number - 1).copied().unwrap_or(Act::Answer(200)));
        let sender = Sender::start(receiver.endpoint(hmac()), outbox(folder.path()).await, clock());
        sender.send(event(1)).await.unwrap();
        sleep(DAY).await;
        let seconds: Vec<u64> = receiver.seen().iter().map(|seen| seen.at_s).collect();
        assert_eq!(seconds.len(), expected_s.len(), "{acts:?}: {seconds:?}");
        for (got, expected) in seconds.iter().zip(expected_s) {
            // A quarter of jitter, and up to a poll of the outbox for each round.
            assert!((*expected..=expected + expected / 4 + 11).contains(got), "{acts:?}: {seconds:?}");
        }
        assert_eq!(files(folder.path(), "waiting"), 0, "{acts:?}");
        assert_eq!(files(folder.path(), "refused"), usize::from(is_refused), "{acts:?}");
        sender.stop(DAY).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_the_same_id_and_body_and_a_signature_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|number, _| if number < 4 { Act::Answer(503) } else { Act::Answer(200) });
    let signature = Signature::standard(WHSEC).unwrap();
    let sender = Sender::start(receiver.endpoint(signature), outbox(folder.path()).await, clock());
    sender.send(event(1)).await.unwrap();
    sleep(DAY).await;
    let keys = standard_webhooks::Keys::parse(WHSEC).unwrap();
    let seen = receiver.seen();
    let times: Vec<&String> = seen.iter().map(|seen| &seen.headers["webhook-timestamp"]).collect();
    assert!(times.len() == 4 && times.is_sorted() && times[0] < times[3], "{times:?}");
    for Seen { headers, body, .. } in &seen {
        assert_eq!((headers["webhook-id"].as_str(), body), ("evt_1", &event(1).body));
        assert_eq!(headers["content-type"], "application/json");
        let header = |name: &str| headers[name].as_str();
        let signed = standard_webhooks::Headers {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp"),
            signature: header("webhook-signature"),
        };
        let now = header("webhook-timestamp").parse().unwrap();
        let _ = standard_webhooks::verify(&keys, signed, body.as_bytes(), now, 0).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn body_is_signed_for_the_usage_source() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new(|_, _| Act::Answer(200));
    let sender = Sender::start(receiver.endpoint(hmac()), outbox(folder.path()).await, clock());
    sender.send(event(1)).await.unwrap();
    sender.stop(DAY).await;
    let keys = hmac_hex::Keys::parse(SECRET, Strength::Deployed).unwrap();
    let seen = receiver.seen();
    let _ = hmac_hex::verify(&keys, seen[0].body.as_bytes(), &seen[0].headers["x-webhook-signature"]).unwrap();
}

/// An outage of five hours, while callers go on: none of them waits, and each event is accepted once it ends.
#[tokio::test(start_paused = true)]
async fn outage_loses_nothing_and_blocks_no_caller() {
    const MESSAGES: usize = 2_000;
    const OUTAGE: Duration = Duration::from_hours(5);
    let folder = tempfile::tempdir().unwrap();
    let began = start();
    let acts = move |number: usize, _: &str| match (began.elapsed() < OUTAGE, number % 3) {
        (false, _) => Act::Answer(200),
        (true, 0) => Act::Hang,
        (true, 1) => Act::Reset,
        (true, _) => Act::Answer(503),
    };
    let receiver = Receiver::new(acts);
    let sender = Sender::start(receiver.endpoint(hmac()), outbox(folder.path()).await, clock());
    for number in 0..MESSAGES {
        sender.send(event(number)).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(1), "a caller waited {:?}", began.elapsed());
    assert_eq!(sender.outbox().waiting().len(), MESSAGES);
    sleep(OUTAGE + Duration::from_hours(1)).await;
    assert_eq!(files(folder.path(), "waiting"), 0);
    let mut accepted: Vec<_> =
        receiver.seen().into_iter().filter(|seen| seen.at_s >= OUTAGE.as_secs()).map(|seen| seen.body).collect();
    accepted.sort();
    let expected: BTreeSet<_> = (0..MESSAGES).map(|number| event(number).body).collect();
    assert!(accepted.iter().eq(&expected), "each once after the outage: {} of {MESSAGES}", accepted.len());
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_a_start_is_sent_at_once() {
    const EVENTS: usize = 500;
    let folder = tempfile::tempdir().unwrap();
    let waiting = outbox(folder.path()).await;
    for number in 0..EVENTS {
        waiting.put(&event(number), Timestamp::EPOCH.plus(DAY)).await.unwrap();
    }
    drop(waiting);
    let receiver = Receiver::new(|_, _| Act::Answer(200));
    let _sender = Sender::start(receiver.endpoint(hmac()), outbox(folder.path()).await, clock());
    sleep(Duration::from_secs(1)).await;
    assert_eq!((receiver.bodies().len(), files(folder.path(), "waiting")), (EVENTS, 0));
}

/// One event that always fails delays no other.
#[tokio::test(start_paused = true)]
async fn failing_message_holds_up_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let failing = event(0).body;
    let receiver = Receiver::new(move |_, body| if body == failing { Act::Answer(500) } else { Act::Answer(200) });
    let sender = Sender::start(receiver.endpoint(hmac()), outbox(folder.path()).await, clock());
    for number in 0..50 {
        sender.send(event(number)).await.unwrap();
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(sender.outbox().waiting(), ["evt_0"]);
}

/// The process dies at any moment: what `send` has returned for is sent by the next one.
#[tokio::test(start_paused = true)]
async fn process_that_dies_loses_nothing() {
    for dies_after in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let receiver = Receiver::new(move |number, _| {
            count.store(number, Ordering::SeqCst);
            if number.is_multiple_of(3) { Act::Answer(200) } else { Act::Answer(503) }
        });
        let mut taken = Vec::new();
        {
            let sender = Sender::start(receiver.endpoint(hmac()), outbox(folder.path()).await, clock());
            for number in 0..10 {
                if requests.load(Ordering::SeqCst) >= dies_after {
                    break;
                }
                sender.send(event(number)).await.unwrap();
                taken.push(event(number).body);
                sleep(Duration::from_millis(700)).await;
            }
            sender.stop(Duration::ZERO).await;
        }
        let (before, after) = (receiver.bodies().len(), Receiver::new(|_, _| Act::Answer(200)));
        let waiting = files(folder.path(), "waiting");
        assert!(before / 3 + waiting >= taken.len(), "{dies_after}: {before} requests, {waiting} wait");
        let sender = Sender::start(after.endpoint(hmac()), outbox(folder.path()).await, clock());
        sleep(DAY).await;
        assert_eq!((files(folder.path(), "waiting"), after.bodies().len()), (0, waiting), "{dies_after}");
        sender.stop(DAY).await;
    }
}

#[tokio::test]
async fn message_is_refused_before_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = outbox(folder.path()).await;
    let receiver = Receiver::new(|_, _| Act::Answer(200));
    let long = "x".repeat(129);
    let rows = [
        ("evt_1", true, true),
        ("evt.1", true, false),
        ("evt:1/é", false, false),
        ("", false, false),
        ("a b", false, false),
        (long.as_str(), false, false),
    ];
    let standard = || Signature::standard(WHSEC).unwrap();
    for (id, under_hmac, under_standard) in rows {
        for (signature, expected) in [(hmac(), under_hmac), (standard(), under_standard)] {
            let event = Event { id: id.to_owned(), body: "{}".to_owned() };
            assert_eq!(receiver.endpoint(signature).check(&event).is_ok(), expected, "{id:?}");
        }
    }
    for url in ["", "ledger.example", "/events", "ftp://ledger.example", "https://user:word@ledger.example"] {
        assert!(Endpoint::new(url, hmac()).is_err(), "{url}");
    }
    let sender = Sender::start(receiver.endpoint(hmac()), outbox, clock());
    let refused = sender.send(Event { id: String::new(), body: "{}".to_owned() }).await;
    assert!(matches!(refused, Err(SendError::Event(_))) && files(folder.path(), "waiting") == 0);
    let shown = format!("{sender:?} {:?}", Event { id: "evt_1".to_owned(), body: "private".to_owned() });
    assert!(!shown.contains("private") && !shown.contains(SECRET), "{shown}");
}
