//! The text's door to Vault and OpenBao: `ref+vault://MOUNT/PATH/KEY`, or `MOUNT/PATH#/KEY/…`. Address, TLS and login come from
//! the options, else from the variables of Vault's own client. Which version a KV engine has is asked of the server, once a
//! mount; whoever may not ask gets both tried. Specification: VALS §10.1, §14 (TLS, unknown methods).

use std::sync::Arc;

use base::{Fault, Kind, Opening, SecretBytes, SecretMap, SecretValue};
use document::json::parse;
use document::{Element, Item, Node, Numbers, Scalar};
use serde::Deserialize;
use source::expand::{Collections, printed};
use source::{Locator, Payload, SecretsClient};
use tokio::sync::Mutex;
use wire::vault::session::Keeping;
use wire::vault::variables::{self, Flavour};
use wire::vault::{Auth, Call, Connection, Refusal, Session, connection};
use wire::{SecretSource, Surroundings};

use super::kv::{Mount, Version};
use super::settings::POD_TOKEN;
use crate::json;
use crate::reach::Reach;
use crate::row::{Asked, Client, TextDoor};
use crate::stores::file::as_go;

/// The doors.
pub const DOORS: &[TextDoor] = &[
    TextDoor { scheme: "vault", open: |asked, reach| open(Flavour::Vault, asked, reach), ..DOOR },
    TextDoor { scheme: "openbao", open: |asked, reach| open(Flavour::OpenBao, asked, reach), ..DOOR },
];

const DOOR: TextDoor = TextDoor {
    scheme: "",
    options: &[
        "address",
        "proto",
        "host",
        "namespace",
        "auth_method",
        "token_env",
        "token_file",
        "role_id",
        "secret_id",
        "username",
        "password_env",
        "password_file",
        "version",
        "kv_version",
        "decode",
    ],
    is_local: false,
    open: |_, _| Box::pin(async { Err(Fault::bug("a door without a scheme")) }),
    locate,
    text,
    tree,
};

struct KvReader {
    session: Arc<Session>,
    /// The version that the reference says its engine has.
    version: Option<Version>,
    /// The engines that the server has told of. Whoever asks holds the lock, so that a mount is asked for once.
    mounts: Mutex<Vec<(String, Version)>>,
}

fn open<'a>(flavour: Flavour, asked: &'a Asked<'a>, reach: &'a Reach) -> Opening<'a, Client> {
    Box::pin(async move {
        let version = match asked.given("kv_version") {
            None => None,
            Some("1") => Some(Version::V1),
            Some("2") => Some(Version::V2),
            Some(other) => return Err(Fault::wrong(format!("kv_version is 1 or 2, and not {other:?}"))),
        };
        let settings = settings(flavour, asked, &reach.surroundings)?;
        let auth = auth(flavour, asked, &reach.surroundings)?;
        let keeping = Keeping { login_namespace: None, login_headers: Vec::new(), renew: false };
        let session = Session::open(Connection::open(&reach.http, settings)?, auth, keeping);
        Ok(Arc::new(KvReader { session, version, mounts: Mutex::default() }) as Client)
    })
}

fn settings(flavour: Flavour, asked: &Asked<'_>, surroundings: &Surroundings) -> Result<connection::Settings, Fault> {
    let mut settings = variables::settings(surroundings, flavour)?;
    let by_host = || Some(format!("{}://{}", asked.option("proto").unwrap_or("https"), asked.option("host")?));
    if let Some(address) = asked.option("address").map(str::to_owned).or_else(by_host) {
        settings.address = address;
    }
    if let Some(namespace) = asked.option("namespace") {
        namespace.clone_into(&mut settings.namespace);
    }
    let trusts_somebody =
        ["CACERT", "CACERT_BYTES", "CAPATH"].iter().any(|name| variables::value(surroundings, flavour, name).is_some());
    if !trusts_somebody && is_loopback(&settings.address) {
        tracing::warn!("the certificate of {} is not verified, since it is on this machine", settings.address);
        settings.tls = settings.tls.unverified();
    }
    Ok(settings)
}

/// Whether an address is one of TLS on this machine, where a development server shows a certificate of its own.
fn is_loopback(address: &str) -> bool {
    let Ok(url) = url::Url::parse(address) else { return false };
    url.scheme() == "https"
        && match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost",
            None => false,
        }
}

