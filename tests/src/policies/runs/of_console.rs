//! The console: the pages of every story, a sign-in from link to sign-out, and each action.

use ledger::{
    CallContext, Decision, EventKey, Fingerprint, Grant, Holds as _, JournalHeader, Ledger as _, Provider, RawBody,
    Reason, Refusal, Source,
};
use operators::Role;
use testkit::{Call, Fault, World, context, now, usage};

use crate::console::{Browser, PASSWORD, console_over, field, invited, signed_in};
use crate::explain::stories::{self, STORIES};
use crate::holds::hold_of;
use crate::sandbox::{Sandbox, amount, by_hand, invocation, order_of, top_up};

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
    let mut all = [signing_in().await, trying_again().await].concat();
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
