//! A canary in every value that a command line may meet, with lines that end badly and as much told as can be: it sings on no stream of
//! a line that fails, and never on stderr, neither plain nor as base64. The operator's are beside its scenarios.
//! Specification: design §8; issue "The house" §5.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base::encoding::Base64;
use testkit::canary::{CANARY, song};

use crate::kubeseal;
use crate::stage::{Ended, KEY, RECIPIENT, read, run, write};

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Well,
    Badly,
}
use Ends::{Badly, Well};

/// A line: how it ends, its words, its stdin, and one more variable. `DIR` is the folder, `CANARY` the value, `B64` the same as base64.
type Line = (Ends, &'static str, &'static str, &'static str);

const SOPS: &[Line] = &[
    (Well, "sops --verbose decrypt DIR/enc.yaml", "", ""),
    (Well, "sops --verbose rotate DIR/enc.yaml", "", ""),
    (Badly, "sops --verbose decrypt DIR/enc.yaml", "", "SOPS_AGE_KEY="),
    (Badly, "sops --verbose decrypt DIR/enc.yaml", "", "SOPS_AGE_KEY=CANARY"),
    (Badly, "sops --verbose decrypt DIR/changed.yaml", "", ""),
    (Badly, "sops --verbose rotate DIR/changed.yaml", "", ""),
    (Badly, "sops --verbose set DIR/changed.yaml [\"a\"] \"x\"", "", ""),
    (Badly, "sops --verbose decrypt DIR/clear.yaml", "", ""),
    (Badly, "sops --verbose decrypt --extract [\"a\"][\"b\"] DIR/enc.yaml", "", ""),
    (Badly, "sops --verbose decrypt --extract [\"list\"][\"b\"] DIR/enc.yaml", "", ""),
    (Badly, "sops --verbose set DIR/enc.yaml [\"a\"] CANARY", "", ""),
    (Badly, "sops --verbose encrypt --age RECIPIENT DIR/enc.yaml", "", ""),
    (Badly, "sops --verbose encrypt --age RECIPIENT DIR/bad.yaml", "", ""),
    (Badly, "sops --verbose encrypt --age RECIPIENT DIR/bad.json", "", ""),
    (Badly, "sops --verbose encrypt --age RECIPIENT DIR/bad.env", "", ""),
    (Badly, "sops --verbose encrypt --age RECIPIENT DIR/bad.ini", "", ""),
    (Badly, "sops --verbose encrypt DIR/plain.yaml", "", ""),
    (Badly, "sops --verbose decrypt DIR/plain.yaml", "", ""),
    (Badly, "sops --verbose DIR/enc.yaml", "", "SOPS_EDITOR=sed -i s/a:/[/"),
    (Badly, "sops --verbose DIR/enc.yaml", "", "SOPS_EDITOR=false"),
];

const VALS: &[Line] = &[
    (Badly, "vals get ref+file://DIR/plain.yaml#/a/deeper", "", ""),
    (Badly, "vals get ref+file://DIR/plain.yaml#/list/x", "", ""),
    (Badly, "vals get ref+file://DIR/bad.yaml#/a", "", ""),
    (Badly, "vals get ref+file://DIR/bad.json#/a", "", ""),
    (Badly, "vals get ref+file://DIR/plain.yaml?decode=base64", "", ""),
    (Badly, "vals get ref+echo://ref+file://DIR/plain.yaml#/map+/b", "", ""),
    (Badly, "vals get ref+sops://DIR/changed.yaml#/a", "", ""),
    (Badly, "vals get ref+vault://a/b?secret_id=CANARY&auth_method=approle&address=http://127.0.0.1:1", "", ""),
    (Badly, "vals get ref+vault://a/b?address=http://127.0.0.1:1", "", "VAULT_TOKEN=CANARY"),
    (Badly, "vals get ref+awssecrets://a?region=x", "", "AWS_SECRET_ACCESS_KEY=CANARY"),
    (Badly, "vals get ref+k8s://v1/Secret/a/b/c?kubeConfigPath=DIR/bad-kubeconfig", "", ""),
    (Badly, "vals get ref+k8s://v1/Secret/a/b/c", "", "KUBECONFIG=DIR/worse-kubeconfig"),
    (Badly, "vals eval", "ref+file://DIR/plain.yaml#/a: {}\n", ""),
    (Badly, "vals env -f DIR/variables.yaml", "", ""),
    (Badly, "vals exec -f DIR/variables.yaml -- true", "", ""),
    (Badly, "vals exec -f DIR/found.yaml -- DIR/none", "", ""),
    (Badly, "vals exec -f DIR/found.yaml -- false", "", ""),
    (Badly, "vals eval -decode-kubernetes-secrets", "kind: Secret\ndata: {a: CANARY!}\n", ""),
    (Badly, "vals ksdecode -f -", "kind: Secret\ndata: {a: CANARY!}\n", ""),
    (Badly, "vals eval", "{\"a\": \"CANARY", ""),
];

const HELM: &[Line] = &[
    (Well, "helm-secrets decrypt DIR/enc.yaml", "", "HELM_DEBUG=true"),
    (Badly, "helm-secrets decrypt DIR/changed.yaml", "", "HELM_DEBUG=true"),
    (Badly, "helm-secrets view DIR/clear.yaml", "", "HELM_DEBUG=true"),
    (Badly, "helm-secrets encrypt DIR/bad.yaml", "", "HELM_DEBUG=true"),
    (Badly, "helm-secrets edit DIR/enc.yaml", "", "SOPS_EDITOR=false"),
    (Badly, "helm-secrets template x y -f DIR/changed.yaml", "", "HELM_SECRETS_HELM_PATH=/bin/true"),
    (Badly, "helm-secrets template x y -f DIR/enc.yaml", "", "HELM_SECRETS_HELM_PATH=/bin/false"),
    (Badly, "helm-secrets downloader c k a secrets://DIR/changed.yaml", "", "HELM_DEBUG=true"),
    (Badly, "helm-secrets downloader c k a secrets://vals!DIR/variables.yaml", "", "HELM_DEBUG=true"),
    (
        Badly,
        "helm-secrets downloader c k a secrets+literal://vals!ref+file://DIR/plain.yaml#/a/b",
        "",
        "HELM_DEBUG=true",
    ),
    (Badly, "helm-secrets downloader c k a secrets+age-import://DIR/plain.yaml?DIR/enc.yaml", "", "SOPS_AGE_KEY="),
];

const SEAL: &[Line] = &[
    (
        Well,
        "kubeseal --cert DIR/cert.pem",
        "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b}\nstringData: {a: CANARY}\n",
        "",
    ),
    (
        Badly,
        "kubeseal --cert DIR/cert.pem",
        "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b}\ndata: {a: CANARY!}\n",
        "",
    ),
    (Badly, "kubeseal --cert DIR/cert.pem", "kind: Secret\napiVersion: v1\nstringData: {a: CANARY}\n", ""),
    (Badly, "kubeseal --cert DIR/cert.pem", "{\"kind\": \"Secret\", \"data\": {\"a\": \"B64\"", ""),
    (Badly, "kubeseal --cert DIR/cert.pem", "kind: Secret\ndata: [CANARY\n", ""),
    (Badly, "kubeseal --cert DIR/cert.pem --raw", "CANARY", ""),
    (Badly, "kubeseal --fetch-cert --kubeconfig DIR/bad-kubeconfig", "", ""),
    (Badly, "kubeseal --fetch-cert", "", "KUBECONFIG=DIR/worse-kubeconfig"),
    (
        Badly,
        "kubeseal --cert DIR/cert.pem --merge-into DIR/bad.yaml",
        "kind: Secret\napiVersion: v1\nmetadata: {name: a, namespace: b}\ndata: {a: B64}\n",
        "",
    ),
    (
        Badly,
        "kubeseal --recovery-unseal --recovery-private-key DIR/key.pem",
        "kind: SealedSecret\nspec: {encryptedData: {a: B64}}\n",
        "",
    ),
    (
        Badly,
        "kubeseal --recovery-unseal --recovery-private-key DIR/plain.yaml",
        "kind: SealedSecret\nspec: {encryptedData: {a: B64}}\n",
        "",
    ),
];

const RENDER: &[Line] = &[
    (Badly, "render DIR/clear", "", ""),
    (Badly, "render DIR/encrypted", "", ""),
    (Badly, "render DIR/damaged", "", ""),
    (Badly, "render DIR/failing", "", ""),
    (Badly, "render --private-key DIR/plain.yaml DIR/failing", "", ""),
    (Badly, "operator", "", "KUBECONFIG=DIR/bad-kubeconfig"),
    (Badly, "operator --log-level debug", "", "KUBECONFIG=DIR/worse-kubeconfig"),
    (Badly, "explain secret/db", "", "KUBECONFIG=DIR/bad-kubeconfig"),
];

const FAILING: &str = r#"apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: fake, namespace: a}
spec: {provider: {fake: {data: [{key: k, value: CANARY}]}}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: one, namespace: a}
spec:
  secretStoreRef: {name: fake}
  target: {template: {data: {v: "{{ fail .v }}"}}}
  data: [{secretKey: v, remoteRef: {key: k}}]
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: two, namespace: a}
spec:
  secretStoreRef: {name: fake}
  data: [{secretKey: v, remoteRef: {key: k, property: a.b}}]
