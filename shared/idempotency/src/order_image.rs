//! Parsing of orders, pointers and subscriptions. A row with a missing or invalid attribute is an error, never a guess.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    Amount, Commission, Dispute, DisputeStage, Disputes, Exchange, Fulfilment, Grant, GrantTerms, Line, LotKind, Money,
    OnChain, Operator, Order, OrderNumber, Owner, Paid, PaymentReversals, PaymentState, Period, Plan, Provider,
    Reference, Referral, ReferralState, Refund, RefundState, Refunds, Reported, Session, Standing, Subscription,
    SubscriptionStatus, Terms, Timestamp, TopUp, TopUpCall, TopUpKind, TopUpState, Transfer, TransferStatus,
};

use crate::accepted_row;
use crate::anomaly_row;
use crate::image::{
    Image, Read, Unreadable, amount, by_id, currency, flag, inner, known_form, maybe, number, owned, reference, short,
    time, word,
};
use crate::names;

pub(crate) fn order(row: &Image) -> Read<Order> {
    known_form(row)?;
    let paid = match (maybe(row, names::PAID_BY, reference)?, maybe(row, names::PAID_AT, time)?) {
        (Some(by), Some(at)) => Some(Paid { by, at }),
        (None, None) => None,
        _ => return Err(Unreadable(names::PAID_AT)),
    };
    Ok(Order {
        number: word(row, names::ID, |id| OrderNumber::new(id).ok())?,
        owner: word(row, names::OWNER, |name| Owner::new(name).ok())?,
        version: number(row, names::VERSION)?,
        created_at: word(row, names::CREATED_AT, time)?,
        terms: terms(row)?,
        payment: word(row, names::PAYMENT, PaymentState::named)?,
        paid,
        claims: by_id(row, names::REVERSALS, claims)?,
        first_invoice: maybe(row, names::FIRST_INVOICE, reference)?,
        periods: if row.contains_key(names::PERIODS) { by_id(row, names::PERIODS, period)? } else { BTreeMap::new() },
        posted: amount(row, names::POSTED_UNITS)?,
        postings: number(row, names::POSTINGS)?,
        fulfilment: word(row, names::FULFILMENT, Fulfilment::named)?,
        delivered: delivered(row)?,
        referral: inner(row, names::REFERRAL)?.map_or(Ok(ReferralState::Open), referral_state)?,
        transfer: inner(row, names::TRANSFER)?.map(transfer).transpose()?,
        top_up_call: maybe(row, names::TOP_UP_CLAIMED_AT, time)?.map(|at| top_up_call(row, at)).transpose()?,
        anomalies: anomaly_row::read(row)?,
        accepted: accepted_row::read(row)?,
        session: inner(row, names::SESSION)?.map(session).transpose()?,
    })
}

fn terms(row: &Image) -> Read<Terms> {
    let grants = row.get(names::GRANTS).and_then(|grants| grants.as_l().ok()).ok_or(Unreadable(names::GRANTS))?;
    let grants = grants.iter().map(|item| grant(item.as_m().map_err(|_| Unreadable(names::GRANTS))?));
    Ok(Terms {
        provider: word(row, names::PROVIDER, Provider::named)?,
        product: word(row, names::PRODUCT, owned)?,
        quantity: number(row, names::QUANTITY)?,
        price: Money {
            amount: amount(row, names::PRICE_UNITS)?,
            currency: word(row, names::PRICE_CURRENCY, currency)?,
        },
        exchange: inner(row, names::EXCHANGE)?.map(exchange).transpose()?,
        grants: grants.collect::<Read<_>>()?,
        commissions: commissions(row)?,
        referral: inner(row, names::REFERRAL)?.map(referral).transpose()?,
        site: maybe(row, names::SITE, owned)?,
    })
}

