//! A secret text that is asked for at the moment it is needed, so that a login after an hour sends a fresh ServiceAccount token,
//! or what now stands in a token file, and not what stood there when the session was opened.

use std::sync::Arc;

use base::{Fault, Opening, SecretText};

/// Where a secret text comes from.
#[derive(Clone)]
pub enum SecretSource {
    /// It is here.
    Value(SecretText),
    /// It is asked for each time.
    Ask(Arc<dyn Fn() -> Opening<'static, SecretText> + Send + Sync>),
}

impl SecretSource {
    /// Asks this function each time.
    #[must_use]
    pub fn ask(ask: impl Fn() -> Opening<'static, SecretText> + Send + Sync + 'static) -> Self {
        Self::Ask(Arc::new(ask))
    }

    /// The text as it is now.
    ///
    /// # Errors
    /// Whoever was asked has none.
    pub async fn text(&self) -> Result<SecretText, Fault> {
        match self {
            Self::Value(text) => Ok(text.clone()),
            Self::Ask(ask) => ask().await,
        }
    }
}

impl From<SecretText> for SecretSource {
    fn from(text: SecretText) -> Self {
        Self::Value(text)
    }
}

impl From<&str> for SecretSource {
    fn from(text: &str) -> Self {
        Self::Value(text.into())
    }
}
