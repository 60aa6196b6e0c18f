use rand_core::{Infallible, TryCryptoRng, TryRng};
use x509_parser::oid_registry as oid;

use super::*;
use crate::Scope;
use crate::vectors;

/// The same bytes again and again: serial numbers that a test can name.
struct Fixed(u8);

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

fn moment(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn wanted(common_name: &str) -> Wanted<'_> {
    Wanted { bits: 2048, common_name, valid_for: GoDuration::parse("87600h").expect("ten years") }
}

#[test]
fn a_new_certificate_is_the_peers_to_the_extension() {
    for (common_name, name) in [("", ""), ("sealed.example", "CN=sealed.example")] {
        let now = moment("2026-11-22T01:12:42.681Z");
        let certificate = wanted(common_name).certify(&vectors::private_key(), now, &mut Fixed(0x7f)).expect("made");
        assert_eq!(certificate.not_before(), moment("2026-11-22T01:12:42Z"));
        assert_eq!(certificate.not_after(), moment("2036-11-19T01:12:42Z"));
        assert_eq!(certificate.public_key().fingerprint(), vectors::private_key().fingerprint());

        let block = block::blocks(certificate.pem().as_bytes()).next().expect("one block");
        let (_, read) = X509Certificate::from_der(block.contents()).expect("our own certificate");
        assert_eq!(read.version().0, 2);
        assert_eq!(read.serial.to_bytes_be(), [0x7f; 16]);
        assert_eq!((read.subject().to_string().as_str(), read.issuer().to_string().as_str()), (name, name));
        assert_eq!(read.signature_algorithm.algorithm, oid::OID_PKCS1_SHA256WITHRSA);
        let mut extensions: Vec<_> = read.extensions().iter().map(|e| (e.oid.to_id_string(), e.critical)).collect();
        extensions.sort();
        assert_eq!(
            extensions,
            [("2.5.29.14".to_owned(), false), ("2.5.29.15".to_owned(), true), ("2.5.29.19".to_owned(), true)]
        );
        let value = |wanted: &oid::Oid<'_>| read.extensions().iter().find(|e| e.oid == *wanted).map(|e| e.value);
        assert_eq!(value(&oid::OID_X509_EXT_KEY_USAGE), Some(&[0x03, 0x02, 0x00, 0x01][..]));
        assert_eq!(value(&oid::OID_X509_EXT_BASIC_CONSTRAINTS), Some(&[0x30, 0x03, 0x01, 0x01, 0xff][..]));
    }
}

#[test]
fn a_new_key_seals_and_opens() {
    let now = moment("2026-11-22T01:12:42Z");
    let new = wanted("").generate(now, &mut Fixed(1)).expect("made");
    assert_eq!(new.certificate.public_key().bits(), 2048);
    let label = Scope::Strict.label("demo", "db");
    let sealed = new.certificate.sealing_key(now).expect("valid").seal(&label, &"value".into()).expect("sealed");
    let stored = PrivateKey::parse(new.private.to_pem().expose().as_bytes()).expect("what we store, we read");
    assert!(stored.open(&label, &sealed).is_some_and(|value| value == "value".into()));
}

#[test]
fn an_expired_certificate_is_refused_with_its_last_day() {
    let start = moment("2021-02-01T10:00:00Z");
    let wanted = Wanted { valid_for: GoDuration::parse("48h").expect("two days"), ..wanted("") };
    let certificate = wanted.certify(&vectors::private_key(), start, &mut Fixed(1)).expect("made");
    for (now, refused) in [
        ("2020-01-01T00:00:00Z", None),
        ("2021-02-03T10:00:00Z", None),
        ("2021-02-03T10:00:01Z", Some("failed to encrypt using an expired certificate on February 3, 2021")),
    ] {
        let answer = certificate.sealing_key(moment(now)).err().map(|fault| fault.to_string());
        assert_eq!(answer.as_deref(), refused);
    }
}

#[test]
fn only_certificates_of_rsa_keys_are_taken() {
    let with_header = include_str!("../vectors/ec_certificate.pem").replacen(
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nComment: x\n\n",
        1,
    );
    for (text, told) in [
        (&b""[..], "data does not contain any valid RSA or ECDSA certificates"),
        (b"nonsense", "data does not contain any valid RSA or ECDSA certificates"),
        (include_bytes!("../vectors/rsa_2048.pem"), "data does not contain any valid RSA or ECDSA certificates"),
        (with_header.as_bytes(), "data does not contain any valid RSA or ECDSA certificates"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "cannot read the certificate"),
        (include_bytes!("../vectors/ec_certificate.pem"), "expected RSA public key but found *ecdsa.PublicKey"),
        (include_bytes!("../vectors/ed25519_certificate.pem"), "expected RSA public key but found ed25519.PublicKey"),
        (include_bytes!("../vectors/rsa_1024_certificate.pem"), "cannot use the RSA public key"),
    ] {
        let fault = Certificate::parse(text).err().expect("no usable certificate");
        assert_eq!(fault.to_string(), told);
    }
}

#[test]
fn sizes_and_validities_that_cannot_be_are_refused() {
    let now = moment("2026-11-22T01:12:42Z");
    let fault = Wanted { bits: 1024, ..wanted("") }.generate(now, &mut Fixed(1)).err().expect("too small");
    assert_eq!(fault.to_string(), "cannot make a sealing key of 1024 bits");
    let late = moment("9991-01-01T00:00:00Z");
    let fault = wanted("").certify(&vectors::private_key(), late, &mut Fixed(1)).err().expect("too long");
    assert_eq!(fault.to_string(), "cannot make a certificate that is valid for 87600h0m0s");
}
