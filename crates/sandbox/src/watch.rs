//! Listings in pages and watches. A listing that is cut into pages is a snapshot; its continue token is good until newer
//! listings push it out (then 410). A watch reads the log of its kind from where its client stands, sees objects enter
//! and leave its selector, sends bookmarks, and ends with 410, at its timeout, or when a test cuts it.
//! Specification: design §11.4 (cache), §19 (watch).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::selector::Filter;
use crate::store::{Change, Pulse, Shelf, Store, Stored};

/// Listings in pages that may be open at once; older ones are told 410, as after a compaction.
const OPEN_LISTINGS: usize = 64;
/// How often a quiet watch is told where it stands.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(60);
/// Changes that go out in one piece.
const BATCH_CHANGES: usize = 500;

/// How one version of a kind is written: `{"apiVersion":"v1","kind":"Secret",` and the fields behind it.
#[derive(Clone, Debug)]
pub struct Typed {
    head: String,
    /// Items of lists of built-in kinds carry no type.
    bare_items: bool,
    api_version: String,
    list_kind: String,
    kind: String,
}

impl Typed {
    pub fn new(kind: &Kind, version: &str) -> Self {
        let api_version = kind.api_version(version);
        Self {
            head: format!("{{\"apiVersion\":{},\"kind\":{},", json!(api_version), json!(kind.kind)),
            bare_items: kind.builtin,
            list_kind: format!("{}List", kind.kind),
            kind: kind.kind.clone(),
            api_version,
        }
    }

    pub fn write(&self, stored: &Stored) -> Vec<u8> {
        let mut text = Vec::with_capacity(self.head.len() + stored.text().len());
        self.push(stored, &mut text);
        text
    }

    fn push(&self, stored: &Stored, into: &mut Vec<u8>) {
        into.extend_from_slice(self.head.as_bytes());
        into.extend_from_slice(stored.text());
    }

    /// A whole list; `rest` is how many are left behind it, `next` the token that brings them.
    pub fn write_list(&self, page: &Page) -> Vec<u8> {
        let mut meta = json!({ "resourceVersion": page.version.to_string() });
        if let Some(next) = &page.next {
            meta["continue"] = json!(next);
            meta["remainingItemCount"] = json!(page.rest);
        }
        let head = json!({ "apiVersion": self.api_version, "kind": self.list_kind, "metadata": meta }).to_string();
        let bytes: usize = page.items.iter().map(|item| item.text().len() + self.head.len() + 1).sum();
        let mut text = Vec::with_capacity(head.len() + bytes + 16);
        text.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
        text.extend_from_slice(b",\"items\":[");
        for (at, item) in page.items.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            if self.bare_items {
                text.push(b'{');
                text.extend_from_slice(item.text());
            } else {
                self.push(item, &mut text);
            }
        }
        text.extend_from_slice(b"]}");
        text
    }

    fn push_event(&self, event: &str, stored: &Stored, into: &mut Vec<u8>) {
        into.extend_from_slice(b"{\"type\":\"");
        into.extend_from_slice(event.as_bytes());
        into.extend_from_slice(b"\",\"object\":");
        self.push(stored, into);
        into.extend_from_slice(b"}\n");
    }

    fn bookmark(&self, version: u64, ends_initial: bool) -> Bytes {
        let mut meta = json!({ "resourceVersion": version.to_string(), "creationTimestamp": null });
        if ends_initial {
            meta["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let object = json!({ "apiVersion": self.api_version, "kind": self.kind, "metadata": meta });
        line("BOOKMARK", &object)
    }
}

fn line(event: &str, object: &serde_json::Value) -> Bytes {
    Bytes::from(format!("{}\n", json!({ "type": event, "object": object })))
}

/// One page of a listing.
#[derive(Debug)]
pub struct Page {
    pub items: Vec<Arc<Stored>>,
    pub version: u64,
    pub next: Option<String>,
    pub rest: usize,
}

/// What is left of listings that were cut into pages.
#[derive(Debug, Default)]
pub struct Listings {
    serial: u64,
    open: VecDeque<Listing>,
}

#[derive(Debug)]
struct Listing {
    token: String,
    version: u64,
    rest: Vec<Arc<Stored>>,
}

impl Listings {
    /// The first page of what matches now.
    pub fn first(&mut self, store: &Store, shelf: usize, filter: &Filter, limit: usize) -> Page {
        let items = matching(&store.shelves[shelf], filter);
        self.cut(items, store.version, limit)
    }

    /// The page behind a token.
    pub fn next(&mut self, token: &str, limit: usize) -> Result<Page, Refusal> {
        let at = self.open.iter().position(|listing| listing.token == token);
        let Some(listing) = at.and_then(|at| self.open.remove(at)) else {
            return Err(Refusal::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list \
                 without the continue parameter.",
            ));
        };
        Ok(self.cut(listing.rest, listing.version, limit))
    }

    /// Makes every open token too old.
    pub fn expire(&mut self) {
        self.open.clear();
    }

    fn cut(&mut self, mut items: Vec<Arc<Stored>>, version: u64, limit: usize) -> Page {
        if limit == 0 || items.len() <= limit {
            return Page { items, version, next: None, rest: 0 };
        }
        let rest = items.split_off(limit);
        self.serial += 1;
        let token = format!("page-{}", self.serial);
        if self.open.len() == OPEN_LISTINGS {
            self.open.pop_front();
        }
        let page = Page { items, version, next: Some(token.clone()), rest: rest.len() };
        self.open.push_back(Listing { token, version, rest });
        page
    }
}