fn auth(flavour: Flavour, asked: &Asked<'_>, surroundings: &Surroundings) -> Result<Auth, Fault> {
    let variable = |name: &str| variables::value(surroundings, flavour, name).map(|(_, value)| value.to_owned());
    let by_variable = variable("AUTH_METHOD")
        .filter(|method| matches!(method.as_str(), "approle" | "kubernetes" | "userpass"))
        .unwrap_or_else(|| "token".to_owned());
    let option = |name: &str, variable_name: &str| {
        asked.option(name).map(str::to_owned).or_else(|| variable(variable_name)).filter(|text| !text.is_empty())
    };
    let needed = |name: &str, variable_name: &str| {
        option(name, variable_name).ok_or_else(|| {
            Fault::wrong(format!("cannot log in to Vault: there is no {name}"))
                .hint(format!("set the option {name} or the variable VAULT_{variable_name}"))
        })
    };
    let mount = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
    match asked.option("auth_method").unwrap_or(&by_variable) {
        "token" => token(flavour, asked, surroundings).map(Auth::Token),
        "approle" => Ok(Auth::AppRole {
            mount: mount("LOGIN_MOUNT_POINT", "approle"),
            role_id: SecretSource::from(needed("role_id", "ROLE_ID")?.as_str()),
            secret_id: option("secret_id", "SECRET_ID").map(|text| SecretSource::from(text.as_str())),
        }),
        "kubernetes" => Ok(Auth::Kubernetes {
            mount: mount("KUBERNETES_MOUNT_POINT", "kubernetes"),
            role: needed("role_id", "ROLE_ID")?,
            jwt: in_file(&mount("KUBERNETES_JWT_TOKEN_PATH", POD_TOKEN), surroundings)?,
        }),
        "userpass" => {
            let password = match (option("password_file", "PASSWORD_FILE"), option("password_env", "PASSWORD_ENV")) {
                (Some(path), _) => in_file(&path, surroundings)?,
                (None, Some(name)) => in_variable(&name, "password", "password_env", surroundings)?,
                (None, None) => {
                    return Err(Fault::wrong("cannot log in to Vault: there is no password")
                        .hint("name its variable in password_env, or its file in password_file"));
                }
            };
            let username = needed("username", "USERNAME")?;
            Ok(Auth::UserPass { mount: mount("LOGIN_MOUNT_POINT", "userpass"), username, password })
        }
        other => Err(Fault::wrong(format!("cannot log in to Vault with the method {other:?}"))
            .hint("auth_method is token, approle, kubernetes or userpass")),
    }
}

/// The token: of the options, of the variable, of the variable's file, of the home.
fn token(flavour: Flavour, asked: &Asked<'_>, surroundings: &Surroundings) -> Result<SecretSource, Fault> {
    if let Some(path) = asked.option("token_file") {
        return in_file(path, surroundings);
    }
    if let Some(name) = asked.option("token_env") {
        return in_variable(name, "vault token", "token_env", surroundings);
    }
    let variable = |name: &str| variables::value(surroundings, flavour, name);
    if let Some((_, token)) = variable("TOKEN") {
        return Ok(SecretSource::from(token));
    }
    if let Some((_, path)) = variable("TOKEN_FILE") {
        return in_file(path, surroundings);
    }
    let names: &[&str] = match flavour {
        Flavour::Vault => &[".vault-token"],
        Flavour::OpenBao => &[".bao-token", ".vault-token"],
    };
    let home = surroundings.environment.value("HOME").unwrap_or_default();
    for name in names {
        match in_file(&format!("{home}/{name}"), surroundings) {
            Err(fault) if fault.kind() == Kind::NotFound => {}
            found => return found,
        }
    }
    Err(Fault::wrong("cannot log in to Vault: there is no token")
        .hint("set VAULT_TOKEN, or name its variable in token_env or its file in token_file"))
}

fn in_file(path: &str, surroundings: &Surroundings) -> Result<SecretSource, Fault> {
    let bytes =
        (surroundings.read_file)(path).map_err(|fault| as_go(path, fault).within("Cannot create Vault Client"))?;
    let text =
        bytes.to_text().ok_or_else(|| Fault::wrong(format!("Cannot create Vault Client: {path} is not text")))?;
    Ok(SecretSource::from(text.trimmed()))
}

fn in_variable(name: &str, what: &str, option: &str, surroundings: &Surroundings) -> Result<SecretSource, Fault> {
    let value = surroundings.environment.value(name);
    value.map(SecretSource::from).ok_or_else(|| {
        Fault::wrong(format!(
            "Cannot create Vault Client: {option} configured to read {what} from envvar {name:?}, but it isn't set"
        ))
    })
}

/// The secret: all of the path where a fragment names the key, else all but its last segment.
fn locate(asked: &Asked<'_>) -> Result<Locator, Fault> {
    let place = asked.reference.place();
    let key = if asked.reference.fragment.is_empty() { split(&place).0 } else { place.trim_end_matches('/') };
    Ok(Locator { version: asked.version("version").map(str::to_owned), ..Locator::of(key) })
}

/// A path as secret and key.
fn split(place: &str) -> (&str, &str) {
    let place = place.trim_end_matches('/');
    place.rsplit_once('/').unwrap_or(("", place))
}

fn text(asked: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    let place = asked.reference.place();
    let (secret, key) = split(&place);
    let missing = || {
        let scheme = &asked.reference.scheme;
        Fault::not_found(format!("{scheme}: get string: key {key:?} does not exist in {secret:?}"))
    };
    match tree(asked, payload)? {
        Node::Branch(branch) => match branch.value(key).ok_or_else(missing)? {
            null @ Node::Leaf(Scalar::Null) => Ok(null.clone()),
            node => printed(node, Collections::Go).map(Node::text),
        },
        _ => Err(missing()),
    }
}

