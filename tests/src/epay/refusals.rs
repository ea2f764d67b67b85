//! The encodings in which an epay notification is booked, and the status page. The suites have the refusals.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use super::*;

#[tokio::test(start_paused = true)]
async fn genuine_notification_is_booked_in_every_encoding() {
    let more = [
        ("as it is", paid()),
        ("with a zero", paid().with("money", "648.0")),
        ("with two", paid().with("money", "648.00")),
        ("with four", paid().with("money", "648.0000")),
        (
            "with unknown parameters",
            paid().with("buyer", "b").with("endtime", "2026-01-01 00:00:00").with("param", "="),
        ),
        ("with empty parameters", paid().with("param", "").with("extra", "  ")),
        ("without a name", Params::default().with("name", "")),
        ("with accents that are two characters", paid().with("name", "e\u{301}")),
        ("by V2", paid().with("pid", "1002")),
        ("at the end of V2's time", paid().with("pid", "1002")),
    ];
    for (name, params) in more {
        let params = if params.value("pid").is_none() { paid().with("name", "") } else { params };
        let at = if name.starts_with("at the end") { now().plus_seconds(-300) } else { now() };
        let form = signed(params, at).encoded();
        let unnamed = form.replace("&sign_type=MD5", "").replace("&sign_type=RSA", "");
        let typed = |kind: &str| Sent::post(NOTIFY, form.as_bytes()).with("content-type", kind).event(Shape::HttpApi);
        let binary = Sent { base64: true, ..Sent::post(NOTIFY, form.as_bytes()).with("content-type", FORM) };
        let events = [
            sent("GET", &form),
            sent("POST", &form),
            sent("GET", &unnamed),
            sent("GET", &form.replace("%20", "+")),
            typed("application/x-www-form-urlencoded; charset=UTF-8"),
            typed("Application/X-WWW-Form-Urlencoded;charset=utf-8"),
            binary.event(Shape::FunctionUrl),
        ];
        for event in events {
            let world = shop().await;
            for repeat in 0..2 {
                assert_eq!(status_and_body(&answered(&world, &event).await), BOOKED, "{name} {repeat}: {event}");
                let books = world.books();
                books.check();
                assert_eq!(books.balance("alice/credits"), 1_000_000_000_000, "{name}");
            }
            let books = world.books();
            assert_eq!(books.order(ORDER).payment, "paid", "{name}");
            assert_eq!(books.bodies.len(), 1, "{name}: the signed notification is kept");
        }
    }
}

/// A gateway checks for the word "success" in the reply, so no refusal may contain it.
#[test]
fn refusal_contains_no_word_success() {
    let source = fs::read_to_string(root().join("functions/epay/src/reply.rs")).expect("a file");
    assert_eq!(source.matches("\"success\"").count(), 1, "one reply has it");
    let page = fs::read_to_string(root().join("functions/epay/src/page.rs")).expect("a file");
    let texts: String = page.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    assert!(!texts.to_lowercase().contains("success"));
}

/// The status page is public, and each check behind it reads the store and calls the gateway.
#[tokio::test(start_paused = true)]
async fn flood_of_status_requests_makes_one_store_call_in_half_a_minute() {
    let (world, net) = (World::new(), EpayNet::default());
    let is_down = Arc::new(AtomicBool::new(false));
    let down = Arc::clone(&is_down);
    let fault = move |_: usize, _: &str| {
        if down.load(Ordering::Relaxed) {
            testkit::Fault::Disconnect
        } else {
            testkit::Fault::Delay(Duration::from_millis(50))
        }
    };
    let (ledger, faults) = world.faulty(1, fault);
    let function = confirming(ledger, &net).await;
    let event = Sent::get("/payment/status", "").event(Shape::HttpApi);
    let store = |reply: &Reply| reply.body.contains(r#"{"answers":true,"name":"store"}"#);
    // The seconds since the previous row, whether the store is down, the reported state, and whether the row makes a check.
    let rows = [
        (0, false, true, true),
        (29, true, true, false),
        (1, true, false, true),
        (25, false, false, false),
        (5, false, true, true),
    ];
    for (row, (seconds, down, answers, checks)) in rows.into_iter().enumerate() {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        is_down.store(down, Ordering::Relaxed);
        let (stored, queries) = (faults.calls().len(), net.calls().len());
        let moments: Vec<_> = (0..20).map(moment_within::<Epay>).collect();
        for reply in join_all(moments.iter().map(|invocation| function.answer(&event, invocation))).await {
            assert_eq!((reply.status, store(&reply)), (200, answers), "row {row}: {}", reply.body);
            assert!(reply.headers.contains(&("cache-control", "max-age=30".to_owned())), "{:?}", reply.headers);
        }
        let (stored, queries) = (faults.calls().len() - stored, net.calls().len() - queries);
        assert_eq!(queries, usize::from(checks), "row {row}");
        // The one check retries a store that does not answer.
        assert!(if checks && down { stored > 0 } else { stored == usize::from(checks) }, "row {row}: {stored}");
    }
}

#[tokio::test(start_paused = true)]
async fn status_page_reports_store_and_gateway() {
    let world = World::new();
    let health = answered(&world, &Sent::get("/payment/health", "").event(Shape::HttpApi)).await;
    assert_eq!(status_and_body(&health), (200, r#"{"service":"payment-webhook-v1","status":"ok"}"#));
    let status = |dependencies: &str| {
        format!(
            r#"{{"dependencies":[{dependencies}],"endpoints":["/payment/notify","/payment/return","/payment/health","/payment/status"],"service":"payment-webhook-v1","status":"running","version":"0.1.0"}}"#
        )
    };
    let event = Sent::get("/payment/status", "").event(Shape::HttpApi);
    let store = |answers: bool| format!(r#"{{"answers":{answers},"name":"store"}}"#);
    assert_eq!(status_and_body(&answered(&world, &event).await), (200, status(&store(true)).as_str()));
    let down = Sandbox::new(&world, 1, |_, _| testkit::Fault::Disconnect).await;
    let reply = down.function.answer(&event, &moment_within::<Epay>(1)).await;
    let down = format!(r#"{},{{"answers":true,"name":"gateway"}}"#, store(false));
    assert_eq!(status_and_body(&reply), (200, status(&down).as_str()));
    for (fault, answers) in [(testkit::NetFault::None, true), (testkit::NetFault::Disconnect, false)] {
        let net = EpayNet::default();
        net.fail(move |_, _| fault);
        let reply = confirming_all(world.ledger(1), &net).await.answer(&event, &moment_within::<Epay>(1)).await;
        let both = format!(r#"{},{{"answers":{answers},"name":"gateway"}}"#, store(true));
        assert_eq!(status_and_body(&reply), (200, status(&both).as_str()));
        assert!(net.calls().iter().all(|call| call.endpoint == "GET /"), "no key is sent for it");
    }
}
