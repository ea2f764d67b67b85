//! What a dispute takes back and freezes, and for how long.

use super::*;
use DisputeStage::{Appealed, Inquiry, Lost, Open, Won};
use Report::{Dispute as Of, Foreign, Paid, Part, Refund, Sum};

/// A name, the reports after the payment, whether any dispute is open, whether any is lost, and the credits that stand.
type Row = (&'static str, &'static [Report], (bool, bool, &'static str));

#[test]
fn nothing_stands_while_a_dispute_does() {
    let rows: &[Row] = &[
        ("none", &[], (false, false, "100")),
        ("an inquiry freezes nothing", &[Of("dp_1", Inquiry, 1)], (false, false, "100")),
        ("it is opened", &[Of("dp_1", Open, 1)], (true, false, "0")),
        ("an inquiry becomes a dispute", &[Of("dp_1", Inquiry, 1), Of("dp_1", Open, 2)], (true, false, "0")),
        ("the inquiry comes last", &[Of("dp_1", Open, 1), Of("dp_1", Inquiry, 2)], (true, false, "0")),
        ("it is won", &[Of("dp_1", Open, 1), Of("dp_1", Won, 2)], (false, false, "100")),
        ("its opening comes last", &[Of("dp_1", Won, 2), Of("dp_1", Open, 3)], (false, false, "100")),
        ("it is lost", &[Of("dp_1", Open, 1), Of("dp_1", Lost, 2)], (false, true, "0")),
        ("lost, and its opening comes last", &[Of("dp_1", Lost, 2), Of("dp_1", Open, 3)], (false, true, "0")),
        ("lost is for ever", &[Of("dp_1", Lost, 2), Of("dp_1", Won, 1)], (false, true, "0")),
        ("unless it is won later", &[Of("dp_1", Lost, 2), Of("dp_1", Won, 3)], (false, false, "100")),
        ("won, and lost later", &[Of("dp_1", Won, 2), Of("dp_1", Lost, 3)], (false, true, "0")),
        ("won and lost at one second", &[Of("dp_1", Won, 2), Of("dp_1", Lost, 2)], (false, true, "0")),
        ("one of two is won", &[Of("dp_1", Won, 2), Of("dp_2", Open, 1)], (true, false, "0")),
        ("one is won, one is lost", &[Of("dp_1", Won, 2), Of("dp_2", Lost, 1)], (false, true, "0")),
        ("both are won", &[Of("dp_1", Won, 2), Of("dp_2", Won, 1)], (false, false, "100")),
        ("it is appealed and not decided yet", &[Of("dp_1", Open, 1), Of("dp_1", Appealed, 2)], (true, false, "0")),
        ("won, and appealed later", &[Of("dp_1", Won, 2), Of("dp_1", Appealed, 3)], (true, false, "0")),
        (
            "an appeal is won",
            &[Of("dp_1", Lost, 2), Of("dp_1", Appealed, 3), Of("dp_1", Won, 4)],
            (false, false, "100"),
        ),
        ("an appeal is lost", &[Of("dp_1", Won, 2), Of("dp_1", Appealed, 3), Of("dp_1", Lost, 4)], (false, true, "0")),
        (
            "an appeal comes last that was decided",
            &[Of("dp_1", Won, 4), Of("dp_1", Appealed, 3)],
            (false, false, "100"),
        ),
        ("what was refunded stays so", &[Sum(400, 1), Of("dp_1", Open, 1), Of("dp_1", Won, 2)], (false, false, "60")),
    ];
    for (name, reports, expected) in rows {
        let reports: Vec<Report> = std::iter::once(Paid).chain(reports.iter().copied()).collect();
        let (order, _) = applied_all(&hundred(), &reports);
        let posted = Asset::CREDITS.format(order.posted);
        let Claims { disputes, .. } = order.claims.get("pi_1").cloned().unwrap_or_default();
        assert_eq!((disputes.are_open(), disputes.are_lost(), posted.as_str()), *expected, "{name}");
    }
}

/// A name, the reports after the payment, and what they leave: the payment's state, what is disputed and lost in cents, the credits
/// that stand and the flags.
type PartRow = (&'static str, &'static [Report], (&'static str, u64, u64, &'static str, &'static [Reason]));

#[test]
fn a_dispute_takes_back_what_it_disputes() {
    let rows: &[PartRow] = &[
        ("a part is disputed", &[Part("dp_1", Open, 1, 300)], ("paid", 300, 0, "70", &[])),
        ("and lost", &[Part("dp_1", Open, 1, 300), Part("dp_1", Lost, 2, 300)], ("disputed_lost", 0, 300, "70", &[])),
        ("and won", &[Part("dp_1", Open, 1, 300), Part("dp_1", Won, 2, 300)], ("paid", 0, 0, "100", &[])),
        ("a part is asked about", &[Part("dp_1", Inquiry, 1, 300)], ("paid", 0, 0, "100", &[])),
        ("all is lost", &[Of("dp_1", Lost, 2)], ("disputed_lost", 0, 1_000, "0", &[])),
        ("more than was paid is lost", &[Part("dp_1", Lost, 2, 1_200)], ("disputed_lost", 0, 1_000, "0", &[])),
        (
            "the amount is corrected",
            &[Part("dp_1", Open, 1, 300), Part("dp_1", Open, 2, 200)],
            ("paid", 200, 0, "80", &[]),
        ),
        (
            "the correction comes first",
            &[Part("dp_1", Open, 2, 200), Part("dp_1", Open, 1, 300)],
            ("paid", 200, 0, "80", &[]),
        ),
        (
            "two amounts of one second",
            &[Part("dp_1", Open, 1, 300), Part("dp_1", Open, 1, 200)],
            ("paid", 300, 0, "70", &[]),
        ),
        (
            "less is lost than was disputed",
            &[Part("dp_1", Open, 1, 300), Part("dp_1", Lost, 2, 100)],
            ("disputed_lost", 0, 100, "90", &[]),
        ),
        (
            "two disputes",
            &[Part("dp_1", Open, 1, 300), Part("dp_2", Lost, 1, 200)],
            ("disputed_lost", 300, 200, "50", &[]),
        ),
        (
            "two of more than was paid",
            &[Part("dp_1", Open, 1, 600), Part("dp_2", Open, 1, 600)],
            ("paid", 1_000, 0, "0", &[]),
        ),
        ("a refund and a dispute", &[Sum(400, 1), Part("dp_1", Open, 1, 300)], ("partly_refunded", 300, 0, "30", &[])),
        (
            "a refund and a lost dispute",
            &[Sum(400, 1), Part("dp_1", Lost, 1, 600)],
            ("disputed_lost", 0, 600, "0", &[]),
        ),
        (
            "a dispute of what was refunded",
            &[Refund("re_1", RefundState::Succeeded, 1_000), Of("dp_1", Open, 1)],
            ("refunded", 1_000, 0, "0", &[]),
        ),
        (
            "in another currency it is the whole",
            &[Foreign("dp_1", Open, 1)],
            ("paid", 1_000, 0, "0", &[Reason::CurrencyMismatch]),
        ),
        ("an inquiry in another currency", &[Foreign("dp_1", Inquiry, 1)], ("paid", 0, 0, "100", &[])),
    ];
    for (name, reports, (payment, disputed, lost, credits, flags)) in rows {
        let reports: Vec<Report> = std::iter::once(Paid).chain(reports.iter().copied()).collect();
        let (order, _) = applied_all(&hundred(), &reports);
        let posted = Asset::CREDITS.format(order.posted);
        assert_eq!(
            (order.payment.as_str(), order.disputed(), order.lost()),
            (*payment, cents(*disputed), cents(*lost)),
            "{name}"
        );
        assert_eq!(
            (posted.as_str(), order.anomalies.listed().map(|flag| flag.anomaly.reason).collect::<Vec<_>>()),
            (*credits, flags.to_vec()),
            "{name}"
        );
    }
}

/// What cannot be taken back is not delivered while a dispute of any part is open; what was posted follows the amount.
#[test]
fn an_open_dispute_freezes_what_cannot_be_taken_back() {
    let on_chain = Some(OnChain { asset: "POSX_ETH".to_owned(), wallet: "0x0".to_owned() });
    let tokens = Grant::Token { code: word("POSX"), scale: 0, amount: cents(10), on_chain };
    let order = order(usd(1_000), vec![tokens, Grant::Report(word("full"))]);
    let fulfilled = |order: &Order| applied(order, order.fulfil(true, at(9))).0;
    let (paid, _) = applied_all(&order, &[Paid]);
    let standing = |order: &Order| [1, 2].map(|n| order.standing(Line::Grant(n)).units());
    // The reports, what stands of the tokens and the report, and what is to be sent of the tokens.
    let rows: &[(&[Report], [u128; 2], Option<u128>)] = &[
        (&[], [10, 1], Some(10)),
        (&[Part("dp_1", Open, 1, 300)], [7, 1], None),
        (&[Part("dp_1", Open, 1, 300), Part("dp_1", Lost, 2, 300)], [7, 1], Some(7)),
        (&[Part("dp_1", Open, 1, 300), Part("dp_1", Won, 2, 300)], [10, 1], Some(10)),
        (&[Of("dp_1", Open, 1)], [0, 0], None),
        (&[Of("dp_1", Lost, 1)], [0, 0], None),
    ];
    for (reports, stands, sent) in rows {
        // Fulfilled in between or only at the end.
        for is_late in [false, true] {
            let mut told = if is_late { paid.clone() } else { fulfilled(&paid) };
            for report in *reports {
                told = applied(&told, report.effects(&told)).0;
                told = if is_late { told } else { fulfilled(&told) };
            }
            let told = fulfilled(&told);
            let amount =
                told.transfer.as_ref().filter(|_| told.is_to_be_sent()).map(|transfer| transfer.amount.units());
            assert_eq!((standing(&told), amount), (*stands, *sent), "{reports:?}");
            assert_eq!(told.is_to_be_fulfilled(), sent.is_some(), "{reports:?}");
        }
    }
}

#[test]
fn each_turn_of_a_dispute_is_money_of_its_own() {
    let turns: &[(Report, &[&str])] = &[
        (Of("dp_1", Inquiry, 1), &["Amend: paid, done, 100 posted in 1"]),
        (
            Of("dp_1", Open, 2),
            &[
                "Amend: paid, done, 0 posted in 2",
                "reversal#HL1#1: 100 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
        (Of("dp_1", Open, 2), &[]),
        (
            Of("dp_1", Won, 3),
            &[
                "Amend: paid, done, 100 posted in 3",
                "reversal#HL1#2: 100 from house/revenue to alice/credits, reverses payment#stripe#pi_1",
            ],
        ),
        (Of("dp_1", Open, 4), &[]),
        (
            Of("dp_1", Lost, 5),
            &[
                "Amend: disputed_lost, done, 0 posted in 4",
                "reversal#HL1#3: 100 from alice/credits to house/revenue, reverses payment#stripe#pi_1",
            ],
        ),
    ];
    let (mut order, _) = applied_all(&hundred(), &[Paid]);
    for (report, expected) in turns {
        let effects = report.effects(&order);
        assert_eq!(told(&effects), *expected, "{report:?}");
        order = applied(&order, effects).0;
    }
}
