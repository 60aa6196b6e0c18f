//! The rows of Sealed Secrets: a hundred of five items, a restart with them, and five hundred items of the oldest of sixty keys.
//! The values are sealed by our own kubeseal before the clock runs. Specification: SS §5 (a key is found by trying).

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::external_secrets::tell_kinds;
use crate::audit::{Request, milliseconds, seconds_between};
use crate::figure::{Figure, Report};
use crate::lab::{Lab, PATIENCE};
use crate::one_process::{Run, medians};

const OBJECTS: usize = 100;
const ITEMS: usize = 5;
const KEYS: usize = 60;
const LABEL: &str = "sealedsecrets.bitnami.com/sealed-secrets-key";

pub async fn many(lab: &Lab, report: &mut Report) -> Result<(), String> {
    report.begin("100 SealedSecrets of 5 items");
    let namespace = lab.namespace("sealed").await;
    let selector = format!("{LABEL}=active");
    let words = ["get", "secret", "--namespace", lab.cluster.namespace(), "-l", &selector, "-o", "json"];
    let keys: Value = serde_json::from_str(&lab.kubectl(&words, b"")?).unwrap_or_default();
    let certificate = keys["items"][0]["data"]["tls.crt"].as_str().ok_or("the operator made no key")?;
    let certificate = base64(certificate)?;
    let path = lab.folder.path().join("sealing.pem");
    std::fs::write(&path, certificate).map_err(|error| format!("cannot write the certificate: {error}"))?;
    let all = sealed(lab, &path, &namespace)?;
    let operator = lab.operator().await?;
    let mut audit = lab.audit()?;
    lab.all(&all, Some(&namespace)).await?;
    let made = audit.until(&lab.user, OBJECTS, PATIENCE, is_made).await?;
    let created = audit.of(&lab.ours, |request| request.is("create", "sealedsecrets"))?;
    audit.quiet(&lab.user, Duration::from_millis(1500), PATIENCE).await?;
    let asked = audit.work(&lab.user)?;
    let time = Figure::new("first created to last written", seconds_between(&created, &made), "s").goal(6.0);
    report.tell(&time.peer(77.7).floor(private_operations(lab)?, "500 RSA-4096 operations on one core"));
    let each = Figure::new("requests an object", asked.len() as f64 / OBJECTS as f64, "").peer(5.0);
    report.tell(&each.floor(3.0, "Secret, status, event"));
    tell_kinds(&asked);

    report.begin("restart with them");
    drop(operator);
    let mut audit = lab.audit()?;
    let operator = lab.operator().await?;
    let asked = audit.work(&lab.user)?;
    let last = asked.iter().map(|request| request.done).max().unwrap_or(operator.started);
    let writes = asked.iter().filter(|request| request.is_write()).count();
    report.tell(&Figure::new("writes", writes as f64, "").goal(0.0).peer(200.0).floor(0.0, "nothing changed"));
    let time = milliseconds(operator.started, last) / 1e3;
    report.tell(&Figure::new("start to rest", time, "s").goal(2.0).peer(58.0));
    tell_kinds(&asked);
    drop(operator);
    lab.clear("sealedsecrets", &namespace)
}

pub async fn old_keys(lab: &Lab, report: &mut Report) -> Result<(), String> {
    report.begin("60 sealing keys, 500 items of the oldest");
    let keys = key_pairs()?;
    let namespace = lab.namespace("old-keys").await;
    let read = |path: PathBuf| std::fs::read_to_string(path).map_err(|error| format!("cannot read a key: {error}"));
    let mut secrets = Vec::new();
    for (n, folder) in keys.iter().enumerate() {
        let (certificate, key) = (read(folder.join("tls.crt"))?, read(folder.join("tls.key"))?);
        secrets.push(json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": {"name": format!("old-key-{n}"), "labels": {LABEL: "active"}},
            "stringData": {"tls.crt": certificate, "tls.key": key}}));
    }
    lab.all(&secrets, None).await?;
    let all = sealed(lab, &keys[0].join("tls.crt"), &namespace)?;
    let operator = lab.operator().await?;
    let mut audit = lab.audit()?;
    let before = operator.cpu_seconds();
    lab.all(&all, Some(&namespace)).await?;
    let made = audit.until(&lab.user, OBJECTS, PATIENCE, is_made).await?;
    let created = audit.of(&lab.ours, |request| request.is("create", "sealedsecrets"))?;
    audit.quiet(&lab.user, Duration::from_millis(1500), PATIENCE).await?;
    let cpu = Figure::new("processor time", operator.cpu_seconds() - before, "CPU-s").goal(10.0).peer(120.0);
    report.tell(&cpu.floor(private_operations(lab)?, "500 RSA-4096 operations with the right key"));
    report.tell(&Figure::new("first created to last written", seconds_between(&created, &made), "s"));
    drop(operator);
    lab.clear("sealedsecrets", &namespace)?;
    let mut words = vec!["delete".to_owned(), "secret".to_owned(), "--namespace".to_owned()];
    words.push(lab.cluster.namespace().to_owned());
    words.extend((0..KEYS).map(|n| format!("old-key-{n}")));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    lab.kubectl(&words, b"").map(drop)
}

