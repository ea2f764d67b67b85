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

fn order() -> Order {
    let terms = ledger::Terms {
        provider: ledger::Provider::Stripe,
        product: "credits-100".to_owned(),
        quantity: 1,
        price: ledger::Money {
            amount: ledger::Amount::from_units(1_999),
            currency: ledger::Currency::parse("USD").expect("a currency"),
        },
        exchange: None,
        grants: vec![],
        commissions: Vec::new(),
        site: None,
    };
    let owner = ledger::Owner::new("alice").expect("an owner");
    Order::new(OrderNumber::new("hk_sample_order").expect("a number"), owner, terms, Timestamp::EPOCH)
}

/// Somebody is called for a dispute that is open, and for nothing else.
#[test]
fn an_open_dispute_raises_an_alarm() {
    const SAMPLE: &str = include_str!("../../../events/stripe/charge_dispute_created.json");
    let source = Stripe { config: read(&[("STRIPE_LIVEMODE", "false")]).expect("a configuration") };
    let keys = signing::stripe::Keys::parse("whsec_local", Strength::Local).expect("a secret");
    for (status, alarm) in [
        ("needs_response", Some("dispute_opened")),
        ("under_review", Some("dispute_opened")),
        ("warning_needs_response", None),
        ("warning_closed", None),
        ("won", None),
        ("lost", None),
    ] {
        let body = SAMPLE.replace("\"needs_response\"", &format!("\"{status}\""));
        assert_eq!(body != SAMPLE, status != "needs_response", "the sample has its status");
        let header = signing::stripe::sign(&keys, body.as_bytes(), 0);
        let verified = signing::stripe::verify(&keys, &header, body.as_bytes(), 0, 0).expect("verified");
        let event = source.parse(&Received::new(verified, "/", Vec::new())).expect("an event");
        let loaded = Loaded { order: Some(order()), ..Loaded::default() };
        let Decision::Record(entry) = source.decide(&event, loaded) else { panic!("{status} is not recorded") };
        assert_eq!(entry.alarm, alarm, "{status}");
        assert_eq!(entry.heading.order, Some(order().number), "{status}");
    }
}
