//! The picture of an address that a phone's camera reads: a QR code as SVG, which loads nothing.

use std::fmt::Write as _;

use maud::{Markup, html};
use qrcodegen::{QrCode, QrCodeEcc};

/// The free space around it that a camera needs.
const MARGIN: i32 = 4;

/// `None` if the text is too long for a code.
pub(crate) fn picture(text: &str, label: &str) -> Option<Markup> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let whole = code.size().saturating_add(MARGIN.saturating_mul(2));
    let view = format!("-{MARGIN} -{MARGIN} {whole} {whole}");
    Some(html! { svg.qr viewBox=(view) role="img" aria-label=(label) { path d=(dark(&code)) {} } })
}

/// The dark squares, each run of a row as one bar.
fn dark(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|at| code.get_module(*at, y)).count();
            if run > 0 {
                // A string takes everything.
                let _ = write!(path, "M{x},{y}h{run}v1h-{run}z");
            }
            x = x.saturating_add(i32::try_from(run).unwrap_or(i32::MAX).max(1));
        }
    }
    path
}
