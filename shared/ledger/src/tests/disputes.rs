//! Disputes: which credits they claw back, what they block, and until when.

use super::*;
use DisputeStage::{Appealed, Inquiry, Lost, Open, Won};
use Report::{Dispute as Of, Foreign, Paid, Part, Refund, Sum};

/// A name, the reports after the payment, whether a dispute is open, whether one is lost, and the remaining credits.
type Row = (&'static str, &'static [Report], (bool, bool, &'static str));

#[test]
fn open_or_lost_dispute_claws_back_all_credits() {
    let rows: &[Row] = &[
        ("none", &[], (false, false, "100")),
        ("an inquiry freezes nothing", &[Of("dp_1", Inquiry, 1)], (false, false, "100")),
        ("opened", &[Of("dp_1", Open, 1)], (true, false, "0")),
        ("an inquiry becomes a dispute", &[Of("dp_1", Inquiry, 1), Of("dp_1", Open, 2)], (true, false, "0")),
        ("the inquiry arrives last", &[Of("dp_1", Open, 1), Of("dp_1", Inquiry, 2)], (true, false, "0")),
        ("won", &[Of("dp_1", Open, 1), Of("dp_1", Won, 2)], (false, false, "100")),
        ("won, and the opening arrives last", &[Of("dp_1", Won, 2), Of("dp_1", Open, 3)], (false, false, "100")),
        ("lost", &[Of("dp_1", Open, 1), Of("dp_1", Lost, 2)], (false, true, "0")),
        ("lost, and the opening arrives last", &[Of("dp_1", Lost, 2), Of("dp_1", Open, 3)], (false, true, "0")),
        ("lost, and an earlier win arrives last", &[Of("dp_1", Lost, 2), Of("dp_1", Won, 1)], (false, true, "0")),
        ("lost, and won later", &[Of("dp_1", Lost, 2), Of("dp_1", Won, 3)], (false, false, "100")),
        ("won, and lost later", &[Of("dp_1", Won, 2), Of("dp_1", Lost, 3)], (false, true, "0")),
        ("won and lost in the same second", &[Of("dp_1", Won, 2), Of("dp_1", Lost, 2)], (false, true, "0")),
        ("one of two is won", &[Of("dp_1", Won, 2), Of("dp_2", Open, 1)], (true, false, "0")),
        ("one is won, one is lost", &[Of("dp_1", Won, 2), Of("dp_2", Lost, 1)], (false, true, "0")),
        ("both are won", &[Of("dp_1", Won, 2), Of("dp_2", Won, 1)], (false, false, "100")),
        ("appealed and not decided yet", &[Of("dp_1", Open, 1), Of("dp_1", Appealed, 2)], (true, false, "0")),
        ("won, and appealed later", &[Of("dp_1", Won, 2), Of("dp_1", Appealed, 3)], (true, false, "0")),
        (
            "an appeal is won",
            &[Of("dp_1", Lost, 2), Of("dp_1", Appealed, 3), Of("dp_1", Won, 4)],
            (false, false, "100"),
        ),
        ("an appeal is lost", &[Of("dp_1", Won, 2), Of("dp_1", Appealed, 3), Of("dp_1", Lost, 4)], (false, true, "0")),
        ("a decided appeal arrives last", &[Of("dp_1", Won, 4), Of("dp_1", Appealed, 3)], (false, false, "100")),
        ("a refund stays", &[Sum(400, 1), Of("dp_1", Open, 1), Of("dp_1", Won, 2)], (false, false, "60")),
    ];
    for (name, reports, expected) in rows {
        let reports: Vec<Report> = std::iter::once(Paid).chain(reports.iter().copied()).collect();
        let (order, _) = applied_all(&hundred(), &reports);
        let posted = Asset::CREDITS.format(order.posted);
        let PaymentReversals { disputes, .. } = order.claims.get("pi_1").cloned().unwrap_or_default();
        assert_eq!((disputes.are_open(), disputes.are_lost(), posted.as_str()), *expected, "{name}");
    }
}

/// A name, the reports after the payment, and the result: the payment state, the disputed and the lost amount in cents,
/// the remaining credits and the flags.
type PartRow = (&'static str, &'static [Report], (&'static str, u64, u64, &'static str, &'static [Reason]));

#[test]
fn partial_dispute_claws_back_its_part() {
    let rows: &[PartRow] = &[
        ("a part is disputed", &[Part("dp_1", Open, 1, 300)], ("paid", 300, 0, "70", &[])),
        (
            "a part is lost",
            &[Part("dp_1", Open, 1, 300), Part("dp_1", Lost, 2, 300)],
            ("disputed_lost", 0, 300, "70", &[]),
        ),
        ("a part is won", &[Part("dp_1", Open, 1, 300), Part("dp_1", Won, 2, 300)], ("paid", 0, 0, "100", &[])),
        ("an inquiry about a part", &[Part("dp_1", Inquiry, 1, 300)], ("paid", 0, 0, "100", &[])),
        ("the whole is lost", &[Of("dp_1", Lost, 2)], ("disputed_lost", 0, 1_000, "0", &[])),
        ("more than the payment is lost", &[Part("dp_1", Lost, 2, 1_200)], ("disputed_lost", 0, 1_000, "0", &[])),
        (
            "the amount is corrected",
            &[Part("dp_1", Open, 1, 300), Part("dp_1", Open, 2, 200)],
            ("paid", 200, 0, "80", &[]),
        ),
        (
            "the correction arrives first",
            &[Part("dp_1", Open, 2, 200), Part("dp_1", Open, 1, 300)],
            ("paid", 200, 0, "80", &[]),
        ),
        (
            "two amounts in the same second",
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
            "two that exceed the payment",
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
            "a dispute after a full refund",
            &[Refund("re_1", RefundState::Succeeded, 1_000), Of("dp_1", Open, 1)],
            ("refunded", 1_000, 0, "0", &[]),
        ),
        (
            "another currency contests the whole",
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

/// Irrevocable deliveries wait while a dispute of any part is open; revocable postings follow the uncontested amount.
#[test]
fn open_dispute_blocks_irrevocable_delivery() {
    let on_chain = Some(OnChain { asset: "POSX_ETH".to_owned(), wallet: Some("0x0".to_owned()) });
    let tokens = Grant::Token { code: word("POSX"), scale: 0, amount: cents(10), on_chain };
    let order = order(usd(1_000), vec![tokens, Grant::Report(word("full"))]);
    let fulfilled = |order: &Order| applied(order, order.fulfil(true, at(9))).0;
    let (paid, _) = applied_all(&order, &[Paid]);
    let standing = |order: &Order| [1, 2].map(|n| order.standing(Line::Grant(n)).units());
    // The reports, the delivered tokens and reports, and the tokens to send.
    let rows: &[(&[Report], [u128; 2], Option<u128>)] = &[
        (&[], [10, 1], Some(10)),
        (&[Part("dp_1", Open, 1, 300)], [7, 1], None),
        (&[Part("dp_1", Open, 1, 300), Part("dp_1", Lost, 2, 300)], [7, 1], Some(7)),
        (&[Part("dp_1", Open, 1, 300), Part("dp_1", Won, 2, 300)], [10, 1], Some(10)),
        (&[Of("dp_1", Open, 1)], [0, 0], None),
        (&[Of("dp_1", Lost, 1)], [0, 0], None),
    ];
    for (reports, delivered, sent) in rows {
        // Fulfilment runs after each report, or only at the end.
        for is_late in [false, true] {
            let mut order = if is_late { paid.clone() } else { fulfilled(&paid) };
            for report in *reports {
                order = applied(&order, report.effects(&order)).0;
                order = if is_late { order } else { fulfilled(&order) };
            }
            let order = fulfilled(&order);
            // The custodian has nothing of what was due before.
            let order = applied(&order, order.release_transfer(at(200))).0;
            let amount =
                order.transfer.as_ref().filter(|_| order.is_to_be_sent()).map(|transfer| transfer.amount.units());
            assert_eq!((standing(&order), amount), (*delivered, *sent), "{reports:?}");
            assert_eq!(order.is_to_be_fulfilled(), sent.is_some(), "{reports:?}");
        }
    }
}

#[test]
fn each_stage_of_a_dispute_has_its_own_posting() {
    let stages: &[(Report, &[&str])] = &[
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
    for (report, expected) in stages {
        let effects = report.effects(&order);
        assert_eq!(summaries(&effects), *expected, "{report:?}");
        order = applied(&order, effects).0;
    }
}
