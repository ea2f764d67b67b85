//! On-chain transfers: the tokens leave their owner's account once, when the transfer completes.

use std::collections::BTreeSet;

use proptest::sample::select;

use super::convergence::report;
use super::fulfilment::tokens;
use super::*;

const PRICE: u64 = 1_000;
const SOLD: u64 = 10;
const COMPLETED: TransferStatus = TransferStatus::Completed;

#[derive(Debug, Clone, Copy)]
enum Step {
    Payment(Report),
    Transfer(TransferStatus),
    /// Fulfilment brings the order's lines to the due amounts.
    Worker,
}

impl Step {
    fn effects(self, order: &Order) -> Vec<Effect> {
        match self {
            Self::Payment(report) => report.effects(order),
            Self::Transfer(status) => order.apply_transfer_status("tx_1", status, at(9)),
            Self::Worker => order.fulfil(true, at(5)),
        }
    }
}

/// An order of ten units of a token, and its movements.
struct History {
    order: Order,
    moved: Vec<Movement>,
}

impl History {
    /// Paid, allocated, and submitted to the custodian.
    fn submitted() -> Self {
        let mut history = Self { order: order(usd(PRICE), vec![tokens(SOLD)]), moved: Vec::new() };
        for step in [Step::Payment(Report::Paid), Step::Worker, Step::Transfer(TransferStatus::Submitted)] {
            history.apply(step);
        }
        history
    }

    fn after(steps: &[Step]) -> Self {
        let mut history = Self::submitted();
        for step in steps {
            history.apply(*step);
        }
        history
    }

    fn apply(&mut self, step: Step) {
        let effects = step.effects(&self.order);
        let (after, moved) = applied(&self.order, effects);
        assert_eq!(step.effects(&after), Vec::new(), "again: {step:?}");
        self.order = after;
        self.moved.extend(moved);
    }

    fn balance(&self) -> i128 {
        self.moved.iter().map(|movement| movement.posting.change().units()).sum()
    }

    fn sent(&self) -> Vec<&Movement> {
        self.moved.iter().filter(|movement| movement.key.as_str().starts_with("sent#")).collect()
    }

    /// The movements as journal rows.
    fn lines(&self) -> Vec<JournalLine> {
        let line = |movement: &Movement| JournalLine {
            key: movement.key.to_string(),
            account: movement.posting.account().to_string(),
            change: movement.posting.change(),
            house: None,
            order: Some(self.order.number.clone()),
            reverses: movement.reverses.as_ref().map(ToString::to_string),
            reversed_by: None,
            at: None,
            is_failed: false,
        };
        self.moved.iter().map(line).collect()
    }
}

#[test]
fn completed_transfer_is_posted_to_the_chain() {
    let submitted = History::submitted().order;
    let effects = submitted.apply_transfer_status("tx_1", COMPLETED, at(9));
    assert_eq!(
        summaries(&effects),
        ["Amend: paid, done, 0 posted in 0", "sent#HL1#1: 0.00000000000000001 from alice/POSX to house/on-chain"]
    );
}

#[test]
fn clawback_after_completed_transfer_leaves_a_debt() {
    use DisputeStage::{Lost, Open, Won};
    use Step::{Payment, Transfer, Worker};
    let refund = |count| Payment(Report::Refund("re_1", RefundState::Succeeded, count));
    let dispute = |stage, second| Payment(Report::Dispute("dp_1", stage, second));
    let done = Transfer(COMPLETED);
    let failed = Transfer(TransferStatus::Failed);
    let partly = Transfer(TransferStatus::PartiallyCompleted);
    let rows: &[(&str, &[Step], i128, usize)] = &[
        ("confirming", &[Transfer(TransferStatus::Confirming)], 10, 0),
        ("completed", &[done], 0, 1),
        ("completed twice", &[done, done], 0, 1),
        ("completed, then failed", &[done, failed], 0, 1),
        ("failed", &[failed], 10, 0),
        ("failed, then refunded", &[failed, refund(PRICE), Worker], 0, 0),
        ("failed, then completed", &[failed, done], 0, 1),
        ("completed in part", &[partly], 10, 0),
        ("completed in part, then completed", &[partly, done], 0, 1),
        ("refunded after", &[done, refund(PRICE), Worker], -10, 1),
        ("refunded before", &[refund(PRICE), Worker, done], -10, 1),
        ("refunded before, the worker after", &[refund(PRICE), done, Worker], -10, 1),
        ("half refunded", &[done, refund(500), Worker], -5, 1),
        ("disputed", &[done, dispute(Open, 1), Worker], -10, 1),
        ("disputed before", &[dispute(Open, 1), Worker, done], -10, 1),
        ("disputed and won", &[done, dispute(Open, 1), Worker, dispute(Won, 2), Worker], 0, 1),
        ("disputed and lost", &[dispute(Open, 1), done, Worker, dispute(Lost, 2), Worker], -10, 1),
    ];
    for (name, steps, balance, sent) in rows {
        let history = History::after(steps);
        assert_eq!((history.balance(), history.sent().len()), (*balance, *sent), "{name}");
    }
}