fn is_made(request: &Request) -> bool {
    request.is("create", "secrets") && request.code == 201
}

/// The objects, sealed by the binary itself.
fn sealed(lab: &Lab, certificate: &Path, namespace: &str) -> Result<Vec<Value>, String> {
    let each = |n| seal_one(lab, certificate, &secret(&format!("sealed-{n}"), namespace, n, ITEMS));
    (0..OBJECTS).map(each).collect()
}

fn secret(name: &str, namespace: &str, n: usize, items: usize) -> Value {
    let data: serde_json::Map<String, Value> =
        (0..items).map(|item| (format!("item-{item}"), json!(format!("value {item} of {n}")))).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": data})
}

fn seal_one(lab: &Lab, certificate: &Path, secret: &Value) -> Result<Value, String> {
    let failed = |error: std::io::Error| format!("cannot run `keywright kubeseal`: {error}");
    let mut command = Command::new(&lab.program);
    command.arg("kubeseal").arg("--cert").arg(certificate).args(["--format", "json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(secret.to_string().as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("kubeseal's answer: {error}"))
}

/// Sixty key pairs of 4096 bits, the oldest first; made once a checkout, since they take a minute.
fn key_pairs() -> Result<Vec<PathBuf>, String> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/benches/keys");
    let mut folders = Vec::new();
    for n in 0..KEYS {
        let folder = all.join(n.to_string());
        std::fs::create_dir_all(&folder).map_err(|error| format!("cannot make a folder for a key: {error}"))?;
        let (key, certificate) = (folder.join("tls.key"), folder.join("tls.crt"));
        if !certificate.exists() {
            let words = ["req", "-x509", "-newkey", "rsa:4096", "-noenc", "-days", "3650", "-subj", "/", "-keyout"];
            let mut words: Vec<std::ffi::OsString> = words.iter().map(Into::into).collect();
            words.extend([key.into(), "-out".into(), certificate.into()]);
            Run::new("openssl", words).text()?;
        }
        folders.push(folder);
    }
    Ok(folders)
}

/// What the RSA operations of all objects cost, in CPU seconds: what the binary needs to open a Secret of many items, above what it needs
/// for one of a single item.
fn private_operations(lab: &Lab) -> Result<f64, String> {
    const MORE: usize = 100;
    let keys = key_pairs()?;
    let (key, certificate) = (keys[0].join("tls.key"), keys[0].join("tls.crt"));
    let opening = |items: usize| {
        let path = lab.folder.path().join(format!("sealed-{items}.json"));
        let sealed = seal_one(lab, &certificate, &secret("floor", "floor", 0, items))?;
        std::fs::write(&path, sealed.to_string()).map_err(|error| format!("cannot write what is sealed: {error}"))?;
        let words = ["kubeseal", "--recovery-unseal", "--format", "json", "--recovery-private-key"].map(OsString::from);
        let files = [key.clone().into(), "--secret-file".into(), path.into()];
        Ok::<_, String>(Run::new(&lab.program, words.into_iter().chain(files)))
    };
    let (one, many) = (opening(1)?, opening(1 + MORE)?);
    many.text()?;
    let [one, many] = medians([&one, &many], 5)?;
    Ok((many.cpu_milliseconds - one.cpu_milliseconds) / 1e3 * (OBJECTS * ITEMS) as f64 / MORE as f64)
}

fn base64(text: &str) -> Result<Vec<u8>, String> {
    let mut child = Command::new("base64").arg("-d").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let child = child.as_mut().map_err(|error| format!("cannot run base64: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes()).map_err(|error| format!("cannot run base64: {error}"))?;
    }
    let mut decoded = Vec::new();
    if let Some(stdout) = &mut child.stdout {
        std::io::Read::read_to_end(stdout, &mut decoded).map_err(|error| format!("cannot run base64: {error}"))?;
    }
    child.wait().map_err(|error| format!("cannot run base64: {error}"))?;
    Ok(decoded)
}
