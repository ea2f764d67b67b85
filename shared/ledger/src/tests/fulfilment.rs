//! Fulfilment: postings, top-up claims and transfers follow from the payment, whenever fulfilment runs.

use std::collections::BTreeSet;

use proptest::sample::select;

use super::convergence::report;
use super::payments::order_in;
use super::*;

const WALLET: &str = "0xab5801a7d398351b8be11c439e05c5b3259aec9b";

pub(super) fn tokens(units: u64) -> Grant {
    let on_chain = Some(OnChain { asset: "POSX_ETH".to_owned(), wallet: Some(WALLET.to_owned()) });
    Grant::Token { code: word("POSX"), scale: 18, amount: cents(units), on_chain }
}

pub(super) fn airtime() -> Grant {
    let price = Money { amount: cents(500_000), currency: Currency::MNT };
    let (code, phone) = ("SD5000".to_owned(), Some("88000000".to_owned()));
    Grant::TopUp(TopUp { operator: Operator::Unitel, kind: TopUpKind::Voice, code, phone, price })
}

/// An order of every grant, with a commission of a tenth for bob and of a fiftieth for carol.
fn everything(price: u64, units: u64) -> Order {
    let mut order =
        order(usd(price), vec![Grant::Credits(credits("100")), tokens(units), Grant::Report(word("full")), airtime()]);
    let earns = |name: &str, basis_points| Commission { to: Owner::new(name).expect("valid"), basis_points };
    order.terms.commissions = vec![earns("bob", 1_000), earns("carol", 200)];
    order
}

/// A first purchase: its referrer earns credits, too.
fn with_referral(order: Order, units: u64) -> Order {
    let by = Owner::new("dora").expect("valid");
    let referral = Referral { by, to_buyer: Amount::ZERO, to_referrer: Amount::from_units(units) };
    let terms = Terms { referral: Some(referral), ..order.terms };
    Order { terms, referral: ReferralState::Given, ..order }
}

fn paid() -> Order {
    applied(&everything(1_000, 7), Report::Paid.effects(&everything(1_000, 7))).0
}

fn reasons(order: &Order) -> Vec<Reason> {
    order.anomalies.listed().map(|flag| flag.anomaly.reason).collect()
}

#[test]
fn each_line_and_its_clawback_have_their_own_keys() {
    let (fulfilled, _) = applied(&paid(), paid().fulfil(false, at(2)));
    let refund = Report::Refund("re_1", RefundState::Succeeded, 500);
    let (refunded, _) = applied(&fulfilled, refund.effects(&fulfilled));
    let rows: [(Vec<Effect>, &[&str]); 3] = [
        (
            paid().fulfil(false, at(2)),
            &[
                "Fulfil: paid, pending, 100 posted in 1",
                "grant#HL1#2: 0.000000000000000007 from house/revenue to alice/POSX",
                "grant#HL1#3: 1 from house/revenue to alice/report-full",
                "commission#HL1#1: 1 from house/commissions to bob/commission-usd",
                "commission#HL1#2: 0.2 from house/commissions to carol/commission-usd",
            ],
        ),
        (fulfilled.fulfil(false, at(3)), &[]),
        (
            refunded.fulfil(false, at(4)),
            &[
                // No call to an operator for a partly refunded order.
                "Fulfil: partly_refunded, done, 50 posted in 5",
                "reversal#HL1#2: 0.000000000000000004 from alice/POSX to house/revenue, reverses grant#HL1#2",
                "reversal#HL1#3: 0.5 from bob/commission-usd to house/commissions, reverses commission#HL1#1",
                "reversal#HL1#4: 0.1 from carol/commission-usd to house/commissions, reverses commission#HL1#2",
            ],
        ),
    ];
    for (effects, expected) in rows {
        assert_eq!(summaries(&effects), expected);
    }
}

#[test]
fn line_has_one_spelling() {
    let rows = [
        ("grant#1", Some(Line::Grant(1))),
        ("commission#255", Some(Line::Commission(255))),
        ("grant#0", None),
        ("grant#01", None),
        ("grant#+1", None),
        ("grant#256", None),
        ("grant#", None),
        ("grant", None),
        ("Grant#1", None),
        ("reversal#1", None),
    ];
    for (text, expected) in rows {
        assert_eq!(Line::read(text), expected, "{text}");
        if let Some(line) = expected {
            assert_eq!(line.to_string(), text);
            let key = MoneyKey::of_line(&number(), line);
            assert_eq!(MoneyKey::read_line(key.as_str()), Some((number(), line)), "{key}");
        }
    }
    for key in ["grant#HL1", "grant#HL#1#1", "grant##1", "payment#stripe#pi_1", "reversal#HL1#1", ""] {
        assert_eq!(MoneyKey::read_line(key), None, "{key}");
    }
}

