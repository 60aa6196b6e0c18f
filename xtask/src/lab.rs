//! `cargo xtask lab`: real parts for tests – a Kubernetes control plane, OpenBao, an AWS stand-in, PostgreSQL, and the peers' programs. It
//! gets what is missing by the ordinary package clients, starts the servers on free loopback ports, and says where they are in variables.
//! Nothing here contacts a cloud.

mod cache;
mod certificates;
mod cluster;
mod parts;
mod postgres;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::cluster::{Cluster, Ports};
pub use self::parts::Parts;
use self::server::{Ends, Server, answers, free_ports, wait_until};
use crate::shell::Program;

const USAGE: &str = "usage: cargo xtask lab VERB

  get          gets the parts that are not there yet, once per machine
  start        starts the lab and prints its variables; it stays until `stop`
  env          prints the variables of the lab that runs, for `eval \"$(cargo xtask lab env)\"`
  status       says what runs
  run CMD …    starts a lab of its own, runs the command with its variables, and stops it
  stop         stops the lab that `start` started";

/// Begins the name of the folder of a lab that ends with us; our pid follows.
const OWN: &str = "keywright-lab-";

/// OpenBao and moto are usually there within two seconds.
const READY: Duration = Duration::from_secs(60);

/// A lab that runs. Dropping one that ends with us stops it.
pub struct Lab {
    folder: PathBuf,
    ends: Ends,
    /// Where everything is; docs/inside/testing.md lists the names.
    pub variables: Vec<(String, String)>,
    /// Parts that cannot be had, with the reason.
    pub missing: Vec<(String, String)>,
}

pub fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    let folder = root.join("target/lab");
    match words {
        ["get"] => Parts::get(root).map(|parts| println!("lab: programs in {}", parts.programs.display())),
        ["start"] => start(root, &folder),
        ["env"] => env(&folder),
        ["status"] => {
            let running = server::running(&folder);
            println!("{}", if running.is_empty() { "no lab runs".to_owned() } else { running.join("\n") });
            Ok(())
        }
        ["stop"] => stop(&folder).map(|ended| println!("lab: {ended} processes stopped")),
        ["run", program, args @ ..] => {
            let lab = Lab::start_own(root)?;
            Program::new(program).args(args).envs(&lab.variables).run()
        }
        _ => Err(USAGE.to_owned()),
    }
}

/// Removes what labs of their own left behind whose owner was killed.
fn sweep() -> Result<(), String> {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.strip_prefix(OWN).and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            stop(&entry.path())?;
        }
    }
    Ok(())
}

fn start(root: &Path, folder: &Path) -> Result<(), String> {
    if !server::running(folder).is_empty() {
        println!("lab: it runs already");
        return env(folder);
    }
    let lab = Lab::start(root, folder.to_owned(), Ends::OnCommand)?;
    let exports: Vec<String> = lab.variables.iter().map(|(name, value)| format!("export {name}='{value}'\n")).collect();
    fs::write(folder.join("env"), exports.concat()).map_err(|error| format!("cannot note the variables: {error}"))?;
    env(folder)
}

fn env(folder: &Path) -> Result<(), String> {
    if server::running(folder).is_empty() {
        return Err("no lab runs; `cargo xtask lab start` starts one".to_owned());
    }
    let exports =
        fs::read_to_string(folder.join("env")).map_err(|error| format!("cannot read its variables: {error}"))?;
    print!("{exports}");
    Ok(())
}

fn stop(folder: &Path) -> Result<usize, String> {
    let ended = server::stop(folder)?;
    postgres::remove(folder);
    match fs::remove_dir_all(folder) {
        Err(error) if folder.exists() => Err(format!("cannot remove `{}`: {error}", folder.display())),
        _ => Ok(ended),
    }
}

impl Lab {
    /// A lab of this run alone, in a folder of its own.
    pub fn start_own(root: &Path) -> Result<Self, String> {
        sweep()?;
        let folder = std::env::temp_dir().join(format!("{OWN}{}", std::process::id()));
        Self::start(root, folder, Ends::WithUs)
    }

    fn start(root: &Path, folder: PathBuf, ends: Ends) -> Result<Self, String> {
        let parts = Parts::get(root)?;
        stop(&folder)?;
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        let started = Instant::now();
        let mut lab = Self { folder, ends, variables: Vec::new(), missing: parts.missing.clone() };
        if let Err(fault) = lab.start_servers(&parts) {
            stop(&lab.folder)?;
            return Err(fault);
        }
        eprintln!("lab: ready in {:.1} s", started.elapsed().as_secs_f64());
        Ok(lab)
    }

