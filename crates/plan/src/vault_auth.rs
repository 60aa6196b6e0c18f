//! VaultAuth: who may use it, how a VaultAuthGlobal fills what it leaves out, and how the result logs in. Nothing is written
//! back into the spec, as the peer may do. Specification: VSO §4.2, §4.3, §5, §7.2.

mod merge;

use std::collections::BTreeMap;

use api::hashicorp::vault_auth::{VaultAuthSpec, VaultAuthStatus};
use api::hashicorp::{AuthMethod, VaultAuth, VaultAuthGlobal, names};
use api::meta::Filled as _;
use base::{Fault, Timestamp};
use blake2::{Blake2b, Digest as _};

use crate::conditions::condition;
use crate::{Event, Finish, Next, horizon, synced};

/// A VaultAuth that can be used, merged with its VaultAuthGlobal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedAuth {
    /// The method.
    pub method: AuthMethod,
    /// The mount of the method.
    pub mount: String,
    /// The Vault namespace of the login; empty for the root.
    pub namespace: String,
    /// Headers of the login alone.
    pub headers: Vec<(String, String)>,
    /// What the login sends.
    pub login: Login,
    /// The VaultConnection that is named, if any.
    pub connection: Option<String>,
    /// A hash of all of this.
    pub hash: String,
    /// What is told about the VaultAuthGlobal.
    pub merged: Option<String>,
}

/// What a login sends; names are of objects in the consumer's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A token of a ServiceAccount, as method kubernetes or jwt.
    Account {
        /// As whom.
        role: String,
        /// Whose token.
        account: String,
        /// For whom the token is.
        audiences: Vec<String>,
        /// How long it lives.
        seconds: u32,
    },
    /// A token that lies in a Secret under `jwt`.
    Token {
        /// As whom.
        role: String,
        /// The Secret.
        secret: String,
    },
    /// A role id, and a secret id that lies in a Secret under `id`.
    AppRole {
        /// Who.
        role_id: String,
        /// The Secret.
        secret: String,
    },
}

/// Whether an object may be used from a namespace.
///
/// # Errors
/// It may not.
pub fn allow(
    kind: &str,
    (namespace, name): (&str, &str),
    list: &[String],
    from: &str,
    operator: &str,
) -> Result<(), Fault> {
    let is_default = name == names::DEFAULT && namespace == operator;
    let is_all = matches!(list, [all] if all == "*");
    if from == namespace || is_default || is_all || list.iter().any(|one| one == from) {
        return Ok(());
    }
    let list = list.join(" ");
    let text = format!(
        "target namespace \"{from}\" is not allowed by kind={kind} obj={namespace}/{name}, allowedNamespaces=[{list}]"
    );
    Err(Fault::denied(text)
        .about(base::ObjectRef::new(kind, namespace, name))
        .hint("list the namespace in its `allowedNamespaces`"))
}

/// The VaultAuthGlobals that may be meant, by namespace and name; the first that exists is.
///
/// # Errors
/// The default is wanted, and the process does not allow it.
pub fn global_candidates(
    o: &VaultAuth,
    operator: &str,
    allows_default: bool,
) -> Result<Option<Vec<(String, String)>>, Fault> {
    let Some(reference) = o.global_ref() else { return Ok(None) };
    let own = o.metadata.namespace.clone().unwrap_or_default();
    if let Some(name) = reference.name.filled() {
        let namespace = reference.namespace.filled().map_or(own, str::to_owned);
        return Ok(Some(vec![(namespace, name.to_owned())]));
    }
    if !(allows_default && reference.allow_default.unwrap_or(false)) {
        let name = o.metadata.name.as_deref().unwrap_or_default();
        let text = format!("default vault auth is not allowed by kind=VaultAuth obj={own}/{name}");
        return Err(Fault::wrong(text).hint("name a VaultAuthGlobal, or set `vaultAuthGlobalRef.allowDefault`"));
    }
    let namespaces = match reference.namespace.filled() {
        Some(namespace) => vec![namespace.to_owned()],
        None if own == operator => vec![own],
        None => vec![own, operator.to_owned()],
    };
    Ok(Some(namespaces.into_iter().map(|namespace| (namespace, names::DEFAULT.to_owned())).collect()))
}

