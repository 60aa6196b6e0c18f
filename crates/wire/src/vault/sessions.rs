//! The sessions of a process: those that prove the same to the same server share one login, one token and its renewal, whoever
//! opened them – a SecretStore, a generator, a VaultAuth. What differs without another token being needed (the namespace of the
//! calls, deadlines, retries, who counts) stays each session's own. Nothing of a proof is kept, only a keyed digest of it.
//! Specification: VSO §8.8, ESO §10.5; design §5 "One Vault session".

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use base::fingerprint::{Fingerprint, FingerprintKey};

use crate::vault::auth::Auth;
use crate::vault::connection::Connection;
use crate::vault::session::{Keeping, Kept, Session};

/// The sessions of a process.
pub struct Sessions {
    key: FingerprintKey,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    kept: HashMap<Fingerprint, Weak<Kept>>,
    /// How many there may be before those that nobody uses are swept out.
    limit: usize,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { key: FingerprintKey::new(rand::random()), all: Mutex::default() }
    }
}

impl Sessions {
    /// A session that logs in when it is first used, unless another one that proves the same has done so.
    #[must_use]
    pub fn open(&self, connection: Connection, auth: Auth, keeping: Keeping) -> Arc<Session> {
        match self.identity(&connection, &auth, &keeping) {
            Some(identity) => Session::sharing(self.kept(identity), connection, auth, keeping),
            None => Session::open(connection, auth, keeping),
        }
    }

    /// What is kept for this identity; it lives as long as a session that uses it.
    fn kept(&self, identity: Fingerprint) -> Arc<Kept> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = all.kept.get(&identity).and_then(Weak::upgrade) {
            return kept;
        }
        if all.kept.len() >= all.limit {
            all.kept.retain(|_, kept| kept.strong_count() > 0);
            all.limit = LIMIT.max(2 * all.kept.len());
        }
        let kept = Arc::default();
        all.kept.insert(identity, Arc::downgrade(&kept));
        kept
    }

    /// Where a login goes and what it proves; nothing where that cannot be told without asking for the proof.
    fn identity(&self, connection: &Connection, auth: &Auth, keeping: &Keeping) -> Option<Fingerprint> {
        let settings = connection.settings();
        if settings.proxy.is_some() {
            return None;
        }
        let namespace = keeping.login_namespace.as_ref().unwrap_or(&settings.namespace).trim_matches('/');
        let mut digest = self.key.digest();
        digest.part(connection.place().as_bytes());
        digest.part(namespace.as_bytes());
        digest.part(&settings.tls.digest());
        let mut headers: Vec<_> = settings.headers.iter().chain(&keeping.login_headers).collect();
        headers.sort_unstable();
        for (name, value) in headers {
            digest.part(name.to_ascii_lowercase().as_bytes());
            digest.part(value.as_bytes());
        }
        Some(auth.identify(digest.with(b"login"))?.finish())
    }
}

/// Below this nothing is swept out: it is little, and most of it is in use.
const LIMIT: usize = 64;

#[cfg(test)]
mod tests;
