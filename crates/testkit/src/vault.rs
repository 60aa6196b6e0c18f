//! A small Vault/OpenBao on 127.0.0.1: tokens and their lives, logins (approle, kubernetes, jwt, userpass), KV 1 and 2,
//! leased and static database credentials, PKI with real certificates, transit, namespaces as prefixes. It counts what it
//! is asked and misbehaves when told to (`server().misbehave`). Policies are not evaluated, only `deny`.
//! Specification: VSO §17 (shapes and texts, live-checked on OpenBao), ESO §10.5, VALS §10.1.

mod ask;
mod auth;
mod database;
mod engine;
mod envelope;
mod kv;
mod pki;
mod state;
mod terms;
#[cfg(test)]
mod tests;
mod transit;

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

pub use auth::Role;
pub use engine::Engine;
pub use terms::Terms;

use crate::clock::Clock;
use crate::http::Server;
use state::State;

pub(crate) use terms::after;

/// The token that may do everything.
pub const ROOT: &str = "root";

/// A running Vault with `secret/` as KV 2, as a dev server has it.
pub struct Vault {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Vault {
    /// Starts by the system's clock.
    pub async fn start() -> Self {
        Self::with_clock(Arc::default()).await
    }

    /// Starts by a clock that the test moves.
    pub async fn with_clock(clock: Arc<Clock>) -> Self {
        let state = Arc::new(Mutex::new(State::new(clock)));
        let own = Arc::clone(&state);
        let server = Server::start(move |asked| lock(&own).answer(asked)).await;
        let vault = Self { server, state };
        vault.mount("secret", Engine::kv2());
        vault
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What was asked, how often; and how to make it misbehave.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How many requests had this method (`*`: any) and this path below `/v1/`.
    #[must_use]
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.server.count(method, &format!("/v1/{path}"))
    }

    /// How many logins were asked for.
    #[must_use]
    pub fn logins(&self) -> usize {
        let is_login = |path: &str| path.starts_with("/v1/auth/") && path.contains("/login");
        self.server.requests().iter().filter(|asked| is_login(&asked.path)).count()
    }

    /// Makes a namespace; paths of mounts and values in it begin with its name.
    pub fn namespace(&self, name: &str) {
        self.lock().namespaces.insert(name.trim_matches('/').to_owned());
    }

    /// Mounts an engine.
    pub fn mount(&self, path: &str, engine: Engine) {
        self.lock().mounts.insert(path.trim_matches('/').to_owned(), engine);
    }

    /// Enables an auth method (`approle`, `kubernetes`, `jwt`, `userpass`) at a path.
    ///
    /// # Panics
    /// If the method is none of these.
    pub fn enable_auth(&self, path: &str, method: &str) {
        self.lock().enable_auth(path, method);
    }

    /// Adds a role (of userpass: a user) to an auth method.
    ///
    /// # Panics
    /// If nothing is enabled there.
    pub fn role(&self, path: &str, name: &str, role: Role) {
        self.lock().add_role(path, name, role);
    }

    /// A token for a client that brings its own.
    #[must_use]
    pub fn token(&self, terms: &Terms) -> String {
        self.lock().issue_token("", terms, "token").id
    }

    /// Writes a value: `secret/app/db` is the mount's path and the key, for KV 1 and 2 alike.
    ///
    /// # Panics
    /// If no KV engine is mounted there.
    pub fn put(&self, path: &str, value: Value) {
        self.lock().put(path, value);
    }

    /// Deletes a key's latest version (KV 2), or the key (KV 1).
    ///
    /// # Panics
    /// If no KV engine is mounted there.
    pub fn remove(&self, path: &str) {
        self.lock().remove(path);
    }

    /// The value as it stands, whoever wrote it.
    #[must_use]
    pub fn value(&self, path: &str) -> Option<Value> {
        self.lock().value(path)
    }

    /// Refuses every path (below `/v1/`) that begins so, as a policy would.
    pub fn deny(&self, prefix: &str) {
        self.lock().denied.push(prefix.to_owned());
    }

    /// Takes every denial back.
    pub fn allow_all(&self) {
        self.lock().denied.clear();
    }

    /// Revokes every token but the root's, and with them their leases.
    pub fn revoke_tokens(&self) {
        self.lock().revoke_tokens();
    }

    /// Tokens that live now, without the root's.
    #[must_use]
    pub fn live_tokens(&self) -> usize {
        self.lock().live_tokens()
    }

    /// Leases that live now.
    #[must_use]
    pub fn live_leases(&self) -> Vec<String> {
        self.lock().live_leases()
    }

    /// Serial numbers of revoked certificates.
    #[must_use]
    pub fn revoked_certificates(&self) -> Vec<String> {
        self.lock().revoked_certificates()
    }

    /// Gives a static database role a new password.
    ///
    /// # Panics
    /// If there is no such role.
    pub fn rotate(&self, mount: &str, role: &str) {
        self.lock().rotate(mount, role);
    }

    /// Seals or unseals: sealed, everything but health and seal status is 503.
    pub fn seal(&self, sealed: bool) {
        self.lock().sealed = sealed;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nobody panics while holding the vault")
}
