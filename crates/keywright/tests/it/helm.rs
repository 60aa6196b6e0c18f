//! helm-secrets' command line: in this process, with a stand-in for Helm, and as a plugin of the real Helm 3 and 4.
//! Specification: HS §4–§11, §14, §18.

mod getter;
mod plugin;
mod wrapper;

use std::path::Path;

use keywright::{Call, Environment, Ui};

/// What a command line came to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ended {
    code: u8,
    out: String,
    err: String,
}

/// The public test identity of SOPS §4.19 and its recipient.
const KEY: &str = "AGE-SECRET-KEY-1WCE3Z8Y3F94DN003GL78GU2NP76CNPWKK8KPQLA0K5Y7RNZ0KSLQZY579T";
const RECIPIENT: &str = "age13608ayeftzee3thl04lu3z7q04vxh2vppejfc3sujf9mma4z3fwqdf5r0t";

/// The plain values; a getter must give them back byte by byte.
const PLAIN: &str = "password: hunter2\ntext: |\n    two\n    lines\n";

/// Runs a line of `program`; the environment has nothing but what is given, and the test's key unless another is.
fn run(program: &str, words: &[&str], variables: &[(&str, &str)]) -> Ended {
    let (ui, out, err) = Ui::captured(b"");
    let environment: Environment = [("SOPS_AGE_KEY", KEY)].into_iter().chain(variables.iter().copied()).collect();
    let args = words.iter().map(|word| (*word).to_owned()).collect();
    let exit = keywright::run(Call { program: program.to_owned(), args, environment, ui });
    Ended { code: exit.0, out: out.text(), err: err.text() }
}

fn helm_secrets(words: &[&str], variables: &[(&str, &str)]) -> Ended {
    run("helm-secrets", words, variables)
}

/// A folder with `plain.yaml`, `secrets.yaml` and `blob.bin`, the latter two encrypted.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "plain.yaml", PLAIN);
    write(folder.path(), "blob.txt", "no newline at the end");
    for (plain, encrypted) in [("plain.yaml", "secrets.yaml"), ("blob.txt", "blob.bin")] {
        let ended = run("sops", &["encrypt", "--age", RECIPIENT, &path(&folder, plain)], &[]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        write(folder.path(), encrypted, &ended.out);
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file can be written");
}

/// The path of a file in the folder, as text.
fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}
