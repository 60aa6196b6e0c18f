//! `helm secrets COMMAND` with a stand-in for Helm that shows what it gets: in a process of its own, since it takes over
//! signals.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use testkit::Vault;
use testkit::vault::Role;

use super::{Ended, KEY, PLAIN, folder, script, write};

/// Prints its words, and the files behind `-f` and `--values`; ends with 7.
const SHOW: &str = r#"printf '%s\n' "$*"
for word in "$@"; do
  case "$last" in -f | --values) for file in $(printf %s "$word" | tr , ' '); do cat "$file"; stat -c %a "$file"; done ;; esac
  last=$word
done
exit 7"#;

/// The binary with a stand-in for Helm.
pub fn start(place: &Path, helm: &str, words: &[&str]) -> Command {
    let script = script(place, "helm", helm);
    fs::create_dir_all(place.join("tmp")).expect("a folder");
    // Whoever starts the tests in the background may have its shell ignore signals for them; the program would obey.
    let mut command = Command::new("env");
    command.args(["--default-signal", env!("CARGO_BIN_EXE_keywright"), "helm-secrets"]).args(words);
    command
        .current_dir(place)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TMPDIR", place.join("tmp"));
    command.env("HELM_SECRETS_HELM_PATH", &script).env("SOPS_AGE_KEY", KEY);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub fn ended(command: &mut Command) -> Ended {
    let output = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().and_then(|code| u8::try_from(code).ok()).expect("it ended by itself");
    Ended { code, out: text(output.stdout), err: text(output.stderr) }
}

/// What lies in the folder for temporary files.
pub fn left(place: &Path) -> usize {
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
    assert_eq!(
        missing.err,
        "[helm-secrets] Decrypt: secrets.yaml\n[helm-secrets] File does not exist: none.yaml\n\
         [helm-secrets] Removed: secrets.yaml.dec\n"
    );
    let marked = run(&["-q", "template", "-f", "?secrets://x.yaml", "--values", "vals!secrets://y.yaml"]);
    assert!(marked.out.starts_with("template -f secrets://?x.yaml --values secrets://vals!y.yaml\n"), "{}", marked.out);
    let argo = ended(start(place, SHOW, &["template", "-f", "secrets.yaml"]).env("ARGOCD_APP_NAME", "a"));
    assert_eq!((argo.code, argo.err.as_str()), (7, ""));
    assert_eq!(left(place), 0);
}

#[test]
fn all_references_of_a_line_share_one_login_and_each_value_is_read_once() {
    let runtime = crate::vals::remote::runtime();
    let vault = runtime.block_on(Vault::start());
    vault.put("secret/app", json!({"pw": "s3", "user": "u"}));
    vault.put("secret/other", json!({"pw": "t4"}));
    vault.enable_auth("approle", "approle");
    vault.role("approle", "app", Role::app_role("role-1", "secret-1"));
    let folder = folder();
    let place = folder.path();
    write(place, "refs.yaml", "a: ref+vault://secret/app#/pw\nb: ref+vault://secret/other/pw\n");
    let words = [
        "-b",
        "vals",
        "template",
        "chart",
        "-f",
        "refs.yaml",
        "--values=refs.yaml",
        "--set-file",
        "f=refs.yaml",
        "--set",
        "a=ref+vault://secret/app#/pw,b={x,ref+vault://secret/other#/pw}",
        "--set=c=ref+vault://secret/app#/user",
        "--set-string",
        "d=ref+vault://secret/app/pw",
        "--set-literal",
        "e=ref+vault://secret/app#/pw",
        "--set-json",
        r#"g={"h": "ref+vault://secret/other#/pw"}"#,
        "--set",
        "i=secrets.yaml",
    ];
    let mut command = start(place, SHOW, &words);
    command.env("VAULT_ADDR", vault.url()).env("VAULT_AUTH_METHOD", "approle");
    command.env("VAULT_ROLE_ID", "role-1").env("VAULT_SECRET_ID", "secret-1");
    let seen = ended(&mut command);
    assert_eq!(seen.code, 7, "{}", seen.err);
    let words = seen.out.lines().next().expect("the words");
    let expected = r#" --set a=s3,b={x,t4} --set c=u --set-string d=s3 --set-literal e=s3 --set-json g={"h": "t4"} --set i=secrets.yaml"#;
    assert!(words.ends_with(expected), "{words}");
    assert_eq!(seen.out.matches("a: s3\nb: t4\n").count(), 2, "{}", seen.out);
    let counts = (vault.logins(), vault.count("GET", "secret/data/app"), vault.count("GET", "secret/data/other"));
    assert_eq!(counts, (1, 1, 1), "{:?}", vault.server().counts());

    let ended = ended(command.env("VAULT_SECRET_ID", "wrong"));
    assert_eq!((ended.code, &*ended.out), (1, ""), "{}", ended.err);
    assert_eq!(vault.logins(), 2, "a login that was refused is not tried again");
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
fn copies_in_the_folder_for_temporary_files_do_not_look_beside_the_file() {
    let folder = folder();
    let place = folder.path();
    write(place, "secrets.yaml.dec", "password: by hand\n");
    write(place, "a/b_c.yaml", &crate::stage::read(place, "secrets.yaml"));
    write(place, "a_b/c.yaml", &crate::stage::read(place, "secrets.yaml"));
    let words =
        ["--decrypt-secrets-in-tmp-dir", "lint", "-f", "secrets.yaml", "-f", "a/b_c.yaml", "--values", "a_b/c.yaml"];
    let mut command = start(place, SHOW, &words);
    let above = place.join("new/dec");
    let seen = ended(command.env("HELM_SECRETS_DEC_TMP_DIR", &above));
    assert_eq!(seen.out.matches(PLAIN).count(), 3, "{}\n{}", seen.out, seen.err);
    let removed: Vec<&str> =
        seen.err.lines().filter_map(|line| line.split_once("Removed: ")).map(|(_, path)| path).collect();
    assert!(removed.iter().all(|path| path.starts_with(&format!("{}/", above.display()))), "{removed:?}");
    for (path, name) in removed.iter().zip(["/._secrets.yaml.dec", "/a_b_c.yaml.dec", "/2/a_b_c.yaml.dec"]) {
        assert!(path.ends_with(name), "{removed:?}");
    }
    assert!(place.join("new").exists() && !above.exists() && place.join("secrets.yaml.dec").exists());
}

#[test]
fn a_copy_that_leads_elsewhere_is_refused_like_the_file() {
    let folder = folder();
    let place = folder.path();
    write(place, "elsewhere", "password: stolen\n");
    std::os::unix::fs::symlink(place.join("elsewhere"), place.join("secrets.yaml.dec")).expect("a link");
    let mut command = start(place, SHOW, &["lint", "-f", "secrets.yaml"]);
    let seen = ended(command.env("HELM_SECRETS_VALUES_ALLOW_SYMLINKS", "false"));
    assert_eq!((seen.code, seen.out.as_str()), (1, ""), "{}", seen.err);
    assert!(seen.err.contains("Values file 'secrets.yaml.dec' is a symlink."), "{}", seen.err);
    write(place, "plain.yaml.dec", "by hand");
    let file = place.join("plain.yaml").display().to_string();
    let mut command = start(place, SHOW, &["lint", "-f", &file]);
    let seen = ended(command.env("HELM_SECRETS_VALUES_ALLOW_ABSOLUTE_PATH", "false"));
    assert_eq!((seen.code, seen.out.as_str()), (1, ""), "{}", seen.err);
}

#[test]
fn odd_names_reach_helm_as_names() {
    let folder = folder();
    let place = folder.path();
    for name in
        ["a b.yaml", "q\"u.yaml", "n\nl.yaml", "br{a}c[e].yaml", "\u{fc}\u{1f600}.yaml", "x!y.yaml", "100%.yaml"]
    {
        write(place, name, &crate::stage::read(place, "secrets.yaml"));
        let seen = ended(&mut start(
            place,
            "cat \"$3\"; printf %s \"$5\"",
            &["t", "-f", name, "--set-file", &format!("k={name}")],
        ));
        assert_eq!(seen.code, 0, "{name}: {}", seen.err);
        let file = seen.out.strip_prefix(PLAIN).expect("the plain text");
        let file = file.strip_prefix("k=").expect("the key");
        assert!(!file.contains([' ', '"', '\n', '{', '[', ',', '%']), "{file}");
        assert!(seen.err.contains(&format!("Removed: {name}.dec\n")), "{}", seen.err);
    }
    assert_eq!(left(place), 0);
}

#[test]
fn references_in_json_literals_are_resolved() {
    let folder = folder();
    let words = ["-b", "vals", "t", "--set-json", "a={\"x\":[1,\"ref+echo://b/c\"]},d=\"e\"", "--set-json=f=[1,2]"];
    let seen = ended(&mut start(folder.path(), "printf '%s\\n' \"$@\"", &words));
    let expected = "t\n--set-json\na={\"x\":[1,\"b/c\"]},d=\"e\"\n--set-json\nf=[1,2]\n";
    assert_eq!((seen.code, seen.out.as_str(), seen.err.as_str()), (0, expected, ""));
}

#[test]
fn helm_is_told_to_send_its_manifests_to_us() {
    let folder = folder();
    let place = folder.path();
    let flags =
        ["--backend-args", "-x y", "--evaluate-templates", "--evaluate-templates-decode-secrets", "template", "c"];
    let helm =
        |version: &str| format!("[ \"$*\" = 'version --short' ] && {{ echo {version}; exit; }}; printf '%s\\n' \"$@\"");
    let rest = "--post-renderer-args=--backend\n--post-renderer-args\nsops\n--post-renderer-args=--backend-args\n\
                --post-renderer-args=-x y\n--post-renderer-args=--evaluate-templates-decode-secrets\n\
                --post-renderer-args\npost-renderer\n";
    let program = place.join("helm").display().to_string();
    for (version, first) in [
        ("v3.18.4+gabc", format!("{program}\n--post-renderer-args\nsecrets\n")),
        ("v4.2.1+gabc", "secrets-post-renderer\n".to_owned()),
    ] {
        let seen = ended(&mut start(place, &helm(version), &flags));
        assert_eq!((seen.code, seen.err.as_str()), (0, ""));
        assert_eq!(seen.out, format!("template\nc\n--post-renderer\n{first}{rest}"));
    }
    let old = ended(&mut start(place, &helm("v1.0"), &flags));
    assert_eq!((old.code, old.out.as_str()), (1, ""));
    assert_eq!(old.err, "[helm-secrets] Unsupported helm version: v1.0\n");
    // Decoding alone asks for nothing.
    assert_eq!(ended(&mut start(place, &helm("v4"), &flags[3..])).out, "template\nc\n");
}

#[test]
fn helm_that_is_killed_has_the_exit_code_that_shells_give() {
    let folder = folder();
    for (signal, code) in [("KILL", 137), ("TERM", 1)] {
        let helm = format!("kill -{signal} $$");
        let seen = ended(&mut start(folder.path(), &helm, &["lint", "-f", "secrets.yaml"]));
        assert_eq!((seen.code, left(folder.path())), (code, 0));
    }
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
