//! epay (易支付) signatures over the decoded parameters in the order of their names. V1 is MD5 with the merchant's key
//! appended; V2 is RSA-SHA256 over parameters that include the time. The configuration sets the scheme of a merchant:
//! the `sign_type` of a request has to match it and selects nothing.

mod params;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::freshness::{is_fresh, unix_seconds};
use crate::rsa::{Hash, PrivateKey, PublicKey};
use crate::secret::Secret;
use crate::{MAX_LIVE_SECRETS, SecretError, Strength, Verified, VerifyError, hex, refuse_placeholder};

pub use params::Params;

/// The settings with the keys, each as `<pid>:<key>`: our V1 keys, the gateway's V2 public keys, and our V2 private
/// keys.
pub const SETTINGS: [&str; 3] = ["EPAY_MD5_KEYS", "EPAY_RSA_PUBLIC_KEYS", "EPAY_RSA_PRIVATE_KEYS"];

/// The clock tolerance of gateways, in both directions. V1 has no time.
pub const TOLERANCE_S: i64 = 300;

/// Gateways generate keys of 32 letters and digits, and merchants cannot choose longer ones. 16 of these have 95 bits.
const MIN_KEY_CHARS: usize = 16;

/// Ten digits of seconds reach the year 2286; gateways write no other length.
const TIMESTAMP_DIGITS: usize = 10;

/// Gateways number their merchants sequentially.
const PID_DIGITS_MAX: usize = 12;

const MD5_BYTES: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// V1.
    Md5,
    /// V2.
    Rsa,
}

impl Scheme {
    pub const ALL: [Self; 2] = [Self::Md5, Self::Rsa];

    /// The value in `sign_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Rsa => "RSA",
        }
    }
}

/// The merchant's id at the gateway.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(String);

impl Pid {
    pub fn new(text: &str) -> Option<Self> {
        let digits = (1..=PID_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        (digits && !text.starts_with('0')).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The live keys of each merchant: the first signs, all verify.
#[derive(Debug)]
pub struct Keys {
    md5: BTreeMap<Pid, Vec<Secret>>,
    public: BTreeMap<Pid, Vec<PublicKey>>,
    private: BTreeMap<Pid, Vec<PrivateKey>>,
}

impl Keys {
    /// Reads the texts of [`SETTINGS`]. Each is optional; together they must contain at least one key.
    pub fn read<'s>(
        setting: impl Fn(&'static str) -> Option<&'s str>,
        strength: Strength,
    ) -> Result<Self, (&'static str, SecretError)> {
        let [md5, public, private] = SETTINGS;
        if SETTINGS.iter().all(|name| setting(name).is_none()) {
            return Err((md5, SecretError::Empty));
        }
        Ok(Self {
            md5: by_merchant(setting(md5), |text| md5_key(text, strength)).map_err(|error| (md5, error))?,
            public: by_merchant(setting(public), PublicKey::parse).map_err(|error| (public, error))?,
            private: by_merchant(setting(private), PrivateKey::parse).map_err(|error| (private, error))?,
        })
    }

    /// Whether requests from the gateway for this merchant can be verified.
    pub fn can_verify(&self, pid: &Pid, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Md5 => self.md5.contains_key(pid),
            Scheme::Rsa => self.public.contains_key(pid),
        }
    }

    /// Whether requests for this merchant can be signed.
    pub fn can_sign(&self, pid: &Pid, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Md5 => self.md5.contains_key(pid),
            Scheme::Rsa => self.private.contains_key(pid),
        }
    }

    /// The key as text: V1 queries send it to the gateway as a parameter.
    pub fn sent_along(&self, pid: &Pid) -> Option<Zeroizing<String>> {
        self.md5.get(pid)?.first().map(|key| Zeroizing::new(String::from_utf8_lossy(key.bytes()).into_owned()))
    }
}

/// Returns the signed text of a request, without any unsigned parameter.
pub fn verify(
    keys: &Keys,
    pid: &Pid,
    scheme: Scheme,
    params: &Params,
    now_unix_s: i64,
) -> Result<Verified<'static>, VerifyError> {
    let signature = params.value("sign").filter(|sign| !sign.is_empty()).ok_or(VerifyError::Missing)?;
    let is_configured = params.value("sign_type").is_none_or(|sign_type| sign_type == scheme.as_str());
    if !is_configured || !params.is_unambiguous() {
        return Err(VerifyError::Malformed);
    }
    let text = params.signed_text();
    let matches = match scheme {
        Scheme::Md5 => {
            let offered = hex::read::<MD5_BYTES>(signature).ok_or(VerifyError::Malformed)?;
            let matches = |key: &Secret| bool::from(md5(key, &text).ct_eq(&offered));
            keys.md5.get(pid).is_some_and(|keys| keys.iter().any(matches))
        }
        Scheme::Rsa => {
            let offered = STANDARD.decode(signature).map_err(|_| VerifyError::Malformed)?;
            let sent = params.value("timestamp").filter(|text| text.len() == TIMESTAMP_DIGITS).and_then(unix_seconds);
            if !is_fresh(sent.ok_or(VerifyError::Malformed)?, now_unix_s, TOLERANCE_S) {
                return Err(VerifyError::Stale);
            }
            let matches = |key: &PublicKey| key.verifies(Hash::Sha256, text.as_bytes(), &offered);
            keys.public.get(pid).is_some_and(|keys| keys.iter().any(matches))
        }
    };
    if matches { Ok(Verified::opened(text.into_bytes())) } else { Err(VerifyError::BadSignature) }
}

