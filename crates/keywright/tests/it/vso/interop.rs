//! Vault Secrets' operator as a process beside a real cluster: it starts and serves its probes. Specification: VSO §13.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The status line of a probe, once it answers at all.
fn probe(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.lines().next().map(str::to_owned)
}

#[test]
fn it_starts_and_serves_its_probes() {
    let Some(kubeconfig) = std::env::var_os("KEYWRIGHT_LAB") else { return };
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let address = free.to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.args(["vault-secrets-operator", "--metrics-bind-address=0"]);
    command.arg(format!("--health-probe-bind-address={address}"));
    // No lease can be had in a namespace that is not there: the process serves, and touches nobody else's objects.
    command.env("KUBECONFIG", kubeconfig).env("OPERATOR_NAMESPACE", "vso-without-lease").stderr(Stdio::null());
    let mut running = Running(command.spawn().expect("the program starts"));
    let until = Instant::now() + Duration::from_secs(60);
    for path in ["/healthz", "/readyz"] {
        loop {
            match probe(&address, path) {
                Some(line) if line.ends_with("200 OK") => break,
                line => assert!(Instant::now() < until, "{path}: {line:?}"),
            }
            assert!(running.0.try_wait().expect("it can be asked").is_none(), "it ended");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
