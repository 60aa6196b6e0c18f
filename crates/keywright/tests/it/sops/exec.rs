//! `sops exec-env` and `sops exec-file` with commands of the shell: in a process of its own, since they take over signals.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Ended, KEY, RECIPIENT, good, path, read, write};

/// A folder with a file of single values, encrypted, and one with more, encrypted too.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("tmp")).expect("a folder");
    for (name, text) in [
        ("f.yaml", "# note\na: one\nb: 2.0\nc: true\nd: null\nHOME: mine\nt: 2024-01-01T00:00:00.5Z\n"),
        ("g.yaml", "a: {b: 1}\n"),
        ("h.yaml", "a=b: 1\n"),
        ("i.yaml", "a: \"\\0\"\n"),
    ] {
        write(folder.path(), name, text);
        good(&["encrypt", "-i", "--age", RECIPIENT, &path(&folder, name)]);
    }
    folder
}

fn start(place: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.arg("sops").args(words).env_clear().current_dir(place);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("TMPDIR", place.join("tmp")).env("SOPS_AGE_KEY", KEY).env("HOME", "theirs");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(place: &Path, words: &[&str]) -> Ended {
    let output = start(place, words).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().and_then(|code| u8::try_from(code).ok()).expect("it ended by itself");
    let ended = Ended { code, out: text(output.stdout), err: text(output.stderr) };
    assert_eq!(fs::read_dir(place.join("tmp")).expect("the folder").count(), 0, "{words:?} left something behind");
    ended
}

#[test]
fn each_line_ends_as_its_command_does() {
    let folder = folder();
    for (words, code, out, err) in [
        (
            &["exec-env", "f.yaml", "echo $a $b $c \"<$d>\" $HOME $t; exit 7"][..],
            7,
            "one 2.0 true <> mine 2024-01-01T00:00:00Z\n",
            "exit status 7\n",
        ),
        (&["exec-env", "f.yaml", "echo ${SOPS_AGE_KEY:+there}"], 0, "there\n", ""),
        (&["exec-env", "--pristine", "f.yaml", "echo ${SOPS_AGE_KEY:-gone} $a"], 0, "gone one\n", ""),
        (&["exec-env", "--same-process", "f.yaml", "echo $a; exit 3"], 3, "one\n", ""),
        (&["exec-env", "f.yaml", "kill -9 $$"], 255, "", "signal: killed\n"),
        (&["exec-env", "f.yaml"], 1, "", "error: missing file to decrypt\n"),
        (&["exec-env", "f.yaml", "true", "more"], 1, "", "error: missing file to decrypt\n"),
        (&["exec-env", "none.yaml", "true"], 2, "", "Error reading file: open none.yaml: no such file or directory\n"),
        (&["exec-env", "--user", "no-such-user", "f.yaml", "true"], 1, "", "user: unknown user no-such-user"),
        (
            &["exec-env", "--same-process", "--background", "f.yaml", "x"],
            8,
            "",
            "Error: The --same-process flag cannot be used with --background\n",
        ),
        (&["exec-env", "g.yaml", "true"], 1, "", "cannot use complex value in environment; offending key a\n"),
        (&["exec-env", "h.yaml", "true"], 1, "", "cannot use keys with '=' in environment: a=b\n"),
        (&["exec-env", "i.yaml", "true"], 1, "", "no variable can hold the value of the key \"a\"\n"),
        (
            &["exec-file", "--output-type", "json", "g.yaml", "cat {}; stat -c %a {} $(dirname {}); exit 4"],
            4,
            "{\n\t\"a\": {\n\t\t\"b\": 1\n\t}\n}\n600\n700\n",
            "exit status 4\n",
        ),
        (
            &["exec-file", "--no-fifo", "g.yaml", "cat {} {}; stat -c %a {} $(dirname {})"],
            0,
            "a:\n    b: 1\na:\n    b: 1\n600\n700\n",
            "",
        ),
        (&["exec-file", "--no-fifo", "--filename", "x.yaml", "g.yaml", "basename {}"], 0, "x.yaml\n", ""),
        (&["exec-file", "--filename", "y", "g.yaml", "basename {}"], 0, "y\n", ""),
        (&["exec-file", "g.yaml", "true"], 0, "", ""),
        (&["exec-file", "--filename", "../x", "g.yaml", "true"], 1, "", "The provided filename is not a local path.\n"),
        (&["exec-file", "--filename", "/x", "g.yaml", "true"], 1, "", "The provided filename is not a local path.\n"),
        (&["exec-file", "--filename", "no/x", "g.yaml", "true"], 1, "", "cannot make a file for the command: "),
        (&["exec-file", "g.yaml"], 1, "", "error: missing file to decrypt\n"),
    ] {
        let ended = run(folder.path(), words);
        assert_eq!((ended.code, ended.out.as_str()), (code, out), "{words:?}: {}", ended.err);
        assert!(ended.err.contains(err) && ended.err.is_empty() == err.is_empty(), "{words:?}: {}", ended.err);
    }
}

#[test]
fn a_signal_reaches_the_command_and_no_plain_text_stays() {
    let folder = folder();
    let place = folder.path();
    let command = "trap 'echo got > got; exit 5' TERM; touch ready; while :; do sleep 0.1; done; : {}";
    let child = start(place, &["exec-file", "--no-fifo", "g.yaml", command]).spawn().expect("the binary runs");
    while !place.join("ready").exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(fs::read_dir(place.join("tmp")).expect("the folder").count(), 1);
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(5), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(read(place, "got"), "got\n");
    assert_eq!(fs::read_dir(place.join("tmp")).expect("the folder").count(), 0);
}