fn unless_erased(row: &Image, name: &'static str) -> Read<Option<String>> {
    match (maybe(row, name, owned)?, row.contains_key(names::ERASED)) {
        (Some(value), false) => Ok(Some(value)),
        (None, true) => Ok(None),
        (Some(_), true) | (None, false) => Err(Unreadable(name)),
    }
}

fn exchange(row: &Image) -> Read<Exchange> {
    let price = Money { amount: amount(row, names::AMOUNT_UNITS)?, currency: word(row, names::CURRENCY, currency)? };
    Ok(Exchange { price, rate: word(row, names::RATE, owned)? })
}

fn grant(row: &Image) -> Read<Grant> {
    let kind = word(row, names::KIND, owned)?;
    Ok(match kind.as_str() {
        names::GRANT_CREDITS => Grant::Credits(amount(row, names::AMOUNT_UNITS)?),
        names::GRANT_CREDITS_EACH_PERIOD => Grant::CreditsEachPeriod(amount(row, names::AMOUNT_UNITS)?),
        names::GRANT_EXPIRING => Grant::Expiring {
            amount: amount(row, names::AMOUNT_UNITS)?,
            terms: GrantTerms::new(
                number(row, names::DAYS)?,
                number(row, names::PRIORITY)?,
                word(row, names::LOT_KIND, LotKind::named)?,
            )
            .map_err(|_| Unreadable(names::GRANTS))?,
            each_period: flag(row, names::EACH_PERIOD)?,
        },
        names::GRANT_TOKEN => Grant::Token {
            code: word(row, names::CODE, short)?,
            scale: number(row, names::SCALE)?,
            amount: amount(row, names::AMOUNT_UNITS)?,
            on_chain: match maybe(row, names::ASSET, owned)? {
                Some(asset) => Some(OnChain { asset, wallet: unless_erased(row, names::WALLET)? }),
                None if row.contains_key(names::WALLET) => return Err(Unreadable(names::WALLET)),
                None => None,
            },
        },
        names::GRANT_REPORT => Grant::Report(word(row, names::CODE, short)?),
        names::GRANT_TOP_UP => Grant::TopUp(TopUp {
            operator: word(row, names::OPERATOR, Operator::named)?,
            kind: word(row, names::SERVICE, TopUpKind::named)?,
            code: word(row, names::CODE, owned)?,
            phone: unless_erased(row, names::PHONE)?,
            price: Money { amount: amount(row, names::AMOUNT_UNITS)?, currency: word(row, names::CURRENCY, currency)? },
        }),
        _ => return Err(Unreadable(names::GRANTS)),
    })
}

/// Empty on an order from before commissions existed.
fn commissions(row: &Image) -> Read<Vec<Commission>> {
    let unreadable = Unreadable(names::COMMISSIONS);
    let list = row.get(names::COMMISSIONS).map(|list| list.as_l().map_err(|_| unreadable)).transpose()?;
    let commission = |item: &AttributeValue| {
        let item = item.as_m().map_err(|_| unreadable)?;
        let to = word(item, names::OWNER, |name| Owner::new(name).ok())?;
        Ok(Commission { to, basis_points: number(item, names::BASIS_POINTS)? })
    };
    list.into_iter().flatten().map(commission).collect()
}

fn referral(row: &Image) -> Read<Referral> {
    Ok(Referral {
        by: word(row, names::OWNER, |name| Owner::new(name).ok())?,
        to_buyer: amount(row, names::BUYER_UNITS)?,
        to_referrer: amount(row, names::REFERRER_UNITS)?,
    })
}

fn referral_state(row: &Image) -> Read<ReferralState> {
    word(row, names::STATE, ReferralState::named)
}

/// Empty on an order from before this attribute existed.
fn delivered(row: &Image) -> Read<BTreeMap<Line, Amount>> {
    let line = |name: &str, value: &AttributeValue| {
        let units = value.as_n().ok()?.parse().ok()?;
        Some((Line::read(name)?, Amount::from_wide(units)?))
    };
    let mut lines = BTreeMap::new();
    for (name, value) in inner(row, names::DELIVERED_UNITS)?.into_iter().flatten() {
        let (line, amount) = line(name, value).ok_or(Unreadable(names::DELIVERED_UNITS))?;
        lines.insert(line, amount);
    }
    Ok(lines)
}

