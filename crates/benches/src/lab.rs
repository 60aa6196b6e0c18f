//! What the rows on a cluster share: the lab that `cargo xtask bench` started, the binary under test, the account that it runs
//! under, and the audit log. Not here: the rows.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::config::Kubeconfig;
use serde_json::{Value, json};
use testkit::Cluster;
use tokio::time::sleep;

use crate::audit::Audit;
use crate::running::Running;

/// Names the binary under test.
pub const PROGRAM: &str = "KEYWRIGHT_PROGRAM";
/// So many requests of ours are in flight when objects are made at once.
const AT_ONCE: usize = 16;
/// Ample for whatever shall become quiet.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The lab.
pub struct Lab {
    pub cluster: Cluster,
    pub program: PathBuf,
    /// The user that the binary is to the API server.
    pub user: String,
    /// Who makes the objects.
    pub ours: String,
    pub folder: tempfile::TempDir,
    audit: PathBuf,
}

impl Lab {
    /// Installs the definitions and makes the account.
    pub async fn prepare() -> Result<Self, String> {
        let variable = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set: `cargo xtask bench`"));
        let (kubeconfig, audit) = (variable("KEYWRIGHT_LAB")?, variable("KEYWRIGHT_LAB_AUDIT")?.into());
        let program: PathBuf = variable(PROGRAM)?.into();
        let folder = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
        let cluster = Cluster::new("benches").await;
        let account = "operator";
        let user = format!("system:serviceaccount:{}:{account}", cluster.namespace());
        let lab = Self { cluster, program, user, ours: String::new(), folder, audit };
        lab.account(account, &kubeconfig).await?;
        lab.install()?;
        let mut audit = lab.audit()?;
        lab.all(&[json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "who-am-i"}})], None).await?;
        let own = audit.requests()?.iter().find(|request| request.name == "who-am-i" && request.is_write());
        let ours = own.map(|request| request.user.clone()).ok_or("the audit log does not show our requests")?;
        let lab = Self { ours, ..lab };
        // The first start makes a sealing key, and the first lists of new kinds are answered 429 for a moment.
        sleep(Duration::from_secs(2)).await;
        drop(lab.operator().await?);
        Ok(lab)
    }

    /// The audit log from now on.
    pub fn audit(&self) -> Result<Audit, String> {
        Audit::from_now(&self.audit)
    }

    /// Starts the operator and waits until it is at rest.
    pub async fn operator(&self) -> Result<Running, String> {
        self.started(&["operator", "--listen-addr", "127.0.0.1:0"]).await
    }

    /// Starts a controller and waits until it is at rest.
    pub async fn started(&self, words: &[&str]) -> Result<Running, String> {
        let mut audit = self.audit()?;
        let running = self.start(words)?;
        audit.until(&self.user, 2, Duration::from_secs(30), |request| request.verb == "watch").await?;
        audit.quiet(&self.user, Duration::from_millis(1500), PATIENCE).await?;
        Ok(running)
    }

    /// Starts the binary under the operator's account.
    pub fn start(&self, words: &[&str]) -> Result<Running, String> {
        let folder = self.folder.path();
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .env("KUBECONFIG", folder.join("operator.kubeconfig"))
            .env("POD_NAMESPACE", self.cluster.namespace())
            .env("POD_NAME", "benches");
        Running::start(&mut command, &folder.join("operator.log"))
    }

    /// Makes objects, many at once, in a namespace or in our own.
    pub async fn all(&self, objects: &[Value], namespace: Option<&str>) -> Result<(), String> {
        let placed = objects.iter().map(|object| {
            let mut object = object.clone();
            if let Some(namespace) = namespace {
                object["metadata"]["namespace"] = json!(namespace);
            }
            object
        });
        let made = futures::stream::iter(placed).map(|object| async move { self.cluster.create(&object).await });
        let made = made.buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await;
        made.map_err(|error| format!("cannot make objects: {error}"))
    }

    /// A namespace of a row's own.
    pub async fn namespace(&self, row: &str) -> String {
        let name = format!("{row}-{}", std::process::id());
        self.cluster.make_namespace(&name).await;
        name
    }

    /// How the binary under test reaches the API server.
    pub async fn config(&self) -> Result<kube::Config, String> {
        let failed = |error: &dyn std::fmt::Display| format!("cannot read the operator's kubeconfig: {error}");
        let path = self.folder.path().join("operator.kubeconfig");
        let config = Kubeconfig::read_from(path).map_err(|error| failed(&error))?;
        kube::Config::from_custom_kubeconfig(config, &Default::default()).await.map_err(|error| failed(&error))
    }

    /// Runs the lab's kubectl.
    pub fn kubectl(&self, words: &[&str], input: &[u8]) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("cannot run kubectl: {error}");
        let programs = std::env::var_os("KEYWRIGHT_LAB_BIN").map(PathBuf::from).unwrap_or_default();
        let mut child = Command::new(programs.join("kubectl"))
            .env("KUBECONFIG", std::env::var_os("KEYWRIGHT_LAB").unwrap_or_default())
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input).map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(format!("`kubectl {}`: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// Takes all objects of a kind away, and waits until they are gone.
    pub fn clear(&self, kind: &str, namespace: &str) -> Result<(), String> {
        self.kubectl(&["delete", kind, "--all", "--namespace", namespace, "--wait"], b"").map(drop)
    }

    /// One write of a small object, in milliseconds: alone, and as a share of many at once. Nobody can be faster.
    pub async fn write_floor(&self) -> Result<(f64, f64), String> {
        let event = |n: usize| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": format!("floor-{n}")}, "data": {"a": "YQ=="}});
        let mut alone = Vec::new();
        for n in 0..20 {
            let begun = tokio::time::Instant::now();
            self.all(&[event(n)], None).await?;
            alone.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let many: Vec<Value> = (20..220).map(event).collect();
        let begun = tokio::time::Instant::now();
        self.all(&many, None).await?;
        let at_once = begun.elapsed().as_secs_f64() * 1e3 / many.len() as f64;
        let names: Vec<String> = (0..220).map(|n| format!("floor-{n}")).collect();
        let mut words = vec!["delete", "secret", "--namespace", self.cluster.namespace(), "--wait=false"];
        words.extend(names.iter().map(String::as_str));
        self.kubectl(&words, b"")?;
        Ok((crate::one_process::median(alone), at_once))
    }

    async fn account(&self, account: &str, kubeconfig: &str) -> Result<(), String> {
        let namespace = self.cluster.namespace();
        let subjects = json!([{ "kind": "ServiceAccount", "name": account, "namespace": namespace }]);
        self.all(
            &[
                json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": account } }),
                json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                    "metadata": { "name": namespace }, "subjects": subjects,
                    "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" } }),
            ],
            None,
        )
        .await?;
        let failed = |error: &dyn std::fmt::Display| format!("cannot write the operator's kubeconfig: {error}");
        let token = self.cluster.token(account, &[]).await;
        let mut config = Kubeconfig::read_from(kubeconfig).map_err(|error| failed(&error))?;
        for named in &mut config.auth_infos {
            named.auth_info = Some(kube::config::AuthInfo { token: Some(token.clone().into()), ..Default::default() });
        }
        let mut text = serde_json::to_value(&config).map_err(|error| failed(&error))?;
        // A secret text is not written by whoever only prints a configuration.
        for user in text["users"].as_array_mut().into_iter().flatten() {
            user["user"]["token"] = json!(token);
        }
        let path = self.folder.path().join("operator.kubeconfig");
        std::fs::write(path, text.to_string()).map_err(|error| failed(&error))
    }

    fn install(&self) -> Result<(), String> {
        let definitions = Command::new(&self.program).arg("crds").output();
        let definitions = definitions.map_err(|error| format!("cannot run `keywright crds`: {error}"))?;
        self.kubectl(&["apply", "--server-side", "-f", "-"], &definitions.stdout)?;
        self.kubectl(&["wait", "--for=condition=established", "crd", "--all", "--timeout=60s"], b"").map(drop)
    }
}
