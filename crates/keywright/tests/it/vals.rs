//! vals' command line, in this process or, where a program is run, in one of its own; where the lab has the real vals, the
//! same lines are put to it. Specification: VALS §4–§7, §13, §16.

mod exec;
mod interop;
mod lines;
pub mod remote;

use crate::stage::{Ended, run, write};

/// Runs a line under the peer's name.
fn vals(words: &[&str], input: &str, variables: &[(&str, &str)]) -> Ended {
    run("vals", words, input.as_bytes(), variables)
}

/// Runs a line under our own name, where order and comments stay.
fn keywright_vals(words: &[&str], input: &str, variables: &[(&str, &str)]) -> Ended {
    let words: Vec<&str> = std::iter::once("vals").chain(words.iter().copied()).collect();
    run("keywright", &words, input.as_bytes(), variables)
}

/// A folder with the files of VALS §16.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(
        folder.path(),
        "doc.yaml",
        "a: 1\nb: {c: hello, d: [x, y], e: {f: true}}\nn: null\n\"x-y\": 2.50\ns: \"multi\\nline\"\n",
    );
    write(folder.path(), "one.txt", "secret\n");
    write(folder.path(), "env.yaml", "A: ref+echo://foo/bar\nB: it's a test\nC: plain-ok_1\n");
    write(folder.path(), "number.yaml", "A: 1\n");
    write(folder.path(), "many/b.yaml", "b: ref+echo://foo/b\n");
    write(folder.path(), "many/a.yaml", "a: ref+echo://foo/a\n---\n# nothing\n");
    folder
}
