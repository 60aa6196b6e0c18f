//! Where a service lives: the address that a region and its partition give, or the one that somebody has set for this service
//! or for all of them (moto, LocalStack, VPC endpoints).
//!
//! Specification: ESO §10.1 (`AWS_SECRETSMANAGER_ENDPOINT`, …), VALS §11.5, AWS' "service-specific endpoints"
//! (`AWS_ENDPOINT_URL_<SERVICE>`, `AWS_ENDPOINT_URL`, `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS`).

use std::collections::BTreeMap;

use base::Fault;
use url::Url;

use crate::environment::Environment;

/// A service, as its signature, its host name and AWS' variables call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// In the signature's scope.
    pub signing: &'static str,
    /// In the host name.
    pub host: &'static str,
    /// In `AWS_ENDPOINT_URL_…`.
    pub variable: &'static str,
    /// ESO's own variable for its address; empty: it has none.
    pub legacy_variable: &'static str,
}

/// Secrets Manager.
pub const SECRETS_MANAGER: Service =
    service("secretsmanager", "SECRETS_MANAGER").with_legacy("AWS_SECRETSMANAGER_ENDPOINT");
/// Systems Manager, of which we want the Parameter Store.
pub const SSM: Service = service("ssm", "SSM").with_legacy("AWS_SSM_ENDPOINT");
/// The Security Token Service.
pub const STS: Service = service("sts", "STS").with_legacy("AWS_STS_ENDPOINT");
/// The Key Management Service.
pub const KMS: Service = service("kms", "KMS");
/// Certificate Manager.
pub const ACM: Service = service("acm", "ACM").with_legacy("AWS_ACM_ENDPOINT");
/// The container registry's API.
pub const ECR: Service = Service { host: "api.ecr", ..service("ecr", "ECR") };
/// Tags of everything.
pub const TAGGING: Service = service("tagging", "RESOURCE_GROUPS_TAGGING_API");
/// Object storage.
pub const S3: Service = service("s3", "S3");

const fn service(name: &'static str, variable: &'static str) -> Service {
    Service { signing: name, host: name, variable, legacy_variable: "" }
}

impl Service {
    const fn with_legacy(self, legacy_variable: &'static str) -> Self {
        Self { legacy_variable, ..self }
    }
}

/// The addresses that somebody has set.
#[derive(Clone, Default)]
pub struct Endpoints {
    all: Option<Url>,
    services: BTreeMap<&'static str, Url>,
}

/// The services whose addresses can be set.
const SERVICES: [Service; 8] = [SECRETS_MANAGER, SSM, STS, KMS, ACM, ECR, TAGGING, S3];

impl Endpoints {
    /// What these variables set.
    ///
    /// # Errors
    /// One of them is no URL.
    pub fn of(environment: &Environment) -> Result<Self, Fault> {
        let mut endpoints = Self::default();
        if environment.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
            return Ok(endpoints);
        }
        endpoints.all =
            environment.value("AWS_ENDPOINT_URL").map(|text| parse("AWS_ENDPOINT_URL", text)).transpose()?;
        for service in SERVICES {
            let name = format!("AWS_ENDPOINT_URL_{}", service.variable);
            let legacy = Some(service.legacy_variable).filter(|name| !name.is_empty());
            let set = environment.value(&name).map(|text| (name.as_str(), text));
            let set = set.or_else(|| legacy.and_then(|name| Some((name, environment.value(name)?))));
            if let Some((name, text)) = set {
                endpoints.services.insert(service.variable, parse(name, text)?);
            }
        }
        Ok(endpoints)
    }

    /// Sets the address of one service.
    ///
    /// # Errors
    /// It is no URL.
    pub fn with(mut self, service: Service, address: &str) -> Result<Self, Fault> {
        self.services.insert(service.variable, parse("the endpoint", address)?);
        Ok(self)
    }

    /// Sets the address of all services that have none of their own.
    ///
    /// # Errors
    /// It is no URL.
    #[cfg(test)]
    pub fn with_all(mut self, address: &str) -> Result<Self, Fault> {
        self.all = Some(parse("the endpoint", address)?);
        Ok(self)
    }

    /// These addresses, and where they set none, the others'.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        if self.all.is_none() {
            // An address for all services counts before another file's address for one.
            others.services.into_iter().for_each(|(service, url)| {
                self.services.entry(service).or_insert(url);
            });
            self.all = others.all;
        }
        self
    }

    /// The address of a service in a region.
    ///
    /// # Errors
    /// The region cannot be part of a host name.
    pub fn url(&self, service: Service, region: &str) -> Result<Url, Fault> {
        if let Some(url) = self.services.get(service.variable).or(self.all.as_ref()) {
            return Ok(url.clone());
        }
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.is_empty() || !region.bytes().all(fits) {
            return Err(Fault::wrong(format!("region not found: {region}")));
        }
        let address = format!("https://{}.{region}.{}/", service.host, suffix(region));
        Url::parse(&address).map_err(|error| Fault::bug(format!("cannot parse `{address}`")).because(error))
    }

    /// Whether somebody has set an address for this service, so that virtual hosts and global endpoints are out of the question.
    #[must_use]
    pub fn is_set(&self, service: Service) -> bool {
        self.all.is_some() || self.services.contains_key(service.variable)
    }
}

fn parse(name: &str, text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some());
    url.ok_or_else(|| Fault::wrong(format!("cannot use {name} as an address of AWS: `{text}` is no http or https URL")))
}

/// The DNS suffix of the region's partition.
fn suffix(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
    ];
    PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("amazonaws.com", |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests;
