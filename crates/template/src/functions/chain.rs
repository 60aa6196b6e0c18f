//! A chain of certificates put in order by key identifiers, and its parts. Signatures and validity are not looked at.
//! Specification: ESO §8.4, §8.5 (`filterCertChain`, `pkcs12cert`).

use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Who a certificate is, and who issued it, as far as identifiers say.
struct Identity {
    own: Option<Vec<u8>>,
    issuer: Option<Vec<u8>>,
}

impl Identity {
    fn of(der: &[u8]) -> Result<Self, String> {
        let parsed = X509Certificate::from_der(der);
        let (_, certificate) =
            parsed.map_err(|_| "failed to parse certificate: x509: malformed certificate".to_owned())?;
        let mut identity = Self { own: None, issuer: None };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectKeyIdentifier(id) => identity.own = Some(id.0.to_vec()),
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    identity.issuer = id.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                _ => {}
            }
        }
        Ok(identity)
    }

    /// Whether it stands at the end of a chain.
    fn is_root(&self) -> bool {
        self.issuer.is_none() || self.issuer == self.own
    }

    fn issued(&self, other: &Self) -> bool {
        !other.is_root() && self.own.is_some() && self.own == other.issuer
    }
}

/// The certificates from leaf to root.
///
/// # Errors
/// The peer's texts, where they are no single chain.
pub fn ordered(certificates: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, String> {
    let identities = certificates.iter().map(|der| Identity::of(der)).collect::<Result<Vec<_>, _>>()?;
    let is_issuer = |candidate: &Identity| identities.iter().any(|other| candidate.issued(other));
    let mut leaves = (0..identities.len()).filter(|index| !is_issuer(&identities[*index]));
    let Some(leaf) = leaves.next() else {
        return Err("no leaf certificate found".to_owned());
    };
    let mut order = vec![leaf];
    loop {
        let last = &identities[*order.last().expect("it starts with the leaf")];
        let issuer = (0..identities.len()).find(|index| identities[*index].issued(last) && !order.contains(index));
        match issuer {
            Some(index) => order.push(index),
            None => break,
        }
    }
    if leaves.next().is_some() || order.len() < certificates.len() {
        return Err("found multiple leaf or disjunct certificates".to_owned());
    }
    Ok(order.into_iter().map(|index| certificates[index].clone()).collect())
}

/// A part of an ordered chain: `leaf`, `intermediate` or `root`; nothing for another word, or where there is no such part.
/// A certificate alone is the leaf, and the root as well where it issued itself.
pub fn part<'c>(ordered: &'c [Vec<u8>], name: &[u8]) -> &'c [Vec<u8>] {
    let ends_with_root = ordered.last().and_then(|der| Identity::of(der).ok()).is_some_and(|last| last.is_root());
    let root = ordered.len() - usize::from(ends_with_root);
    match name {
        b"leaf" => &ordered[..ordered.len().min(1)],
        b"intermediate" => ordered.get(1..root).unwrap_or_default(),
        b"root" => &ordered[root..],
        _ => &[],
    }
}
