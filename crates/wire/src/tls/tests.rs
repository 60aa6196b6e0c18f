//! Bundles, identities and what makes settings equal.

use base::encoding::Base64;
use base::{Kind, SecretBytes};

use crate::tls::{Tls, install};

fn certificate() -> (String, SecretBytes) {
    install();
    let certified = rcgen::generate_simple_self_signed(["a.internal".to_owned()]).unwrap();
    (certified.cert.pem(), SecretBytes::from(certified.signing_key.serialize_pem()))
}

#[test]
fn a_bundle_is_pem_or_base64_of_pem_and_garbage_in_it_is_skipped() {
    let (pem, key) = certificate();
    let wrapped = Base64::Standard.encode(pem.as_bytes());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = String::from_utf8(key.into_exposed()).unwrap();
    let usable = [pem.clone(), wrapped.clone(), format!("{wrapped}\n"), format!("words\n{broken}{key}{pem}")];
    for bundle in usable {
        assert!(Tls::default().with_authorities(bundle.as_bytes()).is_ok_and(|tls| tls.has_authorities()), "{bundle}");
    }
    for bundle in ["", "garbage", broken, key.as_str()] {
        let fault = Tls::default().with_authorities(bundle.as_bytes()).err().unwrap();
        assert_eq!(
            (fault.kind(), fault.to_string()),
            (Kind::Wrong, "no valid certificates found in CA cert data".to_owned())
        );
    }
}

#[test]
fn an_identity_needs_both_halves_and_neither_is_quoted() {
    let (certificate, key) = certificate();
    assert!(Tls::default().with_identity(certificate.as_bytes(), &key).is_ok());
    for (certificate, key) in [(certificate.as_str(), SecretBytes::from("canary")), ("canary", key)] {
        let fault = Tls::default().with_identity(certificate.as_bytes(), &key).err().unwrap();
        assert_eq!(fault.chain(), "cannot read the client certificate and its key as PEM");
    }
}

#[test]
fn equal_settings_have_one_digest_and_each_setting_changes_it() {
    let (pem, key) = certificate();
    let all = [
        Tls::default(),
        Tls::default().with_authorities(pem.as_bytes()).unwrap(),
        Tls::default().with_identity(pem.as_bytes(), &key).unwrap(),
        Tls::default().with_server_name("a"),
        Tls::default().unverified(),
    ];
    for (index, tls) in all.iter().enumerate() {
        assert_eq!(tls.digest(), tls.clone().digest());
        assert!(all[index + 1..].iter().all(|other| other.digest() != tls.digest()), "{index}");
    }
    assert_eq!(Tls::default().with_server_name("").digest(), Tls::default().digest());
}
