//! PGP keys, through the program `gpg`: its agent, pinentry, cards and subkeys are what users have set up.
//! There is no OpenPGP in this process, so the keyring files of GnuPG 1 are gpg's affair, too.
//! Specification: SOPS §5.2.

use std::time::Duration;

use base::{Fault, SecretBytes};
use wire::environment::Surroundings;
use wire::program::{Output, Program};

/// The program and its surroundings.
pub struct Gpg {
    program: String,
    home: Option<String>,
}

impl Gpg {
    /// `SOPS_GPG_EXEC`, or `gpg` from the path; `GNUPGHOME` goes along.
    #[must_use]
    pub fn new(surroundings: &Surroundings) -> Self {
        let variable = |name: &str| surroundings.environment.value(name).map(str::to_owned);
        Self { program: variable("SOPS_GPG_EXEC").unwrap_or_else(|| "gpg".to_owned()), home: variable("GNUPGHOME") }
    }

    /// The data key as an armored message for one key. A fingerprint that ends with `!` forces exactly that subkey.
    ///
    /// # Errors
    /// gpg is not there, does not know the key, or refuses.
    pub fn encrypt(&self, fingerprint: &str, plaintext: &SecretBytes) -> Result<String, Fault> {
        let trusted = trusted_key(fingerprint);
        let arguments = [
            "--no-default-recipient",
            "--yes",
            "--encrypt",
            "-a",
            "-r",
            fingerprint,
            "--trusted-key",
            trusted,
            "--no-encrypt-to",
        ];
        let attempt = "could not encrypt data key with PGP key";
        let message = self.run(&arguments, plaintext.clone()).map_err(|fault| fault.within(attempt))?;
        let text = message.to_text().filter(|text| !text.trimmed().is_empty());
        text.map(|text| text.trimmed().into_exposed())
            .ok_or_else(|| Fault::unreachable("GnuPG binary error: the message is empty").within(attempt))
    }

    /// The data key of an armored message.
    ///
    /// # Errors
    /// gpg is not there, has no secret key for it, or nobody could unlock that.
    pub fn decrypt(&self, message: &str) -> Result<SecretBytes, Fault> {
        let attempt = "could not decrypt data key with PGP key";
        let data = self.run(&["-d"], message.into()).map_err(|fault| fault.within(attempt))?;
        if data.is_empty() {
            return Err(Fault::unreachable("GnuPG binary error: the decrypted data key is empty").within(attempt));
        }
        Ok(data)
    }

    fn run(&self, arguments: &[&str], input: SecretBytes) -> Result<SecretBytes, Fault> {
        let mut program = Program::new(&self.program).arguments(arguments).input(input).timeout(PATIENCE);
        program.environment.extend(self.home.iter().map(|home| ("GNUPGHOME".into(), home.into())));
        let Output { code, stdout, stderr, .. } = program.run()?;
        if code == Some(0) {
            return Ok(stdout);
        }
        let words: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        Err(Fault::denied(format!("GnuPG binary error: {}", words.join("; "))).hint(advice(&stderr)))
    }
}

/// A pinentry waits for a person, a card for a touch.
const PATIENCE: Duration = Duration::from_secs(600);

/// The last 16 letters of a fingerprint, and the `!` behind them: what gpg's `--trusted-key` takes.
fn trusted_key(fingerprint: &str) -> &str {
    let length = if fingerprint.ends_with('!') { 17 } else { 16 };
    let start = fingerprint.len().saturating_sub(length);
    fingerprint.get(start..).unwrap_or(fingerprint)
}

fn advice(stderr: &str) -> &'static str {
    if stderr.contains("ioctl") || stderr.contains("pinentry") || stderr.contains("No pinentry") {
        return "run `export GPG_TTY=$(tty)`, so that gpg can ask for the passphrase";
    }
    "`gpg --list-secret-keys` shows which keys this user has"
}

#[cfg(test)]
mod tests;
