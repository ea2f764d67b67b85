//! Settings of the epay adapter: the gateway's URL and our merchants there.

use signing::epay::{Keys, Pid, Scheme};
use thiserror::Error;

use crate::address::is_address;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpayConfig {
    /// `EPAY_API_BASE`: the gateway's base URL. Only the stage `local` may call without TLS.
    pub base: String,
    /// `EPAY_MERCHANTS`: our merchant ids, each with its signature scheme, separated by commas: `1001:md5,1002:rsa`.
    /// Empty: epay is off.
    pub merchants: Vec<EpayMerchant>,
    /// `EPAY_V1_QUERY`: the HTTP method of V1's query, which carries the merchant's key: `get` or `post`. Empty: `get`,
    /// the only one that the common gateway accepts.
    pub v1_query: EpayQuery,
}

/// Where V1's query carries the merchant's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EpayQuery {
    /// In the URL: the gateway's access log may record it.
    Get,
    /// In a form. `act` stays in the URL, since gateways look for it there.
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

    /// `None` if the deployment has no merchant.
    pub fn read(variable: impl Fn(&str) -> Option<String>, stage: &str) -> Result<Option<Self>, EpayConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [base, merchants, v1_query] = Self::VARIABLES;
        let Some(list) = set(merchants) else { return Ok(None) };
        let mut merchants: Vec<EpayMerchant> = Vec::new();
        for text in list.split(',') {
            let merchant = merchant(text.trim()).ok_or(EpayConfigError::Merchants)?;
            // One scheme per merchant: a signature in the other scheme never counts.
            if merchants.iter().any(|listed| listed.pid == merchant.pid) {
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

    /// Checks at startup that each merchant has a verification key, rather than at the first payment.
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

fn merchant(text: &str) -> Option<EpayMerchant> {
    let (pid, scheme) = text.split_once(':')?;
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
