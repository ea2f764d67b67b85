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
        let chat = shop.chat(shop.world.ledger(1), 7, &[]).await;
        let event = post(&body);
        let replies = join_all((0..64).map(|attempt| Box::pin(reply_at(&chat, attempt, 0, &event)))).await;
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
