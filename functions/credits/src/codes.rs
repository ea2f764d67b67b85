//! Redeem codes of a campaign: made, shown by page, and revoked by page.
//!
//! The books have no code's text. A code follows from its request's idempotency key and the pepper, so that a repeat of the
//! request shows the same codes, and none is lost with an answer.

use api::openapi::{Kind, Parameter, ReasonText};
use api::{
    ApiCall, ApiOutcome, Caller, CodePepper, Failure, Query, code_hash, code_of_request, object, percent_decoded,
    required_idempotency_key,
};
use edge::Reply;
use ledger::{Asset, Code, CodeChange, CodePage, CodeText, Codes, Effect, Scope, Word};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::code_json::{CampaignsJson, CodesJson, MadeCodeJson, MadeJson, RevokedJson};
use crate::commit::{Signature, commit};
use crate::wish::{MakeBody, Wish};
use crate::{Call, cursor, shown};

/// As many rows as one batch reads.
const PAGE_CODES_MAX: u16 = 100;
/// As many as one transaction revokes.
const REVOKED_MAX: u16 = 90;
const CURSOR: Parameter = Parameter::query("cursor", Kind::Text(cursor::PATTERN), "`next` of the page before.");
pub(crate) const REVOKE_PARAMETERS: [Parameter; 1] = [CURSOR];
pub(crate) const PARAMETERS: [Parameter; 2] = [
    CURSOR,
    Parameter::query(
        "limit",
        Kind::Whole { min: 1, max: PAGE_CODES_MAX, default: PAGE_CODES_MAX },
        "How many codes a page has at most.",
    ),
];
pub(crate) const CAMPAIGN_PARAMETERS: [Parameter; 2] = [
    CURSOR,
    Parameter::query(
        "limit",
        Kind::Whole { min: 1, max: PAGE_CODES_MAX, default: PAGE_CODES_MAX },
        "How many campaigns a page has at most.",
    ),
];
/// Each round means that another request has revoked a code since it was read.
const ROUNDS_MAX: u32 = 3;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevokeCodesRequest)]
pub(crate) struct RevokeBody {
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

type CodeCall<'r> = ApiCall<'r, Call, Caller>;

pub(crate) async fn make<L: Codes>(
    pepper: &CodePepper,
    call: &CodeCall<'_>,
    ledger: &L,
) -> Result<ApiOutcome, Failure> {
    let key = call.caller.service(Scope::Grant)?;
    let body: MakeBody = object(call.request.body())?;
    let wish = Wish::read(&body, call.invocation.now)?;
    let signature = Signature::read(call, key, body.reason.as_ref())?;
    let request = required_idempotency_key(call.request)?;
    let texts: Vec<CodeText> = (0..wish.count).map(|number| code_of_request(pepper, &request, number)).collect();
    let codes = texts.iter().map(|text| Some(wish.code(code_hash(pepper, text)?, &signature.receipt)));
    let codes: Vec<Code> = codes.collect::<Option<_>>().ok_or_else(Failure::unavailable)?;
    let effects = codes.iter().map(|code| Effect::Code(CodeChange::Make(Box::new(code.clone())))).collect();
    let booked = commit(call, ledger, &signature, MadeJson::KIND, &wish.facts(codes.first()), effects).await?;
    let booked = booked.ok_or_else(|| Failure::unavailable().about(&signature.receipt))?;
    let made =
        texts.iter().zip(&codes).map(|(text, code)| MadeCodeJson { code: text.printed(), name: code.hash.short() });
    let json = MadeJson {
        receipt: booked.receipt.key.as_str(),
        processed_at: booked.receipt.processed_at.to_string(),
        kind: MadeJson::KIND,
        campaign: wish.campaign.to_string(),
        credits: Asset::CREDITS.format(wish.credits),
        codes: made.collect(),
    };
    Ok(booked.outcome(MadeJson::KIND, Reply::json(201, &json)))
}

pub(crate) async fn list<L: Codes>(call: &CodeCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    call.caller.service(Scope::Read)?;
    let parameters = Query::parse(&call.request.query, &CAMPAIGN_PARAMETERS)?;
    let campaigns_max = cursor::limit(&parameters, PAGE_CODES_MAX, PAGE_CODES_MAX)?;
    let after = cursor::parameter(&parameters)?;
    let page = ledger.campaigns(after.as_ref(), campaigns_max, &call.context()).await?;
    Ok(shown(Reply::json(200, &CampaignsJson::of(&page))))
}

pub(crate) async fn show<L: Codes>(call: &CodeCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    call.caller.service(Scope::Read)?;
    let campaign = campaign(call)?;
    let parameters = Query::parse(&call.request.query, &PARAMETERS)?;
    let codes_max = cursor::limit(&parameters, PAGE_CODES_MAX, PAGE_CODES_MAX)?;
    let page = page(call, ledger, campaign, &parameters, codes_max).await?;
    Ok(shown(Reply::json(200, &CodesJson::of(campaign, &page))))
}

/// Revokes a page of codes, which is what one transaction can. What was redeemed stays.
pub(crate) async fn revoke<L: Codes>(call: &CodeCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let key = call.caller.service(Scope::Grant)?;
    let campaign = campaign(call)?;
    let parameters = Query::parse(&call.request.query, &REVOKE_PARAMETERS)?;
    let body: RevokeBody = object(call.request.body())?;
    let signature = Signature::read(call, key, body.reason.as_ref())?;
    let after = parameters.parameter("cursor").unwrap_or_default().to_owned();
    let facts = [("campaign", campaign.to_string()), ("after", after)];
    for _ in 0..ROUNDS_MAX {
        let page = page(call, ledger, campaign, &parameters, REVOKED_MAX).await?;
        let live = page.codes.iter().filter(|code| code.revoked_at.is_none());
        let effects = live.map(|code| Effect::Code(CodeChange::Revoke(code.hash.clone()))).collect();
        let Some(booked) = commit(call, ledger, &signature, RevokedJson::KIND, &facts, effects).await? else {
            continue;
        };
        // A repeat revokes no code that was made since.
        let is_revoked = |code: &&Code| !booked.is_replay || code.revoked_at.is_some();
        let json = RevokedJson {
            receipt: booked.receipt.key.as_str(),
            processed_at: booked.receipt.processed_at.to_string(),
            kind: RevokedJson::KIND,
            campaign: campaign.to_string(),
            revoked: page.codes.iter().filter(is_revoked).map(|code| code.hash.short()).collect(),
            next: page.next.as_ref().map(cursor::written),
        };
        return Ok(booked.outcome(RevokedJson::KIND, Reply::json(200, &json)));
    }
    Err(Failure::unavailable().about(&signature.receipt))
}

fn campaign(call: &CodeCall<'_>) -> Result<Word, Failure> {
    let name = call.found.parameter("campaign").and_then(percent_decoded);
    name.and_then(|name| Word::new(&name).ok()).ok_or_else(campaign_not_found)
}

/// A first page without codes is that of no campaign.
async fn page<L: Codes>(
    call: &CodeCall<'_>,
    ledger: &L,
    campaign: Word,
    parameters: &Query,
    codes_max: u16,
) -> Result<CodePage, Failure> {
    let after = cursor::parameter(parameters)?;
    let page = ledger.code_page(campaign, after.as_ref(), codes_max, &call.context()).await?;
    if page.codes.is_empty() && after.is_none() { Err(campaign_not_found()) } else { Ok(page) }
}

fn campaign_not_found() -> Failure {
    Failure::new(404, "campaign_not_found", "No such campaign.")
}
