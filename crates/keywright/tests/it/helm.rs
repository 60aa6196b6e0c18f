//! helm-secrets' command line: in this process, with a stand-in for Helm, and as a plugin of the real Helm 3 and 4.
//! Specification: HS §4–§11, §14, §18.

mod getter;
mod interop;
mod plugin;
mod refusals;
mod wrapper;

use std::path::Path;
use std::process::Command;

use crate::stage::{Ended, KEY, RECIPIENT, path, run, write};

/// The plain values; a getter must give them back byte by byte.
const PLAIN: &str = "password: hunter2\ntext: |\n    two\n    lines\n";

/// Runs a line with the test's key, unless another is given.
fn helm_secrets(words: &[&str], variables: &[(&str, &str)]) -> Ended {
    let variables: Vec<(&str, &str)> = [("SOPS_AGE_KEY", KEY)].into_iter().chain(variables.iter().copied()).collect();
    run("helm-secrets", words, b"", &variables)
}

/// A folder with `plain.yaml`, `secrets.yaml` and `blob.bin`, the latter two encrypted.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "plain.yaml", PLAIN);
    write(folder.path(), "blob.txt", "no newline at the end");
    for (plain, encrypted) in [("plain.yaml", "secrets.yaml"), ("blob.txt", "blob.bin")] {
        let ended = run("sops", &["encrypt", "--age", RECIPIENT, &path(&folder, plain)], b"", &[]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        write(folder.path(), encrypted, &ended.out);
    }
    folder
}

/// A script, written by another process so that no fork of this one holds it open for writing.
fn script(place: &Path, name: &str, text: &str) -> String {
    let path = place.join(name);
    let made = Command::new("sh")
        .args(["-c", "printf %s \"$1\" > \"$2\" && chmod 700 \"$2\"", "sh", &format!("#!/bin/sh\n{text}\n")])
        .arg(&path)
        .status();
    assert!(made.expect("sh runs").success());
    path.display().to_string()
}
