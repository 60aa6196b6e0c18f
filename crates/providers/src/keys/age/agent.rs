//! Passphrases of identity files from gpg-agent, which keeps them for a while and has a pinentry to ask with.
//! Only the two commands of its Assuan protocol that this takes. Whatever fails, the terminal is asked instead.
//! Specification: SOPS §5.1 (passphrase-encrypted identity files).

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use base::{SecretBytes, SecretText};
use sha2::{Digest, Sha256};
use wire::environment::Surroundings;
use zeroize::Zeroizing;

/// An agent that may be running.
#[derive(Clone)]
pub(super) struct Agent {
    sockets: Vec<PathBuf>,
    options: Vec<String>,
}

impl Agent {
    /// The agent of these surroundings: the first of its usual sockets that answers.
    pub(super) fn new(around: &Surroundings) -> Self {
        let value = |name: &str| around.environment.value(name);
        let named = value("GPG_AGENT_INFO").and_then(|info| info.split(':').next()).map(PathBuf::from);
        let homes = match value("GNUPGHOME") {
            Some(home) => vec![PathBuf::from(home)],
            None => {
                let runtime = value("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("gnupg"));
                runtime.into_iter().chain(value("HOME").map(|home| PathBuf::from(home).join(".gnupg"))).collect()
            }
        };
        let sockets = named.into_iter().chain(homes.into_iter().map(|home| home.join("S.gpg-agent"))).collect();
        let option = |(option, name)| value(name).map(|text| format!("OPTION {option}={text}"));
        let options = [("ttyname", "GPG_TTY"), ("ttytype", "TERM"), ("display", "DISPLAY")];
        Self { sockets, options: options.into_iter().filter_map(option).collect() }
    }

    /// The passphrase that the agent has or asks for; `None` where it has none to give.
    pub(super) fn passphrase(&self, id: &str, prompt: &str) -> Option<SecretText> {
        let mut line = self.connect()?;
        for option in &self.options {
            // An option that the agent does not know is its affair.
            let _ = line.command(option);
        }
        let escaped = |text: &str| text.replace('%', "%25").replace('+', "%2B").replace(' ', "+");
        line.command(&format!("GET_PASSPHRASE --data {id} X Passphrase: {}", escaped(prompt)))?.to_text()
    }

    /// Makes the agent forget a passphrase that did not fit.
    pub(super) fn forget(&self, id: &str) {
        let _ = self.connect().and_then(|mut line| line.command(&format!("CLEAR_PASSPHRASE {id}")));
    }

    fn connect(&self) -> Option<Line> {
        let stream = self.sockets.iter().find_map(|socket| UnixStream::connect(socket).ok())?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut line = Line { answers: BufReader::new(stream.try_clone().ok()?), stream };
        line.answer().map(|_| line)
    }
}

/// The name under which the agent keeps the passphrase of a file with this content, the peer's name.
pub(super) fn cache_id(file: &SecretBytes) -> String {
    let digest = Sha256::digest(file.expose());
    let letters = digest[..25].chunks(5).flat_map(|five| {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..8).rev().map(move |at| char::from(BASE32[(bits >> (5 * at) & 31) as usize]))
    });
    "SopsAge".chars().chain(letters).collect()
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A person types.
const PATIENCE: Duration = Duration::from_secs(600);

/// Assuan allows lines of 1,000 bytes.
const LINE_BYTES: u64 = 1002;

struct Line {
    stream: UnixStream,
    answers: BufReader<UnixStream>,
}

impl Line {
    fn command(&mut self, text: &str) -> Option<SecretBytes> {
        self.stream.write_all(format!("{text}\n").as_bytes()).ok()?;
        self.answer()
    }

    /// The data in front of `OK`; `None` for `ERR` and for anything that is no answer.
    fn answer(&mut self) -> Option<SecretBytes> {
        let mut data = Zeroizing::new(Vec::new());
        loop {
            let mut line = Zeroizing::new(Vec::new());
            self.answers.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line).ok()?;
            let text = line.strip_suffix(b"\n")?;
            match text {
                [b'O', b'K', ..] => return Some(SecretBytes::new(std::mem::take(&mut data))),
                [b'D', b' ', encoded @ ..] => data.extend(percent_encoding::percent_decode(encoded)),
                [b'S' | b'#', ..] => {}
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests;
