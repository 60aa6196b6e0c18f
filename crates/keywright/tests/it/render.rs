//! `keywright render`: a folder of manifests of every kind in, Secrets and marked workloads out, and what is told of bad input.
//! Specification: design §4.3; the values' way is ESO §6, SS §11, VSO §6, RL §10 and SOPS §4.

use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use testkit::Vault;
use testkit::vault::Role;

use crate::kubeseal;
use crate::stage::{Ended, KEY, RECIPIENT, path, read, run, write};

const CONFIG_AND_WORKLOADS: &str = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: conf}
data: {color: blue}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations: {reloader.stakater.com/auto: "true", deployment.reloader.stakater.com/pause-period: "5m"}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: app
        image: web
        envFrom:
        - secretRef: {name: db}
        - secretRef: {name: smtp}
        - configMapRef: {name: conf}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: calm}
spec: {template: {spec: {containers: [{name: app, image: calm, envFrom: [{configMapRef: {name: conf}}]}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, annotations: {reloader.stakater.com/auto: "true"}}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: app, image: x, envFrom: [{configMapRef: {name: conf}}]}]}}}}}
"#;

const STORE: &str = r#"apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: manager}
spec: {provider: {fake: {data: [{key: db, value: '{"password": "from-the-manager"}'}]}}}
"#;

const EXTERNAL: &str = r#"apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: db}
spec:
  secretStoreRef: {name: manager}
  data: [{secretKey: password, remoteRef: {key: db, property: password}}]
"#;

const ENCRYPTED: &str =
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\n  labels: {team: shop}\nstringData:\n  token: from-git\n";

/// A folder of manifests in `in`, with a file of each kind, and the key of the sealed one in `key.pem`.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "in/app.yaml", CONFIG_AND_WORKLOADS);
    write(folder.path(), "in/secrets/manager.yaml", &format!("{STORE}---\n{EXTERNAL}"));
    write(folder.path(), "in/secrets/token.enc.yaml", &encrypted(ENCRYPTED));
    write(folder.path(), "in/secrets/smtp.json", &sealed());
    write(folder.path(), "in/README.md", "no manifest");
    write(folder.path(), "in/.sops.yaml", "creation_rules: []\n");
    write(folder.path(), "key.pem", kubeseal::key().private.to_pem().expose());
    folder
}

fn encrypted(plain: &str) -> String {
    let words = [
        "encrypt",
        "--age",
        RECIPIENT,
        "--encrypted-regex",
        "^stringData$",
        "--input-type",
        "yaml",
        "--output-type",
        "yaml",
    ];
    let file = tempfile::tempdir().expect("a folder");
    write(file.path(), "plain.yaml", plain);
    let plain = path(&file, "plain.yaml");
    let ended = run("sops", &words.into_iter().chain([&*plain]).collect::<Vec<_>>(), b"", &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    ended.out
}

/// A SealedSecret for `shop/smtp`.
fn sealed() -> String {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "cert.pem", kubeseal::key().certificate.pem());
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: smtp, namespace: shop}\nstringData: {password: sealed-one}\n";
    let ended = run("kubeseal", &["--cert", &path(&folder, "cert.pem")], secret.as_bytes(), &[]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    ended.out
}

/// A line in namespace `shop`, with the key of encrypted files.
fn render(words: &[&str]) -> Ended {
    let words: Vec<&str> = ["render", "-n", "shop"].into_iter().chain(words.iter().copied()).collect();
    run("keywright", &words, b"", &[("SOPS_AGE_KEY", KEY)])
}

/// A file that is the only one rendered.
fn render_text(text: &str) -> Ended {
    run("keywright", &["render", "-n", "shop", "-"], text.as_bytes(), &[("SOPS_AGE_KEY", KEY)])
}

/// The files below a folder, sorted, with their modes.
fn files_below(folder: &Path) -> Vec<(String, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder can be listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mode = std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777;
            files.push((path.strip_prefix(folder).expect("it lies below").display().to_string(), mode));
        }
    }
    files.sort();
    files
}

