//! The certificate authorities that calls to AWS trust. The system's bundle has a hundred more, and to parse them took half of
//! the instructions of a start.

use std::fs;

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::ConfigError;

/// The five roots of Amazon Trust Services, as Mozilla's list has them, in Debian's package ca-certificates 20230311:
/// <https://www.amazontrust.com/repository/> recommends all of them for a trust store of one's own.
pub const AMAZON_ROOTS: &str = include_str!("amazon_roots.pem");

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";

const END: &str = "-----END CERTIFICATE-----";

/// Amazon's roots, or those in this file.
pub(crate) fn trusted(bundle: Option<&str>) -> Result<TlsContext, ConfigError> {
    let roots = match bundle {
        None => AMAZON_ROOTS.to_owned(),
        Some(path) => fs::read_to_string(path).ok().and_then(|pem| usable(&pem)).ok_or(ConfigError::CaBundle)?,
    };
    TlsContext::builder()
        .with_trust_store(TrustStore::empty().with_pem_certificate(roots))
        .build()
        .map_err(|_| ConfigError::CaBundle)
}

/// The certificates that rustls accepts as roots: the connector panics on any other. `None` if none is left.
fn usable(pem: &str) -> Option<String> {
    let blocks = pem.split(BEGIN).skip(1).filter_map(|rest| Some(format!("{BEGIN}{}{END}\n", rest.split_once(END)?.0)));
    let is_root = |block: &String| {
        let certificate = CertificateDer::from_pem_slice(block.as_bytes());
        certificate.is_ok_and(|certificate| RootCertStore::empty().add(certificate).is_ok())
    };
    Some(blocks.filter(is_root).collect::<String>()).filter(|usable| !usable.is_empty())
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha2::{Digest as _, Sha256};

    use super::*;

    /// SHA-256 of each whole certificate, as browsers show it.
    const FINGERPRINTS: [&str; 5] = [
        "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
        "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
        "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
        "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
    ];

    #[test]
    fn roots_are_the_five_of_amazon() {
        let bodies = AMAZON_ROOTS.split(BEGIN).skip(1).map(|rest| {
            let body = rest.split("-----END").next().expect("an end").replace('\n', "");
            STANDARD.decode(body).expect("base64")
        });
        let hex = |byte: &u8| format!("{byte:02x}");
        let fingerprint = |der: Vec<u8>| Sha256::digest(der).iter().map(hex).collect::<Vec<_>>().concat();
        assert_eq!(bodies.map(fingerprint).collect::<Vec<_>>(), FINGERPRINTS);
    }

    #[test]
    fn bundle_without_a_certificate_is_refused() {
        let text = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let pem = concat!(env!("CARGO_MANIFEST_DIR"), "/src/amazon_roots.pem");
        for (bundle, expected) in [
            (None, None),
            (Some(pem), None),
            (Some(text), Some(ConfigError::CaBundle)),
            (Some("no/such/file"), Some(ConfigError::CaBundle)),
        ] {
            assert_eq!(trusted(bundle).err(), expected, "{bundle:?}");
        }
    }

    /// The connector panics on a certificate that it cannot use, at the start of the function.
    #[test]
    fn certificate_that_rustls_refuses_is_left_out() {
        let root = format!(
            "{BEGIN}{}{END}\n",
            AMAZON_ROOTS.split(BEGIN).nth(1).and_then(|rest| rest.split_once(END)).expect("a root").0
        );
        let short = root.lines().take(3).collect::<Vec<_>>().join("\n");
        let block = |body: &str| format!("{BEGIN}\n{body}\n{END}\n");
        let rows = [
            (format!("{BEGIN}\njunk"), None),
            (short.clone(), None),
            (format!("{short}\n{END}\n"), None),
            (block("junk!"), None),
            (block(""), None),
            (block(&STANDARD.encode("no certificate")), None),
            (format!("{}{root}", block("junk!")), Some(&root)),
            (format!("{root}{}", block(&STANDARD.encode("no certificate"))), Some(&root)),
            (format!("# a remark\n{root}{BEGIN}\njunk"), Some(&root)),
        ];
        for (pem, expected) in rows {
            assert_eq!(usable(&pem).as_ref(), expected, "{pem}");
        }
        assert_eq!(usable(AMAZON_ROOTS).map(|pem| pem.matches(BEGIN).count()), Some(FINGERPRINTS.len()));
    }
}
