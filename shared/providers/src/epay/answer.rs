//! Parses a gateway's responses: one JSON object whose values are strings in some versions and numbers in others.

use std::fmt;

use ledger::{Currency, Money, Timestamp};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use signing::epay::{Keys, Params, Pid, Scheme, verify};

use super::{EpayLink, EpayPayment};
use crate::CallError;
use crate::address::page;

/// The code for a payment that does not exist.
const MISSING: &str = "-1";
/// A code is a small number.
const CODE_CHARS_MAX: usize = 8;

/// Every string and number of the response by name, with its digits as received: no value passes through a float.
pub(super) struct GatewayResponse(Params);

impl GatewayResponse {
    pub(super) fn read(body: &[u8]) -> Result<Self, CallError> {
        serde_json::from_slice(body).map_err(|_| CallError::Unreadable)
    }

    pub(super) fn is_missing(&self) -> bool {
        self.0.value("code") == Some(MISSING)
    }

    /// `code` is the success code of this version of the protocol.
    pub(super) fn succeeded(self, code: &str) -> Result<Self, CallError> {
        let received = self.0.value("code").ok_or(CallError::Unreadable)?;
        if received == code {
            return Ok(self);
        }
        let is_code =
            received.len() <= CODE_CHARS_MAX && received.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        Err(CallError::Refused { status: 200, kind: None, code: is_code.then(|| received.to_owned()) })
    }

    /// Returns only the members that the gateway signed.
    pub(super) fn verified(self, keys: &Keys, pid: &Pid, now: Timestamp) -> Result<Self, CallError> {
        let verified = verify(keys, pid, Scheme::Rsa, &self.0, now.unix_s()).map_err(|_| CallError::Unreadable)?;
        let text = std::str::from_utf8(verified.bytes()).map_err(|_| CallError::Unreadable)?;
        Params::of_signed(text).map(Self).map_err(|_| CallError::Unreadable)
    }

    pub(super) fn payment(&self) -> Result<EpayPayment, CallError> {
        let money = Money::parse_padded(self.required("money")?, Currency::CNY).map_err(|_| CallError::Unreadable)?;
        Ok(EpayPayment {
            pid: Pid::new(self.required("pid")?).ok_or(CallError::Unreadable)?,
            trade: self.required("trade_no")?.to_owned(),
            order: self.required("out_trade_no")?.to_owned(),
            money,
            is_paid: match self.required("status")? {
                "1" => true,
                // Unpaid, refunded, frozen, or only authorised.
                "0" | "2" | "3" | "4" => false,
                _ => return Err(CallError::Unreadable),
            },
        })
    }

    pub(super) fn link(&self) -> Result<EpayLink, CallError> {
        let text_of = |name: &str| self.0.value(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let plain = |text: &String| text.bytes().all(|byte| byte.is_ascii_graphic());
        if let Some(url) = text_of("payurl") {
            return page(url).map(EpayLink::Page);
        }
        let code = || text_of("qrcode").filter(plain).map(EpayLink::Code);
        let app = || text_of("urlscheme").filter(plain).filter(|url| is_of_an_app(url)).map(EpayLink::App);
        code().or_else(app).ok_or(CallError::Unreadable)
    }

    fn required(&self, name: &str) -> Result<&str, CallError> {
        self.0.value(name).ok_or(CallError::Unreadable)
    }
}

/// Whether the URL opens an app; a `javascript:` URL never passes.
fn is_of_an_app(url: &str) -> bool {
    ["weixin://", "alipays://", "alipay://", "mqqapi://", "https://"].iter().any(|scheme| url.starts_with(scheme))
}

impl<'de> Deserialize<'de> for GatewayResponse {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members).map(Self)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Params;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params, A::Error> {
        let mut params = Params::default();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            // With a duplicate name one parser would take the first value and another the last.
            if params.value(&name).is_some() {
                return Err(A::Error::custom("duplicate member"));
            }
            params = match value.get().as_bytes().first() {
                Some(b'"') => {
                    params.with(&name, serde_json::from_str::<String>(value.get()).map_err(A::Error::custom)?)
                }
                Some(b'-' | b'0'..=b'9') => params.with(&name, value.get()),
                // Signatures do not cover null, lists and objects, so they are dropped.
                _ => params,
            };
        }
        Ok(params)
    }
}