#[test]
fn a_folder_of_every_kind_becomes_secrets_and_restarts() {
    let folder = folder();
    let before = files_below(folder.path());
    let ended = render(&["--private-key", &path(&folder, "key.pem"), &path(&folder, "in")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    insta::assert_snapshot!("every_kind", ended.out);
    let again = render(&["--private-key", &path(&folder, "key.pem"), &path(&folder, "in")]);
    assert_eq!(again, ended, "a second run gives the same bytes");
    assert_eq!(files_below(folder.path()), before, "nothing is left behind");
}

#[test]
fn files_are_their_owners_alone_and_the_same_the_second_time() {
    let folder = folder();
    let (key, input, output) = (path(&folder, "key.pem"), path(&folder, "in"), path(&folder, "out"));
    let line = ["--private-key", &*key, "--output-dir", &*output, &*input];
    let ended = render(&line);
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "", ""));
    let out = folder.path().join("out");
    let files = files_below(&out);
    let expected =
        ["shop/deployment.apps/web.yaml", "shop/secret/db.yaml", "shop/secret/smtp.yaml", "shop/secret/token.yaml"];
    assert_eq!(files, expected.map(|name| (name.to_owned(), 0o600)));
    let texts: Vec<String> = expected.iter().map(|name| read(&out, name)).collect();
    assert!(texts[1].contains("password: ZnJvbS10aGUtbWFuYWdlcg==\n"), "{}", texts[1]);
    assert_eq!(render(&line), ended);
    assert_eq!(expected.iter().map(|name| read(&out, name)).collect::<Vec<_>>(), texts);
    assert_eq!(files_below(&out), files);
}

#[test]
fn all_is_what_can_be_applied_without_any_operator() {
    let folder = folder();
    let ended = render(&["--all", "--private-key", &path(&folder, "key.pem"), &path(&folder, "in")]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let mut kinds: Vec<&str> = ended.out.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["ConfigMap", "CronJob", "Deployment", "Deployment", "Secret", "Secret", "Secret"]);
}

/// What a value is hashed to stands on the workload, so a new value is a new template.
#[test]
fn a_rotated_value_restarts_its_users_and_nobody_else() {
    let folder = folder();
    let (key, input) = (path(&folder, "key.pem"), path(&folder, "in"));
    let first = render(&["--private-key", &key, &input]).out;
    write(folder.path(), "in/secrets/manager.yaml", &format!("{}---\n{EXTERNAL}", STORE.replace("from-the", "of-the")));
    let second = render(&["--private-key", &key, &input]).out;
    let differing: Vec<(&str, &str)> = first.lines().zip(second.lines()).filter(|(old, new)| old != new).collect();
    assert_eq!(first.lines().count(), second.lines().count());
    assert_eq!(differing.len(), 2, "the value, and one mark: {differing:?}");
    // Rendering what was rendered changes nothing more.
    let whole = render(&["--all", "--private-key", &key, &input]).out;
    let again = run("keywright", &["render", "--all", "-"], whole.as_bytes(), &[]);
    assert_eq!((again.code, again.out), (0, whole), "{}", again.err);
}

