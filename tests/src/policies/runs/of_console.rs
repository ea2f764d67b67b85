//! The console: the pages of every story, a sign-in from link to sign-out, and each action.

use ledger::{
    CallContext, Decision, EventKey, Fingerprint, Grant, Holds as _, JournalHeader, KeyId, Ledger as _, Provider,
    RawBody, Reason, Refusal, ServiceKeyHash, Source,
};
use operators::Role;
use serde_json::json;
use testkit::{Call, Fault, World, context, now, usage};

use crate::console::changing::{CHANGES, world_for};
use crate::console::{Browser, PASSWORD, console_over, field, header, invited, signed_in};
use crate::explain::stories::{self, STORIES};
use crate::holds::hold_of;
use crate::sandbox::{Sandbox, amount, by_hand, invocation, order_of, top_up};
use crate::stripe::with;
use crate::{lots, members};

const EVENT: &str = "stripe#evt_payment_intent_succeeded";

/// The futures of all stories, one inside the other, take more than a test's stack has.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Every call to the store.
pub(super) fn calls() -> Vec<Call> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(recorded())
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(run).expect("a thread");
    thread.join().expect("recorded")
}

async fn recorded() -> Vec<Call> {
    let mut all = [signing_in().await, trying_again().await, changing().await].concat();
    for story in STORIES {
        let world = stories::world_of(story.name).await;
        let cookie = signed_in(&world, "amy", Role::Operator).await;
        let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
        let console = console_over(ledger);
        let mut browser = Browser::new(&console, &cookie);
        browser.now = now().plus_seconds(story.after_s);
        let csrf = browser.csrf().await;
        browser.post("/console/search", &[("q", story.asks), ("csrf", &csrf)]).await;
        browser.get(&format!("/console/explain?q={}", api::percent_encoded(story.asks))).await;
        browser.get("/console/events?failed=1").await;
        for list in ["since=24h", "owner=alice", "show=anomalies", "show=stuck"] {
            browser.get(&format!("/console/orders?{list}")).await;
        }
        browser.get("/console/owners?name=alice").await;
        browser.get("/console/owners.csv?name=alice").await;
        let event = browser.get(&format!("/console/event?key={}", api::percent_encoded(EVENT))).await;
        if event.status == 200 {
            let id = field(&event, "id");
            let fields = [("key", EVENT), ("reason", "a test"), ("id", &id), ("csrf", &csrf)];
            browser.post("/console/event/body", &fields).await;
        }
        all.extend(faults.calls());
    }
    all
}

/// Each action, also on books that have more: a payment that was refunded in part, an invoice, credits past their date, a key
/// that draws on a team, and a service key.
async fn changing() -> Vec<Call> {
    let wrong = with("payment_intent_succeeded", &[("/data/object/amount_received", json!(1_998))]);
    let invoice = with("invoice_paid", &[("/data/object/amount_paid", json!(900))]);
    let bodies = [wrong, with("charge_refunded", &[])];
    let flagged = stories::numbered(&bodies[..1]).await;
    let refunded = stories::numbered(&bodies).await;
    let invoiced = stories::numbered(&[invoice]).await;
    let dated = World::new();
    lots::committed(&dated, &lots::credit("alice", "top", "10", None), 0).await;
    lots::committed(&dated, &lots::credit("alice", "g1", "10", Some(lots::until(30))), 0).await;
    let team = members::world().await;
    members::join(&team, "join", "k1", "team", 0).await;
    testkit::service_key(&team.ledger(0), "shop", "read").await;
    let service_key = KeyId::Service(ServiceKeyHash::of("hs_shop")).row();
    let mut all = Vec::new();
    // Orders of the samples have no number as the shop gives it.
    for change in CHANGES.iter().filter(|change| !["/console/accept", "/console/clear"].contains(&change.path)) {
        let form = change.form;
        all.extend(acted(&world_for(change.path).await, "amy", change.path, form).await);
    }
    let accept = |order, payment| [("order", order), ("payment", payment)];
    for (world, who, path, fields) in [
        (&flagged, "amy", "/console/clear", [("order", "HL1"), ("anomaly", "amount_mismatch")]),
        (&refunded, "amy", "/console/accept", accept("HL1", "pi_3Sample0000000000000001")),
        (&invoiced, "amy", "/console/accept", accept("HL2", "in_1Sample0000000000000001")),
        (&dated, "amy", "/console/debit", [("owner", "alice"), ("amount", "1")]),
        (&dated, "bob", "/console/grant", [("owner", "alice"), ("amount", "1")]),
        (&team, "amy", "/console/revoke-key", [("key", "key#remote#k1"), ("key", "")]),
        (&team, "bob", "/console/revoke-key", [("key", &service_key), ("key", "")]),
    ] {
        all.extend(acted(world, who, path, &fields).await);
    }
    all
}

