//! What names a person is kept until a delivery has ended. After that late events find the same books as without an
//! erasure, and nothing is delivered to nowhere.

use proptest::sample::select;

use super::convergence::report;
use super::fulfilment::{airtime, tokens};
use super::*;

const PRICE: u64 = 1_000;

/// No refund fails any more.
fn late() -> Timestamp {
    at(100 * 24 * 60 * 60)
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Payment(Report),
    Worker,
    Claim,
    Called(TopUpState),
    Transfer(TransferStatus),
    /// A person closes what is flagged.
    Clear,
}

use Step::{Called, Claim, Clear, Payment, Transfer, Worker};

impl Step {
    fn effects(self, order: &Order) -> Vec<Effect> {
        match self {
            Payment(report) => report.effects(order),
            Worker => order.fulfil(true, at(5)),
            Claim => order.claim(at(6)),
            Called(state) => {
                order.apply_top_up_report(TopUpReport { state, seq: None, receipt: None, details: String::new() })
            }
            // A transfer of an order that was never sent is none of the custodian's.
            Transfer(status) if order.transfer.is_some() => order.apply_transfer_status("tx_1", status, at(9)),
            Transfer(_) => Vec::new(),
            Clear => {
                let flagged = order.flagged_for();
                let clearing = |reason| Clearing { reason: Some(reason), payment: None };
                flagged.map(|reason| order.clear(clearing(reason))).unwrap_or_default()
            }
        }
    }

    fn applied(self, order: &Order) -> (Order, Vec<Movement>) {
        applied(order, self.effects(order))
    }
}

fn after(order: &Order, steps: &[Step]) -> (Order, Vec<Movement>) {
    let mut moved = Vec::new();
    let after = steps.iter().fold(order.clone(), |order, step| {
        let (after, movements) = step.applied(&order);
        moved.extend(movements);
        after
    });
    (after, moved)
}

fn bought(grant: Grant) -> Order {
    order(usd(PRICE), vec![Grant::Credits(credits("100")), grant])
}

fn refunded() -> Step {
    Payment(Report::Refund("re_1", RefundState::Succeeded, PRICE))
}

#[test]
fn order_keeps_what_names_a_person_until_its_delivery_has_ended() {
    use KeptBecause::{Disputed, Flagged, UnderWay, Unpaid};
    use TransferStatus::{Broadcasting, Completed, Failed, Submitted, Timeout};
    let paid = Payment(Report::Paid);
    let disputed = Payment(Report::Dispute("dp_1", DisputeStage::Open, 1));
    let of = |state| Payment(Report::Unpaid(state));
    let phone: &[(&[Step], Result<(), KeptBecause>)] = &[
        (&[], Err(Unpaid)),
        (&[of(PaymentState::Failed)], Err(Unpaid)),
        (&[of(PaymentState::Expired)], Ok(())),
        (&[of(PaymentState::Canceled)], Ok(())),
        (&[paid], Err(UnderWay)),
        (&[paid, Claim], Err(UnderWay)),
        (&[paid, Claim, Called(TopUpState::Pending)], Err(UnderWay)),
        (&[paid, Claim, Called(TopUpState::Unknown)], Err(Flagged)),
        (&[paid, Claim, Called(TopUpState::Unknown), Clear], Err(UnderWay)),
        (&[paid, Claim, Called(TopUpState::Failed)], Err(Flagged)),
        (&[paid, Claim, Called(TopUpState::Failed), refunded()], Ok(())),
        (&[paid, Claim, Called(TopUpState::Failed), Clear], Ok(())),
        (&[paid, Claim, Called(TopUpState::Done)], Ok(())),
        (&[paid, Claim, Called(TopUpState::Done), disputed], Err(Disputed)),
        (&[paid, disputed], Err(Disputed)),
        (&[paid, refunded()], Ok(())),
    ];
    let (soon, _) = after(&bought(airtime()), &[paid, refunded()]);
    assert_eq!(soon.erase(at(10)), Err(KeptBecause::Refunded), "its refund may still fail");
    let wallet: &[(&[Step], Result<(), KeptBecause>)] = &[
        (&[], Err(Unpaid)),
        (&[of(PaymentState::Expired)], Ok(())),
        (&[paid], Err(UnderWay)),
        (&[paid, Worker], Err(UnderWay)),
        (&[paid, Worker, refunded(), Worker], Err(UnderWay)),
        (&[paid, Worker, Transfer(Submitted)], Err(UnderWay)),
        (&[paid, Worker, Transfer(Broadcasting)], Err(UnderWay)),
        (&[paid, Worker, Transfer(Failed)], Err(Flagged)),
        (&[paid, Worker, Transfer(Timeout), Clear], Ok(())),
        (&[paid, Worker, Transfer(Completed)], Ok(())),
        (&[paid, Worker, Transfer(Completed), refunded(), Worker], Ok(())),
    ];
    for (grant, rows) in [(airtime(), phone), (tokens(10), wallet)] {
        for (steps, expected) in rows {
            let (order, _) = after(&bought(grant.clone()), steps);
            let effects = order.erase(late());
            assert_eq!(effects.as_ref().map(|_| ()).map_err(|because| *because), *expected, "{steps:?}");
            let Ok(effects) = effects else { continue };
            let (erased, moved) = applied(&order, effects);
            assert_eq!((erased.phone(), erased.wallet(), erased.is_erased(), moved.len()), (None, None, true, 0));
            assert_eq!(erased.erase(late()), Ok(Vec::new()), "again");
            // Nothing else has changed.
            let terms = order.terms.clone();
            assert_eq!(Order { version: order.version, terms, ..erased.clone() }, order, "{steps:?}");
        }
    }
    let (plain, _) = after(&hundred(), &[paid]);
    assert_eq!((plain.erase(late()), plain.is_erased()), (Ok(Vec::new()), false));
}

