//! What the functions make of their settings, for a person who looks for what is wrong: each reads its keys as it does
//! when it starts.

use edge::Settings;
use signing::{CodePepper, SecretError, Strength};
use webhook::Webhook;

use crate::secrets::CODE_PEPPER;

/// What one reader makes of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheck {
    /// The secret without the stage: `stripe`.
    pub secret: &'static str,
    /// What does not work without them.
    pub of: &'static str,
    pub result: Result<(), (&'static str, SecretError)>,
}

impl KeyCheck {
    /// Whether the setting is not there at all, as for a provider that is not used.
    pub fn is_empty(&self) -> bool {
        matches!(self.result, Err((_, SecretError::Empty)))
    }
}

/// Checks the settings of all secrets together: no two secrets have one of the same name.
pub fn check_keys(settings: &Settings, livemode: bool, strength: Strength) -> Vec<KeyCheck> {
    type Made<K> = Result<K, (&'static str, SecretError)>;
    fn check<K>(secret: &'static str, of: &'static str, made: Made<K>) -> KeyCheck {
        KeyCheck { secret, of, result: made.map(|_| ()) }
    }
    let pepper = CodePepper::parse(settings.setting(CODE_PEPPER).unwrap_or_default(), strength);
    let chat = chat::keys(settings, strength).and_then(|keys| {
        let [setting] = providers::OpenAiKeys::SETTINGS;
        if keys.is_empty() { Err((setting, SecretError::Empty)) } else { Ok(keys) }
    });
    vec![
        check("usage", "usage", usage::Usage::keys(settings, strength)),
        check("litellm", "litellm", litellm::Litellm::keys(settings, strength)),
        check("openrouter", "openrouter", openrouter::Openrouter::keys(settings, strength)),
        check("codes", "redeem codes", pepper.map_err(|error| (CODE_PEPPER, error))),
        check("stripe", "stripe", stripe::Stripe::keys(settings, strength)),
        check("checkout", "checkout", checkout::keys(livemode)(settings, strength)),
        check("wechat", "wechat", wechat::Wechat::keys(settings, strength)),
        check("wechat-signing", "calls to WeChat Pay", wechat::api_keys(settings, strength)),
        check("epay", "epay", epay::Epay::keys(settings, strength)),
        check("fulfil", "the operator", fulfil::operator_keys(settings, strength)),
        check("fulfil", "Fireblocks", fulfil::custodian_keys(settings, strength)),
        check("chat", "chat", chat),
        check("new-api", "the log of the gateway", reconcile::GatewayApi::key(settings, strength)),
    ]
}

/// The types of Stripe's events that can change the books.
pub fn stripe_events() -> impl Iterator<Item = &'static str> {
    stripe::Kind::ALL.into_iter().filter(|kind| kind.acts()).map(stripe::Kind::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings, the mode, a secret, and what is wrong with it.
    type Row = (&'static [(&'static str, &'static str)], bool, &'static str, Option<SecretError>);

    fn checks(pairs: &[(&str, &str)], livemode: bool) -> Vec<KeyCheck> {
        let settings = Settings::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        check_keys(&settings, livemode, Strength::Deployed)
    }

    #[test]
    fn wrong_key_is_refused_as_its_function_refuses_it() {
        let empty = checks(&[], false);
        // Calls to WeChat Pay need keys only if they are made.
        let is_empty = |check: &KeyCheck| check.is_empty() || check.secret == "wechat-signing";
        assert!(empty.iter().all(is_empty), "{empty:?}");
        let rows: [Row; 7] = [
            (&[("WEBHOOK_SECRET", "0123456789abcdef0123456789abcdef")], false, "usage", None),
            (&[("WEBHOOK_SECRET", "changeme")], false, "usage", Some(SecretError::Placeholder)),
            (&[("WEBHOOK_SECRET", "short")], false, "usage", Some(SecretError::TooShort { chars: 5, min: 32 })),
            (
                &[("STRIPE_SECRET_KEY", "sk_live_0123456789abcdefghij")],
                false,
                "checkout",
                Some(SecretError::OtherMode { expected: "test" }),
            ),
            (
                &[("STRIPE_SECRET_KEY", "sk_test_0123456789abcdefghij")],
                true,
                "checkout",
                Some(SecretError::OtherMode { expected: "live" }),
            ),
            (&[("OPENAI_API_KEY", "changeme")], false, "chat", Some(SecretError::Placeholder)),
            (&[("OPENAI_API_KEY_SPARE", "sk-0123456789abcdef")], false, "chat", None),
        ];
        for (pairs, livemode, secret, expected) in rows {
            let checks = checks(pairs, livemode);
            let found = checks.iter().find(|check| check.secret == secret).expect("a check");
            assert_eq!(found.result.err().map(|(_, error)| error), expected, "{pairs:?}");
        }
    }
}
