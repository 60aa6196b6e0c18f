//! What this process lets a provider use: the HTTP client, the own cluster if there is one, programs and files that a text
//! names, the environment. Whoever opens a client decides; a provider reaches for nothing else.
//! Specification: design §6, §8 "Untrusted text".

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base::Fault;
use base::duration::GoDuration;
use sops::KeyService;
use wire::Surroundings;
use wire::retry::Retry;

/// What a provider may use.
#[derive(Clone)]
pub struct Reach {
    /// The HTTP client that all share.
    pub http: wire::Client,
    /// The sessions at Vault servers, shared by whoever proves the same.
    pub vault: Arc<wire::vault::Sessions>,
    /// Variables and files that sessions may see.
    pub surroundings: Surroundings,
    /// The own cluster: what "in-cluster" means.
    pub cluster: Option<OwnCluster>,
    /// Whether a text may name a program to run.
    pub programs: Programs,
    /// Who unwraps the data keys of encrypted files that a text names.
    pub keys: Arc<dyn KeyService>,
    /// Where calls to providers are counted.
    pub calls: Arc<Calls>,
    /// How often whoever opens a client wants failed calls asked again; none: as the provider does by itself.
    pub retrying: Option<Retrying>,
}

/// The cluster that this process works for.
#[derive(Clone)]
pub struct OwnCluster {
    /// A client that appears as this process.
    pub client: kube::Client,
    /// Where its API server is, for whoever appears as somebody else: nothing of this process's own login is in it. None where
    /// the cluster lies in memory and knows no logins.
    pub server: Option<kube::Config>,
}

impl OwnCluster {
    /// A cluster in memory.
    #[must_use]
    pub fn in_memory(client: kube::Client) -> Self {
        Self { client, server: None }
    }

    /// A cluster with an API server, as this process's own configuration says.
    #[must_use]
    pub fn at(client: kube::Client, own: &kube::Config) -> Self {
        let mut server = kube::Config::new(own.cluster_url.clone());
        server.root_cert.clone_from(&own.root_cert);
        server.root_cert_file.clone_from(&own.root_cert_file);
        server.tls_server_name.clone_from(&own.tls_server_name);
        server.proxy_url.clone_from(&own.proxy_url);
        server.accept_invalid_certs = own.accept_invalid_certs;
        Self { client, server: Some(server) }
    }
}

/// A store's `retrySettings`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retrying {
    /// How often after the first time; none: it does not say.
    pub retries: Option<u32>,
    /// How long to wait in between; none: as the provider does.
    pub wait: Option<Duration>,
}

impl Retrying {
    /// The settings as they are written.
    ///
    /// # Errors
    /// The interval is no duration.
    pub fn of(retries: Option<i32>, interval: Option<&str>) -> Result<Self, Fault> {
        let wrong = |error| Fault::wrong("cannot read `retrySettings.retryInterval`").because(error);
        let interval = interval.filter(|text| !text.is_empty()).map(GoDuration::parse).transpose().map_err(wrong)?;
        let wait = interval.map(|interval| Duration::try_from(interval.to_signed()).unwrap_or_default());
        Ok(Self { retries: retries.map(|retries| u32::try_from(retries).unwrap_or(0)), wait })
    }
}

/// Whether a text may name programs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Programs {
    /// It may not: getter mode, Argo CD.
    #[default]
    Closed,
    /// It may name any.
    Open,
    /// It may name these.
    Only(Vec<String>),
}

impl Programs {
    /// Whether this program may be run.
    ///
    /// # Errors
    /// It may not; the fault says what would open it.
    pub fn allow(&self, program: &str) -> Result<(), Fault> {
        let allowed = match self {
            Self::Closed => false,
            Self::Open => true,
            Self::Only(list) => list.iter().any(|name| name == program),
        };
        if allowed {
            return Ok(());
        }
        Err(Fault::denied(format!("running `{program}` is not allowed here"))
            .hint("programs that a text names run only where the user opened them"))
    }
}

/// Counts calls to providers: `externalsecret_provider_api_calls_count` (ESO §13.2).
pub trait CountCalls: Send + Sync {
    /// One call ended.
    fn count(&self, provider: &'static str, call: &'static str, succeeded: bool);
}

/// The way of a call to whoever counts it; before anybody says that they do, calls are not counted.
#[derive(Default)]
pub struct Calls(OnceLock<Arc<dyn CountCalls>>);

impl Calls {
    /// From now on these are told; only the first who says so is.
    pub fn tell(&self, counter: Arc<dyn CountCalls>) {
        let _ = self.0.set(counter);
    }

    /// Counts a call by its result, and hands the result on.
    ///
    /// # Errors
    /// Those of the call.
    pub fn counted<T>(&self, provider: &'static str, call: &'static str, result: Result<T, Fault>) -> Result<T, Fault> {
        // A secret that is not there was found missing by a call that worked.
        let succeeded = result.as_ref().map_or_else(|fault| fault.kind() == base::Kind::NotFound, |_| true);
        if let Some(counter) = self.0.get() {
            counter.count(provider, call, succeeded);
        }
        result
    }
}

impl Reach {
    /// How often a call is asked again: as the provider does by itself, or as the settings say. `unsaid` is how often where they
    /// only say how long to wait.
    #[must_use]
    pub fn retry(&self, own: Retry, unsaid: u32) -> Retry {
        self.retrying.map_or(own, |said| own.with(said.retries.unwrap_or(unsaid), said.wait))
    }
}
