//! The return page: the state that the buyer sees, and that the return is the same event as the notification.

use testkit::Fault;

use super::*;

/// The tone, in Chinese and in English.
type Text = (&'static str, &'static str, &'static str);

const PAID: Text = ("good", "已支付。", "This order is paid.");
const WAITING: Text = ("soft", "尚未确认付款，请稍后查看。", "The payment is not confirmed yet; look again later.");
const DISAGREES: Text =
    ("bad", "付款与订单不符，请联系商家。", "The payment and the order do not agree; please ask the shop.");
const NOTHING: Text = ("bad", "此链接无效。", "This link says nothing about an order.");

fn back(params: Params) -> String {
    Sent::get(RETURN, &good(params)).event(Shape::HttpApi)
}

fn page((tone, zh, en): Text, order: &str) -> String {
    let main = format!("<div>\n<h1 class=\"{tone}\">{zh}</h1>\n<p lang=\"en\">{en}</p>\n{order}</div>\n");
    ::pages::Page { language: "zh", title: "订单 Order", class: "pay", main: &main }.document()
}

#[tokio::test(start_paused = true)]
async fn return_page_shows_the_state_of_the_order() {
    const LINE: &str = "<p class=\"sum\">648 CNY</p>\n<p><code>hk_sample_order</code></p>\n";
    let forged = Sent::get(RETURN, &good(paid()).replace("money=648", "money=1")).event(Shape::HttpApi);
    let unsigned = Sent::get(RETURN, &paid().encoded()).event(Shape::HttpApi);
    let stale = Sent::get(RETURN, &signed(paid().with("pid", "1002"), now().plus_seconds(-301)).encoded())
        .event(Shape::HttpApi);
    // The earlier notification, the return, the status and page, and whether the order is paid afterwards.
    let rows = [
        ("before the notification", None, back(paid()), 200, page(PAID, LINE), true),
        ("after it", Some(paid()), back(paid()), 200, page(PAID, LINE), true),
        ("by V2", None, back(paid().with("pid", "1002")), 200, page(PAID, LINE), true),
        ("another amount", None, back(paid().with("money", "1")), 200, page(DISAGREES, LINE), false),
        ("a second payment", Some(paid()), back(paid().with("trade_no", "2")), 200, page(DISAGREES, LINE), true),
        ("a conflicting return", Some(paid()), back(paid().with("money", "1")), 200, page(DISAGREES, LINE), true),
        ("an unknown order", None, back(paid().with("out_trade_no", "hk_none")), 200, page(WAITING, ""), false),
        ("not understood", None, back(paid().with("money", "1e2")), 400, page(NOTHING, ""), false),
        ("forged", None, forged, 400, page(NOTHING, ""), false),
        ("not signed", None, unsigned.clone(), 400, page(NOTHING, ""), false),
        ("not signed, of an order that is paid", Some(paid()), unsigned, 400, page(NOTHING, ""), true),
        ("too late", None, stale, 400, page(NOTHING, ""), false),
        ("too long", None, back(paid().with("param", "x".repeat(8 * 1024))), 413, page(NOTHING, ""), false),
    ];
    for (name, before, event, status, html, is_paid) in rows {
        let world = shop().await;
        if let Some(before) = before {
            assert_eq!(status_and_body(&answered(&world, &sent("GET", &good(before))).await), BOOKED);
        }
        for _ in 0..2 {
            let reply = answered(&world, &event).await;
            assert_eq!(status_and_body(&reply), (status, html.as_str()), "{name}");
            assert!(!reply.body.to_lowercase().contains("success"), "{name}");
            let header =
                |name: &str| reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
            assert_eq!(header("content-type"), Some("text/html; charset=utf-8"), "{name}");
            assert_eq!((header("cache-control"), header("referrer-policy")), (Some("no-store"), Some("no-referrer")));
            assert_eq!(header(::pages::POLICY), Some(::pages::READ_ONLY), "{name}");
        }
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), if is_paid { 1_000_000_000_000 } else { 0 }, "{name}");
        assert_eq!(books.order(ORDER).paid_by.is_some(), is_paid, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn notification_after_the_return_is_a_repeat() {
    let world = shop().await;
    assert_eq!(answered(&world, &back(paid())).await.status, 200);
    let before = world.books();
    assert_eq!(status_and_body(&answered(&world, &sent("GET", &good(paid()))).await), BOOKED);
    assert_eq!(world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn return_page_without_the_store_shows_no_payment() {
    let world = shop().await;
    let sandbox = Sandbox::new(&world, 1, |_, _| Fault::Disconnect).await;
    let reply = sandbox.function.answer(&back(paid()), &moment_within::<Epay>(1)).await;
    assert_eq!(status_and_body(&reply), (503, page(WAITING, "").as_str()));
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
}
