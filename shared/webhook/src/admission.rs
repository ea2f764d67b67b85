//! Admission settings of a webhook function: IP allowlist, replay window, and body-only HMACs.

use std::net::IpAddr;

use ipnet::IpNet;
use ledger::Timestamp;
use signing::{Verified, VerifyError};
use thiserror::Error;

/// The default admits every address and any age.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// `ALLOWED_IPS`: allowlist of CIDR blocks, separated by commas. Empty: every address; the signature decides.
    pub allowed_ips: Vec<IpNet>,
    /// `MAX_SKEW_SECONDS`: replay window, the allowed distance of an event's own timestamp from now. 0: any, so that a
    /// sender can retry for days.
    pub max_skew_seconds: Option<u64>,
    /// `FORBID_BODY_ONLY_HMAC`: `true` refuses an HMAC over the body only, which has no signed time and so no replay
    /// window. Empty: `false`.
    pub forbids_body_only_hmac: bool,
}

impl Admission {
    /// The environment variables that [`Admission::read`] reads.
    pub const VARIABLES: [&str; 3] = ["ALLOWED_IPS", "MAX_SKEW_SECONDS", "FORBID_BODY_ONLY_HMAC"];

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, AdmissionError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let blocks = set("ALLOWED_IPS").unwrap_or_default();
        let blocks = blocks.split(',').map(str::trim).filter(|block| !block.is_empty());
        let max_skew_seconds = match set("MAX_SKEW_SECONDS") {
            None => 0,
            Some(text) => text.parse().map_err(|_| AdmissionError::Skew)?,
        };
        Ok(Self {
            allowed_ips: blocks.map(block).collect::<Result<_, _>>()?,
            max_skew_seconds: Some(max_skew_seconds).filter(|seconds| *seconds > 0),
            forbids_body_only_hmac: Self::read_forbids_body_only_hmac(variable)?,
        })
    }

    /// Reads only `FORBID_BODY_ONLY_HMAC`, which applies to replays, too; the other two do not.
    pub fn read_forbids_body_only_hmac(variable: impl Fn(&str) -> Option<String>) -> Result<bool, AdmissionError> {
        match variable("FORBID_BODY_ONLY_HMAC").as_deref().map(str::trim) {
            None | Some("" | "false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(AdmissionError::BodyOnly),
        }
    }

    /// Whether this allowlist admits an address, as a function with it does; `None` if the function does not start.
    pub fn would_admit(allowlist: &str, address: IpAddr) -> Option<bool> {
        let read = Self::read(|name| (name == Self::VARIABLES[0]).then(|| allowlist.to_owned()));
        read.ok().map(|admission| admission.admits(Some(address)))
    }

    /// An unknown address is on no allowlist.
    pub(crate) fn admits(&self, source_ip: Option<IpAddr>) -> bool {
        self.allowed_ips.is_empty()
            || source_ip.is_some_and(|ip| self.allowed_ips.iter().any(|block| block.contains(&ip)))
    }

    pub(crate) fn admits_proof(&self, verified: &Verified<'_>) -> Result<(), VerifyError> {
        if self.forbids_body_only_hmac && verified.is_body_only() { Err(VerifyError::BodyOnly) } else { Ok(()) }
    }

    pub(crate) fn is_within_window(&self, sent_at: Option<Timestamp>, now: Timestamp) -> bool {
        let Some((max, sent_at)) = self.max_skew_seconds.zip(sent_at) else {
            return true;
        };
        sent_at.seconds_apart(now) <= max
    }
}

fn block(text: &str) -> Result<IpNet, AdmissionError> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| single()).map_err(|_| AdmissionError::Block(text.to_owned()))
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AdmissionError {
    #[error("ALLOWED_IPS: {0} is not an address or a CIDR block")]
    Block(String),
    #[error("MAX_SKEW_SECONDS must be a number of seconds")]
    Skew,
    #[error("FORBID_BODY_ONLY_HMAC must be true or false")]
    BodyOnly,
}
