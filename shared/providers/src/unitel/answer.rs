//! What Unitel answers: one JSON object that says how it went in a word and a code.

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{UNAUTHORIZED, unauthorized};
use crate::CallError;
use crate::operator::TopUpResult;

/// A token is a few hundred characters at most; it travels in a header.
const TOKEN_CHARS_MAX: usize = 4_096;
/// A number of theirs, or a word for what went wrong.
const WORD_CHARS_MAX: usize = 64;
/// Four times what a bill with one item has. It is kept on the order, whose row is paid for by its size.
const RECEIPT_BYTES_MAX: usize = 4_096;

/// `seq` and `code` are texts in some answers and numbers in others.
#[derive(Deserialize)]
struct Written<'a> {
    result: Option<String>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    seq: Option<&'a RawValue>,
    #[serde(borrow)]
    vat: Option<&'a RawValue>,
}

/// What came of a call, or of a query about it. `None`: it was turned away before anything was done.
pub(super) fn top_up_result(status: u16, body: &[u8]) -> Option<TopUpResult> {
    let written = serde_json::from_slice::<Written<'_>>(body).ok();
    let result = written.as_ref().and_then(|written| written.result.as_deref());
    match (status, result, &written) {
        // Under a status that says that nothing was done, an answer that says more contradicts itself.
        (UNAUTHORIZED, None | Some("401"), _) | (200..300, Some("401"), _) => None,
        (200..300, Some(result), Some(written)) => Some(written.meaning(result)),
        (200..300, _, _) => Some(TopUpResult::unknown("unreadable answer")),
        (status, _, _) => Some(TopUpResult::Unknown { why: format!("status {status}") }),
    }
}

impl Written<'_> {
    fn meaning(&self, result: &str) -> TopUpResult {
        let code = word(self.code);
        match (result, code.as_deref()) {
            ("success", Some("000")) => TopUpResult::Done { seq: word(self.seq), receipt: receipt(self.vat) },
            ("pending", _) => TopUpResult::Pending { seq: word(self.seq) },
            ("failed" | "fail", code) => TopUpResult::Failed { why: said(code) },
            (_, code) => TopUpResult::Unknown { why: said(code) },
        }
    }
}

fn said(code: Option<&str>) -> String {
    code.map_or_else(|| "without a code".to_owned(), |code| format!("code {code}"))
}

pub(super) fn token(body: &[u8]) -> Result<Zeroizing<String>, CallError> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: Option<String>,
        result: Option<String>,
    }
    let Granted { access_token, result } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    let token = access_token.map(Zeroizing::new);
    if result.as_deref() == Some("401") {
        return Err(unauthorized());
    }
    let is_token = |token: &Zeroizing<String>| {
        (1..=TOKEN_CHARS_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
    };
    token.filter(is_token).ok_or(CallError::Unreadable)
}

/// A text or a number that may stand in a log.
fn word(written: Option<&RawValue>) -> Option<String> {
    let written = written?.get();
    let text = if written.starts_with('"') { serde_json::from_str(written).ok()? } else { written.to_owned() };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_word = (1..=WORD_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain) && text != "null";
    is_word.then_some(text)
}

/// The bill without the white space between its parts. It is kept as it was written: no amount in it is read.
fn receipt(vat: Option<&RawValue>) -> Option<String> {
    let written = vat?.get();
    if !written.starts_with('{') {
        return None;
    }
    let (mut compact, mut in_text, mut is_escaped) = (String::new(), false, false);
    for c in written.chars() {
        match c {
            '"' if !is_escaped => in_text = !in_text,
            c if !in_text && c.is_ascii_whitespace() => continue,
            _ => {}
        }
        is_escaped = in_text && c == '\\' && !is_escaped;
        compact.push(c);
    }
    if compact.len() > RECEIPT_BYTES_MAX {
        tracing::warn!(bytes = compact.len(), "a VAT bill was too long to be kept");
        return None;
    }
    (compact != "{}").then_some(compact)
}
