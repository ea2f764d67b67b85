//! Which keys are made, put beside the old ones, refused and ended.

use signing::SecretError;

use super::*;

const OLD: &str = "0123456789abcdef0123456789abcdef";

fn pairs(setting: &str, keys: &str) -> BTreeMap<String, String> {
    [(setting.to_owned(), keys.to_owned())].into()
}

fn refused(setting: &str, before: &str, after: &str, beside: &BTreeMap<String, String>) -> Option<SecretError> {
    accepted(&pairs(setting, before), &pairs(setting, after), beside).err().map(|error| {
        let ToolError::KeyRefused { cause, .. } = error else { panic!("{error}") };
        cause
    })
}

#[test]
fn made_key_is_accepted_beside_the_old_one() {
    let mut made = 0;
    for place in Source::ALL.into_iter().flat_map(places) {
        let Chooser::Us { digits } = place.chosen_by else { continue };
        let [old, new] = [(), ()].map(|()| new_key(place.chosen_by, false).expect("a key"));
        assert!(old.1 && new.1 && old.0 != new.0 && new.0.len() == digits, "{place:?}");
        let (both, none) = (format!("{} {}", old.0, new.0), BTreeMap::new());
        assert_eq!(refused(place.setting, &old.0, &both, &none), None, "{place:?}");
        made += 1;
    }
    assert_eq!(made, 6);
}

/// Its function would not start any more, and every event would be refused.
#[test]
fn key_that_the_function_would_refuse_is_not_written() {
    let none = BTreeMap::new();
    let rows = [
        ("WEBHOOK_SECRET", OLD.to_owned(), format!("{OLD} changeme"), Some(SecretError::Placeholder)),
        ("WEBHOOK_SECRET", OLD.to_owned(), format!("{OLD} short"), Some(SecretError::TooShort { chars: 5, min: 32 })),
        ("WEBHOOK_SECRET", OLD.to_owned(), [OLD; 9].join(" "), Some(SecretError::TooMany { max: 8 })),
        ("STRIPE_WEBHOOK_SECRET", format!("whsec_{OLD}"), format!("whsec_{OLD} {OLD}"), Some(SecretError::NoPrefix)),
        ("STRIPE_WEBHOOK_SECRET", format!("whsec_{OLD}"), format!("whsec_{OLD} whsec_{OLD}"), None),
        ("EPAY_MD5_KEYS", format!("1001:{OLD}"), format!("1001:{OLD} 1001:{OLD}"), None),
    ];
    for (setting, before, after, expected) in rows {
        assert_eq!(refused(setting, &before, &after, &none), expected, "{after}");
    }
    assert!(refused("EPAY_MD5_KEYS", &format!("1001:{OLD}"), &format!("1001:{OLD} {OLD}"), &none).is_some());
    // The keys of APIv3 are in two secrets, and the function reads both.
    let of_api = pairs("WECHAT_API_V3_KEY", OLD);
    assert!(refused("WECHAT_PLATFORM_KEYS", "", "PUB_KEY_ID_1:nonsense", &of_api).is_some());
}

#[test]
fn setting_is_the_first_or_the_named_one() {
    for source in Source::ALL.into_iter().filter(|source| *source != Source::Fireblocks) {
        let first = places(source).first().copied().expect("a place");
        assert_eq!(chosen(source, None).expect("a place"), first);
        for place in places(source) {
            assert_eq!(chosen(source, Some(place.setting)).expect("a place"), *place);
        }
        assert!(matches!(chosen(source, Some("OTHER")), Err(ToolError::UnknownSetting { .. })));
    }
    assert!(matches!(chosen(Source::Fireblocks, None), Err(ToolError::NotRotated(_))), "it publishes its own");
}

/// Another merchant's key is no replacement.
#[test]
fn oldest_key_with_a_successor_is_retired() {
    let keys = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (live, expected) in [
        ("a b", Some(("a", "b"))),
        ("a b c", Some(("a", "b c"))),
        ("a", None),
        ("1001:a 1002:b 1002:c", Some(("1002:b", "1001:a 1002:c"))),
        ("1001:a 1002:b", None),
        ("PUB_KEY_ID_1:a PUB_KEY_ID_2:b", Some(("PUB_KEY_ID_1:a", "PUB_KEY_ID_2:b"))),
    ] {
        let expected = expected.map(|(old, kept)| (old.to_owned(), keys(kept)));
        assert_eq!(replaced(&keys(live)), expected, "{live}");
    }
}

#[test]
fn user_of_fireblocks_is_replaced_whole() {
    let before = pairs("UNITEL_USERNAME", "us");
    let after = api_user::with_user(&before, "11111111-2222-3333-4444-555555555555\n-----BEGIN\nabc\n-----END\n");
    assert_eq!(after["FIREBLOCKS_API_KEY"], "11111111-2222-3333-4444-555555555555");
    assert_eq!(after["FIREBLOCKS_API_SECRET"], "-----BEGIN\nabc\n-----END");
    assert_eq!(after["UNITEL_USERNAME"], "us", "the secret has others");
    // No key, or half of one, never takes the place of one that works.
    for text in ["", "11111111-2222-3333-4444-555555555555", "-----BEGIN"] {
        let half = api_user::with_user(&before, text);
        assert!(accepted(&after, &half, &BTreeMap::new()).is_err(), "{text}");
    }
}
