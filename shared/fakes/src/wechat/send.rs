//! Builds WeChat's webhook deliveries: a plain JSON sample becomes an encrypted and signed notification.

use std::fmt;

use serde_json::{Value, json};
use signing::rsa::PrivateKey;
use signing::wechat_v2::{self, Algorithm, Fields};
use signing::wechat_v3::{self, ApiKeys};
use signing::{SecretError, Strength, hmac_hex};

/// The sender's side of every key that a receiver may have.
pub struct WechatSender {
    platform: PrivateKey,
    key_id: String,
    v3: ApiKeys,
    v2: wechat_v2::Keys,
    algorithm: Algorithm,
    forwarder: hmac_hex::Keys,
}

/// The keys of a sender, in the format of a deployment's settings.
#[derive(Clone, Copy)]
pub struct WechatSecrets<'s> {
    /// The private key in PEM, and its id `PUB_KEY_ID_…`.
    pub platform: (&'s str, &'s str),
    pub api_v3_key: &'s str,
    pub api_v2_key: &'s str,
    pub sign_type: Algorithm,
    pub forwarder: &'s str,
}

pub struct WechatSent {
    pub body: String,
    pub headers: Vec<(&'static str, String)>,
}

impl WechatSender {
    pub fn new(secrets: WechatSecrets<'_>) -> Result<Self, SecretError> {
        let (platform, key_id) = secrets.platform;
        Ok(Self {
            platform: PrivateKey::parse(platform)?,
            key_id: key_id.to_owned(),
            v3: ApiKeys::parse(secrets.api_v3_key)?,
            v2: wechat_v2::Keys::parse(secrets.api_v2_key, Strength::Local)?,
            algorithm: secrets.sign_type,
            forwarder: hmac_hex::Keys::parse(secrets.forwarder, Strength::Local)?,
        })
    }

    /// Builds the delivery of a sample in its own form: APIv3 has a `resource`, APIv2 its fields with a `return_code`,
    /// and CloudRun a `returnCode`; `None` for any other. `random` makes the nonces.
    pub fn sent(&self, sample: &str, now_s: i64, random: u128) -> Option<WechatSent> {
        let value: Value = serde_json::from_str(sample).ok()?;
        if value.get("resource").is_some() {
            return self.v3(value, now_s, random);
        }
        if value.get("return_code").is_some() {
            return self.v2(&value);
        }
        value.get("returnCode").map(|_| self.forwarded(sample.trim_end().to_owned()))
    }

    fn v3(&self, mut notification: Value, now_s: i64, random: u128) -> Option<WechatSent> {
        let nonce = format!("{random:032x}");
        let resource = notification.get_mut("resource")?;
        let original_type = resource.as_object_mut()?.remove("original_type")?;
        let sealed = self.v3.seal(resource.to_string().as_bytes(), nonce.get(..12)?, original_type.as_str()?)?;
        *resource = serde_json::to_value(sealed).ok()?;
        let body = notification.to_string();
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            (wechat_v3::TIMESTAMP, now_s.to_string()),
            (wechat_v3::NONCE, nonce.clone()),
            (wechat_v3::SIGNATURE, wechat_v3::sign(&self.platform, now_s, &nonce, body.as_bytes())),
            (wechat_v3::SERIAL, self.key_id.clone()),
            (wechat_v3::SIGNATURE_TYPE, wechat_v3::RSA_SHA256.to_owned()),
        ];
        Some(WechatSent { body, headers })
    }

    fn v2(&self, sample: &Value) -> Option<WechatSent> {
        let mut sample = sample.as_object()?.clone();
        if let Some(refund) = sample.get("req_info").and_then(Value::as_object) {
            let pairs = refund.iter().map(|(name, value)| Some((name.as_str(), value.as_str()?)));
            let sealed = wechat_v2::seal_refund(&self.v2, &xml("root", &pairs.collect::<Option<Vec<_>>>()?))?;
            sample.insert("req_info".to_owned(), json!(sealed));
        } else {
            let pairs = sample.iter().map(|(name, value)| Some((name.as_str(), value.as_str()?)));
            let fields = Fields::of("xml", pairs.collect::<Option<_>>()?);
            let sign = wechat_v2::sign(&self.v2, self.algorithm, &fields);
            sample.insert("sign".to_owned(), json!(sign));
        }
        let pairs = sample.iter().map(|(name, value)| Some((name.as_str(), value.as_str()?)));
        let body = xml("xml", &pairs.collect::<Option<Vec<_>>>()?);
        Some(WechatSent { body, headers: vec![("content-type", "text/xml".to_owned())] })
    }

    /// Builds a delivery as our forwarder in WeChat's cloud sends it.
    pub fn forwarded(&self, body: String) -> WechatSent {
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-webhook-signature", hmac_hex::sign(&self.forwarder, body.as_bytes())),
        ];
        WechatSent { body, headers }
    }
}

fn xml(root: &str, pairs: &[(&str, &str)]) -> String {
    let fields: Vec<String> =
        pairs.iter().map(|(name, value)| format!("<{name}><![CDATA[{value}]]></{name}>")).collect();
    format!("<{root}>{}</{root}>", fields.concat())
}

impl fmt::Debug for WechatSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WechatSender(redacted)")
    }
}

impl fmt::Debug for WechatSecrets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WechatSecrets(redacted)")
    }
}

impl fmt::Debug for WechatSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WechatSent({} bytes)", self.body.len())
    }
}
