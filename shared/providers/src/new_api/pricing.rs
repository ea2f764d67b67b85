//! What an amount of a gateway is in credits.

use super::decimal::Decimal;

/// How an amount of the gateway becomes credits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pricing {
    pub(super) quota_per_unit: Decimal,
    pub(super) credits_per_usd: Decimal,
}

impl Pricing {
    pub(super) fn read(quota_per_unit: &str, credits_per_usd: &str) -> Option<Self> {
        let quota_per_unit = Decimal::parse(quota_per_unit).filter(|quota| !quota.is_zero())?;
        Some(Self { quota_per_unit, credits_per_usd: Decimal::parse(credits_per_usd)? })
    }
}
