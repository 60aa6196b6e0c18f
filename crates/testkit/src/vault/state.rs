//! What the server knows, and which part of it answers a path. Time is the clock's: tokens and leases end by it.
//! Specification: VSO §17.3.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base::Timestamp;
use serde_json::{Value, json};

use super::ask::{Ask, join};
use super::auth::{Method, Role};
use super::engine::Engine;
use super::terms::{Terms, after, seconds_of, short};
use super::{ROOT, database, envelope, kv, pki, transit};
use crate::clock::Clock;
use crate::http::{Answer, Asked};

/// A token and its life.
#[derive(Clone, Debug)]
pub struct Token {
    pub id: String,
    pub accessor: String,
    pub path: String,
    pub terms: Terms,
    pub made: Timestamp,
    pub ends: Option<Timestamp>,
    pub namespace: String,
}

/// A lease and its life.
#[derive(Clone, Debug)]
pub struct Lease {
    pub token: String,
    pub terms: Terms,
    pub made: Timestamp,
    pub ends: Timestamp,
}

/// Everything.
pub struct State {
    clock: Arc<Clock>,
    serial: u64,
    pub sealed: bool,
    pub namespaces: BTreeSet<String>,
    pub mounts: BTreeMap<String, Engine>,
    pub methods: BTreeMap<String, Method>,
    pub tokens: BTreeMap<String, Token>,
    pub leases: BTreeMap<String, Lease>,
    pub denied: Vec<String>,
}

