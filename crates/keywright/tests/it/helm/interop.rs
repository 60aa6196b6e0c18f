//! The plugins in the real Helm 3 and 4: as wrapper, as getter in `-f` and `--set-file`, and what they write on a disk: nothing.
//! And the real gpg, where a variable brings its keys.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::peers::{Outcome, Peer};

use super::wrapper::{ended, left, start};
use super::{KEY, PLAIN, folder, helm_secrets, path, script, write};
use crate::sops::interop::Keyring;

/// A chart that shows its values.
fn chart(place: &Path) {
    fs::create_dir_all(place.join("chart/templates")).expect("a folder");
    write(place, "chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 0.1.0\n");
    write(place, "chart/values.yaml", "password: none\n");
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  password: {{ .Values.password | quote }}\n  \
                    blob: {{ .Values.blob | default \"\" | quote }}\n";
    write(place, "chart/templates/c.yaml", template);
}

/// Another plugin that fetches: files of this folder by `other+x://`, whatever stands behind the `?`.
fn getter_of_another(place: &Path, major: &str) {
    let folder = place.join("plugins/other");
    fs::create_dir_all(&folder).expect("a folder");
    let text = "for url in \"$@\"; do :; done; file=${url#other+x://}; exec cat \"${file%%\\?*}\"";
    script(&folder, "get.sh", text);
    let manifest = match major {
        "3" => {
            "name: other\nversion: 1.0.0\nusage: x\ndescription: x\ncommand: $HELM_PLUGIN_DIR/get.sh\n\
                downloaders: [{command: get.sh, protocols: [other+x]}]\n"
        }
        _ => {
            "apiVersion: v1\nname: other\nversion: 1.0.0\ntype: getter/v1\nruntime: subprocess\nconfig: {protocols: \
              [other+x]}\nruntimeConfig: {protocolCommands: [{protocols: [other+x], platformCommand: [{command: get.sh}]}]}\n"
        }
    };
    write(place, "plugins/other/plugin.yaml", manifest);
}

/// Runs Helm with our plugins.
fn helm(peer: &Peer, place: &Path, words: &[&str]) -> Outcome {
    let plugins = place.join("plugins").display().to_string();
    let temporary = place.join("tmp").display().to_string();
    peer.run(words)
        .variable("HELM_PLUGINS", &plugins)
        .variable("TMPDIR", &temporary)
        .variable("SOPS_AGE_KEY", KEY)
        .within(place)
        .outcome()
}

#[test]
fn helm_3_and_4_decrypt_through_the_plugins() {
    for (name, major) in [("helm3", "3"), ("helm4", "4")] {
        let Some(peer) = testkit::peers::find(name) else { return };
        let folder = folder();
        let place = folder.path();
        chart(place);
        write(place, "references.yaml", "password: ref+sops://secrets.yaml#/password\n");
        fs::create_dir_all(place.join("tmp")).expect("a folder");
        let output = place.join("plugins").display().to_string();
        let binary = env!("CARGO_BIN_EXE_keywright");
        let made = helm_secrets(&["plugin", "--helm", major, "--output", &output, "--binary", binary], &[]);
        assert_eq!(made.code, 0, "{}", made.err);
        let run = |words: &[&str]| {
            let outcome = helm(&peer, place, words);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (outcome.code, text(&outcome.stdout), text(&outcome.stderr))
        };
        let (code, out, err) = run(&["secrets", "template", "x", "chart", "-f", "secrets.yaml"]);
        assert_eq!(code, Some(0), "{name}: {err}");
        assert!(out.contains("password: \"hunter2\""), "{name}: {out}");
        assert!(err.contains("Decrypt: secrets.yaml") && err.contains("Removed: secrets.yaml.dec"), "{name}: {err}");
        let (code, out, err) =
            run(&["template", "x", "chart", "-f", "secrets://secrets.yaml", "--set-file", "blob=secrets://blob.bin"]);
        assert_eq!(code, Some(0), "{name}: {err}");
        assert!(
            out.contains("password: \"hunter2\"") && out.contains("blob: \"no newline at the end\""),
            "{name}: {out}"
        );
        let (code, out, err) =
            run(&["secrets", "--backend", "vals", "template", "x", "chart", "-f", "references.yaml"]);
        assert_eq!(code, Some(0), "{name}: {err}");
        assert!(out.contains("password: \"hunter2\""), "{name}: {out}");
        let literal = "password=ref+echo://li/teral,blob=x";
        let (code, out, err) = run(&["secrets", "--backend=vals", "template", "x", "chart", "--set", literal]);
        assert_eq!(code, Some(0), "{name}: {err}");
        assert!(out.contains("password: \"li/teral\"") && out.contains("blob: \"x\""), "{name}: {out}");
        let (code, out, err) = run(&["template", "x", "chart", "-f", "secrets://vals!references.yaml"]);
        assert_eq!(code, Some(0), "{name}: {err}");
        assert!(out.contains("password: \"hunter2\""), "{name}: {out}");
        manifests_are_evaluated(name, major, &run);
        getter_of_another(place, major);
        getters_of_others_are_used(name, &run);
        text_that_is_no_yaml_is_told_by_helm(name, place, &run);
        let (code, out, err) = run(&["secrets", "lint", "chart", "--values", "secrets://secrets.yaml"]);
        assert_eq!(code, Some(0), "{name}: {out}{err}");
        let (code, _, err) = run(&["template", "x", "chart", "-f", "secrets://none.yaml"]);
        assert_eq!(code, Some(1), "{name}: {err}");
        assert!(err.contains("File does not exist: none.yaml"), "{name}: {err}");
        let (_, out, _) = run(&["secrets", "dir"]);
        let expected = if major == "3" { "plugins/helm-secrets" } else { "plugins/helm-secrets-cli" };
        assert!(out.ends_with(expected), "{name}: {out}");
        assert_eq!(run(&["secrets", "decrypt", "secrets.yaml"]).1, PLAIN);
        let left = fs::read_dir(place.join("tmp")).expect("the folder").count();
        assert_eq!(left, 0, "{name}");
    }
}

type Run<'a> = &'a dyn Fn(&[&str]) -> (Option<i32>, String, String);

/// Plain in the wrapper, which takes what is encrypted for YAML, and decrypted by the getter; Helm's exit code is ours.
fn text_that_is_no_yaml_is_told_by_helm(name: &str, place: &Path, run: Run<'_>) {
    write(place, "broken.txt", "password: [\n");
    let plain = place.join("broken.txt").display().to_string();
    let encrypted = crate::stage::run("sops", &["encrypt", "--age", crate::stage::RECIPIENT, &plain], b"", &[]);
    write(place, "broken.bin", &encrypted.out);
    for words in [
        &["secrets", "template", "x", "chart", "-f", "broken.txt"][..],
        &["template", "x", "chart", "-f", "secrets://broken.bin"],
    ] {
        let (code, out, err) = run(words);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{name}: {err}");
        assert!(err.contains("error converting YAML to JSON"), "{name}: {err}");
    }
}

/// By `--evaluate-templates`.
fn manifests_are_evaluated(name: &str, major: &str, run: Run<'_>) {
    let evaluated = ["secrets", "--evaluate-templates", "template", "x", "chart"];
    let (code, out, err) = run(&[&evaluated[..], &["-n", "ns", "--set", "password=ref+echo://42,blob=b"]].concat());
    assert_eq!(code, Some(0), "{name}: {err}");
    assert!(out.contains("password: \"42\"") && out.contains("blob: b\n"), "{name}: {out}");
    let (code, out, err) = run(&[&evaluated[..], &["--set", "password=ref+nope://a/b"]].concat());
    assert_eq!((code, out.as_str()), (Some(1), ""), "{name}: {err}");
    // Helm 4 keeps to itself what a post-renderer says.
    let expected = if major == "3" { "vals error: expand nope://a/b" } else { "secrets-post-renderer" };
    assert!(err.contains(expected), "{name}: {err}");
}

/// By a values file of a scheme that only another plugin knows.
fn getters_of_others_are_used(name: &str, run: Run<'_>) {
    let url = "secrets://other+x://secrets.yaml?a={b},c";
    let (code, out, err) = run(&["secrets", "decrypt", url.trim_start_matches("secrets://")]);
    assert_eq!((code, out.as_str()), (Some(0), PLAIN), "{name}: {err}");
    let (code, _, err) = run(&["template", "x", "chart", "-f", "secrets://other+x://none.yaml"]);
    assert_eq!(code, Some(1), "{name}: {err}");
    assert!(err.contains("helm template command errored on value 'other+x://none.yaml'"), "{name}: {err}");
}

#[test]
fn keys_that_a_variable_names_serve_every_command_and_go_with_us() {
    let keyring = Keyring::new();
    let folder = folder();
    let place = folder.path();
    let home = keyring.home.path().display().to_string();
    let words = ["encrypt", "--pgp", &keyring.fingerprint, &path(&folder, "plain.yaml")];
    write(place, "pgp.yaml", &crate::stage::run("sops", &words, b"", &[("GNUPGHOME", &home)]).out);
    let key = keyring.gpg(&["--batch", "--export-secret-keys", "--armor"]).stdout;
    write(place, "keys/one.asc", &String::from_utf8(key).expect("UTF-8"));
    write(place, "keys/.hidden", "no key");
    for (words, keys) in [
        (&["decrypt", "pgp.yaml"][..], "keys/one.asc"),
        (&["downloader", "c", "k", "a", "secrets://pgp.yaml"], "keys"),
        (&["downloader", "c", "k", "a", "secrets+gpg-import://keys/one.asc?pgp.yaml"], "false"),
    ] {
        let seen = ended(start(place, "", words).env("HELM_SECRETS_LOAD_GPG_KEYS", keys));
        assert_eq!((seen.code, seen.out.as_str(), left(place)), (0, PLAIN, 0), "{words:?}: {}", seen.err);
    }
    let helm = "test -d \"$GNUPGHOME\" && touch ready\nexec sleep 60";
    let mut command = start(place, helm, &["install", "-f", "pgp.yaml"]);
    let child = command.env("HELM_SECRETS_LOAD_GPG_KEYS", "keys").spawn().expect("the binary runs");
    while !place.join("ready").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(left(place), 2);
    let sent = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(sent.expect("kill runs").success());
    assert_eq!((child.wait_with_output().expect("it ends").status.code(), left(place)), (Some(1), 0));
}
