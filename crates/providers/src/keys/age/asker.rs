//! The person behind [`Ask`], as the age crate wants to ask them. Specification: SOPS §5.1 (prompts).

use std::sync::Arc;

use ::age::Callbacks;
use ::age::secrecy::SecretString;

use crate::keys::Ask;

/// Passes age's questions on.
#[derive(Clone)]
pub(super) struct Asker(pub Arc<dyn Ask>);

impl Callbacks for Asker {
    fn display_message(&self, message: &str) {
        self.0.tell(message);
    }

    fn confirm(&self, message: &str, yes_string: &str, no_string: Option<&str>) -> Option<bool> {
        self.0.confirm(message, yes_string, no_string)
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.0.text(description)
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        self.0.passphrase(description).map(|passphrase| SecretString::from(passphrase.into_exposed()))
    }
}
