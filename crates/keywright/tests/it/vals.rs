//! vals' command line, in this process or, where a program is run, in one of its own; where the lab has the real vals, the
//! same lines are put to it. Specification: VALS §4–§7, §13, §16.

mod canary;
mod exec;
mod interop;
mod lines;
mod remote;

use std::path::Path;

use keywright::{Call, Environment, Ui};

/// What a command line came to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ended {
    code: u8,
    out: String,
    err: String,
}

/// Runs a line under the peer's name; the environment has nothing but what is given.
fn vals(words: &[&str], input: &str, variables: &[(&str, &str)]) -> Ended {
    run("vals", words, input, variables)
}

/// Runs a line under our own name, where order and comments stay.
fn keywright_vals(words: &[&str], input: &str, variables: &[(&str, &str)]) -> Ended {
    let words: Vec<&str> = std::iter::once("vals").chain(words.iter().copied()).collect();
    run("keywright", &words, input, variables)
}

fn run(program: &str, words: &[&str], input: &str, variables: &[(&str, &str)]) -> Ended {
    let (ui, out, err) = Ui::captured(input.as_bytes());
    let environment: Environment = variables.iter().copied().collect();
    let args = words.iter().map(|word| (*word).to_owned()).collect();
    let exit = keywright::run(Call { program: program.to_owned(), args, environment, ui });
    Ended { code: exit.0, out: out.text(), err: err.text() }
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
    std::fs::create_dir(folder.path().join("many")).expect("a folder");
    write(folder.path(), "many/b.yaml", "b: ref+echo://foo/b\n");
    write(folder.path(), "many/a.yaml", "a: ref+echo://foo/a\n---\n# nothing\n");
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file can be written");
}
