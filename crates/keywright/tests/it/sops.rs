//! sops' command line, in this process or, where an editor runs, in one of its own; where the lab has the real sops, files go
//! both ways and the same lines are put to it. Specification: SOPS §8, §10, §15.

mod edit;
mod files;
mod interop;
mod lines;

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

/// Another pair, for tests only.
const OTHER_RECIPIENT: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

/// One plain file of each format, as it comes back.
const PLAIN: [(&str, &str); 5] = [
    ("f.yaml", "# head\na: one\nb:\n    - 1\n    - true\n    - 2.5\nc:\n    d_unencrypted: clear\n    e: \"\"\n"),
    ("f.json", "{\n\t\"a\": \"one\",\n\t\"b\": [\n\t\t1,\n\t\ttrue,\n\t\tnull\n\t]\n}\n"),
    ("f.env", "# note\nA=one\nB_unencrypted=two\nC=x=y\n"),
    ("f.ini", "[s]\nk    = v\nlong = w\n\n[t]\nk = \"  x\"\n"),
    ("f.bin", "any bytes\nat all"),
];

/// Runs a line; the environment has nothing but what is given.
fn sops(words: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Ended {
    let (ui, out, err) = Ui::captured(input);
    let environment: Environment = variables.iter().copied().collect();
    let args = words.iter().map(|word| (*word).to_owned()).collect();
    let exit = keywright::run(Call { program: "sops".to_owned(), args, environment, ui });
    Ended { code: exit.0, out: out.text(), err: err.text() }
}

/// Runs a line that must end well, with the test's key.
fn good(words: &[&str]) -> String {
    let ended = sops(words, b"", &[("SOPS_AGE_KEY", KEY)]);
    assert_eq!(ended.code, 0, "{words:?}: {}", ended.err);
    ended.out
}

/// A folder with the five plain files, and an encrypted one of each beside it: `f.yaml` and `e-f.yaml`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in PLAIN {
        write(folder.path(), name, text);
        let encrypted = good(&["encrypt", "--age", RECIPIENT, &path(&folder, name)]);
        write(folder.path(), &format!("e-{name}"), &encrypted);
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file can be written");
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a file can be read")
}

/// The path of a file in the folder, as text.
fn path(folder: &tempfile::TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}
