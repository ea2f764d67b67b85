//! Tests of the faulty network over a provider that counts: what each fault applies, and what the caller receives.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use tokio::time::timeout;

use super::*;
use crate::instant;

/// Longer than any delay of the rows.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Default)]
struct Counter(AtomicU64);

impl FakeProvider for Counter {
    type OwnFault = &'static str;

    fn path(url: &str) -> &str {
        crate::provider_call::path_of(url)
    }

    fn answer(&self, call: &ProviderCall, now_s: i64) -> ProviderReply {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let webhooks = vec![format!("webhook {number}")];
        let wait = if call.path() == "/slow" { Wait::Seconds(5) } else { Wait::None };
        ProviderReply { webhooks, wait, ..ProviderReply::of(201, format!("{} {now_s}", call.method())) }
    }

    fn answer_with(&self, fault: &'static str, _: &ProviderCall, _: i64) -> ProviderReply {
        ProviderReply::of(200, fault)
    }

    fn error_body(status: u16) -> String {
        format!("error {status}")
    }

    fn more_faults() -> Vec<NetFault<&'static str>> {
        vec![NetFault::Own("own")]
    }
}

type CounterNet = FaultyNet<Counter>;

impl CounterNet {
    fn new() -> Self {
        let net = Self::over(Counter::default());
        net.set_now(Timestamp::from_unix(1_700_000_000).expect("a time"));
        net
    }

    /// The reply, or why there is none, and the seconds that it took.
    async fn outcome(&self, path: &str) -> (String, u64) {
        let mut request = HttpRequest::new(SdkBody::from("body"));
        request.set_uri(format!("https://counter.invalid{path}")).expect("a URL");
        let begun = instant();
        let response = timeout(PATIENCE, self.call(request)).await;
        let seconds = instant().duration_since(begun).as_secs();
        let outcome = match response {
            Err(_) => "no reply".to_owned(),
            Ok(Err(_)) => "broken".to_owned(),
            Ok(Ok(response)) => {
                let status = response.status().as_u16();
                let body = ByteStream::new(response.into_body()).collect().await.expect("a body").to_vec();
                format!("{status} {}", String::from_utf8(body).expect("a text"))
            }
        };
        (outcome, seconds)
    }

    fn applied(&self) -> u64 {
        self.provider().0.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn each_fault_applies_and_replies_as_described() {
    const SECONDS: Duration = Duration::from_secs(20);
    let rows = [
        (NetFault::None, "201 GET 1700000000", 0, 1),
        (NetFault::DropRequest, "no reply", 60, 0),
        (NetFault::DropResponse, "no reply", 60, 1),
        (NetFault::Disconnect, "broken", 0, 0),
        (NetFault::Reset, "broken", 0, 1),
        (NetFault::Delay(SECONDS), "201 GET 1700000000", 20, 1),
        (NetFault::Delay(PATIENCE * 2), "no reply", 60, 0),
        (NetFault::DelayReply(SECONDS), "201 GET 1700000000", 20, 1),
        (NetFault::DelayReply(PATIENCE * 2), "no reply", 60, 1),
        (NetFault::ApplyLate(SECONDS), "no reply", 60, 1),
        (NetFault::Status(503), "503 error 503", 0, 0),
        (NetFault::StatusApplied(502), "502 error 502", 0, 1),
        (NetFault::Reply(200, "no"), "200 no", 0, 0),
        (NetFault::ReplyApplied(404, "no"), "404 no", 0, 1),
        (NetFault::Garbage, "200 <html>", 0, 1),
        (NetFault::Truncated, "201 GET 170", 0, 1),
        (NetFault::Altered("GET", "é"), "201 é 1700000000", 0, 1),
        (NetFault::Kill, "no reply", 60, 0),
        (NetFault::KillApplied, "no reply", 60, 1),
        (NetFault::Own("own"), "200 own", 0, 0),
    ];
    for (fault, expected, seconds, applied) in rows {
        let net = CounterNet::new();
        net.fail(move |_, _| fault);
        assert_eq!(net.outcome("/a?b=c").await, (expected.to_owned(), seconds), "{fault:?}");
        assert_eq!((net.applied(), net.webhooks().len() as u64), (applied, applied), "{fault:?}");
        assert_eq!(net.endpoints(), ["GET /a?b=c"], "{fault:?}");
        net.recover();
        assert_eq!((net.outcome("/slow").await, net.applied()), (("201 GET 1700000000".to_owned(), 5), applied + 1));
        assert_eq!(net.webhooks(), [format!("webhook {applied}")], "{fault:?}: each webhook is returned once");
    }
}

/// A late application outlives the caller's patience.
#[tokio::test(start_paused = true)]
async fn late_application_outlives_the_caller() {
    let net = CounterNet::new();
    net.fail(|_, _| NetFault::ApplyLate(PATIENCE * 2));
    assert_eq!(net.outcome("/").await, ("no reply".to_owned(), 60));
    assert_eq!(net.applied(), 0);
    sleep(PATIENCE * 2).await;
    assert_eq!(net.applied(), 1);
}

#[tokio::test(start_paused = true)]
async fn kill_is_reported_to_the_sandbox() {
    for fault in [NetFault::Kill, NetFault::KillApplied] {
        let net = CounterNet::new();
        net.fail(move |_, _| fault);
        let died = tokio::select! {
            () = net.killed() => true,
            _ = net.outcome("/") => false,
        };
        assert!(died, "{fault:?}");
    }
}

/// A provider that is down for hours, by the clock of the test's runtime.
#[tokio::test(start_paused = true)]
async fn outage_ends_by_the_clock() {
    const HOUR: Duration = Duration::from_hours(1);
    let (net, begun) = (CounterNet::new(), instant());
    net.set_clock(move || crate::now().plus(instant().duration_since(begun)));
    net.fail(move |_, _| {
        if (HOUR..HOUR * 3).contains(&instant().duration_since(begun)) { NetFault::Disconnect } else { NetFault::None }
    });
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        outcomes.push(net.outcome("/").await.0);
        sleep(HOUR).await;
    }
    let at = |hours: i64| format!("201 GET {}", crate::now().plus_seconds(3_600 * hours).unix_s());
    assert_eq!(outcomes, [at(0), "broken".to_owned(), "broken".to_owned(), at(3), at(4)]);
}

#[test]
fn transient_faults_end_with_those_of_the_provider() {
    let faults = CounterNet::transient_faults();
    assert_eq!((faults.len(), faults.last()), (10, Some(&NetFault::Own("own"))));
}
