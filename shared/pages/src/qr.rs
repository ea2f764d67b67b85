//! A text as a picture that a phone's camera reads: the dark squares of a QR code, as the path of an SVG, which loads nothing.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// The free space around it that a camera needs.
const MARGIN: i32 = 4;

/// A QR code, with its margin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QrPicture {
    /// The side of the square: the view box is `0 0 size size`.
    pub size: i32,
    /// The dark squares, each run of a row as one bar: the `d` of a path.
    pub path: String,
}

impl QrPicture {
    /// `None` if the text is too long for a code.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let size = code.size().saturating_add(MARGIN.saturating_mul(2));
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let run = (x..code.size()).take_while(|at| code.get_module(*at, y)).count();
                if run > 0 {
                    // A string takes everything.
                    let (left, top) = (x.saturating_add(MARGIN), y.saturating_add(MARGIN));
                    let _ = write!(path, "M{left},{top}h{run}v1h-{run}z");
                }
                x = x.saturating_add(i32::try_from(run).unwrap_or(i32::MAX).max(1));
            }
        }
        Some(Self { size, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The corners that each code has, seven squares wide, and nothing in the margin.
    #[test]
    fn picture_has_its_corners_and_its_margin() {
        let picture = QrPicture::of("weixin://wxpay/bizpayurl?pr=HL1").expect("short enough");
        assert!(picture.path.starts_with("M4,4h7v1h-7z"), "{}", picture.path);
        let right = picture.size - 4 - 7;
        for corner in [format!("M{right},4h7v1h-7z"), format!("M4,{right}h7v1h-7z")] {
            assert!(picture.path.contains(&corner), "{corner}: {}", picture.path);
        }
        assert!(picture.path.bytes().all(|byte| b"Mhvz-,".contains(&byte) || byte.is_ascii_digit()));
        assert_eq!(QrPicture::of(&"x".repeat(3_000)), None, "too long for a code");
    }
}
