//! How a pass ended: the status as it shall be, the events worth telling, and when to come again.
//! The driver writes the status only if it differs, emits events on change only, and sets the timer.

use base::{ObjectRef, Timestamp};
use serde_json::Value;

/// How a pass ended.
#[derive(Default)]
pub struct Finish {
    /// The status as it shall be; none leaves it alone.
    pub status: Option<Status>,
    /// What is worth telling on the object.
    pub events: Vec<Event>,
    /// When to come again.
    pub next: Next,
    /// Whether the pass ended in a failure that the metrics shall count.
    pub failed: bool,
}

/// A status, and the request that writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The whole `status` as it shall be.
    pub value: Value,
    /// How it is written.
    pub form: StatusForm,
}

/// The peers write statuses in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusForm {
    /// PUT on `/status` with the resourceVersion; on a conflict the object is read again.
    Put,
    /// Merge PATCH on `/status`, as ESO does for stores and PushSecrets.
    MergePatch,
}

/// When to come again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Next {
    /// Only when something changes.
    #[default]
    Settled,
    /// At that moment at the latest.
    At(Timestamp),
    /// With the queue's backoff: the pass failed and time may mend it.
    Retry,
}

/// Normal or Warning, as core/v1 Events know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Severity {
    /// For information.
    Normal,
    /// Somebody should look.
    Warning,
}

impl Severity {
    /// The API's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Something worth telling, as a Kubernetes Event. Never carries a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Normal or Warning.
    pub severity: Severity,
    /// The reason, a word that scripts grep for.
    pub reason: String,
    /// The sentence.
    pub message: String,
    /// On which object; none means the object of the pass.
    pub about: Option<ObjectRef>,
}

impl Event {
    /// A normal event on the object of the pass.
    #[must_use]
    pub fn normal(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Normal, reason: reason.into(), message: message.into(), about: None }
    }

    /// A warning on the object of the pass.
    #[must_use]
    pub fn warning(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, reason: reason.into(), message: message.into(), about: None }
    }
}

impl Finish {
    /// Nothing to say, nothing to do until something changes.
    #[must_use]
    pub fn settled() -> Self {
        Self::default()
    }

    /// Nothing to say; come again at that moment.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        Self { next: Next::At(moment), ..Self::default() }
    }

    /// With this status, written by PUT.
    #[must_use]
    pub fn with_status(mut self, value: Value) -> Self {
        self.status = Some(Status { value, form: StatusForm::Put });
        self
    }

    /// With one more event.
    #[must_use]
    pub fn with_event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    /// As a failure that the queue tries again.
    #[must_use]
    pub fn retried(mut self) -> Self {
        self.next = Next::Retry;
        self.failed = true;
        self
    }
}
