//! A sandbox that dies at every await, beside the report of the same request by a webhook or the pull of a log: the use is
//! charged once.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use testkit::{Fault, NetFault};

use super::gateways::{Kind, TOKEN};
use super::*;

const ANSWERED_AFTER: Duration = Duration::from_millis(1);

/// When the report comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    Never,
    /// The gateway reports before it has answered.
    Before,
    After,
    /// Twice by the webhook.
    Twice,
    /// The pull reads it in the gateway's log, before the answer or after it.
    PulledBefore,
    PulledAfter,
    /// By the webhook before the answer, and by the pull after it.
    BothWays,
}

impl Report {
    const ALL: [Self; 7] =
        [Self::Never, Self::Before, Self::After, Self::Twice, Self::PulledBefore, Self::PulledAfter, Self::BothWays];

    const fn is_pulled(self) -> bool {
        matches!(self, Self::PulledBefore | Self::PulledAfter | Self::BothWays)
    }
}

/// Runs the request until it is polled so often, and drops it then. Returns whether it has ended.
async fn run_until<F: Future>(future: F, polls: usize) -> bool {
    let mut future = pin!(future);
    let mut count = 0;
    std::future::poll_fn(move |context| {
        if count == polls {
            return Poll::Ready(false);
        }
        count += 1;
        future.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// As the upstream names its first answer.
async fn answer_id(body: &Value) -> String {
    let reply = Shop::new("10").await.asked(7, body).await;
    let (_, rest) = reply.body.split_once("chatcmpl-").expect("an id");
    format!("chatcmpl-{}", rest.split('"').next().expect("an id"))
}

fn is_called(shop: &Shop) -> bool {
    !shop.net.calls().is_empty()
}

/// Nothing is reported of a request that no upstream has seen.
async fn report(kind: Kind, shop: &Shop, id: &str, attempt: u64) {
    if is_called(shop) {
        kind.report(shop, id, attempt).await;
    }
}

async fn pull(kind: Kind, shop: &Shop, id: &str) {
    if is_called(shop) {
        kind.pull(shop, id).await;
    }
}

#[tokio::test(start_paused = true)]
async fn use_is_charged_once_wherever_the_sandbox_dies_and_whenever_it_is_reported() {
    for kind in Kind::ALL {
        let mut deaths = 0;
        for body in [request("hello"), streamed("hello")] {
            let id = answer_id(&body).await;
            for order in Report::ALL.into_iter().filter(|order| kind.dialect().is_some() || !order.is_pulled()) {
                deaths += die_everywhere(kind, &body, &id, order).await;
            }
        }
        assert!(deaths > 30, "{kind:?}, {deaths} deaths: the store and the upstream answer at once");
    }
}

/// The request dies at its first await, at its second, and so on. Returns how often it has died.
async fn die_everywhere(kind: Kind, body: &Value, id: &str, order: Report) -> usize {
    let event = post(body);
    for polls in 0..500 {
        let shop = Shop::new("10").await;
        // What answers at once is no await.
        let (ledger, _) = shop.world.faulty(1, |_, _| Fault::Delay(ANSWERED_AFTER));
        shop.net.fail(|_, _| NetFault::Delay(ANSWERED_AFTER));
        let chat = shop.chat(ledger, 7, &kind.settings()).await;
        let is_ended = match order {
            Report::Before | Report::PulledBefore | Report::BothWays => {
                // The report arrives as soon as the upstream is called.
                let request = reply_at(&chat, 1, 0, &event);
                let reported = async {
                    while !is_called(&shop) {
                        tokio::time::sleep(ANSWERED_AFTER).await;
                    }
                    if order == Report::PulledBefore {
                        pull(kind, &shop, id).await;
                    } else {
                        report(kind, &shop, id, 50).await;
                    }
                };
                let both = futures_util::future::join(request, reported);
                run_until(Box::pin(both), polls).await
            }
            Report::Never | Report::After | Report::Twice | Report::PulledAfter => {
                run_until(Box::pin(reply_at(&chat, 1, 0, &event)), polls).await
            }
        };
        match order {
            Report::Never | Report::Before | Report::PulledBefore => {}
            Report::PulledAfter | Report::BothWays => pull(kind, &shop, id).await,
            Report::After => report(kind, &shop, id, 51).await,
            Report::Twice => {
                report(kind, &shop, id, 52).await;
                report(kind, &shop, id, 53).await;
            }
        }
        shop.expire_all().await;
        report(kind, &shop, id, 54).await;
        let case = format!("{kind:?} {order:?} at {polls}");
        let charges = charges(&shop);
        assert_eq!(shop.held(), 0, "{case}");
        assert!(charges.len() <= 1, "{case}: {charges:?}");
        assert!(!is_called(&shop) || charges.len() == 1, "{case}: what was generated is charged");
        if is_ended {
            assert_eq!(charges, [kind.usage(id).to_string()], "{case}: the settlement has the name of the report");
            return polls;
        }
    }
    panic!("{kind:?} {order:?}: it does not end");
}

/// The journal keys of what alice was charged.
fn charges(shop: &Shop) -> Vec<String> {
    let books = shop.world.books();
    books.check();
    let of_alice = books.journal.into_iter().filter(|(_, row)| row.account.as_deref() == Some("alice/credits"));
    of_alice.filter(|(_, row)| row.change < 0).map(|(id, _)| id).collect()
}

/// An answer whose ids are lost on their way is settled under the name of its hold, and its report charges no one.
#[tokio::test(start_paused = true)]
async fn answer_without_its_ids_is_charged_under_the_name_of_its_hold() {
    let lost = [
        (Kind::Litellm, NetFault::Altered("\"id\":\"chatcmpl-", "\"_\":\"chatcmpl-")),
        (Kind::Openrouter, NetFault::Altered("\"id\":\"chatcmpl-", "\"id\":7,\"_\":\"chatcmpl-")),
    ];
    for (kind, fault) in lost {
        for body in [request("hello"), streamed("hello")] {
            let id = answer_id(&body).await;
            let shop = Shop::new("10").await;
            shop.net.fail(move |_, _| fault);
            let chat = shop.chat(shop.world.ledger(1), 7, &kind.settings()).await;
            let reply = reply_at(&chat, 1, 0, &post(&body)).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            kind.report(&shop, &id, 50).await;
            let hold = header(&reply, "x-request-id").expect("an id");
            assert_eq!(charges(&shop), [format!("usage#{hold}")], "{kind:?}");
        }
    }
}

/// A token that is the caller's own is charged by what comes first, and one of another owner charges that one.
#[tokio::test(start_paused = true)]
async fn report_on_an_account_is_charged_once_there() {
    for (owner, both) in [("alice", false), ("bob", true)] {
        for is_reported_first in [false, true] {
            let shop = Shop::new("10").await;
            crate::sandbox::open_account(&shop.world, owner, TOKEN, "10").await;
            let kind = Kind::NewApi;
            let chat = shop.chat(shop.world.ledger(1), 7, &kind.settings()).await;
            let body = request("slow");
            let (event, id) = (post(&body), answer_id(&body).await);
            let id = id.as_str();
            let before: i128 = shop.world.books().accounts.values().map(|account| account.balance).sum();
            if is_reported_first {
                let request = Box::pin(reply_at(&chat, 1, 0, &event));
                let reported = async {
                    while !is_called(&shop) {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    report(kind, &shop, id, 50).await;
                };
                let (reply, ()) = futures_util::future::join(request, reported).await;
                assert_eq!(reply.status, 200);
            } else {
                reply_at(&chat, 1, 0, &event).await;
                report(kind, &shop, id, 51).await;
            }
            let books = shop.world.books();
            books.check();
            let charges = books.journal.values().filter(|row| row.change < 0).count();
            let expected = if both && is_reported_first { 2 } else { 1 };
            assert_eq!(charges, expected, "{owner} first: {is_reported_first}");
            let after: i128 = books.accounts.values().map(|account| account.balance).sum();
            assert!(after < before && shop.held() == 0);
        }
    }
}
