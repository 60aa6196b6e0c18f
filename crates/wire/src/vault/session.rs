//! Who keeps the token: one login for however many calls at once, renewed while it can be, thrown away when it dies, and asked
//! for anew when the server refuses it – at most once a minute, because a refusal is mostly a policy (VSO §8.8).
//!
//! A session is opened once per (settings, credentials) and shared; the key is the caller's business. It is told to close, it
//! does not revoke on drop: leases die with their token.
//! Specification: VSO §8.7 (timing), §8.8 (taint, revocation), §8.9 (restoring); ESO §10.5; design §5 and §11.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;

use base::{Fault, Kind, SecretBytes, Timestamp};
use serde_json::json;
use tokio::time::Instant;

use crate::vault::auth::Auth;
use crate::vault::call::{AuthBlock, Call, Refusal, Response};
use crate::vault::connection::Connection;

/// What a session does beside answering calls.
#[derive(Clone, Default)]
pub struct Keeping {
    /// The namespace in which to log in, where it is not the calls' own.
    pub login_namespace: Option<String>,
    /// Headers of the login alone.
    pub login_headers: Vec<(String, String)>,
    /// Whether the token is renewed in the background: a server's way. A CLI is gone before it matters.
    pub renew: bool,
}

/// A token that is kept, and the connection it is for.
pub struct Session {
    me: Weak<Session>,
    connection: Connection,
    auth: Auth,
    keeping: Keeping,
    held: RwLock<Option<Arc<Held>>>,
    /// Whoever holds it may log in; the others wait for the result.
    gate: tokio::sync::Mutex<Gate>,
    /// Logins that failed: tells those who waited for one from those who come later.
    failures: AtomicU64,
    listeners: Mutex<Vec<Listener>>,
}

#[derive(Default)]
struct Gate {
    generation: u64,
    /// The last failed login: the how manieth failure it was, and why.
    failed: Option<(u64, Arc<Fault>)>,
    /// When the token was last seen alive, or found to be all that its source has.
    checked: Option<Instant>,
    /// When a living token was last to be replaced.
    relogin: Option<Instant>,
}

type Listener = Box<dyn Fn(Change, &str) + Send + Sync>;

/// What became of a token that others may depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its life is over; leases that it made are gone or about to go.
    Expired,
    /// Another one took its place.
    Replaced,
}

/// A token and what is known of it.
struct Held {
    generation: u64,
    block: AuthBlock,
    login: SecretBytes,
    since: Instant,
    expires: Mutex<Option<Instant>>,
    /// Whether leases depend on it, so that it must not be revoked when another takes its place.
    has_leases: AtomicBool,
}

/// What callers may know of the token.
#[derive(Clone)]
pub struct TokenMeta {
    /// Its accessor; empty for batch tokens.
    pub accessor: String,
    /// Its policies.
    pub policies: Vec<String>,
    /// What the method says about who logged in.
    pub metadata: std::collections::BTreeMap<String, String>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// When it ends; none: it does not, or nobody said.
    pub expires_at: Option<Timestamp>,
    /// The answer of the login as it came; it holds the token.
    pub login: SecretBytes,
}

