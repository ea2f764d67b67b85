//! Makes, sets, revokes and rotates keys. Each change is one journal entry under the request's idempotency key.
//!
//! A secret is random, and only its hash is stored. So a repeat names the key that the first request has made, and has no
//! secret: a caller who lost the first answer rotates the key. A secret that followed from the request would need a key of
//! ours from which all secrets follow.

use api::{ApiCall, ApiOutcome, Caller, Failure, object};
use edge::Reply;
use ledger::{
    CallerKey, Effect, KeyChange, KeyId, KeySettings, Keys, OwnerKey, Scope, ServiceKey, ServiceKeyChange,
    ServiceKeyHash, StoredKey, Timestamp,
};

use crate::commit::{Booked, Signature, commit};
use crate::key_author::KeyAuthor;
use crate::key_body::{MakeBody, NewKey, RevokeBody, RotateBody, SetBody};
use crate::key_json::KeyReceiptJson;
use crate::key_list::{id, key_not_found, scope};
use crate::{Call, Credits};

/// Each further round means that another change of the key came first.
const ROUNDS_MAX: u32 = 4;
/// How the key of an owner begins, as the command line makes it.
const OWNER_PREFIX: &str = "hk_";
/// The facts by which a repeat finds what the first request has made.
const MADE: &str = "made";
const WORKS_UNTIL: &str = "works_until";

type KeyCall<'r> = ApiCall<'r, Call, Caller>;

impl Credits {
    pub(crate) async fn make_key<L: Keys>(&self, call: &KeyCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
        let author = KeyAuthor::of(call, ledger, Scope::Keys).await?;
        let body: MakeBody = object(call.request.body())?;
        let new = body.read()?;
        author.may_make(&new, &call.caller)?;
        let mut signature = author.signature(call, body.reason.as_ref())?;
        let (key, effect, secret) = self.made(&new, call, &signature)?;
        let until = new.until(call.invocation.now).map(|until| until.to_string());
        signature.made = vec![(MADE, key.to_string())];
        signature.made.extend(until.clone().map(|until| (WORKS_UNTIL, until)));
        let booked = commit(call, ledger, &signature, "make_key", &new.facts(), vec![effect]).await?;
        let booked = booked.ok_or_else(|| Failure::unavailable().about(&signature.receipt))?;
        let made = Made::of(call, ledger, &booked, (key, secret), until.unwrap_or_default()).await?;
        let json = KeyReceiptJson::of(&booked.receipt, "make_key", &made.key).with_secret(made.secret);
        let json = json.ending(Some(made.works_until).filter(|until| !until.is_empty()));
        Ok(booked.outcome("make_key", Reply::json(201, &json)))
    }

    /// The key, the effect that makes it, and its secret. The secret of a gateway's key is the gateway's.
    fn made(
        &self,
        new: &NewKey,
        call: &KeyCall<'_>,
        signature: &Signature,
    ) -> Result<(KeyId, Effect, Option<String>), Failure> {
        Ok(match new {
            NewKey::Owner { owner, name, ttl_seconds: _ } => {
                let secret = self.secrets.secret(OWNER_PREFIX)?;
                let (key, settings) = (CallerKey::api(&secret), KeySettings { name: *name, ..KeySettings::default() });
                let until = new.until(call.invocation.now);
                let change = KeyChange::Make { key: key.clone(), owner: owner.clone(), settings, until };
                (KeyId::Owner(key), Effect::Key(Box::new(change)), Some(secret))
            }
            NewKey::Gateway { owner, key, name } => {
                let settings = KeySettings { name: *name, ..KeySettings::default() };
                let change = KeyChange::Make { key: key.clone(), owner: owner.clone(), settings, until: None };
                (KeyId::Owner(key.clone()), Effect::Key(Box::new(change)), None)
            }
            NewKey::Service { name, scopes } => {
                let secret = self.secrets.secret(ServiceKey::PREFIX)?;
                let hash = ServiceKeyHash::of(&secret);
                let key = ServiceKey {
                    hash: hash.clone(),
                    name: *name,
                    scopes: scopes.clone(),
                    made_by: signature.receipt.clone(),
                    since: call.invocation.now,
                    revoked_at: None,
                    rate: None,
                };
                let change = ServiceKeyChange::Make(Box::new(key));
                (KeyId::Service(hash), Effect::ServiceKey(change), Some(secret))
            }
        })
    }

