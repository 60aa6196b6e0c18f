//! How kubeseal reaches a cluster: kubeconfig with kubectl's overrides, and the namespace that follows from it. What is then asked
//! of the controller is in `controller`. Specification: SS §9.2, §9.4, §9.9.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base::duration::GoDuration;
use base::{Fault, SecretText};
use kube::config::{AuthInfo, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};
use providers::kubeconfig;
use wire::Environment;

use super::controller::Controller;
use super::file;
use crate::cluster;

/// How long a request may take if nobody says otherwise: private clusters whose API server cannot reach the controller
/// let it wait for ever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The peer's sentence where there is no configuration at all.
const NO_CONFIGURATION: &str =
    "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable";
/// What the parts of a configuration are called that only flags make.
const BY_FLAG: &str = "kubeseal-flags";

/// kubectl's connection flags and the controller's name.
#[derive(Clone, Default)]
pub struct Connection {
    /// The Service of the controller.
    pub controller_name: String,
    /// Its namespace.
    pub controller_namespace: String,
    /// `-n`, without kubectl's prefixes.
    pub namespace: Option<String>,
    /// `--kubeconfig`.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`.
    pub cluster: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `--server`.
    pub server: Option<String>,
    /// `--certificate-authority`.
    pub certificate_authority: Option<String>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `--tls-server-name`.
    pub tls_server_name: Option<String>,
    /// `--proxy-url`.
    pub proxy_url: Option<String>,
    /// `--disable-compression`.
    pub disable_compression: bool,
    /// `--client-certificate`.
    pub client_certificate: Option<String>,
    /// `--client-key`.
    pub client_key: Option<String>,
    /// `--token`.
    pub token: Option<SecretText>,
    /// `--username`.
    pub username: Option<String>,
    /// `--password`.
    pub password: Option<SecretText>,
    /// `--as`.
    pub impersonate: Option<String>,
    /// `--as-group`.
    pub impersonate_groups: Vec<String>,
    /// `--as-uid`.
    pub impersonate_uid: Option<String>,
    /// `--request-timeout`.
    pub request_timeout: Option<String>,
}

impl Connection {
    /// The namespace of what names none: `-n`, the context's, the pod's, or `default` where there is a configuration.
    ///
    /// # Errors
    /// There is no usable configuration; whoever can do without a namespace ignores it.
    pub fn namespace(&self, environment: &Environment) -> Result<String, Fault> {
        if let Some(namespace) = &self.namespace {
            return Ok(namespace.clone());
        }
        let config = self.configuration(environment)?;
        if is_empty(&config) && self.server.is_none() && is_in_cluster(environment) {
            // Without a word on which one, any would be a guess.
            return pod_namespace(environment).ok_or_else(|| Fault::wrong(NO_CONFIGURATION));
        }
        let context = self.usable_context(&config, environment)?;
        let named = context.and_then(|context| context.namespace.clone()).filter(|text| !text.is_empty());
        Ok(match named {
            Some(namespace) => namespace,
            None => {
                let own = is_in_cluster(environment).then(|| pod_namespace(environment)).flatten();
                own.unwrap_or_else(|| "default".to_owned())
            }
        })
    }

    /// A client for the cluster, and how long each of its requests may take.
    ///
    /// # Errors
    /// There is no usable configuration.
    pub async fn open(&self, environment: &Environment) -> Result<Controller, Fault> {
        let timeout = self.timeout()?;
        let mut config = self.configuration(environment)?;
        let unusable = |cause: &dyn std::fmt::Display| invalid(&one_line(cause));
        let config = if is_empty(&config) && self.server.is_none() && is_in_cluster(environment) {
            kube::Config::incluster().map_err(|error| unusable(&error))?
        } else {
            self.check_names(&config)?;
            self.usable_context(&config, environment)?;
            let options = self.applied_to(&mut config, environment)?;
            kube::Config::from_custom_kubeconfig(config, &options).await.map_err(|error| unusable(&error))?
        };
        let (service, namespace) = (self.controller_name.clone(), self.controller_namespace.clone());
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        Ok(Controller { client: cluster::client_of(config)?, server, timeout, service, namespace })
    }

