//! HTTPS as its clients see it: files that are replaced, half replaced and gone; clients that say nothing, or speak plain HTTP.

use std::net::SocketAddr;

use http::StatusCode;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::*;
use crate::listener::{Listener, Routes, text};

/// A certificate and its key, in PEM.
struct Issued {
    certificate: String,
    key: String,
}

fn issued() -> Issued {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    Issued { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() }
}

fn written(folder: &std::path::Path, certificate: &str, key: &str) -> Files {
    let files = Files { certificate: folder.join("tls.crt"), key: folder.join("tls.key") };
    std::fs::write(&files.certificate, certificate).expect("a file of the test's own folder");
    std::fs::write(&files.key, key).expect("a file of the test's own folder");
    files
}

async fn served(tls: Tls) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.address().expect("a bound socket");
    let routes = Routes::default().with("/hello", |_| async { text(StatusCode::OK, "hello") });
    tokio::spawn(listener.secured(Some(tls)).serve(routes, std::future::pending()));
    address
}

/// What a client gets that trusts this certificate only, or why it gets nothing.
async fn hello(at: SocketAddr, trusted: &Issued) -> Result<String, String> {
    hello_over(at, trusted, &[&rustls::version::TLS13, &rustls::version::TLS12]).await
}

async fn hello_over(
    at: SocketAddr,
    trusted: &Issued,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(trusted.certificate.as_bytes()).expect("a certificate of ours");
    roots.add(root).expect("a certificate of ours");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(versions).expect("known versions");
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    let stream = TcpStream::connect(at).await.expect("it listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let mut stream = shaken.map_err(|error| error.to_string())?;
    let asked = stream.write_all(b"GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    asked.map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(|error| error.to_string())?;
    Ok(answer.rsplit("\r\n\r\n").next().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn the_certificate_is_the_one_that_lies_in_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (issued(), issued());
    let files = written(folder.path(), &one.certificate, &one.key);
    let tls = Tls::watching(files, Version::Tls12, Duration::ZERO).expect("good files");
    let at = served(tls).await;
    assert_eq!(hello(at, &one).await.as_deref(), Ok("hello"));
    assert!(hello(at, &other).await.is_err(), "a client that trusts another certificate");
    written(folder.path(), &other.certificate, &other.key);
    assert_eq!(hello(at, &other).await.as_deref(), Ok("hello"), "replaced files are read again");
    assert!(hello(at, &one).await.is_err(), "the old certificate is not shown any more");
    for (certificate, key) in
        [(&one.certificate, &other.key), (&String::new(), &one.key), (&one.certificate, &String::new())]
    {
        written(folder.path(), certificate, key);
        assert_eq!(hello(at, &other).await.as_deref(), Ok("hello"), "half replaced files change nothing");
    }
    folder.close().expect("the test's own folder");
    assert_eq!(hello(at, &other).await.as_deref(), Ok("hello"), "nor do files that are gone");
}

#[tokio::test]
async fn a_second_does_not_read_the_files_of_the_first_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (issued(), issued());
    let files = written(folder.path(), &one.certificate, &one.key);
    let at = served(Tls::watching(files, Version::Tls12, Duration::MAX).expect("good files")).await;
    written(folder.path(), &other.certificate, &other.key);
    assert_eq!(hello(at, &one).await.as_deref(), Ok("hello"));
}

#[tokio::test]
async fn clients_that_say_nothing_hold_nobody_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = issued();
    let files = written(folder.path(), &one.certificate, &one.key);
    let at = served(Tls::of_files(files, Version::Tls12).expect("good files")).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(at).await.expect("it listens"));
    }
    assert_eq!(hello(at, &one).await.as_deref(), Ok("hello"));
}

#[tokio::test]
async fn plain_http_and_noise_end_and_the_next_client_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = issued();
    let files = written(folder.path(), &one.certificate, &one.key);
    let at = served(Tls::of_files(files, Version::Tls12).expect("good files")).await;
    for (sent, told) in [
        (&b"GET /hello HTTP/1.1\r\nhost: x\r\n\r\n"[..], Some("Client sent an HTTP request to an HTTPS server.\n")),
        (b"\x00\x01\x02 noise that is no handshake", None),
        (b"\x16\x03\x01\xff\xff and no more than that", None),
    ] {
        let mut stream = TcpStream::connect(at).await.expect("it listens");
        stream.write_all(sent).await.expect("it reads");
        stream.shutdown().await.expect("it reads");
        let mut answer = Vec::new();
        // Whether it says goodbye or hangs up is its own affair.
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        if let Some(told) = told {
            assert!(answer.starts_with("HTTP/1.0 400 ") && answer.ends_with(told), "{answer}");
        }
    }
    assert_eq!(hello(at, &one).await.as_deref(), Ok("hello"));
}

#[tokio::test]
async fn what_is_older_than_the_minimum_is_not_spoken() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = issued();
    let files = written(folder.path(), &one.certificate, &one.key);
    let old: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
    for (minimum, is_spoken) in [(Version::Tls12, true), (Version::Tls13, false)] {
        let at = served(Tls::of_files(files.clone(), minimum).expect("good files")).await;
        assert_eq!(hello_over(at, &one, old).await.is_ok(), is_spoken, "{minimum:?}");
        assert_eq!(hello(at, &one).await.as_deref(), Ok("hello"), "{minimum:?}");
    }
}

#[test]
fn files_that_cannot_be_used_are_told_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (one, other) = (issued(), issued());
    for (certificate, key, told) in [
        ("", one.key.as_str(), "the file holds no certificate"),
        (one.certificate.as_str(), "", "cannot read its key"),
        (one.certificate.as_str(), other.key.as_str(), "cannot use the certificate"),
        ("no PEM", "no PEM", "cannot use the certificate"),
    ] {
        let files = written(folder.path(), certificate, key);
        let fault = Tls::of_files(files, Version::Tls12).err().expect("it cannot be used").chain();
        assert!(fault.starts_with("cannot use the certificate `") && fault.contains(told), "{fault}");
        assert!(!fault.contains("PRIVATE KEY"), "{fault}");
    }
    let gone = Files { certificate: folder.path().join("gone.crt"), key: folder.path().join("gone.key") };
    assert!(Tls::of_files(gone, Version::Tls12).is_err());
}
