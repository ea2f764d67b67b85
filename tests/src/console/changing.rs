//! What an operator changes: each action from its page to its row, twice by one form, and over a store that fails.

use operators::Role;
use testkit::{Books, Fault, World, now, usage};

use super::{Browser, assert_is_secured, console_over, field, header, signed_in};
use crate::codes;
use crate::explain::stories;
use crate::sandbox::{Sandbox, invocation, open_account, top_up};

const ORDER: &str = "hk_sample_order";
const UNITS: i128 = 1_000_000_000;

/// An action that changes the books.
pub(crate) struct Change {
    pub(crate) path: &'static str,
    /// The page that leads to it.
    from: &'static str,
    /// What the action is about.
    pub(crate) form: &'static [(&'static str, &'static str)],
    /// What the preview says.
    says: &'static str,
    /// The fields of its form that a person fills, beside the reason.
    fills: &'static [(&'static str, &'static str)],
    /// Whether it is done.
    is_done: fn(&Books) -> bool,
}

/// As they are offered. The world of each is [`world_for`] its path.
pub(crate) const CHANGES: [Change; 8] = [
    Change {
        path: "/console/accept",
        from: "/console/explain?q=hk_sample_order",
        form: &[("order", "hk_sample_order"), ("payment", "stripe#pi_3Sample0000000000000001")],
        says: "It is booked as this order",
        fills: &[],
        is_done: |books| books.journal.contains_key("payment#stripe#pi_3Sample0000000000000001"),
    },
    Change {
        path: "/console/clear",
        from: "/console/explain?q=hk_sample_order",
        form: &[("order", "hk_sample_order"), ("anomaly", "amount_mismatch")],
        says: "another amount was paid than the order costs",
        fills: &[],
        is_done: |books| !books.journal.contains_key("payment#stripe#pi_3Sample0000000000000001"),
    },
    Change {
        path: "/console/resolve",
        from: "/console/explain?q=HL1",
        form: &[("order", "HL1"), ("as", "done")],
        says: "The telephone was topped up",
        fills: &[("seq", "op-77")],
        is_done: |books| books.order("HL1").fulfilment == "done",
    },
    Change {
        path: "/console/grant",
        from: "/console/owners?name=alice",
        form: &[("owner", "alice"), ("amount", "5")],
        says: "<strong>12</strong>",
        fills: &[],
        is_done: |books| books.balance("alice/credits") == 12 * UNITS,
    },
    Change {
        path: "/console/debit",
        from: "/console/owners?name=alice",
        form: &[("owner", "alice"), ("amount", "5")],
        says: "<strong>2</strong>",
        fills: &[],
        is_done: |books| books.balance("alice/credits") == 2 * UNITS,
    },
    Change {
        path: "/console/reverse",
        from: "/console/event?key=usage%23e1",
        form: &[("usage", "usage#e1")],
        says: "<strong>3</strong>",
        fills: &[("amount", "2")],
        is_done: |books| books.balance("alice/credits") == 9 * UNITS,
    },
    Change {
        path: "/console/revoke-key",
        from: "/console/owners?name=alice",
        form: &[("key", "key#remote#k1")],
        says: "gateway-k1",
        fills: &[],
        is_done: |books| books.keys.values().all(|owner| owner != "alice"),
    },
    Change {
        path: "/console/revoke-codes",
        from: "/console/codes?campaign=spring",
        form: &[("campaign", "spring")],
        says: "Credits that were redeemed stay",
        fills: &[],
        is_done: |books| books.codes.values().all(|code| code.is_revoked),
    },
];

/// Books in which the action can be done.
pub(crate) async fn world_for(path: &str) -> World {
    let story = match path {
        "/console/resolve" => "an unknown top-up",
        _ => "a wrong amount",
    };
    let world = stories::world_of(story).await;
    if path != "/console/resolve" {
        open_account(&world, "alice", "k1", "10").await;
        let sandbox = Sandbox::faultless(&world).await;
        sandbox.deliver(&usage("e1", "k1", "3").to_string(), &invocation(1)).await.expect("the sandbox survives");
        codes::make(&world, 7, 3, None).await;
        codes::make(&world, 8, 1, None).await;
    }
    world
}

