//! The chain of an order: what reported its payment, what it gave, and what keeps it from being done.

use ledger::{
    Balance, EventKey, Flag, Fulfilment, Money, MoneyKey, Order, Pausable, Pauses, PaymentState, Reason, Reference,
    Source, SubscriptionStatus, Sweep, Timestamp, TopUpState,
};

use super::event::{add_row, refused};
use super::{Audited, Cause, Chain, Halt, Happened, Stage};
use crate::find::FoundOrder;
use crate::{EventRow, Fix};

/// What the store has besides the order.
#[derive(Debug, Default)]
pub(crate) struct AroundOrder {
    /// Rows of the journal that are about it.
    pub(crate) rows: Vec<EventRow>,
    /// Refused events that name it and wait.
    pub(crate) waiting: Vec<EventRow>,
    /// What the audit has found about it.
    pub(crate) audited: Audited,
    /// What is paused, if it waits for anything.
    pub(crate) pauses: Pauses,
}

impl AroundOrder {
    fn booked_at(&self, key: &MoneyKey) -> Option<Timestamp> {
        self.rows.iter().find(|row| row.key.as_str() == key.as_str()).and_then(EventRow::booked_at)
    }
}

pub(crate) fn of_order(found: &FoundOrder, around: &AroundOrder) -> Chain {
    let mut chain = Chain::default();
    if let Some(order) = &found.order {
        add_order(&mut chain, order, around);
    }
    for row in found.rows.iter().chain(&around.waiting).chain(&around.rows) {
        add_row_of_order(&mut chain, row);
    }
    if let Some(standing) = found.subscription.as_ref().and_then(|subscription| subscription.standing) {
        chain.add(Some(standing.as_of), Stage::Recorded, Happened::Subscription(standing.status));
        if !matches!(standing.status, SubscriptionStatus::Active | SubscriptionStatus::Trialing) {
            let show = Fix::ShowSubscribed(found.number.clone());
            chain.stop(Halt::new(Stage::Paid, Cause::Subscription(standing.status)).with([show]));
        }
    }
    for row in found.rows.iter().chain(&around.waiting) {
        let is_decided = found.order.as_ref().is_some_and(|order| is_flagged(order, row));
        if let Some(halt) = refused(row, Balance::ZERO).filter(|_| !is_decided) {
            chain.stop(halt);
        }
    }
    if let Some(order) = &found.order {
        let shares = order.shares();
        chain.know(|account| {
            let share = shares.iter().find(|share| share.account.to_string() == account)?;
            Some(share.account.asset())
        });
        let rows = || found.rows.iter().chain(&around.waiting).chain(&around.rows);
        add_refused(&mut chain, order, around, |flag| rows().any(|row| row.is_of(flag)));
        stops(&mut chain, order, &around.pauses);
    }
    around.audited.stop(&mut chain);
    around.audited.confirm(&mut chain);
    chain.sort();
    chain
}

/// The rows that close an unpaid order have a link of their own.
fn add_row_of_order(chain: &mut Chain, row: &EventRow) {
    let closed = [PaymentState::Expired, PaymentState::Canceled]
        .into_iter()
        .find(|state| row.order.as_ref().is_some_and(|order| row.key == EventKey::of_closing(order, *state)));
    match closed {
        Some(state) => chain.add(row.booked_at(), Stage::Recorded, Happened::Closed(state)),
        None => add_row(chain, row),
    }
}