/// The answer to the transfer request was lost and the buyer was refunded: nothing is due any more, but the tokens are
/// gone.
#[test]
fn transfer_completed_after_its_refund_leaves_a_debt() {
    let mut history = History { order: order(usd(PRICE), vec![tokens(SOLD)]), moved: Vec::new() };
    let refund = Report::Refund("re_1", RefundState::Succeeded, PRICE);
    for step in [Step::Payment(Report::Paid), Step::Worker, Step::Payment(refund), Step::Worker] {
        history.apply(step);
    }
    let status = |order: &Order| order.transfer.as_ref().map(|transfer| transfer.status);
    assert_eq!((status(&history.order), history.balance()), (Some(TransferStatus::InDoubt), 0));
    history.apply(Step::Transfer(COMPLETED));
    assert_eq!((history.balance(), history.sent().len()), (-10, 1));
}

/// Each way to alter the records of a completed transfer.
#[test]
fn audit_expects_the_withdrawal_of_completed_transfer() {
    let completed = History::after(&[Step::Transfer(COMPLETED)]);
    let found = |order: &Order, lines: &[JournalLine]| -> Vec<DifferenceKind> {
        let kept = StoredOrder::Order(Box::new(order.clone()));
        kept.differences(&order.number, lines).iter().map(|difference| difference.difference_kind).collect()
    };
    let (order, lines) = (&completed.order, completed.lines());
    let is_sent = |line: &JournalLine| line.key.starts_with("sent#");
    let without: Vec<JournalLine> = lines.iter().filter(|line| !is_sent(line)).cloned().collect();
    let changed = |change: fn(&mut JournalLine)| -> Vec<JournalLine> {
        let mut lines = lines.clone();
        lines.iter_mut().filter(|line| is_sent(line)).for_each(change);
        lines
    };
    let submitted = History::submitted().order;
    let rows: [(&str, &Order, Vec<JournalLine>, &[DifferenceKind]); 6] = [
        ("unaltered", order, lines.clone(), &[]),
        ("the line is missing", order, without.clone(), &[DifferenceKind::Unposted]),
        ("another amount", order, changed(|line| line.change = Balance::from_units(-9)), &[DifferenceKind::Stands]),
        (
            "on another account",
            order,
            changed(|line| line.account = "bob/POSX".to_owned()),
            &[DifferenceKind::Unposted, DifferenceKind::Unclaimed],
        ),
        ("not completed", &submitted, lines.clone(), &[DifferenceKind::Unclaimed]),
        ("not completed, and no line", &submitted, without, &[]),
    ];
    for (name, order, lines, expected) in rows {
        assert_eq!(found(order, &lines), expected, "{name}");
    }
}

#[test]
fn transfer_that_differs_from_the_due_one_is_refused() {
    use Reason::{AmountMismatch, AssetMismatch, DestinationMismatch, OrderMismatch};
    use TransferStatus::{Cancelled, Confirming, Submitted};
    const WALLET: &str = "0xab5801a7d398351b8be11c439e05c5b3259aec9b";
    let order = History::submitted().order;
    let due = || TransferDetails {
        asset: "POSX_ETH".to_owned(),
        wallet: Some(WALLET.to_owned()),
        amount: Amount::from_units(SOLD),
    };
    let of_asset = |asset: &str| TransferDetails { asset: asset.to_owned(), ..due() };
    let to = |wallet: &str| TransferDetails { wallet: Some(wallet.to_owned()), ..due() };
    let of = |units| TransferDetails { amount: Amount::from_units(units), ..due() };
    let nowhere = || TransferDetails { wallet: None, ..due() };
    let checksummed = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B";
    let rows = [
        ("the due transfer", "tx_1", 1, Submitted, due(), None),
        ("the wallet in another case", "tx_1", 1, COMPLETED, to(checksummed), None),
        ("another asset", "tx_1", 1, Submitted, of_asset("ETH"), Some(AssetMismatch)),
        ("the asset in another case", "tx_1", 1, Submitted, of_asset("posx_eth"), Some(AssetMismatch)),
        (
            "another wallet",
            "tx_1",
            1,
            Submitted,
            to("0x1111111111111111111111111111111111111111"),
            Some(DestinationMismatch),
        ),
        ("a prefix of the wallet", "tx_1", 1, Submitted, to("0xab58"), Some(DestinationMismatch)),
        ("one unit less", "tx_1", 1, Submitted, of(SOLD - 1), Some(AmountMismatch)),
        ("one unit more", "tx_1", 1, Submitted, of(SOLD + 1), Some(AmountMismatch)),
        ("no wallet yet", "tx_1", 1, Submitted, nowhere(), None),
        ("no wallet, and never on chain", "tx_1", 1, Cancelled, nowhere(), None),
        ("no wallet, on the chain", "tx_1", 1, Confirming, nowhere(), Some(DestinationMismatch)),
        ("no wallet, completed", "tx_1", 1, COMPLETED, nowhere(), Some(DestinationMismatch)),
        ("another transfer", "tx_2", 1, Submitted, due(), Some(OrderMismatch)),
        ("of another grant", "tx_1", 2, Submitted, due(), Some(OrderMismatch)),
    ];
    for (name, id, grant, status, details, expected) in rows {
        let key = MoneyKey::of_line(&number(), Line::Grant(grant));
        let compared = order.compare_transfer(id, &key, status, &details);
        assert_eq!(compared.map_err(|anomaly| anomaly.reason), expected.map_or(Ok(()), Err), "{name}");
    }
}

