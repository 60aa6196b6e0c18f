//! One watch, followed for ever: lists again what broke off, tells what is gone meanwhile, and knows whether the role grants
//! it at all. Failures are told once and tried again within seconds. Specification: design §11.4.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use base::duration::GoDuration;
use base::fault::root_cause;
use futures::StreamExt as _;
use kube::core::ObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Resource as _};
use plan::backoff::Backoff;

use super::{Kept, Name, Scope, Sight, Store, name_of, read};

impl<T: Kept> Store<T> {
    /// Follows one watch for ever. What a new list no longer shows has been deleted meanwhile.
    pub(super) async fn follow(self: Arc<Self>, api: Api<T::Wire>, config: watcher::Config, scope: Scope) {
        let mut events = watcher(api, config).boxed();
        let mut listed: HashSet<Name> = HashSet::new();
        let mut is_first = true;
        let mut watch = Watched::default();
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = tokio::time::sleep(PROOF), if watch.is_on_trial => {
                    self.prove(&mut watch);
                    continue;
                }
            };
            match event {
                None => return,
                Some(Err(error)) => {
                    let wait = watch.wait(&error);
                    self.miss(&error, &mut watch);
                    tokio::time::sleep(wait).await;
                }
                Some(Ok(watcher::Event::Init)) => listed.clear(),
                Some(Ok(watcher::Event::InitApply(wire))) => {
                    listed.insert(name_of(wire.meta()));
                    self.take(wire, is_first);
                }
                Some(Ok(watcher::Event::InitDone)) => {
                    self.forget_unlisted(&listed, &scope);
                    listed = HashSet::new();
                    watch.is_on_trial = true;
                    *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some(std::time::Instant::now());
                    if std::mem::take(&mut is_first) && self.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
                        self.see(Sight::Listed);
                    }
                    give_memory_back();
                }
                Some(Ok(watcher::Event::Apply(wire))) => {
                    self.prove(&mut watch);
                    self.take(wire, false);
                }
                Some(Ok(watcher::Event::Delete(wire))) => {
                    self.prove(&mut watch);
                    self.delete(name_of(wire.meta()));
                }
            }
        }
    }

    /// The watch stands: it has brought something, or was not refused for a while.
    fn prove(&self, watch: &mut Watched) {
        watch.is_on_trial = false;
        (watch.failures, watch.is_expired) = (0, false);
        watch.told.clear();
        if std::mem::take(&mut watch.is_denied) {
            self.denied.fetch_sub(1, Ordering::AcqRel);
        }
        if *self.sight.borrow() != Sight::Clear {
            self.see(Sight::Clear);
        }
    }

    /// The sight is as good as the worst of the watches.
    fn see(&self, best: Sight) {
        let waits = self.pending.load(Ordering::Acquire) > 0;
        let denied = self.denied.load(Ordering::Acquire) > 0;
        self.sight.send_replace(match (denied, waits) {
            (true, _) => Sight::Denied,
            (false, true) => Sight::Waiting,
            (false, false) => best,
        });
    }

    /// A watch failed and will be tried again; each sentence is told once. A kind that is denied is not waited for.
    fn miss(&self, error: &watcher::Error, watch: &mut Watched) {
        watch.is_on_trial = false;
        if said(error).is_some_and(|status| status.code == EXPIRED) {
            return;
        }
        let is_denied = is_denied(error);
        let text = told(error);
        let kind = T::Wire::kind(&());
        if text != watch.told {
            tracing::warn!(kind = &*kind, error = &*text, "watch failed, will be tried again");
            watch.told = text;
        }
        if is_denied {
            if !std::mem::replace(&mut watch.is_denied, true) {
                self.denied.fetch_add(1, Ordering::AcqRel);
            }
            self.see(Sight::Denied);
        }
    }

    fn take(&self, wire: T::Wire, is_initial: bool) {
        let meta = ObjectMeta {
            name: wire.meta().name.clone(),
            namespace: wire.meta().namespace.clone(),
            uid: wire.meta().uid.clone(),
            ..ObjectMeta::default()
        };
        match T::keep(wire) {
            Ok(object) => self.apply(name_of(&meta), Arc::new(object), is_initial, true),
            Err(error) => self.tell_broken(&meta, error),
        }
    }

    fn forget_unlisted(&self, listed: &HashSet<Name>, scope: &Scope) {
        let gone: Vec<Name> = read(&self.objects)
            .keys()
            .filter(|name| scope.covers(&name.0) && !listed.contains(*name))
            .cloned()
            .collect();
        gone.into_iter().for_each(|name| self.delete(name));
    }
}

