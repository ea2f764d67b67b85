//! The bodies of requests about keys.

use api::openapi::{AmountText, KeyKindWord, OwnerName, ReasonText, ScopeWord};
use api::{Failure, read};
use ledger::{
    Amount, Asset, Budget, CallRate, CallerKey, KeyId, KeySettings, Limits, Owner, Scope, Scopes, ServiceKeySettings,
    Timestamp, Window, Word, Zone,
};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

use crate::fields::{self, text};

/// Long enough for every client to get the new secret, and short enough that the old one is not forgotten.
const GRACE_SECONDS_MAX: u32 = 30 * 24 * 60 * 60;
const GRACE_SECONDS: u32 = 24 * 60 * 60;
/// Shorter, and it may end before it is used; longer, and it is no visit any more.
const TTL_SECONDS_MIN: u32 = 60;
const TTL_SECONDS_MAX: u32 = 30 * 24 * 60 * 60;
/// In the facts of a change: the setting is removed.
const NONE: &str = "none";

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = KeyRequest)]
pub(crate) struct MakeBody {
    #[schema(value_type = KeyKindWord, required)]
    kind: Option<Value>,
    /// Whose key it is: of the kinds `owner` and `gateway`.
    #[schema(value_type = Option<OwnerName>)]
    owner: Option<Value>,
    /// The gateway's own id of the key: of the kind `gateway`.
    #[schema(value_type = Option<String>, examples("42"))]
    remote_key_id: Option<Value>,
    /// A name for people. A service key has one.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,32}$", examples("laptop"))]
    name: Option<Value>,
    /// For how long a key of the kind `owner` works, as for a link to the buyer's page. For good by default.
    #[schema(value_type = Option<u32>, minimum = 60, maximum = 2_592_000)]
    ttl_seconds: Option<Value>,
    /// What a service key may do.
    #[schema(value_type = Option<Vec<ScopeWord>>)]
    scopes: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    pub(crate) reason: Option<Value>,
}

/// `null` removes what it names, and what is not named stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = KeyChangeRequest)]
pub(crate) struct SetBody {
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9_-]{1,32}$", examples("laptop"))]
    name: Option<Value>,
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<BudgetBody>)]
    budget: Option<Value>,
    /// How many calls it may make in a minute.
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 60_000)]
    rate: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    pub(crate) reason: Option<Value>,
}

/// What a key may spend. It names at least one limit; `null` removes one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BudgetRequest)]
pub(crate) struct BudgetBody {
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<AmountText>)]
    day: Option<Value>,
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<AmountText>)]
    month: Option<Value>,
    #[serde(default, deserialize_with = "named")]
    #[schema(value_type = Option<AmountText>)]
    total: Option<Value>,
    /// Where a day and a month begin.
    #[schema(value_type = Option<String>, examples("+08:00"))]
    zone: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevokeKeyRequest)]
pub(crate) struct RevokeBody {
    #[schema(value_type = ReasonText, required)]
    pub(crate) reason: Option<Value>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = RotateKeyRequest)]
pub(crate) struct RotateBody {
    /// For how long the old secret still works. A day by default; 0 ends it at once.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 2_592_000)]
    grace_seconds: Option<Value>,
    #[schema(value_type = ReasonText, required)]
    pub(crate) reason: Option<Value>,
}

/// The key that a request makes.
pub(crate) enum NewKey {
    Owner { owner: Owner, name: Option<Word>, ttl_seconds: Option<u32> },
    Gateway { owner: Owner, key: CallerKey, name: Option<Word> },
    Service { name: Word, scopes: Scopes },
}

impl NewKey {
    /// A key can never give more than it has: a service key is made by one that may do everything.
    pub(crate) const fn scope(&self) -> Scope {
        match self {
            Self::Owner { .. } | Self::Gateway { .. } => Scope::Keys,
            Self::Service { .. } => Scope::Admin,
        }
    }

