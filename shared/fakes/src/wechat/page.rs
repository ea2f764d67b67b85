//! The page that a shop would show with the QR code of a native payment. Nothing here can scan one: a button pays.

use pages::escaped;

use super::{State, code_url};
use crate::Page;
use crate::html::{document, money};

const NAME: &str = "微信支付 WeChat Pay";

pub(super) fn page(state: &State, order: &str) -> Page {
    let Some(trade) = state.trades.get(order) else {
        return Page { status: 404, html: document(NAME, "<p>没有此订单。 There is no such order.</p>") };
    };
    let (status, below) = match trade.state {
        "NOTPAY" => (200, form(order)),
        "CLOSED" => (410, "<p role=\"alert\">订单已关闭。 This order is closed.</p>".to_owned()),
        _ => (410, "<p role=\"status\">已支付。 This has been paid.</p>".to_owned()),
    };
    let (order, price) = (escaped(order), money(trade.fen, "cny"));
    let main =
        format!("<h1>扫码支付 Scan to pay</h1>\n<p class=\"sum\">{price}</p>\n<p><code>{order}</code></p>\n{below}");
    Page { status, html: document(NAME, &main) }
}

fn form(order: &str) -> String {
    let code = escaped(&code_url(order));
    format!(
        "<p class=\"soft\">二维码内容 The QR code holds<br><code>{code}</code></p>\n<form method=\"post\">\n\
         <button>模拟扫码支付 Pay, as if scanned</button>\n</form>"
    )
}
