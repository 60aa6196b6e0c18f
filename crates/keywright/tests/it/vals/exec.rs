//! `vals exec`, in a process of its own: it takes signals over.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::folder;

/// Runs a line in the folder of the files.
fn exec(words: &[&str]) -> Output {
    exec_with(words, &[])
}

fn exec_with(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.arg0("vals").arg("exec").args(words).current_dir(folder.path());
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("OURS", "1");
    command.envs(variables.iter().copied());
    command.output().expect("keywright starts")
}

#[test]
fn programs_get_variables_and_documents() {
    for (words, code, out, err) in [
        (
            &["-f", "env.yaml", "--", "/bin/sh", "-c", "echo $A $B ${OURS-none}"][..],
            0,
            "foo/bar it's a test none\n",
            "",
        ),
        (&["-i", "-f", "env.yaml", "--", "/bin/sh", "-c", "echo $A ${OURS-none}"], 0, "foo/bar 1\n", ""),
        (&["--", "/bin/sh", "-c", "echo ${OURS-none}"], 0, "1\n", ""),
        (&["-stream-yaml", "many", "--", "cat"], 0, "a: foo/a\n---\nb: foo/b\n", ""),
        (&["--", "sh", "-c", "exit 7"], 7, "", "exit status 7"),
        (&["--", "sh", "-c", "kill -TERM $$"], 143, "", "signal: terminated"),
        (&["--", "no-such-program"], 1, "", "exec: \"no-such-program\": executable file not found in $PATH"),
        (&["-f", "/dev/null", "--", "cat"], 1, "", "no document found"),
        (&["-f", "number.yaml", "--", "cat"], 1, "", "unexpected type of value: int (key `A`)\n"),
        (&["-f", "no.yaml", "--", "cat"], 1, "", "open no.yaml: no such file or directory\n"),
        (&["-f", "env.yaml"], 1, "", "missing args\n"),
    ] {
        let ended = exec(words);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{words:?}: {said}");
        assert_eq!(String::from_utf8_lossy(&ended.stdout), out, "{words:?}: {said}");
        assert!(said.contains(err), "{words:?}: {said}");
    }
}

#[test]
fn the_one_exit_code_of_the_peer_can_be_had() {
    for (script, err) in [("exit 7", "exit status 7\n"), ("kill -TERM $$", "signal: terminated\n")] {
        let ended = exec_with(&["--", "sh", "-c", script], &[("KEYWRIGHT_VALS_EXEC_EXIT_ONE", "true")]);
        assert_eq!((ended.status.code(), &*String::from_utf8_lossy(&ended.stderr)), (Some(1), err));
    }
}

#[test]
fn a_signal_reaches_the_program() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.arg0("vals").args(["exec", "--", "sh", "-c", "echo ready; exec sleep 300"]);
    let mut running = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("keywright starts");
    let mut line = String::new();
    BufReader::new(running.stdout.take().expect("a pipe")).read_line(&mut line).expect("the program speaks");
    let pid = Pid::from_raw(running.id().cast_signed());
    kill(pid, Signal::SIGTERM).expect("our own program can be signalled");
    let ended = running.wait().expect("our own program can be waited for");
    assert_eq!((&*line, ended.code()), ("ready\n", Some(143)));
}