#[test]
fn asset_has_one_code() {
    let usd = Currency::parse("USD").expect("valid");
    let token = |code: &str, scale| Asset::token(word(code), scale);
    let rows = [
        (Some(Asset::Credits), "credits", 9),
        (token("POSX", 18), "POSX", 18),
        (Some(Asset::Report(word("full"))), "report-full", 0),
        (Some(Asset::Commission(usd)), "commission-usd", 2),
        (Some(Asset::Commission(Currency::parse("JPY").expect("valid"))), "commission-jpy", 0),
    ];
    for (asset, code, scale) in rows {
        let asset = asset.expect(code);
        assert_eq!((asset.to_string().as_str(), asset.scale()), (code, scale));
        let named = if code == "POSX" { None } else { Some(asset) };
        assert_eq!(Asset::named(code), named, "{code}");
    }
    for taken in ["credits", "report-full", "commission-usd"] {
        assert_eq!(token(taken, 2), None, "{taken}");
    }
    assert_eq!(token("POSX", 19), None, "finer than an amount");
    for free in ["commission-USD", "commission-", "report-", "Credits", "commission-usdt"] {
        assert_eq!(Asset::named(free), None, "{free}");
    }
}

#[test]
fn outstanding_work_is_due_in_time() {
    let top_up_call = |state| Some(TopUpCall { at: at(100), state, seq: None, receipt: None });
    let transfer = |status| Some(Transfer { id: None, status, amount: cents(7), at: at(100) });
    let (done, _) = applied(&paid(), paid().fulfil(false, at(2)));
    let called = |state| Order { top_up_call: top_up_call(state), ..done.clone() };
    let sent = |status| Order { transfer: transfer(status), ..called(TopUpState::Done) };
    let due = |work, second| Some((work, at(second)));
    let rows = [
        ("unpaid", everything(1_000, 7), due(Work::Payment(Provider::Stripe), 300)),
        (
            "failed",
            Order { payment: PaymentState::Failed, ..everything(1_000, 7) },
            due(Work::Payment(Provider::Stripe), 300),
        ),
        ("expired", order_in(PaymentState::Expired), None),
        ("paid", paid(), due(Work::Fulfilment, 260)),
        ("call outstanding", done.clone(), due(Work::Fulfilment, 260)),
        ("claimed", called(TopUpState::Claimed), due(Work::Fulfilment, 220)),
        ("pending", called(TopUpState::Pending), due(Work::PendingExternal, 500)),
        ("unknown", called(TopUpState::Unknown), due(Work::PendingExternal, 500)),
        ("failed at the operator", called(TopUpState::Failed), None),
        ("done", called(TopUpState::Done), None),
        ("transfer outstanding", sent(TransferStatus::Due), due(Work::Fulfilment, 260)),
        ("confirming", sent(TransferStatus::Confirming), due(Work::PendingExternal, 500)),
        ("sent", sent(TransferStatus::Completed), None),
        ("not sent", sent(TransferStatus::Rejected), None),
    ];
    for (name, order, expected) in rows {
        assert_eq!(order.work(at(200)), expected, "{name}");
    }
    let a_day_later = at(100 + 24 * 60 * 60);
    assert_eq!(called(TopUpState::Pending).work(a_day_later), None, "a person takes over by then");
}

#[test]
fn only_open_or_abandoned_call_is_resolved() {
    let (done, _) = applied(&paid(), paid().fulfil(false, at(2)));
    let called =
        |state| Order { top_up_call: Some(TopUpCall { at: at(100), state, seq: None, receipt: None }), ..done.clone() };
    let rows = [
        (None, 1_000, false),
        (Some(TopUpState::Claimed), 219, false),
        (Some(TopUpState::Claimed), 220, true),
        (Some(TopUpState::Pending), 101, true),
        (Some(TopUpState::Unknown), 101, true),
        (Some(TopUpState::Failed), 1_000, false),
        (Some(TopUpState::Done), 1_000, false),
    ];
    for (state, second, expected) in rows {
        let order = state.map_or_else(|| done.clone(), called);
        for verdict in [Verdict::Done, Verdict::Failed, Verdict::Again] {
            let resolved = order.resolve(verdict, Some("77".to_owned()), at(second));
            assert_eq!(resolved.is_some(), expected, "{state:?} at {second}");
            let Some(effects) = resolved else { continue };
            let (after, _) = applied(&order, effects);
            let (state, reason) = match verdict {
                Verdict::Done => (Some(TopUpState::Done), None),
                Verdict::Failed => (Some(TopUpState::Failed), Some(Reason::TopUpFailed)),
                Verdict::Again => (None, None),
            };
            assert_eq!(after.top_up_call.as_ref().map(|top_up_call| top_up_call.state), state);
            assert_eq!(reasons(&after), Vec::from_iter(reason));
            assert_eq!(after.is_top_up_due(), verdict == Verdict::Again);
        }
    }
}

