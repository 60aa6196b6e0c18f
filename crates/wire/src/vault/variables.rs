//! What the variables of Vault's own client say about a connection (`VAULT_ADDR`, `VAULT_CACERT`, …), and OpenBao's, which fall
//! back to them. Whoever has settings of their own overwrites what they say. Tokens and login are not among them.
//!
//! Specification: VALS §10.1, VSO §8.1, SOPS §5.6.

use std::time::Duration;

use base::duration::GoDuration;
use base::{Fault, SecretBytes};

use crate::environment::Surroundings;
use crate::proxy::Proxy;
use crate::tls::Tls;
use crate::vault::connection::Settings;
use crate::vault::rate::Rate;

/// Whose variables count, and whose where these are not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// `VAULT_…`.
    Vault,
    /// `BAO_…`, else `VAULT_…`.
    OpenBao,
}

impl Flavour {
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Vault => &["VAULT_"],
            Self::OpenBao => &["BAO_", "VAULT_"],
        }
    }
}

/// The value of a variable, by its name without prefix, and the full name under which it was found.
#[must_use]
pub fn value<'a>(surroundings: &'a Surroundings, flavour: Flavour, name: &str) -> Option<(String, &'a str)> {
    flavour.prefixes().iter().find_map(|prefix| {
        let name = format!("{prefix}{name}");
        let value = surroundings.environment.value(&name)?;
        Some((name, value))
    })
}

/// The settings that the variables give; the address is the client's own default where none is set.
///
/// # Errors
/// A variable cannot be used; it is named, and quoted only where it is no secret.
pub fn settings(surroundings: &Surroundings, flavour: Flavour) -> Result<Settings, Fault> {
    let variable = |name: &str| value(surroundings, flavour, name);
    let address = variable("AGENT_ADDR").or_else(|| variable("ADDR"));
    let mut settings = Settings::new(address.map_or("https://127.0.0.1:8200", |(_, address)| address));
    settings.namespace = variable("NAMESPACE").map(|(_, namespace)| namespace.to_owned()).unwrap_or_default();
    settings.tls = tls(surroundings, flavour)?;
    if let Some((name, text)) = variable("CLIENT_TIMEOUT") {
        settings.timeout = seconds(text).ok_or_else(|| unusable(&name, text, "a duration"))?;
    }
    if let Some((name, text)) = variable("MAX_RETRIES") {
        settings.retry.retries = text.parse().map_err(|_| unusable(&name, text, "a number"))?;
    }
    if let Some((name, text)) = variable("RATE_LIMIT") {
        settings.rate = Some(Rate::parse(text).map_err(|fault| fault.within(format!("cannot use {name}")))?);
    }
    if let Some((_, text)) = variable("PROXY_ADDR").or_else(|| variable("HTTP_PROXY")) {
        settings.proxy = Some(Proxy::always(text)?);
    }
    settings.follow_standby = !is_true(surroundings, flavour, "DISABLE_REDIRECTS");
    Ok(settings)
}

fn tls(surroundings: &Surroundings, flavour: Flavour) -> Result<Tls, Fault> {
    let variable = |name: &str| value(surroundings, flavour, name);
    let read = |(name, path): (String, &str)| -> Result<SecretBytes, Fault> {
        (surroundings.read_file)(path).map_err(|fault| fault.within(format!("cannot use {name}")))
    };
    let mut tls = Tls::default();
    if let Some((name, pem)) = variable("CACERT_BYTES") {
        tls = tls.with_authorities(pem.as_bytes()).map_err(|fault| fault.within(format!("cannot use {name}")))?;
    } else if let Some((name, path)) = variable("CACERT") {
        let bundle = read((name.clone(), path))?;
        tls = tls
            .with_authorities(bundle.expose())
            .map_err(|fault| fault.within(format!("cannot use {name} (`{path}`)")))?;
    } else if let Some((name, path)) = variable("CAPATH") {
        return Err(Fault::wrong(format!("cannot use {name} (`{path}`): folders of certificates are not read"))
            .hint("join the certificates in one file and name it in VAULT_CACERT"));
    }
    match (variable("CLIENT_CERT"), variable("CLIENT_KEY")) {
        (Some(certificate), Some(key)) => tls = tls.with_identity(read(certificate)?.expose(), &read(key)?)?,
        (None, None) => {}
        _ => return Err(Fault::wrong("both client cert and client key must be provided")),
    }
    if let Some((_, name)) = variable("TLS_SERVER_NAME") {
        tls = tls.with_server_name(name);
    }
    Ok(if is_true(surroundings, flavour, "SKIP_VERIFY") { tls.unverified() } else { tls })
}

fn is_true(surroundings: &Surroundings, flavour: Flavour, name: &str) -> bool {
    flavour.prefixes().iter().any(|prefix| surroundings.environment.is_true(&format!("{prefix}{name}")))
}

/// Whole seconds, or Go's form; nothing is no timeout that a user could mean.
fn seconds(text: &str) -> Option<Duration> {
    let duration = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => GoDuration::parse(text).ok()?.to_std(),
    };
    (!duration.is_zero()).then_some(duration)
}

fn unusable(name: &str, text: &str, wanted: &str) -> Fault {
    Fault::wrong(format!("cannot use {name}: `{text}` is not {wanted}"))
}

#[cfg(test)]
mod tests;
