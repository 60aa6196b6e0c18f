//! Faults on demand: requests that match are answered 403, 429, 500 or 504, hang, lose their connection before or after
//! the work is done, or come late. What happens to open watches is in `lib` (`drop_watches`, `expire_watches`).
//! Specification: design §19 (trouble), issue "Bad input and faults".

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::refusal::Refusal;
use crate::request::Attributes;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// 403, as if a role lacked the right.
    Forbidden,
    /// 409, as if somebody had been faster.
    Conflict,
    /// 429 with Retry-After.
    Busy { retry_after_seconds: u32 },
    /// 500 and a sentence.
    Broken,
    /// 503.
    Away,
    /// 504: the server gave up.
    Timeout,
    /// No answer ever; the client's own deadline must end it.
    Hang,
    /// The connection breaks before anything is done.
    Disconnect,
    /// The work is done, and the connection breaks before the answer.
    LoseAnswer,
    /// The answer comes late.
    Late(Duration),
}

/// Which requests meet which fate, and how often.
#[derive(Clone, Debug)]
pub struct Trouble {
    verb: String,
    resource: String,
    namespace: Option<String>,
    name: Option<String>,
    times: u32,
    fate: Fate,
}

impl Trouble {
    /// Requests of a verb on a resource (`secrets`, `externalsecrets/status`); `*` stands for any.
    #[must_use]
    pub fn on(verb: &str, resource: &str, fate: Fate) -> Self {
        let (verb, resource) = (verb.to_owned(), resource.to_owned());
        Self { verb, resource, namespace: None, name: None, times: u32::MAX, fate }
    }

    /// Only in this namespace.
    #[must_use]
    pub fn within(mut self, namespace: &str) -> Self {
        self.namespace = Some(namespace.to_owned());
        self
    }

    /// Only for the object of this name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Only so often; without it, until the handle ends it.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    fn fits(&self, asked: &Attributes) -> bool {
        (self.verb == "*" || self.verb == asked.verb)
            && (self.resource == "*" || self.resource == asked.full_resource())
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == asked.namespace)
            && self.name.as_ref().is_none_or(|name| *name == asked.name)
    }
}

/// A trouble that was set: how often it struck, and its end.
#[derive(Clone, Debug)]
pub struct Struck {
    hits: Arc<AtomicU32>,
    over: Arc<AtomicBool>,
}

impl Struck {
    #[must_use]
    pub fn hits(&self) -> u32 {
        self.hits.load(Ordering::Acquire)
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::Release);
    }
}

/// All troubles that are set; the first that fits strikes.
#[derive(Debug, Default)]
pub struct Troubles(Mutex<Vec<(Trouble, Struck)>>);

impl Troubles {
    pub fn set(&self, trouble: Trouble) -> Struck {
        let struck = Struck { hits: Arc::default(), over: Arc::default() };
        self.lock().push((trouble, struck.clone()));
        struck
    }

    pub fn strike(&self, asked: &Attributes) -> Option<Fate> {
        let mut troubles = self.lock();
        troubles.retain(|(trouble, struck)| !struck.over.load(Ordering::Acquire) && struck.hits() < trouble.times);
        let (trouble, struck) = troubles.iter().find(|(trouble, _)| trouble.fits(asked))?;
        struck.hits.fetch_add(1, Ordering::AcqRel);
        Some(trouble.fate)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Trouble, Struck)>> {
        self.0.lock().expect("nobody panics while holding the troubles")
    }
}

impl Fate {
    /// The answer, if the fate is one.
    pub fn refusal(self, asked: &Attributes) -> Option<Refusal> {
        let forbidden = |why: &str| Refusal::forbidden(&asked.group, &asked.resource, &asked.name, why);
        match self {
            Self::Forbidden => Some(forbidden("the sandbox was told to refuse this request")),
            Self::Conflict => Some(Refusal::conflict_of(&asked.group, &asked.resource, &asked.name)),
            Self::Busy { retry_after_seconds } => Some(Refusal::too_many_requests(retry_after_seconds)),
            Self::Broken => Some(Refusal::internal("Internal error occurred: the sandbox was told to fail")),
            Self::Away => Some(Refusal::unavailable("the server is currently unable to handle the request")),
            Self::Timeout => Some(Refusal::timeout("request did not complete within the allotted timeout")),
            Self::Hang | Self::Disconnect | Self::LoseAnswer | Self::Late(_) => None,
        }
    }
}
