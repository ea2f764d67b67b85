//! What a person has decided needs no person any more: its event leaves the first page, and says on its own what became of
//! it. And a name that is typed in other letters is found.

use operators::Role;
use serde_json::json;
use testkit::{World, now};

use super::{Browser, console_over, field, header, signed_in};
use crate::explain::stories;
use crate::log_capture::{captured_lines, start_capture};
use crate::sandbox::top_up;
use crate::stripe::with;

const EVENT: &str = "/console/event?key=stripe%23evt_payment_intent_succeeded";
const PAYMENT: &str = "pi_3Sample0000000000000001";

/// Less was paid than ordered: 4.99 of 19.99 USD for 100 credits.
async fn half_paid() -> World {
    stories::numbered(&[with("payment_intent_succeeded", &[("/data/object/amount_received", json!(499))])]).await
}

async fn decide(browser: &mut Browser<'_>, path: &str, more: &[(&str, &str)]) {
    let preview = browser.get(&format!("{path}?order=HL1&payment={PAYMENT}")).await;
    assert_eq!(preview.status, 200, "{}", preview.body);
    let (csrf, id) = (field(&preview, "csrf"), field(&preview, "id"));
    let own = [("order", "HL1"), ("payment", PAYMENT), ("reason", "a test"), ("id", &id), ("csrf", &csrf)];
    let done = browser.post(path, &[&own[..], more].concat()).await;
    assert_eq!(done.status, 303, "{}", done.body);
}

#[tokio::test(start_paused = true)]
async fn decided_event_leaves_what_needs_a_person() {
    for (path, says) in [("/console/accept", "booked by a person"), ("/console/clear", "closed by a person")] {
        let world = half_paid().await;
        let cookie = signed_in(&world, "amy", Role::Operator).await;
        let console = console_over(world.ledger(7));
        let mut browser = Browser::new(&console, &cookie);
        browser.now = now().plus_seconds(60);
        assert!(browser.get("/console").await.body.contains(EVENT), "it needs a person");
        assert!(browser.get("/console/events?failed=1").await.body.contains("badge bad\">not booked"));
        decide(&mut browser, path, &[]).await;
        let overview = browser.get("/console").await.body;
        assert!(!overview.contains(EVENT) && overview.contains("or decided about"), "{path}: {overview}");
        for page in ["/console/events?failed=1", EVENT] {
            let page = browser.get(page).await.body;
            assert!(page.contains(says) && !page.contains("badge bad\">not booked"), "{path}: {page}");
        }
    }
}

/// Five are shown, and those that are decided take no place of theirs.
#[tokio::test(start_paused = true)]
async fn decided_events_hide_none_that_need_a_person() {
    let body = |id: &str, payment: &str| {
        with(
            "payment_intent_succeeded",
            &[
                ("/id", json!(id)),
                ("/data/object/id", json!(payment)),
                ("/data/object/latest_charge", json!(format!("ch_{payment}"))),
                ("/data/object/amount_received", json!(499)),
            ],
        )
    };
    let many: Vec<String> = (0..12).map(|n| body(&format!("evt_{n}"), &format!("pi_{n}"))).collect();
    let world = stories::numbered(&many).await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let csrf = browser.csrf().await;
    let open = |page: &str| (0..12).filter(|n| page.contains(&format!("stripe%23evt_{n}\""))).collect::<Vec<u32>>();
    let before = browser.get("/console").await.body;
    assert!(open(&before).len() == 5 && before.contains("failed=1&amp;since=30d"), "{before}");
    for n in (0..12).filter(|n| *n != 3) {
        let (payment, id) = (format!("pi_{n}"), format!("c{n}"));
        let fields = [("order", "HL1"), ("payment", &payment), ("reason", "a test"), ("id", &id), ("csrf", &csrf)];
        assert_eq!(browser.post("/console/clear", &fields).await.status, 303);
    }
    let after = browser.get("/console").await.body;
    assert!(open(&after) == [3] && !after.contains("failed=1&amp;since=30d"), "{after}");
}

/// Nothing waits for it, and the operator who asked has seen why.
#[tokio::test(start_paused = true)]
async fn refused_debit_is_not_among_what_needs_a_person() {
    let world = stories::world_of("a debit that was refused").await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let overview = browser.get("/console").await.body;
    assert!(!overview.contains("manual%23cli-1"), "{overview}");
    let listed = browser.get("/console/events?failed=1").await.body;
    assert!(listed.contains("manual%23cli-1") && !listed.contains("it is booked once"), "{listed}");
    let event = browser.get("/console/event?key=manual%23cli-1").await.body;
    assert!(event.contains("the account had too few credits for it"), "{event}");
    let explained = browser.get("/console/explain?q=manual%23cli-1").await.body;
    assert!(explained.contains("do it again by hand") && !explained.contains("/console/replay"), "{explained}");
}

/// As the ledger rounds: 100 credits × 499 / 1999, in whole nanocredits.
#[tokio::test(start_paused = true)]
async fn partial_payment_is_offered_its_part_of_the_credits() {
    let world = half_paid().await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let preview = browser.get(&format!("/console/accept?order=HL1&payment={PAYMENT}")).await.body;
    assert!(preview.contains("name=\"credits\" value=\"24.96248124\""), "{preview}");
    start_capture();
    decide(&mut browser, "/console/accept", &[("credits", "24.96248124")]).await;
    let lines = captured_lines();
    assert_eq!(world.books().balance("alice/credits"), 24_962_481_240);
    world.books().check();
    // It counts in the numbers of the day.
    let of = |name: &str| lines.iter().find_map(|line| line[name].as_u64());
    assert_eq!((of("paid_minor"), of("orders_paid")), (Some(499), Some(1)), "{lines:?}");
    assert_eq!(of("nanocredits_in"), Some(24_962_481_240), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn full_payment_is_offered_what_was_ordered() {
    let world = stories::world_of("a second payment").await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let page = browser.get("/console/explain?q=hk_sample_order").await.body;
    let payment = page.split("name=\"payment\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("one");
    let address = format!("/console/accept?order=hk_sample_order&payment={}", api::percent_encoded(payment));
    let preview = browser.get(&address).await.body;
    assert!(preview.contains("name=\"credits\" inputmode") && !preview.contains("in proportion"), "{preview}");
}

#[tokio::test(start_paused = true)]
async fn name_in_other_letters_is_found() {
    let world = half_paid().await;
    top_up(&world, "first", "bob", "1").await;
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let csrf = browser.csrf().await;
    for text in [" HL1 ", "hl1", "hll", "BOB", "Bob", "  bob"] {
        let found = browser.post("/console/search", &[("q", text), ("csrf", &csrf)]).await;
        let to = header(&found, "location").unwrap_or_else(|| panic!("{text} leads nowhere")).to_owned();
        assert_eq!(browser.get(&to).await.status, 200, "{text}: {to}");
    }
    let owner = browser.get("/console/owners?name=Bob").await;
    assert_eq!((owner.status, header(&owner, "location")), (303, Some("/console/owners?name=bob")));
    let missing = browser.post("/console/search", &[("q", "Carol"), ("csrf", &csrf)]).await;
    assert!(missing.status == 404 && missing.body.contains("Ids are case-sensitive"), "{}", missing.body);
    assert!(missing.body.contains("The search takes"), "{}", missing.body);
}