/// The fields. Numbers are texts, as the server wrote them: that is what the peer makes of them, and nothing is lost.
fn tree(_: &Asked<'_>, payload: &Payload) -> Result<Node, Fault> {
    let Payload::Bytes(json) = payload else { return Err(Fault::bug("Vault's payload is one JSON text")) };
    let mut node = parse(json.expose(), Numbers::Verbatim)
        .map_err(|_| Fault::unreachable("the secret that Vault has answered is no JSON"))?;
    numbers_as_texts(&mut node);
    Ok(node)
}

fn numbers_as_texts(node: &mut Node) {
    match node {
        Node::Leaf(Scalar::Number(text)) => *node = Node::text(text.clone()),
        Node::Leaf(_) => {}
        Node::List(elements) => elements.iter_mut().for_each(|element| {
            if let Element::Node(node) = element {
                numbers_as_texts(node);
            }
        }),
        Node::Branch(branch) => branch.items.iter_mut().for_each(|item| {
            if let Item::Entry(_, node) = item {
                numbers_as_texts(node);
            }
        }),
    }
}

impl KvReader {
    async fn read(&self, at: &Locator) -> Result<SecretBytes, Fault> {
        if at.key.is_empty() {
            return Err(missing(&at.key));
        }
        match self.engine(&at.key).await? {
            Some((mount, version)) => self.read_at(&Mount::new(Some(mount), version), version, at).await,
            None => {
                // We may not ask where the engine begins and which version it has: the first segment, and the newer one first.
                let guessed = self.read_at(&Mount::new(None, Version::V2), Version::V2, at).await;
                match guessed {
                    Err(fault) if matches!(fault.kind(), Kind::NotFound | Kind::Denied) => {
                        let older = self.read_at(&Mount::new(None, Version::V1), Version::V1, at).await;
                        older.map_err(|second| if second.kind() == Kind::NotFound { second } else { fault })
                    }
                    guessed => guessed,
                }
            }
        }
    }

    async fn read_at(&self, mount: &Mount, version: Version, at: &Locator) -> Result<SecretBytes, Fault> {
        let path = mount.data_path(&at.key);
        let mut call = Call::read(&path);
        if let Some(number) = at.version.as_deref().filter(|_| version == Version::V2) {
            call = call.query("version", number);
        }
        let answer = self.session.call(&call).await.map_err(|fault| match fault.kind() {
            Kind::NotFound => missing(&at.key).because(fault),
            _ => fault,
        })?;
        let data = match version {
            Version::V1 => answer.data(),
            Version::V2 => answer.member("data"),
        };
        data.map(SecretBytes::from).ok_or_else(|| missing(&at.key))
    }

    /// The engine of a path: its mount and version; none where we may not ask.
    async fn engine(&self, path: &str) -> Result<Option<(String, Version)>, Fault> {
        if let Some(version) = self.version {
            let path = path.trim_start_matches('/');
            return Ok(Some((path.split('/').next().unwrap_or_default().to_owned(), version)));
        }
        let mut mounts = self.mounts.lock().await;
        let holds =
            |mount: &str| path.trim_start_matches('/').strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'));
        if let Some(known) = mounts.iter().find(|(mount, _)| holds(mount)) {
            return Ok(Some(known.clone()));
        }
        #[derive(Deserialize)]
        struct Told {
            path: String,
            #[serde(default)]
            options: Option<Options>,
        }
        #[derive(Deserialize)]
        struct Options {
            #[serde(default)]
            version: Option<String>,
        }
        let call = Call::read(&format!("sys/internal/ui/mounts/{path}"));
        let answer = match self.session.call(&call).await {
            Err(fault) => {
                return match fault.cause::<Refusal>().map(|refusal| refusal.status) {
                    Some(403) => Ok(None),
                    // A server that is older than the question.
                    Some(404) => Ok(Some((String::new(), Version::V1))),
                    _ => Err(fault),
                };
            }
            Ok(answer) => answer,
        };
        let told: Told = answer.data_as(&format!("cannot learn where the engine of `{path}` is mounted"))?;
        let is_second = told.options.and_then(|options| options.version).as_deref() == Some("2");
        let known = (told.path.trim_matches('/').to_owned(), if is_second { Version::V2 } else { Version::V1 });
        mounts.push(known.clone());
        Ok(Some(known))
    }
}

fn missing(path: &str) -> Fault {
    Fault::not_found(format!("no secret found for path {path:?}"))
}

impl SecretsClient for KvReader {
    fn fetch<'a>(&'a self, at: &'a Locator) -> Opening<'a, Payload> {
        Box::pin(async move { self.read(at).await.map(Payload::Bytes) })
    }

    fn select(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretValue, Fault> {
        json::select(at, payload, property)
    }

    fn entries(&self, at: &Locator, payload: &Payload, property: Option<&str>) -> Result<SecretMap, Fault> {
        json::entries(at, payload, property)
    }

    fn close(&self) -> Opening<'_, ()> {
        Box::pin(self.session.close())
    }
}

#[cfg(test)]
mod tests;
