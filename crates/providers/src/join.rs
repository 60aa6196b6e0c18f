//! One remote read for many users: reads of one place that are in flight, or were begun within the same tick, share their
//! answer. It is no cache with a lifetime: a payload lives for one tick at most and is wiped, a fault is shared only with
//! those who were already waiting, and nobody gets the same answer in a second pass: who asks again wants to know what is new.
//! The key holds a digest of the resolved credentials, so that two tenants join only if both hold the same ones; who may use a
//! store at all is checked before a key exists. Specification: design §5.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::fingerprint::Fingerprint;
use base::{Fault, ObjectRef};
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use source::{Locator, Payload};
use tokio::time::Instant;

use crate::row::Client;

/// How long an answer may serve later users: a burst of changes, not a round.
pub const TICK: Duration = Duration::from_secs(2);
/// What all payloads together may hold; beyond it answers are not kept for anybody.
pub const BYTES: usize = 64 * 1024 * 1024;

type Answer = Result<Arc<Payload>, Arc<Fault>>;
type Reading = Shared<BoxFuture<'static, Answer>>;

/// Which read: whose connection, and what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    connection: Fingerprint,
    at: Locator,
}

struct Entry {
    reading: Reading,
    begun: Instant,
    bytes: usize,
    served: HashMap<ObjectRef, u64>,
}

/// Who reads: the object, and which pass over it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The object.
    pub object: ObjectRef,
    /// A number that no other pass has.
    pub pass: u64,
}

/// The reads of this tick.
#[derive(Clone, Default)]
pub struct Joined(Arc<Mutex<HashMap<Key, Entry>>>);

impl Joined {
    /// Reads a place through a client, together with whoever reads it now or did within this tick. `connection` is the
    /// digest of row, settings and resolved credentials under which the client was opened.
    ///
    /// # Errors
    /// Those of the read; its kind, hint and object are kept.
    pub async fn fetch(
        &self,
        reader: &Reader,
        connection: Fingerprint,
        client: &Client,
        at: &Locator,
    ) -> Result<Arc<Payload>, Fault> {
        let key = Key { connection, at: at.clone() };
        let reading = self.reading(reader, &key, client);
        let answer = reading.await;
        match answer {
            Ok(payload) => {
                self.keep(&key, payload.size());
                Ok(payload)
            }
            Err(fault) => {
                self.forget(&key);
                Err(Fault::shared(&fault))
            }
        }
    }

    fn reading(&self, reader: &Reader, key: &Key, client: &Client) -> Reading {
        let mut entries = self.entries();
        let now = Instant::now();
        if let Some(entry) = entries.get_mut(key)
            && now.duration_since(entry.begun) < TICK
            && *entry.served.entry(reader.object.clone()).or_insert(reader.pass) == reader.pass
        {
            return entry.reading.clone();
        }
        let (client, at) = (Arc::clone(client), key.at.clone());
        let reading = async move { client.fetch(&at).await.map(Arc::new).map_err(Arc::new) }.boxed().shared();
        if entries.is_empty() {
            tokio::spawn(self.clone().sweep());
        }
        let served = HashMap::from([(reader.object.clone(), reader.pass)]);
        entries.insert(key.clone(), Entry { reading: reading.clone(), begun: now, bytes: 0, served });
        reading
    }

    /// Notes what an answer holds; if all together hold too much, it serves those who waited and nobody else.
    fn keep(&self, key: &Key, bytes: usize) {
        let mut entries = self.entries();
        let others: usize = entries.values().map(|entry| entry.bytes).sum();
        if let Some(entry) = entries.get_mut(key) {
            entry.bytes = bytes;
            if others + bytes > BYTES {
                entries.remove(key);
            }
        }
    }

    fn forget(&self, key: &Key) {
        self.entries().remove(key);
    }

    /// Drops what is older than a tick, until nothing is left.
    async fn sweep(self) {
        loop {
            tokio::time::sleep(TICK).await;
            let mut entries = self.entries();
            let now = Instant::now();
            entries.retain(|_, entry| now.duration_since(entry.begun) < TICK || entry.reading.peek().is_none());
            if entries.is_empty() {
                return;
            }
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