    /// Everything is started first and waited for afterwards. Without a control plane there is no lab; all else may be missing.
    fn start_servers(&mut self, parts: &Parts) -> Result<(), String> {
        let [bao, bao_cluster, moto, postgres] = free_ports::<4>()?;
        let cluster = self.cluster(parts)?;
        let certificates = cluster.start()?;
        let (folder, ends) = (self.folder.clone(), self.ends);
        let started = [
            ("bao", parts.program("bao").and_then(|program| open_bao(&folder, program, [bao, bao_cluster], ends))),
            ("moto_server", parts.program("moto_server").and_then(|program| moto_server(&folder, program, moto, ends))),
            ("postgres", postgres::start(&folder, postgres, ends)),
        ];
        cluster.ready(&certificates)?;
        self.set("KEYWRIGHT_LAB", folder.join("admin.kubeconfig").to_string_lossy());
        self.set("KEYWRIGHT_LAB_BIN", parts.programs.to_string_lossy());
        self.set("KEYWRIGHT_LAB_AUDIT", folder.join("audit.log").to_string_lossy());
        self.set("AWS_EC2_METADATA_DISABLED", "true");
        for (name, server) in started {
            let ready = || match name {
                "bao" => answers(bao, "/v1/sys/health"),
                "moto_server" => answers(moto, "/moto-api/data.json"),
                _ => std::net::TcpStream::connect(("127.0.0.1", postgres)).is_ok(),
            };
            match server.and_then(|()| wait_until(&folder, name, READY, ready)) {
                Ok(()) => self.name_server(name, [bao, moto, postgres]),
                Err(reason) => self.missing.push((name.to_owned(), reason)),
            }
        }
        for (name, reason) in &self.missing {
            eprintln!("lab: without {name}: {reason}");
        }
        Ok(())
    }

    fn cluster(&self, parts: &Parts) -> Result<Cluster<'_>, String> {
        let needed = |name: &str| parts.program(name).map_err(|reason| format!("no control plane: {name}: {reason}"));
        let [etcd, etcd_peer, api, controller_manager, scheduler, kwok] = free_ports()?;
        Ok(Cluster {
            folder: &self.folder,
            controlplane: needed("controlplane")?,
            kubectl: needed("kubectl")?,
            ports: Ports { etcd, etcd_peer, api, controller_manager, scheduler, kwok },
            ends: self.ends,
        })
    }

    fn name_server(&mut self, name: &str, [bao, moto, postgres]: [u16; 3]) {
        match name {
            "bao" => {
                self.set("KEYWRIGHT_LAB_VAULT", format!("http://127.0.0.1:{bao}"));
                self.set("KEYWRIGHT_LAB_VAULT_TOKEN", "root");
            }
            "moto_server" => self.set("KEYWRIGHT_LAB_AWS", format!("http://127.0.0.1:{moto}")),
            _ => self.set("KEYWRIGHT_LAB_POSTGRES", format!("127.0.0.1:{postgres}")),
        }
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.push((name.to_owned(), value.into()));
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.ends == Ends::WithUs
            && let Err(fault) = stop(&self.folder)
        {
            eprintln!("lab: {fault}");
        }
    }
}

/// OpenBao in its developer's mode: unsealed, in memory, root token `root`.
fn open_bao(folder: &Path, program: PathBuf, [port, cluster]: [u16; 2], ends: Ends) -> Result<(), String> {
    let config = serde_json::json!({ "cluster_addr": format!("https://127.0.0.1:{cluster}") }).to_string();
    fs::write(folder.join("bao.json"), config).map_err(|error| format!("cannot write bao.json: {error}"))?;
    let args = ["server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root", "-config=bao.json"];
    let listen = format!("-dev-listen-address=127.0.0.1:{port}");
    let args = args.iter().map(|arg| (*arg).to_owned()).chain([listen]).collect();
    Server { name: "bao", program, args, signal: "TERM", user: None }.start(folder, ends)
}

/// Secrets Manager, Parameter Store, KMS, S3 and STS in memory; it checks no signatures.
fn moto_server(folder: &Path, program: PathBuf, port: u16, ends: Ends) -> Result<(), String> {
    let args = ["-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned).into();
    Server { name: "moto_server", program, args, signal: "TERM", user: None }.start(folder, ends)
}