/// Returns the parameters with their signature; `None` if there is no key to sign with.
pub fn sign(keys: &Keys, pid: &Pid, scheme: Scheme, params: Params, now_unix_s: i64) -> Option<Params> {
    let (params, signature) = match scheme {
        Scheme::Md5 => {
            let signature = hex::write(&md5(keys.md5.get(pid)?.first()?, &params.signed_text()));
            (params, signature)
        }
        Scheme::Rsa => {
            let params = params.with("timestamp", now_unix_s.to_string());
            let key = keys.private.get(pid)?.first()?;
            let signature = STANDARD.encode(key.sign(Hash::Sha256, params.signed_text().as_bytes()));
            (params, signature)
        }
    };
    Some(params.with("sign", signature).with("sign_type", scheme.as_str()))
}

/// The key follows the text without a separator.
fn md5(key: &Secret, text: &str) -> [u8; MD5_BYTES] {
    Md5::new_with_prefix(text).chain_update(key.bytes()).finalize().into()
}

/// Parses `1001:abc 1001:def 1002:ghi`, separated by white space.
fn by_merchant<K>(
    setting: Option<&str>,
    read: impl Fn(&str) -> Result<K, SecretError>,
) -> Result<BTreeMap<Pid, Vec<K>>, SecretError> {
    const NO_PID: SecretError = SecretError::OtherKind { expected: "the merchant's number and a colon, in each key" };
    let mut keys = BTreeMap::new();
    let Some(setting) = setting else { return Ok(keys) };
    refuse_placeholder(setting)?;
    for entry in setting.split_ascii_whitespace() {
        let (pid, text) = entry.split_once(':').ok_or(NO_PID)?;
        let pid = Pid::new(pid).ok_or(NO_PID)?;
        refuse_placeholder(text)?;
        let key = read(text)?;
        match keys.entry(pid) {
            Entry::Vacant(entry) => {
                entry.insert(vec![key]);
            }
            Entry::Occupied(mut entry) if entry.get().len() < MAX_LIVE_SECRETS => entry.get_mut().push(key),
            Entry::Occupied(_) => return Err(SecretError::TooMany { max: MAX_LIVE_SECRETS }),
        }
    }
    Ok(keys)
}

fn md5_key(text: &str, strength: Strength) -> Result<Secret, SecretError> {
    let chars = text.chars().count();
    let weak = chars < MIN_KEY_CHARS;
    match strength {
        Strength::Deployed if weak => Err(SecretError::TooShort { chars, min: MIN_KEY_CHARS }),
        Strength::Deployed | Strength::Local => Ok(Secret::new(Zeroizing::new(text.as_bytes().to_vec()), weak)),
    }
}
