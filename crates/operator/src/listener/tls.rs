//! TLS for a listener: a certificate from two files that somebody else may replace at any time (a mounted Secret), or one of our
//! own making for whom it is enough that the wire is covered. Specification: ESO §12.1 (`--metrics-secure`), §12.2.

#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base::Fault;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take for the handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long files are taken for unchanged.
const FRESH: Duration = Duration::from_secs(10);

/// The oldest version that a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// As whom a listener appears.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// The certificate and the key of these files, whatever they hold at the time of a handshake.
    ///
    /// # Errors
    /// They cannot be read, or do not belong together.
    pub fn of_files(files: Files, minimum: Version) -> Result<Self, Fault> {
        Self::watching(files, minimum, FRESH)
    }

    fn watching(files: Files, minimum: Version, fresh: Duration) -> Result<Self, Fault> {
        let key = Arc::new(files.read()?);
        let held = Mutex::new(Held { key, read: Instant::now() });
        Ok(Self::with(Arc::new(Watched { files, fresh, held }), minimum))
    }

    /// A certificate that nobody can verify.
    ///
    /// # Errors
    /// The crypto library cannot make one, which would be a bug.
    pub fn unverifiable() -> Result<Self, Fault> {
        let failed = |error: &dyn std::fmt::Display| Fault::bug("cannot make a certificate").because(error.to_string());
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(|error| failed(&error))?;
        let key = PrivateKeyDer::from(made.signing_key);
        let chain = vec![made.cert.der().clone()];
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(|error| failed(&error))?;
        Ok(Self::with(Arc::new(rustls::sign::SingleCertAndKey::from(key)), Version::Tls12))
    }

    fn with(certificates: Arc<dyn ResolvesServerCert>, minimum: Version) -> Self {
        wire::tls::install();
        let all = [&rustls::version::TLS13, &rustls::version::TLS12];
        let versions = match minimum {
            Version::Tls12 => &all[..],
            Version::Tls13 => &all[..1],
        };
        let builder = ServerConfig::builder_with_protocol_versions(versions);
        let mut config = builder.with_no_client_auth().with_cert_resolver(certificates);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(TlsAcceptor::from(Arc::new(config)))
    }

    /// Greets a client.
    pub(super) fn shake_hands(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = io::Result<TlsStream<TcpStream>>> + use<> {
        let greeting = greet(self.0.clone(), stream);
        async move { tokio::time::timeout(HANDSHAKE, greeting).await? }
    }
}

/// Go's own words for whoever speaks plain HTTP here.
const PLAIN: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

async fn greet(acceptor: TlsAcceptor, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    // A method begins with a letter, a TLS record does not.
    if !first[0].is_ascii_uppercase() {
        return acceptor.accept(stream).await;
    }
    // What was not read at the close would take our answer with it.
    let _ = stream.read(&mut [0; 8192]).await?;
    stream.write_all(PLAIN).await?;
    stream.shutdown().await?;
    Err(io::Error::new(io::ErrorKind::InvalidData, "the client speaks plain HTTP"))
}

/// Where a certificate and its key lie.
#[derive(Clone, Debug)]
pub struct Files {
    /// The certificate, and those that lead to its authority.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

impl Files {
    fn read(&self) -> Result<CertifiedKey, Fault> {
        let failed = || format!("cannot use the certificate `{}`", self.certificate.display());
        let chain = CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| Fault::wrong(failed()).because(error))?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| {
            Fault::wrong(failed()).because(format!("cannot read its key `{}`: {error}", self.key.display()))
        })?;
        if chain.is_empty() {
            return Err(Fault::wrong(failed()).because("the file holds no certificate"));
        }
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        key.map_err(|error| Fault::wrong(failed()).because(error))
    }
}

/// Files that are read again when they may have changed.
struct Watched {
    files: Files,
    /// How long they are taken for unchanged.
    fresh: Duration,
    held: Mutex<Held>,
}

struct Held {
    key: Arc<CertifiedKey>,
    read: Instant,
}

// What it holds is a private key.
impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.files.fmt(f)
    }
}

impl ResolvesServerCert for Watched {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.read.elapsed() >= self.fresh {
            held.read = Instant::now();
            match self.files.read() {
                Ok(key) => held.key = Arc::new(key),
                // Half replaced, or gone: what was good goes on.
                Err(fault) => tracing::warn!(error = fault.chain(), "the certificate was not read again"),
            }
        }
        Some(Arc::clone(&held.key))
    }
}
