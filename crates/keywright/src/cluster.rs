//! How the binary gets to a cluster: KUBECONFIG, else the home's, else in-cluster; and the runtime that the wet verbs run on.
//! Specification: design §11.4 (client settings), lab: KUBECONFIG may be JSON.

use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

use base::Fault;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig, KubeconfigError};
use operator::requests::Requests;
use providers::kubeconfig;
use providers::reach::OwnCluster;
use tokio::signal::unix::{SignalKind, signal};

/// A client as our controllers want it: no hidden retries (kube would repeat a POST up to fifteen times).
///
/// # Errors
/// There is no usable configuration, neither file nor in-cluster.
pub async fn client() -> Result<kube::Client, Fault> {
    client_of(configuration().await?)
}

/// The cluster that we work for: our client, and where others find its API server.
///
/// # Errors
/// As [`client`].
pub async fn own() -> Result<OwnCluster, Fault> {
    own_from(None).await
}

async fn configuration() -> Result<kube::Config, Fault> {
    kube::Config::infer().await.map_err(|error| {
        // Its own text quotes the file.
        let cause = error.source().and_then(|cause| cause.downcast_ref::<KubeconfigError>());
        let told = cause.map_or_else(|| "there is no kubeconfig".to_owned(), kubeconfig::told);
        Fault::wrong("cannot find a cluster").because(told).hint("set KUBECONFIG, or run inside a cluster")
    })
}

/// The same, and what counts its requests.
///
/// # Errors
/// There is no usable configuration, neither file nor in-cluster.
pub async fn counted_client() -> Result<(kube::Client, Requests), Fault> {
    let config = set(configuration().await?);
    let requests = Requests::new(config.cluster_url.authority().map(http::uri::Authority::as_str).unwrap_or_default());
    let builder = kube::client::ClientBuilder::try_from(config).map_err(unusable)?;
    Ok((builder.with_layer(&requests).build(), requests))
}

/// A client from the file that a flag names, else as [`client`].
///
/// # Errors
/// The file cannot be used; or as [`client`].
pub async fn client_from(file: Option<&str>) -> Result<kube::Client, Fault> {
    client_of(configuration_from(file).await?)
}

/// The cluster of the file that a flag names, else as [`own`].
///
/// # Errors
/// As [`client_from`].
pub async fn own_from(file: Option<&str>) -> Result<OwnCluster, Fault> {
    let config = configuration_from(file).await?;
    Ok(OwnCluster::at(client_of(config.clone())?, &config))
}

async fn configuration_from(file: Option<&str>) -> Result<kube::Config, Fault> {
    let Some(file) = file.filter(|file| !file.is_empty()) else { return configuration().await };
    let wrong = |error: &KubeconfigError| {
        Fault::wrong(format!("cannot use the kubeconfig `{file}`")).because(kubeconfig::told(error))
    };
    let read = Kubeconfig::read_from(file).map_err(|error| wrong(&error))?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await;
    config.map_err(|error| wrong(&error))
}

/// The namespace of the pod that we run in, as its service account's files tell it.
#[must_use]
pub fn pod_namespace() -> Option<String> {
    let text = crate::files::read(Path::new(POD_NAMESPACE_FILE)).ok()?;
    let name = String::from_utf8_lossy(&text).trim().to_owned();
    (!name.is_empty()).then_some(name)
}

const POD_NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// A client from a configuration.
///
/// # Errors
/// The configuration is not usable.
pub fn client_of(config: kube::Config) -> Result<kube::Client, Fault> {
    kube::Client::try_from(set(config)).map_err(unusable)
}

fn set(mut config: kube::Config) -> kube::Config {
    if config.cluster_url.scheme_str() != Some("https") {
        config.auth_info = without_credentials(config.auth_info);
    }
    config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(wire::client::USER_AGENT)));
    config.default_retry = false;
    config.connect_timeout = Some(Duration::from_secs(30));
    config
}

/// Who we are is told over TLS only, as kubectl's library has it: neither token nor password is sent in the clear, and no program
/// is asked for one. On whose behalf we act is no secret.
fn without_credentials(user: AuthInfo) -> AuthInfo {
    AuthInfo {
        impersonate: user.impersonate,
        impersonate_uid: user.impersonate_uid,
        impersonate_groups: user.impersonate_groups,
        impersonate_user_extra: user.impersonate_user_extra,
        ..AuthInfo::default()
    }
}

fn unusable(error: kube::Error) -> Fault {
    Fault::wrong("cannot make a client for the cluster").because(error)
}

/// Runs a future to its end.
///
/// # Errors
/// The operating system gives no threads; or what the future answers.
pub fn block_on<T>(future: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    Runtime::start()?.block_on(future)
}

/// Two threads: what the operators need on two cores, and no more memory. Connections live as long as it does.
pub struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// Starts it.
    ///
    /// # Errors
    /// The operating system gives no threads.
    pub fn start() -> Result<Self, Fault> {
        wire::tls::install();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| Fault::unreachable("cannot start the runtime").because(error))?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a future to its end.
    ///
    /// # Errors
    /// What the future answers.
    pub fn block_on<T>(&self, future: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        self.0.as_ref().expect("it stands until it is dropped").block_on(future)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_timeout(Duration::from_millis(200));
        }
    }
}

/// Resolves when the process is asked to end.
///
/// # Errors
/// The operating system refuses signal handlers.
pub fn asked_to_end() -> Result<impl Future<Output = ()>, Fault> {
    let handler = |kind| signal(kind).map_err(|error| Fault::unreachable("cannot listen to signals").because(error));
    let (mut terminate, mut interrupt) = (handler(SignalKind::terminate())?, handler(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Randomness from the operating system, to seed the process's own.
///
/// # Errors
/// The operating system gives none.
pub fn seed() -> Result<[u8; 32], Fault> {
    use rand::TryRng as _;
    let mut seed = [0; 32];
    rand::rngs::SysRng
        .try_fill_bytes(&mut seed)
        .map_err(|error| Fault::unreachable("cannot get randomness").because(error))?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_for_tls_only() {
        for (server, is_kept) in [("http://127.0.0.1:1", false), ("https://127.0.0.1:1", true)] {
            let mut config = kube::Config::new(server.parse().expect("a URL"));
            config.auth_info = AuthInfo {
                token: Some("t".to_owned().into()),
                username: Some("u".to_owned()),
                client_key: Some("/nowhere".to_owned()),
                impersonate: Some("other".to_owned()),
                ..AuthInfo::default()
            };
            let user = set(config).auth_info;
            assert_eq!(
                (user.token.is_some(), user.username.is_some(), user.client_key.is_some()),
                (is_kept, is_kept, is_kept)
            );
            assert_eq!(user.impersonate.as_deref(), Some("other"), "on whose behalf we act is no secret");
        }
    }
}