    /// When it stops working, if it does by itself.
    pub(crate) fn until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Owner { ttl_seconds, .. } => ttl_seconds.map(|seconds| now.plus_seconds(seconds.into())),
            Self::Gateway { .. } | Self::Service { .. } => None,
        }
    }

    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let (of, name) = match self {
            Self::Owner { owner, name, ttl_seconds } => {
                let of = [("kind", "owner".to_owned()), ("owner", owner.to_string())];
                let ttl = ttl_seconds.map(|seconds| ("ttl_seconds", seconds.to_string()));
                (of.into_iter().chain(ttl).collect(), *name)
            }
            Self::Gateway { owner, key, name } => {
                let of = [("kind", "gateway"), ("owner", owner.as_str()), ("remote_key", key.as_str())];
                (of.map(|(name, value)| (name, value.to_owned())).into(), *name)
            }
            Self::Service { name, scopes } => {
                (vec![("kind", "service".to_owned()), ("scopes", scopes.to_string())], Some(*name))
            }
        };
        of.into_iter().chain(name.map(|name| ("name", name.to_string()))).collect()
    }
}

/// The settings that a request names.
pub(crate) struct NamedSettings {
    name: Named<Word>,
    budget: Named<NamedBudget>,
    rate: Named<CallRate>,
}

/// What a request says about one setting.
enum Named<T> {
    /// It is not named, and stays.
    Kept,
    Removed,
    To(T),
}

struct NamedBudget {
    limits: Vec<(Window, Option<Amount>)>,
    zone: Option<Zone>,
}

impl<T> Named<T> {
    fn read(value: Option<&Value>, read: impl FnOnce(&Value) -> Result<T, Failure>) -> Result<Self, Failure> {
        match value {
            None => Ok(Self::Kept),
            Some(Value::Null) => Ok(Self::Removed),
            Some(value) => read(value).map(Self::To),
        }
    }

    const fn is_kept(&self) -> bool {
        matches!(self, Self::Kept)
    }

    fn over<F>(&self, from: Option<F>, to: impl FnOnce(&T, Option<F>) -> Option<F>) -> Option<F> {
        match self {
            Self::Kept => from,
            Self::Removed => None,
            Self::To(value) => to(value, from),
        }
    }
}

fn named<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

impl MakeBody {
    pub(crate) fn read(&self) -> Result<NewKey, Failure> {
        let kind = text(self.kind.as_ref(), "kind", "kind_missing", "kind_invalid")?;
        let name = self.name.as_ref().map(name).transpose()?;
        let owner = || fields::owner(self.owner.as_ref(), "owner");
        let without = |fields: &[(&str, &Option<Value>)]| match fields.iter().find(|(_, field)| field.is_some()) {
            None => Ok(()),
            Some((field, _)) => {
                let message = format!("A key of the kind {kind} has no {field}.");
                Err(Failure::new(400, "fields_conflict", message))
            }
        };
        match kind.as_str() {
            "owner" => {
                without(&[("remoteKeyId", &self.remote_key_id), ("scopes", &self.scopes)])?;
                Ok(NewKey::Owner { owner: owner()?, name, ttl_seconds: self.ttl_seconds()? })
            }
            "gateway" => {
                without(&[("scopes", &self.scopes), ("ttlSeconds", &self.ttl_seconds)])?;
                Ok(NewKey::Gateway { owner: owner()?, key: self.remote_key()?, name })
            }
            "service" => {
                without(&[
                    ("owner", &self.owner),
                    ("remoteKeyId", &self.remote_key_id),
                    ("ttlSeconds", &self.ttl_seconds),
                ])?;
                let missing = || Failure::new(400, "name_missing", "name is missing.");
                Ok(NewKey::Service { name: name.ok_or_else(missing)?, scopes: self.scopes()? })
            }
            _ => Err(Failure::new(400, "kind_invalid", "kind must be owner, gateway or service.")),
        }
    }