/// What one watch has come to.
#[derive(Default)]
struct Watched {
    /// Whether its list is here and nothing is known of the watch itself.
    is_on_trial: bool,
    /// Whether the role or the server denies it.
    is_denied: bool,
    /// How often it failed in a row.
    failures: u32,
    /// Whether the last failure was a version too old to go on from.
    is_expired: bool,
    /// The failure that was told last.
    told: String,
}

impl Watched {
    /// How long to wait after a failure. An API server that comes back is heard again within seconds; what it denies is not
    /// asked for all the time; a version that is too old to go on from needs a new list at once.
    fn wait(&mut self, error: &watcher::Error) -> Duration {
        self.failures += 1;
        let code = said(error).map(|status| status.code);
        let was_expired = std::mem::replace(&mut self.is_expired, code == Some(EXPIRED));
        let cap = match code {
            Some(EXPIRED) if !was_expired => return Duration::ZERO,
            Some(403 | 404) => GoDuration::from_seconds(30),
            _ => GoDuration::from_seconds(5),
        };
        let backoff = Backoff { first: GoDuration::from_nanoseconds(800_000_000), factor: 2.0, cap, jitter: 0.0 };
        backoff.wait(self.failures, 0.0).to_std()
    }
}

/// The status of a watch that asks for versions which the API server has forgotten: no fault, but a reason to list again.
const EXPIRED: u16 = 410;

/// How long a watch goes unrefused until it counts as granted: some times of what an API server takes to say no.
const PROOF: Duration = Duration::from_secs(1);

/// What the API server said to a watch, where it said anything.
fn said(error: &watcher::Error) -> Option<&kube::core::Status> {
    use watcher::Error::{InitialListFailed, WatchError, WatchFailed, WatchStartFailed};
    match error {
        InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status))
        | WatchError(status) => Some(status),
        _ => None,
    }
}

/// Whether the role forbids the watch, or the server has no such kind.
fn is_denied(error: &watcher::Error) -> bool {
    said(error).is_some_and(|status| matches!(status.code, 403 | 404))
}

/// Why a watch failed, in a sentence.
fn told(error: &watcher::Error) -> String {
    match said(error) {
        Some(status) if status.code == 404 => {
            "the cluster has no such kind; `keywright crds | kubectl apply --server-side -f -` brings those of ours"
                .to_owned()
        }
        Some(status) => status.message.clone(),
        None => format!("the API server does not answer: {}", root_cause(error)),
    }
}

/// After a list the allocator holds the pages of all decoded objects; glibc gives them back only when asked.
#[expect(unsafe_code, reason = "malloc_trim has no safe wrapper")]
fn give_memory_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim touches only the allocator's own free lists and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, message: &str) -> watcher::Error {
        watcher::Error::WatchError(Box::new(kube::core::Status::failure(message, "Reason").with_code(code)))
    }

    #[test]
    fn who_is_away_is_asked_again_within_seconds_and_who_denies_within_half_a_minute() {
        for (codes, expected) in [
            ([500, 500, 500, 500, 500, 500], [800, 1600, 3200, 5000, 5000, 5000]),
            ([404, 404, 404, 404, 404, 404], [800, 1600, 3200, 6400, 12800, 25600]),
            ([500, 500, 500, 500, 410, 500], [800, 1600, 3200, 5000, 0, 5000]),
            ([410, 410, 410, 410, 500, 410], [0, 1600, 3200, 5000, 5000, 0]),
        ] {
            let mut watch = Watched::default();
            let waits = codes.map(|code| watch.wait(&refused(code, "no")).as_millis());
            assert_eq!(waits, expected, "{codes:?}");
        }
    }

    #[test]
    fn a_failure_is_told_in_the_api_servers_words() {
        assert_eq!(told(&refused(403, "pushsecrets is forbidden")), "pushsecrets is forbidden");
        assert!(told(&refused(404, "404 page not found")).contains("keywright crds"));
        assert_eq!(told(&watcher::Error::NoResourceVersion).split(':').next(), Some("the API server does not answer"));
    }
}