/// A store that is opened with a token of Secret `root`, and a VaultAuth that is opened with what that store gives.
fn two_ways_to_vault(url: &str) -> String {
    format!(
        r#"apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {{name: bao}}
spec: {{provider: {{vault: {{server: "{url}", path: secret, version: v2, auth: {{tokenSecretRef: {{name: root, key: token}}}}}}}}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {{name: proof}}
spec: {{secretStoreRef: {{name: bao}}, data: [{{secretKey: id, remoteRef: {{key: proof, property: id}}}}]}}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultConnection
metadata: {{name: bao}}
spec: {{address: "{url}"}}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultAuth
metadata: {{name: app}}
spec: {{vaultConnectionRef: bao, method: appRole, mount: approle, appRole: {{roleId: role-1, secretRef: proof}}}}
---
apiVersion: secrets.hashicorp.com/v1beta1
kind: VaultStaticSecret
metadata: {{name: db}}
spec: {{vaultAuthRef: app, mount: secret, path: db, type: kv-v2, destination: {{name: db, create: true, transformation: {{excludeRaw: true}}}}}}
"#
    )
}

/// A store's credentials come out of an encrypted file, and those of the next out of what the first store gave.
#[test]
fn stores_are_opened_with_secrets_of_the_input() {
    let runtime = crate::vals::remote::runtime();
    let vault = runtime.block_on(Vault::start());
    vault.enable_auth("approle", "approle");
    vault.role("approle", "app", Role::app_role("role-1", "secret-1"));
    vault.put("secret/proof", json!({"id": "secret-1"}));
    vault.put("secret/db", json!({"password": "of-vault"}));
    let url = vault.url();
    let token = encrypted(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: root}}\nstringData: {{token: {}}}\n",
        testkit::vault::ROOT
    ));
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "token.yaml", &token);
    write(folder.path(), "objects.yaml", &two_ways_to_vault(&url));
    let ended = render(&[&path(&folder, "")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(
        ended.out.contains("data:\n  password: b2YtdmF1bHQ=\nkind: Secret\nmetadata:\n  name: db\n"),
        "{}",
        ended.out
    );
    assert!(ended.out.contains("data:\n  id: c2VjcmV0LTE=\nkind: Secret\nmetadata:\n  name: proof\n"), "{}", ended.out);
    assert_eq!(render(&[&path(&folder, "")]), ended);
    // Vault away: nothing is written, and both are told.
    drop(vault);
    drop(runtime);
    let away = render(&[&path(&folder, "")]);
    assert_eq!((away.code, away.out.as_str()), (1, ""));
    for name in ["cannot render ExternalSecret shop/proof: ", "cannot render VaultStaticSecret shop/db: "] {
        assert!(away.err.contains(name), "{}", away.err);
    }
    let offline = render(&["--offline", &path(&folder, "")]);
    assert_eq!(offline.code, 0, "{}", offline.err);
    assert_eq!(offline.out.matches("kind: ExternalSecret\n").count(), 1);
    assert!(offline.err.contains("ExternalSecret shop/proof is written as it is"), "{}", offline.err);
}

/// Bad input, and what is told of it.
#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_input() -> Vec<(&'static str, String, &'static str)> {
    let authorities = base::encoding::Base64::Standard.encode(kubeseal::key().certificate.pem().as_bytes());
    let service_account = r#"apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: other}
spec: {provider: {kubernetes: {server: {url: "https://127.0.0.1:1", caBundle: BUNDLE}, auth: {serviceAccount: {name: app}}}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: app}
---
"#
    .replace("BUNDLE", &authorities);
    let other = EXTERNAL.replace("name: db", "name: bad").replace("manager", "other");
    let generator = "apiVersion: generators.external-secrets.io/v1alpha1\nkind: Password\nmetadata: {name: pw}\nspec: {length: 9}\n---\n";
    let refers =
        "{sourceRef: {generatorRef: {apiVersion: generators.external-secrets.io/v1alpha1, kind: Password, name: pw}}}";
    let made = format!(
        "{generator}apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {{name: bad}}\nspec: {{dataFrom: [{refers}]}}\n"
    );
    let sealed_elsewhere = sealed().replace("\"name\": \"smtp\"", "\"name\": \"other\"");
    let encrypted = encrypted(ENCRYPTED);
    let altered = encrypted.replacen("data:", "data:Z", 1);
    let kind = |kind: &str, group: &str| format!("apiVersion: {group}\nkind: {kind}\nmetadata: {{name: bad}}\n");
    let long = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n", "x".repeat(300));
    vec![
        ("damaged YAML", "kind: [".into(), "cannot read `"),
        ("no kind", "a: 1\n".into(), "document 1 of `"),
        ("a list", "- a\n".into(), "is no manifest: it has no `apiVersion`"),
        ("no name", "apiVersion: v1\nkind: Secret\nmetadata: {}\n".into(), "has no name"),
        ("an impossible name", long, "cannot load ConfigMap shop/xxx"),
        (
            "damaged object",
            EXTERNAL.replace("name: db", "name: bad").replace("{key: db, property: password}", "7"),
            "cannot render ExternalSecret shop/bad",
        ),
        (
            "no store",
            EXTERNAL.replace("name: db", "name: bad").replace("manager", "none"),
            "SecretStore \"none\" not found",
        ),
        (
            "no value",
            EXTERNAL.replace("name: db", "name: bad").replace("key: db,", "key: none,"),
            "cannot render ExternalSecret shop/bad: ",
        ),
        ("twice", STORE.into(), "SecretStore shop/manager is there twice: "),
        (
            "a cluster's tokens",
            format!("{service_account}{other}"),
            "hint: there is no cluster that gives tokens of ServiceAccounts",
        ),
        ("a generator", made, "hint: a generator makes another value at each render"),
        ("sealed for another name", sealed_elsewhere, "cannot render SealedSecret shop/other: "),
        (
            "a lease",
            kind("VaultDynamicSecret", "secrets.hashicorp.com/v1beta1"),
            "cannot render VaultDynamicSecret shop/bad",
        ),
        (
            "all namespaces",
            kind("ClusterExternalSecret", "external-secrets.io/v1"),
            "cannot render ClusterExternalSecret bad",
        ),
        ("altered", altered, "cannot read `"),
        (
            "no base64",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: bad}\ndata: {a: '%'}\n".into(),
            "cannot load Secret shop/bad",
        ),
    ]
}

