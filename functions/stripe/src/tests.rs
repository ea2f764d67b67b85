//! Tests of the configuration and of the dispute alarm; whole requests are tested in `tests/`.

use ledger::Entry;

use super::*;

fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let found = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::read(found, "test")
}

#[test]
fn missing_or_invalid_mode_is_an_error() {
    for (value, livemode) in [
        ("true", Some(true)),
        ("false", Some(false)),
        (" true ", Some(true)),
        ("", None),
        ("yes", None),
        ("TRUE", None),
    ] {
        let config = read(&[("STRIPE_LIVEMODE", value)]);
        assert_eq!(config.map(|config| config.livemode).ok(), livemode, "{value:?}");
    }
    assert_eq!(read(&[]).err(), Some(ConfigError::Livemode));
}

#[test]
fn named_kinds_act_or_all_by_default() {
    let acting =
        |events: &str| read(&[("STRIPE_LIVEMODE", "false"), ("STRIPE_EVENTS", events)]).map(|config| config.kinds);
    let all = acting("").expect("all kinds");
    assert_eq!(all.len(), 25);
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
        referral: None,
        site: None,
    };
    let owner = ledger::Owner::new("alice").expect("an owner");
    Order::new(OrderNumber::new("hk_sample_order").expect("a number"), owner, terms, Timestamp::EPOCH)
}

const SAMPLE: &str = include_str!("../../../events/stripe/charge_dispute_created.json");

/// The entry that is decided for this order from the sample with this status, dated this many seconds later.
fn decided(status: &str, later: u32, order: &Order) -> Entry {
    let source = Stripe { config: read(&[("STRIPE_LIVEMODE", "false")]).expect("a configuration") };
    let keys = signing::stripe::Keys::parse("whsec_local", Strength::Local).expect("a secret");
    let body = SAMPLE.replace("\"needs_response\"", &format!("\"{status}\""));
    assert_eq!(body != SAMPLE, status != "needs_response", "the sample has its status");
    let timed = body.replacen("1767225600", &1_767_225_600_u32.saturating_add(later).to_string(), 1);
    let header = signing::stripe::sign(&keys, timed.as_bytes(), 0);
    let verified = signing::stripe::verify(&keys, &header, timed.as_bytes(), 0, 0).expect("verified");
    let event = source.parse(&Received::new(verified, &edge::Request::default(), &[])).expect("an event");
    let loaded = Loaded { order: Some(order.clone()), ..Loaded::default() };
    let Decision::Record(entry) = source.decide(&event, source.header(&event), loaded) else {
        panic!("{status} is not recorded")
    };
    entry
}

/// Statuses in the order of their arrival, each with its second, and the alarm that the last one raises.
type Row = (&'static [(&'static str, u32)], Option<&'static str>);

/// An open dispute raises an alarm. An outcome raises none, nor does a late opening report.
#[test]
fn open_dispute_raises_an_alarm() {
    const OPENED: Option<&str> = Some("dispute_opened");
    let rows: &[Row] = &[
        (&[("needs_response", 0)], OPENED),
        (&[("under_review", 0)], OPENED),
        (&[("warning_needs_response", 0)], None),
        (&[("warning_closed", 0)], None),
        (&[("won", 0)], None),
        (&[("lost", 0)], None),
        (&[("needs_response", 0), ("needs_response", 0)], OPENED),
        (&[("won", 5), ("needs_response", 0)], None),
        (&[("lost", 5), ("under_review", 3)], None),
        (&[("won", 5), ("appeal_needs_response", 9)], OPENED),
        (&[("lost", 9), ("appeal_needs_response", 5)], None),
        (&[("appeal_needs_response", 5), ("lost", 9)], None),
    ];
    for (statuses, expected) in rows {
        let mut order = order();
        let mut alarm = None;
        for (status, second) in *statuses {
            let entry = decided(status, *second, &order);
            assert_eq!(entry.header.order.as_ref(), Some(&order.number), "{statuses:?}");
            alarm = entry.alarm;
            if let Some(ledger::Effect::Order { order: updated, .. }) = entry.effects.into_iter().next() {
                order = *updated;
            }
        }
        assert_eq!(alarm, *expected, "{statuses:?}");
    }
}
