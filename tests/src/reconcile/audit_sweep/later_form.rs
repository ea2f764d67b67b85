//! Orders of a later form: the audit reports each and passes over it, and no repair writes it.

use audit::{OrderRepair, RepairFailure, Repairs, Signature};
use ledger::{CommitError, Order, OrderNumber, RepairError, Suspect};

use super::streamed::{PHONE_ORDER, books};
use super::*;

/// An order with lines.
const ORDER: &str = "hk_sample_order";

fn number(text: &str) -> OrderNumber {
    OrderNumber::new(text).expect("a number")
}

async fn order(world: &World, number: &OrderNumber) -> Order {
    world.ledger(0).order(number, &context(0)).await.expect("a read").expect("an order")
}

/// Every repair of an order.
fn repairs(copy: Order) -> [OrderRepair; 4] {
    [
        OrderRepair::Row(Box::new(copy)),
        OrderRepair::ToLines { paid_by: None },
        OrderRepair::Pointer,
        OrderRepair::Payment,
    ]
}

#[tokio::test(start_paused = true)]
async fn order_of_a_later_form_is_reported_and_never_written() {
    let (shop, mut streamed) = books().await;
    let numbers = [PHONE_ORDER, ORDER].map(number);
    let copies = [order(&shop.world, &numbers[0]).await, order(&shop.world, &numbers[1]).await];
    let rows = shop.rows();
    for number in &numbers {
        shop.change("orders", number.as_str(), "SET v = :v", &json!({ ":v": { "N": "2" } }));
    }
    let later = shop.rows();
    streamed.follow(&shop.world, 60).await;
    let open = state(&shop.world).await.open;
    let found: Vec<_> = open.iter().map(|open| (open.difference.difference_kind, open.difference.suspect)).collect();
    assert_eq!(found, [(DifferenceKind::OrderUnreadable, Suspect::LaterForm); 2]);
    assert!(open.iter().all(|open| !open.difference.is_repairable() && open.difference.remedy().contains("deploy")));
    assert_eq!([check(&shop.world, 360).await.drift, check(&shop.world, 660).await.drift], [0, 2], "reported");

    let (ledger, invocation) = (shop.world.ledger(1), run_at(9_001, HOUR));
    let repairing = Repairs { ledger: &ledger, invocation: &invocation, index_lag: Duration::ZERO };
    let by = Signature { id: "r1".into(), author: "ann".into(), reason: "unreadable".into() };
    for (number, copy) in numbers.iter().zip(&copies) {
        for repair in repairs(copy.clone()) {
            let refused = repairing.order(number, &repair, &by).await.expect_err("a later form");
            assert!(matches!(refused, RepairFailure::Repair(RepairError::OrderOfLaterForm)), "{repair:?}: {refused:?}");
        }
    }
    assert_eq!(shop.rows(), later);
    shop.restore(&rows);
    assert_eq!((check(&shop.world, 660 + 2 * HOUR).await.open, state(&shop.world).await.open), (0, vec![]));
}

/// The later release writes the row between the command's read and its write.
#[tokio::test(start_paused = true)]
async fn row_that_becomes_one_of_a_later_form_is_not_overwritten() {
    for (form, is_written) in [(json!({ "N": "2" }), false), (json!({ "N": "1" }), true), (json!({ "S": "x" }), true)] {
        let (shop, _) = books().await;
        let copy = order(&shop.world, &number(PHONE_ORDER)).await;
        shop.change("orders", PHONE_ORDER, "REMOVE price_units", &Value::Null);
        let (ledger, invocation) = (shop.world.ledger(1), run_at(9_001, HOUR));
        let repairing = Repairs { ledger: &ledger, invocation: &invocation, index_lag: Duration::ZERO };
        let by = Signature { id: "r1".into(), author: "ann".into(), reason: "unreadable".into() };
        let repair = OrderRepair::Row(Box::new(copy.clone()));
        let decision = repairing.order(&number(PHONE_ORDER), &repair, &by).await.expect("a repair");
        shop.change("orders", PHONE_ORDER, "SET v = :v", &json!({ ":v": form }));
        let before = shop.rows();
        let written = ledger.commit(&decision, &invocation.context()).await;
        if is_written {
            written.expect("a readable row");
            assert_eq!(order(&shop.world, &copy.number).await.terms, copy.terms, "{form}");
        } else {
            let Err(CommitError::Refused(why)) = written else { panic!("{form}: {written:?}") };
            assert!(why.to_string().contains("later form"), "{why}");
            assert_eq!(shop.rows(), before, "{form}");
        }
    }
}
