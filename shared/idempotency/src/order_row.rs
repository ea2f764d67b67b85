//! Serialization of orders, pointers and subscriptions, with optimistic locking on the version that was read.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{
    Amount, CallContext, Commission, Dispute, Exchange, Fulfilment, Grant, GrantTerms, Line, OnChain, Order,
    OrderNumber, PaymentReversals, Period, Pointer, Provider, Referral, ReferralState, Refund, RepairedOrder, Reported,
    Session, Subscription, TopUp, TopUpCall, Transfer, Transition, Work,
};

use crate::accepted_row;
use crate::anomaly_row;
use crate::names;
use crate::rows::{READ_FORMAT_MAX, ROW_FORMAT, Row, map, number, read_version, text};

pub(crate) fn order(order: &Order, transition: Transition, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    write_over(&mut row, order.version, context);
    if order.version > 1 {
        require_transition(&mut row, order, transition);
    }
    state(&mut row, order, context);
    row
}

/// Restores the row of an order that is lost or unreadable.
pub(crate) fn restore(order: &Order, over: RepairedOrder, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    stamp(&mut row, order.version, context);
    let (id, version) = (row.name(names::ID), row.name(names::VERSION));
    let condition = match over {
        RepairedOrder::Nothing => format!("attribute_not_exists({id})"),
        RepairedOrder::Unreadable(None) => format!("attribute_exists({id}) AND attribute_not_exists({version})"),
        RepairedOrder::Unreadable(Some(read)) => {
            format!("attribute_exists({id}) AND {version} = {}", row.value(number(&read)))
        }
    };
    row.conditions.push(condition);
    // A damaged form is no number, which no comparison holds for.
    let (form, newest) = (row.name(names::FORMAT), row.value(number(&READ_FORMAT_MAX)));
    row.conditions.push(format!("NOT {form} > {newest}"));
    state(&mut row, order, context);
    row
}

fn state(row: &mut Row, order: &Order, context: &CallContext<'_>) {
    let terms = &order.terms;
    row.set(names::OWNER, text(&order.owner));
    row.set(names::CREATED_AT, text(&order.created_at));
    row.set(names::PROVIDER, text(terms.provider.as_str()));
    row.set(names::PRODUCT, text(&terms.product));
    row.set(names::QUANTITY, number(&terms.quantity));
    row.set(names::PRICE_UNITS, number(&terms.price.amount.units()));
    row.set(names::PRICE_CURRENCY, text(&terms.price.currency));
    row.set_or_remove(names::EXCHANGE, terms.exchange.as_ref().map(exchange));
    row.set(names::GRANTS, AttributeValue::L(terms.grants.iter().map(grant).collect()));
    if !terms.commissions.is_empty() {
        row.set(names::COMMISSIONS, AttributeValue::L(terms.commissions.iter().map(commission).collect()));
    }
    row.set_or_remove(names::REFERRAL, terms.referral.as_ref().map(|terms| referral(terms, order.referral)));
    row.set_or_remove(names::SITE, terms.site.as_ref().map(text));
    row.set(names::PAYMENT, text(order.payment.as_str()));
    row.set_or_remove(names::PAID_BY, order.paid.as_ref().map(|paid| text(&paid.by)));
    row.set_or_remove(names::PAID_AT, order.paid.as_ref().map(|paid| text(&paid.at)));
    row.set(names::REVERSALS, by_id(&order.claims, claims));
    row.set_or_remove(names::FIRST_INVOICE, order.first_invoice.as_ref().map(text));
    row.set_or_remove(names::PERIODS, (!order.periods.is_empty()).then(|| by_id(&order.periods, period)));
    row.set(names::DISPUTED, AttributeValue::Bool(order.is_disputed()));
    row.set(names::POSTED_UNITS, number(&order.posted.units()));
    row.set(names::POSTINGS, number(&order.postings));
    row.set(names::FULFILMENT, text(order.fulfilment.as_str()));
    if order.fulfilment == Fulfilment::Done {
        row.set_first(names::FULFILLED_AT, text(&context.received_at));
    }
    row.set(names::DELIVERED_UNITS, lines(&order.delivered));
    row.set_or_remove(names::TRANSFER, order.transfer.as_ref().map(transfer));
    row.set_or_remove(names::TOP_UP_CLAIMED_AT, order.top_up_call.as_ref().map(|top_up_call| text(&top_up_call.at)));
    row.set_or_remove(names::TOP_UP_CALL, order.top_up_call.as_ref().map(top_up_call));
    row.set_or_remove(names::SESSION, order.session.as_ref().map(session));
    accepted_row::write(row, order);
    anomaly_row::write(row, order, context);
    work(row, order, context);
}

