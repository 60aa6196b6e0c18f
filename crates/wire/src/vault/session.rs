//! Who keeps the token: one login for however many calls at once, renewed while it can be, thrown away when it dies, and asked
//! for anew when the server refuses it – at most once a minute, because a refusal is mostly a policy (VSO §8.8).
//!
//! A session is one user's way to a server; sessions that prove the same to the same server share what they keep
//! ([`crate::vault::Sessions`]). It is told to close, and then the token ends if nobody else uses it and nothing hangs on it; it
//! does not revoke on drop: leases die with their token.
//! Specification: VSO §8.7 (timing), §8.8 (taint, revocation), §8.9 (restoring); ESO §10.5; design §5 and §11.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, Weak};
use std::time::Duration;

use base::{Fault, Kind, SecretBytes};
use serde_json::json;
use tokio::time::Instant;

use crate::vault::auth::Auth;
use crate::vault::call::Call;
use crate::vault::connection::Connection;
use crate::vault::refusal::Refusal;
use crate::vault::response::{AuthBlock, Response};
pub use crate::vault::token::TokenMeta;
use crate::vault::token::{Held, before_renewal};

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

/// One user's way to a server, with a token that is kept.
pub struct Session {
    me: Weak<Session>,
    connection: Connection,
    auth: Auth,
    keeping: Keeping,
    kept: Arc<Kept>,
    /// Under which number the keeper knows it.
    number: u64,
    listeners: Mutex<Vec<Listener>>,
}

/// What sessions share that prove the same to the same server: one token, and who uses it. Whoever needs a login does it his own
/// way; the others take what comes of it.
#[derive(Default)]
pub(super) struct Kept {
    held: RwLock<Option<Arc<Held>>>,
    /// Whoever holds it may log in; the others wait for the result.
    gate: tokio::sync::Mutex<Gate>,
    /// Logins that failed: tells those who waited for one from those who come later.
    failures: AtomicU64,
    users: Mutex<Users>,
    /// The accessor of the token that has ended last.
    ended: Mutex<Option<String>>,
}

#[derive(Default)]
struct Users {
    count: u64,
    all: BTreeMap<u64, Weak<Session>>,
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

impl Session {
    /// A session of its own that logs in when it is first used.
    #[must_use]
    pub fn open(connection: Connection, auth: Auth, keeping: Keeping) -> Arc<Self> {
        Self::sharing(Arc::default(), connection, auth, keeping)
    }

