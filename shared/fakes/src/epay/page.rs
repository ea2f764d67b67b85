//! The gateway's page, as plain as it can be: what is sold, for how much, and a button that pays it.

use super::{Answered, Trade};
use crate::html::{document, escaped};

pub(super) fn payable(base: &str, trade: &Trade) -> Answered {
    let (name, money) = (escaped(trade.asked("name")), escaped(trade.asked("money")));
    let action = escaped(&format!("{base}/pay/{}", trade.number));
    html(
        200,
        &format!(
            "<h1>{name}</h1>\n<p><strong>{money} CNY</strong></p>\n<form method=\"post\" action=\"{action}\">\n\
             <button>支付 Pay</button>\n</form>"
        ),
    )
}

/// Gateways say so with status 200.
pub(super) fn refused(said: &str) -> Answered {
    html(200, &format!("<p role=\"alert\">{}</p>", escaped(said)))
}

fn html(status: u16, main: &str) -> Answered {
    Answered { status, content_type: "text/html; charset=utf-8", body: document(main) }
}
