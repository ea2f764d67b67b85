//! Keys that were replaced: for how long they verify what is kept, what the provider is asked about then, and what waits while no keys
//! can be had.

use ledger::{Ledger as _, OrderNumber, TransferStatus};
use testkit::{FireblocksNet, MERCHANT_PAIR, StripeNet};

use super::*;
use crate::fulfil::worker;
use crate::reconcile::unpaid::api;

/// Other keys than those that have signed, in every source; those are among the retired ones, since so many days.
fn replaced(days: i64) -> ReplayKeys {
    let other = |settings: Vec<(String, String)>, changes: &[(&str, &str)]| {
        let set = |(name, text): (String, String)| {
            let change = changes.iter().find(|(known, _)| *known == name);
            (name, change.map_or(text, |(_, other)| (*other).to_owned()))
        };
        Settings::new(settings.into_iter().map(set))
    };
    let platform = format!("PUB_KEY_ID_0000000000000000000000000000000001 {}", rsa_pair(MERCHANT_PAIR).public);
    let of_wechat = [
        ("WECHAT_PLATFORM_KEYS", platform.as_str()),
        ("WECHAT_API_V3_KEY", "fedcba9876543210fedcba9876543210"),
        ("WECHAT_API_V2_KEY", "0f0e0d0c0b0a09080706050403020100"),
        ("WECHAT_FORWARDER_SECRET", "another-forwarder-secret-of-the-tests-01234"),
    ];
    let public: String = rsa_pair(2).public.lines().filter(|line| !line.starts_with("-----")).collect();
    let public = format!("1002:{public}");
    let of_epay = [("EPAY_MD5_KEYS", "1001:Another0Hk2qYv8Z"), ("EPAY_RSA_PUBLIC_KEYS", public.as_str())];
    ReplayKeys {
        usage: Some(ring(of(&[("WEBHOOK_SECRET", "another-secret-of-the-tests-0123456789")]), LiveKeys::read)),
        stripe: Some(ring(
            of(&[("STRIPE_WEBHOOK_SECRET", "whsec_another_secret_of_the_tests_0123456")]),
            LiveKeys::read,
        )),
        wechat: Some(ring(other(wechat::settings(), &of_wechat), LiveKeys::read)),
        epay: Some(ring(other(epay_settings(), &of_epay), LiveKeys::read)),
        retired: Some(ring(retired(days), RetiredKeys::read)),
        ..keys()
    }
}

/// The keys that have signed, replaced so many days ago.
fn retired(days: i64) -> Settings {
    let day = now().plus_seconds(-days * DAY).to_string();
    let day = day.split('T').next().expect("a day").to_owned();
    let of_wechat = wechat::settings().into_iter().filter(|(name, _)| name != "WECHAT_PRIVATE_KEY");
    let of_epay = epay_settings().into_iter().filter(|(name, _)| name != "EPAY_RSA_PRIVATE_KEYS");
    let ours = [("WEBHOOK_SECRET", sandbox::SECRET), ("STRIPE_WEBHOOK_SECRET", of_stripe::SECRET)];
    let ours = ours.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let all = of_wechat.chain(of_epay).chain(ours);
    Settings::new(all.map(|(name, text)| (format!("{name}@{day}"), text)))
}

/// What becomes of a genuine delivery whose key was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Becomes {
    Booked,
    /// The provider does not confirm it.
    Unconfirmed,
    /// The provider cannot be asked.
    Waits,
    Closed,
}

/// By the form, where the providers confirm its payment and where they do not.
fn of_form(form: Form) -> [Becomes; 2] {
    match form {
        // It makes no payment; or only the sender has the key that signs.
        Form::Usage | Form::WechatV3 | Form::EpayV2 | Form::FireblocksV2 | Form::FireblocksV1 => [Becomes::Booked; 2],
        Form::WechatV2 | Form::CloudRun | Form::EpayV1 => [Becomes::Booked, Becomes::Unconfirmed],
        Form::Stripe => [Becomes::Waits; 2],
    }
}

