//! Certificates made in a template: an authority, self-signed ones, and ones that an authority signs. Their shape is sprig's: a common
//! name, both TLS usages, RSA keys of 2048 bits unless a key is given. Validity counts from the run's `now`.
//! Specification: ESO §8.5.

use core::net::IpAddr;

use base::Timestamp;
use base::encoding::Base64;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, CustomExtension, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::key::Key;
use super::{cost, pair};
use crate::functions::{Args, Outcome, Run, letters, pem};
use crate::value::{List, Value};

/// The basic constraints of what is no authority, in DER.
const EMPTY_SEQUENCE: [u8; 2] = [0x30, 0];
const SECONDS_A_DAY: i64 = 86_400;

fn failed(error: impl std::fmt::Display) -> String {
    format!("error creating certificate: {error}")
}

/// `genCA name days`, `genCAWithKey name days key`
pub fn authority(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let key = given_or_new(run, args, 2)?;
    let mut params = params(run, &letters(args.text(0)), args.int(1))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages.push(KeyUsagePurpose::KeyCertSign);
    let signer = signer(&key)?;
    finished(run, &params.self_signed(&signer).map_err(failed)?, &key)
}

/// `genSelfSignedCert name ips dns days`, `genSelfSignedCertWithKey … key`
pub fn self_signed(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let key = given_or_new(run, args, 4)?;
    let params = named_params(run, args)?;
    let signer = signer(&key)?;
    finished(run, &params.self_signed(&signer).map_err(failed)?, &key)
}

/// `genSignedCert name ips dns days authority`, `genSignedCertWithKey … key`
pub fn signed(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let Value::Record(authority) = args.any(4) else {
        unreachable!("the evaluator checked that the authority is a certificate");
    };
    let text = |name: &str| match authority.field(name) {
        Some(Value::Text(text)) => text.bytes(),
        _ => b"",
    };
    let issuer_certificate = pem::blocks(text("Cert")).next().ok_or("unable to decode certificate")?;
    let issuer_key = Key::parse(text("Key")).map_err(|problem| format!("parsing private key: {problem}"))?;
    let key = given_or_new(run, args, 5)?;
    let mut params = named_params(run, args)?;
    params.use_authority_key_identifier_extension = true;
    let der = CertificateDer::from(issuer_certificate.contents());
    let issuer = Issuer::from_ca_cert_der(&der, signer(&issuer_key)?).map_err(failed)?;
    let subject = signer(&key)?;
    finished(run, &params.signed_by(&subject, &issuer).map_err(failed)?, &key)
}

/// `buildCustomCert certificate key`: both in base64 around PEM.
pub fn custom(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let decoded = |text: &[u8], what: &str| {
        Base64::Standard.decode(text).ok_or_else(|| format!("unable to decode base64 {what}"))
    };
    let certificate = decoded(args.text(0), "certificate")?;
    let key = decoded(args.text(1), "private key")?;
    run.fuel.make(certificate.len() + key.len())?;
    let block = pem::blocks(certificate.expose()).next().ok_or("unable to decode certificate")?;
    x509_parser::parse_x509_certificate(block.contents())
        .map_err(|_| "error parsing certificate: x509: malformed certificate".to_owned())?;
    Key::parse(key.expose()).map_err(|problem| format!("parsing private key: {problem}"))?;
    Ok(pair(letters(certificate.expose()), letters(key.expose())))
}

/// The key at that place of the arguments, or a new RSA key.
fn given_or_new(run: &mut Run<'_>, args: Args<'_>, place: usize) -> Result<Key, String> {
    if args.0.len() > place {
        return Key::parse(args.text(place)).map_err(|problem| format!("parsing private key: {problem}"));
    }
    run.fuel.burn(cost::RSA_KEY)?;
    Key::rsa(2048).map_err(|error| format!("error generating rsa key: {error}"))
}

fn signer(key: &Key) -> Result<KeyPair, String> {
    KeyPair::try_from(&PrivatePkcs8KeyDer::from(key.der())).map_err(failed)
}

fn params(run: &mut Run<'_>, name: &str, days: i64) -> Result<CertificateParams, String> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    let start = run.now.as_second();
    let end = days.checked_mul(SECONDS_A_DAY).and_then(|seconds| start.checked_add(seconds));
    let too_long = "error creating certificate: the validity is beyond the calendar";
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let moment = |seconds: i64| {
        // Beyond the year 9999 neither the calendar of certificates nor that of the library goes on.
        let since = std::time::Duration::from_secs(seconds.unsigned_abs());
        Timestamp::from_second(seconds).ok().map(|_| if seconds < 0 { epoch - since } else { epoch + since })
    };
    (params.not_before, params.not_after) = (moment(start).ok_or(too_long)?, end.and_then(moment).ok_or(too_long)?);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let mut serial = [0; 16];
    run.rng.fill_bytes(&mut serial);
    // A serial number is positive.
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

fn named_params(run: &mut Run<'_>, args: Args<'_>) -> Result<CertificateParams, String> {
    let mut params = params(run, &letters(args.text(0)), args.int(3))?;
    let (addresses, names) = (addresses(args.list(1))?, names(args.list(2))?);
    // Not `ExplicitNoCa`, which adds a key identifier that the peer's certificates do not have.
    let mut no_authority = CustomExtension::from_oid_content(&[2, 5, 29, 19], EMPTY_SEQUENCE.to_vec());
    no_authority.set_criticality(true);
    params.custom_extensions.push(no_authority);
    params.subject_alt_names = names.into_iter().chain(addresses).collect();
    Ok(params)
}

fn names(list: &List) -> Result<Vec<SanType>, String> {
    let name = |value: &Value| match value {
        Value::Text(text) => letters(text.bytes()).try_into().map(SanType::DnsName).map_err(failed),
        other => {
            Err(format!("error processing alternate dns name: a value of type {} is not a string", other.type_name()))
        }
    };
    list.items().iter().map(name).collect()
}

fn addresses(list: &List) -> Result<Vec<SanType>, String> {
    let address = |value: &Value| match value {
        Value::Text(text) => {
            let address = letters(text.bytes()).parse::<IpAddr>();
            address.map(SanType::IpAddress).map_err(|_| "error parsing ip: the text is no address".to_owned())
        }
        other => Err(format!("error parsing ip: a value of type {} is not a string", other.type_name())),
    };
    list.items().iter().map(address).collect()
}

fn finished(run: &mut Run<'_>, certificate: &Certificate, key: &Key) -> Outcome {
    run.fuel.burn(cost::SIGNATURE)?;
    Ok(pair(pem::written("CERTIFICATE", certificate.der()), key.to_pem()?))
}
