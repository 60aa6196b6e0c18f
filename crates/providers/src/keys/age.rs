//! age keys: data keys for X25519, SSH and plugin recipients, and from every identity that the user has.
//! Identities are tried quietest first – texts and files, then commands, then plugins, then those that ask for a
//! passphrase – and a place is only looked at if none before it could help.
//! Not here: where identities lie (`age/places`), how one is used (`age/identity`).
//! Specification: SOPS §5.1.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use ::age::armor::{ArmoredWriter, Format};
use ::age::secrecy::ExposeSecret as _;
use ::age::{Encryptor, Recipient, plugin, ssh, x25519};
use base::{Fault, SecretBytes, SecretText};
use wire::environment::Surroundings;

use crate::keys::Ask;

mod agent;
mod asker;
mod identity;
mod places;
mod post_quantum;

use agent::Agent;
use asker::{Asker, told};
use identity::{Identity, Message};
use places::{Found, PLACES, Place, QUIETEST_FIRST};

/// A new X25519 identity as one line of an identity file, and its recipient: what `age-keygen` makes.
#[must_use]
pub fn generate() -> (SecretText, String) {
    let identity = x25519::Identity::generate();
    let recipient = identity.to_public().to_string();
    (SecretText::new(identity.to_string().expose_secret().to_owned()), recipient)
}

/// Recipients and identities of age.
pub struct Age {
    surroundings: Surroundings,
    asker: Asker,
    /// What lies at each place, once it was looked at; commands are asked once for each recipient.
    found: Mutex<HashMap<(Place, String), Arc<Found>>>,
}

impl Age {
    /// Keys from these surroundings; that person is asked for passphrases.
    #[must_use]
    pub fn new(surroundings: Surroundings, ask: Arc<dyn Ask>) -> Self {
        let asker = Asker { ask, agent: Agent::new(&surroundings) };
        Self { surroundings, asker, found: Mutex::default() }
    }

    /// An armored age file with the data key for one recipient.
    ///
    /// # Errors
    /// The text is no recipient, or its plugin is not there or refuses.
    pub fn encrypt(&self, recipient: &str, plaintext: &SecretBytes) -> Result<String, Fault> {
        let recipient = self.recipient(recipient.trim())?;
        armored(&*recipient, plaintext.expose())
            .map_err(|error| Fault::wrong("failed to encrypt sops data key with age").because(told(&error)))
    }

    /// The data key in an armored age file.
    ///
    /// # Errors
    /// The file is none, or no identity fits it; then the fault names the places without identities and what went wrong
    /// at the others.
    pub fn decrypt(&self, recipient: &str, armor: &str) -> Result<SecretBytes, Fault> {
        let message = Message::read(armor)?;
        let mut failures = Vec::new();
        let mut loud: Vec<(Arc<Found>, usize)> = Vec::new();
        for place in QUIETEST_FIRST {
            let found = self.look(place, recipient);
            for (at, identity) in found.identities().iter().enumerate() {
                if !identity.is_quiet() {
                    loud.push((found.clone(), at));
                } else if let Some(data) = self.attempt(identity, &message, &mut failures) {
                    return Ok(data);
                }
            }
        }
        loud.sort_by_key(|(found, at)| found.identities()[*at].asks());
        for (found, at) in &loud {
            if let Some(data) = self.attempt(&found.identities()[*at], &message, &mut failures) {
                return Ok(data);
            }
        }
        Err(self.nothing_fits(recipient, failures))
    }

    fn attempt(&self, identity: &Identity, message: &Message<'_>, failures: &mut Vec<String>) -> Option<SecretBytes> {
        identity.open(message, &self.asker).unwrap_or_else(|failure| {
            failures.push(failure);
            None
        })
    }

    fn look(&self, place: Place, recipient: &str) -> Arc<Found> {
        let whose = if place.is_command() { recipient } else { "" };
        let key = (place, whose.to_owned());
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        known.unwrap_or_else(|| {
            let found = Arc::new(place.look(&self.surroundings, recipient));
            self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(key, found.clone());
            found
        })
    }

    fn recipient(&self, text: &str) -> Result<Box<dyn Recipient>, Fault> {
        let wrong = |what: &str, error: String| Fault::wrong(format!("failed to parse input as {what}: {error}"));
        if text.starts_with("age1pq1") {
            let recipient = post_quantum::Recipient::parse(text)
                .map_err(|error| wrong("age post-quantum public key", error.to_owned()))?;
            return Ok(Box::new(recipient));
        }
        if text.starts_with("age1") && text.matches('1').count() > 1 {
            let wrong = |error: String| wrong("age key from age plugin", error);
            let recipient: plugin::Recipient = text.parse().map_err(|error: &str| wrong(error.to_owned()))?;
            let name = recipient.plugin().to_owned();
            let program = plugin::RecipientPluginV1::new(&name, &[recipient], &[], self.asker.clone());
            return Ok(Box::new(program.map_err(|error| wrong(told(&error)))?));
        }
        if text.starts_with("age1") {
            let recipient: x25519::Recipient =
                text.parse().map_err(|error: &str| wrong("Bech32-encoded age public key", error.to_owned()))?;
            return Ok(Box::new(recipient));
        }
        if text.starts_with("ssh-") {
            let recipient: ssh::Recipient =
                text.parse().map_err(|error| wrong("age-ssh public key", ssh_reason(&error)))?;
            return Ok(Box::new(recipient));
        }
        Err(Fault::wrong(format!("failed to parse input, unknown recipient type: \"{text}\"")))
    }

    /// All places have been looked at by now.
    fn nothing_fits(&self, recipient: &str, mut failures: Vec<String>) -> Fault {
        let mut missing: Vec<String> = Vec::new();
        let mut count = 0;
        for place in PLACES {
            match &*self.look(place, recipient) {
                // The user's own file is only missed by those who name no other.
                Found::Nothing if place == Place::UserKeyFile && count > 0 => {}
                Found::Nothing => missing.push(place.name(&self.surroundings)),
                Found::Identities(identities) => count += identities.len(),
                Found::Failure(failure) => failures.push(failure.clone()),
            }
        }
        let mut text = String::from(match count {
            0 => "failed to load age identities",
            1 => {
                "failed to create reader for decrypting sops data key with age: identity did not match any of the recipients: incorrect identity for recipient block"
            }
            _ => {
                "failed to create reader for decrypting sops data key with age: no identity matched any of the recipients"
            }
        });
        if !failures.is_empty() {
            text.push_str(". Errors while loading age identities: ");
            text.push_str(&failures.join("; "));
        }
        if !missing.is_empty() {
            text.push_str(". Did not find keys in ");
            text.push_str(&places::listed(&missing));
            text.push('.');
        }
        Fault::denied(text)
    }
}

fn armored(recipient: &dyn Recipient, plaintext: &[u8]) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient))?;
    let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?)?;
    writer.write_all(plaintext)?;
    let armor = writer.finish()?.finish()?;
    Ok(String::from_utf8(armor)?.trim_end().to_owned() + "\n")
}

fn ssh_reason(error: &ssh::ParseRecipientKeyError) -> String {
    use ssh::ParseRecipientKeyError as Reason;
    match error {
        Reason::Invalid(reason) => (*reason).to_owned(),
        Reason::RsaModulusTooLarge => "the RSA key is too large".to_owned(),
        Reason::RsaModulusTooSmall => "the RSA key is too small".to_owned(),
        Reason::Unsupported(kind) => format!("unsupported SSH key type: \"{kind}\""),
        _ => "unsupported SSH key".to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
