//! `helm secrets COMMAND` with a stand-in for Helm that shows what it gets: in a process of its own, since it takes over
//! signals.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Ended, KEY, PLAIN, folder, write};

/// Prints its words, and the files behind `-f` and `--values`; ends with 7.
const SHOW: &str = r#"printf '%s\n' "$*"
for word in "$@"; do
  case "$last" in -f | --values) for file in $(printf %s "$word" | tr , ' '); do cat "$file"; stat -c %a "$file"; done ;; esac
  last=$word
done
exit 7"#;

/// The binary with a stand-in for Helm, made by another process so that no fork of this one holds it open for writing.
fn start(place: &Path, helm: &str, words: &[&str]) -> Command {
    let script = place.join("helm");
    let text = format!("#!/bin/sh\n{helm}\n");
    let made = Command::new("sh")
        .args(["-c", "printf %s \"$1\" > \"$2\" && chmod 700 \"$2\"", "sh", &text])
        .arg(&script)
        .status();
    assert!(made.expect("sh runs").success());
    fs::create_dir_all(place.join("tmp")).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.arg("helm-secrets").args(words).current_dir(place).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("TMPDIR", place.join("tmp"));
    command.env("HELM_SECRETS_HELM_PATH", &script).env("SOPS_AGE_KEY", KEY);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn ended(command: &mut Command) -> Ended {
    let output = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().and_then(|code| u8::try_from(code).ok()).expect("it ended by itself");
    Ended { code, out: text(output.stdout), err: text(output.stderr) }
}

/// What lies in the folder for temporary files.
fn left(place: &Path) -> usize {
    fs::read_dir(place.join("tmp")).expect("the folder").count()
}

#[test]
fn helm_sees_plain_copies_that_go_with_it_and_its_exit_code_is_ours() {
    let folder = folder();
    let place = folder.path();
    let run = |words: &[&str]| ended(&mut start(place, SHOW, words));
    let seen =
        run(&["upgrade", "x", "chart", "-f", "plain.yaml", "--values=secrets.yaml,plain.yaml", "--set", "a=b\\,c"]);
    assert_eq!(seen.code, 7);
    assert_eq!(seen.err, "[helm-secrets] Decrypt: secrets.yaml\n[helm-secrets] Removed: secrets.yaml.dec\n");
    let words = seen.out.lines().next().expect("the words");
    assert!(
        words.starts_with("upgrade x chart -f plain.yaml --values /") && words.ends_with(",plain.yaml --set a=b\\,c"),
        "{words}"
    );
    assert_eq!(seen.out.matches(PLAIN).count(), 3, "{}", seen.out);
    assert!(seen.out.contains("\n600\n"), "{}", seen.out);
    assert_eq!(left(place), 0);
    assert!(!place.join("secrets.yaml.dec").exists());
    let getter =
        run(&["-q", "template", "-f", "secrets://secrets.yaml", "-f", "?none.yaml", "--set-file", "k=blob.bin"]);
    assert!(getter.out.starts_with("template -f secrets://secrets.yaml -f /"), "{}", getter.out);
    assert_eq!(getter.err.lines().filter(|line| line.starts_with("[helm-secrets]")).count(), 0, "{}", getter.err);
    let missing = run(&["template", "-f", "secrets.yaml", "-f", "none.yaml"]);
    assert_eq!((missing.code, missing.out.as_str()), (1, ""));
    assert!(missing.err.ends_with("[helm-secrets] File does not exist: none.yaml\n"), "{}", missing.err);
    let argo = ended(start(place, SHOW, &["template", "-f", "secrets.yaml"]).env("ARGOCD_APP_NAME", "a"));
    assert_eq!((argo.code, argo.err.as_str()), (7, ""));
    assert_eq!(left(place), 0);
}

#[test]
fn copies_lie_where_the_user_says_and_one_that_is_there_is_used() {
    let folder = folder();
    let place = folder.path();
    let mut command = start(place, SHOW, &["lint", "-f", "secrets.yaml"]);
    let chosen = ended(command.env("HELM_SECRETS_DEC_SUFFIX", ".plain"));
    assert!(chosen.out.starts_with("lint -f secrets.yaml.plain\n"), "{}", chosen.out);
    assert!(chosen.err.ends_with("Removed: secrets.yaml.plain\n"), "{}", chosen.err);
    assert!(!place.join("secrets.yaml.plain").exists());
    write(place, "secrets.yaml.dec", "password: by hand\n");
    let skipped = ended(&mut start(place, SHOW, &["lint", "-f", "secrets.yaml"]));
    assert!(skipped.out.starts_with("lint -f secrets.yaml.dec\npassword: by hand\n"), "{}", skipped.out);
    assert_eq!(skipped.err, "[helm-secrets] Decrypt skipped: secrets.yaml\n");
    assert!(place.join("secrets.yaml.dec").exists());
}

#[test]
fn a_signal_reaches_helm_and_leaves_nothing_behind() {
    for signal in ["TERM", "HUP", "INT", "QUIT"] {
        let folder = folder();
        let place = folder.path();
        let mut command =
            start(place, "test -s \"$3\" && touch ready\nexec sleep 60", &["install", "-f", "secrets.yaml"]);
        let child = command.spawn().expect("the binary runs");
        while !place.join("ready").exists() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!(left(place), 1);
        let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!((output.status.code(), left(place)), (Some(1), 0), "{signal}");
    }
}

#[test]
fn a_thousand_words_are_no_work() {
    let folder = folder();
    let many: Vec<String> = (0..2000).flat_map(|number| ["--api-versions".to_owned(), format!("v{number}")]).collect();
    let words: Vec<&str> = ["template"].into_iter().chain(many.iter().map(String::as_str)).collect();
    let seen = ended(&mut start(folder.path(), "echo $#", &words));
    assert_eq!((seen.code, seen.out.as_str()), (0, "4001\n"));
}
