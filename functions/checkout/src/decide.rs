//! Decides the journal rows of a click, and the session to create at Stripe: pure functions.

use catalog::Product;
use ledger::{Decision, Effect, Entry, EventKey, Fact, Fingerprint, JournalHeader, Money, Order, Writer};
use providers::{Item, NewSession, Price};

use crate::Config;

/// Creates the order and its pointer for the next click, with the effects on the order that it replaces.
pub(crate) fn created(order: &Order, effects: Vec<Effect>) -> Decision {
    let fields = [("owner", order.owner.as_str()), ("order", order.number.as_str())];
    let price = Fact::Text(order.terms.price.to_string());
    let facts = vec![("product", order.terms.product.as_str().into()), ("price", price)];
    let receipt = EventKey::of_order(&order.number);
    let (fingerprints, order) = (Fingerprint::of(1, &fields).into(), Some(order.number.clone()));
    let header = JournalHeader { receipt, writer: Writer::Checkout, kind: "order", facts, fingerprints, order };
    Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
}

/// The order after these effects.
pub(crate) fn order_after(effects: &[Effect], order: &Order) -> Option<Order> {
    effects.iter().find_map(|effect| match effect {
        Effect::Order { order: after, .. } if after.number == order.number => Some((**after).clone()),
        Effect::Order { .. }
        | Effect::Move(_)
        | Effect::Bind { .. }
        | Effect::Revoke { .. }
        | Effect::Refer { .. }
        | Effect::Overdraft { .. }
        | Effect::Point { .. }
        | Effect::Subscription(_)
        | Effect::Wait { .. }
        | Effect::TakePlace { .. }
        | Effect::Rates(_)
        | Effect::Pauses(_)
        | Effect::Received(_)
        | Effect::Code(_)
        | Effect::SetBudget(_)
        | Effect::Key(_)
        | Effect::Member(_)
        | Effect::CountInBudget(_)
        | Effect::ServiceKey(_)
        | Effect::Repair(_) => None,
    })
}

/// The session that pays an order. Equal orders give equal parameters, so that Stripe's idempotency key matches on a
/// retry.
pub(crate) fn session(order: &Order, replaced: Option<&str>, product: &Product, config: &Config) -> NewSession {
    NewSession {
        order: order.number.clone(),
        replaces: replaced.map(str::to_owned),
        stage: config.stage.clone(),
        item: item(order, product, config),
        every: product.every().map(catalog::Every::as_str),
        success_url: config.success_url.clone(),
        cancel_url: config.cancel_url.clone(),
    }
}

fn item(order: &Order, product: &Product, config: &Config) -> Item {
    let (price, quantity) = (order.terms.price, order.terms.quantity);
    if let Some(id) = config.prices.get(product.id()) {
        return Item { price: Price::Id(id.clone()), quantity };
    }
    let name = product.name("en");
    let each = price.amount.share(ledger::Amount::from_units(1), ledger::Amount::from_units(quantity));
    match each.filter(|each| each.checked_mul(quantity) == Some(price.amount)) {
        Some(amount) => {
            Item { price: Price::Inline { name: name.to_owned(), unit: Money { amount, ..price } }, quantity }
        }
        // An exchanged price need not be a multiple of the quantity.
        None => Item { price: Price::Inline { name: format!("{quantity} × {name}"), unit: price }, quantity: 1 },
    }
}
