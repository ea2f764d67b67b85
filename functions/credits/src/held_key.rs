//! The key that a hold is for, as the body of its opening names it: by its short id, never by the key itself.

use api::Failure;
use ledger::{BoundKey, Budgets, CallContext, CallerKey, Hold, KeyName, Owner};
use serde_json::Value;

use crate::fields;

/// Whose credits a hold takes: an owner's, or those that a key draws on.
#[derive(Debug, Clone)]
pub(crate) enum HeldFor {
    Owner(Owner),
    Key { key: NamedKey, owner: Option<Owner> },
}

pub(crate) struct Found {
    pub(crate) owner: Owner,
    pub(crate) key: Option<(CallerKey, BoundKey)>,
}

/// A key by its short id.
#[derive(Debug, Clone)]
pub(crate) struct NamedKey {
    short_id: String,
    name: KeyName,
}

impl HeldFor {
    /// A gateway's key and the whole id of an API key name their owner. An API key's short id does so only together with
    /// the owner.
    pub(crate) fn parse(owner: Option<&Value>, key: Option<&Value>) -> Result<Self, Failure> {
        let Some(key) = named(key)? else { return fields::owner(owner, "owner").map(Self::Owner) };
        let owner = match (&key.name, owner) {
            (KeyName::Key(_), None | Some(Value::Null)) => None,
            (KeyName::Key(_) | KeyName::OfOwner(_), owner) => Some(fields::owner(owner, "owner")?),
        };
        Ok(Self::Key { key, owner })
    }

    /// Whose key it is, as its row says. `None` if there is no such key: one of another owner gets the same answer.
    pub(crate) async fn find<L: Budgets>(
        &self,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<Found>, Failure> {
        let (key, owner) = match self {
            Self::Owner(owner) => return Ok(Some(Found { owner: owner.clone(), key: None })),
            Self::Key { key, owner } => (key, owner.as_ref()),
        };
        let Some(key) = key.key(owner, ledger, context).await? else { return Ok(None) };
        let bound = ledger.key(&key, context).await?;
        let bound = bound.filter(|bound| owner.is_none_or(|owner| *owner == bound.owner));
        Ok(bound.map(|bound| Found { owner: bound.owner.clone(), key: Some((key, bound)) }))
    }

    /// Whether the hold was opened for the same: its key may be revoked by now.
    pub(crate) fn is_of(&self, hold: &Hold) -> bool {
        let own = hold.member.as_ref().map_or_else(|| hold.account.owner(), |member| &member.owner);
        match self {
            Self::Owner(owner) => hold.key.is_none() && owner == own,
            Self::Key { key, owner } => {
                let is_key = hold.key.as_ref().is_some_and(|other| other.short_id() == key.short_id);
                is_key && owner.as_ref().is_none_or(|owner| owner == own)
            }
        }
    }
}

impl NamedKey {
    async fn key<L: Budgets>(
        &self,
        owner: Option<&Owner>,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<CallerKey>, Failure> {
        match (&self.name, owner) {
            (KeyName::Key(key), _) => Ok(Some(key.clone())),
            (KeyName::OfOwner(id), Some(owner)) => Ok(ledger.key_named(owner, id, context).await?),
            (KeyName::OfOwner(_), None) => Ok(None),
        }
    }
}

pub(crate) fn key_not_found() -> Failure {
    Failure::new(404, "key_not_found", "No such key.")
}

/// The message never repeats the text: it may be the key itself.
fn named(value: Option<&Value>) -> Result<Option<NamedKey>, Failure> {
    let wrong = || {
        let message =
            "key must be the id of a key, such as \"gateway-42\" or \"api-3f9c0a12be45\", never the key itself.";
        Failure::new(400, "key_invalid", message)
    };
    let short_id: Option<String> = api::read(value, wrong)?;
    let named = |short_id: String| {
        let name = CallerKey::of_short_id(&short_id).ok_or_else(wrong)?;
        let short_id = if let KeyName::Key(key) = &name { key.short_id() } else { short_id };
        Ok(NamedKey { short_id, name })
    };
    short_id.map(named).transpose()
}
