//! Chat: answers, refusals, holds over rows that exist, lots past their date, budgets, rates and breakers.

use testkit::{Call, Fault};

use super::lots_past_their_date;
use crate::chat::{KEY, Shop, post, reply_at, request, streamed};

/// Every call to the store of requests of each kind.
pub(super) async fn calls() -> Vec<Call> {
    let shop = Shop::new("10").await;
    lots_past_their_date(&shop.world).await;
    crate::chat::limited(&shop.world, KEY, "5").await;
    let (ledger, faults) = shop.world.faulty(1, |_, _| Fault::None);
    let chat = shop.chat(ledger.noting_use(), 1, &[("LLM_REPORTED_KEY", "17")]).await;
    let words = ["hello", "hello trickle", "fail-500", "fail-500", "fail-500", "hello"];
    for (attempt, word) in (1..).zip(words) {
        for body in [request(word), streamed(word)] {
            reply_at(&chat, attempt, 40 * i64::try_from(attempt).expect("small"), &post(&body)).await;
        }
    }
    // A lost answer has both rows read.
    let mut is_lost = false;
    let (ledger, lost) = shop.world.faulty(2, move |_, operation| {
        is_lost = operation == "TransactWriteItems" && !is_lost;
        if is_lost { Fault::DropResponse } else { Fault::None }
    });
    let chat = shop.chat(ledger, 2, &[]).await;
    reply_at(&chat, 20, 600, &post(&request("hello"))).await;
    [faults.calls(), lost.calls()].concat()
}
