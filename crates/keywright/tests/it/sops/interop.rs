//! Both ways with the real sops: what it encrypts we decrypt and the other way round, in five formats, with age and with PGP.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::peers::Peer;

use super::lines::{all, prepared, words};
use super::{KEY, PLAIN, RECIPIENT, good, path, read, sops, write};

/// What a peer prints for a line.
fn theirs(peer: &Peer, words: &[&str], variables: &[(&str, &str)]) -> String {
    variables.iter().fold(peer.run(words), |run, (name, value)| run.variable(name, value)).outcome().text()
}

#[test]
fn files_go_both_ways_with_age() {
    let Some(peer) = testkit::peers::find("sops") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let variables = [("SOPS_AGE_KEY", KEY)];
    for (name, text) in PLAIN {
        write(folder.path(), name, text);
        let (plain, by_us, by_them) =
            (path(&folder, name), path(&folder, &format!("us-{name}")), path(&folder, &format!("them-{name}")));
        good(&["encrypt", "--age", RECIPIENT, "--output", &by_us, &plain]);
        theirs(&peer, &["encrypt", "--age", RECIPIENT, "--output", &by_them, &plain], &variables);
        assert_eq!(theirs(&peer, &["decrypt", &by_us], &variables), text, "{name}");
        assert_eq!(good(&["decrypt", &by_them]), text, "{name}");
        assert_eq!(
            shape(&read(folder.path(), &format!("us-{name}"))),
            shape(&read(folder.path(), &format!("them-{name}")))
        );
        // Each changes the other's file, and the other still reads it.
        let index = if name == "f.ini" { "[\"s\"][\"k\"]" } else { "[\"a\"]" };
        if name != "f.bin" {
            good(&["set", &by_them, index, "\"x\""]);
            theirs(&peer, &["set", &by_us, index, "\"x\""], &variables);
            assert_eq!(theirs(&peer, &["decrypt", &by_them], &variables), good(&["decrypt", &by_us]), "{name}");
            good(&["rotate", "-i", &by_us]);
            theirs(&peer, &["rotate", "-i", &by_them], &variables);
            assert_eq!(theirs(&peer, &["decrypt", &by_us], &variables), good(&["decrypt", &by_them]), "{name}");
        }
    }
}

/// A file with what differs from run to run masked.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    let mut is_armor = false;
    for line in text.replace("\\n", "\n").lines() {
        is_armor = is_armor && !line.contains("-----END");
        if !is_armor {
            let line = line.split("data:").next().unwrap_or_default().split("20").next().unwrap_or_default();
            shape.push_str(line.split("version").next().unwrap_or_default());
            shape.push('\n');
        }
        is_armor = is_armor || line.contains("-----BEGIN");
    }
    shape
}

/// A GnuPG home with one key without a passphrase, whose agent ends with it.
pub struct Keyring {
    pub home: tempfile::TempDir,
    pub fingerprint: String,
}

impl Keyring {
    pub fn new() -> Self {
        // Short, since the agent's socket has to fit.
        let home = tempfile::Builder::new()
            .prefix("gpg")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in("/tmp")
            .expect("a folder");
        let mut keyring = Self { home, fingerprint: String::new() };
        let made = keyring.gpg(&[
            "--batch",
            "--passphrase",
            "",
            "--quick-gen-key",
            "a@example.org",
            "default",
            "default",
            "0",
        ]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let listed = keyring.gpg(&["--list-keys", "--with-colons"]).stdout;
        let listed = String::from_utf8(listed).expect("UTF-8");
        let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("a fingerprint");
        line.split(':').nth(9).expect("the tenth field").clone_into(&mut keyring.fingerprint);
        keyring
    }

    pub fn gpg(&self, words: &[&str]) -> std::process::Output {
        run("gpg", self.home.path(), words)
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        let _ = run("gpgconf", self.home.path(), &["--kill", "gpg-agent"]);
    }
}

fn run(program: &str, home: &Path, words: &[&str]) -> std::process::Output {
    let output = Command::new(program).args(words).env("GNUPGHOME", home).stdin(Stdio::null()).output();
    output.unwrap_or_else(|error| panic!("cannot run {program}, which the lab has: {error}"))
}

#[test]
fn files_go_both_ways_with_pgp() {
    let Some(peer) = testkit::peers::find("sops") else { return };
    let keyring = Keyring::new();
    let folder = tempfile::tempdir().expect("a folder");
    let home = keyring.home.path().display().to_string();
    let variables = [("GNUPGHOME", home.as_str())];
    let ours = |words: &[&str]| {
        let ended = sops(words, b"", &variables);
        assert_eq!(ended.code, 0, "{words:?}: {}", ended.err);
        ended.out
    };
    let key = &keyring.fingerprint;
    for (name, text) in PLAIN {
        write(folder.path(), name, text);
        let (plain, by_us, by_them) =
            (path(&folder, name), path(&folder, &format!("us-{name}")), path(&folder, &format!("them-{name}")));
        ours(&["encrypt", "--pgp", key, "--output", &by_us, &plain]);
        theirs(&peer, &["encrypt", "--pgp", key, "--output", &by_them, &plain], &variables);
        assert_eq!(theirs(&peer, &["decrypt", &by_us], &variables), text, "{name}");
        assert_eq!(ours(&["decrypt", &by_them]), text, "{name}");
    }
}

#[test]
fn the_real_sops_says_the_same() {
    let Some(peer) = testkit::peers::find("sops") else { return };
    let folder = prepared();
    let place = folder.path().display().to_string();
    for (line, is_whole) in all() {
        let words = words(line, &place);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let theirs = peer.run(&words).variable("SOPS_AGE_KEY", KEY).outcome();
        assert_eq!(theirs.code, Some(i32::from(line.code)), "{}", line.words);
        if is_whole {
            assert_eq!(String::from_utf8_lossy(&theirs.stderr), line.err.replace("DIR", &place), "{}", line.words);
        }
    }
}