/// All objects that match, in order of namespace and name.
pub fn matching(shelf: &Shelf, filter: &Filter) -> Vec<Arc<Stored>> {
    let fits = |object: &&Arc<Stored>| filter.matches(&object.fields);
    if let (Some(namespace), Some(name)) = (filter.namespace.as_deref(), filter.only_name()) {
        return shelf.find(namespace, name).filter(fits).cloned().into_iter().collect();
    }
    shelf.walk(filter.namespace.as_deref()).filter(fits).cloned().collect()
}

/// What a client asked of a watch.
#[derive(Debug)]
pub struct Asked {
    pub shelf: usize,
    pub typed: Typed,
    pub filter: Filter,
    /// `None`: tell what stands there first.
    pub from: Option<u64>,
    /// End the first telling with a marked bookmark.
    pub initial_events: bool,
    pub bookmarks: bool,
    pub timeout: Duration,
}

/// An open watch.
struct Watching {
    store: Arc<Mutex<Store>>,
    asked: Asked,
    pulse: watch::Receiver<Pulse>,
    last: Pulse,
    /// Read up to here, and known to the outside when the client comes for more.
    seen: u64,
    position: Arc<AtomicU64>,
    first: Option<Bytes>,
    ends_at: Instant,
    bookmark_at: Instant,
    over: bool,
}

/// The stream of lines that answers a watch.
pub fn watch(store: &Arc<Mutex<Store>>, asked: Asked) -> impl Stream<Item = Bytes> + Send + use<> {
    let watching = open(store, asked);
    futures::stream::unfold(watching, |mut watching| async move {
        let piece = watching.next().await?;
        Some((piece, watching))
    })
}

fn open(store: &Arc<Mutex<Store>>, asked: Asked) -> Watching {
    let mut held = store.lock().expect("nobody panics while holding the store");
    let version = held.version;
    let shelf = &mut held.shelves[asked.shelf];
    let pulse = shelf.pulse.subscribe();
    let last = *pulse.borrow();
    let seen = asked.from.unwrap_or(version);
    let mut first = Vec::new();
    if asked.from.is_none() {
        for object in matching(shelf, &asked.filter) {
            asked.typed.push_event("ADDED", &object, &mut first);
        }
        if asked.initial_events {
            first.extend_from_slice(&asked.typed.bookmark(version, true));
        }
    }
    let position = Arc::new(AtomicU64::new(if first.is_empty() { seen } else { 0 }));
    shelf.readers.retain(|reader| reader.strong_count() > 0);
    shelf.readers.push(Arc::downgrade(&position));
    let now = Instant::now();
    let (ends_at, bookmark_at) = (now + asked.timeout, now + BOOKMARK_PERIOD);
    drop(held);
    let first = (!first.is_empty()).then(|| Bytes::from(first));
    Watching { store: Arc::clone(store), asked, pulse, last, seen, position, first, ends_at, bookmark_at, over: false }
}

