//! A person looks for what became of something: by any of its names, in both languages, within the weight of a page.

use ledger::{Anomaly, CallContext, Decision, EventKey, Grant, Ledger as _, Provider, Reason, Writer};
use operators::Role;
use testkit::{World, context, now};

use super::{Browser, assert_is_secured, console_over, header, signed_in};
use crate::explain::stories::{self, STORIES};
use crate::sandbox::{amount, by_hand, order_of};

/// So that a page is there at once, also on a phone.
const PAGE_BYTES_MAX: usize = 60 * 1024;

fn whole(world: &World, asks: &str) -> String {
    let of_hash = world.books().journal.into_keys().find(|id| asks.ends_with('#') && id.starts_with(asks));
    of_hash.unwrap_or_else(|| asks.to_owned())
}

/// What `explain` says of each story stands on its page, and nothing is written.
#[tokio::test(start_paused = true)]
async fn each_story_is_found_and_explained() {
    for story in STORIES {
        let world = stories::world_of(story.name).await;
        let (cookie, asks) = (signed_in(&world, "amy", Role::Reader).await, whole(&world, story.asks));
        let console = console_over(world.ledger(7));
        let before = world.books();
        let mut browser = Browser::new(&console, &cookie);
        browser.now = now().plus_seconds(story.after_s);
        let csrf = browser.csrf().await;
        let mut page = browser.post("/console/search", &[("q", &asks), ("csrf", &csrf)]).await;
        if page.status == 303 {
            let to = header(&page, "location").expect("a page").to_owned();
            page = browser.get(&to).await;
        }
        assert!([200, 404].contains(&page.status), "{}: {}", story.name, page.status);
        assert_eq!(page.status == 404, story.name == "nothing", "{}", story.name);
        let is_well = page.body.contains(r#"<span class="badge good">all is well</span>"#);
        assert_eq!(is_well, story.is_well, "{}: {asks}: {}", story.name, page.body);
        assert!(page.body.len() < PAGE_BYTES_MAX, "{}", page.body.len());
        assert_is_secured(&page);
        assert_eq!(world.books(), before, "{}", story.name);
    }
}

#[tokio::test(start_paused = true)]
async fn secret_that_is_searched_for_stands_in_no_address() {
    let world = stories::world_of("a code that is used up").await;
    testkit::api_key(&world.ledger(0), "alice", "hk_secret-of-alice").await;
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    let csrf = browser.csrf().await;
    for secret in ["hk_secret-of-alice", "0000-0000-0000-0007", "hk_unknown-secret"] {
        let page = browser.post("/console/search", &[("q", secret), ("csrf", &csrf)]).await;
        let to = header(&page, "location").unwrap_or_default();
        assert!(!to.contains(secret) && !page.body.contains(secret), "{secret}: {to} {}", page.body);
        assert_eq!(page.status, if secret == "hk_unknown-secret" { 404 } else { 303 });
    }
}

#[tokio::test(start_paused = true)]
async fn failed_event_is_listed_with_its_reason_and_leads_to_it() {
    let world = stories::world_of("a wrong amount").await;
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let overview = browser.get("/console").await;
    let listed = browser.get("/console/events?failed=1&from=stripe&since=1h").await;
    for page in [&overview, &listed] {
        assert!(page.body.contains("another amount was paid than the order costs"), "{}", page.body);
        assert!(page.body.contains("/console/event?key=stripe%23evt_payment_intent_succeeded"), "{}", page.body);
    }
    let event = browser.get("/console/event?key=stripe%23evt_payment_intent_succeeded").await;
    assert!(event.body.contains("/console/explain?q=hk_sample_order"), "{}", event.body);
    assert_is_secured(&event);
    let others = browser.get("/console/events?failed=1&from=epay").await;
    assert!(others.body.contains("Nothing like this happened in this time."), "{}", others.body);
    assert_eq!(browser.get("/console/event?key=stripe%23evt_none").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn pages_speak_the_chosen_language() {
    let world = stories::world_of("a wrong amount").await;
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &format!("{cookie}; lang=zh"));
    let page = browser.get("/console/explain?q=hk_sample_order").await;
    assert!(
        page.body.contains("<html lang=\"zh-CN\">") && page.body.contains("实付金额与订单价格不符"),
        "{}",
        page.body
    );
    let chosen =
        Browser::new(&console, "").post("/console/language", &[("lang", "zh"), ("then", "//evil.example")]).await;
    assert_eq!((chosen.status, header(&chosen, "location")), (303, Some("/console")));
    assert_eq!(
        header(&chosen, "set-cookie"),
        Some("lang=zh; Path=/console; Max-Age=31536000; HttpOnly; SameSite=Lax; Secure")
    );
}

/// A hundred rows, which is all that a page has.
#[tokio::test(start_paused = true)]
async fn page_of_many_events_stays_light() {
    let world = World::new();
    for n in 0..150 {
        crate::sandbox::top_up(&world, &format!("a-rather-long-id-of-a-change-{n}"), "alice", "1").await;
    }
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let page = Browser::new(&console, &cookie).get("/console/events?since=30d").await;
    assert!(page.body.contains("There are older ones."), "{}", page.body.len());
    assert!((20_000..PAGE_BYTES_MAX).contains(&page.body.len()), "{}", page.body.len());
}

/// Balance, keys, holds and every line of an owner, by page and as a file.
#[tokio::test(start_paused = true)]
async fn owner_is_shown_with_its_statement() {
    let world = World::new();
    crate::sandbox::open_account(&world, "alice", "k1", "10").await;
    for n in 0..60 {
        crate::sandbox::top_up(&world, &format!("n{n}"), "alice", "1").await;
    }
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    let page = browser.get("/console/owners?name=alice").await;
    for text in ["<p class=\"sum\">70</p>", "gateway-k1", "works", "Older entries"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(page.body.len() < PAGE_BYTES_MAX && page.body.matches("manual#").count() >= 50, "{}", page.body.len());
    assert_is_secured(&page);
    let older = page.body.split("href=\"").find(|part| part.contains("after=")).expect("a link");
    let older = older.split('"').next().expect("its end").replace("&amp;", "&");
    let older = browser.get(&older).await;
    assert!(older.body.contains("<p class=\"sum\">70</p>") && !older.body.contains("Older entries"), "{}", older.body);
    let csv = browser.get("/console/owners.csv?name=alice").await;
    assert_eq!(header(&csv, "content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.body.lines().count(), 1 + 61, "{}", csv.body);
    assert!(csv.body.starts_with("time,kind,amount,asset,id\r\n"), "{}", csv.body);
    let unknown = browser.get("/console/owners?name=bob").await;
    assert!(unknown.status == 200 && unknown.body.contains("There is no account of credits"), "{}", unknown.body);
    assert_eq!(browser.get("/console/owners?name=a%20b").await.status, 404);
    assert!(browser.get("/console/owners").await.body.contains("No owner is chosen"));
}

/// By what is wrong, by state and by owner; each row leads to its reason and to its owner.
#[tokio::test(start_paused = true)]
async fn orders_are_listed_and_lead_to_what_helps() {
    for (story, show, needs) in [
        ("a wrong amount", "anomalies", "another amount was paid than the order costs"),
        ("a failed top-up", "stuck", "the phone was not topped up"),
        ("tokens that are not delivered", "stuck", "which is tried again by itself"),
    ] {
        let world = stories::world_of(story).await;
        let cookie = signed_in(&world, "amy", Role::Reader).await;
        let console = console_over(world.ledger(7));
        let mut browser = Browser::new(&console, &cookie);
        browser.now = now().plus_seconds(1_700);
        let page = browser.get(&format!("/console/orders?show={show}")).await;
        assert!(page.status == 200 && page.body.contains(needs), "{story}: {}", page.body);
        let row = page.body.rsplit("<tr>").next().expect("a row");
        assert!(row.contains("/console/explain?q=") && row.contains("/console/owners?name=alice"), "{row}");
        assert_is_secured(&page);
        let made = browser.get("/console/orders?since=24h&status=paid").await;
        assert_eq!(made.body.contains("<table"), story != "a wrong amount", "{story}: {}", made.body);
        let none = browser.get(&format!("/console/orders?show={show}&owner=no-one")).await;
        assert!(none.body.contains("This owner has no such order."), "{}", none.body);
        assert_eq!(browser.get("/console/orders?owner=a%20b").await.status, 404);
        assert_eq!(browser.get("/console/orders?sho=stuck").await.status, 400);
    }
}

/// Each order is on one page, in whichever list.
#[tokio::test(start_paused = true)]
async fn pages_of_orders_have_each_order_once() {
    let world = World::new();
    for n in 0..120 {
        let number = format!("HL{n:03}");
        let mut order = order_of(Provider::Stripe, &number, "credits-100", (999, "USD"), Grant::Credits(amount("100")));
        order.created_at = now().plus_seconds(-n);
        by_hand(&world, &number, vec![order.clone().created()]).await;
        let order = world.ledger(0).order(&order.number, &context(0)).await.expect("read").expect("made");
        let anomaly = Anomaly { reason: Reason::AmountMismatch, details: "a test".to_owned(), payment: None };
        let at = CallContext { received_at: now().plus_seconds(n), ..context(1) };
        let receipt = EventKey::new(Writer::Manual, &format!("flag-{number}")).expect("an id");
        let mut decision = insight::note(receipt, Writer::Manual, ("amy", "a test"), "flag", Vec::new());
        let Decision::Record(entry) = &mut decision else { panic!("a note") };
        entry.effects = order.flag(&anomaly);
        world.ledger(0).commit(&decision, &at).await.expect("flagged");
    }
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(600);
    for list in
        ["show=made&owner=alice", "show=anomalies", "show=anomalies&status=unpaid", "show=anomalies&owner=alice"]
    {
        let (mut address, mut seen, mut pages) = (format!("/console/orders?{list}"), Vec::new(), 0);
        loop {
            let page = browser.get(&address).await;
            assert!(page.status == 200 && page.body.len() < PAGE_BYTES_MAX, "{list}: {}", page.body.len());
            let links = page.body.split("/console/explain?q=").skip(1);
            seen.extend(links.filter_map(|part| part.split('"').next()).map(str::to_owned));
            pages += 1;
            let Some(next) = page.body.split("href=\"").find(|part| part.starts_with("/console/orders?show=")) else {
                break;
            };
            address = next.split('"').next().expect("its end").replace("&amp;", "&");
        }
        let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!((pages, seen.len(), distinct.len()), (3, 120, 120), "{list}");
    }
}

/// What waits in a lane is counted, whenever it is due.
#[tokio::test(start_paused = true)]
async fn health_counts_what_waits() {
    let world = stories::world_of("too few credits").await;
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let page = Browser::new(&console, &cookie).get("/console/health").await;
    assert!(
        page.body.contains("usage: keys, owners and models whose usage waits: <strong>1</strong>"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("action=\"/console/pause\""), "a reader is offered no action: {}", page.body);
    assert_is_secured(&page);
    let quiet = World::new();
    let cookie = signed_in(&quiet, "amy", Role::Reader).await;
    let console = console_over(quiet.ledger(7));
    assert!(Browser::new(&console, &cookie).get("/console/health").await.body.contains("nothing waits"));
}