/// The fields of the form on the preview of the action, with the reason.
pub(crate) async fn form_of(browser: &mut Browser<'_>, change: &Change) -> Vec<(String, String)> {
    let query = change.form.iter().map(|(name, value)| format!("{name}={}", api::percent_encoded(value)));
    let page = browser.get(&format!("{}?{}", change.path, query.collect::<Vec<_>>().join("&"))).await;
    assert!(page.status == 200 && page.body.contains(change.says), "{}: {}", change.path, page.body);
    assert_is_secured(&page);
    let main = page.body.split("<main").nth(1).expect("the main part");
    let hidden = main.split("<input type=\"hidden\" name=\"").skip(1);
    let pair = |part: &str| {
        let (name, rest) = part.split_once("\" value=\"").expect("a field");
        (name.to_owned(), rest.split('"').next().expect("its end").to_owned())
    };
    let fills = change.fills.iter().chain(&[("reason", "a test")]);
    hidden.map(pair).chain(fills.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))).collect()
}

pub(crate) async fn send(browser: &mut Browser<'_>, path: &str, form: &[(String, String)]) -> edge::Reply {
    let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post(path, &fields).await
}

/// A page leads to it, its preview says what it does, and a form that is sent twice does it once.
#[tokio::test(start_paused = true)]
async fn change_is_previewed_and_booked_once() {
    for change in &CHANGES {
        let world = world_for(change.path).await;
        let cookie = signed_in(&world, "amy", Role::Operator).await;
        let console = console_over(world.ledger(7));
        let mut browser = Browser::new(&console, &cookie);
        browser.now = now().plus_seconds(60);
        let from = browser.get(change.from).await;
        assert!(from.body.contains(&format!("action=\"{}\"", change.path)), "{}: {}", change.path, from.body);
        let before = world.books();
        let form = form_of(&mut browser, change).await;
        assert_eq!(world.books(), before, "{}: a preview changes nothing", change.path);

        let done = send(&mut browser, change.path, &form).await;
        assert_eq!(done.status, 303, "{}: {}", change.path, done.body);
        let after = world.books();
        assert!((change.is_done)(&after), "{}: {after:?}", change.path);
        after.check();
        let to = header(&done, "location").expect("a page").to_owned();
        let page = browser.get(&to).await;
        assert!(page.status == 200 && page.body.contains("The journal has it"), "{to}: {}", page.body);
        let row = format!("console#{}", form.iter().find(|(name, _)| name == "id").expect("an id").1);
        let recorded = browser.get(&format!("/console/event?key={}", api::percent_encoded(&row))).await;
        assert!(
            recorded.body.contains("<dd>a test</dd>") && recorded.body.contains("<dd>amy</dd>"),
            "{row}: {}",
            recorded.body
        );

        let again = send(&mut browser, change.path, &form).await;
        assert_eq!((again.status, world.books()), (303, after), "{}: {}", change.path, again.body);
        // The same form for another reason is no other change.
        let other: Vec<_> = form
            .iter()
            .cloned()
            .map(|(name, value)| if name == "reason" { (name, "b".to_owned()) } else { (name, value) })
            .collect();
        send(&mut browser, change.path, &other).await;
        assert!((change.is_done)(&world.books()), "{}", change.path);
    }
}