fn add_order(chain: &mut Chain, order: &Order, around: &AroundOrder) {
    let made = Happened::OrderMade { price: order.terms.price, provider: order.terms.provider.as_str() };
    chain.add(Some(order.created_at), Stage::Received, made);
    if let Some(page) = &order.session {
        chain.add_near(order.created_at, Stage::Received, Happened::PageOpened { id: page.id.clone() });
    }
    // What a person has accepted was not paid at the time at which it was booked.
    let is_accepted = |by: &Reference| order.accepted.values().any(|accepted| accepted.by == *by);
    if let Some(paid) = order.paid.as_ref().filter(|paid| !is_accepted(&paid.by)) {
        let at = around.booked_at(&MoneyKey::of_payment(&paid.by)).unwrap_or(paid.at);
        let what = Happened::Paid { by: paid.by.to_string(), money: order.paid_money() };
        chain.add(Some(at), Stage::Paid, what);
    }
    for accepted in order.accepted.values() {
        let what = Happened::Accepted { by: accepted.by.to_string(), money: accepted.money };
        chain.add(around.booked_at(&accepted.money_key()), Stage::Paid, what);
    }
    for claims in order.claims.values() {
        for (id, dispute) in &claims.disputes.0 {
            let what = Happened::Dispute { stage: dispute.stage, id: id.clone() };
            chain.add(Some(dispute.as_of), Stage::Paid, what);
        }
    }
    if let Some(call) = &order.top_up_call {
        chain.add(Some(call.at), Stage::Fulfilled, Happened::TopUp(call.state));
    }
    if let Some(transfer) = &order.transfer {
        let what = Happened::Transfer { status: transfer.status, id: transfer.id.clone() };
        chain.add(Some(transfer.at), Stage::Fulfilled, what);
    }
    if !order.refunded().is_zero() {
        let of = order.paid_money();
        let refunded = Money { amount: order.refunded(), ..of };
        chain.add(None, Stage::Paid, Happened::Refunded { refunded, of });
    }
    if order.paid.is_some() {
        chain.add(None, Stage::Fulfilled, Happened::Fulfilment(order.fulfilment));
    }
}

/// Whether the order lists what the event was refused for: it says whether a person has decided.
fn is_flagged(order: &Order, row: &EventRow) -> bool {
    order.anomalies.listed().any(|flag| row.is_of(flag))
}

/// No key of Stripe's event follows from its payment: the order itself says that one was reported, verified and refused.
fn add_refused(chain: &mut Chain, order: &Order, around: &AroundOrder, has_row: impl Fn(&Flag) -> bool) {
    for flag in order.anomalies.listed().filter(|flag| !has_row(flag)) {
        let Some(payment) = &flag.anomaly.payment else { continue };
        let accepted = order.accepted.values().find(|accepted| accepted.by == payment.by);
        if accepted.is_none() && !order.needs_attention(flag) {
            continue;
        }
        // Before a person accepted it.
        let near = accepted.and_then(|accepted| around.booked_at(&accepted.money_key()));
        let why = flag.anomaly.reason.as_str().to_owned();
        let (key, kind) = (payment.by.to_string(), payment.money.to_string());
        for (stage, what) in [
            (Stage::Received, Happened::Delivered { key, kind }),
            (Stage::Verified, Happened::Signed),
            (Stage::Refused, Happened::Refused { why, is_change: false }),
        ] {
            match near {
                Some(near) => chain.add_near(near, stage, what),
                None => chain.add(None, stage, what),
            }
        }
    }
}

/// What keeps the order from being done, by its row alone, each with the stage that it does not reach.
pub(super) fn open_causes(order: &Order) -> Vec<(Stage, Cause)> {
    let mut chain = Chain::default();
    stops(&mut chain, order, &Pauses::default());
    chain.halts.into_iter().map(|halt| (halt.before, halt.cause)).collect()
}

fn stops(chain: &mut Chain, order: &Order, pauses: &Pauses) {
    for flag in order.anomalies.listed().filter(|flag| order.needs_attention(flag)) {
        let halt = Halt::new(stage_of(flag.anomaly.reason), Cause::Flagged(flag.anomaly.reason));
        chain.stop(Halt { details: Some(flag.anomaly.details.clone()), ..halt.with(fixes_of_flag(order, flag)) });
    }
    if order.payment.is_payable() && chain.is_well() {
        let source = Source::ALL.into_iter().find(|source| source.as_str() == order.terms.provider.as_str());
        add_pause(chain, Stage::Paid, source.map(Pausable::Source), pauses);
        let ask = match order.payment {
            PaymentState::Unpaid | PaymentState::Failed => Fix::Query(order.number.clone()),
            PaymentState::Canceled
            | PaymentState::Expired
            | PaymentState::Paid
            | PaymentState::PartlyRefunded
            | PaymentState::Refunded
            | PaymentState::DisputedLost => Fix::Ask(order.number.to_string()),
        };
        let fixes = [ask].into_iter().chain(source.map(Fix::ListRefused));
        chain.stop(Halt::new(Stage::Paid, Cause::NotPaid(order.payment)).with(fixes));
    }
    for claims in order.claims.values() {
        for dispute in claims.disputes.0.values().filter(|dispute| dispute.stage.is_open()) {
            let show = Fix::ShowDisputed(order.number.clone());
            chain.stop(Halt::new(Stage::Granted, Cause::Disputed(dispute.stage)).with([show]));
        }
    }
    if order.paid.is_some() && chain.is_well() {
        let undelivered = undelivered(order);
        let is_begun = undelivered.as_ref().is_some_and(|halt| !matches!(halt.cause, Cause::Undelivered(_)));
        if undelivered.is_some() {
            let external = Pausable::Sweep(Sweep::PendingExternal);
            let what = if is_begun { external } else { Pausable::Fulfil };
            add_pause(chain, Stage::Fulfilled, Some(what), pauses);
        }
        chain.halts.extend(undelivered);
    }
}

