//! The one look of all pages: the local stack's front page, the payment pages of the fakes, and the page to which a buyer
//! returns from an epay gateway.
//!
//! A page is one document without scripts and without anything to load: its style stands in it, and each policy names that
//! style by its hash. Send one of the policies with every page. Text from elsewhere goes through [`escaped`].
//!
//! An application of many pages, as the console is, serves [`STYLE`] with [`WIDE_STYLE`] as a file of its own, under
//! [`OWN_FILES`].
//!
//! ```
//! use pages::{Page, READ_ONLY, escaped};
//!
//! let main = format!("<h1>{}</h1>\n", escaped("<script>"));
//! let html = Page { language: "en", title: "Order", class: "pay", main: &main }.document();
//! assert!(html.contains("<h1>&lt;script&gt;</h1>") && !html.contains("<script"));
//! assert!(READ_ONLY.starts_with("default-src 'none'; style-src 'sha256-"));
//! ```

mod qr;

pub use qr::QrPicture;

/// The stylesheet of every page.
pub const STYLE: &str = include_str!("style.css");

/// Tables that become lists on a phone.
pub const STACK_STYLE: &str = include_str!("stack.css");

/// What an application of many pages adds: its bar, [`STACK_STYLE`], badges, forms, and a timeline.
pub const WIDE_STYLE: &str = concat!(include_str!("wide.css"), include_str!("stack.css"));

/// The header that a policy is sent in.
pub const POLICY: &str = "content-security-policy";

/// `style-src` has the hash of [`STYLE`]; a test computes it.
macro_rules! policy {
    ($rest:literal) => {
        concat!(
            "default-src 'none'; style-src 'sha256-EbEzALAKm6Bu4EVVjIqGrC48O0kMfhiV9prE/llZthA='; base-uri 'none'; ",
            "frame-ancestors 'none'",
            $rest
        )
    };
}

/// The policy of a page without a form.
pub const READ_ONLY: &str = policy!("; form-action 'none'");
/// The policy of a page whose forms lead to the same server.
pub const OWN_FORMS: &str = policy!("; form-action 'self'");
/// The policy of a payment page: its form leads back to the shop, wherever that is.
pub const TO_SHOP: &str = policy!("");

/// The policy of an application of many pages: style, script and forms of the same server, and nothing inline.
pub const OWN_FILES: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; \
                             frame-ancestors 'none'; form-action 'self'";

/// A page, and where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Page<'p> {
    /// The value of `lang`.
    pub language: &'p str,
    pub title: &'p str,
    /// The class of its main part: `pay` for a narrow one.
    pub class: &'p str,
    /// HTML, which ends its last line.
    pub main: &'p str,
}

impl Page<'_> {
    pub fn document(&self) -> String {
        let Self { language, title, class, main } = self;
        format!(
            "<!doctype html>\n<html lang=\"{}\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
             <main class=\"{}\">\n{main}</main>\n</html>\n",
            escaped(language),
            escaped(title),
            escaped(class),
        )
    }
}

/// The text for an element or a quoted attribute.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            plain => html.push(plain),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// What is deployed carries it, so it stays small.
    const STYLE_BYTES_MAX: usize = 3 * 1024;

    /// It is loaded once, and kept.
    const WIDE_BYTES_MAX: usize = 6 * 1024;

    /// A browser hashes what stands between the tags, and ignores a style of another hash.
    #[test]
    fn policies_name_the_hash_of_the_style() {
        let html = Page { language: "en", title: "t", class: "pay", main: "" }.document();
        let (_, rest) = html.split_once("<style>").expect("a style");
        let (style, rest) = rest.split_once("</style>").expect("its end");
        assert!(!rest.contains("style"), "no second style, and no attribute of one");
        let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
        for policy in [READ_ONLY, OWN_FORMS, TO_SHOP] {
            assert!(policy.contains(&format!("style-src 'sha256-{hash}';")), "the hash is sha256-{hash}");
        }
    }

    #[test]
    fn style_is_small_and_loads_nothing() {
        assert!(STYLE.len() <= STYLE_BYTES_MAX, "{} bytes", STYLE.len());
        assert!(WIDE_STYLE.len() <= WIDE_BYTES_MAX, "{} bytes", WIDE_STYLE.len());
        for loading in ["url(", "@import", "@font-face", "http", "<"] {
            assert!(!STYLE.contains(loading) && !WIDE_STYLE.contains(loading), "{loading}");
        }
        assert!(!OWN_FILES.contains("unsafe") && !OWN_FILES.contains('*'));
        // An epay gateway searches whatever it is answered for this word.
        assert!(!STYLE.contains("success"));
    }

    #[test]
    fn text_is_escaped_everywhere() {
        let hostile = "\"'><script>alert(1)</script>&amp;";
        let html = Page { language: hostile, title: hostile, class: hostile, main: "" }.document();
        assert!(!html.contains("<script") && !html.contains("'>"), "{html}");
        assert_eq!(escaped("a&b<c>d\"e'f 点"), "a&amp;b&lt;c&gt;d&quot;e&#39;f 点");
    }
}