    fn remote_key(&self) -> Result<CallerKey, Failure> {
        let (missing, invalid) = ("remote_key_missing", "remote_key_invalid");
        let id = text(self.remote_key_id.as_ref(), "remoteKeyId", missing, invalid)?;
        CallerKey::remote(&id).map_err(|error| Failure::new(400, invalid, format!("remoteKeyId: {error}.")))
    }

    fn ttl_seconds(&self) -> Result<Option<u32>, Failure> {
        let wrong = || {
            let message = format!("ttlSeconds must be a whole number from {TTL_SECONDS_MIN} to {TTL_SECONDS_MAX}.");
            Failure::new(400, "ttl_invalid", message)
        };
        let seconds: Option<u32> = read(self.ttl_seconds.as_ref(), wrong)?;
        match seconds {
            Some(seconds) if !(TTL_SECONDS_MIN..=TTL_SECONDS_MAX).contains(&seconds) => Err(wrong()),
            seconds => Ok(seconds),
        }
    }

    fn scopes(&self) -> Result<Scopes, Failure> {
        let wrong = || {
            let words: Vec<&str> = Scope::ALL.map(Scope::as_str).into();
            Failure::new(400, "scopes_invalid", format!("scopes must be a list of {}.", words.join(", ")))
        };
        let words: Option<Vec<String>> = read(self.scopes.as_ref(), wrong)?;
        let words = words.ok_or_else(|| Failure::new(400, "scopes_missing", "scopes is missing."))?;
        Scopes::of(words.iter().map(String::as_str)).map_err(|_| wrong())
    }
}

fn name(value: &Value) -> Result<Word, Failure> {
    let wrong = |why: &str| Failure::new(400, "name_invalid", format!("name {why}."));
    let text = value.as_str().ok_or_else(|| wrong("must be a text"))?;
    Word::new(text).map_err(|error| wrong(&error.to_string()))
}

impl SetBody {
    pub(crate) fn read(&self) -> Result<NamedSettings, Failure> {
        let name = Named::read(self.name.as_ref(), name)?;
        let budget = Named::read(self.budget.as_ref(), budget)?;
        let rate = Named::read(self.rate.as_ref(), rate)?;
        if name.is_kept() && budget.is_kept() && rate.is_kept() {
            return Err(Failure::new(400, "nothing_to_set", "Name what changes: name, budget or rate."));
        }
        Ok(NamedSettings { name, budget, rate })
    }
}

/// Calls a minute.
fn rate(value: &Value) -> Result<CallRate, Failure> {
    let wrong = |why: &str| Failure::new(400, "rate_invalid", format!("rate {why}."));
    let calls = value.as_u64().ok_or_else(|| wrong("must be a whole number of calls a minute"))?;
    CallRate::a_minute(u32::try_from(calls).unwrap_or(u32::MAX)).map_err(|error| wrong(&error.to_string()))
}

fn budget(value: &Value) -> Result<NamedBudget, Failure> {
    let wrong = |why: &str| Failure::new(400, "budget_invalid", format!("budget {why}."));
    let body = BudgetBody::deserialize(value).ok().filter(|_| value.is_object());
    let body = body.ok_or_else(|| wrong("must have day, month, total or zone, and nothing else"))?;
    let mut limits = Vec::new();
    for (window, value) in [(Window::Day, &body.day), (Window::Month, &body.month), (Window::Total, &body.total)] {
        let Some(value) = value else { continue };
        let amount = |text: &str| Asset::CREDITS.parse(text).ok();
        let limit = if value.is_null() { None } else { Some(value.as_str().and_then(amount)) };
        let limit = limit.map(|limit| limit.ok_or_else(|| wrong("has decimal texts as its limits"))).transpose()?;
        limits.push((window, limit));
    }
    let zone: Option<String> = read(body.zone.as_ref(), || wrong("zone must be a text"))?;
    let zone = zone.map(|zone| Zone::parse(&zone)).transpose().map_err(|error| wrong(&format!("zone {error}")))?;
    // A zone alone would be nothing on a key without a limit.
    if limits.is_empty() {
        return Err(wrong("must name a limit: day, month or total"));
    }
    Ok(NamedBudget { limits, zone })
}

