//! A PKI engine: a root CA made at the start, and leaf certificates that are real.
//! Specification: VSO §7.5, §17.3.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, SerialNumber};
use serde_json::{Value, json};

use super::database::Issued;
use super::engine::Engine;
use super::envelope;
use super::state::{Ask, State, after, seconds_of};
use crate::http::Answer;

/// A root CA, its roles and what it issued.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    roles: BTreeMap<String, (String, i64)>,
    issued: BTreeSet<String>,
    revoked: BTreeMap<String, Timestamp>,
}

impl Authority {
    pub fn new(roles: &[(&str, &str, i64)]) -> Self {
        let key = KeyPair::generate().expect("a P-256 key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "testkit root");
        let certificate = params.self_signed(&key).expect("a root certificate").pem();
        let named =
            |(name, domain, seconds): &(&str, &str, i64)| ((*name).to_owned(), ((*domain).to_owned(), *seconds));
        Self {
            issuer: Issuer::new(params, key),
            certificate,
            roles: roles.iter().map(named).collect(),
            issued: BTreeSet::new(),
            revoked: BTreeMap::new(),
        }
    }
}

pub fn answer(authority: &mut Authority, ask: &Ask<'_>, path: &str, (serial, now): (u64, Timestamp)) -> Issued {
    let steps: Vec<&str> = path.split('/').collect();
    let outcome = match (ask.method(), steps.as_slice()) {
        ("PUT", ["issue", role]) => issue(authority, ask, role, (serial, now)),
        ("PUT", ["issuer", "default", "issue", role]) => issue(authority, ask, role, (serial, now)),
        ("PUT", ["issuer", other, "issue", _]) => {
            Err(envelope::error(500, &format!("unable to find PKI issuer for reference: {other}")))
        }
        ("PUT", ["revoke"]) => revoke(authority, ask, now),
        ("GET", ["cert", "ca"]) => Ok(json!({ "certificate": authority.certificate })),
        _ => Err(envelope::unsupported_path()),
    };
    (outcome, None)
}

fn issue(
    authority: &mut Authority,
    ask: &Ask<'_>,
    role: &str,
    (serial, now): (u64, Timestamp),
) -> Result<Value, Answer> {
    let unknown = || envelope::error(400, &format!("unknown role: {role}"));
    let (domain, longest) = authority.roles.get(role).ok_or_else(unknown)?;
    let wrong = |error: rcgen::Error| envelope::error(400, &error.to_string());
    let mut params = subject(ask, domain)?;
    let seconds = seconds_of(&ask.body["ttl"]).filter(|seconds| *seconds > 0).unwrap_or(*longest).min(*longest);
    let ends = after(now, seconds);
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |moment: Timestamp| epoch + Duration::from_secs(u64::try_from(moment.as_second()).unwrap_or(0));
    (params.not_before, params.not_after) = (at(now), at(ends));
    let number = serial_bytes(serial);
    params.serial_number = Some(SerialNumber::from_slice(&number));
    let key = KeyPair::generate().expect("a P-256 key");
    let made = params.signed_by(&key, &authority.issuer).map_err(wrong)?;
    let text = number.map(|byte| format!("{byte:02x}")).join(":");
    authority.issued.insert(text.clone());
    let mut data = json!({
        "certificate": made.pem().trim_end(), "issuing_ca": authority.certificate.trim_end(),
        "private_key": key.serialize_pem().trim_end(), "private_key_type": "ec", "serial_number": text,
        "expiration": ends.as_second(), "not_before": now.as_second(),
    });
    if ask.body["remove_roots_from_chain"] != true {
        data["ca_chain"] = json!([authority.certificate.trim_end()]);
    }
    Ok(data)
}

/// Whom the certificate shall name, if the role allows it.
fn subject(ask: &Ask<'_>, domain: &str) -> Result<CertificateParams, Answer> {
    let split = |key: &str| -> Vec<String> {
        ask.text(key).split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    };
    let common = ask.text("common_name");
    if common.is_empty() {
        return Err(envelope::error(400, "the common_name field is required, or must be provided in a CSR"));
    }
    if ask.body.get("not_after").is_some_and(|given| given == "") {
        return Err(envelope::error(400, "could not parse not_after"));
    }
    let mut names = split("alt_names");
    if ask.body["exclude_cn_from_sans"] != true {
        names.insert(0, common.to_owned());
    }
    let is_below = |name: &str| name == domain || name.ends_with(&format!(".{domain}"));
    if let Some(foreign) = names.iter().map(String::as_str).chain([common]).find(|name| !is_below(name)) {
        return Err(envelope::error(400, &format!("common name {foreign} not allowed by this role")));
    }
    let mut params = CertificateParams::new(names).map_err(|error| envelope::error(400, &error.to_string()))?;
    for address in split("ip_sans") {
        let wrong = |_| envelope::error(400, &format!("the value {address:?} is not a valid IP address"));
        params.subject_alt_names.push(SanType::IpAddress(address.parse().map_err(wrong)?));
    }
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common);
    Ok(params)
}

fn revoke(authority: &mut Authority, ask: &Ask<'_>, now: Timestamp) -> Result<Value, Answer> {
    let serial = ask.text("serial_number").replace('-', ":").to_lowercase();
    if !authority.issued.contains(&serial) {
        return Err(envelope::error(400, &format!("certificate with serial {serial} not found.")));
    }
    let at = *authority.revoked.entry(serial).or_insert(now);
    Ok(json!({
        "revocation_time": at.as_second(), "revocation_time_rfc3339": at.to_string(), "state": "revoked",
    }))
}

/// A positive number of eight bytes that differs from issue to issue.
fn serial_bytes(serial: u64) -> [u8; 8] {
    let mixed = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2;
    (mixed | 1 << 62).to_be_bytes()
}

impl State {
    pub fn revoked_certificates(&self) -> Vec<String> {
        let engines = self.mounts.values();
        let authorities = engines.filter_map(|engine| match engine {
            Engine::Pki(authority) => Some(authority),
            _ => None,
        });
        authorities.flat_map(|authority| authority.revoked.keys().cloned()).collect()
    }
}