/// Each stands beside a good ExternalSecret, which is written only if asked for.
#[test]
fn what_cannot_be_rendered_is_named_and_nothing_is_written() {
    for (what, text, told) in bad_input() {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "a-good.yaml", &format!("{STORE}---\n{EXTERNAL}"));
        write(folder.path(), "b-bad.yaml", &text);
        write(folder.path(), "out/db.yaml", "as it was");
        let (good, bad) = (path(&folder, "a-good.yaml"), path(&folder, "b-bad.yaml"));
        let ended = render(&[&good, &bad]);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{what}: {}", ended.err);
        assert!(ended.err.contains(told), "{what}: {}", ended.err);
        assert!(ended.err.contains("nothing was written"), "{what}: {}", ended.err);
        let going = render(&["--keep-going", &good, &bad]);
        assert_eq!(going.code, 1, "{what}");
        assert!(going.out.contains("  password: ZnJvbS10aGUtbWFuYWdlcg=="), "{what}: {}", going.out);
        for value in ["from-the-manager", "ZnJvbS10aGUt", "from-git", "sealed-one"] {
            assert!(!ended.err.contains(value), "{what} shows a value: {}", ended.err);
        }
    }
}

#[test]
fn without_the_keys_it_says_which_are_missing() {
    let keyless = run("keywright", &["render", "-n", "shop", "-"], encrypted(ENCRYPTED).as_bytes(), &[]);
    assert_eq!((keyless.code, keyless.out.as_str()), (1, ""));
    assert!(keyless.err.starts_with("cannot read `stdin`: "), "{}", keyless.err);
    let storeless = render_text(EXTERNAL);
    assert!(storeless.err.contains("hint: what an object refers to must be in the input"), "{}", storeless.err);
    let keyless = render_text(&sealed());
    assert_eq!((keyless.code, keyless.out.as_str()), (1, ""));
    assert!(keyless.err.contains("cannot render SealedSecret shop/smtp: "), "{}", keyless.err);
    assert!(keyless.err.contains("hint: name the cluster's private keys with `--private-key`"), "{}", keyless.err);
}

