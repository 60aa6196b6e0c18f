//! External Secrets' functions over certificates and keys that are there already: blocks by kind, parts of a chain, names, JWKs.
//! Not here: what makes keys and certificates, or opens PKCS#12 files (`crypto`). Specification: ESO §8.4, §8.5.

mod jwk;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Type::Text;
use super::{Args, Function, Outcome, Run, chain, letters, pem, row};
use crate::value::{List, Value};

pub const EXTERNAL_SECRETS: &[Function] = &[
    row("filterPEM", &[Text, Text], filter_pem),
    row("filterCertChain", &[Text, Text], filter_chain),
    row("certSANs", &[Text], names),
    row("jwkPublicKeyPem", &[Text], |run, args| {
        let text = jwk::public(args.text(0))?;
        run.text(text)
    }),
    row("jwkPrivateKeyPem", &[Text], |run, args| {
        let text = jwk::private(args.text(0))?;
        run.text(text)
    }),
];

/// The blocks of one kind, in either case; text around them does not count, but a text without a block is an error.
fn filter_pem(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let kind = letters(args.text(0));
    let mut blocks = pem::blocks(args.text(1));
    let mut out = String::new();
    for block in blocks.by_ref().filter(|block| block.tag().eq_ignore_ascii_case(&kind)) {
        out.push_str(&pem::encoded(&block));
    }
    if out.is_empty() && !blocks.rest().is_empty() {
        return Err("error filtering pem: found junk".to_owned());
    }
    run.text(out)
}

fn filter_chain(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let mut certificates = Vec::new();
    let mut blocks = pem::blocks(args.text(1));
    for block in blocks.by_ref() {
        if block.tag() != "CERTIFICATE" {
            return Err(format!("failed to parse certificate: the block is of type {}", block.tag()));
        }
        certificates.push(block.into_contents());
    }
    let ordered = chain::ordered(&certificates)?;
    let part = chain::part(&ordered, args.text(0));
    run.text(part.iter().map(|der| pem::written("CERTIFICATE", der)).collect::<String>())
}

/// The names of the first certificate: DNS, addresses, mail, URIs.
fn names(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let block = pem::blocks(args.text(0)).next().ok_or("failed to decode PEM block")?;
    let parsed = X509Certificate::from_der(block.contents());
    let (_, certificate) = parsed.map_err(|_| "failed to parse certificate: x509: malformed certificate".to_owned())?;
    let extension = certificate.subject_alternative_name();
    let extension = extension.map_err(|_| "failed to parse certificate: x509: malformed names".to_owned())?;
    let mut groups: [Vec<String>; 4] = Default::default();
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(name) => groups[0].push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => groups[1].extend(address(bytes)),
            GeneralName::RFC822Name(name) => groups[2].push((*name).to_owned()),
            GeneralName::URI(name) => groups[3].push((*name).to_owned()),
            _ => {}
        }
    }
    let names: Vec<String> = groups.concat();
    run.room(names.len())?;
    Ok(Value::List(List::texts(names)))
}

fn address(bytes: &[u8]) -> Option<String> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|bytes| core::net::Ipv4Addr::from(bytes).to_string()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|bytes| core::net::Ipv6Addr::from(bytes).to_string()),
        _ => None,
    }
}
