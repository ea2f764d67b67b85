//! Decides an order's journal row: its receipt, and a fingerprint of the request for idempotency.

use ledger::{Effect, Entry, EventKey, Fact, Fingerprint, JournalHeader, Order, Provider, Writer};

use crate::parse::Wanted;

pub(crate) fn entry(wanted: &Wanted<'_>, order: &Order, place: Option<Effect>) -> Entry {
    let terms = &order.terms;
    let quantity = terms.quantity.to_string();
    let provider = wanted.provider.map(Provider::as_str).unwrap_or_default();
    let phone = wanted.phone.as_deref().map(|phone| phone.strip_prefix('+').unwrap_or(phone)).unwrap_or_default();
    let site = terms.site.as_deref().unwrap_or_default();
    // The request without its price: after a change of price, a retry under the same idempotency key is still the same
    // request.
    let mut request = vec![
        ("owner", order.owner.as_str()),
        ("product", &terms.product),
        ("quantity", &quantity),
        ("provider", provider),
        ("phone", phone),
        ("site", site),
    ];
    // Left out if absent, so that the fingerprint equals that of requests before wallets existed.
    request.extend(wanted.wallet.as_deref().map(|wallet| ("wallet", wallet)));
    let header = JournalHeader {
        receipt: EventKey::of_order(&order.number),
        writer: Writer::Orders,
        kind: "order",
        facts: vec![
            ("product", terms.product.as_str().into()),
            ("quantity", Fact::Count(terms.quantity)),
            ("provider", terms.provider.as_str().into()),
            ("price", Fact::Text(terms.price.to_string())),
        ],
        fingerprints: Fingerprint::of(1, &request).into(),
        order: Some(order.number.clone()),
    };
    let effects = std::iter::once(order.clone().created()).chain(place).collect();
    Entry { header, effects, keeps_body: false, alarm: None }
}
