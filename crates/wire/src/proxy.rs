//! Which requests go through a proxy, as Go decides it for every peer: `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` in either
//! case, handed in as values; loopback addresses never do.
//!
//! `NO_PROXY` holds hosts (with their subdomains), `.domain` (subdomains only), addresses, networks in CIDR form, each with an
//! optional port, or `*`.

use std::net::IpAddr;

use base::Fault;
use url::{Host, Url};

use crate::environment::Environment;

/// The proxies in use. The default is none.
#[derive(Clone, Default)]
pub struct Proxy {
    http: Option<Url>,
    https: Option<Url>,
    bypass: Vec<Bypass>,
    /// Whether loopback addresses go through it, too.
    everywhere: bool,
}

#[derive(Clone)]
struct Bypass {
    place: Place,
    port: Option<u16>,
}

#[derive(Clone)]
enum Place {
    Everything,
    Domain { suffix: String, itself: bool },
    Network { address: IpAddr, bits: u8 },
}

impl Proxy {
    /// What these variables say; the lower-case name is asked where the upper-case one is not set.
    ///
    /// # Errors
    /// A proxy is no URL that we can speak through.
    pub fn of(environment: &Environment) -> Result<Self, Fault> {
        let parse =
            |name: &str| environment.first(&[name, &name.to_lowercase()]).map(|text| address(name, text)).transpose();
        let bypass = environment.first(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
        Ok(Self {
            http: parse("HTTP_PROXY")?,
            https: parse("HTTPS_PROXY")?,
            bypass: bypass.split(',').filter_map(Bypass::parse).collect(),
            everywhere: false,
        })
    }

    /// Everything goes through this one (`VAULT_PROXY_ADDR`), loopback addresses too.
    ///
    /// # Errors
    /// It is no URL that we can speak through.
    pub fn always(text: &str) -> Result<Self, Fault> {
        let url = address("the proxy address", text)?;
        Ok(Self { http: Some(url.clone()), https: Some(url), bypass: Vec::new(), everywhere: true })
    }

    /// The proxy for a request to this URL, if it goes through one.
    #[must_use]
    pub fn for_url(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" { self.https.as_ref() } else { self.http.as_ref() }?;
        let host = url.host()?;
        let port = url.port_or_known_default();
        let direct =
            (!self.everywhere && is_loopback(&host)) || self.bypass.iter().any(|bypass| bypass.covers(&host, port));
        (!direct).then_some(proxy)
    }

    pub(crate) fn is_none(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }
}

fn address(name: &str, text: &str) -> Result<Url, Fault> {
    // The text is not quoted: a proxy's URL may hold a password.
    let wrong = || Fault::wrong(format!("cannot use {name} as a proxy: not an http:// or https:// address"));
    let text = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&text).map_err(|_| wrong())?;
    if matches!(url.scheme(), "http" | "https") && url.host().is_some() { Ok(url) } else { Err(wrong()) }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl Bypass {
    fn parse(entry: &str) -> Option<Self> {
        let entry = entry.trim().to_lowercase();
        if entry.is_empty() {
            return None;
        }
        if entry == "*" {
            return Some(Self { place: Place::Everything, port: None });
        }
        if let Some((address, bits)) = entry.split_once('/') {
            let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
            return Some(Self { place: Place::Network { address, bits }, port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (entry.as_str(), None),
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let place = match bare.parse::<IpAddr>() {
            Ok(address) => Place::Network { address, bits: if address.is_ipv4() { 32 } else { 128 } },
            Err(_) => Place::domain(host),
        };
        Some(Self { place, port })
    }

    fn covers(&self, host: &Host<&str>, port: Option<u16>) -> bool {
        let place = match (&self.place, host) {
            (Place::Everything, _) => true,
            (Place::Domain { suffix, itself }, Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_lowercase();
                name.ends_with(&format!(".{suffix}")) || (*itself && name == *suffix)
            }
            (Place::Network { address, bits }, Host::Ipv4(host)) => within(IpAddr::V4(*host), *address, *bits),
            (Place::Network { address, bits }, Host::Ipv6(host)) => within(IpAddr::V6(*host), *address, *bits),
            _ => false,
        };
        place && (self.port.is_none() || self.port == port)
    }
}

impl Place {
    fn domain(host: &str) -> Self {
        let stripped = host.strip_prefix("*.").or_else(|| host.strip_prefix('.'));
        Self::Domain { suffix: stripped.unwrap_or(host).to_owned(), itself: stripped.is_none() }
    }
}

fn within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let shift = 32_u32.saturating_sub(u32::from(bits));
            (address.to_bits() ^ network.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let shift = 128_u32.saturating_sub(u32::from(bits));
            (address.to_bits() ^ network.to_bits()).checked_shr(shift).unwrap_or(0) == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