/// Each call to the store fails in turn, and those after it. The page says so, and the same form then does it once.
#[tokio::test(start_paused = true)]
async fn change_over_a_store_that_fails_is_booked_once() {
    for change in &CHANGES {
        let mut failed = 0;
        for at in 0..40 {
            let world = world_for(change.path).await;
            let cookie = signed_in(&world, "amy", Role::Operator).await;
            let console = console_over(world.ledger(7));
            let mut browser = Browser::new(&console, &cookie);
            browser.now = now().plus_seconds(60);
            let form = form_of(&mut browser, change).await;
            let lost = if at % 2 == 0 { Fault::ServerErrorApplied } else { Fault::ServerError };
            let (ledger, faults) = world.faulty(8, move |n, _| if n >= at { lost } else { Fault::None });
            let broken = console_over(ledger);
            let mut other = Browser::new(&broken, &cookie);
            other.now = browser.now;
            let reply = send(&mut other, change.path, &form).await;
            let is_last = faults.calls().len() <= at;
            assert!([303, 503].contains(&reply.status), "{} at {at}: {}", change.path, reply.body);
            let again = send(&mut browser, change.path, &form).await;
            assert_eq!(again.status, 303, "{} at {at}: {}", change.path, again.body);
            let books = world.books();
            books.check();
            assert!((change.is_done)(&books), "{} at {at}", change.path);
            let rows = books.journal.keys().filter(|key| key.starts_with("console#")).count();
            assert_eq!(rows, 1, "{} at {at}", change.path);
            if is_last {
                break;
            }
            failed += 1;
        }
        assert!((2..40).contains(&failed), "{}: {failed}", change.path);
    }
}

/// What cannot be done is refused with its reason, on the preview as by the form.
#[tokio::test(start_paused = true)]
async fn change_that_cannot_be_done_says_why() {
    let world = world_for("/console/grant").await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    browser.now = now().plus_seconds(60);
    let before = world.books();
    for (address, status, why) in [
        ("/console/grant?owner=alice&amount=0", 400, "above 0"),
        ("/console/grant?owner=alice&amount=1e3", 400, "above 0"),
        ("/console/grant?owner=alice&amount=0.0000000001", 400, "at most nine decimals"),
        ("/console/grant?owner=a%20b&amount=1", 404, "no such row"),
        ("/console/grant?owner=alice&amount=1&expires=never", 400, "90d or 2027-03-31"),
        ("/console/grant?owner=alice&amount=1&expires=2020-01-01", 400, "That day is over"),
        ("/console/grant?owner=bob&amount=1", 200, "There is no account under this name yet"),
        ("/console/debit?owner=bob&amount=1", 409, "There is no account under this name"),
        ("/console/debit?owner=alice&amount=7.000000001", 409, "more than the account can spend"),
        ("/console/reverse?usage=usage%23none", 409, "not a booked usage event"),
        ("/console/reverse?usage=manual%23credits-k1", 409, "not a booked usage event"),
        ("/console/revoke-key?key=key%23remote%23k9", 404, "no such row"),
        ("/console/revoke-key?key=alice%2Fcredits", 404, "no such row"),
        ("/console/revoke-codes?campaign=summer", 404, "no such row"),
        ("/console/accept?order=hk_sample_order&payment=pi_none", 409, "has refused no payment of this name"),
        ("/console/clear?order=hk_sample_order&anomaly=duplicate_payment", 409, "No open anomaly"),
        ("/console/clear?order=hk_none", 404, "no such row"),
        ("/console/resolve?order=hk_sample_order&as=done", 409, "No operator has been called"),
        ("/console/resolve?order=hk_sample_order&as=maybe", 404, "no such row"),
    ] {
        let page = browser.get(address).await;
        assert!(page.status == status && page.body.contains(why), "{address}: {} {}", page.status, page.body);
    }
    let csrf = browser.csrf().await;
    for (path, fields, status) in [
        ("/console/grant", vec![("owner", "bob"), ("amount", "1")], 409),
        ("/console/debit", vec![("owner", "alice"), ("amount", "7.000000001")], 409),
        ("/console/reverse", vec![("usage", "usage#e1"), ("amount", "3.1")], 409),
        ("/console/accept", vec![("order", ORDER), ("payment", "pi_none")], 409),
        ("/console/clear", vec![("order", ORDER), ("anomaly", "duplicate_payment")], 409),
        ("/console/resolve", vec![("order", ORDER), ("as", "done")], 409),
        ("/console/revoke-codes", vec![("campaign", "spring"), ("name", "none")], 404),
    ] {
        let id = path.replace('/', "-");
        let fields = [fields, vec![("reason", "a test"), ("id", &id), ("csrf", &csrf)]].concat();
        let reply = browser.post(path, &fields).await;
        assert_eq!(reply.status, status, "{path}: {}", reply.body);
    }
    let after = world.books();
    assert_eq!((&after.accounts, &after.orders, &after.codes), (&before.accounts, &before.orders, &before.codes));
    // A grant begins an account once a person confirms it.
    let fields =
        [("owner", "bob"), ("amount", "1"), ("new", "1"), ("reason", "a test"), ("id", "b1"), ("csrf", csrf.as_str())];
    assert_eq!(browser.post("/console/grant", &fields).await.status, 303);
    assert_eq!(world.books().balance("bob/credits"), UNITS);
}

