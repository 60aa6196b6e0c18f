//! VaultConnection: whether its settings can be used, and what is told about a server that was asked. A server that dies
//! later is noticed, since it is asked again every minute. Specification: VSO §4.1, §7.1.

use std::time::Duration;

use api::VaultConnection;
use api::meta::Filled as _;
use base::duration::GoDuration;
use base::{Fault, Timestamp};

use crate::conditions::{Condition, condition};
use crate::{Event, Finish, Next, horizon, synced};

/// Where the CA certificates lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorities {
    /// Those of the system (or of the process's variables).
    Default,
    /// Under `ca.crt` of this Secret of the connection's namespace.
    Secret(String),
    /// In this file of the pod.
    File(String),
}

/// A connection whose fields can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedConnection {
    /// The base URL.
    pub address: String,
    /// Headers of every request.
    pub headers: Vec<(String, String)>,
    /// The name to verify.
    pub server_name: Option<String>,
    /// Whom to trust.
    pub authorities: Authorities,
    /// Whether certificates are not verified.
    pub unverified: bool,
    /// How long a request may take.
    pub timeout: Option<Duration>,
}

/// The key under which a Secret holds CA certificates.
pub const CA_KEY: &str = "ca.crt";

/// Checks the fields.
///
/// # Errors
/// One cannot be used, in the peer's words.
pub fn check(o: &VaultConnection) -> Result<CheckedConnection, Fault> {
    let spec = &o.spec;
    if spec.address.trim().is_empty() {
        return Err(
            Fault::wrong("the address is empty").hint("set `spec.address`, such as https://vault.example.com:8200")
        );
    }
    let timeout = match spec.timeout.filled() {
        None => None,
        Some(text) => {
            let parsed =
                GoDuration::parse(text).map_err(|error| Fault::wrong("failed to parse timeout").because(error))?;
            Some(parsed.to_std()).filter(|timeout| !timeout.is_zero())
        }
    };
    if spec.headers.keys().any(|name| name.eq_ignore_ascii_case("X-Vault-Namespace")) {
        return Err(Fault::wrong("setting header \"X-Vault-Namespace\" on VaultConnection is not permitted")
            .hint("name the namespace in the VaultAuth or in the secret"));
    }
    let authorities = match (o.ca_secret(), spec.ca_cert_path.filled()) {
        (Some(_), Some(_)) => {
            return Err(Fault::wrong(
                "invalid CA cert config: CACertPath and CACertSecretRef are mutually exclusive, only one can be set",
            ));
        }
        (Some(secret), None) => Authorities::Secret(secret.to_owned()),
        (None, Some(path)) if path.split('/').any(|part| part == "..") => {
            return Err(Fault::wrong(format!("path contains traversal sequence: {path:?}")));
        }
        (None, Some(path)) => Authorities::File(path.to_owned()),
        (None, None) => Authorities::Default,
    };
    Ok(CheckedConnection {
        address: spec.address.clone(),
        headers: spec.headers.clone().into_iter().collect(),
        server_name: spec.tls_server_name.filled().map(str::to_owned),
        authorities,
        unverified: spec.skip_tls_verify,
        timeout,
    })
}

/// How asking the server went.
pub enum Asked {
    /// It answers, sealed or not.
    Answered,
    /// No client could be made: certificates, headers, the address.
    NoClient(Fault),
    /// It does not answer.
    Silent(Fault),
}

/// The end of a pass: conditions made anew, an event where something has changed.
#[must_use]
pub fn told(o: &VaultConnection, asked: Result<Asked, Fault>, now: Timestamp) -> Finish {
    let address = &o.spec.address;
    let accepted = |kind: &str, message: String| condition(kind, true, "Accepted", &message, now);
    let refused = |kind: &str, message: String| condition(kind, false, "InvalidConfiguration", &message, now);
    let valid = || accepted("ResourceValidation", format!("Successfully validated resource, address={address}"));
    let mut new: Vec<Condition> = Vec::new();
    let mut events = Vec::new();
    match &asked {
        Err(fault) => {
            let text = format!("Failed to validate resource, address={address}, errs={}", fault.chain());
            new.push(refused("ResourceValidation", text));
        }
        Ok(Asked::Answered) => {
            new.push(accepted("VaultPing", format!("Vault ping, address={address}")));
            new.push(valid());
        }
        Ok(Asked::NoClient(fault)) => {
            let text = format!("Failed to setup Vault client, address={address}, err={}", fault.chain());
            new.push(condition("VaultClient", false, "VaultClientConfigError", &text, now));
            let text = format!("Failed to validate resource, address={address}, errs={}", fault.chain());
            new.push(refused("ResourceValidation", text));
            events.push(Event::warning(
                "VaultClientError",
                format!("Failed to construct Vault client: {}", fault.chain()),
            ));
        }
        Ok(Asked::Silent(fault)) => {
            new.push(refused("VaultPing", format!("Vault ping failed, address={address}, errs={}", fault.chain())));
            new.push(valid());
            let text = format!("Failed to check Vault seal status: {}", fault.chain());
            events.push(Event::warning("VaultClientError", text));
        }
    }
    let is_well = matches!(asked, Ok(Asked::Answered));
    events.push(if is_well {
        Event::normal("Accepted", "VaultConnection accepted")
    } else {
        Event::warning("InvalidConfiguration", "VaultConnection invalid")
    });
    finish(o, new, is_well, events, now)
}