    /// A key with the same settings takes the place of this one, which works for a while or ends at once.
    pub(crate) async fn rotate_key<L: Keys>(&self, call: &KeyCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
        let id = id(call.found);
        let author = KeyAuthor::of(call, ledger, scope(id.as_ref())).await?;
        let body: RotateBody = object(call.request.body())?;
        let grace = body.grace_seconds()?;
        let mut signature = author.signature(call, body.reason.as_ref())?;
        let id = id.ok_or_else(key_not_found)?;
        if let KeyId::Owner(CallerKey::Remote(_)) = id {
            let message = "Its gateway makes this key: bind the new one with POST /v1/keys, and revoke this one.";
            return Err(Failure::new(409, "key_of_gateway", message));
        }
        let until = call.invocation.now.plus_seconds(grace.into());
        let facts = [("key", id.to_string()), ("grace_seconds", grace.to_string())];
        for _ in 0..ROUNDS_MAX {
            let stored = stored(call, ledger, &id).await?;
            author.may_change(&stored)?;
            let (key, replacement, secret) = self.replacement(&stored, call, &signature)?;
            let end = if grace == 0 { revoked(&stored) } else { ended(&stored, until) };
            signature.made = vec![(MADE, key.to_string()), (WORKS_UNTIL, until.to_string())];
            let booked = commit(call, ledger, &signature, "rotate_key", &facts, vec![replacement, end]).await?;
            if let Some(booked) = booked {
                let made = Made::of(call, ledger, &booked, (key, Some(secret)), until.to_string()).await?;
                let json = KeyReceiptJson::of(&booked.receipt, "rotate_key", &made.key).with_secret(made.secret);
                let json = json.replacing(&id, made.works_until);
                return Ok(booked.outcome("rotate_key", Reply::json(201, &json)));
            }
            if stored.revoked_at().is_some() && !is_booked(call, ledger, &signature).await? {
                return Err(key_revoked().about(&signature.receipt));
            }
        }
        Err(Failure::unavailable().about(&signature.receipt))
    }

    fn replacement(
        &self,
        replaced: &StoredKey,
        call: &KeyCall<'_>,
        signature: &Signature,
    ) -> Result<(KeyId, Effect, String), Failure> {
        Ok(match replaced {
            StoredKey::Owner(OwnerKey { owner, settings, .. }) => {
                let secret = self.secrets.secret(OWNER_PREFIX)?;
                let key = CallerKey::api(&secret);
                let change =
                    KeyChange::Make { key: key.clone(), owner: owner.clone(), settings: *settings, until: None };
                (KeyId::Owner(key), Effect::Key(Box::new(change)), secret)
            }
            StoredKey::Service(replaced) => {
                let secret = self.secrets.secret(ServiceKey::PREFIX)?;
                let hash = ServiceKeyHash::of(&secret);
                let key = ServiceKey {
                    hash: hash.clone(),
                    made_by: signature.receipt.clone(),
                    since: call.invocation.now,
                    revoked_at: None,
                    ..replaced.clone()
                };
                (KeyId::Service(hash), Effect::ServiceKey(ServiceKeyChange::Make(Box::new(key))), secret)
            }
        })
    }
}

pub(crate) async fn set<L: Keys>(call: &KeyCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let id = id(call.found);
    let author = KeyAuthor::of(call, ledger, scope(id.as_ref())).await?;
    let body: SetBody = object(call.request.body())?;
    let named = body.read()?;
    author.may_set(&named)?;
    let signature = author.signature(call, body.reason.as_ref())?;
    let id = id.ok_or_else(key_not_found)?;
    named.fit(&id)?;
    let effect = |stored: &StoredKey| {
        author.may_change(stored)?;
        match stored {
            StoredKey::Owner(OwnerKey { key, owner, settings: from, .. }) => {
                let to = named.over(from);
                Ok(Effect::Key(Box::new(KeyChange::Set { key: key.clone(), owner: owner.clone(), from: *from, to })))
            }
            StoredKey::Service(key) => {
                let (from, to) = (key.settings(), named.over_service(&key.settings())?);
                Ok(Effect::ServiceKey(ServiceKeyChange::Set { hash: key.hash.clone(), from, to }))
            }
        }
    };
    change(call, ledger, &signature, ("set_key", &id, named.facts()), effect).await
}

