//! Transfers whose request was not answered, while refunds and disputes change what is due.

use super::convergence::report;
use super::fulfilment::tokens;
use super::*;

const PRICE: u64 = 1_000;
const SOLD: u64 = 10;
/// Each step is later than the last request of the step before it.
const STEP_SECONDS: i64 = 121;

#[derive(Debug, Clone, Copy)]
enum Step {
    Payment(Report),
    Worker,
    /// The worker requests the transfer if it is to be sent.
    Request {
        arrives: bool,
        is_answered: bool,
    },
    Query,
}

/// The steps, the transfer after them, and the outstanding work.
type Row<'r> = (&'r str, &'r [Step], Option<(&'r str, u128)>, Option<Work>);

/// An order, and the transfer that the custodian has under its key.
struct History {
    order: Order,
    at_custodian: Option<TransferDetails>,
    balance: i128,
    now: Timestamp,
}

impl History {
    fn paid() -> Self {
        let (order, _) = applied_all(&order(usd(PRICE), vec![tokens(SOLD)]), &[Report::Paid]);
        Self { order, at_custodian: None, balance: 0, now: at(0) }
    }

    fn of(steps: &[Step]) -> Self {
        let mut history = Self::paid();
        for step in steps {
            history.take(*step);
        }
        history
    }

    fn take(&mut self, step: Step) {
        self.now = self.now.plus_seconds(STEP_SECONDS);
        match step {
            Step::Payment(report) => self.write(report.effects(&self.order)),
            Step::Worker => self.write(self.order.fulfil(true, self.now)),
            Step::Request { arrives, is_answered } => {
                if self.order.is_to_be_sent() {
                    self.request(arrives, is_answered);
                }
            }
            Step::Query => self.query(),
        }
    }

    fn request(&mut self, arrives: bool, is_answered: bool) {
        let requested = self.order.allocation().expect("tokens");
        if arrives {
            let details =
                TransferDetails { asset: requested.asset, wallet: requested.wallet, amount: requested.amount };
            self.at_custodian.get_or_insert(details);
            if is_answered {
                self.adopt(TransferStatus::Submitted);
            }
        }
    }

    fn query(&mut self) {
        if !self.order.transfer.as_ref().is_some_and(Transfer::is_under_way) {
            return;
        }
        if self.at_custodian.is_some() {
            self.adopt(TransferStatus::Completed);
        } else {
            self.write(self.order.release_transfer(self.now));
        }
    }

    fn adopt(&mut self, status: TransferStatus) {
        let key = MoneyKey::of_line(&number(), Line::Grant(1));
        let found = self.at_custodian.as_ref().expect("a transfer");
        assert_eq!(self.order.compare_transfer("tx_1", &key, status, found), Ok(()));
        self.write(self.order.apply_transfer_status("tx_1", status, self.now));
    }

    fn write(&mut self, effects: Vec<Effect>) {
        let (after, moved) = applied(&self.order, effects);
        self.order = after;
        let change: i128 = moved.iter().map(|movement| movement.posting.change().units()).sum();
        self.balance = self.balance.checked_add(change).expect("small");
    }

    fn transfer(&self) -> Option<(&'static str, u128)> {
        self.order.transfer.as_ref().map(|transfer| (transfer.status.as_str(), transfer.amount.units()))
    }
}

