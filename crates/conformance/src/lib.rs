//! Tests on real parts: the built binary against a real kube-apiserver and the peers' own programs. `cargo xtask test` runs them beside a
//! lab; without one they fail and say so, because a test that is skipped in silence is none.
//! Not here: scenarios of single controllers (`crates/operator/tests/it`), which run on either cluster.
//! Specification: design §15.
#![cfg(test)]

mod certificate_controller;
mod chart;
mod custom_resources;

use testkit::peers::{self, Outcome, Peer};

/// Names the `keywright` under test.
const PROGRAM: &str = "KEYWRIGHT_PROGRAM";
/// Names the kubeconfig of the lab's admin.
const LAB: &str = "KEYWRIGHT_LAB";

/// The binary under test.
fn keywright() -> Peer {
    let path = variable(PROGRAM);
    let (folder, name) = path.rsplit_once('/').expect("the program is named by its path");
    peers::find_in(folder.as_ref(), name).expect("the program is built before the tests run")
}

/// A program of the lab.
fn peer(name: &str) -> Peer {
    peers::find(name).unwrap_or_else(|| panic!("there is no lab; `cargo xtask test` runs these tests beside one"))
}

fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set; `cargo xtask test` runs these tests beside a lab"))
}

/// What kubectl prints, as the lab's admin.
fn kubectl(args: &[&str], input: &str) -> String {
    ask_kubectl(args, input).text()
}

fn ask_kubectl(args: &[&str], input: &str) -> Outcome {
    peer("kubectl").run(args).variable("KUBECONFIG", &variable(LAB)).input(input).outcome()
}
