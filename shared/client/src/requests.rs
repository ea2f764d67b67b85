//! The bodies of the changes. Amounts are decimal texts, and a reason stands in the books. What is `None` is left out.

use serde::Serialize;

#[derive(Debug, Clone, Default, Serialize)]
pub struct Grant<'r> {
    pub amount: &'r str,
    pub reason: &'r str,
    /// `None` for credits.
    pub asset: Option<&'r str>,
    /// `90d`, or a date.
    pub expires: Option<&'r str>,
    pub priority: Option<u8>,
    /// `free` or `paid`.
    pub kind: Option<&'r str>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Debit<'r> {
    pub amount: &'r str,
    pub reason: &'r str,
    /// `None` for credits.
    pub asset: Option<&'r str>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Transfer<'r> {
    pub from: &'r str,
    pub to: &'r str,
    pub amount: &'r str,
    pub reason: &'r str,
    /// `None` for credits.
    pub asset: Option<&'r str>,
}

#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HoldRequest<'r> {
    pub owner: &'r str,
    pub amount: &'r str,
    pub reason: &'r str,
    /// `None` for ten minutes.
    pub ttl_seconds: Option<u32>,
    /// The `eventId` of a usage event that reports the same call.
    #[serde(rename = "use")]
    pub usage: Option<&'r str>,
    /// What the expiry charges.
    pub charge: Option<&'r str>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Settlement<'r> {
    pub cost: &'r str,
    pub reason: &'r str,
}
