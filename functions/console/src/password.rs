//! Passwords: argon2id, with its parameters beside each hash.

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq as _;

/// OWASP's first choice: 19 MiB and two passes. The function has 256 MB, and one sign-in at a time in a sandbox.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A planted row cannot have a sandbox run out of memory or time.
const MEMORY_KIB_MAX: u32 = 64 * 1024;
const PASSES_MAX: u32 = 8;
const HASH_BYTES: usize = 32;
pub(crate) const SALT_BYTES: usize = 16;
const NAME: &str = "argon2id";

/// Longer than a guess that attempts allow, and with no rule that people work around.
pub(crate) const CHARS_MIN: usize = 12;
const CHARS_MAX: usize = 256;

/// Whether people may choose it: long, and not the name or one character.
pub(crate) fn is_strong(password: &str, name: &str) -> bool {
    let count = password.chars().count();
    let first = password.chars().next();
    let is_one_letter = password.chars().all(|letter| Some(letter) == first);
    (CHARS_MIN..=CHARS_MAX).contains(&count)
        && !is_one_letter
        && !password.to_lowercase().contains(&name.to_lowercase())
}

/// The text that a row keeps: name, parameters, salt and hash.
pub(crate) fn hashed(password: &str, salt: [u8; SALT_BYTES]) -> Option<String> {
    let hash = hash(password, &salt, (MEMORY_KIB, PASSES, LANES))?;
    Some(format!("{NAME}${MEMORY_KIB}${PASSES}${LANES}${}${}", hex(&salt), hex(&hash)))
}

/// Compares a password with the text of a row. Without one it takes the same time, and is wrong.
pub(crate) fn is_right(password: &str, stored: Option<&str>) -> bool {
    let parsed = stored.and_then(parse);
    let is_known = parsed.is_some();
    let (cost, salt, expected) =
        parsed.unwrap_or_else(|| ((MEMORY_KIB, PASSES, LANES), vec![0; SALT_BYTES], vec![0; HASH_BYTES]));
    let found = hash(password, &salt, cost);
    found.is_some_and(|found| bool::from(found.as_slice().ct_eq(&expected))) && is_known
}

type Cost = (u32, u32, u32);

fn parse(stored: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let mut parts = stored.split('$');
    let (NAME, Some(memory), Some(passes), Some(lanes), Some(salt), Some(hash), None) =
        (parts.next()?, parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let cost: Cost = (memory.parse().ok()?, passes.parse().ok()?, lanes.parse().ok()?);
    let is_bounded = cost.0 <= MEMORY_KIB_MAX && cost.1 <= PASSES_MAX && cost.2 == LANES;
    let (salt, hash) = (bytes(salt)?, bytes(hash)?);
    Some((cost, salt, hash)).filter(|(_, salt, hash)| is_bounded && salt.len() >= 8 && hash.len() == HASH_BYTES)
}

fn hash(password: &str, salt: &[u8], (memory, passes, lanes): Cost) -> Option<[u8; HASH_BYTES]> {
    let params = Params::new(memory, passes, lanes, Some(HASH_BYTES)).ok()?;
    let mut hash = [0; HASH_BYTES];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into(password.as_bytes(), salt, &mut hash).ok()?;
    Some(hash)
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |text: u8| char::from(text).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    hex.as_bytes().chunks(2).map(pair).collect()
}