/// The condition of the transition, in addition to the version: the store allows exactly the transitions that `ledger`
/// allows.
fn require_transition(row: &mut Row, order: &Order, transition: Transition) {
    let states: Vec<String> =
        transition.from_states().map(|state| row.value(text(state.as_str())).to_string()).collect();
    let payment = row.name(names::PAYMENT);
    row.conditions.push(format!("{payment} IN ({})", states.join(", ")));
    if transition == Transition::Claim {
        let unclaimed = format!("attribute_not_exists({})", row.name(names::TOP_UP_CLAIMED_AT));
        row.conditions.push(unclaimed);
    }
    if transition == Transition::Pay {
        let terms = &order.terms;
        for (attribute, value) in [
            (names::PROVIDER, text(terms.provider.as_str())),
            (names::PRICE_UNITS, number(&terms.price.amount.units())),
            (names::PRICE_CURRENCY, text(&terms.price.currency)),
        ] {
            let (name, value) = (row.name(attribute), row.value(value));
            row.conditions.push(format!("{name} = {value}"));
        }
    }
}

fn work(row: &mut Row, order: &Order, context: &CallContext<'_>) {
    let due = order.work(context.received_at).map(|(work, at)| (word_of(work), at));
    row.set_or_remove(names::WORK, due.map(|(work, _)| text(work)));
    row.set_or_remove(names::DUE_AT, due.map(|(_, at)| text(&at)));
    row.remove(names::PASSED_OVER);
    let wakes = due.filter(|(work, _)| *work == names::WORK_FULFILMENT).map(|_| text(names::WAKES_FULFIL));
    row.set_or_remove(names::WAKES, wakes);
}

/// Rescheduling must not call the worker through the stream, or it would retry the order at once.
pub(crate) fn clear_wake(row: &mut Row) {
    row.remove(names::WAKES);
}

pub(crate) const fn word_of(work: Work) -> &'static str {
    match work {
        Work::Payment(Provider::Stripe) => names::WORK_PAYMENT_STRIPE,
        Work::Payment(Provider::Wechat) => names::WORK_PAYMENT_WECHAT,
        Work::Payment(Provider::Epay) => names::WORK_PAYMENT_EPAY,
        Work::Fulfilment => names::WORK_FULFILMENT,
        Work::PendingExternal => names::WORK_PENDING_EXTERNAL,
    }
}