async fn becomes(form: Form, keys: ReplayKeys, asked: Providers) -> Becomes {
    let world = World::new();
    let id = form.deliver(&world, 0).await;
    form.make_order(&world).await;
    let (tried, alarms) = run(&world, keys, asked, HOUR).await;
    let is_closed = alarms.contains(&"replay_unverified".to_owned());
    match (row(&world, &id).as_str(), is_closed) {
        ("processed", false) => Becomes::Booked,
        ("unconfirmed!", false) => Becomes::Unconfirmed,
        ("order_unknown!", false) if tried.failed == 1 => Becomes::Waits,
        ("order_unknown" | "unknown_key", true) => Becomes::Closed,
        other => panic!("{form:?}: {other:?} {tried:?} {alarms:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn retired_key_counts_for_ninety_days() {
    for form in Form::ALL {
        let is_published = matches!(form, Form::FireblocksV2 | Form::FireblocksV1);
        for days in [0, 1, 90] {
            let got = [
                becomes(form, replaced(days), Providers::paid()).await,
                becomes(form, replaced(days), Providers::unpaid()).await,
            ];
            assert_eq!(got, of_form(form), "{form:?} {days}");
        }
        for days in [91, 1_000, -2] {
            let got = becomes(form, replaced(days), Providers::paid()).await;
            assert_eq!(got, if is_published { Becomes::Booked } else { Becomes::Closed }, "{form:?} {days}");
        }
    }
}

/// What the forwarder's live secret verifies another function could have signed.
#[tokio::test(start_paused = true)]
async fn cloudrun_callback_is_confirmed_on_replay_whatever_is_configured() {
    let got = [
        becomes(Form::CloudRun, keys(), Providers::paid()).await,
        becomes(Form::CloudRun, keys(), Providers::unpaid()).await,
    ];
    assert_eq!(got, [Becomes::Booked, Becomes::Unconfirmed]);
}

/// An event that was signed with a secret that was replaced since, or that Stripe only lists, is read from Stripe.
#[tokio::test(start_paused = true)]
async fn event_of_a_retired_secret_is_read_from_stripe() {
    for (name, is_known) in [("as Stripe has it", true), ("unknown to Stripe", false)] {
        let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        let body = Form::Stripe.body();
        if is_known {
            net.tell(&body);
        }
        let asked = Providers { stripe_api: Some(api(&net).await), ..Providers::paid() };
        let got = becomes(Form::Stripe, replaced(1), asked).await;
        assert_eq!(got, if is_known { Becomes::Booked } else { Becomes::Closed }, "{name}");
        let calls = net.asked().into_iter().map(|asked| asked.what.split('?').next().expect("a path").to_owned());
        let calls: Vec<String> = calls.collect();
        // Of an event that is gone the payment is looked up.
        let expected = ["GET /v1/events/evt_payment_intent_succeeded", "GET /v1/payment_intents/search"];
        assert_eq!(calls, expected[..if is_known { 1 } else { 2 }], "{name}");
    }
}

/// Whoever writes rows can write the path under which an event is kept that Stripe lists: its own words count for nothing.
#[tokio::test(start_paused = true)]
async fn listed_event_is_read_from_stripe_again() {
    let genuine = Form::Stripe.body();
    for (name, told, is_booked) in [("genuine", Some(&genuine), true), ("invented", None, false)] {
        let world = World::new();
        let id = Form::Stripe.deliver(&world, 0).await;
        let mut listed = kept(&world, &id).await;
        listed.path = stripe::LISTED_AT.to_owned();
        listed.headers.clear();
        write(&world, &id, &listed);
        Form::Stripe.make_order(&world).await;
        let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        if let Some(body) = told {
            net.tell(body);
        }
        let asked = Providers { stripe_api: Some(api(&net).await), ..Providers::paid() };
        let (tried, alarms) = run(&world, keys(), asked, HOUR).await;
        let got = (tried.cured, tried.given_up, alarms);
        let expected = if is_booked { (1, 0, vec![]) } else { (0, 1, vec!["replay_unverified".to_owned()]) };
        assert_eq!(got, expected, "{name}");
        assert_eq!(row(&world, &id), if is_booked { "processed" } else { "order_unknown" }, "{name}");
    }
}

/// Nothing is closed for want of keys.
#[tokio::test(start_paused = true)]
async fn delivery_waits_while_keys_cannot_be_had() {
    for form in Form::ALL {
        let rows = [
            ("none", ReplayKeys { is_incomplete: true, ..ReplayKeys::default() }),
            ("no retired ones", ReplayKeys { retired: None, fireblocks: None, ..replaced(1) }),
        ];
        for (name, keys) in rows {
            let world = World::new();
            let id = form.deliver(&world, 0).await;
            form.make_order(&world).await;
            let (tried, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
            assert_eq!((tried.failed, alarms), (1, Vec::new()), "{form:?} {name}");
            assert!(row(&world, &id).ends_with('!'), "{form:?} {name}");
            let (tried, _) = run(&world, self::keys(), Providers::paid(), 3 * HOUR).await;
            assert_eq!((tried.cured, row(&world, &id).as_str()), (1, "processed"), "{form:?} {name}");
        }
    }
}

/// A key that Fireblocks has withdrawn proves nothing any more. Fireblocks itself says what became of the transfer.
#[tokio::test(start_paused = true)]
async fn transfer_of_a_withdrawn_key_is_looked_up_once_it_is_requested() {
    let world = World::new();
    let id = Form::FireblocksV2.deliver(&world, 0).await;
    of_fireblocks::paid(&world, of_fireblocks::order(of_fireblocks::ORDER)).await;
    let net = FireblocksNet::default();
    let swept = async |after_s: i64| {
        net.set_now(now().plus_seconds(after_s));
        let keys = ReplayKeys { fireblocks: Some(published("another-kid", MERCHANT_PAIR)), ..keys() };
        let fulfil = worker(Arc::new(world.ledger(0)), None, Some(&net)).await;
        let reconcile = Reconcile { fulfil, ..sweeper(&world, keys, Providers::paid(), after_s).await };
        start_capture();
        let attempt = u64::try_from(after_s).expect("later");
        reconcile.work(REFUSED, &run_at(attempt, after_s)).await.expect("a run");
        (
            row(&world, &id),
            captured_lines().iter().filter_map(|line| line["alarm"].as_str().map(str::to_owned)).collect::<Vec<_>>(),
        )
    };
    assert_eq!(swept(HOUR).await, ("order_unknown!".to_owned(), vec![]), "not requested yet");
    let number = OrderNumber::new(of_fireblocks::ORDER).expect("a number");
    let fulfil = worker(world.ledger(0), None, Some(&net)).await;
    net.set_now(now().plus_seconds(2 * HOUR));
    fulfil.fulfil(&number, &run_at(5, 2 * HOUR)).await.expect("requested");
    (0..6).for_each(|_| net.go_on());
    assert_eq!(swept(3 * HOUR).await, ("order_unknown".to_owned(), vec![]), "its transfer is over");
    let order = world.ledger(0).order(&number, &context(0)).await.expect("an answer").expect("an order");
    assert_eq!(order.transfer.expect("a transfer").status, TransferStatus::Completed);
    world.books().check();
}
