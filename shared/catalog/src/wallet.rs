//! Wallet address validation. Only the custodian can decide whether an address exists. But the case of the letters of
//! an Ethereum address is a checksum (EIP-55), and a mismatch is a typing error that would send tokens to an address
//! without an owner.

use std::ops::RangeInclusive;

use sha3::{Digest as _, Keccak256};

use crate::ChoiceError;

/// The shortest and the longest address of all chains that a custodian supports.
const WALLET_CHARS: RangeInclusive<usize> = 25..=128;
/// The digits of an Ethereum address after `0x`.
const EVM_DIGITS: usize = 40;
/// A letter is upper case if the hash has this digit or a higher one.
const UPPER_FROM: u8 = 8;

pub(crate) fn check(address: &str) -> Result<(), ChoiceError> {
    let Some(digits) = address.strip_prefix("0x") else {
        // An address with `0X` is meant for Ethereum, and is invalid there.
        let is_word = address.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !address.starts_with("0X");
        let is_address = is_word && WALLET_CHARS.contains(&address.len());
        return if is_address { Ok(()) } else { Err(ChoiceError::WalletInvalid) };
    };
    if digits.len() != EVM_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ChoiceError::WalletInvalid);
    }
    let has = |is_case: fn(&u8) -> bool| digits.bytes().any(|digit| is_case(&digit));
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    // An address in a single case has no checksum.
    if !is_mixed || has_valid_checksum(digits) { Ok(()) } else { Err(ChoiceError::WalletChecksum) }
}

/// EIP-55: the Keccak-256 hash of the lower-case digits determines the case of each letter.
fn has_valid_checksum(digits: &str) -> bool {
    let hash = Keccak256::digest(digits.to_ascii_lowercase());
    let hash_digits = hash.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    let fits = |(digit, hash_digit): (u8, u8)| {
        !digit.is_ascii_alphabetic() || digit.is_ascii_uppercase() == (hash_digit >= UPPER_FROM)
    };
    digits.bytes().zip(hash_digits).all(fits)
}