fn transfer(row: &Image) -> Read<Transfer> {
    Ok(Transfer {
        id: maybe(row, names::ID, owned)?,
        status: word(row, names::STATUS, TransferStatus::named)?,
        amount: amount(row, names::AMOUNT_UNITS)?,
        at: word(row, names::AS_OF, time)?,
    })
}

fn top_up_call(row: &Image, at: Timestamp) -> Read<TopUpCall> {
    let top_up_call = inner(row, names::TOP_UP_CALL)?.ok_or(Unreadable(names::TOP_UP_CALL))?;
    Ok(TopUpCall {
        at,
        state: word(top_up_call, names::STATE, TopUpState::named)?,
        seq: maybe(top_up_call, names::SEQ, owned)?,
        receipt: maybe(top_up_call, names::RECEIPT, owned)?,
    })
}

fn claims(row: &Image) -> Read<PaymentReversals> {
    let refunds = Refunds {
        by_id: by_id(row, names::REFUNDS, refund)?,
        reported: inner(row, names::REFUNDED)?.map(reported).transpose()?,
    };
    let disputes = Disputes(by_id(row, names::DISPUTES, dispute)?);
    Ok(PaymentReversals { refunds, disputes, invoice: maybe(row, names::INVOICE, reference)? })
}

/// Present only if a period of the order has been clawed back.
fn period(row: &Image) -> Read<Period> {
    Ok(Period { posted: amount(row, names::POSTED_UNITS)?, corrections: number(row, names::POSTINGS)? })
}

fn refund(row: &Image) -> Read<Refund> {
    Ok(Refund { state: word(row, names::STATE, RefundState::named)?, amount: amount(row, names::AMOUNT_UNITS)? })
}

fn reported(row: &Image) -> Read<Reported> {
    Ok(Reported { as_of: word(row, names::AS_OF, time)?, amount: amount(row, names::AMOUNT_UNITS)? })
}

fn dispute(row: &Image) -> Read<Dispute> {
    Ok(Dispute {
        stage: word(row, names::STATE, DisputeStage::named)?,
        as_of: word(row, names::AS_OF, time)?,
        amount: row.contains_key(names::AMOUNT_UNITS).then(|| amount(row, names::AMOUNT_UNITS)).transpose()?,
    })
}

fn session(row: &Image) -> Read<Session> {
    Ok(Session { id: word(row, names::ID, owned)?, url: word(row, names::URL, owned)? })
}

pub(crate) fn pointer(row: &Image) -> Read<OrderNumber> {
    known_form(row)?;
    word(row, names::ORDER, |number| OrderNumber::new(number).ok())
}

/// The invoice that a payment's pointer names.
pub(crate) fn invoice(row: &Image) -> Read<Option<Reference>> {
    known_form(row)?;
    maybe(row, names::INVOICE, reference)
}

pub(crate) fn subscription(row: &Image) -> Read<Subscription> {
    known_form(row)?;
    let standing = match maybe(row, names::STATUS, SubscriptionStatus::named)? {
        Some(status) => Some(Standing { as_of: word(row, names::AS_OF, time)?, status }),
        None => None,
    };
    let plan = match maybe(row, names::PLAN, owned)? {
        Some(name) => Some(Plan {
            as_of: word(row, names::PLAN_AS_OF, time)?,
            period_end: word(row, names::PERIOD_END, time)?,
            name,
        }),
        None => None,
    };
    Ok(Subscription {
        reference: word(row, names::ID, reference)?,
        owner: word(row, names::OWNER, |name| Owner::new(name).ok())?,
        order: pointer(row)?,
        version: number(row, names::VERSION)?,
        standing,
        plan,
    })
}
