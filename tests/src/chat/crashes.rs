//! A sandbox that dies at every await, beside the report of the same request by a webhook or the pull of a log: the use is
//! charged once.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use fakes::new_api::Logged;
use ledger::{EventKey, Source};
use testkit::{Fault, NetFault, logged};

use super::*;
use crate::reconcile::gateway_log::Gateway;
use crate::sandbox::Sandbox;

/// Our token at the gateway, which is no owner's.
const TOKEN: &str = "17";
const ANSWERED_AFTER: Duration = Duration::from_millis(1);
/// A run reads what is older than its overlap.
const PULLED_AFTER_S: i64 = 600;

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

/// The id of the event in which a gateway reports the first request that it answers.
async fn reported_id(body: &Value) -> String {
    let reply = Shop::new("10").await.asked(7, body).await;
    let (_, rest) = reply.body.split_once("chatcmpl-").expect("an id");
    let id = rest.split('"').next().expect("an id");
    format!("new-api-{id}-{TOKEN}")
}

/// A run of `reconcile` finds the request in the gateway's log.
async fn pull(shop: &Shop, id: &str, after_s: i64) {
    if !is_called(shop) {
        return;
    }
    let gateway = Gateway::beside(shop.world.clone());
    let request = id.strip_prefix("new-api-").and_then(|id| id.strip_suffix(&format!("-{TOKEN}"))).expect("an id");
    gateway.log(Logged { token_id: TOKEN.parse().expect("a number"), ..logged(request, now()) });
    let report = gateway.run_over(shop.world.ledger(60), after_s).await.expect("a run");
    assert_eq!((report.read, report.failed), (1, 0), "{report:?}");
}

fn is_called(shop: &Shop) -> bool {
    !shop.net.calls().is_empty()
}

/// Nothing is reported of a request that no upstream has seen.
async fn report(shop: &Shop, id: &str, attempt: u64) {
    if !is_called(shop) {
        return;
    }
    let body = testkit::usage(id, TOKEN, "0.5").to_string();
    let sandbox = Sandbox::faultless(&shop.world).await;
    sandbox.deliver(&body, &crate::sandbox::moment_at(attempt, now())).await.expect("alive");
}

#[tokio::test(start_paused = true)]
async fn use_is_charged_once_wherever_the_sandbox_dies_and_whenever_it_is_reported() {
    let settings = [("LLM_REPORTED_KEY", TOKEN)];
    let mut deaths = 0;
    for body in [request("hello"), streamed("hello")] {
        let (event, id) = (post(&body), reported_id(&body).await);
        let id = id.as_str();
        for order in Report::ALL {
            let mut polls = 0;
            loop {
                let shop = Shop::new("10").await;
                // What answers at once is no await.
                let (ledger, _) = shop.world.faulty(1, |_, _| Fault::Delay(ANSWERED_AFTER));
                shop.net.fail(|_, _| NetFault::Delay(ANSWERED_AFTER));
                let chat = shop.chat(ledger, 7, &settings).await;
                let is_ended = match order {
                    Report::Before | Report::PulledBefore | Report::BothWays => {
                        // The report arrives as soon as the upstream is called.
                        let request = reply_at(&chat, 1, 0, &event);
                        let reported = async {
                            while !is_called(&shop) {
                                tokio::time::sleep(ANSWERED_AFTER).await;
                            }
                            if order == Report::PulledBefore {
                                pull(&shop, id, PULLED_AFTER_S).await;
                            } else {
                                report(&shop, id, 50).await;
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
                    Report::PulledAfter | Report::BothWays => pull(&shop, id, PULLED_AFTER_S).await,
                    Report::After => report(&shop, id, 51).await,
                    Report::Twice => {
                        report(&shop, id, 52).await;
                        report(&shop, id, 53).await;
                    }
                }
                shop.expire_all().await;
                report(&shop, id, 54).await;
                let case = format!("{order:?} at {polls}");
                let books = shop.world.books();
                books.check();
                assert_eq!(shop.held(), 0, "{case}");
                let charges: Vec<&String> = books
                    .journal
                    .iter()
                    .filter(|(_, row)| row.account.as_deref() == Some("alice/credits") && row.change < 0)
                    .map(|(id, _)| id)
                    .collect();
                assert!(charges.len() <= 1, "{case}: {charges:?}");
                assert!(!is_called(&shop) || charges.len() == 1, "{case}: what was generated is charged");
                if is_ended {
                    let usage = EventKey::new(Source::Usage, id).expect("an id").to_string();
                    assert_eq!(charges, [&usage], "{case}: the settlement has the name of the report");
                    break;
                }
                deaths += 1;
                polls += 1;
                assert!(polls < 500, "{case}");
            }
        }
    }
    assert!(deaths > 60, "{deaths} deaths: the store and the upstream answer at once");
}

/// A token that is the caller's own is charged by what comes first, and one of another owner charges that one.
#[tokio::test(start_paused = true)]
async fn report_on_an_account_is_charged_once_there() {
    for (owner, both) in [("alice", false), ("bob", true)] {
        for is_reported_first in [false, true] {
            let shop = Shop::new("10").await;
            crate::sandbox::open_account(&shop.world, owner, TOKEN, "10").await;
            let chat = shop.chat(shop.world.ledger(1), 7, &[("LLM_REPORTED_KEY", TOKEN)]).await;
            let body = request("slow");
            let (event, id) = (post(&body), reported_id(&body).await);
            let id = id.as_str();
            let before: i128 = shop.world.books().accounts.values().map(|account| account.balance).sum();
            if is_reported_first {
                let request = Box::pin(reply_at(&chat, 1, 0, &event));
                let reported = async {
                    while !is_called(&shop) {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                    report(&shop, id, 50).await;
                };
                let (reply, ()) = futures_util::future::join(request, reported).await;
                assert_eq!(reply.status, 200);
            } else {
                reply_at(&chat, 1, 0, &event).await;
                report(&shop, id, 51).await;
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
