//! One error type for the house: what was attempted, of which kind the failure is, what to look at and what to do.
//! The kind decides the category (metric label, event reason), the retry and the class of the exit code.
//! A fault never carries a value. Specification: design §13.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::ObjectRef;

/// Why something failed, as far as the reaction to it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The secret (never a property of it) does not exist at the provider.
    NotFound,
    /// The other side knows us and refuses.
    Denied,
    /// The other side asks to come again later.
    Busy,
    /// Somebody else changed the thing meanwhile, or owns it.
    Conflict,
    /// The other side could not be reached, timed out, or answered nonsense.
    Unreachable,
    /// The user's input or configuration is wrong; only a change of it helps.
    Wrong,
    /// Our own invariant broke.
    Bug,
    /// A dry world cannot know; only doing it can tell.
    Dry,
}

impl Kind {
    /// The fixed word for metric labels and log fields.
    #[must_use]
    pub fn category(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Conflict => "conflict",
            Self::Unreachable => "unreachable",
            Self::Wrong => "wrong",
            Self::Bug => "bug",
            Self::Dry => "dry",
        }
    }

    /// Whether time alone can mend it.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Busy | Self::Conflict | Self::Unreachable)
    }
}

/// What a fault was caused by: kept for the chain, never repeated in the text.
pub type Cause = Box<dyn Error + Send + Sync>;

/// An error that knows its kind, the object it is about, and a word of advice.
#[derive(Debug)]
pub struct Fault(Box<Parts>);

/// The parts lie behind a pointer, so that a `Result` stays as small as its success.
#[derive(Debug)]
struct Parts {
    kind: Kind,
    attempt: String,
    about: Option<ObjectRef>,
    hint: Option<String>,
    source: Option<Cause>,
}

impl Fault {
    /// A fault of that kind; `attempt` says in lower case and without a full stop what was attempted, and on what.
    #[must_use]
    pub fn new(kind: Kind, attempt: impl Into<String>) -> Self {
        Self(Box::new(Parts { kind, attempt: attempt.into(), about: None, hint: None, source: None }))
    }

    /// The secret does not exist at its provider.
    #[must_use]
    pub fn not_found(attempt: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, attempt)
    }

    /// The other side refuses us.
    #[must_use]
    pub fn denied(attempt: impl Into<String>) -> Self {
        Self::new(Kind::Denied, attempt)
    }

    /// The other side asks to come again later.
    #[must_use]
    pub fn busy(attempt: impl Into<String>) -> Self {
        Self::new(Kind::Busy, attempt)
    }

    /// Somebody else changed or owns the thing.
    #[must_use]
    pub fn conflict(attempt: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, attempt)
    }

    /// The other side is away or answers nonsense.
    #[must_use]
    pub fn unreachable(attempt: impl Into<String>) -> Self {
        Self::new(Kind::Unreachable, attempt)
    }

    /// The input or the configuration is wrong.
    #[must_use]
    pub fn wrong(attempt: impl Into<String>) -> Self {
        Self::new(Kind::Wrong, attempt)
    }

    /// Our own invariant broke.
    #[must_use]
    pub fn bug(attempt: impl Into<String>) -> Self {
        Self::new(Kind::Bug, attempt)
    }

    /// A dry world cannot know the answer.
    #[must_use]
    pub fn dry(attempt: impl Into<String>) -> Self {
        Self::new(Kind::Dry, attempt)
    }

    /// Names the second object to look at.
    #[must_use]
    pub fn about(mut self, object: ObjectRef) -> Self {
        self.0.about = Some(object);
        self
    }

    /// Adds one sentence of advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps the cause for the chain.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cause>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// The same fault once more, for each of several who waited for one answer: everything is told as in the original, and the
    /// causes are the original's own.
    #[must_use]
    pub fn shared(original: &Arc<Self>) -> Self {
        let Parts { kind, attempt, about, hint, .. } = &*original.0;
        let source: Cause = Box::new(Shared(Arc::clone(original)));
        let parts = Parts {
            kind: *kind,
            attempt: attempt.clone(),
            about: about.clone(),
            hint: hint.clone(),
            source: Some(source),
        };
        Self(Box::new(parts))
    }

    /// Wraps this fault: the new attempt in front, this one as its cause; kind, object and hint are kept.
    #[must_use]
    pub fn within(mut self, attempt: impl Into<String>) -> Self {
        let (about, hint) = (self.0.about.take(), self.0.hint.take());
        Self(Box::new(Parts { kind: self.0.kind, attempt: attempt.into(), about, hint, source: Some(Box::new(self)) }))
    }

    /// The same fault of the way to the secret: a store, a login, a ServiceAccount that is not there says nothing about the secret,
    /// and nothing may be deleted because of it.
    #[must_use]
    pub fn of_access(mut self) -> Self {
        if self.0.kind == Kind::NotFound {
            self.0.kind = Kind::Wrong;
        }
        self
    }

    /// Why it failed, as far as the reaction differs.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The second object to look at, where there is one.
    #[must_use]
    pub fn object(&self) -> Option<&ObjectRef> {
        self.0.about.as_ref()
    }

    /// The advice, where there is one.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The first cause of that type, for callers that branch on what a service answered.
    #[must_use]
    pub fn cause<T: Error + 'static>(&self) -> Option<&T> {
        self.causes().find_map(|cause| cause.downcast_ref())
    }

    fn causes(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        std::iter::successors(self.source(), |cause: &&(dyn Error + 'static)| (*cause).source())
    }

    /// The whole chain on one line, causes behind colons: what logs, events and error lines print, once.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.0.attempt.clone();
        for cause in self.causes() {
            text.push_str(": ");
            text.push_str(&cause.to_string());
        }
        text
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.attempt)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let cause = self.0.source.as_deref()?;
        match cause.downcast_ref::<Shared>() {
            Some(Shared(original)) => original.source(),
            None => Some(cause),
        }
    }
}

