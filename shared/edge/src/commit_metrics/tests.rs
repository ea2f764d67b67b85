//! The metrics of each kind of decision.

use ledger::{
    Amount, Currency, EventKey, Fingerprint, Grant, Guard, House, JournalHeader, Money, MoneyKey, Movement, Order,
    OrderNumber, Owner, Payment, PaymentState, Posting, Provider, Reason, Reference, Refund, RefundState, Terms,
    Writer,
};
use testkit::now;

use super::*;

fn alice() -> Owner {
    Owner::new("alice").expect("an owner")
}

/// An order for 19.99 USD that buys 100 credits.
fn order() -> Order {
    let price = Money { amount: Amount::from_units(1_999), currency: Currency::parse("usd").expect("a currency") };
    let grants = vec![Grant::Credits(Asset::CREDITS.parse("100").expect("an amount"))];
    let (product, provider) = ("credits-100".to_owned(), Provider::Stripe);
    let (exchange, referral, site, commissions) = (None, None, None, Vec::new());
    let terms = Terms { provider, product, quantity: 1, price, exchange, grants, commissions, referral, site };
    Order::new(OrderNumber::new("HL1").expect("a number"), alice(), terms, now())
}

fn movement(asset: Asset, units: u64, is_in: bool) -> Effect {
    let (account, amount) = (alice().account(asset), Amount::from_units(units));
    let posting = if is_in {
        Posting::to_customer(account, House::Manual, amount)
    } else {
        Posting::from_customer(account, House::Manual, amount)
    };
    let key = MoneyKey::of_event(&EventKey::new(Writer::Manual, "1").expect("an id"));
    Effect::Move(Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() })
}

fn header() -> JournalHeader {
    let receipt = EventKey::new(Writer::Manual, "1").expect("an id");
    let fingerprints = Fingerprint::of(1, &[]).into();
    JournalHeader { receipt, writer: Writer::Manual, kind: "manual", facts: vec![], fingerprints, order: None }
}

#[test]
fn entry_counts_credits_and_orders_only() {
    let none = CommitMetrics::default();
    let by = Reference::new(Provider::Stripe, "pi_1").expect("an id");
    let paid = order().pay(&Payment { by, money: order().terms.price, at: now() }).expect("the price");
    let usd = Asset::Commission(Currency::parse("usd").expect("a currency"));
    let rows = [
        (vec![], none),
        (vec![movement(Asset::CREDITS, 7, true)], CommitMetrics { nanocredits_in: 7, ..none }),
        (vec![movement(Asset::CREDITS, 7, false)], CommitMetrics { nanocredits_out: 7, ..none }),
        (
            vec![movement(Asset::CREDITS, 7, false), movement(Asset::CREDITS, 2, true)],
            CommitMetrics { nanocredits_in: 2, nanocredits_out: 7, ..none },
        ),
        (vec![movement(usd, 7, true)], none),
        (vec![order().created()], CommitMetrics { orders: 1, ..none }),
        (paid, CommitMetrics { nanocredits_in: 100_000_000_000, orders_paid: 1, ..none }),
        (order().apply_unpaid(PaymentState::Expired), none),
    ];
    let money = |effects: &[Effect]| {
        let entry = Entry { header: header(), effects: effects.to_vec(), keeps_body: false, alarm: None };
        super::paid(&entry).map(|money| money.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(money(&rows[6].0), ["19.99 USD"]);
    assert!(rows[..6].iter().chain(&rows[7..]).all(|(effects, _)| money(effects).is_empty()), "only a payment");
    for (effects, expected) in rows {
        let entry = Entry { header: header(), effects, keeps_body: false, alarm: None };
        assert_eq!(CommitMetrics::of_entry(&entry), expected, "{:?}", entry.effects);
    }
}

/// The first invoice is the payment of the order, which its page has reported. A trial's is about nothing.
#[test]
fn each_later_period_counts_as_paid() {
    let by = |id: &str| Reference::new(Provider::Stripe, id).expect("an id");
    let mut order = order();
    order.terms.grants = vec![Grant::CreditsEachPeriod(Asset::CREDITS.parse("100").expect("an amount"))];
    let price = order.terms.price;
    let payment = |id: &str, money| Payment { by: by(id), money, at: now() };
    let entry = |effects| Entry { header: header(), effects, keeps_body: false, alarm: None };
    let mut paid = Vec::new();
    let mut book = |order: &Order, effects: Vec<Effect>| {
        let after = order.after(&effects).clone();
        paid.extend(super::paid(&entry(effects)).map(|money| money.to_string()));
        after
    };
    let order = book(&order, order.pay(&payment("sub_1", price)).expect("the price"));
    let order = book(&order, order.pay_period(&payment("in_1", price), true).expect("the price"));
    let order = book(&order, order.pay_period(&payment("in_2", price), false).expect("the price"));
    let nothing = Money { amount: Amount::ZERO, ..price };
    let order = book(&order, order.pay_period(&payment("in_3", nothing), false).expect("a trial"));
    assert_eq!(paid, ["19.99 USD", "19.99 USD"]);
    // The refund of a later period counts as refunded.
    let refund = Refund { state: RefundState::Succeeded, amount: Amount::from_units(500) };
    let refunded = order.with_invoice(&by("pi_2"), &by("in_2")).apply_refund(&by("pi_2"), "re_1", refund);
    let refunded: Vec<String> = super::refunded(&entry(refunded)).map(|money| money.to_string()).collect();
    assert_eq!(refunded, ["5 USD"]);
}

/// Once, however often it is reported, and of a growing total what is new.
#[test]
fn refund_counts_what_is_given_back_now() {
    let by = Reference::new(Provider::Stripe, "pi_1").expect("an id");
    let effects = order().pay(&Payment { by: by.clone(), money: order().terms.price, at: now() }).expect("the price");
    let mut order = order().after(&effects).clone();
    let refund = |state, cents| Refund { state, amount: Amount::from_units(cents) };
    for (id, refund, expected) in [
        ("re_1", refund(RefundState::Succeeded, 500), vec!["5 USD"]),
        ("re_1", refund(RefundState::Succeeded, 500), vec![]),
        ("re_2", refund(RefundState::Pending, 300), vec![]),
        ("re_2", refund(RefundState::Succeeded, 300), vec!["3 USD"]),
        ("re_2", refund(RefundState::Failed, 300), vec![]),
    ] {
        let effects = order.apply_refund(&by, id, refund);
        let after = order.after(&effects).clone();
        let entry = Entry { header: header(), effects, keeps_body: false, alarm: None };
        let found: Vec<String> = super::refunded(&entry).map(|money| money.to_string()).collect();
        assert_eq!(found, expected, "{id} {refund:?}");
        assert_eq!(super::paid(&entry).count(), 0, "{id}");
        order = after;
    }
}

#[test]
fn refusal_counts_flagged_orders() {
    let refused = |effects| Refusal { header: header(), reason: Reason::AmountMismatch, effects };
    let flagged = order().apply_unpaid(PaymentState::Failed);
    assert_eq!(CommitMetrics::of_refusal(&refused(vec![])), CommitMetrics::default());
    assert_eq!(
        CommitMetrics::of_refusal(&refused(flagged)),
        CommitMetrics { orders_flagged: 1, ..CommitMetrics::default() }
    );
}
