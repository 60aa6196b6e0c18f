//! One age identity, and how it opens an age file: X25519, SSH (an Ed25519 key also as the X25519 key it converts to),
//! plugin, and files of identities under a passphrase. Nobody is asked unless the file is for that key.
//! Not here: where identities lie (`places`). Specification: SOPS §5.1.

use std::io::Read;
use std::sync::OnceLock;

use ::age::armor::ArmoredReader;
use ::age::secrecy::SecretString;
use ::age::{Callbacks, DecryptError, Decryptor, plugin, scrypt, ssh, x25519};
use base::{Fault, SecretBytes, SecretText, limit};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use bech32::{Bech32, Hrp};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

use super::agent;
use super::asker::{Asker, told};
use super::post_quantum;

/// Something that may open an age file.
pub(super) enum Identity {
    /// A native key.
    Native(x25519::Identity),
    /// A hybrid post-quantum key.
    PostQuantum(Box<post_quantum::Identity>),
    /// An SSH key.
    Ssh(SshKey),
    /// A key behind a program.
    Plugin(plugin::Identity),
    /// A file of identities under a passphrase.
    Locked(Locked),
}

/// An SSH key, and the X25519 identity that an Ed25519 key converts to where it needs no passphrase.
pub(super) struct SshKey {
    key: ssh::Identity,
    native: Option<x25519::Identity>,
    source: String,
}

/// A file of identities under a passphrase, and what it held once it was opened.
pub(super) struct Locked {
    bytes: SecretBytes,
    source: String,
    opened: OnceLock<Result<Vec<Identity>, String>>,
}

/// An armored age file, and whom it is for.
pub(super) struct Message<'a> {
    armor: &'a str,
    stanzas: Vec<(String, Vec<String>)>,
}

impl<'a> Message<'a> {
    /// Reads the header's recipient lines, `-> KIND ARGUMENT…`; the age crate shows them to nobody but identities.
    ///
    /// # Errors
    /// It is no age file.
    pub(super) fn read(armor: &'a str) -> Result<Self, Fault> {
        let armor = armor.trim();
        let mut bytes = Vec::new();
        decryptor(armor).map_err(|error| {
            Fault::wrong("failed to create reader for decrypting sops data key with age").because(error)
        })?;
        ArmoredReader::new(armor.as_bytes())
            .read_to_end(&mut bytes)
            .map_err(|error| Fault::wrong("failed to read the armor of the sops data key").because(error))?;
        let lines = bytes.split(|byte| *byte == b'\n').take_while(|line| !line.starts_with(b"---"));
        let stanzas = lines.filter_map(|line| std::str::from_utf8(line.strip_prefix(b"-> ")?).ok()).map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            (words.next().unwrap_or_default(), words.collect())
        });
        Ok(Self { armor, stanzas: stanzas.collect() })
    }

    fn open(&self, identity: &dyn ::age::Identity) -> Result<Option<SecretBytes>, String> {
        let opened = decryptor(self.armor).and_then(|decryptor| {
            let mut data = Vec::new();
            let reader = decryptor.decrypt(std::iter::once(identity))?;
            reader.take(limit::FILE_BYTES).read_to_end(&mut data)?;
            Ok(SecretBytes::new(data))
        });
        match opened {
            Ok(data) => Ok(Some(data)),
            Err(DecryptError::NoMatchingKeys) => Ok(None),
            Err(error) => Err(told(&error)),
        }
    }

    /// Whether a stanza is for the SSH key with these public bytes.
    fn is_for_ssh(&self, public: &[u8]) -> bool {
        let tag = BASE64_STANDARD_NO_PAD.encode(&Sha256::digest(public)[..4]);
        self.stanzas.iter().any(|(name, arguments)| name.starts_with("ssh-") && arguments.first() == Some(&tag))
    }
}

