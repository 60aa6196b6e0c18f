//! What this process lets providers use: the operator lends its cluster, its environment and its files, and no programs; a
//! command line lends what its user may do anyway.

use std::sync::Arc;

use base::{Fault, SecretBytes};
use providers::keys::{KeyRing, Nobody};
use providers::reach::{OwnCluster, Programs, Reach};
use wire::{Environment, Surroundings};

use crate::terminal::Tty;

/// The reach of an operator: values that a resource names may not start programs.
#[must_use]
pub fn of_operator(environment: Environment, cluster: OwnCluster) -> Reach {
    let http = http_client(&environment);
    let surroundings = surroundings(environment);
    Reach {
        http,
        vault: Arc::default(),
        keys: Arc::new(KeyRing::new(surroundings.clone(), Arc::new(Nobody))),
        surroundings,
        cluster: Some(cluster),
        programs: Programs::Closed,
        calls: Arc::default(),
        retrying: None,
    }
}

/// The reach of a command line: what its user may do anyway.
#[must_use]
pub fn of_command_line(environment: Environment) -> Reach {
    let http = http_client(&environment);
    let surroundings = surroundings(environment);
    Reach {
        http,
        vault: Arc::default(),
        keys: Arc::new(KeyRing::new(surroundings.clone(), Arc::new(Tty))),
        surroundings,
        cluster: None,
        programs: Programs::Open,
        calls: Arc::default(),
        retrying: None,
    }
}

/// What keys and sessions of this process may see: its variables, and any file that they name.
#[must_use]
pub fn surroundings(environment: Environment) -> Surroundings {
    Surroundings { environment, read_file: Arc::new(read_file) }
}

fn http_client(environment: &Environment) -> wire::Client {
    let mut settings = wire::client::Settings::default();
    match wire::proxy::Proxy::of(environment) {
        Ok(proxy) => settings.proxy = proxy,
        Err(fault) => tracing::warn!(error = fault.chain(), "the proxy settings are ignored"),
    }
    wire::Client::new(settings)
}

fn read_file(path: &str) -> Result<SecretBytes, Fault> {
    crate::files::read(std::path::Path::new(path)).map(SecretBytes::new)
}
