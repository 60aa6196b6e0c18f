//! Vault Secrets' operator as a process beside a real cluster: it starts and serves its probes. Specification: VSO §13.

use std::process::{Command, Stdio};

use testkit::process::{Running, free_address};

#[test]
fn it_starts_and_serves_its_probes() {
    let Some(kubeconfig) = std::env::var_os("KEYWRIGHT_LAB") else { return };
    let address = free_address();
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.args(["vault-secrets-operator", "--metrics-bind-address=0"]);
    command.arg(format!("--health-probe-bind-address={address}"));
    // No lease can be had in a namespace that is not there: the process serves, and touches nobody else's objects.
    command.env("KUBECONFIG", kubeconfig).env("OPERATOR_NAMESPACE", "vso-without-lease").stderr(Stdio::null());
    let mut running = Running::start(&mut command);
    for path in ["/healthz", "/readyz"] {
        running.until_ok(&address, path);
    }
}