#[test]
fn transfer_keeps_the_amount_of_its_request_until_it_is_released() {
    use DisputeStage::{Lost, Open, Won};
    use Step::{Payment, Query, Worker};
    let half = Payment(Report::Refund("re_1", RefundState::Succeeded, 500));
    let rest = Payment(Report::Refund("re_2", RefundState::Succeeded, 500));
    let failed = Payment(Report::Refund("re_1", RefundState::Failed, 500));
    let dispute = |stage, second| Payment(Report::Part("dp_1", stage, second, 500));
    let lost = Step::Request { arrives: false, is_answered: false };
    let unanswered = Step::Request { arrives: true, is_answered: false };
    let answered = Step::Request { arrives: true, is_answered: true };
    let rows: &[Row<'_>] = &[
        ("requested", &[Worker, unanswered], Some(("DUE", 10)), Some(Work::Fulfilment)),
        ("refunded", &[Worker, unanswered, half], Some(("DUE", 10)), Some(Work::Fulfilment)),
        ("clawed back", &[Worker, lost, half, Worker], Some(("IN_DOUBT", 10)), Some(Work::PendingExternal)),
        ("found", &[Worker, unanswered, half, Worker, Query], Some(("COMPLETED", 10)), None),
        ("released", &[Worker, lost, half, Worker, Query], Some(("DUE", 5)), Some(Work::Fulfilment)),
        ("refunded in full", &[Worker, lost, half, rest, Worker], Some(("IN_DOUBT", 10)), Some(Work::PendingExternal)),
        ("released, nothing is due", &[Worker, lost, half, rest, Worker, Query], None, None),
        (
            "refunded again, and released before the clawback",
            &[Worker, lost, half, Worker, rest, Query],
            None,
            Some(Work::Fulfilment),
        ),
        (
            "sent in part",
            &[Worker, lost, half, Worker, Query, answered],
            Some(("SUBMITTED", 5)),
            Some(Work::PendingExternal),
        ),
        (
            "the refund fails at once",
            &[Worker, unanswered, half, failed, answered],
            Some(("SUBMITTED", 10)),
            Some(Work::PendingExternal),
        ),
        (
            "the refund fails",
            &[Worker, unanswered, half, Worker, failed, Worker],
            Some(("IN_DOUBT", 10)),
            Some(Work::PendingExternal),
        ),
        (
            "the refund fails, released",
            &[Worker, lost, half, Worker, failed, Worker, Query],
            Some(("DUE", 10)),
            Some(Work::Fulfilment),
        ),
        ("disputed", &[Worker, lost, dispute(Open, 1), Worker], Some(("IN_DOUBT", 10)), Some(Work::PendingExternal)),
        ("disputed, released", &[Worker, lost, dispute(Open, 1), Worker, Query], Some(("DUE", 5)), None),
        (
            "lost after the release",
            &[Worker, lost, dispute(Open, 1), Worker, Query, dispute(Lost, 2), answered],
            Some(("SUBMITTED", 5)),
            Some(Work::PendingExternal),
        ),
        (
            "disputed for less than a token",
            &[Worker, unanswered, Payment(Report::Part("dp_1", Open, 1, 0)), Worker, Query],
            Some(("DUE", 10)),
            None,
        ),
        (
            "that dispute is won",
            &[
                Worker,
                unanswered,
                Payment(Report::Part("dp_1", Open, 1, 0)),
                Worker,
                Payment(Report::Part("dp_1", Won, 2, 0)),
                answered,
                Query,
            ],
            Some(("COMPLETED", 10)),
            None,
        ),
        (
            "won after the release",
            &[Worker, lost, dispute(Open, 1), Worker, Query, dispute(Won, 2), Worker, Query, answered],
            Some(("SUBMITTED", 10)),
            Some(Work::PendingExternal),
        ),
    ];
    for (name, steps, transfer, work) in rows {
        let history = History::of(steps);
        assert_eq!(history.transfer(), *transfer, "{name}");
        assert_eq!(history.order.work(history.now).map(|(work, _)| work), *work, "{name}");
    }
}

/// A function that read the order before its refund may still request the transfer for a minute.
#[test]
fn early_query_releases_nothing() {
    let mut history = History::of(&[Step::Worker]);
    let refund = Report::Refund("re_1", RefundState::Succeeded, 500);
    history.write(refund.effects(&history.order));
    history.write(history.order.fulfil(true, at(1_000)));
    for (second, is_released) in [(1_000, false), (1_119, false), (1_120, true)] {
        assert_eq!(!history.order.release_transfer(at(second)).is_empty(), is_released, "{second}");
    }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => report(PRICE).prop_map(Step::Payment),
        3 => Just(Step::Worker),
        3 => any::<(bool, bool)>().prop_map(|(arrives, is_answered)| Step::Request { arrives, is_answered }),
        2 => Just(Step::Query),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the custodian has is what the order says was requested; once everything was queried, the balance is the
    /// delivered amount less the sent one.
    #[test]
    fn transfer_that_is_found_is_the_requested_one(steps in proptest::collection::vec(step(), 0..16)) {
        let mut history = History::of(&steps);
        let answered = Step::Request { arrives: true, is_answered: true };
        let is_disputed = history.order.is_disputed();
        // A released transfer is registered, requested and queried in turn.
        for _ in 0..3 {
            for step in [Step::Worker, Step::Query, Step::Worker, answered, Step::Query] {
                history.take(step);
            }
        }
        // While a dispute is open that takes nothing back, nothing is requested again: the custodian's own report tells.
        let is_due = history.order.transfer.as_ref().is_some_and(|transfer| transfer.status == TransferStatus::Due);
        if is_due && history.order.is_disputed() && history.at_custodian.is_some() {
            history.adopt(TransferStatus::Completed);
        }
        let order = &history.order;
        let sent = history.at_custodian.as_ref().map_or(0, |transfer| Balance::from(transfer.amount).units());
        let delivered = Balance::from(order.standing(Line::Grant(1))).units();
        prop_assert_eq!(history.balance.checked_add(sent), Some(delivered));
        let status = order.transfer.as_ref().map(|transfer| transfer.status);
        prop_assert_eq!(history.at_custodian.is_some(), status == Some(TransferStatus::Completed));
        if history.at_custodian.is_none() {
            prop_assert!(delivered == 0 || is_disputed, "{delivered} are never sent");
        }
    }
}
