//! Erases what names a person: the phones and wallets of an owner's orders, and the names of the owner's keys.
//!
//! Each order has a receipt of its own. That of the call comes last, with the names of the keys, and keeps what the call
//! has done: a repeat gets the same answer, whatever has become of the owner since.

use api::openapi::{Kind, Parameter, ReasonText};
use api::{Api as _, ApiCall, ApiOutcome, Caller, Failure, KeptOrder, Query, Signed, erase_orders, object, unnamed};
use edge::Reply;
use ledger::{
    Effect, KeyId, KeyQuery, Keys, LinePosition, Owner, REFUSED_BODY_KEPT_DAYS, Receipt, Scope, Statements, Writer,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::commit::{Signature, commit};
use crate::erase_json::{ErasedJson, KIND, Made};
use crate::parse::owner;
use crate::{Call, Credits, cursor};

/// As many as fit into the transaction of the receipt.
const KEYS_MAX: u16 = 50;
/// Each round means that a key has changed since it was read.
const ROUNDS_MAX: u32 = 3;
const DAY_SECONDS: i64 = 24 * 60 * 60;
pub(crate) const PARAMETERS: [Parameter; 1] =
    [Parameter::query("cursor", Kind::Text(cursor::PATTERN), "`next` of the page before.")];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = EraseRequest)]
pub(crate) struct EraseBody {
    #[schema(value_type = ReasonText, required)]
    reason: Option<Value>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Orders(Option<LinePosition>),
    Keys(Option<LinePosition>),
}

impl Place {
    pub(crate) fn written(&self) -> String {
        let (part, after) = match self {
            Self::Orders(after) => ("orders", after),
            Self::Keys(after) => ("keys", after),
        };
        let after = after.as_ref().map(|after| format!(" {}", cursor::text_of(after)));
        cursor::encoded(&format!("{part}{}", after.unwrap_or_default()))
    }

    fn read(text: &str) -> Option<Self> {
        let text = cursor::decoded(text)?;
        let (part, after) = match text.split_once(' ') {
            Some((part, after)) => (part, Some(cursor::position(after)?.0)),
            None => (text.as_str(), None),
        };
        match part {
            "orders" => Some(Self::Orders(after)),
            "keys" if after.as_ref().is_none_or(|place| KeyId::of_row(&place.key).is_some()) => Some(Self::Keys(after)),
            _ => None,
        }
    }
}

type EraseCall<'r> = ApiCall<'r, Call, Caller>;

pub(crate) async fn erase<L: Keys + Statements>(call: &EraseCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let key = call.caller.service(Scope::Admin)?;
    let owner = owner(call.found)?;
    let parameters = Query::parse(&call.request.query, &PARAMETERS)?;
    let body: EraseBody = object(call.request.body())?;
    let mut signature = Signature::read(call, key, body.reason.as_ref())?;
    let place = match parameters.parameter("cursor") {
        None => Place::Orders(None),
        Some(text) => Place::read(text).ok_or_else(cursor::invalid)?,
    };
    let facts =
        [("owner", owner.to_string()), ("after", parameters.parameter("cursor").unwrap_or_default().to_owned())];
    for _ in 0..ROUNDS_MAX {
        // A repeat erases nothing more: an order may name a person since.
        let earlier = ledger.facts_of(&signature.receipt, &call.context()).await?;
        let (made, effects) = if earlier.is_empty() {
            page(call, ledger, &owner, &place, &signature).await?
        } else {
            (Made::default(), Vec::new())
        };
        signature.made = made.facts();
        let Some(booked) = commit(call, ledger, &signature, KIND, &facts, effects).await? else { continue };
        let made = if booked.is_replay {
            Made::of_facts(&ledger.facts_of(&signature.receipt, &call.context()).await?)
        } else {
            made
        };
        let bodies = bodies_removed_by(&booked.receipt);
        let json = ErasedJson::of(&booked.receipt, &owner, &made, &bodies);
        return Ok(booked.outcome(KIND, Reply::json(200, &json)));
    }
    Err(Failure::unavailable().about(&signature.receipt))
}

/// Erases the orders of the page. What the receipt does with the names of keys is returned.
async fn page<L: Keys + Statements>(
    call: &EraseCall<'_>,
    ledger: &L,
    owner: &Owner,
    place: &Place,
    signature: &Signature,
) -> Result<(Made, Vec<Effect>), Failure> {
    let mut made = Made::default();
    let after = match place {
        Place::Orders(after) => {
            let signed = Signed { writer: Writer::Credits, author: signature.author(), reason: signature.reason() };
            let record = |decision: &_, committed: &_| edge::record_commit(Credits::NAME, decision, committed);
            let found = erase_orders(ledger, owner, after.as_ref(), &signed, &call.context(), &record).await?;
            made.erased = found.erased.iter().map(ToString::to_string).collect();
            made.kept =
                found.kept.into_iter().map(|KeptOrder { number, because }| (number, because.to_owned())).collect();
            if let Some(next) = found.next {
                made.next = Some(Place::Orders(Some(next)).written());
                return Ok((made, Vec::new()));
            }
            None
        }
        Place::Keys(after) => after.clone(),
    };
    let query = KeyQuery { owner: Some(owner.clone()), after, keys_max: KEYS_MAX };
    let keys = ledger.key_page(&query, &call.context()).await?;
    let (ids, effects): (Vec<KeyId>, Vec<Effect>) = unnamed(&keys.keys).into_iter().unzip();
    made.keys = ids.iter().map(short_id).collect();
    made.next = keys.next.map(|next| Place::Keys(Some(next)).written());
    Ok((made, effects))
}

fn short_id(id: &KeyId) -> String {
    match id {
        KeyId::Owner(key) => key.short_id(),
        KeyId::Service(_) => id.to_string(),
    }
}

/// When the last delivery that is kept today, and may name a person, is removed.
fn bodies_removed_by(receipt: &Receipt) -> String {
    receipt.processed_at.plus_seconds(REFUSED_BODY_KEPT_DAYS.saturating_mul(DAY_SECONDS)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_is_the_place_that_was_written() {
        let place = |key: &str| Some(LinePosition { key: key.to_owned(), at: "2026-01-01T00:00:00.000Z".to_owned() });
        for written in
            [Place::Orders(None), Place::Orders(place("HL1")), Place::Keys(None), Place::Keys(place("key#remote#1"))]
        {
            assert_eq!(Place::read(&written.written()), Some(written));
        }
        for text in ["", "lines", "orders x", "keys 2026-01-01T00:00:00.000Z alice/credits"] {
            assert_eq!(Place::read(&cursor::encoded(text)), None, "{text}");
        }
    }
}
