//! An erasure under every fault of the store, and beside other writes.

use ledger::{CallerKey, Decision, KeyChange, KeySettings, Ledger as _, Owner, Word, Writer};

use super::*;
use crate::sandbox::by_hand;

/// Two orders to erase, one to keep, and a key with a name.
async fn small_world() -> World {
    let world = World::new();
    service_key(&world.ledger(0), "admin", "admin").await;
    api_key(&world.ledger(0), "alice", "key-of-alice").await;
    let to = KeySettings { name: Some(Word::new("annas-phone").expect("a word")), ..KeySettings::default() };
    let (key, owner) = (CallerKey::api("key-of-alice"), Owner::new("alice").expect("an owner"));
    let named = Effect::Key(Box::new(KeyChange::Set { key, owner, from: KeySettings::default(), to }));
    by_hand(&world, "named", vec![named]).await;
    made(&world, topped_up_phone("HL1", Some(TopUpState::Done))).await;
    made(&world, topped_up_phone("HL2", Some(TopUpState::Done))).await;
    made(&world, topped_up_phone("HL3", Some(TopUpState::Pending))).await;
    world
}

#[tokio::test(start_paused = true)]
async fn fault_at_any_call_leaves_one_erasure() {
    let erased = || erase("", "hs_admin", "e1");
    // The key; what is booked; a page of orders in two calls, two of them erased; a page of keys in two; the receipt.
    fault_leaves_one(small_world, erased, 200, 9).await;
}

/// The order changes between the read and the write: it is read again, and decided again.
#[tokio::test(start_paused = true)]
async fn order_that_changes_meanwhile_is_decided_again() {
    let world = small_world().await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let function = function(ledger);
    let event = erase("", "hs_admin", "e1").event(Shape::HttpApi);
    let invocation = invocation(1);
    let other = async {
        // Both orders are read by then.
        while faults.calls().iter().filter(|call| call.operation == "BatchGetItem").count() == 0 {
            tokio::task::yield_now().await;
        }
        for number in ["HL1", "HL2"] {
            let order = order_now(&world, number).await;
            let anomaly = ledger::Anomaly {
                reason: ledger::Reason::DuplicatePayment,
                details: "another payment".to_owned(),
                payment: None,
            };
            let step = order.step(Writer::Manual, "flagged", Vec::new(), order.flag(&anomaly)).expect("a step");
            // One of the two writes is first.
            let _ = commit_now(&world, &step).await;
        }
    };
    let (reply, ()) = tokio::join!(function.answer(&event, &invocation), other);
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = body_of(&reply);
    for number in ["HL1", "HL2"] {
        let order = order_now(&world, number).await;
        let is_kept = answer["kept"].to_string().contains(number);
        assert_eq!(order.names_a_person(), is_kept, "{number}: {answer}");
        assert_eq!(order.is_erased(), answer["erased"].to_string().contains(number), "{number}: {answer}");
    }
}

async fn commit_now(world: &World, decision: &Decision) -> Result<ledger::Committed, ledger::CommitError> {
    world.ledger(9).commit(decision, &context(9)).await
}

/// Eight erasures of the same owner at once: each order has one receipt, and all answers agree.
#[tokio::test(start_paused = true)]
async fn erasures_at_once_leave_one_receipt_for_each_order() {
    let world = small_world().await;
    let names = ["e1", "e1", "e2", "e3", "e1", "e2", "e4", "e5"];
    let replies = futures_util::future::join_all(names.map(|name| sent(&world, erase("", "hs_admin", name)))).await;
    for reply in &replies {
        let answer = body_of(reply);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(answer["erased"].as_array().map(Vec::len), Some(2), "{answer}");
        assert_eq!(answer["kept"].as_array().map(Vec::len), Some(1), "{answer}");
    }
    let books = world.books();
    assert_eq!(books.journal.keys().filter(|id| id.starts_with("erased#")).count(), 2);
    assert_eq!(books.journal.keys().filter(|id| id.starts_with("credits#")).count(), 5);
}
