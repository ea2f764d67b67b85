//! Providers' reports on an order as data, and the resulting effects as text.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Report {
    /// The whole price, paid by `pi_1`.
    Paid,
    Unpaid(PaymentState),
    /// The refund, its state, and the amount in cents.
    Refund(&'static str, RefundState, u64),
    /// The sum of all refunds in cents, and the second of the report.
    Sum(u64, i64),
    /// A dispute of the whole price, its stage, and the second of the report.
    Dispute(&'static str, DisputeStage, i64),
    /// The same for a part in cents.
    Part(&'static str, DisputeStage, i64, u64),
    /// The same in a currency other than the price's.
    Foreign(&'static str, DisputeStage, i64),
    /// A full refund of a payment that does not pay the order.
    StrayRefund,
    StrayDispute,
}

impl Report {
    pub(super) fn effects(self, order: &Order) -> Vec<Effect> {
        let by = |id: &str| reference(order.terms.provider, id);
        let disputed = |of: &str, id: &str, stage, second, money| {
            order.apply_dispute(&by(of), id, DisputeReport { stage, as_of: at(second), money })
        };
        match self {
            Self::Paid => {
                let by = by("pi_1");
                order.pay(&Payment { by, money: order.terms.price, at: at(1) }).expect("the price")
            }
            Self::Unpaid(state) => order.apply_unpaid(state),
            Self::Refund(id, state, count) => {
                order.apply_refund(&by("pi_1"), id, Refund { state, amount: cents(count) })
            }
            Self::Sum(count, second) => {
                order.apply_refunded_total(&by("pi_1"), Reported { as_of: at(second), amount: cents(count) })
            }
            Self::Dispute(id, stage, second) => disputed("pi_1", id, stage, second, order.terms.price),
            Self::Part(id, stage, second, count) => disputed("pi_1", id, stage, second, usd(count)),
            Self::Foreign(id, stage, second) => {
                let money = Money { amount: cents(1), currency: Currency::parse("EUR").expect("valid") };
                disputed("pi_1", id, stage, second, money)
            }
            Self::StrayRefund => {
                let whole = Refund { state: RefundState::Succeeded, amount: order.terms.price.amount };
                order.apply_refund(&by("pi_9"), "re_1", whole)
            }
            Self::StrayDispute => disputed("pi_9", "dp_1", DisputeStage::Open, 1, order.terms.price),
        }
    }
}

/// The order after the effects, and their movements.
pub(super) fn applied(order: &Order, effects: Vec<Effect>) -> (Order, Vec<Movement>) {
    let mut after = order.clone();
    let mut movements = Vec::new();
    for effect in effects {
        match effect {
            Effect::Order { order, .. } => after = *order,
            Effect::Move(movement) => movements.push(movement),
            Effect::Received(_) => {}
            Effect::Bind { .. }
            | Effect::Revoke { .. }
            | Effect::Refer { .. }
            | Effect::Overdraft { .. }
            | Effect::Point { .. }
            | Effect::Subscription(_)
            | Effect::Wait { .. }
            | Effect::TakePlace { .. }
            | Effect::Rates(_)
            | Effect::Pauses(_)
            | Effect::Code(_)
            | Effect::SetBudget(_)
            | Effect::Key(_)
            | Effect::Member(_)
            | Effect::CountInBudget(_)
            | Effect::ServiceKey(_)
            | Effect::Repair(_) => {
                panic!("no report on an order has this effect: {effect:?}")
            }
        }
    }
    (after, movements)
}

pub(super) fn applied_all(order: &Order, reports: &[Report]) -> (Order, Vec<Movement>) {
    let mut moved = Vec::new();
    let after = reports.iter().fold(order.clone(), |order, report| {
        let (after, movements) = applied(&order, report.effects(&order));
        moved.extend(movements);
        after
    });
    (after, moved)
}

/// One line of text per effect.
pub(super) fn summaries(effects: &[Effect]) -> Vec<String> {
    let line = |effect: &Effect| match effect {
        Effect::Order { order, transition, .. } => {
            let (payment, fulfilment) = (order.payment.as_str(), order.fulfilment.as_str());
            let posted = Asset::CREDITS.format(order.posted);
            format!("{transition:?}: {payment}, {fulfilment}, {posted} posted in {}", order.postings)
        }
        Effect::Move(Movement { key, posting, guard, reverses, .. }) => {
            assert_eq!(*guard, Guard::Always, "{key}");
            let amount = posting.asset().format(posting.amount());
            let reverses = reverses.as_ref().map(|key| format!(", reverses {key}")).unwrap_or_default();
            format!("{key}: {amount} from {} to {}{reverses}", posting.debit(), posting.credit())
        }
        Effect::Received(money) => format!("received {money}"),
        Effect::Bind { .. }
        | Effect::Revoke { .. }
        | Effect::Refer { .. }
        | Effect::Overdraft { .. }
        | Effect::Point { .. }
        | Effect::Subscription(_)
        | Effect::Wait { .. }
        | Effect::TakePlace { .. }
        | Effect::Rates(_)
        | Effect::Pauses(_)
        | Effect::Code(_)
        | Effect::SetBudget(_)
        | Effect::Key(_)
        | Effect::Member(_)
        | Effect::CountInBudget(_)
        | Effect::ServiceKey(_)
        | Effect::Repair(_) => {
            format!("{effect:?}")
        }
    };
    effects.iter().map(line).collect()
}
