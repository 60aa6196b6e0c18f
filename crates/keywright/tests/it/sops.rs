//! sops' command line, in this process or, where an editor runs, in one of its own; where the lab has the real sops, files go
//! both ways and the same lines are put to it. Specification: SOPS §8, §10, §15.

mod damaged;
mod edit;
mod exec;
mod files;
pub mod interop;
mod keys;
mod lines;

use crate::stage::{Ended, KEY, RECIPIENT, path, read, run, write};

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

fn sops(words: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Ended {
    run("sops", words, input, variables)
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
