//! Tables of accepted and refused secrets and signatures for each scheme, with the exact error, and property tests.

mod bearer;
mod epay;
mod fireblocks;
mod forwarder;
mod hmac;
mod jws;
mod properties;
mod rsa;
mod secrets;
mod standard;
mod stripe;
mod wechat_v2;
mod wechat_v3;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use crate::Strength::{Deployed, Local};
use crate::VerifyError::{BadSignature, Malformed, Missing, Stale};
use crate::standard_webhooks::{Headers, MAX_SIGNATURE_HEADER_BYTES, MAX_SIGNATURES, TOLERANCE_S};
use crate::{MAX_LIVE_SECRETS, Secret, VerifyError, hmac_hex, standard_webhooks};

const STRONG: &str = "7c1e5b0a94d2f386b1e07a5d3c98f246";
const OTHER: &str = "e83f60d1b27a49c5f0143bd86e9a7c52";

#[test]
fn errors_have_their_metric_label() {
    let rows = [
        (VerifyError::Missing, "missing_signature"),
        (Malformed, "malformed_signature"),
        (Stale, "stale_signature"),
        (BadSignature, "bad_signature"),
        (VerifyError::UnknownKey, "unknown_key"),
        (VerifyError::BodyOnly, "body_only_signature"),
    ];
    for (error, label) in rows {
        assert_eq!(error.label(), label);
    }
}