/// What was found, if anything was: to whoever asks whether a secret is there, it is no failure that it is not.
///
/// # Errors
/// Every other fault.
pub fn found<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(fault) if fault.kind() == Kind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Stands for the causes of the fault that it holds; nobody sees it, because [`Fault::source`] looks through it.
#[derive(Debug)]
struct Shared(Arc<Fault>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Shared {}

/// The last cause of an error, in its words: libraries in layers repeat each other on the way there.
#[must_use]
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut root = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    root.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_told_once_and_the_kind_survives_wrapping() {
        let inner = Fault::denied("cannot log in to `vault-prod`").because("403 Forbidden").hint("check the role");
        let outer = inner.within("cannot read `app/db` from store `vault-prod`");
        assert_eq!(outer.kind(), Kind::Denied);
        assert_eq!(outer.to_string(), "cannot read `app/db` from store `vault-prod`");
        assert_eq!(
            outer.chain(),
            "cannot read `app/db` from store `vault-prod`: cannot log in to `vault-prod`: 403 Forbidden"
        );
        assert_eq!(outer.advice(), Some("check the role"));
    }

    #[test]
    fn what_is_missing_on_the_way_is_no_missing_secret() {
        let login = Fault::not_found("no such ServiceAccount").within("cannot log in").of_access();
        assert_eq!((login.kind(), login.chain().as_str()), (Kind::Wrong, "cannot log in: no such ServiceAccount"));
        assert_eq!(Fault::denied("no").of_access().kind(), Kind::Denied);
    }

    #[test]
    fn only_what_is_missing_is_no_failure() {
        assert!(matches!(found(Ok(1)), Ok(Some(1))));
        assert!(matches!(found::<u8>(Err(Fault::not_found("no such secret"))), Ok(None)));
        assert!(found::<u8>(Err(Fault::denied("no"))).is_err());
    }

    #[test]
    fn a_shared_fault_tells_what_the_original_tells() {
        let original =
            Arc::new(Fault::denied("cannot log in").because(Fault::wrong("no such role")).hint("check the role"));
        let copy = Fault::shared(&Arc::new(Fault::shared(&original)));
        assert_eq!((copy.kind(), copy.chain(), copy.advice()), (original.kind(), original.chain(), original.advice()));
        assert!(copy.source().is_some_and(|cause| cause.downcast_ref::<Fault>().is_some()));
        assert!(Fault::shared(&Arc::new(Fault::bug("x"))).source().is_none());
    }
}
