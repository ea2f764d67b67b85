//! The picture of an address that a phone's camera reads.

use maud::{Markup, html};
use pages::QrPicture;

/// `None` if the text is too long for a code.
pub(crate) fn picture(text: &str, label: &str) -> Option<Markup> {
    let QrPicture { size, path } = QrPicture::of(text)?;
    Some(html! { svg.qr viewBox={ "0 0 " (size) " " (size) } role="img" aria-label=(label) { path d=(path) {} } })
}