/// A mismatching transfer ends and is flagged; only a matching report of completion changes that.
#[test]
fn rejected_transfer_ends_without_a_new_request() {
    let anomaly = Anomaly { reason: Reason::AssetMismatch, details: "of ETH".to_owned(), payment: None };
    let reasons = |order: &Order| order.anomalies.listed().map(|flag| flag.anomaly.reason).collect::<Vec<_>>();
    let submitted = History::submitted().order;
    let (rejected, moved) = applied(&submitted, submitted.reject_transfer(&anomaly, at(9)));
    assert_eq!((moved.len(), rejected.fulfilment), (0, Fulfilment::Failed));
    assert_eq!(rejected.transfer.as_ref().map(|transfer| transfer.status), Some(TransferStatus::Mismatched));
    assert_eq!(reasons(&rejected), [Reason::AssetMismatch]);
    assert_eq!(rejected.reject_transfer(&anomaly, at(10)), Vec::new(), "again");
    assert_eq!((rejected.fulfil(true, at(10)), rejected.work(at(10))), (Vec::new(), None));
    for status in [TransferStatus::Submitted, TransferStatus::Confirming] {
        let (later, _) = applied(&rejected, rejected.apply_transfer_status("tx_1", status, at(10)));
        assert_eq!(later.transfer, rejected.transfer, "{status:?}");
    }
    let (completed, moved) = applied(&rejected, rejected.apply_transfer_status("tx_1", COMPLETED, at(11)));
    assert_eq!((completed.fulfilment, moved.len()), (Fulfilment::Done, 1));
    assert_eq!(reasons(&completed), [Reason::AssetMismatch], "a person clears it");
    let (late, _) = applied(&completed, completed.reject_transfer(&anomaly, at(12)));
    assert_eq!(late.transfer, completed.transfer, "completion is final");
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => report(PRICE).prop_map(Step::Payment),
        2 => select(&TransferStatus::ALL[..]).prop_map(Step::Transfer),
        1 => Just(Step::Transfer(COMPLETED)),
        2 => Just(Step::Worker),
    ]
}

/// The same steps in two orders, with some repeated.
fn two_arrivals() -> impl Strategy<Value = (Vec<Step>, Vec<Step>)> {
    proptest::collection::vec(step(), 0..12).prop_flat_map(|steps| {
        let again = [steps.clone(), steps.clone()].concat();
        (Just(steps).prop_shuffle(), Just(again).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn payment_and_transfer_converge_in_any_order((one, other) in two_arrivals()) {
        let end = |steps: &[Step]| {
            let history = History::after(&[steps, &[Step::Worker]].concat());
            let status = history.order.transfer.as_ref().map(|transfer| transfer.status);
            (history.balance(), status, history.order.payment, history.order.fulfilment, history.sent().len())
        };
        prop_assert_eq!(end(&one), end(&other));
    }

    /// After each step, not only after the last.
    #[test]
    fn balance_is_the_delivered_amount_less_the_sent_one(steps in proptest::collection::vec(step(), 0..16)) {
        let mut history = History::submitted();
        for step in steps {
            history.apply(step);
            let order = &history.order;
            let has_arrived = order.transfer.as_ref().is_some_and(|transfer| transfer.status == COMPLETED);
            let sent = if has_arrived { i128::from(SOLD) } else { 0 };
            let delivered = Balance::from(order.standing(Line::Grant(1))).units();
            prop_assert_eq!(history.balance().checked_add(sent), Some(delivered));
            prop_assert_eq!(history.sent().len(), usize::from(has_arrived));
            let keys: BTreeSet<_> = history.moved.iter().map(|movement| movement.key.clone()).collect();
            prop_assert_eq!(keys.len(), history.moved.len(), "no key twice");
            let kept = StoredOrder::Order(Box::new(order.clone()));
            prop_assert_eq!(kept.differences(&order.number, &history.lines()), Vec::new());
        }
    }
}