/// Who has paused what the order waits for, and why.
fn add_pause(chain: &mut Chain, before: Stage, what: Option<Pausable>, pauses: &Pauses) {
    if let Some((what, pause)) = what.and_then(|what| Some((what, pauses.by_word.get(what.as_str())?))) {
        let details = Some(format!("{}: {}, {}", pause.author, pause.reason, pause.since));
        let halt = Halt::new(before, Cause::Paused(what)).with([Fix::Resume(what)]);
        chain.stop(Halt { details, ..halt });
    }
}

/// What of the delivery is not done and is not flagged.
fn undelivered(order: &Order) -> Option<Halt> {
    let is_decided = |flag: &Flag| stage_of(flag.anomaly.reason) == Stage::Fulfilled && !order.needs_attention(flag);
    let cause = match order.fulfilment {
        Fulfilment::None | Fulfilment::Done => return None,
        // It was settled elsewhere, as a person has said.
        Fulfilment::Failed if order.anomalies.listed().any(is_decided) => return None,
        Fulfilment::Pending | Fulfilment::Failed | Fulfilment::Unknown => {
            let call = order.top_up_call.as_ref().filter(|call| call.state != TopUpState::Done);
            let transfer = order.transfer.as_ref().filter(|transfer| transfer.is_under_way());
            match (call, transfer) {
                (Some(call), _) => Cause::TopUp(call.state),
                (None, Some(transfer)) => Cause::Transfer(transfer.status),
                (None, None) => Cause::Undelivered(order.fulfilment),
            }
        }
    };
    Some(Halt::new(Stage::Fulfilled, cause).with([Fix::Stuck]))
}

/// The stage that a flagged order does not reach.
const fn stage_of(reason: Reason) -> Stage {
    match reason {
        Reason::TopUpUnknown
        | Reason::TopUpFailed
        | Reason::TransferFailed
        | Reason::TransferUnknown
        | Reason::WorkspaceMismatch
        | Reason::AssetMismatch
        | Reason::DestinationMismatch => Stage::Fulfilled,
        Reason::PaymentUnproven => Stage::Granted,
        Reason::RefundedTooMuch => Stage::Reconciled,
        Reason::InsufficientCredits
        | Reason::BudgetExceeded
        | Reason::UnknownKey
        | Reason::NoPrice
        | Reason::KeyTaken
        | Reason::Overtaken
        | Reason::OutsideClockWindow
        | Reason::Unparsed
        | Reason::WrongMode
        | Reason::WrongAccount
        | Reason::OrderUnknown
        | Reason::PaymentUnknown
        | Reason::DisputeUnknown
        | Reason::Unconfirmed
        | Reason::Unanswered
        | Reason::OrderNotPayable
        | Reason::ProviderMismatch
        | Reason::MerchantMismatch
        | Reason::OrderMismatch
        | Reason::AttachMismatch
        | Reason::AmountMismatch
        | Reason::CurrencyMismatch
        | Reason::DuplicatePayment => Stage::Paid,
    }
}

fn fixes_of_flag(order: &Order, flag: &Flag) -> Vec<Fix> {
    let (number, reason) = (order.number.clone(), flag.anomaly.reason);
    if reason == Reason::TopUpUnknown {
        return vec![Fix::ResolveDone(number.clone()), Fix::ResolveFailed(number.clone()), Fix::ResolveAgain(number)];
    }
    if reason == Reason::PaymentUnproven {
        return vec![Fix::RepairPayment(number)];
    }
    let payment = flag.anomaly.payment.as_ref().map(|payment| (payment.by.to_string(), payment.is_confirmed));
    let accept = payment.clone().filter(|(by, _)| order.acceptable(by, true).is_ok());
    let accept =
        accept.map(|(payment, is_confirmed)| Fix::Accept { order: order.number.clone(), payment, is_confirmed });
    let clear = Fix::Clear { order: number, reason, payment: payment.map(|(by, _)| by) };
    accept.into_iter().chain([clear]).collect()
}
