//! PKCS#12 files read and written. Old ciphers are read; written is what Go's go-pkcs12 calls modern: PBES2 with PBKDF2 and AES-256-CBC,
//! HMAC-SHA-256 over all, in base64. Specification: ESO §7.5, §8.4.

use base::encoding::Base64;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, Pkcs12Archive, PrivateKey, PrivateKeyChain};
use sha1::Digest as _;

use super::cost;
use super::key::{Key, invalid};
use crate::functions::chain;
use crate::functions::{Args, Outcome, Run, pem};

/// As many as go-pkcs12's modern profile has.
const ITERATIONS: u32 = 2048;

fn archive(run: &mut Run<'_>, password: &str, file: &[u8]) -> Result<Pkcs12Archive, String> {
    run.fuel.burn(cost::PKCS12)?;
    run.fuel.make(file.len())?;
    Pkcs12Archive::from_pkcs12(file, password).map_err(|error| error.to_string())
}

/// The private key of a file, as PKCS#8 in PEM.
pub fn key(run: &mut Run<'_>, password: &str, file: &[u8]) -> Outcome {
    let failed = |why: &str| format!("unable to decode pkcs12 with password: {why}");
    let archive = archive(run, password, file).map_err(|error| failed(&error))?;
    let bag = archive.keys.first().ok_or_else(|| failed("the file holds no private key"))?;
    run.text(pem::written("PRIVATE KEY", bag.key.as_der()))
}

/// The certificates of a file from leaf to root, in PEM; in the file's order where they are no chain.
pub fn certificates(run: &mut Run<'_>, password: &str, file: &[u8]) -> Outcome {
    let failed = |why: &str| format!("unable to decode pkcs12 certificate with password: {why}");
    let archive = archive(run, password, file).map_err(|error| failed(&error))?;
    let found: Vec<Vec<u8>> = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect();
    if found.is_empty() {
        return Err(failed("the file holds no certificate"));
    }
    let ordered = chain::ordered(&found).unwrap_or(found);
    run.text(ordered.iter().map(|der| pem::written("CERTIFICATE", der)).collect::<String>())
}

/// A file with a key and its certificate, and with the certificates of authorities where that is wished.
pub fn written(run: &mut Run<'_>, args: Args<'_>, password: &str, is_full: bool) -> Outcome {
    let mut certificates = read_certificates(args.text(0))?;
    if !is_full {
        certificates.truncate(1);
    }
    if certificates.is_empty() {
        return Err("failed to decode PEM block".to_owned());
    }
    let key = Key::parse(args.text(1)).map_err(|problem| match problem {
        invalid::NO_PEM => "failed to decode PEM block".to_owned(),
        problem => problem.to_owned(),
    })?;
    let key = PrivateKey::from_der(key.der()).map_err(|error| error.to_string())?;
    // Which certificate is the key's: its digest, as everybody does.
    let id = sha1::Sha1::digest(certificates[0].as_der()).to_vec();
    let mut store = KeyStore::new();
    // Java calls an entry without a name "1", and the peer writes none.
    store.add_entry("1", KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new(id, key, certificates)));
    encoded(run, &store, password)
}

/// A file with certificates that Java trusts.
pub fn trust_store(run: &mut Run<'_>, args: Args<'_>, password: &str) -> Outcome {
    let certificates = read_certificates(args.text(0))?;
    if certificates.is_empty() {
        return Err("failed to decode PEM block".to_owned());
    }
    let mut store = KeyStore::new();
    for certificate in certificates {
        let name = certificate.subject().to_owned();
        let taken = store.entries().filter(|(alias, _)| alias.split('#').next() == Some(name.as_str())).count();
        let alias = if taken == 0 { name } else { format!("{name}#{}", taken + 1) };
        store.add_entry(&alias, KeyStoreEntry::Certificate(certificate));
    }
    encoded(run, &store, password)
}

fn read_certificates(text: &[u8]) -> Result<Vec<Certificate>, String> {
    let read = |block: ::pem::Pem| {
        Certificate::from_der(block.contents())
            .map_err(|_| "failed to parse certificate: x509: malformed certificate".to_owned())
    };
    pem::blocks(text).filter(|block| block.tag() == "CERTIFICATE").map(read).collect()
}

fn encoded(run: &mut Run<'_>, store: &KeyStore, password: &str) -> Outcome {
    run.fuel.burn(cost::PKCS12)?;
    let writer = store.writer(password).encryption_iterations(ITERATIONS).mac_iterations(ITERATIONS);
    let file = writer.write().map_err(|error| error.to_string())?;
    run.text(Base64::Standard.encode(&file))
}