fn finish(o: &VaultConnection, new: Vec<Condition>, is_well: bool, events: Vec<Event>, now: Timestamp) -> Finish {
    let generation = o.metadata.generation;
    let before = o.status.clone().unwrap_or_default();
    let mut all = before.conditions.clone();
    // The list is made anew on every pass; what stood there before lends its times.
    all.retain(|old| new.iter().any(|new| new.type_ == old.type_) || matches!(&*old.type_, "Healthy" | "Ready"));
    new.into_iter().for_each(|condition| synced::tell(&mut all, condition, generation));
    synced::tell_health(&mut all, "VaultConnection", is_well, generation, now);
    let mut status = before.clone();
    (status.valid, status.conditions) = (is_well, all);
    let wait = if is_well { horizon::refresh(PING, now) } else { horizon::local_error(now) };
    let news = o.status.is_none() || status != before;
    Finish {
        events: if news { events } else { Vec::new() },
        next: Next::At(wait.after(now)),
        failed: !is_well,
        ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default())
    }
}

/// About once a minute: 54 to 60 seconds.
const PING: GoDuration = GoDuration::from_nanoseconds(66_700_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(spec: serde_json::Value) -> VaultConnection {
        let object = serde_json::json!({"apiVersion": "secrets.hashicorp.com/v1beta1", "kind": "VaultConnection",
            "metadata": {"name": "bao", "namespace": "t1", "generation": 2}, "spec": spec});
        serde_json::from_value(object).expect("a test's own object")
    }

    #[test]
    fn fields_are_checked_in_the_peers_words() {
        let refused = |spec| check(&connection(spec)).map_err(|fault| fault.chain()).err().unwrap_or_default();
        for (spec, text) in [
            (serde_json::json!({"address": ""}), "the address is empty"),
            (
                serde_json::json!({"address": "http://a", "headers": {"x-vault-namespace": "n"}}),
                "setting header \"X-Vault-Namespace\" on VaultConnection is not permitted",
            ),
            (
                serde_json::json!({"address": "http://a", "caCertPath": "/a", "caCertSecretRef": "b"}),
                "invalid CA cert config: CACertPath and CACertSecretRef are mutually exclusive, only one can be set",
            ),
            (
                serde_json::json!({"address": "http://a", "caCertPath": "/a/../b"}),
                "path contains traversal sequence: \"/a/../b\"",
            ),
            (
                serde_json::json!({"address": "http://a", "timeout": "5x"}),
                "failed to parse timeout: time: unknown unit \"x\" in duration \"5x\"",
            ),
        ] {
            assert_eq!(refused(spec), text);
        }
    }

    #[test]
    fn a_second_pass_says_nothing_new() {
        let mut o = connection(serde_json::json!({"address": "http://a"}));
        let first = told(&o, Ok(Asked::Answered), "2026-01-01T00:00:00Z".parse().expect("a moment"));
        assert_eq!(first.events, [Event::normal("Accepted", "VaultConnection accepted")]);
        let status = first.status.expect("a status").value;
        o.status = serde_json::from_value(status.clone()).expect("it reads itself");
        let second = told(&o, Ok(Asked::Answered), "2026-01-01T00:01:00Z".parse().expect("a moment"));
        assert!(second.events.is_empty() && second.status.is_some_and(|again| again.value == status));
        let dead = told(&o, Ok(Asked::Silent(Fault::unreachable("away"))), Timestamp::UNIX_EPOCH);
        assert_eq!(dead.events.len(), 2);
        let status = dead.status.expect("a status").value;
        assert_eq!(status["valid"], false);
        let types: Vec<_> =
            status["conditions"].as_array().into_iter().flatten().map(|one| one["type"].clone()).collect();
        assert_eq!(types, ["VaultPing", "ResourceValidation", "Healthy", "Ready"]);
    }
}
