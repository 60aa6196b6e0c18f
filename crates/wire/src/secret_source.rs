//! A secret text that is asked for at the moment it is needed, so that a login after an hour sends a fresh ServiceAccount token,
//! or what now stands in a token file, and not what stood there when the session was opened.

use std::sync::Arc;

use base::fingerprint::Digest;
use base::{Fault, Opening, SecretText};

/// Where a secret text comes from.
#[derive(Clone)]
pub enum SecretSource {
    /// It is here.
    Value(SecretText),
    /// It is asked for each time.
    Ask {
        /// What all the texts that come of it prove, where that is known: two sources that prove the same are as good as one.
        proves: Option<Arc<str>>,
        /// Whoever is asked.
        ask: Arc<dyn Fn() -> Opening<'static, SecretText> + Send + Sync>,
    },
}

impl SecretSource {
    /// Asks this function each time.
    #[must_use]
    pub fn ask(ask: impl Fn() -> Opening<'static, SecretText> + Send + Sync + 'static) -> Self {
        Self::Ask { proves: None, ask: Arc::new(ask) }
    }

    /// Asks this function each time for a token of the ServiceAccount with this uid, for these audiences.
    #[must_use]
    pub fn of_account(
        uid: &str,
        audiences: &[String],
        ask: impl Fn() -> Opening<'static, SecretText> + Send + Sync + 'static,
    ) -> Self {
        let mut audiences: Vec<&str> = audiences.iter().map(String::as_str).collect();
        audiences.sort_unstable();
        audiences.dedup();
        let proves = (!uid.is_empty()).then(|| format!("ServiceAccount {uid} for {audiences:?}").into());
        Self::Ask { proves, ask: Arc::new(ask) }
    }

    /// Asks this function each time for the token of our own pod.
    #[must_use]
    pub fn of_pod(ask: impl Fn() -> Opening<'static, SecretText> + Send + Sync + 'static) -> Self {
        Self::Ask { proves: Some("our own pod".into()), ask: Arc::new(ask) }
    }

    /// The text as it is now.
    ///
    /// # Errors
    /// Whoever was asked has none.
    pub async fn text(&self) -> Result<SecretText, Fault> {
        match self {
            Self::Value(text) => Ok(text.clone()),
            Self::Ask { ask, .. } => ask().await,
        }
    }

    /// Adds what it proves to a digest; nothing where that cannot be told without asking.
    pub(crate) fn identify(&self, digest: Digest) -> Option<Digest> {
        match self {
            Self::Value(text) => Some(digest.with(b"value").with(text.expose().trim().as_bytes())),
            Self::Ask { proves, .. } => Some(digest.with(b"asked").with(proves.as_ref()?.as_bytes())),
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
