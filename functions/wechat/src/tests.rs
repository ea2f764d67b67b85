//! Tests of the configuration, the forms and the replies; whole requests are tested in `tests/`.

mod parsing;
mod replies;

use signing::wechat_v2::Algorithm;

use super::*;

fn read(settings: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let ids = [("WECHAT_MCH_ID", "1900000001"), ("WECHAT_APP_ID", "wx0123456789abcdef")];
    let found = |name: &str| {
        let set = settings.iter().chain(&ids).find(|(known, _)| *known == name);
        set.map(|(_, value)| (*value).to_owned())
    };
    Config::read(found)
}

#[test]
fn unsigned_form_is_confirmed_by_default() {
    let rows = [
        (&[][..], [false, false, true]),
        (&[("WECHAT_CONFIRM_CLOUDRUN", " ")], [false, false, true]),
        (&[("WECHAT_CONFIRM_CLOUDRUN", "false")], [false, false, false]),
        (&[("WECHAT_CONFIRM_V3", "true"), ("WECHAT_CONFIRM_V2", " true ")], [true, true, true]),
    ];
    for (settings, expected) in rows {
        let config = read(settings).expect("a configuration");
        assert_eq!([Form::V3, Form::V2, Form::CloudRun].map(|form| config.confirms(form)), expected, "{settings:?}");
    }
    for name in ["WECHAT_CONFIRM_CLOUDRUN", "WECHAT_CONFIRM_V3", "WECHAT_CONFIRM_V2"] {
        assert_eq!(read(&[(name, "yes")]).err(), Some(ConfigError::Flag(name)));
    }
}

#[test]
fn v2_sign_type_defaults_to_hmac_sha256() {
    let rows = [
        ("", Ok(Algorithm::HmacSha256)),
        ("MD5", Ok(Algorithm::Md5)),
        ("HMAC-SHA256", Ok(Algorithm::HmacSha256)),
        ("md5", Err(ConfigError::SignType)),
        ("SHA1", Err(ConfigError::SignType)),
    ];
    for (name, expected) in rows {
        assert_eq!(read(&[("WECHAT_V2_SIGN_TYPE", name)]).map(|config| config.v2), expected, "{name}");
    }
    let missing = read(&[("WECHAT_MCH_ID", "")]).err().map(|error| error.to_string());
    assert_eq!(missing.as_deref(), Some("WECHAT_MCH_ID is not set"));
}

#[test]
fn signature_header_and_first_byte_give_the_form() {
    let rows =
        [(true, true, Form::V3), (true, false, Form::V3), (false, true, Form::V2), (false, false, Form::CloudRun)];
    for (has_v3_signature, is_xml, form) in rows {
        assert_eq!(Form::of(has_v3_signature, is_xml), form);
    }
}