/// A payment of a closed order whose phone or wallet is gone: it is booked, nothing is delivered, a person is called, and no
/// longer once it is refunded.
#[test]
fn late_payment_of_an_erased_order_is_booked_and_flagged() {
    let expired = Payment(Report::Unpaid(PaymentState::Expired));
    for (grant, reason) in [(airtime(), Reason::TopUpFailed), (tokens(10), Reason::TransferFailed)] {
        let (order, _) = after(&bought(grant), &[expired]);
        let (erased, _) = applied(&order, order.erase(late()).expect("closed"));
        let (paid, moved) = after(&erased, &[Payment(Report::Paid), Worker, Claim]);
        assert_eq!(paid.payment, PaymentState::Paid);
        assert_eq!(moved.first().map(|movement| movement.key.as_str()), Some("payment#stripe#pi_1"));
        assert_eq!((paid.top_up_call.clone(), paid.transfer.clone()), (None, None), "nothing is delivered");
        assert_eq!((paid.is_top_up_due(), paid.is_to_be_sent(), paid.work(at(9))), (false, false, None));
        assert_eq!((paid.fulfilment, paid.is_flagged_for(reason)), (Fulfilment::Failed, true));
        let (refunded, _) = after(&paid, &[refunded(), Worker]);
        assert!(!refunded.is_flagged_for(reason), "{reason:?}");
        assert_eq!(refunded.posted, Amount::ZERO);
    }
}

/// The custodian's events of a transfer that was compared before its wallet was erased are booked, and no others.
#[test]
fn late_transfer_event_is_compared_by_its_id() {
    let steps = [Payment(Report::Paid), Worker, Transfer(TransferStatus::Timeout), Clear];
    let (order, _) = after(&bought(tokens(10)), &steps);
    let (erased, _) = applied(&order, order.erase(late()).expect("over"));
    let details = |wallet: Option<&str>, units| TransferDetails {
        asset: "POSX_ETH".to_owned(),
        wallet: wallet.map(str::to_owned),
        amount: cents(units),
    };
    let wallet = order.wallet();
    let rows = [
        ("tx_1", details(wallet, 10), Ok(())),
        ("tx_1", details(None, 10), Ok(())),
        ("tx_2", details(wallet, 10), Err(Reason::OrderMismatch)),
        ("tx_1", details(wallet, 9), Err(Reason::AmountMismatch)),
    ];
    let key = MoneyKey::of_line(&number(), Line::Grant(2));
    for (id, details, expected) in rows {
        let compared = erased.compare_transfer(id, &key, TransferStatus::Completed, &details);
        assert_eq!(compared.map_err(|anomaly| anomaly.reason), expected, "{id} {details:?}");
    }
    let unknown = Order { transfer: None, ..erased.clone() };
    let compared = unknown.compare_transfer("tx_1", &key, TransferStatus::Completed, &details(wallet, 10));
    assert_eq!(compared.map_err(|anomaly| anomaly.reason), Err(Reason::DestinationMismatch));
    let (completed, moved) = Transfer(TransferStatus::Completed).applied(&erased);
    assert_eq!(moved.iter().map(|movement| movement.key.as_str()).collect::<Vec<_>>(), ["sent#HL1#2"]);
    assert_eq!(completed.fulfilment, Fulfilment::Done);
}

fn step() -> impl Strategy<Value = Step> {
    let called = [TopUpState::Pending, TopUpState::Unknown, TopUpState::Failed, TopUpState::Done];
    prop_oneof![
        4 => report(PRICE).prop_map(Payment),
        3 => Just(Worker),
        1 => Just(Claim),
        1 => select(called.to_vec()).prop_map(Called),
        2 => select(&TransferStatus::ALL[..]).prop_map(Transfer),
        1 => Just(Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// An erasure between the steps moves no money, and changes none that is moved later: only a delivery that could not
    /// have been made before it is made no more.
    #[test]
    fn erasure_changes_no_posting(steps in proptest::collection::vec(step(), 0..14), erased_at in 0..14_usize) {
        for grant in [airtime(), tokens(10)] {
            let (mut plain, mut erased) = (bought(grant.clone()), bought(grant));
            let (mut moved, mut moved_erased) = (Vec::new(), Vec::new());
            for (index, step) in steps.iter().enumerate() {
                if index == erased_at && let Ok(effects) = erased.erase(late()) {
                    let (after, movements) = applied(&erased, effects);
                    prop_assert_eq!(movements.len(), 0);
                    erased = after;
                }
                let had_delivery = plain.transfer.is_some() || plain.top_up_call.is_some();
                let (next, movements) = step.applied(&plain);
                let is_first_delivery = !had_delivery && (next.transfer.is_some() || next.top_up_call.is_some());
                if erased.is_erased() && is_first_delivery {
                    // It would begin now, and has nowhere to go.
                    let (after, _) = step.applied(&erased);
                    prop_assert_eq!((after.transfer, after.top_up_call), (None, None));
                    return Ok(());
                }
                (plain, moved) = (next, [moved, movements].concat());
                let (next, movements) = step.applied(&erased);
                (erased, moved_erased) = (next, [moved_erased, movements].concat());
                prop_assert_eq!(&moved, &moved_erased);
                prop_assert_eq!((plain.payment, plain.posted), (erased.payment, erased.posted));
                prop_assert_eq!(&plain.transfer, &erased.transfer);
                prop_assert_eq!(&plain.top_up_call, &erased.top_up_call);
            }
        }
    }
}
