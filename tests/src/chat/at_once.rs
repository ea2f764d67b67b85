//! Many requests at once, on a balance that suffices for some.

use futures_util::future::join_all;

use super::*;

/// Each holds its most while the upstream thinks: exactly ten fit.
#[tokio::test(start_paused = true)]
async fn sixty_four_requests_at_once_never_fall_below_the_line() {
    for body in [request("slow"), streamed("slow")] {
        let one = Shop::new("10").await;
        let reply = one.asked(1, &body).await;
        let held = one.hold(header(&reply, "x-request-id").expect("an id")).await.amount.units();
        let cost = 10 * 1_000_000_000 - one.balance();
        let credits = ledger::Asset::CREDITS.format(ledger::Amount::from_wide(held * 10).expect("small"));

        let shop = Shop::new(&credits).await;
        // Sandboxes with caches of their own, over one store.
        let mut sandboxes = Vec::new();
        for seed in 1..=4 {
            sandboxes.push(shop.chat(shop.world.ledger(seed), 7 + seed, &[]).await);
        }
        let event = post(&body);
        let at_once = (0_u64..).zip(sandboxes.iter().cycle().take(64));
        let at_once = at_once.map(|(attempt, chat)| Box::pin(reply_at(chat, attempt, 0, &event)));
        let replies = join_all(at_once).await;
        let answered = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(answered, 10);
        for reply in replies.iter().filter(|reply| reply.status != 200) {
            assert_eq!(code_of(reply), (402, "insufficient_credits".to_owned(), String::new()));
        }
        let books = shop.world.books();
        books.check();
        let account = &books.accounts["alice/credits"];
        assert_eq!(account.held, 0);
        assert_eq!(account.balance, i128::try_from(held * 10).expect("small") - cost * 10, "every answer is paid for");
        assert_eq!(shop.net.calls().len(), 10, "no upstream is called for a caller who cannot pay");
    }
}

/// The sandboxes share the count, which the transaction of the hold keeps.
#[tokio::test(start_paused = true)]
async fn key_has_so_many_open_calls_over_all_sandboxes() {
    let limit = [("CHAT_OPEN_CALLS_MAX", "3")];
    for body in [request("slow"), streamed("slow")] {
        let shop = Shop::new("100").await;
        api_key(&shop.world.ledger(0), "alice", "another-key-of-alice").await;
        let (one, other) =
            (shop.chat(shop.world.ledger(1), 1, &limit).await, shop.chat(shop.world.ledger(2), 2, &limit).await);
        let (event, of_other_key) = (post(&body), post_by("another-key-of-alice", &body.to_string()));
        let at_once = (0..8).map(|attempt| {
            let chat = if attempt % 2 == 0 { &one } else { &other };
            Box::pin(reply_at(chat, attempt, 0, &event))
        });
        let (replies, unlimited) =
            futures_util::future::join(join_all(at_once), reply_at(&one, 20, 0, &of_other_key)).await;
        assert_eq!(unlimited.status, 200, "another key of the same owner has calls of its own");
        let refused: Vec<&Reply> = replies.iter().filter(|reply| reply.status != 200).collect();
        assert_eq!(refused.len(), 5, "three are open at once");
        for reply in refused {
            assert_eq!(code_of(reply), (429, "too_many_open_calls".to_owned(), String::new()));
            assert_eq!(json_of(reply)["error"]["type"], "rate_limit_error");
            assert_eq!(header(reply, "retry-after"), Some("1"));
        }
        assert_eq!(shop.net.calls().len(), 4, "no upstream is called for the others");
        assert_eq!((reply_at(&other, 21, 0, &event).await.status, shop.held()), (200, 0), "each has ended");
        assert!(!row_of_alice(&shop).to_string().contains("calls_of_"), "and nothing is left of it");
    }
}

/// A call whose sandbox has died is open until its hold expires.
#[tokio::test(start_paused = true)]
async fn open_call_of_a_dead_sandbox_ends_with_its_hold() {
    let limit = [("CHAT_OPEN_CALLS_MAX", "1")];
    let shop = Shop::new("100").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &limit).await;
    let (hangs, event) = (post(&request("hangs")), post(&request("hello")));
    let died = tokio::time::timeout(Duration::from_secs(5), Box::pin(reply_at(&chat, 1, 0, &hangs))).await;
    assert!(died.is_err(), "it hangs");
    let other = shop.chat(shop.world.ledger(2), 2, &limit).await;
    assert_eq!(code_of(&reply_at(&other, 2, 10, &event).await).1, "too_many_open_calls");
    assert_eq!(shop.expire_all().await.len(), 1);
    assert_eq!(reply_at(&other, 3, EXPIRED_S, &event).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn no_limit_and_a_free_model_leave_no_call_open() {
    let mut free = request("slow");
    free["model"] = "qwen-2.5-0.5b:free".into();
    for (limit, body) in [("0", request("slow")), ("1", free)] {
        let shop = Shop::new("100").await;
        let chat = shop.chat(shop.world.ledger(1), 1, &[("CHAT_OPEN_CALLS_MAX", limit)]).await;
        let event = post(&body);
        let replies = join_all((0..40).map(|attempt| Box::pin(reply_at(&chat, attempt, 0, &event)))).await;
        let limited = replies.iter().filter(|reply| reply.status == 429).count();
        assert_eq!(limited, 0, "{limit} {body}");
    }
}

/// The row as it is stored.
fn row_of_alice(shop: &Shop) -> Value {
    let table = format!("hookledger-{}-accounts", testkit::STAGE);
    let read = json!({ "TableName": table, "Key": { "id": { "S": "alice/credits" } } });
    shop.world.engine.request("GetItem", &read).expect("an answer")["Item"].clone()
}

#[tokio::test(start_paused = true)]
async fn key_with_a_rate_is_refused_above_it() {
    let shop = Shop::new("10").await;
    crate::account_api::rates::limit(&shop.world, "alice", 3).await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let event = post(&request("hello"));
    let replies = join_all((0..5).map(|attempt| Box::pin(reply_at(&chat, attempt, 0, &event)))).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 3);
    let refused = replies.iter().find(|reply| reply.status == 429).expect("above the rate");
    assert_eq!(code_of(refused).1, "rate_exceeded");
    assert_eq!(header(refused, "retry-after"), Some("60"));
}
