//! What a deployment may say of Stripe; whole requests are tested in `tests/`.

use super::*;

fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let found = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::read(found)
}

#[test]
fn the_mode_is_said_and_never_assumed() {
    for (written, livemode) in [
        ("true", Some(true)),
        ("false", Some(false)),
        (" true ", Some(true)),
        ("", None),
        ("yes", None),
        ("TRUE", None),
    ] {
        let config = read(&[("STRIPE_LIVEMODE", written)]);
        assert_eq!(config.map(|config| config.livemode).ok(), livemode, "{written:?}");
    }
    assert_eq!(read(&[]).err(), Some(ConfigError::Livemode));
}

#[test]
fn all_kinds_act_unless_some_are_named() {
    let acting =
        |events: &str| read(&[("STRIPE_LIVEMODE", "false"), ("STRIPE_EVENTS", events)]).map(|config| config.kinds);
    let all = acting("").expect("all of them");
    assert_eq!(all.len(), 24);
    assert!(Kind::ALL.into_iter().all(|kind| all.contains(&kind) == kind.acts()));
    let two = [Kind::IntentSucceeded, Kind::RefundFailed].into_iter().collect();
    assert_eq!(acting(" payment_intent.succeeded ,refund.failed,"), Ok(two));
    for unknown in ["payment_intent", "thin", "other", "customer.created", "payment_intent.succeeded;refund.failed"] {
        assert_eq!(acting(unknown), Err(ConfigError::Kind(unknown.to_owned())));
    }
}
