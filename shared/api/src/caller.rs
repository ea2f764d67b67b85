//! Who calls: an owner by a key of its own, or a shop's own server by a service key. An owner sees itself alone; a service
//! key acts for any owner, within its scopes.

use ledger::{CallContext, CommitError, KeyId, Ledger, Owner, Scope, ServiceKey, ServiceKeyHash, ServiceKeys};

use crate::{Authenticated, Failure, owner_of};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    Owner(Owner),
    Service(ServiceKey),
}

impl Caller {
    /// The caller of a key, by one read: how a key begins says which row it has.
    pub async fn of<L: Ledger + ServiceKeys>(
        key: &str,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<Authenticated<Self>>, CommitError> {
        if key.starts_with(ServiceKey::PREFIX) {
            let key = ledger.service_key(&ServiceKeyHash::of(key), context).await?;
            return Ok(key.map(|key| {
                let (id, rate) = (KeyId::Service(key.hash.clone()), key.rate);
                Authenticated { caller: Self::Service(key), key: id, rate }
            }));
        }
        let owner = owner_of(key, ledger, context).await?;
        Ok(owner.map(|Authenticated { caller, key, rate }| Authenticated { caller: Self::Owner(caller), key, rate }))
    }

    /// Whether it is this owner's own key, or a service key with this scope. For others, `not_found` is the answer to what
    /// is not there.
    pub fn may_see(&self, owner: &Owner, scope: Scope, not_found: impl FnOnce() -> Failure) -> Result<(), Failure> {
        match self {
            Self::Owner(own) if own == owner => Ok(()),
            Self::Owner(_) => Err(not_found()),
            Self::Service(_) => self.service(scope).map(|_| ()),
        }
    }

    /// The service key, if it has this scope.
    pub fn service(&self, scope: Scope) -> Result<&ServiceKey, Failure> {
        match self {
            Self::Service(key) if key.scopes.allow(scope) => Ok(key),
            Self::Service(_) => {
                let message = format!("This key lacks the scope {}.", scope.as_str());
                Err(Failure::new(403, "scope_missing", message))
            }
            Self::Owner(_) => {
                let message =
                    format!("An owner's key cannot do this: it takes a service key with the scope {}.", scope.as_str());
                Err(Failure::new(403, "service_key_needed", message))
            }
        }
    }
}