    /// A session that uses what others keep.
    pub(super) fn sharing(kept: Arc<Kept>, connection: Connection, auth: Auth, keeping: Keeping) -> Arc<Self> {
        Arc::new_cyclic(|me| {
            let number = kept.join(Weak::clone(me));
            Self { me: Weak::clone(me), connection, auth, keeping, kept, number, listeners: Mutex::default() }
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

    /// The accessor of the token that has ended last: leases that it made are gone, or about to go.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.kept.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks the token up at the server: whether it works, and what it is.
    ///
    /// # Errors
    /// The token does not work, or no answer came.
    pub async fn lookup_self(&self) -> Result<Response, Fault> {
        self.call(&Call::read("auth/token/lookup-self")).await
    }

    /// Ends the session, and with the last that uses it the token, if it was logged in for and nothing hangs on it. A given
    /// token is never revoked.
    ///
    /// # Errors
    /// The server could not be asked; the token is forgotten all the same.
    pub async fn close(&self) -> Result<(), Fault> {
        self.kept.leave(self.number);
        match self.kept.take_unused() {
            Some(held) if self.auth.logs_in() && held.is_free() => self.revoke(&held).await,
            _ => Ok(()),
        }
    }

    /// Ends the session as one that another has taken the place of: calls that are under way still get their answers. The token
    /// ends as in [`Session::close`], but later, so that the other may go on with it.
    pub fn retire(&self) {
        self.kept.leave(self.number);
        let Some(session) = self.me.upgrade().filter(|session| session.auth.logs_in()) else { return };
        if self.living().is_none_or(|held| !held.is_free()) {
            return;
        }
        tokio::spawn(async move {
            tokio::time::sleep(REVOCATION_DELAY).await;
            if let Err(fault) = session.close().await {
                tracing::debug!(fault = fault.chain(), "the Vault token of an ended session was not revoked");
            }
        });
    }

    /// Takes up a token that an earlier process has logged in for (the answer of its login), if it can still be renewed and
    /// nobody was faster.
    ///
    /// # Errors
    /// The answer holds no token, or the server does not renew it; the session then logs in when it is used.
    pub async fn restore(&self, login: SecretBytes) -> Result<(), Fault> {
        let attempt = "cannot take up a stored Vault token";
        let block = AuthBlock::of(&Response::stored(login.clone(), attempt)?, attempt)?;
        let mut gate = self.kept.gate.lock().await;
        if self.living().is_some() {
            return Ok(());
        }
        gate.generation += 1;
        let held = Arc::new(Held::new(gate.generation, block, login));
        // Leases of the earlier process may hang on it.
        held.bind();
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
        held.note_made(call, &response);
        Ok(response)
    }

    /// A token that lives; one login, however many ask.
    async fn token(&self) -> Result<Arc<Held>, Fault> {
        if let Some(held) = self.living() {
            return Ok(held);
        }
        let seen = self.kept.failures.load(Ordering::Acquire);
        let mut gate = self.kept.gate.lock().await;
        if let Some(held) = self.living() {
            return Ok(held);
        }
        if let Some(fault) = gate.failure_since(seen) {
            return Err(fault);
        }
        self.log_in(&mut gate).await
    }

    fn living(&self) -> Option<Arc<Held>> {
        self.kept.living()
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
                let (fault, number) =
                    (Arc::new(fault.of_access()), self.kept.failures.fetch_add(1, Ordering::AcqRel) + 1);
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
        call = self.at_home(call);
        for (name, value) in &self.keeping.login_headers {
            call = call.header(name, value);
        }
        let response = self.connection.send(&call, None).await.map_err(|fault| fault.within(attempt.clone()))?;
        let block = AuthBlock::of(&response, &attempt)?;
        tracing::debug!(method = self.auth.method(), lease = block.lease_duration, "logged in to Vault");
        Ok(Held::new(generation, block, response.body().clone()))
    }

    /// A call about the token, in the namespace in which it was made.
    fn at_home(&self, call: Call) -> Call {
        match &self.keeping.login_namespace {
            Some(namespace) => call.namespace(namespace),
            None => call,
        }
    }

    fn hold(&self, held: Arc<Held>) {
        let former = self.kept.place().replace(Arc::clone(&held));
        if self.keeping.renew && held.block.renewable && held.block.lease_duration > 0 {
            tokio::spawn(keep(Arc::downgrade(&self.kept), held));
        }
        if let Some(former) = former {
            self.supersede(former);
        }
    }

    /// The former token is revoked only if nothing hangs on it: dynamic credentials die with their token (VSO §8.8). If something
    /// does, it is renewed on ([`keep`]).
    fn supersede(&self, former: Arc<Held>) {
        if !former.lives(Instant::now()) {
            return self.kept.tell(Change::Expired, &former);
        }
        self.kept.tell(Change::Replaced, &former);
        let Some(session) = self.me.upgrade().filter(|session| session.auth.logs_in() && former.is_free()) else {
            return;
        };
        // Calls that are under way with it still get their answers.
        tokio::spawn(async move {
            tokio::time::sleep(REVOCATION_DELAY).await;
            if former.is_free()
                && let Err(fault) = session.revoke(&former).await
            {
                tracing::debug!(fault = fault.chain(), "a superseded Vault token was not revoked");
            }
        });
    }

    async fn after_denial(&self, held: &Arc<Held>, fault: &Fault) -> Result<Option<Arc<Held>>, Fault> {
        let seen = self.kept.failures.load(Ordering::Acquire);
        let mut gate = self.kept.gate.lock().await;
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
        let lookup = self.at_home(Call::read("auth/token/lookup-self"));
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
        let call = self.at_home(call);
        let response = self.connection.send(&call, Some(&held.block.client_token)).await?;
        let block = AuthBlock::of(&response, "cannot renew the Vault token")?;
        held.prolong(block.lease_duration);
        Ok(())
    }

    async fn revoke(&self, held: &Held) -> Result<(), Fault> {
        let call = self.at_home(Call::write_nothing("auth/token/revoke-self").idempotent());
        match self.connection.send(&call, Some(&held.block.client_token)).await {
            // Whom the server does not know is revoked already.
            Err(fault) if fault.kind() == Kind::Denied => Ok(()),
            other => other.map(drop),
        }
    }

    fn tell(&self, change: Change, held: &Held) {
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(|listener| listener(change, &held.block.accessor));
    }

    fn place(&self) -> &str {
        self.connection.place()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.kept.leave(self.number);
    }
}

impl Kept {
    fn join(&self, session: Weak<Session>) -> u64 {
        let mut users = self.users();
        users.count += 1;
        let number = users.count;
        users.all.insert(number, session);
        number
    }

    fn leave(&self, number: u64) {
        self.users().all.remove(&number);
    }

    /// The token, if nobody uses it any more; whoever comes later logs in.
    fn take_unused(&self) -> Option<Arc<Held>> {
        let users = self.users();
        if users.all.is_empty() { self.place().take() } else { None }
    }

    /// Somebody who uses the token, and may renew it for all.
    fn user(&self) -> Option<Arc<Session>> {
        self.users().all.values().find_map(Weak::upgrade)
    }

    /// Tells all users. The last handle of one must not be dropped under the lock: leaving takes it.
    fn tell(&self, change: Change, held: &Held) {
        if change == Change::Expired {
            *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(held.block.accessor.clone());
        }
        let users: Vec<_> = self.users().all.values().filter_map(Weak::upgrade).collect();
        users.iter().for_each(|user| user.tell(change, held));
    }

    fn living(&self) -> Option<Arc<Held>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        held.lives(Instant::now()).then_some(held)
    }

    /// Whether a token is still worth its renewal: it is the one, or something hangs on it.
    fn needs(&self, held: &Held) -> bool {
        let current = self.held.read().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().is_some_and(|current| current.generation == held.generation) || !held.is_free()
    }

    /// Forgets a token that has come to its end.
    fn forget(&self, held: &Held) {
        {
            let mut place = self.place();
            if place.as_ref().is_some_and(|current| current.generation == held.generation) {
                *place = None;
            }
        }
        self.tell(Change::Expired, held);
    }

    fn place(&self) -> RwLockWriteGuard<'_, Option<Arc<Held>>> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn users(&self) -> MutexGuard<'_, Users> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews a token until it can live no longer (VSO §8.7), then forgets it.
async fn keep(kept: Weak<Kept>, held: Arc<Held>) {
    let grace = Duration::from_secs(held.block.lease_duration).mul_f64(0.1 + 0.1 * rand::random::<f64>());
    let mut failures = 0;
    loop {
        let Some(rest) = held.rest(Instant::now()) else { return };
        let Some(pause) = before_renewal(rest, grace, failures) else { break };
        tokio::time::sleep(pause).await;
        let kept = kept.upgrade().filter(|kept| kept.needs(&held));
        let Some(session) = kept.and_then(|kept| kept.user()) else { return };
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
    if let Some(kept) = kept.upgrade().filter(|kept| kept.needs(&held)) {
        kept.forget(&held);
    }
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

#[cfg(test)]
mod tests;
