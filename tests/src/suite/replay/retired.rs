//! Retired keys: how long they verify kept requests, when the provider is queried as well, and that events wait while
//! no keys can be loaded.

use testkit::MERCHANT_PAIR;

use super::*;

/// Every source has new keys; the old ones have been retired for so many days.
pub(crate) fn replaced(days: i64) -> ReplayKeys {
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
        litellm: Some(keyring(
            settings_of(&[("LITELLM_KEY", "another-key-of-the-tests-0123456789abc")]),
            LiveKeys::read,
        )),
        openrouter: Some(keyring(
            settings_of(&[("OPENROUTER_KEY", "another-key-of-the-tests-0123456789abc")]),
            LiveKeys::read,
        )),
        stripe: Some(keyring(
            settings_of(&[("STRIPE_WEBHOOK_SECRET", "whsec_another_secret_of_the_tests_0123456")]),
            LiveKeys::read,
        )),
        wechat: Some(keyring(other(wechat::settings(), &of_wechat), LiveKeys::read)),
        epay: Some(keyring(other(epay_settings(), &of_epay), LiveKeys::read)),
        fireblocks: keys().fireblocks,
        retired: Some(keyring(retired(days), RetiredKeys::read)),
        is_incomplete: false,
        forbids_body_only_hmac: false,
    }
}

/// The keys that have signed, retired so many days ago.
fn retired(days: i64) -> Settings {
    let day = now().plus_seconds(-days * DAY).to_string();
    let day = day.split('T').next().expect("a day").to_owned();
    let of_wechat = wechat::settings().into_iter().filter(|(name, _)| name != "WECHAT_PRIVATE_KEY");
    let of_epay = epay_settings().into_iter().filter(|(name, _)| name != "EPAY_RSA_PRIVATE_KEYS");
    let ours = [
        ("WEBHOOK_SECRET", sandbox::SECRET),
        ("LITELLM_KEY", crate::litellm::KEY),
        ("OPENROUTER_KEY", crate::openrouter::KEY),
        ("STRIPE_WEBHOOK_SECRET", of_stripe::SECRET),
    ];
    let ours = ours.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let all = of_wechat.chain(of_epay).chain(ours);
    Settings::new(all.map(|(name, text)| (format!("{name}@{day}"), text)))
}

pub(crate) async fn replayed<W: Suite>(form: &KeptForm, keys: ReplayKeys, providers: Providers) -> Replayed {
    let world = World::new();
    let id = deliver::<W>(&world, form, 0).await;
    W::prepare(&world, form.state).await;
    let (report, alarms) = run(&world, keys, providers, HOUR).await;
    let is_closed = alarms.contains(&"replay_unverified".to_owned());
    match (row(&world, &id).as_str(), is_closed) {
        ("processed", false) => Replayed::Booked,
        ("unconfirmed!", false) => Replayed::Unconfirmed,
        ("order_unknown!", false) if report.failed == 1 => Replayed::Waits,
        ("order_unknown" | "unknown_key", true) => Replayed::Closed,
        other => panic!("{form}: {other:?} {report:?} {alarms:?}"),
    }
}

pub(crate) async fn counts_for_ninety_days<W: Suite>() {
    for form in W::kept_forms() {
        for days in [0, 1, 90] {
            let got = [
                replayed::<W>(&form, replaced(days), Providers::paid()).await,
                replayed::<W>(&form, replaced(days), Providers::unpaid()).await,
            ];
            assert_eq!(got, form.retired, "{form} {days}");
        }
        for days in [91, 1_000, -2] {
            let got = replayed::<W>(&form, replaced(days), Providers::paid()).await;
            assert_eq!(got, if form.is_published { Replayed::Booked } else { Replayed::Closed }, "{form} {days}");
        }
    }
}

/// Missing keys close no event.
pub(crate) async fn waits_without_keys<W: Suite>() {
    for form in W::kept_forms() {
        let rows = [
            ("none", ReplayKeys { is_incomplete: true, ..ReplayKeys::default() }),
            ("no retired ones", ReplayKeys { retired: None, fireblocks: None, ..replaced(1) }),
        ];
        for (name, keys) in rows {
            let world = World::new();
            let id = deliver::<W>(&world, &form, 0).await;
            W::prepare(&world, form.state).await;
            let (report, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
            assert_eq!((report.failed, alarms), (1, Vec::new()), "{form} {name}");
            assert!(row(&world, &id).ends_with('!'), "{form} {name}");
            let (report, _) = run(&world, self::keys(), Providers::paid(), 3 * HOUR).await;
            assert_eq!((report.resolved, row(&world, &id).as_str()), (1, "processed"), "{form} {name}");
        }
    }
}