/// Two operators, each with a page of their own: what is given back, revoked or decided is so once.
#[tokio::test(start_paused = true)]
async fn second_operator_finds_it_done() {
    for (path, second) in [
        ("/console/accept", 409),
        ("/console/clear", 409),
        ("/console/resolve", 409),
        ("/console/reverse", 303),
        ("/console/revoke-key", 409),
    ] {
        let change = CHANGES.iter().find(|change| change.path == path).expect("a change");
        let world = world_for(path).await;
        let (amy, bob) =
            (signed_in(&world, "amy", Role::Operator).await, signed_in(&world, "bob", Role::Operator).await);
        let console = console_over(world.ledger(7));
        let (mut amy, mut bob) = (Browser::new(&console, &amy), Browser::new(&console, &bob));
        (amy.now, bob.now) = (now().plus_seconds(60), now().plus_seconds(60));
        let (first, other) = (form_of(&mut amy, change).await, form_of(&mut bob, change).await);
        assert_eq!(send(&mut amy, path, &first).await.status, 303, "{path}");
        let reply = send(&mut bob, path, &other).await;
        assert_eq!(reply.status, second, "{path}: {}", reply.body);
        let books = world.books();
        books.check();
        assert!((change.is_done)(&books), "{path}");
    }
}

/// Credits that expire, by a number of days.
#[tokio::test(start_paused = true)]
async fn granted_credits_expire_as_they_are_named() {
    let world = World::new();
    top_up(&world, "first", "alice", "1").await;
    let cookie = signed_in(&world, "amy", Role::Operator).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    let preview = browser.get("/console/grant?owner=alice&amount=2&expires=90d").await;
    let (csrf, id) = (field(&preview, "csrf"), field(&preview, "id"));
    assert!(preview.body.contains("90d: <time"), "{}", preview.body);
    let fields =
        [("owner", "alice"), ("amount", "2"), ("expires", "90d"), ("reason", "a gift"), ("id", &id), ("csrf", &csrf)];
    assert_eq!(browser.post("/console/grant", &fields).await.status, 303);
    let page = browser.get("/console/owners?name=alice").await;
    assert!(page.body.contains("2 paid, until"), "{}", page.body);
    world.books().check();
}

/// The codes of a campaign, with what has become of each.
#[tokio::test(start_paused = true)]
async fn codes_are_listed_by_campaign() {
    let world = World::new();
    let cookie = signed_in(&world, "amy", Role::Reader).await;
    let console = console_over(world.ledger(7));
    let mut browser = Browser::new(&console, &cookie);
    assert!(browser.get("/console/codes").await.body.contains("There are no codes."));
    let used = codes::make(&world, 7, 1, None).await;
    codes::make(&world, 8, 3, None).await;
    top_up(&world, "first", "alice", "1").await;
    let alice = ledger::Owner::new("alice").expect("an owner");
    api::redeem(&world.ledger(0), &codes::pepper(), &alice, used.as_str(), &testkit::context(1))
        .await
        .expect("redeemed");
    let campaigns = browser.get("/console/codes").await;
    assert!(campaigns.body.contains("/console/codes?campaign=spring"), "{}", campaigns.body);
    let page = browser.get("/console/codes?campaign=spring").await;
    for text in [codes::hash(7).short(), codes::hash(8).short(), "1 / 1", "0 / 3", "used up", "live"] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    assert!(!page.body.contains(used.as_str()) && !page.body.contains("/console/revoke-codes"), "{}", page.body);
    assert_is_secured(&page);
    assert!(browser.get("/console/codes?campaign=none").await.body.contains("This campaign has no codes."));
    assert_eq!(browser.get("/console/codes?campaign=a%20b").await.status, 404);
}