impl Identity {
    /// The identities in a text: one a line, or separated by blanks.
    ///
    /// # Errors
    /// One of them is none; it is not told.
    pub(super) fn read_all(text: &str, separator: Separator) -> Result<Vec<Self>, String> {
        let mut identities = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            match separator {
                Separator::Line if line.is_empty() => {}
                Separator::Line => identities.push(Self::read(line)?),
                Separator::Blank => {
                    for word in line.split_whitespace() {
                        identities.push(Self::read(word)?);
                    }
                }
            }
        }
        Ok(identities)
    }

    /// The SSH key in a text.
    ///
    /// # Errors
    /// The text holds none that we can use.
    pub(super) fn read_ssh(text: &SecretText, source: &str) -> Result<Self, String> {
        let key = ssh::Identity::from_buffer(text.expose().as_bytes(), Some(source.to_owned()))
            .map_err(|_| "\"ssh: no key found\"".to_owned())?;
        match key {
            ssh::Identity::Unsupported(kind) => Err(format!("unsupported SSH key: {kind:?}")),
            key => Ok(Self::Ssh(SshKey { key, native: converted(text), source: source.to_owned() })),
        }
    }

    /// A file of identities under a passphrase.
    pub(super) fn locked(bytes: SecretBytes, source: &str) -> Self {
        Self::Locked(Locked { bytes, source: source.to_owned(), opened: OnceLock::new() })
    }

    /// Whether it needs neither a person nor a program.
    pub(super) fn is_quiet(&self) -> bool {
        match self {
            Self::Native(_) | Self::PostQuantum(_) => true,
            Self::Ssh(SshKey { key, .. }) => matches!(key, ssh::Identity::Unencrypted(_)),
            Self::Plugin(_) | Self::Locked(_) => false,
        }
    }

    /// Whether it asks for a passphrase.
    pub(super) fn asks(&self) -> bool {
        matches!(self, Self::Locked(_) | Self::Ssh(SshKey { key: ssh::Identity::Encrypted(_), .. }))
    }

    /// The data in the file: `Ok(None)` where the file is not for this identity.
    ///
    /// # Errors
    /// It is, but could not be used: the plugin is not there, the passphrase is wrong or nobody could be asked.
    pub(super) fn open(&self, message: &Message<'_>, asker: &Asker) -> Result<Option<SecretBytes>, String> {
        match self {
            Self::Native(key) => message.open(key),
            Self::PostQuantum(key) => message.open(&**key),
            Self::Ssh(key) => key.open(message, asker),
            Self::Plugin(key) => {
                let program = plugin::IdentityPluginV1::new(key.plugin(), std::slice::from_ref(key), asker.clone());
                message.open(&program.map_err(|error| told(&error))?)
            }
            Self::Locked(file) => {
                let inside = file.opened.get_or_init(|| file.unlock(asker)).as_ref().map_err(String::clone)?;
                inside.iter().find_map(|identity| identity.open(message, asker).transpose()).transpose()
            }
        }
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.starts_with("AGE-SECRET-KEY-PQ-1") {
            return post_quantum::Identity::parse(text)
                .map(|key| Self::PostQuantum(Box::new(key)))
                .map_err(|error| format!("malformed post-quantum secret key: {error}"));
        }
        if text.starts_with("AGE-SECRET-KEY-1") {
            let key = text.parse().map_err(|error: &str| format!("malformed secret key: {error}"))?;
            return Ok(Self::Native(key));
        }
        if text.starts_with("AGE-PLUGIN-") {
            return text.parse().map(Self::Plugin).map_err(|error: &str| format!("malformed plugin identity: {error}"));
        }
        Err("unknown identity type".to_owned())
    }
}

/// What stands between the identities of a text.
#[derive(Clone, Copy)]
pub(super) enum Separator {
    /// Files and commands: a line end.
    Line,
    /// `SOPS_AGE_KEY`: any blank.
    Blank,
}

impl Locked {
    fn unlock(&self, asker: &Asker) -> Result<Vec<Identity>, String> {
        let prompt = format!("Enter passphrase for identity '{}':", self.source);
        let id = agent::cache_id(&self.bytes);
        let failed = |reason: &str| format!("failed to decrypt identity '{}': {reason}", self.source);
        if let Some(passphrase) = asker.agent.passphrase(&id, &prompt) {
            return self.unlock_with(passphrase.into_exposed().into()).map_err(|reason| {
                asker.agent.forget(&id);
                failed(&reason)
            });
        }
        let passphrase = asker.request_passphrase(&prompt).ok_or_else(|| failed("nobody to ask for the passphrase"))?;
        self.unlock_with(passphrase).map_err(|reason| failed(&reason))
    }