    /// `--request-timeout`: a Go duration, or seconds; `0` waits for ever.
    fn timeout(&self) -> Result<Option<Duration>, Fault> {
        let Some(text) = &self.request_timeout else { return Ok(Some(REQUEST_TIMEOUT)) };
        let whole = text.parse::<i64>().ok().map(GoDuration::from_seconds);
        let read = match whole {
            Some(seconds) => seconds,
            None => GoDuration::parse(text).map_err(|error| {
                let rule = "Timeout must be a single integer in seconds, or an integer followed by a corresponding time unit (e.g. 1s | 2m | 3h)";
                Fault::wrong(format!("Invalid timeout value. {rule}")).hint(error.to_string())
            })?,
        };
        Ok(read.is_positive().then(|| read.to_std()))
    }

    /// The files of the configuration, merged; empty where there is none.
    fn configuration(&self, environment: &Environment) -> Result<Kubeconfig, Fault> {
        if let Some(path) = &self.kubeconfig {
            if !path.exists() {
                return Err(Fault::not_found(format!("stat {}: no such file or directory", path.display())));
            }
            return load(path);
        }
        let paths: Vec<PathBuf> = match environment.value("KUBECONFIG").filter(|text| !text.is_empty()) {
            Some(list) => list.split(':').filter(|path| !path.is_empty()).map(PathBuf::from).collect(),
            None => environment.value("HOME").map(|home| Path::new(home).join(".kube/config")).into_iter().collect(),
        };
        let present = paths.iter().filter(|path| path.exists());
        present.map(|path| load(path)).try_fold(Kubeconfig::default(), |merged, next| {
            merged.merge(next?).map_err(|error| Fault::wrong("cannot merge the kubeconfig files").because(error))
        })
    }

    fn server(&self, environment: &Environment) -> Option<String> {
        let legacy = environment.value("KUBERNETES_MASTER").filter(|text| !text.is_empty());
        self.server.clone().or_else(|| legacy.map(str::to_owned))
    }

    /// What the flags name must be there.
    fn check_names(&self, config: &Kubeconfig) -> Result<(), Fault> {
        let missing = |what: &str, name: &str| Err(Fault::wrong(format!("{what} \"{name}\" does not exist")));
        match (&self.context, &self.cluster, &self.user) {
            (Some(name), _, _) if config.contexts.iter().all(|found| found.name != *name) => missing("context", name),
            (_, _, Some(name)) if config.auth_infos.iter().all(|found| found.name != *name) => {
                missing("auth info", name)
            }
            (_, Some(name), _) if config.clusters.iter().all(|found| found.name != *name) => missing("cluster", name),
            _ => Ok(()),
        }
    }

