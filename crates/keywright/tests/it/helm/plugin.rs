//! The folders that `plugin` writes for Helm 3 and 4. What the real Helms make of them: `interop`.

use std::fs;
use std::path::Path;

use super::helm_secrets;

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
