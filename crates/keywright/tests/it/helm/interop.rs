//! The plugins in the real Helm 3 and 4: as wrapper, as getter in `-f` and `--set-file`, and what they write on a disk: nothing.

use std::fs;
use std::path::Path;

use testkit::peers::{Outcome, Peer};

use super::{KEY, folder, helm_secrets, write};

/// A chart that shows its values.
fn chart(place: &Path) {
    fs::create_dir_all(place.join("chart/templates")).expect("a folder");
    write(place, "chart/Chart.yaml", "apiVersion: v2\nname: chart\nversion: 0.1.0\n");
    write(place, "chart/values.yaml", "password: none\n");
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  password: {{ .Values.password | quote }}\n  \
                    blob: {{ .Values.blob | default \"\" | quote }}\n";
    write(place, "chart/templates/c.yaml", template);
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
        let (code, out, err) = run(&["secrets", "lint", "chart", "--values", "secrets://secrets.yaml"]);
        assert_eq!(code, Some(0), "{name}: {out}{err}");
        let (code, _, err) = run(&["template", "x", "chart", "-f", "secrets://none.yaml"]);
        assert_eq!(code, Some(1), "{name}: {err}");
        assert!(err.contains("File does not exist: none.yaml"), "{name}: {err}");
        let (_, out, _) = run(&["secrets", "dir"]);
        let expected = if major == "3" { "plugins/helm-secrets" } else { "plugins/helm-secrets-cli" };
        assert!(out.ends_with(expected), "{name}: {out}");
        assert_eq!(run(&["secrets", "decrypt", "secrets.yaml"]).1, super::PLAIN);
        let left = fs::read_dir(place.join("tmp")).expect("the folder").count();
        assert_eq!(left, 0, "{name}");
    }
}
