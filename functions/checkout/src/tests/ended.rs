//! Clicks after a page has ended in each possible way, as a table. In every case at most one page can be paid, and the
//! buyer has its link.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use ledger::PaymentState;

use super::failures::closed;
use super::*;

const TWO: &str = r#"{"product":"credits-100","quantity":2}"#;
/// Test accounts of Stripe's sandbox: the bank pays the first and refuses the second.
const PAYS: &str = "000123456789";
const REFUSES: &str = "000222222227";

/// The state of the last order's page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Open,
    /// The first card was declined; the page is still open.
    Declined,
    /// Paid from a bank account; the bank has not answered yet.
    Debited,
    /// The bank refused, days later.
    Refused,
    /// The bank has paid, and no webhook has arrived.
    Paid,
    Expired,
    /// Paid with an amount other than the order's.
    OtherAmount,
    OtherCurrency,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Click {
    Same,
    Two,
    Number,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gets {
    /// The page that was open.
    SamePage,
    /// Another page of the same order.
    NextPage,
    /// Another order with its own page.
    NextOrder,
    /// No page: status and word.
    ApiOutcome(u16, &'static str),
}

impl Page {
    /// The shop, the order's number and its session. `is_known`: whether the webhook has arrived.
    async fn shop(self, is_known: bool) -> (Shop, String, String) {
        let mut shop = Shop::new().await;
        let first = shop.click(99, CREDITS).await;
        let (number, session) = (word(&first, "orderNumber"), word(&first, "sessionId"));
        let read = format!("GET /v1/checkout/sessions/{session}");
        let altered = |this, that| {
            move |_: usize, what: &str| {
                if what == read { NetFault::Altered(this, that) } else { NetFault::None }
            }
        };
        match self {
            Self::Open => {}
            Self::Declined => drop(shop.net.pay_with(&session, "4000000000000002")),
            Self::Debited => drop(shop.net.pay_with(&session, PAYS)),
            Self::Refused | Self::Paid => {
                shop.net.pay_with(&session, if self == Self::Paid { PAYS } else { REFUSES });
                shop.net.bank_answers(&session);
            }
            Self::Expired => shop.later(86_400),
            Self::OtherAmount => {
                shop.net.pay(&session);
                shop.net.fail(altered("\"amount_total\":999", "\"amount_total\":998"));
            }
            Self::OtherCurrency => {
                shop.net.pay(&session);
                shop.net.fail(altered("\"currency\":\"usd\"", "\"currency\":\"mnt\""));
            }
        }
        match self {
            Self::Declined | Self::Refused if is_known => closed(&shop, &number, PaymentState::Failed).await,
            Self::Expired if is_known => closed(&shop, &number, PaymentState::Expired).await,
            Self::OtherAmount | Self::OtherCurrency if is_known => {
                assert_eq!(summary(&shop.click(98, &of(&number)).await), is(409, "payment_mismatch"));
            }
            Self::Open
            | Self::Declined
            | Self::Debited
            | Self::Refused
            | Self::Paid
            | Self::Expired
            | Self::OtherAmount
            | Self::OtherCurrency => {}
        }
        (shop, number, session)
    }
}

fn of(number: &str) -> String {
    format!(r#"{{"orderNumber":"{number}"}}"#)
}

#[tokio::test(start_paused = true)]
async fn click_after_a_page_gives_the_page_of_the_table() {
    use Click::{Number, Same, Two};
    use Gets::{ApiOutcome, NextOrder, NextPage, SamePage};
    // For each click (the same product, another quantity, the order by number): its result, and the earlier order's
    // state after it.
    let rows = [
        (Page::Open, [(Same, SamePage, "unpaid"), (Two, NextOrder, "expired"), (Number, SamePage, "unpaid")]),
        (Page::Declined, [(Same, SamePage, ""), (Two, NextOrder, "expired"), (Number, SamePage, "")]),
        (Page::Debited, [Same, Two, Number].map(|click| (click, ApiOutcome(409, "payment_processing"), "unpaid"))),
        (Page::Refused, [(Same, NextPage, ""), (Two, NextOrder, "expired"), (Number, NextPage, "")]),
        (Page::Paid, [Same, Two, Number].map(|click| (click, ApiOutcome(200, "paid"), "paid"))),
        (
            Page::Expired,
            [
                (Same, NextOrder, "expired"),
                (Two, NextOrder, "expired"),
                (Number, ApiOutcome(409, "order_expired"), "expired"),
            ],
        ),
        (
            Page::OtherAmount,
            [(Same, NextOrder, ""), (Two, NextOrder, ""), (Number, ApiOutcome(409, "payment_mismatch"), "canceled")],
        ),
        (
            Page::OtherCurrency,
            [(Same, NextOrder, ""), (Two, NextOrder, ""), (Number, ApiOutcome(409, "payment_mismatch"), "canceled")],
        ),
    ];
    for (page, (click, gets, before), is_known) in rows
        .iter()
        .flat_map(|(page, clicks)| clicks.map(|click| (*page, click)))
        .flat_map(|(page, click)| [(page, click, false), (page, click, true)])
    {
        let row = format!("{page:?} {click:?}, known: {is_known}");
        let (shop, number, session) = page.shop(is_known).await;
        let body = match click {
            Same => CREDITS.to_owned(),
            Two => TWO.to_owned(),
            Number => of(&number),
        };
        let reply = shop.click(1, &body).await;
        let (order, on) = (word(&reply, "orderNumber"), word(&reply, "sessionId"));
        let got = match reply.status {
            200 if on == session => SamePage,
            201 if order == number && on != session => NextPage,
            201 if order != number && on != session => NextOrder,
            // A result without a page is compared below.
            _ => gets,
        };
        assert_eq!(got, gets, "{row}: {reply:?}");
        if let ApiOutcome(status, text) = gets {
            assert_eq!(summary(&reply), is(status, text), "{row}");
            assert_eq!(shop.net.open(), Vec::<String>::new(), "{row}");
        } else {
            assert_eq!(shop.net.open(), [on], "{row}: one page, and its link is here");
            let again = shop.click(2, &body).await;
            assert_eq!((again.status, &again.body), (200, &reply.body), "{row}: and the next click shows it again");
        }
        if !before.is_empty() {
            assert_eq!(shop.payment(&number), before, "{row}");
        }
        let books = shop.world.books();
        books.check();
        let mismatch = matches!(page, Page::OtherAmount | Page::OtherCurrency);
        assert_eq!(books.order(&number).anomaly.is_some(), mismatch, "{row}");
        let credits = if page == Page::Paid { 100_000_000_000 } else { 0 };
        assert_eq!(books.balance("alice/credits"), credits, "{row}");
    }
}

/// Each status of the payment intent under a complete and unpaid session.
#[tokio::test(start_paused = true)]
async fn unpaid_session_is_replaced_only_if_its_intent_failed() {
    let rows = [
        ("requires_payment_method", is(201, "unpaid")),
        ("canceled", is(201, "unpaid")),
        ("processing", is(409, "payment_processing")),
        ("requires_action", is(409, "payment_processing")),
        ("requires_confirmation", is(409, "payment_processing")),
        ("requires_capture", is(409, "payment_processing")),
        ("succeeded", is(409, "payment_processing")),
        ("unheard_of", is(502, "stripe_unreadable")),
    ];
    for (status, expected) in rows {
        for body in [CREDITS, TWO] {
            let (shop, number, session) = Page::Debited.shop(false).await;
            let that: &'static str = format!("\"status\":\"{status}\"").leak();
            shop.net.fail(move |_, what| {
                let is_intent = what.starts_with("GET /v1/payment_intents/pi_");
                if is_intent { NetFault::Altered("\"status\":\"processing\"", that) } else { NetFault::None }
            });
            let before = shop.world.books();
            let reply = shop.click(1, body).await;
            assert_eq!(summary(&reply), expected, "{status} {body}");
            if expected.0 == 201 {
                assert_eq!(word(&reply, "orderNumber") == number, body == CREDITS, "{status} {body}");
            } else {
                assert_eq!((shop.world.books(), shop.net.is_open(&session)), (before, false), "{status} {body}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_clicks_after_a_refusal_open_one_page() {
    for body in [CREDITS, TWO] {
        let (shop, _, session) = Page::Refused.shop(true).await;
        let replies = join_all((1..21).map(|attempt| shop.click(attempt, body))).await;
        let bodies: BTreeSet<&str> = replies.iter().map(|reply| reply.body.as_str()).collect();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
        let open = shop.net.open();
        assert_eq!(open, [word(&replies[0], "sessionId")]);
        assert_ne!(open, [session]);
    }
}

/// The second page of an order is paid by card: its credits are granted once, and late reports of the first page change
/// nothing.
#[tokio::test(start_paused = true)]
async fn failed_order_is_paid_on_its_second_page() {
    let (shop, number, first) = Page::Refused.shop(true).await;
    let second = shop.click(1, CREDITS).await;
    assert_eq!((summary(&second), word(&second, "orderNumber")), (is(201, "failed"), number.clone()));
    shop.net.pay(&word(&second, "sessionId"));
    assert_eq!(summary(&shop.click(2, CREDITS).await), is(200, "paid"));
    closed(&shop, &number, PaymentState::Failed).await;
    assert_eq!(summary(&shop.click(3, &of(&number)).await), is(200, "paid"));
    let books = shop.world.books();
    books.check();
    assert_eq!((books.balance("alice/credits"), books.order(&number).anomaly.as_deref()), (100_000_000_000, None));
    assert_ne!(word(&second, "sessionId"), first);
}
