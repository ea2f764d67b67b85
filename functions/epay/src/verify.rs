//! Verifies the gateway's signature over all parameters, with the scheme configured for the merchant.

use edge::{HeaderError, Request, Settings};
use ledger::Timestamp;
use providers::EpayConfig;
use signing::epay::{self, Keys, Params, Pid};
use signing::{SecretError, Strength, Verified, VerifyError};

/// Four times the longest form that we saw from a gateway.
pub(crate) const FORM_BYTES_MAX: usize = 8 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) fn keys(settings: &Settings, strength: Strength) -> Result<Keys, (&'static str, SecretError)> {
    Keys::read(|name| settings.setting(name), strength)
}

/// The request's `pid` selects a configured merchant. The scheme comes only from the configuration, so that no request
/// can downgrade it.
pub(crate) fn verify(
    config: &EpayConfig,
    keys: &Keys,
    request: &Request,
    now: Timestamp,
) -> Result<Verified<'static>, VerifyError> {
    let params = Params::decode(form(request)?)?;
    let pid = params.value("pid").ok_or(VerifyError::Missing)?;
    let pid = Pid::new(pid).ok_or(VerifyError::Malformed)?;
    let merchant = config.merchant(&pid).ok_or(VerifyError::BadSignature)?;
    epay::verify(keys, &pid, merchant.scheme, &params, now.unix_s())
}

/// The query of a GET or the body of a POST, never both: a second set of parameters would be unsigned.
fn form(request: &Request) -> Result<&str, VerifyError> {
    let is_form = || -> Result<bool, HeaderError> { Ok(request.header("content-type")?.is_some_and(is_form)) };
    let (form, beside) = match request.method.as_str() {
        "GET" => (request.query.as_bytes(), request.body()),
        "POST" if is_form() == Ok(true) => (request.body(), request.query.as_bytes()),
        _ => return Err(VerifyError::Malformed),
    };
    if form.len() > FORM_BYTES_MAX || !beside.is_empty() {
        return Err(VerifyError::Malformed);
    }
    std::str::from_utf8(form).map_err(|_| VerifyError::Malformed)
}

fn is_form(content_type: &str) -> bool {
    let (kind, parameter) = content_type.split_once(';').unwrap_or((content_type, "charset=utf-8"));
    kind.trim().eq_ignore_ascii_case(FORM) && parameter.trim().eq_ignore_ascii_case("charset=utf-8")
}
