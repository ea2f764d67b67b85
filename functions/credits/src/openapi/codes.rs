//! The calls of redeem codes, as the document describes them.

use api::openapi::{Access, IdempotencyKey, Operation, Parameter};
use ledger::Scope;

use crate::code_json::{CampaignsJson, CodesJson, MadeJson, RevokedJson};
use crate::codes::{CAMPAIGN_PARAMETERS, PARAMETERS, REVOKE_PARAMETERS, RevokeBody};
use crate::redeem::{RedeemBody, RedemptionJson};
use crate::wish::MakeBody;

const CAMPAIGN: Parameter = Parameter::path("campaign", "^[A-Za-z0-9_-]{1,32}$", "The campaign.").example("spring");

pub(super) fn redeemed() -> Operation {
    Operation::new("redeemCode", "Gives an owner the credits of a code", Access::OwnerOr(Scope::Grant))
        .about("An owner redeems a code once: a repeat gets the first answer, under any idempotency key or none.")
        .body::<RedeemBody>()
        .answer::<RedemptionJson<'_>>(201, "The receipt, which is the id of its line.")
        .repeatable()
        .error(400, &["owner_missing", "owner_invalid", "code_missing", "code_invalid"])
        .error(404, &["account_not_found", "code_not_found"])
        .error(429, &["rate_exceeded", "too_many_wrong_codes"])
}

pub(super) fn made() -> Operation {
    Operation::new("makeCodes", "Makes codes of a campaign", Access::Service(Scope::Grant))
        .about("A repeat shows the same codes.")
        .idempotent(IdempotencyKey::Required)
        .body::<MakeBody>()
        .answer::<MadeJson<'_>>(201, "The receipt, and the codes.")
        .error(400, &["campaign_missing", "campaign_invalid", "amount_missing", "amount_invalid", "count_invalid"])
        .error(400, &["uses_invalid", "until_invalid", "expires_invalid", "priority_invalid", "kind_invalid"])
        .error(400, &["fields_conflict", "once_per_campaign_invalid", "reason_missing", "reason_invalid"])
        .error(409, &["idempotency_key_reused"])
}

pub(super) fn listed() -> Operation {
    Operation::new("listCampaigns", "Shows a page of the campaigns", Access::Service(Scope::Read))
        .query(&CAMPAIGN_PARAMETERS)
        .answer::<CampaignsJson>(200, "The page, the first campaign first.")
        .error(400, &["cursor_invalid", "limit_invalid"])
}

pub(super) fn shown() -> Operation {
    Operation::new("listCodes", "Shows a page of the codes of a campaign", Access::Service(Scope::Read))
        .about("The books have no code's text: each is shown by its name.")
        .parameter(CAMPAIGN)
        .query(&PARAMETERS)
        .answer::<CodesJson<'_>>(200, "The page.")
        .error(400, &["cursor_invalid", "limit_invalid"])
        .error(404, &["campaign_not_found"])
}

pub(super) fn revoked() -> Operation {
    Operation::new("revokeCodes", "Revokes a page of the codes of a campaign", Access::Service(Scope::Grant))
        .about("What was redeemed stays. Go on with `next` until there is none.")
        .idempotent(IdempotencyKey::Required)
        .parameter(CAMPAIGN)
        .query(&REVOKE_PARAMETERS)
        .body::<RevokeBody>()
        .answer::<RevokedJson<'_>>(200, "The receipt, and the codes of the page, which are revoked now.")
        .error(400, &["cursor_invalid", "reason_missing", "reason_invalid"])
        .error(404, &["campaign_not_found"])
        .error(409, &["idempotency_key_reused"])
}
