//! Transitions: the states from which an order may be written, and that every report respects them.

use super::convergence::{price, report};
use super::payments::order_in;
use super::*;
use PaymentState::{Canceled, Expired, Failed, Unpaid};
use Transition::{Amend, Claim, Close, Create, Fulfil, Pay};

#[test]
fn each_transition_has_its_states() {
    let rows: &[(Transition, &[PaymentState])] = &[
        (Create, &[]),
        (Pay, &[Unpaid, Failed, Canceled, Expired]),
        (Close(Failed), &[Unpaid]),
        (Close(Canceled), &[Unpaid, Failed]),
        (Close(Expired), &[Unpaid, Failed, Canceled]),
        (
            Fulfil,
            &[PaymentState::Paid, PaymentState::PartlyRefunded, PaymentState::Refunded, PaymentState::DisputedLost],
        ),
        (Claim, &[PaymentState::Paid]),
        (Amend, &PaymentState::ALL),
    ];
    for (transition, expected) in rows {
        assert_eq!(transition.from_states().collect::<Vec<_>>(), *expected, "{transition:?}");
    }
}

#[test]
fn new_order_is_created_unchanged() {
    let Effect::Order { order, transition, .. } = hundred().created() else { panic!("an order is written") };
    assert_eq!((transition, order.version), (Create, 1));
    assert_eq!(Order { version: 0, ..*order }, hundred());
}

#[test]
fn sessions_and_flags_amend_the_order() {
    let session = Session { id: "cs_1".to_owned(), url: "https://pay.example.com/cs_1".to_owned() };
    let anomaly = Anomaly { reason: Reason::AmountMismatch, details: "too little".to_owned(), payment: None };
    for state in PaymentState::ALL {
        let order = order_in(state);
        for effects in [order.open(session.clone()), order.flag(&anomaly)] {
            let [Effect::Order { order: after, transition, .. }] = effects.as_slice() else { panic!("{effects:?}") };
            assert_eq!((*transition, after.payment, after.version), (Amend, state, order.version.saturating_add(1)));
        }
    }
    let (opened, _) = applied(&hundred(), hundred().open(session.clone()));
    assert_eq!(opened.session.as_ref(), Some(&session));
    assert_eq!(opened.open(session), Vec::new(), "the same session again");
}

proptest! {
    #[test]
    fn report_writes_only_from_states_of_its_transition(
        reports in price().prop_flat_map(|price| proptest::collection::vec(report(price), 0..12)),
        price in price(),
    ) {
        let mut order = order(usd(price), vec![Grant::Credits(credits("100"))]);
        for report in reports {
            let effects = report.effects(&order);
            let Some((first, rest)) = effects.split_first() else { continue };
            let Effect::Order { order: after, transition, .. } = first else { panic!("{first:?} comes first") };
            prop_assert!(rest.iter().all(|effect| matches!(effect, Effect::Move(_))), "{:?}", rest);
            prop_assert_eq!(after.version, order.version.saturating_add(1));
            let is_allowed = transition.from_states().any(|state| state == order.payment);
            prop_assert!(is_allowed, "{:?} of {:?}", transition, order.payment);
            let is_valid = match transition {
                Create | Fulfil | Claim => false,
                Pay => order.paid.is_none() && after.paid.is_some() && !after.payment.is_payable(),
                Close(to) => after.payment == *to && after.paid.is_none() && order.payment.is_payable(),
                Amend if order.payment.is_payable() => after.payment == order.payment && after.paid.is_none(),
                Amend => after.paid == order.paid && !after.payment.is_payable(),
            };
            prop_assert!(is_valid, "{:?} from {:?} to {:?}", transition, order.payment, after.payment);
            order = *after.clone();
        }
    }
}
