//! Retired keys: how long they verify kept requests, when the provider is queried as well, and that events wait while
//! no keys can be loaded.

use ledger::{Ledger as _, OrderNumber, TransferStatus};
use testkit::{FireblocksNet, MERCHANT_PAIR, StripeNet};

use super::*;
use crate::fulfil::worker;
use crate::reconcile::unpaid::api;

/// Every source has new keys; the old ones have been retired for so many days.
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
        usage: Some(keyring(
            settings_of(&[("WEBHOOK_SECRET", "another-secret-of-the-tests-0123456789")]),
            LiveKeys::read,
        )),
        stripe: Some(keyring(
            settings_of(&[("STRIPE_WEBHOOK_SECRET", "whsec_another_secret_of_the_tests_0123456")]),
            LiveKeys::read,
        )),
        wechat: Some(keyring(other(wechat::settings(), &of_wechat), LiveKeys::read)),
        epay: Some(keyring(other(epay_settings(), &of_epay), LiveKeys::read)),
        retired: Some(keyring(retired(days), RetiredKeys::read)),
        ..keys()
    }
}

/// The keys that have signed, retired so many days ago.
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

/// The result for a genuine delivery whose key was retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReplayResult {
    Booked,
    /// The provider does not confirm the payment.
    Unconfirmed,
    /// The provider cannot be queried.
    Waits,
    Closed,
}

/// By form: the result if the providers confirm the payment, and if they do not.
fn of_form(form: Form) -> [ReplayResult; 2] {
    match form {
        // The event reports no payment, or only the sender has the signing key.
        Form::Usage | Form::WechatV3 | Form::EpayV2 | Form::FireblocksV2 | Form::FireblocksV1 => {
            [ReplayResult::Booked; 2]
        }
        Form::WechatV2 | Form::CloudRun | Form::EpayV1 => [ReplayResult::Booked, ReplayResult::Unconfirmed],
        Form::Stripe => [ReplayResult::Waits; 2],
    }
}

