//! Who may act: each action is tried as a reader, signed out, without its token and from another site. Nothing changes then.

use console::{Access, PAGES};
use insight::Events as _;
use operators::Role;
use testkit::{Books, World, context, now};

use super::changing::world_for;
use super::{Browser, console_over, field, header, signed_in};
use crate::explain::stories;

const ORDER: &str = "hk_sample_order";
const EVENT: &str = "stripe#evt_payment_intent_succeeded";

/// The fields with which each action succeeds, but for the token.
fn fields(path: &str) -> Vec<(&'static str, &'static str)> {
    match path {
        "/console/event/body" => vec![("key", EVENT), ("reason", "a test"), ("id", "a1")],
        "/console/pause" => vec![("what", "stripe"), ("to", "pause"), ("reason", "a test"), ("id", "a1")],
        "/console/replay" => vec![("of", EVENT), ("reason", "a test"), ("id", "a1")],
        "/console/accept" => {
            vec![("order", ORDER), ("payment", "pi_3Sample0000000000000001"), ("reason", "a test"), ("id", "a1")]
        }
        "/console/clear" => vec![("order", ORDER), ("reason", "a test"), ("id", "a1")],
        "/console/resolve" => vec![("order", "HL1"), ("as", "failed"), ("reason", "a test"), ("id", "a1")],
        "/console/grant" | "/console/debit" => {
            vec![("owner", "alice"), ("amount", "1"), ("reason", "a test"), ("id", "a1")]
        }
        "/console/reverse" => vec![("usage", "usage#e1"), ("reason", "a test"), ("id", "a1")],
        "/console/revoke-key" => vec![("key", "key#remote#k1"), ("reason", "a test"), ("id", "a1")],
        "/console/revoke-codes" => vec![("campaign", "spring"), ("reason", "a test"), ("id", "a1")],
        other => panic!("{other} has no fields here: add them"),
    }
}

fn actions() -> Vec<&'static str> {
    let actions = PAGES.iter().filter(|route| route.endpoint.access() == Access::Operator && route.endpoint.is_form());
    actions.map(|route| route.path).collect()
}

async fn world() -> World {
    stories::world_of("a wrong amount").await
}

/// Each preview is refused to a reader, too, and shows no form.
#[tokio::test(start_paused = true)]
async fn reader_sees_no_preview() {
    let world = world().await;
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    let operators = PAGES.iter().filter(|route| route.endpoint.access() == Access::Operator);
    let previews: Vec<&str> = operators.filter(|route| route.method == "GET").map(|route| route.path).collect();
    assert_eq!(previews.len(), 10, "{previews:?}");
    for path in previews {
        assert_eq!(browser.get(path).await.status, 403, "{path}");
    }
    for page in ["/console/owners?name=alice", "/console/explain?q=hk_sample_order", "/console/orders?show=anomalies"] {
        let page = browser.get(page).await;
        let main = page.body.split("<main").nth(1).expect("the main part");
        for route in PAGES.iter().filter(|route| route.endpoint.access() == Access::Operator) {
            assert!(!main.contains(&format!("action=\"{}\"", route.path)), "{}: {main}", route.path);
        }
    }
}

struct Tried {
    status: u16,
    has_changed: bool,
}

/// The action in a world of its own, by an operator with this role, after this change of what the browser sends.
async fn tried(path: &str, role: Role, with_token: bool, change: impl FnOnce(&mut Browser<'_>)) -> Tried {
    let world = world_for(path).await;
    let cookie = signed_in(&world, "amy", role).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let csrf = if with_token { browser.csrf().await } else { "0".repeat(64) };
    let before: Books = world.books();
    change(&mut browser);
    let mut sent = fields(path);
    sent.push(("csrf", &csrf));
    let status = browser.post(path, &sent).await.status;
    Tried { status, has_changed: world.books() != before }
}

#[tokio::test(start_paused = true)]
async fn only_an_operators_own_form_acts() {
    assert!(!actions().is_empty());
    for path in actions() {
        let done = tried(path, Role::Operator, true, |_| {}).await;
        assert!(done.status < 400 && done.has_changed, "{path}: {}", done.status);
        let rows = [
            ("a reader", 403, tried(path, Role::Reader, true, |_| {}).await),
            ("no token", 403, tried(path, Role::Operator, false, |_| {}).await),
            ("signed out", 401, tried(path, Role::Operator, true, |browser| browser.cookie.clear()).await),
            (
                "another site",
                403,
                tried(path, Role::Operator, true, |browser| browser.origin = "https://evil.example").await,
            ),
            ("http", 403, tried(path, Role::Operator, true, |browser| browser.origin = "http://books.example").await),
            ("no origin", 403, tried(path, Role::Operator, true, |browser| browser.origin = "null").await),
            ("idle", 401, tried(path, Role::Operator, true, |browser| browser.now = now().plus_seconds(3_600)).await),
        ];
        for (name, status, refused) in rows {
            assert_eq!((refused.status, refused.has_changed), (status, false), "{path}: {name}");
        }
    }
}

/// A page says what it needs, and a form is the only thing that changes something.
#[test]
fn no_get_is_an_action() {
    for route in PAGES {
        assert_eq!(route.method == "POST", route.endpoint.is_form(), "{}", route.path);
        // A page for operators alone is the preview of an action.
        let is_preview = PAGES.iter().any(|other| other.path == route.path && other.endpoint.is_form());
        assert!(route.endpoint.access() != Access::Operator || is_preview, "{}", route.path);
    }
}

/// A person finds the event, sees why, and has it tried again: it is due now, and the journal has who and why.
#[tokio::test(start_paused = true)]
async fn refused_event_is_found_and_made_due() {
    let world = stories::world_of("a payment before its order").await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let page = browser.get(&format!("/console/explain?q={}", api::percent_encoded(EVENT))).await;
    assert!(page.body.contains("action=\"/console/replay\""), "{}", page.body);
    let preview = browser.get(&format!("/console/replay?of={}", api::percent_encoded(EVENT))).await;
    assert!(
        preview.status == 200 && preview.body.contains("the order that it names does not exist here"),
        "{}",
        preview.body
    );
    let (csrf, id) = (field(&preview, "csrf"), field(&preview, "id"));
    let post = async |browser: &mut Browser<'_>, reason: &str| {
        let fields = [("of", EVENT), ("reason", reason), ("id", &id), ("csrf", &csrf)];
        browser.post("/console/replay", &fields).await
    };
    assert_eq!(post(&mut browser, "").await.status, 400, "without a reason nothing is due");
    let due = |world: &World| world.books().journal[EVENT].clone();
    let before = due(&world);
    let done = post(&mut browser, "the order is back").await;
    assert_eq!(done.status, 303, "{}", done.body);
    let to = header(&done, "location").expect("a page").to_owned();
    assert!(browser.get(&to).await.body.contains("It is due now"), "{to}");
    assert_eq!(due(&world).attempts, before.attempts, "the sweep tries it, and not the console");
    let recorded = browser.get(&format!("/console/event?key=console%23{id}")).await;
    assert!(recorded.body.contains("the order is back") && recorded.body.contains("replay"), "{}", recorded.body);
    let row = world.ledger(0).events(&[ledger::EventKey::of_row(EVENT)].into(), &context(1)).await.expect("read");
    let row = row.into_values().next().expect("a row").expect("readable");
    let insight::EventState::Refused { retry: Some(retry), .. } = &row.state else { panic!("{row:?}") };
    assert_eq!(retry.at, browser.now);
    // What is booked is not tried again.
    let booked = browser.get("/console/replay?of=nothing-of-this-name").await;
    assert_eq!(booked.status, 409);
}