impl Session {
    /// A session that logs in when it is first used.
    #[must_use]
    pub fn open(connection: Connection, auth: Auth, keeping: Keeping) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            connection,
            auth,
            keeping,
            held: RwLock::default(),
            gate: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
            listeners: Mutex::default(),
        })
    }

    /// The connection, for calls that need no token.
    #[must_use]
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Asks Vault, with a token that is got first if there is none. A refusal for want of rights (403) is asked again with a new
    /// token where that may help.
    ///
    /// # Errors
    /// The login failed, no answer came, or Vault refused.
    pub async fn call(&self, call: &Call) -> Result<Response, Fault> {
        let held = self.token().await?;
        match self.send_with(&held, call).await {
            Err(fault) if fault.kind() == Kind::Denied => match self.after_denial(&held, &fault).await? {
                Some(fresh) => self.send_with(&fresh, call).await,
                None => Err(fault),
            },
            other => other,
        }
    }

    /// What is known of the token; logs in first if there is none.
    ///
    /// # Errors
    /// The login failed.
    pub async fn meta(&self) -> Result<TokenMeta, Fault> {
        Ok(self.token().await?.meta())
    }

    /// What is known of the token, if there is one that lives.
    #[must_use]
    pub fn current(&self) -> Option<TokenMeta> {
        self.living().map(|held| held.meta())
    }

    /// Looks the token up at the server: whether it works, and what it is.
    ///
    /// # Errors
    /// The token does not work, or no answer came.
    pub async fn lookup_self(&self) -> Result<Response, Fault> {
        self.call(&Call::read("auth/token/lookup-self")).await
    }

    /// Has the token live longer; `increment` in seconds, 0 for what the role says.
    ///
    /// # Errors
    /// The token cannot be renewed, or no answer came.
    pub async fn renew_self(&self, increment: u64) -> Result<(), Fault> {
        let held = self.token().await?;
        self.renew(&held, increment).await
    }

    /// Ends the token, if this session has logged in for it. A given token is never revoked.
    ///
    /// # Errors
    /// The server could not be asked; the token is forgotten all the same.
    pub async fn close(&self) -> Result<(), Fault> {
        let held = self.held.write().unwrap_or_else(PoisonError::into_inner).take();
        match held {
            Some(held) if self.auth.logs_in() => self.revoke(&held).await,
            _ => Ok(()),
        }
    }

    /// Ends the session as one that another has taken the place of: its token is revoked soon, unless leases hang on it.
    pub fn retire(&self) {
        if let Some(held) = self.living() {
            self.revoke_later(held);
        }
    }

    /// Takes up a token that an earlier process has logged in for (the answer of its login), if it can still be renewed.
    ///
    /// # Errors
    /// The answer holds no token, or the server does not renew it; the session then logs in when it is used.
    pub async fn restore(&self, login: SecretBytes) -> Result<(), Fault> {
        let attempt = "cannot take up a stored Vault token";
        let block = AuthBlock::of(&Response::stored(login.clone(), attempt)?, attempt)?;
        let mut gate = self.gate.lock().await;
        gate.generation += 1;
        let held = Arc::new(Held::new(gate.generation, block, login));
        // Leases of the earlier process may hang on it.
        held.has_leases.store(true, Ordering::Relaxed);
        self.renew(&held, 0).await.map_err(|fault| fault.within(attempt))?;
        self.hold(held);
        Ok(())
    }

    /// Tells when a token has ended or was replaced, with its accessor: what depends on it must be looked at again.
    pub fn on_change(&self, listener: impl Fn(Change, &str) + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(listener));
    }

    async fn send_with(&self, held: &Held, call: &Call) -> Result<Response, Fault> {
        let response = self.connection.send(call, Some(&held.block.client_token)).await?;
        held.note_lease(&response);
        Ok(response)
    }

    /// A token that lives; one login, however many ask.
    async fn token(&self) -> Result<Arc<Held>, Fault> {
        if let Some(held) = self.living() {
            return Ok(held);
        }
        let seen = self.failures.load(Ordering::Acquire);
        let mut gate = self.gate.lock().await;
        if let Some(held) = self.living() {
            return Ok(held);
        }
        if let Some(fault) = gate.failure_since(seen) {
            return Err(fault);
        }
        self.log_in(&mut gate).await
    }

    fn living(&self) -> Option<Arc<Held>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        held.lives(Instant::now()).then_some(held)
    }

    async fn log_in(&self, gate: &mut Gate) -> Result<Arc<Held>, Fault> {
        match self.fresh_token(gate.generation + 1).await {
            Ok(held) => {
                gate.generation += 1;
                gate.failed = None;
                gate.checked = None;
                let held = Arc::new(held);
                self.hold(Arc::clone(&held));
                Ok(held)
            }
            Err(fault) => {
                let (fault, number) = (Arc::new(fault), self.failures.fetch_add(1, Ordering::AcqRel) + 1);
                gate.failed = Some((number, Arc::clone(&fault)));
                Err(Fault::shared(&fault))
            }
        }
    }

    async fn fresh_token(&self, generation: u64) -> Result<Held, Fault> {
        let attempt = format!("cannot log in to Vault at `{}` with {}", self.place(), self.auth.method());
        if let Auth::Token(source) = &self.auth {
            let token = source.text().await.map_err(|fault| fault.within(attempt.clone()))?.trimmed();
            if token.is_empty() {
                return Err(Fault::wrong(attempt).because("the token is empty"));
            }
            return Ok(Held::new(generation, AuthBlock::given(token), SecretBytes::default()));
        }
        let mut call = self.auth.login().await.map_err(|fault| fault.within(attempt.clone()))?;
        if let Some(namespace) = &self.keeping.login_namespace {
            call = call.namespace(namespace);
        }
        for (name, value) in &self.keeping.login_headers {
            call = call.header(name, value);
        }
        let response = self.connection.send(&call, None).await.map_err(|fault| fault.within(attempt.clone()))?;
        let block = AuthBlock::of(&response, &attempt)?;
        tracing::debug!(method = self.auth.method(), lease = block.lease_duration, "logged in to Vault");
        Ok(Held::new(generation, block, response.body().clone()))
    }

    fn hold(&self, held: Arc<Held>) {
        let former = self.held.write().unwrap_or_else(PoisonError::into_inner).replace(Arc::clone(&held));
        if self.keeping.renew && held.block.renewable && held.block.lease_duration > 0 {
            tokio::spawn(keep(Weak::clone(&self.me), held));
        }
        if let Some(former) = former {
            self.supersede(&former);
        }
    }

    /// The former token is revoked only if nothing hangs on it: dynamic credentials die with their token (VSO §8.8).
    fn supersede(&self, former: &Arc<Held>) {
        let alive = former.lives(Instant::now());
        self.tell(if alive { Change::Replaced } else { Change::Expired }, former);
        if alive {
            self.revoke_later(Arc::clone(former));
        }
    }

    /// Revokes a token after the calls that are under way with it have got their answers, if this session has logged in for it
    /// and nothing hangs on it.
    fn revoke_later(&self, held: Arc<Held>) {
        let Some(session) = self.me.upgrade().filter(|session| session.auth.logs_in() && held.is_free()) else {
            return;
        };
        tokio::spawn(async move {
            tokio::time::sleep(REVOCATION_DELAY).await;
            if held.is_free()
                && let Err(fault) = session.revoke(&held).await
            {
                tracing::debug!(fault = fault.chain(), "a superseded Vault token was not revoked");
            }
        });
    }

    async fn after_denial(&self, held: &Arc<Held>, fault: &Fault) -> Result<Option<Arc<Held>>, Fault> {
        let seen = self.failures.load(Ordering::Acquire);
        let mut gate = self.gate.lock().await;
        if let Some(current) = self.living().filter(|current| current.generation != held.generation) {
            return Ok(Some(current));
        }
        if let Some(fault) = gate.failure_since(seen) {
            return Err(fault);
        }
        let by_policy = fault.cause::<Refusal>().is_some_and(|refusal| refusal.says("1 error occurred"));
        let checked = gate.checked.map(|checked| checked.elapsed());
        // A given token cannot be replaced by a login, however old it is.
        let since = gate.relogin.map_or(held.since, |relogin| relogin.max(held.since));
        let age = if self.auth.logs_in() { since.elapsed() } else { Duration::ZERO };
        match reaction(by_policy, age, checked) {
            Reaction::Believe => Ok(None),
            Reaction::LogIn => {
                gate.relogin = Some(Instant::now());
                self.log_in(&mut gate).await.map(Some)
            }
            Reaction::Check => {
                gate.checked = Some(Instant::now());
                if self.is_dead(held).await? { self.log_in(&mut gate).await.map(Some) } else { Ok(None) }
            }
        }
    }

    /// Whether another token must be had: the server does not know this one, or its source has another.
    async fn is_dead(&self, held: &Held) -> Result<bool, Fault> {
        if let Auth::Token(source) = &self.auth {
            return Ok(source.text().await?.trimmed() != held.block.client_token);
        }
        let lookup = Call::read("auth/token/lookup-self");
        let dead = match self.connection.send(&lookup, Some(&held.block.client_token)).await {
            Err(fault) => fault.kind() == Kind::Denied,
            Ok(_) => false,
        };
        if dead {
            held.end();
        }
        Ok(dead)
    }

    async fn renew(&self, held: &Held, increment: u64) -> Result<(), Fault> {
        let call = Call::write_json("auth/token/renew-self", &json!({"increment": increment}))?.idempotent();
        let response = self.connection.send(&call, Some(&held.block.client_token)).await?;
        let block = AuthBlock::of(&response, "cannot renew the Vault token")?;
        held.prolong(block.lease_duration);
        Ok(())
    }

    async fn revoke(&self, held: &Held) -> Result<(), Fault> {
        let call = Call::write_nothing("auth/token/revoke-self").idempotent();
        match self.connection.send(&call, Some(&held.block.client_token)).await {
            // Whom the server does not know is revoked already.
            Err(fault) if fault.kind() == Kind::Denied => Ok(()),
            other => other.map(drop),
        }
    }

    /// Forgets this token, if it is still the one that is held.
    fn forget(&self, held: &Held) {
        let mut place = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if place.as_ref().is_some_and(|current| current.generation == held.generation) {
            *place = None;
            drop(place);
            self.tell(Change::Expired, held);
        }
    }

    fn is_held(&self, held: &Held) -> bool {
        let place = self.held.read().unwrap_or_else(PoisonError::into_inner);
        place.as_ref().is_some_and(|current| current.generation == held.generation)
    }

    fn tell(&self, change: Change, held: &Held) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(|listener| listener(change, &held.block.accessor));
    }

    fn place(&self) -> &str {
        self.connection.place()
    }
}

