//! The lists of orders at the end of the same stories: which of them are in which list, and what each waits on.

use insight::{OrderChoice, OrderFilter, OrderList, OrderStatus, orders};
use ledger::{Owner, Timestamp};
use testkit::{Call, Fault, World, now};

use super::asked;
use super::stories::world_of;

const MINUTE: i64 = 60;
/// Until then no function has run again.
const LATER_S: i64 = 30 * MINUTE;

async fn list(world: &World, choice: OrderChoice, status: Option<&str>, after_s: i64, orders_max: usize) -> OrderList {
    let status = status.map(|word| OrderStatus::named(word).expect("a status"));
    let filter = OrderFilter { choice, status, owner: None, after: None, orders_max };
    orders(&world.ledger(7), &filter, &asked(after_s)).await.expect("a list")
}

/// `HL1`, with what it waits on or is flagged for, and since how many seconds.
fn lines(list: &OrderList) -> Vec<String> {
    let line = |line: &insight::OrderLine| {
        let number = &line.order.number;
        let since = |since: Timestamp| since.seconds_apart(now());
        match (line.waits, line.flagged_since) {
            (Some(wait), _) => format!("{number} {} {}", wait.on.as_str(), since(wait.since)),
            (None, Some(at)) => {
                format!("{number} {} {}", line.order.flagged_for().expect("a flag").as_str(), since(at))
            }
            (None, None) => number.to_string(),
        }
    };
    list.orders.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn orders_that_wait_say_on_what_and_since_when() {
    for (story, after_s, stuck) in [
        ("a payment", LATER_S, vec![]),
        ("a wrong amount", LATER_S, vec![]),
        ("an unpaid order", LATER_S, vec![]),
        ("an unknown top-up", LATER_S, vec!["HL1 top_up_unknown 1"]),
        ("a failed top-up", LATER_S, vec!["HL1 top_up_failed 1"]),
        ("tokens that are not delivered", LATER_S, vec!["HL1 fulfilment 0"]),
        // A delivery that has just begun is not stuck.
        ("tokens that are not delivered", MINUTE, vec![]),
    ] {
        let world = world_of(story).await;
        let found = list(&world, OrderChoice::Stuck, None, after_s, 50).await;
        assert_eq!(lines(&found), stuck, "{story}");
    }
}

#[tokio::test(start_paused = true)]
async fn flagged_orders_are_listed_since_they_were() {
    for (story, flagged) in [
        ("a payment", vec![]),
        ("a wrong amount", vec!["hk_sample_order amount_mismatch 0"]),
        ("a second payment", vec!["hk_sample_order duplicate_payment 0"]),
        ("a failed top-up", vec!["HL1 top_up_failed 1"]),
    ] {
        let world = world_of(story).await;
        let since = |at| list(&world, OrderChoice::Anomalies(at), None, LATER_S, 50);
        assert_eq!(lines(&since(Timestamp::EPOCH).await), flagged, "{story}");
        assert_eq!(lines(&since(now().plus_seconds(2)).await), Vec::<String>::new(), "{story}");
    }
}

#[tokio::test(start_paused = true)]
async fn orders_are_listed_by_day_by_owner_and_by_status_without_a_scan() {
    let world = world_of("a payment").await;
    let made = |status| list(&world, OrderChoice::Made(now().plus_seconds(-MINUTE)), status, LATER_S, 50);
    let all = lines(&made(None).await);
    assert!(all.len() == 2 && all.contains(&"hk_sample_order".to_owned()), "{all:?}");
    assert_eq!(lines(&made(Some("paid")).await), ["hk_sample_order"]);
    assert_eq!(lines(&made(Some("done")).await), ["hk_sample_order"], "the state of its delivery");
    assert_eq!(made(Some("unpaid")).await.orders.len(), all.len() - 1);
    assert_eq!(made(Some("disputed")).await, OrderList::default());
    assert_eq!(OrderStatus::named("on fire"), None);

    let short = list(&world, OrderChoice::Made(Timestamp::EPOCH), None, LATER_S, 1).await;
    assert_eq!((short.orders.len(), short.has_more), (1, true));
    let owner = made(Some("paid")).await.orders.first().expect("an order").order.owner.clone();
    let of_owner = async |choice, name: &str| {
        let owner = Some(Owner::new(name).expect("an owner"));
        let filter = OrderFilter { choice, status: OrderStatus::named("paid"), owner, after: None, orders_max: 50 };
        lines(&orders(&world.ledger(7), &filter, &asked(LATER_S)).await.expect("a list"))
    };
    assert_eq!(of_owner(OrderChoice::Made(Timestamp::EPOCH), owner.as_str()).await, ["hk_sample_order"]);
    assert_eq!(of_owner(OrderChoice::Made(now().plus_seconds(1)), owner.as_str()).await, Vec::<String>::new());
    assert_eq!(of_owner(OrderChoice::Made(Timestamp::EPOCH), "no-one").await, Vec::<String>::new());
    let world = world_of("a second payment").await;
    let flagged = ["hk_sample_order duplicate_payment 0"];
    let of_owner = async |choice, name: &str| {
        let owner = Some(Owner::new(name).expect("an owner"));
        let filter = OrderFilter { choice, status: None, owner, after: None, orders_max: 50 };
        lines(&orders(&world.ledger(7), &filter, &asked(LATER_S)).await.expect("a list"))
    };
    assert_eq!(of_owner(OrderChoice::Anomalies(Timestamp::EPOCH), owner.as_str()).await, flagged);
    assert_eq!(of_owner(OrderChoice::Anomalies(Timestamp::EPOCH), "no-one").await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn list_of_orders_reads_a_bounded_number_of_pages() {
    for story in ["a payment", "a wrong amount", "an unknown top-up"] {
        let world = world_of(story).await;
        let owner = Some(Owner::new("alice").expect("an owner"));
        let (ledger, faults) = world.faulty(7, |_, _| Fault::None);
        for (choice, owner) in [
            (OrderChoice::Made(now().plus_seconds(-MINUTE)), None),
            (OrderChoice::Made(Timestamp::EPOCH), owner),
            (OrderChoice::Anomalies(Timestamp::EPOCH), None),
            (OrderChoice::Stuck, None),
        ] {
            let filter = OrderFilter { choice, status: None, owner, after: None, orders_max: 50 };
            orders(&ledger, &filter, &asked(LATER_S)).await.expect("a list");
        }
        let calls = faults.calls();
        let is_read = |call: &Call| ["BatchGetItem", "Query"].contains(&call.operation.as_str());
        assert!(calls.iter().all(is_read), "{story}: {calls:?}");
        // A page for each reason, in both lists of flagged orders.
        assert!(calls.len() <= 64 + 16, "{story}: {} calls", calls.len());
    }
}
