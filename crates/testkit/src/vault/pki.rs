//! A PKI engine: a root CA made at the start, and leaf certificates that are real.
//! Specification: VSO §7.5, §17.3.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, SerialNumber};
use serde_json::{Value, json};

use super::ask::Ask;
use super::envelope;
use super::terms::{after, seconds_of, spelt};
use crate::http::Answer;

const NO_NAME: &str = "the common_name field is required, or must be provided in a CSR with \"use_csr_common_name\" set to true, \
     unless \"require_cn\" is set to false";
const NO_TIME: &str = "parsing time \"\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"2006\"";

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

    /// Serial numbers of revoked certificates.
    pub fn revoked(&self) -> impl Iterator<Item = String> {
        self.revoked.keys().cloned()
    }
}

pub fn answer(authority: &mut Authority, ask: &Ask<'_>, path: &str, (serial, now): (u64, Timestamp)) -> Answer {
    let steps: Vec<&str> = path.split('/').collect();
    match (ask.method(), steps.as_slice()) {
        ("PUT", ["issue", role] | ["issuer", "default", "issue", role]) => issue(authority, ask, role, (serial, now)),
        ("PUT", ["issuer", other, "issue", _]) => {
            envelope::error(500, &format!("unable to find PKI issuer for reference: {other}"))
        }
        ("PUT", ["revoke"]) => revoke(authority, ask, (serial, now)),
        ("GET", ["cert", "ca"]) => envelope::data(serial, json!({ "certificate": authority.certificate })),
        _ => envelope::unsupported_path(),
    }
}

fn issue(authority: &mut Authority, ask: &Ask<'_>, role: &str, (serial, now): (u64, Timestamp)) -> Answer {
    let Some((domain, longest)) = authority.roles.get(role) else {
        return envelope::error(400, &format!("unknown role: {role}"));
    };
    let params = match subject(ask, domain) {
        Ok(params) => params,
        Err(answer) => return answer,
    };
    let wanted = seconds_of(&ask.body["ttl"]).filter(|seconds| *seconds > 0).unwrap_or(*longest);
    let (wish, most) = (spelt(wanted), spelt(*longest));
    let warning = format!("TTL {wish:?} is longer than permitted maxTTL {most:?}, so maxTTL is being used");
    let warnings = if wanted > *longest { json!([warning]) } else { Value::Null };
    let ends = after(now, wanted.min(*longest));
    match sign(authority, params, serial, (now, ends)) {
        Ok(mut data) => {
            if ask.body["remove_roots_from_chain"] != true {
                data["ca_chain"] = json!([authority.certificate.trim_end()]);
            }
            let mut whole = envelope::whole(serial, data, Value::Null);
            whole["warnings"] = warnings;
            Answer::json(200, &whole)
        }
        Err(error) => envelope::error(400, &error.to_string()),
    }
}

fn sign(
    authority: &mut Authority,
    mut params: CertificateParams,
    serial: u64,
    (now, ends): (Timestamp, Timestamp),
) -> Result<Value, rcgen::Error> {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let at = |moment: Timestamp| epoch + Duration::from_secs(u64::try_from(moment.as_second()).unwrap_or(0));
    (params.not_before, params.not_after) = (at(now), at(ends));
    let number = serial_bytes(serial);
    params.serial_number = Some(SerialNumber::from_slice(&number));
    let key = KeyPair::generate()?;
    let made = params.signed_by(&key, &authority.issuer)?;
    let text = number.map(|byte| format!("{byte:02x}")).join(":");
    authority.issued.insert(text.clone());
    Ok(json!({
        "certificate": made.pem().trim_end(), "issuing_ca": authority.certificate.trim_end(),
        "private_key": key.serialize_pem().trim_end(), "private_key_type": "ec", "serial_number": text,
        "expiration": ends.as_second(), "not_before": now.as_second(),
    }))
}

/// Whom the certificate shall name, if the role allows it.
fn subject(ask: &Ask<'_>, domain: &str) -> Result<CertificateParams, Answer> {
    let split = |key: &str| -> Vec<String> {
        ask.text(key).split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
    };
    let common = ask.text("common_name");
    if common.is_empty() {
        return Err(envelope::error(400, NO_NAME));
    }
    if ask.body.get("not_after").is_some_and(|given| given == "") {
        return Err(envelope::error(400, NO_TIME));
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

fn revoke(authority: &mut Authority, ask: &Ask<'_>, (serial, now): (u64, Timestamp)) -> Answer {
    let number = ask.text("serial_number").replace('-', ":").to_lowercase();
    if !authority.issued.contains(&number) {
        return envelope::error(400, &format!("certificate with serial {number} not found."));
    }
    let at = *authority.revoked.entry(number).or_insert(now);
    let told = json!({
        "revocation_time": at.as_second(), "revocation_time_rfc3339": at.to_string(), "state": "revoked",
    });
    envelope::data(serial, told)
}

/// A positive number of eight bytes that differs from issue to issue.
fn serial_bytes(serial: u64) -> [u8; 8] {
    let mixed = serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 2;
    (mixed | 1 << 62).to_be_bytes()
}
