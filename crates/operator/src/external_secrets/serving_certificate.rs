//! The webhook's certificate and its authority: made for ten years, and judged – whether it is still good for a name at a moment.
//! Specification: ESO §6.14.

use std::time::Duration;

use base::{Fault, SecretBytes, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

/// How long both hold: ten years.
const LIFE: Duration = Duration::from_secs(3650 * 86_400);
/// The name of the authority, and of its organisation.
const AUTHORITY: &str = "external-secrets";

/// An authority, and a certificate that it signed: PEM, all of it.
pub struct Issued {
    /// The authority's certificate.
    pub authority: String,
    /// The authority's key.
    pub authority_key: SecretBytes,
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: SecretBytes,
}

/// Makes both. Takes a second or two: the keys are RSA's.
///
/// # Errors
/// The crypto library cannot, or the name is none.
pub fn issue(name: &str, now: Timestamp) -> Result<Issued, Fault> {
    let failed = |error: rcgen::Error| Fault::bug("cannot make the webhook's certificate").because(error);
    let authority = CertifiedIssuer::self_signed(authority_params(now), new_key()?).map_err(failed)?;
    let key = new_key()?;
    let mut params = CertificateParams::new([name.to_owned()]).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    valid_from(&mut params, now);
    let certificate = params.signed_by(&key, &authority).map_err(failed)?;
    Ok(Issued {
        authority: authority.pem(),
        authority_key: authority.key().serialize_pem().into(),
        certificate: certificate.pem(),
        key: key.serialize_pem().into(),
    })
}

fn new_key() -> Result<KeyPair, Fault> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048);
    key.map_err(|error| Fault::bug("cannot make the webhook's key").because(error))
}

fn authority_params(now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, AUTHORITY);
    params.distinguished_name.push(DnType::OrganizationName, AUTHORITY);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment, KeyUsagePurpose::KeyCertSign];
    valid_from(&mut params, now);
    params
}

/// From an hour ago, so that a clock that is late does not mind.
fn valid_from(params: &mut CertificateParams, now: Timestamp) {
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    let start = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds.saturating_sub(3600));
    (params.not_before, params.not_after) = (start, start + LIFE);
}

/// Whether the authority vouches for the certificate under this name at this moment.
///
/// # Errors
/// It does not, or something of it cannot be read.
pub fn vouched(authority: &[u8], certificate: &[u8], name: &str, at: Timestamp) -> Result<(), Fault> {
    let attempt = || format!("the webhook's certificate is not valid for {name}");
    let wrong = |error: &dyn std::fmt::Display| Fault::wrong(attempt()).because(error.to_string());
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(authority) {
        roots.add(root.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|error| wrong(&error))?;
    let [own, others @ ..] = chain.as_slice() else { return Err(wrong(&"there is none")) };
    let provider = std::sync::Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build();
    let verifier = verifier.map_err(|error| wrong(&error))?;
    let server = ServerName::try_from(name).map_err(|error| wrong(&error))?;
    let seconds = u64::try_from(at.as_second()).unwrap_or_default();
    let moment = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    verifier.verify_server_cert(own, others, &server, &[], moment).map(drop).map_err(|error| wrong(&error))
}

/// Whether a key is the certificate's.
#[must_use]
pub fn belong_together(certificate: &[u8], key: &[u8]) -> bool {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    match (chain, PrivateKeyDer::from_pem_slice(key)) {
        (Ok(chain), Ok(key)) if !chain.is_empty() => {
            CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).is_ok()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_good_for_its_name_its_authority_and_its_time() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a test's own timestamp");
        let (name, now) = ("hook.demo.svc", at("2026-01-01T00:00:00Z"));
        let issued = issue(name, now).expect("it can be made");
        let other = issue(name, now).expect("it can be made");
        for (authority, name, at, is_good) in [
            (&issued.authority, name, now, true),
            (&issued.authority, name, at("2035-12-01T00:00:00Z"), true),
            (&issued.authority, name, at("2036-01-02T00:00:00Z"), false),
            (&issued.authority, "hook.other.svc", now, false),
            (&other.authority, name, now, false),
            (&String::new(), name, now, false),
        ] {
            let told = vouched(authority.as_bytes(), issued.certificate.as_bytes(), name, at);
            assert_eq!(told.is_ok(), is_good, "{name} {at}");
        }
        assert!(vouched(issued.authority.as_bytes(), b"", name, now).is_err());
        assert!(belong_together(issued.certificate.as_bytes(), issued.key.expose()));
        assert!(!belong_together(issued.certificate.as_bytes(), other.key.expose()));
        assert!(!belong_together(b"", issued.key.expose()));
    }
}