impl Watching {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            if self.over {
                return None;
            }
            // The client came back for more: it has taken in all that was handed out.
            self.position.store(self.seen, Ordering::Release);
            if let Some(piece) = self.news() {
                return Some(piece);
            }
            let bookmark_at = if self.asked.bookmarks { self.bookmark_at } else { self.ends_at };
            tokio::select! {
                changed = self.pulse.changed() => {
                    changed.ok()?;
                    if let Some(piece) = self.react() {
                        return Some(piece);
                    }
                }
                () = tokio::time::sleep_until(self.ends_at) => {
                    self.over = true;
                    return self.asked.bookmarks.then(|| self.asked.typed.bookmark(self.seen, false));
                }
                () = tokio::time::sleep_until(bookmark_at) => return Some(self.bookmark()),
            }
        }
    }

    fn bookmark(&mut self) -> Bytes {
        self.bookmark_at = Instant::now() + BOOKMARK_PERIOD;
        self.asked.typed.bookmark(self.seen, false)
    }

    /// What a test did to all watches of the kind.
    fn react(&mut self) -> Option<Bytes> {
        let pulse = *self.pulse.borrow();
        let last = std::mem::replace(&mut self.last, pulse);
        if pulse.dropped != last.dropped {
            self.over = true;
            return None;
        }
        if pulse.expired != last.expired {
            self.over = true;
            return Some(too_old(self.seen, pulse.version));
        }
        (pulse.bookmarks != last.bookmarks && self.asked.bookmarks).then(|| self.bookmark())
    }

    /// The next piece of news, if there is any that the filter lets through.
    fn news(&mut self) -> Option<Bytes> {
        let store = self.store.lock().expect("nobody panics while holding the store");
        let shelf = &store.shelves[self.asked.shelf];
        if self.seen < shelf.compacted {
            self.over = true;
            return Some(too_old(self.seen, shelf.compacted));
        }
        loop {
            let (mut text, before) = (Vec::new(), self.seen);
            for change in shelf.after(before).take(BATCH_CHANGES) {
                self.seen = change.version;
                if let Some((event, object)) = event(&self.asked.filter, change) {
                    self.asked.typed.push_event(event, &object, &mut text);
                }
            }
            if !text.is_empty() {
                return Some(Bytes::from(text));
            }
            if self.seen == before {
                return None;
            }
            self.position.store(self.seen, Ordering::Release);
        }
    }
}

/// How a change looks through a filter: an object that stops matching is deleted for this watch, in its old form.
fn event(filter: &Filter, change: &Change) -> Option<(&'static str, Arc<Stored>)> {
    let fits = |object: &&Arc<Stored>| filter.matches(&object.fields);
    let (was, is) = (change.before.as_ref().filter(fits), change.after.as_ref().filter(fits));
    match (was, is, &change.last) {
        (None, None, _) => None,
        (None, Some(after), _) => Some(("ADDED", Arc::clone(after))),
        (Some(_), Some(after), _) => Some(("MODIFIED", Arc::clone(after))),
        (Some(_), None, Some(last)) => Some(("DELETED", Arc::clone(last))),
        (Some(before), None, None) => {
            let mut fields = before.fields.clone();
            fields["metadata"]["resourceVersion"] = json!(change.version.to_string());
            Some(("DELETED", Arc::new(Stored::unversioned(fields))))
        }
    }
}

fn too_old(seen: u64, oldest: u64) -> Bytes {
    let refusal = Refusal::expired(format!("too old resource version: {seen} ({oldest})"));
    line("ERROR", &refusal.status())
}
