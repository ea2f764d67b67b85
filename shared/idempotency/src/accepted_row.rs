//! Serialization of an order's manually accepted payments, by payment id.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{Accepted, Money, Order, PaysFor};

use crate::image::{
    Image, Read, Unreadable, amount, by_id, currency, maybe_amount, number as read_number, reference, word,
};
use crate::names;
use crate::rows::{Row, map, number, text};

pub(crate) fn write(row: &mut Row, order: &Order) {
    let accepted = order.accepted.iter().map(|(id, accepted)| (id.clone(), fields(accepted))).collect();
    row.set_or_remove(names::ACCEPTED, (!order.accepted.is_empty()).then_some(AttributeValue::M(accepted)));
}

fn fields(accepted: &Accepted) -> AttributeValue {
    let Accepted { by, money, pays_for, credits, posted, postings } = accepted;
    let always = [
        (names::PAYMENT, text(by)),
        (names::AMOUNT_UNITS, number(&money.amount.units())),
        (names::CURRENCY, text(&money.currency)),
        (names::PAYS_FOR, text(pays_for.as_str())),
        (names::POSTED_UNITS, number(&posted.units())),
        (names::POSTINGS, number(postings)),
    ];
    map(always.into_iter().chain(credits.map(|credits| (names::CREDITS_UNITS, number(&credits.units())))))
}

/// Empty on an order without manually accepted payments.
pub(crate) fn read(row: &Image) -> Read<BTreeMap<String, Accepted>> {
    if !row.contains_key(names::ACCEPTED) {
        return Ok(BTreeMap::new());
    }
    let accepted = by_id(row, names::ACCEPTED, read_fields)?;
    let is_whole = accepted.iter().all(|(id, accepted)| accepted.by.id() == id);
    if is_whole { Ok(accepted) } else { Err(Unreadable(names::ACCEPTED)) }
}

fn read_fields(fields: &Image) -> Read<Accepted> {
    let money =
        Money { amount: amount(fields, names::AMOUNT_UNITS)?, currency: word(fields, names::CURRENCY, currency)? };
    Ok(Accepted {
        by: word(fields, names::PAYMENT, reference)?,
        money,
        pays_for: word(fields, names::PAYS_FOR, PaysFor::named)?,
        credits: maybe_amount(fields, names::CREDITS_UNITS)?,
        posted: amount(fields, names::POSTED_UNITS)?,
        postings: read_number(fields, names::POSTINGS)?,
    })
}