    fn unlock_with(&self, passphrase: SecretString) -> Result<Vec<Identity>, String> {
        let mut identity = scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(MAX_WORK_FACTOR);
        let decryptor = Decryptor::new_buffered(ArmoredReader::new(self.bytes.expose()));
        let reader = decryptor.and_then(|decryptor| decryptor.decrypt(std::iter::once(&identity as _)));
        let mut text = Zeroizing::new(String::new());
        let mut reader = reader.map_err(|error| told(&error))?;
        reader.read_to_string(&mut text).map_err(|error| told(&error))?;
        Identity::read_all(&text, Separator::Line)
    }
}

/// As age's own command: about a minute of work, since the file is the user's.
const MAX_WORK_FACTOR: u8 = 22;

impl SshKey {
    /// Whom files for the converted key are encrypted to.
    #[cfg(test)]
    pub(super) fn recipient_of_native(&self) -> Option<String> {
        self.native.as_ref().map(|native| native.to_public().to_string())
    }

    fn open(&self, message: &Message<'_>, asker: &Asker) -> Result<Option<SecretBytes>, String> {
        let Self { key, native, source } = self;
        let ssh::Identity::Encrypted(locked) = key else {
            let opened = message.open(key)?;
            return match (opened, native) {
                (None, Some(native)) => message.open(native),
                (opened, _) => Ok(opened),
            };
        };
        if !public_key(key).is_some_and(|public| message.is_for_ssh(&public)) {
            return Ok(None);
        }
        let prompt = format!("Enter passphrase for \"{source}\":");
        let passphrase = asker
            .request_passphrase(&prompt)
            .ok_or_else(|| format!("nobody to ask for the passphrase of '{source}'"))?;
        let unlocked = locked.decrypt(passphrase);
        let unlocked = unlocked.map_err(|_| format!("failed to decrypt SSH key '{source}' with that passphrase"))?;
        message.open(&ssh::Identity::from(unlocked))
    }
}

fn public_key(key: &ssh::Identity) -> Option<Vec<u8>> {
    match ssh::Recipient::try_from(key.clone()).ok()? {
        ssh::Recipient::SshRsa(public, _) | ssh::Recipient::SshEd25519(public, _) => Some(public),
    }
}

/// The X25519 identity that the usual conversion makes of an Ed25519 key: the first half of its seed's SHA-512.
fn converted(text: &SecretText) -> Option<x25519::Identity> {
    let digest = Zeroizing::new(<[u8; 64]>::from(Sha512::digest(*ed25519_seed(text)?)));
    let prefix = Hrp::parse("age-secret-key-").ok()?;
    let text = SecretText::new(bech32::encode::<Bech32>(prefix, &digest[..32]).ok()?);
    SecretText::new(text.expose().to_uppercase()).expose().parse().ok()
}

/// The seed in an OpenSSH private key without a passphrase; the age crate reads the same file and keeps it to itself.
fn ed25519_seed(text: &SecretText) -> Option<Zeroizing<[u8; 32]>> {
    let body: String = text.expose().lines().filter(|line| !line.starts_with("-----")).collect();
    let bytes = SecretBytes::new(BASE64_STANDARD.decode(Zeroizing::new(body).trim()).ok()?);
    let mut rest = bytes.expose().strip_prefix(b"openssh-key-v1\0")?;
    let (cipher, _kdf, _options) = (ssh_string(&mut rest)?, ssh_string(&mut rest)?, ssh_string(&mut rest)?);
    rest = rest.strip_prefix(&[0, 0, 0, 1])?;
    let (_public, mut private) = (ssh_string(&mut rest)?, ssh_string(&mut rest)?);
    private = private.get(CHECK_BYTES..)?;
    let (kind, _public, pair) = (ssh_string(&mut private)?, ssh_string(&mut private)?, ssh_string(&mut private)?);
    let is_ours = cipher == b"none" && kind == b"ssh-ed25519" && pair.len() == 64;
    is_ours.then(|| pair[..32].try_into().ok().map(Zeroizing::new)).flatten()
}

/// Two equal numbers in front of the private part.
const CHECK_BYTES: usize = 8;

/// Takes a string of the SSH wire format: four bytes of length, then the bytes.
fn ssh_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk::<4>()?;
    let (text, behind) = behind.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = behind;
    Some(text)
}

fn decryptor(armor: &str) -> Result<Decryptor<ArmoredReader<std::io::BufReader<&[u8]>>>, DecryptError> {
    Decryptor::new_buffered(ArmoredReader::new(armor.as_bytes()))
}
