//! The buyer's page: a document, a stylesheet and two scripts, the same for everyone. The browser calls this API with the
//! key that its buyer has, and nothing else.

use edge::Reply;
use pages::{POLICY, STACK_STYLE, STYLE};

/// The page calls the host that it comes from, and no other. No text of it is run, and its forms are sent by its script.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'none'";

pub(crate) fn page() -> Reply {
    Reply::html(200, include_str!("me/page.html").to_owned())
        .with_header(POLICY, PAGE_POLICY)
        .with_header("referrer-policy", "no-referrer")
}

pub(crate) fn style() -> Reply {
    of_kind("text/css; charset=utf-8", [STYLE, STACK_STYLE, include_str!("me/page.css")].concat())
}

pub(crate) fn script() -> Reply {
    of_kind("text/javascript; charset=utf-8", [include_str!("me/texts.js"), include_str!("me/page.js")].join("\n"))
}

fn of_kind(kind: &str, body: String) -> Reply {
    Reply { status: 200, headers: vec![("content-type", kind.to_owned())], body }
        .with_header("x-content-type-options", "nosniff")
}
