//! The folders that `plugin` writes for Helm 3 and 4. What the real Helms make of them: `interop`.

use std::fs;
use std::path::Path;

use super::{helm_secrets, script};

#[test]
fn the_folders_are_written_whole_or_nothing_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("out").display().to_string();
    for words in [
        &["plugin", "--helm", "2", "--output", &output][..],
        &["plugin", "--helm", "3"],
        &["plugin", "--output", &output],
    ] {
        let ended = helm_secrets(words, &[]);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{words:?}");
    }
    assert!(!Path::new(&output).exists());
    let ended = helm_secrets(&["plugin", "--helm", "3", "--output", &output, "--binary", "/opt/it's/keywright"], &[]);
    assert_eq!((ended.code, ended.out), (0, format!("{output}/helm-secrets\n")));
    let manifest = fs::read_to_string(format!("{output}/helm-secrets/plugin.yaml")).expect("the manifest");
    assert_eq!(manifest.lines().filter(|line| line.contains("version")).count(), 1, "{manifest}");
    let script = fs::read_to_string(format!("{output}/helm-secrets/scripts/run.sh")).expect("the script");
    assert_eq!(script, "#!/bin/sh\nexec \"/opt/it's/keywright\" helm-secrets \"$@\"\n");
    for file in ["scripts/wrapper/helm.sh", "scripts/lib/backends/_custom.sh"] {
        assert!(Path::new(&output).join("helm-secrets").join(file).is_file(), "{file}");
    }
}

#[test]
fn the_wrapper_leads_commands_with_values_through_the_plugin() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("out").display().to_string();
    assert_eq!(helm_secrets(&["plugin", "--helm", "3", "--output", &output], &[]).code, 0);
    let wrapper = format!("{output}/helm-secrets/scripts/wrapper/helm.sh");
    let helm = script(folder.path(), "helm", "printf '<%s>' \"$@\"; exit 3");
    let run = |enabled: &str, helm: &str, words: &[&str]| {
        let mut command = std::process::Command::new("sh");
        command.arg(&wrapper).args(words).env("HELM_SECRETS_HELM_PATH", helm);
        let output = command.env("HELM_SECRETS_WRAPPER_ENABLED", enabled).output().expect("sh runs");
        (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
    };
    for (enabled, words, expected) in [
        ("true", &["template", "a b", ""][..], "<secrets><template><a b><>"),
        (
            "true",
            &["-n", "lint", "--debug", "--qps", "5", "upgrade", "x"],
            "<secrets><-n><lint><--debug><--qps><5><upgrade><x>",
        ),
        ("true", &["--namespace=n", "diff"], "<secrets><--namespace=n><diff>"),
        ("true", &["list", "template"], "<list><template>"),
        ("true", &["-n", "template"], "<-n><template>"),
        ("1", &["template", "c"], "<template><c>"),
        ("", &["template", "c"], "<template><c>"),
    ] {
        assert_eq!(run(enabled, &helm, words), (Some(3), expected.to_owned()), "{words:?}");
    }
    // In the place of helm it must not find itself.
    assert_eq!(run("true", &wrapper, &["template"]), (Some(1), String::new()));
}
