//! A use that a hold names, whose key joins or leaves its team before the gateway reports it: charged once.

use ledger::{HoldClosing, HoldError, HoldRefusal, HoldState, Reason, Refusal, Source};
use testkit::MemoryLedger;

use super::*;

/// The hold's settlement and the event of the same use, in both orders: who pays, and what the hold becomes.
#[tokio::test(start_paused = true)]
async fn use_of_a_key_that_has_left_is_charged_once() {
    let named = |id: &str| Hold { usage: EventKey::new(Source::Usage, "e1").expect("an id"), ..hold(id, "5") };
    for is_hold_first in [true, false] {
        let world = world().await;
        let [join, leave, ..] = changes();
        world.ledger(0).commit(&join, &later(1, 0)).await.expect("joined");
        world.ledger(0).open_hold(&named("h1"), &later(2, 0)).await.expect("a hold");
        world.ledger(0).commit(&leave, &later(3, 120)).await.expect("left");
        let before = ["team", "alice"].map(|of| world.books().balance(&format!("{of}/credits")));
        let settled = async || {
            let closed = world.ledger(4).close_hold(&named("h1"), &settle("2"), &later(4, 180)).await;
            closed.expect("settled").state
        };
        let event = body("e1", "k1", "2", 180);
        let reported = async || Sandbox::faultless(&world).await.deliver(&event, &moment_at(5, at(180))).await;
        let (state, reply) = if is_hold_first {
            let state = settled().await;
            (state, reported().await)
        } else {
            let reply = reported().await;
            (settled().await, reply)
        };
        let reply = reply.expect("alive");
        assert_eq!(reply.status, 200, "{is_hold_first}: {}", reply.body);
        let HoldState::Settled { is_charged_before, .. } = state else { panic!("{state:?}") };
        assert_eq!(is_charged_before, !is_hold_first);
        let books = world.books();
        books.check();
        let after = ["team", "alice"].map(|of| books.balance(&format!("{of}/credits")));
        let paid = [before[0] - after[0], before[1] - after[1]];
        let two = 2_000_000_000;
        assert_eq!(paid, if is_hold_first { [two, 0] } else { [0, two] }, "{is_hold_first}");
        assert_eq!(books.accounts["team/credits"].held, 0, "{is_hold_first}");
        assert_eq!(books.journal.keys().filter(|key| key.starts_with("usage#e1")).count(), 1, "no conflict");
    }
}

/// Another key of another owner is no channel of the same use.
#[tokio::test(start_paused = true)]
async fn use_of_another_key_is_another_use() {
    let world = world().await;
    let [join, ..] = changes();
    world.ledger(0).commit(&join, &later(1, 0)).await.expect("joined");
    let named = Hold { usage: EventKey::new(Source::Usage, "e1").expect("an id"), ..hold("h1", "5") };
    world.ledger(0).open_hold(&named, &later(2, 0)).await.expect("a hold");
    top_up(&world, "of-bob", "bob", "5").await;
    let event = body("e1", "k2", "2", 60);
    Sandbox::faultless(&world).await.deliver(&event, &moment_at(5, at(60))).await.expect("alive");
    let closed = world.ledger(4).close_hold(&named, &settle("2"), &later(4, 180)).await;
    assert!(matches!(closed, Err(HoldError::Refused(HoldRefusal::UsedElsewhere))), "{closed:?}");
    let released = world.ledger(4).close_hold(&named, &HoldClosing::Release, &later(4, 180)).await;
    assert!(matches!(released.expect("released").state, HoldState::Released { .. }));
}

/// The gateway reports the use after its key was revoked. The charge stands, and only for that key.
#[tokio::test(start_paused = true)]
async fn event_of_a_revoked_key_after_the_charge_of_its_hold_is_a_repeat() {
    let world = world().await;
    let [join, ..] = changes();
    world.ledger(0).commit(&join, &later(1, 0)).await.expect("joined");
    let named = Hold { usage: EventKey::new(Source::Usage, "e1").expect("an id"), ..hold("h1", "5") };
    world.ledger(0).open_hold(&named, &later(2, 0)).await.expect("a hold");
    world.ledger(0).close_hold(&named, &settle("2"), &later(3, 60)).await.expect("settled");
    let draws = bound("alice", None, &[("team", 0, None)]).draws;
    let revoke = entry("r1", Effect::Revoke { key: key("k1"), owner: owner("alice"), draws });
    world.ledger(0).commit(&revoke, &later(4, 120)).await.expect("revoked");
    let before = balances(&world);
    for (attempt, (id, name, status)) in (5..).zip([("e1", "k1", 200), ("e1", "k7", 409), ("e2", "k1", 404)]) {
        let reply =
            Sandbox::faultless(&world).await.deliver(&body(id, name, "2", 30), &moment_at(attempt, at(180))).await;
        let reply = reply.expect("alive");
        assert_eq!(reply.status, status, "{id} of {name}: {}", reply.body);
        assert_eq!(balances(&world), before, "{id} of {name}");
    }
}

