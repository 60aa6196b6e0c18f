//! Modes that write files: sealing into one, merging into one, and opening one again.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{folder, kubeseal, masked, path, read, write};

const SECRET: &str = "metadata: {name: a, namespace: x, labels: {l: '1'}}\nstringData: {a: b}\n";

/// The opened Secret as JSON.
fn opened(folder: &tempfile::TempDir, name: &str) -> Value {
    let (key, file) = (path(folder, "backup.json"), read(folder.path(), name));
    let ended = kubeseal(&["--recovery-unseal", "--recovery-private-key", &key], file.as_bytes(), &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    serde_json::from_str(&ended.out).expect("JSON")
}

#[test]
fn an_output_file_is_private_where_it_is_new_and_keeps_its_mode_where_it_is_not() {
    let folder = folder();
    let (cert, out) = (path(&folder, "cert.pem"), path(&folder, "out.yaml"));
    let mode = || std::fs::metadata(&out).expect("a file").permissions().mode() & 0o777;
    assert_eq!(kubeseal(&["--cert", &cert, "-w", &out], SECRET.as_bytes(), &[]).code, 0);
    assert_eq!(mode(), 0o600);
    assert!(read(folder.path(), "out.yaml").starts_with("---\napiVersion: bitnami.com/v1alpha1\n"));
    std::fs::set_permissions(&out, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    assert_eq!(kubeseal(&["--cert", &cert, "-w", &out], SECRET.as_bytes(), &[]).code, 0);
    assert_eq!(mode(), 0o640);
    let before = read(folder.path(), "out.yaml");
    assert_eq!(kubeseal(&["--cert", &cert, "-w", &out], b"metadata: {name: a}", &[]).code, 1);
    assert_eq!(read(folder.path(), "out.yaml"), before, "after an error the file is as it was");
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 5, "no temporary file is left");
}

#[test]
fn values_are_merged_into_a_file_of_either_syntax() {
    for (name, syntax) in [("s.json", "json"), ("s.yaml", "yaml")] {
        let folder = folder();
        let (cert, file) = (path(&folder, "cert.pem"), path(&folder, name));
        assert_eq!(kubeseal(&["--cert", &cert, "-o", syntax, "-w", &file], SECRET.as_bytes(), &[]).code, 0);
        let more = "metadata: {name: other, namespace: elsewhere, annotations: {k: '2'}, labels: {l: '3'}}\n\
                    stringData: {a: new, c: d}\n---\nmetadata: {name: third}\nstringData: {e: f}\n";
        let ended = kubeseal(&["--cert", &cert, "--merge-into", &file], more.as_bytes(), &[]);
        assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{}", ended.err);
        assert_eq!(read(folder.path(), name).starts_with('{'), syntax == "json", "the file keeps its syntax");
        let secret = opened(&folder, name);
        assert_eq!(secret["data"], json!({"a": "bmV3", "c": "ZA==", "e": "Zg=="}));
        assert_eq!(secret["metadata"]["name"], "a");
        assert_eq!(secret["metadata"]["namespace"], "x");
        assert_eq!(secret["metadata"]["labels"], json!({"l": "3"}));
        assert_eq!(secret["metadata"]["annotations"], json!({"k": "2"}));
    }
}

#[test]
fn merged_values_have_the_files_scope_and_its_other_fields_stay() {
    let folder = folder();
    let (cert, file) = (path(&folder, "cert.pem"), path(&folder, "s.yaml"));
    write(
        folder.path(),
        "s.yaml",
        r#"apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata:
  creationTimestamp: null
  name: a
  namespace: x
  labels: {keep: me}
  annotations: {sealedsecrets.bitnami.com/namespace-wide: "true"}
spec:
  encryptedData: {}
  template:
    type: T
    data: {t: '{{ .a }}', hidden: null}
status: {observedGeneration: 3}
"#,
    );
    let marked = "metadata: {annotations: {sealedsecrets.bitnami.com/cluster-wide: 'true'}}\nstringData: {a: b}\n";
    let ended = kubeseal(&["--cert", &cert, "--merge-into", &file], marked.as_bytes(), &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    insta::assert_snapshot!("merged", masked(&read(folder.path(), "s.yaml")));
    let ended = kubeseal(&["--cert", &cert, "--scope", "cluster-wide", "--merge-into", &file], marked.as_bytes(), &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("which is namespace-wide: it could never be opened"), "{}", ended.err);
    let before = read(folder.path(), "s.yaml");
    // The file's namespace is what is sealed for, so that is what `-n` is compared with.
    let told = "error: namespace mismatch: input secret is in namespace \"x\" but \"other\" was specified\n";
    for input in [SECRET, "stringData: {a: b}\n", "metadata: {namespace: other}\nstringData: {a: b}\n"] {
        let ended = kubeseal(&["--cert", &cert, "-n", "other", "--merge-into", &file], input.as_bytes(), &[]);
        assert_eq!((ended.code, ended.err.as_str()), (1, told), "{input}");
        assert_eq!(read(folder.path(), "s.yaml"), before);
    }
}

#[test]
fn a_file_that_is_not_one_sealed_secret_is_left_as_it_is() {
    let head = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\n";
    for (text, told) in [
        ("apiVersion: v1\nkind: Secret\n".to_owned(), "expected bitnami.com/v1alpha1 SealedSecret but found v1 Secret"),
        (String::new(), "there is no SealedSecret in the input"),
        (format!("{head}metadata: {{name: a, namespace: b}}\n---\nkind: X\n"), "it holds more than one document"),
        (format!("{head}metadata: {{name: a}}\n"), "must declare a namespace"),
    ] {
        let folder = folder();
        let (cert, file) = (path(&folder, "cert.pem"), path(&folder, "s.yaml"));
        write(folder.path(), "s.yaml", &text);
        let ended = kubeseal(&["--cert", &cert, "--merge-into", &file], SECRET.as_bytes(), &[]);
        assert_eq!(ended.code, 1, "{text}");
        assert!(ended.err.contains(told), "{}", ended.err);
        assert_eq!(read(folder.path(), "s.yaml"), text);
    }
}

#[test]
fn a_sealed_secret_opens_offline_with_what_people_have_of_its_keys() {
    let folder = folder();
    let (cert, file) = (path(&folder, "cert.pem"), path(&folder, "s.json"));
    let secret = "metadata: {name: a, namespace: x, finalizers: [f/f]}\ntype: T\nimmutable: true\n\
                  stringData: {a: b, empty: ''}\n";
    assert_eq!(kubeseal(&["--cert", &cert, "-w", &file], secret.as_bytes(), &[]).code, 0);
    let sealed = read(folder.path(), "s.json");
    for keys in [path(&folder, "key.pem"), path(&folder, "backup.json")] {
        let words = ["--recovery-unseal", "-o", "yaml", "--recovery-private-key", &keys];
        let ended = kubeseal(&words, sealed.as_bytes(), &[]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        insta::assert_snapshot!("opened", ended.out);
        let ended = kubeseal(&["--validate", "--recovery-private-key", &keys], sealed.as_bytes(), &[]);
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "", ""));
    }
    let moved = sealed.replace("\"namespace\": \"x\"", "\"namespace\": \"y\"");
    let keys = path(&folder, "key.pem");
    let ended = kubeseal(&["--recovery-unseal", "--recovery-private-key", &keys], moved.as_bytes(), &[]);
    assert_eq!((ended.code, ended.err.as_str()), (1, "error: no key could decrypt secret (a, empty)\n"));
    let ended = kubeseal(&["--validate", "--recovery-private-key", &keys], moved.as_bytes(), &[]);
    assert_eq!(ended.err, "error: unable to decrypt sealed secret: a: no key could decrypt secret (a, empty)\n");
    let placeless = sealed.replace("\"namespace\": \"x\"", "\"selfLink\": \"\"");
    let ended = kubeseal(&["--recovery-unseal", "--recovery-private-key", &keys, "-n", "x"], placeless.as_bytes(), &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
}