    /// The context that is meant, if any, of a configuration that leads to some server: a namespace out of any other would be
    /// a guess, and what is sealed for the wrong namespace can never be opened.
    fn usable_context<'a>(
        &self,
        config: &'a Kubeconfig,
        environment: &Environment,
    ) -> Result<Option<&'a Context>, Fault> {
        let name = self.context.as_ref().or(config.current_context.as_ref()).filter(|name| !name.is_empty());
        let found = name.and_then(|name| config.contexts.iter().find(|context| context.name == *name));
        let context = found.and_then(|found| found.context.as_ref());
        let cluster = self.cluster.as_ref().or(context.map(|context| &context.cluster)).filter(|name| !name.is_empty());
        let named = cluster.and_then(|name| config.clusters.iter().find(|cluster| cluster.name == *name));
        let listed = named.and_then(|named| named.cluster.as_ref()?.server.as_ref()).filter(|text| !text.is_empty());
        let has_server = listed.is_some() || self.server(environment).is_some();
        let missing = name.filter(|_| found.is_none());
        let missing = missing.map(|name| format!("context was not found for specified context: {name}"));
        match (missing, has_server, cluster) {
            (None, true, _) => Ok(context),
            (Some(missing), true, _) => Err(invalid(&missing)),
            (Some(missing), false, _) => Err(invalid(&format!("[{missing}, cluster has no server defined]"))),
            (None, false, Some(cluster)) => Err(invalid(&format!("no server found for cluster \"{cluster}\""))),
            (None, false, None) => Err(Fault::wrong(NO_CONFIGURATION)),
        }
    }

    /// Lays the flags over the configuration, and says which of its parts are meant.
    fn applied_to(&self, config: &mut Kubeconfig, environment: &Environment) -> Result<KubeConfigOptions, Fault> {
        let context = self.usable_context(config, environment)?.cloned().unwrap_or_default();
        let or_own = |asked: &Option<String>, found: &str| match (asked, found) {
            (Some(asked), _) => asked.clone(),
            (None, "") => BY_FLAG.to_owned(),
            (None, found) => found.to_owned(),
        };
        let cluster = or_own(&self.cluster, &context.cluster);
        let user = or_own(&self.user, context.user.as_deref().unwrap_or_default());
        self.lay_over_cluster(config, &cluster, environment)?;
        self.lay_over_user(config, &user)?;
        check_files(config, &cluster, &user)?;
        config.contexts.push(NamedContext {
            name: BY_FLAG.to_owned(),
            context: Some(Context { cluster: cluster.clone(), user: Some(user.clone()), ..context }),
            ..NamedContext::default()
        });
        Ok(KubeConfigOptions { context: Some(BY_FLAG.to_owned()), cluster: Some(cluster), user: Some(user) })
    }

    fn lay_over_cluster(&self, config: &mut Kubeconfig, name: &str, environment: &Environment) -> Result<(), Fault> {
        if !config.clusters.iter().any(|cluster| cluster.name == name) && name == BY_FLAG {
            config.clusters.push(NamedCluster { name: name.to_owned(), ..NamedCluster::default() });
        }
        let Some(named) = config.clusters.iter_mut().find(|cluster| cluster.name == name) else { return Ok(()) };
        let cluster = named.cluster.get_or_insert_default();
        if let Some(server) = self.server.clone().or_else(|| cluster.server.clone()) {
            cluster.server = Some(server);
        } else {
            cluster.server = self.server(environment);
        }
        // Either flag replaces all that the configuration says about trust: who names a CA wants it asked.
        if self.insecure_skip_tls_verify || self.certificate_authority.is_some() {
            cluster.insecure_skip_tls_verify = Some(self.insecure_skip_tls_verify);
            (cluster.certificate_authority, cluster.certificate_authority_data) =
                (self.certificate_authority.clone(), None);
        }
        let has_authority = cluster.certificate_authority.is_some() || cluster.certificate_authority_data.is_some();
        if cluster.insecure_skip_tls_verify == Some(true) && has_authority {
            return Err(Fault::wrong("specifying a root certificates file with the insecure flag is not allowed"));
        }
        if self.disable_compression {
            cluster.disable_compression = Some(true);
        }
        // kubectl's rule: without a scheme it is TLS where the server is to be checked, or expressly not.
        let is_secure = has_authority || cluster.insecure_skip_tls_verify == Some(true);
        if let Some(server) = cluster.server.as_mut().filter(|server| !server.contains("://")) {
            *server = format!("{}://{server}", if is_secure { "https" } else { "http" });
        }
        set(&mut cluster.tls_server_name, &self.tls_server_name);
        set(&mut cluster.proxy_url, &self.proxy_url);
        Ok(())
    }

    fn lay_over_user(&self, config: &mut Kubeconfig, name: &str) -> Result<(), Fault> {
        if !config.auth_infos.iter().any(|user| user.name == name) && name == BY_FLAG {
            config.auth_infos.push(NamedAuthInfo { name: name.to_owned(), ..NamedAuthInfo::default() });
        }
        let Some(named) = config.auth_infos.iter_mut().find(|user| user.name == name) else { return Ok(()) };
        let user = named.auth_info.get_or_insert_with(AuthInfo::default);
        set(&mut user.username, &self.username);
        set(&mut user.client_certificate, &self.client_certificate);
        set(&mut user.client_key, &self.client_key);
        set(&mut user.impersonate, &self.impersonate);
        set(&mut user.impersonate_uid, &self.impersonate_uid);
        if self.client_certificate.is_some() {
            (user.client_certificate_data, user.client_key_data) = (None, None);
        }
        if let Some(token) = &self.token {
            (user.token, user.token_file) = (Some(token.expose().to_owned().into()), None);
        }
        if let Some(password) = &self.password {
            user.password = Some(password.expose().to_owned().into());
        }
        if !self.impersonate_groups.is_empty() {
            user.impersonate_groups = Some(self.impersonate_groups.clone());
        }
        check_user(user, if name == BY_FLAG { "" } else { name })
    }
}

