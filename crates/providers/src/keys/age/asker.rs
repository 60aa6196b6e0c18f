//! The person behind [`Ask`], as the age crate wants to ask them; for files of identities gpg-agent is asked first.
//! Specification: SOPS §5.1 (prompts).

use std::fmt::Display;
use std::sync::Arc;

use ::age::Callbacks;
use ::age::secrecy::SecretString;

use super::agent::Agent;
use crate::keys::Ask;

/// An error of the age crate on one line, without the marks that its translations put around names.
pub(super) fn told(error: &dyn Display) -> String {
    let text = error.to_string().replace(['\u{2068}', '\u{2069}'], "");
    text.lines().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}

/// Passes age's questions on.
#[derive(Clone)]
pub(super) struct Asker {
    pub ask: Arc<dyn Ask>,
    pub agent: Agent,
}

impl Callbacks for Asker {
    fn display_message(&self, message: &str) {
        self.ask.tell(message);
    }

    fn confirm(&self, message: &str, yes_string: &str, no_string: Option<&str>) -> Option<bool> {
        self.ask.confirm(message, yes_string, no_string)
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.ask.text(description)
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        self.ask.passphrase(description).map(|passphrase| SecretString::from(passphrase.into_exposed()))
    }
}
