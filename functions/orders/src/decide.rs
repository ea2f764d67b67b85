//! What is written down: the order, under a receipt with the request's own facts.

use ledger::{CommitError, Effect, Entry, EventKey, Fact, Fingerprint, JournalHeader, Order, Provider};

use crate::parse::Wanted;

pub(crate) fn entry(wanted: &Wanted, order: &Order, place: Option<Effect>) -> Result<Entry, CommitError> {
    let terms = &wanted.terms;
    let quantity = terms.quantity.to_string();
    let provider = wanted.provider.map(Provider::as_str).unwrap_or_default();
    let phone = wanted.phone.as_deref().map(|phone| phone.strip_prefix('+').unwrap_or(phone)).unwrap_or_default();
    let site = terms.site.as_deref().unwrap_or_default();
    // What was asked for, and not what it costs: a price that has changed since makes no other request of the same one.
    let mut asked = vec![
        ("owner", order.owner.as_str()),
        ("product", &terms.product),
        ("quantity", &quantity),
        ("provider", provider),
        ("phone", phone),
        ("site", site),
    ];
    // Where there is none, the request is the same as it was before there were any.
    asked.extend(wanted.wallet.as_deref().map(|wallet| ("wallet", wallet)));
    let header = JournalHeader {
        receipt: EventKey::new("order", order.number.as_str())
            .map_err(|error| CommitError::Refused(Box::new(error)))?,
        source: "orders",
        kind: "order",
        facts: vec![
            ("product", terms.product.as_str().into()),
            ("quantity", Fact::Count(terms.quantity)),
            ("provider", terms.provider.as_str().into()),
            ("price", Fact::Text(terms.price.to_string())),
        ],
        fingerprints: Fingerprint::of(1, &asked).into(),
        order: Some(order.number.clone()),
    };
    let effects = std::iter::once(order.clone().created()).chain(place).collect();
    Ok(Entry { header, effects, keeps_body: false, alarm: None })
}
