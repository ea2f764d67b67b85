//! The gateway's payment page, in plain HTML: item, amount and a pay button.

use pages::escaped;

use super::{Answered, Trade};
use crate::html::document;

const NAME: &str = "易支付 epay";

pub(super) fn payable(base: &str, trade: &Trade) -> Answered {
    let (name, money) = (escaped(trade.param("name")), escaped(trade.param("money")));
    let action = escaped(&format!("{base}/pay/{}", trade.number));
    html(
        200,
        &format!(
            "<h1>{name}</h1>\n<p class=\"sum\">{money} CNY</p>\n<form method=\"post\" action=\"{action}\">\n\
             <button>支付 Pay</button>\n</form>"
        ),
    )
}

/// Gateways show refusals with status 200.
pub(super) fn refused(message: &str) -> Answered {
    html(200, &format!("<p role=\"alert\">{}</p>", escaped(message)))
}

fn html(status: u16, main: &str) -> Answered {
    Answered { status, content_type: "text/html; charset=utf-8", body: document(NAME, main) }
}