#[tokio::test(start_paused = true)]
async fn body_is_shown_to_an_operator_who_says_why() {
    let world = world().await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let page = browser.get(&format!("/console/event?key={}", api::percent_encoded(EVENT))).await;
    assert!(!page.body.contains("stripe-signature") && !page.body.contains("&quot;object&quot;"), "{}", page.body);
    let (csrf, id) = (field(&page, "csrf"), field(&page, "id"));
    let sent = |reason: &'static str| {
        vec![("key", EVENT.to_owned()), ("reason", reason.to_owned()), ("id", id.clone()), ("csrf", csrf.clone())]
    };
    let post = async |browser: &mut Browser<'_>, reason| {
        let fields = sent(reason);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/console/event/body", &fields).await
    };
    let before = world.books();
    assert_eq!(post(&mut browser, " ").await.status, 400);
    assert_eq!(world.books(), before, "without a reason nothing is shown or recorded");
    let shown = post(&mut browser, "a dispute").await;
    assert!(shown.status == 200 && shown.body.contains("&quot;object&quot;"), "{}", shown.body);
    let keys: Vec<String> = world.books().journal.into_keys().filter(|key| key.starts_with("console#")).collect();
    assert_eq!(keys, [format!("console#{id}")]);
    // The same form again is the same row.
    assert_eq!(post(&mut browser, "a dispute").await.status, 200);
    assert_eq!(world.books().journal.keys().filter(|key| key.starts_with("console#")).count(), 1);
    let recorded = browser.get(&format!("/console/event?key=console%23{id}")).await;
    assert!(recorded.body.contains("a dispute") && recorded.body.contains("amy"), "{}", recorded.body);
}

#[tokio::test(start_paused = true)]
async fn operator_pauses_and_resumes_with_who_and_why() {
    let world = World::new();
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7).minding_pauses());
    let mut browser = Browser::new(&console, &cookie);
    let change = async |browser: &mut Browser<'_>, what: &str, more: &[(&str, &str)]| {
        let preview = browser.get(&format!("/console/pause?what={what}")).await;
        assert_eq!(preview.status, 200, "{}", preview.body);
        let [csrf, id, to] = ["csrf", "id", "to"].map(|name| field(&preview, name));
        let mut fields = vec![("what", what), ("to", &to), ("reason", "an incident"), ("id", &id), ("csrf", &csrf)];
        fields.extend(more);
        let first = browser.post("/console/pause", &fields).await;
        if let Some(to) = header(&first, "location") {
            let health = browser.get(to).await;
            assert!(health.body.contains("Done. The journal has it") && health.body.contains(&id), "{}", health.body);
        }
        browser.now = browser.now.plus_seconds(20);
        (first.status, browser.post("/console/pause", &fields).await.status)
    };
    assert_eq!(change(&mut browser, "stripe", &[]).await, (303, 409), "a form that is sent twice does it once");
    let overview = browser.get("/console").await;
    assert!(
        overview.body.contains("an incident") && overview.body.contains("action=\"/console/pause\""),
        "{}",
        overview.body
    );
    let health = browser.get("/console/health").await;
    assert!(health.body.contains("an incident") && health.body.contains("amy"), "{}", health.body);
    assert_eq!(change(&mut browser, "stripe", &[]).await, (303, 409));
    assert!(!browser.get("/console/health").await.body.contains("an incident"));
    // What its sender does not keep is paused only by who confirms it.
    assert_eq!(change(&mut browser, "litellm", &[]).await, (400, 400));
    assert_eq!(change(&mut browser, "litellm", &[("loses", "1")]).await, (303, 409));
    let kinds = browser.get("/console/events?from=console&since=24h").await;
    assert!(kinds.body.matches("console%23").count() >= 3 && kinds.body.contains("resume"), "{}", kinds.body);
}
