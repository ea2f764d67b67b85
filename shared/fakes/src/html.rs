//! What all pages of the fakes share: the document, and how an amount is written.

use pages::Page;

const ZERO_DECIMAL: &[&str] =
    &["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"];
const THREE_DECIMAL: &[&str] = &["bhd", "jod", "kwd", "omr", "tnd"];

/// A page of this provider, which says that no money moves.
pub(crate) fn document(provider: &str, main: &str) -> String {
    let main = format!("<div>\n<small>{provider} · 模拟 fake: no money moves</small>\n{main}\n</div>\n");
    Page { language: "en", title: "Pay", class: "pay", main: &main }.document()
}

pub(crate) fn money(amount: u64, currency: &str) -> String {
    let (unit, digits) = match currency {
        zero if ZERO_DECIMAL.contains(&zero) => (1_u64, 0),
        three if THREE_DECIMAL.contains(&three) => (1000, 3),
        _ => (100, 2),
    };
    let (whole, rest) = (amount.checked_div(unit).unwrap_or(0), amount.checked_rem(unit).unwrap_or(0));
    let name = currency.to_ascii_uppercase();
    if digits == 0 { format!("{whole} {name}") } else { format!("{whole}.{rest:0>digits$} {name}") }
}
