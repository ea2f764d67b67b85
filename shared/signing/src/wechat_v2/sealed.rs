//! Encryption of an APIv2 refund notification: AES-256 in ECB mode, under the hexadecimal MD5 of the key.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::{Fields, Keys};
use crate::{Secret, hex};

const BLOCK_BYTES: usize = 16;

/// The documented fields of a refund.
const NAMES: [&str; 13] = [
    "out_refund_no",
    "out_trade_no",
    "refund_account",
    "refund_fee",
    "refund_id",
    "refund_recv_accout",
    "refund_request_source",
    "refund_status",
    "settlement_refund_fee",
    "settlement_total_fee",
    "success_time",
    "total_fee",
    "transaction_id",
];

/// Decrypts the refund; `None` if the result is not a refund document, since ECB has no tag that would show a wrong
/// key.
pub(super) fn open(key: &Secret, sealed: &str) -> Option<Vec<u8>> {
    let mut bytes = STANDARD.decode(sealed).ok()?;
    let (blocks, []) = bytes.as_chunks_mut::<BLOCK_BYTES>() else {
        return None;
    };
    let cipher = cipher(key)?;
    for block in blocks {
        let mut opened = Array::from(*block);
        cipher.decrypt_block(&mut opened);
        *block = opened.into();
    }
    let padding = *bytes.last()?;
    let length = bytes.len().checked_sub(usize::from(padding))?;
    let (_, padded) = bytes.split_at_checked(length)?;
    let is_padding = (1..=BLOCK_BYTES).contains(&padded.len()) && padded.iter().all(|byte| *byte == padding);
    bytes.truncate(length);
    let is_refund = Fields::read(&bytes)
        .is_some_and(|fields| fields.root() == "root" && fields.names().all(|name| NAMES.contains(&name)));
    (is_padding && is_refund).then_some(bytes)
}

/// Returns the value of `req_info`.
pub fn seal_refund(keys: &Keys, plain: &str) -> Option<String> {
    let mut bytes = plain.as_bytes().to_vec();
    let padding = BLOCK_BYTES.checked_sub(bytes.len().checked_rem(BLOCK_BYTES)?)?;
    bytes.resize(bytes.len().checked_add(padding)?, u8::try_from(padding).ok()?);
    let cipher = cipher(keys.0.first())?;
    let (blocks, _) = bytes.as_chunks_mut::<BLOCK_BYTES>();
    for block in blocks {
        let mut sealed = Array::from(*block);
        cipher.encrypt_block(&mut sealed);
        *block = sealed.into();
    }
    Some(STANDARD.encode(bytes))
}

fn cipher(key: &Secret) -> Option<Aes256> {
    let hexadecimal = Zeroizing::new(hex::write(&Md5::digest(key.bytes())));
    Aes256::new_from_slice(hexadecimal.as_bytes()).ok()
}