/// The files that are named, before the library looks at them: its message has no word on whose they are.
fn check_files(config: &Kubeconfig, cluster: &str, user: &str) -> Result<(), Fault> {
    let found_user =
        config.auth_infos.iter().find(|found| found.name == user).and_then(|found| found.auth_info.as_ref());
    let found_cluster =
        config.clusters.iter().find(|found| found.name == cluster).and_then(|found| found.cluster.as_ref());
    let unless = |has_data: bool, path: Option<&String>| path.filter(|_| !has_data).cloned();
    let files = [
        (
            "client-cert",
            found_user
                .and_then(|found| unless(found.client_certificate_data.is_some(), found.client_certificate.as_ref())),
            user,
        ),
        (
            "client-key",
            found_user.and_then(|found| unless(found.client_key_data.is_some(), found.client_key.as_ref())),
            user,
        ),
        (
            "certificate-authority",
            found_cluster.and_then(|found| {
                unless(found.certificate_authority_data.is_some(), found.certificate_authority.as_ref())
            }),
            cluster,
        ),
    ];
    let unread = files.into_iter().filter_map(|(what, path, of)| {
        let (path, of) = (path?, if of == BY_FLAG { "" } else { of });
        let fault = file::open(Path::new(&path)).err()?;
        Some(format!("unable to read {what} {path} for {of} due to {fault}"))
    });
    match unread.collect::<Vec<_>>().as_slice() {
        [] => Ok(()),
        [one] => Err(invalid(one)),
        several => Err(invalid(&format!("[{}]", several.join(", ")))),
    }
}

/// What the API server would answer with a puzzle, or, worse, with the rights of somebody else.
fn check_user(user: &AuthInfo, name: &str) -> Result<(), Fault> {
    let has_token = user.token.is_some() || user.token_file.is_some();
    let has_password = user.username.as_ref().is_some_and(|text| !text.is_empty()) || user.password.is_some();
    if has_token && has_password {
        return Err(invalid(&format!(
            "more than one authentication method found for {name}; found [token basicAuth], only one is allowed"
        )));
    }
    let has_groups = user.impersonate_groups.as_ref().is_some_and(|groups| !groups.is_empty());
    if user.impersonate.is_none() && (has_groups || user.impersonate_uid.is_some()) {
        return Err(invalid(&format!("requesting uid, groups or user-extra for {name} without impersonating a user")));
    }
    Ok(())
}

fn invalid(text: &str) -> Fault {
    Fault::wrong(format!("invalid configuration: {text}"))
}

fn set(field: &mut Option<String>, value: &Option<String>) {
    if value.is_some() {
        field.clone_from(value);
    }
}

fn load(path: &Path) -> Result<Kubeconfig, Fault> {
    let failed = |error| {
        Fault::wrong(format!("error loading config file \"{}\"", path.display())).because(kubeconfig::told(&error))
    };
    Kubeconfig::read_from(path).map_err(failed)
}

fn is_empty(config: &Kubeconfig) -> bool {
    config.clusters.is_empty() && config.contexts.is_empty() && config.auth_infos.is_empty()
}

fn is_in_cluster(environment: &Environment) -> bool {
    let is_filled = |name| environment.value(name).is_some_and(|text| !text.is_empty());
    is_filled("KUBERNETES_SERVICE_HOST") && is_filled("KUBERNETES_SERVICE_PORT")
}

fn pod_namespace(environment: &Environment) -> Option<String> {
    let said = environment.value("POD_NAMESPACE").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    said.or_else(crate::cluster::pod_namespace)
}

fn one_line(text: &dyn std::fmt::Display) -> String {
    text.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
