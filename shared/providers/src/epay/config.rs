//! Which merchants of a gateway are ours, and where the gateway is.

use signing::epay::{Keys, Pid, Scheme};
use thiserror::Error;

use crate::address::is_address;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpayConfig {
    /// `EPAY_API_BASE`: where the gateway is. Only the stage `local` may call anything without TLS.
    pub base: String,
    /// `EPAY_MERCHANTS`: our numbers there, each with how it signs, separated by commas: `1001:md5,1002:rsa`. Empty: nothing is
    /// paid by epay.
    pub merchants: Vec<EpayMerchant>,
    /// `EPAY_V1_QUERY`: how V1's gateway is queried, with the merchant's key in the query: `get` or `post`. Empty: `get`, which is all that the
    /// common gateway takes.
    pub v1_query: EpayQuery,
}

/// Where V1's query carries the merchant's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpayQuery {
    /// In the URL: the gateway's own access log may keep it.
    Get,
    /// In a form. `act` stands in the URL all the same, since gateways look for it there.
    Post,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpayMerchant {
    pub pid: Pid,
    pub scheme: Scheme,
}

impl EpayConfig {
    /// The environment variables that [`EpayConfig::read`] reads.
    pub const VARIABLES: [&str; 3] = ["EPAY_API_BASE", "EPAY_MERCHANTS", "EPAY_V1_QUERY"];

    /// `None` of a deployment that has no merchant.
    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Option<Self>, EpayConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [base, merchants, v1_query] = Self::VARIABLES;
        let Some(said) = set(merchants) else { return Ok(None) };
        let mut merchants: Vec<EpayMerchant> = Vec::new();
        for said in said.split(',') {
            let merchant = merchant(said.trim()).ok_or(EpayConfigError::Merchants)?;
            // With one scheme each: what is signed in the other is never believed.
            if merchants.iter().any(|known| known.pid == merchant.pid) {
                return Err(EpayConfigError::Merchants);
            }
            merchants.push(merchant);
        }
        let base = set(base).filter(|url| is_address(url, stage)).ok_or(EpayConfigError::Base)?;
        let v1_query = match set(v1_query).as_deref() {
            None | Some("get") => EpayQuery::Get,
            Some("post") => EpayQuery::Post,
            Some(_) => return Err(EpayConfigError::V1Query),
        };
        Ok(Some(Self { base, merchants, v1_query }))
    }

    pub fn merchant(&self, pid: &Pid) -> Option<&EpayMerchant> {
        self.merchants.iter().find(|merchant| merchant.pid == *pid)
    }

    /// Refused at the start, and not when the first payment comes.
    pub fn verified_by(&self, keys: &Keys) -> Result<(), EpayConfigError> {
        match self.merchants.iter().find(|merchant| !keys.can_verify(&merchant.pid, merchant.scheme)) {
            Some(EpayMerchant { pid, scheme }) => Err(EpayConfigError::NoKey(pid.clone(), scheme.as_str())),
            None => Ok(()),
        }
    }
}

impl EpayMerchant {
    pub fn signed_by(&self, keys: &Keys) -> Result<(), EpayConfigError> {
        let can_sign = keys.can_sign(&self.pid, self.scheme);
        if can_sign { Ok(()) } else { Err(EpayConfigError::NoKey(self.pid.clone(), self.scheme.as_str())) }
    }
}

fn merchant(said: &str) -> Option<EpayMerchant> {
    let (pid, scheme) = said.split_once(':')?;
    let scheme = match scheme {
        "md5" => Scheme::Md5,
        "rsa" => Scheme::Rsa,
        _ => return None,
    };
    Some(EpayMerchant { pid: Pid::new(pid)?, scheme })
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EpayConfigError {
    #[error("EPAY_MERCHANTS must list merchants as 1001:md5 or 1001:rsa, each once, with commas between them")]
    Merchants,
    #[error("EPAY_API_BASE must be the https address of the gateway, without a query")]
    Base,
    #[error("EPAY_V1_QUERY must be get or post")]
    V1Query,
    #[error("the merchant {0} has no key to sign or verify {1} with")]
    NoKey(Pid, &'static str),
}
