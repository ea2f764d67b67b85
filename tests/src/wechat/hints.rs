//! Hints: a CloudRun callback that names only the order. WeChat is queried, and its answer is booked, flagged, or retried later.

use edge::Worker as _;
use reconcile::Reconcile;
use testkit::{NetFault, WechatFault};

use super::*;
use crate::stripe::{REFUSED, reconcile, run_at};

const OVER_CLOUDRUN: [(&str, &str); 2] = [("WECHAT_API", "cloudrun"), ("WECHAT_API_BASE", "https://cloud.invalid")];
const UNAVAILABLE: (u16, &str) = (503, r#"{"errcode":503,"errmsg":"Temporarily unavailable"}"#);
const POSTED: i128 = 100_000_000_000;

/// A hint with these further fields.
fn hint(more: &str) -> String {
    format!(r#"{{"returnCode":"SUCCESS","resultCode":"SUCCESS","outTradeNo":"{ORDER}"{more}}}"#)
}

/// A WeChat at which this transaction pays the order.
fn paid_by(transaction: &str, fen: u64, attach: Option<&str>) -> WechatNet {
    let net = WechatNet::default();
    net.pay(ORDER, transaction, fen, attach);
    net
}

/// The refused event: its reason, and whether it is retried.
fn refused(world: &World) -> Option<(String, bool)> {
    let books = world.books();
    books.check();
    let row = books.journal.values().find(|row| row.reason.is_some())?;
    Some((row.reason.clone().expect("a reason"), row.needs_attention))
}

/// The path, the further fields, WeChat's state, the number of queries, and the result: `paid`, the reason for waiting, or the order's
/// anomaly.
type Row<'r> = (&'r str, &'r str, &'r str, WechatNet, usize, &'r str);

#[tokio::test(start_paused = true)]
async fn hint_is_booked_as_wechat_answers() {
    const OTHER: &str = r#"{"orderNumber":"hk_other_order"}"#;
    let own = format!(r#","attach":"{{\"orderNumber\":\"{ORDER}\"}}""#);
    let transaction = format!(r#","transactionId":"{TRANSACTION}""#);
    let whole = || paid_by(TRANSACTION, PRICE, None);
    let another = || paid_by("4200000000202601010000000009", PRICE, None);
    let rows: [Row<'_>; 11] = [
        ("the order alone", NOTIFY, "", whole(), 1, "paid"),
        ("and in the path", CALLBACK, "", whole(), 1, "paid"),
        ("and in the attach", NOTIFY, &own, whole(), 1, "paid"),
        ("and the transaction", NOTIFY, &transaction, whole(), 1, "paid"),
        ("and the sum", NOTIFY, r#","totalFee":1999"#, whole(), 1, "paid"),
        ("empty texts", NOTIFY, r#","transactionId":"","attach":"","subMchId":"""#, whole(), 1, "paid"),
        ("nulls", NOTIFY, r#","transactionId":null,"totalFee":null"#, whole(), 1, "paid"),
        ("not paid", NOTIFY, "", WechatNet::default(), 1, "unconfirmed"),
        ("another transaction", NOTIFY, &transaction, another(), 1, "unconfirmed"),
        ("WeChat answers with another amount", NOTIFY, "", paid_by(TRANSACTION, 1, None), 1, "AMOUNT_MISMATCH"),
        (
            "WeChat answers with another order",
            NOTIFY,
            "",
            paid_by(TRANSACTION, PRICE, Some(OTHER)),
            1,
            "ATTACH_MISMATCH",
        ),
    ];
    each_comes_to(rows).await;
}

/// A hint that contradicts its order is recorded without a query, also when it names no transaction.
#[tokio::test(start_paused = true)]
async fn hint_that_contradicts_its_order_is_flagged() {
    const OTHER: &str = r#","attach":"{\"orderNumber\":\"hk_other_order\"}""#;
    let whole = || paid_by(TRANSACTION, PRICE, None);
    let other_path = format!("{CALLBACK}2");
    let rows: [Row<'_>; 6] = [
        ("its attach names another order", NOTIFY, OTHER, whole(), 0, "ATTACH_MISMATCH"),
        ("its attach cannot be read", NOTIFY, r#","attach":"{not JSON""#, whole(), 0, "ATTACH_MISMATCH"),
        ("the path names another order", &other_path, "", whole(), 0, "ORDER_MISMATCH"),
        ("another merchant", NOTIFY, r#","subMchId":"1900000002""#, whole(), 0, "MERCHANT_MISMATCH"),
        ("another sum", NOTIFY, r#","totalFee":1"#, whole(), 0, "AMOUNT_MISMATCH"),
        ("another currency", NOTIFY, r#","totalFee":1999,"feeType":"USD""#, whole(), 0, "CURRENCY_MISMATCH"),
    ];
    each_comes_to(rows).await;
}

async fn each_comes_to(rows: impl IntoIterator<Item = Row<'_>>) {
    for (name, path, more, net, queries, expected) in rows {
        // A hint has no amount, so WeChat is queried whatever the settings.
        for variables in [&[][..], &[("WECHAT_CONFIRM_CLOUDRUN", "false")]] {
            let world = shop().await;
            net.recover();
            let got = deliver_sample(&world, &net, variables, path, &hint(more)).await;
            assert!(is(&got, CLOUDRUN_SUCCESS), "{name}: {got:?}");
            assert_eq!(net.calls().len(), queries, "{name}");
            let (books, is_paid, waits) = (world.books(), expected == "paid", expected == "unconfirmed");
            let order = books.order(ORDER);
            let flag = (!is_paid && !waits).then_some(expected);
            let payment = if is_paid { "paid" } else { "unpaid" };
            assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), (payment, flag), "{name}");
            assert_eq!(books.balance("alice/credits"), if is_paid { POSTED } else { 0 }, "{name}");
            let reason = (!is_paid).then(|| (expected.to_ascii_lowercase(), waits));
            assert_eq!((refused(&world), books.bodies.len()), (reason, 1), "{name}: its body is kept");
        }
    }
}

/// A hint books only a payment that is settled and not refunded.
#[tokio::test(start_paused = true)]
async fn hint_of_an_unpaid_order_waits() {
    for state in ["NOTPAY", "USERPAYING", "CLOSED", "REVOKED", "PAYERROR", "REFUND"] {
        let (world, net) = (shop().await, paid());
        let altered: &'static str = match state {
            "NOTPAY" => r#""trade_state":"NOTPAY""#,
            "USERPAYING" => r#""trade_state":"USERPAYING""#,
            "CLOSED" => r#""trade_state":"CLOSED""#,
            "REVOKED" => r#""trade_state":"REVOKED""#,
            "PAYERROR" => r#""trade_state":"PAYERROR""#,
            _ => r#""trade_state":"REFUND""#,
        };
        net.fail(move |_, _| NetFault::Own(WechatFault::AlteredAndSigned(r#""trade_state":"SUCCESS""#, altered)));
        let got = deliver_sample(&world, &net, &OVER_CLOUDRUN, NOTIFY, &hint("")).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{state}: {got:?}");
        assert_eq!(world.books().order(ORDER).payment, "unpaid", "{state}");
        assert_eq!(refused(&world), Some(("unconfirmed".to_owned(), true)), "{state}");
        // The same callback is booked after the payment.
        net.recover();
        let got = deliver_sample(&world, &net, &OVER_CLOUDRUN, NOTIFY, &hint("")).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{state}: {got:?}");
        assert_eq!(world.books().balance("alice/credits"), POSTED, "{state}");
    }
}

/// Without an answer the hint is not acknowledged, so that WeChat retries it, and kept, so that the sweep retries it too.
#[tokio::test(start_paused = true)]
async fn hint_is_kept_and_refused_while_wechat_does_not_answer() {
    let world = shop().await;
    let net = paid();
    net.fail(|_, _| NetFault::Status(500));
    for _ in 0..2 {
        let got = deliver_sample(&world, &net, &[], NOTIFY, &hint("")).await;
        assert!(is(&got, UNAVAILABLE), "{got:?}");
        assert_eq!(refused(&world), Some(("unanswered".to_owned(), true)));
        assert_eq!(world.books().order(ORDER).payment, "unpaid");
    }
    net.recover();
    net.set_now(now().plus_seconds(60));
    let wechat = Some(function(world.ledger(3), &net, &[]).await.source);
    let sweeper = Reconcile { wechat, ..reconcile(world.ledger(0), &[]) };
    sweeper.work(REFUSED, &run_at(7, 60)).await.expect("a run");
    let books = world.books();
    books.check();
    assert_eq!((books.order(ORDER).payment.as_str(), books.balance("alice/credits")), ("paid", POSTED));
    assert_eq!(refused(&world), None);
    // WeChat retries: the payment is booked already.
    let got = deliver_sample(&world, &net, &[], NOTIFY, &hint("")).await;
    assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
    assert_eq!(world.books().balance("alice/credits"), POSTED);
}

/// One payment, in any order and with any repetition.
#[tokio::test(start_paused = true)]
async fn hint_and_notification_of_one_payment_book_it_once() {
    let full = ["v3_payment", "v2_payment", "cloudrun_payment"].map(sample);
    for other in &full {
        for bodies in [[&hint(""), other, &hint("")], [other, &hint(""), other]] {
            let (world, net) = (shop().await, paid());
            for body in bodies {
                assert_eq!(deliver_sample(&world, &net, &[], NOTIFY, body).await.0, 200, "{body}");
            }
            let books = world.books();
            books.check();
            assert_eq!((books.balance("alice/credits"), &books.order(ORDER).anomaly), (POSTED, &None));
            assert_eq!(refused(&world), None);
        }
    }
    // A paid order makes no query.
    let (world, net) = (shop().await, paid());
    deliver_sample(&world, &net, &[], NOTIFY, &sample("v3_payment")).await;
    deliver_sample(&world, &net, &[], NOTIFY, &hint("")).await;
    assert_eq!(net.calls().len(), 0);
    // Unless the hint names another transaction: it may be a second payment.
    let second = hint(r#","transactionId":"4200000000202601010000000009""#);
    deliver_sample(&world, &net, &[], NOTIFY, &second).await;
    assert_eq!(net.calls().len(), 1);
    assert_eq!(refused(&world), Some(("unconfirmed".to_owned(), true)));
}

#[tokio::test(start_paused = true)]
async fn hint_without_a_signature_leaves_no_trace() {
    let world = shop().await;
    let (before, net) = (world.books(), paid());
    let body = hint("");
    let forged = Sent::post(NOTIFY, body.as_bytes()).with("x-webhook-signature", "00".repeat(32));
    for sent in [Sent::post(NOTIFY, body.as_bytes()), Sent::post(CALLBACK, body.as_bytes()), forged] {
        let function = function(world.ledger(1), &net, &[]).await;
        let got = status_and_body(function.answer(&sent.event(Shape::HttpApi), &invocation(1)).await);
        assert!(is(&got, CLOUDRUN_UNVERIFIED), "{got:?}");
    }
    assert_eq!((world.books(), net.calls().len()), (before, 0));
}

/// CloudRun's refund callback names the order too. Taken for a hint, the refund would be lost.
#[tokio::test(start_paused = true)]
async fn refund_callback_is_no_hint() {
    for more in [
        r#","outRefundNo":"R1","refundFee":500,"successTime":"2026-01-01 08:00:00""#,
        r#","refundId":"50000000000202601010000000001""#,
        r#","refundStatus":"SUCCESS","transactionId":"4200000000202601010000000001","totalFee":1999"#,
    ] {
        for before in [&[][..], &["v3_payment"]] {
            let (world, net) = (shop().await, paid());
            for name in before {
                deliver_sample(&world, &net, &[], NOTIFY, &sample(name)).await;
            }
            let got = deliver_sample(&world, &net, &[], NOTIFY, &hint(more)).await;
            assert!(is(&got, (400, r#"{"errcode":400,"errmsg":"Not understood"}"#)), "{more}: {got:?}");
            assert_eq!(refused(&world), Some(("unparsed".to_owned(), true)), "{more}");
            assert_eq!(net.calls().len(), 0, "{more}");
        }
    }
}
