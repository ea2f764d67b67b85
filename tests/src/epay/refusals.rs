//! Every refusal of an epay notification: the exact status and body, and the effect on the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use super::*;

#[tokio::test(start_paused = true)]
async fn unverified_notification_leaves_no_trace() {
    let good = good(paid());
    let v2 = |at: i64| signed(paid().with("pid", "1002"), now().plus_seconds(at)).encoded();
    let with_key = |key: &str, params: Params| {
        let keys = signing::epay::Keys::read(|name| (name == "EPAY_MD5_KEYS").then_some(key), signing::Strength::Local);
        let pid = Pid::new(key.split(':').next().unwrap_or_default()).expect("a number");
        sign(&keys.expect("a key"), &pid, Scheme::Md5, params, 0).expect("a key").encoded()
    };
    // The MD5 of the text without a key: a verifier with an empty key would accept it.
    let with_no_key = {
        let key = "2a2f4e6f7e2b0b76a4a3f7e1b1e5d2aa";
        format!("{}&sign={key}&sign_type=MD5", paid().encoded())
    };
    let rows: Vec<(&str, String, Option<&str>)> = vec![
        ("nothing", String::new(), None),
        ("no signature", paid().encoded(), None),
        ("an empty signature", format!("{}&sign=&sign_type=MD5", paid().encoded()), None),
        ("signed with no key", with_no_key, None),
        ("signed with another key", with_key("1001:another-unknown-epay-key", paid()), None),
        ("a merchant that is not ours", with_key("1003:another-unknown-epay-key", paid().with("pid", "1003")), None),
        ("no merchant", good.replace("pid=1001&", ""), None),
        ("no number of a merchant", good.replace("pid=1001&", "pid=01001&"), None),
        ("V1 labelled as V2", good.replace("sign_type=MD5", "sign_type=RSA"), None),
        ("V2's merchant by V1", good.replace("pid=1001", "pid=1002"), None),
        (
            "V2's merchant by V1's key",
            with_key(&format!("1002:{}", testkit::EPAY_KEY), paid().with("pid", "1002")),
            None,
        ),
        ("V2 labelled as V1", v2(0).replace("sign_type=RSA", "sign_type=MD5"), None),
        ("V2 too old", v2(-301), None),
        ("V2 from the future", v2(301), None),
        ("V2 of no time", v2(0).replace("timestamp=1767225600&", ""), None),
        ("V2 of another time", v2(0).replace("timestamp=1767225600", "timestamp=1767225601"), None),
        ("another amount", good.replace("money=648", "money=64800"), None),
        ("two amounts", good.replace("money=648", "money=648&money=648"), None),
        ("joined amounts", good.replace("money=648", "money=648,648"), None),
        ("a list of amounts", good.replace("money=648", "money%5B%5D=648"), None),
        ("another order", good.replace(ORDER, "hk_other_order"), None),
        ("something more", format!("{good}&param=1"), None),
        ("bytes that are no text", good.replace("name=1000", "name=%FF1000"), None),
        ("an escape that is none", good.replace("name=1000", "name=%zz1000"), None),
        ("characters as they are", good.replace("name=1000", "name=点1000"), None),
        ("over the size limit", format!("{good}&param={}", "x".repeat(8 * 1024)), None),
        ("a query beside the form", good.clone(), Some("a=1")),
    ];
    let world = shop().await;
    let before = world.books();
    for (name, form, beside) in rows {
        let (get, post) = match beside {
            None => (Sent::get(NOTIFY, &form), Sent::post(NOTIFY, form.as_bytes())),
            Some(beside) => {
                let get = Sent { body: b"a=1", ..Sent::get(NOTIFY, &form) };
                (get, Sent { query: beside, ..Sent::post(NOTIFY, form.as_bytes()) })
            }
        };
        for sent in [get, post.with("content-type", FORM)] {
            // The size of query and body is checked before they are parsed.
            let status = if sent.body.len().max(sent.query.len()) > 8 * 1024 { 413 } else { 400 };
            let reply = answered(&world, &sent.event(Shape::HttpApi)).await;
            assert_eq!(status_and_body(&reply), (status, "fail"), "{name} by {}", sent.method);
            assert_eq!(world.books(), before, "{name} by {}", sent.method);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn request_of_another_shape_leaves_no_trace() {
    let good = good(paid());
    let post = || Sent::post(NOTIFY, good.as_bytes());
    let rows = [
        ("no kind of body", post(), 400),
        ("JSON", post().with("content-type", "application/json"), 400),
        ("parts", post().with("content-type", "multipart/form-data; boundary=x"), 400),
        ("another alphabet", post().with("content-type", "application/x-www-form-urlencoded; charset=gbk"), 400),
        ("two kinds", post().with("content-type", FORM).with("content-type", FORM), 400),
        ("a form in the query of a POST", Sent { query: &good, body: b"", ..post().with("content-type", FORM) }, 400),
        ("a form in the body of a GET", Sent { method: "GET", ..post().with("content-type", FORM) }, 400),
        ("another method", Sent { method: "PUT", ..post().with("content-type", FORM) }, 405),
        ("a return by POST", Sent::post(RETURN, good.as_bytes()).with("content-type", FORM), 405),
        ("another path", Sent::get("/payment", &good), 404),
        ("with a slash", Sent::get("/payment/notify/", &good), 404),
    ];
    let world = shop().await;
    let before = world.books();
    for (name, sent, status) in rows {
        let reply = answered(&world, &sent.event(Shape::HttpApi)).await;
        assert_eq!(status_and_body(&reply), (status, "fail"), "{name}");
        assert_eq!(world.books(), before, "{name}");
    }
    // A REST API's event does not contain the query as it was sent.
    let reply = answered(&world, &Sent::get(NOTIFY, &good).event(Shape::RestApi)).await;
    assert_eq!(status_and_body(&reply), (400, "fail"));
    assert_eq!(world.books(), before);
}

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

/// A verified notification that cannot be parsed is refused and kept.
#[tokio::test(start_paused = true)]
async fn unparsed_notification_is_kept_and_refused() {
    let unpaid = |status: &str| paid().with("trade_status", status);
    let costs = |money: &str| paid().with("money", money);
    let rows = [
        ("trade_status", unpaid("TRADE_CLOSED")),
        ("trade_status", unpaid("WAIT_BUYER_PAY")),
        ("trade_status", unpaid("trade_success")),
        ("trade_status", unpaid("")),
        ("money", costs("1e2")),
        ("money", costs("648.001")),
        ("money", costs("-648")),
        ("money", costs("+648")),
        ("money", costs("６４８")),
        ("money", costs("648 ")),
        ("money", costs("0648")),
        ("money", costs("6,48")),
        ("money", costs("NaN")),
        ("money", costs("1000000000000")),
        ("money", costs("")),
        ("out_trade_no", paid().with("out_trade_no", "not a number")),
        ("out_trade_no", paid().with("out_trade_no", "../orders")),
        ("out_trade_no", paid().with("out_trade_no", "")),
        ("trade_no", paid().with("trade_no", "a#b")),
        ("trade_no", paid().with("trade_no", "1".repeat(65))),
        ("trade_no", paid().with("trade_no", "")),
        ("type", paid().with("type", "")),
        ("type", paid().with("type", "a b")),
    ];
    for (field, params) in rows {
        let world = shop().await;
        let before = world.books();
        let reply = answered(&world, &sent("GET", &good(params.clone()))).await;
        assert_eq!(status_and_body(&reply), (400, "fail"), "{field} {}", params.signed_text());
        let books = world.books();
        books.check();
        assert_eq!((&books.orders, &books.accounts), (&before.orders, &before.accounts), "{field}");
        let kept: Vec<_> = books.journal.iter().filter(|(id, _)| id.starts_with("unparsed#epay#")).collect();
        let [(id, row)] = kept[..] else { panic!("{field}: {kept:?}") };
        assert_eq!((row.reason.as_deref(), row.needs_attention), (Some("unparsed"), true), "{field}");
        assert!(books.bodies.contains(id), "{field}");
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