impl NamedSettings {
    pub(crate) fn over(&self, from: &KeySettings) -> KeySettings {
        KeySettings {
            name: self.name.over(from.name, |name, _| Some(*name)),
            budget: self.budget.over(from.budget, NamedBudget::over),
            rate: self.rate.over(from.rate, |rate, _| Some(*rate)),
        }
    }

    pub(crate) const fn has_rate(&self) -> bool {
        !self.rate.is_kept()
    }

    /// A gateway calls none of our APIs with its keys.
    pub(crate) fn fit(&self, id: &KeyId) -> Result<(), Failure> {
        match id {
            KeyId::Owner(CallerKey::Remote(_)) if !self.rate.is_kept() => {
                Err(Failure::new(400, "fields_conflict", "A key of the kind gateway has no rate."))
            }
            KeyId::Service(_) if !self.budget.is_kept() => {
                Err(Failure::new(400, "fields_conflict", "A key of the kind service has no budget."))
            }
            KeyId::Owner(_) | KeyId::Service(_) => Ok(()),
        }
    }

    /// A service key keeps a name.
    pub(crate) fn over_service(&self, from: &ServiceKeySettings) -> Result<ServiceKeySettings, Failure> {
        let name = self.name.over(Some(from.name), |name, _| Some(*name));
        let name = name.ok_or_else(|| Failure::new(400, "name_invalid", "A key of the kind service keeps a name."))?;
        Ok(ServiceKeySettings { name, rate: self.rate.over(from.rate, |rate, _| Some(*rate)) })
    }

    /// What the request asks for, whatever the key had before.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        match &self.name {
            Named::Kept => {}
            Named::Removed => facts.push(("name", NONE.to_owned())),
            Named::To(name) => facts.push(("name", name.to_string())),
        }
        match &self.budget {
            Named::Kept => {}
            Named::Removed => facts.push(("budget", NONE.to_owned())),
            Named::To(NamedBudget { limits, zone }) => {
                let text =
                    |limit: &Option<Amount>| limit.map_or_else(|| NONE.to_owned(), |of| Asset::CREDITS.format(of));
                facts.extend(limits.iter().map(|(window, limit)| (window.as_str(), text(limit))));
                facts.extend(zone.map(|zone| ("zone", zone.to_string())));
            }
        }
        match &self.rate {
            Named::Kept => {}
            Named::Removed => facts.push(("rate", NONE.to_owned())),
            Named::To(rate) => facts.push(("rate", rate.to_string())),
        }
        facts
    }
}

impl NamedBudget {
    fn over(&self, from: Option<Budget>) -> Option<Budget> {
        let Budget { zone, mut limits } = from.unwrap_or_default();
        for (window, limit) in &self.limits {
            let Limits { day, month, total } = &mut limits;
            *match window {
                Window::Day => day,
                Window::Month => month,
                Window::Total => total,
            } = *limit;
        }
        Budget::new(self.zone.unwrap_or(zone), limits)
    }
}

impl RotateBody {
    /// For how long the old secret still works. 0: not at all.
    pub(crate) fn grace_seconds(&self) -> Result<u32, Failure> {
        let wrong = || {
            let message = format!("graceSeconds must be a whole number from 0 to {GRACE_SECONDS_MAX}.");
            Failure::new(400, "grace_invalid", message)
        };
        let seconds: u32 = read(self.grace_seconds.as_ref(), wrong)?.unwrap_or(GRACE_SECONDS);
        if seconds > GRACE_SECONDS_MAX { Err(wrong()) } else { Ok(seconds) }
    }
}
