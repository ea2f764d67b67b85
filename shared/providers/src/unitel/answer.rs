//! Parses Unitel's responses: one JSON object with a result word and a code.

use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{UNAUTHORIZED, unauthorized};
use crate::CallError;
use crate::operator::TopUpResult;

/// A token has a few hundred characters at most, and is sent in a header.
const TOKEN_CHARS_MAX: usize = 4_096;
/// A transaction number, or an error code.
const WORD_CHARS_MAX: usize = 64;
/// Four times the size of a bill with one item. The order stores it, and each order row costs by its size.
const RECEIPT_BYTES_MAX: usize = 4_096;

/// `seq` and `code` are strings in some responses and numbers in others.
#[derive(Deserialize)]
struct TopUpResponse<'a> {
    result: Option<String>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    seq: Option<&'a RawValue>,
    #[serde(borrow)]
    vat: Option<&'a RawValue>,
}

/// Parses the outcome of a call or of a query. `None` means that the operator rejected the token and did nothing.
pub(super) fn top_up_result(status: u16, body: &[u8]) -> Option<TopUpResult> {
    let response = serde_json::from_slice::<TopUpResponse<'_>>(body).ok();
    let result = response.as_ref().and_then(|response| response.result.as_deref());
    match (status, result, &response) {
        // A 401 whose body reports another result contradicts itself, so it is unknown.
        (UNAUTHORIZED, None | Some("401"), _) | (200..300, Some("401"), _) => None,
        (200..300, Some(result), Some(response)) => Some(response.meaning(result)),
        (200..300, _, _) => Some(TopUpResult::unknown("unreadable answer")),
        (status, _, _) => Some(TopUpResult::Unknown { why: format!("status {status}") }),
    }
}

impl TopUpResponse<'_> {
    fn meaning(&self, result: &str) -> TopUpResult {
        let code = word(self.code);
        match (result, code.as_deref()) {
            ("success", Some("000")) => TopUpResult::Done { seq: word(self.seq), receipt: receipt(self.vat) },
            ("pending", _) => TopUpResult::Pending { seq: word(self.seq) },
            ("failed" | "fail", code) => TopUpResult::Failed { why: reason_of(code) },
            (_, code) => TopUpResult::Unknown { why: reason_of(code) },
        }
    }
}

fn reason_of(code: Option<&str>) -> String {
    code.map_or_else(|| "without a code".to_owned(), |code| format!("code {code}"))
}

pub(super) fn token(body: &[u8]) -> Result<Zeroizing<String>, CallError> {
    #[derive(Deserialize)]
    struct TokenResponse {
        access_token: Option<String>,
        result: Option<String>,
    }
    let TokenResponse { access_token, result } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    let token = access_token.map(Zeroizing::new);
    if result.as_deref() == Some("401") {
        return Err(unauthorized());
    }
    let is_token = |token: &Zeroizing<String>| {
        (1..=TOKEN_CHARS_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
    };
    token.filter(is_token).ok_or(CallError::Unreadable)
}

/// A string or number that is safe to log.
fn word(value: Option<&RawValue>) -> Option<String> {
    let json = value?.get();
    let text = if json.starts_with('"') { serde_json::from_str(json).ok()? } else { json.to_owned() };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_word = (1..=WORD_CHARS_MAX).contains(&text.len()) && text.bytes().all(plain) && text != "null";
    is_word.then_some(text)
}

/// The bill without insignificant white space. Apart from that its text stays as received: no amount in it is parsed.
fn receipt(vat: Option<&RawValue>) -> Option<String> {
    let json = vat?.get();
    if !json.starts_with('{') {
        return None;
    }
    let (mut compact, mut in_text, mut is_escaped) = (String::new(), false, false);
    for c in json.chars() {
        match c {
            '"' if !is_escaped => in_text = !in_text,
            c if !in_text && c.is_ascii_whitespace() => continue,
            _ => {}
        }
        is_escaped = in_text && c == '\\' && !is_escaped;
        compact.push(c);
    }
    if compact.len() > RECEIPT_BYTES_MAX {
        tracing::warn!(bytes = compact.len(), "dropped a VAT bill that is too long");
        return None;
    }
    (compact != "{}").then_some(compact)
}