#[test]
fn a_command_line_that_is_wrong_ends_with_2_and_a_path_that_is_not_there_with_1() {
    for (line, code, told) in [
        (&["render"][..], 2, "render takes folders or files"),
        (&["render", "--none", "-"], 2, "unknown flag: --none"),
        (&["render", "--now", "yesterday", "-"], 2, "`--now yesterday` is no moment"),
        (&["render", "no/such/folder"], 1, "cannot read `no/such/folder`"),
        (&["render", "--private-key", "no/such/key", "-"], 1, "open no/such/key: no such file or directory"),
    ] {
        let ended = run("keywright", line, b"", &[]);
        assert_eq!(ended.code, code, "{line:?}: {}", ended.err);
        assert!(ended.err.contains(told), "{line:?}: {}", ended.err);
    }
    let help = run("keywright", &["render", "--help"], b"", &[]);
    assert!(help.code == 0 && help.out.contains("--private-key"), "{}", help.out);
}

#[test]
fn names_that_lead_out_of_the_folder_are_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "in.yaml", "apiVersion: example.org/v1\nkind: Thing\nmetadata: {name: ../../x}\n");
    let ended = render(&["--all", "-o", &path(&folder, "out"), &path(&folder, "in.yaml")]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.err.contains("`../../x.yaml` is no name of a file") || ended.err.contains("`../../x` is no name"),
        "{}",
        ended.err
    );
}

/// Templates that ask for the time get the moment that was asked for.
#[test]
fn the_clock_stands_where_it_was_set() {
    let text =
        EXTERNAL.replace("  data:", "  target: {template: {data: {at: '{{ now | date \"2006-01-02\" }}'}}}\n  data:");
    let text = format!("{STORE}---\n{text}");
    for (words, variables) in [
        (&["render", "--now", "2024-02-29T12:00:00Z", "-"][..], &[][..]),
        (&["render", "-"], &[("SOURCE_DATE_EPOCH", "1709208000")]),
    ] {
        let ended = run("keywright", words, text.as_bytes(), variables);
        assert!(ended.out.contains("at: MjAyNC0wMi0yOQ=="), "{}{}", ended.out, ended.err);
    }
}

/// What a render does not know is neither lost nor followed.
#[test]
fn other_manifests_are_all_there_and_links_lead_in_no_circle() {
    let folder = tempfile::tempdir().expect("a folder");
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: once-}\n";
    write(folder.path(), "in/jobs.yaml", &format!("{job}---\n{job}"));
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "resourceVersion": "7", "uid": "u"}, "status": {}},
        {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "a"}}]}"#;
    write(folder.path(), "in/list.json", list);
    std::os::unix::fs::symlink(folder.path().join("in"), folder.path().join("in/again")).expect("a link");
    let ended = render(&["--all", &path(&folder, "in")]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_eq!(ended.out.matches("kind: Service\n").count(), 2);
    assert_eq!(ended.out.matches("generateName: once-\n").count(), 2);
    assert!(!ended.out.contains("resourceVersion") && !ended.out.contains("status"), "{}", ended.out);
    write(folder.path(), "in/more.json", r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}}"#);
    let twice = render(&["--all", &path(&folder, "in")]);
    assert!(twice.code == 1 && twice.err.contains("Service a is there twice: "), "{}", twice.err);
}

/// A `kubernetes` store without an address means the cluster in memory, also where the process runs in a pod of another one.
#[test]
fn the_own_cluster_of_a_store_is_the_input() {
    let text = r#"apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: near}
spec:
  provider:
    kubernetes:
      remoteNamespace: shop
      server: {url: kubernetes.default, caProvider: {type: ConfigMap, name: kube-root-ca.crt, key: ca.crt}}
      auth: {serviceAccount: {name: reader}}
---
apiVersion: v1
kind: Secret
metadata: {name: source}
data: {user: dQ==}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: copy}
spec:
  secretStoreRef: {name: near}
  data: [{secretKey: user, remoteRef: {key: source, property: user}}]
"#;
    let pod = [("KUBERNETES_SERVICE_HOST", "127.0.0.1"), ("KUBERNETES_SERVICE_PORT", "1")];
    let ended = run("keywright", &["render", "-n", "shop", "-"], text.as_bytes(), &pod);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.contains("data:\n  user: dQ==\nkind: Secret\nmetadata:\n  name: copy\n"), "{}", ended.out);
}
