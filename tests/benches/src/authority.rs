//! A certificate authority for one run, and the TLS of the store under its certificate.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::Error;

pub(crate) const STORE_IP: Ipv4Addr = Ipv4Addr::LOCALHOST;
pub(crate) const SECRETS_IP: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Where systems keep the certificates that they trust: Debian, and Amazon Linux.
const BUNDLES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// Files with the authority that the store's callers must trust.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trusted {
    /// It alone: there is no less to parse.
    pub(crate) alone: PathBuf,
    /// With the system's bundle, as a function finds it in Lambda.
    pub(crate) in_bundle: PathBuf,
    /// With Amazon's roots, as our functions have them: as many to parse as where they are deployed.
    pub(crate) of_amazon: PathBuf,
}

/// The acceptor of the store and of the secrets, and what its callers must trust.
pub(crate) fn acceptor(folder: &Path) -> Result<(TlsAcceptor, Trusted), Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "bench");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let bundle = BUNDLES.iter().find_map(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let [alone, in_bundle, of_amazon] =
        ["authority", "bundle", "amazon"].map(|name| folder.join(name).with_extension("pem"));
    let trusted = Trusted { alone, in_bundle, of_amazon };
    fs::write(&trusted.alone, authority.pem())?;
    fs::write(&trusted.in_bundle, bundle + &authority.pem())?;
    fs::write(&trusted.of_amazon, edge::AMAZON_ROOTS.to_owned() + &authority.pem())?;

    let mut params = CertificateParams::default();
    params.subject_alt_names.extend([STORE_IP, SECRETS_IP].map(|ip| SanType::IpAddress(IpAddr::V4(ip))));
    params.distinguished_name.push(DnType::CommonName, "store");
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], private)?;
    Ok((TlsAcceptor::from(Arc::new(config)), trusted))
}
