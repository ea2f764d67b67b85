//! Lower-case hexadecimal, for the schemes that write their signatures in it.

/// The length of an HMAC-SHA256.
pub(crate) const TAG_BYTES: usize = 32;

pub(crate) fn write(tag: &[u8]) -> String {
    tag.iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

/// Accepts exactly two digits of `0-9a-f` for each byte, so that a tag has only one spelling. Two headers joined by a
/// comma, or a value that a proxy trimmed or changed in case, are not the sender's original.
pub(crate) fn read<const BYTES: usize>(text: &str) -> Option<[u8; BYTES]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != BYTES {
        return None;
    }
    let mut tag = [0; BYTES];
    for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(tag)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => character.checked_sub(b'0'),
        b'a'..=b'f' => character.checked_sub(b'a' - 10),
        _ => None,
    }
}