/// Renews a token until it can live no longer (VSO §8.7), then forgets it.
async fn keep(session: Weak<Session>, held: Arc<Held>) {
    let grace = Duration::from_secs(held.block.lease_duration).mul_f64(0.1 + 0.1 * rand::random::<f64>());
    let mut failures = 0;
    loop {
        let Some(rest) = held.rest(Instant::now()) else { return };
        let Some(pause) = before_renewal(rest, grace, failures) else { break };
        tokio::time::sleep(pause).await;
        let Some(session) = session.upgrade().filter(|session| session.is_held(&held)) else { return };
        match session.renew(&held, held.block.lease_duration).await {
            Ok(()) => failures = 0,
            Err(fault) if matches!(fault.kind(), Kind::Denied | Kind::Wrong) => {
                tracing::debug!(fault = fault.chain(), "a Vault token is renewed no more");
                break;
            }
            Err(fault) => {
                failures += 1;
                tracing::debug!(fault = fault.chain(), failures, "a Vault token was not renewed, trying again");
            }
        }
    }
    if let Some(session) = session.upgrade() {
        session.forget(&held);
    }
}

/// How long until the next renewal: two thirds of the rest and a third of the grace; after failures less and less patience with
/// the plan and more with the server. Nothing: so little is left that a new login is due.
fn before_renewal(rest: Duration, grace: Duration, failures: u32) -> Option<Duration> {
    if rest <= grace {
        return None;
    }
    let planned = rest.mul_f64(2.0 / 3.0) + grace / 3;
    let backoff = Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    Some(if failures == 0 { planned } else { planned.min(backoff) }.min(rest))
}