impl State {
    pub fn new(clock: Arc<Clock>) -> Self {
        let mut state = Self {
            clock,
            serial: 0,
            sealed: false,
            namespaces: BTreeSet::new(),
            mounts: BTreeMap::new(),
            methods: BTreeMap::new(),
            tokens: BTreeMap::new(),
            leases: BTreeMap::new(),
            denied: Vec::new(),
        };
        let mut root = state.issue_token("", &Terms::default(), "root");
        state.tokens.remove(&root.id);
        (root.id, root.ends, root.terms.renewable) = (ROOT.to_owned(), None, false);
        state.tokens.insert(ROOT.to_owned(), root);
        state
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    pub fn answer(&mut self, asked: &Asked) -> Answer {
        let Some(path) = asked.path.strip_prefix("/v1/") else { return envelope::absent() };
        let namespace = asked.header("x-vault-namespace").trim_matches('/').to_owned();
        let ask = Ask { asked, namespace, path, body: asked.json() };
        match path {
            "sys/seal-status" => return self.seal_status(),
            "sys/health" => return self.health(),
            _ if self.sealed => return envelope::error(503, "Vault is sealed"),
            _ => {}
        }
        if !ask.namespace.is_empty() && !self.namespaces.contains(&ask.namespace) {
            return envelope::error(404, "namespace not found");
        }
        if let Some(login) = path.strip_prefix("auth/").filter(|rest| rest.contains("/login")) {
            return self.login(&ask, login);
        }
        self.end_what_is_over();
        let Some(token) = self.bearer(&ask) else { return envelope::denied() };
        if self.denied.iter().any(|prefix| ask.path.starts_with(prefix.as_str())) {
            return envelope::denied_by_policy();
        }
        self.route(&ask, &token)
    }

    fn route(&mut self, ask: &Ask<'_>, token: &Token) -> Answer {
        match (ask.method(), ask.path) {
            ("GET", "auth/token/lookup-self") => self.lookup(token),
            ("PUT", "auth/token/renew-self") => self.renew_token(ask, token),
            ("PUT", "auth/token/revoke-self") => self.revoke_token(&token.id.clone()),
            ("PUT", "sys/leases/renew") => self.renew_lease(ask),
            ("PUT", "sys/leases/revoke") => self.revoke_lease(ask),
            ("PUT", "sys/leases/lookup") => self.lookup_lease(ask),
            ("GET", path) if path.starts_with("sys/mounts/") => self.describe_mount(ask, "sys/mounts/", 400),
            ("GET", path) if path.starts_with("sys/internal/ui/mounts/") => {
                self.describe_mount(ask, "sys/internal/ui/mounts/", 403)
            }
            (_, path) if path.starts_with("sys/") || path.starts_with("auth/") => envelope::unsupported_path(),
            _ => self.ask_engine(ask, token),
        }
    }

    fn ask_engine(&mut self, ask: &Ask<'_>, token: &Token) -> Answer {
        let full = ask.full();
        let Some(mount) = self.mount_of(&full) else {
            let text = format!("no handler for route {:?}. route entry not found.", ask.path);
            return envelope::error(404, &text);
        };
        let rest = full[mount.len()..].trim_start_matches('/').to_owned();
        let (serial, now) = (self.next(), self.now());
        let at = (serial, now);
        match self.mounts.get_mut(&mount) {
            Some(Engine::Kv1(keys)) => kv::answer_v1(keys, ask, &rest, serial),
            Some(Engine::Kv2(keys)) => kv::answer_v2(keys, ask, &rest, at),
            Some(Engine::Database(roles)) => {
                let leased = database::answer(roles, ask, &rest, at);
                self.keep_lease(leased, ask.path, token)
            }
            Some(Engine::Pki(authority)) => pki::answer(authority, ask, &rest, at),
            Some(Engine::Transit(keys)) => transit::answer(keys, ask, &rest, serial),
            None => envelope::absent(),
        }
    }

    /// The mount whose path is the longest beginning of this one.
    fn mount_of(&self, full: &str) -> Option<String> {
        let begins = |mount: &&String| full.strip_prefix(mount.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.mounts.keys().filter(begins).max_by_key(|mount| mount.len()).cloned()
    }

    /// Answers `auth/MOUNT/login` and `auth/MOUNT/login/USER`.
    fn login(&mut self, ask: &Ask<'_>, rest: &str) -> Answer {
        let (mount, user) = rest.split_once("/login").unwrap_or((rest, ""));
        let Some(method) = self.methods.get(&join(&ask.namespace, mount)) else { return envelope::denied() };
        let (terms, metadata) = match method.proven(ask, user.trim_start_matches('/'), self.now()) {
            Ok((role, metadata)) => (role.terms.clone(), metadata),
            Err(answer) => return answer,
        };
        let token = self.issue_token(&ask.namespace, &terms, &format!("auth/{mount}/login"));
        let block = self.auth_block(&token, terms.ttl_seconds, &metadata);
        envelope::auth(self.next(), block, Value::Null)
    }

    fn bearer(&self, ask: &Ask<'_>) -> Option<Token> {
        let given = match ask.asked.header("x-vault-token") {
            "" => ask.asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default(),
            token => token,
        };
        self.tokens.get(given).cloned()
    }

    fn end_what_is_over(&mut self) {
        let now = self.now();
        self.tokens.retain(|_, token| token.ends.is_none_or(|ends| ends > now));
        let tokens = &self.tokens;
        self.leases.retain(|_, lease| lease.ends > now && tokens.contains_key(&lease.token));
    }

    pub fn issue_token(&mut self, namespace: &str, terms: &Terms, path: &str) -> Token {
        let (serial, made) = (self.next(), self.now());
        let suffix = if namespace.is_empty() { String::new() } else { format!(".{}", namespace.replace('/', "")) };
        let kind = if terms.is_batch { "b" } else { "s" };
        let accessor = if terms.is_batch { String::new() } else { format!("accessor{serial:016x}{suffix}") };
        let token = Token {
            id: format!("{kind}.token{serial:019x}{suffix}"),
            accessor,
            path: path.to_owned(),
            terms: terms.clone(),
            made,
            ends: Some(after(made, terms.ttl_seconds)),
            namespace: namespace.to_owned(),
        };
        self.tokens.insert(token.id.clone(), token.clone());
        token
    }

    fn seal_status(&self) -> Answer {
        Answer::json(
            200,
            &json!({
                "type": "shamir", "initialized": true, "sealed": self.sealed, "t": 1, "n": 1, "progress": 0, "nonce": "",
                "version": "2.7.2", "storage_type": "inmem", "cluster_name": "vault-cluster-testkit",
            }),
        )
    }

    fn health(&self) -> Answer {
        let code = if self.sealed { 503 } else { 200 };
        let seconds = self.now().as_second();
        let told = json!({ "initialized": true, "sealed": self.sealed, "standby": false, "server_time_utc": seconds,
                "version": "2.7.2", "cluster_name": "vault-cluster-testkit" });
        Answer::json(code, &told)
    }

    fn lookup(&mut self, token: &Token) -> Answer {
        let now = self.now();
        let ttl = token.ends.map_or(0, |ends| ends.as_second() - now.as_second());
        let mut told = json!({
            "accessor": token.accessor, "creation_time": token.made.as_second(), "creation_ttl": token.terms.ttl_seconds,
            "display_name": token.path, "entity_id": "", "expire_time": token.ends.map(|ends| ends.to_string()),
            "explicit_max_ttl": 0, "id": token.id, "issue_time": token.made.to_string(), "meta": null, "num_uses": 0,
            "orphan": true, "path": token.path, "policies": token.terms.policies, "renewable": token.terms.renewable,
            "ttl": ttl, "type": token.terms.kind(),
        });
        if !token.namespace.is_empty() {
            told["namespace_path"] = Value::from(format!("{}/", token.namespace));
        }
        envelope::data(self.next(), told)
    }

    fn renew_token(&mut self, ask: &Ask<'_>, token: &Token) -> Answer {
        if token.terms.is_batch {
            return envelope::error(400, "batch tokens cannot be renewed");
        }
        if !token.terms.renewable {
            return envelope::error(400, "lease is not renewable");
        }
        let (seconds, warning) = self.granted(&token.terms, token.made, seconds_of(&ask.body["increment"]));
        let ends = after(self.now(), seconds);
        let mut renewed = token.clone();
        renewed.ends = Some(ends);
        self.tokens.insert(renewed.id.clone(), renewed.clone());
        let auth = self.auth_block(&renewed, seconds, &json!({}));
        envelope::auth(self.next(), auth, warning)
    }

    fn revoke_token(&mut self, id: &str) -> Answer {
        self.tokens.remove(id);
        self.end_what_is_over();
        Answer::empty(204)
    }

    /// Seconds from now that a renewal gets: what is asked, or the role's own, never beyond the maximum since the start.
    fn granted(&self, terms: &Terms, made: Timestamp, asked: Option<i64>) -> (i64, Value) {
        let wanted = asked.filter(|seconds| *seconds > 0).unwrap_or(terms.ttl_seconds);
        let left = terms.max_seconds - (self.now().as_second() - made.as_second());
        if wanted <= left {
            return (wanted, Value::Null);
        }
        let text = format!(
            "TTL of {:?} exceeded the effective max_ttl of {:?}; TTL value is capped accordingly",
            short(wanted),
            short(terms.max_seconds)
        );
        (left.max(0), json!([text]))
    }

    fn auth_block(&self, token: &Token, seconds: i64, metadata: &Value) -> Value {
        json!({
            "client_token": token.id, "accessor": token.accessor, "policies": token.terms.policies,
            "token_policies": token.terms.policies, "metadata": metadata, "lease_duration": seconds,
            "renewable": token.terms.renewable, "entity_id": "", "token_type": token.terms.kind(), "orphan": true,
            "num_uses": 0, "mfa_requirement": null,
        })
    }

    /// An engine's answer and, if it is leased, its terms: the lease is bound to the token.
    fn keep_lease(
        &mut self,
        (data, terms): (Result<Value, Answer>, Option<Terms>),
        path: &str,
        token: &Token,
    ) -> Answer {
        let serial = self.next();
        let data = match data {
            Ok(data) => data,
            Err(answer) => return answer,
        };
        let Some(terms) = terms else { return envelope::data(serial, data) };
        let (id, made) = (format!("{path}/lease{serial:019x}"), self.now());
        let ends = after(made, terms.ttl_seconds);
        let (seconds, renewable) = (terms.ttl_seconds, terms.renewable);
        self.leases.insert(id.clone(), Lease { token: token.id.clone(), terms, made, ends });
        envelope::leased(serial, data, (&id, seconds, renewable))
    }

    fn renew_lease(&mut self, ask: &Ask<'_>) -> Answer {
        let id = ask.text("lease_id").to_owned();
        if id.is_empty() {
            return envelope::error(400, "lease_id must be specified");
        }
        let Some(lease) = self.leases.get(&id).cloned() else { return envelope::error(400, "lease not found") };
        if !lease.terms.renewable {
            return envelope::error(400, "lease is not renewable");
        }
        let (seconds, warning) = self.granted(&lease.terms, lease.made, seconds_of(&ask.body["increment"]));
        let ends = after(self.now(), seconds);
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.ends = ends;
        }
        let mut whole = envelope::whole(self.next(), Value::Null, Value::Null);
        (whole["lease_id"], whole["lease_duration"], whole["renewable"]) =
            (Value::from(id), Value::from(seconds), Value::from(true));
        whole["warnings"] = warning;
        Answer::json(200, &whole)
    }

    fn revoke_lease(&mut self, ask: &Ask<'_>) -> Answer {
        let id = ask.text("lease_id");
        if id.is_empty() {
            return envelope::error(400, "lease_id must be specified");
        }
        self.leases.remove(id);
        Answer::empty(204)
    }

    fn lookup_lease(&mut self, ask: &Ask<'_>) -> Answer {
        let id = ask.text("lease_id").to_owned();
        let Some(lease) = self.leases.get(&id).cloned() else { return envelope::error(400, "invalid lease") };
        let ttl = lease.ends.as_second() - self.now().as_second();
        let told = json!({ "id": id, "path": id.rsplit_once('/').map(|(path, _)| path), "issue_time": lease.made.to_string(),
                "expire_time": lease.ends.to_string(), "last_renewal": null, "renewable": lease.terms.renewable, "ttl": ttl });
        envelope::data(self.next(), told)
    }

    fn describe_mount(&mut self, ask: &Ask<'_>, prefix: &str, absent: u16) -> Answer {
        let asked = ask.path.strip_prefix(prefix).unwrap_or_default().trim_matches('/');
        let full = join(&ask.namespace, asked);
        let mount = self.mount_of(&format!("{full}/"));
        let Some((mount, engine)) = mount.and_then(|mount| self.mounts.get_key_value(&mount)) else {
            let text = format!(
                "preflight capability check returned 403, please ensure client's policies grant access to path \"{asked}/\""
            );
            return envelope::error(absent, &text);
        };
        let path = mount.strip_prefix(&format!("{}/", ask.namespace)).unwrap_or(mount);
        let told = json!({ "type": engine.kind(), "path": format!("{path}/"), "options": engine.options(),
                "accessor": format!("{}_testkit", engine.kind()), "description": "", "local": false,
                "config": {}, "deprecation_status": "supported", "external_entropy_access": false, "plugin_version": "",
                "running_plugin_version": "v2.7.2", "running_sha256": "", "seal_wrap": false, "uuid": "" });
        envelope::data(self.next(), told)
    }

    pub fn revoke_tokens(&mut self) {
        self.tokens.retain(|id, _| id == ROOT);
        self.end_what_is_over();
    }

    pub fn live_tokens(&mut self) -> usize {
        self.end_what_is_over();
        self.tokens.len() - 1
    }

    pub fn live_leases(&mut self) -> Vec<String> {
        self.end_what_is_over();
        self.leases.keys().cloned().collect()
    }

    pub fn enable_auth(&mut self, path: &str, kind: &str) {
        self.methods.insert(path.trim_matches('/').to_owned(), Method::new(kind));
    }

    pub fn add_role(&mut self, path: &str, name: &str, role: Role) {
        let method = self.methods.get_mut(path.trim_matches('/')).expect("an auth method is enabled there");
        method.roles.insert(name.to_owned(), role);
    }

    pub fn put(&mut self, path: &str, value: Value) {
        let now = self.now();
        let (engine, key) = self.engine_of(path);
        engine.put(key, value, now);
    }

    pub fn remove(&mut self, path: &str) {
        let now = self.now();
        let (engine, key) = self.engine_of(path);
        engine.remove(&key, now);
    }

    pub fn value(&mut self, path: &str) -> Option<Value> {
        let (engine, key) = self.engine_of(path);
        engine.value(&key)
    }

    pub fn rotate(&mut self, mount: &str, role: &str) {
        let now = self.now();
        let Some(Engine::Database(roles)) = self.mounts.get_mut(mount.trim_matches('/')) else {
            panic!("no database is mounted at {mount}");
        };
        roles.rotate(role, now);
    }

    pub fn revoked_certificates(&self) -> Vec<String> {
        let authorities = self.mounts.values().filter_map(|engine| match engine {
            Engine::Pki(authority) => Some(authority),
            _ => None,
        });
        authorities.flat_map(|authority| authority.revoked()).collect()
    }

    /// The engine that is mounted for a path, and the rest of the path.
    fn engine_of(&mut self, path: &str) -> (&mut Engine, String) {
        let mount = self.mount_of(path).unwrap_or_else(|| panic!("nothing is mounted at {path}"));
        let key = path[mount.len()..].trim_start_matches('/').to_owned();
        let engine = self.mounts.get_mut(&mount).expect("the mount was found a moment ago");
        (engine, key)
    }
}
