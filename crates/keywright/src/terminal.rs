//! The person at the terminal, asked past the streams: passphrases of keys, touches of hardware keys. Where there is no
//! terminal, nobody can be asked. Specification: SOPS §5.1 (prompts), design §6.

use std::fs::File;
use std::io::{Read as _, Write as _};

use base::SecretText;
use providers::keys::Ask;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// `/dev/tty`, opened for each question.
pub struct Tty;

impl Ask for Tty {
    fn passphrase(&self, prompt: &str) -> Option<SecretText> {
        let mut tty = open()?;
        let before = tcgetattr(&tty).ok()?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        unseen.local_modes.insert(LocalModes::ECHONL);
        tcsetattr(&tty, OptionalActions::Flush, &unseen).ok()?;
        let answer = question(&mut tty, prompt);
        // Nothing can be done about a terminal that does not take its old settings back.
        let _ = tcsetattr(&tty, OptionalActions::Flush, &before);
        answer
    }

    fn text(&self, prompt: &str) -> Option<String> {
        question(&mut open()?, prompt).map(SecretText::into_exposed)
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let mut tty = open()?;
        let Some(no) = no else {
            question(&mut tty, &format!("{message}\nPress enter to {yes}"))?;
            return Some(true);
        };
        let answer = question(&mut tty, &format!("{message}\n{yes} (y), {no} (n)"))?;
        Some(matches!(answer.expose(), "y" | "Y" | "yes"))
    }

    fn tell(&self, message: &str) {
        // Without a terminal there is nobody to tell.
        let _ = open().map(|mut tty| writeln!(tty, "{message}"));
    }
}

fn open() -> Option<File> {
    File::options().read(true).write(true).open("/dev/tty").ok()
}

/// One line, without its end.
fn question(tty: &mut File, prompt: &str) -> Option<SecretText> {
    let prompt = prompt.trim_end_matches([' ', ':']);
    write!(tty, "{prompt}: ").ok()?;
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES));
    let mut byte = [0];
    while line.len() < LINE_BYTES {
        match tty.read(&mut byte) {
            Ok(1) if byte[0] == b'\n' => break,
            Ok(1) => line.push(byte[0]),
            _ if line.is_empty() => return None,
            _ => break,
        }
    }
    std::str::from_utf8(&line).ok().map(SecretText::from)
}

/// The longest line that a terminal hands over at once; reserved in advance, so that a growing line leaves no copies.
const LINE_BYTES: usize = 4096;