"#;

const KUBECONFIG: &str =
    "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: B64}}]
users: [{name: u, user: {token: CANARY, client-key-data: B64, client-certificate-data: B64}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
";

fn filled(text: &str, folder: &Path) -> String {
    let text = text.replace("DIR", &folder.display().to_string()).replace("RECIPIENT", RECIPIENT);
    text.replace("CANARY", CANARY).replace("B64", &Base64::Standard.encode(CANARY.as_bytes()))
}

/// The files that the lines name.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path();
    let put = |name: &str, text: &str| write(place, name, &filled(text, place));
    put("plain.yaml", "a: CANARY\nlist: [CANARY]\nmap: {CANARY: CANARY}\n");
    let plain = place.join("plain.yaml").display().to_string();
    let encrypted = run("sops", &["encrypt", "--age", RECIPIENT, &plain], b"", &[]);
    assert_eq!(encrypted.code, 0, "{}", encrypted.err);
    put("enc.yaml", &encrypted.out);
    let by_line =
        |change: fn(&str) -> String| encrypted.out.lines().map(|line| change(line) + "\n").collect::<String>();
    put("changed.yaml", &format!("more: CANARY\n{}", encrypted.out));
    put("clear.yaml", &by_line(|line| if line.starts_with("a: ") { "a: CANARY".to_owned() } else { line.to_owned() }));
    put("bad.yaml", "a: CANARY: [CANARY\n- CANARY\n");
    put("bad.json", "{\"a\": \"CANARY\n");
    put("bad.env", "A=1\nCANARY\n");
    put("bad.ini", "[s]\nCANARY\n");
    put("variables.yaml", "A: {c: ref+file://DIR/plain.yaml#/a}\nB: ref+file://DIR/plain.yaml#/a/b\n");
    put("found.yaml", "A: ref+file://DIR/plain.yaml#/a\n");
    put("cert.pem", kubeseal::key().certificate.pem());
    put("key.pem", kubeseal::key().private.to_pem().expose());
    put("clear/a.yaml", "kind: Secret\napiVersion: v1\nmetadata: {name: a}\ndata: {a: CANARY!}\n");
    put("encrypted/a.yaml", &read(place, "changed.yaml"));
    put("damaged/a.yaml", "kind: Secret\ndata: {a: [CANARY\n");
    put("failing/a.yaml", FAILING);
    put("bad-kubeconfig", "users: [{name: u, user: {token: CANARY\n");
    put("worse-kubeconfig", KUBECONFIG);
    folder
}

/// A line in a process of its own, since some start programs and others start logging.
fn typed(folder: &Path, (_, words, input, variable): &Line) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.args(words.split(' ').map(|word| filled(word, folder))).current_dir(folder).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("SOPS_AGE_KEY", KEY).env("HOME", folder);
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ACCESS_KEY_ID", "k");
    command.envs(variable.split_once('=').map(|(name, value)| (name, filled(value, folder))));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    // Who does not read its stdin may be gone already.
    let _ = child.stdin.take().expect("a pipe").write_all(filled(input, folder).as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = output.status.code().and_then(|code| u8::try_from(code).ok());
    Ended {
        code: code.unwrap_or_else(|| panic!("{words} was killed")),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn no_value_is_told(lines: &[Line]) {
    let mut told = Vec::new();
    for line in lines {
        // Of their own, since some lines change files.
        let folder = folder();
        let (ends, words, ..) = line;
        let ended = typed(folder.path(), line);
        if (ended.code == 0) != (*ends == Well) {
            told.push(format!("{words} ends with {}: {}", ended.code, ended.err));
        }
        let heard = if *ends == Well { ended.err } else { ended.err + &ended.out };
        if song(&heard).is_some() {
            told.push(format!("{line:?} tells: {heard}"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn sops_tells_no_value() {
    no_value_is_told(SOPS);
}

#[test]
fn vals_tells_no_value() {
    no_value_is_told(VALS);
}

#[test]
fn helm_secrets_tells_no_value() {
    no_value_is_told(HELM);
}

#[test]
fn kubeseal_tells_no_value() {
    no_value_is_told(SEAL);
}

#[test]
fn what_speaks_to_a_cluster_or_stands_for_one_tells_no_value() {
    no_value_is_told(RENDER);
}
