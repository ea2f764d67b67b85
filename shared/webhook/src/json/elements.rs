//! Takes a JSON array apart without reading its elements.

use std::ops::Range;

use crate::stages::{ParseError, Places};

const NOT_AN_ARRAY: &str = "must be a JSON array";

/// The places of an array's elements, without the white space around them. Only strings and brackets are read: an
/// element that is no JSON fails in its own parser, and costs no other.
pub fn elements(body: &[u8]) -> Result<Places, ParseError> {
    read(body).ok_or_else(|| ParseError::new("body", NOT_AN_ARRAY))
}

/// The place of a part of the body, such as a value that was read from it. `None` if it lies elsewhere.
pub fn place(body: &[u8], part: &str) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= body.len()).then_some(start..end)
}

fn read(body: &[u8]) -> Option<Places> {
    let (mut places, mut closers, mut start) = (Vec::new(), Vec::new(), None);
    let mut bytes = body.iter().copied().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'[' if start.is_none() => {
                start = Some(at.checked_add(1)?);
                closers.push(b']');
            }
            // Before the array, or after it.
            _ if closers.is_empty() => byte.is_ascii_whitespace().then_some(())?,
            b'"' => end_of_text(&mut bytes)?,
            b'[' => closers.push(b']'),
            b'{' => closers.push(b'}'),
            b']' | b'}' => {
                (closers.pop()? == byte).then_some(())?;
                if closers.is_empty() {
                    let last = trimmed(body, start?..at)?;
                    // `[]` has none.
                    places.extend((!last.is_empty() || !places.is_empty()).then_some(last));
                }
            }
            b',' if closers.len() == 1 => {
                places.push(trimmed(body, start?..at)?);
                start = Some(at.checked_add(1)?);
            }
            _ => {}
        }
    }
    (start.is_some() && closers.is_empty()).then_some(places)
}

fn end_of_text(bytes: &mut impl Iterator<Item = (usize, u8)>) -> Option<()> {
    loop {
        match bytes.next()?.1 {
            b'\\' => drop(bytes.next()?),
            b'"' => return Some(()),
            _ => {}
        }
    }
}

fn trimmed(body: &[u8], place: Range<usize>) -> Option<Range<usize>> {
    let part = body.get(place.clone())?;
    let before = part.len().checked_sub(part.trim_ascii_start().len())?;
    let start = place.start.checked_add(before)?;
    Some(start..start.checked_add(part.trim_ascii().len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &str) -> Option<Vec<&str>> {
        let places = elements(body.as_bytes()).ok()?;
        places.into_iter().map(|place| body.get(place)).collect()
    }

    #[test]
    fn array_is_taken_apart_without_reading_its_elements() {
        let rows: [(&str, Option<&[&str]>); 20] = [
            ("[]", Some(&[])),
            (" [ ] \n", Some(&[])),
            ("[1]", Some(&["1"])),
            ("[ {\"a\":[1,2]} ,\t{} ]", Some(&["{\"a\":[1,2]}", "{}"])),
            ("[{\"a\":\"],}\\\"\"},2]", Some(&["{\"a\":\"],}\\\"\"}", "2"])),
            ("[\"\\\\\",1]", Some(&["\"\\\\\"", "1"])),
            ("[NaN,null,{\"a\":Infinity}]", Some(&["NaN", "null", "{\"a\":Infinity}"])),
            ("[1,]", Some(&["1", ""])),
            ("[,1]", Some(&["", "1"])),
            ("[1 2]", Some(&["1 2"])),
            ("", None),
            ("{}", None),
            ("[", None),
            ("[1", None),
            ("[1}", None),
            ("[{]}", None),
            ("[\"a]", None),
            ("[1]]", None),
            ("[1] x", None),
            ("x [1]", None),
        ];
        for (body, expected) in rows {
            assert_eq!(parts(body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn place_is_that_of_a_part_of_the_same_bytes() {
        let body = "[12,3]";
        assert_eq!(place(body.as_bytes(), body.get(1..3).expect("a part")), Some(1..3));
        assert_eq!(place(body.as_bytes(), "12").filter(|place| *place == (1..3)), None);
    }
}
