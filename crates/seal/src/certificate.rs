//! The certificate of a sealing key: it carries the public half and says until when people may seal with it.
//! Made self-signed with an empty name by default, so a reader that insists on issuers cannot be used.
//! This file draws its own randomness, because the library does when it generates keys.
//! Specification: SS §5.7, §9.5 "Parsing", §10.2, §10.4.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use base::duration::GoDuration;
use base::{Fault, SecretBytes, Timestamp};
use rand_core::CryptoRng;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    SerialNumber,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::block;
use crate::{PrivateKey, PublicKey};

/// The certificate of a sealing key, read.
#[derive(Clone)]
pub struct Certificate {
    pem: String,
    key: PublicKey,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// A key pair that was just made, with its certificate.
pub struct NewKey {
    /// The half that opens.
    pub private: PrivateKey,
    /// The certificate with the half that seals.
    pub certificate: Certificate,
}

/// What a new key pair shall be like.
pub struct Wanted<'a> {
    /// The size of the key: 2048, 3072, 4096 or 8192 bits.
    pub bits: u32,
    /// The common name of subject and issuer; empty for an empty name.
    pub common_name: &'a str,
    /// How long people may seal with it.
    pub valid_for: GoDuration,
}

impl Certificate {
    /// Reads the first certificate of a PEM text. Blocks with headers and blocks of other kinds are skipped.
    ///
    /// # Errors
    /// The peer's texts: `data does not contain any valid RSA or ECDSA certificates`, `expected RSA public key but
    /// found …`; a fault where the key has an unsupported size.
    pub fn parse(text: &[u8]) -> Result<Self, Fault> {
        let block = block::blocks(text)
            .find(|block| block.tag() == "CERTIFICATE" && block.headers().iter().next().is_none())
            .ok_or_else(|| Fault::wrong("data does not contain any valid RSA or ECDSA certificates"))?;
        let (_, read) = X509Certificate::from_der(block.contents())
            .map_err(|cause| Fault::wrong("cannot read the certificate").because(cause))?;
        let info = read.public_key();
        match info.algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.1" => {}
            "1.2.840.10045.2.1" => return Err(unexpected("*ecdsa.PublicKey")),
            "1.3.101.112" => return Err(unexpected("ed25519.PublicKey")),
            other => return Err(unexpected(&format!("a key of the algorithm {other}"))),
        }
        let moment = |seconds: i64| {
            Timestamp::from_second(seconds)
                .map_err(|cause| Fault::wrong("cannot read the validity of the certificate").because(cause))
        };
        Ok(Self {
            pem: block::write("CERTIFICATE", block.contents()),
            key: PublicKey::from_der(info.raw)?,
            not_before: moment(read.validity().not_before.timestamp())?,
            not_after: moment(read.validity().not_after.timestamp())?,
        })
    }

    /// The half that seals, unless the certificate has expired. Its first day is not checked, as the peer does.
    ///
    /// # Errors
    /// `failed to encrypt using an expired certificate on February 3, 2021`.
    pub fn sealing_key(&self, now: Timestamp) -> Result<&PublicKey, Fault> {
        if now > self.not_after {
            let day = self.not_after.strftime("%B %-d, %Y");
            return Err(Fault::wrong(format!("failed to encrypt using an expired certificate on {day}"))
                .hint("fetch the controller's present certificate with --fetch-cert"));
        }
        Ok(&self.key)
    }

    /// The half that seals, whether or not people may still use it.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The certificate alone as PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// From when the certificate is valid: by default keys are ordered by it.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when people may seal with it.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// A certificate that nobody signed, where only its key matters.
    #[cfg(test)]
    pub(crate) fn for_tests(key: PublicKey) -> Self {
        Self { pem: String::new(), key, not_before: Timestamp::MIN, not_after: Timestamp::MAX }
    }
}

impl Wanted<'_> {
    /// Makes a key pair and its self-signed certificate, valid from `now`. Takes seconds at 4096 bits.
    ///
    /// # Errors
    /// A fault where the size is not supported, or the validity reaches beyond the calendar.
    pub fn generate(&self, now: Timestamp, rng: &mut impl CryptoRng) -> Result<NewKey, Fault> {
        let size = match self.bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            8192 => KeySize::Rsa8192,
            other => {
                return Err(Fault::wrong(format!("cannot make a sealing key of {other} bits"))
                    .hint("use 2048, 3072, 4096 or 8192"));
            }
        };
        let failed = || Fault::bug("cannot make a sealing key");
        let key = PrivateDecryptingKey::generate(size).map_err(|_| failed())?;
        let der = key.as_der().map_err(|_| failed())?;
        let private = PrivateKey::from_pkcs8(der.as_ref())?;
        let certificate = self.certify(&private, now, rng)?;
        Ok(NewKey { private, certificate })
    }

    /// The self-signed certificate of an existing key.
    ///
    /// # Errors
    /// A fault where the validity reaches beyond the calendar.
    pub fn certify(
        &self,
        private: &PrivateKey,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<Certificate, Fault> {
        let beyond = || Fault::wrong(format!("cannot make a certificate that is valid for {}", self.valid_for));
        let start = now.as_second();
        let end = start.checked_add(self.valid_for.nanoseconds() / 1_000_000_000).ok_or_else(beyond)?;

        let mut serial = [0; 16];
        rng.fill_bytes(&mut serial);
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        params.distinguished_name = DistinguishedName::new();
        if !self.common_name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, self.common_name);
        }
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::EncipherOnly];
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let moment = |seconds: i64| {
            let since = std::time::Duration::from_secs(u64::try_from(seconds).map_err(|_| beyond())?);
            // Beyond the year 9999 neither the calendar of certificates nor that of the library goes on.
            Timestamp::from_second(seconds).map_err(|_| beyond()).map(|_| epoch + since)
        };
        (params.not_before, params.not_after) = (moment(start)?, moment(end)?);

        let failed = |cause: rcgen::Error| Fault::bug("cannot make the certificate of a sealing key").because(cause);
        let pkcs8: SecretBytes = private.to_pkcs8();
        let signer = KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.expose().into(), &PKCS_RSA_SHA256).map_err(failed)?;
        let signed = params.self_signed(&signer).map_err(failed)?;
        Certificate::parse(block::write("CERTIFICATE", signed.der()).as_bytes())
    }
}

fn unexpected(kind: &str) -> Fault {
    Fault::wrong(format!("expected RSA public key but found {kind}"))
}

#[cfg(test)]
mod tests;