pub(crate) async fn revoke<L: Keys>(call: &KeyCall<'_>, ledger: &L) -> Result<ApiOutcome, Failure> {
    let id = id(call.found);
    let author = KeyAuthor::of(call, ledger, scope(id.as_ref())).await?;
    let body: RevokeBody = object(call.request.body())?;
    let signature = author.signature(call, body.reason.as_ref())?;
    let id = id.ok_or_else(key_not_found)?;
    let effect = |stored: &StoredKey| author.may_change(stored).map(|()| revoked(stored));
    change(call, ledger, &signature, ("revoke_key", &id, Vec::new()), effect).await
}

/// Changes the key over what is stored. The receipt decides first, so that a repeat finds it whatever the key is now.
async fn change<L: Keys>(
    call: &KeyCall<'_>,
    ledger: &L,
    signature: &Signature,
    (kind, id, named): (&'static str, &KeyId, Vec<(&'static str, String)>),
    effect: impl Fn(&StoredKey) -> Result<Effect, Failure>,
) -> Result<ApiOutcome, Failure> {
    let facts: Vec<_> = std::iter::once(("key", id.to_string())).chain(named).collect();
    for _ in 0..ROUNDS_MAX {
        let stored = stored(call, ledger, id).await?;
        if let Some(booked) = commit(call, ledger, signature, kind, &facts, vec![effect(&stored)?]).await? {
            let json = KeyReceiptJson::of(&booked.receipt, kind, id);
            return Ok(booked.outcome(kind, Reply::json(200, &json)));
        }
        let has_ended = stored.revoked_at().is_some_and(|at| at <= call.invocation.now);
        if has_ended && !is_booked(call, ledger, signature).await? {
            return Err(key_revoked().about(&signature.receipt));
        }
    }
    Err(Failure::unavailable().about(&signature.receipt))
}

/// Whether it is this request that has ended the key: its repeat gets the first answer, and no refusal.
async fn is_booked<L: Keys>(call: &KeyCall<'_>, ledger: &L, signature: &Signature) -> Result<bool, Failure> {
    Ok(!ledger.facts_of(&signature.receipt, &call.context()).await?.is_empty())
}

async fn stored<L: Keys>(call: &KeyCall<'_>, ledger: &L, id: &KeyId) -> Result<StoredKey, Failure> {
    ledger.key_as_stored(id, &call.context()).await?.ok_or_else(key_not_found)
}

fn revoked(stored: &StoredKey) -> Effect {
    match stored {
        StoredKey::Owner(OwnerKey { key, owner, draws, .. }) => {
            Effect::Revoke { key: key.clone(), owner: owner.clone(), draws: draws.clone() }
        }
        StoredKey::Service(key) => Effect::ServiceKey(ServiceKeyChange::Revoke(key.hash.clone())),
    }
}

fn ended(stored: &StoredKey, at: Timestamp) -> Effect {
    match stored {
        StoredKey::Owner(OwnerKey { key, owner, .. }) => {
            Effect::Key(Box::new(KeyChange::End { key: key.clone(), owner: owner.clone(), at }))
        }
        StoredKey::Service(key) => Effect::ServiceKey(ServiceKeyChange::End { hash: key.hash.clone(), at }),
    }
}

fn key_revoked() -> Failure {
    Failure::new(409, "key_revoked", "The key is revoked, or was rotated before.")
}

/// The key of the first request.
struct Made {
    key: KeyId,
    secret: Option<String>,
    works_until: String,
}

impl Made {
    async fn of<L: Keys>(
        call: &KeyCall<'_>,
        ledger: &L,
        booked: &Booked,
        (key, secret): (KeyId, Option<String>),
        works_until: String,
    ) -> Result<Self, Failure> {
        if !booked.is_replay {
            return Ok(Self { key, secret, works_until });
        }
        let facts = ledger.facts_of(&booked.receipt.key, &call.context()).await?;
        let fact = |name: &str| facts.iter().find(|(known, _)| known == name).map(|(_, fact)| fact.clone());
        let key = fact(MADE).and_then(|id| KeyId::parse(&id)).ok_or_else(Failure::unavailable)?;
        Ok(Self { key, secret: None, works_until: fact(WORKS_UNTIL).unwrap_or_default() })
    }
}