/// None of the candidates exists.
#[must_use]
pub fn no_global(candidates: &[(String, String)]) -> Fault {
    match candidates {
        [(namespace, name)] if name != names::DEFAULT => Fault::wrong(format!(
            "vaultauthglobals.secrets.hashicorp.com \"{name}\" not found in namespace \"{namespace}\""
        )),
        _ => {
            let namespaces: Vec<&str> = candidates.iter().map(|(namespace, _)| namespace.as_str()).collect();
            Fault::wrong(format!("default vault auth not found in namespaces={namespaces:?}: global=true"))
        }
    }
}

/// Merges and checks; `global` is the one of the candidates that exists.
///
/// # Errors
/// The global may not be used, or what comes out cannot log in.
pub fn check(o: &VaultAuth, global: Option<&VaultAuthGlobal>, operator: &str) -> Result<CheckedAuth, Fault> {
    let own = o.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(global) = global {
        let (namespace, name) = (text(&global.metadata.namespace), text(&global.metadata.name));
        allow("VaultAuthGlobal", (&namespace, &name), global.allowed_namespaces(), own, operator)?;
    }
    let spec = merge::merged(o, global).map_err(|fault| fault.within("invalid merge"))?;
    let is_default = o.metadata.name.as_deref() == Some(names::DEFAULT);
    if own == operator && !is_default && spec.vault_connection_ref.filled().is_none() {
        return Err(Fault::wrong(format!("vaultConnectionRef must be set on resources in the \"{own}\" namespace")));
    }
    let json =
        serde_json::to_vec(&spec).map_err(|error| Fault::bug("cannot write a VaultAuth as JSON").because(error))?;
    let hash = hex::encode(Blake2b::<blake2::digest::consts::U32>::digest(&json));
    let method = spec.method.ok_or_else(|| Fault::wrong("auth method is empty").hint("set `spec.method`"))?;
    let merged = global.map(|global| {
        let meta = &global.metadata;
        format!(
            "VaultAuthGlobal successfully merged, key={}/{}, uid={}, generation={}",
            text(&meta.namespace),
            text(&meta.name),
            text(&meta.uid),
            meta.generation.unwrap_or_default()
        )
    });
    Ok(CheckedAuth {
        login: login(&spec, method)?,
        method,
        mount: spec.mount.filled().ok_or_else(|| Fault::wrong("empty mount").hint("set `spec.mount`"))?.to_owned(),
        namespace: spec.namespace.filled().unwrap_or_default().trim_matches('/').to_owned(),
        headers: spec.headers.into_iter().collect(),
        connection: spec.vault_connection_ref.filled().map(str::to_owned),
        hash,
        merged,
    })
}

