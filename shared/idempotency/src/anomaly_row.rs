//! Serialization of an order's anomalies: the list, and the first open reason as the key of a sparse index.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{Anomalies, Anomaly, CallContext, Flag, Money, Order, PaysFor, Reason, RefusedPayment, Resolution};

use crate::image::{Image, Read, Unreadable, amount, currency, flag, maybe, owned, reference, word};
use crate::names;
use crate::rows::{Row, map, number, text};

const UNREADABLE: Unreadable = Unreadable(names::ANOMALY_DETAILS);

pub(crate) fn write(row: &mut Row, order: &Order, context: &CallContext<'_>) {
    let anomalies = &order.anomalies;
    let list = AttributeValue::L(anomalies.listed().map(details).collect());
    row.set_or_remove(names::ANOMALY_DETAILS, (!anomalies.is_empty()).then_some(list));
    let unlisted = anomalies.unlisted().iter().map(number).collect();
    row.set_or_remove(
        names::ANOMALIES_UNLISTED,
        (!anomalies.unlisted().is_empty()).then_some(AttributeValue::L(unlisted)),
    );
    let reason = order.flagged_for();
    row.set_or_remove(names::ANOMALY_REASON, reason.map(|reason| text(&word_of(reason))));
    if reason.is_some() {
        row.set_first(names::ANOMALY_AT, text(&context.received_at));
    } else {
        row.remove(names::ANOMALY_AT);
    }
}

fn details(flag: &Flag) -> AttributeValue {
    let Flag { anomaly: Anomaly { reason, details, payment }, resolution } = flag;
    let mut fields = vec![
        (names::REASON, text(&word_of(*reason))),
        (names::DETAILS, text(details)),
        (names::STATE, text(resolution.as_str())),
    ];
    if let Some(RefusedPayment { by, money, pays_for, is_confirmed }) = payment {
        fields.extend([
            (names::PAYMENT, text(by)),
            (names::AMOUNT_UNITS, number(&money.amount.units())),
            (names::CURRENCY, text(&money.currency)),
            (names::PAYS_FOR, text(pays_for.as_str())),
            (names::CONFIRMED, AttributeValue::Bool(*is_confirmed)),
        ]);
    }
    map(fields)
}

/// The key of a reason in the index of anomalies.
pub(crate) fn word_of(reason: Reason) -> String {
    reason.as_str().to_ascii_uppercase()
}

pub(crate) fn read(row: &Image) -> Read<Anomalies> {
    let flags = list(row, names::ANOMALY_DETAILS)?.iter().map(|item| {
        let item = item.as_m().map_err(|_| UNREADABLE)?;
        read_flag(item)
    });
    let unlisted = list(row, names::ANOMALIES_UNLISTED)?.iter().map(|item| item.as_n().ok()?.parse().ok());
    let unlisted: Option<BTreeSet<u32>> = unlisted.collect();
    let unlisted = unlisted.ok_or(Unreadable(names::ANOMALIES_UNLISTED))?;
    Anomalies::of_kept(flags.collect::<Read<_>>()?, unlisted).ok_or(UNREADABLE)
}

fn read_flag(item: &Image) -> Read<Flag> {
    let reason = |word: &str| Reason::ALL.into_iter().find(|reason| word_of(*reason) == word);
    let payment = match maybe(item, names::PAYMENT, reference)? {
        None => None,
        Some(by) => Some(RefusedPayment {
            by,
            money: Money {
                amount: amount(item, names::AMOUNT_UNITS)?,
                currency: word(item, names::CURRENCY, currency)?,
            },
            pays_for: word(item, names::PAYS_FOR, PaysFor::named)?,
            is_confirmed: flag(item, names::CONFIRMED)?,
        }),
    };
    let (reason, details) = (word(item, names::REASON, reason)?, word(item, names::DETAILS, owned)?);
    Ok(Flag { anomaly: Anomaly { reason, details, payment }, resolution: word(item, names::STATE, Resolution::named)? })
}

fn list<'i>(row: &'i Image, name: &'static str) -> Read<&'i [AttributeValue]> {
    let list = row.get(name).map(|list| list.as_l().map_err(|_| Unreadable(name))).transpose()?;
    Ok(list.map(Vec::as_slice).unwrap_or_default())
}
