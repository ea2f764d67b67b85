//! Codes of an authenticator app: RFC 6238 with SHA-1, 30 seconds and six digits, which every app has.

use ledger::Timestamp;
use operators::OperatorName;
use ring::hmac;
use subtle::ConstantTimeEq as _;

/// As RFC 4226 recommends: 160 bits.
pub(crate) const KEY_BYTES: usize = 20;
const STEP_SECONDS: i64 = 30;
/// A phone's clock may be a step off, to either side.
const STEPS_APART: u64 = 1;
const DIGITS: usize = 6;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The time step of a code that is right now. Whether it was used before, its operator knows.
pub(crate) fn step(key: &[u8], code: &str, now: Timestamp) -> Option<u64> {
    let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    let at = u64::try_from(now.unix_s().div_euclid(STEP_SECONDS)).ok()?;
    let steps = at.saturating_sub(STEPS_APART)..=at.saturating_add(STEPS_APART);
    // All of them, so that the time of the answer says nothing.
    let is_right = |step: u64| bool::from(code_at(key, step).as_bytes().ct_eq(code.as_bytes()));
    steps.fold(None, |right, step| if is_right(step) { Some(step) } else { right })
}

/// The six digits of a time step.
pub fn code_at(key: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes.last().copied().unwrap_or_default() & 0x0f);
    let word = bytes.get(offset..offset.saturating_add(4)).and_then(|word| word.try_into().ok()).unwrap_or([0; 4]);
    let number = u32::from_be_bytes(word) & 0x7fff_ffff;
    let digits = format!("{number:010}");
    digits.get(digits.len().saturating_sub(DIGITS)..).unwrap_or_default().to_owned()
}

/// The key as apps take it: RFC 4648 without padding.
pub(crate) fn base32(key: &[u8]) -> String {
    let bits = key.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    let letter = |five: &[u8]| {
        let index = five.iter().chain(std::iter::repeat_n(&0, 5_usize.saturating_sub(five.len())));
        let index = index.fold(0_usize, |index, bit| index << 1 | usize::from(*bit));
        ALPHABET.get(index).copied().map_or('A', char::from)
    };
    bits.chunks(5).map(letter).collect()
}

/// The key of a text in base32, as the page of a first sign-in shows it.
pub fn key_of(text: &str) -> Option<Vec<u8>> {
    let index = |letter: u8| ALPHABET.iter().position(|known| *known == letter);
    let indexes: Vec<usize> = text.bytes().map(index).collect::<Option<_>>()?;
    let bits: Vec<usize> = indexes.iter().flat_map(|index| (0..5).rev().map(move |bit| index >> bit & 1)).collect();
    let byte = |eight: &[usize]| {
        let byte = eight.iter().fold(0_usize, |byte, bit| byte << 1 | bit);
        u8::try_from(byte).ok()
    };
    let key: Vec<u8> = bits.chunks_exact(8).map(byte).collect::<Option<_>>()?;
    Some(key).filter(|key| key.len() == KEY_BYTES)
}

/// What a link or a picture gives to an app.
pub(crate) fn address(key: &[u8], name: &OperatorName, stage: &str) -> String {
    let secret = base32(key);
    format!("otpauth://totp/hookledger%20{stage}:{name}?secret={secret}&issuer=hookledger%20{stage}")
}
