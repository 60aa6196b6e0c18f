//! Whom we trust and as whom we appear: CA bundles, client certificates, the name to verify, and the flags by which a peer lets
//! users switch verification off. A [`Tls`] is checked when it is made, so opening a connection cannot fail on it later.
//!
//! A given bundle replaces the system's roots, as the peers do it. TLS is 1.2 or newer, always (ESO §16).
//! Specification: VSO §4.1, VALS §10.1, ESO §10.5 (`caBundle`, `tls`), design §1 (rustls with aws-lc-rs).

use base::encoding::Base64;
use base::{Fault, SecretBytes};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use sha2::{Digest as _, Sha256};

/// Makes aws-lc-rs the process' crypto library for TLS. `main` calls it once; every later call does nothing.
pub fn install() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread was faster, with the only provider there is in this build.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
}

/// Whom we trust and as whom we appear. The default is the system's roots and nobody.
#[derive(Clone, Default)]
pub struct Tls {
    authorities: Option<Vec<CertificateDer<'static>>>,
    identity: Option<SecretBytes>,
    server_name: Option<String>,
    unverified: bool,
}

impl Tls {
    /// Trusts the authorities of this bundle instead of the system's: PEM, or base64 of PEM as CRDs carry it.
    /// As in Go, blocks that are no certificates are skipped, as long as one is left.
    ///
    /// # Errors
    /// No certificate is left.
    pub fn with_authorities(mut self, bundle: &[u8]) -> Result<Self, Fault> {
        let unwrapped = Base64::Standard.decode(bundle.trim_ascii());
        let pem = unwrapped.as_ref().map_or(bundle, SecretBytes::expose);
        let mut roots = rustls::RootCertStore::empty();
        let authorities: Vec<_> = CertificateDer::pem_slice_iter(pem)
            .filter_map(Result::ok)
            .filter(|certificate| roots.add(certificate.clone()).is_ok())
            .collect();
        if authorities.is_empty() {
            return Err(Fault::wrong("no valid certificates found in CA cert data")
                .hint("give the bundle as PEM, with BEGIN CERTIFICATE lines"));
        }
        self.authorities = Some(authorities);
        Ok(self)
    }

    /// Appears with this certificate (chain) and key, both PEM.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn with_identity(mut self, certificate: &[u8], key: &SecretBytes) -> Result<Self, Fault> {
        let mut pem = Vec::with_capacity(certificate.len() + key.len() + 1);
        pem.extend_from_slice(certificate);
        pem.push(b'\n');
        pem.extend_from_slice(key.expose());
        let pem = SecretBytes::new(pem);
        // The cause is left out: it could quote what it could not read.
        reqwest::Identity::from_pem(pem.expose())
            .map_err(|_| Fault::wrong("cannot read the client certificate and its key as PEM"))?;
        self.identity = Some(pem);
        Ok(self)
    }

    /// Asks for this name (SNI) and verifies the certificate against it, whatever the address says.
    #[must_use]
    pub fn with_server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into()).filter(|name| !name.is_empty());
        self
    }

    /// Does not verify the other side: only where a peer has such a flag and the user set it.
    #[must_use]
    pub fn unverified(mut self) -> Self {
        self.unverified = true;
        self
    }

    /// The name to verify instead of the address' own.
    #[must_use]
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Whether the authorities are given, so that the system's do not count.
    #[must_use]
    pub fn has_authorities(&self) -> bool {
        self.authorities.is_some()
    }

    /// What equal settings have in common: connections are pooled by it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        let mut part = |bytes: &[u8]| {
            digest.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(bytes);
        };
        part(&[u8::from(self.unverified), u8::from(self.has_authorities())]);
        part(self.server_name().unwrap_or_default().as_bytes());
        part(self.identity.as_ref().map_or(&[], SecretBytes::expose));
        for authority in self.authorities.iter().flatten() {
            part(authority);
        }
        digest.finalize().into()
    }

    pub(crate) fn apply(&self, builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Fault> {
        let unusable = |error: reqwest::Error| Fault::wrong("cannot use the TLS settings").because(error.without_url());
        let oldest = reqwest::tls::Version::TLS_1_2;
        let mut builder = builder.tls_version_min(oldest).tls_danger_accept_invalid_certs(self.unverified);
        if let Some(authorities) = &self.authorities {
            let certificates: Result<Vec<_>, _> =
                authorities.iter().map(|der| reqwest::Certificate::from_der(der)).collect();
            builder = builder.tls_certs_only(certificates.map_err(unusable)?);
        }
        if let Some(pem) = &self.identity {
            builder = builder.identity(reqwest::Identity::from_pem(pem.expose()).map_err(unusable)?);
        }
        Ok(builder)
    }
}

#[cfg(test)]
mod tests;
