//! All of one owner over the API: exported by page, and erased by page.

mod erase;
mod erase_faults;
mod export;

use ledger::{
    Fulfilment, Grant, Order, Paid, PaymentState, Provider, Reference, TopUpCall, TopUpState, Transfer, TransferStatus,
};

use super::holds::{body_of, is_replayed, post, sent};
use super::*;
use crate::fulfil::{PHONE, airtime, tokens};
use crate::stripe::{made, order};

const EXPORT: &str = "/v1/owners/alice/export";
const ERASE: &str = "/v1/owners/alice/personal-data";
const REASON: &str = r#"{"reason":"a request of hers"}"#;
const WALLET: &str = "0xab5801a7d398351b8be11c439e05c5b3259aec9b";

fn erase<'r>(query: &'r str, key: &str, name: &str) -> Sent<'r> {
    Sent { method: "DELETE", query, ..post(ERASE, REASON, key, name) }
}

/// An order of alice that is paid, with this grant.
fn bought(number: &str, grant: Grant) -> Order {
    let mut order = order(number);
    order.terms.grants = vec![grant];
    order.payment = PaymentState::Paid;
    let by = Reference::new(Provider::Stripe, &format!("pi_{number}")).expect("an id");
    order.paid = Some(Paid { by, at: now() });
    order.fulfilment = Fulfilment::Done;
    order
}

/// A phone that is topped up, or not yet.
fn topped_up_phone(number: &str, state: Option<TopUpState>) -> Order {
    let call = |state| TopUpCall { at: now(), state, seq: Some("1".to_owned()), receipt: None };
    Order { top_up_call: state.map(call), ..bought(number, airtime(PHONE)) }
}

fn sent_tokens(number: &str, status: TransferStatus) -> Order {
    let amount = ledger::Amount::parse("10", 18).expect("an amount");
    let transfer = Some(Transfer { id: Some("tx_1".to_owned()), status, amount, at: now() });
    Order { transfer, ..bought(number, tokens(true)) }
}

/// Orders of alice in each state of their delivery, and one of bob.
async fn world_of_orders() -> World {
    let world = world().await;
    made(&world, order("HLPLAIN")).await;
    made(&world, topped_up_phone("HLDONE", Some(TopUpState::Done))).await;
    made(&world, topped_up_phone("HLPENDING", Some(TopUpState::Pending))).await;
    made(&world, sent_tokens("HLSENT", TransferStatus::Completed)).await;
    made(&world, sent_tokens("HLSENDING", TransferStatus::Broadcasting)).await;
    let unpaid = |number: &str| Order { terms: topped_up_phone(number, None).terms, ..order(number) };
    made(&world, unpaid("HLUNPAID")).await;
    made(&world, Order { payment: PaymentState::Expired, ..unpaid("HLEXPIRED") }).await;
    let bob = ledger::Owner::new("bob").expect("an owner");
    made(&world, Order { owner: bob, ..topped_up_phone("HLBOB", Some(TopUpState::Done)) }).await;
    world
}

async fn order_now(world: &World, number: &str) -> Order {
    use ledger::Ledger as _;
    let number = ledger::OrderNumber::new(number).expect("a number");
    world.ledger(0).order(&number, &context(1)).await.expect("read").expect("an order")
}
