//! What may be the address of a wallet. Only the custodian can say whether it is one; but an address of Ethereum's kind has a checksum in
//! the case of its letters (EIP-55), and one that does not fit is a typing error that would send tokens to nobody.

use std::ops::RangeInclusive;

use sha3::{Digest as _, Keccak256};

use crate::ChoiceError;

/// From the shortest address of any chain that a custodian serves to the longest.
const WALLET_CHARS: RangeInclusive<usize> = 25..=128;
/// Of an address of Ethereum's kind, after its `0x`.
const EVM_DIGITS: usize = 40;
/// A letter is upper case where the hash has this digit or a higher one.
const UPPER_FROM: u8 = 8;

pub(crate) fn check(address: &str) -> Result<(), ChoiceError> {
    let Some(digits) = address.strip_prefix("0x") else {
        // With `0X` it is meant to be one of Ethereum's, and is none.
        let is_word = address.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !address.starts_with("0X");
        let is_address = is_word && WALLET_CHARS.contains(&address.len());
        return if is_address { Ok(()) } else { Err(ChoiceError::WalletInvalid) };
    };
    if digits.len() != EVM_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ChoiceError::WalletInvalid);
    }
    let has = |is_case: fn(&u8) -> bool| digits.bytes().any(|digit| is_case(&digit));
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    // In one case throughout it has no checksum.
    if !is_mixed || fits_checksum(digits) { Ok(()) } else { Err(ChoiceError::WalletChecksum) }
}

/// EIP-55: the case of each letter follows from the Keccak-256 hash of all digits in lower case.
fn fits_checksum(digits: &str) -> bool {
    let hash = Keccak256::digest(digits.to_ascii_lowercase());
    let hash_digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let fits = |(digit, hash_digit): (u8, u8)| {
        !digit.is_ascii_alphabetic() || digit.is_ascii_uppercase() == (hash_digit >= UPPER_FROM)
    };
    digits.bytes().zip(hash_digits).all(fits)
}