/// The event comes first, and is refused: for want of the key, which is revoked, or of the credits of its owner, whose key has
/// left. The charge of the hold ends it, and the retry books nothing.
#[tokio::test(start_paused = true)]
async fn refused_event_of_the_key_of_a_hold_is_ended_by_its_charge() {
    let draws = || bound("alice", None, &[("team", 0, None)]).draws;
    let left = || Draws::new(vec![Draw { until: Some(at(120)), ..draws().all()[0].clone() }]).expect("in order");
    for (is_revoked, cost, refused) in [(true, "2", 404), (false, "6", 402)] {
        let world = world().await;
        let [join, ..] = changes();
        world.ledger(0).commit(&join, &later(1, 0)).await.expect("joined");
        let named = Hold { usage: EventKey::new(Source::Usage, "e1").expect("an id"), ..hold("h1", "6") };
        world.ledger(0).open_hold(&named, &later(2, 60)).await.expect("a hold");
        leave(&world, "l1", "k1", "team", 120).await;
        if is_revoked {
            let revoke = Effect::Revoke { key: key("k1"), owner: owner("alice"), draws: left() };
            world.ledger(0).commit(&entry("r1", revoke), &later(3, 120)).await.expect("revoked");
        }
        let event = body("e1", "k1", cost, 180);
        let reply = Sandbox::faultless(&world).await.deliver(&event, &moment_at(4, at(180))).await.expect("alive");
        assert_eq!(reply.status, refused, "{}", reply.body);
        let closed = world.ledger(5).close_hold(&named, &settle(cost), &later(5, 240)).await.expect("settled");
        assert!(matches!(closed.state, HoldState::Settled { is_charged_before: false, .. }), "{closed:?}");
        let charged = balances(&world);
        let units: i128 = cost.parse().expect("a number");
        assert_eq!(charged, [(20 - units) * ONE, 5 * ONE], "revoked {is_revoked}");
        top_up(&world, "more", "alice", "10").await;
        of_stripe::reconcile(world.ledger(6), &[]).work(REFUSED, &run_at(99, 3_600)).await.expect("a run");
        let again = Sandbox::faultless(&world).await.deliver(&event, &moment_at(7, at(240))).await.expect("alive");
        assert_eq!(again.status, 200, "{}", again.body);
        assert_eq!(balances(&world), [charged[0], charged[1] + 10 * ONE], "revoked {is_revoked}");
    }
}

/// The same in memory.
#[tokio::test(start_paused = true)]
async fn use_of_a_key_that_has_left_is_charged_once_in_memory() {
    for is_hold_first in [true, false] {
        let ledger = MemoryLedger::default();
        for owner in ["team", "alice"] {
            ledger.commit(&crate::lots::credit(owner, owner, "10", None), &later(0, 0)).await.expect("credits");
        }
        let named = Hold { usage: EventKey::new(Source::Usage, "e1").expect("an id"), ..hold("h1", "5") };
        ledger.open_hold(&named, &later(2, 0)).await.expect("a hold");
        let mut event = crate::holds::used("alice", "e1", "2");
        let Decision::Record(entry) = &mut event else { panic!("an entry") };
        entry.header.facts = vec![("key", "k1".into())];
        if is_hold_first {
            ledger.close_hold(&named, &settle("2"), &later(4, 180)).await.expect("settled");
            let refusal = Refusal { header: entry.header.clone(), reason: Reason::UnknownKey, effects: Vec::new() };
            let refused = ledger.commit(&Decision::Refuse(refusal), &later(5, 180)).await;
            assert!(matches!(refused, Ok(Committed::Earlier(_))), "a revoked key: {refused:?}");
            let booked = ledger.commit(&event, &later(5, 180)).await;
            assert!(matches!(booked, Ok(Committed::Earlier(_))), "{booked:?}");
        } else {
            ledger.commit(&event, &later(5, 180)).await.expect("booked");
            let closed = ledger.close_hold(&named, &settle("2"), &later(4, 180)).await.expect("settled");
            assert!(matches!(closed.state, HoldState::Settled { is_charged_before: true, .. }), "{closed:?}");
        }
    }
}