/// Reports from an operator or a custodian, in any order.
#[derive(Debug, Clone)]
enum External {
    TopUpCall(TopUpState),
    Transfer(TransferStatus),
}

fn external() -> impl Strategy<Value = External> {
    prop_oneof![
        select(&TopUpState::ALL[..]).prop_map(External::TopUpCall),
        select(&TransferStatus::ALL[..]).prop_map(External::Transfer),
    ]
}

fn learned(order: &Order, report: &External) -> Vec<Effect> {
    match report {
        External::TopUpCall(state) => {
            let answer = TopUpReport { state: *state, seq: None, receipt: None, details: "details".to_owned() };
            order.apply_top_up_report(answer)
        }
        External::Transfer(status) => order.apply_transfer_status("tx_1", *status, at(9)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Whenever and however often fulfilment runs, the delivered amounts end as the due ones, and each posting has its
    /// own key.
    #[test]
    fn fulfilment_converges_whenever_it_runs(
        price in prop_oneof![1_u64..=12, 1_u64..=100_000], units in 0_u64..1_000_000,
        reports in proptest::collection::vec((report(1_000), any::<bool>()), 0..12),
    ) {
        let mut order = with_referral(everything(price, units), units);
        let mut late = order.clone();
        let (mut keys, mut balances) = (BTreeSet::new(), BTreeMap::<AccountId, Balance>::new());
        let steps = reports.iter().copied().chain([(Report::Paid, true)]);
        for (report, is_fulfilled) in steps {
            late = applied(&late, report.effects(&late)).0;
            let (after, mut movements) = applied(&order, report.effects(&order));
            order = after;
            if is_fulfilled {
                let (after, more) = applied(&order, order.fulfil(false, at(5)));
                prop_assert_eq!(after.fulfil(false, at(6)), Vec::new(), "again");
                for share in after.shares() {
                    prop_assert_eq!(after.standing(share.line), after.due(&share));
                }
                order = after;
                movements.extend(more);
            }
            for movement in movements {
                prop_assert!(!movement.posting.amount().is_zero());
                prop_assert!(keys.insert(movement.key.clone()), "{} twice", movement.key);
                let balance = balances.entry(movement.posting.account().clone()).or_default();
                *balance = balance.checked_add(movement.posting.change()).expect("small");
            }
        }
        late = applied(&late, late.fulfil(false, at(5))).0;
        for share in order.shares() {
            prop_assert_eq!(order.standing(share.line), late.standing(share.line), "{}", share.line);
            let moved = balances.get(&share.account).copied().unwrap_or_default();
            prop_assert_eq!(moved, Balance::from(order.standing(share.line)));
        }
        prop_assert_eq!((order.payment, order.posted, order.paid), (late.payment, late.posted, late.paid));
    }

    /// A report never moves the state back, whatever the order of reports, and a repeated report has no effect.
    #[test]
    fn external_reports_only_move_forward(reports in proptest::collection::vec(external(), 0..12)) {
        let (fulfilled, _) = applied(&paid(), paid().fulfil(true, at(2)));
        let (claimed, _) = applied(&fulfilled, fulfilled.claim(at(3)));
        let end = |reports: &[External]| {
            reports.iter().fold(claimed.clone(), |order, report| {
                let (after, movements) = applied(&order, learned(&order, report));
                let status = |order: &Order| order.transfer.as_ref().map(|transfer| transfer.status);
                let has_arrived = status(&after) != status(&order) && status(&after) == Some(TransferStatus::Completed);
                assert_eq!(movements.len(), usize::from(has_arrived), "{report:?}");
                assert_eq!(learned(&after, report), Vec::new(), "again: {report:?}");
                after
            })
        };
        let backwards: Vec<External> = reports.iter().rev().cloned().collect();
        let (one, other) = (end(&reports), end(&backwards));
        let state = |order: &Order| order.top_up_call.as_ref().map(|top_up_call| top_up_call.state);
        let status = |order: &Order| order.transfer.as_ref().map(|transfer| transfer.status);
        prop_assert_eq!((state(&one), status(&one), one.fulfilment), (state(&other), status(&other), other.fulfilment));
        prop_assert_eq!(reasons(&one), reasons(&other));
    }

    #[test]
    fn call_is_claimed_once_and_only_if_paid_in_full(reports in proptest::collection::vec(report(1_000), 0..8)) {
        let order = reports.iter().fold(everything(1_000, 7), |order, report| applied(&order, report.effects(&order)).0);
        let effects = order.claim(at(3));
        let is_claimable = order.payment == PaymentState::Paid && !order.is_contested();
        prop_assert_eq!(!effects.is_empty(), is_claimable);
        if let Some(Effect::Order { order: after, transition, .. }) = effects.first() {
            prop_assert_eq!(*transition, Transition::Claim);
            prop_assert_eq!(after.claim(at(4)), Vec::new());
        }
    }
}