async fn replay_result(form: Form, keys: ReplayKeys, providers: Providers) -> ReplayResult {
    let world = World::new();
    let id = form.deliver(&world, 0).await;
    form.make_order(&world).await;
    let (report, alarms) = run(&world, keys, providers, HOUR).await;
    let is_closed = alarms.contains(&"replay_unverified".to_owned());
    match (row(&world, &id).as_str(), is_closed) {
        ("processed", false) => ReplayResult::Booked,
        ("unconfirmed!", false) => ReplayResult::Unconfirmed,
        ("order_unknown!", false) if report.failed == 1 => ReplayResult::Waits,
        ("order_unknown" | "unknown_key", true) => ReplayResult::Closed,
        other => panic!("{form:?}: {other:?} {report:?} {alarms:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn retired_key_counts_for_ninety_days() {
    for form in Form::ALL {
        let is_published = matches!(form, Form::FireblocksV2 | Form::FireblocksV1);
        for days in [0, 1, 90] {
            let got = [
                replay_result(form, replaced(days), Providers::paid()).await,
                replay_result(form, replaced(days), Providers::unpaid()).await,
            ];
            assert_eq!(got, of_form(form), "{form:?} {days}");
        }
        for days in [91, 1_000, -2] {
            let got = replay_result(form, replaced(days), Providers::paid()).await;
            assert_eq!(got, if is_published { ReplayResult::Booked } else { ReplayResult::Closed }, "{form:?} {days}");
        }
    }
}

/// The forwarder's secret is symmetric: a function that verifies with it could have signed the callback.
#[tokio::test(start_paused = true)]
async fn replayed_cloudrun_callback_is_confirmed_whatever_is_configured() {
    let got = [
        replay_result(Form::CloudRun, keys(), Providers::paid()).await,
        replay_result(Form::CloudRun, keys(), Providers::unpaid()).await,
    ];
    assert_eq!(got, [ReplayResult::Booked, ReplayResult::Unconfirmed]);
}

/// An event that was signed with a retired secret, or that Stripe only lists, is read from Stripe.
#[tokio::test(start_paused = true)]
async fn event_of_a_retired_secret_is_read_from_stripe() {
    for (name, is_known) in [("known to Stripe", true), ("unknown to Stripe", false)] {
        let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        let body = Form::Stripe.body();
        if is_known {
            net.add_event(&body);
        }
        let providers = Providers { stripe_api: Some(api(&net).await), ..Providers::paid() };
        let got = replay_result(Form::Stripe, replaced(1), providers).await;
        assert_eq!(got, if is_known { ReplayResult::Booked } else { ReplayResult::Closed }, "{name}");
        let calls =
            net.calls().into_iter().map(|request| request.endpoint.split('?').next().expect("a path").to_owned());
        let calls: Vec<String> = calls.collect();
        // If Stripe no longer has the event, the payment is queried.
        let expected = ["GET /v1/events/evt_payment_intent_succeeded", "GET /v1/payment_intents/search"];
        assert_eq!(calls, expected[..if is_known { 1 } else { 2 }], "{name}");
    }
}

/// Any role that writes rows can write the path of listed events, so the stored body of such an event proves nothing.
#[tokio::test(start_paused = true)]
async fn listed_event_is_read_from_stripe_again() {
    let genuine = Form::Stripe.body();
    for (name, known_body, is_booked) in [("genuine", Some(&genuine), true), ("invented", None, false)] {
        let world = World::new();
        let id = Form::Stripe.deliver(&world, 0).await;
        let mut listed = read_kept(&world, &id).await;
        listed.path = stripe::LISTED_AT.to_owned();
        listed.headers.clear();
        write_kept(&world, &id, &listed);
        Form::Stripe.make_order(&world).await;
        let net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
        if let Some(body) = known_body {
            net.add_event(body);
        }
        let providers = Providers { stripe_api: Some(api(&net).await), ..Providers::paid() };
        let (report, alarms) = run(&world, keys(), providers, HOUR).await;
        let got = (report.resolved, report.given_up, alarms);
        let expected = if is_booked { (1, 0, vec![]) } else { (0, 1, vec!["replay_unverified".to_owned()]) };
        assert_eq!(got, expected, "{name}");
        assert_eq!(row(&world, &id), if is_booked { "processed" } else { "order_unknown" }, "{name}");
    }
}

/// Missing keys close no event.
#[tokio::test(start_paused = true)]
async fn delivery_waits_while_keys_cannot_be_loaded() {
    for form in Form::ALL {
        let rows = [
            ("none", ReplayKeys { is_incomplete: true, ..ReplayKeys::default() }),
            ("no retired ones", ReplayKeys { retired: None, fireblocks: None, ..replaced(1) }),
        ];
        for (name, keys) in rows {
            let world = World::new();
            let id = form.deliver(&world, 0).await;
            form.make_order(&world).await;
            let (report, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
            assert_eq!((report.failed, alarms), (1, Vec::new()), "{form:?} {name}");
            assert!(row(&world, &id).ends_with('!'), "{form:?} {name}");
            let (report, _) = run(&world, self::keys(), Providers::paid(), 3 * HOUR).await;
            assert_eq!((report.resolved, row(&world, &id).as_str()), (1, "processed"), "{form:?} {name}");
        }
    }
}

/// A key that Fireblocks has withdrawn proves nothing any more. Fireblocks' API returns the state of the transfer.
#[tokio::test(start_paused = true)]
async fn transfer_of_a_withdrawn_key_is_queried_once_it_is_requested() {
    let world = World::new();
    let id = Form::FireblocksV2.deliver(&world, 0).await;
    of_fireblocks::paid(&world, of_fireblocks::order(of_fireblocks::ORDER)).await;
    let net = FireblocksNet::default();
    let swept = async |after_s: i64| {
        net.set_now(now().plus_seconds(after_s));
        let keys = ReplayKeys { fireblocks: Some(published("another-kid", MERCHANT_PAIR)), ..keys() };
        let fulfil = worker(world.ledger(0), None, Some(&net)).await;
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
    assert_eq!(swept(3 * HOUR).await, ("order_unknown".to_owned(), vec![]), "its transfer is final");
    let order = world.ledger(0).order(&number, &context(0)).await.expect("an answer").expect("an order");
    assert_eq!(order.transfer.expect("a transfer").status, TransferStatus::Completed);
    world.books().check();
}
