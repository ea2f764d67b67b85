//! Who may change keys: a shop's own server changes any, and an owner its own.
//!
//! An owner's key changes keys only if nothing limits it. One with a budget or a rate could make another without, so it is
//! refused: give programs a limited key, and keep the other.

use api::{ApiCall, Caller, Failure, api_key};
use ledger::{CallerKey, KeyId, Keys, Owner, OwnerKey, Scope, StoredKey};
use serde_json::Value;

use crate::Call;
use crate::commit::Signature;
use crate::key_body::{NamedSettings, NewKey};
use crate::key_list::key_not_found;

pub(crate) enum KeyAuthor<'c> {
    Service(&'c ledger::ServiceKey),
    Owner { owner: &'c Owner, key: CallerKey },
}

impl<'c> KeyAuthor<'c> {
    /// The author of a change that takes this scope of a service key.
    pub(crate) async fn of<L: Keys>(
        call: &'c ApiCall<'_, Call, Caller>,
        ledger: &L,
        scope: Scope,
    ) -> Result<Self, Failure> {
        let Caller::Owner(owner) = &call.caller else { return call.caller.service(scope).map(Self::Service) };
        let key = CallerKey::api(api_key(call.request)?);
        let stored = ledger.key_as_stored(&KeyId::Owner(key.clone()), &call.context()).await?;
        match stored {
            Some(StoredKey::Owner(OwnerKey { settings, .. }))
                if settings.budget.is_none() && settings.rate.is_none() =>
            {
                Ok(Self::Owner { owner, key })
            }
            Some(_) | None => {
                let message = "A key with a budget or a rate changes no keys: use one without.";
                Err(Failure::new(403, "key_limited", message))
            }
        }
    }

    pub(crate) fn signature(
        &self,
        call: &ApiCall<'_, Call, Caller>,
        reason: Option<&Value>,
    ) -> Result<Signature, Failure> {
        match self {
            Self::Service(key) => Signature::read(call, key, reason),
            Self::Owner { owner, key } => Signature::of_owner(call, owner, &key.short_id(), reason),
        }
    }

    /// A service key may need a further scope. An owner makes keys of its own alone, and none of a gateway or a server.
    pub(crate) fn may_make(&self, new: &NewKey, caller: &Caller) -> Result<(), Failure> {
        match (self, new) {
            (Self::Service(_), _) => caller.service(new.scope()).map(|_| ()),
            (Self::Owner { owner, .. }, NewKey::Owner { owner: of, .. }) if of == *owner => Ok(()),
            (Self::Owner { .. }, NewKey::Owner { .. }) => Err(crate::parse::account_not_found()),
            (Self::Owner { .. }, NewKey::Gateway { .. } | NewKey::Service { .. }) => Err(of_the_shop()),
        }
    }

    /// Another owner's key reads like one that does not exist.
    pub(crate) fn may_change(&self, stored: &StoredKey) -> Result<(), Failure> {
        match (self, stored) {
            (Self::Service(_), _) => Ok(()),
            (Self::Owner { owner, .. }, StoredKey::Owner(key)) if key.owner == **owner => match key.key {
                CallerKey::ApiHash(_) => Ok(()),
                CallerKey::Remote(_) => Err(of_the_shop()),
            },
            (Self::Owner { .. }, StoredKey::Owner(_) | StoredKey::Service(_)) => Err(key_not_found()),
        }
    }

    /// A rate protects the shop, so an owner sets none.
    pub(crate) fn may_set(&self, named: &NamedSettings) -> Result<(), Failure> {
        match self {
            Self::Owner { .. } if named.has_rate() => Err(of_the_shop()),
            Self::Service(_) | Self::Owner { .. } => Ok(()),
        }
    }
}

fn of_the_shop() -> Failure {
    let message = "An owner's key cannot do this: it takes a service key with the scope keys.";
    Failure::new(403, "service_key_needed", message)
}
