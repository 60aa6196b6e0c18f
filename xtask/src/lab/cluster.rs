//! A Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager, kube-scheduler and KWOK with one fake node, from
//! the one program of `lab/controlplane`. Ready in about four seconds. Everything that needs no kubelet is real.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::certificates::Certificates;
use super::server::{Ends, Server, wait_until};
use crate::shell::Program;

/// Ample on a busy machine; four seconds is usual.
const READY: Duration = Duration::from_secs(120);

pub struct Ports {
    pub etcd: u16,
    pub etcd_peer: u16,
    pub api: u16,
    pub controller_manager: u16,
    pub scheduler: u16,
    pub kwok: u16,
}

pub struct Cluster<'a> {
    pub folder: &'a Path,
    pub controlplane: PathBuf,
    pub kubectl: PathBuf,
    pub ports: Ports,
    pub ends: Ends,
}

impl Cluster<'_> {
    /// Starts etcd and the API server, and answers with what `ready` needs.
    pub fn start(&self) -> Result<Certificates, String> {
        let certificates = Certificates::new(self.folder)?;
        for client in ["admin", "controller-manager", "scheduler"] {
            self.write(&format!("{client}.kubeconfig"), &certificates.kubeconfig(client, self.ports.api))?;
        }
        self.write("audit-policy.yaml", AUDIT)?;
        self.write("etcd.json", &self.etcd())?;
        self.serve("etcd", vec![self.file("etcd.json")])?;
        self.serve("kube-apiserver", self.api_server(&certificates))?;
        Ok(certificates)
    }

    /// Waits for the API server, starts what talks to it, and waits until a pod could run.
    pub fn ready(&self, certificates: &Certificates) -> Result<(), String> {
        wait_until(self.folder, "kube-apiserver", READY, || self.kubectl(&["get", "--raw", "/readyz"]).is_ok())?;
        self.serve("kube-controller-manager", self.controller_manager(certificates))?;
        let scheduler = ["--leader-elect=false".to_owned(), format!("--secure-port={}", self.ports.scheduler)];
        self.serve("kube-scheduler", [scheduler.into(), self.component("scheduler", "127.0.0.1")].concat())?;
        let stages = Program::new(&self.controlplane).args(["kwok-stages"]).text()?;
        self.write("stages.yaml", &stages)?;
        self.write("node.json", NODE)?;
        self.serve("kwok", self.kwok())?;
        self.kubectl(&["create", "-f", &self.file("node.json")])?;
        let account = ["get", "serviceaccount/default", "configmap/kube-root-ca.crt", "--namespace=default"];
        wait_until(self.folder, "kube-controller-manager", READY, || self.kubectl(&account).is_ok())?;
        let condition = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
        let node = ["get", "node", "fake", "-o", condition];
        wait_until(self.folder, "kwok", READY, || self.kubectl(&node).is_ok_and(|status| status == "True"))
    }

    fn kubectl(&self, args: &[&str]) -> Result<String, String> {
        Program::new(&self.kubectl).args(["--kubeconfig", &self.file("admin.kubeconfig")]).args(args).text()
    }

    fn serve(&self, name: &str, flags: Vec<String>) -> Result<(), String> {
        let args = [vec![name.to_owned()], flags].concat();
        let server = Server { name, program: self.controlplane.clone(), args, signal: "TERM", user: None };
        server.start(self.folder, self.ends)
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        fs::write(self.folder.join(name), text).map_err(|error| format!("cannot write `{}`: {error}", self.file(name)))
    }

    fn etcd(&self) -> String {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (client, peer) = (url(self.ports.etcd), url(self.ports.etcd_peer));
        serde_json::json!({
            "name": "lab",
            "data-dir": self.file("etcd"),
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": format!("lab={peer}"),
            // A lab may lose its data with the machine.
            "unsafe-no-fsync": true,
            "log-level": "warn",
        })
        .to_string()
    }

    fn api_server(&self, certificates: &Certificates) -> Vec<String> {
        let path = |name: &str| certificates.path(name).to_string_lossy().into_owned();
        let (ca, tokens) = (path("ca.crt"), path("tokens.key"));
        vec![
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.ports.api),
            // A loopback address is refused as an endpoint.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd),
            "--authorization-mode=RBAC".to_owned(),
            format!("--client-ca-file={ca}"),
            format!("--tls-cert-file={}", path("server.crt")),
            format!("--tls-private-key-file={}", path("server.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-key-file={tokens}"),
            format!("--service-account-signing-key-file={tokens}"),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            format!("--requestheader-client-ca-file={ca}"),
            "--requestheader-allowed-names=front-proxy".to_owned(),
            "--requestheader-username-headers=X-Remote-User".to_owned(),
            "--requestheader-group-headers=X-Remote-Group".to_owned(),
            "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
            format!("--proxy-client-cert-file={}", path("front-proxy.crt")),
            format!("--proxy-client-key-file={}", path("front-proxy.key")),
            // Scenarios run side by side, and benches burst.
            "--max-requests-inflight=3000".to_owned(),
            "--max-mutating-requests-inflight=1000".to_owned(),
            // Counts requests exactly.
            format!("--audit-policy-file={}", self.file("audit-policy.yaml")),
            format!("--audit-log-path={}", self.file("audit.log")),
        ]
    }

    fn controller_manager(&self, certificates: &Certificates) -> Vec<String> {
        let path = |name: &str| certificates.path(name).to_string_lossy().into_owned();
        let own = vec![
            "--leader-elect=false".to_owned(),
            format!("--secure-port={}", self.ports.controller_manager),
            "--use-service-account-credentials=true".to_owned(),
            format!("--service-account-private-key-file={}", path("tokens.key")),
            format!("--root-ca-file={}", path("ca.crt")),
            format!("--cluster-signing-cert-file={}", path("ca.crt")),
            format!("--cluster-signing-key-file={}", path("ca.key")),
            "--kube-api-qps=300".to_owned(),
            "--kube-api-burst=600".to_owned(),
        ];
        [own, self.component("controller-manager", "127.0.0.1")].concat()
    }

    /// What controller-manager and scheduler have in common.
    fn component(&self, client: &str, address: &str) -> Vec<String> {
        let config = self.file(&format!("{client}.kubeconfig"));
        vec![
            format!("--bind-address={address}"),
            format!("--kubeconfig={config}"),
            format!("--authentication-kubeconfig={config}"),
            format!("--authorization-kubeconfig={config}"),
            format!("--cert-dir={}", self.file("certificates")),
        ]
    }

    fn kwok(&self) -> Vec<String> {
        vec![
            format!("--kubeconfig={}", self.file("admin.kubeconfig")),
            "--manage-all-nodes=true".to_owned(),
            // Without it nothing renews the node, which turns NotReady after 40 s.
            "--node-lease-duration-seconds=40".to_owned(),
            "--node-ip=127.0.0.1".to_owned(),
            "--cidr=10.1.0.0/16".to_owned(),
            format!("--server-address=127.0.0.1:{}", self.ports.kwok),
            format!("--config={}", self.file("stages.yaml")),
        ]
    }
}

const AUDIT: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{ level: Metadata }]
";

const NODE: &str = r#"{
  "apiVersion": "v1",
  "kind": "Node",
  "metadata": { "name": "fake", "annotations": { "kwok.x-k8s.io/node": "fake" }, "labels": { "kubernetes.io/hostname": "fake" } },
  "status": {
    "allocatable": { "cpu": "1k", "memory": "4Ti", "pods": "100k" },
    "capacity": { "cpu": "1k", "memory": "4Ti", "pods": "100k" }
  }
}
"#;
