//! The keys and certificates of a control plane, made by openssl: a CA that signs them all, a server certificate for loopback, clients for
//! the admin and each component, and the key that signs ServiceAccount tokens. P-256, because it is made in a millisecond.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::Program;

pub struct Certificates {
    folder: PathBuf,
}

/// openssl's own defaults would make every certificate a CA.
const NO_DEFAULTS: &str = "[req]\ndistinguished_name = dn\n[dn]\n";
const DAYS: &str = "30";
const CURVE: [&str; 4] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

/// Name of the file, subject, what it may be used for.
const SIGNED: [(&str, &str, &str); 5] = [
    (
        "server",
        "/CN=kube-apiserver",
        "subjectAltName=IP:127.0.0.1,IP:10.0.0.1,DNS:localhost,DNS:kubernetes.default,DNS:kubernetes.default.svc",
    ),
    ("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth"),
    ("controller-manager", "/CN=system:kube-controller-manager", "extendedKeyUsage=clientAuth"),
    ("scheduler", "/CN=system:kube-scheduler", "extendedKeyUsage=clientAuth"),
    ("front-proxy", "/CN=front-proxy", "extendedKeyUsage=clientAuth"),
];

impl Certificates {
    pub fn new(lab: &Path) -> Result<Self, String> {
        let folder = lab.join("certificates");
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        let all = Self { folder };
        fs::write(all.path("openssl.cnf"), NO_DEFAULTS)
            .map_err(|error| format!("cannot write openssl.cnf: {error}"))?;
        // The RSA key takes as long as all the rest together.
        std::thread::scope(|scope| {
            let tokens = scope.spawn(|| all.openssl(&["genrsa", "-out", "tokens.key", "2048"]));
            all.request("ca", "/CN=lab", "basicConstraints=critical,CA:TRUE", &[])?;
            let signed: Vec<_> = SIGNED
                .iter()
                .map(|(name, subject, usage)| {
                    let all = &all;
                    scope.spawn(move || all.request(name, subject, usage, &["-CA", "ca.crt", "-CAkey", "ca.key"]))
                })
                .collect();
            let ended = signed.into_iter().chain([tokens]).map(|one| one.join().expect("openssl calls do not panic"));
            ended.collect::<Result<(), String>>()
        })?;
        Ok(all)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A kubeconfig for one of the clients, as JSON, which is YAML too.
    pub fn kubeconfig(&self, client: &str, port: u16) -> String {
        let file = |name: String| self.path(&name).to_string_lossy().into_owned();
        serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{ "name": "lab", "cluster": {
                "server": format!("https://127.0.0.1:{port}"),
                "certificate-authority": file("ca.crt".to_owned()),
            }}],
            "users": [{ "name": client, "user": {
                "client-certificate": file(format!("{client}.crt")),
                "client-key": file(format!("{client}.key")),
            }}],
            "contexts": [{ "name": "lab", "context": { "cluster": "lab", "user": client, "namespace": "default" }}],
            "current-context": "lab",
        })
        .to_string()
    }

    fn request(&self, name: &str, subject: &str, extension: &str, signer: &[&str]) -> Result<(), String> {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let own = ["-keyout", &key, "-out", &certificate, "-subj", subject, "-addext", extension];
        let fixed = ["req", "-x509", "-config", "openssl.cnf", "-nodes", "-days", DAYS];
        self.openssl(&[&fixed, CURVE.as_slice(), &own, signer].concat())
    }

    fn openssl(&self, args: &[&str]) -> Result<(), String> {
        Program::new("openssl").args(args).within(&self.folder).text().map(drop)
    }
}
