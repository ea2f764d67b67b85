//! RSASSA-PKCS1-v1_5 signatures, and RSA keys in each format that providers hand out.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding,
    RsaKeyPair, RsaParameters, RsaPublicKeyComponents,
};
use zeroize::Zeroizing;

use crate::der::{BIT_STRING, CONTEXT_0, Der, INTEGER};
use crate::{SecretError, refuse_placeholder};

/// A private key of 8192 bits takes 6.4 KB in PEM, and a certificate with many names no more.
const KEY_TEXT_BYTES_MAX: usize = 16 * 1024;

/// Below 2048 bits a signature can be forged; ring verifies at most 8192 bits.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;
/// 65537 takes three bytes; ring accepts at most five.
const EXPONENT_BYTES_MAX: usize = 5;

/// `rsaEncryption`, 1.2.840.113549.1.1.1, and its `NULL` parameters.
const RSA_ENCRYPTION: [u8; 13] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// The hash of the message that is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    fn verifying(self) -> &'static RsaParameters {
        match self {
            Self::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
        }
    }

    fn signing(self) -> &'static dyn RsaEncoding {
        match self {
            Self::Sha256 => &RSA_PKCS1_SHA256,
            Self::Sha512 => &RSA_PKCS1_SHA512,
        }
    }
}

/// Not secret, but `Debug` omits the numbers, since they would clutter a log.
pub struct PublicKey {
    /// Big-endian without leading zeros, like the exponent.
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    serial: Option<String>,
}

impl PublicKey {
    /// Parses a certificate in PEM, or a public key (SPKI) in PEM or bare base64. The issuer and validity of a
    /// certificate are not checked: it is trusted because it is configured.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        const INVALID: SecretError = SecretError::NotAKey { expected: "an RSA public key or a certificate of one" };
        let document = Document::read(text)?.ok_or(INVALID)?;
        let der = Der::new(&document.bytes);
        let key = match document.label.as_deref() {
            Some("CERTIFICATE") => certificate(der),
            Some("PUBLIC KEY") | None => spki(der),
            Some(_) => None,
        };
        key.ok_or(INVALID)
    }

    /// Builds a key from its modulus and exponent without leading zeros. `None` if they are not a key or the key is too
    /// weak.
    pub(crate) fn from_numbers(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let (first, last) = (|number: &[u8]| number.first().copied(), |number: &[u8]| number.last().copied());
        let is_odd = |number: &[u8]| first(number) != Some(0) && last(number).is_some_and(|byte| byte & 1 == 1);
        let fits = MODULUS_BYTES.contains(&modulus.len()) && exponent.len() <= EXPONENT_BYTES_MAX;
        // An exponent of one leaves the message as it is, so that anyone could sign.
        let is_key = fits && is_odd(modulus) && is_odd(exponent) && exponent != [1];
        is_key.then(|| Self { modulus: modulus.to_vec(), exponent: exponent.to_vec(), serial: None })
    }

    /// Modulus and exponent.
    pub(crate) fn numbers(&self) -> [&[u8]; 2] {
        [&self.modulus, &self.exponent]
    }

    /// The serial number of a certificate in upper-case hexadecimal, by which signatures name it.
    pub fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }

    /// Whether the private key of this public key signed the message.
    pub fn verifies(&self, hash: Hash, message: &[u8], signature: &[u8]) -> bool {
        let key = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        key.verify(hash.verifying(), message, signature).is_ok()
    }
}

/// `Debug` never shows it. ring holds the key and does not document whether it wipes the memory.
pub struct PrivateKey(RsaKeyPair);

impl PrivateKey {
    /// Parses PKCS#8 or PKCS#1, each in PEM or bare base64.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        const INVALID: SecretError = SecretError::NotAKey { expected: "an RSA private key of at least 2048 bits" };
        let document = Document::read(text)?.ok_or(INVALID)?;
        let pkcs8 = || RsaKeyPair::from_pkcs8(&document.bytes).ok();
        let pkcs1 = || RsaKeyPair::from_der(&document.bytes).ok();
        let pair = match document.label.as_deref() {
            Some("PRIVATE KEY") => pkcs8(),
            Some("RSA PRIVATE KEY") => pkcs1(),
            None => pkcs8().or_else(pkcs1),
            Some(_) => None,
        };
        pair.map(Self).ok_or(INVALID)
    }

    /// Deterministic: this padding is not randomized, although ring requires a random number generator.
    #[expect(
        clippy::expect_used,
        clippy::missing_panics_doc,
        reason = "the buffer has the key's length, and nothing else can fail"
    )]
    pub fn sign(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(hash.signing(), &SystemRandom::new(), message, &mut signature)
            .expect("a buffer of the key's length");
        signature
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("serial", &self.serial).finish_non_exhaustive()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(redacted)")
    }
}

/// The decoded bytes of a key and its PEM label.
struct Document {
    label: Option<String>,
    bytes: Zeroizing<Vec<u8>>,
}

impl Document {
    fn read(text: &str) -> Result<Option<Self>, SecretError> {
        refuse_placeholder(text)?;
        Ok(if text.len() > KEY_TEXT_BYTES_MAX { None } else { Self::decode(text.trim()) })
    }

    /// Line breaks may have become spaces in a form or an environment variable.
    fn decode(text: &str) -> Option<Self> {
        let (label, base64) = match text.strip_prefix("-----BEGIN ") {
            None => (None, text),
            Some(rest) => {
                let (label, rest) = rest.split_once("-----")?;
                let base64 = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
                (Some(label.to_owned()), base64)
            }
        };
        let solid: Zeroizing<String> = Zeroizing::new(base64.split_ascii_whitespace().collect());
        let bytes = Zeroizing::new(STANDARD.decode(solid.as_bytes()).ok()?);
        Some(Self { label, bytes })
    }
}

/// `SubjectPublicKeyInfo`: the algorithm, then the PKCS#1 key in a bit string.
fn spki(mut der: Der<'_>) -> Option<PublicKey> {
    let mut info = der.sequence()?;
    der.end()?;
    (info.take(crate::der::SEQUENCE)? == RSA_ENCRYPTION).then_some(())?;
    let (&unused_bits, pkcs1) = info.take(BIT_STRING)?.split_first()?;
    info.end()?;
    (unused_bits == 0).then_some(())?;
    let mut outer = Der::new(pkcs1);
    let mut key = outer.sequence()?;
    outer.end()?;
    let (modulus, exponent) = (key.take(INTEGER)?, key.take(INTEGER)?);
    key.end()?;
    PublicKey::from_numbers(unsigned(modulus), unsigned(exponent))
}

/// Reads only the serial number and the public key.
fn certificate(mut der: Der<'_>) -> Option<PublicKey> {
    let mut tbs = der.sequence()?.sequence()?;
    tbs.skip(CONTEXT_0)?;
    let serial = tbs.take(INTEGER)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        tbs.sequence()?;
    }
    Some(PublicKey { serial: Some(upper_hex(unsigned(serial))), ..spki(tbs.one()?)? })
}

/// Removes the leading zero that DER adds to a positive number whose first bit is set.
fn unsigned(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}

fn upper_hex(bytes: &[u8]) -> String {
    crate::hex::write(bytes).to_ascii_uppercase()
}
