//! A change of the outside, as a value. Its words are here, its hands in `operator/effects/*`.
//! `explain` prints the words instead of doing the deed. Specification: design §11.3.

use std::fmt;

use base::ObjectRef;

/// Everything that can be told instead of done.
pub trait Describe {
    /// The lines that `explain` prints: what would be done, on which object, and why. Never a value.
    fn describe(&self) -> Vec<Line>;
}

/// One line of an explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What the line is about; none for a remark.
    pub about: Option<ObjectRef>,
    /// The sentence, without a full stop.
    pub text: String,
}

impl Line {
    /// A line about an object.
    #[must_use]
    pub fn on(about: ObjectRef, text: impl Into<String>) -> Self {
        Self { about: Some(about), text: text.into() }
    }

    /// A remark.
    #[must_use]
    pub fn note(text: impl Into<String>) -> Self {
        Self { about: None, text: text.into() }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.about {
            Some(object) => write!(f, "{object}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}