pub(crate) fn pointer(
    pointer: &Pointer,
    from: Option<&OrderNumber>,
    to: &OrderNumber,
    context: &CallContext<'_>,
) -> Row {
    let mut row = Row::with_form();
    if let Some(invoice) = pointer.invoice() {
        row.set(names::INVOICE, text(&invoice));
    }
    row.set(names::ORDER, text(to));
    row.set(names::UPDATED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    let condition = match from {
        None => row.absent(),
        Some(from) => {
            let (order, from) = (row.name(names::ORDER), row.value(text(from)));
            format!("{order} = {from}")
        }
    };
    row.conditions.push(condition);
    row
}

pub(crate) fn subscription(subscription: &Subscription, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    write_over(&mut row, subscription.version, context);
    row.set(names::OWNER, text(&subscription.owner));
    row.set(names::ORDER, text(&subscription.order));
    let (standing, plan) = (subscription.standing.as_ref(), subscription.plan.as_ref());
    row.set_or_remove(names::STATUS, standing.map(|standing| text(standing.status.as_str())));
    row.set_or_remove(names::AS_OF, standing.map(|standing| text(&standing.as_of)));
    row.set_or_remove(names::PLAN, plan.map(|plan| text(&plan.name)));
    row.set_or_remove(names::PERIOD_END, plan.map(|plan| text(&plan.period_end)));
    row.set_or_remove(names::PLAN_AS_OF, plan.map(|plan| text(&plan.as_of)));
    row
}

pub(crate) fn write_over(row: &mut Row, version: u64, context: &CallContext<'_>) {
    stamp(row, version, context);
    let condition = match read_version(version) {
        None => row.absent(),
        Some(read) => {
            let (version, read) = (row.name(names::VERSION), row.value(number(&read)));
            format!("{version} = {read}")
        }
    };
    row.conditions.push(condition);
}

fn stamp(row: &mut Row, version: u64, context: &CallContext<'_>) {
    row.set(names::FORMAT, number(&ROW_FORMAT));
    row.set(names::VERSION, number(&version));
    row.set(names::UPDATED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
}

fn exchange(exchange: &Exchange) -> AttributeValue {
    map([
        (names::AMOUNT_UNITS, number(&exchange.price.amount.units())),
        (names::CURRENCY, text(&exchange.price.currency)),
        (names::RATE, text(&exchange.rate)),
    ])
}

fn grant(grant: &Grant) -> AttributeValue {
    let kind = (names::KIND, text(kind_of(grant)));
    match grant {
        Grant::Credits(amount) | Grant::CreditsEachPeriod(amount) => {
            map([kind, (names::AMOUNT_UNITS, number(&amount.units()))])
        }
        Grant::Expiring { amount, terms: GrantTerms { days, priority, kind: lot_kind }, each_period } => map([
            kind,
            (names::AMOUNT_UNITS, number(&amount.units())),
            (names::DAYS, number(days)),
            (names::PRIORITY, number(priority)),
            (names::LOT_KIND, text(lot_kind.as_str())),
            (names::EACH_PERIOD, AttributeValue::Bool(*each_period)),
        ]),
        Grant::Token { code, scale, amount, on_chain } => {
            let mut token = vec![
                kind,
                (names::CODE, text(code)),
                (names::SCALE, number(scale)),
                (names::AMOUNT_UNITS, number(&amount.units())),
            ];
            if let Some(OnChain { asset, wallet }) = on_chain {
                token.extend([(names::ASSET, text(asset)), unless_erased(names::WALLET, wallet.as_ref())]);
            }
            map(token)
        }
        Grant::Report(name) => map([kind, (names::CODE, text(name))]),
        Grant::TopUp(TopUp { operator, kind: service, code, phone, price }) => map([
            kind,
            (names::OPERATOR, text(operator.as_str())),
            (names::SERVICE, text(service.as_str())),
            (names::CODE, text(code)),
            unless_erased(names::PHONE, phone.as_ref()),
            (names::AMOUNT_UNITS, number(&price.amount.units())),
            (names::CURRENCY, text(&price.currency)),
        ]),
    }
}

/// What names a person, or that it is erased: a row without either is damaged.
fn unless_erased(name: &'static str, value: Option<&String>) -> (&'static str, AttributeValue) {
    value.map_or((names::ERASED, AttributeValue::Bool(true)), |value| (name, text(value)))
}

pub(crate) const fn kind_of(grant: &Grant) -> &'static str {
    match grant {
        Grant::Credits(_) => names::GRANT_CREDITS,
        Grant::CreditsEachPeriod(_) => names::GRANT_CREDITS_EACH_PERIOD,
        Grant::Expiring { .. } => names::GRANT_EXPIRING,
        Grant::Token { .. } => names::GRANT_TOKEN,
        Grant::Report(_) => names::GRANT_REPORT,
        Grant::TopUp(_) => names::GRANT_TOP_UP,
    }
}

fn commission(commission: &Commission) -> AttributeValue {
    map([(names::OWNER, text(&commission.to)), (names::BASIS_POINTS, number(&commission.basis_points))])
}

fn referral(referral: &Referral, state: ReferralState) -> AttributeValue {
    map([
        (names::OWNER, text(&referral.by)),
        (names::BUYER_UNITS, number(&referral.to_buyer.units())),
        (names::REFERRER_UNITS, number(&referral.to_referrer.units())),
        (names::STATE, text(state.as_str())),
    ])
}

fn lines(delivered: &BTreeMap<Line, Amount>) -> AttributeValue {
    AttributeValue::M(delivered.iter().map(|(line, amount)| (line.to_string(), number(&amount.units()))).collect())
}

fn transfer(transfer: &Transfer) -> AttributeValue {
    let id = transfer.id.iter().map(|id| (names::ID, text(id)));
    let always = [
        (names::STATUS, text(transfer.status.as_str())),
        (names::AMOUNT_UNITS, number(&transfer.amount.units())),
        (names::AS_OF, text(&transfer.at)),
    ];
    map(id.chain(always))
}

fn top_up_call(top_up_call: &TopUpCall) -> AttributeValue {
    let seq = top_up_call.seq.iter().map(|seq| (names::SEQ, text(seq)));
    let receipt = top_up_call.receipt.iter().map(|receipt| (names::RECEIPT, text(receipt)));
    map(seq.chain(receipt).chain([(names::STATE, text(top_up_call.state.as_str()))]))
}

fn claims(claims: &PaymentReversals) -> AttributeValue {
    let PaymentReversals { refunds, disputes, invoice } = claims;
    let lists = [
        (names::REFUNDS, Some(by_id(&refunds.by_id, refund))),
        (names::REFUNDED, refunds.reported.as_ref().map(reported)),
        (names::DISPUTES, Some(by_id(&disputes.0, dispute))),
        (names::INVOICE, invoice.as_ref().map(text)),
    ];
    let present = lists.into_iter().filter_map(|(name, list)| Some((name.to_owned(), list?)));
    AttributeValue::M(present.collect())
}

fn period(period: &Period) -> AttributeValue {
    map([(names::POSTED_UNITS, number(&period.posted.units())), (names::POSTINGS, number(&period.corrections))])
}

fn refund(refund: &Refund) -> AttributeValue {
    map([(names::STATE, text(refund.state.as_str())), (names::AMOUNT_UNITS, number(&refund.amount.units()))])
}

fn reported(reported: &Reported) -> AttributeValue {
    map([(names::AS_OF, text(&reported.as_of)), (names::AMOUNT_UNITS, number(&reported.amount.units()))])
}

fn dispute(dispute: &Dispute) -> AttributeValue {
    let amount = dispute.amount.map(|amount| (names::AMOUNT_UNITS, number(&amount.units())));
    map([(names::AS_OF, text(&dispute.as_of)), (names::STATE, text(dispute.stage.as_str()))].into_iter().chain(amount))
}

fn session(session: &Session) -> AttributeValue {
    map([(names::ID, text(&session.id)), (names::URL, text(&session.url))])
}

fn by_id<V>(values: &BTreeMap<String, V>, write: fn(&V) -> AttributeValue) -> AttributeValue {
    let values: HashMap<String, AttributeValue> = values.iter().map(|(id, value)| (id.clone(), write(value))).collect();
    AttributeValue::M(values)
}