fn text(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

/// What the method's block sends; all that is missing is told at once.
fn login(spec: &VaultAuthSpec, method: AuthMethod) -> Result<Login, Fault> {
    let mut missing = Vec::new();
    let mut wanted = |field: &Option<String>, name: &'static str| {
        let value = field.filled().unwrap_or_default().to_owned();
        if value.is_empty() {
            missing.push(format!("empty {name}"));
        }
        value
    };
    let seconds = |seconds: i64| u32::try_from(seconds).unwrap_or(600).max(600);
    let login = match method {
        AuthMethod::Kubernetes => {
            let block = spec.kubernetes.clone().unwrap_or_default();
            let (role, account) = (wanted(&block.role, "role"), wanted(&block.service_account, "serviceAccount"));
            let seconds = seconds(block.token_expiration_seconds);
            Login::Account { role, account, audiences: block.audiences, seconds }
        }
        AuthMethod::Jwt => {
            let block = spec.jwt.clone().unwrap_or_default();
            let role = wanted(&block.role, "role");
            match block.secret_ref.filled() {
                Some(secret) => Login::Token { role, secret: secret.to_owned() },
                None => {
                    let account = wanted(&block.service_account, "serviceAccount and secretRef");
                    let seconds = seconds(block.token_expiration_seconds);
                    Login::Account { role, account, audiences: block.audiences, seconds }
                }
            }
        }
        AuthMethod::AppRole => {
            let block = spec.app_role.clone().unwrap_or_default();
            if block.secret_id_path.filled().is_some() {
                return Err(Fault::wrong(
                    "appRole.secretIDPath is not supported: it lets an object read files of the pod",
                )
                .hint("put the secret id into a Secret and name it in `appRole.secretRef`"));
            }
            Login::AppRole { role_id: wanted(&block.role_id, "roleId"), secret: wanted(&block.secret_ref, "secretRef") }
        }
        AuthMethod::Aws | AuthMethod::Gcp => {
            return Err(Fault::wrong(format!("logging in to Vault with `{}` is not built yet", method.as_str()))
                .hint("use kubernetes, jwt or appRole"));
        }
    };
    if missing.is_empty() { Ok(login) } else { Err(Fault::wrong(missing.join(", "))) }
}

/// Which merged headers or parameters; the names of sets are the peer's.
type Pairs = BTreeMap<String, String>;

/// The end of a pass over a VaultAuth; the event is told when something is new.
#[must_use]
pub fn told(o: &VaultAuth, checked: Result<CheckedAuth, Fault>, now: Timestamp) -> Finish {
    let generation = o.metadata.generation;
    let before = o.status.clone().unwrap_or_default();
    let mut status = before.clone();
    let (is_well, event) = match &checked {
        Ok(checked) => {
            status.valid = Some(true);
            status.error = status.error.filter(String::is_empty);
            if !is_adopted(o, &before, checked) {
                status.spec_hash = Some(checked.hash.clone());
            }
            (true, Event::normal("Accepted", "Successfully handled VaultAuth resource request"))
        }
        Err(fault) => {
            (status.valid, status.error) = (Some(false), Some(fault.chain()));
            let text = fault.chain();
            let event = if text.starts_with("invalid name") || text.starts_with("VaultConnection") {
                Event::warning("InvalidResourceRef", format!("Invalid VaultConnectionRef: {text}"))
            } else {
                Event::warning("Accepted", format!("Failed to handle VaultAuth resource request: err={text}"))
            };
            (false, event)
        }
    };
    if o.global_ref().is_some() {
        let text = match &checked {
            Ok(checked) => checked.merged.clone().unwrap_or_default(),
            Err(fault) => fault.chain(),
        };
        let available = condition("Available", is_well, "VaultAuthGlobalRef", &text, now);
        synced::tell(&mut status.conditions, available, generation);
    }
    synced::tell_health(&mut status.conditions, "VaultAuth", is_well, generation, now);
    let next = if is_well { Next::Settled } else { Next::At(horizon::local_error(now).after(now)) };
    let news = status != before;
    Finish {
        events: if news { vec![event] } else { Vec::new() },
        next,
        failed: !is_well,
        ..Finish::settled().with_status(serde_json::to_value(&status).unwrap_or_default())
    }
}

/// Whether a status tells of this very spec under the hash of another version, or of the peer: it stays, since nothing hangs on it
/// here, and a swap writes nothing.
fn is_adopted(o: &VaultAuth, status: &VaultAuthStatus, checked: &CheckedAuth) -> bool {
    let message = |kind| api::meta::condition(&status.conditions, kind).and_then(|one| one.message.as_deref());
    let told = api::meta::condition(&status.conditions, "Healthy").and_then(|one| one.observed_generation);
    status.valid == Some(true)
        && status.spec_hash.filled().is_some()
        && told == o.metadata.generation
        && (o.global_ref().is_none() || message("Available") == checked.merged.as_deref())
}

#[cfg(test)]
mod tests;
