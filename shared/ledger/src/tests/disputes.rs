//! What a dispute freezes, and for how long.

use super::*;
use DisputeStage::{Inquiry, Lost, Open, Won};
use Report::{Dispute as Of, Paid, Sum};

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
                "Amend: paid, done, 0 posted in 4",
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