/// What to do about a refusal for want of rights.
#[derive(Debug, PartialEq, Eq)]
enum Reaction {
    /// The role may have got new policies since: a new token has them.
    LogIn,
    /// The token is young: is it dead, or does it lack the right?
    Check,
    /// It was alive a moment ago, so it lacks the right.
    Believe,
}

/// Whether the server speaks of a policy (VSO §17.1 has both texts), the token's age, and how long ago it was last seen alive.
fn reaction(by_policy: bool, age: Duration, checked: Option<Duration>) -> Reaction {
    let trusted = if by_policy { CHECK_INTERVAL } else { CHECK_INTERVAL / 10 };
    if age >= RELOGIN_INTERVAL {
        Reaction::LogIn
    } else if checked.is_some_and(|ago| ago < trusted) {
        Reaction::Believe
    } else {
        Reaction::Check
    }
}

/// A living token is replaced at most this often (VSO §8.8).
const RELOGIN_INTERVAL: Duration = Duration::from_secs(60);
/// Two hundred objects that are refused at once ask once whether their token lives; a tenth of it counts where the server may mean
/// the token and not a policy.
const CHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Longer than any call takes that is not in trouble.
const REVOCATION_DELAY: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 60_000 });

impl Gate {
    /// The failure of a login that ended after so many had failed.
    fn failure_since(&self, seen: u64) -> Option<Fault> {
        self.failed.as_ref().filter(|(number, _)| *number > seen).map(|(_, fault)| Fault::shared(fault))
    }
}

impl Held {
    fn new(generation: u64, block: AuthBlock, login: SecretBytes) -> Self {
        let since = Instant::now();
        let life = Some(block.lease_duration).filter(|seconds| *seconds > 0).map(Duration::from_secs);
        let expires = Mutex::new(life.map(|life| since + life));
        Self { generation, block, login, since, expires, has_leases: AtomicBool::new(false) }
    }

    /// Not in its last moments either, when a call could begin with it and end without.
    fn lives(&self, now: Instant) -> bool {
        let margin = Duration::from_secs(self.block.lease_duration).mul_f64(0.02).min(Duration::from_secs(5));
        self.rest(now).is_none_or(|rest| rest > margin)
    }

    fn rest(&self, now: Instant) -> Option<Duration> {
        let expires = *self.expires.lock().unwrap_or_else(PoisonError::into_inner);
        Some(expires?.saturating_duration_since(now))
    }

    fn prolong(&self, seconds: u64) {
        let until =
            Some(seconds).filter(|seconds| *seconds > 0).map(|seconds| Instant::now() + Duration::from_secs(seconds));
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    fn end(&self) {
        *self.expires.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether no lease hangs on it.
    fn is_free(&self) -> bool {
        !self.has_leases.load(Ordering::Relaxed)
    }

    fn note_lease(&self, response: &Response) {
        if !response.lease_id.is_empty() {
            self.has_leases.store(true, Ordering::Relaxed);
        }
    }

    fn meta(&self) -> TokenMeta {
        let rest = self.rest(Instant::now());
        let expires_at = rest.and_then(|rest| Timestamp::now().checked_add(rest).ok());
        TokenMeta {
            accessor: self.block.accessor.clone(),
            policies: self.block.policies.clone(),
            metadata: self.block.metadata.clone(),
            renewable: self.block.renewable,
            expires_at,
            login: self.login.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