/// The preview of an action, its form, and the page to which it leads.
async fn acted(world: &World, who: &str, path: &str, fields: &[(&str, &str)]) -> Vec<Call> {
    let cookie = signed_in(world, who, Role::Operator).await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let console = console_over(ledger);
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let mut fields: Vec<(&str, &str)> = fields.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
    let query: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}={}", api::percent_encoded(value))).collect();
    let preview = browser.get(&format!("{path}?{}", query.join("&"))).await;
    // Each console of the tests has the same randomness.
    let (csrf, id) = (field(&preview, "csrf"), format!("{}{who}", field(&preview, "id")));
    fields.extend([("reason", "a test"), ("id", id.as_str()), ("csrf", csrf.as_str())]);
    let done = browser.post(path, &fields).await;
    assert_eq!(done.status, 303, "{path}: {}", done.body);
    browser.get(header(&done, "location").expect("a page")).await;
    for page in ["/console/codes", "/console/codes?campaign=spring"] {
        browser.get(page).await;
    }
    // The same form finds what it has done.
    assert_eq!(browser.post(path, &fields).await.status, 303, "{path}");
    faults.calls()
}

/// A refused event of each source, one in a lane, one that could not be read, and an order that is not paid.
async fn trying_again() -> Vec<Call> {
    let world = World::new();
    let mut named = vec!["HL1".to_owned()];
    for key in ["stripe#e1", "wechat#v3.1", "epay#1001.1", "fireblocks#f1", "unparsed#stripe#0"] {
        refuse(&world, key, Reason::OrderUnknown).await;
        named.push(key.to_owned());
    }
    let sandbox = Sandbox::faultless(&world).await;
    sandbox.deliver(&usage("e1", "k9", "1").to_string(), &invocation(1)).await.expect("the sandbox survives");
    named.push("usage#e1".to_owned());
    refuse(&world, "usage#e2", Reason::OutsideClockWindow).await;
    named.push("usage#e2".to_owned());
    let order = order_of(Provider::Stripe, "HL1", "credits-100", (999, "USD"), Grant::Credits(amount("100")));
    by_hand(&world, "an-order", vec![order.created()]).await;
    top_up(&world, "for-a-hold", "alice", "1").await;
    let hold = hold_of("alice", "hk_1", "1", None, None);
    world.ledger(0).open_hold(&hold, &context(1)).await.expect("a hold");
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let console = console_over(ledger.minding_pauses());
    let mut browser = Browser::new(&console, &cookie);
    let csrf = browser.csrf().await;
    browser.get("/console?since=7d").await;
    browser.get("/console/health").await;
    browser.get("/console/owners?name=alice").await;
    for to in ["pause", "resume"] {
        let fields = [("what", "stripe"), ("to", to), ("reason", "a test"), ("id", to), ("csrf", &csrf)];
        assert_eq!(browser.post("/console/pause", &fields).await.status, 303, "{to}");
        browser.now = browser.now.plus_seconds(20);
    }
    for of in named {
        let preview = browser.get(&format!("/console/replay?of={}", api::percent_encoded(&of))).await;
        assert_eq!(preview.status, 200, "{of}: {}", preview.body);
        let id = field(&preview, "id");
        let fields = [("of", of.as_str()), ("reason", "a test"), ("id", &id), ("csrf", &csrf)];
        assert_eq!(browser.post("/console/replay", &fields).await.status, 303, "{of}");
    }
    faults.calls()
}

/// A refused event with its delivery.
async fn refuse(world: &World, key: &str, reason: Reason) {
    let source = Source::ALL.into_iter().find(|source| key.contains(source.as_str())).expect("a source");
    let header = JournalHeader {
        receipt: EventKey::of_row(key),
        writer: source.into(),
        kind: "event",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let body =
        RawBody { method: "POST", path: "/", query: "", headers: &[], bytes: b"{}", bytes_at: now(), batch: None };
    let refusal = Decision::Refuse(Refusal { header, reason, effects: Vec::new() });
    let context = CallContext { body: Some(body), ..context(1) };
    world.ledger(0).commit(&refusal, &context).await.expect_err("refused");
}

async fn signing_in() -> Vec<Call> {
    let world = World::new();
    let link = invited(&world, "amy", Role::Operator).await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let console = console_over(ledger);
    let mut browser = Browser::new(&console, "");
    let page = browser.get(&format!("/console/first?name=amy&link={link}")).await;
    let secret = field(&page, "key");
    let key = console::key_of(&secret).expect("a key");
    let step = |browser: &Browser<'_>| u64::try_from(browser.now.unix_s() / 30).expect("after 1970");
    let code = console::code_at(&key, step(&browser));
    let fields = [("name", "amy"), ("link", &link), ("key", &secret), ("password", PASSWORD), ("code", &code)];
    browser.post("/console/first", &fields).await;
    browser.now = browser.now.plus_seconds(60);
    let csrf = browser.csrf().await;
    browser.post("/console/sign-out", &[("csrf", &csrf)]).await;
    let code = console::code_at(&key, step(&browser));
    let fields = [("then", "/console"), ("name", "amy"), ("password", PASSWORD), ("code", &code)];
    browser.post("/console/sign-in", &fields).await;
    faults.calls()
}
