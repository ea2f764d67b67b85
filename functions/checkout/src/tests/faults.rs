//! Every single fault at every call of Stripe and DynamoDB; after it the buyer clicks until it works, pays, and
//! returns.

use std::collections::BTreeSet;
use std::time::Duration;

use testkit::Fault;

use super::*;

/// Longer than any injected delay.
const SETTLED: Duration = Duration::from_secs(10);
const CLICKS_MAX: u64 = 8;

/// The buyer's state before the click that meets a fault.
#[derive(Debug, Clone, Copy)]
enum Before {
    Nothing,
    /// A page is open.
    Opened,
    /// A page for another quantity is open.
    OtherQuantity,
    /// The page is paid.
    Paid,
    /// The page has expired.
    Expired,
    /// The page was paid from a bank account, and the bank refused.
    Refused,
}

impl Before {
    const ALL: [Self; 6] = [Self::Nothing, Self::Opened, Self::OtherQuantity, Self::Paid, Self::Expired, Self::Refused];

    async fn shop(self) -> (Shop, Handed) {
        let (mut shop, mut handed) = (Shop::new().await, Handed::default());
        let body = match self {
            Self::Nothing => return (shop, handed),
            Self::OtherQuantity => r#"{"product":"credits-100","quantity":2}"#,
            Self::Opened | Self::Paid | Self::Expired | Self::Refused => CREDITS,
        };
        let reply = shop.click(99, body).await;
        handed.take(&reply);
        match self {
            Self::Paid => drop(shop.net.pay(&word(&reply, "sessionId"))),
            Self::Expired => shop.later(86_400),
            Self::Refused => {
                shop.net.pay_with(&word(&reply, "sessionId"), "000222222227");
                shop.net.bank_answers(&word(&reply, "sessionId"));
            }
            Self::Nothing | Self::Opened | Self::OtherQuantity => {}
        }
        (shop, handed)
    }
}

/// The sessions whose links the buyer has.
#[derive(Debug, Default)]
struct Handed(BTreeSet<String>);

impl Handed {
    fn take(&mut self, reply: &Reply) {
        let id = word(reply, "sessionId");
        if !id.is_empty() {
            self.0.insert(id);
        }
    }

    fn open(&self, shop: &Shop) -> Vec<String> {
        self.0.iter().filter(|id| shop.net.is_open(id)).cloned().collect()
    }
}

#[tokio::test(start_paused = true)]
async fn stripe_fault_at_any_call_is_recovered_by_clicks() {
    for (before, fault) in
        Before::ALL.iter().flat_map(|before| StripeNet::transient_faults().into_iter().map(|fault| (*before, fault)))
    {
        for at in 0..4 {
            for always in [false, true] {
                let (shop, handed) = before.shop().await;
                shop.net.fail(move |call, _| if call == at || (always && call > at) { fault } else { NetFault::None });
                let reply = shop.click(1, CREDITS).await;
                shop.net.recover();
                recovers(&shop, handed, Some(reply), &format!("{before:?}, {fault:?} at {at}, {always}")).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn store_fault_at_any_call_is_recovered_by_clicks() {
    for (before, fault) in Before::ALL.iter().flat_map(|before| Fault::ALL.map(|fault| (*before, fault))) {
        for at in 0..9 {
            let (shop, handed) = before.shop().await;
            let (ledger, faults) = shop.world.faulty(1, move |call, _| if call == at { fault } else { Fault::None });
            let function = shop.function(1, ledger).await;
            let (event, invocation) = (event(CREDITS), shop.invocation(1));
            let reply = tokio::select! {
                biased;
                reply = function.answer(&event, &invocation) => Some(reply),
                () = faults.killed() => None,
            };
            recovers(&shop, handed, reply, &format!("{before:?}, {fault:?} at {at}")).await;
        }
    }
}

/// Clicks until the reply has one page or a paid order; pays; returns.
async fn recovers(shop: &Shop, mut handed: Handed, mut last: Option<Reply>, row: &str) {
    for attempt in 2..=CLICKS_MAX {
        if let Some(reply) = last.as_ref().filter(|reply| reply.status < 300) {
            handed.take(reply);
            break;
        }
        assert!(last.as_ref().is_none_or(|reply| reply.status >= 500), "{row}: {last:?}");
        tokio::time::sleep(SETTLED).await;
        last = Some(shop.click(attempt, CREDITS).await);
    }
    tokio::time::sleep(SETTLED).await;
    let reply = last.filter(|reply| reply.status < 300).unwrap_or_else(|| panic!("{row}: no reply"));
    shop.world.books().check();
    let open = handed.open(shop);
    if word(&reply, "status") == "unpaid" {
        assert_eq!(open, [word(&reply, "sessionId")], "{row}: one page, and this is the one");
        let again = shop.click(20, CREDITS).await;
        assert_eq!((again.status, again.body), (200, reply.body.clone()), "{row}");
        shop.net.pay(&word(&reply, "sessionId"));
        for attempt in [21, 22] {
            let order = format!(r#"{{"orderNumber":"{}"}}"#, word(&reply, "orderNumber"));
            let paid = shop.click(attempt, &order).await;
            assert_eq!(summary(&paid), is(200, "paid"), "{row}");
        }
    } else {
        assert_eq!((summary(&reply), open), (is(200, "paid"), Vec::new()), "{row}");
    }
    let books = shop.world.books();
    books.check();
    let paid: Vec<_> = books.orders.values().filter(|order| order.payment == "paid").collect();
    assert!(paid.iter().all(|order| order.posted == 100_000_000_000 && order.anomaly.is_none()), "{row}");
    let credits: i128 = paid.iter().map(|order| order.posted).sum();
    assert_eq!(books.balance("alice/credits"), credits, "{row}");
    assert!(paid.len() == 1 || row.starts_with("Paid"), "{row}: {} are paid", paid.len());
    // After a refusal: the failed page and the one that replaced it.
    let pages = if row.starts_with("Refused") { 2 } else { 1 };
    let opened = |order: &String| {
        books.pointers.iter().filter(|(from, to)| from.starts_with("stripe#cs_") && *to == order).count()
    };
    assert!(books.orders.keys().all(|order| opened(order) <= pages), "{row}: one session for an order");
}
