//! What the process was told from outside, handed in as values: variables and a way to read small files (tokens, CA bundles,
//! AWS' shared configuration). Nothing in this crate reads the environment or a file by itself; whoever opens a session
//! fills one of these, so a test or a getter mode can say exactly what may be seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Fault, SecretBytes, truth};

/// Environment variables as values. Tokens and keys are among them, so there is no `Debug`.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The variable's value; one that is set to nothing counts as not set.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variable as it is, be it set to nothing.
    #[must_use]
    pub fn set(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The first of these variables that is set.
    #[must_use]
    pub fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.value(name))
    }

    /// Whether the variable says yes.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.value(name).is_some_and(truth::is_yes)
    }

    /// All variables, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A way to read a small file by its path. "Does not exist" is [`base::Kind::NotFound`].
pub type ReadFile = Arc<dyn Fn(&str) -> Result<SecretBytes, Fault> + Send + Sync>;

/// What a session may see of the process it runs in.
#[derive(Clone)]
pub struct Surroundings {
    /// The variables.
    pub environment: Environment,
    /// The files.
    pub read_file: ReadFile,
}

impl Surroundings {
    /// Nothing at all: no variable is set, no file exists.
    #[must_use]
    pub fn none() -> Self {
        Self {
            environment: Environment::default(),
            read_file: Arc::new(|path| Err(Fault::not_found(format!("cannot read file `{path}`")))),
        }
    }
}
